"""An invented world's hospital, as Greenhouse would hold it."""

from __future__ import annotations

import gc
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from adapters.greenhouse.sandbox_query import stamp
from adapters.greenhouse.sandbox_tables import FIRST_ID
from connector.world import CITIES, REASONS, STAGES, Person, Role, Run, World

if TYPE_CHECKING:
    from adapters.greenhouse.sandbox import GreenhouseSandbox

TYPES = {
    "us": {"id": 1, "key": "WE_REJECTED_THEM", "name": "We rejected them"},
    "them": {"id": 2, "key": "THEY_REJECTED_US", "name": "They rejected us"},
    "none": {"id": 3, "key": "NONE_SPECIFIED", "name": "None specified"},
}
#: Built in, and therefore left out unless asked for by `include_defaults`.
DEFAULTS = ("Position filled", "Withdrew: salary")
SOURCES = {"Jobs page on your website": "Company marketing", "Referral": "Referral", "Job fair": "In person event"}
RECRUITERS = ("Ada Recruiter", "Bo Recruiter", "Cy Recruiter")
RATINGS = ("strong_no", "no", "yes", "strong_yes")
OFFERS = {"open": "Created", "accepted": "Accepted", "declined": "Rejected"}
DAY = timedelta(days=1)
#: Text that only a careless `fields=` would let out; tests look for it.
PRIVATE_TEXT = "PRIVATE-TEXT never to leave the platform"


def seed(box: GreenhouseSandbox, world: World) -> None:
    # hundreds of thousands of rows that all stay: looking for garbage among them takes longer than making them
    gc.disable()
    try:
        _plant(box, world)
    finally:
        gc.enable()


def _plant(box: GreenhouseSandbox, world: World) -> None:
    planted = _Planted(box, world.now)
    # each employer's roles have a hundred keys of their own: the hospital's begin at 100
    roles = {role.key: role for role in world.roles if role.key < 200}
    for role in roles.values():
        planted.role(role)
    for person in world.of("hospital"):
        planted.person(person, [run for run in person.runs if run.role.key in roles])


