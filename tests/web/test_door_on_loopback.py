"""The door over real HTTP: many connections at once, half requests, too much of a body, and a real platform's webhooks."""

from __future__ import annotations

import asyncio
import functools
import http.client
import json
import socket
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing
from datetime import datetime
from pathlib import Path

import httpx
import pytest
from starlette.types import ASGIApp

from connector.accounts import Account, connect
from connector.settings import read
from connector.store import Sqlite
from connector.web.app import application
from connector.web.door import MOST_BODY

Serving = Callable[[ASGIApp], AbstractContextManager[tuple[str, int]]]
Signed = Callable[..., dict[str, str]]
Now = Callable[[], datetime]

ADAPTERS = Path(__file__).parents[2] / "adapters"


def test_five_hundred_deliveries_over_sixty_four_connections_are_all_taken_and_all_there(
    store: Sqlite, accounts: Mapping[str, Account], now: Now, signed: Signed, serving: Serving
) -> None:
    bodies = [json.dumps({"number": number, "padding": "x" * 4000}).encode() for number in range(500)]

    with serving(application(store, accounts, now=now)) as address, ThreadPoolExecutor(64) as pool:
        lines = [http.client.HTTPConnection(*address, timeout=60) for _ in range(64)]

        def post(line: http.client.HTTPConnection, bodies: list[bytes]) -> set[int]:
            statuses = set()
            with closing(line):
                for body in bodies:
                    line.request("POST", "/webhooks/tower", body, signed(body))
                    answer = line.getresponse()
                    answer.read()
                    statuses.add(answer.status)
            return statuses

        shares = [bodies[number::64] for number in range(64)]
        assert set().union(*pool.map(post, lines, shares)) == {202}
    with store.reading() as tx:
        kept = [row["body"] for row in tx.rows("select body from deliveries")]
    assert sorted(kept) == sorted(bodies)


def test_a_body_announced_as_too_large_is_refused_before_it_is_sent(
    store: Sqlite, accounts: Mapping[str, Account], now: Now, serving: Serving
) -> None:
    with (
        serving(application(store, accounts, now=now)) as address,
        socket.create_connection(address, timeout=10) as line,
    ):
        line.sendall(
            b"POST /webhooks/tower HTTP/1.1\r\nHost: keepwarm.example\r\nContent-Length: %d\r\n\r\n" % (MOST_BODY + 1)
        )
        assert line.recv(100).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("length", [b"4", b"1000000"])
def test_half_a_delivery_is_none(
    length: bytes, store: Sqlite, accounts: Mapping[str, Account], now: Now, signed: Signed, serving: Serving
) -> None:
    with serving(application(store, accounts, now=now)) as address:
        with socket.create_connection(address, timeout=10) as line:
            signature = signed(b"hal")["X-Bell-Signature"].encode()
            line.sendall(
                b"POST /webhooks/tower HTTP/1.1\r\nHost: keepwarm.example\r\nContent-Length: %s\r\n"
                b"X-Bell-Signature: %s\r\n\r\nhal" % (length, signature)
            )
        body = b"whole"
        url = "http://{}:{}/webhooks/tower".format(*address)
        assert httpx.post(url, content=body, headers=signed(body)).status_code == 202
    with store.reading() as tx:
        assert [row["body"] for row in tx.rows("select body from deliveries")] == [b"whole"]


def test_the_server_says_nothing_of_itself_and_hears_no_other_method(
    store: Sqlite, accounts: Mapping[str, Account], now: Now, serving: Serving
) -> None:
    with serving(application(store, accounts, now=now)) as address:
        answer = httpx.request("OPTIONS", "http://{}:{}/webhooks/tower".format(*address))
    assert answer.status_code == 405
    assert "server" not in answer.headers


@pytest.mark.parametrize("platform", ["greenhouse", "lever", "mailchimp"])
def test_a_bundled_platforms_webhooks_are_taken_and_kept_byte_for_byte(
    platform: str, store: Sqlite, serving: Serving
) -> None:
    """Each fixture of the adapter that has one secret, delivered at its own time."""
    folders = sorted((ADAPTERS / platform / "fixtures" / "webhook").glob("*/delivery.json"))
    told = {file: json.loads(file.read_text()) for file in folders}
    told = {file: it for file, it in told.items() if len(it["secrets"]) == 1}
    assert told
    options = json.loads((ADAPTERS / platform / "fixtures" / "connection.json").read_text()).get("options", {})
    one = {"platform": platform, "secrets": {"webhook": "HOOK"}, "options": options}
    settings = read(json.dumps({"version": 1, "accounts": {"one": one}}), "settings.yaml", folder=ADAPTERS)
    accounts_of = functools.cache(lambda secret: connect(settings, {"HOOK": secret}))
    for file, it in told.items():
        accounts = accounts_of(it["secrets"][0])
        body, at = file.with_name("body.raw").read_bytes(), datetime.fromisoformat(it["received_at"])
        app = application(store, accounts, now=lambda at=at: at)  # type: ignore[misc]
        path = "/webhooks/one/" + it.get("tail", "")
        door = accounts["one"].declaration.door
        assert door is not None
        assert asyncio.run(_post(app, path, body, it["headers"])) == door.status, file.parent.name
        with store.reading() as tx:
            assert tx.rows("select 1 from deliveries where body = ?", (body,)), file.parent.name


async def _post(app: ASGIApp, path: str, body: bytes, headers: Mapping[str, str]) -> int:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://keepwarm.example") as http:
        return (await http.post(path, content=body, headers=headers)).status_code
