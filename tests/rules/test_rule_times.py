"""Spans on a calendar, the clock's edges, and when a cadence is due."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.clock import FIRST, LAST, UNITS, Span, at_wall, stamp, unstamp
from connector.rules import Quiet, next_slot, occurrence

LONDON = ZoneInfo("Europe/London")
ZONES = [
    LONDON,
    ZoneInfo("UTC"),
    ZoneInfo("America/New_York"),
    ZoneInfo("Australia/Lord_Howe"),
    ZoneInfo("Asia/Kathmandu"),
]
moments = st.datetimes(datetime(1990, 1, 1), datetime(2037, 1, 1)).map(lambda moment: moment.replace(tzinfo=UTC))  # noqa: DTZ001


def local(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=LONDON)  # type: ignore[misc,arg-type]


@given(moments, moments)
def test_stamps_sort_as_moments_and_come_back(one: datetime, other: datetime) -> None:
    assert unstamp(stamp(one)) == one
    assert (stamp(one) < stamp(other)) == (one < other)
    assert len(stamp(one)) == 27


def test_a_moment_without_a_zone_is_not_stamped() -> None:
    with pytest.raises(ValueError, match="without a zone"):
        stamp(datetime(2026, 1, 1))  # noqa: DTZ001


@given(
    moments,
    st.timedeltas(timedelta(0), timedelta(days=3)),
    st.sampled_from(UNITS),
    st.integers(0, 40),
    st.sampled_from(ZONES),
)
def test_a_limit_never_goes_back_while_the_clock_goes_on(
    now: datetime, later: timedelta, unit: str, count: int, zone: ZoneInfo
) -> None:
    span = Span(count, unit)
    assert span.since(now, zone) <= span.since(now + later, zone)
    assert span.until(now, zone) <= span.until(now + later, zone)


@pytest.mark.parametrize("minutes", range(0, 180, 7))
def test_a_limit_never_goes_back_around_a_change_of_the_clock_or_a_month_end(minutes: int) -> None:
    step = timedelta(minutes=7)
    for start in (
        datetime(2026, 10, 25, 0, tzinfo=UTC),
        datetime(2026, 3, 28, 23, tzinfo=UTC),
        datetime(2026, 3, 30, 22, tzinfo=UTC),
    ):
        now = start + timedelta(minutes=minutes)
        for span in (Span(1, "day"), Span(1, "month"), Span(1, "year"), Span(210, "day"), Span(7, "month")):
            assert span.since(now, LONDON) <= span.since(now + step, LONDON)
            assert span.until(now, LONDON) <= span.until(now + step, LONDON)


@pytest.mark.parametrize(
    ("span", "start", "end"),
    [
        (Span(1, "month"), local(2026, 1, 31, 10), local(2026, 2, 28, 10)),
        (Span(1, "year"), local(2024, 2, 29, 10), local(2025, 2, 28, 10)),
        (Span(18, "month"), local(2025, 6, 1), local(2026, 12, 1)),
        (Span(1, "day"), local(2026, 3, 28, 9), local(2026, 3, 29, 9)),  # 23 hours later
        (Span(24, "hour"), local(2026, 3, 28, 9), local(2026, 3, 29, 10)),
        (Span(1, "day"), local(2026, 3, 28, 1, 30), local(2026, 3, 29, 2)),  # 01:30 is skipped
        (Span(2, "quarter"), local(2026, 8, 31, 9), local(2027, 2, 28, 9)),
        (Span(2, "week"), local(2026, 10, 20, 9), local(2026, 11, 3, 9)),
    ],
)
def test_a_span_moves_on_the_calendar(span: Span, start: datetime, end: datetime) -> None:
    assert span.after(start, LONDON) == end.astimezone(UTC)


def test_months_back_from_a_month_end_stop_at_the_last_of_the_month() -> None:
    assert Span(1, "month").before(local(2026, 3, 31, 9), LONDON) == local(2026, 2, 28, 9)
    assert Span(1, "month").since(local(2026, 3, 30, 9), LONDON) == local(2026, 2, 28, 23, 59, 59, 999999)


def test_a_span_beyond_all_time_is_far_away_and_no_error() -> None:
    assert Span(999999, "year").since(local(2026, 1, 1), LONDON) == FIRST
    assert Span(999999, "month").until(local(2026, 1, 1), LONDON) == LAST
    assert Span(999999, "week").before(local(2026, 1, 1), LONDON) == FIRST


@given(st.datetimes(datetime(2000, 1, 1), datetime(2036, 1, 1)), st.sampled_from(ZONES))  # noqa: DTZ001
def test_a_local_time_gives_the_first_instant_that_is_not_before_it(wall: datetime, zone: ZoneInfo) -> None:
    instant = at_wall(wall, zone)
    shown = instant.astimezone(zone).replace(tzinfo=None)
    assert shown >= wall
    assert instant.astimezone(zone).fold == 0 or shown > wall
    just_before = (instant - timedelta(microseconds=1)).astimezone(zone).replace(tzinfo=None)
    assert just_before < wall


@pytest.mark.parametrize(
    ("n", "due"),
    [(0, local(2026, 2, 28, 9)), (1, local(2026, 3, 31, 9)), (2, local(2026, 4, 30, 9)), (13, local(2027, 3, 31, 9))],
)
def test_every_month_from_the_31st_does_not_drift(n: int, due: datetime) -> None:
    joined = local(2026, 1, 31, 9)
    assert occurrence(joined, Span(1, "month"), Span(1, "month"), n, LONDON) == due


def test_every_quarter_after_a_first_fortnight_keeps_the_hour_over_the_change_of_the_clock() -> None:
    joined = local(2026, 1, 5, 9)
    times = [occurrence(joined, Span(14, "day"), Span(3, "month"), n, LONDON) for n in range(3)]
    assert times == [local(2026, 1, 19, 9), local(2026, 4, 19, 9), local(2026, 7, 19, 9)]


DAYS = (1, 2, 3)
NINE = (time(9), time(11))


@pytest.mark.parametrize(
    ("moment", "slot"),
    [
        (local(2026, 11, 24, 9, 30), local(2026, 11, 24, 9, 30)),  # a Tuesday, inside
        (local(2026, 11, 24, 8), local(2026, 11, 24, 9)),
        (local(2026, 11, 24, 11), local(2026, 11, 25, 9)),  # the end is outside
        (local(2026, 11, 26, 12), local(2026, 12, 1, 9)),  # Thursday noon to next Tuesday
        (local(2026, 10, 22, 12), local(2026, 10, 27, 9)),  # over the change of the clock
    ],
)
def test_a_slot_is_on_an_allowed_day_and_hour_of_the_persons_clock(moment: datetime, slot: datetime) -> None:
    assert next_slot(moment, LONDON, days=DAYS, between=NINE) == slot


def test_a_slot_that_the_clock_skips_moves_to_the_first_minute_after() -> None:
    skipped = (time(1, 15), time(1, 45))
    assert next_slot(local(2026, 3, 29, 0), LONDON, between=skipped) == datetime(2026, 3, 29, 1, tzinfo=UTC)


def test_a_slot_in_an_hour_that_comes_twice_takes_the_first() -> None:
    twice = (time(1, 15), time(1, 45))
    assert next_slot(local(2026, 10, 25, 0), LONDON, between=twice) == datetime(2026, 10, 25, 0, 15, tzinfo=UTC)


QUIET = Quiet(starts=time(19), ends=time(8, 30), days_off=(5, 6))


@pytest.mark.parametrize(
    ("moment", "quiet"),
    [
        (local(2026, 11, 23, 8, 29), True),
        (local(2026, 11, 23, 8, 30), False),
        (local(2026, 11, 23, 18, 59), False),
        (local(2026, 11, 23, 19), True),
        (local(2026, 11, 22, 12), True),  # a Sunday
    ],
)
def test_quiet_hours_run_over_midnight_and_whole_days_off(moment: datetime, quiet: bool) -> None:
    assert QUIET.covers(moment, LONDON) is quiet


@given(
    moments,
    st.sampled_from(ZONES),
    st.sampled_from([None, NINE, (time(6), time(20))]),
    st.sampled_from([(), DAYS, (0, 4)]),
)
def test_a_slot_is_the_first_moment_that_is_allowed(
    moment: datetime, zone: ZoneInfo, between: tuple[time, time] | None, days: tuple[int, ...]
) -> None:
    slot = next_slot(moment, zone, days=days, between=between, quiet=QUIET)
    assert slot is not None
    assert slot >= moment
    assert not QUIET.covers(slot, zone)
    here = slot.astimezone(zone)
    assert not days or here.weekday() in days
    assert between is None or between[0] <= here.time() < between[1]
    if slot > moment:
        before = (slot - timedelta(microseconds=1)).astimezone(zone)
        inside = between is None or between[0] <= before.time() < between[1]
        assert QUIET.covers(before, zone) or not inside or (days and before.weekday() not in days)


def test_no_slot_is_none_and_not_for_ever() -> None:
    assert next_slot(local(2026, 11, 23), LONDON, days=(5,), quiet=QUIET) is None
    assert next_slot(local(2026, 11, 23), LONDON, between=(time(20), time(22)), quiet=QUIET) is None


def test_quiet_hours_at_noon_leave_morning_and_afternoon() -> None:
    noon = Quiet(starts=time(12), ends=time(13))
    assert next_slot(local(2026, 11, 23, 12, 30), LONDON, quiet=noon) == local(2026, 11, 23, 13)
    assert not noon.covers(local(2026, 11, 23, 11), LONDON)
