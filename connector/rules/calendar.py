"""When a cadence is due: counted on the calendar from joining, moved to allowed days and hours of a person's own clock."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from connector.clock import Span, at_wall

_MONTHS = {"month": 1, "quarter": 3, "year": 12}
#: A week in which every day is looked at, and the rest of the day on which we start.
_LOOK = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Quiet:
    """No message from `starts` to `ends` (over midnight when `ends` is the earlier), nor on days off. Monday is 0."""

    starts: time
    ends: time
    days_off: tuple[int, ...] = ()

    def covers(self, moment: datetime, zone: tzinfo) -> bool:
        local = moment.astimezone(zone)
        return local.weekday() in self.days_off or not any(
            early <= _minutes(local.time()) < late for early, late in self._open()
        )

    def _open(self) -> list[tuple[float, float]]:
        """The parts of a day that are not quiet, in minutes from midnight."""
        starts, ends = _minutes(self.starts), _minutes(self.ends)
        if starts == ends:
            return [(0, 1440)]
        spans = [(ends, starts)] if starts > ends else [(0, starts), (ends, 1440)]
        return [(early, late) for early, late in spans if early < late]


def occurrence(joined: datetime, first: Span, every: Span, n: int, zone: tzinfo) -> datetime:
    """The n-th time (0 is the first): joined + first + n × every, always counted from joining.

    Joined on 31 January, every month: the last of February, then 31 March. Adding step by step would end on the 28th."""
    if first.unit in _MONTHS and every.unit in _MONTHS:
        months = first.count * _MONTHS[first.unit] + n * every.count * _MONTHS[every.unit]
        return Span(months, "month").after(joined, zone)
    return every.times(n).after(first.after(joined, zone), zone)


def next_slot(
    moment: datetime,
    zone: tzinfo,
    *,
    days: Collection[int] = (),
    between: tuple[time, time] | None = None,
    quiet: Quiet | None = None,
) -> datetime | None:
    """The first instant from `moment` on, on one of `days`, inside `between`, outside quiet hours. None: there is none.

    Hours that the clock skips in spring give the first instant after; hours that come twice in autumn are both inside."""
    start = moment.astimezone(zone).date()
    for ahead in range(_LOOK):
        try:
            day = start + timedelta(days=ahead)
        except OverflowError:
            return None
        if (days and day.weekday() not in days) or (quiet is not None and day.weekday() in quiet.days_off):
            continue
        for early, late in _windows(between, quiet):
            opens, closes = _at(day, early, zone), _at(day, late, zone)
            found = max(moment.astimezone(UTC), opens)
            if found < closes or found == opens:
                return found
    return None


def _windows(between: tuple[time, time] | None, quiet: Quiet | None) -> list[tuple[float, float]]:
    first, last = (0.0, 1440.0) if between is None else (_minutes(between[0]), _minutes(between[1]))
    allowed = [(0.0, 1440.0)] if quiet is None else quiet._open()
    cut = [(max(first, early), min(last, late)) for early, late in allowed]
    return [(early, late) for early, late in cut if early < late]


def _minutes(at: time) -> float:
    return at.hour * 60 + at.minute + at.second / 60 + at.microsecond / 60_000_000


def _at(day: date, minutes: float, zone: tzinfo) -> datetime:
    return at_wall(datetime.combine(day, time.min) + timedelta(minutes=minutes), zone)


__all__ = ["Quiet", "next_slot", "occurrence"]
