"""Records → what the mirror says of one person. Pure: the same records give the same image, whatever order they came in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from connector.applications import (
    Holdings,
    application_row,
    event_rows,
    first,
    interview_rows,
    own_region,
    region,
    stamped,
)
from connector.clock import stamp
from connector.facts import fold
from connector.model import Candidate, Interview, MemberStatus, Ref, StageVisit, TouchKind, User
from connector.settings import Words
from connector.store.mirror import Image
from connector.written import as_instant

#: How far a platform's own stamp may be from when we saw the answer to our write.
ECHO = timedelta(minutes=5)
_MAILABLE = {MemberStatus.SUBSCRIBED}
_YES = frozenset({"yes", "true", "1", "y"})
_NO = frozenset({"no", "false", "0", "n"})


def image(person: int, held: Holdings, words: Words) -> Image:
    applications = [application_row(it, held, words) for it in held.applications]
    people = sorted(held.candidates, key=_freshest, reverse=True)
    freshest = people[0]
    place = _place(people, words)
    fields = _fields(people)
    facts: dict[str, Any] = {
        **place,
        "time_zone": first([*(it.time_zone for it in people), *(it.time_zone for it in held.members)]),
        "open_to_remote": _yes_no(fields.get("open_to_remote", ())),
        "years_experience": _number(fields.get("years_experience", ())),
        "private": any(it.private for it in people),
        "employment": _employment(people, applications, held),
        "unsubscribed": _unsubscribed(people, held),
        **_consent(people, fields, held, words),
        "last_contacted": stamped(_last_contacted(held)),
        "last_activity": stamped(_latest(_activity(held))),
        "first_seen": stamped(_earliest(it.created_at for it in people)),
    }
    tags = {fold(tag) for it in people for tag in it.tags if (it.ref.account, it.ref.id, tag) not in held.our_tags}
    return Image(
        person=person,
        facts=facts,
        words={
            "tags": tags,
            "skills": _skills(people, fields, words),
            "functions": {row["function"] for row in applications if row["function"]},
            "pools": {fold(pool) for pool in fields.get("pool", ())},
            "sources": {row["source"] for row in applications if row["source"]},
            "accounts": {fold(it.ref.account) for it in people},
        },
        children={
            "applications": applications,
            "interviews": interview_rows(held, words),
            "person_events": event_rows(held),
        },
        name=" ".join(part for part in (freshest.first_name, freshest.last_name) if part),
        first_name=freshest.first_name,
        email=first(email for it in people for email in it.emails),
        recruiter=_recruiter(held),
        said=tuple(it.location for it in people if it.location),
    )


# a person


def _freshest(candidate: Candidate) -> tuple[str, str, str]:
    return (stamp(candidate.updated_at) if candidate.updated_at else "", candidate.ref.account, candidate.ref.id)


def _fields(people: Sequence[Candidate]) -> dict[str, tuple[str, ...]]:
    """Our name → values; the freshest record that has any speaks."""
    found: dict[str, tuple[str, ...]] = {}
    for candidate in people:
        for name, values in candidate.fields.items():
            if values:
                found.setdefault(name, values)
    return found


def _place(people: Sequence[Candidate], words: Words) -> dict[str, str | None]:
    fields = _fields(people)
    said = [*fields.get("region", ()), *fields.get("city", ()), *(it.location for it in people if it.location)]
    found = [words.vocabulary.places.find(text) for text in _located(people, fields, words)]
    known = next((it for it in found if it.town), None)
    country = first(map(words.vocabulary.places.country, fields.get("country", ())))
    country = country or (known.country if known else first(it.country for it in found))
    return {
        "region": own_region(said, words) or region([*([known.town or ""] if known else []), *said], words),
        "city": fold(known.town) if known and known.town else None,
        "country": fold(country) if country else None,
    }


def _located(people: Sequence[Candidate], fields: Mapping[str, tuple[str, ...]], words: Words) -> Iterator[str]:
    """Every text about where they live, the freshest first, each with what else is known of region and country."""
    places = words.vocabulary.places
    around = [text for name in ("region", "country") for text in fields.get(name, ()) if places.find(text).country]
    for text in (*fields.get("city", ()), *(it.location for it in people if it.location)):
        yield ", ".join([text, *around])
    yield ", ".join(around)


def _skills(people: Sequence[Candidate], fields: Mapping[str, tuple[str, ...]], words: Words) -> set[str]:
    """The skills field as it stands, and of the tags those that the vocabulary knows for skills."""
    vocabulary = words.vocabulary
    named = {fold(word) for skill, others in vocabulary.skills.items() for word in (skill, *others)}
    named |= {fold(word) for family, members in vocabulary.skill_families.items() for word in (family, *members)}
    stated = {part.strip() for value in fields.get("skills", ()) for part in value.split(",") if part.strip()}
    tagged = {tag for it in people for tag in it.tags if fold(tag) in named}
    return {vocabulary.canonical("skills", word) for word in stated | tagged}


def _yes_no(values: Sequence[str]) -> bool | None:
    said = {fold(value) for value in values}
    return True if said & _YES else False if said & _NO else None


def _number(values: Sequence[str]) -> float | None:
    for value in values:
        try:
            return float(value)
        except ValueError:
            continue
    return None


def _employment(people: Sequence[Candidate], applications: Sequence[Mapping[str, Any]], held: Holdings) -> str:
    refs = {it.ref for it in people} | {Ref(it.ref.account, "contact", it.group) for it in people if it.group}
    employee = any(it.employee for it in people) or bool(refs & held.employees)
    return "hired" if employee or any(row["status"] == "hired" for row in applications) else "none"


def _unsubscribed(people: Sequence[Candidate], held: Holdings) -> bool:
    said_no = any(it.can_email is False or it.contact_allowed is False for it in people)
    out = any(
        it.status in (MemberStatus.UNSUBSCRIBED, MemberStatus.CLEANED, MemberStatus.COMPLAINED) for it in held.members
    )
    return held.suppressed or said_no or out


def _consent(
    people: Sequence[Candidate], fields: Mapping[str, tuple[str, ...]], held: Holdings, words: Words
) -> dict[str, bool | str | None]:
    """Any no is a no. A yes is one that was given: in the ATS's own consent record, a field, or a confirmed sign-up.

    When it ends is kept beside it; whether it has ended is for the clock to say (`consent.expires`)."""
    stated = _yes_no(fields.get("consent", ()))
    allowed = [it.contact_allowed for it in people]
    signed_up = any(it.status in _MAILABLE and it.opted_in_at for it in held.members)
    ends = [it.contact_expires_at for it in people if it.contact_allowed and it.contact_expires_at]
    ends += [
        moment for text in fields.get("consent_expires", ()) if (moment := as_instant(text, words.vocabulary.zone))
    ]
    # a date until which they agreed is an agreement too
    yes: bool | None = True if stated or True in allowed or signed_up or ends else None
    if _unsubscribed(people, held) or stated is False:
        yes = False
    return {"consent.email": yes, "consent.expires": stamp(min(ends)) if ends else None}


def _last_contacted(held: Holdings) -> datetime | None:
    """Unknown unless we wrote ourselves or can see what others wrote: no trace is not a proof."""
    seen = [it.at for it in held.touches if it.outbound or it.kind is TouchKind.TOUCHPOINT]
    return _latest([*seen, held.messaged_at])


def _activity(held: Holdings) -> Iterable[datetime | None]:
    """The platforms' own idea of activity, unless that was us; and every step that somebody else took."""
    said = [it.last_activity_at for it in held.candidates] + [it.last_activity_at for it in held.applications]
    said += [it.at for it in held.touches if it.outbound is not None]
    yield from (moment for moment in said if moment and not _echo(moment, held.our_writes))
    yield from (it.created_at for it in held.candidates)
    for application in held.applications:
        yield application.applied_at
        yield application.decided_at
        for detail in held.details.get(application.ref, ()):
            if isinstance(detail, StageVisit):
                yield detail.entered_at
            if isinstance(detail, Interview):
                yield detail.completed_at


def _echo(moment: datetime, writes: Iterable[datetime]) -> bool:
    """Lever moves lastInteractionAt when we add a note (a millisecond later, recorded 2026-07); Greenhouse may as well."""
    return any(abs(moment - write) <= ECHO for write in writes)


def _latest(moments: Iterable[datetime | None]) -> datetime | None:
    return max((moment for moment in moments if moment), default=None)


def _earliest(moments: Iterable[datetime | None]) -> datetime | None:
    return min((moment for moment in moments if moment), default=None)


def _recruiter(held: Holdings) -> str | None:
    for application in sorted(
        held.applications, key=lambda it: stamp(it.applied_at) if it.applied_at else "", reverse=True
    ):
        user = held.reference.get(application.recruiter) if application.recruiter else None
        if isinstance(user, User) and user.email:
            return user.email
    return None
