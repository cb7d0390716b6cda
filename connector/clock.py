"""Instants as text, and spans on a calendar. Knows no `now`: every moment is an argument."""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

import msgspec

#: Writes a moment in a tenth of the time that `isoformat` takes; it leaves out microseconds that are nought.
_ENCODER = msgspec.json.Encoder()
_MICROSECOND = timedelta(microseconds=1)
#: Units that are a length of time, in seconds; they ignore the calendar.
_EXACT = {"minute": 60, "hour": 3600}
_DAYS = {"day": 1, "week": 7}
_MONTHS = {"month": 1, "quarter": 3, "year": 12}
UNITS = (*_EXACT, *_DAYS, *_MONTHS)

#: Where limits stop, so that `100000 years` is far away instead of an error.
FIRST = datetime(1, 1, 2, tzinfo=UTC)
LAST = datetime(9999, 12, 30, tzinfo=UTC)


def stamp(moment: datetime) -> str:
    """Aware → `YYYY-MM-DDTHH:MM:SS.ffffffZ`. Fixed width, so text order is time order, here and in SQL."""
    if moment.tzinfo is None:
        raise ValueError("a moment without a zone cannot be stamped")
    moment = moment.astimezone(UTC)
    text = _ENCODER.encode(moment).decode()
    return text[1:27] + "Z" if moment.microsecond else text[1:20] + ".000000Z"


def unstamp(text: str) -> datetime:
    """What `stamp` wrote → aware UTC."""
    if len(text) != 27 or text[26] != "Z":
        raise ValueError("not one of our time stamps")
    return datetime.fromisoformat(text)


def at_wall(wall: datetime, zone: tzinfo) -> datetime:
    """A naive local time → the instant. There twice: the first. Never there (clocks go forward): the first after."""
    before = wall.replace(tzinfo=zone, fold=0)
    after = wall.replace(tzinfo=zone, fold=1)
    gap = _offset(after) - _offset(before)
    if gap <= timedelta(0):
        return before.astimezone(UTC)
    # fold=1 reads the offset after the change, which puts the instant before it, and the other way round.
    return _change(after.astimezone(UTC), before.astimezone(UTC), zone)


def _offset(moment: datetime) -> timedelta:
    return moment.utcoffset() or timedelta(0)


def _change(early: datetime, late: datetime, zone: tzinfo) -> datetime:
    """The instant in (early, late] at which the zone's offset changes; zone rules change on whole seconds."""
    start = early.replace(microsecond=0)
    low, high = 0, int((late - start).total_seconds()) + 1
    old = _offset(start.astimezone(zone))
    while high - low > 1:
        middle = (low + high) // 2
        if _offset((start + timedelta(seconds=middle)).astimezone(zone)) == old:
            low = middle
        else:
            high = middle
    return start + timedelta(seconds=high)


@dataclass(frozen=True, slots=True)
class Span:
    """`18 months`. Minutes and hours are lengths of time; days and longer are steps on the calendar of a zone."""

    count: int
    unit: str

    def __post_init__(self) -> None:
        if self.unit not in UNITS or self.count < 0:
            raise ValueError(f"not a span: {self.count} {self.unit}")

    def __str__(self) -> str:
        return f"{self.count} {self.unit}" + ("" if self.count == 1 else "s")

    @property
    def nominal(self) -> timedelta:
        """About how long it is (a month is 30 days), for ordering and for budgets; never for a date."""
        if self.unit in _EXACT:
            return timedelta(seconds=self.count * _EXACT[self.unit])
        days = _DAYS.get(self.unit) or _MONTHS[self.unit] * 30
        return timedelta(days=min(self.count * days, 3_000_000))

    def times(self, count: int) -> Span:
        return Span(self.count * count, self.unit)

    def before(self, moment: datetime, zone: tzinfo) -> datetime:
        """The same local time, this much earlier; 31 March less a month is the last of February."""
        return self._move(moment, zone, -1)

    def after(self, moment: datetime, zone: tzinfo) -> datetime:
        """The same local time, this much later; 31 January and a month is the last of February."""
        return self._move(moment, zone, 1)

    def since(self, now: datetime, zone: tzinfo) -> datetime:
        """The first instant inside the last SPAN. Never goes back as `now` goes on, so that no answer blinks:
        on 29, 30 and 31 March "a month ago" is the very end of February."""
        return self._move(_steady(now, zone), zone, -1, to_the_end=True)

    def until(self, now: datetime, zone: tzinfo) -> datetime:
        """The last instant inside the next SPAN; steady like `since`."""
        return self._move(_steady(now, zone), zone, 1, to_the_end=True)

    def _move(self, moment: datetime, zone: tzinfo, sign: int, *, to_the_end: bool = False) -> datetime:
        try:
            if self.unit in _EXACT:
                return _bounded(moment.astimezone(UTC) + sign * self.nominal)
            wall = moment.astimezone(zone).replace(tzinfo=None, fold=0)
            if self.unit in _DAYS:
                wall += timedelta(days=sign * self.count * _DAYS[self.unit])
            else:
                wall = _months(wall, sign * self.count * _MONTHS[self.unit], to_the_end)
            return _bounded(at_wall(wall, zone))
        except (OverflowError, ValueError):
            return FIRST if sign < 0 else LAST


def _bounded(moment: datetime) -> datetime:
    return min(max(moment, FIRST), LAST)


def _months(wall: datetime, months: int, to_the_end: bool) -> datetime:
    year, month = divmod(wall.year * 12 + wall.month - 1 + months, 12)
    last = monthrange(year, month + 1)[1]
    if wall.day <= last:
        return wall.replace(year=year, month=month + 1)
    moved = wall.replace(year=year, month=month + 1, day=last)
    return datetime.combine(moved.date(), time.max) if to_the_end else moved


def _steady(now: datetime, zone: tzinfo) -> datetime:
    """Where the local clock runs an hour twice, its last instant before going back."""
    local = now.astimezone(zone)
    if not local.fold:
        return now
    repeat = _offset(local.replace(fold=0)) - _offset(local)
    late = now.astimezone(UTC)
    return _change(late - repeat - timedelta(seconds=1), late, zone) - _MICROSECOND


def midnight(day: date, zone: tzinfo) -> datetime:
    """The first instant of a day in a zone. Date-only facts start there."""
    return at_wall(datetime.combine(day, time.min), zone)


__all__ = ["FIRST", "LAST", "UNITS", "Span", "at_wall", "midnight", "stamp", "unstamp"]
