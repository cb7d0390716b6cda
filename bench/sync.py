"""How near a sync comes to the fastest that a platform's documented limit allows: Lever's imitation, over real HTTP.

Ten calls a second with bursts of twenty are documented (adapters/lever says where), so a number of calls cannot take less
than (number − 20) / 10 seconds, whoever makes them. There is one run: it lasts as long as the limit makes it last."""

from __future__ import annotations

import json
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from starlette.types import ASGIApp, Receive, Scope, Send

from adapters.lever.sandbox import LeverSandbox
from bench.figure import Figure
from connector import inbox, sync
from connector.accounts import Account, connect
from connector.flow import Hint
from connector.model import Ref
from connector.sandbox import running
from connector.settings import read
from connector.store import Sqlite
from connector.world import world

PEOPLE = 260
#: Applications whose scorecards are read, a call each.
EVIDENCE = 150
RATE, BURST = 10.0, 20


@dataclass(slots=True)
class Calls:
    count: int = 0


class _Counting:
    def __init__(self, app: ASGIApp, calls: Calls) -> None:
        self._app, self._calls = app, calls

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._calls.count += scope["type"] == "http"
        await self._app(scope, receive, send)


def measure(_: int) -> list[Figure]:
    calls = Calls()
    sandbox = LeverSandbox()
    sandbox.seed(world(PEOPLE, now=datetime.now(UTC)))
    sandbox.app.add_middleware(_Counting, calls=calls)
    one = {
        "platform": "lever",
        "secrets": {"api_key": "KEY", "webhook": "HOOK"},
        "options": dict(sandbox.options),
    }
    with running(sandbox) as served, tempfile.TemporaryDirectory() as folder, Sqlite(Path(folder) / "s.db") as store:
        text = json.dumps({"version": 1, "accounts": {"lever": one | {"base_url": f"{served.base_url}/v1"}}})
        settings = read(text, "settings.yaml", folder=Path(folder))
        made = connect(settings, {"KEY": sandbox.secrets["api_key"], "HOOK": sandbox.secrets["webhook"]})
        begun = time.perf_counter()
        _sync(store, made["lever"])
        took = time.perf_counter() - begun
    least = (calls.count - BURST) / RATE
    note = f"{calls.count} calls; ours keeps to nine a second of the ten"
    return [
        Figure(
            name="sync under Lever's limit", unit="s", ours=[took], peer=[least], against="the limit itself", note=note
        )
    ]


def _sync(store: Sqlite, account: Account) -> None:
    """Every stream from its beginning, then the evidence of some applications."""
    now = datetime.now(UTC)
    run = store.write(lambda tx: tx.schedule.start("sync", account.name, now=now))
    for stream in account.declaration.streams:
        while not sync.step(store, account, stream, now=now, run=run)["done"]:
            pass
    while inbox.read_waiting(store, {account.name: account}, now=now):
        pass
    with store.reading() as tx:
        applications = [it.ref.id for it in tx.records.of_kind(account.name, "application")][:EVIDENCE]
    assert len(applications) == EVIDENCE
    hints = [Hint(Ref(account.name, "scorecard", id_), "needed") for id_ in applications]
    store.write(lambda tx: tx.inbox.hint(hints, due_at=now))
    while sync.reread(store, account, now=now):
        pass
