"""Reference data changed → whom it concerns: those who are known by it, and only when something was said anew that their
image is made of. So the work grows with what changed, not with the account."""

from __future__ import annotations

from collections.abc import Iterable

from connector.model import AnyRecord, Job, Label, Reason, Ref, Stage, User
from connector.store import Tx
from connector.store.records import Replaced

_PLACES = frozenset({"department", "office"})
#: What an application, a visit or a job names. A tag's name stands on the candidate itself.
_NAMED = frozenset({"job", "stage", "reason", "source", "user"}) | _PLACES
#: Of a job's own fields, those that facts read.
_FIELDS = ("function", "region")


def soil(tx: Tx, changes: Iterable[Replaced]) -> None:
    """Mark everyone for whom these changes make a difference."""
    named: set[Ref] = set()
    for change in changes:
        ref = change.after.ref
        if ref.kind not in _NAMED:
            continue
        if said(change.before) != said(change.after):
            named.add(ref)
        if ref.kind == "user":
            _soil_colleagues(tx, _candidates(change.before) ^ _candidates(change.after))
    places = {ref for ref in named if ref.kind in _PLACES}
    tx.uses.soil((named - places) | _jobs_at(tx, places))


def said(record: AnyRecord | None) -> object:
    """All that an image takes from it. None: it is not there. Holds for what `applications` and `image` read of these."""
    match record:
        case Job():
            fields = tuple(record.fields.get(name, ()) for name in _FIELDS)
            return record.title, record.department, record.department_name, record.location, record.offices, fields
        case Stage():
            return record.name, record.order
        case Reason():
            return record.name, record.party
        case Label():
            return record.name, record.type
        case User():
            return (record.email,)
        case _:
            return None


def _candidates(record: AnyRecord | None) -> frozenset[Ref]:
    return frozenset(record.candidates) if isinstance(record, User) else frozenset()


def _soil_colleagues(tx: Tx, refs: Iterable[Ref]) -> None:
    """Candidates, or groups of candidates, that became a colleague or are none any more."""
    for ref in refs:
        if ref.kind == "candidate":
            tx.records.soil([(ref.account, ref.id)])
        else:
            tx.uses.soil_groups(ref.account, [ref.id])


def _jobs_at(tx: Tx, places: set[Ref]) -> set[Ref]:
    """Jobs are few, so those of an account are looked through."""
    return {
        job.ref
        for account in {ref.account for ref in places}
        for job in tx.records.of_kind(account, "job")
        if isinstance(job, Job) and not places.isdisjoint((job.department, *job.offices))
    }
