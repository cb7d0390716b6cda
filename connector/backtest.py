"""A rule or cadence over past months: whom it would have found, what became of them beside the rest, what it would have sent.

Facts are those that were recorded by then; of the time before, those that the platforms' own dates allow (`asof`). What
became of people may of course be known since. Writes nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from connector import past as past_
from connector.accounts import Accounts
from connector.asof import Past, World, as_of
from connector.cadence import Desk
from connector.clock import Span, midnight, stamp
from connector.court import Bench, Court
from connector.errors import KeepwarmError
from connector.guard import Guard
from connector.image import image
from connector.proportion import Share
from connector.rerun import Case, Grid, Life, Sent, grid_of, live
from connector.rules import Cadence, Rule, RuleSet, Suppress
from connector.settings import Settings
from connector.store import Tx

DAY = timedelta(days=1)
YEAR = Span(12, "month")


class NotBacktestable(KeepwarmError):
    """That cannot be run over the past."""


@dataclass(slots=True)
class Group:
    """People at the end of a month, and who of them began a new application within the horizon, and was hired from it."""

    people: int = 0
    applied: int = 0
    hired: int = 0

    def add(self, other: Group) -> None:
        self.people += other.people
        self.applied += other.applied
        self.hired += other.hired

    @property
    def shares(self) -> dict[str, Share]:
        return {"applied": Share(self.applied, self.people), "hired": Share(self.hired, self.people)}


@dataclass(slots=True, kw_only=True)
class Month:
    """Counts at the end of one month."""

    #: 2025-01
    name: str
    until: datetime
    #: Everything in it is as it was recorded then; else turned back by the platforms' own dates.
    recorded: bool
    #: The horizon is over, so what became of people can be said.
    measurable: bool
    known: int = 0
    on: int = 0
    new: int = 0
    unknown: int = 0
    newly: Group = field(default_factory=Group)
    rest: Group = field(default_factory=Group)
    cadences: dict[str, Sent] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    entry: Rule | Cadence
    cadences: tuple[str, ...]
    horizon: Span
    clock: datetime
    #: Account → from when on history is complete; None: not yet, or never.
    history: Mapping[str, datetime | None]
    months: Sequence[Month]

    @property
    def complete_since(self) -> datetime | None:
        """From then on it is for every account."""
        days = [it for it in self.history.values() if it]
        return max(days) if days and len(days) == len(self.history) else None

    def totals(self) -> tuple[Group, Group]:
        """Over the months that can be measured. The rest are people-months: who is known for a year counts twelve times."""
        newly, rest = Group(), Group()
        for month in self.months:
            if month.measurable:
                newly.add(month.newly)
                rest.add(month.rest)
        return newly, rest


def run(
    tx: Tx, settings: Settings, rules: RuleSet, name: str, first: date, last: date, *, horizon: Span, now: datetime,
    watch: Callable[[int], None] = lambda count: None,
) -> Report:  # fmt: skip
    """`first` and `last`: the first days of the first and the last month. `watch` hears of everyone who is done."""
    case = case_of(settings, rules, name)
    world = past_.world(tx, history=settings.keep_history.before(now, settings.zone))
    accounts = {*tx.records.counts(), *world.whole_since}
    history = {account: world.whole_since.get(account) for account in sorted(accounts)}
    months = [
        Month(
            name=f"{begins:%Y-%m}",
            until=until,
            recorded=all(since is not None and since <= until for since in history.values()),
            measurable=horizon.after(until, settings.zone) <= now,
            cadences={it.name: Sent() for it in case.cadences},
        )
        for begins, until in _months(first, last, settings.zone)
    ]
    if months[-1].until > now:
        raise NotBacktestable(f"{months[-1].name} is not over yet: give an earlier month to --to")
    grid = _grid(case, months, first, settings.zone)
    windows = [(stamp(it.until), stamp(horizon.after(it.until, settings.zone))) for it in months]
    for person in past_.pasts(tx, world):
        _count(months, live(person, world, case, grid), lambda p=person: _outcomes(p, world, case, now), windows, case)  # type: ignore[misc]
        watch(1)
    return Report(
        entry=case.entry, cadences=tuple(it.name for it in case.cadences), horizon=horizon, clock=now, history=history,
        months=months,
    )  # fmt: skip


# what is tried


def case_of(settings: Settings, rules: RuleSet, name: str) -> Case:
    """The rule or cadence, what follows from it, and what all of these read."""
    entry = next((it for it in rules.entries if it.name == name), None)
    if entry is None:
        raise NotBacktestable(f"there is no rule `{name}`; there are {', '.join(it.name for it in rules.entries)}")
    if isinstance(entry, Suppress) or (isinstance(entry, Rule) and entry.when is not None):
        what = "a suppression keeps and sends nothing" if isinstance(entry, Suppress) else "it waits for an event"
        raise NotBacktestable(f"{name} cannot be run over the past: {what}. Rules that keep something and cadences can")
    downstream = {name}
    for rule in rules.standing:
        if rule.depends & downstream:
            downstream.add(rule.name)
    cadences = tuple(it for it in rules.cadences if it.name == name or (it.mode != "off" and it.depends & downstream))
    wanted = {name} | {rule for it in (*cadences, *rules.suppress) for rule in it.depends}
    for rule in reversed(rules.rules):  # a rule comes after those it reads
        if rule.name in wanted:
            wanted |= rule.depends
    kept = tuple(
        replace(it, mode="live") if it.name == name else it  # also one that is switched off
        for it in rules.rules
        if it.name in wanted
    )
    few = replace(rules, rules=kept, cadences=cadences)
    court = Court(few)
    desk = Desk(Bench(court, Accounts({}), settings), Guard(court, settings))
    tried: tuple[Rule | Cadence, ...] = (*kept, *cadences)
    return Case(
        entry=next(it for it in tried if it.name == name),
        desk=desk,
        words=settings.words,
        cadences=cadences,
        reads=frozenset().union(*(it.reads for it in few.entries)),
    )


def _months(first: date, last: date, zone: ZoneInfo) -> Iterator[tuple[date, datetime]]:
    """Each month's first day, and the instant at which it is over."""
    while first <= last:
        following = (first.replace(day=1) + 32 * DAY).replace(day=1)
        yield first, midnight(following, zone)
        first = following


