"""A person as they were known at a moment: each record in the version that stood then, turned back to a `Holdings`.

Where history does not reach back to the moment (the account was not connected yet, or retention dropped it), a record's
first version is turned back by the platforms' own dates: what happened later has not happened. What has no date (skills,
region, tags, consent) is as it was first seen. Pure; `image` makes facts of it as it does of what is held now.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

import msgspec

from connector import facts
from connector.applications import Holdings, named
from connector.clock import stamp
from connector.model import (
    AnyRecord,
    Application,
    Candidate,
    Gone,
    Interview,
    Job,
    Member,
    Merged,
    Offer,
    OfferStatus,
    Party,
    Reason,
    Ref,
    Rejection,
    Scorecard,
    StageVisit,
    Status,
    Touch,
    User,
)
from connector.store.history import Version
from connector.store.mirror import Image
from connector.store.schedule import Message

#: Dates that no fact is made of.
_NEVER_READ = frozenset({"updated_at", "exited_at"})
_WORDS = tuple(fact for fact in facts.FACTS if fact.scope == "person" and fact.type == "words")
_T = TypeVar("_T", bound=AnyRecord)
_DETAILS = (StageVisit, Rejection, Scorecard, Interview, Offer)
#: When a detail came about: the first of these dates that it has.
_CAME = {
    StageVisit: ("entered_at", "exited_at"),
    Rejection: ("rejected_at",),
    Scorecard: ("submitted_at",),
    Interview: ("completed_at", "starts_at"),
    Offer: ("sent_at", "resolved_at"),
}


@dataclass(frozen=True, slots=True)
class Thread:
    """One record through time, its versions in the order in which they were recorded."""

    versions: tuple[Version, ...]

    @property
    def ref(self) -> Ref:
        return self.versions[0].record.ref

    def stood(self, moment: datetime) -> AnyRecord | None:
        """What was recorded of it by then."""
        for it in reversed(self.versions):
            if it.recorded_at <= moment and (it.replaced_at is None or moment < it.replaced_at):
                return it.record
        return None

    @property
    def first(self) -> AnyRecord:
        return self.versions[0].record


def threads(versions: Sequence[Version]) -> list[Thread]:
    found: dict[Ref, list[Version]] = defaultdict(list)
    for it in versions:
        found[it.record.ref].append(it)
    return [Thread(tuple(sorted(them, key=lambda it: it.recorded_at))) for them in found.values()]


class Names(Mapping[Ref, AnyRecord]):
    """Reference data as it was called at a moment; before we knew it, as it was first called."""

    __slots__ = ("_moment", "_threads")

    def __init__(self, found: Mapping[Ref, Thread], moment: datetime) -> None:
        self._threads, self._moment = found, moment

    def __getitem__(self, ref: Ref) -> AnyRecord:
        thread = self._threads[ref]
        return thread.first if len(thread.versions) == 1 else thread.stood(self._moment) or thread.first

    def __iter__(self) -> Iterator[Ref]:
        return iter(self._threads)

    def __len__(self) -> int:
        return len(self._threads)


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What is the same for everyone."""

    names: Mapping[Ref, Thread]
    #: Account → from when on we know what was recorded when. Absent or None: never.
    whole_since: Mapping[str, datetime | None]

    def whole(self, account: str, moment: datetime) -> bool:
        since = self.whole_since.get(account)
        return since is not None and since <= moment

    def staff(self, moment: datetime) -> frozenset[Ref]:
        """The candidate records and groups of colleagues."""
        users = [it for ref, it in self.names.items() if ref.kind == "user"]
        stood = (it.stood(moment) or (None if self.whole(it.ref.account, moment) else it.first) for it in users)
        return frozenset(ref for it in stood if isinstance(it, User) for ref in it.candidates)


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """All that was ever recorded of one person, as we tell people apart today."""

    person: int
    records: Sequence[Thread]
    #: The first opt-out that concerns them.
    opted_out_at: datetime | None = None
    messages: Sequence[Message] = ()
    #: (account, candidate id, tag) that we put there ourselves at any time.
    our_tags: frozenset[tuple[str, str, str]] = frozenset()
    our_writes: tuple[datetime, ...] = ()
    #: Is one of their records, or the group of one, a colleague's at any time.
    staff: bool = False


