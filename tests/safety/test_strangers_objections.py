"""Somebody whom no ATS knows objects in one audience: the others hear of it, once, after a first plan was applied."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec
import pytest

from connector import objections
from connector.flow import Action, Verb
from connector.model import Member, MemberStatus, Ref

if TYPE_CHECKING:
    from tests.conftest import Cast, Home

SETTINGS = """
version: 1
accounts:
  ats: {platform: invented}
  mailer: {platform: invented}
  mailer-two: {platform: invented}
"""
RULES = """
version: 1
rules:
  - rule: silver
    who: {has_application: {status: rejected}}
    keep: {tags: [silver]}
"""
SAM = "sam@example.org"


@pytest.fixture
def home(home_of: Callable[..., Home]) -> Home:
    return home_of(settings=SETTINGS, rules=RULES)


def in_(account: str, member: Member) -> Member:
    return msgspec.structs.replace(member, ref=Ref(account, "member", member.email))


def echo(home: Home, cast: Cast) -> None:
    """Each audience tells what we did to it, as their webhooks do."""

    def told(account: str) -> Callable[[Action], None]:
        def watch(action: Action) -> None:
            if action.verb is Verb.SUPPRESS_MEMBER and action.subject:
                gone = cast.member(action.subject.id, MemberStatus.UNSUBSCRIBED, at=home.now + timedelta(seconds=1))
                home.keep(account, in_(account, gone))

        return watch

    for account in ("mailer", "mailer-two"):
        home.platforms[account].watch = told(account)


def suppressed(home: Home) -> dict[str, list[str]]:
    return {
        name: [it.subject.id for it in home.platforms[name].of(Verb.SUPPRESS_MEMBER) if it.subject]
        for name in ("mailer", "mailer-two")
    }


def test_an_objection_goes_round_two_audiences_once(home: Home, cast: Cast) -> None:
    home.live()
    echo(home, cast)
    home.tell("mailer-two", in_("mailer-two", cast.member(SAM)))
    home.tell("mailer", cast.member(SAM, MemberStatus.UNSUBSCRIBED))
    for _ in range(4):
        home.now += timedelta(minutes=10)
        home.turn()
    assert suppressed(home) == {"mailer": [], "mailer-two": [SAM]}
    assert not home.rows("select 1 from objecting")


def test_an_audience_that_turns_up_with_them_later_hears_of_it_too(home: Home, cast: Cast) -> None:
    home.live()
    home.tell("mailer", cast.member(SAM, MemberStatus.UNSUBSCRIBED))
    home.turn()
    home.tell("mailer-two", in_("mailer-two", cast.member(SAM)), in_("mailer-two", cast.member("else@example.org")))
    home.turn()
    assert suppressed(home) == {"mailer": [], "mailer-two": [SAM]}


def test_nothing_is_written_before_a_first_plan_and_then_all_of_it(home: Home, cast: Cast) -> None:
    home.tell("mailer-two", in_("mailer-two", cast.member(SAM)))
    home.tell("mailer", cast.member(SAM, MemberStatus.UNSUBSCRIBED))
    home.turn()
    assert suppressed(home) == {"mailer": [], "mailer-two": []}
    with home.store.reading() as tx:
        assert objections.strangers(tx, home.house.accounts) == 1
    home.live()
    assert suppressed(home) == {"mailer": [], "mailer-two": [SAM]}


def test_who_is_known_to_an_ats_as_well_is_written_once(home: Home, cast: Cast) -> None:
    home.tell("ats", cast.candidate("1", SAM))
    home.live()
    home.tell("mailer-two", in_("mailer-two", cast.member(SAM)))
    home.tell("mailer", cast.member(SAM, MemberStatus.COMPLAINED))
    home.turn()
    assert suppressed(home) == {"mailer": [], "mailer-two": [SAM]}
    assert len(home.rows("select 1 from outbox where verb = 'suppress_member'")) == 1


def test_who_moved_to_another_address_is_followed_there(home: Home, cast: Cast) -> None:
    home.live()
    home.tell("mailer", cast.member(SAM, MemberStatus.UNSUBSCRIBED))
    moved = cast.member("new@example.org", former_email=SAM)
    home.tell("mailer-two", in_("mailer-two", moved))
    home.turn()
    assert suppressed(home) == {"mailer": [], "mailer-two": ["new@example.org"]}
