"""Whom or what an act of the sandbox is about, and the small changes that many acts share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from adapters.greenhouse.sandbox_query import stamp
from adapters.greenhouse.sandbox_tables import Row

if TYPE_CHECKING:
    from adapters.greenhouse.sandbox import GreenhouseSandbox

Asked = Mapping[str, Any]
Told = Mapping[str, Any]

NOWHERE = {"job_interview_stage_id": None, "stage_name": None, "stage_id": None}


def person_of(box: GreenhouseSandbox, asked: Asked, *, missing_is_new: bool = False) -> Row:
    people = box.tables["candidates"].rows
    if asked.get("candidate"):
        return people[int(asked["candidate"])]
    if asked.get("email"):
        for row in people.values():
            if any(mail["value"] == asked["email"] for mail in row["email_addresses"]):
                return row
    if asked.get("application"):
        return people[box.tables["applications"].rows[int(asked["application"])]["candidate_id"]]
    if missing_is_new:
        return {}
    raise LookupError("no such candidate")


def newcomer(box: GreenhouseSandbox, asked: Asked) -> Row:
    mail = asked.get("email")
    return box.put(
        "candidates",
        {
            "first_name": asked.get("first_name", "New"),
            "last_name": asked.get("last_name", "Person"),
            "private": False,
            "can_email": bool(asked.get("can_email", True)),
            "time_zone": "London",
            "tags": [],
            "linked_user_ids": [],
            "email_addresses": [{"value": mail, "type": "personal"}] if mail else [],
            "last_activity_at": box.now(),
            "custom_fields": dict(asked.get("custom_fields") or {}),
        },
    )


def application_of(box: GreenhouseSandbox, asked: Asked) -> Row:
    if asked.get("application"):
        return box.tables["applications"].rows[int(asked["application"])]
    runs = box.tables["applications"].of("candidate_id", person_of(box, asked)["id"])
    if not runs:
        raise LookupError("no application of this candidate")
    return runs[-1]


def newest_open_job(box: GreenhouseSandbox) -> int:
    rows = [row for row in box.tables["jobs"].rows.values() if row["status"] == "open"]
    if not rows:
        raise LookupError("no open job")
    return int(max(rows, key=lambda row: (row["opened_at"], row["id"]))["id"])


def touched(box: GreenhouseSandbox, row: Row, **new: Any) -> Row:
    now = box.now()
    box.change("candidates", row["candidate_id"], last_activity_at=now)
    return box.change("applications", row["id"], last_activity_at=now, **new)


def leave(box: GreenhouseSandbox, row: Row) -> None:
    for visit in box.tables["application_stages"].of("application_id", row["id"]):
        if visit["current"]:
            box.change("application_stages", visit["id"], current=False, exited_at=box.now())


def enter(box: GreenhouseSandbox, row: Row, stage: Row | None, *, silent: bool = False) -> Row:
    if stage is None:
        return row
    leave(box, row)
    visit = {"application_id": row["id"], "job_interview_stage_id": stage["id"], "entered_at": box.now()}
    box.put("application_stages", visit | {"current": True, "days_in_stage": 0, "exited_at": None})
    here = {"job_interview_stage_id": stage["id"], "stage_name": stage["name"]}
    return box.change("applications", row["id"], **here) if silent else touched(box, row, **here)


def last_stage(box: GreenhouseSandbox, row: Row) -> Row | None:
    visits = box.tables["application_stages"].of("application_id", row["id"])
    return box.tables["job_interview_stages"].rows[visits[-1]["job_interview_stage_id"]] if visits else None


def current_offers(box: GreenhouseSandbox, row: Row) -> list[Row]:
    return [one for one in box.tables["offers"].of("application_id", row["id"]) if one["status"] != "Deprecated"]


def new_offer(box: GreenhouseSandbox, row: Row, **new: Any) -> Row:
    made = box.tables["offers"].of("application_id", row["id"])
    common = {"application_id": row["id"], "job_id": row["job_id"], "candidate_id": row["candidate_id"]}
    day = stamp(box.harness.clock.now())[:10]
    return box.put("offers", common | {"version": len(made) + 1, "sent_on": day, "starts_on": day} | new)


def drop_application(box: GreenhouseSandbox, row: Row) -> None:
    for name in ("application_stages", "rejection_details", "scorecards", "offers", "interviews"):
        for child in box.tables[name].of("application_id", row["id"]):
            box.tables[name].drop(child["id"])
    box.tables["applications"].drop(row["id"])


def told(row: Row) -> dict[str, Any]:
    return {"candidate": str(row["candidate_id"]), "application": str(row["id"]), "job": str(row["job_id"])}
