"""Each question of the guard stops what it should, and nothing that goes out is without a question."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from connector import acts, guard
from connector.flow import Verb
from connector.guard import PATIENCE, Held
from connector.model import MemberStatus, Ref, Status
from connector.store.outbox import Queued
from connector.store.schedule import Message

if TYPE_CHECKING:
    from tests.conftest import Cast, Home

SILVER = Ref("ats", "candidate", "1")
MAIL = "a@example.org"


def every_act(person: int | None, now: datetime) -> dict[str, Queued]:
    """One of each that `acts` can make, as its steps make them."""
    more: dict[str, Any] = {"rule": "silver", "person": person, "due_at": now}
    message: dict[str, Any] = {**more, "rule": "quarterly", "occasion": "m", "after": None, "reaches_at": now}
    return {
        "add_tag": acts.add_tag("ats", SILVER, "silver", occasion="o", purpose=acts.KEEP, **more),
        "pool": acts.add_tag("mailer", acts.member("mailer", MAIL), "bench", occasion="o", purpose=acts.MEMBER, **more),
        "mailing": acts.add_tag("mailer", acts.member("mailer", MAIL), "kw", occasion="m", purpose=acts.MARKETING,
                                slot_at=now, message="m", **{**more, "rule": "quarterly"}),
        "remove_tag": acts.remove_tag("ats", SILVER, "silver", occasion="o", row=None, **more),
        "add_note": acts.add_note("ats", SILVER, "text", occasion="o", **more),
        "upsert_member": acts.upsert_member("mailer", MAIL, {}, **more),
        "suppress_member": acts.suppress_member("mailer", MAIL, occasion="o", **more),
        "send_event": acts.send_event("mailer", MAIL, "news", {}, purpose=acts.MARKETING, **message),
        "service": acts.send_event("mailer", MAIL, "news", {}, purpose=acts.SERVICE, **message),
        "start_journey": acts.start_journey("mailer", MAIL, "1", "2", purpose=acts.MARKETING, **message),
        "schedule_campaign": acts.schedule_campaign("mailer", "m", "kw", send_at=now, options={}, rule="quarterly", due_at=now),
        "notify": acts.notify("chat", "team", "text", occasion="o", **more),
    }  # fmt: skip


#: Acts that reach a candidate, or put them where they can be reached.
REACH = ("pool", "mailing", "upsert_member", "send_event", "service", "start_journey")
MESSAGES = ("mailing", "send_event", "start_journey")


@pytest.fixture
def enrolled(home: Home, cast: Cast) -> Home:
    home.tell("ats", *cast.runner_up("1", MAIL))
    home.settle()
    home.apply()
    home.settle()
    home.store.write(lambda tx: tx.db.conn.execute("delete from messages"))  # the cap is a test of its own
    return home


def judged(home: Home, name: str, *, now: datetime | None = None) -> Held | None:
    queued = every_act(home.person("ats", "1"), now or home.now)[name]
    with home.store.reading() as tx:
        return home.house.desk.guard.judge(tx, queued, now=now or home.now)


def test_every_verb_has_a_builder_and_every_builder_a_purpose_that_is_judged() -> None:
    made = every_act(1, datetime.fromisoformat("2026-11-23T09:00:00+00:00"))
    returns = {
        name
        for name, it in vars(acts).items()
        if inspect.isfunction(it) and not name.startswith("_") and it.__annotations__.get("return") == "Queued"
    }
    assert returns <= made.keys()
    assert {it.action.verb for it in made.values()} == set(Verb) - {Verb.ADD_SOURCE, Verb.REMOVE_SOURCE}
    purposes = {acts.KEEP, acts.MEMBER, acts.MARKETING, acts.SERVICE, acts.NOTICE, acts.OPT_OUT}
    assert guard._CHECKS.keys() == purposes
    assert {it.purpose for it in made.values()} == purposes
    unasked = {
        name for name, it in made.items() if not guard._CHECKS[it.purpose] and it.action.verb not in guard.LETTING_GO
    }
    assert unasked == {"add_tag", "add_note", "notify"}
    with pytest.raises(KeyError):
        guard._CHECKS["something else"]


def test_no_verb_can_subscribe_anyone_who_is_there_already() -> None:
    """`consented` goes along with one verb only, whose adapter may use it for new members alone."""
    for name, it in every_act(1, datetime.fromisoformat("2026-11-23T09:00:00+00:00")).items():
        assert ("consented" in it.action.args) is (name == "upsert_member")
        assert "status" not in it.action.args


def test_everything_may_happen_to_someone_who_agreed_and_matches(enrolled: Home) -> None:
    assert {name: judged(enrolled, name) for name in every_act(1, enrolled.now)} == dict.fromkeys(
        every_act(1, enrolled.now)
    )


def stopped(home: Home, *, why: str, only: tuple[str, ...] = REACH) -> None:
    for name in every_act(1, home.now):
        held = judged(home, name)
        assert (held is not None) is (name in only), name
        assert held is None or (why in held.why and held.until is None), held


def test_an_objection_stops_all_that_reaches(enrolled: Home, cast: Cast) -> None:
    enrolled.tell("mailer", cast.member(MAIL, MemberStatus.UNSUBSCRIBED))
    stopped(enrolled, why="opted out")


def test_an_objection_stops_before_anyone_built_the_person_anew(enrolled: Home, cast: Cast) -> None:
    enrolled.keep("mailer", cast.member(MAIL, MemberStatus.COMPLAINED))
    enrolled.read()
    stopped(enrolled, why="opted out")


def test_a_no_to_consent_stops_all_that_reaches(enrolled: Home, cast: Cast) -> None:
    later = enrolled.now + timedelta(hours=1)
    enrolled.tell("ats", cast.candidate("1", MAIL, at=later, fields={"consent": ("no",)}))
    stopped(enrolled, why="no consent")


def test_not_knowing_of_consent_is_a_no(enrolled: Home, cast: Cast) -> None:
    enrolled.tell("ats", cast.candidate("1", MAIL, at=enrolled.now))
    stopped(enrolled, why="consent is not known")


def test_consent_that_ends_before_the_message_arrives_is_none(enrolled: Home, cast: Cast) -> None:
    ends = enrolled.now + timedelta(hours=2)
    enrolled.tell("ats", cast.candidate("1", MAIL, at=enrolled.now, contact_allowed=True, contact_expires_at=ends))
    assert judged(enrolled, "mailing") is None
    held = judged(enrolled, "mailing", now=ends)
    assert held is not None
    assert held.why == "consent has ended"


def test_an_address_that_is_not_theirs_any_more_gets_nothing(enrolled: Home, cast: Cast) -> None:
    enrolled.tell("ats", cast.candidate("1", "new@example.org", at=enrolled.now, contact_allowed=True))
    stopped(enrolled, why="not theirs any more")


def test_the_suppress_section_stops_by_its_own_reach(enrolled: Home, cast: Cast) -> None:
    enrolled.tell("ats", cast.candidate("1", MAIL, at=enrolled.now, contact_allowed=True, tags=("Do-Not-Contact",)))
    stopped(enrolled, why="suppress leave-alone")
    enrolled.tell("ats", cast.candidate("1", MAIL, at=enrolled.now, contact_allowed=True))
    enrolled.tell("ats", cast.application("2", "1", Status.ACTIVE))
    stopped(enrolled, why="suppress in-process", only=MESSAGES)


DOUBT = """
version: 1
suppress:
  - suppress: far-away
    who: {region: {none_of: [North West]}}
    stops: everything
