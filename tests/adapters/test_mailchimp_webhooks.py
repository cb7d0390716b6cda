"""Mailchimp's webhooks: whom we believe, and what we take from them."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.mailchimp.adapter import Mailchimp
from adapters.mailchimp.sandbox import KEY, LIST, MailchimpSandbox
from adapters.mailchimp.settings import key
from connector.adapter import Connection
from connector.client import Client, Pace
from connector.errors import BadSignature, Malformed
from connector.flow import Delivery, Hint
from connector.model import Campaign, Member, MemberStatus, Ref
from connector.sandbox import Running, running

NOW = datetime(2026, 11, 4, 10, 0, 3, tzinfo=UTC)
FIRED = datetime(2026, 11, 4, 10, 0, tzinfo=UTC)
ANN = "ann@example.org"
SIGNING = "signing-secret"
HEADER = "x-mailchimp-signature"


def adapter(**options: Any) -> Mailchimp:
    pace = Pace(Mailchimp.declaration.limits)
    client = Client(httpx.Client(), base_url="https://mail.example.org", pace=pace)
    return Mailchimp(Connection(account="mc", client=client, options={"audience": LIST, **options}))


def form(kind: str, **data: str) -> bytes:
    pairs = {f"data[{name}]": value for name, value in data.items()}
    return urlencode({"type": kind, "fired_at": "2026-11-04 10:00:00", **pairs}).encode()


def delivery(body: bytes, **more: Any) -> Delivery:
    return Delivery(**{"account": "mc", "body": body, "received_at": NOW, **more})


def header(body: bytes, *secrets: str, at: datetime = NOW) -> dict[str, str]:
    stamp = str(int(at.timestamp()))
    values = [hmac.new(one.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest() for one in secrets]
    return {HEADER: ",".join([f"t={stamp}", *(f"v1={value}" for value in values)])}


def signed(body: bytes, *secrets: str, tail: str = "", at: datetime = NOW) -> Delivery:
    return delivery(body, headers=header(body, *(secrets or (SIGNING,)), at=at), tail=tail)


BODY = form("unsubscribe", email=ANN, action="unsub", reason="manual", list_id=LIST)


# -- whom we believe


def test_the_signature_is_the_one_of_the_document() -> None:
    """Computed apart with openssl: printf '1793786400.type=x' | openssl dgst -sha256 -hmac signing-secret"""
    value = "17179483340a0741eda325af4757dbff5f293b987b83e8063919a6eccd2b7e17"
    at = datetime.fromtimestamp(1793786400, UTC)
    taken = delivery(b"type=x", headers={HEADER: f"t=1793786400,v1={value}"}, received_at=at)
    adapter().verify(taken, ["sign:" + SIGNING])


@pytest.mark.parametrize("secrets", [["sign:" + SIGNING], [SIGNING], ["sign:old", "sign:" + SIGNING]])
def test_a_signed_delivery_is_believed(secrets: list[str]) -> None:
    adapter().verify(signed(BODY), secrets)


def test_one_of_several_signatures_is_enough() -> None:
    adapter().verify(signed(BODY, "the old one", SIGNING), ["sign:" + SIGNING])


def test_an_old_webhook_is_believed_by_its_path_alone() -> None:
    adapter().verify(delivery(BODY, tail="long-random"), ["path:long-random"])


def test_with_both_kinds_of_secret_both_must_be_right() -> None:
    both = ["path:long-random", "sign:" + SIGNING]
    adapter().verify(signed(BODY, tail="long-random"), both)
    for wrong in (signed(BODY), signed(BODY, "other", tail="long-random"), delivery(BODY, tail="long-random")):
        with pytest.raises(BadSignature):
            adapter().verify(wrong, both)


@pytest.mark.parametrize("secrets", [[], [""], ["sign:"], ["path:"], ["path:", "sign:"]])
def test_without_a_secret_nothing_is_believed(secrets: list[str]) -> None:
    for tail in ("", "x"):
        with pytest.raises(BadSignature):
            adapter().verify(signed(BODY, tail=tail), secrets)


@pytest.mark.parametrize("seconds", [-301, 301])
def test_a_signature_of_another_time_is_refused(seconds: int) -> None:
    with pytest.raises(BadSignature):
        adapter().verify(signed(BODY, at=NOW + timedelta(seconds=seconds)), [SIGNING])


@pytest.mark.parametrize("seconds", [-299, 300])
def test_a_signature_of_about_now_is_believed(seconds: int) -> None:
    adapter().verify(signed(BODY, at=NOW + timedelta(seconds=seconds)), [SIGNING])


@settings(deadline=None)
@given(st.text(max_size=60), st.text(max_size=20), st.lists(st.text(max_size=12), max_size=3))
def test_whatever_is_sent_it_is_refused_and_nothing_else_happens(said: str, tail: str, secrets: list[str]) -> None:
    with pytest.raises(BadSignature):
        adapter().verify(delivery(BODY, headers={HEADER: said}, tail=tail), ["sign:" + SIGNING, *secrets])


# -- what we take from them


def only(body: bytes, **options: Any) -> Member:
    (record,) = adapter(**options).read(delivery(body)).records
    assert isinstance(record, Member)
    return record


@pytest.mark.parametrize(
    ("data", "status"),
    [
        ({"action": "unsub", "reason": "manual"}, MemberStatus.UNSUBSCRIBED),
        ({"action": "unsub", "reason": "abuse"}, MemberStatus.COMPLAINED),
        ({"action": "delete", "reason": "abuse"}, MemberStatus.COMPLAINED),
        ({"action": "something-new", "reason": ""}, MemberStatus.UNSUBSCRIBED),
        ({}, MemberStatus.UNSUBSCRIBED),
    ],
)
def test_an_unsubscribe_is_an_objection_at_once(data: dict[str, str], status: MemberStatus) -> None:
    record = only(form("unsubscribe", email=ANN, **data))
    assert (record.status, record.updated_at, record.ref) == (status, FIRED, Ref("mc", "member", key(ANN)))


@pytest.mark.parametrize(("reason", "status"), [("hard", MemberStatus.CLEANED), ("abuse", MemberStatus.COMPLAINED)])
def test_a_cleaned_address_is_taken_at_once(reason: str, status: MemberStatus) -> None:
    assert only(form("cleaned", email=ANN, reason=reason)).status is status


def test_a_removal_by_an_administrator_is_looked_at_and_not_an_objection() -> None:
    body = form("unsubscribe", email=ANN, action="delete", reason="manual")
    reading = adapter().read(delivery(body))
    assert reading.records == ()
    assert reading.hints == (Hint(Ref("mc", "member", key(ANN)), "removed"),)
    assert only(body, payload_only="yes").status is MemberStatus.ARCHIVED


@pytest.mark.parametrize("kind", ["subscribe", "profile"])
def test_a_subscription_or_a_profile_is_read_again_before_it_is_believed(kind: str) -> None:
    reading = adapter().read(delivery(form(kind, email="Ann@Example.org")))
    assert reading.records == ()
    assert reading.hints == (Hint(Ref("mc", "member", key(ANN)), kind),)


def test_without_credentials_a_subscription_is_taken_for_what_it_says() -> None:
    own = only(form("subscribe", email=ANN, ip_signup="198.51.100.23"), payload_only="yes")
    assert (own.status, own.opted_in_at) == (MemberStatus.SUBSCRIBED, FIRED)
    entered = only(form("subscribe", email=ANN, ip_opt="203.0.113.7"), payload_only="yes")
    assert entered.opted_in_at is None


def test_a_change_of_address_keeps_both_and_mails_neither_until_read_again() -> None:
    reading = adapter().read(delivery(form("upemail", new_email="new@example.org", old_email=ANN)))
    (record,) = reading.records
    assert isinstance(record, Member)
    assert (record.email, record.former_email, record.status) == ("new@example.org", ANN, MemberStatus.PENDING)
    assert record.updated_at is not None
    assert record.updated_at < FIRED
    assert [hint.ref.id for hint in reading.hints] == [key("new@example.org"), key(ANN)]


def test_a_campaign_is_read_again() -> None:
    body = form("campaign", id="7a1b2c3d4e", status="sent")
    assert adapter().read(delivery(body)).hints == (Hint(Ref("mc", "campaign", "7a1b2c3d4e"), "campaign"),)
    (record,) = adapter(payload_only="yes").read(delivery(body)).records
    assert record == Campaign(ref=Ref("mc", "campaign", "7a1b2c3d4e"), updated_at=FIRED, status="sent")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (form("sms_subscribe", phone="+44"), "text messages"),
        (form("upsms"), "text messages"),
        (form("shiny_new"), "shiny_new"),
        (form("profile", email=""), "without an e-mail address"),
        (form("unsubscribe", email=ANN, list_id="other"), "another audience"),
    ],
)
def test_what_is_not_for_us_is_noted(body: bytes, words: str) -> None:
    reading = adapter().read(delivery(body))
    assert (reading.records, reading.hints) == ((), ())
    assert words in reading.note


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (b"", "$.type"),
        (b"\xff\xfe", "$"),
        (form("unsubscribe"), "$.data.email"),
        (form("unsubscribe", email="not an address"), "$.data.email"),
        (BODY.replace(b"2026-11-04", b"yesterday"), "$.fired_at"),
        (form("upemail", new_email=ANN), "$.data.old_email"),
        (form("campaign", id="None"), "$.data.id"),
    ],
)
def test_what_cannot_be_read_is_parked_with_its_path(body: bytes, path: str) -> None:
    with pytest.raises(Malformed) as caught:
        adapter().read(delivery(body))
    assert caught.value.path == path


def test_the_same_delivery_has_one_identity_and_others_have_others() -> None:
    bodies = [
        BODY,
        BODY.replace(b"10%3A00%3A00", b"10%3A00%3A01"),
        BODY.replace(b"ann%40", b"bea%40"),
        form("cleaned", email=ANN, list_id=LIST),
        form("upemail", new_email="a@example.org", old_email=ANN),
        form("upemail", new_email="b@example.org", old_email=ANN),
        form("campaign", id="7a1b2c3d4e", status="sent"),
        form("profile", email=ANN) + b"&data%5Bmerges%5D%5BFNAME%5D=Ann",
        form("profile", email=ANN) + b"&data%5Bmerges%5D%5BFNAME%5D=Anna",
    ]
    names = [adapter().identify(delivery(body)) for body in bodies]
    assert len(set(names)) == len(names)
    assert names == [adapter().identify(delivery(body)) for body in bodies]
    assert adapter().identify(delivery(b"\xff")) == adapter().identify(delivery(b"type=x")) == ""


# -- from the sandbox


class Door:
    """Somebody's web server that keeps what it is sent."""

    def __init__(self, *answers: int, probe: int = 200) -> None:
        self.taken: list[Delivery] = []
        left = list(answers)
        door = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(probe)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                at = datetime.now(UTC)
                door.taken.append(Delivery(account="mc", body=body, received_at=at, headers=headers))
                self.send_response(left.pop(0) if left else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Door:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/webhooks/mc"

    def wait(self, count: int) -> list[Delivery]:
        deadline = time.monotonic() + 5
        while len(self.taken) < count and time.monotonic() < deadline:
            time.sleep(0.01)
        return self.taken


@pytest.fixture
def platform() -> Iterator[Running]:
    with running(MailchimpSandbox()) as served:
        yield served


def sandbox(platform: Running) -> MailchimpSandbox:
    assert isinstance(platform.sandbox, MailchimpSandbox)
    return platform.sandbox


ALL = dict.fromkeys(("subscribe", "unsubscribe", "profile", "cleaned", "upemail", "campaign"), True)


def make_hook(platform: Running, url: str, **sources: bool) -> httpx.Response:
    wanted = {"url": url, "events": ALL, "sources": {"user": True, "admin": True, "api": False} | sources}
    return httpx.post(f"{platform.base_url}/3.0/lists/{LIST}/webhooks", json=wanted, auth=("any", KEY))


def act(platform: Running, name: str, **more: Any) -> None:
    assert httpx.post(platform.base_url + "/_sandbox/act", json={"do": name, **more}).status_code == 200


def test_what_the_sandbox_sends_verifies_and_reads(platform: Running) -> None:
    with Door() as door:
        made = make_hook(platform, door.url).json()
        assert made["signing_enabled"] is True
        secret = "sign:" + made["signing_secret"]
        act(platform, "subscribe", email=ANN)
        act(platform, "profile", email=ANN, merge_fields={"FNAME": "Änn"})
        act(platform, "upemail", email=ANN, new="bea@example.org")
        act(platform, "bounce", email="bea@example.org")
        act(platform, "archive", email="bea@example.org")
        readings = []
        for taken in door.wait(6):
            adapter().verify(taken, [secret])
            readings.append(adapter().read(taken))
    assert len(readings) == 6
    told = {type(record).__name__ + ":" + getattr(record, "status", "") for one in readings for record in one.records}
    assert told == {"Member:pending", "Member:cleaned"}
    assert {hint.why for one in readings for hint in one.hints} == {"subscribe", "profile", "upemail", "removed"}


def test_the_secret_is_shown_once(platform: Running) -> None:
    with Door() as door:
        assert make_hook(platform, door.url).json()["signing_secret"]
        url = f"{platform.base_url}/3.0/lists/{LIST}/webhooks"
        (shown,) = httpx.get(url, auth=("any", KEY)).json()["webhooks"]
    assert shown["signing_secret"] == ""
    assert shown["signing_enabled"] is True


def test_an_address_is_probed_and_taken_once(platform: Running) -> None:
    with Door(probe=404) as door:
        assert make_hook(platform, door.url).status_code == 400
    with Door() as door:
        assert make_hook(platform, door.url).status_code == 200
        assert make_hook(platform, door.url).status_code == 400


def test_an_old_webhook_is_not_signed(platform: Running) -> None:
    sandbox(platform).hooks.signing = False
    with Door() as door:
        assert make_hook(platform, door.url).json()["signing_secret"] == ""
        act(platform, "subscribe", email=ANN)
        (taken,) = door.wait(1)
    assert HEADER not in taken.headers
    with pytest.raises(BadSignature):
        adapter().verify(taken, [SIGNING])


@pytest.mark.parametrize("resign", [True, False])
def test_a_retry_is_signed_anew_or_not_and_has_one_identity(platform: Running, resign: bool) -> None:
    """The document does not say which; both must end in one delivery, or in a refusal that names the time."""
    sandbox(platform).hooks.resign = resign
    sandbox(platform).harness.compress = 200.0
    with Door(500) as door:
        secret = make_hook(platform, door.url).json()["signing_secret"]
        act(platform, "subscribe", email=ANN)
        door.wait(1)
        later = datetime.now(UTC) + timedelta(minutes=6)
        httpx.post(platform.base_url + "/_sandbox/clock", json={"now": later.isoformat()})
        first, second = door.wait(2)
    assert adapter().identify(first) == adapter().identify(second)
    again = Delivery(account="mc", body=second.body, headers=second.headers, received_at=later)
    if resign:
        adapter().verify(again, [secret])
    else:
        with pytest.raises(BadSignature, match="300 seconds"):
            adapter().verify(again, [secret])


def test_a_410_ends_the_webhook_for_good(platform: Running) -> None:
    with Door(410) as door:
        make_hook(platform, door.url)
        act(platform, "subscribe", email=ANN)
        door.wait(1)
        time.sleep(0.1)
        act(platform, "unsubscribe", email=ANN)
        time.sleep(0.2)
        assert len(door.taken) == 1
    assert httpx.get(f"{platform.base_url}/3.0/lists/{LIST}/webhooks", auth=("any", KEY)).json()["total_items"] == 0


@pytest.mark.parametrize(("api", "count"), [(True, 1), (False, 0)])
def test_our_own_writes_are_told_only_to_those_who_ask(platform: Running, api: bool, count: int) -> None:
    with Door() as door:
        make_hook(platform, door.url, api=api)
        body = {"email_address": ANN, "status_if_new": "subscribed"}
        url = f"{platform.base_url}/3.0/lists/{LIST}/members/{key(ANN)}"
        assert httpx.put(url, json=body, auth=("any", KEY)).status_code == 200
        door.wait(count)
        time.sleep(0.1)
        assert len(door.taken) == count
