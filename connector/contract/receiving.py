"""Promise 1: a good delivery verifies; anything else is BadSignature and never another error."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import msgspec

from connector.adapter import Receives
from connector.contract.fixtures import Knock, Webhook
from connector.contract.spoil import REMOVED, Path, with_hole
from connector.contract.wanted import Wanted
from connector.contract.wire import connect, silent
from connector.errors import BadSignature
from connector.flow import Delivery

JUNK = ("", " ", "x", "=", "sha256", "sha256 ", "t=,v1=", "ß€ é", "\x00", "0" * 64, "v1," + "A" * 44, "9" * 400)
#: Flipped bits are spread over the body; this many.
FLIPS = 64


def a_good_delivery_verifies(webhook: Webhook) -> None:
    receiver, knock = _receiver(webhook), webhook.knock
    if not knock.secrets:
        door = webhook.folder.declaration.door
        assert door is not None, "a delivery without a secret, and no door is declared"
        assert door.unsigned, "a delivery without a secret, and the door does not declare `unsigned`"
    one, other = ["the next one"] * bool(knock.secrets), ["the one before"] * bool(knock.secrets)
    for secrets in (knock.secrets, [*one, *knock.secrets], [*knock.secrets, *other]):
        with Wanted(during=f"a good delivery and {len(secrets)} secrets", calm=True):
            receiver.verify(webhook.delivery(), secrets)
    known = receiver.identify(webhook.delivery())
    assert isinstance(known, str), "identify gives text"
    assert known == receiver.identify(webhook.delivery()), "the same delivery has the same id twice"


def a_forged_delivery_is_refused(webhook: Webhook) -> None:
    receiver, knock = _receiver(webhook), webhook.knock
    if not knock.secrets:
        with Wanted(BadSignature, during="an unsigned delivery where secrets are set"):
            receiver.verify(webhook.delivery(), ["a secret"])
        return
    for name, wrong in (("another", ["not the secret"]), ("no", []), ("an empty", [""]), ("a non-ASCII", ["ß€"])):
        with Wanted(BadSignature, during=f"{name} secret") as refusal:
            receiver.verify(webhook.delivery(), wrong)
        _tells_no_secret(refusal, knock)
    for name, forged in _forgeries(webhook, knock):
        with Wanted(BadSignature, during=name) as refusal:
            receiver.verify(forged, knock.secrets)
        _tells_no_secret(refusal, knock)


def a_garbled_delivery_raises_nothing_else(webhook: Webhook) -> None:
    """One header, the body or the clock is off. Whether that matters is the platform's affair; how it fails is ours."""
    receiver, knock = _receiver(webhook), webhook.knock
    for name, garbled in _garbled(webhook, knock):
        with Wanted(BadSignature, during=name, calm=True):
            receiver.verify(garbled, knock.secrets)


def _receiver(webhook: Webhook) -> Receives:
    adapter, _ = connect(webhook.folder, silent, webhook.given)
    assert isinstance(adapter, Receives), "a webhook fixture, and the adapter does not receive"
    return adapter


def _tells_no_secret(refusal: Wanted, knock: Knock) -> None:
    assert not any(secret in str(refusal.error) for secret in knock.secrets), "the refusal tells the secret"


def _forgeries(webhook: Webhook, knock: Knock) -> Iterator[tuple[str, Delivery]]:
    if knock.signs == "body":
        yield "no header at all", webhook.delivery(headers={})
        for junk in JUNK:
            yield f"all headers {junk!r}", webhook.delivery(headers=dict.fromkeys(knock.headers, junk))
        body = webhook.body
        for place in sorted({len(body) * step // FLIPS for step in range(FLIPS)} | {len(body) - 1}):
            flipped = bytearray(body)
            flipped[place] ^= 1
            yield f"bit flipped in byte {place}", webhook.delivery(body=bytes(flipped))
        yield "a byte more", webhook.delivery(body=body + b" ")
        yield "a byte less", webhook.delivery(body=body[:-1])
    elif knock.signs == "fields":
        yield from _field_forgeries(webhook, knock)
    else:
        assert knock.signs == "path", f"delivery.json: signs is body, fields or path, not {knock.signs!r}"
        assert knock.tail, "delivery.json: signs is path, and there is no tail"
        for tail in (*JUNK, knock.tail + "x", knock.tail[:-1]):
            yield f"tail {tail!r}", webhook.delivery(tail=tail)


def _field_forgeries(webhook: Webhook, knock: Knock) -> Iterator[tuple[str, Delivery]]:
    assert knock.signed, "delivery.json: signs is fields, so `signed` lists their paths, the signature's own among them"
    for body in (b"", b"x", b"\xff", b"null", b"[]", b"{}", webhook.body[:-1]):
        yield f"the body {body[:8]!r}", webhook.delivery(body=body)
    for said in knock.signed:
        path: Path = tuple(said.removeprefix("$.").split("."))
        for filler in (REMOVED, None, "", "ß€", [], {}, True, 1, _altered(webhook.body, path)):
            shown = "removed" if filler is REMOVED else repr(filler)
            yield f"{said} {shown}", webhook.delivery(body=with_hole(webhook.body, path, filler))


def _altered(body: bytes, path: Path) -> object:
    value: Any = msgspec.json.decode(body)
    for step in path:
        value = value[step]
    return value + 1 if isinstance(value, int) else f"{value[:-1]}{'0' if value[-1:] != '0' else '1'}"


def _garbled(webhook: Webhook, knock: Knock) -> Iterator[tuple[str, Delivery]]:
    for header in knock.headers:
        others = {name: value for name, value in knock.headers.items() if name != header}
        yield f"no {header}", webhook.delivery(headers=others)
        for junk in JUNK:
            yield f"{header} {junk!r}", webhook.delivery(headers=others | {header: junk})
    for body in (b"", b"x", b"\xff\xfe", b"null", b"[[[[", b"a=%zz&a=%ff", b"\x00" * 9):
        yield f"the body {body!r}", webhook.delivery(body=body)
        yield f"the body {body!r}, no header", webhook.delivery(body=body, headers={})
    for tail in ("x", "ß€", "a/b"):
        yield f"tail {tail!r}", webhook.delivery(tail=tail)
    for days in (-4000, 4000):
        yield f"{days} days later", webhook.delivery(received_at=knock.received_at + timedelta(days=days))
