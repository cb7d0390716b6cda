"""Objections that a later word about the same person must not make anyone forget."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from connector.flow import Verb
from connector.model import Gone, MemberStatus, Merged, Ref

if TYPE_CHECKING:
    from tests.conftest import Cast, Home

DAY = timedelta(days=1)


def test_an_outdated_opt_out_reaches_their_other_address_as_well(home: Home, cast: Cast) -> None:
    home.tell("mailer", cast.member("old@example.org", at=home.now))
    home.tell("ats", *cast.runner_up("1", "old@example.org"))
    home.live()
    late = cast.member("old@example.org", MemberStatus.UNSUBSCRIBED, at=home.now - 30 * DAY)
    home.tell("mailer", late)
    assert home.facts(home.person("ats", "1"))["unsubscribed"] is True


@pytest.mark.parametrize("flag", ["can_email", "contact_allowed"])
@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_the_no_of_a_record_that_is_merged_away_stays(
    home: Home, cast: Cast, flag: str, order: tuple[int, int]
) -> None:
    home.tell("ats", *cast.runner_up("1", "a@example.org"))
    more: dict[str, Any] = {flag: False}
    refusing = cast.candidate("2", "b@example.org", at=home.now - DAY, **more)
    merge = Merged(ref=refusing.ref, into=Ref("ats", "candidate", "1"), at=home.now)
    for which in order:
        home.tell("ats", (refusing, merge)[which])
    home.live()
    assert home.facts(home.person("ats", "1"))["unsubscribed"] is True
    assert home.platforms["mailer"].of(Verb.UPSERT_MEMBER, Verb.SEND_EVENT, Verb.START_JOURNEY) == []


def test_the_no_of_a_record_that_was_deleted_holds_for_whoever_comes_back_with_its_address(
    home: Home, cast: Cast
) -> None:
    home.tell("ats", cast.candidate("1", "a@example.org", at=home.now - DAY, can_email=False))
    home.tell("ats", Gone(ref=Ref("ats", "candidate", "1"), at=home.now))
    home.tell("other", *cast.runner_up("7", "a@example.org", account="other"))
    home.live()
    assert home.facts(home.person("other", "7"))["unsubscribed"] is True


def test_a_yes_that_replaced_a_no_is_not_forgotten_by_a_merge(home: Home, cast: Cast) -> None:
    home.tell("ats", *cast.runner_up("1", "a@example.org"))
    home.tell("ats", cast.candidate("2", "b@example.org", at=home.now - 2 * DAY, contact_allowed=False))
    home.tell("ats", cast.candidate("2", "b@example.org", at=home.now - DAY, contact_allowed=True))
    home.tell("ats", Merged(ref=Ref("ats", "candidate", "2"), into=Ref("ats", "candidate", "1"), at=home.now))
    assert home.facts(home.person("ats", "1"))["unsubscribed"] is False


def test_an_opt_out_is_still_written_when_its_record_vanishes_before_it_was(home: Home, cast: Cast) -> None:
    home.live()
    home.tell("mailer", cast.member("a@example.org", at=home.now))
    home.tell("ats", cast.candidate("1", "a@example.org", at=home.now, can_email=False))
    home.tell("ats", Gone(ref=Ref("ats", "candidate", "1"), at=home.now + DAY))
    home.push()
    assert [it.subject.id for it in home.platforms["mailer"].of(Verb.SUPPRESS_MEMBER) if it.subject] == [
        "a@example.org"
    ]


@pytest.mark.parametrize("merged_days", [-3, 0])
def test_an_objection_from_an_address_of_a_record_merged_before_anyone_looked_is_the_survivors(
    home: Home, cast: Cast, merged_days: int
) -> None:
    """The platform may date the merge before its last touch of the lost record, and both may come at once."""
    home.tell("ats", *cast.runner_up("1", "a@example.org"))
    home.keep("ats", cast.candidate("2", "b@example.org", at=home.now))
    merge = Merged(ref=Ref("ats", "candidate", "2"), into=Ref("ats", "candidate", "1"), at=home.now + merged_days * DAY)
    home.keep("ats", merge)
    home.tell("mailer", cast.member("b@example.org", MemberStatus.UNSUBSCRIBED, at=home.now))
    assert home.facts(home.person("ats", "1"))["unsubscribed"] is True


def test_an_address_that_was_replaced_before_anyone_looked_is_still_theirs(home: Home, cast: Cast) -> None:
    home.keep("ats", cast.candidate("1", "old@example.org", at=home.now - DAY))
    home.tell("ats", *cast.runner_up("1", "new@example.org"), cast.candidate("1", "new@example.org", at=home.now))
    home.tell("mailer", cast.member("old@example.org", MemberStatus.UNSUBSCRIBED, at=home.now))
    assert home.facts(home.person("ats", "1"))["unsubscribed"] is True
