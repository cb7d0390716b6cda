"""The Mailchimp sandbox against the documents: manners, errors, states, as a stranger's client meets them."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from adapters.mailchimp.sandbox import KEY, LIST, MailchimpSandbox
from adapters.mailchimp.sandbox_order import hashed
from connector.sandbox import Running, running

ANN = "ann@example.org"
MEMBERS = f"/lists/{LIST}/members"
ME = f"{MEMBERS}/{hashed(ANN)}"


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


def act(platform: Running, name: str, **more: Any) -> httpx.Response:
    return httpx.post(platform.base_url + "/_sandbox/act", json={"do": name, **more})


def put(api: httpx.Client, email: str = ANN, **body: Any) -> httpx.Response:
    return api.put(f"{MEMBERS}/{hashed(email)}", json={"email_address": email, **body})


# -- manners


@pytest.mark.parametrize("prefix", ["/3.0", ""])
@pytest.mark.parametrize("bearer", [True, False])
def test_key_and_token_are_let_in_under_both_prefixes(platform: Running, prefix: str, bearer: bool) -> None:
    auth = None if bearer else httpx.BasicAuth("anyone", KEY)
    headers = {"Authorization": f"Bearer {KEY}"} if bearer else {}
    answer = httpx.get(f"{platform.base_url}{prefix}/ping", headers=headers, auth=auth)
    assert answer.json() == {"health_status": "Everything's Chimpy!"}


@pytest.mark.parametrize("header", ["", "Bearer wrong", "Basic !!!", "Basic " + "w6Q=", "Digest x", "Basic"])
def test_others_are_answered_with_a_problem_document(platform: Running, header: str) -> None:
    answer = httpx.get(platform.base_url + "/3.0/ping", headers={"Authorization": header})
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["title"] == "API Key Invalid"


def test_an_error_can_be_asked_for(api: httpx.Client) -> None:
    answer = api.get("/ping", headers={"X-Trigger-Error": "APIKeyMissing"})
    assert (answer.status_code, answer.json()["title"]) == (401, "API Key Missing")


def test_an_unknown_path_is_a_problem_too(api: httpx.Client) -> None:
    assert api.get("/nothing/here").json()["status"] == 404


def test_an_eleventh_connection_is_turned_away_without_json(platform: Running) -> None:
    sandbox(platform).latency = 0.4
    with ThreadPoolExecutor(14) as crowd:
        got = list(crowd.map(lambda _: httpx.get(platform.base_url + "/3.0/ping", auth=("x", KEY)), range(14)))
    refused = [answer for answer in got if answer.status_code == 429]
    assert refused
    assert all(answer.content == b"" and "retry-after" not in answer.headers for answer in refused)


def test_without_limits_nobody_is_turned_away() -> None:
    free = MailchimpSandbox(limited=False)
    free.latency = 0.2
    with running(free) as served, ThreadPoolExecutor(14) as crowd:
        got = list(crowd.map(lambda _: httpx.get(served.base_url + "/3.0/ping", auth=("x", KEY)), range(14)))
    assert {answer.status_code for answer in got} == {200}


def test_a_page_has_ten_rows_unless_told_and_a_thousand_at_most(platform: Running, api: httpx.Client) -> None:
    for n in range(12):
        sandbox(platform).audience.add(f"p{n}@example.org", "subscribed", source="Import")
    assert len(api.get(MEMBERS).json()["members"]) == 10
    assert len(api.get(MEMBERS, params={"count": 1000, "offset": 9}).json()["members"]) == 3
    assert api.get(MEMBERS, params={"count": 1001}).status_code == 400


def test_sparse_answers_hold_only_what_was_asked(api: httpx.Client) -> None:
    put(api, status_if_new="subscribed")
    assert api.get(MEMBERS, params={"fields": "members.email_address,total_items"}).json() == {
        "members": [{"email_address": ANN}],
        "total_items": 1,
    }
    assert "members" not in api.get(MEMBERS, params={"exclude_fields": "members"}).json()
    assert api.get(MEMBERS, params={"fields": "members.shoe_size"}).status_code == 400
    assert api.get(MEMBERS, params={"fields": "members", "exclude_fields": "members"}).status_code == 400


def test_a_time_without_an_offset_is_refused(api: httpx.Client) -> None:
    assert api.get(MEMBERS, params={"since_last_changed": "2026-11-01T00:00:00"}).status_code == 400
    assert api.get(MEMBERS, params={"unsubscribed_since": "2026-11-01T00:00:00+00:00"}).status_code == 400


def test_a_body_that_is_no_json_is_told_so(api: httpx.Client) -> None:
    assert api.put(ME, content=b"{").json()["title"] == "JSON Parse Exception"
    assert api.put(ME, content=b"[]").json()["title"] == "Invalid Resource"


# -- members


def test_status_if_new_says_nothing_about_someone_who_is_there(api: httpx.Client) -> None:
    put(api, status_if_new="transactional")
    assert put(api, status_if_new="subscribed").json()["status"] == "transactional"
    assert put(api, status="subscribed").json()["status"] == "subscribed"


def test_someone_new_needs_a_status(api: httpx.Client) -> None:
    assert put(api).json()["errors"][0]["field"] == "status_if_new"
    assert put(api, status_if_new="archived").status_code == 400


def test_post_is_for_new_members_only(api: httpx.Client) -> None:
    body = {"email_address": ANN, "status": "subscribed", "tags": ["Silver"]}
    assert api.post(MEMBERS, json=body).json()["tags_count"] == 1
    assert api.post(MEMBERS, json=body).json()["title"] == "Member Exists"


def test_who_left_cannot_be_subscribed_by_api_but_by_themselves(platform: Running, api: httpx.Client) -> None:
    act(platform, "subscribe", email=ANN)
    act(platform, "unsubscribe", email=ANN)
    assert put(api, status="subscribed").json()["title"] == "Member In Compliance State"
    assert api.patch(ME, json={"status": "subscribed"}).json()["title"] == "Member In Compliance State"
    act(platform, "subscribe", email=ANN)
    assert api.get(ME).json()["status"] == "subscribed"


def test_who_was_forgotten_is_gone_and_stays_out(api: httpx.Client) -> None:
    put(api, status_if_new="subscribed")
    assert api.post(ME + "/actions/delete-permanent").status_code == 204
    assert api.get(ME).status_code == 404
    for status in ("subscribed", "pending"):
        assert put(api, status_if_new=status).json()["title"] == "Forgotten Email Not Subscribed"


def test_archived_members_are_listed_only_by_name_and_can_come_back(api: httpx.Client) -> None:
    put(api, status_if_new="subscribed")
    assert api.delete(ME).status_code == 204
    assert api.get(MEMBERS).json()["total_items"] == 0
    assert api.get(MEMBERS, params={"status": "archived"}).json()["total_items"] == 1
    assert put(api, status_if_new="pending").json()["status"] == "pending"


def test_a_member_is_found_by_hash_and_by_address(api: httpx.Client) -> None:
    put(api, status_if_new="subscribed")
    assert api.get(f"{MEMBERS}/{ANN}").json()["id"] == hashed(ANN)
    found = api.get("/search-members", params={"query": ANN}).json()
    assert found["exact_matches"]["total_items"] == 1


def test_times_of_what_did_not_happen_are_left_out_as_the_reference_types_them(api: httpx.Client) -> None:
    shown = put(api, status_if_new="pending").json()
    assert not {"timestamp_signup", "timestamp_opt"} & set(shown)
    assert api.get(ME, params={"fields": "id,timestamp_opt"}).json() == {"id": shown["id"]}


def test_times_of_what_did_not_happen_can_be_empty_texts(platform: Running, api: httpx.Client) -> None:
    sandbox(platform).audience.absent_times = "empty"
    shown = put(api, status_if_new="pending").json()
    assert (shown["timestamp_signup"], shown["timestamp_opt"]) == ("", "")


def test_a_filter_that_nobody_fits_lists_nobody(api: httpx.Client) -> None:
    mine = put(api, status_if_new="subscribed").json()
    for name, value in (("vip_only", "true"), ("email_type", "text"), ("interest_ids", "a1"), ("unique_email_id", "b")):
        assert api.get(MEMBERS, params={name: value}).json()["total_items"] == 0, name
    asked = {"unique_email_id": mine["unique_email_id"]}
    assert [one["id"] for one in api.get(MEMBERS, params=asked).json()["members"]] == [mine["id"]]
    assert api.get(f"{MEMBERS}/{mine['contact_id']}").json()["id"] == mine["id"]


# -- tags, segments, merge fields, events


def test_tags_in_another_shape_are_answered_and_ignored(api: httpx.Client) -> None:
    put(api, status_if_new="subscribed")
    assert api.post(ME + "/tags", json={"tags": {"name": "Silver", "status": "active"}}).status_code == 204
    assert api.get(ME + "/tags").json()["tags"] == []
    assert api.post(ME + "/tags", json={"tags": [{"name": "Silver", "status": "on"}]}).status_code == 400


def test_a_tag_is_a_segment_whose_count_lags(platform: Running, api: httpx.Client) -> None:
    put(api, status_if_new="subscribed")
    api.post(ME + "/tags", json={"tags": [{"name": "Silver", "status": "active"}]})
    (tag,) = api.get(f"/lists/{LIST}/tag-search", params={"name": "sil"}).json()["tags"]
    place = f"/lists/{LIST}/segments/{tag['id']}"
    assert api.get(place).json()["member_count"] == 0
    assert api.get(place + "/members").json()["total_items"] == 1
    later = (datetime.now(UTC) + timedelta(minutes=16)).isoformat()
    httpx.post(platform.base_url + "/_sandbox/clock", json={"now": later})
    assert api.get(place).json()["member_count"] == 1
    assert api.post(place, json={"members_to_remove": [ANN, "no@example.org"]}).json()["total_removed"] == 1


def test_a_segment_takes_one_more_and_takes_its_tag_along_when_deleted(api: httpx.Client) -> None:
    put(api, status_if_new="subscribed")
    segments = f"/lists/{LIST}/segments"
    made = api.post(segments, json={"name": "Silver", "static_segment": []}).json()["id"]
    assert api.post(f"{segments}/{made}/members", json={"email_address": ANN}).status_code == 200
    assert [tag["name"] for tag in api.get(ME + "/tags").json()["tags"]] == ["Silver"]
    assert api.delete(f"{segments}/{made}").status_code == 204
    assert api.get(ME + "/tags").json()["tags"] == []
    again = api.post(segments, json={"name": "Silver", "static_segment": []}).json()["id"]
    assert api.get(f"{segments}/{again}").json()["name"] == "Silver"


def test_a_draft_is_changed_and_a_report_is_there_only_of_what_was_sent(platform: Running, api: httpx.Client) -> None:
    settings = {"subject_line": "One", "from_name": "We", "reply_to": "us@example.org", "title": "T"}
    made = api.post(
        "/campaigns", json={"type": "regular", "recipients": {"list_id": LIST}, "settings": settings}
    ).json()
    changed = api.patch(f"/campaigns/{made['id']}", json={"settings": {"subject_line": "Two"}}).json()
    assert (changed["settings"]["subject_line"], changed["settings"]["title"]) == ("Two", "T")
    assert "send_time" not in changed
    assert api.get(f"/reports/{made['id']}").status_code == 404
    assert api.get("/reports").json()["reports"] == []


def test_a_segment_is_made_once(api: httpx.Client) -> None:
    place = f"/lists/{LIST}/segments"
    assert api.post(place, json={"name": "Gold", "static_segment": []}).json()["type"] == "static"
    assert api.post(place, json={"name": "Gold", "static_segment": []}).status_code == 400
    assert [row["name"] for row in api.get(place).json()["segments"]] == ["Gold"]


def test_merge_fields_are_made_changed_and_removed(api: httpx.Client) -> None:
    place = f"/lists/{LIST}/merge-fields"
    made = api.post(place, json={"name": "Skill", "tag": "SKILL", "type": "text", "public": False}).json()
    assert api.post(place, json={"name": "Skill", "tag": "SKILL", "type": "text"}).status_code == 400
    assert api.post(place, json={"name": "x", "tag": "TOO_LONG_A_TAG", "type": "text"}).status_code == 400
    one = f"{place}/{made['merge_id']}"
    assert api.patch(one, json={"required": True, "type": "number"}).json()["type"] == "text"
    assert api.get(place, params={"required": "true"}).json()["total_items"] == 1
    assert put(api, status_if_new="subscribed").json()["errors"][0]["field"] == "SKILL"
    assert api.put(
        ME + "?skip_merge_validation=true", json={"email_address": ANN, "status_if_new": "pending"}
    ).is_success
    assert api.delete(one).status_code == 204


@pytest.mark.parametrize("body", [{"name": "x"}, {"name": "x" * 31}, {}, {"name": "ok", "properties": {"n": 1}}])
def test_an_event_out_of_form_is_refused(api: httpx.Client, body: dict[str, Any]) -> None:
    put(api, status_if_new="subscribed")
    assert api.post(ME + "/events", json=body).status_code == 400


def test_a_silent_event_mails_nobody(platform: Running, api: httpx.Client) -> None:
    put(api, status_if_new="subscribed")
    assert api.post(ME + "/events", json={"name": "quiet", "is_syncing": True}).status_code == 204
    assert sandbox(platform).mailed == []
    assert api.get(ME + "/events").json()["total_items"] == 1


# -- campaigns


def draft(api: httpx.Client, **more: Any) -> str:
    settings = {"title": "t", "subject_line": "s", "from_name": "f", "reply_to": "r@example.org"}
    made = api.post(
        "/campaigns", json={"type": "regular", "recipients": {"list_id": LIST}, "settings": settings} | more
    )
    return str(made.json()["id"])


def at(**more: int) -> dict[str, str]:
    soon = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(hours=2)
    return {"schedule_time": (soon + timedelta(**more)).isoformat()}


def test_a_campaign_must_be_complete_and_on_a_quarter_hour(api: httpx.Client) -> None:
    put(api, status_if_new="subscribed")
    place = "/campaigns/" + draft(api)
    faults = [row["heading"] for row in api.get(place + "/send-checklist").json()["items"]]
    assert faults == ["No content", "No unsubscribe link"]
    assert api.post(place + "/actions/schedule", json=at()).status_code == 400
    api.put(place + "/content", json={"html": "*|UNSUB|*"})
    assert api.get(place + "/send-checklist").json()["is_ready"] is True
    assert api.post(place + "/actions/schedule", json=at(minutes=7)).status_code == 400
    assert api.post(place + "/actions/schedule", json=at(days=-1)).status_code == 400
    assert api.post(place + "/actions/schedule", json=at(minutes=15)).status_code == 204
    assert api.post(place + "/actions/schedule", json=at(minutes=15)).json()["title"] == "Invalid Action"
    assert api.put(place + "/content", json={"html": "x"}).status_code == 400


def test_a_campaign_taken_back_is_not_sent(platform: Running, api: httpx.Client) -> None:
    put(api, status_if_new="subscribed")
    place = "/campaigns/" + draft(api)
    api.put(place + "/content", json={"template": {"id": 77}})
    api.post(place + "/actions/schedule", json=at())
    assert api.post(place + "/actions/unschedule").status_code == 204
    httpx.post(platform.base_url + "/_sandbox/clock", json={"now": at(days=1)["schedule_time"]})
    assert api.get(place).json()["status"] == "save"
    assert httpx.get(platform.base_url + "/_sandbox/state").json()["mailed"] == []


def test_a_campaign_goes_through_sending_to_sent_and_ends_the_same_each_time(platform: Running) -> None:
    ends = []
    for _ in range(2):
        with running(MailchimpSandbox()) as served:
            assert isinstance(served.sandbox, MailchimpSandbox)
            served.sandbox.rates = {"open": 0.5, "click": 0.2, "unsubscribe": 0.2}
            for n in range(60):
                served.sandbox.audience.add(f"p{n}@example.org", "subscribed", source="Import")
            with httpx.Client(base_url=served.base_url + "/3.0", auth=("x", KEY)) as api:
                place = "/campaigns/" + draft(api)
                api.put(place + "/content", json={"html": "*|UNSUB|*"})
                assert api.get("/reports" + place.removeprefix("/campaigns") + "/sent-to").status_code == 404
                assert api.post(place + "/actions/send").status_code == 204
                seen = [api.get(place).json()["status"]]
                later = (datetime.now(UTC) + timedelta(hours=3)).isoformat()
                httpx.post(served.base_url + "/_sandbox/clock", json={"now": later})
                shown = api.get(place).json()
                seen.append(shown["status"])
                report = "/reports" + place.removeprefix("/campaigns")
                told = api.get(report + "/email-activity", params={"count": 100}).json()["emails"]
                left = api.get(report + "/unsubscribed", params={"count": 100}).json()["unsubscribes"]
                assert (seen, shown["emails_sent"]) == (["sending", "sent"], 60)
                ends.append(({row["email_address"]: len(row["activity"]) for row in told}, len(left)))
    assert ends[0] == ends[1]
    assert 10 < sum(ends[0][0].values()) < 60
    assert 2 < ends[0][1] < 25


def test_people_do_only_what_the_sandbox_knows(platform: Running) -> None:
    assert act(platform, "dance", email=ANN).status_code == 422
    assert act(platform, "unsubscribe", email=ANN).status_code == 422
