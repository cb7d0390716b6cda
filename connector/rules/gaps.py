"""Which missing facts make an answer unknown: for the person, or for whichever application (interview, …) lacks the fewest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from connector.facts import LISTS
from connector.rules.judge import compile_tree, latest_of
from connector.rules.leaf import Context, Facts
from connector.rules.tree import All, AnyOf, Default, Items, Leaf, Not, Tree
from connector.rules.words import kept

#: Names of facts (`application.score`), or `rule NAME` where another rule's answer is what is not known.
Gaps: TypeAlias = frozenset[str]
FindGaps: TypeAlias = Callable[[Facts, Context], Gaps]
_NONE: Gaps = frozenset()


def compile_gaps(tree: Tree) -> FindGaps:
    """(facts of one person, context) → what is missing; empty exactly when the answer is yes or no."""
    check, inside = compile_tree(tree), _inside(tree)
    return lambda facts, context: inside(facts, context) if check(facts, context) is None else _NONE


def _inside(tree: Tree) -> FindGaps:
    """Asked only where the tree's own answer is unknown."""
    match tree:
        case Leaf():
            return _leaf(tree)
        case Not(part=part) | Default(part=part):
            return compile_gaps(part)
        case All(parts=parts):
            return _joined([compile_gaps(part) for part in parts])
        case AnyOf(parts=parts):
            return _least([compile_gaps(part) for part in parts])
        case Items():
            return _items(tree)


def _leaf(test: Leaf) -> FindGaps:
    scope = test.fact.scope
    named = frozenset({test.fact.name if scope == "person" else f"{scope}.{test.fact.name}"})
    if not test.keepers:
        return lambda facts, context: named

    def find(facts: Facts, context: Context) -> Gaps:
        unsure = {rule for _, rules in test.keepers if kept(rules, context.answers) is None for rule in rules}
        return frozenset(f"rule {rule}" for rule in unsure) or named

    return find


def _joined(parts: Sequence[FindGaps]) -> FindGaps:
    return lambda facts, context: frozenset().union(*(part(facts, context) for part in parts))


def _least(parts: Sequence[FindGaps]) -> FindGaps:
    return lambda facts, context: _fewest([part(facts, context) for part in parts])


def _items(items: Items) -> FindGaps:
    where, key = compile_gaps(items.where), LISTS[items.scope]

    def find(facts: Facts, context: Context) -> Gaps:
        rows = facts.get(key, ())
        asked = [latest_of(rows, items.scope)] if items.latest else rows
        return _fewest([where(row, context) for row in asked])

    return find


def _fewest(found: Sequence[Gaps]) -> Gaps:
    return min((gaps for gaps in found if gaps), key=lambda gaps: (len(gaps), sorted(gaps)), default=_NONE)


__all__ = ["FindGaps", "Gaps", "compile_gaps"]
