"""Records → what the mirror says of one application, interview or event. Pure, like `image`, which uses it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from connector.clock import stamp
from connector.facts import fold
from connector.model import (
    AnyRecord,
    Application,
    Candidate,
    Interview,
    Job,
    Label,
    Member,
    Offer,
    OfferStatus,
    Party,
    Reason,
    Ref,
    Rejection,
    Scorecard,
    Stage,
    StageVisit,
    Status,
    Touch,
)
from connector.settings import Words

IN_PERSON = "in person event"
_OFFERS = {OfferStatus.OPEN: "open", OfferStatus.ACCEPTED: "accepted", OfferStatus.DECLINED: "declined"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Holdings:
    """All that is held about one person, and the reference data that explains it."""

    candidates: Sequence[Candidate]
    applications: Sequence[Application] = ()
    #: Stage visits, rejections, scorecards, interviews and offers, by the application they belong to.
    details: Mapping[Ref, Sequence[AnyRecord]] = field(default_factory=dict)
    touches: Sequence[Touch] = ()
    members: Sequence[Member] = ()
    reference: Mapping[Ref, AnyRecord] = field(default_factory=dict)
    #: Candidate refs and groups that users of the platforms are.
    employees: frozenset[Ref] = frozenset()
    #: An opt-out stands against one of their identities.
    suppressed: bool = False
    #: When we last wrote to them ourselves.
    messaged_at: datetime | None = None
    #: (account, candidate id, tag) that we put there ourselves.
    our_tags: frozenset[tuple[str, str, str]] = frozenset()
    #: When we wrote tags and notes on their records: platforms count that as activity, we do not.
    our_writes: tuple[datetime, ...] = ()


def named(records: Iterable[AnyRecord]) -> frozenset[Ref]:
    """The reference data that applications and what belongs to them name."""
    return frozenset(
        ref
        for it in records
        for name in ("job", "stage", "reason", "source", "recruiter")
        if isinstance(ref := getattr(it, name, None), Ref)
    )


def region(said: Iterable[str], words: Words) -> str | None:
    """The region that one of these texts names, itself or by a place in it: as the settings have it, else the gazetteer."""
    said = tuple(said)
    found = own_region(said, words) or first(words.vocabulary.places.find(text).region for text in said)
    return words.vocabulary.canonical("regions", found) if found else None


def own_region(said: Iterable[str], words: Words) -> str | None:
    """By the places that the settings list: whole words, parted by commas."""
    for text in said:
        parts = [fold(part) for part in text.split(",")]
        for name, places in words.vocabulary.regions.items():
            if any(fold(place) in parts for place in (name, *places)):
                return words.vocabulary.canonical("regions", name)
    return None


def application_row(it: Application, held: Holdings, words: Words) -> dict[str, Any]:
    details = held.details.get(it.ref, ())
    rejection = next((found for found in details if isinstance(found, Rejection)), None)
    reason_ref = (rejection.reason if rejection else None) or it.reason
    reason = held.reference.get(reason_ref) if reason_ref else None
    job = held.reference.get(it.job) if it.job else None
    source = held.reference.get(it.source) if it.source else None
    furthest, inferred = furthest_stage(it, details, held.reference, words)
    average, count = _verdicts(details, words)
    decided = it.decided_at or (rejection.rejected_at if rejection else None) or _accepted_at(it, details)
    return {
        "id": str(it.ref),
        "status": _status(it, reason).value,
        "furthest_stage": furthest,
        "stage_inferred": inferred,
        "scorecard_average": average,
        "scorecards": count,
        "rejection_reason": _reason(reason, words),
        "decided": stamped(decided),
        "applied": stamped(it.applied_at),
        "job": fold(str(it.job)) if it.job else None,
        "title": fold(job.title) if isinstance(job, Job) else None,
        "function": function_of(job, held.reference, words),
        "source": fold(source.name) if isinstance(source, Label) else None,
        "region": _job_region(job, held, words),
        "prospect": it.prospect,
        "offer": _offer(details),
        "account": fold(it.ref.account),
    }


def _accepted_at(it: Application, details: Sequence[AnyRecord]) -> datetime | None:
    """A platform that dates no hire dates the offer that led to it."""
    accepted = [o for o in details if isinstance(o, Offer) and o.status is OfferStatus.ACCEPTED]
    return accepted[-1].resolved_at if accepted and it.status is Status.HIRED else None


def _reason(reason: AnyRecord | None, words: Words) -> str | None:
    key = words.reason_names.get(fold(reason.name)) if isinstance(reason, Reason) else None
    return fold(key) if key else None


def _status(it: Application, reason: AnyRecord | None) -> Status:
    """The reason's own type says who ended it, where the application alone cannot."""
    if it.status is Status.REJECTED and isinstance(reason, Reason):
        return {Party.THEM: Status.WITHDRAWN, Party.HIRED: Status.HIRED}.get(reason.party, it.status)
    return it.status


