"""Delivery → Records. The one road for what was received, pulled and fetched alike; what cannot be read is parked."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from connector import barred, reference
from connector.accounts import Account
from connector.errors import Malformed
from connector.flow import GONE, Delivery, Hint, Reading, Spoiled
from connector.model import AnyRecord, Candidate, Engagement, EngagementKind, Gone, Member, MemberStatus, Merged, Ref
from connector.raw import Raw
from connector.store import Sqlite, Tx
from connector.store.inbox import Kept, Parking
from connector.store.ledger import Suppression

#: A re-read waits this long, so that a burst of hints for one thing becomes one call.
COALESCE = timedelta(seconds=1)

_OPTED_OUT = {
    MemberStatus.UNSUBSCRIBED: "unsubscribed",
    MemberStatus.CLEANED: "the address bounces",
    MemberStatus.COMPLAINED: "complained",
}
_ENGAGED_OUT = {EngagementKind.UNSUBSCRIBED: "unsubscribed", EngagementKind.COMPLAINED: "complained"}


@dataclass(frozen=True, slots=True)
class _Read:
    kept: Kept
    reading: Reading


def read_waiting(
    store: Sqlite, accounts: Mapping[str, Account], *, now: datetime, limit: int = 50, keep_bodies: bool = False
) -> Counter[str]:
    """Read the oldest waiting deliveries; counts by what became of them. Empty: nothing waits.

    A body that was read whole is dropped at once, unless `keep_bodies`."""
    with store.reading() as tx:
        waiting = tx.inbox.waiting(limit)
    readings = [_Read(kept, _reading(kept, accounts)) for kept in waiting]
    if not readings:
        return Counter()
    return store.write(lambda tx: _settle(tx, accounts, readings, now=now, keep_bodies=keep_bodies))


def _reading(kept: Kept, accounts: Mapping[str, Account]) -> Reading:
    delivery = kept.delivery
    account = accounts.get(delivery.account)
    if account is None:
        return Reading(spoiled=(Spoiled("$", "an account of the settings", f"`{delivery.account}`"),))
    try:
        if delivery.stream == GONE:
            return _read_gone(delivery.account, delivery.body)
        return account.adapter.read(delivery)
    except Malformed as error:
        return Reading(spoiled=(Spoiled(error.path, error.wanted, error.came),))
    except Exception as error:  # noqa: BLE001  one adapter's bug must not keep everybody else's deliveries waiting
        return Reading(spoiled=(Spoiled("$", "something this adapter can read", f"its own {type(error).__name__}"),))


def _read_gone(account: str, body: bytes) -> Reading:
    raw = Raw.parse(body)
    kind = raw["kind"].text()
    return Reading(records=tuple(Gone(ref=Ref(account, kind, it.id())) for it in raw["ids"].items()))


def _settle(
    tx: Tx, accounts: Mapping[str, Account], readings: Sequence[_Read], *, now: datetime, keep_bodies: bool
) -> Counter[str]:
    counts: Counter[str] = Counter()
    _heard(tx, readings)
    for it in readings:
        reading, delivery = it.reading, it.kept.delivery
        counts["deliveries"] += 1
        counts["records"] += len(reading.records)
        learn(tx, reading.records, source=delivery.account, now=now)
        remember(tx, reading.records, now=now)
        records, barred_out = barred.sift(tx, accounts, reading.records, now=now)
        counts["erased"] += barred_out
        applied = tx.records.apply(
            records,
            received_at=delivery.received_at,
            seen=_walk(delivery.id),
            listed=delivery.stream is not None,
        )
        counts["changed"] += applied.changed
        reference.soil(tx, applied.reference)
        # whoever objected may turn up in another audience later
        tx.objections.note(it for it in applied.addresses if tx.ledger.suppressions([f"e:{it}"]))
        for record in records:
            if isinstance(record, Gone) and record.anonymised:
                tx.records.forget(record.ref)
        if hints := barred.hints(tx, reading.hints):
            tx.inbox.hint(hints, due_at=now + COALESCE)
            counts["hints"] += len(hints)
        if applied.tagged and delivery.id.startswith("pull:"):
            tx.inbox.hint(list(_tagged(applied.tagged)), due_at=now)
            counts["hints"] += len(applied.tagged)
        parking = _park(tx, it, now=now, keep_body=keep_bodies)
        counts["parked"] += parking.new
        said = reading.records or reading.hints or reading.spoiled
        state = "parked" if parking.here else "read" if said else "ignored"
        tx.inbox.settle(it.kept.row, state=state, note=reading.note, keep_body=keep_bodies)
    return counts


def _park(tx: Tx, it: _Read, *, now: datetime, keep_body: bool) -> Parking:
    """What could not be read waits, once; what can be read by now, or is gone, waits no longer."""
    row, reading = it.kept.row, it.reading
    gone = [record.ref for record in reading.records if isinstance(record, Gone)]
    tx.inbox.unpark(row, {record.ref.id for record in reading.records}, gone, keep_body=keep_body)
    spoiled = [one if one.digest else replace(one, digest=_digest(one, it.kept.delivery)) for one in reading.spoiled]
    return tx.inbox.park(row, spoiled, now=now, keep_body=keep_body)


def _digest(spoiled: Spoiled, delivery: Delivery) -> str:
    """Of a place in a whole body, where the adapter could not say which item it was."""
    return hashlib.sha256(f"{spoiled.path}\n".encode() + delivery.body).hexdigest()


def _heard(tx: Tx, readings: Sequence[_Read]) -> None:
    """Which kinds of webhooks came in and when, so that silence can be noticed."""
    knocks = [it for it in readings if it.kept.delivery.stream is None]
    last = {(it.kept.delivery.account, it.reading.event): it.kept.delivery.received_at for it in knocks}
    for (account, event), at in last.items():
        tx.inbox.heard(account, event, at=at)


def replay(store: Sqlite, accounts: Mapping[str, Account], row: int | None, *, now: datetime) -> Counter[str]:
    """Let parked deliveries, or only this one, be read again; what the platform gives by id is asked for again as well.

    Counts `again` (deliveries) and `asked` (items)."""

    def work(tx: Tx) -> Counter[str]:
        found = [it for it in tx.inbox.parked(limit=100_000) if row in (None, it.delivery)]
        hints = {it.again: Hint(it.again, "replayed") for it in found if it.again and _gives(accounts, it.again)}
        tx.inbox.hint(hints.values(), due_at=now)
        return Counter(again=tx.inbox.reopen(sorted({it.delivery for it in found})), asked=len(hints))

    return store.write(work)


def _gives(accounts: Mapping[str, Account], ref: Ref) -> bool:
    account = accounts.get(ref.account)
    return account is not None and account.reachable and ref.kind in account.declaration.fetches


def _tagged(candidates: Iterable[Ref]) -> Iterator[Hint]:
    """A tag's own row came in between: whether that moves the candidate too is not promised, so they are read again.

    Not on a complete walk, which lists the candidates themselves."""
    return (Hint(ref, "a tag was put on") for ref in sorted(candidates, key=lambda it: it.id))


def expire(store: Sqlite, *, bodies: datetime, parked: datetime) -> Counter[str]:
    """Drop what was kept longer than retention allows: bodies that were read, and parked ones nobody fixed."""
    return store.write(lambda tx: Counter(bodies=tx.inbox.forget_bodies(bodies), parked=tx.inbox.forget_parked(parked)))


def _walk(delivery_id: str) -> int:
    """The run of a complete walk, from the id that `sync` gave its page; else 0."""
    head, _, rest = delivery_id.partition(":")
    run = rest.partition(":")[0]
    return int(run) if head == "walk" and run.isdecimal() else 0


def learn(tx: Tx, records: Sequence[AnyRecord], *, source: str, now: datetime) -> int:
    """Opt-outs, from every record that tells of one, even an outdated one: the stricter word stands."""
    found = []
    for record in records:
        if isinstance(record, Member) and record.status in _OPTED_OUT:
            addresses = {record.email, record.former_email or record.email}
            reason, at = _OPTED_OUT[record.status], record.updated_at or now
        elif isinstance(record, Engagement) and record.kind in _ENGAGED_OUT:
            addresses, reason, at = {record.email}, _ENGAGED_OUT[record.kind], record.at
        elif isinstance(record, Member) and record.former_email:
            # whoever moved to a new address keeps the objection made from the old one
            held = tx.ledger.suppressions([f"e:{record.former_email}"])
            if not held:
                continue
            addresses, reason, at = {record.email}, held[0].reason, held[0].learnt_at
        else:
            continue
        found += [
            Suppression(identity=f"e:{address}", scope="everything", source=source, reason=reason, learnt_at=at)
            for address in addresses
        ]
    news = tx.ledger.suppress(found)
    if news:  # an outdated record changes nothing else that would have its person looked at
        tx.records.soil_addresses(it.identity.removeprefix("e:") for it in found)
    return news


def remember(tx: Tx, records: Sequence[AnyRecord], *, now: datetime) -> None:
    """A record that is merged away or deleted takes its own "do not write" with it; the objection stays."""
    ended = {it.ref for it in records if isinstance(it, Merged | Gone) and it.ref.kind == "candidate"}
    refusing = [it for it in records if isinstance(it, Candidate) and _said_no(it)]
    found = [it for it in refusing if it.ref in ended or _is_late(it, tx.records.get(it.ref))]
    found += [it for ref in ended if isinstance(it := tx.records.get(ref), Candidate) and _said_no(it)]
    for it in found:
        identities = [f"c:{it.ref.account}:{it.ref.id}", *(f"e:{address}" for address in it.emails)]
        tx.ledger.suppress(
            Suppression(identity=identity, scope="everything", source=it.ref.account,
                        reason="a record that is gone said no", learnt_at=it.updated_at or now)
            for identity in identities
        )  # fmt: skip
        tx.records.soil_addresses(it.emails)


def _said_no(candidate: Candidate) -> bool:
    return candidate.can_email is False or candidate.contact_allowed is False


def _is_late(candidate: Candidate, held: AnyRecord | None) -> bool:
    """It tells of the time before the record was gone."""
    if not isinstance(held, Gone) or held.at is None or candidate.updated_at is None:
        return isinstance(held, Merged)
    return candidate.updated_at < held.at


__all__ = ["COALESCE", "Candidate", "learn", "read_waiting"]
