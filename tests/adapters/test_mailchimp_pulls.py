"""Walks over Mailchimp's lists, over HTTP: everyone once, whatever changes meanwhile."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.mailchimp import mapping, pulling
from adapters.mailchimp.adapter import Mailchimp
from adapters.mailchimp.sandbox import KEY, LIST, MailchimpSandbox
from adapters.mailchimp.settings import key
from connector.adapter import Connection
from connector.client import Client, Pace
from connector.errors import CursorExpired, Retry, Unsupported
from connector.flow import Delivery, Page, Reading, Window
from connector.model import AnyRecord, Campaign, Engagement, Member, MemberStatus
from connector.raw import Raw
from connector.sandbox import Running, running
from connector.world import world

T0 = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
UNTIL = T0 + timedelta(days=2)
ANN, BEA = "ann@example.org", "bea@example.org"
OPEN: list[httpx.Client] = []


@pytest.fixture
def platform() -> Iterator[Running]:
    with running(MailchimpSandbox()) as served:
        yield served
    while OPEN:
        OPEN.pop().close()


def sandbox(platform: Running) -> MailchimpSandbox:
    assert isinstance(platform.sandbox, MailchimpSandbox)
    return platform.sandbox


def adapter(platform: Running) -> Mailchimp:
    http = httpx.Client(auth=httpx.BasicAuth("keepwarm", KEY), timeout=10)
    OPEN.append(http)
    client = Client(http, base_url=platform.base_url, pace=Pace(Mailchimp.declaration.limits), sleep=lambda _: None)
    return Mailchimp(Connection(account="mc", client=client, options=platform.sandbox.options))


def fill(platform: Running, rows: list[dict[str, Any]]) -> None:
    sandbox(platform).load([json.dumps({"stream": "members", "data": row}).encode() for row in rows])


def row(email: str, minutes: float, status: str = "subscribed", **more: Any) -> dict[str, Any]:
    at = (T0 + timedelta(minutes=minutes)).isoformat()
    return {"email_address": email, "status": status, "last_changed": at, **more}


def act(platform: Running, name: str, **more: Any) -> None:
    assert httpx.post(platform.base_url + "/_sandbox/act", json={"do": name, **more}).status_code == 200


def move(platform: Running, moment: datetime) -> None:
    httpx.post(platform.base_url + "/_sandbox/clock", json={"now": moment.isoformat()})


def pages(mailchimp: Mailchimp, stream: str, since: datetime | None = None, until: datetime = UNTIL) -> Iterator[Page]:
    cursor: str | None = None
    while True:
        page = mailchimp.pull(stream, Window(since=since, until=until), cursor)
        yield page
        cursor = page.cursor
        if cursor is None:
            return


def read(mailchimp: Mailchimp, stream: str, page: Page) -> Reading:
    return mailchimp.read(Delivery(account="mc", stream=stream, body=page.body, received_at=UNTIL))


def records(mailchimp: Mailchimp, stream: str, **window: Any) -> list[AnyRecord]:
    found: list[AnyRecord] = []
    for page in pages(mailchimp, stream, **window):
        reading = read(mailchimp, stream, page)
        assert reading.spoiled == ()
        found.extend(reading.records)
    return found


def emails(found: list[AnyRecord]) -> list[str]:
    return [one.email for one in found if isinstance(one, Member)]


def many(count: int, per_second: int) -> list[dict[str, Any]]:
    return [row(f"p{n}@example.org", n // per_second / 60) for n in range(count)]


@pytest.mark.parametrize("per_second", [1, 7, 400, 2500])
def test_everyone_is_met_however_many_changed_in_one_second(platform: Running, per_second: int) -> None:
    fill(platform, many(2500, per_second))
    found = emails(records(adapter(platform), "members"))
    assert set(found) == {f"p{n}@example.org" for n in range(2500)}
    assert len(found) <= 2500 + 2 * min(per_second, 1000) * 3


def test_nobody_is_skipped_when_others_change_during_the_walk(platform: Running) -> None:
    fill(platform, many(2500, 3))
    mailchimp, found = adapter(platform), list[str]()
    for number, page in enumerate(pages(mailchimp, "members")):
        found += emails(list(read(mailchimp, "members", page).records))
        with httpx.Client(base_url=platform.base_url) as control:
            for n in range(50):
                control.post("/_sandbox/act", json={"do": "profile", "email": f"p{number * 50 + n}@example.org"})
    assert set(found) == {f"p{n}@example.org" for n in range(2500)}


def test_only_what_changed_in_the_window_is_asked_for(platform: Running) -> None:
    fill(platform, [row(f"p{n}@example.org", n) for n in range(10)])
    since, until = T0 + timedelta(minutes=3), T0 + timedelta(minutes=6)
    found = emails(records(adapter(platform), "members", since=since, until=until))
    assert found == [f"p{n}@example.org" for n in range(3, 7)]


def test_the_archived_are_met_too_and_named_so(platform: Running) -> None:
    fill(platform, [row(ANN, 1), row(BEA, 2, "archived")])
    for since in (None, T0):
        found = records(adapter(platform), "members", since=since)
        assert [one.status for one in found if isinstance(one, Member)] == ["subscribed", "archived"]


def test_an_empty_audience_ends_at_once(platform: Running) -> None:
    assert [page.count for page in pages(adapter(platform), "members")] == [0, 0]


def test_the_reconciliation_goes_by_the_time_of_leaving(platform: Running) -> None:
    fill(platform, [row(ANN, 1, "unsubscribed"), row(BEA, 100, "unsubscribed"), row("cai@example.org", 100, "cleaned")])
    since = T0 + timedelta(minutes=50)
    assert emails(records(adapter(platform), "unsubscribed", since=since)) == [BEA]
    assert emails(records(adapter(platform), "unsubscribed")) == [ANN, BEA]
    assert emails(records(adapter(platform), "cleaned", since=since)) == ["cai@example.org"]


def test_merge_fields_never_come(platform: Running) -> None:
    fill(platform, [row(ANN, 1, merge_fields={"FNAME": "private-name"})])
    bodies = b"".join(page.body for page in pages(adapter(platform), "members"))
    assert ANN.encode() in bodies
    assert b"private-name" not in bodies
    assert b"merge_fields" not in bodies


FORM = {"ip_signup": "198.51.100.2", "timestamp_signup": "2026-10-01T08:00:00+00:00"}
CONFIRMED = {"ip_opt": "198.51.100.2", "timestamp_opt": "2026-10-01T09:00:00+00:00"}


@pytest.mark.parametrize(
    ("data", "opted_in"),
    [
        (FORM, "2026-10-01T08:00:00+00:00"),
        (FORM | CONFIRMED, "2026-10-01T09:00:00+00:00"),
        (FORM | CONFIRMED | {"source": "API - Generic"}, "2026-10-01T09:00:00+00:00"),
        (CONFIRMED | {"source": "Hosted Signup Form"}, "2026-10-01T09:00:00+00:00"),
        (CONFIRMED | {"source": "API - Generic"}, None),
        (CONFIRMED | {"source": "Import"}, None),
        (CONFIRMED | {"source": "Admin Add"}, None),
        (CONFIRMED, None),
        ({"timestamp_opt": "2026-10-01T09:00:00+00:00", "source": "Embed Form"}, None),
        ({"timestamp_signup": "", "ip_signup": "", "timestamp_opt": "", "ip_opt": ""}, None),
    ],
)
def test_opting_in_needs_a_sign_of_the_persons_own(data: dict[str, str], opted_in: str | None) -> None:
    found = mapping.opted_in(Raw(data))
    assert found == (datetime.fromisoformat(opted_in) if opted_in else None)


def test_an_entry_through_the_api_is_no_sign_of_consent(platform: Running) -> None:
    url = f"{platform.base_url}/3.0/lists/{LIST}/members/{key(ANN)}"
    httpx.put(url, auth=("any", KEY), json={"email_address": ANN, "status_if_new": "subscribed"})
    act(platform, "subscribe", email=BEA)
    found = records(adapter(platform), "members")
    assert [one.opted_in_at is not None for one in found if isinstance(one, Member)] == [False, True]


def member(**data: Any) -> Member:
    told = {"id": key(ANN), "email_address": ANN, "status": "subscribed", **data}
    (record,) = mapping.member("mc", Raw(told))
    assert isinstance(record, Member)
    return record


def test_tags_are_told_only_when_all_are_there() -> None:
    tags = [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}]
    assert member(tags=tags, tags_count=2).tags == ("a", "b")
    assert member(tags=tags, tags_count=60).tags is None
    assert member().tags is None


def test_a_complaint_shows_in_the_reason() -> None:
    assert member(status="unsubscribed", unsubscribe_reason="N/A (Abuse complaint)").status is MemberStatus.COMPLAINED


def test_a_contact_without_an_address_is_nobody_to_mail() -> None:
    assert mapping.member("mc", Raw({"id": "x", "email_address": "", "status": "subscribed"})) == []


def test_an_unknown_status_spoils_only_its_own_row() -> None:
    good = {"id": key(ANN), "email_address": ANN, "status": "subscribed"}
    bad = {"id": key(BEA), "email_address": BEA, "status": "brand-new"}
    reading = mapping.page("members", "mc", Raw({"members": [bad, good]}))
    assert emails(list(reading.records)) == [ANN]
    assert [one.path for one in reading.spoiled] == ["$.members[0].status"]


def test_a_fetched_member_is_the_same_record_as_a_listed_one(platform: Running) -> None:
    fill(platform, [row(ANN, 1, tags=[{"name": "Silver"}], **FORM)])
    mailchimp = adapter(platform)
    listed = records(mailchimp, "members")
    ((stream, page), (gone, lost)) = mailchimp.fetch("member", [key(ANN), key(BEA)])
    assert list(read(mailchimp, stream, page).records) == listed
    assert (gone, json.loads(lost.body)) == ("gone", {"kind": "member", "ids": [key(BEA)]})


@pytest.mark.parametrize("cursor", ["", "{", '{"offset":"x"}', "[]"])
def test_a_cursor_of_another_version_starts_the_window_again(platform: Running, cursor: str) -> None:
    with pytest.raises(CursorExpired):
        adapter(platform).pull("members", Window(until=UNTIL), cursor)


def test_what_is_not_offered_is_unsupported(platform: Running) -> None:
    with pytest.raises(Unsupported):
        adapter(platform).pull("segments", Window(until=UNTIL), None)
    with pytest.raises(Unsupported):
        adapter(platform).fetch("segment", ["1"])


def test_a_cut_answer_is_no_page(platform: Running) -> None:
    fill(platform, [row(ANN, 1)])
    httpx.post(platform.base_url + "/_sandbox/switch", json={"case": "cut", "where": "/members"})
    with pytest.raises(Retry):
        adapter(platform).pull("members", Window(until=UNTIL), None)
    assert emails(records(adapter(platform), "members")) == [ANN]


# -- engagement


def mailing(platform: Running, marker: str, sent_at: datetime) -> str:
    """A campaign to the whole audience, sent."""
    with httpx.Client(base_url=platform.base_url + "/3.0", auth=("any", KEY)) as api:
        settings = {"title": "Keepwarm " + marker, "subject_line": "s", "from_name": "f", "reply_to": "r@example.org"}
        made = api.post("/campaigns", json={"type": "regular", "recipients": {"list_id": LIST}, "settings": settings})
        name = str(made.json()["id"])
        assert api.put(f"/campaigns/{name}/content", json={"html": "*|UNSUB|*"}).status_code == 200
        when = {"schedule_time": sent_at.isoformat()}
        assert api.post(f"/campaigns/{name}/actions/schedule", json=when).status_code == 204
    return name


def kinds(found: list[AnyRecord], campaign: str) -> list[tuple[str, str]]:
    return [(one.email, str(one.kind)) for one in found if isinstance(one, Engagement) and one.campaign == campaign]


def test_what_people_did_with_a_mailing_is_learnt_from_its_reports(platform: Running) -> None:
    move(platform, T0)
    sandbox(platform).rates = {"open": 0.0, "click": 0.0, "unsubscribe": 0.0}
    fill(platform, [row(ANN, -60), row(BEA, -60), row("cai@example.org", -60)])
    name = mailing(platform, "wave-1", T0 + timedelta(hours=1))
    move(platform, T0 + timedelta(hours=2))
    act(platform, "open", email=ANN, campaign=name)
    act(platform, "click", email=ANN, campaign=name)
    act(platform, "unsubscribe", email=BEA, campaign=name)
    act(platform, "bounce", email="cai@example.org", campaign=name)
    mailchimp = adapter(platform)
    found = records(mailchimp, "engagement")
    assert sorted(kinds(found, name)) == [
        (ANN, "clicked"),
        (ANN, "delivered"),
        (ANN, "opened"),
        (BEA, "delivered"),
        (BEA, "unsubscribed"),
        ("cai@example.org", "bounced"),
    ]
    assert [(one.email, str(one.status)) for one in found if isinstance(one, Member)] == [(BEA, "unsubscribed")]
    delivered = [one.at for one in found if isinstance(one, Engagement) and one.kind == "delivered"]
    assert set(delivered) == {T0 + timedelta(hours=1)}
    assert [one.ref for one in records(mailchimp, "engagement")] == [one.ref for one in found]


def test_an_old_mailing_is_not_asked_for_its_recipients_again(platform: Running) -> None:
    move(platform, T0)
    sandbox(platform).rates = {"open": 1.0, "click": 0.0, "unsubscribe": 0.0}
    fill(platform, [row(ANN, -60)])
    old = mailing(platform, "wave-1", T0 + timedelta(hours=1))
    new = mailing(platform, "wave-2", T0 + timedelta(hours=30))
    move(platform, T0 + timedelta(hours=40))
    found = records(adapter(platform), "engagement", since=T0 + timedelta(hours=20))
    assert kinds(found, old) == []
    assert kinds(found, new) == [(ANN, "delivered"), (ANN, "opened")]


def test_a_mailing_older_than_ninety_days_is_left_alone(platform: Running) -> None:
    move(platform, T0)
    fill(platform, [row(ANN, -60)])
    mailing(platform, "wave-1", T0 + timedelta(hours=1))
    move(platform, T0 + timedelta(days=100))
    assert records(adapter(platform), "engagement", until=T0 + timedelta(days=100)) == []


def test_more_mailings_than_one_cursor_carries_are_all_looked_into(platform: Running) -> None:
    move(platform, T0)
    sandbox(platform).rates = {"open": 0.0, "click": 0.0, "unsubscribe": 0.0}
    fill(platform, [row(ANN, -60)])
    made = [mailing(platform, str(n), T0 + timedelta(minutes=15 * (n + 1))) for n in range(pulling.QUEUE + 3)]
    move(platform, T0 + timedelta(days=1))
    found = records(adapter(platform), "engagement")
    assert [one.campaign for one in found if isinstance(one, Engagement)] == made


def test_a_mailing_deleted_meanwhile_is_passed_over(platform: Running) -> None:
    move(platform, T0)
    fill(platform, [row(ANN, -60)])
    first = mailing(platform, "1", T0 + timedelta(minutes=15))
    second = mailing(platform, "2", T0 + timedelta(minutes=30))
    move(platform, T0 + timedelta(minutes=50))
    mailchimp, found = adapter(platform), list[AnyRecord]()
    for page in pages(mailchimp, "engagement"):
        sandbox(platform).campaigns.pop(first, None)
        found += read(mailchimp, "engagement", page).records
    assert kinds(found, second) == [(ANN, "delivered")]


def test_complaints_are_learnt_even_without_a_webhook(platform: Running) -> None:
    act(platform, "subscribe", email=ANN)
    act(platform, "complain", email=ANN, campaign="7a1b2c3d4e")
    found = records(adapter(platform), "complaints")
    assert [str(one.status) for one in found if isinstance(one, Member)] == ["complained"]
    listed = records(adapter(platform), "members", until=datetime.now(UTC))
    assert [str(one.status) for one in listed if isinstance(one, Member)] == ["complained"]


def test_campaigns_of_ours_carry_their_marker_and_others_none(platform: Running) -> None:
    move(platform, T0)
    fill(platform, [row(ANN, -60)])
    mailing(platform, "wave-1", T0 + timedelta(hours=1))
    with httpx.Client(base_url=platform.base_url, auth=("any", KEY)) as api:
        api.post(
            "/3.0/campaigns", json={"type": "regular", "recipients": {"list_id": LIST}, "settings": {"title": "Sale"}}
        )
    found = [one for one in records(adapter(platform), "campaigns") if isinstance(one, Campaign)]
    assert [(one.marker, one.status) for one in found] == [("wave-1", "schedule"), (None, "save")]


# -- the world


def test_the_world_is_in_the_audience_as_it_says(platform: Running) -> None:
    people = world(400, now=T0)
    platform.sandbox.seed(people)
    found = [one for one in records(adapter(platform), "members") if isinstance(one, Member)]
    wanted = {one.email: one.audience for one in people.people if one.audience and one.email}
    assert {one.email: str(one.status) for one in found} == wanted
    assert any(one.opted_in_at for one in found)
    assert any(one.opted_in_at is None for one in found if one.status == "subscribed")


@given(st.from_regex(r"[a-zA-Z0-9.+-]{1,20}", fullmatch=True))
def test_a_member_has_one_key_however_the_address_is_written(local: str) -> None:
    assert key(f" {local}@Example.org ") == key(f"{local.lower()}@example.org") == key(f"{local.upper()}@EXAMPLE.ORG")
