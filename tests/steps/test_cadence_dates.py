"""When people in a series are written to, and with what: three years on, over changes of clocks, restarts and outages."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest

from connector import decide
from connector.flow import Verb
from connector.model import Status

if TYPE_CHECKING:
    from tests.conftest import Cast, Home

MAIL = "a@example.org"
RULES = """
version: 1
rules:
  - rule: silver
    who: {{has_application: {{status: rejected}}}}
    keep: {{tags: [silver], pools: [bench]}}
cadences:
  - cadence: series
    who: {{tags: {{any_of: [silver]}}, consent.email: yes}}
    send:
      every: {every}
      first: {first}
      {when}
      rotate: {rotate}
      when_all_seen: {seen}
    stop_when: {{has_application: {{status: active}}}}
    {more}
"""


def rules(
    every: str = "3 months", first: str = "0 days", when: str = "", seen: str = "start_again", more: str = "",
    rotate: str = "[{template: news}, {template: ward}, {template: evening}]",
) -> str:  # fmt: skip
    return RULES.format(every=every, first=first, when=when, seen=seen, more=more, rotate=rotate)


@pytest.fixture
def series(home_of: Callable[..., Home], cast: Cast) -> Callable[..., Home]:
    """One person who has just joined."""

    def begin(joined: str = "2026-11-23T09:00:00+00:00", zone: str | None = None, **changes: str) -> Home:
        home = home_of(rules=rules(**changes), now=datetime.fromisoformat(joined))
        home.tell("ats", *cast.runner_up("1", MAIL, time_zone=zone))
        home.live()
        return home

    return begin


def messages(home: Home) -> list[tuple[str, str, str]]:
    rows = home.rows("select due_at, state, template from messages order by due_at")
    return [(row["due_at"], row["state"], row["template"]) for row in rows]


def enrolment(home: Home) -> dict[str, Any]:
    return home.rows("select * from enrolments where cadence = 'series'")[0]


def due(home: Home) -> datetime:
    return datetime.fromisoformat(enrolment(home)["due_at"])


def wait_for_next(home: Home) -> None:
    """To shortly before the next message, and then past it."""
    when = due(home)
    home.pass_time(when - timedelta(minutes=30) - home.now)
    home.pass_time(when + timedelta(minutes=1) - home.now)


@pytest.mark.parametrize("zone", ["Europe/London", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"])
def test_three_years_of_quarters_keep_the_hour_and_the_day_of_joining_over_changes_of_clocks(
    series: Callable[..., Home], zone: str
) -> None:
    home = series("2026-10-31T15:00:00+00:00", zone, when="between: 09:00 to 11:00", more="hold_out: 0%")
    wanted = [(month, 31 if month in (1, 7, 10) else 30) for month in (10, 1, 4, 7)]
    local: list[datetime] = []
    for _ in range(13):
        local.append(due(home).astimezone(ZoneInfo(zone)))
        wait_for_next(home)
    home.turn()
    joined = datetime.fromisoformat("2026-10-31T15:00:00+00:00").astimezone(ZoneInfo(zone))
    assert {it.hour for it in local} <= {9, 10}
    assert all(it.weekday() < 5 for it in local)
    months = [(it.year - 2026) * 12 + it.month - joined.month for it in local]
    for n, (it, elapsed) in enumerate(zip(local, months, strict=True)):
        assert elapsed in (3 * n, 3 * n + 1), (n, it)  # a weekend may push it into the next month
        month, day = wanted[n % 4]
        nominal = datetime(it.year - (elapsed == 3 * n + 1 and it.month == 1), month, day, tzinfo=it.tzinfo)
        assert timedelta(0) <= it - nominal < timedelta(days=4), (it, nominal)
    assert [state for _, state, _ in messages(home)] == ["sent"] * 13


def test_the_rotation_never_repeats_before_all_were_seen(series: Callable[..., Home]) -> None:
    home = series()
    for _ in range(7):
        wait_for_next(home)
    templates = [template for _, _, template in messages(home)]
    assert templates[:3] == templates[3:6] == ["news", "ward", "evening"]
    assert len(home.platforms["mailer"].of(Verb.SEND_EVENT, Verb.START_JOURNEY)) == len(templates) == 8


def test_a_series_that_stops_when_all_was_seen_stops(series: Callable[..., Home]) -> None:
    home = series(seen="stop")
    for _ in range(3):
        wait_for_next(home)
    assert (enrolment(home)["state"], enrolment(home)["why"]) == ("finished", "everything was sent")
    assert [template for _, _, template in messages(home)] == ["news", "ward", "evening"]


def test_a_piece_that_does_not_fit_is_passed_over(series: Callable[..., Home]) -> None:
    home = series(rotate="[{template: news, only_if: {region: North West}}, {template: ward}]", seen="stop")
    home.turn()
    assert [template for _, _, template in messages(home)] == ["ward"]


@pytest.mark.parametrize("at", range(4))
def test_a_restart_at_any_point_changes_nothing(series: Callable[..., Home], at: int) -> None:
    def lived(restart: int | None) -> list[tuple[str, str, str]]:
        home = series()
        for number in range(4):
            when = due(home)
            home.now = when - timedelta(minutes=30)
            decide.tick(home.store, home.house.desk.bench, now=home.now)
            home.settle()
            if number == restart:
                home.restart()
            home.now = when + timedelta(minutes=1)
            home.turn()
            if number == restart:
                home.restart()
        assert len(home.platforms["mailer"].of(Verb.SEND_EVENT, Verb.START_JOURNEY)) == 5
        return messages(home)

    assert lived(at) == lived(None)


def test_after_a_month_down_what_was_missed_is_written_down_and_the_next_one_is_on_time(
    series: Callable[..., Home],
) -> None:
    home = series(every="1 week")
    home.pass_time(timedelta(days=31))
    home.pass_time(timedelta(minutes=20))
    # the last one is three days late, and that is not too late
    assert [state for _, state, _ in messages(home)] == ["sent", "missed", "missed", "missed", "sent"]
    assert all(why == "its time passed while nothing could be sent" for why in missed(home))
    assert due(home).astimezone(UTC).weekday() == 0
    assert due(home) > home.now - timedelta(days=7)


def missed(home: Home) -> list[str]:
    return [row["why"] for row in home.rows("select why from messages where state = 'missed'")]


def test_a_message_that_came_due_while_we_were_down_for_an_hour_is_sent_late(series: Callable[..., Home]) -> None:
    home = series()
    home.pass_time(due(home) + timedelta(hours=1) - home.now)
    home.pass_time(timedelta(minutes=20))
    assert [state for _, state, _ in messages(home)] == ["sent"] * 2


def test_a_message_that_was_queued_before_a_long_outage_is_not_sent_after_it(series: Callable[..., Home]) -> None:
    home = series()
    home.now = due(home) - timedelta(minutes=30)
    home.settle()
    home.restart()
    home.pass_time(timedelta(days=8))
    assert [(state, template) for _, state, template in messages(home)] == [("sent", "news"), ("failed", "ward")]
    assert len(home.platforms["mailer"].of(Verb.SEND_EVENT, Verb.START_JOURNEY)) == 1


def test_a_hold_out_sticks_and_its_share_is_kept(home_of: Callable[..., Home], cast: Cast) -> None:
    home = home_of(rules=rules(more="hold_out: 20%"))
    for n in range(60):
        home.keep("ats", *cast.runner_up(str(n), f"{n}@example.org"))
    home.settle()
    home.apply()
    home.turn()
    out = {row["person"] for row in home.rows("select person from enrolments where state = 'held_out'")}
    assert 4 <= len(out) <= 22
    assert {row["person"] for row in home.rows("select person from messages")} & out == set()
    home.restart()
    home.pass_time(timedelta(days=95))
    assert {row["person"] for row in home.rows("select person from enrolments where state = 'held_out'")} == out


def applies_again(home: Home, cast: Cast, status: Status) -> None:
    home.tell("ats", cast.application("again", "1", status, at=home.now, decided_at=home.now, applied_at=home.now))
    home.turn()


@pytest.mark.parametrize(("days", "state"), [(364, "stopped"), (367, "active")])
def test_who_stopped_comes_back_counted_from_the_last_message(
    series: Callable[..., Home], cast: Cast, days: int, state: str
) -> None:
    home = series(more="come_back: after 12 months")
    home.turn()
    wait_for_next(home)
    sent = home.now
    applies_again(home, cast, Status.ACTIVE)
    assert enrolment(home)["state"] == "stopped"
    home.pass_time(timedelta(days=30))
    applies_again(home, cast, Status.REJECTED)
    assert enrolment(home)["state"] == "stopped"
    home.now = sent + timedelta(days=days)
    home.tell("ats", cast.application("third", "1", Status.REJECTED, at=home.now))
    assert enrolment(home)["state"] == state


def test_who_comes_back_the_same_day_is_not_written_to_twice_for_one_message(
    series: Callable[..., Home], cast: Cast
) -> None:
    home = series(more="come_back: always")
    home.turn()
    for status in (Status.ACTIVE, Status.REJECTED):
        home.now += timedelta(hours=1)
        applies_again(home, cast, status)
    home.turn()
    assert [state for _, state, _ in messages(home)].count("queued") == 0
    assert len(home.platforms["mailer"].of(Verb.SEND_EVENT)) == 1


def test_an_application_that_starts_between_queueing_and_sending_stops_the_message(
    series: Callable[..., Home], cast: Cast
) -> None:
    home = series()
    home.turn()
    home.pass_time(due(home) - timedelta(minutes=30) - home.now)
    assert messages(home)[-1][1] == "queued"
    applies_again(home, cast, Status.ACTIVE)
    home.pass_time(timedelta(hours=2))
    assert [state for _, state, _ in messages(home)] == ["sent", "failed"]
    assert len(home.platforms["mailer"].of(Verb.SEND_EVENT, Verb.START_JOURNEY)) == 1


def test_one_mailing_for_all_and_no_one_in_it_who_left_in_the_meantime(
    home_of: Callable[..., Home], cast: Cast
) -> None:
    home = home_of(rules=rules(rotate="[{template: letter}]", first="1 day"))
    for n in range(3):
        home.keep("ats", *cast.runner_up(str(n), f"{n}@example.org"))
    home.settle()
    home.apply()
    home.turn()
    slot = due(home)
    home.pass_time(slot - timedelta(minutes=50) - home.now)
    tag = str(home.platforms["mailer"].took[-1].args["tag"])
    assert tag.startswith("kw-series-letter-")
    home.tell("ats", cast.application("again", "1", Status.ACTIVE, at=home.now))
    home.turn()
    home.pass_time(slot - timedelta(minutes=20) - home.now)
    home.pass_time(timedelta(hours=1))
    assert len(home.platforms["mailer"].of(Verb.SCHEDULE_CAMPAIGN)) == 1
    inside: set[str] = set()
    for action in home.platforms["mailer"].took:
        if action.verb is Verb.ADD_TAG and action.args["tag"] == tag and action.subject:
            inside.add(action.subject.id)
        if action.verb is Verb.REMOVE_TAG and action.args["tag"] == tag and action.subject:
            inside.discard(action.subject.id)
    assert inside == {"0@example.org", "2@example.org"}
    assert sorted(state for _, state, _ in messages(home)) == ["failed", "sent", "sent"]


def test_a_cap_that_keeps_a_message_waiting_beyond_patience_drops_it_and_says_so(
    home_of: Callable[..., Home], cast: Cast
) -> None:
    home = home_of(rules=rules(every="1 week", first="0 days"))
    home.tell("ats", *cast.runner_up("1", MAIL))
    home.live()
    for _ in range(36):
        home.pass_time(timedelta(days=1))
    states = [state for _, state, _ in messages(home)]
    assert states.count("sent") == 2
    assert "cap on marketing: not free within 7 days" in missed(home)


def test_a_cap_that_ends_at_the_very_moment_of_a_slot_holds_nobody_up(home_of: Callable[..., Home], cast: Cast) -> None:
    home = home_of(rules=rules(every="30 days"))
    home.tell("ats", *cast.runner_up("1", MAIL))
    home.live()
    home.pass_time(timedelta(days=30))
    home.pass_time(timedelta(minutes=20))
    assert [state for _, state, _ in messages(home)] == ["sent", "sent"]


def test_a_clock_that_goes_back_decides_nothing_about_time(home: Home) -> None:
    decide.tick(home.store, home.house.desk.bench, now=home.now)
    with pytest.raises(decide.ClockWentBack):
        decide.tick(home.store, home.house.desk.bench, now=home.now - timedelta(minutes=6))
    decide.tick(home.store, home.house.desk.bench, now=home.now + timedelta(minutes=1))
