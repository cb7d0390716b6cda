"""What every test operator must be able to do. The families beside this file implement it; `operators` holds the table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Any, TypeAlias

from connector.clock import Span, stamp
from connector.document import Node
from connector.errors import Problem
from connector.facts import Fact
from connector.rules.tree import Answer, Leaf, Place
from connector.rules.vocabulary import Vocabulary

Facts: TypeAlias = Mapping[str, Any]


class Context:
    """What a judgement may know beside the person: one clock, the role of the event, the answers of other rules.

    `answers` maps the names of rules judged before to their answers; a name that is absent is a no. A context is for one
    `now`: keep it for all people of a run, because it remembers the limits that `now` implies."""

    __slots__ = ("answers", "limits", "now", "role", "stamp", "zone")

    def __init__(
        self,
        *,
        now: datetime,
        zone: tzinfo,
        role: Facts | None = None,
        answers: Mapping[str, Answer] | None = None,
    ) -> None:
        self.now = now
        self.zone = zone
        self.role = role
        self.answers: Mapping[str, Answer] = {} if answers is None else answers
        self.stamp = stamp(now)
        #: What `now` implies: "since 18 months" → the limit. Keyed by text, whose hash Python remembers.
        self.limits: dict[str, str] = {}

    def since(self, span: Span) -> str:
        key = f"since {span}"
        limit = self.limits.get(key)
        if limit is None:
            limit = self.limits[key] = stamp(span.since(self.now, self.zone))
        return limit

    def until(self, span: Span) -> str:
        key = f"until {span}"
        limit = self.limits.get(key)
        if limit is None:
            limit = self.limits[key] = stamp(span.until(self.now, self.zone))
        return limit

    def knowing(self, answers: Mapping[str, Answer]) -> Context:
        """The same moment for another person: same limits, other answers."""
        other = Context.__new__(Context)
        other.now, other.zone, other.role, other.answers, other.stamp = (
            self.now,
            self.zone,
            self.role,
            answers,
            self.stamp,
        )
        other.limits = self.limits
        return other


Check: TypeAlias = Callable[[Facts, Context], Answer]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Where a test's value is read: what it is about, and where complaints and doubts go."""

    fact: Fact
    vocabulary: Vocabulary
    warnings: list[Problem]
    #: Facts of the role may be used (`same_as: role.x`).
    role: bool


@dataclass(slots=True)
class Sql:
    """One statement being written: its parameters and the item passes that stand in front."""

    context: Context
    params: dict[str, Any] = field(default_factory=dict)
    passes: list[str] = field(default_factory=list)

    def bind(self, value: Any) -> str:
        name = f"p{len(self.params)}"
        self.params[name] = value
        return f":{name}"

    def bind_all(self, values: Iterable[Any]) -> str:
        return "(" + ", ".join(self.bind(value) for value in values) + ")"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """A three-valued test as two-valued SQL: is it yes; is it yes or unknown; and the opposite of each."""

    yes: str
    maybe: str
    not_yes: str
    not_maybe: str
    #: Is it yes, asked only where `maybe` holds; is it no, asked only where `not_yes` holds: often much less work.
    settled_yes: str
    settled_no: str
    #: Cheap ones are asked first.
    cost: int = 0


def nullable(expression: str, cost: int = 0) -> Sides:
    """For an expression that is NULL when unknown."""
    return Sides(
        yes=f"({expression})",
        maybe=f"({expression}) IS NOT FALSE",
        not_yes=f"({expression}) IS NOT TRUE",
        not_maybe=f"({expression}) IS FALSE",
        settled_yes=f"({expression}) IS NOT NULL",
        settled_no=f"({expression}) IS NOT NULL",
        cost=cost,
    )


def certain(yes: str, maybe: str, *, cost: int = 1, settled: str | None = None, settled_no: str | None = None) -> Sides:
    """For two expressions that are never NULL themselves. `settled`: known to be either, for both directions."""
    return Sides(
        yes=f"({yes})",
        maybe=f"({maybe})",
        not_yes=f"NOT ({yes})",
        not_maybe=f"NOT ({maybe})",
        settled_yes=f"({settled or yes})",
        settled_no=settled_no or (f"({settled})" if settled else f"NOT ({maybe})"),
        cost=cost,
    )


def opposite(side: Sides) -> Sides:
    """Not."""
    return Sides(
        yes=side.not_maybe,
        maybe=side.not_yes,
        not_yes=side.maybe,
        not_maybe=side.yes,
        settled_yes=side.settled_no,
        settled_no=side.settled_yes,
        cost=side.cost,
    )


@dataclass(frozen=True, slots=True)
class Reach:
    """How far from now a time test looks: it can flip when the fact crosses now - span (`back`) or now + span."""

    span: Span
    back: bool


NO_TIME = Span(0, "minute")


def timeless(test: Leaf) -> tuple[Reach, ...]:
    """For operators that do not look at the clock."""
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """One word that tests one type of fact. Nothing here has a default: an operator is complete or it is not there."""

    type: str
    name: str
    #: YAML → a hashable value, or None after a problem was noted.
    read: Callable[[Node, Reading], Any]
    check: Callable[[Leaf], Check]
    #: (test, column, statement) → the two sides.
    sql: Callable[[Leaf, str, Sql], Sides]
    #: "at least 3.5": what follows the fact's name.
    says: Callable[[Leaf], str]
    #: "gains nursing": what would make a no a yes.
    wish: Callable[[Leaf], str]
    reaches: Callable[[Leaf], tuple[Reach, ...]]


def place(node: Node) -> Place:
    return Place(node.file, node.key_line, node.key_column)


def written(node: Node) -> str:
    """The value as text, for people."""
    if isinstance(node.value, list):
        return ", ".join(written(item) for item in node.value)
    return node.value.strip() if isinstance(node.value, str) else "…"


__all__ = [
    "NO_TIME",
    "Check",
    "Context",
    "Facts",
    "Operator",
    "Reach",
    "Reading",
    "Sides",
    "Sql",
    "certain",
    "nullable",
    "opposite",
    "place",
    "timeless",
    "written",
]
