"""What the mirror says of people: never too high, never too low, and never because of what we did ourselves."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from connector.model import (
    AnyRecord,
    Interview,
    Job,
    MemberStatus,
    Party,
    Reason,
    Ref,
    Rejection,
    Scorecard,
    Stage,
    StageVisit,
    Status,
    Touch,
    TouchKind,
)

if TYPE_CHECKING:
    from tests.conftest import Cast, Home

RUN = Ref("ats", "application", "1-run")
LONG_AGO = timedelta(days=800)


def stage(name: str, order: float) -> Stage:
    return Stage(ref=Ref("ats", "stage", name), name=name, order=order)


def visit(name: str, *, at: Any = None) -> StageVisit:
    return StageVisit(
        ref=Ref("ats", "stage_visit", name), application=RUN, stage=Ref("ats", "stage", name), entered_at=at
    )


def application(home: Home) -> dict[str, Any]:
    found: dict[str, Any] = home.facts(home.person("ats", "1"))["applications"][0]
    return found


@pytest.mark.parametrize(
    ("stages", "visited", "furthest"),
    [
        ([("New", 1), ("Onsite Interview", 2)], ["New", "Onsite Interview"], "onsite"),
        ([("New", 1), ("Onsite Interview", 2)], ["Onsite Interview", "New"], "onsite"),
        (
            [("New", 1), ("Trial Shift", 2), ("Onsite Interview", 3)],
            ["New", "Trial Shift", "Onsite Interview"],
            "onsite",
        ),
        ([("New", 1), ("Onsite Interview", 2), ("Trial Shift", 3)], ["New", "Onsite Interview", "Trial Shift"], None),
        ([("New", 1), ("Trial Shift", 2)], ["New", "Trial Shift"], None),
        ([("New", 1)], ["New", "never told of"], None),
        ([("Trial Shift", 2)], ["Trial Shift"], None),
        ([], [], None),
    ],
)
def test_a_step_beyond_the_furthest_known_one_that_nobody_mapped_makes_it_unknown(
    home: Home, cast: Cast, stages: list[tuple[str, float]], visited: list[str], furthest: str | None
) -> None:
    home.tell(
        "ats", *cast.runner_up("1", "a@example.org"), *[stage(*it) for it in stages], *[visit(it) for it in visited]
    )
    assert application(home)["furthest_stage"] == furthest


def test_a_verdict_without_a_word_or_with_one_worth_nothing_counts_for_nothing(home: Home, cast: Cast) -> None:
    words = [
        ("a", "yes", True),
        ("b", "strong_no", True),
        ("c", None, True),
        ("d", "no_decision", True),
        ("e", "strong_yes", False),
    ]
    cards = [
        Scorecard(ref=Ref("ats", "scorecard", id_), application=RUN, rating=word, complete=complete)
        for id_, word, complete in words
    ]
    home.tell("ats", *cast.runner_up("1", "a@example.org"), *cards)
    assert application(home)["scorecard_average"] == 2.5
    home.tell("ats", *cast.runner_up("2", "b@example.org"))
    assert home.facts(home.person("ats", "2"))["applications"][0]["scorecard_average"] is None


def test_a_reason_that_nobody_mapped_is_unknown_and_its_type_says_who_ended_it(home: Home, cast: Cast) -> None:
    reason = Reason(ref=Ref("ats", "reason", "r"), name="Something of their own", party=Party.THEM)
    gone = Rejection(ref=Ref("ats", "rejection", "x"), application=RUN, reason=reason.ref, rejected_at=home.now)
    home.tell("ats", *cast.runner_up("1", "a@example.org"), reason, gone)
    assert (application(home)["rejection_reason"], application(home)["status"]) == (None, "withdrawn")


def test_nothing_that_was_not_said_is_known(home: Home, cast: Cast) -> None:
    home.tell("ats", cast.candidate("1", "a@example.org"))
    facts = home.facts(home.person("ats", "1"))
    unknown = {
        "region",
        "country",
        "consent.email",
        "years_experience",
        "open_to_remote",
        "last_contacted",
        "skills",
        "functions",
    }
    assert {name for name in unknown if facts[name] is not None} == set()
    assert facts["unsubscribed"] is False


@pytest.mark.parametrize(
    ("candidate", "member", "consent"),
    [
        ({}, None, None),
        ({"contact_allowed": True}, None, True),
        ({"contact_allowed": False}, None, False),
        ({"contact_allowed": True, "can_email": False}, None, False),
        ({"fields": {"consent": ("Yes",)}}, None, True),
        ({"fields": {"consent": ("no",)}, "contact_allowed": True}, None, False),
        ({"fields": {"consent": ("maybe",)}}, None, None),
        ({}, MemberStatus.SUBSCRIBED, None),
        ({"contact_allowed": True}, MemberStatus.CLEANED, False),
        ({"contact_allowed": True}, MemberStatus.ARCHIVED, True),
    ],
)
def test_consent_is_a_yes_that_was_given_and_any_no_undoes_it(
    home: Home, cast: Cast, candidate: dict[str, Any], member: MemberStatus | None, consent: bool | None
) -> None:
    home.tell("ats", cast.candidate("1", "a@example.org", **candidate))
    if member:
        home.tell("mailer", cast.member("a@example.org", member))
    assert home.facts(home.person("ats", "1"))["consent.email"] is consent


def test_a_confirmed_sign_up_is_a_consent_and_an_import_is_none(home: Home, cast: Cast) -> None:
    home.tell("ats", cast.candidate("1", "a@example.org"), cast.candidate("2", "b@example.org"))
    home.tell("mailer", cast.member("a@example.org", opted_in_at=home.now), cast.member("b@example.org"))
    assert [home.facts(home.person("ats", id_))["consent.email"] for id_ in "12"] == [True, None]


def test_the_strictest_word_of_any_account_holds(home: Home, cast: Cast) -> None:
    home.tell("ats", cast.candidate("1", "a@example.org", contact_allowed=True))
    home.tell("other", cast.candidate("9", "a@example.org", account="other", can_email=False))
    facts = home.facts(home.person("ats", "1"))
    assert (facts["unsubscribed"], facts["consent.email"]) == (True, False)


QUIET = """
version: 1
rules:
  - rule: gone-quiet
    who: {last_activity: {more_than_ago: 24 months}}
    keep: {tags: [gone-quiet]}
