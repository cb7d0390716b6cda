"""Lever's rows as they vary in the field, and each field spoiled in turn."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.lever.adapter import Lever
from connector.adapter import Connection
from connector.client import Client, Pace
from connector.errors import Malformed
from connector.flow import Delivery, Reading
from connector.model import (
    AnyRecord,
    Application,
    Candidate,
    Gone,
    Interview,
    Job,
    Offer,
    Party,
    Reason,
    Ref,
    Scorecard,
    Stage,
    StageVisit,
    Status,
    Touch,
    User,
)

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
T = 1_700_000_000_000
#: Reading asks nobody.
UNUSED = Client(httpx.Client(), base_url="https://api.lever.co/v1", pace=Pace(Lever.declaration.limits))


def moment(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


def read(stream: str, body: Any, **options: object) -> Reading:
    lever = Lever(Connection(account="acme", client=UNUSED, options=options))
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return lever.read(Delivery(account="acme", body=raw, received_at=NOW, stream=stream))


def row(**change: Any) -> dict[str, Any]:
    run = {
        "id": "run-1",
        "opportunityId": "opp-1",
        "type": "posting",
        "posting": "job-1",
        "postingOwner": "user-2",
        "createdAt": T,
        "archived": None,
        "requisitionForHire": None,
    }
    whole = {
        "id": "opp-1",
        "contact": "contact-1",
        "name": " Ada Example Lovelace ",
        "headline": "",
        "location": "Leeds",
        "stage": "stage-2",
        "confidentiality": "non-confidential",
        "emails": [" Ada@Example.org ", "not an address", "ada@example.org"],
        "archived": None,
        "tags": ["skill: python", "Full-time", "skill: go"],
        "sources": ["Referral", "Extension"],
        "stageChanges": [
            {"toStageId": "stage-1", "toStageIndex": 3, "updatedAt": T + 1},
            {"toStageId": "stage-2", "toStageIndex": 4, "updatedAt": T + 2, "userId": "user-1"},
        ],
        "origin": "applied",
        "owner": "user-1",
        "applications": [run],
        "createdAt": T,
        "updatedAt": T + 9,
        "lastInteractionAt": T + 5,
        "lastAdvancedAt": T + 2,
        "urls": {"list": "https://hire.example.com", "show": "https://hire.example.com/opp-1"},
        "isAnonymized": False,
        "dataProtection": None,
    }
    return {**whole, **change}


def opportunity(**change: Any) -> tuple[Candidate, Application, list[StageVisit]]:
    reading = read("opportunities", {"data": [row(**change)], "hasNext": False})
    assert reading.spoiled == ()
    candidate, application, *visits = reading.records
    assert isinstance(candidate, Candidate)
    assert isinstance(application, Application)
    return candidate, application, [visit for visit in visits if isinstance(visit, StageVisit)]


def test_one_opportunity_is_a_candidate_an_application_and_its_visits() -> None:
    candidate, application, visits = opportunity()
    assert candidate.ref == Ref("acme", "candidate", "opp-1")
    assert (candidate.group, candidate.first_name, candidate.last_name) == ("contact-1", "Ada", "Example Lovelace")
    assert candidate.emails == ("ada@example.org",)
    assert (candidate.headline, candidate.location) == (None, "Leeds")
    assert application.ref == Ref("acme", "application", "opp-1")
    assert application.candidate == candidate.ref
    assert (application.status, application.prospect) == (Status.ACTIVE, False)
    assert (application.job, application.applied_at) == (Ref("acme", "job", "job-1"), moment(T))
    assert application.source == Ref("acme", "source", "Referral")
    assert application.recruiter == Ref("acme", "user", "user-1")
    assert candidate.updated_at == application.updated_at == moment(T + 9)
    assert [(visit.ref.id, visit.stage.id, visit.entered_at, visit.exited_at) for visit in visits] == [
        ("opp-1:0", "stage-1", moment(T + 1), moment(T + 2)),
        ("opp-1:1", "stage-2", moment(T + 2), None),
    ]


def test_a_single_answer_and_bare_or_expanded_ids_are_read_alike() -> None:
    whole = row(stage={"id": "stage-2", "text": "Onsite"}, contact={"id": "contact-1"}, owner={"id": "user-1"})
    assert read("opportunities", {"data": whole}).records == read("opportunities", {"data": [row()]}).records
    _, bare, _ = opportunity(applications=["run-1"])
    assert (bare.job, bare.prospect) == (None, False)


@pytest.mark.parametrize(
    ("change", "latest"),
    [
        ({"updatedAt": None}, T + 5),
        ({"updatedAt": None, "archived": {"reason": None, "archivedAt": T + 7}}, T + 7),
        ({"updatedAt": T + 1, "lastInteractionAt": T + 91_000}, T + 91_000),
        ({"updatedAt": None, "lastInteractionAt": None, "lastAdvancedAt": None}, T + 2),
    ],
)
def test_the_latest_known_moment_stands_in_for_a_missing_or_lagging_updated_at(
    change: dict[str, Any], latest: int
) -> None:
    assert opportunity(**change)[1].updated_at == moment(latest)


@pytest.mark.parametrize(
    ("archived", "run", "status", "reason"),
    [
        ({"reason": "r-1", "archivedAt": T}, {}, Status.REJECTED, "r-1"),
        ({"reason": None, "archivedAt": T}, {}, Status.REJECTED, None),
        ({"reason": "r-1", "archivedAt": T}, {"requisitionForHire": {"id": "q"}}, Status.HIRED, "r-1"),
        (None, {"requisitionForHire": {"id": "q"}}, Status.ACTIVE, None),
    ],
)
def test_only_the_archive_marker_ends_an_application(
    archived: Any, run: dict[str, Any], status: Status, reason: str | None
) -> None:
    _, application, _ = opportunity(archived=archived, applications=[{"posting": "job-1", **run}])
    assert application.status is status
    assert (application.reason.id if application.reason else None) == reason
    assert application.decided_at == (moment(T) if archived else None)


@pytest.mark.parametrize(
    ("change", "prospect"),
    [
        ({"stage": "lead-new"}, True),
        ({"stage": {"id": "lead-responded", "text": "Responded"}}, True),
        ({"origin": "sourced", "applications": []}, True),
        ({"origin": "sourced"}, False),
        ({"origin": "applied", "applications": []}, False),
    ],
)
def test_leads_and_the_sourced_without_an_application_are_prospects(change: dict[str, Any], prospect: bool) -> None:
    assert opportunity(**change)[1].prospect is prospect


def protection(contact: Any, store: Any = None) -> dict[str, Any]:
    return {"dataProtection": {"contact": contact, "store": store}}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"dataProtection": None}, (None, None, None)),
        ({"dataProtection": {}}, (None, None, None)),
        ({"dataProtection": {"interviewIntelligence": {"allowed": True, "expiresAt": None}}}, (None, None, None)),
        (protection({"allowed": True, "expiresAt": T}), (True, moment(T), None)),
        (protection({"allowed": False, "expiresAt": None}, {"allowed": True, "expiresAt": None}), (False, None, True)),
        (protection(None, {"allowed": True, "expiresAt": T}), (None, None, False)),
        (protection(None, {"allowed": None, "expiresAt": None}), (None, None, None)),
    ],
)
def test_consent_is_told_as_lever_holds_it_and_null_is_not_a_consent(
    change: dict[str, Any], told: tuple[Any, ...]
) -> None:
    candidate, _, _ = opportunity(**change)
    assert (candidate.contact_allowed, candidate.contact_expires_at, candidate.store_allowed) == told


def test_consent_that_is_not_told_at_all_is_not_a_consent() -> None:
    bare = row()
    del bare["dataProtection"]
    (candidate, *_) = read("opportunities", {"data": [bare]}).records
    assert isinstance(candidate, Candidate)
    assert candidate.contact_allowed is None


def test_an_anonymised_record_keeps_nothing_of_the_person() -> None:
    candidate, _, _ = opportunity(isAnonymized=True, headline="Pilot")
    assert candidate.anonymised
    assert (candidate.first_name, candidate.last_name, candidate.emails) == (None, None, ())
    assert (candidate.headline, candidate.location) == (None, None)


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("", (None, None)),
        ("Cher", ("Cher", None)),
        ("Lovelace, Ada", (None, "Lovelace, Ada")),
        ("ada@example.org", (None, None)),
    ],
)
def test_a_first_name_is_never_guessed_from_an_odd_name(name: str, parts: tuple[Any, Any]) -> None:
    candidate, _, _ = opportunity(name=name)
    assert (candidate.first_name, candidate.last_name) == parts


def test_an_opportunity_without_a_contact_stands_for_itself() -> None:
    for none in (None, "", {"name": "Ada"}):
        candidate = read("opportunities", {"data": [row(contact=none)]}).records[0]
        assert isinstance(candidate, Candidate)
        assert candidate.group is None


def test_old_imports_with_hardly_anything_are_read() -> None:
    bare: dict[str, Any] = {
        "id": "opp-1",
        "contact": "contact-1",
        "stage": "stage-1",
        "applications": [],
        "updatedAt": None,
    }
    _, application, visit = read("opportunities", {"data": [bare]}).records
    assert isinstance(application, Application)
    assert isinstance(visit, StageVisit)
    assert (application.updated_at, visit.entered_at) == (None, None)


def test_only_the_named_fields_are_kept_and_tags_with_a_prefix_give_values() -> None:
    fields = {"skills": "tag:skill:", "city": "location", "pool": "phones", "function": "posting.categories.team"}
    (candidate, *_) = read("opportunities", {"data": [row(phones=[{"value": "1"}])]}, fields=fields).records
    assert isinstance(candidate, Candidate)
    assert candidate.fields == {"skills": ("python", "go"), "city": ("Leeds",)}
    posting = {"id": "p", "text": "Engineer", "state": "internal", "categories": {"team": "Platform"}}
    (job,) = read("postings", {"data": [posting]}, fields=fields).records
    assert isinstance(job, Job)
    assert job.fields == {"function": ("Platform",)}


@pytest.mark.parametrize(
    ("state", "status", "published"),
    [
        ("published", "open", True),
        ("internal", "open", False),
        ("closed", "closed", False),
        ("draft", "draft", False),
        ("pending", "draft", False),
        ("rejected", "draft", False),
    ],
)
def test_each_state_of_a_posting_is_known(state: str, status: str, published: bool) -> None:
    (job,) = read("postings", {"data": [{"id": "p", "text": "Engineer", "state": state}]}).records
    assert isinstance(job, Job)
    assert (job.status, job.published) == (status, published)


@pytest.mark.parametrize(
    ("stream", "item", "path"),
    [
        ("postings", {"id": "p", "text": "Engineer", "state": "paused"}, "$.data[0].state"),
        ("archive_reasons", {"id": "r", "text": "Ghosted", "type": "ghosted"}, "$.data[0].type"),
        ("opportunities", row(origin="teleported"), "$.data[0].origin"),
        ("opportunities", row(confidentiality="secret"), "$.data[0].confidentiality"),
        ("opportunities", row(contact=True), "$.data[0].contact"),
        ("opportunities", row(archived="yes"), "$.data[0].archived"),
        ("opportunities", row(updatedAt="2026-01-01"), "$.data[0].updatedAt"),
        ("stages", {"id": "s", "text": "Trial", "pipeline": "trial", "rank": 1}, "$.data[0].pipeline"),
    ],
)
def test_a_word_that_is_news_is_set_aside_with_its_place_and_the_others_go_on(
    stream: str, item: Any, path: str
) -> None:
    fine = {
        "postings": {"id": "q", "text": "Nurse", "state": "draft"},
        "archive_reasons": {"id": "q", "text": "Timing", "type": "non-hired"},
        "opportunities": row(id="q"),
        "stages": {"id": "q", "text": "Offer"},
    }[stream]
    reading = read(stream, {"data": [item, fine]})
    assert [spoiled.path for spoiled in reading.spoiled] == [path]
    assert {record.ref.id.partition(":")[0] for record in reading.records} == {"q"}


def test_reasons_without_a_type_say_nothing_of_who_ended_it() -> None:
    items = [{"id": "1", "text": "Hired"}, {"id": "2", "text": "No Response", "type": None}]
    reasons = [record for record in read("archive_reasons", {"data": items}).records if isinstance(record, Reason)]
    assert [reason.party for reason in reasons] == [Party.NONE, Party.THEM]


def test_the_richer_stage_list_has_rank_and_bucket() -> None:
    body = {
        "data": {"stages": [{"id": "s", "text": "Screen", "pipeline": "screen", "rank": 230.5}], "archiveReasons": []}
    }
    assert read("stages", body).records == (
        Stage(ref=Ref("acme", "stage", "s"), name="Screen", order=230.5, bucket="screen"),
    )


def test_linked_contacts_make_employees() -> None:
    items = [
        {"id": "u", "name": "Uma", "email": "Uma@example.com", "deactivatedAt": T, "linkedContactIds": ["c-1", "c-2"]},
        {"id": "v", "name": "", "email": None, "deactivatedAt": None, "linkedContactIds": None},
    ]
    uma, other = read("users", {"data": items}).records
    assert isinstance(uma, User)
    assert uma.candidates == (Ref("acme", "contact", "c-1"), Ref("acme", "contact", "c-2"))
    assert (uma.email, uma.active) == ("uma@example.com", False)
    assert isinstance(other, User)
    assert (other.name, other.active) == (None, True)


def child(stream: str, item: dict[str, Any]) -> AnyRecord:
    (record,) = read(stream, {"opportunity": "opp-1", "answers": {"data": [item], "hasNext": False}}).records
    return record


@pytest.mark.parametrize(
    ("fields", "rating"),
    [
        ([{"type": "score-system", "value": "4 - Strong Hire"}], "4"),
        ([{"type": "score-system", "value": "3 - Yes"}], "3"),
        ([{"type": "score-system", "value": None}, {"type": "textarea", "value": "4 - no"}], None),
        ([{"type": "score-system", "value": "Strong yes"}], "Strong yes"),
        ([{"type": "score", "value": 2}], "2"),
        ([{"type": "score", "value": 2}, {"type": "score-system", "value": "1 - No"}], "1"),
        ([{"type": "score", "value": 2}, {"type": "score", "value": 3}], None),
        ([], None),
    ],
)
def test_the_overall_rating_is_the_leading_digit_of_the_one_verdict(fields: list[Any], rating: str | None) -> None:
    card = child("feedback", {"id": "f", "fields": fields, "createdAt": T, "completedAt": T + 1, "deletedAt": None})
    assert isinstance(card, Scorecard)
    assert (card.rating, card.complete, card.submitted_at) == (rating, True, moment(T + 1))
    assert card.application == Ref("acme", "application", "opp-1")


def test_a_draft_scorecard_is_incomplete_and_a_deleted_one_gone() -> None:
    card = child("feedback", {"id": "f", "fields": [], "createdAt": T, "completedAt": None})
    assert isinstance(card, Scorecard)
    assert not card.complete
    gone = child("feedback", {"id": "f", "fields": [], "createdAt": T, "deletedAt": T + 1})
    assert gone == Gone(ref=Ref("acme", "scorecard", "f"), updated_at=moment(T + 1), at=moment(T + 1))


@pytest.mark.parametrize(
    ("status", "meant"),
    [(name, "open") for name in ("draft", "approval-sent", "approved", "sent", "sent-manually", "opened")]
    + [("denied", "declined"), ("signed", "accepted")],
)
def test_each_offer_status_is_known(status: str, meant: str) -> None:
    signatures = {"candidate": {"signedAt": T}, "company": {"signedAt": T + 3}}
    offer = child("offers", {"id": "o", "status": status, "posting": "job-1", "sentAt": T, "signatures": signatures})
    assert isinstance(offer, Offer)
    assert (offer.status, offer.sent_at) == (meant, moment(T))
    assert offer.resolved_at == (moment(T + 3) if status == "signed" else None)


def test_a_row_without_its_opportunity_is_malformed_unless_it_names_one() -> None:
    reading = read("interviews", {"data": [{"id": "i", "date": T}, {"id": "j", "date": T, "opportunityId": "opp-2"}]})
    assert [spoiled.path for spoiled in reading.spoiled] == ["$.data[0].opportunityId"]
    (held,) = reading.records
    assert isinstance(held, Interview)
    assert (held.application.id, held.starts_at, held.completed_at) == ("opp-2", moment(T), None)


def test_a_note_is_a_touch_without_a_word_of_it() -> None:
    note = child("notes", {"id": "n", "createdAt": T, "deletedAt": None, "fields": [{"value": "SECRET"}]})
    assert isinstance(note, Touch)
    assert "SECRET" not in repr(note)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b'{"data":7}', b'{"data":null}', b'{"answers":{}}'])
def test_a_body_that_is_no_list_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        read("opportunities", body)


def test_a_stream_that_is_not_ours_is_malformed() -> None:
    with pytest.raises(Malformed):
        read("campaigns", {"data": []})


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every value inside."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inside:
        yield (*path, key)
        yield from places(item, (*path, key))


def spoiled(whole: Any, path: tuple[Any, ...], value: Any) -> Any:
    changed = copy.deepcopy(whole)
    at = changed
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    return changed


PLACES = list(places(row(dataProtection={"contact": {"allowed": True, "expiresAt": T}})))


@given(
    path=st.sampled_from(PLACES),
    value=st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(max_size=8),
        st.just([]),
        st.just({}),
    ),
)
def test_any_spoiled_field_gives_valid_records_or_a_complaint_with_a_place(path: tuple[Any, ...], value: Any) -> None:
    whole = row(dataProtection={"contact": {"allowed": True, "expiresAt": T}})
    reading = read("opportunities", {"data": [spoiled(whole, path, value)]})
    assert bool(reading.records) is not bool(reading.spoiled)
    assert all(complaint.path.startswith("$.data[0]") for complaint in reading.spoiled)
    for record in reading.records:
        assert record.ref.id.strip() not in ("", "None")
        assert record.updated_at is None or record.updated_at.tzinfo is UTC
