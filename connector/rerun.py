"""One person's months over again: what rules would have said and cadences sent, day by day, had they been in force.

The days looked at are those on which something about the person changed, or the clock alone may have changed an answer;
each at its end. Between two of them nothing can happen. Hearing, enrolling and dates are those of the house itself.
"""

from __future__ import annotations

import bisect
import heapq
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from connector.asof import Past, World, as_of, facts_of, turns
from connector.cadence import Desk, next_piece, reviewed
from connector.clock import stamp, unstamp
from connector.court import Effect, Facts, Heard, hear, share
from connector.facts import FACTS, LISTS
from connector.guard import PATIENCE
from connector.image import image
from connector.rules import Cadence, Context, Edge, Rule, edges_of
from connector.settings import Words
from connector.store.ledger import Standing
from connector.store.schedule import Enrolment, Message

_INSTANT = timedelta(seconds=1)
_NAMES: dict[tuple[str, str], str] = {(fact.scope, fact.column): fact.name for fact in FACTS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What is tried: a rule or a cadence, with all it needs and all that follows from it."""

    entry: Rule | Cadence
    #: Only the rules that have to do with it, so that nothing else costs time.
    desk: Desk
    words: Words
    #: Cadences that it is, or that read what it keeps.
    cadences: tuple[Cadence, ...]
    #: The facts that any of this asks for.
    reads: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """The ends of days on the organisation's clock, and which of them end the months asked about."""

    days: Sequence[datetime]
    #: The first moment of the first month.
    begin: int
    #: The last moment of each month.
    ends: Sequence[int]
    #: Where every edge of the rules stands at the end of each day.
    marks: Mapping[Edge, Sequence[str]]

    def day(self, moment: datetime) -> int:
        """The day in which it lies; `len(days)`: after all of them."""
        return bisect.bisect_left(self.days, moment)

    def month(self, moment: datetime) -> int:
        return bisect.bisect_left(self.ends, self.day(moment))


@dataclass(slots=True)
class State:
    """How it stands with one person at the end of a month."""

    known: bool = False
    #: The rule keeps something on them; in a cadence: they are in it.
    on: bool = False
    unknown: bool = False


@dataclass(slots=True)
class Sent:
    """What one cadence would have done in a month, for one person or for all."""

    joined: int = 0
    left: int = 0
    inside: int = 0
    messages: int = 0
    held_back: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class Life:
    """What became of one person: before the first month, then at the end of each."""

    states: list[State]
    sent: dict[str, list[Sent]]


def grid_of(case: Case, days: Sequence[datetime], begin: int, ends: Sequence[int]) -> Grid:
    rules = case.desk.bench.court.rules
    zone = case.desk.bench.court.zone
    edges = edges_of(tree for entry in rules.entries for tree in entry.trees)
    return Grid(days=days, begin=begin, ends=ends, marks={it: [it.at(day, zone) for day in days] for it in edges})


def live(past: Past, world: World, case: Case, grid: Grid) -> Life:
    return _Run(past, world, case, grid).all()


class _Run:
    def __init__(self, past: Past, world: World, case: Case, grid: Grid) -> None:
        self._past, self._world, self._case, self._grid = past, world, case, grid
        self._facts: Facts | None = None
        self._standing: dict[str, Standing] = {}
        self._state = State()
        self._enrolled: dict[str, Enrolment] = {}
        self._messages: list[Message] = []
        self._sent = {it.name: [Sent() for _ in grid.ends] for it in case.cadences}
        last = grid.ends[-1]
        # what happened before the first day is in what is seen on it
        self._changed = {0} | {day for it in turns(past, world, case.reads) if 0 < (day := grid.day(it)) <= last}
        self._due = sorted(self._changed | {grid.begin})

    def all(self) -> Life:
        states: list[State] = []
        stops = [self._grid.begin, *self._grid.ends]
        seen = -1
        while self._due:
            day = heapq.heappop(self._due)
            if day == seen:
                continue
            while len(states) < len(stops) and stops[len(states)] < day:
                states.append(self._sample(len(states) - 1))
            self._look(day)
            seen = day
        while len(states) < len(stops):
            states.append(self._sample(len(states) - 1))
        return Life(states, self._sent)

    def _sample(self, month: int) -> State:
        for name, it in self._enrolled.items():
            if month >= 0:
                self._sent[name][month].inside += it.state == "active"
        return State(self._state.known, self._state.on, self._state.unknown)

    def _again(self, day: int) -> None:
        if day <= self._grid.ends[-1]:
            heapq.heappush(self._due, day)

    def _look(self, day: int) -> None:
        now = self._grid.days[day]
        if day in self._changed:
            self._learn(day, now)
        facts = self._facts
        if facts is None:
            self._state, self._standing = State(), {}
            for name, it in self._enrolled.items():
                self._enrolled[name] = replace(it, state="stopped", due_at=None)
            return
        court, before = self._case.desk.bench.court, self._standing
        heard = court.hear_all(facts, before, now=now)
        self._standing = {rule: said.stand for rule, said in heard.items() if said.stand is not None}
        answers = {name: said.effective for name, said in heard.items() if said.effective is not False}
        context = court.context(now, answers=answers)
        if isinstance(self._case.entry, Rule):
            self._say(self._case.entry, facts, heard, before, context, now)
        self._wait(now)
        if day >= self._grid.begin:
            for cadence in self._case.cadences:
                self._review(cadence, facts, context, now)

    def _learn(self, day: int, now: datetime) -> None:
        """What was known on that day, and on which later days the clock alone may change an answer."""
        held = as_of(self._past, self._world, now)
        if held is None:
            self._facts = None
            return
        made = image(self._past.person, held, self._case.words)
        facts = self._facts = facts_of(made, self._past.messages, now)
        if (expires := facts["consent.expires"]) is not None and expires > stamp(now):
            ends = self._grid.day(unstamp(expires))
            self._changed.add(ends)
            self._again(ends)
        for edge, marks in self._grid.marks.items():
            for value in _values(facts, edge):
                for at in {bisect.bisect_left(marks, value), bisect.bisect_right(marks, value)}:
                    if day < at < len(marks):
                        self._again(at)

    def _say(
        self, rule: Rule, facts: Facts, heard: Mapping[str, Heard], before: Mapping[str, Standing], context: Context,
        now: datetime,
    ) -> None:  # fmt: skip
        said = heard.get(rule.name)
        if said is None:  # one that does something once: when it becomes true
            court = self._case.desk.bench.court
            answer = court.judge(rule, facts, context)
            said = hear(rule, answer, before.get(rule.name), now=now, zone=court.zone)
            if said.stand is not None:
                self._standing[rule.name] = said.stand
        on = {Effect.WANT: True, Effect.NO: False}.get(said.effect, self._state.on)
        self._state = State(known=True, on=on, unknown=said.answer is None and not on)

    def _wait(self, now: datetime) -> None:
        """A `settle` or `linger` that is running ends by itself."""
        court = self._case.desk.bench.court
        for rule in court.rules.rules:
            standing = self._standing.get(rule.name)
            span = {True: rule.settle, False: rule.linger}.get(standing.answer) if standing else None  # type: ignore[arg-type]
            if standing is not None and span is not None and (ends := span.after(standing.since, court.zone)) > now:
                self._again(self._grid.day(ends))

    # cadences

    def _review(self, cadence: Cadence, facts: Facts, context: Context, now: datetime) -> None:
        desk, before = self._case.desk, self._enrolled.get(cadence.name)
        after = reviewed(
            desk, cadence, self._past.person, facts, context, before, now=now, messages=lambda _: self._messages
        )
        if after is not None:
            self._enrolled[cadence.name] = after
            month = self._sent[cadence.name][self._grid.month(now)]
            month.joined += after.state == "active"
            month.left += after.state == "stopped" and before is not None and before.state == "active"
        enrolment = self._enrolled.get(cadence.name)
        while enrolment and enrolment.state == "active" and enrolment.due_at and enrolment.due_at <= now:
            enrolment = self._enrolled[cadence.name] = self._send(cadence, facts, enrolment, enrolment.due_at, context)
        if enrolment and enrolment.state == "active" and enrolment.due_at:
            self._again(self._grid.day(enrolment.due_at))
        if cadence is self._case.entry:
            unknown = desk.bench.court.judge(cadence, facts, context) is None
            on = enrolment is not None and enrolment.state == "active"
            self._state = State(known=True, on=on, unknown=unknown and not on)

    def _send(self, cadence: Cadence, facts: Facts, it: Enrolment, at: datetime, context: Context) -> Enrolment:
        """One message, or why not. What cannot go within the house's patience is left out, as it would have been."""
        desk, month = self._case.desk, self._sent[cadence.name][self._grid.month(at)]
        seen = [message for message in self._messages if message.cadence == cadence.name]
        template = next_piece(desk, cadence, facts, seen, context)
        if template is None:
            return replace(it, state="finished", due_at=None, why="everything was sent")
        free_at = self._capped(at)
        planned = desk.nth(cadence, it.joined_at, it.n, facts) or at
        if free_at is not None and free_at - planned <= PATIENCE:
            return replace(it, due_at=desk.slot(cadence, free_at, facts))
        why = "a cap" if free_at is not None else self._held_back(facts, at, context)
        if why:
            month.held_back[why] += 1
        else:
            month.messages += 1
            self._messages.append(
                Message(
                    id=f"{len(self._messages)}", person=it.person, cadence=cadence.name, template=template,
                    purpose="marketing", state="sent", due_at=at, sent_at=at,
                )
            )  # fmt: skip
        return replace(it, n=it.n + 1, due_at=desk.nth(cadence, it.joined_at, it.n + 1, facts))

    def _held_back(self, facts: Facts, at: datetime, context: Context) -> str | None:
        """The guard's questions that can be asked of the past: objection, consent, suppression, control group."""
        desk, expires = self._case.desk, facts.get("consent.expires")
        if facts.get("unsubscribed") is not False:
            return "opted out"
        if facts.get("consent.email") is not True or (expires is not None and expires <= stamp(at)):
            return "no consent"
        if held := desk.guard.suppressed(facts, context, marketing=True):
            return held.why
        inside = share(self._past.person, "everyone", "control") < desk.bench.settings.control_group
        return "control group" if inside else None

    def _capped(self, at: datetime) -> datetime | None:
        """When the caps let the next message through; None: now. Over what would have gone out in this very run."""
        zone = self._case.desk.bench.court.zone
        free: datetime | None = None
        for cap in self._case.desk.bench.settings.caps.values():
            since = cap.span.since(at, zone)
            sent = sorted(it.due_at for it in self._messages if since <= it.due_at)
            if len(sent) >= cap.count:
                # the last instant of a window is inside it
                opens = max(cap.span.after(sent[-cap.count], zone), at) + _INSTANT
                free = opens if free is None else max(free, opens)
        return free


def _values(facts: Facts, edge: Edge) -> Iterable[str]:
    name = _NAMES[edge.scope, edge.column]
    rows = (facts,) if edge.scope == "person" else facts[LISTS[edge.scope]]
    return {value for row in rows if (value := row.get(name)) is not None}


__all__ = ["Case", "Grid", "Life", "Sent", "State", "grid_of", "live"]
