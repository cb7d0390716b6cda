"""Lever's webhooks: signatures in the body, several tokens, old and forged ones, ten events."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.lever.adapter import Lever
from adapters.lever.declaration import EVENTS
from adapters.lever.sandbox import SIGNING_TOKEN, LeverSandbox
from connector.adapter import Connection
from connector.client import Client, Pace
from connector.errors import BadSignature, Malformed
from connector.flow import Delivery, Hint
from connector.model import Gone, Ref
from connector.sandbox import running
from connector.world import world

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
AT = int(NOW.timestamp() * 1000)
KEY = "0123456789abcdef" * 3
#: Reading and verifying ask nobody.
UNUSED = Client(httpx.Client(), base_url="https://api.lever.co/v1", pace=Pace(Lever.declaration.limits))
OTHER = "fedcba9876543210" * 3
#: HMAC-SHA256 of "aa" * 24 followed by 1763888400000 under KEY, made with `openssl dgst -sha256 -hmac`.
VECTOR = "ce154e283940474c1e54dc4c7a1951c1607d4650e8c455d42e6ca111d617a694"


def lever(**options: object) -> Lever:
    return Lever(Connection(account="acme", client=UNUSED, options=options))


def delivery(body: Any, received_at: datetime = NOW) -> Delivery:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Delivery(account="acme", body=raw, received_at=received_at)


def signed(event: str = "candidateHired", at: int = AT, key: str = KEY, **data: object) -> dict[str, Any]:
    token = "ab" * 24
    signature = hmac.new(key.encode(), f"{token}{at}".encode(), hashlib.sha256).hexdigest()
    return {"event": event, "triggeredAt": at, "token": token, "signature": signature, "data": data}


def test_a_signature_made_elsewhere_fits() -> None:
    at = 1763888400000
    body = {"event": "candidateHired", "triggeredAt": at, "token": "aa" * 24, "signature": VECTOR, "data": {}}
    lever().verify(delivery(body, datetime.fromtimestamp(at / 1000, UTC)), [KEY])


def test_any_of_several_live_tokens_may_have_signed_and_the_key_is_text_not_hex() -> None:
    lever().verify(delivery(signed()), [OTHER, KEY])
    lever().verify(delivery(signed(key=OTHER)), [OTHER, KEY])
    with pytest.raises(BadSignature):
        lever().verify(delivery(signed()), [OTHER])
    raw = bytes.fromhex(KEY)
    body = signed()
    body["signature"] = hmac.new(raw, f"{body['token']}{AT}".encode(), hashlib.sha256).hexdigest()
    with pytest.raises(BadSignature):
        lever().verify(delivery(body), [KEY])


@pytest.mark.parametrize("secrets", [[], [""], ["", OTHER]])
def test_without_a_fitting_token_nothing_is_taken(secrets: list[str]) -> None:
    with pytest.raises(BadSignature):
        lever().verify(delivery(signed()), secrets)
    with pytest.raises(BadSignature):
        lever().verify(delivery(signed(key="")), secrets)


@pytest.mark.parametrize(
    "change",
    [
        {"token": "ac" * 24},
        {"triggeredAt": AT + 1},
        {"triggeredAt": str(AT)},
        {"triggeredAt": True},
        {"triggeredAt": 10**30},
        {"triggeredAt": None},
        {"signature": ""},
        {"signature": None},
        {"signature": "ü" * 64},
        {"signature": 7},
        {"token": None},
        {"token": ["ab"]},
    ],
)
def test_whatever_is_changed_in_the_signed_parts_is_a_bad_signature_and_no_other_error(
    change: Mapping[str, Any],
) -> None:
    with pytest.raises(BadSignature):
        lever().verify(delivery({**signed(), **change}), [KEY])


def test_an_upper_case_signature_is_another_signature() -> None:
    body = signed()
    with pytest.raises(BadSignature):
        lever().verify(delivery({**body, "signature": body["signature"].upper()}), [KEY])


@given(body=st.binary(max_size=200))
def test_no_bytes_make_verify_fail_with_anything_but_a_bad_signature(body: bytes) -> None:
    with pytest.raises(BadSignature):
        lever().verify(delivery(body), [KEY])


@pytest.mark.parametrize(
    ("age", "fine"),
    [
        (timedelta(0), True),
        (timedelta(days=1), True),
        (timedelta(days=14, hours=23), True),
        (timedelta(days=15, minutes=1), False),
        (timedelta(minutes=-9), True),
        (timedelta(minutes=-11), False),
    ],
)
def test_whatever_lever_can_send_again_is_taken_and_nothing_older(age: timedelta, fine: bool) -> None:
    late = delivery(signed(), NOW + age)
    if fine:
        lever().verify(late, [KEY])
    else:
        with pytest.raises(BadSignature):
            lever().verify(late, [KEY])


def test_the_age_can_be_set() -> None:
    lever(max_age_days="400").verify(delivery(signed(), NOW + timedelta(days=365)), [KEY])
    with pytest.raises(BadSignature):
        lever(max_age_days=1).verify(delivery(signed(), NOW + timedelta(days=2)), [KEY])


def test_an_unsigned_body_is_taken_only_when_settings_say_so_and_a_wrong_signature_never() -> None:
    bare = {"event": "candidateHired", "triggeredAt": AT, "data": {"opportunityId": "o"}}
    with pytest.raises(BadSignature):
        lever().verify(delivery(bare), [KEY])
    lever(unsigned="yes").verify(delivery(bare), [KEY])
    lever(unsigned="yes").verify(delivery(bare), [])
    with pytest.raises(BadSignature):
        lever(unsigned="yes").verify(delivery(signed(key=OTHER)), [KEY])


def test_a_repeat_is_the_same_delivery_even_under_a_new_token() -> None:
    first = signed(opportunityId="o", contactId="c")
    again = {**first, "token": "cd" * 24, "signature": "00", "data": {"contactId": "c", "opportunityId": "o"}}
    assert lever().identify(delivery(first)) == lever().identify(delivery(again)) != ""
    for change in ({"event": "candidateDeleted"}, {"triggeredAt": AT + 1}, {"data": {"opportunityId": "p"}}):
        assert lever().identify(delivery({**first, **change})) != lever().identify(delivery(first))


IDS: dict[str, Any] = {"opportunityId": "o", "candidateId": "o", "contactId": "c"}


@pytest.mark.parametrize("event", EVENTS)
def test_each_event_hints_at_what_to_read_again(event: str) -> None:
    data: dict[str, Any] = {**IDS, "interviewId": "i", "panelId": "p", "applicationId": "a"}
    reading = lever().read(delivery(signed(event, **data)))
    kind = "contact" if event.startswith("contact") else "application"
    hints = [Hint(Ref("acme", kind, "c" if kind == "contact" else "o"), event)]
    if event.startswith("interview"):
        hints.append(Hint(Ref("acme", "interview", "o"), event))
    assert list(reading.hints) == hints
    assert not reading.note


def test_a_deletion_is_believed_at_once_and_read_again() -> None:
    reading = lever().read(delivery(signed("candidateDeleted", **IDS)))
    assert reading.records == (Gone(ref=Ref("acme", "application", "o")), Gone(ref=Ref("acme", "candidate", "o")))
    assert [hint.ref.kind for hint in reading.hints] == ["application"]
    reading = lever().read(delivery(signed("interviewDeleted", **IDS, interviewId="i", deletedAt=AT)))
    assert reading.records == (Gone(ref=Ref("acme", "interview", "i"), updated_at=NOW, at=NOW),)


def test_an_old_body_that_names_only_the_candidate_is_understood() -> None:
    (hint,) = lever().read(delivery(signed("candidateStageChange", candidateId="o"))).hints
    assert hint.ref == Ref("acme", "application", "o")


@pytest.mark.parametrize("event", EVENTS)
def test_a_test_delivery_says_nothing_on_purpose(event: str) -> None:
    reading = lever().read(delivery(signed(event)))
    assert (reading.records, reading.hints, reading.note) == ((), (), f"test delivery of {event}")


def test_an_unknown_event_is_noted_and_an_odd_name_is_not_repeated() -> None:
    assert lever().read(delivery(signed("candidateSnoozed", **IDS))).note == "event candidateSnoozed is not used"
    assert "@" not in lever().read(delivery(signed("a@example.org", **IDS))).note


@pytest.mark.parametrize(
    ("event", "data", "path"),
    [
        ("candidateHired", {"contactId": "c"}, "$.data.candidateId"),
        ("candidateHired", {"opportunityId": {}, "candidateId": 1.5}, "$.data.candidateId"),
        ("contactUpdated", {"accountId": "a"}, "$.data.contactId"),
        ("interviewDeleted", {"opportunityId": "o"}, "$.data.interviewId"),
    ],
)
def test_a_body_without_its_id_is_malformed_at_that_place(event: str, data: dict[str, Any], path: str) -> None:
    with pytest.raises(Malformed) as raised:
        lever().read(delivery(signed(event, **data)))
    assert raised.value.path == path


@pytest.mark.parametrize("data", ["text", [1], 7])
def test_data_that_is_no_object_is_malformed(data: object) -> None:
    with pytest.raises(Malformed):
        lever().read(delivery({**signed(), "data": data}))


class Inbox:
    """A door that fails as often as it is told to and keeps what it got."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.agents: list[str | None] = []
        self.failing = 0
        inbox = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                inbox.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
                inbox.agents.append(self.headers["User-Agent"])
                inbox.failing -= 1
                self.send_response(503 if inbox.failing >= 0 else 202)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/"

    def wait_for(self, count: int) -> list[bytes]:
        deadline = time.monotonic() + 10
        while len(self.bodies) < count:
            assert time.monotonic() < deadline, f"{len(self.bodies)} of {count} deliveries"
            time.sleep(0.01)
        return self.bodies


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    made = Inbox()
    thread = threading.Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


