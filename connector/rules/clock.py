"""Whom the clock alone may concern between two moments: one index range for each (column, span) that rules look at."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from connector.clock import Span, stamp
from connector.facts import TABLES
from connector.rules.entries import RuleSet
from connector.rules.leaf import Reach
from connector.rules.operators import of
from connector.rules.sql import Query
from connector.rules.tree import Tree, leaves

_TICK = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Edge:
    """A test changes when `column` crosses now - span (`back`) or now + span."""

    scope: str
    column: str
    span: Span
    back: bool

    def at(self, now: datetime, zone: tzinfo) -> str:
        """Where the edge stands at a moment."""
        return stamp(self.span.since(now, zone) if self.back else self.span.until(now, zone))


def edges(rule_set: RuleSet) -> tuple[Edge, ...]:
    """The distinct edges of everything in the set."""
    return edges_of(tree for entry in rule_set.entries for tree in entry.trees)


def edges_of(trees: Iterable[Tree]) -> tuple[Edge, ...]:
    found = {
        Edge(test.fact.scope, test.fact.column, reach.span, reach.back)
        for tree in trees
        for test in leaves(tree)
        if test.fact.scope in TABLES
        for reach in of(test).reaches(test)
    }
    return tuple(
        sorted(found, key=lambda edge: (edge.scope, edge.column, edge.back, edge.span.nominal, str(edge.span)))
    )


def touched(found: Sequence[Edge], after: datetime, until: datetime, zone: tzinfo) -> list[Query]:
    """One query for each edge, giving ids of people who may answer otherwise at `until` than at `after`.

    Both ends are inside: a test may hold at its boundary or not, and one person too many costs nothing. A late run passes
    a wider range. When the clock went backwards there is nothing to ask; that is for the caller to notice."""
    if until < after:
        raise ValueError("the clock went backwards")
    made: list[Query] = []
    for edge in found:
        table = TABLES[edge.scope]
        who = "id" if edge.scope == "person" else "person"
        text = f"SELECT {who} FROM {table} WHERE {edge.column} BETWEEN :early AND :late"
        made.append(Query(text, {"early": edge.at(after, zone), "late": edge.at(until, zone)}))
    return made


def crossings(value: datetime, reach: Reach, now: datetime, zone: tzinfo) -> tuple[datetime, ...]:
    """The moments after `now` at which the edge reaches `value` and at which it has passed it, where there are such."""
    edge, mark = Edge("", "", reach.span, reach.back), stamp(value)
    # A nominal month has 30 days, and calendar steps stray by some days and an hour; both are well within this.
    slack = reach.span.nominal / 10 + timedelta(days=5)
    try:
        middle = value + reach.span.nominal if reach.back else value - reach.span.nominal
        low, high = max(now, middle - slack), middle + slack
    except OverflowError:
        return ()
    reached = _first(low, high, lambda moment: edge.at(moment, zone) >= mark)
    passed = _first(low, high, lambda moment: edge.at(moment, zone) > mark)
    return tuple(moment for moment in (reached, passed) if moment is not None)


def _first(low: datetime, high: datetime, holds: Callable[[datetime], bool]) -> datetime | None:
    """The first moment in (low, high] from which on it holds; None when it holds already or does not by then."""
    if high <= low or holds(low) or not holds(high):
        return None
    while high - low > _TICK:
        middle = low + (high - low) / 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


__all__ = ["Edge", "crossings", "edges", "edges_of", "touched"]
