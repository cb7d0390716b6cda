"""An imitation of Lever's Data API v1, written from its documents and from recorded calls, not from the adapter."""

from __future__ import annotations

import base64
import binascii
import json
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import timedelta
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from adapters.lever.sandbox_acts import Acts
from adapters.lever.sandbox_people import People
from adapters.lever.sandbox_reads import Reads
from adapters.lever.sandbox_rows import SERVICE_USER
from adapters.lever.sandbox_seed import load, seed
from adapters.lever.sandbox_store import InvalidOffset, Row, Store
from adapters.lever.sandbox_writes import Refusal, Writes, problem
from connector.sandbox import Harness
from connector.world import World

Handler = Callable[[Request], Awaitable[Response]]

API_KEY = "sandbox-lever-key"
SIGNING_TOKEN = "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a6978"
#: Up to five repeats "with growing delays"; how long each waits is not documented.
RETRIES = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 30, 120, 360))


class LeverSandbox:
    """Doubts that the documents leave open are attributes of `reads`, `writes`, `people` and `acts`."""

    secrets: Mapping[str, str]
    options: Mapping[str, Any]
    employers: tuple[str, ...] = ("software",)

    def __init__(self, limited: bool = True) -> None:
        self.limited = limited
        self.secrets = {"api_key": API_KEY, "webhook": SIGNING_TOKEN}
        self.options = {
            "perform_as": SERVICE_USER,
            "fields": {
                "skills": "tag:skill:",
                "region": "tag:region:",
                "city": "location",
                "function": "posting.categories.department",
            },
        }
        self.store = Store()
        self.harness = Harness(
            retries=RETRIES,
            taken=lambda status: 200 <= status < 300,
            act=self._act,
            state=self._state,
            throttled=lambda: problem(429, "TooManyRequests", "Too many requests"),
        )
        self.acts = Acts(self.store, self.harness)
        self.reads = Reads(self.store, self.harness)
        self.writes = Writes(self.store, self.harness, self.acts)
        self.people = People(self.store, self.harness, self.acts)
        #: First parts of paths that the key has no permission for.
        self.denied: set[str] = set()
        self._tokens, self._filled = 20.0, time.time()
        # before the reads, which take any list below an opportunity
        handlers = [*self.people.routes(), *self.reads.routes(), *self.writes.routes()]
        self.app: Starlette = self.harness.application(
            Route(prefix + path, self._guarded(handler), methods=[method])
            for prefix in ("/v1", "")
            for method, path, handler in handlers
        )

    async def _act(self, name: str, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        return await self.acts.act(name, asked)

    def _state(self) -> Row:
        made = {id: kinds["notes"] for id, kinds in self.store.children.items() if kinds.get("notes")}
        return {
            "opportunities": len(self.store.rows),
            "tags": {id: self.store.tags(row) for id, row in self.store.rows.items()},
            "notes": {id: [note["fields"][0]["value"] for note in notes] for id, notes in made.items()},
        }

    def _guarded(self, handler: Handler) -> Handler:
        async def guarded(request: Request) -> Response:
            if not self._signed_in(request):
                return problem(401, "UnauthorizedError", "The API key is not valid.")
            if self.limited and not self._take():
                return self.harness.throttled()
            if self.denied & set(request.url.path.removeprefix("/v1").strip("/").split("/")):
                return problem(403, "ForbiddenError", "The API key lacks this permission.")
            try:
                return await handler(request)
            except Refusal as refusal:
                return refusal.response
            except InvalidOffset:
                return problem(400, "BadRequestError", "Invalid offset token.")
            except (json.JSONDecodeError, UnicodeDecodeError):
                return problem(400, "BadRequestError", "The body is not JSON.")

        return guarded

    def _signed_in(self, request: Request) -> bool:
        kind, _, sent = request.headers.get("authorization", "").partition(" ")
        try:
            user, _, password = base64.b64decode(sent, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return False
        return kind.lower() == "basic" and user == self.secrets["api_key"] and not password

    def _take(self) -> bool:
        """Ten a second steadily, twenty at once when full."""
        now = time.time()
        self._tokens = min(20.0, self._tokens + (now - self._filled) * 10)
        self._filled = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def seed(self, world: World) -> None:
        self.harness.clock.move_to(world.now)
        seed(self.store, world)

    def load(self, lines: Iterable[bytes]) -> int:
        taken = 0
        rows: list[Row] = []
        for line in lines:
            if not line.strip():
                continue
            given = json.loads(line)
            if given["stream"] == "opportunities":
                rows.append(given["data"])
            elif not load(self.store, given["stream"], given["data"]):
                continue
            taken += 1
        self.store.put_many(rows)
        return taken


SANDBOX = LeverSandbox

__all__ = ["SANDBOX", "LeverSandbox"]
