"""Where platforms deliver: verify the bytes, keep them on disk, and only then answer. The one place that is async."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from connector.accounts import Account
from connector.adapter import Receives
from connector.errors import BadSignature, KeepwarmError
from connector.flow import Delivery
from connector.web.keeper import Keeper, Outcome

PATH = "/webhooks/"
#: Some platforms look whether anyone is in before they deliver (Mailchimp).
LOOKS = ("GET", "HEAD")
#: Bytes. The largest documented body (a Greenhouse application with attachments' links) is far below.
MOST_BODY = 1 << 20
#: Seconds until a platform that was turned away may knock again; each has its own, longer schedule.
COME_BACK = "5"
#: Delivery ids longer than this, or with odd letters, are hashed: they go into a key.
MOST_ID = 200

_HERE = Response(status_code=200)
_HALF = Response(status_code=400)  # nobody is there to read it
_FORGED = Response(status_code=401)
_NOBODY = Response(status_code=404)
_NOT_SO = Response(status_code=405, headers={"Allow": "POST, GET, HEAD"})
_TOO_LARGE = Response(status_code=413)
_LATER = Response(status_code=503, headers={"Retry-After": COME_BACK})


@dataclass(frozen=True, slots=True)
class Bell:
    """One account's way in."""

    account: str
    adapter: Receives
    secrets: tuple[str, ...] = field(repr=False)
    #: The one answer that counts as taken.
    taken: Response


def bells(accounts: Mapping[str, Account]) -> dict[str, Bell]:
    """Those that send webhooks. Settled once: asking an adapter what it can do costs more than checking a signature."""
    found = {}
    for account in accounts.values():
        adapter, door = account.adapter, account.declaration.door
        if isinstance(adapter, Receives) and door is not None:
            found[account.name] = Bell(
                account.name, adapter, account.webhook_secrets, Response(status_code=door.status)
            )
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """Handles `/webhooks/{account}` and whatever follows it. Counts by account and status; logs nothing of a request.

    Speaks ASGI itself: routing and a request object would cost about as much as the row."""

    bells: Mapping[str, Bell]
    keeper: Keeper
    now: Callable[[], datetime]
    #: (account, status) → how many were answered so. Unknown accounts count under "".
    answered: Counter[tuple[str, int]] = field(default_factory=Counter)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        account, _, tail = scope["path"].removeprefix(PATH).partition("/")
        bell = self.bells.get(account)
        if bell is None:
            response = _NOBODY
        elif scope["method"] == "POST":
            response = await self._receive(scope, receive, bell, tail.strip("/"))
        elif scope["method"] in LOOKS:
            response = _HERE
        else:
            response = _NOT_SO
        self.answered[bell.account if bell else "", response.status_code] += 1
        await response(scope, receive, send)

    async def _receive(self, scope: Scope, receive: Receive, bell: Bell, tail: str) -> Response:
        if self.keeper.full:
            return _LATER
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        if int(headers.get("content-length", "0")) > MOST_BODY:
            return _TOO_LARGE
        body = await _body(receive)
        if not isinstance(body, bytes):
            return body
        delivery = Delivery(account=bell.account, body=body, received_at=self.now(), headers=headers, tail=tail)
        try:
            bell.adapter.verify(delivery, bell.secrets)
        except BadSignature:
            return _FORGED
        if await self.keeper.keep(_identified(bell.adapter, delivery)) is not Outcome.KEPT:
            return _LATER
        return bell.taken


async def _body(receive: Receive) -> bytes | Response:
    """The bytes as they came, for that is what is signed; or the answer to who sends none that can be taken."""
    body, more = bytearray(), True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return _HALF
        body += message.get("body", b"")
        if len(body) > MOST_BODY:
            return _TOO_LARGE
        more = message.get("more_body", False)
    return bytes(body)


def _identified(adapter: Receives, delivery: Delivery) -> Delivery:
    """With the platform's id, set apart from the ids of pulled pages: ids may come in headers that nobody signed."""
    try:
        told = adapter.identify(delivery)
    except KeepwarmError:  # signed, and not what its document says: kept all the same, and parked when it is read
        told = ""
    if not told:
        return delivery
    if len(told) > MOST_ID or not (told.isascii() and told.isprintable()):
        told = sha256(told.encode("utf-8", "surrogatepass")).hexdigest()
    return Delivery(
        account=delivery.account,
        body=delivery.body,
        received_at=delivery.received_at,
        headers=delivery.headers,
        tail=delivery.tail,
        id=f"hook:{told}",
    )
