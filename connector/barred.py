"""Who was erased on request stays out: what platforms tell of them again is dropped before it is stored.

Known again by keyed hashes of their addresses, candidate ids and application ids. The stricter wins: a record that turns up
with one of these addresses, or that is merged with one of these records, is theirs, and what was held of it goes too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime

import msgspec

from connector import acts
from connector.accounts import Account
from connector.clock import stamp
from connector.flow import Hint, Verb
from connector.model import AnyRecord, Application, Candidate, Engagement, Member, MemberStatus, Merged, Opening, Ref
from connector.store import Tx
from connector.store.applied import REFERENCE
from connector.store.outbox import Queued

MAILABLE = frozenset({MemberStatus.SUBSCRIBED, MemberStatus.PENDING})
_LETTERS = {"candidate": "c", "application": "a"}


def name_of(ref: Ref) -> str:
    """By what a candidate or an application is known again."""
    return f"{_LETTERS[ref.kind]}:{ref.account}:{ref.id}"


def sift(
    tx: Tx, accounts: Mapping[str, Account], records: Sequence[AnyRecord], *, now: datetime
) -> tuple[tuple[AnyRecord, ...], int]:
    """The records that may be taken in, and how many may not. Audiences that still mail somebody erased are told again."""
    if not tx.erasure.any():
        return tuple(records), 0
    told = [(it, list(_names(it))) for it in records]
    held = tx.erasure.barred({name for _, names in told for name in names})
    begun = set(held)
    while fresh := {
        name: held[known[0]]
        for it, names in told
        if (known := _in(names, held))
        for name in _grown(it)
        if name not in held
    }:
        held |= fresh
    for erasure in sorted(set(held.values())):
        new = [name for name, whose in held.items() if whose == erasure and name not in begun]
        tx.erasure.bar(new, erasure)
        found = list(_refs(name for name in new if name.startswith("c:")))
        if found:
            tx.erasure.tell(erasure, forget(tx, found, (), erasure=erasure, now=now))
    # the page in which they were told of stood in the file for a moment, so that is to be shredded again
    for erasure, times in Counter(held[known[0]] for _, names in told if (known := _in(names, held))).items():
        tx.erasure.tell(erasure, {"kept out": times})
    kept: list[AnyRecord] = []
    out: list[tuple[Member, int]] = []
    for it, names in told:
        known = _in(names, held)
        if not known:
            kept.append(it)
        elif isinstance(it, Opening):
            kept.append(msgspec.structs.replace(it, application=None))
        elif isinstance(it, Member):
            out.append((it, held[known[0]]))
    _opt_out(tx, accounts, out, now=now)
    return tuple(kept), len(records) - len(kept)


def _in(names: Sequence[str], held: Mapping[str, int]) -> list[str]:
    return [name for name in names if name in held]


def hints(tx: Tx, wanted: Sequence[Hint]) -> list[Hint]:
    """Those about whom something may be asked."""
    if not tx.erasure.any():
        return list(wanted)
    held = tx.erasure.barred({name_of(it.ref) for it in wanted if it.ref.kind in _LETTERS})
    return [it for it in wanted if it.ref.kind not in _LETTERS or name_of(it.ref) not in held]


def forget(
    tx: Tx, candidates: Sequence[Ref], addresses: Collection[str], *, erasure: int, now: datetime
) -> Counter[str]:
    """Take out all that is held of these records and addresses, and of people who have no other record."""
    whose = [(it.account, it.id) for it in candidates]
    family = tx.erasure.family(whose)
    gone = {(it.account, it.id) for it in family if it.kind == "candidate"} | set(whose)
    people = {person for it in gone if (person := tx.mirror.person_of(*it)) is not None}
    left = {person: set(tx.mirror.candidates(person)) - gone for person in people}
    alone = [person for person, others in left.items() if not others]
    named = [it for it in family if it.kind in _LETTERS]
    counts = tx.erasure.remove_acts(alone, named, addresses, erasure=erasure)
    tx.erasure.bar([name_of(it) for it in named], erasure)
    counts += tx.erasure.remove_records(family)
    counts += tx.erasure.remove_addresses(addresses)
    for person in alone:
        counts += tx.erasure.remove_person(person)
    tx.records.soil(it for others in left.values() for it in others)
    mentions: dict[str, list[str]] = {"": list(addresses)}
    for account, id_ in gone:
        mentions.setdefault(account, []).append(id_)
    bodies, again = tx.erasure.remove_bodies(mentions)
    asked = [Hint(it, "the page it stood in is gone") for it in again if it not in family]
    tx.inbox.hint(hints(tx, asked), due_at=now)
    return counts + bodies


def opt_out(held: Member, *, now: datetime) -> Queued:
    """To be written to an audience, with nobody's number."""
    occasion = stamp(held.updated_at) if held.updated_at else ""
    return acts.suppress_member(
        held.ref.account, held.email, occasion=occasion, rule="erasure", person=None, due_at=now
    )  # fmt: skip


def _opt_out(tx: Tx, accounts: Mapping[str, Account], members: Iterable[tuple[Member, int]], *, now: datetime) -> None:
    for member, erasure in members:
        account = accounts.get(member.ref.account)
        if member.status in MAILABLE and account is not None and account.can(Verb.SUPPRESS_MEMBER):
            queued = opt_out(member, now=now)
            tx.outbox.put([queued], now=now)
            tx.erasure.shred_when_over(acts.keys([queued]), erasure)


def _names(record: AnyRecord) -> Iterator[str]:
    """Everything by which it can be somebody's."""
    if record.ref.kind in REFERENCE and not isinstance(record, Opening):
        return
    for ref in (record.ref, *(getattr(record, field, None) for field in ("candidate", "application", "into"))):
        if isinstance(ref, Ref) and ref.kind in _LETTERS:
            yield name_of(ref)
    yield from (f"e:{address}" for address in _addresses(record))


def _addresses(record: AnyRecord) -> Iterator[str]:
    if isinstance(record, Candidate):
        yield from record.emails
    elif isinstance(record, Member | Engagement):
        yield from (it for it in (record.email, getattr(record, "former_email", None)) if it)


def _grown(record: AnyRecord) -> Iterator[str]:
    """What is theirs as well, now that this record is."""
    if isinstance(record, Candidate | Application):
        yield name_of(record.ref)
    elif isinstance(record, Merged) and record.ref.kind == "candidate":
        yield from (name_of(record.ref), name_of(record.into))


def _refs(names: Iterable[str]) -> Iterator[Ref]:
    for name in names:
        _, account, id_ = name.split(":", 2)
        yield Ref(account, "candidate", id_)


__all__ = ["MAILABLE", "forget", "hints", "name_of", "opt_out", "sift"]
