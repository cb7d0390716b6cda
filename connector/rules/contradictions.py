"""Blocks that nobody can ever match: tests that leave a fact no value at all.

Only certain contradictions are told. An operator that is not in the tables below may leave anything, so a new one makes
no false alarm."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from itertools import combinations
from typing import Any, TypeAlias

from connector.clock import Span, unstamp
from connector.errors import Problem
from connector.rules.entries import AnyEntry
from connector.rules.towns import Around
from connector.rules.tree import All, AnyOf, Default, Items, Leaf, Not, Place, Tree, children

_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A test that has to come out so, or, where `unknown`, may find nothing known."""

    test: Leaf
    yes: bool
    unknown: bool = False


@dataclass(frozen=True, slots=True)
class _Counted:
    items: Items
    yes: bool


@dataclass(frozen=True, slots=True)
class _Choice:
    """One of these at least: each a tree and the answer it has to give."""

    ways: tuple[tuple[Tree, bool], ...]


_Demand: TypeAlias = _Asked | _Counted | _Choice


def contradictions(entry: AnyEntry, *, now: datetime, zone: tzinfo) -> Iterator[Problem]:
    """Every block of the entry that can never be true, at its line."""
    for tree in entry.trees:
        for at, message in _never(tree, _Clock(now, zone)):
            yield Problem(at.file, at.line, at.column, message, level="meaning", rule=entry.name)


@dataclass(frozen=True, slots=True)
class _Clock:
    now: datetime
    zone: tzinfo

    def moments(self, tests: Sequence[Leaf]) -> list[datetime]:
        """Now, and when tests on fixed times may come true later: each of those, and each so long after."""
        fixed = [unstamp(test.value) for test in tests if isinstance(test.value, str)]
        spans = [test.value for test in tests if isinstance(test.value, Span)]
        later = [moment + _SECOND for moment in fixed]
        later += [span.after(moment, self.zone) + _SECOND for moment in fixed for span in spans]
        later += [moment for it in fixed for span in spans if (moment := span.since(it, self.zone)) > self.now]
        return [self.now, *(moment for moment in later if moment > self.now)]


def _never(tree: Tree, clock: _Clock) -> list[tuple[Place, str]]:
    """The reasons why this can never be true; those of inner blocks first, and then nothing of the outer one."""
    inner = [why for block in _blocks(tree) for why in _never(block, clock)]
    return inner or _clashes(list(_demands(tree, True)), clock)


def _blocks(tree: Tree) -> Iterator[Tree]:
    """What stands inside and must itself be possible: a block of `any:`, the lines about one application."""
    match tree:
        case AnyOf(parts=parts):
            yield from parts
        case Items(where=where):
            yield where
        case Leaf():
            return
        case _:
            for child in children(tree):
                yield from _blocks(child)


def _demands(tree: Tree, yes: bool, unknown: bool = False) -> Iterator[_Demand]:
    """What has to hold, line by line, for the tree to give this answer."""
    match tree:
        case Leaf():
            yield _Asked(tree, yes, unknown)
        case Items():
            if not unknown:
                yield _Counted(tree, yes)
        case Not(part=part):
            yield from _demands(part, not yes, unknown)
        case Default(part=part, yes=default):
            yield from _demands(part, yes, default is yes)
        case All(parts=parts) | AnyOf(parts=parts) if isinstance(tree, All) == yes:
            for part in parts:
                yield from _demands(part, yes, unknown)
        case All(parts=parts) | AnyOf(parts=parts):
            if not unknown:
                yield _Choice(tuple((part, yes) for part in parts))


def _clashes(demands: list[_Demand], clock: _Clock) -> list[tuple[Place, str]]:
    """Why these cannot all hold; empty where they can."""
    asked: dict[tuple[str, str], list[_Asked]] = {}
    for demand in demands:
        if isinstance(demand, _Asked):
            asked.setdefault((demand.test.fact.scope, demand.test.fact.name), []).append(demand)
    alone = ("time", "whole")  # types of which one test alone can be impossible
    several = (tests for tests in asked.values() if len(tests) > 1 or tests[0].test.fact.type in alone)
    found = [why for tests in several if (why := _fact(tests, clock))]
    counted = [demand for demand in demands if isinstance(demand, _Counted)]
    for one, other in combinations(counted, 2):
        if one.yes != other.yes and _overlap(one if one.yes else other, other if one.yes else one):
            what = f"the same {other.items.scope} is asked for on line {one.items.at.line} and ruled out here"
            found.append((other.items.at, f"{what}; nobody can ever match this"))
    choices = [demand for demand in demands if isinstance(demand, _Choice)]
    for choice in () if found else choices:
        rest = [demand for demand in demands if not isinstance(demand, _Choice)]
        clashes = [_clashes([*rest, *_demands(part, yes)], clock) for part, yes in choice.ways]
        if clashes and all(clashes):
            return clashes[0]
    return found


def _overlap(wanted: _Counted, refused: _Counted) -> bool:
    """At least n of these are wanted, and fewer than n or less of the same."""
    same = wanted.items.where == refused.items.where and wanted.items.scope == refused.items.scope
    return same and wanted.items.latest == refused.items.latest and wanted.items.least >= refused.items.least


