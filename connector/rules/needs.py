"""What a rule set needs to know, so that nothing is fetched that no rule can ask about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from connector.facts import fold
from connector.rules.entries import Entry, Rule, RuleSet
from connector.rules.tree import All, Default, Items, Leaf, Tree, leaves, walk

#: Facts that cost a platform one call or more for each application.
_COSTLY = frozenset({"scorecard_average", "scorecards"})
#: Leaf words that bound a stage from below.
_BOUNDS = frozenset({"equals", "any_of", "at_least", "more_than"})


@dataclass(frozen=True, slots=True)
class Evidence:
    """Are scorecards and interviews needed at all; and from which stage on (None: for every application)."""

    needed: bool
    stage: str | None = None


def reads(entry: Entry) -> frozenset[str]:
    """Names of the facts it asks about; `application.status` and so on for those that are not the person's own."""
    return entry.reads


def evidence_floor(rule_set: RuleSet) -> Evidence:
    """The lowest stage that the evidence-reading conditions of the set agree to start from."""
    ladder = [fold(stage) for stage in rule_set.vocabulary.stages]
    floors = [
        floor
        for entry in rule_set.entries
        if entry.mode != "off"
        for floor in (*_of_trees(entry.trees, ladder), *_of_event(entry, ladder))
    ]
    if not floors:
        return Evidence(needed=False)
    lowest = min(floors)
    return Evidence(needed=True, stage=ladder[lowest] if lowest > 0 else None)


def _of_trees(trees: Sequence[Tree], ladder: list[str]) -> list[int]:
    return [
        _bound(node.where, "furthest_stage" if node.scope == "application" else "stage", ladder)
        for tree in trees
        for node in walk(tree)
        if isinstance(node, Items)
        if node.scope == "interview" or any(test.fact.name in _COSTLY for test in leaves(node.where))
    ]


def _of_event(entry: Entry, ladder: list[str]) -> list[int]:
    """Events of interviews have to be seen, and applications that came with an event may be asked for scorecards."""
    when = entry.when if isinstance(entry, Rule) else None
    found: list[int] = []
    if when is not None and when.event == "interview_completed":
        found.append(_bound(when.interview, "stage", ladder))
    if when is not None and any(test.fact.name in _COSTLY for test in leaves(when.application)):
        found.append(_bound(when.application, "furthest_stage", ladder))
    return found


def _bound(tree: Tree | None, fact: str, ladder: list[str]) -> int:
    """The first step at which the tree can be more than a no; 0 when it does not say."""
    match tree:
        case All(parts=parts):
            return max((_bound(part, fact, ladder) for part in parts), default=0)
        case Default(part=part, yes=False):
            return _bound(part, fact, ladder)
        case Leaf() if tree.fact.name == fact and tree.op in _BOUNDS:
            return min((ladder.index(stage) for stage in tree.value[0]), default=len(ladder) - 1)
        case _:
            return 0


__all__ = ["Evidence", "evidence_floor", "reads"]
