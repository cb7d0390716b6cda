"""What happens to jobs inside the sandbox: created, approved, published, closed, deleted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from adapters.greenhouse.sandbox_seed import PRIVATE_TEXT
from adapters.greenhouse.sandbox_tables import Row
from connector.world import STAGES

if TYPE_CHECKING:
    from adapters.greenhouse.sandbox import GreenhouseSandbox

Asked = Mapping[str, Any]


def job(box: GreenhouseSandbox, asked: Asked) -> Mapping[str, Any]:
    """`event`: created, approved, published, closed or deleted. Without `job` a new one is created first."""
    event = asked.get("event", "created")
    row = box.tables["jobs"].rows[int(asked["job"])] if asked.get("job") else _created(box, asked)
    if event != "created":
        if event not in _EVENTS:
            raise LookupError(f"job event {event}; known: created, {', '.join(_EVENTS)}")
        _EVENTS[event](box, row)
    return {"job": str(row["id"])}


def _created(box: GreenhouseSandbox, asked: Asked) -> Row:
    departments, offices = box.tables["departments"].rows, box.tables["offices"].rows
    department = next((key for key, row in departments.items() if row["name"] == asked.get("department")), None)
    office = next((key for key, row in offices.items() if row.get("location") == asked.get("city")), None)
    row = box.put(
        "jobs",
        {
            "name": asked.get("title", "Theatre Nurse"),
            "status": "draft",
            "department_id": department or next(iter(departments), None),
            "office_ids": [office or next(iter(offices))] if offices else [],
            "confidential": bool(asked.get("confidential")),
            "is_template": False,
            "notes": PRIVATE_TEXT,
            "custom_fields": dict(asked.get("custom_fields") or {}),
        },
    )
    for order, name in enumerate(STAGES):
        box.put("job_interview_stages", {"job_id": row["id"], "name": name, "sort_order": order, "active": True})
    box.put("openings", {"job_id": row["id"], "open": True, "opening_id": None, "sort_order": 1})
    box.sender.job("job_created", row)
    return row


def _approved(box: GreenhouseSandbox, row: Row) -> None:
    now = box.now()
    row = box.change("jobs", row["id"], status="open", opened_at=now)
    for seat in box.tables["openings"].of("job_id", row["id"]):
        box.change("openings", seat["id"], opened_at=now)
    box.sender.job("job_approved", row, approval_flow={"approval_flow_type": "open_job"})


def _published(box: GreenhouseSandbox, row: Row) -> None:
    post = {"job_id": row["id"], "title": row["name"], "active": True, "live": True, "internal": False}
    made = box.put("job_posts", post | {"first_published_at": box.now(), "content": PRIVATE_TEXT, "questions": []})
    box.sender.post("job_post_created", made)


def _closed(box: GreenhouseSandbox, row: Row) -> None:
    row = box.change("jobs", row["id"], status="closed", closed_at=box.now())
    for post in box.tables["job_posts"].of("job_id", row["id"]):
        box.sender.post("job_post_updated", box.change("job_posts", post["id"], live=False))
    box.sender.job("job_updated", row)


def _deleted(box: GreenhouseSandbox, row: Row) -> None:
    for name in ("job_interview_stages", "job_posts", "openings"):
        for child in box.tables[name].of("job_id", row["id"]):
            box.tables[name].drop(child["id"])
    box.tables["jobs"].drop(row["id"])
    box.sender.send("job_deleted", {"job": {"id": row["id"], "name": row["name"]}})


_EVENTS: dict[str, Callable[[GreenhouseSandbox, Row], None]] = {
    "approved": _approved,
    "published": _published,
    "closed": _closed,
    "deleted": _deleted,
}
