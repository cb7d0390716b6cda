"""What happens to a record on its way: delivery → reading → … → action → receipt. Words only, no stations."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import msgspec

from connector.model import AnyRecord, Ref


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """Bytes that came in, from a webhook (`stream` None) or as a pulled or fetched page (`stream` names it)."""

    account: str
    body: bytes
    received_at: datetime
    stream: str | None = None
    #: Lower-case names.
    headers: Mapping[str, str] = field(default_factory=dict)
    #: What followed the account in the door's path, without slashes at the ends. Some platforms need a secret there.
    tail: str = ""
    #: The platform's own delivery id, or the pull's page id; empty: a hash of account, stream and body.
    id: str = ""

    @property
    def key(self) -> str:
        if self.id:
            return self.id
        return hashlib.sha256(f"{self.account}\n{self.stream or ''}\n".encode() + self.body).hexdigest()


@dataclass(frozen=True, slots=True)
class Hint:
    """Something changed at `ref`: read it again before believing anything."""

    ref: Ref
    why: str


@dataclass(frozen=True, slots=True)
class Spoiled:
    """One item that could not be read. The others of its page go on."""

    path: str
    wanted: str
    came: str
    #: Of the item as it came: the same item in the same bytes is parked once. "": the core takes one of the whole body.
    digest: str = ""
    #: Its own id within its stream, where that can be read: then a later state of it replaces an earlier one.
    item: str = ""
    #: What to ask the platform for, to get the item once more.
    again: Ref | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """All that one delivery says, in the platform's order."""

    records: tuple[AnyRecord, ...] = ()
    hints: tuple[Hint, ...] = ()
    spoiled: tuple[Spoiled, ...] = ()
    #: A webhook's kind, in the platform's word; empty where it is of none that the adapter reads.
    event: str = ""
    #: Why a delivery says nothing on purpose: "ping", "test delivery", "event foo is not used".
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """What to pull: changed at or after `since` (None: everything) and up to `until`."""

    until: datetime
    since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One answer of the platform, byte for byte. `cursor` None: it was the last."""

    body: bytes
    count: int
    cursor: str | None = None


#: The stream name of a page that says which ids a fetch no longer found; any adapter may yield one, the core reads it.
GONE = "gone"


def gone_page(kind: str, ids: Sequence[str]) -> tuple[str, Page]:
    """What `fetch` yields for ids that the platform no longer knows."""
    return GONE, Page(body=msgspec.json.encode({"kind": kind, "ids": list(ids)}), count=len(ids))


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """One list that can be pulled. Declared in the order in which a full pull should go: reference data first."""

    name: str
    #: `Ref.kind`s of the records it yields.
    kinds: tuple[str, ...]
    #: True: `Window.since` is obeyed. False: each pull lists everything.
    windowed: bool = True
    #: How far before the watermark the next window starts, because the platform's index lags.
    overlap: timedelta = timedelta(0)
    #: Least time between two pulls when nobody asks.
    every: timedelta = timedelta(minutes=10)
    #: A walk without `since` lists all that exist, so what it no longer lists is gone.
    complete: bool = False
    #: Least time between such walks of this one, where it is other than the declaration's.
    reconcile: timedelta | None = None
    #: The platform's permission it needs, as the platform spells it.
    scope: str | None = None


class Verb(StrEnum):
    """Everything Keepwarm can ask of a platform."""

    #: subject candidate or member · args {tag}
    ADD_TAG = "add_tag"
    #: subject candidate or member · args {tag, row?}: `row` is the receipt's ref of our own add, if known
    REMOVE_TAG = "remove_tag"
    #: subject candidate · args {text, marker}: `marker` stands in the text and is looked for before writing
    ADD_NOTE = "add_note"
    #: subject candidate · args {source}
    ADD_SOURCE = "add_source"
    REMOVE_SOURCE = "remove_source"
    #: subject member · args {fields: {our name: text}, consented: bool}
    UPSERT_MEMBER = "upsert_member"
    #: subject member · no args: record their opt-out
    SUPPRESS_MEMBER = "suppress_member"
    #: subject member · args {event, properties: {text: text}}
    SEND_EVENT = "send_event"
    #: subject member · args {journey, step}
    START_JOURNEY = "start_journey"
    #: no subject · args {marker, tag, send_at, subject_line, from_name, reply_to, template?, html?, preview?}
    SCHEDULE_CAMPAIGN = "schedule_campaign"
    #: no subject · args {to, text}: a colleague, never a candidate
    NOTIFY = "notify"


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One outward act. `key` names the act for ever: the same key must never have a second effect."""

    key: str
    account: str
    verb: Verb
    #: Candidate: `Ref.id` as the platform gave it. Member: `Ref.id` is the normalised address.
    subject: Ref | None = None
    args: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """The platform took it. `already`: it was so before we asked. `ref`: the id of what was made, if it has one."""

    key: str
    ref: str | None = None
    already: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """The platform did not take it; `error` says what to do next."""

    key: str
    error: Exception
