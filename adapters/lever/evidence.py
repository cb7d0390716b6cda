"""Lists below one opportunity → scorecards, interviews, offers and touches.

Their rows do not say whose they are, so a page is wrapped: {"opportunity": id, "answers": what Lever said}. Text that we
may not hold (scorecards, notes, offer terms, interviewers) is taken out before the page exists.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from connector.model import (
    AnyRecord,
    Gone,
    Interview,
    Offer,
    OfferStatus,
    Ref,
    Scorecard,
    Touch,
    TouchKind,
)
from connector.raw import Raw

_DIGIT = re.compile(r"\s*([0-9]+)")
_OFFERS = {
    "draft": OfferStatus.OPEN,
    "approval-sent": OfferStatus.OPEN,
    "approved": OfferStatus.OPEN,
    "sent": OfferStatus.OPEN,
    "sent-manually": OfferStatus.OPEN,
    "opened": OfferStatus.OPEN,
    "denied": OfferStatus.DECLINED,
    "signed": OfferStatus.ACCEPTED,
}
#: Forms ask for the overall verdict in a field of type `score-system`; one documented example says `score`.
_VERDICTS = ("score-system", "score")


def _bare(row: dict[str, Any]) -> dict[str, Any]:
    fields = row.get("fields")
    kept = [field for field in fields if _is_verdict(field)] if isinstance(fields, list) else []
    return {"fields": [{key: field[key] for key in ("type", "value") if key in field} for field in kept]}


def _is_verdict(field: Any) -> bool:
    return isinstance(field, dict) and field.get("type") in _VERDICTS


def _signed(row: dict[str, Any]) -> dict[str, Any]:
    roles = row.get("signatures")
    if not isinstance(roles, dict):
        return {}
    held = {
        role: {"signedAt": one["signedAt"]}
        for role, one in roles.items()
        if isinstance(one, dict) and "signedAt" in one
    }
    return {"signatures": held}


def _nothing(_: dict[str, Any]) -> dict[str, Any]:
    return {}


@dataclass(frozen=True, slots=True)
class Child:
    """One list below an opportunity: its path, the keys of a row that are kept, and what is cut down inside it."""

    path: str
    keys: tuple[str, ...]
    #: Fields that are asked for whole and then cut down: a scorecard's verdict stands among its text.
    opened: tuple[str, ...] = ()
    inside: Callable[[dict[str, Any]], dict[str, Any]] = _nothing

    @property
    def params(self) -> list[tuple[str, str]]:
        return [("limit", "100"), *(("include", name) for name in self.keys + self.opened)]

    def cut(self, row: Any) -> Any:
        if not isinstance(row, dict):
            return row
        return {key: row[key] for key in self.keys if key in row} | self.inside(row)


#: Fetch kind → list. The path's last part is the stream name.
CHILDREN = {
    "scorecard": Child(
        "feedback",
        ("id", "type", "opportunityId", "createdAt", "updatedAt", "completedAt", "deletedAt"),
        opened=("fields",),
        inside=_bare,
    ),
    "interview": Child("interviews", ("id", "opportunityId", "createdAt", "date", "stage", "canceledAt")),
    "offer": Child(
        "offers", ("id", "opportunityId", "posting", "createdAt", "status", "sentAt"), ("signatures",), _signed
    ),
    "note": Child("notes", ("id", "opportunityId", "createdAt", "completedAt", "deletedAt")),
}


def wrapped(child: Child, opportunity: str, answers: dict[str, Any]) -> bytes:
    rows = [child.cut(row) for row in answers["data"]]
    return msgspec.json.encode({"opportunity": opportunity, "answers": answers | {"data": rows}})


@dataclass(frozen=True, slots=True)
class EvidenceMapper:
    account: str
    #: The opportunity that the whole page belongs to, if it says so.
    opportunity: str | None

    def ref(self, kind: str, id: str) -> Ref:
        return Ref(self.account, kind, id)

    def owner(self, raw: Raw) -> str:
        return self.opportunity or raw["opportunityId"].id()

    def _lost(self, kind: str, raw: Raw) -> Gone | None:
        at = raw["deletedAt"].maybe(Raw.millis)
        return None if at is None else Gone(ref=self.ref(kind, raw["id"].id()), updated_at=at, at=at)

    def feedback(self, raw: Raw) -> Iterator[AnyRecord]:
        if lost := self._lost("scorecard", raw):
            yield lost
            return
        completed = raw["completedAt"].maybe(Raw.millis)
        yield Scorecard(
            ref=self.ref("scorecard", raw["id"].id()),
            updated_at=_latest(raw["updatedAt"], raw["completedAt"], raw["createdAt"]),
            application=self.ref("application", self.owner(raw)),
            rating=_rating(raw["fields"]),
            complete=completed is not None,
            submitted_at=completed,
        )

    def interviews(self, raw: Raw) -> Iterator[AnyRecord]:
        # no time of change is given: a date moved to another day keeps createdAt, so the receipt decides
        stage = raw["stage"]["id"] if type(raw["stage"].value) is dict else raw["stage"]
        found = stage.maybe(Raw.id)
        yield Interview(
            ref=self.ref("interview", raw["id"].id()),
            application=self.ref("application", self.owner(raw)),
            stage=None if found is None else self.ref("stage", found),
            starts_at=raw["date"].maybe(Raw.millis),
            cancelled=raw["canceledAt"].maybe(Raw.millis) is not None,
        )

    def offers(self, raw: Raw) -> Iterator[AnyRecord]:
        status = raw["status"].one_of(_OFFERS)
        job = raw["posting"].maybe(Raw.id)
        signed = [role["signedAt"] for _, role in raw["signatures"].entries()]
        yield Offer(
            ref=self.ref("offer", raw["id"].id()),
            application=self.ref("application", self.owner(raw)),
            status=status,
            job=None if job is None else self.ref("job", job),
            sent_at=raw["sentAt"].maybe(Raw.millis),
            resolved_at=_latest(*signed) if status is OfferStatus.ACCEPTED else None,
        )

    def notes(self, raw: Raw) -> Iterator[AnyRecord]:
        if lost := self._lost("touch", raw):
            yield lost
            return
        owner = self.owner(raw)
        yield Touch(
            ref=self.ref("touch", raw["id"].id()),
            kind=TouchKind.NOTE,
            at=raw["createdAt"].millis(),
            candidate=self.ref("candidate", owner),
            application=self.ref("application", owner),
        )


def _latest(*moments: Raw) -> datetime | None:
    return max((known for moment in moments if (known := moment.maybe(Raw.millis))), default=None)


def _rating(fields: Raw) -> str | None:
    """The digit that the label begins with ("4 - Strong Hire", "3 - Yes"); a label without one, as it stands."""
    for kind in _VERDICTS:
        found = [field["value"] for field in fields.items() if field["type"].value == kind]
        if len(found) == 1:
            return found[0].maybe(_verdict)
    return None


def _verdict(value: Raw) -> str:
    if type(value.value) is int:
        return str(value.whole())
    label = value.text()
    digit = _DIGIT.match(label)
    return digit[1] if digit else label
