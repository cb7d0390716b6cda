"""Harvest v3 rows → records: candidates and what happens to their applications (v3 reference, read 2026-11-23)."""

from __future__ import annotations

from collections.abc import Iterable

from adapters.greenhouse.eye import Eye, at, custom, flag, midnight
from adapters.greenhouse.words import EMAIL_ORDER, INTERVIEW, OFFER, OUTBOUND, RATING, SCORECARD, STATUS, TOUCH
from adapters.greenhouse.zones import zone
from connector.model import (
    AnyRecord,
    Application,
    Candidate,
    Interview,
    Offer,
    Rejection,
    Scorecard,
    StageVisit,
    Status,
    Tagging,
    Touch,
    TouchKind,
)
from connector.raw import Raw


def candidate(raw: Raw, eye: Eye) -> Iterable[AnyRecord]:
    head = eye.head("candidate", raw)
    first, last = raw["first_name"].maybe(Raw.text), raw["last_name"].maybe(Raw.text)
    address = next(iter(raw["addresses"].items()), None) if eye.choices.address else None
    yield Candidate(
        **head,
        first_name=first,
        last_name=last,
        emails=emails(raw["email_addresses"]),
        headline=raw["title"].maybe(Raw.text),
        location=address["value"].maybe(Raw.text) if address else None,
        time_zone=zone(raw["time_zone"].maybe(Raw.text) or ""),
        tags=tuple(tag.text() for tag in raw["tags"].items()),
        can_email=raw["can_email"].maybe(Raw.flag),
        employee=bool(raw["linked_user_ids"].items()),
        private=flag(raw["private"]) or flag(raw["is_private"]),
        anonymised=first == "Anonymized" and last == head["ref"].id,
        created_at=at(raw["created_at"]),
        last_activity_at=at(raw["last_activity_at"]),
        url=raw["url"].maybe(Raw.text),
        fields=custom(raw["custom_fields"], eye.choices.fields),
    )


def emails(raw: Raw) -> tuple[str, ...]:
    """Once each, personal before work. What is not an address is left out: people type anything there."""
    ranked = [
        (EMAIL_ORDER.get((item["type"].maybe(Raw.text) or "other").lower(), 1), address)
        for item in raw.items()
        if (address := item["value"].address())
    ]
    return tuple(dict.fromkeys(address for _, address in sorted(ranked, key=lambda pair: pair[0])))


def application(raw: Raw, eye: Eye) -> Iterable[AnyRecord]:
    """`stage_id` and `stage_name` are left alone: they do not join to the job's plan, `job_interview_stage_id` does."""
    status = raw["status"].one_of(STATUS)
    rejected_at = at(raw["rejected_at"])
    yield Application(
        **eye.head("application", raw),
        candidate=eye.ref("candidate", raw["candidate_id"]),
        status=status,
        prospect=flag(raw["prospect"]),
        job=eye.link("job", raw["job_id"]),
        stage=eye.link("stage", raw["job_interview_stage_id"]),
        applied_at=at(raw["created_at"]),
        decided_at=rejected_at if status is Status.REJECTED else None,
        reason=eye.link("reason", raw["rejection_reason_id"]),
        source=eye.link("source", raw["source_id"]),
        recruiter=eye.link("user", raw["recruiter_id"]),
        last_activity_at=at(raw["last_activity_at"]),
    )


def stage_visit(raw: Raw, eye: Eye) -> Iterable[AnyRecord]:
    yield StageVisit(
        **eye.part("stage_visit", raw),
        stage=eye.ref("stage", raw["job_interview_stage_id"]),
        entered_at=at(raw["entered_at"]),
        exited_at=at(raw["exited_at"]),
    )


def rejection(raw: Raw, eye: Eye) -> Iterable[AnyRecord]:
    yield Rejection(
        **eye.part("rejection", raw),
        reason=eye.link("reason", raw["rejection_reason_id"]),
        rejected_at=at(raw["rejected_at"]),
    )


def scorecard(raw: Raw, eye: Eye) -> Iterable[AnyRecord]:
    yield Scorecard(
        **eye.part("scorecard", raw),
        rating=raw["candidate_rating"].maybe(lambda word: word.one_of(RATING)),
        complete=raw["status"].one_of(SCORECARD),
        submitted_at=at(raw["submitted_at"]),
    )


def offer(raw: Raw, eye: Eye) -> Iterable[AnyRecord]:
    yield Offer(
        **eye.part("offer", raw),
        status=raw["status"].one_of(OFFER),
        job=eye.link("job", raw["job_id"]),
        version=raw["version"].maybe(Raw.whole) or 1,
        sent_at=raw["sent_on"].maybe(midnight),
        resolved_at=at(raw["resolved_at"]),
    )


def interview(raw: Raw, eye: Eye) -> Iterable[AnyRecord]:
    held, cancelled = raw["status"].one_of(INTERVIEW)
    starts_at, ends_at = at(raw["starts_at"]), at(raw["ends_at"])
    yield Interview(
        **eye.part("interview", raw),
        starts_at=starts_at,
        completed_at=(ends_at or starts_at) if held else None,
        cancelled=cancelled,
    )


def touch(raw: Raw, eye: Eye) -> Iterable[AnyRecord]:
    kind = raw["type"].one_of(TOUCH)
    if kind is None:
        return
    yield Touch(
        **eye.head("touch", raw),
        kind=kind,
        at=raw["created_at"].instant(),
        candidate=eye.link("candidate", raw["candidate_id"]),
        application=eye.link("application", raw["application_id"]),
        outbound=_outbound(raw, kind, eye.choices.mail_domains),
    )


def _outbound(raw: Raw, kind: TouchKind, ours: tuple[str, ...]) -> bool | None:
    """A note is never a letter. A mail is judged by its sender where we may see that, else by who logged it."""
    if kind is TouchKind.NOTE:
        return False
    sender = raw["email_from"].maybe(Raw.text) if kind is TouchKind.EMAIL and ours else None
    if sender:
        return sender.rstrip("> ").rpartition("@")[2].lower() in ours
    # without a colleague's id it is the system's or the candidate's
    return True if raw["user_id"] and raw["type"].text() in OUTBOUND else None


def tagging(raw: Raw, eye: Eye) -> Iterable[AnyRecord]:
    yield Tagging(
        **eye.head("tagging", raw),
        candidate=eye.ref("candidate", raw["candidate_id"]),
        tag=eye.ref("tag", raw["candidate_tag_id"]),
    )
