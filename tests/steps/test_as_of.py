"""Turning a person back: what was recorded by then, and before that what the platforms' own dates allow."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from connector import past
from connector.asof import as_of, facts_of
from connector.image import image
from connector.model import (
    AnyRecord,
    Gone,
    Interview,
    Job,
    Label,
    MemberStatus,
    Merged,
    Offer,
    OfferStatus,
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
    User,
)

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def day(number: float) -> datetime:
    return START + timedelta(days=number)


def ref(kind: str, id: str) -> Ref:
    return Ref("ats", kind, id)


APPLICATION = ref("application", "7")
#: The day on which a record came that was found to be theirs only later.
TWO = 18
NURSE = ref("job", "104")


def whole(home: Any, at: datetime, *accounts: str) -> None:
    """From then on all that the accounts have has been read."""
    for account in accounts or ("ats", "other", "mailer"):
        home.store.write(lambda tx, it=account: tx.schedule.arrive(it, "all", until=at, complete=True, now=at))


def then(home: Any, person: int, moment: datetime, *, history: datetime = LONG_AGO) -> dict[str, Any] | None:
    """What a judge would have read about them."""
    with home.store.reading() as tx:
        world = past.world(tx, history=history)
        [found] = [it for it in past.pasts(tx, world) if it.person == person]
    held = as_of(found, world, moment)
    if held is None:
        return None
    return facts_of(image(person, held, home.settings.words), found.messages, moment)


def levelled(facts: dict[str, Any] | None) -> Any:
    """Lists in one order; the mirror gives them as they lie."""
    if facts is None:
        return None
    return {k: sorted(v, key=lambda it: it["id"]) if isinstance(v, list) else v for k, v in facts.items()}


def reference(title: str = "ICU Nurse") -> list[AnyRecord]:
    return [
        Job(ref=NURSE, title=title, status="open", department=ref("department", "2"), offices=(ref("office", "3"),)),
        Label(ref=ref("department", "2"), name="Nursing"),
        Label(ref=ref("office", "3"), name="Leeds", type="Leeds"),
        Label(ref=ref("source", "5"), name="Fair", type="In person event"),
        Stage(ref=ref("stage", "10"), name="New", order=0),
        Stage(ref=ref("stage", "11"), name="Onsite Interview", order=1),
        Reason(ref=ref("reason", "1"), name="Stronger candidate chosen", party=Party.US),
    ]


def life(cast: Any) -> Iterator[tuple[int, str, list[AnyRecord]]]:
    """(day, account, records) of one person who applied, got far, lost, was merged, objected, and came back."""
    name = {"email": "amina@example.org", "who": "1"}
    visit = StageVisit(
        ref=ref("stage_visit", "v1"), application=APPLICATION, stage=ref("stage", "10"), entered_at=day(1)
    )
    onsite = StageVisit(
        ref=ref("stage_visit", "v2"), application=APPLICATION, stage=ref("stage", "11"), entered_at=day(6)
    )
    run = {"job": NURSE, "applied_at": day(1), "source": ref("source", "5"), "recruiter": ref("user", "9")}
    card = Scorecard(ref=ref("scorecard", "s1"), application=APPLICATION, rating="yes", submitted_at=day(8))
    met = Interview(ref=ref("interview", "i1"), application=APPLICATION, stage=ref("stage", "11"), starts_at=day(7))
    yield 0, "ats", reference()
    yield 1, "ats", [
        cast.candidate("1", name["email"], at=day(1), created_at=day(1), tags=("rn",), location="Leeds"),
        cast.application("7", "1", Status.ACTIVE, at=day(1), stage=ref("stage", "10"), **run),
        visit,
    ]  # fmt: skip
    yield 6, "ats", [msgspec.structs.replace(visit, exited_at=day(6)), onsite, met]
    yield 8, "ats", [msgspec.structs.replace(met, completed_at=day(7), updated_at=day(8)), card]
    yield 9, "mailer", [cast.member(name["email"], at=day(9), opted_in_at=day(9))]
    yield 12, "ats", [
        cast.application("7", "1", Status.REJECTED, at=day(12), decided_at=day(12), reason=ref("reason", "1"), **run),
        Rejection(ref=ref("rejection", "7"), application=APPLICATION, reason=ref("reason", "1"), rejected_at=day(12)),
        Scorecard(ref=ref("scorecard", "s2"), application=APPLICATION, rating="strong_yes", submitted_at=day(11)),
    ]  # fmt: skip
    yield 15, "ats", [Reason(ref=ref("reason", "1"), name="Misconduct", party=Party.US, updated_at=day(15))]
    yield 16, "other", [cast.candidate("x", name["email"], account="other", at=day(16), created_at=day(16),
                                       contact_allowed=True, contact_expires_at=day(21))]  # fmt: skip
    yield TWO, "ats", [cast.candidate("2", "a.field@example.org", at=day(18), created_at=day(18), tags=("icu",))]
    yield 19, "ats", [Merged(ref=ref("candidate", "2"), into=ref("candidate", "1"), at=day(19))]
    yield (
        20,
        "ats",
        [
            Touch(
                ref=ref("touch", "t1"), candidate=ref("candidate", "1"), kind=TouchKind.EMAIL, at=day(20), outbound=True
            )
        ],
    )
    yield 23, "mailer", [cast.member(name["email"], MemberStatus.UNSUBSCRIBED, at=day(23))]
    yield 25, "ats", [
        cast.application("8", "1", Status.HIRED, at=day(25), job=NURSE, applied_at=day(22), decided_at=day(25)),
        Offer(ref=ref("offer", "o1"), application=ref("application", "8"), status=OfferStatus.ACCEPTED, sent_at=day(23),
              resolved_at=day(25)),
        User(ref=ref("user", "9"), name="Sam", candidates=(ref("candidate", "1"),), updated_at=day(25)),
    ]  # fmt: skip
    yield 27, "ats", [Gone(ref=ref("application", "7"), at=day(27)), *reference("Ward Nurse")[:1]]


def test_a_person_is_turned_back_to_what_the_mirror_said_that_day(home: Any, cast: Any) -> None:
    whole(home, day(-1))
    said: dict[datetime, Any] = {}
    for number, account, records in life(cast):
        home.now = day(number)
        home.tell(account, *records)
        if number and number != TWO:
            said[home.now] = levelled(home.facts(home.person("ats", "1")))
    person = home.person("ats", "1")
    assert len({str(it) for it in said.values()}) > 9, "most steps change some fact"
    for moment, facts in said.items():
        assert levelled(then(home, person, moment)) == facts, moment
    assert then(home, person, day(0)) is None
    assert (then(home, person, day(TWO)) or {})["tags"] == {"rn", "icu"}, "who is who is as we know it today"


@pytest.fixture
def known_later(home: Any, cast: Any) -> Callable[..., int]:
    """Everything first recorded on day 100, long after it happened; the accounts were connected that day."""

    def tell(*records: AnyRecord, account: str = "ats") -> int:
        home.now = day(100)
        home.tell("ats", *reference())
        home.tell(account, *records)
        whole(home, day(100))
        return int(home.person("ats", "1"))

    return tell


def someone(cast: Any, status: Status = Status.REJECTED, **more: Any) -> list[AnyRecord]:
    dated = {"applied_at": day(1), "decided_at": day(12)} | more
    return [
        cast.candidate("1", "amina@example.org", at=day(90), created_at=day(1)),
        cast.application("7", "1", status, at=day(90), job=NURSE, reason=ref("reason", "1"), **dated),
    ]


def only(facts: dict[str, Any] | None, name: str = "applications") -> Any:
    assert facts is not None
    [row] = facts[name]
    return row


def test_before_we_knew_them_nobody_is_there_until_the_platform_did(home: Any, cast: Any, known_later: Any) -> None:
    person = known_later(*someone(cast))
    assert then(home, person, day(0.5)) is None
    assert then(home, person, day(2)) is not None


def test_an_application_decided_later_was_under_way_and_had_no_reason(home: Any, cast: Any, known_later: Any) -> None:
    person = known_later(*someone(cast))
    row = only(then(home, person, day(11)))
    assert (row["status"], row["decided"], row["rejection_reason"]) == ("active", None, None)
    row = only(then(home, person, day(12)))
    assert (row["status"], row["rejection_reason"]) == ("rejected", "other_candidate")


def test_an_application_that_began_later_is_not_there(home: Any, cast: Any, known_later: Any) -> None:
    again = cast.application("8", "1", Status.ACTIVE, at=day(90), applied_at=day(30))
    person = known_later(*someone(cast), again)
    assert len((then(home, person, day(29)) or {})["applications"]) == 1
    assert len((then(home, person, day(31)) or {})["applications"]) == 2


def test_a_verdict_given_later_does_not_count(home: Any, cast: Any, known_later: Any) -> None:
    cards = [
        Scorecard(ref=ref("scorecard", f"s{n}"), application=APPLICATION, rating=rating, submitted_at=day(n))
        for n, rating in ((3, "no"), (20, "strong_yes"))
    ]
    person = known_later(*someone(cast), *cards)
    assert only(then(home, person, day(15)))["scorecard_average"] == 2
    assert only(then(home, person, day(21)))["scorecard_average"] == 3.5


def test_a_step_taken_later_is_not_seen_and_where_they_stand_now_says_nothing(
    home: Any, cast: Any, known_later: Any
) -> None:
    visits = [
        StageVisit(
            ref=ref("stage_visit", f"v{n}"), application=APPLICATION, stage=ref("stage", stage), entered_at=day(n)
        )
        for n, stage in ((1, "10"), (40, "11"))
    ]
    [candidate, application] = someone(cast, Status.ACTIVE, decided_at=None, stage=ref("stage", "11"))
    person = known_later(candidate, application, *visits)
    assert only(then(home, person, day(39)))["furthest_stage"] == "applied"
    assert only(then(home, person, day(41)))["furthest_stage"] == "onsite"


def test_without_visits_the_stage_of_an_application_under_way_is_unknown(
    home: Any, cast: Any, known_later: Any
) -> None:
    person = known_later(*someone(cast, stage=ref("stage", "11")))
    assert only(then(home, person, day(11)))["furthest_stage"] is None
    assert only(then(home, person, day(13)))["furthest_stage"] == "onsite"


def test_what_has_no_date_counts_only_once_its_application_was_over(home: Any, cast: Any, known_later: Any) -> None:
    card = Scorecard(ref=ref("scorecard", "s"), application=APPLICATION, rating="yes")
    person = known_later(*someone(cast), card)
    assert only(then(home, person, day(11)))["scorecards"] == 0
    assert only(then(home, person, day(13)))["scorecards"] == 1


def test_meetings_offers_and_letters_of_later_are_not_there(home: Any, cast: Any, known_later: Any) -> None:
    person = known_later(
        *someone(cast),
        Interview(ref=ref("interview", "i"), application=APPLICATION, starts_at=day(5), completed_at=day(6)),
        Offer(
            ref=ref("offer", "o"),
            application=APPLICATION,
            status=OfferStatus.DECLINED,
            sent_at=day(8),
            resolved_at=day(10),
        ),
        Touch(ref=ref("touch", "t"), candidate=ref("candidate", "1"), kind=TouchKind.EMAIL, at=day(9), outbound=True),
    )

    def told(number: float) -> tuple[int, str, bool]:
        facts = then(home, person, day(number)) or {}
        return len(facts["interviews"]), only(facts)["offer"], facts["last_contacted"] is not None

    assert told(5) == (0, "none", False)
    assert told(8.5) == (1, "open", False)
    assert told(11) == (1, "declined", True)


def test_whoever_was_hired_later_was_not_on_the_payroll_then(home: Any, cast: Any, known_later: Any) -> None:
    [candidate, application] = someone(cast)
    hired = cast.application("8", "1", Status.HIRED, at=day(90), applied_at=day(50), decided_at=day(60))
    person = known_later(msgspec.structs.replace(candidate, employee=True), application, hired)
    assert (then(home, person, day(13)) or {})["employment"] == "none"
    assert (then(home, person, day(61)) or {})["employment"] == "hired"


def test_an_employee_of_old_stays_one(home: Any, cast: Any, known_later: Any) -> None:
    [candidate, application] = someone(cast, Status.HIRED)
    hired = cast.application("8", "1", Status.HIRED, at=day(90), applied_at=day(50), decided_at=day(60))
    person = known_later(msgspec.structs.replace(candidate, employee=True), application, hired)
    assert (then(home, person, day(13)) or {})["employment"] == "hired"


def test_what_the_platform_says_of_later_activity_is_not_known_yet(home: Any, cast: Any, known_later: Any) -> None:
    [candidate, application] = someone(cast)
    person = known_later(msgspec.structs.replace(candidate, last_activity_at=day(80)), application)
    assert (then(home, person, day(13)) or {})["last_activity"] == "2026-03-14T09:00:00.000000Z"
    assert (then(home, person, day(81)) or {})["last_activity"] == "2026-05-21T09:00:00.000000Z"


def test_an_opt_out_counts_from_when_it_was_made(home: Any, cast: Any, known_later: Any) -> None:
    person = known_later(*someone(cast))
    home.tell("mailer", cast.member("amina@example.org", MemberStatus.UNSUBSCRIBED, at=day(70)))
    home.tell("mailer", cast.member("amina@example.org", MemberStatus.SUBSCRIBED, at=day(71)))
    assert (then(home, person, day(69)) or {})["unsubscribed"] is False
    assert (then(home, person, day(70)) or {})["unsubscribed"] is True


def test_a_confirmed_sign_up_of_later_is_no_consent_yet(home: Any, cast: Any, known_later: Any) -> None:
    person = known_later(*someone(cast))
    home.tell("mailer", cast.member("amina@example.org", at=day(99), opted_in_at=day(50)))
    assert (then(home, person, day(49)) or {})["consent.email"] is None
    assert (then(home, person, day(51)) or {})["consent.email"] is True


def test_skills_region_and_tags_are_as_they_were_first_seen(home: Any, cast: Any, known_later: Any) -> None:
    [candidate, application] = someone(cast)
    person = known_later(msgspec.structs.replace(candidate, tags=("rn",)), application)
    home.now = day(110)
    home.tell("ats", cast.candidate("1", "amina@example.org", at=day(110), created_at=day(1), tags=("icu",)))
    assert (then(home, person, day(13)) or {})["tags"] == {"rn"}
    assert (then(home, person, day(111)) or {})["tags"] == {"icu"}


def test_once_all_had_been_read_what_was_recorded_later_was_not_known(home: Any, cast: Any) -> None:
    """However early the platform dates it."""
    home.now = day(50)
    home.tell("ats", *reference(), *someone(cast))
    whole(home, day(50))
    home.now = day(80)
    home.tell("ats", Scorecard(ref=ref("scorecard", "s"), application=APPLICATION, rating="yes", submitted_at=day(3)))
    person = home.person("ats", "1")
    assert only(then(home, person, day(79)))["scorecards"] == 0
    assert only(then(home, person, day(80)))["scorecards"] == 1
    assert only(then(home, person, day(49)))["scorecards"] == 1, "turned back by the platform's date"


def test_where_retention_dropped_versions_dates_decide_again(home: Any, cast: Any) -> None:
    home.now = day(50)
    whole(home, day(50))
    home.tell("ats", *reference(), *someone(cast, Status.ACTIVE, decided_at=None))
    home.now = day(60)
    home.tell("ats", *someone(cast, decided_at=day(60))[1:])
    person = home.person("ats", "1")
    home.store.write(lambda tx: tx.history.expire(day(200), limit=100))
    assert (then(home, person, day(55)) or {})["applications"] == []
    row = only(then(home, person, day(55), history=day(200)))
    assert row["status"] == "active"


def test_tags_that_we_put_there_are_never_read_as_theirs(home: Any, cast: Any) -> None:
    whole(home, day(-1))
    home.tell("ats", *cast.runner_up("1", "amina@example.org"))
    home.live()
    home.now = day(301)
    home.tell("ats", cast.candidate("1", "amina@example.org", at=day(301), tags=("silver", "rn"), contact_allowed=True))
    home.now = day(302)
    home.tell("ats", cast.application("1-run", "1", Status.HIRED, at=day(302)))
    home.turn()
    home.tell("ats", cast.candidate("1", "amina@example.org", at=day(302), tags=("rn",), contact_allowed=True))
    assert home.rows("select 1 from owned where key = 'silver'") == []
    assert (then(home, home.person("ats", "1"), day(301)) or {})["tags"] == {"rn"}
