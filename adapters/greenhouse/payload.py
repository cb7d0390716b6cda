"""Webhook bodies in the retired v1's words → records, for accounts without API credentials.

Samples differ between actions: what a body does not state is never written over what is known. An application's
`last_activity_at` orders its events; a reject and its unreject may carry the same one, so the later to arrive wins.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain

from adapters.greenhouse.eye import Eye, at, custom, flag, midnight
from adapters.greenhouse.people import candidate
from adapters.greenhouse.words import JOB, OFFER, PARTY_NAME, STATUS
from connector.model import (
    AnyRecord,
    Application,
    Job,
    JobPost,
    Label,
    Offer,
    OfferStatus,
    Party,
    Reason,
    Ref,
    Stage,
    Status,
    User,
)
from connector.raw import Raw


def application(raw: Raw, eye: Eye) -> Iterable[AnyRecord]:
    body = raw["application"]
    return chain(_around(body, eye), _candidate(body["candidate"], eye), [_run(body, eye, _status(body))])


def hire(raw: Raw, eye: Eye) -> Iterable[AnyRecord]:
    """No status, tags or creation date here: the person is left as known, the run is hired, the offer accepted."""
    body = raw["application"]
    yield from _around(body, eye)
    yield from _candidate(body["candidate"], eye)
    yield _run(body, eye, Status.HIRED)
    if body["offer"]["id"]:
        yield Offer(
            ref=eye.ref("offer", body["offer"]["id"]),
            application=eye.ref("application", body["id"]),
            status=OfferStatus.ACCEPTED,
            job=_job_of(body, eye),
            version=body["offer"]["version"].maybe(Raw.whole) or 1,
            sent_at=body["offer"]["sent_at"].maybe(midnight),
            resolved_at=at(body["offer"]["resolved_at"]),
        )


def update(raw: Raw, eye: Eye) -> Iterable[AnyRecord]:
    return _candidate(raw["candidate"], eye)


def offer(raw: Raw, eye: Eye) -> Iterable[AnyRecord]:
    yield Offer(
        ref=eye.ref("offer", raw["id"]),
        application=eye.ref("application", raw["application_id"]),
        status=raw["offer_status"].one_of(OFFER),
        job=eye.link("job", raw["job_id"]),
        version=raw["version"].maybe(Raw.whole) or 1,
        sent_at=raw["sent_on"].maybe(midnight),
        resolved_at=at(raw["resolved_at"]),
    )


def job(raw: Raw, eye: Eye) -> Iterable[AnyRecord]:
    return _job(raw["job"], eye)


def job_post(raw: Raw, eye: Eye) -> Iterable[AnyRecord]:
    yield JobPost(
        ref=eye.ref("job_post", raw["id"]),
        updated_at=at(raw["updated_at"]),
        title=raw["title"].text(),
        job=eye.link("job", raw["job_id"]),
        live=flag(raw["live"]),
    )


def _run(body: Raw, eye: Eye, status: Status) -> Application:
    decided = {Status.REJECTED: body["rejected_at"], Status.HIRED: body["offer"]["resolved_at"]}.get(status)
    last = at(body["last_activity_at"])
    return Application(
        ref=eye.ref("application", body["id"]),
        updated_at=last,
        candidate=eye.ref("candidate", body["candidate"]["id"]),
        status=status,
        prospect=flag(body["prospect"]),
        job=_job_of(body, eye),
        stage=eye.link("stage", body["current_stage"]["id"]),
        applied_at=at(body["applied_at"]),
        decided_at=at(decided) if decided is not None else None,
        reason=eye.link("reason", body["rejection_reason"]["id"]),
        source=eye.link("source", body["source"]["id"]),
        recruiter=eye.link("user", body["candidate"]["recruiter"]["id"]),
        last_activity_at=last,
        url=body["url"].maybe(Raw.text),
    )


def _status(body: Raw) -> Status:
    return body["status"].one_of(STATUS)


def _candidate(body: Raw, eye: Eye) -> Iterable[AnyRecord]:
    """Only from a body that states tags and addresses; the recruiter comes along as a colleague."""
    eye.ref("candidate", body["id"])
    if body["tags"].stated and body["email_addresses"].stated:
        yield from candidate(body, eye)
    recruiter = body["recruiter"]
    if recruiter["id"]:
        yield User(
            ref=eye.ref("user", recruiter["id"]),
            name=recruiter["name"].maybe(Raw.text),
            email=recruiter["email"].address(),
        )


def _job_of(body: Raw, eye: Eye) -> Ref | None:
    """A candidate's application has one job; a prospect's may have several, and then none is its own."""
    jobs = body["jobs"].items()
    return eye.ref("job", jobs[0]["id"]) if len(jobs) == 1 and not flag(body["prospect"]) else None


def _around(body: Raw, eye: Eye) -> Iterable[AnyRecord]:
    """Jobs, stage, source and reason come before the application that speaks of them."""
    for item in body["jobs"].items():
        yield from _job(item, eye)
    now, source, reason = body["current_stage"], body["source"], body["rejection_reason"]
    if now["id"]:
        yield Stage(ref=eye.ref("stage", now["id"]), name=now["name"].text(), job=_job_of(body, eye))
    if source["id"]:
        name = source["name"] if source["name"].stated else source["public_name"]
        yield Label(ref=eye.ref("source", source["id"]), name=name.text())
    if reason["id"]:
        yield Reason(
            ref=eye.ref("reason", reason["id"]),
            name=reason["name"].text(),
            # webhooks give the type's name only, and tenants may translate it: what is not known is "none"
            party=PARTY_NAME.get((reason["type"]["name"].maybe(Raw.text) or "").lower(), Party.NONE),
        )


def _job(body: Raw, eye: Eye) -> Iterable[AnyRecord]:
    departments, offices = body["departments"].items(), body["offices"].items()
    for kind, items in (("department", departments), ("office", offices)):
        for item in items:
            yield Label(
                ref=eye.ref(kind, item["id"]),
                name=item["name"].text(),
                type=item["location"].maybe(Raw.text) if kind == "office" else None,
            )
    ref = eye.ref("job", body["id"])
    # a hire's jobs do not say how they stand
    if not body["status"].stated:
        return
    recruiters = body["hiring_team"]["recruiters"].items()
    yield Job(
        ref=ref,
        title=body["name"].text(),
        status=body["status"].one_of(JOB),
        department=eye.ref("department", departments[0]["id"]) if departments else None,
        department_name=departments[0]["name"].maybe(Raw.text) if departments else None,
        location=next((text for item in offices if (text := item["location"].maybe(Raw.text))), None),
        offices=tuple(eye.ref("office", item["id"]) for item in offices),
        opened_at=at(body["opened_at"]),
        closed_at=at(body["closed_at"]),
        confidential=flag(body["confidential"]),
        recruiter=eye.link("user", recruiters[0]["user_id"]) if recruiters else None,
        fields=custom(body["custom_fields"], eye.choices.fields),
    )
