"""What the door answers, and what it keeps: 200-and-such only for what is on disk."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import datetime
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from connector.accounts import Account
from connector.store import Sqlite
from connector.web.app import application
from connector.web.door import MOST_BODY
from connector.web.keeper import MOST_BYTES

BODY = b'{"event": "rung", "who": "candidate@example.org"}'
Signed = Callable[..., dict[str, str]]


@pytest.fixture
def app(store: Sqlite, accounts: Mapping[str, Account], now: Callable[[], datetime]) -> Starlette:
    return application(store, accounts, now=now)


def ask(app: Starlette, *requests: tuple[str, str, dict[str, Any]]) -> list[httpx.Response]:
    """All at once, over ASGI."""

    async def run() -> list[httpx.Response]:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://keepwarm.example") as http:
            return await asyncio.gather(*(http.request(method, path, **more) for method, path, more in requests))

    return asyncio.run(run())


def kept(store: Sqlite) -> list[dict[str, Any]]:
    with store.reading() as tx:
        return tx.rows("select account, key, headers, body, received_at, state from deliveries order by id")


def test_an_honest_delivery_is_on_disk_before_it_is_answered_with_the_declared_status(
    app: Starlette, store: Sqlite, signed: Signed
) -> None:
    answer = ask(app, ("POST", "/webhooks/tower", {"content": BODY, "headers": signed(BODY, "d-1")}))[0]
    assert (answer.status_code, answer.content) == (202, b"")
    assert kept(store) == [
        {
            "account": "tower",
            "key": "hook:d-1",
            "headers": '{"content-type":"application/json"}',
            "body": BODY,
            "received_at": "2026-11-23T09:00:00.000000Z",
            "state": "new",
        }
    ]


def test_a_repeat_gets_the_same_answer_and_no_second_row(app: Starlette, store: Sqlite, signed: Signed) -> None:
    named = ("POST", "/webhooks/tower", {"content": BODY, "headers": signed(BODY, "d-1")})
    nameless = ("POST", "/webhooks/tower", {"content": BODY, "headers": signed(BODY)})
    answers = ask(app, named, nameless, named, nameless) + ask(app, named, nameless)
    assert {answer.status_code for answer in answers} == {202}
    assert len(kept(store)) == 2


@pytest.mark.parametrize(
    ("method", "path", "forge", "status"),
    [
        ("POST", "/webhooks/nobody", {}, 404),
        ("GET", "/webhooks/nobody", {}, 404),
        ("POST", "/webhooks/mute", {}, 404),
        ("GET", "/webhooks/mute", {}, 404),
        ("POST", "/webhooks", {}, 404),
        ("POST", "/webhooks/", {}, 404),
        ("POST", "/webhooks/tower", {"X-Bell-Signature": ""}, 401),
        ("POST", "/webhooks/tower", {"X-Bell-Signature": "0" * 64}, 401),
        ("POST", "/webhooks/open", {}, 401),
        ("PUT", "/webhooks/tower", {}, 405),
        ("DELETE", "/webhooks/tower/x", {}, 405),
        ("PATCH", "/webhooks/tower", {}, 405),
        ("GET", "/webhooks/tower", {}, 200),
        ("HEAD", "/webhooks/tower", {}, 200),
        ("GET", "/webhooks/tower/any/path", {}, 200),
        ("HEAD", "/webhooks/tower/any/path", {}, 200),
    ],
)
def test_nothing_is_kept_of(
    method: str, path: str, forge: dict[str, str], status: int, app: Starlette, store: Sqlite, signed: Signed
) -> None:
    more = {"headers": signed(BODY) | forge, **({"content": BODY} if method == "POST" else {})}
    assert ask(app, (method, path, more))[0].status_code == status
    assert kept(store) == []


@pytest.mark.parametrize("size", [MOST_BODY, MOST_BODY + 1], ids=["as large as allowed", "a byte more"])
@pytest.mark.parametrize("announced", [True, False])
def test_a_body_may_have_a_mebibyte_and_no_more(
    size: int, announced: bool, app: Starlette, store: Sqlite, signed: Signed
) -> None:
    body = b"x" * size

    async def in_pieces() -> AsyncIterator[bytes]:
        for start in range(0, size, 65_536):
            yield body[start : start + 65_536]

    more = {"content": body if announced else in_pieces(), "headers": signed(body)}
    assert ask(app, ("POST", "/webhooks/tower", more))[0].status_code == (202 if size == MOST_BODY else 413)
    assert [len(row["body"]) for row in kept(store)] == [size] * (size == MOST_BODY)


def test_what_follows_the_account_in_the_path_is_taken_too(app: Starlette, store: Sqlite, signed: Signed) -> None:
    for path in ("/webhooks/tower/", "/webhooks/tower/a/b", "/webhooks/tower/a/b/?c=d"):
        body = path.encode()
        answer = ask(app, ("POST", path, {"content": body, "headers": signed(body)}))[0]
        assert answer.status_code == 202, path
    assert len(kept(store)) == 3


@pytest.mark.parametrize("body", [b"", b"\xff\x00{", b"[" * 5000])
def test_an_honest_body_that_cannot_be_read_is_kept(body: bytes, app: Starlette, store: Sqlite, signed: Signed) -> None:
    answer = ask(app, ("POST", "/webhooks/tower", {"content": body, "headers": signed(body, "unreadable")}))[0]
    assert answer.status_code == 202
    assert [row["body"] for row in kept(store)] == [body]


@pytest.mark.parametrize("told", ["walk:7:candidates:0", "pull:1:jobs:3", "é" * 40, "x" * 5000])
def test_no_header_can_take_the_place_of_a_pulled_page_or_spoil_a_key(
    told: str, app: Starlette, store: Sqlite, signed: Signed
) -> None:
    headers = {name: value.encode("latin-1") for name, value in signed(BODY, told).items()}
    assert ask(app, ("POST", "/webhooks/tower", {"content": BODY, "headers": headers}))[0].status_code == 202
    [row] = kept(store)
    assert row["key"].startswith("hook:")
    assert row["key"].isascii()
    assert len(row["key"]) < 300


def test_a_closed_store_never_answers_that_it_took_something(
    app: Starlette, store: Sqlite, signed: Signed, caplog: pytest.LogCaptureFixture
) -> None:
    store.close()
    post = ("POST", "/webhooks/tower", {"content": BODY, "headers": signed(BODY)})
    for answer in ask(app, post, post) + ask(app, post):
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) > 0
    assert [record.levelname for record in caplog.records if record.name == "keepwarm.door"] == ["ERROR"]
    assert ask(app, ("GET", "/ready", {}))[0].status_code == 503
    assert ask(app, ("GET", "/health", {}))[0].status_code == 200


def test_a_full_disk_is_an_outage_and_what_was_acknowledged_is_there_all_the_same(
    app: Starlette, store: Sqlite, signed: Signed
) -> None:
    def room(pages: str) -> None:
        store.write(lambda tx: tx.rows(f"pragma max_page_count = {pages}"))

    def posts(start: int, count: int) -> dict[bytes, int]:
        bodies = [b"%06d" % number * 2000 for number in range(start, start + count)]
        asked = [("POST", "/webhooks/tower", {"content": body, "headers": signed(body)}) for body in bodies]
        return {body: answer.status_code for body, answer in zip(bodies, ask(app, *asked), strict=True)}

    with store.reading() as tx:
        pages = tx.rows("pragma page_count")[0]["page_count"]
    room(str(pages + 150))
    answers = posts(0, 20) | posts(1000, 150)  # those that come at once share a commit, and its fate
    room("1073741823")
    again = posts(2000, 150)
    assert set(answers.values()) == {202, 503}
    assert set(again.values()) == {202}
    acknowledged = {body for body, status in (answers | again).items() if status == 202}
    assert {row["body"] for row in kept(store)} == acknowledged


def test_when_far_too_many_wait_the_rest_is_told_to_come_back(app: Starlette, store: Sqlite, signed: Signed) -> None:
    go = threading.Event()
    blocked = store.submit(lambda tx: go.wait(20))
    threading.Timer(1.0, go.set).start()
    most, size = MOST_BYTES // MOST_BODY, MOST_BODY
    bodies = [bytes([number]) * size for number in range(most + 6)]
    answers = ask(app, *[("POST", "/webhooks/tower", {"content": it, "headers": signed(it)}) for it in bodies])
    assert blocked.result()
    assert sorted(answer.status_code for answer in answers) == [202] * most + [503] * 6
    assert len(kept(store)) == most


def test_each_commit_wakes_whoever_reads_and_a_refusal_does_not(
    store: Sqlite, accounts: Mapping[str, Account], now: Callable[[], datetime], signed: Signed
) -> None:
    woken: list[int] = []
    app = application(store, accounts, now=now, wake=lambda: woken.append(1))
    ask(app, ("POST", "/webhooks/tower", {"content": BODY}), ("GET", "/webhooks/tower", {}))
    assert woken == []
    ask(app, ("POST", "/webhooks/tower", {"content": BODY, "headers": signed(BODY)}))
    assert woken == [1]


def test_who_hangs_up_while_waiting_loses_nothing_and_stops_no_one(
    app: Starlette, store: Sqlite, signed: Signed
) -> None:
    async def run() -> int:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://keepwarm.example") as http:
            go = threading.Event()
            store.submit(lambda tx: go.wait(20))
            impatient = asyncio.create_task(http.post("/webhooks/tower", content=b"1", headers=signed(b"1")))
            await asyncio.sleep(0.05)
            impatient.cancel()
            patient = asyncio.create_task(http.post("/webhooks/tower", content=b"2", headers=signed(b"2")))
            await asyncio.sleep(0.05)
            go.set()
            return (await patient).status_code

    assert asyncio.run(run()) == 202
    assert [row["body"] for row in kept(store)] == [b"1", b"2"]


def test_ready_means_that_the_store_reads_and_commits(app: Starlette) -> None:
    assert [it.status_code for it in ask(app, ("GET", "/ready", {}), ("HEAD", "/ready", {}))] == [200, 200]


def test_what_was_answered_is_counted_by_account_and_nothing_else_of_it(app: Starlette, signed: Signed) -> None:
    ask(app, ("POST", "/webhooks/tower", {"content": BODY, "headers": signed(BODY)}))
    ask(app, ("POST", "/webhooks/tower", {"content": BODY}), ("POST", "/webhooks/a-random-word", {"content": BODY}))
    assert dict(app.state.door.answered) == {("tower", 202): 1, ("tower", 401): 1, ("", 404): 1}


def test_the_log_holds_no_body_secret_signature_or_query(
    app: Starlette, store: Sqlite, signed: Signed, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("httpx").setLevel(logging.WARNING)  # the asking side, in this same process
    headers = signed(BODY)
    post = ("POST", "/webhooks/tower/a-path-secret?key=a-query-secret", {"content": BODY, "headers": headers})
    ask(app, post, ("POST", "/webhooks/tower/a-path-secret", {"content": BODY}))
    store.close()
    ask(app, post)
    assert "the store takes no deliveries" in caplog.text
    for word in ("a-path-secret", "a-query-secret", "candidate@", headers["X-Bell-Signature"]):
        assert word not in caplog.text
