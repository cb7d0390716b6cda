"""Where platforms deliver: verify the bytes, keep them on disk, and only then answer. The one place that is async."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from connector.accounts import Account
from connector.adapter import Receives
from connector.errors import BadSignature, KeepwarmError
from connector.flow import Delivery
from connector.web.keeper import Keeper, Outcome

#: Bytes. The largest documented body (a Greenhouse application with attachments' links) is far below.
MOST_BODY = 1 << 20
#: Seconds until a platform that was turned away may knock again; each has its own, longer schedule.
COME_BACK = "5"
#: Delivery ids longer than this, or with odd letters, are hashed: they go into a key.
MOST_ID = 200


class _TooLarge(KeepwarmError):
    """The body is larger than any platform's webhook."""


@dataclass(frozen=True, slots=True)
class Bell:
    """One account's way in."""

    account: str
    adapter: Receives
    secrets: tuple[str, ...] = field(repr=False)
    #: The one answer that counts as taken.
    status: int


def bells(accounts: Mapping[str, Account]) -> dict[str, Bell]:
    """Those that send webhooks. Settled once: asking an adapter what it can do costs more than checking a signature."""
    found = {}
    for account in accounts.values():
        adapter, door = account.adapter, account.declaration.door
        if isinstance(adapter, Receives) and door is not None:
            found[account.name] = Bell(account.name, adapter, account.webhook_secrets, door.status)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """Handles `/webhooks/{account}` and whatever follows it. Counts by account and status; logs nothing of a request."""

    bells: Mapping[str, Bell]
    keeper: Keeper
    now: Callable[[], datetime]
    #: (account, status) → how many were answered so. Unknown accounts count under "".
    answered: Counter[tuple[str, int]] = field(default_factory=Counter)

    async def answer(self, request: Request) -> Response:
        bell = self.bells.get(request.path_params["account"])
        if bell is None:
            response = Response(status_code=404)
        elif request.method == "POST":
            response = await self._receive(request, bell)
        else:  # some platforms look whether anyone is in before they deliver (Mailchimp)
            response = Response(status_code=200)
        self.answered[bell.account if bell else "", response.status_code] += 1
        return response

    async def _receive(self, request: Request, bell: Bell) -> Response:
        if self.keeper.full:
            return _later()
        try:
            body = await _body(request)
        except _TooLarge:
            return Response(status_code=413)
        except ClientDisconnect:
            return Response(status_code=400)  # nobody is there to read it
        delivery = Delivery(
            account=bell.account,
            body=body,
            received_at=self.now(),
            headers=dict(request.headers.items()),
            tail=request.path_params.get("tail", "").strip("/"),
        )
        try:
            bell.adapter.verify(delivery, bell.secrets)
        except BadSignature:
            return Response(status_code=401)
        if await self.keeper.keep(_identified(bell.adapter, delivery)) is not Outcome.KEPT:
            return _later()
        return Response(status_code=bell.status)


async def _body(request: Request) -> bytes:
    """The bytes as they came, for that is what is signed."""
    if int(request.headers.get("content-length", "0")) > MOST_BODY:
        raise _TooLarge
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BODY:
            raise _TooLarge
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


def _later() -> Response:
    return Response(status_code=503, headers={"Retry-After": COME_BACK})
