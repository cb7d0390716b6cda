"""Lever's pulls and fetches against its own sandbox, over HTTP."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import respx

from adapters.lever.adapter import Lever
from adapters.lever.sandbox import LeverSandbox
from adapters.lever.sandbox_rows import SERVICE_USER
from connector.adapter import Connection
from connector.client import Client, Pace
from connector.errors import CursorExpired, Retry, Unauthorized, Unsupported
from connector.flow import Delivery, Page, Window
from connector.model import (
    AnyRecord,
    Application,
    Candidate,
    Gone,
    Offer,
    Party,
    Reason,
    Ref,
    Scorecard,
    Stage,
    StageVisit,
)
from connector.sandbox import running
from connector.world import world

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
EVERYTHING = Window(until=NOW)


class House:
    """A seeded sandbox and an adapter that talks to it."""

    def __init__(self, sandbox: LeverSandbox, base_url: str, open_until_end: ExitStack) -> None:
        self.sandbox = sandbox
        self.base_url = base_url
        self.open_until_end = open_until_end
        #: Every request that the adapters made.
        self.asked: list[httpx.Request] = []
        self.people = open_until_end.enter_context(httpx.Client())

    def lever(self, key: str | None = None, **options: object) -> Lever:
        auth = httpx.BasicAuth(key or self.sandbox.secrets["api_key"], "")
        http = self.open_until_end.enter_context(httpx.Client(auth=auth, event_hooks={"request": [self.asked.append]}))
        pace = Pace(Lever.declaration.limits, sleep=lambda _: None, clock=iter(range(10**6)).__next__)
        client = Client(http, base_url=self.base_url, pace=pace, sleep=lambda _: None)
        return Lever(Connection(account="acme", client=client, options={**self.sandbox.options, **options}))

    def act(self, do: str, **asked: object) -> Any:
        answer = self.people.post(f"{self.base_url}/_sandbox/act", json={"do": do, **asked})
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture
def house() -> Iterator[House]:
    sandbox = LeverSandbox(limited=False)
    sandbox.seed(world(300, now=NOW))
    with running(sandbox) as served, ExitStack() as open_until_end:
        yield House(sandbox, served.base_url, open_until_end)


def walk(
    lever: Lever, stream: str, window: Window = EVERYTHING, between: Callable[[Page], object] = lambda _: None
) -> list[AnyRecord]:
    records: list[AnyRecord] = []
    cursor: str | None = None
    while True:
        page = lever.pull(stream, window, cursor)
        records.extend(read(lever, stream, page))
        if page.cursor is None:
            return records
        assert page.cursor != cursor
        cursor = page.cursor
        between(page)


def read(lever: Lever, stream: str, page: Page) -> tuple[AnyRecord, ...]:
    reading = lever.read(Delivery(account="acme", body=page.body, received_at=NOW, stream=stream))
    assert reading.spoiled == ()
    return reading.records


def fetched(lever: Lever, kind: str, *ids: str) -> list[AnyRecord]:
    return [
        record for stream, page in lever.fetch(kind, ids) if stream != "gone" for record in read(lever, stream, page)
    ]


def applications(records: list[AnyRecord]) -> dict[str, Application]:
    return {record.ref.id: record for record in records if isinstance(record, Application)}


def some(house: House, fits: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    return next(row for row in house.sandbox.store.rows.values() if fits(row))


def test_a_full_walk_lists_every_opportunity_once_as_candidate_and_application(house: House) -> None:
    records = walk(house.lever(), "opportunities")
    ids = [record.ref.id for record in records if isinstance(record, Candidate)]
    assert set(ids) == set(house.sandbox.store.rows)
    assert set(applications(records)) == set(ids)
    assert any(record.group is not None for record in records if isinstance(record, Candidate))


def test_a_full_walk_finds_whoever_moves_back_a_stage_while_it_lasts(house: House) -> None:
    # an offer is listed last; moved to the first stage after the first page it would never come
    late = some(house, lambda row: row["stage"] == "offer")
    moved: list[str] = []

    def move(_: Page) -> None:
        if not moved:
            house.act("move", opportunity=late["id"], stage="lead-new")
            moved.append(late["id"])

    records = walk(house.lever(), "opportunities", between=move)
    assert len(house.sandbox.store.rows) > 100
    assert applications(records)[late["id"]].stage == Ref("acme", "stage", "lead-new")


def test_a_full_walk_sends_no_filter_on_its_own_pages(house: House) -> None:
    walk(house.lever(), "opportunities")
    own = [request for request in house.asked if "updated_at_start" not in request.url.params]
    assert len(own) == len(house.asked) - 1
    assert len(own) >= 2
    assert all("updated_at_end" not in request.url.params for request in house.asked)


@pytest.mark.parametrize(("doubt", "comes"), [("skipped", False), ("matched", True)])
def test_an_increment_holds_what_changed_and_whether_untouched_imports_come_does_not_matter(
    house: House, doubt: str, comes: bool
) -> None:
    house.sandbox.reads.null_updated = doubt
    untouched = some(house, lambda row: row["updatedAt"] is None)
    other = some(house, lambda row: row["updatedAt"] is None and row["id"] != untouched["id"])
    house.act("tag_by_human", opportunity=other["id"], tag="met in person")
    window = Window(since=NOW - timedelta(minutes=10), until=NOW + timedelta(minutes=10))
    found = applications(walk(house.lever(), "opportunities", window))
    assert other["id"] in found
    assert (untouched["id"] in found) is comes


def test_the_deleted_feed_is_walked_in_slices_that_it_accepts(house: House) -> None:
    house.sandbox.reads.deleted_range = "required"
    first, second = list(house.sandbox.store.rows)[:2]
    house.sandbox.harness.clock.move_to(NOW - timedelta(days=70))
    house.act("delete", opportunity=first)
    house.sandbox.harness.clock.move_to(NOW - timedelta(hours=1))
    house.act("delete", opportunity=second)
    window = Window(since=NOW - timedelta(days=80), until=NOW)
    gone = [record for record in walk(house.lever(), "opportunities_deleted", window) if isinstance(record, Gone)]
    assert {(record.ref.kind, record.ref.id) for record in gone} == {
        (kind, id) for kind in ("candidate", "application") for id in (first, second)
    }
    recent = walk(house.lever(), "opportunities_deleted")
    assert {record.ref.id for record in recent} == {second}


def test_an_offset_that_lever_no_longer_takes_starts_the_window_again(house: House) -> None:
    lever = house.lever()
    cursor = lever.pull("opportunities", EVERYTHING, None).cursor
    house.sandbox.reads.stale_offsets = 1
    with pytest.raises(CursorExpired):
        lever.pull("opportunities", EVERYTHING, cursor)
    with pytest.raises(CursorExpired):
        lever.pull("opportunities", EVERYTHING, "all:nonsense")
    with pytest.raises(CursorExpired):
        lever.pull("opportunities_deleted", EVERYTHING, "nonsense:")


@respx.mock
@pytest.mark.parametrize(
    "body",
    [
        {"data": [], "hasNext": True},
        {"data": [], "hasNext": True, "next": ""},
        {"data": [], "hasNext": True, "next": 7},
        {"data": "soon"},
        {"hasNext": False},
        [],
    ],
)
def test_a_broken_list_is_tried_again_later_and_never_taken_for_its_end(body: object) -> None:
    respx.get("https://api.lever.co/v1/sources").respond(json=body)
    with pytest.raises(Retry):
        lone().pull("sources", EVERYTHING, None)


@respx.mock
def test_a_page_that_points_to_itself_is_refused() -> None:
    respx.get("https://api.lever.co/v1/sources").respond(
        json={"data": [{"text": "a"}], "hasNext": True, "next": "here"}
    )
    with pytest.raises(Retry):
        lone().pull("sources", EVERYTHING, "here")


@respx.mock
def test_the_offset_travels_as_it_came_encoded_once_more() -> None:
    route = respx.get("https://api.lever.co/v1/opportunities").respond(json={"data": [], "hasNext": False})
    lone().pull("opportunities", EVERYTHING, "all:%5B101%2C5%2C%22a%22%5D")
    assert "offset=%255B101%252C5%252C%2522a%2522%255D" in str(route.calls[0].request.url)


def lone(**options: object) -> Lever:
    client = Client(
        httpx.Client(), base_url="https://api.lever.co/v1", pace=Pace(Lever.declaration.limits), sleep=lambda _: None
    )
    return Lever(Connection(account="acme", client=client, options=options))


@respx.mock
@pytest.mark.parametrize("body", [{"data": []}, {"data": [], "hasNext": False, "next": "left over"}])
def test_a_small_list_without_a_next_page_ends(body: object) -> None:
    respx.get("https://api.lever.co/v1/sources").respond(json=body)
    assert lone().pull("sources", EVERYTHING, None).cursor is None


@pytest.mark.parametrize("case", ["answers", "unknown", "forbidden"])
def test_stages_have_rank_and_bucket_when_the_richer_list_answers_and_names_in_any_case(
    house: House, case: str
) -> None:
    house.sandbox.reads.disposition = case != "unknown"
    house.sandbox.denied = {"disposition_stages"} if case == "forbidden" else set()
    last = {record.ref.id: record for record in walk(house.lever(), "stages") if isinstance(record, Stage)}
    offer = last["offer"]
    assert (offer.name, offer.bucket) == ("Offer", "offer" if case == "answers" else None)
    assert offer.order is not None
    assert offer.order > (last["applicant-new"].order or 0) > (last["lead-new"].order or 0)


def test_a_refused_key_is_not_taken_for_a_missing_list(house: House) -> None:
    with pytest.raises(Unauthorized) as raised:
        house.lever(key="wrong").pull("stages", EVERYTHING, None)
    assert raised.value.scope is None


def test_reasons_know_who_ended_it_and_settings_may_say_otherwise(house: House) -> None:
    def parties(lever: Lever) -> dict[str, Party]:
        return {record.name: record.party for record in walk(lever, "archive_reasons") if isinstance(record, Reason)}

    usual = parties(house.lever())
    assert usual["Hired"] is Party.HIRED
    assert usual["Withdrew: salary"] is Party.THEM
    assert usual["Position filled"] is Party.US
    assert parties(house.lever(withdrawn_reasons=["position filled"]))["Position filled"] is Party.THEM


def test_every_other_list_is_read_without_a_spoiled_row(house: House) -> None:
    kinds = {
        stream: {record.ref.kind for record in walk(house.lever(), stream)}
        for stream in ("sources", "users", "postings")
    }
    assert kinds == {"sources": {"source"}, "users": {"user"}, "postings": {"job"}}


def test_no_answer_of_a_form_and_no_telephone_number_is_kept(house: House) -> None:
    row = some(house, lambda row: row["archived"])
    row["phones"] = [{"type": "mobile", "value": "+44 7700 900123"}]
    lever = house.lever()
    bodies = [lever.pull("opportunities", EVERYTHING, None).body]
    bodies += [
        page.body for kind in ("application", "scorecard", "offer") for _, page in lever.fetch(kind, [row["id"]])
    ]
    assert not any(
        secret in body for body in bodies for secret in (b"PRIVATE", b"+44", b"customQuestions", b"interviewers")
    )


def test_confidential_records_come_only_when_asked_for_and_granted(house: House) -> None:
    row = some(house, lambda row: True)
    row["confidentiality"] = "confidential"
    assert row["id"] not in applications(walk(house.lever(), "opportunities"))
    with pytest.raises(Unauthorized):
        walk(house.lever(confidential="yes"), "opportunities")
    house.sandbox.reads.confidential = True
    assert row["id"] in applications(walk(house.lever(confidential="yes"), "opportunities"))


@pytest.mark.parametrize("status", [403, 404])
def test_a_confidential_record_that_a_webhook_named_is_out_of_sight_and_stops_nothing(
    house: House, status: int
) -> None:
    house.sandbox.reads.confidential_status = status
    row = some(house, lambda row: True)
    row["confidentiality"] = "confidential"
    assert [stream for stream, _ in house.lever().fetch("application", [row["id"]])] == ["gone", "gone"]
    house.sandbox.denied = {"opportunities"}
    with pytest.raises(Unauthorized):
        list(house.lever().fetch("application", [row["id"]]))


def test_a_stream_or_kind_that_does_not_exist_is_unsupported(house: House) -> None:
    with pytest.raises(Unsupported):
        house.lever().pull("campaigns", EVERYTHING, None)
    with pytest.raises(Unsupported):
        list(house.lever().fetch("campaign", ["1"]))


def test_a_fetched_application_equals_the_pulled_one_and_a_lost_one_is_told_as_both(house: House) -> None:
    lever = house.lever()
    id = next(iter(house.sandbox.store.rows))
    pulled = [record for record in walk(lever, "opportunities") if record.ref.id.startswith(id)]
    assert fetched(lever, "application", id) == pulled == fetched(lever, "candidate", id)
    house.act("delete", opportunity=id)
    lost = [(stream, json.loads(page.body)) for stream, page in lever.fetch("application", [id])]
    assert lost == [("gone", {"kind": kind, "ids": [id]}) for kind in ("application", "candidate")]


def test_an_id_can_not_leave_its_place_in_the_path(house: House) -> None:
    pairs = list(house.lever().fetch("application", ["../users"]))
    assert [stream for stream, _ in pairs] == ["gone", "gone"]


def test_a_contact_brings_all_its_opportunities_also_after_a_merge(house: House) -> None:
    one, other = list(house.sandbox.store.contacts)[:2]
    both = set(house.sandbox.store.contacts[one]) | set(house.sandbox.store.contacts[other])
    house.act("merge_contacts", **{"from": one, "into": other})
    records = fetched(house.lever(), "contact", other)
    assert set(applications(records)) == both
    assert {record.group for record in records if isinstance(record, Candidate)} == {other}
    assert fetched(house.lever(), "contact", one) == []


def test_scorecards_have_a_rating_and_lists_of_them_are_followed_to_their_end(house: House) -> None:
    id = next(iter(house.sandbox.store.rows))
    before = len(fetched(house.lever(), "scorecard", id))
    for n in range(130):
        house.act("score", opportunity=id, rating=1 + n % 4, complete=n % 2 == 0)
    cards = fetched(house.lever(), "scorecard", id)
    assert len(cards) == before + 130
    assert all(isinstance(card, Scorecard) and card.application.id == id for card in cards)
    assert {card.rating for card in cards if isinstance(card, Scorecard)} == {"1", "2", "3", "4"}


def test_offers_and_interviews_belong_to_the_opportunity_they_were_asked_by(house: House) -> None:
    id = next(iter(house.sandbox.store.rows))
    made = house.act("interview", opportunity=id)["interview"]
    house.act("interview", opportunity=id, interview=made, change="cancel")
    house.act("offer", opportunity=id, status="denied")
    (offer,) = (record for record in fetched(house.lever(), "offer", id) if isinstance(record, Offer))
    assert (offer.application.id, offer.status) == (id, "declined")
    held = {record.ref.id: record for record in fetched(house.lever(), "interview", id)}
    assert getattr(held[made], "cancelled", None) is True


def test_history_shows_in_visits_that_end_where_the_next_begins(house: House) -> None:
    row = some(house, lambda row: len(row["stageChanges"]) > 2)
    visits = [record for record in fetched(house.lever(), "application", row["id"]) if isinstance(record, StageVisit)]
    assert [visit.ref.id for visit in visits] == [f"{row['id']}:{n}" for n in range(len(row["stageChanges"]))]
    assert [visit.exited_at for visit in visits] == [visit.entered_at for visit in visits[1:]] + [None]


def test_check_says_what_is_missing_and_what_to_do(house: House) -> None:
    health = house.lever().check()
    assert (health.missing, health.faults) == ((), ())
    assert health.clock_skew is not None
    assert abs(health.clock_skew) < 3
    house.sandbox.denied = {"offers", "sources"}
    health = house.lever(confidential="yes", perform_as="nobody").check()
    assert health.missing == ("sources:read:admin", "offers:read:admin", "confidential:access")
    told = " ".join(health.faults)
    assert all(word in told for word in ("sources:read:admin (to pull sources)", "confidential", "perform_as"))
    (fault,) = house.lever(key="wrong").check().faults
    assert "API key" in fault


def test_check_says_what_the_key_may_do_beyond_need_and_in_whose_name_writes_happen(house: House) -> None:
    house.sandbox.denied = {"tags"}
    assert house.lever().check().unused == ()
    house.sandbox.denied = set()
    house.sandbox.reads.confidential = True
    health = house.lever(perform_as=SERVICE_USER).check()
    assert health.unused == ("confidential:access", "tags:read:admin")
    assert house.lever(confidential="yes").check().unused == ("tags:read:admin",)
    user = next(one for one in house.sandbox.store.users if one["id"] == SERVICE_USER)
    assert health.facts["writes happen as"] == f"{user['name']} (access role {user['accessRole']})"
    assert "nobody" in house.lever(perform_as="").check().facts["writes happen as"]
    assert health.facts["rate budget"].startswith("10 a second")
    user["deactivatedAt"] = 1
    assert any("deactivated" in fault for fault in house.lever(perform_as=SERVICE_USER).check().faults)


def test_at_its_own_pace_lever_never_has_to_tell_it_to_wait() -> None:
    sandbox = LeverSandbox(limited=True)
    sandbox.seed(world(20, now=NOW))
    statuses: list[int] = []
    auth = httpx.BasicAuth(sandbox.secrets["api_key"], "")
    hooks = {"response": [lambda answer: statuses.append(answer.status_code)]}
    with running(sandbox) as served, httpx.Client(auth=auth, event_hooks=hooks) as http:
        client = Client(http, base_url=served.base_url, pace=Pace(Lever.declaration.limits))
        lever = Lever(Connection(account="acme", client=client))
        begun = time.monotonic()
        for id in list(sandbox.store.rows)[:9] * 3:
            list(lever.fetch("application", [id]))
        lasted = time.monotonic() - begun
    assert set(statuses) == {200}
    assert lasted < 4
