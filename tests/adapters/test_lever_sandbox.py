"""The imitated Lever behaves as documented and as recorded; asked with plain HTTP, never through the adapter."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.lever.sandbox import SANDBOX, LeverSandbox
from connector.sandbox import Sandbox, running
from connector.world import world

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
SERVICE = str(LeverSandbox().options["perform_as"])


@contextmanager
def serve(sandbox: LeverSandbox) -> Iterator[httpx.Client]:
    with running(sandbox) as served:
        base = f"{served.base_url}/v1"
        with httpx.Client(base_url=base, auth=(sandbox.secrets["api_key"], "")) as http:
            yield http


@pytest.fixture(scope="module")
def seeded() -> Iterator[tuple[LeverSandbox, httpx.Client]]:
    sandbox = LeverSandbox(limited=False)
    sandbox.seed(world(400, now=NOW))
    with serve(sandbox) as http:
        yield sandbox, http


def act(http: httpx.Client, do: str, **asked: object) -> httpx.Response:
    root = str(http.base_url).removesuffix("/v1/")
    return http.post(f"{root}/_sandbox/act", json={"do": do, **asked})


def listed(http: httpx.Client, path: str = "/opportunities", **params: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    offset: dict[str, str] = {}
    while True:
        body = http.get(path, params={**params, **offset}).raise_for_status().json()
        rows.extend(body["data"])
        if not body["hasNext"]:
            assert "next" not in body
            return rows
        offset = {"offset": body["next"]}


def test_it_fills_the_protocol_of_a_sandbox() -> None:
    made: Sandbox = SANDBOX()
    assert made.employers == ("software",)
    assert made.limited


def test_a_wrong_key_a_password_and_no_key_are_refused_with_leverish_bodies(
    seeded: tuple[LeverSandbox, httpx.Client],
) -> None:
    _, http = seeded
    for auth in [("wrong", ""), ("sandbox-lever-key", "password"), ("", "")]:
        answer = httpx.get(f"{http.base_url}stages", auth=auth)
        assert (answer.status_code, answer.json()["code"]) == (401, "UnauthorizedError")
    assert httpx.get(f"{http.base_url}stages").status_code == 401


def test_opportunities_come_by_stage_then_latest_advance_then_id_each_once(
    seeded: tuple[LeverSandbox, httpx.Client],
) -> None:
    sandbox, http = seeded
    rows = listed(http, limit=7)
    order = [(sandbox.store.rank(row["stage"]), -row["lastAdvancedAt"], row["id"]) for row in rows]
    assert order == sorted(order)
    assert sorted(row["id"] for row in rows) == sorted(sandbox.store.rows)


def test_next_is_percent_encoded_and_names_the_first_of_the_next_page(
    seeded: tuple[LeverSandbox, httpx.Client],
) -> None:
    _, http = seeded
    first = http.get("/opportunities", params={"limit": 3}).json()
    rank, advanced, id = json.loads(unquote(first["next"]))
    second = http.get("/opportunities", params={"limit": 3, "offset": first["next"]}).json()
    assert (second["data"][0]["id"], second["data"][0]["lastAdvancedAt"]) == (id, advanced)
    assert "%" in first["next"]
    assert rank >= 1


@pytest.mark.parametrize("offset", ["nonsense", "%5B1%5D", "[1,2"])
def test_an_offset_that_it_did_not_give_is_a_bad_request(
    seeded: tuple[LeverSandbox, httpx.Client], offset: str
) -> None:
    answer = seeded[1].get("/opportunities", params={"offset": offset})
    assert answer.status_code == 400
    assert "offset" in answer.json()["message"]


@pytest.mark.parametrize("limit", ["0", "1000", "many"])
def test_a_page_holds_between_one_and_a_hundred(seeded: tuple[LeverSandbox, httpx.Client], limit: str) -> None:
    assert 1 <= len(seeded[1].get("/opportunities", params={"limit": limit}).json()["data"]) <= 100


def test_expand_and_include_shape_the_row(seeded: tuple[LeverSandbox, httpx.Client]) -> None:
    sandbox, http = seeded
    id = next(iter(sandbox.store.rows))
    query = {"expand": ["applications", "stage"], "include": ["id", "tags"]}
    row = http.get(f"/opportunities/{id}", params=query).json()["data"]
    assert set(row) == {"id", "tags", "applications", "stage"}
    assert row["applications"][0]["opportunityId"] == id
    assert set(row["stage"]) == {"id", "text"}


def test_filters_narrow_and_repeated_ones_are_a_union(seeded: tuple[LeverSandbox, httpx.Client]) -> None:
    sandbox, http = seeded
    rows = list(sandbox.store.rows.values())
    archived = listed(http, archived="true")
    assert len(archived) == len([row for row in rows if row["archived"]])
    stages = {"stage_id": ["offer", "applicant-new"]}
    both = http.get("/opportunities", params=stages).json()["data"]
    assert {row["stage"] for row in both} <= {"offer", "applicant-new"}
    first = rows[0]
    assert first["id"] in {row["id"] for row in listed(http, contact_id=first["contact"])}
    one = listed(http, created_at_start=first["createdAt"], created_at_end=first["createdAt"])
    assert first["id"] in {row["id"] for row in one}


def test_answers_to_writes_blank_the_person_but_a_second_read_does_not(
    seeded: tuple[LeverSandbox, httpx.Client],
) -> None:
    sandbox, http = seeded
    id = next(id for id, row in sandbox.store.rows.items() if row["emails"])
    answer = http.post(f"/opportunities/{id}/addTags", json={"tags": ["a"]}, params={"perform_as": SERVICE}).json()[
        "data"
    ]
    assert (answer["name"], answer["emails"]) == ("", [])
    assert "a" in answer["tags"]
    assert http.get(f"/opportunities/{id}").json()["data"]["emails"] != []
    for path, body in (("stage", {"stage": "offer"}), ("archived", {"reason": None})):
        assert http.put(f"/opportunities/{id}/{path}", json=body).json()["data"]["name"] == ""


def test_a_write_that_changes_nothing_moves_no_time_and_is_no_effect(seeded: tuple[LeverSandbox, httpx.Client]) -> None:
    sandbox, http = seeded
    id = list(sandbox.store.rows)[1]
    http.post(f"/opportunities/{id}/addTags", json={"tags": ["same"]})
    before, effects = sandbox.store.rows[id]["updatedAt"], len(sandbox.harness.log)
    http.post(f"/opportunities/{id}/addTags", json={"tags": ["same"]})
    http.post(f"/opportunities/{id}/removeTags", json={"tags": ["never there"]})
    assert (sandbox.store.rows[id]["updatedAt"], len(sandbox.harness.log)) == (before, effects)


@pytest.mark.parametrize(
    ("path", "body", "params", "status"),
    [
        ("addTags", {"tags": "one"}, {}, 400),
        ("addTags", {"tags": ["a"]}, {"perform_as": "nobody"}, 400),
        ("notes", {"value": ""}, {}, 400),
        ("notes", [], {}, 400),
    ],
)
def test_a_bad_write_is_refused(
    seeded: tuple[LeverSandbox, httpx.Client], path: str, body: object, params: dict[str, str], status: int
) -> None:
    sandbox, http = seeded
    id = next(iter(sandbox.store.rows))
    assert http.post(f"/opportunities/{id}/{path}", json=body, params=params).status_code == status
    assert http.post(f"/opportunities/nobody/{path}", json={"value": "a", "tags": []}).status_code == 404


@pytest.mark.parametrize(("doubt", "kept"), [("kept", True), ("dropped", False)])
def test_words_of_the_posting_stay_or_go_when_archived_and_cannot_be_taken_off(doubt: str, kept: bool) -> None:
    sandbox = LeverSandbox(limited=False)
    sandbox.seed(world(60, now=NOW))
    sandbox.acts.archived_tags = doubt
    with serve(sandbox) as http:
        id = act(http, "apply", email="new@example.org").json()["opportunity"]
        derived = http.get(f"/opportunities/{id}").json()["data"]["tags"]
        assert derived
        http.post(f"/opportunities/{id}/removeTags", json={"tags": derived})
        act(http, "tag_by_human", opportunity=id, tag="Top Talent")
        act(http, "archive", opportunity=id, reason="Position filled").raise_for_status()
        after = http.get(f"/opportunities/{id}").json()["data"]["tags"]
    assert ("Top Talent" in after, set(derived) <= set(after)) == (True, kept)


def test_the_bucket_gives_twenty_at_once_and_says_nothing_of_when_to_come_back() -> None:
    with serve(LeverSandbox()) as http:
        answers = [http.get("/stages") for _ in range(40)]
        throttled = [answer for answer in answers if answer.status_code == 429]
        assert 15 <= len(answers) - len(throttled) <= 30
        assert throttled
        assert "retry-after" not in throttled[0].headers
        assert set(throttled[0].json()) == {"code", "message"}
        time.sleep(0.3)
        assert http.get("/stages").status_code == 200


def test_the_deleted_feed_takes_thirty_days_and_without_a_range_is_empty(
    seeded: tuple[LeverSandbox, httpx.Client],
) -> None:
    sandbox, http = seeded
    id = list(sandbox.store.rows)[-1]
    act(http, "delete", opportunity=id).raise_for_status()
    end = int((NOW + timedelta(hours=1)).timestamp() * 1000)
    month = timedelta(days=30) // timedelta(milliseconds=1)
    asked = {"deleted_at_start": end - month, "deleted_at_end": end}
    assert [row["id"] for row in http.get("/opportunities/deleted", params=asked).json()["data"]] == [id]
    assert http.get("/opportunities/deleted").json() == {"data": [], "hasNext": False}
    asked["deleted_at_start"] -= 1
    assert http.get("/opportunities/deleted", params=asked).status_code == 400
    assert http.get(f"/opportunities/{id}").status_code == 404


def test_a_webhook_made_by_api_tells_its_token_once(seeded: tuple[LeverSandbox, httpx.Client]) -> None:
    sandbox, http = seeded
    made = http.post("/webhooks", json={"event": "candidateHired", "url": "http://127.0.0.1:9/"}).json()["data"]
    assert len(made["configuration"]["signatureToken"]) == 48
    shown = http.get("/webhooks").json()
    assert set(shown) == {"data"}
    assert "signatureToken" not in json.dumps(shown)
    http.put(f"/webhooks/{made['id']}", json={"url": "http://127.0.0.1:9/b"}).raise_for_status()
    assert sandbox.harness.hooks[-1].url.endswith("/b")
    assert http.delete(f"/webhooks/{made['id']}").status_code == 204
    assert http.delete(f"/webhooks/{made['id']}").status_code == 404
    assert not sandbox.harness.hooks


def test_a_webhook_tells_only_of_the_origins_that_it_wants_and_can_be_tried_when_it_is_made() -> None:
    sandbox = LeverSandbox(limited=False)
    sandbox.seed(world(20, now=NOW))
    url = "http://127.0.0.1:9/"
    with serve(sandbox) as http:

        def made(path: str, event: str, **configuration: object) -> httpx.Response:
            return http.post("/webhooks", json={"event": event, "url": url + path, "configuration": configuration})

        referred = {"origins": ["referred"]}
        assert made("a", "applicationCreated", conditions=referred).status_code == 201
        assert made("b", "applicationCreated").status_code == 201
        assert made("c", "contactCreated", conditions=referred).status_code == 400, "four events may have conditions"
        assert made("c", "candidateHired", conditions={"origins": ["walked in"]}).status_code == 400
        assert made("c", "candidateHired", verifyConnection=True).status_code == 201

        def told() -> list[str]:
            return sorted({it.url.removeprefix(url) for it in sandbox.harness.attempts})

        def until(wanted: list[str]) -> list[str]:
            ends = time.monotonic() + 10
            while told() != wanted and time.monotonic() < ends:
                time.sleep(0.02)
            return told()

        assert until(["c"]) == ["c"]
        act(http, "apply", origin="applied")
        assert until(["b", "c"]) == ["b", "c"]
        act(http, "apply", origin="referred")
        assert until(["a", "b", "c"]) == ["a", "b", "c"]


def test_an_opportunity_that_is_made_by_api_belongs_to_whoever_has_the_address_already() -> None:
    sandbox = LeverSandbox(limited=False)
    sandbox.seed(world(60, now=NOW))
    known = next(row for row in sandbox.store.rows.values() if row["emails"])
    posting = next(iter(sandbox.store.postings))
    with serve(sandbox) as http:
        body = {"name": "Sam Field", "emails": [known["emails"][0].upper()], "postings": [posting], "tags": ["x"]}
        assert http.post("/opportunities", json=body).status_code == 400, "perform_as is required"
        answer = http.post("/opportunities", json=body, params={"perform_as": SERVICE})
        assert (answer.status_code, answer.json()["deduped"]) == (201, True)
        row = answer.json()["data"]
        assert (row["contact"], row["stage"], row["origin"]) == (known["contact"], "lead-new", "sourced")
        assert (row["name"], row["owner"], row["tags"][0]) == ("Sam Field", SERVICE, "x")
        assert http.get(f"/opportunities/{row['id']}").json()["data"]["applications"] == row["applications"]
        general = http.post("/opportunities", json={"name": "New"}, params={"perform_as": SERVICE}).json()
        assert (general["deduped"], general["data"]["applications"]) == (False, [])
        assert "opportunityLocation" not in general["data"]
        for wrong in ({"postings": ["x"]}, {"stage": "x"}, {"origin": "x"}, {"createdAt": 1 << 50}, {"contact": "x"}):
            assert http.post("/opportunities", json=wrong, params={"perform_as": SERVICE}).status_code == 400


def test_a_contact_is_changed_for_all_its_opportunities_unless_it_was_anonymised() -> None:
    sandbox = LeverSandbox(limited=False)
    sandbox.seed(world(60, now=NOW))
    row = next(row for row in sandbox.store.rows.values() if row["archived"] and len(row["emails"]) == 1)
    path = f"/contacts/{row['contact']}"
    with serve(sandbox) as http:
        body = {"emails": ["new@example.org"], "location": "Leeds"}
        changed = http.put(path, json=body).json()["data"]
        assert "isAnonymized" not in changed
        assert (changed["emails"], changed["location"]) == (["new@example.org"], {"name": "Leeds"})
        shown = http.get(f"/opportunities/{row['id']}").json()["data"]
        assert (shown["emails"], shown["location"]) == (["new@example.org"], "Leeds")
        assert http.put("/contacts/nobody", json=body).status_code == 404
        assert http.put(path, json={"location": {"name": "Leeds"}}).status_code == 400
        for id in list(sandbox.store.contacts[row["contact"]]):
            act(http, "archive", opportunity=id)
            act(http, "anonymise", opportunity=id)
        assert http.put(path, json=body).status_code == 400
        made = http.post("/opportunities", json={"contact": row["contact"]}, params={"perform_as": SERVICE})
        assert made.status_code == 400


def test_interviews_come_in_panels_and_only_those_of_the_api_are_managed_from_outside() -> None:
    sandbox = LeverSandbox(limited=False)
    sandbox.seed(world(60, now=NOW))
    id = next(id for id in sandbox.store.rows if sandbox.store.below(id, "interviews"))
    path = f"/opportunities/{id}/panels"
    with serve(sandbox) as http:
        before = http.get(path).json()["data"]
        assert before
        assert not any(panel["externallyManaged"] for panel in before)
        one = {"interviewers": [{"id": SERVICE}], "date": 1_800_000_000_000, "duration": 30, "subject": "Ward visit"}
        body = {"timezone": "Europe/London", "interviews": [one, one | {"date": 1_800_003_600_000}]}
        assert http.post(path, json=body).status_code == 400
        by = {"perform_as": SERVICE}
        made = http.post(path, json=body, params=by).json()["data"]
        assert made["externallyManaged"]
        assert made["end"] - made["start"] == 3_600_000 + 30 * 60_000
        assert http.get(path).json()["data"][-1] == made
        held = [it["id"] for it in http.get(f"/opportunities/{id}/interviews").json()["data"]]
        assert {it["id"] for it in made["interviews"]} <= set(held)
        bad: list[dict[str, Any]] = [{"interviews": []}, {"timezone": 1}]
        bad.append({"interviews": [one | {"interviewers": [{"id": "x"}]}]})
        for wrong in bad:
            assert http.post(path, json=body | wrong, params=by).status_code == 400
        assert http.get("/opportunities/nobody/panels").status_code == 404


def test_native_rows_are_served_as_they_were_given() -> None:
    row = {
        "id": "o",
        "contact": "c",
        "stage": "s",
        "name": "A",
        "headline": "",
        "location": "",
        "emails": [],
        "phones": [],
        "links": [],
        "tags": ["Full-time"],
        "sources": [],
        "archived": None,
        "applications": ["a"],
        "confidentiality": "non-confidential",
        "origin": "sourced",
        "createdAt": 1,
        "updatedAt": None,
        "lastAdvancedAt": 2,
        "isAnonymized": False,
        "extra": {"kept": 1},
    }
    run = {"id": "a", "opportunityId": "o", "posting": "p"}
    given_rows: list[dict[str, Any]] = [
        {"stream": "opportunities", "data": row},
        {"stream": "applications", "data": run},
        {"stream": "stages", "data": {"id": "s", "text": "Screen"}},
        {"stream": "interviews", "data": {"id": "i", "opportunityId": "o"}},
        {"stream": "notes", "data": {"id": "n"}},
        {"stream": "surveys", "data": {}},
    ]
    sandbox = LeverSandbox(limited=False)
    assert sandbox.load([b"", *(json.dumps(line).encode() for line in given_rows)]) == 4
    with serve(sandbox) as http:
        assert http.get("/opportunities").json()["data"] == [row]
        assert http.get("/opportunities/o", params={"expand": "applications"}).json()["data"]["applications"] == [run]
        assert http.get("/opportunities/o/interviews").json()["data"] == [given_rows[3]["data"]]
        assert {"id": "s", "text": "Screen"} in http.get("/stages").json()["data"]


def test_an_act_that_it_does_not_know_names_those_it_does(seeded: tuple[LeverSandbox, httpx.Client]) -> None:
    answer = act(seeded[1], "dance")
    assert answer.status_code == 422
    assert "merge_contacts" in answer.text
    assert act(seeded[1], "move", opportunity="nobody", stage="Offer").status_code == 422


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 50), st.sampled_from(["Offer", "Phone Screen", "New lead"])), max_size=12))
def test_whatever_moves_the_listing_stays_complete_and_in_order(
    seeded: tuple[LeverSandbox, httpx.Client], moves: list[tuple[int, str]]
) -> None:
    sandbox, http = seeded
    ids = sorted(sandbox.store.rows)
    for index, stage in moves:
        act(http, "move", opportunity=ids[index], stage=stage).raise_for_status()
    rows = listed(http, limit=50)
    order = [(sandbox.store.rank(row["stage"]), -row["lastAdvancedAt"], row["id"]) for row in rows]
    assert order == sorted(order)
    assert sorted(row["id"] for row in rows) == ids
    touched = {row["id"] for row in listed(http, updated_at_start=int(NOW.timestamp() * 1000))}
    assert {ids[index] for index, _ in moves} <= touched
