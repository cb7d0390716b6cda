"""What every sandbox has: a switchboard of nasty cases, a log of effects, signed webhooks with retries, a clock.

A sandbox imitates one platform as documented and shares nothing with its adapter. This module knows no platform. Its
state is touched only on the server's event loop, so handlers are `async def` and need no lock.

Control, over HTTP like everything else, under `/_sandbox`:
  GET  /log            every effect since the start: [{n, at, verb, subject, detail}]
  POST /switch         {"case": name, "times": n, "where"?: part of a path}: the next n matching requests meet that case
  POST /hook           {"url", "secret", "events"?}: send webhooks there
  GET  /deliveries     every webhook attempt: [{event, url, attempt, status}]
  POST /act            {"do": name, ...}: something a person does in the platform; the sandbox lists its own names
  POST /clock          {"now": iso time}: move the platform's clock
  POST /skew           {"seconds": n}: what its answers say the time is (`Date`) is so far ahead of the real time
  GET  /state          whatever the sandbox wants to show for comparison
"""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, Protocol

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from connector.world import World

#: Generic nasty cases, answered before or after the platform's own handler runs.
CASES = {
    "throttle": "429 with the platform's own headers",
    "error": "500 instead of an answer, nothing done",
    "unavailable": "503 with Retry-After, nothing done",
    "html": "200 with an HTML page, nothing done",
    "lost": "the request takes effect, then the connection is cut without an answer",
    "cut": "the request takes effect, the answer's body is cut in half",
    "forbid": "403, nothing done",
    "refuse": "400, nothing done",
    "unauthorise": "401, nothing done",
    "slow": "the answer comes a second late",
}


class PlatformClock:
    """The platform's idea of now: real time plus an offset that tests and the demo may move."""

    def __init__(self) -> None:
        self._offset = timedelta(0)

    def now(self) -> datetime:
        return datetime.now(UTC) + self._offset

    def move_to(self, moment: datetime) -> None:
        self._offset = moment - datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Effect:
    """Something that changed on the platform because someone asked it to through the API."""

    n: int
    at: str
    verb: str
    subject: str
    detail: Mapping[str, Any]


@dataclass(slots=True)
class Hook:
    url: str
    secret: str
    #: Empty: all.
    events: tuple[str, ...] = ()
    #: What else the platform wants to know of what it tells: its own conditions.
    more: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Attempt:
    event: str
    url: str
    attempt: int
    status: int


@dataclass(slots=True)
class _Switch:
    case: str
    times: int
    where: str


#: Builds headers and body anew for each attempt, because some platforms sign the time of sending.
Signed = Callable[[str, int], tuple[Mapping[str, str], bytes]]


@dataclass(slots=True, kw_only=True)
class Harness:
    """One per sandbox. `retries`: the documented waits before each repeat; `compress` divides them."""

    retries: tuple[timedelta, ...]
    #: Which answers the platform counts as taken.
    taken: Callable[[int], bool]
    act: Callable[[str, Mapping[str, Any]], Awaitable[Mapping[str, Any]]]
    state: Callable[[], Mapping[str, Any]]
    #: What this platform's 429 looks like.
    throttled: Callable[[], Response]
    compress: float = 3600.0
    clock: PlatformClock = field(default_factory=PlatformClock)
    hooks: list[Hook] = field(default_factory=list)
    log: list[Effect] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)
    #: How far `Date` is ahead of the real time.
    skew: timedelta = timedelta(0)
    _switches: list[_Switch] = field(default_factory=list)
    _sending: set[asyncio.Task[None]] = field(default_factory=set)

    def effect(self, verb: str, subject: str, **detail: Any) -> None:
        self.log.append(Effect(len(self.log) + 1, self.clock.now().isoformat(), verb, subject, detail))

    def send(self, event: str, sign: Signed, *, to: Callable[[Hook], bool] = lambda hook: True) -> None:
        """Queue one webhook to every hook that wants the event. `sign(secret, attempt)` builds each attempt."""
        for hook in self.hooks:
            if (not hook.events or event in hook.events) and to(hook):
                task = asyncio.get_running_loop().create_task(self._deliver(hook, event, sign))
                self._sending.add(task)
                task.add_done_callback(self._sending.discard)

    async def _deliver(self, hook: Hook, event: str, sign: Signed) -> None:
        async with httpx.AsyncClient(timeout=10) as http:
            for attempt, wait in enumerate((timedelta(0), *self.retries), start=1):
                await asyncio.sleep(wait.total_seconds() / self.compress)
                headers, body = sign(hook.secret, attempt)
                try:
                    status = (await http.post(hook.url, content=body, headers=dict(headers))).status_code
                except httpx.HTTPError:
                    status = 0
                self.attempts.append(Attempt(event, hook.url, attempt, status))
                if self.taken(status):
                    return

    def routes(self) -> list[Route]:
        return [
            Route("/_sandbox/log", self._get_log),
            Route("/_sandbox/deliveries", self._get_deliveries),
            Route("/_sandbox/state", self._get_state),
            Route("/_sandbox/switch", self._post_switch, methods=["POST"]),
            Route("/_sandbox/hook", self._post_hook, methods=["POST"]),
            Route("/_sandbox/act", self._post_act, methods=["POST"]),
            Route("/_sandbox/clock", self._post_clock, methods=["POST"]),
            Route("/_sandbox/skew", self._post_skew, methods=["POST"]),
        ]

    async def _get_log(self, _: Request) -> Response:
        return JSONResponse([asdict(effect) for effect in self.log])

    async def _get_deliveries(self, _: Request) -> Response:
        return JSONResponse([asdict(attempt) for attempt in self.attempts])

    async def _get_state(self, _: Request) -> Response:
        return JSONResponse(dict(self.state()))

    async def _post_switch(self, request: Request) -> Response:
        asked = await request.json()
        if asked["case"] not in CASES:
            return JSONResponse({"unknown": asked["case"], "known": CASES}, 422)
        self._switches.append(_Switch(asked["case"], int(asked.get("times", 1)), str(asked.get("where", ""))))
        return Response(status_code=204)

    async def _post_hook(self, request: Request) -> Response:
        asked = await request.json()
        self.hooks.append(Hook(asked["url"], asked["secret"], tuple(asked.get("events", ()))))
        return Response(status_code=204)

    async def _post_act(self, request: Request) -> Response:
        asked = await request.json()
        try:
            return JSONResponse(dict(await self.act(asked.pop("do"), asked)))
        except LookupError as error:
            return JSONResponse({"unknown": str(error)}, 422)

    async def _post_clock(self, request: Request) -> Response:
        self.clock.move_to(datetime.fromisoformat((await request.json())["now"]))
        return Response(status_code=204)

    async def _post_skew(self, request: Request) -> Response:
        self.skew = timedelta(seconds=float((await request.json())["seconds"]))
        return Response(status_code=204)

    def date(self) -> bytes:
        return format_datetime(datetime.now(UTC) + self.skew, usegmt=True).encode()

    def case_for(self, path: str) -> str | None:
        """Use up one switched case for a request to `path`, if there is one."""
        for switch in self._switches:
            if switch.where in path:
                switch.times -= 1
                if switch.times <= 0:
                    self._switches.remove(switch)
                return switch.case
        return None

    def application(self, routes: Iterable[Route]) -> Starlette:
        app = Starlette(routes=[*self.routes(), *routes])
        app.add_middleware(_Switchboard, harness=self)
        return app