rules:
  - rule: silver
    who: {has_application: {status: rejected}}
    keep: {tags: [silver], pools: [bench]}
"""


def test_a_suppression_that_cannot_be_ruled_out_stops(home_of: Callable[..., Home], cast: Cast) -> None:
    home = home_of(rules=DOUBT)
    home.tell("ats", *cast.runner_up("1", MAIL))
    home.settle()
    stopped(home, why="suppress far-away cannot be ruled out")


def test_who_no_longer_matches_gets_no_message(enrolled: Home, cast: Cast) -> None:
    enrolled.tell("ats", cast.application("1-run", "1", Status.HIRED, at=enrolled.now))
    stopped(enrolled, why="no longer matches", only=MESSAGES)


def test_the_control_group_gets_no_marketing(home_of: Callable[..., Home], cast: Cast) -> None:
    home = home_of()
    home.settings = replace(home.settings, control_group=1.0)
    home.house = home._assembled()
    home.tell("ats", *cast.runner_up("1", MAIL))
    home.settle()
    home.apply()
    stopped(home, why="control group", only=MESSAGES)


def sent(home: Home, *days_ago: float, purpose: str = "marketing") -> None:
    messages = [
        Message(id=f"before-{ago}", person=home.person("ats", "1"), cadence="", template="t", purpose=purpose, state="sent",
                due_at=home.now - timedelta(days=ago), sent_at=home.now - timedelta(days=ago))
        for ago in days_ago
    ]  # fmt: skip
    home.store.write(lambda tx: tx.schedule.message(messages))


def test_a_cap_holds_until_it_is_free_and_drops_what_would_wait_too_long(enrolled: Home) -> None:
    sent(enrolled, 26)
    held = judged(enrolled, "send_event")
    assert held == Held("cap on marketing", enrolled.now + timedelta(days=4, seconds=1))
    assert judged(enrolled, "service") is None
    sent(enrolled, 10)
    held = judged(enrolled, "send_event")
    assert held == Held(f"cap on marketing: not free within {PATIENCE.days} days")


def test_the_cap_on_everything_counts_service_messages_too(enrolled: Home) -> None:
    sent(enrolled, 1, purpose="service")
    assert judged(enrolled, "send_event") is None
    sent(enrolled, 2, purpose="service")
    held = judged(enrolled, "send_event")
    assert held == Held("cap on everything", enrolled.now + timedelta(days=5, seconds=1))


@pytest.mark.parametrize(
    ("zone", "at", "opens"),
    [
        (None, "2026-11-23T08:29:00+00:00", "2026-11-23T08:30:00+00:00"),
        (None, "2026-11-23T19:00:00+00:00", "2026-11-24T08:30:00+00:00"),
        (None, "2026-11-28T12:00:00+00:00", "2026-11-30T08:30:00+00:00"),
        ("Asia/Tokyo", "2026-11-23T12:00:00+00:00", "2026-11-23T23:30:00+00:00"),
        ("New York", "2026-11-23T12:00:00+00:00", "2026-11-23T13:30:00+00:00"),
        ("nowhere", "2026-11-23T12:00:00+00:00", None),
    ],
)
def test_quiet_hours_are_those_of_the_persons_own_clock(
    enrolled: Home, cast: Cast, zone: str | None, at: str, opens: str | None
) -> None:
    enrolled.tell("ats", cast.candidate("1", MAIL, at=enrolled.now, contact_allowed=True, time_zone=zone))
    enrolled.now = datetime.fromisoformat(at)
    for name in every_act(1, enrolled.now):
        held = judged(enrolled, name)
        quiet = opens is not None and name in (*MESSAGES, "service")
        assert held == (Held("quiet hours", datetime.fromisoformat(opens or at)) if quiet else None), name


def test_who_is_gone_gets_nothing_and_loses_what_we_gave(enrolled: Home) -> None:
    with enrolled.store.reading() as tx:
        for name, queued in every_act(99, enrolled.now).items():
            held = enrolled.house.desk.guard.judge(tx, queued, now=enrolled.now)
            free = name in ("remove_tag", "suppress_member", "notify", "schedule_campaign")
            assert (held is None) is free, name
