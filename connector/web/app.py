"""The Starlette application: the door, and what a load balancer asks."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from connector.accounts import Account
from connector.errors import KeepwarmError
from connector.store import Sqlite, Tx
from connector.web.door import PATH, Door, bells
from connector.web.keeper import Keeper
from connector.web.metrics import Metrics

#: Seconds a commit may take before we say that we are not ready.
PATIENCE = 5.0


def application(
    store: Sqlite,
    accounts: Mapping[str, Account],
    *,
    now: Callable[[], datetime],
    wake: Callable[[], None] = lambda: None,
) -> Starlette:
    """`wake` is called on the event loop after each commit of deliveries; it must not block.

    `state.door` is the `Door`, for its counts."""
    door = Door(bells=bells(accounts), keeper=Keeper(store, wake=wake), now=now)
    pulse = _Pulse(store, now)
    app = _Application(
        routes=[
            Route("/health", _health),
            Route("/ready", pulse.ready),
            Route("/metrics", Metrics(store, door, now).answer),
        ]
    )
    app.state.door = door
    return app


class _Application(Starlette):
    """Whoever knocks at the door goes past what the few other pages need."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith(PATH):
            await self.state.door(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


async def _health(_: Request) -> Response:
    return PlainTextResponse("alive")


@dataclass(frozen=True, slots=True)
class _Pulse:
    store: Sqlite
    now: Callable[[], datetime]

    async def ready(self, _: Request) -> Response:
        try:
            await run_in_threadpool(self._read)
            await asyncio.wait_for(asyncio.wrap_future(self.store.submit(self._write)), PATIENCE)
        except (sqlite3.Error, KeepwarmError, TimeoutError) as error:
            return PlainTextResponse(f"not ready: {type(error).__name__}", 503)
        return PlainTextResponse("ready")

    def _read(self) -> None:
        with self.store.reading() as tx:
            tx.schedule.pauses()

    def _write(self, tx: Tx) -> None:
        # a lease nobody competes for: a row that really has to reach the disk
        tx.schedule.lease("ready", "door", now=self.now(), until=self.now())