def furthest_stage(
    it: Application, details: Sequence[AnyRecord], reference: Mapping[Ref, AnyRecord], words: Words
) -> tuple[str | None, bool | None]:
    """(stage key, was it inferred). None when nothing is known, or when a step beyond the furthest known one has a
    name that the settings do not map: better unknown than too low."""
    ladder = words.vocabulary.stages
    visits = [found for found in details if isinstance(found, StageVisit)]
    refs = [visit.stage for visit in visits] or ([it.stage] if it.stage else [])
    best, unmapped = -1, []
    order_of_best = float("-inf")
    for ref in refs:
        stage = reference.get(ref)
        name = stage.name if isinstance(stage, Stage) else ref.id
        order = stage.order if isinstance(stage, Stage) and stage.order is not None else float("inf")
        key = words.stage_names.get(fold(name))
        if key is None:
            unmapped.append(order)
        else:
            order_of_best = max(order_of_best, order)
            best = max(best, ladder.index(key))
    if best < 0 or any(order > order_of_best for order in unmapped):
        return None, None
    dated = any(visit.entered_at for visit in visits)
    return fold(ladder[best]), not dated


def _verdicts(details: Sequence[AnyRecord], words: Words) -> tuple[float | None, int]:
    cards = [card for card in details if isinstance(card, Scorecard) and card.complete and card.rating]
    worth = [words.scale.get(card.rating or "", 0) for card in cards]
    counted = [value for value in worth if value]
    return (round(sum(counted) / len(counted), 4) if counted else None), len(cards)


def function_of(job: AnyRecord | None, reference: Mapping[Ref, AnyRecord], words: Words) -> str | None:
    """From the department's name, else from a word in the title that the vocabulary knows."""
    if not isinstance(job, Job):
        return None
    department = reference.get(job.department) if job.department else None
    name = department.name if isinstance(department, Label) else job.department_name
    stated = first(job.fields.get("function", ())) or name
    known = words.vocabulary.functions
    for function, others in known.items():
        if stated and fold(stated) in {fold(word) for word in (function, *others)}:
            return words.vocabulary.canonical("functions", function)
    title = f" {fold(job.title)} "
    for function, others in known.items():
        if any(f" {fold(word)} " in title for word in (function, *others)):
            return words.vocabulary.canonical("functions", function)
    return None


def _job_region(job: AnyRecord | None, held: Holdings, words: Words) -> str | None:
    if not isinstance(job, Job):
        return None
    offices = [held.reference.get(ref) for ref in job.offices]
    said = [text for it in offices if isinstance(it, Label) for text in (it.name, it.type) if text]
    return region([*job.fields.get("region", ()), *([job.location] if job.location else []), *said], words)


def _offer(details: Sequence[AnyRecord]) -> str:
    """How the latest version stands; replaced versions count for nothing."""
    offers = [it for it in details if isinstance(it, Offer) and it.status in _OFFERS]
    latest = max(offers, key=lambda it: (it.version, it.ref.id), default=None)
    return _OFFERS[latest.status] if latest else "none"


def interview_rows(held: Holdings, words: Words) -> list[dict[str, Any]]:
    rows = []
    for details in held.details.values():
        for it in details:
            if isinstance(it, Interview) and not it.cancelled:
                stage = held.reference.get(it.stage) if it.stage else None
                name = stage.name if isinstance(stage, Stage) else None
                rows.append(
                    {
                        "id": str(it.ref),
                        "stage": fold(words.stage_names.get(fold(name), "")) or None if name else None,
                        "completed": stamped(it.completed_at),
                        "starts": stamped(it.starts_at),
                    }
                )
    return rows


def event_rows(held: Holdings) -> list[dict[str, Any]]:
    """An application whose source is an event in person says that they came to it."""
    rows = []
    for it in held.applications:
        source = held.reference.get(it.source) if it.source else None
        if isinstance(source, Label) and fold(source.type or "") == IN_PERSON:
            at = stamped(it.applied_at)
            rows.append({"id": f"event:{it.ref}", "name": fold(source.name), "attended": at, "occurred": at})
    return rows


def stamped(moment: datetime | None) -> str | None:
    return stamp(moment) if moment else None


def first(values: Iterable[str | None]) -> str | None:
    return next((value for value in values if value), None)