"""


def test_our_own_tags_and_notes_never_change_an_answer_about_activity(home_of: Callable[..., Home], cast: Cast) -> None:
    home = home_of(rules=QUIET)
    then = home.now - LONG_AGO
    person = cast.candidate("1", "a@example.org", at=then, created_at=then, last_activity_at=then)
    home.tell("ats", person)
    home.live()
    assert home.platforms["ats"].verbs() == ["add_tag", "add_note"]
    for minutes in (0, 1, 3):
        # the platform shows the tag, our note, and that something happened just then
        home.now += timedelta(minutes=minutes)
        echo = home.now + timedelta(milliseconds=1)
        shown: dict[str, Any] = {"created_at": then, "last_activity_at": echo, "tags": ("gone-quiet",)}
        note = Touch(ref=Ref("ats", "touch", "n"), kind=TouchKind.NOTE, at=echo, candidate=person.ref, outbound=None)
        home.tell("ats", cast.candidate("1", "a@example.org", at=echo, **shown), note)
        home.turn()
    assert home.platforms["ats"].verbs() == ["add_tag", "add_note"]
    assert "gone-quiet" not in home.facts(home.person("ats", "1"))["tags"]
    home.now += timedelta(days=1)
    seen = cast.candidate(
        "1", "a@example.org", at=home.now, created_at=then, last_activity_at=home.now, tags=("gone-quiet",)
    )
    home.tell("ats", seen)
    home.turn()
    assert home.platforms["ats"].verbs() == ["add_tag", "add_note", "remove_tag"]


def test_the_same_records_make_the_same_image_in_any_order(home_of: Callable[..., Home], cast: Cast) -> None:
    records: list[AnyRecord] = [
        *cast.runner_up("1", "a@example.org", tags=("rn",)),
        cast.application("2", "1", Status.ACTIVE, job=Ref("ats", "job", "j")),
        Job(ref=Ref("ats", "job", "j"), title="Ward Nurse", status="open"),
        stage("New", 1), stage("Onsite Interview", 2), visit("New", at=cast.now - timedelta(days=9)), visit("Onsite Interview"),
        Scorecard(ref=Ref("ats", "scorecard", "s"), application=RUN, rating="yes"),
        Interview(ref=Ref("ats", "interview", "i"), application=RUN, completed_at=cast.now - timedelta(days=8)),
        Touch(ref=Ref("ats", "touch", "t"), kind=TouchKind.EMAIL, at=cast.now, candidate=cast.candidate("1").ref, outbound=True),
    ]  # fmt: skip
    found = []
    for seed in range(4):
        random.Random(seed).shuffle(records)
        home = home_of()
        for start in range(0, len(records), 3):
            home.tell("ats", *records[start : start + 3])
        facts = home.facts(home.person("ats", "1"))
        facts["applications"].sort(key=lambda it: it["id"])
        found.append(facts)
    assert all(facts == found[0] for facts in found)
    assert found[0]["applications"][0]["furthest_stage"] == "onsite"
    assert found[0]["last_contacted"] is not None