def test_what_the_sandbox_sends_is_verified_and_understood_and_repeats_are_one_delivery(inbox: Inbox) -> None:
    sandbox = LeverSandbox(limited=False)
    sandbox.seed(world(20, now=NOW))
    sandbox.harness.compress = 1e6
    sandbox.acts.retry_token = "new"
    active = next(iter(sandbox.store.rows))
    contact = sandbox.store.rows[active]["contact"]
    with running(sandbox) as served:

        def act(do: str, **asked: object) -> None:
            httpx.post(f"{served.base_url}/_sandbox/act", json={"do": do, **asked}).raise_for_status()

        httpx.post(f"{served.base_url}/_sandbox/hook", json={"url": inbox.url, "secret": SIGNING_TOKEN})
        inbox.failing = 2
        act("archive", opportunity=active, reason="Position filled")
        inbox.wait_for(3)
        act("hire", opportunity=active)
        act("test_delivery", event="contactCreated")
        act("anonymise", opportunity=active)
        act("delete", opportunity=active)
        bodies = inbox.wait_for(8)
    received = [delivery(body, NOW) for body in bodies]
    for each in received:
        lever().verify(each, [OTHER, SIGNING_TOKEN])
    assert set(inbox.agents) == {"Lever-Webhooks"}
    assert len({lever().identify(each) for each in received[:3]}) == 1
    assert len({json.loads(each.body)["token"] for each in received[:3]}) == 3
    hinted = {hint.ref for each in received for hint in lever().read(each).hints}
    assert hinted == {Ref("acme", "application", active), Ref("acme", "contact", contact)}


@pytest.mark.parametrize(
    ("doubt", "events"),
    [
        ("both", {"candidateHired", "candidateArchiveChange"}),
        ("hired", {"candidateHired"}),
        ("archived", {"candidateArchiveChange"}),
    ],
)
def test_whichever_events_a_hire_sends_the_same_application_is_read_again(
    inbox: Inbox, doubt: str, events: set[str]
) -> None:
    sandbox = LeverSandbox(limited=False)
    sandbox.seed(world(20, now=NOW))
    sandbox.acts.hire_events = doubt
    id = next(iter(sandbox.store.rows))
    with running(sandbox) as served:
        httpx.post(f"{served.base_url}/_sandbox/hook", json={"url": inbox.url, "secret": ""})
        httpx.post(f"{served.base_url}/_sandbox/act", json={"do": "hire", "opportunity": id}).raise_for_status()
        bodies = inbox.wait_for(len(events))
    assert {json.loads(body)["event"] for body in bodies} == events
    for body in bodies:
        unsigned = delivery(body, NOW)
        lever(unsigned="yes").verify(unsigned, [])
        assert [hint.ref for hint in lever().read(unsigned).hints] == [Ref("acme", "application", id)]
