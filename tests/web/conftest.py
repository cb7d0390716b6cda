"""What the tests of the door share: an invented platform that signs its webhooks, and the door itself on loopback."""

from __future__ import annotations

import hashlib
import hmac
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import ClassVar

import httpx
import pytest
from starlette.types import ASGIApp

from connector.accounts import Account
from connector.adapter import Adapter, Connection, Declaration
from connector.adapter import Door as DeclaredDoor
from connector.client import Client, Limits, Pace, SecretUrl
from connector.errors import BadSignature, Malformed
from connector.flow import Delivery, Reading
from connector.settings import AccountSettings
from connector.store import Sqlite
from connector.web.serving import listen, server

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
SECRET = "a-bell-only-we-have"
_LIMITS = Limits(calls=10, per=timedelta(seconds=1))


@dataclass(frozen=True, slots=True)
class Bell:
    """Signs the raw bytes, wants 202, and names its deliveries in a header."""

    connection: Connection

    declaration: ClassVar[Declaration] = Declaration(
        platform="bell",
        base_url="https://bell.example",
        auth=SecretUrl(),
        limits=_LIMITS,
        secrets={"webhook": "webhook secrets"},
        door=DeclaredDoor(status=202),
    )

    def verify(self, delivery: Delivery, secrets: Sequence[str]) -> None:
        sent = delivery.headers.get("x-bell-signature", "").encode()
        if not any(hmac.compare_digest(sent, signature(delivery.body, secret).encode()) for secret in secrets):
            raise BadSignature("header X-Bell-Signature: fits no secret")

    def identify(self, delivery: Delivery) -> str:
        told = delivery.headers.get("x-bell-id", "")
        if told == "unreadable":
            raise Malformed("$.id", "an id", "something else")
        return told

    def read(self, delivery: Delivery) -> Reading:
        return Reading(note="rung")


@dataclass(frozen=True, slots=True)
class Mute:
    """Sends no webhooks."""

    connection: Connection

    declaration: ClassVar[Declaration] = Declaration(
        platform="mute", base_url="https://mute.example", auth=SecretUrl(), limits=_LIMITS, secrets={}
    )

    def read(self, delivery: Delivery) -> Reading:
        return Reading(note="nothing")


def signature(body: bytes, secret: str = SECRET) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def _account(name: str, adapter: Callable[[Connection], Adapter], *secrets: str) -> Account:
    connection = Connection(
        account=name, client=Client(httpx.Client(), base_url="https://example.org", pace=Pace(_LIMITS))
    )
    settings = AccountSettings(name=name, platform="invented")
    return Account(
        name=name, adapter=adapter(connection), settings=settings, reachable=False, webhook_secrets=tuple(secrets)
    )


@pytest.fixture(scope="session")
def accounts() -> Mapping[str, Account]:
    made = (_account("tower", Bell, "the next secret", SECRET), _account("open", Bell), _account("mute", Mute))
    return {account.name: account for account in made}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Sqlite]:
    with Sqlite(tmp_path / "keepwarm.db") as opened:
        yield opened


@pytest.fixture
def now() -> Callable[[], datetime]:
    return lambda: NOW


@pytest.fixture
def signed() -> Callable[..., dict[str, str]]:
    """Headers of an honest delivery: (body, id="", secret=…) → headers."""

    def headers(body: bytes, id: str = "", secret: str = SECRET) -> dict[str, str]:
        return {"X-Bell-Signature": signature(body, secret), "X-Bell-Id": id, "Content-Type": "application/json"}

    return headers


Serving = Callable[[ASGIApp], AbstractContextManager[tuple[str, int]]]


@pytest.fixture
def serving() -> Serving:
    """Serve an application on loopback as `keepwarm serve` does, only in a thread; yields host and port."""

    @contextmanager
    def run(app: ASGIApp) -> Iterator[tuple[str, int]]:
        running = server(app)
        with listen("127.0.0.1", 0) as bound:
            thread = threading.Thread(target=running.run, args=([bound],), daemon=True)
            thread.start()
            while not running.started:
                assert thread.is_alive()
                time.sleep(0.005)
            try:
                yield bound.getsockname()
            finally:
                running.should_exit = True
                thread.join(timeout=10)

    return run
