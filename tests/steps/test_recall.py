"""A mailing was handed over, and then somebody applies or objects: they do not get it, as long as it has not gone out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from connector.flow import Verb
from connector.model import Status

if TYPE_CHECKING:
    from tests.conftest import Cast, Home

RULES = """
version: 1
suppress:
  - suppress: in-process
    who: {has_application: {status: active}}
    stops: marketing
rules:
  - rule: silver
    who: {has_application: {status: rejected}}
    keep: {tags: [silver]}
cadences:
  - cadence: quarterly
    who: {tags: {any_of: [silver]}}
    send:
      every: 3 months
      first: 1 days after joining
      rotate: [{template: letter}]
"""


@pytest.fixture
def sent_to_two(home_of: Callable[..., Home], cast: Cast) -> tuple[Home, datetime]:
    """Amina and Ben have the tag of one campaign, which was handed over; and when it goes out."""
    home = home_of(rules=RULES)
    home.tell("ats", *cast.runner_up("1", "amina@example.org"), *cast.runner_up("2", "ben@example.org"))
    home.live()
    slot = datetime.fromisoformat(home.rows("select min(due_at) as at from enrolments")[0]["at"])
    home.pass_time(slot - timedelta(minutes=50) - home.now)
    home.pass_time(timedelta(minutes=25))
    return home, slot


Sent = tuple["Home", datetime]


def taken_out(home: Home) -> list[str]:
    return [action.subject.id for action in home.platforms["mailer"].of(Verb.REMOVE_TAG) if action.subject]


def message(home: Home, id_: str) -> dict[str, Any]:
    return home.rows("select state, sent, why from messages where person = ?", home.person("ats", id_))[0]


def test_it_was_handed_over_with_both_in_it(sent_to_two: Sent) -> None:
    home, slot = sent_to_two
    assert len(home.platforms["mailer"].of(Verb.SCHEDULE_CAMPAIGN)) == 1
    assert [message(home, it)["state"] for it in "12"] == ["sent", "sent"]
    assert home.now < slot


def test_who_applies_before_it_goes_out_is_taken_out_at_once(sent_to_two: Sent, cast: Cast) -> None:
    home, _ = sent_to_two
    home.tell("ats", cast.application("new", "1", Status.ACTIVE, at=home.now))
    home.turn()
    assert taken_out(home) == ["amina@example.org"]
    assert message(home, "1") == {"state": "failed", "sent": None, "why": "suppress in-process"}
    assert message(home, "2")["state"] == "sent"
    assert home.facts(home.person("ats", "1"))["last_contacted"] is None
    assert home.rows("select priority from outbox where verb = 'remove_tag'") == [{"priority": 0}]


def test_who_objects_elsewhere_is_taken_out_and_unsubscribed(sent_to_two: Sent, cast: Cast) -> None:
    home, _ = sent_to_two
    home.tell("mailer", cast.member("ben@example.org"))
    objected = cast.candidate("2", "ben@example.org", at=home.now, contact_allowed=False)
    home.tell("ats", objected)
    home.turn()
    assert taken_out(home) == ["ben@example.org"]
    suppressed = home.platforms["mailer"].of(Verb.SUPPRESS_MEMBER)
    assert [it.subject.id for it in suppressed if it.subject] == ["ben@example.org"]


def test_looking_again_takes_out_nobody_twice_and_nobody_who_may_have_it(sent_to_two: Sent, cast: Cast) -> None:
    home, _ = sent_to_two
    home.tell("ats", cast.application("new", "1", Status.ACTIVE, at=home.now))
    home.turn()
    home.store.write(lambda tx: tx.records.soil_everyone())
    home.turn()
    assert taken_out(home) == ["amina@example.org"]


def test_who_leaves_the_cadence_is_taken_out_as_well(sent_to_two: Sent, cast: Cast) -> None:
    home, _ = sent_to_two
    home.tell("ats", cast.application("2-run", "2", Status.WITHDRAWN, at=home.now))
    home.turn()
    assert taken_out(home) == ["ben@example.org"]
    assert message(home, "2")["why"] == "no longer matches the cadence"


def test_what_has_gone_out_is_not_called_back(sent_to_two: Sent, cast: Cast) -> None:
    home, slot = sent_to_two
    home.pass_time(slot - home.now)
    home.tell("ats", cast.application("new", "1", Status.ACTIVE, at=home.now))
    home.turn()
    assert taken_out(home) == []
    assert message(home, "1")["state"] == "sent"


def test_a_mailing_that_everyone_left_is_not_handed_over(home_of: Callable[..., Home], cast: Cast) -> None:
    home = home_of(rules=RULES)
    home.tell("ats", *cast.runner_up("1", "amina@example.org"))
    home.live()
    slot = datetime.fromisoformat(home.rows("select min(due_at) as at from enrolments")[0]["at"])
    home.pass_time(slot - timedelta(minutes=50) - home.now)
    home.tell("ats", cast.application("new", "1", Status.ACTIVE, at=home.now))
    home.pass_time(timedelta(minutes=25))
    assert taken_out(home) == ["amina@example.org"]
    assert home.platforms["mailer"].of(Verb.SCHEDULE_CAMPAIGN) == []
    assert home.rows("select state, outcome from outbox where verb = 'schedule_campaign'") == [
        {"state": "cancelled", "outcome": "guard: nobody is left to send it to"}
    ]
