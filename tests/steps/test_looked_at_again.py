"""People whom nothing but the passing of time concerns are looked at when their time has come."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

from connector.clock import stamp
from connector.flow import Verb
from connector.model import Status

if TYPE_CHECKING:
    from tests.conftest import Cast, Home

SERIES = """
version: 1
rules:
  - rule: silver
    who: {has_application: {status: rejected}}
    keep: {pools: [bench]}
cadences:
  - cadence: series
    who: {pools: {any_of: [bench]}, consent.email: yes}
    send:
      every: 3 months
      first: 0 days after joining
      rotate: [{template: news}, {template: evening}]
      when_all_seen: start_again
    stop_when: {has_application: {status: active}}
"""


def enrolled(home: Home) -> list[tuple[int, str]]:
    rows = home.rows("select person, state from enrolments order by person")
    return [(row["person"], row["state"]) for row in rows]


def days(home: Home, count: int) -> None:
    for _ in range(count):
        home.pass_time(timedelta(days=1))


def test_whoever_may_come_back_after_a_while_comes_back_then(home_of: Callable[..., Home], cast: Cast) -> None:
    home = home_of(rules=SERIES + "    come_back: after 20 days\n")
    home.tell("ats", *cast.runner_up("1", "sam@example.org"))
    home.live()
    assert enrolled(home) == [(1, "active")]
    home.tell("ats", cast.application("new", "1", Status.ACTIVE, at=home.now))
    home.turn()
    assert enrolled(home) == [(1, "stopped")]
    home.now += timedelta(hours=1)
    home.tell("ats", cast.application("new", "1", Status.REJECTED, at=home.now, decided_at=home.now))
    home.turn()
    days(home, 19)
    assert enrolled(home) == [(1, "stopped")]
    days(home, 2)
    assert enrolled(home) == [(1, "active")]


def test_whom_a_full_cadence_turned_away_joins_the_day_after(home_of: Callable[..., Home], cast: Cast) -> None:
    home = home_of(rules=SERIES + "    limits: {new_people_per_day: 2}\n")
    for n in range(5):
        home.keep("ats", *cast.runner_up(str(n), f"{n}@example.org"))
    home.settle()
    home.live()
    assert len(enrolled(home)) == 2
    days(home, 1)
    home.pass_time(timedelta(hours=8))
    assert len(enrolled(home)) == 4
    days(home, 2)
    assert len(enrolled(home)) == 5


def test_when_a_message_went_out_is_known_at_once(home_of: Callable[..., Home], cast: Cast) -> None:
    home = home_of(rules=SERIES)
    home.tell("ats", *cast.runner_up("1", "sam@example.org"))
    assert home.facts(1)["last_contacted"] is None
    home.live()
    [sent] = home.platforms["mailer"].of(Verb.SEND_EVENT)
    assert sent.args["event"] == "news"
    assert home.facts(1)["last_contacted"] == stamp(home.now)
