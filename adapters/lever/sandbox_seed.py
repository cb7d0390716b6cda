"""A `World`'s software employer as Lever rows, and rows given natively."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from adapters.lever.sandbox_rows import (
    HIRED,
    RECRUITERS,
    SERVICE_USER,
    VERDICTS,
    application,
    interview,
    ms,
    offer,
    opportunity,
    scorecard,
    user,
)
from adapters.lever.sandbox_store import CHILDREN, Row, Store, fresh_id
from connector.world import CITIES, REASONS, STAGES, Person, Role, Run, World

_SOURCES = ("Careers page", "Referral", "LinkedIn", "Job board")
_PIPELINES = ("applicant", "screen", "onsite", "onsite", "offer")
_RANKS = (101, 201, 231, 245.5, 261)
STAGE_IDS = ("applicant-new", fresh_id("stage", 1), fresh_id("stage", 2), fresh_id("stage", 3), "offer")
_OFFERS = {"accepted": "signed", "declined": "denied", "open": "sent"}
#: Whoever was last touched longer ago than this is like an old import: updatedAt is null.
_FORGOTTEN = timedelta(days=120)


def seed(store: Store, world: World) -> None:
    store.stages.extend(
        {"id": STAGE_IDS[n], "text": text, "pipeline": _PIPELINES[n], "rank": _RANKS[n], "hasInterview": 0 < n < 4}
        for n, text in enumerate(STAGES)
    )
    store.reasons.extend(
        {"id": fresh_id("reason", text), "text": text, "status": "active", "type": "non-hired"} for text in REASONS
    )
    store.reasons.append({"id": HIRED, "text": "Hired", "status": "active", "type": "hired"})
    people = world.of("software")
    for role in world.roles:
        if role.key >= 200:
            store.postings[fresh_id("posting", role.key)] = _posting(role)
    store.users.extend(_users(people, world.now))
    rows = [_opportunity(store, person, n, run, world.now) for person in people for n, run in _runs(person)]
    store.put_many(rows)


def _runs(person: Person) -> list[tuple[int, Run]]:
    return [(n, run) for n, run in enumerate(person.runs) if run.role.key >= 200]


def _users(people: tuple[Person, ...], now: datetime) -> list[Row]:
    users = [user(SERVICE_USER, "Keepwarm Service", "keepwarm", ms(now), role="interviewer")]
    users += [user(id, f"Recruiter {n}", f"recruiter{n}", ms(now)) for n, id in enumerate(RECRUITERS)]
    hired = [person for person in people if any(run.outcome == "hired" for _, run in _runs(person))]
    for person in hired[:5]:
        colleague = user(fresh_id("user", "hired", person.key), person.first_name, f"hired{person.key}", ms(now))
        users.append(colleague | {"linkedContactIds": [fresh_id("contact", person.key)]})
    return users


def _posting(role: Role) -> Row:
    id = fresh_id("posting", role.key)
    return {
        "id": id,
        "text": role.title,
        "state": "published" if role.closed_at is None else "closed",
        "distributionChannels": ["public"] if role.closed_at is None else None,
        "user": RECRUITERS[0],
        "owner": RECRUITERS[role.key % 4],
        "hiringManager": None,
        "categories": {
            "team": role.department,
            "department": role.department,
            "location": role.city,
            "allLocations": [role.city],
            "commitment": "Full-time",
            "level": None,
        },
        "tags": list(role.skills),
        "content": {"description": f"Work as {role.title}.", "descriptionHtml": "", "lists": [], "closing": ""},
        "country": "GB",
        "followers": [],
        "reqCode": None,
        "requisitionCodes": [],
        "urls": {"show": f"https://jobs.example.com/{id}"},
        "confidentiality": "non-confidential",
        "createdAt": ms(role.opened_at),
        "updatedAt": ms(role.closed_at or role.opened_at),
        "workplaceType": "unspecified",
    }


def _opportunity(store: Store, person: Person, n: int, run: Run, now: datetime) -> Row:
    id = fresh_id("opportunity", person.key, n)
    last = run.decided_at or run.stages[-1][1]
    reason = HIRED if run.outcome == "hired" else fresh_id("reason", run.reason) if run.reason else None
    archived = None if run.decided_at is None else {"reason": reason, "archivedAt": ms(run.decided_at)}
    consent = None
    if person.may_email is not None:
        ends = ms(person.consent_until) if person.consent_until else None
        consent = {
            "store": {"allowed": True, "expiresAt": ends},
            "contact": {"allowed": person.may_email, "expiresAt": ends},
        }
    store.applications[id] = application(id, fresh_id("posting", run.role.key), ms(run.applied_at), archived)
    store.deriving.add(id)
    store.unmade[id] = partial(_children, id, run)
    return opportunity(
        id,
        contact=fresh_id("contact", person.key),
        name=f"{person.first_name} {person.last_name}",
        emails=[person.email] if person.email else [],
        location=person.city,
        stage=STAGE_IDS[run.stages[-1][0]],
        changes=[(STAGE_IDS[stage], stage + 3, ms(moment)) for stage, moment in run.stages],
        archived=archived,
        tags=[f"region:{CITIES[person.city]}", *(f"skill:{skill}" for skill in person.skills)],
        source=_SOURCES[person.key % 4],
        owner=RECRUITERS[person.key % 4],
        made=ms(run.applied_at),
        touched=None if now - last > _FORGOTTEN else ms(last),
        seen=ms(last),
        consent=consent,
    )


def _children(id: str, run: Run) -> Mapping[str, list[Row]]:
    feedback: list[Row] = []
    interviews: list[Row] = []
    for n, rating in enumerate(run.ratings):
        stage, entered = run.stages[min(n + 1, len(run.stages) - 1)]
        held = ms(entered + timedelta(days=1))
        interviews.append(interview(fresh_id("interview", id, n), id, STAGE_IDS[stage], held, held - 86_400_000))
        feedback.append(scorecard(fresh_id("feedback", id, n), VERDICTS[rating], held + 3_600_000))
    offers = []
    if run.offer:
        posting = fresh_id("posting", run.role.key)
        moment = ms(run.decided_at or run.stages[-1][1])
        offers.append(offer(fresh_id("offer", id), posting, _OFFERS[run.offer], moment))
    return {"feedback": feedback, "interviews": interviews, "offers": offers, "notes": []}


def load(store: Store, stream: str, data: Any) -> bool:
    """Take one native row; False for streams that this sandbox does not serve."""
    taker = _TAKERS.get(stream)
    if taker is None:
        return False
    if stream in CHILDREN and not data.get("opportunityId"):
        return False
    taker(store, data)
    return True


def _take_application(store: Store, data: Row) -> None:
    store.applications[data["opportunityId"]] = data


def _take_child(stream: str, store: Store, data: Row) -> None:
    store.below(data["opportunityId"], stream).append(data)


_TAKERS: dict[str, Callable[[Store, Any], None]] = {
    "opportunities": lambda store, data: store.put(data),
    "applications": _take_application,
    "stages": lambda store, data: _upsert(store.stages, data),
    "archive_reasons": lambda store, data: _upsert(store.reasons, data),
    "users": lambda store, data: _upsert(store.users, data),
    "postings": lambda store, data: store.postings.__setitem__(data["id"], data),
    **{stream: partial(_take_child, stream) for stream in CHILDREN},
}


def _upsert(rows: list[Row], data: Row) -> None:
    rows[:] = [row for row in rows if row["id"] != data["id"]] + [data]