def as_of(past: Past, world: World, moment: datetime) -> Holdings | None:
    """None: nobody knew them yet, or no more."""
    names = Names(world.names, moment)
    seen = _Seen(moment, names)
    for thread in past.records:
        stood = thread.stood(moment)
        if stood is not None:
            seen.add(stood)
        elif not world.whole(thread.ref.account, moment):
            seen.add(thread.first, early=True)
    candidates = seen.candidates()
    if not candidates:
        return None
    applications = seen.applications({it.ref for it in candidates})
    employees = world.staff(moment) if past.staff else frozenset()
    if seen.hired_later and not seen.hired_before:
        candidates = [_changed(it, employee=False) if it.ref in seen.early else it for it in candidates]
        employees = frozenset()
    sent = [it.sent_at for it in past.messages if it.sent_at and it.sent_at <= moment]
    return Holdings(
        candidates=candidates,
        applications=applications,
        details={it.ref: seen.details(it) for it in applications},
        touches=[it for it in seen.of(Touch) if it.at <= moment],
        members=[seen.member(it) for it in seen.of(Member)],
        reference=names,
        employees=employees,
        suppressed=past.opted_out_at is not None and past.opted_out_at <= moment,
        messaged_at=max(sent, default=None),
        our_tags=past.our_tags,
        our_writes=past.our_writes,
    )


class _Seen:
    """The records of one person at a moment, those that were recorded later among them, to be turned back."""

    def __init__(self, moment: datetime, names: Mapping[Ref, AnyRecord]) -> None:
        self._moment, self._names = moment, names
        self._records: list[AnyRecord] = []
        self._details: dict[Ref, list[AnyRecord]] = defaultdict(list)
        #: Recorded later, so their first version is what there is.
        self.early: set[Ref] = set()
        #: Whom we hired only afterwards was not on the payroll then, whatever their record says now.
        self.hired_later = self.hired_before = False

    def add(self, record: AnyRecord, *, early: bool = False) -> None:
        if isinstance(record, Gone | Merged):
            return
        if early:
            self.early.add(record.ref)
        if isinstance(record, _DETAILS):
            self._details[record.application].append(record)
        else:
            self._records.append(record)

    def of(self, kind: type[_T]) -> list[_T]:
        return [it for it in self._records if isinstance(it, kind)]

    def candidates(self) -> list[Candidate]:
        return [self._candidate(it) for it in self.of(Candidate) if not it.anonymised and self._was_there(it)]

    def _was_there(self, it: Candidate) -> bool:
        if it.ref not in self.early:
            return True
        if it.created_at is not None:
            return it.created_at <= self._moment
        dates = [self._began(found) for found in self.of(Application) if found.candidate == it.ref]
        dates += [touch.at for touch in self.of(Touch) if touch.candidate == it.ref]
        return any(date is not None and date <= self._moment for date in dates)

    def _candidate(self, it: Candidate) -> Candidate:
        if it.ref in self.early and _later(it.last_activity_at, self._moment):
            return _changed(it, last_activity_at=None)
        return it

    def applications(self, candidates: set[Ref]) -> list[Application]:
        found = []
        for it in self.of(Application):
            hired = it.status is Status.HIRED or self._hired_by_reason(it)
            self.hired_before |= hired and self._over(it)
            if it.ref not in self.early:
                found.append(it)
                continue
            self.hired_later |= hired and not self._over(it)
            # without any date it is as old as its candidate
            began = self._began(it)
            if not _later(began, self._moment) and (began is not None or it.candidate in candidates):
                found.append(self._application(it))
        return found

    def _application(self, it: Application) -> Application:
        """As it stood: one that was decided later was under way, and where it stood then only its visits can tell."""
        if it.ref in self.early and _later(it.last_activity_at, self._moment):
            it = _changed(it, last_activity_at=None)
        if self._over(it):
            return it
        return _changed(it, status=Status.ACTIVE, decided_at=None, reason=None, stage=None)

    def _hired_by_reason(self, it: Application) -> bool:
        reason = self._names.get(it.reason) if it.reason else None
        return isinstance(reason, Reason) and reason.party is Party.HIRED

    def _began(self, it: Application) -> datetime | None:
        dates = (_came(found) for found in self._details.get(it.ref, ()))
        return it.applied_at or min((date for date in dates if date), default=None)

    def _over(self, it: Application) -> bool:
        """Had it been decided by then. Without a date it is as it was first seen."""
        return it.status is not Status.ACTIVE and not _later(self._ended(it), self._moment)

    def _ended(self, it: Application) -> datetime | None:
        details = self._details.get(it.ref, ())
        rejected = next((found.rejected_at for found in details if isinstance(found, Rejection)), None)
        accepted = [o.resolved_at for o in details if isinstance(o, Offer) and o.status is OfferStatus.ACCEPTED]
        hired = accepted[-1] if accepted and it.status is Status.HIRED else None
        return it.decided_at or rejected or hired

    def details(self, it: Application) -> list[AnyRecord]:
        """What had happened in it. Of an application that was over by then also what has no date."""
        found = []
        for detail in self._details.get(it.ref, ()):
            if detail.ref not in self.early:
                found.append(detail)
            elif (came := _came(detail)) is None:
                found += [detail] if it.status is not Status.ACTIVE else []
            elif came <= self._moment:
                found.append(self._detail(detail))
        return found

    def _detail(self, it: AnyRecord) -> AnyRecord:
        if isinstance(it, StageVisit) and _later(it.exited_at, self._moment):
            return _changed(it, exited_at=None)
        if isinstance(it, Offer) and _later(it.resolved_at, self._moment):
            return _changed(it, status=OfferStatus.OPEN, resolved_at=None)
        return it

    def member(self, it: Member) -> Member:
        signed_up_later = it.ref in self.early and _later(it.opted_in_at, self._moment)
        return _changed(it, opted_in_at=None) if signed_up_later else it


