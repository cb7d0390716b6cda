"""Greenhouse's adapter reading its own sandbox over real HTTP."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import msgspec
import pytest
import respx

from adapters.greenhouse.adapter import Greenhouse
from adapters.greenhouse.sandbox import GreenhouseSandbox
from connector.adapter import Connection, Health
from connector.client import Client, Limits, Pace, TokenAuth
from connector.errors import CursorExpired, RateLimited, Refused, Retry, Unauthorized, Unsupported
from connector.flow import Delivery, Page, Window
from connector.model import AnyRecord, Application, Candidate, Offer, OfferStatus, Party, Reason, StageVisit, Status
from connector.sandbox import running
from connector.world import world

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
FREE = Limits(calls=0, per=timedelta(seconds=1), in_flight=4)


@contextmanager
def connected(box: GreenhouseSandbox, **options: Any) -> Iterator[Greenhouse]:
    with running(box) as served:
        subject = str(options.get("subject") or "") or None
        signing = (f"{served.base_url}/token", box.secrets["client_id"], box.secrets["client_secret"], subject)
        auth = TokenAuth(*signing, introspects=True)
        with httpx.Client(auth=auth) as http:
            client = Client(http, base_url=f"{served.base_url}/v3", pace=Pace(FREE), sleep=lambda _: None)
            yield Greenhouse(Connection(account="acme", client=client, options={**box.options, **options}))


def seeded(people: int = 300) -> GreenhouseSandbox:
    box = GreenhouseSandbox(limited=False)
    box.seed(world(people, now=NOW))
    return box


def pages(adapter: Greenhouse, stream: str, window: Window) -> Iterator[Page]:
    page = adapter.pull(stream, window, None)
    yield page
    while page.cursor:
        page = adapter.pull(stream, window, page.cursor)
        yield page


def read(adapter: Greenhouse, stream: str, body: bytes) -> tuple[AnyRecord, ...]:
    reading = adapter.read(Delivery(account="acme", stream=stream, body=body, received_at=NOW))
    assert reading.spoiled == ()
    return reading.records


def everything(adapter: Greenhouse, stream: str, since: datetime | None = None) -> list[AnyRecord]:
    window = Window(since=since, until=NOW)
    return [record for page in pages(adapter, stream, window) for record in read(adapter, stream, page.body)]


def test_a_full_walk_brings_every_row_of_every_stream_and_no_private_text() -> None:
    box = seeded(1300)
    with connected(box) as adapter:
        for stream in adapter.declaration.streams:
            walked = list(pages(adapter, stream.name, Window(until=NOW)))
            ids = {row["id"] for page in walked for row in msgspec.json.decode(page.body)}
            hidden = {key for key, row in box.tables[stream.name].rows.items() if row.get("primary_email") == ""}
            assert ids == set(box.tables[stream.name].rows) - hidden, stream.name
            for page in walked:
                assert b"PRIVATE-TEXT" not in page.body
                assert b"meet.example.com" not in page.body
            records = [record for page in walked for record in read(adapter, stream.name, page.body)]
            assert len(records) == len(ids)
            assert {record.ref.kind for record in records} <= set(stream.kinds)


def test_a_window_brings_what_changed_in_it_bounds_included_and_nothing_else() -> None:
    box = seeded()
    since = NOW - timedelta(days=120)
    with connected(box) as adapter:
        found = {record.ref.id for record in everything(adapter, "applications", since)}
    rows = box.tables["applications"].rows.values()
    inside = {str(row["id"]) for row in rows if since <= datetime.fromisoformat(row["updated_at"]) <= NOW}
    assert found == inside
    assert 0 < len(found) < len(rows)
    edge = next(row for row in rows if str(row["id"]) in inside)
    moment = datetime.fromisoformat(edge["updated_at"])
    with connected(box) as adapter:
        page = adapter.pull("applications", Window(since=moment, until=moment), None)
    assert edge["id"] in {row["id"] for row in msgspec.json.decode(page.body)}


def test_statuses_offers_stages_and_reasons_arrive_in_our_words() -> None:
    box = seeded(900)
    with connected(box) as adapter:
        runs = [it for it in everything(adapter, "applications") if isinstance(it, Application)]
        offers = [it for it in everything(adapter, "offers") if isinstance(it, Offer)]
        reasons = {it.name: it.party for it in everything(adapter, "rejection_reasons") if isinstance(it, Reason)}
        visits = [it for it in everything(adapter, "application_stages") if isinstance(it, StageVisit)]
    assert {run.status for run in runs} == {Status.ACTIVE, Status.REJECTED, Status.HIRED}
    assert all((run.decided_at is not None) == (run.status is Status.REJECTED) for run in runs)
    assert all((run.stage is not None) == (run.status is Status.ACTIVE) for run in runs)
    assert OfferStatus.REPLACED in {offer.status for offer in offers}
    assert reasons["Position filled"] is Party.US, "one of Greenhouse's own, only there with include_defaults"
    assert reasons["Withdrew: took another job"] is Party.THEM
    assert {visit.application for visit in visits} == {run.ref for run in runs}


def test_only_the_custom_fields_that_settings_name_are_asked_for_and_kept() -> None:
    box = seeded(50)
    with connected(box, fields={"region": "region"}) as adapter:
        people = [it for it in everything(adapter, "candidates") if isinstance(it, Candidate)]
        assert {name for person in people for name in person.fields} == {"region"}
    with connected(box, fields={}) as adapter:
        page = adapter.pull("candidates", Window(until=NOW), None)
        assert b"custom_fields" not in page.body


def test_a_specification_without_the_newer_columns_leaves_the_stage_unknown() -> None:
    box = seeded(100)
    box.newer_fields = False
    with connected(box) as adapter:
        runs = [it for it in everything(adapter, "applications") if isinstance(it, Application)]
    assert runs
    assert all(run.stage is None and run.reason is None for run in runs)


def test_an_expired_cursor_asks_for_the_window_from_its_start() -> None:
    box = seeded(1300)
    with connected(box) as adapter:
        window = Window(until=NOW)
        page = adapter.pull("applications", window, None)
        box.cursors_since = datetime.now(UTC).timestamp() + 5
        with pytest.raises(CursorExpired):
            adapter.pull("applications", window, page.cursor)


def test_a_missing_scope_is_named_and_an_unknown_stream_refused() -> None:
    box = seeded(20)
    box.tokens.scopes = frozenset({"harvest:jobs:list"})
    with connected(box) as adapter:
        assert everything(adapter, "jobs")
        with pytest.raises(Unauthorized) as refused:
            adapter.pull("notes", Window(until=NOW), None)
        assert refused.value.scope == "harvest:notes:list"
        with pytest.raises(Unsupported):
            adapter.pull("attachments", Window(until=NOW), None)


def test_a_token_that_runs_out_is_renewed_in_either_spelling_of_its_life() -> None:
    for spelling in ("expires_at", "expires_in"):
        box = seeded(20)
        box.tokens.answer_as = spelling
        with connected(box) as adapter:
            adapter.pull("jobs", Window(until=NOW), None)
            box.tokens.issued.clear()
            adapter.pull("jobs", Window(until=NOW), None)
            assert len(box.tokens.issued) == 1


@pytest.mark.parametrize(
    ("case", "family"), [("throttle", RateLimited), ("error", Retry), ("html", Retry), ("lost", Retry)]
)
def test_what_stays_broken_for_three_tries_is_told_by_its_family(case: str, family: type[Exception]) -> None:
    box = seeded(20)
    with connected(box) as adapter:
        adapter.pull("jobs", Window(until=NOW), None)
        with running(box) as control:
            httpx.post(f"{control.base_url}/_sandbox/switch", json={"case": case, "times": 3, "where": "/v3/jobs"})
        with pytest.raises(family):
            adapter.pull("jobs", Window(until=NOW), None)
        assert everything(adapter, "jobs")


def test_half_a_page_is_a_broken_answer_and_no_short_page() -> None:
    box = seeded(20)
    with connected(box) as adapter, running(box) as control:
        adapter.pull("jobs", Window(until=NOW), None)
        httpx.post(f"{control.base_url}/_sandbox/switch", json={"case": "cut", "where": "/v3/jobs"})
        with pytest.raises(Retry):
            adapter.pull("jobs", Window(until=NOW), None)


def wire_adapter(http: httpx.Client) -> Greenhouse:
    client = Client(http, base_url="https://harvest.greenhouse.io/v3", pace=Pace(FREE), sleep=lambda _: None)
    return Greenhouse(Connection(account="acme", client=client))


@respx.mock(base_url="https://harvest.greenhouse.io/v3")
def test_a_next_page_on_another_host_is_not_followed(respx_mock: respx.MockRouter) -> None:
    link = '<https://elsewhere.example.org/v3/jobs?cursor=abc>; rel="next"'
    respx_mock.get("/jobs").respond(json=[], headers={"Link": link})
    with httpx.Client() as http, pytest.raises(Refused, match="another host"):
        wire_adapter(http).pull("jobs", Window(until=NOW), None)


@respx.mock(base_url="https://harvest.greenhouse.io/v3")
def test_the_cursor_travels_alone_and_unpadded_links_are_understood(respx_mock: respx.MockRouter) -> None:
    link = '<https://harvest.greenhouse.io/v3/jobs?cursor=eyJ4IjoxfQ%3D%3D>; rel="next"'
    respx_mock.get("/jobs", params={"cursor": "eyJ4IjoxfQ=="}).respond(json=[])
    respx_mock.get("/jobs").respond(json=[], headers={"Link": link})
    with httpx.Client() as http:
        adapter = wire_adapter(http)
        first = adapter.pull("jobs", Window(until=NOW), None)
        assert first.cursor == "eyJ4IjoxfQ=="
        assert adapter.pull("jobs", Window(until=NOW), first.cursor).cursor is None
    assert respx_mock.calls.last.request.url.params.multi_items() == [("cursor", "eyJ4IjoxfQ==")]


@respx.mock(base_url="https://harvest.greenhouse.io/v3")
def test_a_filter_that_is_not_obeyed_is_noticed_before_anything_is_believed(respx_mock: respx.MockRouter) -> None:
    respx_mock.get("/candidates").respond(json=[{"id": 7}, {"id": 8}])
    with httpx.Client() as http, pytest.raises(Refused, match="rows of others"):
        list(wire_adapter(http).fetch("candidate", ["7"]))


def test_fetching_a_candidate_brings_all_that_hangs_on_them_and_says_who_is_gone() -> None:
    box = seeded()
    run = next(row for row in box.tables["applications"].rows.values() if row["status"] == "rejected")
    person = str(run["candidate_id"])
    with connected(box) as adapter:
        found = list(adapter.fetch("candidate", [person, "4010999999"]))
        records = [it for name, page in found if name != "gone" for it in read(adapter, name, page.body)]
        gone = [msgspec.json.decode(page.body) for name, page in found if name == "gone"]
        through_run = {
            it.ref for n, p in adapter.fetch("application", [str(run["id"])]) for it in read(adapter, n, p.body)
        }
    assert gone == [{"kind": "candidate", "ids": ["4010999999"]}]
    kinds = {record.ref.kind for record in records}
    assert {"candidate", "application", "stage_visit", "rejection"} <= kinds
    assert {record.ref.id for record in records if record.ref.kind == "candidate"} == {person}
    assert through_run <= {record.ref for record in records}


def test_more_than_fifty_applications_are_followed_in_several_calls() -> None:
    box = seeded(400)
    people = [str(key) for key in box.tables["candidates"].ids[:50]]
    with connected(box) as adapter:
        found = list(adapter.fetch("candidate", people))
    rows = {row["id"] for name, page in found if name == "application_stages" for row in msgspec.json.decode(page.body)}
    mine = {key for key, row in box.tables["applications"].rows.items() if str(row["candidate_id"]) in people}
    assert len(mine) > 50
    visits = box.tables["application_stages"].rows.values()
    assert rows == {visit["id"] for visit in visits if visit["application_id"] in mine}


def test_a_job_comes_with_its_plan_posts_and_openings() -> None:
    box = seeded(20)
    job = str(box.tables["jobs"].ids[0])
    with connected(box) as adapter:
        found = [name for name, _ in adapter.fetch("job", [job])]
    assert found == ["jobs", "job_interview_stages", "job_posts", "openings"]


def test_a_private_candidate_we_may_not_see_reads_as_gone() -> None:
    box = seeded()
    hidden = str(box.tables["candidates"].ids[0])
    box.change("candidates", int(hidden), private=True)
    with connected(box) as adapter:
        assert [name for name, _ in adapter.fetch("candidate", [hidden])][:1] == ["candidates"]
        box.sees_private = False
        assert "gone" in [name for name, _ in adapter.fetch("candidate", [hidden])]


def asked_about(box: GreenhouseSandbox, **options: Any) -> Health:
    with connected(box, **options) as adapter:
        return adapter.check()


def test_check_tells_what_is_granted_beyond_need_as_whom_writes_happen_and_how_many_calls_are_left() -> None:
    box = seeded(20)
    box.limited = True
    health = asked_about(box)
    assert health.unused == ("harvest:candidate_tags:destroy", "harvest:candidates:update")
    assert "harvest:candidate_tags:create" in asked_about(box, create_tags="no").unused
    assert health.facts["writes happen as"] == "the integration's own user, role site_admin"
    assert health.facts["organisation"] == "Sandbox Hospital"
    assert re.fullmatch(r"150 per 30 s, 1?\d\d left", health.facts["rate budget"])
    assert health.clock_skew is not None
    assert abs(health.clock_skew) < 3


def test_check_names_the_user_the_token_acts_as_and_one_who_has_left() -> None:
    box = seeded(20)
    staff = box.put("users", {"name": "Robin Field", "primary_email": "robin@example.org", "deactivated": False,
                              "site_admin": True})  # fmt: skip
    subject = str(staff["id"])
    assert asked_about(box, subject=subject, note_user=subject).facts["notes are signed by"] == (
        f"Robin Field (user {subject}, Site Admin)"
    )
    box.change("users", staff["id"], deactivated=True)
    health = asked_about(box, note_user=subject)
    assert any(f"user {subject} (Robin Field) is deactivated" in fault for fault in health.faults)
    assert "not in the list" in asked_about(box, note_user="999").facts["notes are signed by"]


def test_where_the_token_cannot_be_asked_about_trying_tells_what_may_be_read() -> None:
    box = seeded(20)
    box.tokens.introspects = False
    health = asked_about(box)
    assert (len(health.granted), health.missing, health.unused) == (19, (), ())
    assert health.facts["scopes for writing"].startswith("not tried: harvest:applied_candidate_tags:create")
    box.tokens.scopes = frozenset(health.granted) - {"harvest:offers:list"}
    assert asked_about(box).missing == ("harvest:offers:list",)
    box.tokens.scopes = frozenset()
    assert "Site Admin" in asked_about(box).faults[0]


def test_check_names_missing_scopes_a_missing_role_and_bad_credentials() -> None:
    box = seeded(20)
    with connected(box) as adapter:
        health = adapter.check()
        assert (health.faults, health.warnings, health.missing) == ((), (), ())
        assert len(health.granted) == len(adapter.declaration.streams) + 4
        box.tokens.scopes = frozenset(health.granted) - {"harvest:scorecards:list", "harvest:notes:create"}
        poorer = adapter.check()
        assert poorer.missing == ("harvest:scorecards:list", "harvest:notes:create")
        assert "harvest:scorecards:list (the list scorecards)" in poorer.faults[0]
        assert "harvest:notes:create (add_note)" in poorer.warnings[0]
        box.tokens.site_admin = False
        told = adapter.check().faults
        assert "Site Admin" in told[-1]
        assert "candidates" in told[-1]
    with connected(box, note_visibility="everyone") as adapter:
        assert any("note_visibility" in fault for fault in adapter.check().faults)
    box.secrets = {**box.secrets, "client_secret": "wrong"}
    with connected(box) as adapter:
        assert "client id or secret" in adapter.check().faults[0]
