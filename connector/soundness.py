"""What `check` finds beside the rules themselves: in the settings, in what platforms can know, and in the data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from connector.adapter import Declaration
from connector.errors import Problem
from connector.facts import Fact, fold
from connector.rules import AnyEntry, Context, RuleSet
from connector.rules.meaning import kept_words, noted
from connector.rules.missing import missing
from connector.rules.tree import Leaf, leaves
from connector.settings import Settings
from connector.store import Tx
from connector.written import listed, meant, shown

#: From this share on, what is not known decides who is found.
_LARGE = 0.2
_FEW = 5
#: Spellings that are compared when a word is looked for.
_MOST = 2000
_ONE_OF = ("equals", "any_of", "all_of", "none_of")
_ARE = {"person": ("no one", "people"), "application": ("no application", "applications")}
_ARE |= {"interview": ("no interview", "interviews"), "event": ("no event", "events")}


# the settings

_NAMED = {
    "accounts": "account in the settings",
    "application.account": "account in the settings",
    "message.template": "template under `messages` in the settings",
    "message.cadence": "cadence",
}


def of_settings(rules: RuleSet, settings: Settings) -> tuple[list[Problem], list[Problem]]:
    """(problems, warnings): names that the settings should know."""
    problems = [
        noted(cadence, piece.at, f"no template `{piece.template}` under `messages` in the settings{near}")
        for cadence in rules.cadences
        for piece in cadence.send.rotate
        if piece.template not in settings.messages
        for near in [meant(piece.template, settings.messages) or "; say there how it goes out"]
    ]
    names = {
        "accounts": tuple(settings.accounts),
        "application.account": tuple(settings.accounts),
        "message.template": tuple(settings.messages),
        "message.cadence": tuple(cadence.name for cadence in rules.cadences),
    }
    warnings = [
        noted(entry, test.at, f"no {_NAMED[_name(test.fact)]} is called `{word}`{meant(word, known)}")
        for entry, test in _tests(rules)
        if (known := names.get(_name(test.fact))) is not None and test.op in _ONE_OF
        for word in _words(test)
        if word not in {fold(each) for each in known}
    ]
    return problems, warnings


# what platforms can know


def of_platforms(rules: RuleSet, connected: Iterable[Declaration], every: Iterable[Declaration]) -> list[Problem]:
    """Tests on what no connected account can know: they stay unknown for ever."""
    supplied = {name for declaration in connected for name in declaration.facts}
    platforms = sorted(every, key=lambda declaration: declaration.platform)
    found = []
    for entry, test in _tests(rules):
        name = _name(test.fact)
        if (
            name in supplied
            or test.fact.ours
            or test.fact.scope == "role"
            or (test.fact.scope == "event" and "sources" in supplied)
        ):
            continue
        able = [it.platform.capitalize() for it in platforms if name in it.facts]
        could = f"{listed(able).replace('`', '')} could" if able else "no bundled platform can"
        message = f"no connected account knows `{name}`, so this stays unknown for everyone; {could}"
        found.append(noted(entry, test.at, message))
    return found


# the data


def of_data(tx: Tx, rules: RuleSet, *, now: datetime) -> list[Problem]:
    """Words that nobody has, facts that are often missing, rules that look renamed."""
    return [*_unheard(tx, rules), *_gaps(tx, rules, now=now), *_renamed(tx, rules)]


def _unheard(tx: Tx, rules: RuleSet) -> Iterator[Problem]:
    tallies: dict[Fact, Counter[str]] = {}
    for entry, test in _tests(rules):
        fact = test.fact
        if fact.type not in ("text", "words", "stage") or fact.scope in ("role", "message") or fact.values:
            continue
        if test.op not in (*_ONE_OF, "contains_any") and fact.type != "stage":
            continue
        if _name(fact) in ("accounts", "application.account"):
            continue
        if fact not in tallies:
            tallies[fact] = Counter(tx.mirror.tally(fact))
        yield from (noted(entry, test.at, message) for message in _unseen(test, tallies[fact], rules))


def _unseen(test: Leaf, seen: Counter[str], rules: RuleSet) -> Iterator[str]:
    fact, (nobody, _) = test.fact, _ARE[test.fact.scope]
    if not seen:
        if fact.name not in ("tags", "pools"):
            yield f"{nobody} has a known {fact.name} so far; see what the platform tells, or give words in the settings"
    elif fact.type == "stage":
        if test.value[0] and seen.keys().isdisjoint(test.value[0]):
            yield f"{nobody} came to {fact.name} `{test.shown}`; {_most(seen, fact, rules)}"
    elif test.op == "contains_any":
        for piece in test.value:
            if not any(piece in value for value in seen):
                yield f"{nobody} has a {fact.name} with `{piece}` in it; {_most(seen, fact, rules)}"
    else:
        kept = kept_words(rules)
        for word, members in _asked(test, rules):
            if (fact.name, word) in kept or not seen.keys().isdisjoint(members):
                continue
            near = _nearest(word, fact, seen, rules)
            if fact.name in ("tags", "pools"):
                yield f"no rule keeps the {fact.name[:-1]} `{_spelt(test, word, rules)}`, and no record has it yet{near}"
            else:
                yield f"{nobody} has {fact.name} `{_spelt(test, word, rules)}`{near or '; ' + _most(seen, fact, rules)}"


def _asked(test: Leaf, rules: RuleSet) -> list[tuple[str, tuple[str, ...]]]:
    """The words that the rule names, each with those that it stands for."""
    kind, vocabulary = test.fact.kind, rules.vocabulary
    written = [vocabulary.canonical(kind, piece) for piece in test.shown.split(", ")]
    named = [(word, vocabulary.members(kind, word)) for word in written]
    if {each for _, members in named for each in members} == set(_words(test)):
        return named
    return [(word, (word,)) for word in _words(test)]  # a comma inside a word


def _spelt(test: Leaf, word: str, rules: RuleSet) -> str:
    """The word as the rule has it."""
    written = test.shown.split(", ")
    return next((it for it in written if rules.vocabulary.canonical(test.fact.kind, it) == word), word)


def _nearest(word: str, fact: Fact, seen: Counter[str], rules: RuleSet) -> str:
    common = [value for value, _ in seen.most_common(_MOST)]
    near = meant(word, common).removeprefix("; did you mean `").removesuffix("`?")
    if not near:
        return ""
    return f"; {seen[near]:,} have `{_plain(near, fact, rules)}`"


def _most(seen: Counter[str], fact: Fact, rules: RuleSet) -> str:
    common = (f"`{_plain(value, fact, rules)}` ({count:,})" for value, count in seen.most_common(3))
    return "most have " + ", ".join(common)


def _plain(value: str, fact: Fact, rules: RuleSet) -> str:
    """As the settings spell it, if they do."""
    known = rules.vocabulary.known(fact.kind) if fact.kind else ()
    return shown(next((each for each in known if fold(each) == value), value))


def _gaps(tx: Tx, rules: RuleSet, *, now: datetime) -> Iterator[Problem]:
    context = Context(now=now, zone=rules.vocabulary.zone)
    counted: dict[str, Sequence[int]] = {}
    for entry in rules.entries:
        if entry.mode == "off":
            continue
        for asked in missing(entry, context):
            key = f"{asked.query.text} {asked.query.params}"
            if key not in counted:
                (row,) = tx.rows(asked.query.text, asked.query.params)
                counted[key] = tuple(row.values())
            for number, test in enumerate(asked.tests):
                fit, unknown = counted[key][2 * number : 2 * number + 2]
                if unknown >= _FEW and unknown >= fit * _LARGE and unknown < fit:
                    yield noted(entry, test.at, _missing(test, asked.scope, fit, unknown, alone=len(asked.tests) == 1))


def _missing(test: Leaf, scope: str, fit: int, unknown: int, *, alone: bool) -> str:
    whom = _ARE.get(scope, ("", f"{scope}s"))[1] + ("" if alone else " that the lines beside it fit")
    share = f"{unknown / fit:.0%}".replace("%", " %")
    return f"`{test.fact.name}` is missing for {share} ({unknown:,} of {fit:,}) of the {whom}; decide `if_unknown`"


def _renamed(tx: Tx, rules: RuleSet) -> Iterator[Problem]:
    """A rule that is not there any more kept what a new one keeps: perhaps it has only another name now."""
    known = {entry.name for entry in rules.entries} | {entry.was for entry in rules.entries if entry.was}
    active = tx.ledger.activations()
    gone: dict[str, dict[tuple[str, str], int]] = {}
    for name, kind, key, count in tx.ledger.kept_by_rule():
        if name not in known:
            gone.setdefault(name, {})[kind, fold(key)] = count
    for rule in rules.rules:
        if rule.name in active or rule.was or rule.keep is None:
            continue
        keeps = {("tag", fold(word)) for word in rule.keep.tags} | {("pool", fold(word)) for word in rule.keep.pools}
        for old, had in sorted(gone.items()):
            if same := sorted(keeps & had.keys()):
                kind, key = same[0]
                message = (
                    f"rule `{rule.name}` is new and keeps the {kind} `{key}`, which `{old}`, a rule that is gone, keeps for"
                    f" {had[kind, key]:,}; if it is the same rule, write `was: {old}`"
                )
                yield noted(rule, rule.at, message)


# walking


def _tests(rules: RuleSet) -> Iterator[tuple[AnyEntry, Leaf]]:
    for entry in rules.entries:
        for tree in entry.trees:
            for test in leaves(tree):
                yield entry, test


def _name(fact: Fact) -> str:
    return fact.name if fact.scope == "person" else f"{fact.scope}.{fact.name}"


def _words(test: Leaf) -> tuple[str, ...]:
    return test.value if isinstance(test.value, tuple) else (test.value,)


__all__ = ["of_data", "of_platforms", "of_settings"]
