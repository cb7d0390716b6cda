"""Rules that do not act yet decide all the same; a sample of what they would do is kept, and nothing else is done."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from connector import shadow
from connector.court import share
from connector.store.ledger import Decided

if TYPE_CHECKING:
    from tests.conftest import Cast, Home

LIVE = """
version: 1
rules:
  - rule: silver
    who: {has_application: {status: rejected}}
    keep: {tags: [silver]}
"""
DOING = """
version: 1
rules:
  - rule: tell
    when: {event: application_decided}
    who: {has_application: {status: rejected}}
    do: {event: {name: decided}}
"""
SERIES = """
version: 1
cadences:
  - cadence: quarterly
    who: {has_application: {status: rejected}}
    send: {every: 3 months, first: 0 days after joining, rotate: [{template: news}]}
"""


def kept(home: Home, rule: str) -> list[Decided]:
    with home.store.reading() as tx:
        return tx.shadows.of(rule, limit=1000)


def asked(home: Home) -> list[str]:
    return [verb for platform in home.platforms.values() for verb in platform.verbs()]


def test_a_rule_in_shadow_keeps_what_it_would_do_when_its_answer_changes_and_writes_nothing(
    home_of: Callable[..., Home], cast: Cast
) -> None:
    home = home_of(rules=LIVE + "    mode: shadow\n")
    home.live()
    home.tell("ats", *cast.runner_up("1", "a@example.org"))
    home.turn()
    (would,) = kept(home, "silver")
    assert (would.answer, would.mode, would.rule_hash) == (True, "shadow", home.house.rules.rules[0].hash)
    assert would.line.startswith("yes: status rejected")
    home.tell("ats", cast.candidate("1", "a@example.org", at=home.now, headline="Nurse"))
    assert len(kept(home, "silver")) == 1  # the same answer again is no news
    home.now += timedelta(minutes=1)
    home.tell("ats", cast.application("1-run", "1", cast.hired, at=home.now))
    assert [it.answer for it in kept(home, "silver")] == [False, True]
    assert asked(home) == []


def test_not_knowing_is_not_kept(home_of: Callable[..., Home], cast: Cast) -> None:
    home = home_of(rules=LIVE.replace("{has_application: {status: rejected}}", "{region: North West}"))
    home.tell("ats", *cast.runner_up("1", "a@example.org"))
    assert kept(home, "silver") == []


def test_once_it_is_live_its_decisions_are_real_and_shadow_ones_hold_up_none(home: Home, cast: Cast) -> None:
    home.tell("ats", *cast.runner_up("1", "a@example.org"))
    assert [it.rule for it in kept(home, "silver")] == ["silver"]
    home.live()
    home.tell("ats", *cast.runner_up("2", "b@example.org"))
    home.turn()
    assert len(kept(home, "silver")) == 1
    with home.store.reading() as tx:
        modes = {it.mode for it in tx.ledger.decisions(home.person("ats", "2"))}
    assert modes == {"live"}


def test_outside_its_canary_share_a_rule_is_in_shadow(home_of: Callable[..., Home], cast: Cast) -> None:
    home = home_of(rules=LIVE + "    canary: 50%\n")
    home.live()
    for number in range(30):
        home.tell("ats", *cast.runner_up(str(number), f"p{number}@example.org"))
    home.turn()
    people = {home.person("ats", str(number)) for number in range(30)}
    inside = {person for person in people if share(person, "silver", "canary") < 0.5}
    assert 0 < len(inside) < 30
    assert {it.person for it in kept(home, "silver")} == people - inside
    assert {row["person"] for row in home.rows("select person from owned")} == inside


@pytest.mark.parametrize("more", ["    mode: shadow\n", "    canary: 0%\n"])
def test_an_act_in_shadow_is_kept_once_an_occasion_and_not_done(
    more: str, home_of: Callable[..., Home], cast: Cast
) -> None:
    home = home_of(rules=DOING + more)
    home.live()
    home.now += timedelta(hours=1)
    decided = cast.application("1", "1", decided_at=home.now, applied_at=home.now, at=home.now)
    home.tell("ats", cast.candidate("1", "a@example.org"), decided)
    home.tell("ats", cast.candidate("1", "a@example.org", at=home.now, headline="Nurse"))
    home.turn()
    (would,) = kept(home, "tell")
    assert would.occasion.startswith("shadow:application_decided:")
    assert asked(home) == []


def test_who_would_join_a_series_is_kept_once_and_joins_when_it_is_applied(
    home_of: Callable[..., Home], cast: Cast
) -> None:
    home = home_of(rules=SERIES)
    home.tell("ats", *cast.runner_up("1", "a@example.org"))
    home.tell("ats", cast.candidate("1", "a@example.org", at=home.now, contact_allowed=True))
    assert len(kept(home, "quarterly")) == 1
    assert home.rows("select * from enrolments") == []
    home.live()
    assert [row["state"] for row in home.rows("select state from enrolments")] == ["active"]


def test_the_sample_of_a_large_pool_is_bounded(home_of: Callable[..., Home], cast: Cast) -> None:
    home = home_of(rules=LIVE)
    many = shadow.MOST + 60
    home.tell("ats", *(it for n in range(many) for it in cast.runner_up(str(n), f"p{n}@example.org")))
    assert len(home.rows("select 1 from decisions where mode = 'shadow'")) == shadow.MOST
