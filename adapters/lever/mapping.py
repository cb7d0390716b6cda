"""Lever's lists → records: reference data, postings, opportunities and the feed of deleted ones.

One opportunity becomes a candidate, an application and its stage visits, all keyed by the opportunity's id: the contact
behind it can change when profiles are merged, so it is only the group.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from adapters.lever.options import Options
from connector.model import (
    AnyRecord,
    Application,
    Candidate,
    Gone,
    Job,
    Label,
    Party,
    Reason,
    Ref,
    Stage,
    StageVisit,
    Status,
    User,
)
from connector.raw import Raw

#: Posting state → (our status, published). `internal` is open but listed nowhere.
_STATES = {
    "published": ("open", True),
    "internal": ("open", False),
    "closed": ("closed", False),
    "draft": ("draft", False),
    "pending": ("draft", False),
    "rejected": ("draft", False),
}
_REASON_TYPES = {"hired": True, "non-hired": False}
_CONFIDENTIAL = {"confidential": True, "non-confidential": False}
_ORIGINS = {name: name for name in ("agency", "applied", "internal", "referred", "sourced", "university")}
_PIPELINES = {name: name for name in ("lead", "applicant", "screen", "onsite", "offer")}
#: Own fields of an opportunity that `options.fields` may name.
_OWN = ("location", "headline", "opportunityLocation", "origin")


@dataclass(frozen=True, slots=True)
class _Times:
    """The moments of one opportunity, each read once."""

    created: datetime | None
    interacted: datetime | None
    archived: datetime | None
    applied: datetime | None
    entered: tuple[datetime | None, ...]
    #: The latest of all: `updatedAt` is null for whatever nobody touched since 2020, and may lag.
    last: datetime | None

    @classmethod
    def of(cls, raw: Raw, run: Raw | None) -> _Times:
        created, interacted = raw["createdAt"].maybe(Raw.millis), raw["lastInteractionAt"].maybe(Raw.millis)
        archived = _object(raw["archived"])["archivedAt"].maybe(Raw.millis)
        applied = None if run is None else run["createdAt"].maybe(Raw.millis)
        entered = tuple(change["updatedAt"].maybe(Raw.millis) for change in raw["stageChanges"].items())
        moved = raw["updatedAt"].maybe(Raw.millis), raw["lastAdvancedAt"].maybe(Raw.millis)
        known = [moment for moment in (created, interacted, archived, applied, *entered, *moved) if moment is not None]
        return cls(created, interacted, archived, applied, entered, max(known, default=None))


@dataclass(frozen=True, slots=True)
class Mapper:
    account: str
    options: Options
    received_at: datetime

    def ref(self, kind: str, id: str) -> Ref:
        return Ref(self.account, kind, id)

    def link(self, kind: str, raw: Raw) -> Ref | None:
        """An id, or the object that `expand` puts in its place."""
        named = raw["id"] if type(raw.value) is dict else raw
        found = named.maybe(Raw.id)
        return None if found is None else self.ref(kind, found)

    def stage(self, raw: Raw, place: int) -> Iterator[AnyRecord]:
        """`place` counts within the list; the richer list has ranks of its own, in the same order."""
        yield Stage(
            ref=self.ref("stage", raw["id"].id()),
            name=raw["text"].text(),
            order=raw["rank"].number() if raw["rank"] else float(place),
            bucket=raw["pipeline"].maybe(lambda word: word.one_of(_PIPELINES)),
        )

    def archive_reasons(self, raw: Raw) -> Iterator[AnyRecord]:
        name = raw["text"].text()
        party = Party.NONE
        if raw["type"].stated:
            # null is how another list of the same account writes `non-hired` (recorded 2026-07)
            hired = raw["type"].maybe(lambda word: word.one_of(_REASON_TYPES))
            theirs = any(text in name.lower() for text in self.options.withdrawn_reasons)
            party = Party.HIRED if hired else Party.THEM if theirs else Party.US
        yield Reason(ref=self.ref("reason", raw["id"].id()), name=name, party=party)

    def sources(self, raw: Raw) -> Iterator[AnyRecord]:
        name = raw["text"].text()
        yield Label(ref=self.ref("source", name), name=name)

    def users(self, raw: Raw) -> Iterator[AnyRecord]:
        yield User(
            ref=self.ref("user", raw["id"].id()),
            name=raw["name"].maybe(Raw.text),
            email=raw["email"].address(),
            active=raw["deactivatedAt"].maybe(Raw.millis) is None,
            candidates=tuple(self.ref("contact", item.id()) for item in raw["linkedContactIds"].items()),
        )

    def postings(self, raw: Raw) -> Iterator[AnyRecord]:
        status, published = raw["state"].one_of(_STATES)
        kinds = raw["categories"]
        yield Job(
            ref=self.ref("job", raw["id"].id()),
            updated_at=raw["updatedAt"].maybe(Raw.millis) or raw["createdAt"].maybe(Raw.millis),
            title=raw["text"].text(),
            status=status,
            department_name=kinds["department"].maybe(Raw.text) or kinds["team"].maybe(Raw.text),
            location=kinds["location"].maybe(Raw.text),
            opened_at=raw["createdAt"].maybe(Raw.millis),
            confidential=_confidential(raw),
            recruiter=self.link("user", raw["owner"]) or self.link("user", raw["user"]),
            published=published,
            fields=self._job_fields(raw),
        )

    def _job_fields(self, raw: Raw) -> dict[str, tuple[str, ...]]:
        found: dict[str, tuple[str, ...]] = {}
        for ours, theirs in self.options.fields.items():
            if theirs.startswith("posting."):
                value = raw
                for step in theirs.split(".")[1:]:
                    value = value[step]
                found[ours] = _texts(value)
        return {ours: values for ours, values in found.items() if values}

    def opportunities_deleted(self, raw: Raw) -> Iterator[AnyRecord]:
        return self.gone(raw["id"].id(), raw["deletedAt"].maybe(Raw.millis))

    def gone(self, opportunity: str, at: datetime | None) -> Iterator[AnyRecord]:
        for kind in ("application", "candidate"):
            yield Gone(ref=self.ref(kind, opportunity), updated_at=at, at=at)

    def opportunities(self, raw: Raw) -> Iterator[AnyRecord]:
        opportunity = raw["id"].id()
        if raw["deletedAt"].maybe(Raw.millis):
            yield from self.opportunities_deleted(raw)
            return
        run = _run(raw)
        times = _Times.of(raw, run)
        yield self._candidate(opportunity, raw, times)
        yield self._application(opportunity, raw, run, times)
        yield from self._visits(opportunity, raw, times)

    def _candidate(self, opportunity: str, raw: Raw, times: _Times) -> Candidate:
        anonymised = raw["isAnonymized"].maybe(Raw.flag) or False
        first, last = (None, None) if anonymised else _name(raw["name"].maybe(Raw.text))
        tags = _distinct(raw["tags"])
        protection = _object(raw["dataProtection"])
        contact = _object(protection["contact"])
        return Candidate(
            ref=self.ref("candidate", opportunity),
            updated_at=times.last,
            group=_group(raw),
            first_name=first,
            last_name=last,
            emails=() if anonymised else _emails(raw),
            headline=None if anonymised else raw["headline"].maybe(Raw.text),
            location=None if anonymised else raw["location"].maybe(Raw.text),
            tags=tags,
            contact_allowed=contact["allowed"].maybe(Raw.flag),
            contact_expires_at=contact["expiresAt"].maybe(Raw.millis),
            store_allowed=self._store_allowed(_object(protection["store"])),
            private=_confidential(raw),
            anonymised=anonymised,
            created_at=times.created,
            last_activity_at=times.interacted,
            url=raw["urls"]["show"].maybe(Raw.text),
            fields={} if anonymised else self._fields(raw, tags),
        )

    def _store_allowed(self, store: Raw) -> bool | None:
        allowed = store["allowed"].maybe(Raw.flag)
        ends = store["expiresAt"].maybe(Raw.millis)
        return False if allowed and ends is not None and ends <= self.received_at else allowed

    def _fields(self, raw: Raw, tags: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
        found: dict[str, tuple[str, ...]] = {}
        for ours, theirs in self.options.fields.items():
            if theirs in _OWN:
                found[ours] = _texts(raw[theirs])
            elif theirs.startswith("tag:"):
                start = theirs.removeprefix("tag:")
                rests = (tag[len(start) :].strip() for tag in tags if tag.startswith(start))
                found[ours] = tuple(rest for rest in rests if rest)
        return {ours: values for ours, values in found.items() if values}

    def _application(self, opportunity: str, raw: Raw, run: Raw | None, times: _Times) -> Application:
        archived = _object(raw["archived"])
        stage = self.link("stage", raw["stage"])
        origin = raw["origin"].maybe(lambda word: word.one_of(_ORIGINS))
        sources = _distinct(raw["sources"])
        hired_for = None if run is None else run["requisitionForHire"]
        ended = Status.HIRED if hired_for else Status.REJECTED
        owner = self.link("user", raw["owner"])
        return Application(
            ref=self.ref("application", opportunity),
            updated_at=times.last,
            candidate=self.ref("candidate", opportunity),
            status=ended if archived else Status.ACTIVE,
            prospect=(stage is not None and stage.id.startswith("lead-"))
            or (origin == "sourced" and not _applied(raw)),
            job=self.link("job", run["posting"]) if run else None,
            stage=stage,
            applied_at=times.applied or (times.created if origin == "applied" else None),
            decided_at=times.archived,
            reason=self.link("reason", archived["reason"]),
            source=self.ref("source", sources[0]) if sources else None,
            recruiter=owner or (self.link("user", run["postingOwner"]) if run else None),
            last_activity_at=times.interacted,
            url=raw["urls"]["show"].maybe(Raw.text),
        )

    def _visits(self, opportunity: str, raw: Raw, times: _Times) -> Iterator[StageVisit]:
        changes = raw["stageChanges"].items()
        stage = self.link("stage", raw["stage"])
        if not changes and stage is not None:
            only = self.ref("stage_visit", f"{opportunity}:0")
            yield StageVisit(
                ref=only, updated_at=times.last, application=self.ref("application", opportunity), stage=stage
            )
        for n, change in enumerate(changes):
            yield StageVisit(
                ref=self.ref("stage_visit", f"{opportunity}:{n}"),
                updated_at=times.last,
                application=self.ref("application", opportunity),
                stage=self.ref("stage", change["toStageId"].id()),
                entered_at=times.entered[n],
                exited_at=times.entered[n + 1] if n + 1 < len(changes) else None,
            )


def _object(raw: Raw) -> Raw:
    """An object, or nothing. Something else in its place is news."""
    raw.entries()
    return raw


def _group(raw: Raw) -> str | None:
    """Public schemas of Lever's data allow for none; then the opportunity stands for itself."""
    contact = raw["contact"]
    return (contact["id"] if type(contact.value) is dict else contact).maybe(Raw.id)