def _fact(tests: Sequence[_Asked], clock: _Clock) -> tuple[Place, str] | None:
    """Do these tests on one fact leave it any value."""
    if all(it.unknown for it in tests):
        return None
    for some in (*((it,) for it in tests), *combinations(tests, 2), tuple(tests)):
        if _possible(some, clock) or any(it.unknown for it in some):
            continue
        fact = tests[0].test.fact
        if len(some) == 1:
            it = some[0].test
            why = "is an empty stretch of time" if fact.clock else "is no whole number"
            return it.at, f"`{fact.name}`: `{_says(some[0])}` {why}; nobody can ever match this"
        texts = " and ".join(f"`{_says(it)}`" for it in some)
        first, last = some[0].test.at, some[-1].test.at
        where = f" (line {first.line})" if first.line != last.line else ""
        return last, f"`{fact.name}` can never be {texts}{where}; nobody can ever match this"
    return None


def _says(it: _Asked) -> str:
    plain = it.test.op.replace("_", " ")
    said = it.test.shown if it.test.op == "equals" else f"{plain} {it.test.shown}"
    return said if it.yes else f"not {said}"


def _possible(tests: Sequence[_Asked], clock: _Clock) -> bool:
    type_ = tests[0].test.fact.type
    if type_ == "words":
        return _words(tests)
    if type_ == "time":
        moments = clock.moments([it.test for it in tests])
        return any(_common(_time(it, clock, moment) for it in tests) for moment in moments)
    if type_ in ("number", "whole"):
        barred = {it.test.value for it in tests if it.test.op == "equals" and not it.yes}
        return _common((_number(it) for it in tests), whole=type_ == "whole", but=barred)
    return type_ not in ("text", "stage", "yesno") or _choices(tests)


# sets of words


def _words(tests: Sequence[_Asked]) -> bool:
    needed: set[str] = set()
    banned: set[str] = set()
    some: list[set[str]] = []
    for it in tests:
        match it.test.op, it.yes:
            case ("all_of", True):
                needed |= set(it.test.value)
            case ("any_of", True) | ("none_of", False):
                some.append(set(it.test.value))
            case ("none_of", True) | ("any_of", False):
                banned |= set(it.test.value)
    return not needed & banned and all(words - banned for words in some)


# one of several values


def _choices(tests: Sequence[_Asked]) -> bool:
    """Values that are named somewhere, and one that is not, stand for all there are."""
    named = {value for it in tests for value in _named(it.test)}
    closed = tests[0].test.fact.values or tests[0].test.fact.type in ("stage", "yesno")
    candidates: set[object] = named if closed else named | {"\0"}
    if tests[0].test.fact.values:
        candidates |= set(tests[0].test.fact.values)
    return any(all(_allows(it, value) for it in tests) for value in candidates)


def _named(test: Leaf) -> Iterable[object]:
    if test.fact.type == "stage":
        return (*test.value[0], *test.value[1])
    if test.fact.type == "yesno":
        return (True, False)
    if isinstance(test.value, Around):
        return test.value.towns
    return test.value if isinstance(test.value, tuple) else (test.value,)


def _allows(it: _Asked, value: object) -> bool:
    test = it.test
    if test.fact.type == "stage":
        return (value in test.value[0]) == it.yes
    known = _TEXTS.get(test.op)
    return known is None or known(test.value, value) == it.yes


_TEXTS: Mapping[str, Callable[[Any, Any], bool]] = {
    "equals": lambda wanted, value: bool(wanted == value),
    "any_of": lambda wanted, value: value in wanted,
    "none_of": lambda wanted, value: value not in wanted,
    "within": lambda wanted, value: value in wanted.towns,
    # a value nobody named may contain anything
    "contains_any": lambda wanted, value: value == "\0" or any(piece in value for piece in wanted),
}


# stretches of a line


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stretch:
    low: float = -math.inf
    high: float = math.inf
    #: Without the end itself.
    above: bool = False
    below: bool = False


def _common(stretches: Iterable[_Stretch], *, whole: bool = False, but: Collection[float] = ()) -> bool:
    """Is there a number in all of them, but one of these."""
    made = list(stretches)
    low, above = max((it.low, it.above) for it in made)
    high, within = min((it.high, not it.below) for it in made)
    if whole and math.isfinite(low) and math.isfinite(high):
        low = math.floor(low) + 1 if above else math.ceil(low)
        high = math.floor(high) if within else math.ceil(high) - 1
        return low < high or (low == high and low not in but)
    return low < high or (low == high and within and not above and low not in but)


def _number(it: _Asked) -> _Stretch:
    limit = it.test.value
    match it.test.op, it.yes:
        case ("equals", True):
            return _Stretch(low=limit, high=limit)
        case ("at_least", True) | ("less_than", False):
            return _Stretch(low=limit)
        case ("more_than", True) | ("at_most", False):
            return _Stretch(low=limit, above=True)
        case ("at_most", True) | ("more_than", False):
            return _Stretch(high=limit)
        case ("less_than", True) | ("at_least", False):
            return _Stretch(high=limit, below=True)
    return _Stretch()


def _time(it: _Asked, clock: _Clock, now: datetime) -> _Stretch:
    """In seconds. A single instant counts as nothing: nobody looks in that very instant."""
    value, zone = it.test.value, clock.zone
    match it.test.op, it.yes:
        case ("within_last", True):
            return _Stretch(low=value.since(now, zone).timestamp(), high=now.timestamp(), below=True)
        case ("within_next", True):
            return _Stretch(low=now.timestamp(), high=value.until(now, zone).timestamp(), below=True)
        case ("more_than_ago", True):
            return _Stretch(high=value.since(now, zone).timestamp(), below=True)
        case ("more_than_ago", False):
            return _Stretch(low=value.since(now, zone).timestamp())
        case ("before", True) | ("after", False):
            return _Stretch(high=unstamp(value).timestamp(), below=True)
        case ("after", True) | ("before", False):
            return _Stretch(low=unstamp(value).timestamp())
    return _Stretch()


__all__ = ["contradictions"]