class _Planted:
    def __init__(self, box: GreenhouseSandbox, now: datetime) -> None:
        self._box, self._now = box, now
        self._long_ago = stamp(now - 900 * DAY)
        self._departments: dict[str, int] = {}
        self._offices: dict[str, int] = {}
        self._jobs: dict[int, int] = {}
        self._stages: dict[tuple[int, int], int] = {}
        old = {"created_at": self._long_ago, "updated_at": self._long_ago}
        self._old = old
        self._reasons = {
            name: self._put("rejection_reasons", name=name, type=TYPES[party], default=name in DEFAULTS)
            for name, party in REASONS.items()
        }
        self._sources = [
            self._put("sources", name=name, type={"id": place, "name": kind})
            for place, (name, kind) in enumerate(SOURCES.items(), start=1)
        ]
        self._recruiters = [self._user(name) for name in RECRUITERS]
        self._put("users", name="Integration", primary_email="", deactivated=False, linked_candidate_ids=[])

    def _put(self, table: str, **columns: Any) -> int:
        into = self._box.tables[table]
        key = into.next_id()
        into.put({"id": key, **self._old, **columns})
        return key

    def _user(self, name: str) -> int:
        first, last = name.split()
        return self._put(
            "users",
            first_name=first,
            last_name=last,
            name=name,
            primary_email=f"{first}@hospital.example.com".lower(),
            deactivated=False,
            site_admin=False,
            linked_candidate_ids=[],
        )

    def role(self, role: Role) -> None:
        if role.department not in self._departments:
            self._departments[role.department] = self._put("departments", name=role.department)
        if role.city not in self._offices:
            self._offices[role.city] = self._put("offices", name=f"{role.city} Infirmary", location=role.city)
        opened = stamp(role.opened_at)
        closed = stamp(role.closed_at) if role.closed_at else None
        when = {"created_at": opened, "updated_at": closed or opened}
        job = self._put(
            "jobs",
            name=role.title,
            requisition_id=f"R-{role.key}",
            status="closed" if closed else "open",
            opened_at=opened,
            closed_at=closed,
            department_id=self._departments[role.department],
            office_ids=[self._offices[role.city]],
            confidential=False,
            is_template=False,
            notes=PRIVATE_TEXT,
            custom_fields={"skills": _multi("Skills", role.skills), "city": _short("City", role.city)},
            **when,
        )
        self._jobs[role.key] = job
        for order, name in enumerate(STAGES):
            self._stages[role.key, order] = self._put(
                "job_interview_stages", job_id=job, name=name, sort_order=order, active=True, **when
            )
        self._put(
            "job_posts",
            job_id=job,
            title=role.title,
            active=True,
            live=not closed,
            internal=False,
            featured=False,
            first_published_at=opened,
            content=PRIVATE_TEXT,
            questions=[],
            **when,
        )
        seat = {"open": not closed, "opened_at": opened, "closed_at": closed, "opening_id": f"R-{role.key}-1"}
        self._put("openings", job_id=job, sort_order=1, **seat, **when)

    def person(self, person: Person, runs: list[Run]) -> None:
        last = max((moment for run in runs for moment in _moments(run)), default=person.created_at)
        custom = {
            "city": _short("City", person.city),
            "region": _short("Region", CITIES[person.city]),
            "skills": _multi("Skills", person.skills),
            "consent_until": {
                "name": "Consent until",
                "type": "date",
                "value": person.consent_until.date().isoformat() if person.consent_until else None,
            },
        }
        table = self._box.tables["candidates"]
        key = FIRST_ID + table.offset + person.key
        table.put(
            {
                "id": key,
                "created_at": stamp(person.created_at),
                "updated_at": stamp(last),
                "first_name": person.first_name,
                "last_name": person.last_name,
                "title": runs[0].role.title if runs else None,
                "last_activity_at": stamp(last),
                "private": person.key % 97 == 0,
                "can_email": bool(person.may_email),
                "time_zone": "London",
                "tags": [],
                "linked_user_ids": [],
                "phone_numbers": [],
                "addresses": [{"value": person.city, "type": "home"}],
                "email_addresses": [{"value": person.email, "type": "personal"}] if person.email else [],
                "website_addresses": [],
                "social_media_addresses": [],
                "custom_fields": custom,
            }
        )
        for run in runs:
            self._run(key, run)

    def _run(self, candidate: int, run: Run) -> None:
        moments = _moments(run)
        active = run.outcome == "active"
        rejected = run.outcome in ("rejected", "withdrawn")
        reason = self._reasons[run.reason] if run.reason else None
        decided = stamp(run.decided_at) if run.decided_at else None
        job = self._jobs[run.role.key]
        application = self._put(
            "applications",
            created_at=stamp(run.applied_at),
            updated_at=stamp(max(moments)),
            candidate_id=candidate,
            job_id=job,
            status="in_process" if active else "rejected" if rejected else "hired",
            prospect=False,
            job_interview_stage_id=self._stages[run.role.key, run.stages[-1][0]] if active else None,
            stage_name=STAGES[run.stages[-1][0]] if active else None,
            rejected_at=decided if rejected else None,
            rejection_reason_id=reason if rejected else None,
            last_activity_at=stamp(max(moments)),
            source_id=self._sources[candidate % len(self._sources)],
            recruiter_id=self._recruiters[run.role.key % len(self._recruiters)],
            answers=[{"question": "Why us?", "answer": PRIVATE_TEXT}],
            prospective_job_ids=[],
        )
        if rejected:
            detail = {"rejection_reason_id": reason, "rejected_at": decided, "created_at": decided}
            self._put("rejection_details", application_id=application, **detail, updated_at=decided)
        self._history(application, job, run)
        self._offer(application, candidate, job, run)

    def _history(self, application: int, job: int, run: Run) -> None:
        ratings = list(run.ratings)
        recruiter = self._recruiters[run.role.key % len(self._recruiters)]
        for place, (order, entered) in enumerate(run.stages):
            left = run.stages[place + 1][1] if place + 1 < len(run.stages) else run.decided_at
            self._put(
                "application_stages",
                application_id=application,
                job_interview_stage_id=self._stages[run.role.key, order],
                entered_at=stamp(entered),
                exited_at=stamp(left) if left else None,
                days_in_stage=((left or self._now) - entered).days,
                current=left is None,
                created_at=stamp(entered),
                updated_at=stamp(left or entered),
            )
            if order:
                self._meeting(application, job, entered, left, recruiter, ratings.pop(0) if ratings else None)
        mail = {"email_from": "recruiting@hospital.example.com", "subject": PRIVATE_TEXT, "body": PRIVATE_TEXT}
        when = stamp(run.stages[-1][1])
        self._put(
            "notes",
            application_id=application,
            candidate_id=self._box.tables["applications"].rows[application]["candidate_id"],
            user_id=recruiter,
            type="EMAIL",
            visibility="publicly_visible",
            created_at=when,
            updated_at=when,
            **mail,
        )

    def _meeting(
        self, application: int, job: int, entered: datetime, left: datetime | None, recruiter: int, rating: int | None
    ) -> None:
        """The interview of one stage, and what one interviewer thought."""
        starts = min(entered + DAY, left) if left else entered + DAY
        held = starts < self._now
        when = {"created_at": stamp(entered), "updated_at": stamp(starts if held else entered)}
        self._put(
            "interviews",
            application_id=application,
            job_id=job,
            status="complete" if held else "scheduled",
            starts_at=stamp(starts),
            ends_at=stamp(starts + timedelta(minutes=45)),
            video_conferencing_url="https://meet.example.com/secret",
            **when,
        )
        if rating and held:
            self._put(
                "scorecards",
                application_id=application,
                interviewer_id=recruiter,
                submitter_id=recruiter,
                status="complete",
                candidate_rating=RATINGS[rating - 1],
                interviewed_at=stamp(starts),
                submitted_at=stamp(starts),
                notes=PRIVATE_TEXT,
                public_notes=PRIVATE_TEXT,
                private_notes=PRIVATE_TEXT,
                **when,
            )

    def _offer(self, application: int, candidate: int, job: int, run: Run) -> None:
        if not run.offer:
            return
        made = run.stages[-1][1]
        resolved = stamp(run.decided_at) if run.decided_at and run.offer != "open" else None
        common = {
            "application_id": application,
            "candidate_id": candidate,
            "job_id": job,
            "sent_on": made.date().isoformat(),
            "custom_fields": {"salary": {"name": "Salary", "type": "currency", "value": {"amount": 1, "unit": "GBP"}}},
            "created_at": stamp(made),
        }
        again = application % 3 == 0
        if again:
            self._put("offers", version=1, status="Deprecated", updated_at=stamp(made), **common)
        status = {"version": 1 + again, "status": OFFERS[run.offer], "resolved_at": resolved}
        self._put("offers", **status, updated_at=resolved or stamp(made), **common)


def _moments(run: Run) -> list[datetime]:
    return [moment for _, moment in run.stages] + ([run.decided_at] if run.decided_at else [])


def _short(name: str, value: str) -> dict[str, Any]:
    return {"name": name, "type": "short_text", "value": value}


def _multi(name: str, values: tuple[str, ...]) -> dict[str, Any]:
    return {"name": name, "type": "multi_select", "value": list(values)}
