"""What the files say, checked: rules, cadences, suppressions, and the set of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import time
from typing import Literal, TypeAlias

from connector.clock import Span
from connector.errors import Problem
from connector.rules.tree import All, Not, Place, Tree, leaves
from connector.rules.vocabulary import Vocabulary

Mode = Literal["off", "shadow", "live"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    #: (1, 90 days): at most one a person in any 90 days.
    per_person: tuple[int, Span] | None = None
    people_per_event: int | None = None
    new_people_per_day: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Approve:
    """Somebody has to agree when it concerns more than `above` people."""

    by: str
    above: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """May it happen again to the same person. `after` only with "after"."""

    how: Literal["never", "always", "after"] = "never"
    after: Span | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class When:
    """What has to happen, and what must hold for the thing it happened to. None: no test."""

    event: str
    role: Tree | None = None
    application: Tree | None = None
    interview: Tree | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Keep:
    """Desired state, spelt as written (`facts.fold` for comparing)."""

    tags: tuple[str, ...] = ()
    pools: tuple[str, ...] = ()
    subscription: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Notify:
    #: An address, or `role.recruiter`.
    to: str
    template: str | None = None
    before: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """An event for the mailing platform."""

    name: str
    properties: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Do:
    notify: Notify | None = None
    note_on_role: bool = False
    event: Event | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    template: str
    only_if: Tree | None = None
    at: Place = field(default=Place("", 0, 0), compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    every: Span
    #: After joining; zero: at the first slot.
    first: Span
    #: Monday is 0. Empty: any day.
    days: tuple[int, ...] = ()
    #: On the person's own clock.
    between: tuple[time, time] | None = None
    rotate: tuple[Piece, ...] = ()
    when_all_seen: Literal["stop", "start_again"] = "stop"


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    event: str
    within: Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What every entry has."""

    name: str
    kind: Literal["keep", "do", "cadence", "suppress"]
    at: Place
    who: Tree
    unless: Tree | None = None
    why: str = ""
    owner: str = ""
    #: Why something that may stand in for a protected characteristic is needed.
    justification: str = ""
    was: str | None = None
    mode: Mode = "live"
    #: Live for this share of the people, shadow for the others.
    canary: float | None = None
    limits: Limits = field(default_factory=Limits)
    approve: Approve | None = None
    hold_out: float | None = None
    max_changes: float | None = None
    hash: str = ""
    #: Rules whose tags or pools it reads.
    depends: frozenset[str] = frozenset()

    @property
    def condition(self) -> Tree:
        """`who` and not `unless`."""
        if self.unless is None:
            return self.who
        return All((self.who, Not(self.unless, self.unless.at)), self.who.at)

    @property
    def reads(self) -> frozenset[str]:
        """Facts it asks about, as `scope.name` for all but the person's own."""
        return frozenset(
            test.fact.name if test.fact.scope == "person" else f"{test.fact.scope}.{test.fact.name}"
            for tree in self.trees
            for test in leaves(tree)
        )

    @property
    def trees(self) -> tuple[Tree, ...]:
        """Every tree in it, the condition first."""
        return (self.condition,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule(Entry):
    """`keep`: a state while the condition holds. `do`: once per occasion."""

    when: When | None = None
    wait: Span | None = None
    keep: Keep | None = None
    do: Do | None = None
    settle: Span | None = None
    linger: Span | None = None
    #: What a person had put there already becomes ours, to be taken off as well.
    adopt: bool = False
    again: Again = field(default_factory=Again)
    expected_size: tuple[int, int] | None = None
    backfill: Span | None = None

    @property
    def trees(self) -> tuple[Tree, ...]:
        when = self.when
        also = (when.role, when.application, when.interview) if when else ()
        return (self.condition, *(tree for tree in also if tree is not None))


@dataclass(frozen=True, slots=True, kw_only=True)
class Cadence(Entry):
    send: Send
    stop_when: Tree | None = None
    come_back: Again = field(default_factory=Again)
    goal: Goal | None = None

    @property
    def trees(self) -> tuple[Tree, ...]:
        also = (self.stop_when, *(piece.only_if for piece in self.send.rotate))
        return (self.condition, *(tree for tree in also if tree is not None))


@dataclass(frozen=True, slots=True, kw_only=True)
class Suppress(Entry):
    """Unknown stops the message too."""

    stops: Literal["marketing", "everything"]


AnyEntry: TypeAlias = Rule | Cadence | Suppress


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSet:
    """Everything the files say. Usable only when there are no `problems`."""

    vocabulary: Vocabulary
    #: A rule comes after every rule whose tags or pools it reads.
    rules: tuple[Rule, ...] = ()
    cadences: tuple[Cadence, ...] = ()
    suppress: tuple[Suppress, ...] = ()
    hash: str = ""
    problems: tuple[Problem, ...] = ()
    #: Worth a look, but it runs.
    warnings: tuple[Problem, ...] = ()
    #: What a later release brings, at its place. The rule around it is left out; all else runs.
    refusals: tuple[Problem, ...] = ()
    #: What is read and checked, and has no effect in this release.
    idle: tuple[Problem, ...] = ()

    @property
    def entries(self) -> tuple[AnyEntry, ...]:
        return (*self.rules, *self.cadences, *self.suppress)

    @property
    def standing(self) -> tuple[Rule, ...]:
        """The rules that keep a state and are switched on, in order."""
        return tuple(rule for rule in self.rules if rule.kind == "keep" and rule.mode != "off")


__all__ = [
    "Again",
    "AnyEntry",
    "Approve",
    "Cadence",
    "Do",
    "Entry",
    "Event",
    "Goal",
    "Keep",
    "Limits",
    "Mode",
    "Notify",
    "Piece",
    "Rule",
    "RuleSet",
    "Send",
    "Suppress",
    "When",
]