def _changed(record: _T, **values: Any) -> _T:
    return msgspec.structs.replace(record, **values)


def _later(date: datetime | None, moment: datetime) -> bool:
    return date is not None and date > moment


def _came(detail: AnyRecord) -> datetime | None:
    dates = (getattr(detail, name) for name in _CAME[type(detail)])
    return next((date for date in dates if date), None)


# what may change, and when


def turns(past: Past, world: World, reads: Set[str]) -> set[datetime]:
    """Every moment at which one of the facts in `reads` may be another than just before."""
    found: set[datetime] = set()
    accounts: set[str] = set()
    # what has no date of its own began with what belongs to it
    undated = any(_BEGAN.get(it.ref.kind) and not getattr(it.first, _BEGAN[it.ref.kind], None) for it in past.records)
    for thread in past.records:
        accounts.add(thread.ref.account)
        informs = _INFORMS.get(thread.ref.kind)
        if informs is not None and not undated and not any(fact.startswith(informs) for fact in reads):
            continue
        found.update(it.recorded_at for it in thread.versions)
        found.update(date for name in _dates(type(thread.first)) if (date := getattr(thread.first, name)))
    for name in _named(past, world):
        # before it was known it was called as it was first called; who works here was not known before
        versions = world.names[name].versions
        found.update(it.recorded_at for it in (versions if name.kind == "user" else versions[1:]))
    found.update(it.sent_at or it.due_at for it in past.messages)
    found.update(since for account in accounts if (since := world.whole_since.get(account)))
    return found | ({past.opted_out_at} if past.opted_out_at else set())


_BEGAN = {"candidate": "created_at", "application": "applied_at"}
#: Kinds that only some facts are made of, and how the names of these begin.
_INFORMS = {
    "stage_visit": ("application.furthest_stage", "application.stage_inferred", "last_activity"),
    "scorecard": ("application.scorecard",),
    "interview": ("interview.", "last_activity"),
    "touch": ("last_contacted", "last_activity"),
}
_FIELDS: dict[type, tuple[str, ...]] = {}


def _dates(kind: type) -> tuple[str, ...]:
    if kind not in _FIELDS:
        names: tuple[str, ...] = kind.__struct_fields__  # type: ignore[attr-defined]
        _FIELDS[kind] = tuple(it for it in names if it == "at" or (it.endswith("_at") and it not in _NEVER_READ))
    return _FIELDS[kind]


def _named(past: Past, world: World) -> set[Ref]:
    """The reference data that their records name, and what that names in turn."""
    direct = named(version.record for thread in past.records for version in thread.versions)
    found = {ref for ref in direct if ref in world.names}
    jobs = [it.record for ref in found for it in world.names[ref].versions if isinstance(it.record, Job)]
    found |= {ref for job in jobs for ref in (job.department, *job.offices) if ref and ref in world.names}
    if past.staff:
        found |= {ref for ref in world.names if ref.kind == "user"}
    return found


def facts_of(image: Image, messages: Sequence[Message], now: datetime) -> dict[str, Any]:
    """What the mirror would give a judge of this image (`Mirror.put`, then `facts_of`)."""
    found: dict[str, Any] = dict(image.facts)
    expires = found.get("consent.expires")
    if found.get("consent.email") and expires is not None and expires <= stamp(now):
        found["consent.email"] = False
    for fact in _WORDS:
        words = frozenset(image.words.get(fact.name, ()))
        found[fact.name] = None if fact.unknown_when_empty and not words else words
    found["applications"] = list(image.children.get("applications", ()))
    found["interviews"] = list(image.children.get("interviews", ()))
    found["events"] = list(image.children.get("person_events", ()))
    found["messages"] = [_message(it) for it in messages if (it.sent_at or it.due_at) <= now]
    return found


def _message(it: Message) -> dict[str, Any]:
    return {
        "id": it.id, "purpose": it.purpose, "template": it.template, "cadence": it.cadence, "channel": "email",
        "sent": stamp(it.sent_at) if it.sent_at else None,
    }  # fmt: skip


def reaching(world: World, *, history: datetime) -> World:
    """Nothing is known for certain of the time before `history`: what was replaced by then was dropped."""
    since = {account: max(it, history) if it else None for account, it in world.whole_since.items()}
    return replace(world, whole_since=since)


__all__ = ["Names", "Past", "Thread", "World", "as_of", "facts_of", "reaching", "threads", "turns"]
