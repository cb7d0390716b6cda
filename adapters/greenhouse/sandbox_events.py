"""Webhook bodies as documented, in v1's words, escaped and signed as Greenhouse does."""

from __future__ import annotations

import hashlib
import hmac
import json
import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from adapters.greenhouse.sandbox_tables import Row

if TYPE_CHECKING:
    from adapters.greenhouse.sandbox import GreenhouseSandbox

#: v3 → webhook. Prospect and converted applications have no word of their own here.
STATUS = {"in_process": "active", "rejected": "rejected", "hired": "hired", "converted": "active"}
#: These never leave the body unescaped.
ESCAPES = {ord("<"): "\\u003c", ord(">"): "\\u003e", ord("&"): "\\u0026"}


class Sender:
    def __init__(self, box: GreenhouseSandbox) -> None:
        self._box = box

    def send(self, action: str, payload: Any) -> None:
        number, name = self._box.organization
        envelope = {"action": action, "payload": payload, "organization_id": number, "organization_name": name}
        body = json.dumps(envelope, separators=(",", ":")).translate(ESCAPES).encode()
        first = str(uuid.uuid4())

        def sign(secret: str, attempt: int) -> tuple[Mapping[str, str], bytes]:
            digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
            headers = {
                "Content-Type": "application/json",
                "Greenhouse-Event-ID": first if self._box.event_id_repeats else str(uuid.uuid4()),
                "Signature": f"sha256 {digest}",
            }
            return headers, body

        self._box.harness.send(action, sign)

    def application(self, action: str, row: Row, **more: Any) -> None:
        self.send(action, {"application": self._application(row) | more})

    def hire(self, row: Row) -> None:
        """This one lacks status, dates and stage, and the candidate's tags; it has the offer and a deprecated job."""
        body = self._application(row)
        for key in ("status", "applied_at", "rejected_at", "prospect", "current_stage", "last_activity_at"):
            del body[key]
        for key in ("tags", "company", "created_at"):
            del body["candidate"][key]
        for job in body["jobs"]:
            del job["status"]
        offers = [
            offer
            for offer in self._box.tables["offers"].of("application_id", row["id"])
            if offer["status"] != "Deprecated"
        ]
        last = offers[-1] if offers else {}
        offer = {
            key: last.get(column)
            for key, column in {
                "id": "id",
                "version": "version",
                "created_at": "created_at",
                "sent_at": "sent_on",
                "resolved_at": "resolved_at",
                "starts_at": "starts_on",
            }.items()
        }
        jobs = body["jobs"]
        self.send("hire_candidate", {"application": body | {"offer": offer, "job": jobs[0] if jobs else None}})

    def candidate(self, action: str, row: Row) -> None:
        """update_candidate: as inside an application, without is_private and can_email."""
        body = self._candidate(row)
        del body["is_private"], body["can_email"]
        self.send(action, {"candidate": body})

    def offer(self, action: str, row: Row) -> None:
        starts = row.get("starts_on")
        self.send(
            action,
            {
                "id": row["id"],
                "application_id": row["application_id"],
                "job_id": row["job_id"],
                "user_id": None,
                "version": row["version"],
                "sent_on": row.get("sent_on"),
                "resolved_at": row.get("resolved_at"),
                "start_date": datetime.fromisoformat(starts).strftime("%m/%d/%Y") if starts else None,
                "notes": None,
                "offer_status": row["status"],
                "custom_fields": {},
            },
        )

    def job(self, action: str, row: Row, **more: Any) -> None:
        openings = self._box.tables["openings"].of("job_id", row["id"])
        body = self._job(row) | {
            "hiring_team": {"hiring_managers": [], "sourcers": [], "recruiters": [], "coordinators": []},
            "openings": [
                {"id": one["id"], "opening_id": one.get("opening_id"), "custom_fields": []} for one in openings
            ],
        }
        self.send(action, {**more, "job": body})

    def post(self, action: str, row: Row) -> None:
        self.send(
            action,
            {
                "id": row["id"],
                "title": row["title"],
                "location": "",
                "content": "<p>Come & work with us</p>",
                "internal_content": None,
                "updated_at": row["updated_at"],
                "job_id": row["job_id"],
                "external": True,
                "internal": False,
                "live": row["live"],
                "questions": [],
            },
        )

    def person(self, action: str, row: Row, **more: Any) -> None:
        body = {
            "id": row["id"],
            "first_name": row.get("first_name"),
            "last_name": row.get("last_name"),
            "company": row.get("company"),
            "title": row.get("title"),
            "created_at": row["created_at"],
            "headline": None,
            "is_private": bool(row.get("private")),
            "recruiter_user_id": None,
            "coordinator_user_id": None,
            "can_email": row["can_email"],
        }
        self.send(action, {"person": body | more})

    def ping(self) -> None:
        now = self._box.now()
        self.send(
            "ping",
            {
                "web_hook_id": 4_000_000_003,
                "endpoint_url": "https://keepwarm.example.org/webhooks/acme",
                "created_at": now,
                "updated_at": now,
                "name": "Keepwarm",
                "event": "Candidate or Prospect rejected",
                "active": True,
                "content-type": "application/json",
            },
        )

    def _application(self, row: Row) -> dict[str, Any]:
        rows = {name: table.rows for name, table in self._box.tables.items()}
        source, reason = rows["sources"].get(row.get("source_id") or 0), None
        details = self._box.tables["rejection_details"].of("application_id", row["id"])
        if row["status"] == "rejected" and details and details[-1].get("rejection_reason_id"):
            found = rows["rejection_reasons"][details[-1]["rejection_reason_id"]]
            kind = {"id": found["type"]["id"], "name": found["type"]["name"]}
            reason = {"id": found["id"], "name": found["name"], "type": kind}
        stage = rows["job_interview_stages"].get(row.get("job_interview_stage_id") or 0)
        job = rows["jobs"].get(row.get("job_id") or 0)
        candidate = rows["candidates"][row["candidate_id"]]
        return {
            "id": row["id"],
            "rejected_at": row.get("rejected_at"),
            "prospect": row["prospect"],
            "status": STATUS[row["status"]],
            "applied_at": row["created_at"],
            "last_activity_at": row.get("last_activity_at"),
            "url": f"https://app.greenhouse.io/people/{row['candidate_id']}?application_id={row['id']}",
            "source": {"id": source["id"], "public_name": source["name"]} if source else None,
            "credited_to": None,
            "rejection_reason": reason,
            "rejection_details": {"custom_fields": {}} if reason else None,
            "current_stage": {"id": stage["id"], "name": stage["name"], "interviews": []} if stage else None,
            "custom_fields": {},
            "candidate": self._candidate(candidate, row.get("recruiter_id")),
            "jobs": [self._job(job)] if job else [],
        }

    def _candidate(self, row: Row, recruiter: int | None = None) -> dict[str, Any]:
        user = self._box.tables["users"].rows.get(recruiter or 0)
        return {
            "id": row["id"],
            "first_name": row.get("first_name"),
            "last_name": row.get("last_name"),
            "title": row.get("title"),
            "company": row.get("company"),
            "created_at": row["created_at"],
            "external_id": None,
            "photo_url": None,
            "url": f"https://app.greenhouse.io/people/{row['id']}",
            "is_private": bool(row.get("private")),
            "can_email": row["can_email"],
            "phone_numbers": row.get("phone_numbers") or [],
            "email_addresses": row["email_addresses"],
            "addresses": row.get("addresses") or [],
            "website_addresses": [],
            "social_media_addresses": [],
            "educations": [],
            "employments": [],
            "recruiter": {"id": user["id"], "email": user["primary_email"], "name": user["name"], "employee_id": None}
            if user
            else None,
            "coordinator": None,
            "attachments": [],
            "tags": list(row["tags"]),
            "custom_fields": row.get("custom_fields") or {},
        }

    def _job(self, row: Row) -> dict[str, Any]:
        rows = {name: table.rows for name, table in self._box.tables.items()}
        department = rows["departments"].get(row.get("department_id") or 0)
        offices = [rows["offices"][key] for key in row.get("office_ids") or []]
        posts = self._box.tables["job_posts"].of("job_id", row["id"])
        return {
            "id": row["id"],
            "name": row["name"],
            "requisition_id": row.get("requisition_id"),
            "notes": None,
            "confidential": row["confidential"],
            "job_post_id": posts[-1]["id"] if posts else None,
            "status": row["status"],
            "created_by_id": None,
            "created_at": row["created_at"],
            "opened_at": row.get("opened_at"),
            "closed_at": row.get("closed_at"),
            "departments": [{"id": department["id"], "name": department["name"], "external_id": None}]
            if department
            else [],
            "offices": [
                {"id": one["id"], "name": one["name"], "location": one.get("location"), "external_id": None}
                for one in offices
            ],
            "custom_fields": row.get("custom_fields") or {},
        }
