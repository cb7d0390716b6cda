"""Store → the past of people: every version of what is held about them, read in batches for `asof` to turn back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from connector.asof import Past, Thread, World, reaching, threads
from connector.model import Candidate, Member, Ref, User
from connector.people import identities_of
from connector.store import Tx
from connector.store.history import Version

BATCH = 500
_DETAILS = frozenset({"stage_visit", "rejection", "scorecard", "interview", "offer"})
_Key = tuple[str, str]
#: Where the account begins in `add:2026-11-23T09:00:00.000000Z:account:tag:name`.
_ADDED = len("add:") + 27 + 1


def world(tx: Tx, *, history: datetime) -> World:
    """What is the same for everyone. `history`: what was replaced before then may have been dropped."""
    names = {it.ref: it for it in threads(tx.history.names())}
    return reaching(World(names=names, whole_since=tx.history.whole_since()), history=history)


def pasts(tx: Tx, known: World) -> Iterator[Past]:
    """Everyone in the mirror, in the order of their numbers."""
    staff = frozenset(
        ref
        for thread in known.names.values()
        for it in thread.versions
        if isinstance(it.record, User)
        for ref in it.record.candidates
    )
    people = tx.mirror.everyone()
    for start in range(0, len(people), BATCH):
        yield from of(tx, people[start : start + BATCH], staff)


def of(tx: Tx, people: Sequence[int], staff: frozenset[Ref] = frozenset()) -> Iterator[Past]:
    refs = tx.mirror.candidates_of(people)
    owners = _owners(tx, refs)
    records = _records(tx, owners)
    members = _members(tx, [address for found in records.values() for it in found for address in _addresses(it)])
    writes, tagged = tx.outbox.written(people), _tagged(tx, people)
    keys: dict[int, list[_Key]] = defaultdict(list)
    for key, person in owners.items():
        keys[person].append(key)
    for person in people:
        found = records.get(person, [])
        theirs = [it for it in found if it.ref.kind == "candidate"]
        addresses = sorted({address for it in theirs for address in _addresses(it)})
        opted_out = tx.ledger.suppressions(identities_of(tx.mirror.known_addresses(person), keys[person]))
        yield Past(
            person=person,
            records=[*found, *(member for address in addresses for member in members.get(address, ()))],
            opted_out_at=opted_out[0].learnt_at if opted_out else None,
            messages=tx.schedule.messages(person),
            our_tags=frozenset((account, id_, tag) for account, id_ in keys[person] for tag in tagged[person, account]),
            our_writes=writes.get(person, ()),
            staff=any(_is_staff(it, staff) for it in theirs),
        )


def _tagged(tx: Tx, people: Sequence[int]) -> dict[tuple[int, str], set[str]]:
    """(person, account) → every tag that we ever decided to put on a record of theirs there."""
    found: dict[tuple[int, str], set[str]] = defaultdict(set)
    for (_, person), occasions in tx.ledger.occasions(people).items():
        for occasion in occasions:
            # as `decide` writes them; the stamp in it has a fixed width
            account, what, tag = (*occasion[_ADDED:].split(":", 2), "", "")[:3]
            if occasion.startswith("add:") and what == "tag":
                found[person, account].add(tag)
    return found


def _owners(tx: Tx, refs: Mapping[int, Sequence[_Key]]) -> dict[_Key, int]:
    """Candidate record → person; those merged into others are their person's too."""
    return {
        (account, known): person
        for person, found in refs.items()
        for account, id_ in found
        for known in (id_, *tx.records.loser_ids(account, "candidate", id_))
    }


def _records(tx: Tx, owners: Mapping[_Key, int]) -> dict[int, list[Thread]]:
    """person → their candidates, then what belongs to these, then what belongs to the applications among that."""
    found: dict[int, list[Thread]] = defaultdict(list)
    by_account: dict[str, list[str]] = defaultdict(list)
    for account, id_ in owners:
        by_account[account].append(id_)
    for account, ids in by_account.items():
        for thread in threads(tx.history.of(account, "candidate", ids)):
            found[owners[account, thread.ref.id]].append(thread)
        applications: dict[Ref, int] = {}
        for thread in threads(tx.history.family(account, [f"candidate:{id_}" for id_ in ids])):
            parent = _parent(thread, "candidate")
            person = owners.get((account, parent.id)) if parent else None
            if person is not None and thread.ref.kind in ("application", "touch"):
                found[person].append(thread)
                if thread.ref.kind == "application":
                    applications[thread.ref] = person
        parents = [f"application:{ref.id}" for ref in applications]
        for thread in threads(tx.history.family(account, parents)):
            parent = _parent(thread, "application")
            if parent in applications and thread.ref.kind in _DETAILS:
                found[applications[parent]].append(thread)
    return found


def _parent(thread: Thread, name: str) -> Ref | None:
    """What it belongs to, as its latest version says; one that is gone says nothing any more."""
    said = (getattr(it.record, name, None) for it in reversed(thread.versions))
    return next((ref for ref in said if isinstance(ref, Ref)), None)


def _addresses(thread: Thread) -> tuple[str, ...]:
    """Those they have now: history keeps none."""
    now = _now(thread)
    return now.record.emails if now and isinstance(now.record, Candidate) and not now.record.anonymised else ()


def _now(thread: Thread) -> Version | None:
    return next((it for it in thread.versions if it.replaced_at is None), None)


def _members(tx: Tx, addresses: Iterable[str]) -> dict[str, list[Thread]]:
    found: dict[str, list[Thread]] = defaultdict(list)
    for thread in threads(tx.history.members(sorted(set(addresses)))):
        now = _now(thread)
        if now and isinstance(now.record, Member):
            found[now.record.email].append(thread)
    return found


def _is_staff(thread: Thread, staff: frozenset[Ref]) -> bool:
    if not staff:
        return False
    groups = {it.record.group for it in thread.versions if isinstance(it.record, Candidate) and it.record.group}
    return thread.ref in staff or any(Ref(thread.ref.account, "contact", group) in staff for group in groups)


__all__ = ["of", "pasts", "world"]
