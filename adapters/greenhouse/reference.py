"""Harvest v3 rows → records: the organisation, its jobs and its words (v3 reference, read 2026-11-23)."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from adapters.greenhouse.eye import Eye, at, custom, flag
from adapters.greenhouse.words import JOB, PARTY
from connector.model import AnyRecord, Job, JobPost, Label, Opening, Party, Reason, Stage, User
from connector.raw import Raw


def label(kind: str, type_of: Callable[[Raw], str | None]) -> Callable[[Raw, Eye], Iterable[AnyRecord]]:
    def read(raw: Raw, eye: Eye) -> Iterable[AnyRecord]:
        yield Label(**eye.head(kind, raw), name=raw["name"].text(), type=type_of(raw))

    return read


def user(raw: Raw, eye: Eye) -> Iterable[AnyRecord]:
    names = (raw["first_name"].maybe(Raw.text), raw["last_name"].maybe(Raw.text))
    yield User(
        **eye.head("user", raw),
        name=raw["name"].maybe(Raw.text) or " ".join(filter(None, names)) or None,
        email=raw["primary_email"].address(),
        active=not flag(raw["deactivated"]),
        candidates=eye.links("candidate", raw["linked_candidate_ids"]),
    )


def reason(raw: Raw, eye: Eye) -> Iterable[AnyRecord]:
    """The type's `key` decides; its name is translated and may be changed."""
    yield Reason(
        **eye.head("reason", raw),
        name=raw["name"].text(),
        party=raw["type"]["key"].maybe(lambda key: key.one_of(PARTY)) or Party.NONE,
    )


def job(raw: Raw, eye: Eye) -> Iterable[AnyRecord]:
    if flag(raw["is_template"]):
        return
    yield Job(
        **eye.head("job", raw),
        title=raw["name"].text(),
        status=raw["status"].one_of(JOB),
        department=eye.link("department", raw["department_id"]),
        offices=eye.links("office", raw["office_ids"]),
        opened_at=at(raw["opened_at"]),
        closed_at=at(raw["closed_at"]),
        confidential=flag(raw["confidential"]),
        fields=custom(raw["custom_fields"], eye.choices.fields),
    )


def stage(raw: Raw, eye: Eye) -> Iterable[AnyRecord]:
    yield Stage(
        **eye.head("stage", raw),
        name=raw["name"].text(),
        job=eye.link("job", raw["job_id"]),
        order=raw["sort_order"].maybe(Raw.number),
    )


def job_post(raw: Raw, eye: Eye) -> Iterable[AnyRecord]:
    """`active` false is a deleted post. Without a job it is a post for prospects."""
    yield JobPost(
        **eye.head("job_post", raw),
        title=raw["title"].text(),
        job=eye.link("job", raw["job_id"]),
        live=flag(raw["live"]) and raw["active"].maybe(Raw.flag) is not False,
        published_at=at(raw["first_published_at"]),
    )


def opening(raw: Raw, eye: Eye) -> Iterable[AnyRecord]:
    yield Opening(
        **eye.head("opening", raw),
        job=eye.ref("job", raw["job_id"]),
        open=raw["open"].flag(),
        opened_at=at(raw["opened_at"]),
        closed_at=at(raw["closed_at"]),
        application=eye.link("application", raw["application_id"]),
    )
