"""What a record belongs to, and what applying a batch of them changed."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import NamedTuple

from connector.model import AnyRecord, Engagement, Gone, Member, Merged, Ref

#: Tuples, because asking for a union of types takes three times as long.
BY_ADDRESS, ENDS = (Member, Engagement), (Gone, Merged)
#: Reference data: a change touches everyone whose applications name it.
REFERENCE = frozenset(
    {"stage", "reason", "department", "office", "source", "tag", "user", "job", "job_post", "opening", "campaign"}
)


class Newer(NamedTuple):
    """A record that is to be stored."""

    record: AnyRecord
    #: account, kind, id
    key: tuple[str, str, str]
    version: str
    body: str
    recorded_at: str
    parent: str | None
    gone: bool
    #: It takes the place of one that belongs where this one does: no index moves.
    stays: bool


@dataclass(frozen=True, slots=True)
class Replaced:
    """A record that took the place of another. `before` None: there was none."""

    before: AnyRecord | None
    after: AnyRecord


@dataclass(frozen=True, slots=True)
class Applied:
    """What a batch of records changed."""

    changed: int
    #: Addresses whose member or engagement records changed.
    addresses: frozenset[str]
    #: Reference data that changed: whom it concerns is not for the store to know.
    reference: tuple[Replaced, ...]
    #: Candidates on whom a tag was put, or from whom one was taken, by a row of its own.
    tagged: frozenset[Ref] = frozenset()


def owner(record: AnyRecord) -> str | None:
    """What a record belongs to, inside its account: `kind:id`, or an address for what is known by address only."""
    if isinstance(record, BY_ADDRESS):
        return f"email:{record.email}"
    for name in _parents(type(record)):
        ref = getattr(record, name)
        if ref is not None:
            return f"{ref.kind}:{ref.id}"
    return None


@functools.cache
def _parents(record: type) -> tuple[str, ...]:
    """The fields that say what records of this class belong to; the first that is filled counts."""
    return tuple(name for name in ("application", "candidate", "job") if name in record.__struct_fields__)  # type: ignore[attr-defined]


__all__ = ["BY_ADDRESS", "ENDS", "REFERENCE", "Applied", "Newer", "Replaced", "owner"]
