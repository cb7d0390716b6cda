"""Changes → Actions: the one place where an outward act gets its key, its subject and its order."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from connector.clock import stamp
from connector.flow import Action, Verb
from connector.model import Ref
from connector.store.outbox import Queued

#: Purposes, as the guard judges them.
KEEP, MEMBER, MARKETING, SERVICE, NOTICE, OPT_OUT = "keep", "member", "marketing", "service", "notice", "optout"


def key(*parts: object) -> str:
    """The idempotency key: the same act has the same key for ever, whatever version of a rule asks for it."""
    return hashlib.sha256("\n".join(str(part) for part in parts).encode()).hexdigest()[:40]


def _queued(
    verb: Verb,
    account: str,
    *parts: object,
    subject: Ref | None,
    args: Mapping[str, Any],
    rule: str,
    purpose: str,
    due_at: datetime,
    person: int | None,
    after: str | None = None,
    priority: int = 1,
) -> Queued:
    action = Action(
        key=key(verb.value, account, subject.id if subject else "", *parts),
        account=account,
        verb=verb,
        subject=subject,
        args=args,
    )
    return Queued(
        action=action, rule=rule, purpose=purpose, due_at=due_at, person=person, after=after, priority=priority
    )


def add_tag(
    account: str, subject: Ref, tag: str, *, occasion: str, rule: str, purpose: str, person: int, due_at: datetime,
    after: str | None = None, slot_at: datetime | None = None, message: str | None = None,
) -> Queued:  # fmt: skip
    """`occasion` makes a second adding, after a removal, another act. `slot_at`, `message`: the mailing it is for."""
    args = {"tag": tag} | ({"slot_at": stamp(slot_at), "message": message} if slot_at else {})
    return _queued(
        Verb.ADD_TAG, account, tag, occasion, subject=subject, args=args, rule=rule, purpose=purpose, due_at=due_at,
        person=person, after=after,
    )  # fmt: skip


def remove_tag(
    account: str, subject: Ref, tag: str, *, occasion: str, rule: str, person: int, due_at: datetime, row: str | None,
    priority: int = 1,
) -> Queued:  # fmt: skip
    args = {"tag": tag} | ({"row": row} if row else {})
    return _queued(
        Verb.REMOVE_TAG, account, tag, occasion, subject=subject, args=args, rule=rule, purpose=KEEP, due_at=due_at,
        person=person, priority=priority,
    )  # fmt: skip


def add_note(
    account: str, subject: Ref, text: str, *, occasion: str, rule: str, person: int, due_at: datetime,
    after: str | None = None,
) -> Queued:  # fmt: skip
    """The marker in the text is how a repeat finds the note again."""
    marker = f"keepwarm:{key('note', account, subject.id, rule, occasion)[:12]}"
    return _queued(
        Verb.ADD_NOTE, account, rule, occasion, subject=subject, args={"text": f"{text} [{marker}]", "marker": marker},
        rule=rule, purpose=KEEP, due_at=due_at, person=person, after=after,
    )  # fmt: skip


def member(account: str, address: str) -> Ref:
    """Members are named by their address; the adapter turns it into the platform's own key."""
    return Ref(account, "member", address)


def upsert_member(
    account: str, address: str, fields: Mapping[str, str], *, rule: str, person: int, due_at: datetime,
    purpose: str = MEMBER,
) -> Queued:  # fmt: skip
    """Once for an address and what is said of it; never touches whether they are subscribed when they are there."""
    said = ";".join(f"{name}={value}" for name, value in sorted(fields.items()))
    return _queued(
        Verb.UPSERT_MEMBER, account, said, subject=member(account, address),
        args={"fields": dict(fields), "consented": True}, rule=rule, purpose=purpose, due_at=due_at, person=person,
    )  # fmt: skip


def suppress_member(
    account: str, address: str, *, occasion: str, rule: str, person: int | None, due_at: datetime
) -> Queued:
    return _queued(
        Verb.SUPPRESS_MEMBER, account, occasion, subject=member(account, address), args={}, rule=rule,
        purpose=OPT_OUT, due_at=due_at, person=person, priority=0,
    )  # fmt: skip


def send_event(
    account: str, address: str, event: str, properties: Mapping[str, str], *, occasion: str, rule: str, purpose: str,
    person: int, due_at: datetime, after: str | None, reaches_at: datetime,
) -> Queued:  # fmt: skip
    args = {"event": event, "properties": dict(properties), "message": occasion, "slot_at": stamp(reaches_at)}
    return _queued(
        Verb.SEND_EVENT, account, event, occasion, subject=member(account, address), args=args, rule=rule,
        purpose=purpose, due_at=due_at, person=person, after=after,
    )  # fmt: skip


def start_journey(
    account: str, address: str, journey: str, step: str, *, occasion: str, rule: str, purpose: str, person: int,
    due_at: datetime, after: str | None, reaches_at: datetime,
) -> Queued:  # fmt: skip
    args = {"journey": journey, "step": step, "message": occasion, "slot_at": stamp(reaches_at)}
    return _queued(
        Verb.START_JOURNEY, account, journey, step, occasion, subject=member(account, address), args=args, rule=rule,
        purpose=purpose, due_at=due_at, person=person, after=after,
    )  # fmt: skip


def schedule_campaign(
    account: str, marker: str, tag: str, *, send_at: datetime, options: Mapping[str, str], rule: str, due_at: datetime
) -> Queued:
    args = {**options, "marker": marker, "tag": tag, "send_at": stamp(send_at)}
    return _queued(
        Verb.SCHEDULE_CAMPAIGN, account, marker, subject=None, args=args, rule=rule, purpose=SERVICE, due_at=due_at,
        person=None,
    )  # fmt: skip


def notify(
    account: str, to: str, text: str, *, occasion: str, rule: str, person: int | None, due_at: datetime
) -> Queued:
    return _queued(
        Verb.NOTIFY, account, to, rule, occasion, subject=None, args={"to": to, "text": text}, rule=rule,
        purpose=NOTICE, due_at=due_at, person=person,
    )  # fmt: skip


def keys(actions: Sequence[Queued]) -> list[str]:
    return [it.action.key for it in actions]
