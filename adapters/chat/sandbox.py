"""A chat channel behind an incoming webhook, as documented: `ok`, or a word of error; a message a second."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from connector.sandbox import Harness
from connector.world import World

PATH = "/services/T00000000/B00000000/channel-of-the-sandbox"
#: Messages that may come at once before the rate of one a second is kept.
BURST = 3


class ChatSandbox:
    def __init__(self, limited: bool = True) -> None:
        self.limited = limited
        self.employers: tuple[str, ...] = ()
        #: `url` holds only the path: the host is known once it is served.
        self.secrets: Mapping[str, str] = {"url": PATH}
        self.options: Mapping[str, Any] = {}
        #: What the channel is: "open", "channel_is_archived" or "no_service".
        self.channel = "open"
        #: What a taken message is answered with: the document says `ok`; work-alikes say nothing.
        self.word = "ok"
        self.messages: list[str] = []
        self._left = float(BURST)
        self._since = time.time()
        self.harness = Harness(
            retries=(),
            taken=lambda status: True,
            act=self._act,
            state=lambda: {"messages": list(self.messages)},
            throttled=_throttled,
        )
        self.app = self.harness.application([Route(PATH, self._post, methods=["POST"])])

    async def _post(self, request: Request) -> Response:
        if self.limited and not self._take():
            return _throttled()
        if self.channel != "open":
            return PlainTextResponse(self.channel, 410 if self.channel == "channel_is_archived" else 404)
        try:
            told = json.loads(await request.body())
        except ValueError:
            return PlainTextResponse("invalid_payload", 400)
        if not isinstance(told, dict):
            return PlainTextResponse("invalid_payload", 400)
        text = told.get("text")
        if not isinstance(text, str) or not text:
            return PlainTextResponse("no_text", 400)
        self.messages.append(text)
        self.harness.effect("notify", "channel", text=text)
        return PlainTextResponse(self.word)

    def _take(self) -> bool:
        now = time.time()
        self._left = min(float(BURST), self._left + now - self._since)
        self._since = now
        if self._left < 1:
            return False
        self._left -= 1
        return True

    async def _act(self, do: str, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        states = {"archive": "channel_is_archived", "remove": "no_service", "open": "open"}
        if do not in states:
            raise LookupError(f"{do}; known: {', '.join(states)}")
        self.channel = states[do]
        return {"channel": self.channel}

    def seed(self, world: World) -> None:
        """Nobody is there at first."""

    def load(self, lines: Iterable[bytes]) -> int:
        return 0


def _throttled() -> Response:
    return PlainTextResponse("rate_limited", 429, {"Retry-After": "1"})


SANDBOX = ChatSandbox
