"""The Mailchimp sandbox against the documents: batches, many members at once, segments, notes, groups, growth."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from adapters.mailchimp.sandbox import KEY, LIST, MailchimpSandbox
from adapters.mailchimp.sandbox_order import hashed
from connector.sandbox import Running, running

ANN, BEN, CAT = "ann@example.org", "ben@example.org", "cat@example.org"
AUDIENCE = f"/lists/{LIST}"
ME = f"{AUDIENCE}/members/{hashed(ANN)}"


@pytest.fixture
def platform() -> Iterator[Running]:
    with running(MailchimpSandbox()) as served:
        yield served


@pytest.fixture
def api(platform: Running) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=platform.base_url + "/3.0", auth=("anyone", KEY), timeout=10) as client:
        yield client


def sandbox(platform: Running) -> MailchimpSandbox:
    assert isinstance(platform.sandbox, MailchimpSandbox)
    return platform.sandbox


def put(api: httpx.Client, email: str = ANN, **body: Any) -> dict[str, Any]:
    asked = {"email_address": email, "status_if_new": "subscribed", **body}
    shown: dict[str, Any] = api.put(f"{AUDIENCE}/members/{hashed(email)}", json=asked).raise_for_status().json()
    return shown


def later(platform: Running, span: timedelta) -> None:
    now = sandbox(platform).harness.clock.now() + span
    httpx.post(platform.base_url + "/_sandbox/clock", json={"now": now.isoformat()}).raise_for_status()


def refused(answer: httpx.Response, status: int = 400) -> dict[str, Any]:
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    return body


# -- many members at once


def many(api: httpx.Client, *members: dict[str, Any], **more: Any) -> dict[str, Any]:
    params = more.pop("params", {})
    answer = api.post(AUDIENCE, json={"members": list(members), **more}, params=params)
    told: dict[str, Any] = answer.raise_for_status().json()
    return told


def row(email: str, status: str = "subscribed", **more: Any) -> dict[str, Any]:
    return {"email_address": email, "status": status, **more}


def test_members_are_entered_at_once_and_each_failure_is_told_for_itself(api: httpx.Client) -> None:
    put(api)
    told = many(api, row(ANN), row(BEN), row("fake-x@example.org"), row(CAT, status="perhaps"))
    assert (told["total_created"], told["total_updated"], told["error_count"]) == (1, 0, 3)
    assert [it["email_address"] for it in told["new_members"]] == [BEN]
    codes = {it["email_address"]: it["error_code"] for it in told["errors"]}
    assert codes == {ANN: "ERROR_CONTACT_EXISTS", "fake-x@example.org": "ERROR_GENERIC", CAT: "ERROR_GENERIC"}


def test_update_existing_overwrites_even_the_status(api: httpx.Client) -> None:
    put(api)
    told = many(api, row(ANN, "unsubscribed", merge_fields={"FNAME": "Ann"}), update_existing=True)
    assert (told["total_updated"], told["updated_members"][0]["status"]) == (1, "unsubscribed")
    assert api.get(ME).json()["merge_fields"]["FNAME"] == "Ann"


def test_sync_tags_replaces_the_tags(api: httpx.Client) -> None:
    put(api, tags=["old", "both"])
    many(api, row(ANN, tags=["both", "new"]), update_existing=True, sync_tags=True)
    assert {it["name"] for it in api.get(f"{ME}/tags").json()["tags"]} == {"both", "new"}


def test_of_one_address_twice_the_first_wins_when_asked_to(api: httpx.Client) -> None:
    twice = (row(ANN, merge_fields={"FNAME": "First"}), row(ANN.upper(), merge_fields={"FNAME": "Second"}))
    told = many(api, *twice, update_existing=True, params={"skip_duplicate_check": "true"})
    assert (told["total_created"], told["total_updated"]) == (1, 0)
    assert api.get(ME).json()["merge_fields"]["FNAME"] == "First"


def test_who_said_no_is_not_subscribed_by_the_hundred(platform: Running, api: httpx.Client) -> None:
    put(api)
    httpx.post(platform.base_url + "/_sandbox/act", json={"do": "unsubscribe", "email": ANN}).raise_for_status()
    told = many(api, row(ANN), update_existing=True)
    assert "compliance state" in told["errors"][0]["error"]
    assert api.get(ME).json()["status"] == "unsubscribed"


def test_501_members_are_too_many(api: httpx.Client) -> None:
    body = {"members": [row(f"p{n}@example.org") for n in range(501)]}
    assert refused(api.post(AUDIENCE, json=body))["errors"][0]["field"] == "members"


# -- batches


def batch(api: httpx.Client, *operations: dict[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = api.post("/batches", json={"operations": list(operations)}).raise_for_status().json()
    return made


def op(method: str, path: str, name: str, **more: Any) -> dict[str, Any]:
    body = {"body": json.dumps(more.pop("body"))} if "body" in more else {}
    return {"method": method, "path": path, "operation_id": name, **body, **more}


def results(url: str) -> dict[str, dict[str, Any]]:
    packed = httpx.get(url).raise_for_status().content
    rows = []
    with tarfile.open(fileobj=io.BytesIO(packed), mode="r:gz") as archive:
        for entry in archive:
            file = archive.extractfile(entry)
            assert file is not None
            rows += json.loads(file.read())
    return {it["operation_id"]: it for it in rows}


def test_a_batch_runs_later_and_its_answers_wait_in_an_archive(platform: Running, api: httpx.Client) -> None:
    put(api)
    made = batch(
        api,
        op("PUT", f"{AUDIENCE}/members/{hashed(BEN)}", "put", body={"email_address": BEN, "status_if_new": "pending"}),
        op("GET", f"{AUDIENCE}/members", "list", params={"status": "subscribed"}),
        op("GET", f"{AUDIENCE}/members/nobody", "lost"),
    )
    assert (made["status"], made["response_body_url"]) == ("started", "")
    done = api.get(f"/batches/{made['id']}").json()
    assert (done["status"], done["finished_operations"], done["errored_operations"]) == ("finished", 3, 1)
    told = results(done["response_body_url"])
    assert {name: it["status_code"] for name, it in told.items()} == {"put": 200, "list": 200, "lost": 404}
    assert json.loads(told["put"]["response"])["status"] == "pending"
    assert json.loads(told["list"]["response"])["members"][0]["email_address"] == ANN
    assert [it["id"] for it in api.get("/batches").json()["batches"]] == [made["id"]]


def test_a_batch_waits_for_its_turn_and_its_link_lasts_ten_minutes(platform: Running, api: httpx.Client) -> None:
    sandbox(platform).batches.begins, sandbox(platform).batches.lasts = 60, 60
    made = batch(api, op("GET", "/ping", "ping"))
    states = [api.get(f"/batches/{made['id']}").json()["status"]]
    for _ in range(2):
        later(platform, timedelta(seconds=61))
        done = api.get(f"/batches/{made['id']}").json()
        states.append(done["status"])
    assert states == ["pending", "started", "finished"]
    later(platform, timedelta(minutes=11))
    assert httpx.get(done["response_body_url"]).status_code == 403
    assert results(api.get(f"/batches/{made['id']}").json()["response_body_url"])["ping"]["status_code"] == 200
    later(platform, timedelta(days=7))
    refused(api.get(f"/batches/{made['id']}"), 404)


def test_a_batch_lists_to_the_end_when_nobody_says_how_far(api: httpx.Client) -> None:
    many(api, *(row(f"p{n}@example.org") for n in range(15)))
    made = batch(api, op("GET", f"{AUDIENCE}/members", "all"), op("GET", f"{AUDIENCE}/members?count=3", "three"))
    told = results(api.get(f"/batches/{made['id']}").json()["response_body_url"])
    assert len(json.loads(told["all"]["response"])["members"]) == 15


def test_the_version_is_no_part_of_an_operations_path(api: httpx.Client) -> None:
    made = batch(api, op("GET", "/3.0/ping", "ping"))
    assert api.get(f"/batches/{made['id']}").json()["errored_operations"] == 1


@pytest.mark.parametrize(
    "operation",
    [
        {"method": "HEAD", "path": "/ping"},
        {"method": "GET"},
        {"method": "POST", "path": "/lists", "body": {"name": "an object, not a text"}},
        "GET /ping",
    ],
)
def test_an_operation_of_the_wrong_shape_is_refused(api: httpx.Client, operation: object) -> None:
    refused(api.post("/batches", json={"operations": [operation]}))
    refused(api.post("/batches", json={"operations": []}))


def test_a_501st_pending_batch_is_turned_away(platform: Running, api: httpx.Client) -> None:
    sandbox(platform).batches.begins = 3600
    for _ in range(500):
        batch(api, op("GET", "/ping", "ping"))
    refused(api.post("/batches", json={"operations": [op("GET", "/ping", "ping")]}), 429)


# -- saved segments


def segment(api: httpx.Client, *conditions: dict[str, Any], match: str = "all", name: str = "Some") -> dict[str, Any]:
    body = {"name": name, "options": {"match": match, "conditions": list(conditions)}}
    made: dict[str, Any] = api.post(f"{AUDIENCE}/segments", json=body).raise_for_status().json()
    return made


def members(api: httpx.Client, made: dict[str, Any], **params: str) -> set[str]:
    answer = api.get(f"{AUDIENCE}/segments/{made['id']}/members", params=params).raise_for_status().json()
    return {it["email_address"] for it in answer["members"]}


def condition(kind: str, field: str, op: str, value: Any = "", **more: Any) -> dict[str, Any]:
    return {"condition_type": kind, "field": field, "op": op, "value": value, **more}


@pytest.fixture
def people(api: httpx.Client) -> None:
    put(api, ANN, merge_fields={"FNAME": "Ann"}, tags=["silver"])
    put(api, BEN, merge_fields={"FNAME": "Ben"}, tags=["silver", "gold"])
    put(api, CAT, merge_fields={})
    put(api, "dan@example.org", status_if_new="unsubscribed", merge_fields={"FNAME": "Dan"})


@pytest.mark.parametrize(
    ("row_", "fits"),
    [
        (condition("TextMerge", "FNAME", "is", "ann"), {ANN}),
        (condition("TextMerge", "FNAME", "starts", "B"), {BEN}),
        (condition("TextMerge", "FNAME", "blank"), {CAT}),
        (condition("TextMerge", "FNAME", "not", "Ann"), {BEN, CAT}),
        (condition("EmailAddress", "EMAIL", "contains", "cat@"), {CAT}),
        (condition("Date", "timestamp_opt", "within", "2"), {ANN, BEN, CAT}),
        (condition("Date", "info_changed", "less", "date", extra="2020-01-01"), set()),
        (condition("Aim", "aim", "nosent", "any"), {ANN, BEN, CAT}),
    ],
)
def test_a_saved_segment_holds_whoever_fits_now(
    api: httpx.Client, people: None, row_: dict[str, Any], fits: set[str]
) -> None:
    made = segment(api, row_)
    assert (made["type"], made["member_count"]) == ("saved", len(fits))
    assert members(api, made) == fits


def test_conditions_on_tags_follow_the_tags(api: httpx.Client, people: None) -> None:
    tags = {it["name"]: it["id"] for it in api.get(f"{AUDIENCE}/tag-search").json()["tags"]}
    silver = condition("StaticSegment", "static_segment", "static_is", tags["silver"])
    gold = condition("StaticSegment", "static_segment", "static_not", tags["gold"])
    both = segment(api, silver, gold)
    assert members(api, both) == {ANN}
    api.post(f"{ME}/tags", json={"tags": [{"name": "silver", "status": "inactive"}]}).raise_for_status()
    assert members(api, both) == set()
    either = segment(api, silver, gold, match="any", name="Either")
    assert members(api, either) == {ANN, BEN, CAT}
    assert members(api, either, include_unsubscribed="true") == {ANN, BEN, CAT, "dan@example.org"}


def test_segments_of_both_kinds_are_listed_and_told_apart(api: httpx.Client, people: None) -> None:
    made = segment(api, condition("TextMerge", "FNAME", "blank"))
    listed = api.get(f"{AUDIENCE}/segments").json()
    assert [it["type"] for it in listed["segments"]] == ["static", "static", "saved"]
    assert [it["id"] for it in api.get(f"{AUDIENCE}/segments", params={"type": "saved"}).json()["segments"]] == [
        made["id"]
    ]
    assert made["id"] not in {it["id"] for it in api.get(f"{AUDIENCE}/tag-search").json()["tags"]}


def test_a_saved_segment_is_changed_and_dropped_but_takes_no_members(api: httpx.Client, people: None) -> None:
    made = segment(api, condition("TextMerge", "FNAME", "blank"))
    place = f"{AUDIENCE}/segments/{made['id']}"
    refused(api.post(place, json={"members_to_add": [ANN]}))
    options = {"match": "all", "conditions": [condition("TextMerge", "FNAME", "is", "Ben")]}
    api.patch(place, json={"name": "Bens", "options": options}).raise_for_status()
    assert members(api, made) == {BEN}
    assert api.delete(place).status_code == 204
    refused(api.get(place), 404)


@pytest.mark.parametrize(
    "options",
    [
        {"match": "some", "conditions": [condition("TextMerge", "FNAME", "blank")]},
        {"match": "all", "conditions": []},
        {"match": "all", "conditions": [condition("TextMerge", "NOPE", "is", "x")]},
        {"match": "all", "conditions": [condition("TextMerge", "FNAME", "resembles", "x")]},
        {"match": "all", "conditions": [condition("StaticSegment", "static_segment", "static_is", "9000")]},
        {"match": "all", "conditions": [condition("Aim", "aim", "open", "12345")]},
        {"match": "all", "conditions": [condition("Unheard", "x", "is", "x")]},
        {"match": "all", "conditions": [condition("TextMerge", "FNAME", "blank")] * 101},
    ],
)
def test_conditions_that_cannot_be_read_are_refused(api: httpx.Client, options: dict[str, Any]) -> None:
    refused(api.post(f"{AUDIENCE}/segments", json={"name": "Some", "options": options}))


def test_a_free_plan_has_ten_conditions(platform: Running, api: httpx.Client) -> None:
    sandbox(platform).plan = "forever_free"
    one = condition("TextMerge", "FNAME", "blank")
    segment(api, *[one] * 10)
    refused(api.post(f"{AUDIENCE}/segments", json={"name": "B", "options": {"match": "any", "conditions": [one] * 11}}))


def test_a_campaign_goes_to_whoever_fits_when_it_is_sent(platform: Running, api: httpx.Client, people: None) -> None:
    made = segment(api, condition("TextMerge", "FNAME", "is", "Ann"))
    settings = {"subject_line": "News", "from_name": "We", "reply_to": "us@example.org", "title": "T"}
    to = {"list_id": LIST, "segment_opts": {"saved_segment_id": made["id"]}}
    campaign = api.post("/campaigns", json={"type": "regular", "recipients": to, "settings": settings}).json()
    assert campaign["recipients"]["recipient_count"] == 1
    api.put(f"/campaigns/{campaign['id']}/content", json={"html": "*|UNSUB|*"}).raise_for_status()
    put(api, BEN, merge_fields={"FNAME": "Ann"})
    api.post(f"/campaigns/{campaign['id']}/actions/send").raise_for_status()
    later(platform, timedelta(minutes=5))
    sent = api.get(f"/reports/{campaign['id']}/sent-to").json()["sent_to"]
    assert {it["email_address"] for it in sent} == {ANN, BEN}
    who = segment(api, condition("Aim", "aim", "sent", campaign["web_id"]), name="Sent")
    assert members(api, who) == {ANN, BEN}
    activity = api.get(f"{ME}/activity", params={"action": "sent"}).json()["activity"]
    assert [(it["action"], it["campaign_id"]) for it in activity] == [("sent", campaign["id"])]


# -- notes, activity, growth


def test_notes_are_written_changed_and_shown_on_the_member(api: httpx.Client) -> None:
    put(api)
    first, second = (api.post(f"{ME}/notes", json={"note": text}).raise_for_status().json() for text in ("One", "Two"))
    listed = api.get(f"{ME}/notes").json()
    assert ([it["note"] for it in listed["notes"]], listed["total_items"]) == (["Two", "One"], 2)
    assert api.get(ME).json()["last_note"]["note_id"] == second["id"]
    api.patch(f"{ME}/notes/{first['id']}", json={"note": "Uno"}).raise_for_status()
    assert api.get(f"{ME}/notes/{first['id']}").json()["note"] == "Uno"
    assert api.delete(f"{ME}/notes/{second['id']}").status_code == 204
    refused(api.get(f"{ME}/notes/{second['id']}"), 404)
    refused(api.post(f"{ME}/notes", json={"note": "x" * 1001}))
    refused(api.post(f"{ME}/notes", json={}))


def test_the_feed_tells_notes_and_events_and_can_be_narrowed(api: httpx.Client) -> None:
    put(api)
    api.post(f"{ME}/notes", json={"note": "Called"}).raise_for_status()
    api.post(f"{ME}/events", json={"name": "open_evening"}).raise_for_status()
    kinds = {it["activity_type"] for it in api.get(f"{ME}/activity-feed").json()["activity"]}
    assert kinds == {"note", "event"}
    only = api.get(f"{ME}/activity-feed", params={"activity_filters": "event"}).json()
    assert [it["event_name"] for it in only["activity"]] == ["open_evening"]
    refused(api.get(f"{ME}/activity", params={"action": "danced"}))


def test_growth_counts_each_month_by_status(platform: Running, api: httpx.Client) -> None:
    put(api, ANN)
    put(api, BEN)
    month = f"{datetime.now(UTC):%Y-%m}"
    api.patch(f"{AUDIENCE}/members/{hashed(BEN)}", json={"status": "unsubscribed"}).raise_for_status()
    row_ = api.get(f"{AUDIENCE}/growth-history/{month}").json()
    assert (row_["subscribed"], row_["unsubscribed"], row_["optins"]) == (1, 1, 0)
    assert api.get(f"{AUDIENCE}/growth-history").json()["history"][0] == row_
    refused(api.get(f"{AUDIENCE}/growth-history/1999-01"), 404)
    (today,) = api.get(f"{AUDIENCE}/activity").json()["activity"]
    assert (today["subs"], today["unsubs"]) == (2, 1)


# -- interests and permissions


def group(api: httpx.Client, *names: str) -> tuple[str, list[str]]:
    place = f"{AUDIENCE}/interest-categories"
    category = api.post(place, json={"title": "Wards", "type": "checkboxes"}).raise_for_status().json()["id"]
    made = [api.post(f"{place}/{category}/interests", json={"name": name}).raise_for_status().json() for name in names]
    return category, [it["id"] for it in made]


def test_members_tick_interests_and_are_found_by_them(api: httpx.Client) -> None:
    category, (icu, theatre) = group(api, "ICU", "Theatre")
    assert put(api, ANN, interests={icu: True})["interests"] == {icu: True, theatre: False}
    put(api, BEN, interests={icu: True, theatre: True})
    put(api, CAT)

    def found(match: str) -> set[str]:
        asked = {"interest_category_id": category, "interest_ids": f"{icu},{theatre}", "interest_match": match}
        return {it["email_address"] for it in api.get(f"{AUDIENCE}/members", params=asked).json()["members"]}

    assert (found("any"), found("all"), found("none")) == ({ANN, BEN}, {BEN}, {CAT})
    ticked = segment(api, condition("Interests", f"interests-{category}", "interestcontainsall", [icu, theatre]))
    assert members(api, ticked) == {BEN}
    listed = api.get(f"{AUDIENCE}/interest-categories/{category}/interests").json()["interests"]
    assert [(it["name"], it["subscriber_count"]) for it in listed] == [("ICU", "2"), ("Theatre", "1")]


def test_an_unknown_interest_is_refused_and_a_dropped_one_is_ticked_by_nobody(api: httpx.Client) -> None:
    category, (icu,) = group(api, "ICU")
    put(api, interests={icu: True})
    refused(api.patch(ME, json={"interests": {"nothing": True}}))
    refused(api.post(f"{AUDIENCE}/interest-categories", json={"title": "Wards", "type": "checkboxes"}))
    assert api.delete(f"{AUDIENCE}/interest-categories/{category}").status_code == 204
    assert api.get(ME).json()["interests"] == {}


def test_marketing_permissions_are_read_from_a_member_and_ticked_one_by_one(
    platform: Running, api: httpx.Client
) -> None:
    assert put(api)["marketing_permissions"] == []
    sandbox(platform).audience.permissions = ("E-mail", "Post")
    assert api.get(AUDIENCE).json()["marketing_permissions"] is True
    first, second = api.get(ME).json()["marketing_permissions"]
    asked = {"marketing_permission_id": first["marketing_permission_id"], "enabled": True}
    shown = api.patch(ME, json={"marketing_permissions": [asked]}).json()["marketing_permissions"]
    assert [it["enabled"] for it in shown] == [True, False]
    refused(api.patch(ME, json={"marketing_permissions": [asked | {"marketing_permission_id": "nothing"}]}))
    assert second["text"] == "Post"
