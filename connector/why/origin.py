"""Where a fact about a person comes from: which record says it, in which account, and as of when.

There is one way from records to facts, `image`. It is asked what it would make of each record alone: a record that alone
makes the fact what it is, is where the fact comes from. What no record has to say (nobody ever opted out) comes from none.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from itertools import chain
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from connector.applications import Holdings, stamped
from connector.facts import Fact
from connector.image import image
from connector.model import AnyRecord, Candidate, Ref
from connector.people import holdings
from connector.rules import Line
from connector.rules.phrases import relevant
from connector.settings import Words
from connector.store import Tx
from connector.store.mirror import Image


class Origin(msgspec.Struct, frozen=True, order=True):
    """One record that says it. `at`: its own date of change, else when we read it."""

    account: str
    kind: str
    at: datetime | None = None

    def told(self, zone: ZoneInfo) -> str:
        day = f"as of {self.at.astimezone(zone):%-d %B %Y}" if self.at else ""
        kind = {"candidate": "", "member": "mailing list"}.get(self.kind, self.kind.replace("_", " "))
        said = " ".join(part for part in (kind, day) if part)
        return f"{self.account}, {said}" if said else self.account


@dataclass(frozen=True)
class Origins:
    """Of one person. Costs one image for each of their records, and only when a person's own fact is asked about."""

    tx: Tx
    person: int
    words: Words

    def of(self, line: Line) -> tuple[Origin, ...]:
        """The records behind what a line of the tree saw."""
        if line.test is None or self._held is None:
            return ()
        if line.test.fact.scope == "person":
            return self._of_person(line.test.fact, relevant(line))
        return self._of_item(line.item)

    @cached_property
    def _held(self) -> Holdings | None:
        return holdings(self.tx, [self.person])[self.person]

    @cached_property
    def _alone(self) -> list[tuple[AnyRecord, Image]]:
        """Each record, with what would be known if it were the only one."""
        held = self._held
        if held is None:
            return []
        bare = self._nothing(held)
        made = [(it, replace(bare, candidates=[it])) for it in held.candidates]
        made += [(it, replace(bare, members=[it])) for it in held.members]  # type: ignore[misc]
        made += [(it, replace(bare, touches=[it])) for it in held.touches]  # type: ignore[misc]
        made += [
            (it, replace(bare, applications=[it], details={it.ref: held.details.get(it.ref, ())}))  # type: ignore[misc]
            for it in held.applications
        ]
        return [(record, image(self.person, alone, self.words)) for record, alone in made]

    @staticmethod
    def _nothing(held: Holdings) -> Holdings:
        """What explains records, and a person of whom nothing is told."""
        nobody = Candidate(ref=held.candidates[0].ref)
        return Holdings(
            candidates=[nobody], reference=held.reference, our_tags=held.our_tags, our_writes=held.our_writes,
            employees=held.employees,
        )  # fmt: skip

    @cached_property
    def _default(self) -> Image | None:
        return image(self.person, self._nothing(self._held), self.words) if self._held else None

    def _of_person(self, fact: Fact, value: Any) -> tuple[Origin, ...]:
        if value is None or self._default is None or fact.name == "accounts":
            return ()
        if fact.type == "words":
            known = frozenset(value)
            return self._sorted(
                record for record, alone in self._alone if not known.isdisjoint(alone.words.get(fact.name, ()))
            )
        if _said(self._default, fact) == value:
            return ()
        if fact.name == "last_contacted" and self._held and value == stamped(self._held.messaged_at):
            return (Origin("Keepwarm", "message", self._held.messaged_at),)
        return self._sorted(record for record, alone in self._alone if _said(alone, fact) == value)

    def _of_item(self, item: str) -> tuple[Origin, ...]:
        """An application's facts come from it and what belongs to it; an interview's from the interview."""
        account, _, rest = item.partition("/")
        kind, _, id_ = rest.partition("/")
        held = self._held
        if held is None:
            return ()
        ref = Ref(account, kind, id_)
        every = chain(held.applications, *held.details.values())
        return self._sorted(it for it in every if it.ref == ref)

    def _sorted(self, records: Iterator[AnyRecord]) -> tuple[Origin, ...]:
        """One for each account and kind, with its latest date."""
        found: dict[tuple[str, str], datetime | None] = {}
        for it in records:
            at, key = self._dated(it), (it.ref.account, it.ref.kind)
            before = found.get(key)
            found[key] = max(before, at) if before and at else before or at
        return tuple(sorted(Origin(account, kind, at) for (account, kind), at in found.items()))

    def _dated(self, record: AnyRecord) -> datetime | None:
        if record.updated_at is not None:
            return record.updated_at
        asked = self.tx.records.with_receipt(record.ref.account, record.ref.kind, [record.ref.id])
        return asked[0][1] if asked else None


def _said(alone: Image, fact: Fact) -> Any:
    return alone.facts.get(fact.name)


__all__ = ["Origin", "Origins"]