def _grid(case: Case, months: Sequence[Month], first: date, zone: ZoneInfo) -> Grid:
    """Some days more before the first month, so that what then settles or lingers has run its course."""
    rules = case.desk.bench.court.rules.rules
    before = sum((span.nominal for it in rules for span in (it.settle, it.linger) if span), DAY)
    day, last = first - timedelta(days=before.days + 1), months[-1].until
    days = [midnight(day, zone)]
    while days[-1] < last:
        day += DAY
        days.append(midnight(day, zone))
    at = {moment: number for number, moment in enumerate(days)}
    return grid_of(case, days, at[midnight(first, zone)], [at[it.until] for it in months])


# what became of it


@dataclass(frozen=True, slots=True)
class Outcome:
    """A new application, and when it ended in hiring. As stamps."""

    applied: str
    hired: str | None


def _outcomes(person: Past, world: World, case: Case, now: datetime) -> list[Outcome]:
    """As far as is known today."""
    held = as_of(person, world, now)
    if held is None:
        return []
    rows = image(person.person, held, case.words).children["applications"]
    return [
        Outcome(row["applied"], row["decided"] if row["status"] == "hired" else None)
        for row in rows
        if row["applied"] and not row["prospect"]
    ]


def _count(
    months: Sequence[Month],
    life: Life,
    outcomes: Callable[[], list[Outcome]],
    windows: Sequence[tuple[str, str]],
    case: Case,
) -> None:
    before, *states = life.states
    was_on = before.on and isinstance(case.entry, Rule)  # into a cadence that begins, everybody comes new
    later: list[Outcome] | None = None
    for month, state, window in zip(months, states, windows, strict=True):
        new = state.on and not was_on
        was_on = state.on
        month.known += state.known
        month.on += state.on
        month.new += new
        month.unknown += state.unknown
        if month.measurable and state.known and (new or not state.on):
            later = outcomes() if later is None else later
            (month.newly if new else month.rest).add(_within(later, *window))
    for name, sent in life.sent.items():
        for month, it in zip(months, sent, strict=True):
            _add(month.cadences[name], it)


def _within(outcomes: Sequence[Outcome], after: str, until: str) -> Group:
    began = [it for it in outcomes if after < it.applied <= until]
    hired = any(it.hired is not None and it.hired <= until for it in began)
    return Group(people=1, applied=int(bool(began)), hired=int(hired))


def _add(total: Sent, it: Sent) -> None:
    total.joined += it.joined
    total.left += it.left
    total.inside += it.inside
    total.messages += it.messages
    total.held_back += Counter(it.held_back)


__all__ = ["YEAR", "Group", "Month", "NotBacktestable", "Report", "case_of", "run"]
