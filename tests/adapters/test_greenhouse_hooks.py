"""Greenhouse's webhooks: sent by the sandbox over real HTTP, verified and read by the adapter."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.greenhouse.adapter import Greenhouse
from adapters.greenhouse.sandbox import GreenhouseSandbox
from connector.adapter import Connection
from connector.client import Client, Pace
from connector.errors import BadSignature, Malformed
from connector.flow import Delivery, Reading
from connector.model import Application, Candidate, Gone, Merged, Offer, OfferStatus, Ref, Status
from connector.sandbox import running
from connector.world import world

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
KEY = "key-of-this-test"


#: Reading asks nobody; one client is enough, and making one is slow.
CLIENT = Client(httpx.Client(), base_url="https://harvest.greenhouse.io/v3", pace=Pace(Greenhouse.declaration.limits))


def adapter(**options: Any) -> Greenhouse:
    return Greenhouse(Connection(account="acme", client=CLIENT, options=options))


def signed(body: bytes, key: str = KEY, **headers: str) -> Delivery:
    digest = hmac.new(key.encode(), body, hashlib.sha256).hexdigest()
    return Delivery(account="acme", body=body, received_at=NOW, headers={"signature": f"sha256 {digest}"} | headers)


def told(action: str, payload: Any, **options: Any) -> Reading:
    body = json.dumps({"action": action, "payload": payload}).encode()
    return adapter(**options).read(Delivery(account="acme", body=body, received_at=NOW))


@dataclass
class Mailbox:
    url: str
    #: What to answer to each delivery in turn; the last one for ever.
    answers: list[int] = field(default_factory=lambda: [200])
    deliveries: list[Delivery] = field(default_factory=list)

    def wait_for(self, count: int) -> list[Delivery]:
        deadline = time.monotonic() + 5
        while len(self.deliveries) < count and time.monotonic() < deadline:
            time.sleep(0.01)
        assert len(self.deliveries) >= count, f"{len(self.deliveries)} of {count} deliveries came"
        return self.deliveries


@contextmanager
def mailbox() -> Iterator[Mailbox]:
    class Door(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {key.lower(): value for key, value in self.headers.items()}
            box.deliveries.append(Delivery(account="acme", body=body, received_at=NOW, headers=headers))
            self.send_response(box.answers.pop(0) if len(box.answers) > 1 else box.answers[0])
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    box = Mailbox(f"http://127.0.0.1:{server.server_address[1]}/webhooks/acme")
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield box
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


Act = Callable[..., dict[str, Any]]


@contextmanager
def hospital(compress: float = 1_000_000.0) -> Iterator[tuple[GreenhouseSandbox, Act, Mailbox]]:
    box = GreenhouseSandbox(limited=False)
    box.harness.compress = compress
    box.seed(world(60, now=NOW))
    with mailbox() as mail, running(box) as served, httpx.Client(base_url=served.base_url) as http:
        http.post("/_sandbox/hook", json={"url": mail.url, "secret": KEY})

        def act(name: str, **asked: Any) -> dict[str, Any]:
            answer = http.post("/_sandbox/act", json={"do": name, **asked})
            assert answer.status_code == 200, answer.text
            done: dict[str, Any] = answer.json()
            return done

        yield box, act, mail


def test_a_life_in_greenhouse_is_told_by_webhooks_that_verify_and_read() -> None:
    with hospital() as (box, act, mail):
        who = act("apply", first_name="Zo<e>", last_name="A&B", email="zoe@example.org")
        run, person = {"application": who["application"]}, Ref("acme", "candidate", who["candidate"])
        for step in ("move", "offer", "offer", "hire", "unhire", "reject", "unreject"):
            act(step, **run)
        act("update_candidate", candidate=who["candidate"], set={"title": "Matron"})
        act("merge", candidate=who["candidate"], into=str(box.tables["candidates"].ids[0]))
        sent = [json.loads(delivery.body)["action"] for delivery in mail.wait_for(12)]
        assert set(sent) == {
            "new_candidate_application",
            "candidate_stage_change",
            "offer_created",
            "offer_updated",
            "hire_candidate",
            "unhire_candidate",
            "reject_candidate",
            "unreject_candidate",
            "update_candidate",
            "merge_candidate",
        }
        ours = adapter()
        assert len({ours.identify(delivery) for delivery in mail.deliveries}) == len(mail.deliveries)
        for delivery in mail.deliveries:
            ours.verify(delivery, ["an older key", KEY])
            reading = ours.read(delivery)
            assert reading.spoiled == ()
            assert reading.hints
            assert b"<" not in delivery.body
            assert b"&" not in delivery.body
        assert any(b"Zo\\u003ce\\u003e" in delivery.body for delivery in mail.deliveries)
        into = Ref("acme", "candidate", str(box.tables["candidates"].ids[0]))
        merged = [record for delivery in mail.deliveries for record in ours.read(delivery).records]
        assert merged == [Merged(ref=person, into=into)]


def test_without_credentials_the_same_life_is_read_from_the_bodies() -> None:
    with hospital() as (_, act, mail):
        who = act("apply", email="zoe@example.org")
        act("reject", email="zoe@example.org", reason="Position filled")
        act("unreject", email="zoe@example.org")
        act("hire", email="zoe@example.org")
        act("delete_candidate", email="zoe@example.org")
        read = adapter(payload_only="yes").read
        by_action = {json.loads(one.body)["action"]: read(one) for one in mail.wait_for(6)}
        runs = {
            action: [record.status for record in reading.records if isinstance(record, Application)]
            for action, reading in by_action.items()
        }
        assert runs["new_candidate_application"] == runs["unreject_candidate"] == [Status.ACTIVE]
        assert runs["reject_candidate"] == [Status.REJECTED]
        assert runs["hire_candidate"] == [Status.HIRED]
        assert not any(isinstance(record, Candidate) for record in by_action["hire_candidate"].records)
        (offer,) = [record for record in by_action["hire_candidate"].records if isinstance(record, Offer)]
        assert offer.status is OfferStatus.ACCEPTED
        gone = [record.ref for record in by_action["delete_candidate"].records if isinstance(record, Gone)]
        assert gone == [
            Ref("acme", "candidate", who["candidate"]),
            Ref("acme", "application", who["application"]),
        ]
        assert not any(reading.hints or reading.spoiled for reading in by_action.values())


def test_jobs_tell_of_themselves_from_created_to_deleted() -> None:
    with hospital() as (_, act, mail):
        job = act("job", event="created", title="ICU Nurse")["job"]
        for event in ("approved", "published", "closed", "deleted"):
            act("job", event=event, job=job)
        hints = {
            json.loads(one.body)["action"]: [str(it.ref) for it in adapter().read(one).hints]
            for one in mail.wait_for(6)
            if json.loads(one.body)["action"] != "job_post_updated"
        }
        assert hints["job_created"] == hints["job_approved"] == hints["job_updated"] == [f"acme/job/{job}"]
        assert hints["job_post_created"][0].startswith("acme/job_post/")
        assert hints["job_deleted"] == []


def test_what_was_wiped_decides_whether_the_person_is_forgotten_or_read_again() -> None:
    with hospital() as (box, act, mail):
        one, other = (str(key) for key in box.tables["candidates"].ids[:2])
        act("anonymise", candidate=one)
        act("anonymise", candidate=other, fields=["current_title"])
        readings = [adapter().read(delivery) for delivery in mail.wait_for(2)]
        assert [record for reading in readings for record in reading.records] == [
            Gone(ref=Ref("acme", "candidate", one), anonymised=True)
        ]
        assert [hint.ref.id for reading in readings for hint in reading.hints] == [other]


@pytest.mark.parametrize("field", ["full_name", "email_addresses", "emails", "tags"])
def test_each_of_these_wiped_alone_forgets_the_person(field: str) -> None:
    (record,) = told("candidate_anonymized", {"candidate_id": 7, "anonymized_fields": ["notes", field]}).records
    assert record == Gone(ref=Ref("acme", "candidate", "7"), anonymised=True)


@pytest.mark.parametrize("repeats", [True, False])
def test_only_200_is_success_and_there_are_seven_attempts(repeats: bool) -> None:
    with hospital() as (box, act, mail):
        box.event_id_repeats = repeats
        mail.answers = [500, 404, 202, 204, 301, 500, 503]
        act("ping")
        deliveries = mail.wait_for(7)
        time.sleep(0.1)
        assert len(deliveries) == 7
        assert len({adapter().identify(delivery) for delivery in deliveries}) == (1 if repeats else 7)
        assert len({delivery.body for delivery in deliveries}) == 1
        assert adapter().read(deliveries[0]).note == "ping"


def test_a_signature_of_our_own_making_fits_and_its_neighbours_do_not() -> None:
    body = b'{"action":"ping","payload":{"name":"\\u003cb\\u003e Tom \\u0026 Ann"}}'
    # computed with openssl dgst -sha256 -hmac, not with this code
    digest = "ce7aa3584034902ad35d56b54f85f79d0b953e0776cc4be0a9fb37da57fe0a67"
    delivery = Delivery(account="acme", body=body, received_at=NOW, headers={"signature": f"sha256 {digest}"})
    adapter().verify(delivery, [KEY])
    reparsed = json.dumps(json.loads(body), separators=(",", ":")).encode()
    assert reparsed != body
    for body_, header in (
        (reparsed, f"sha256 {digest}"),
        (body, digest),
        (body, f"SHA256 {digest}"),
        (body, f"sha256  {digest}"),
        (body, f"sha256 {digest.upper()}"),
        (body, f"sha512 {digest}"),
        (body, ""),
    ):
        with pytest.raises(BadSignature):
            adapter().verify(
                Delivery(account="acme", body=body_, received_at=NOW, headers={"signature": header}), [KEY]
            )


@settings(max_examples=60, deadline=None)
@given(body=st.binary(max_size=300), key=st.text(min_size=1, max_size=40), place=st.integers(0, 2399))
def test_any_body_verifies_as_it_was_signed_and_with_no_bit_changed(body: bytes, key: str, place: int) -> None:
    delivery = signed(body, key) if key.isprintable() else signed(body, "k")
    secret = key if key.isprintable() else "k"
    adapter().verify(delivery, ["another", secret])
    changed = bytearray(body or b"x")
    changed[place // 8 % len(changed)] ^= 1 << place % 8
    forged = Delivery(account="acme", body=bytes(changed), received_at=NOW, headers=delivery.headers)
    with pytest.raises(BadSignature):
        adapter().verify(forged, [secret])


def test_what_has_no_reading_is_noted_and_what_is_no_envelope_is_malformed() -> None:
    assert told("opening_opened", {}).note == "action `opening_opened` is not used"
    for body in (b"", b"[]", b"null", b'{"payload":{}}', b'{"action":7}', b"\xff"):
        with pytest.raises(Malformed):
            adapter().read(Delivery(account="acme", body=body, received_at=NOW))


def test_a_body_without_its_id_is_parked_with_the_path() -> None:
    (spoiled,) = told("reject_candidate", {"application": {"id": None}}).spoiled
    assert (spoiled.path, spoiled.came) == ("$.payload.application.id", "null")
    (spoiled,) = told("job_post_deleted", {"id": 5}).spoiled
    assert spoiled.path == "$.payload.job_post.id"


def test_both_spellings_of_the_applications_that_went_with_a_candidate_are_read() -> None:
    for name in ("deleted_application_ids", "application_ids"):
        records = told("delete_candidate", {"person": {"id": 1, name: [5, 6]}}).records
        assert [str(record.ref) for record in records] == [
            "acme/candidate/1",
            "acme/application/5",
            "acme/application/6",
        ]


def test_every_declared_event_has_a_reading() -> None:
    door = Greenhouse.declaration.door
    assert door is not None
    assert len(door.events) == 30
    for payload_only in ("yes", "no"):
        for action in door.events:
            assert "is not used" not in told(action, {}, payload_only=payload_only).note
