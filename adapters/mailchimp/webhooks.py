"""Mailchimp's webhooks: form bodies, the 2026 signature, the secret in the path, and what each type tells."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

from adapters.mailchimp.mapping import CAMPAIGN_STATUS, mailable
from adapters.mailchimp.settings import Settings, key
from connector.errors import BadSignature, Malformed
from connector.flow import Delivery, Hint, Reading
from connector.model import AnyRecord, Campaign, Member, MemberStatus, Ref
from connector.raw import Raw

TOLERANCE = timedelta(seconds=300)
SIGNATURE = "x-mailchimp-signature"
_PART = re.compile(r"\[([^\[\]]*)\]")
_KEY = re.compile(r"(\w+)((?:\[[^\[\]]*\]){0,5})")
_ID = re.compile(r"[0-9A-Za-z]{6,40}")
_WORD = re.compile(r"[\w -]{1,40}")
#: A change of address is dated a little early, so that the member read again next is newer, whatever their clocks say.
MARGIN = timedelta(minutes=5)


def verify(delivery: Delivery, secrets: Sequence[str]) -> None:
    """Secrets: `path:…` must stand in the address, `sign:…` (or bare) must have signed. Both kinds given: both must."""
    paths = [text.removeprefix("path:") for text in secrets if text.startswith("path:")]
    keys = [text.removeprefix("sign:") for text in secrets if not text.startswith("path:")]
    paths, keys = [text for text in paths if text], [text for text in keys if text]
    if not paths and not keys:
        raise BadSignature("no webhook secret is configured")
    if paths and not _among(delivery.tail, paths):
        raise BadSignature("the secret in the path is not ours")
    if keys:
        _signed(delivery, keys)


def _among(sent: str, wanted: Sequence[str]) -> bool:
    # every one is compared, so that the time taken does not tell which came near
    came = [hmac.compare_digest(sent.encode("utf-8", "surrogatepass"), one.encode()) for one in wanted]
    return any(came)


def _signed(delivery: Delivery, keys: Sequence[str]) -> None:
    header = delivery.headers.get(SIGNATURE, "")
    parts = [part.strip().partition("=") for part in header.split(",")]
    times = [value for name, _, value in parts if name == "t"]
    sent = [value for name, _, value in parts if name == "v1"]
    if len(times) != 1 or not sent or not (times[0].isascii() and times[0].isdecimal() and len(times[0]) <= 12):
        raise BadSignature("the signature is missing or not of the form t=…,v1=…")
    message = times[0].encode() + b"." + delivery.body
    right = [hmac.new(one.encode(), message, hashlib.sha256).hexdigest() for one in keys]
    if not any(_among(value, right) for value in sent):
        raise BadSignature("the signature does not fit the body")
    if abs(delivery.received_at.timestamp() - int(times[0])) > TOLERANCE.total_seconds():
        raise BadSignature("the signature is more than 300 seconds from now")


def identify(delivery: Delivery) -> str:
    """No delivery id is sent: what happened, when, in which audience and to whom, hashed. "" for what has none."""
    try:
        raw = _form(delivery.body)
    except Malformed:
        return ""
    data = raw["data"]
    names = ("action", "reason", "list_id", "id", "email", "new_email", "old_email", "campaign_id", "status")
    told = [raw["type"].value, raw["fired_at"].value, *(data[name].value for name in names)]
    words = [text if isinstance(text, str) else "" for text in told]
    # two changes of one profile may fall into one second
    merges = delivery.body.hex() if words[0] == "profile" else ""
    if not (words[0] and words[1]):
        return ""
    return hashlib.sha256("\n".join([*words, merges]).encode("utf-8", "surrogatepass")).hexdigest()


def _form(body: bytes) -> Raw:
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=1000, errors="strict")
    except (ValueError, UnicodeDecodeError) as error:
        raise Malformed("$", "a form", f"{len(body)} bytes that are not") from error
    tree: dict[str, Any] = {}
    for name, value in pairs:
        if match := _KEY.fullmatch(name):
            steps = [match.group(1), *_PART.findall(match.group(2))]
            _plant(tree, steps, value)
    return Raw(tree)


def _plant(tree: dict[str, Any], steps: list[str], value: str) -> None:
    for step in steps[:-1]:
        below = tree.setdefault(step, {})
        if not isinstance(below, dict):
            return
        tree = below
    tree[steps[-1]] = value


def read(delivery: Delivery, settings: Settings) -> Reading:
    raw = _form(delivery.body)
    kind = raw["type"].text()
    if kind.startswith("sms") or kind == "upsms":
        return Reading(note="text messages are not used")
    reader = TYPES.get(kind)
    if reader is None:
        return Reading(note="event " + (kind if _WORD.fullmatch(kind) else "of an unknown type") + " is not used")
    data = raw["data"]
    audience = data["list_id"].maybe(Raw.id)
    if audience is not None and settings.audience and audience != settings.audience:
        return Reading(note="another audience")
    reading = reader(Told(delivery.account, settings.payload_only), data, raw["fired_at"].maybe(_moment))
    return replace(reading, event=kind)


class Told:
    """For whom a body is read, and whether it must stand for itself."""

    __slots__ = ("account", "alone")

    def __init__(self, account: str, alone: bool) -> None:
        self.account = account
        self.alone = alone

    def ref(self, email: str) -> Ref:
        return Ref(self.account, "member", key(email))

    def member(self, data: Raw, status: MemberStatus, at: datetime | None, reason: str | None = None) -> Reading:
        email = mailable(data["email"]) or data["email"].wrong("an e-mail address")
        entered = status is not MemberStatus.SUBSCRIBED or not data["ip_signup"].maybe(Raw.text)
        opted_in = None if entered else at
        record = Member(
            ref=self.ref(email), updated_at=at, email=email, status=status, reason=reason, opted_in_at=opted_in
        )
        return Reading(records=(record,))

    def hint(self, *emails: str, why: str, records: tuple[AnyRecord, ...] = ()) -> Reading:
        return Reading(records=records, hints=tuple(Hint(self.ref(email), why) for email in emails))


def _moment(raw: Raw) -> datetime:
    """`YYYY-MM-DD HH:MM:SS` without a zone, which is UTC."""
    try:
        moment = datetime.fromisoformat(raw.text())
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raw.wrong("a time")


def _subscribe(told: Told, data: Raw, at: datetime | None) -> Reading:
    if told.alone:
        return told.member(data, MemberStatus.SUBSCRIBED, at)
    return told.hint(mailable(data["email"]) or data["email"].wrong("an e-mail address"), why="subscribe")


def _unsubscribe(told: Told, data: Raw, at: datetime | None) -> Reading:
    """Removed by an administrator is not an objection. Any other word, known or new, is taken as one."""
    if data["action"].maybe(Raw.text) == "delete" and data["reason"].maybe(Raw.text) != "abuse":
        if told.alone:
            return told.member(data, MemberStatus.ARCHIVED, at)
        return told.hint(mailable(data["email"]) or data["email"].wrong("an e-mail address"), why="removed")
    return _objection(told, data, at, MemberStatus.UNSUBSCRIBED)


def _cleaned(told: Told, data: Raw, at: datetime | None) -> Reading:
    return _objection(told, data, at, MemberStatus.CLEANED)


def _objection(told: Told, data: Raw, at: datetime | None, status: MemberStatus) -> Reading:
    reason = data["reason"].maybe(Raw.text)
    shown = reason if reason and _WORD.fullmatch(reason) else None
    return told.member(data, MemberStatus.COMPLAINED if reason == "abuse" else status, at, shown)


def _profile(told: Told, data: Raw, at: datetime | None) -> Reading:
    email = mailable(data["email"]) if data["email"] else None
    if email is None:
        return Reading(note="the profile of a contact without an e-mail address")
    # a profile body does not say whether they may be mailed, so alone it says nothing
    return Reading(note="a profile without a status") if told.alone else told.hint(email, why="profile")


def _upemail(told: Told, data: Raw, at: datetime | None) -> Reading:
    """Both addresses are one person's. Until the new one is read again it counts as one that gets no mail."""
    new = mailable(data["new_email"]) or data["new_email"].wrong("an e-mail address")
    old = mailable(data["old_email"]) or data["old_email"].wrong("an e-mail address")
    record = Member(
        ref=told.ref(new),
        updated_at=at - MARGIN if at else None,
        email=new,
        status=MemberStatus.PENDING,
        former_email=old,
    )
    return told.hint(*(() if told.alone else (new, old)), why="upemail", records=(record,))


def _campaign(told: Told, data: Raw, at: datetime | None) -> Reading:
    key_ = data["id"].text()
    if not _ID.fullmatch(key_):
        data["id"].wrong("a campaign's id")
    ref = Ref(told.account, "campaign", key_)
    if told.alone:
        return Reading(records=(Campaign(ref=ref, updated_at=at, status=data["status"].one_of(CAMPAIGN_STATUS)),))
    return Reading(hints=(Hint(ref, "campaign"),))


TYPES: dict[str, Callable[[Told, Raw, datetime | None], Reading]] = {
    "subscribe": _subscribe,
    "unsubscribe": _unsubscribe,
    "cleaned": _cleaned,
    "profile": _profile,
    "upemail": _upemail,
    "campaign": _campaign,
}