class _Switchboard:
    def __init__(self, app: ASGIApp, harness: Harness) -> None:
        self._app = app
        self._harness = harness

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        case = None if scope["type"] != "http" or path.startswith("/_sandbox") else self._harness.case_for(path)
        send = self._dated(send)
        if case is None:
            await self._app(scope, receive, send)
        elif case in ("lost", "cut", "slow"):
            await self._after(case, scope, receive, send)
        else:
            await self._instead(case)(scope, receive, send)

    def _dated(self, send: Send) -> Send:
        async def dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"date", self._harness.date())]
            await send(message)

        return dated

    def _instead(self, case: str) -> Response:
        answers: dict[str, Response] = {
            "error": Response("", 500),
            "unavailable": Response("", 503, {"Retry-After": "1"}),
            "html": Response("<html>try again</html>", 200, media_type="text/html"),
            "forbid": JSONResponse({"message": "Forbidden"}, 403),
            "refuse": JSONResponse({"message": "Bad Request"}, 400),
            "unauthorise": JSONResponse({"message": "Unauthorized"}, 401),
        }
        return answers.get(case) or self._harness.throttled()

    async def _after(self, case: str, scope: Scope, receive: Receive, send: Send) -> None:
        if case == "slow":
            await asyncio.sleep(1)

        async def altered(message: Message) -> None:
            if case == "lost":
                return
            if case == "cut" and message["type"] == "http.response.start":
                message["headers"] = [pair for pair in message["headers"] if pair[0] != b"content-length"]
            if case == "cut" and message["type"] == "http.response.body":
                message["body"] = message["body"][: len(message["body"]) // 2]
            await send(message)

        await self._app(scope, receive, altered)
        if case == "lost":
            # a promised length and no body make the server drop the connection
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1")]})
            await send({"type": "http.response.body", "body": b""})


class Sandbox(Protocol):
    """`sandbox.py` names its class: `SANDBOX = GreenhouseSandbox`. Built without arguments, then seeded."""

    #: What `accounts.<name>.secrets` must hold to be let in, `webhook` among them where the platform signs.
    secrets: Mapping[str, str]
    #: What `accounts.<name>.options` should hold to use the seeded data.
    options: Mapping[str, Any]
    #: Which employers of a `World` use this platform; the e-mail platform has both.
    employers: tuple[str, ...]
    harness: Harness
    app: Starlette
    #: False: no rate limit is kept (benchmarks). Default True.
    limited: bool

    def seed(self, world: World) -> None:
        """Add the world's people who are on this platform, with their histories."""
        ...

    def load(self, lines: Iterable[bytes]) -> int:
        """Add native rows, one JSON object {"stream": …, "data": {…}} a line; how many were taken."""
        ...


@dataclass(frozen=True, slots=True)
class Running:
    base_url: str
    sandbox: Sandbox


@contextmanager
def running(sandbox: Sandbox, *, port: int = 0) -> Iterator[Running]:
    """Serve a sandbox on loopback in a thread; yields `Running` once it answers."""
    # bound here, because uvicorn would end its own thread over a taken port
    listening = socket.create_server(("127.0.0.1", port))
    config = uvicorn.Config(sandbox.app, log_level="critical", access_log=False, date_header=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listening],), name="sandbox", daemon=True)
    thread.start()
    deadline = time.monotonic() + 10
    while not server.started:
        if time.monotonic() > deadline or not thread.is_alive():
            raise RuntimeError("the sandbox did not start")
        time.sleep(0.01)
    try:
        yield Running(f"http://127.0.0.1:{listening.getsockname()[1]}", sandbox)
    finally:
        server.should_exit = True
        thread.join(timeout=10)
