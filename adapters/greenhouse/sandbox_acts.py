"""What people do inside Greenhouse: each act changes rows and sends the webhooks that it would send.

An application is named by `application`, or by `candidate` or `email` (then it is that person's newest).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from adapters.greenhouse.sandbox_find import (
    NOWHERE,
    application_of,
    current_offers,
    drop_application,
    enter,
    last_stage,
    leave,
    new_offer,
    newcomer,
    newest_open_job,
    person_of,
    told,
    touched,
)
from adapters.greenhouse.sandbox_jobs import job
from adapters.greenhouse.sandbox_people import (
    anonymise,
    contact,
    delete_candidate,
    merge,
    tag_by_human,
    untag_by_human,
    update_candidate,
)
from adapters.greenhouse.sandbox_seed import PRIVATE_TEXT, RATINGS

if TYPE_CHECKING:
    from adapters.greenhouse.sandbox import GreenhouseSandbox

Asked = Mapping[str, Any]
Told = Mapping[str, Any]


def apply(box: GreenhouseSandbox, asked: Asked) -> Told:
    """`job`: default, the newest open one. `prospect`: without a job, as sourced at a fair."""
    now, prospect = box.now(), bool(asked.get("prospect"))
    person = person_of(box, asked, missing_is_new=True) or newcomer(box, asked)
    job_id = None if prospect else int(asked.get("job") or newest_open_job(box))
    stages = box.tables["job_interview_stages"].of("job_id", job_id) if job_id else []
    row = box.put(
        "applications",
        {
            "candidate_id": person["id"],
            "job_id": job_id,
            "status": "in_process",
            "prospect": prospect,
            "source_id": asked.get("source") or next(iter(box.tables["sources"].rows), None),
            "recruiter_id": next(
                (key for key, user in box.tables["users"].rows.items() if user["primary_email"]), None
            ),
            "last_activity_at": now,
            "prospective_job_ids": [],
        },
    )
    if stages:
        row = enter(box, row, stages[0])
    box.sender.application("new_prospect_application" if prospect else "new_candidate_application", row)
    return told(row)


def move(box: GreenhouseSandbox, asked: Asked) -> Told:
    """`stage`: a name or an id of the job's plan; default, the next."""
    row = application_of(box, asked)
    plan = box.tables["job_interview_stages"].of("job_id", row["job_id"])
    here = next((place for place, one in enumerate(plan) if one["id"] == row.get("job_interview_stage_id")), -1)
    wanted = asked.get("stage")
    named = [one for one in plan if wanted in (one["name"], one["id"], str(one["id"]))]
    stage = named[0] if wanted and named else plan[min(here + 1, len(plan) - 1)]
    row = enter(box, row, stage)
    box.sender.application("candidate_stage_change", row)
    return told(row)


def reject(box: GreenhouseSandbox, asked: Asked) -> Told:
    """`reason`: a name or an id; default none."""
    row, now, wanted = application_of(box, asked), box.now(), asked.get("reason")
    reasons = box.tables["rejection_reasons"].rows.values()
    reason = next((one["id"] for one in reasons if wanted and wanted in (one["name"], one["id"], str(one["id"]))), None)
    leave(box, row)
    box.put("rejection_details", {"application_id": row["id"], "rejection_reason_id": reason, "rejected_at": now})
    row = touched(box, row, status="rejected", rejected_at=now, rejection_reason_id=reason, **NOWHERE)
    box.sender.application("reject_candidate", row)
    return told(row)


def unreject(box: GreenhouseSandbox, asked: Asked) -> Told:
    """The later of two events may carry the same last_activity_at, as in the documented samples."""
    row = application_of(box, asked)
    if not box.unreject_keeps_details:
        for detail in box.tables["rejection_details"].of("application_id", row["id"]):
            box.tables["rejection_details"].drop(detail["id"])
    row = box.change("applications", row["id"], status="in_process", rejected_at=None, rejection_reason_id=None)
    row = enter(box, row, last_stage(box, row), silent=True)
    box.sender.application("unreject_candidate", row)
    return told(row)


def hire(box: GreenhouseSandbox, asked: Asked) -> Told:
    row = application_of(box, asked)
    current = current_offers(box, row)
    accepted = {"status": "Accepted", "resolved_at": box.now()}
    made = box.change("offers", current[-1]["id"], **accepted) if current else new_offer(box, row, **accepted)
    leave(box, row)
    row = touched(box, row, status="hired", **NOWHERE)
    seats = [seat for seat in box.tables["openings"].of("job_id", row["job_id"]) if seat["open"]]
    if seats:
        box.change("openings", seats[0]["id"], open=False, closed_at=box.now(), application_id=row["id"])
    box.sender.offer("offer_updated", made)
    box.sender.hire(row)
    return told(row)


def unhire(box: GreenhouseSandbox, asked: Asked) -> Told:
    row = application_of(box, asked)
    for one in current_offers(box, row):
        box.change("offers", one["id"], status="Created", resolved_at=None)
    row = touched(box, row, status="in_process")
    row = enter(box, row, last_stage(box, row))
    box.sender.application("unhire_candidate", row)
    return told(row)


def delete_application(box: GreenhouseSandbox, asked: Asked) -> Told:
    row = application_of(box, asked)
    drop_application(box, row)
    names = ["id", "candidate_id", "job_id", "created_at", "source_id", "rejected_at", "referrer_id", "prospect"]
    box.sender.send("delete_application", {"application": {name: row.get(name) for name in names}})
    return told(row)


def score(box: GreenhouseSandbox, asked: Asked) -> Told:
    """A scorecard is completed; no webhook tells of it. `rating`: a word, or null for none."""
    row, now = application_of(box, asked), box.now()
    rating = asked.get("rating", RATINGS[-1])
    made = box.put(
        "scorecards",
        {
            "application_id": row["id"],
            "status": "draft" if asked.get("draft") else "complete",
            "candidate_rating": rating,
            "interviewed_at": now,
            "submitted_at": None if asked.get("draft") else now,
            "notes": PRIVATE_TEXT,
        },
    )
    touched(box, row)
    return told(row) | {"scorecard": str(made["id"])}


def offer(box: GreenhouseSandbox, asked: Asked) -> Told:
    """A new version; the one before is deprecated and says so. `status`: Created by default."""
    row = application_of(box, asked)
    for old in current_offers(box, row):
        box.sender.offer("offer_updated", box.change("offers", old["id"], status="Deprecated"))
    status = asked.get("status", "Created")
    made = new_offer(box, row, status=status, resolved_at=None if status == "Created" else box.now())
    box.sender.offer("offer_created", made)
    return told(row) | {"offer": str(made["id"])}


def ping(box: GreenhouseSandbox, _: Asked) -> Told:
    box.sender.ping()
    return {}


def expire_cursors(box: GreenhouseSandbox, _: Asked) -> Told:
    box.cursors_since = time.time()
    return {}


ACTS: dict[str, Callable[[GreenhouseSandbox, Asked], Told]] = {
    act.__name__: act
    for act in (
        apply,
        move,
        reject,
        unreject,
        hire,
        unhire,
        merge,
        anonymise,
        delete_candidate,
        delete_application,
        update_candidate,
        score,
        offer,
        job,
        tag_by_human,
        untag_by_human,
        contact,
        ping,
        expire_cursors,
    )
}
