"""The tree as closures over one person. Yes, no, or unknown (None), by SQL's rules for `and`, `or` and `not`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from connector.facts import LATEST, LISTS
from connector.rules.entries import Entry, RuleSet, When
from connector.rules.leaf import Check, Context, Facts
from connector.rules.operators import of
from connector.rules.tree import All, Answer, AnyOf, Default, Items, Leaf, Not, Tree, walk

_NONE: tuple[Facts, ...] = ()


def compile_rule(entry: Entry) -> Check:
    """(facts of one person, context) → the answer of `who` and not `unless`."""
    return compile_tree(entry.condition)


def compile_tree(tree: Tree) -> Check:
    match tree:
        case Leaf():
            return of(tree).check(tree)
        case All():
            return _all(_each_of(tree))
        case AnyOf(parts=parts):
            return _any([compile_tree(part) for part in sorted(parts, key=_cost)])
        case Not(part=part):
            return _not(compile_tree(part))
        case Default(part=part, yes=yes):
            return _default(compile_tree(part), yes)
        case Items(latest=True):
            return _latest(tree)
        case Items():
            return _has(tree) if tree.least == 1 else _count(tree)


def compile_when(when: When) -> Callable[[Context, Facts | None, Facts | None], Answer]:
    """(context with its role, application, interview) → do the tests on what happened hold. Absent things are unknown."""
    role, application, interview = (
        None if tree is None else compile_tree(tree) for tree in (when.role, when.application, when.interview)
    )

    def check(context: Context, about: Facts | None = None, met: Facts | None = None) -> Answer:
        answers = [
            given and test(given, context) if given is not None else None
            for test, given in ((role, context.role), (application, about), (interview, met))
            if test is not None
        ]
        return False if False in answers else None if None in answers else True

    return check


def judge_all(rule_set: RuleSet) -> Callable[[Facts, Context], dict[str, Answer]]:
    """All standing keep rules for one person, in order, each seeing the answers before it. `context.answers` given from
    outside stand in for rules that are not judged here (those switched off)."""
    steps = [(rule.name, compile_rule(rule)) for rule in rule_set.standing]
    linked = any(rule.depends for rule in rule_set.standing)

    def judge(facts: Facts, context: Context) -> dict[str, Answer]:
        if not linked:
            return {name: check(facts, context) for name, check in steps}
        answers: dict[str, Answer] = dict(context.answers)
        seeing = context.knowing(answers)
        for name, check in steps:
            answers[name] = check(facts, seeing)
        return answers

    return judge


def _each_of(tree: Tree) -> list[Check]:
    """What must all hold; an `all` inside an `all` is part of it."""
    return [compile_tree(part) for part in sorted(_flat(tree), key=_cost)]


def _flat(tree: Tree) -> Iterator[Tree]:
    if isinstance(tree, All):
        for part in tree.parts:
            yield from _flat(part)
    else:
        yield tree


def _cost(tree: Tree) -> int:
    """Cheap questions first; the order does not change the answer."""
    return sum(10 if isinstance(node, Items) else 1 for node in walk(tree))


def _all(checks: Sequence[Check]) -> Check:
    if len(checks) == 1:
        return checks[0]
    if len(checks) == 2:
        return _both(*checks)

    def check(facts: Facts, context: Context) -> Answer:
        unknown = False
        for part in checks:
            answer = part(facts, context)
            if answer is None:
                unknown = True
            elif not answer:
                return False
        return None if unknown else True

    return check


def _both(first: Check, second: Check) -> Check:
    """The commonest `all`, without its loop."""

    def check(facts: Facts, context: Context) -> Answer:
        one = first(facts, context)
        if one is False:
            return False
        two = second(facts, context)
        return two if one or two is False else None

    return check


def _any(checks: Sequence[Check]) -> Check:
    if len(checks) == 1:
        return checks[0]

    def check(facts: Facts, context: Context) -> Answer:
        unknown = False
        for part in checks:
            answer = part(facts, context)
            if answer is None:
                unknown = True
            elif answer:
                return True
        return None if unknown else False

    return check


def _not(part: Check) -> Check:
    def check(facts: Facts, context: Context) -> Answer:
        answer = part(facts, context)
        return None if answer is None else not answer

    return check


def _default(part: Check, yes: bool) -> Check:
    def check(facts: Facts, context: Context) -> Answer:
        answer = part(facts, context)
        return yes if answer is None else answer

    return check


def _has(items: Items) -> Check:
    lines, key = _each_of(items.where), LISTS[items.scope]

    def check(facts: Facts, context: Context) -> Answer:
        unknown = False
        for item in facts.get(key, _NONE):
            fits: Answer = True
            for line in lines:
                answer = line(item, context)
                if answer is False:
                    break
                if answer is None:
                    fits = None
            else:
                if fits:
                    return True
                unknown = True
        return None if unknown else False

    return check


def _count(items: Items) -> Check:
    where, key, least = compile_tree(items.where), LISTS[items.scope], items.least

    def check(facts: Facts, context: Context) -> Answer:
        found: Any = facts.get(key, _NONE)
        if len(found) < least:
            return False
        answers = [where(item, context) for item in found]
        sure = answers.count(True)
        if sure >= least:
            return True
        return None if sure + answers.count(None) >= least else False

    return check


def latest_of(items: Sequence[Facts], scope: str) -> Facts:
    """The last one by its time; without a time it counts as the oldest; ties go to the greatest id."""
    if len(items) == 1:
        return items[0]
    by = LATEST[scope]
    return max(items, key=lambda item: (item.get(by) or "", item.get("id") or ""))


def _latest(items: Items) -> Check:
    where, scope, key = compile_tree(items.where), items.scope, LISTS[items.scope]

    def check(facts: Facts, context: Context) -> Answer:
        found: Any = facts.get(key, _NONE)
        return where(latest_of(found, scope), context) if found else False

    return check


__all__ = ["compile_rule", "compile_tree", "compile_when", "judge_all", "latest_of"]
