"""Webhooks: a signature inside the body, ids only, ten events → hints.

The signature covers `token` and `triggeredAt` and nothing else, so `data` can be forged by whoever holds an old body:
everything is read again through the API before it is believed.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from adapters.lever.options import Options
from connector.errors import BadSignature, Malformed
from connector.flow import Delivery, Hint, Reading
from connector.model import AnyRecord, Gone, Ref
from connector.raw import Raw

#: How far ahead of ours Lever's clock may be.
_AHEAD = timedelta(minutes=10)
_EVENT = re.compile(r"[A-Za-z]{1,40}")


def verify(delivery: Delivery, secrets: Sequence[str], options: Options) -> None:
    body = _decoded(delivery)
    parts = [body["token"], body["triggeredAt"], body["signature"]]
    if not parts[0] and not parts[2] and options.unsigned:
        return
    token, triggered, signature = (part.value for part in parts)
    if not isinstance(token, str) or not isinstance(signature, str) or type(triggered) is not int:
        raise BadSignature("webhook: wanted token, triggeredAt and signature in the body, came without")
    message = f"{token}{triggered}".encode(errors="replace")
    came = signature.encode(errors="replace")
    signed = False
    for secret in secrets:
        # every token is tried, so that the time taken does not tell which one fitted
        wanted = hmac.new(secret.encode(), message, hashlib.sha256).hexdigest().encode()
        signed |= hmac.compare_digest(wanted, came) and bool(secret)
    if not signed:
        raise BadSignature("webhook: the signature fits none of the configured signing tokens")
    _fresh(triggered, delivery.received_at, options.max_age)


def _fresh(triggered: int, received_at: datetime, max_age: timedelta) -> None:
    """Lever keeps two weeks of requests that a person may send again, so nothing honest is older than that."""
    try:
        age = received_at - datetime.fromtimestamp(triggered / 1000, UTC)
    except (OverflowError, ValueError, OSError) as error:
        raise BadSignature("webhook: triggeredAt is no time") from error
    if age > max_age:
        raise BadSignature(f"webhook: signed {age.days} days before it came")
    if age < -_AHEAD:
        raise BadSignature("webhook: signed in the future, or the clock here is slow")


def _decoded(delivery: Delivery) -> Raw:
    try:
        return Raw.parse(delivery.body)
    except Malformed as error:
        raise BadSignature("webhook: a body that is not JSON cannot be signed") from error


def identify(delivery: Delivery) -> str:
    """Whether a repeat keeps its token is not documented, so what happened and when is its identity."""
    body = Raw.parse(delivery.body)
    told = [None if not body[key].stated else body[key].value for key in ("event", "data", "triggeredAt")]
    return hashlib.sha256(msgspec.json.encode(told, order="deterministic")).hexdigest()


def read(delivery: Delivery) -> Reading:
    body = Raw.parse(delivery.body)
    event = body["event"].text()
    known = _EVENTS.get(event)
    if known is None:
        return Reading(note=f"event {event if _EVENT.fullmatch(event) else 'with an odd name'} is not used")
    data = body["data"]
    if not data.entries():
        return Reading(event=event, note=f"test delivery of {event}")
    told = list(known(delivery.account, data, event))
    return Reading(
        records=tuple(item for item in told if not isinstance(item, Hint)),
        hints=tuple(item for item in told if isinstance(item, Hint)),
        event=event,
    )


def _opportunity(data: Raw) -> str:
    """`candidateId` is the older name of the same id."""
    return (data["opportunityId"] if data["opportunityId"] else data["candidateId"]).id()


def _application(account: str, data: Raw, event: str) -> Iterator[Hint]:
    yield Hint(Ref(account, "application", _opportunity(data)), event)


def _deleted(account: str, data: Raw, event: str) -> Iterator[AnyRecord | Hint]:
    opportunity = _opportunity(data)
    for kind in ("application", "candidate"):
        yield Gone(ref=Ref(account, kind, opportunity))
    # the body is not covered by the signature: if they are still there, the re-read brings them back
    yield Hint(Ref(account, "application", opportunity), event)


def _interview(account: str, data: Raw, event: str) -> Iterator[AnyRecord | Hint]:
    opportunity = _opportunity(data)
    if event == "interviewDeleted":
        at = data["deletedAt"].maybe(Raw.millis)
        yield Gone(ref=Ref(account, "interview", data["interviewId"].id()), updated_at=at, at=at)
    yield Hint(Ref(account, "application", opportunity), event)
    # evidence is fetched by the application's id, so that is what the hint names
    yield Hint(Ref(account, "interview", opportunity), event)


def _contact(account: str, data: Raw, event: str) -> Iterator[Hint]:
    yield Hint(Ref(account, "contact", data["contactId"].id()), event)


_Told = Callable[[str, Raw, str], Iterator[AnyRecord | Hint] | Iterator[Hint]]
_EVENTS: dict[str, _Told] = {
    "applicationCreated": _application,
    "candidateHired": _application,
    "candidateStageChange": _application,
    "candidateArchiveChange": _application,
    "candidateDeleted": _deleted,
    "interviewCreated": _interview,
    "interviewUpdated": _interview,
    "interviewDeleted": _interview,
    "contactCreated": _contact,
    "contactUpdated": _contact,
}
