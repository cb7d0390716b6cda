"""How near a sync comes to the fastest that a platform's limit allows: imitations of Greenhouse and Lever over real HTTP, each
answer 100 ms late, as if they stood far away.

The limit's own lower bound is what nobody can beat: a bucket of ten a second that may hold twenty gives `calls` calls no
sooner than (calls − 20) / 10 seconds; a window that opens every 30 seconds on the clock of the wall, no sooner than the
opening of the window in which the last call falls. There is one run of each: it lasts as long as the limit makes it."""

from __future__ import annotations

import asyncio
import math
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from starlette.types import ASGIApp, Receive, Scope, Send

from adapters.greenhouse.sandbox import GreenhouseSandbox
from adapters.greenhouse.sandbox_door import Windows
from adapters.lever.sandbox import LeverSandbox
from bench.figure import Figure
from bench.place import housed
from connector.flow import Hint
from connector.house import House
from connector.model import Ref
from connector.sandbox import Sandbox, running
from connector.scheduler import Lane, settle_inbox
from connector.world import world

LATENCY = 0.1
LEVER_PEOPLE, GREENHOUSE_PEOPLE = 260, 8_000
#: Applications whose scorecards are read, a call each.
EVIDENCE = 150
RATE, BURST = 10.0, 20
#: Greenhouse publishes no ceiling; this is the lowest that public connectors keep to (adapters/greenhouse says where).
WINDOW, CALLS = 30, 50


@dataclass(slots=True)
class Calls:
    """Moments (epoch seconds) at which calls to the API arrived."""

    at: list[float] = field(default_factory=list)


class _Far:
    def __init__(self, app: ASGIApp, calls: Calls) -> None:
        self._app, self._calls = app, calls

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await asyncio.sleep(LATENCY / 2)
            if not scope["path"].startswith("/token"):  # that has a limit of its own
                self._calls.at.append(time.time())
        await self._app(scope, receive, send)
        await asyncio.sleep(LATENCY / 2)


def measure(_: int) -> list[Figure]:
    return [_lever(), _greenhouse()]


def _lever() -> Figure:
    def work(house: House, lane: Lane) -> None:
        """Every stream from its beginning, then the evidence of some applications."""
        now = house.clock()
        lane.walk(full=True)
        with house.store.reading() as tx:
            applications = [it.ref.id for it in tx.records.of_kind("it", "application")][:EVIDENCE]
        assert len(applications) == EVIDENCE
        hints = [Hint(Ref("it", "scorecard", id_), "needed") for id_ in applications]
        house.store.write(lambda tx: tx.inbox.hint(hints, due_at=now))
        lane.exhaust()
        settle_inbox(house, now=house.clock())

    sandbox = LeverSandbox()
    sandbox.seed(world(LEVER_PEOPLE, now=datetime.now(UTC)))
    calls, _, took = _timed("lever", sandbox, work)
    return _figure("Lever", calls, took, (len(calls.at) - BURST) / RATE)


def _greenhouse() -> Figure:
    sandbox = GreenhouseSandbox()
    sandbox.windows = Windows(CALLS, WINDOW)
    sandbox.seed(world(GREENHOUSE_PEOPLE, now=datetime.now(UTC)))
    calls, begun, took = _timed("greenhouse", sandbox, lambda house, lane: lane.walk(full=True))
    windows = math.ceil(len(calls.at) / CALLS)
    first = WINDOW - begun % WINDOW
    return _figure("Greenhouse", calls, took, first + (windows - 2) * WINDOW)


def _figure(platform: str, calls: Calls, took: float, least: float) -> Figure:
    name, note = f"sync under {platform}'s limit", f"{len(calls.at)} calls, each answered {LATENCY:g} s late"
    return Figure(name=name, unit="s", ours=[took], peer=[least], against="the limit itself", note=note)


def _timed(platform: str, sandbox: Sandbox, work: Callable[[House, Lane], None]) -> tuple[Calls, float, float]:
    """The calls made, the epoch second of the beginning, and how many seconds it took."""
    calls = Calls()
    sandbox.app.add_middleware(_Far, calls=calls)
    with (
        running(sandbox) as served,
        tempfile.TemporaryDirectory() as folder,
        housed(platform, served, Path(folder), limited=True) as house,
    ):
        lane = Lane(house, house.accounts["it"])
        begun, start = time.time(), time.perf_counter()
        work(house, lane)
        took = time.perf_counter() - start
        lane.release()
    return calls, begun, took