def _applied(raw: Raw) -> bool:
    return bool(raw["applications"].items())


def _run(raw: Raw) -> Raw | None:
    """The expanded application, of which there is at most one; a bare id tells nothing."""
    runs = [item for item in raw["applications"].items() if type(item.value) is dict]
    return runs[-1] if runs else None


def _name(name: str | None) -> tuple[str | None, str | None]:
    """Lever keeps one text. First word, rest; with a comma in it (titles, reversed names) no first name is guessed."""
    if name is None or "@" in name:
        return None, None
    if "," in name or " " not in name:
        return (None, name) if "," in name else (name, None)
    first, rest = name.split(maxsplit=1)
    return first, rest


def _emails(raw: Raw) -> tuple[str, ...]:
    found = (item.address() for item in raw["emails"].items())
    return tuple(dict.fromkeys(address for address in found if address))


def _distinct(raw: Raw) -> tuple[str, ...]:
    return tuple(dict.fromkeys(item.text() for item in raw.items() if item))


def _texts(raw: Raw) -> tuple[str, ...]:
    values: Iterable[Any] = raw.value if type(raw.value) is list else [raw.value]
    return tuple(str(value).strip() for value in values if type(value) in (str, int, float) and str(value).strip())


def _confidential(raw: Raw) -> bool:
    return raw["confidentiality"].maybe(lambda word: word.one_of(_CONFIDENTIAL)) or False
