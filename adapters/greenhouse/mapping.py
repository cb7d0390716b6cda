"""Which list is read by which function, and a page read row by row."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from adapters.greenhouse import people, reference
from adapters.greenhouse.declared import FETCHES, LISTS
from adapters.greenhouse.eye import Eye
from adapters.greenhouse.rereads import PARTS
from connector.errors import Malformed
from connector.flow import Reading
from connector.model import AnyRecord, Ref
from connector.raw import Raw, came, each

READERS: dict[str, Callable[[Raw, Eye], Iterable[AnyRecord]]] = {
    "sources": reference.label("source", lambda raw: raw["type"]["name"].maybe(Raw.text)),
    "departments": reference.label("department", lambda raw: None),
    "offices": reference.label("office", lambda raw: raw["location"].maybe(Raw.text)),
    "users": reference.user,
    "rejection_reasons": reference.reason,
    "candidate_tags": reference.label("tag", lambda raw: None),
    "jobs": reference.job,
    "job_interview_stages": reference.stage,
    "job_posts": reference.job_post,
    "openings": reference.opening,
    "candidates": people.candidate,
    "applications": people.application,
    "application_stages": people.stage_visit,
    "rejection_details": people.rejection,
    "scorecards": people.scorecard,
    "offers": people.offer,
    "interviews": people.interview,
    "notes": people.touch,
    "applied_candidate_tags": people.tagging,
}


def _again(name: str, row: Raw, eye: Eye) -> Ref | None:
    """What to ask for to get this row once more: itself, or that to which it belongs."""
    if name in PARTS:
        kind, key = PARTS[name]
        return eye.ref(kind, row[key])
    kind = LISTS[name].kind
    return eye.ref(kind, row["id"]) if kind in FETCHES else None


def page(name: str, body: bytes, eye: Eye) -> Reading:
    """A bare array of rows; one that cannot be read is set aside and the others go on."""
    rows = Raw.parse(body)
    if type(rows.value) is not list:
        raise Malformed("$", "a list", came(rows.value))
    reader = READERS[name]
    records, spoiled = each(rows.items(), lambda row: reader(row, eye), again=lambda row: _again(name, row, eye))
    return Reading(records=tuple(records), spoiled=tuple(spoiled))
