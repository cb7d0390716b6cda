"""What the rules mean together: blocks nobody can match, stand-ins, words nobody keeps, wishes that fight each other.

Nothing here looks at settings, platforms or data; `connector.soundness` does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime

from connector.errors import Problem
from connector.facts import fold
from connector.rules.contradictions import contradictions
from connector.rules.entries import AnyEntry, Cadence, Entry, Rule, RuleSet
from connector.rules.equality import proxies
from connector.rules.tree import All, AnyOf, Default, Items, Leaf, Not, Place, Tree, leaves
from connector.written import listed, meant


def examined(rules: RuleSet, *, now: datetime) -> RuleSet:
    """The same rules, with what is wrong or doubtful about what they say."""
    problems: list[Problem] = list(rules.problems)
    warnings: list[Problem] = list(rules.warnings)
    idle: list[Problem] = list(rules.idle)
    for entry in rules.entries:
        must, better = proxies(entry)
        problems += [*must, *contradictions(entry, now=now, zone=rules.vocabulary.zone)]
        warnings += better
    problems += _fighting(rules.rules)
    warnings += _without_consent(rules.entries)
    warnings += _kept_by_nobody(rules)
    idle += [*_kept_twice(rules.rules), *_kept_in_shadow(rules)]
    return replace(
        rules,
        problems=tuple(sorted(set(problems))),
        warnings=tuple(sorted(set(warnings))),
        idle=tuple(sorted(set(idle))),
    )


def noted(entry: Entry, at: Place, message: str) -> Problem:
    """A problem of meaning."""
    return Problem(at.file, at.line, at.column, message, level="meaning", rule=entry.name)


def _without_consent(entries: Iterable[AnyEntry]) -> Iterator[Problem]:
    for entry in entries:
        writes = isinstance(entry, Cadence) or (isinstance(entry, Rule) and entry.do is not None and entry.do.event)
        if writes and not _demands_consent(entry.who):
            what = "cadence" if isinstance(entry, Cadence) else "rule"
            message = f"{what} `{entry.name}` writes to people, but its `who` has no line `consent.email: yes`"
            yield noted(entry, entry.at, message)


def _demands_consent(tree: Tree) -> bool:
    match tree:
        case Leaf(fact=fact, value=value):
            return fact.name == "consent.email" and value is True
        case All(parts=parts):
            return any(_demands_consent(part) for part in parts)
        case AnyOf(parts=parts):
            return all(_demands_consent(part) for part in parts)
        case Default(part=part, yes=yes):
            return not yes and _demands_consent(part)
        case Not() | Items():
            return False


def _keeping(rules: Iterable[Rule]) -> Iterator[tuple[str, str, Rule]]:
    """(tag or pool, the word as written, who keeps it)."""
    for rule in rules:
        if rule.keep is not None and rule.mode != "off":
            yield from (("tag", word, rule) for word in rule.keep.tags)
            yield from (("pool", word, rule) for word in rule.keep.pools)


def _fighting(rules: Iterable[Rule]) -> Iterator[Problem]:
    """Wishes of which only one can be granted."""
    spelt: dict[tuple[str, str], tuple[str, Rule]] = {}
    for what, word, rule in _keeping(rules):
        first, other = spelt.setdefault((what, fold(word)), (word, rule))
        if first != word:
            message = f"this {what} is written `{word}` here and `{first}` in `{other.name}`; platforms show one spelling only"
            yield noted(rule, rule.at, message)
    for rule in rules:
        if rule.keep is not None and rule.keep.subscription is False and rule.keep.pools:
            message = (
                f"rule `{rule.name}` unsubscribes the people whom it puts into {listed(rule.keep.pools, 'and')}, where"
                " only people are kept who may be written to; make it two rules"
            )
            yield noted(rule, rule.at, message)


def _kept_twice(rules: Iterable[Rule]) -> Iterator[Problem]:
    """Two rules may keep one thing; whoever reads one of them should know."""
    keepers: dict[tuple[str, str], list[Rule]] = {}
    for what, word, rule in _keeping(rules):
        keepers.setdefault((what, fold(word)), []).append(rule)
    for (what, word), several in keepers.items():
        names = sorted({rule.name for rule in several})
        if len(names) > 1:
            message = f"{what} `{word}` is kept by {listed(names, 'and')}; it stays while any of them says yes"
            yield noted(several[0], several[0].at, message)


def _kept_by_nobody(rules: RuleSet) -> Iterator[Problem]:
    """A tag or pool that is asked for and nearly the one that a rule keeps."""
    kept = kept_words(rules)
    for entry, test in _asking(rules):
        words = [word for fact, word in kept if fact == test.fact.name]
        for word in test.value:
            if word not in words and (near := meant(word, words)):
                yield noted(entry, test.at, f"no rule keeps the {test.fact.name[:-1]} `{word}`{near}")


def kept_words(rules: RuleSet) -> frozenset[tuple[str, str]]:
    """(tags or pools, folded word) for all that some rule keeps, in shadow too."""
    return frozenset((f"{what}s", fold(word)) for what, word, _ in _keeping(rules.rules))


def _kept_in_shadow(rules: RuleSet) -> Iterator[Problem]:
    """A rule that acts does not see what a shadow rule would keep."""
    shadow = {
        (f"{what}s", fold(word)): rule.name for what, word, rule in _keeping(rules.rules) if rule.mode == "shadow"
    }
    for entry, test in _asking(rules):
        seen = {word for word, _ in test.keepers}
        for word in test.value:
            keeper = shadow.get((test.fact.name, word))
            if keeper and word not in seen and entry.mode == "live":
                message = f"the {test.fact.name[:-1]} `{word}` is kept by `{keeper}` in shadow, which `{entry.name}` does not see"
                yield noted(entry, test.at, message)


def _asking(rules: RuleSet) -> Iterator[tuple[AnyEntry, Leaf]]:
    for entry in rules.entries:
        for tree in entry.trees:
            for test in leaves(tree):
                if (
                    test.fact.scope == "person"
                    and test.fact.name in ("tags", "pools")
                    and isinstance(test.value, tuple)
                ):
                    yield entry, test


__all__ = ["examined", "kept_words", "noted"]
