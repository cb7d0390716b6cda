"""An invented hiring world, for sandboxes, tests and benchmarks: two employers' worth of believable histories.

Nothing here is a platform's shape. Each sandbox turns a `World` into its own rows. The same seed and clock give the
same world. Addresses are in example.org, names are drawn from short lists.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

STAGES = ("Application Review", "Phone Screen", "Onsite Interview", "Final Panel", "Offer")
#: Reason → who ended it: us, them.
REASONS = {
    "Stronger candidate chosen": "us",
    "Not enough experience": "us",
    "Position filled": "us",
    "Failed background check": "us",
    "Misconduct": "us",
    "Withdrew: took another job": "them",
    "Withdrew: salary": "them",
}
FIRST = tuple(
    "Amina Ben Chloe Dilan Eve Femi Grace Hugo Isla Jamal Keira Liam Maya Noor Owen Priya Quinn Rosa Sam Tomasz Uma "  # noqa: SIM905
    "Vera Will Xena Yusuf Zoe Aled Bronwen Callum Delia".split()
)
LAST = tuple(
    "Ahmed Brown Clarke Davies Evans Foster Green Hughes Iqbal Jones Khan Lewis Morgan Nowak Okafor Patel Quigley "  # noqa: SIM905
    "Roberts Singh Taylor Underwood Vaughan Walker Young Zhang Bennett Cooper Doyle Ellis Fraser".split()
)
CITIES = {
    "Manchester": "North West",
    "Liverpool": "North West",
    "Preston": "North West",
    "Leeds": "Yorkshire",
    "Sheffield": "Yorkshire",
    "London": "London",
    "Bristol": "South West",
    "Cardiff": "Wales",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    key: int
    title: str
    department: str
    city: str
    skills: tuple[str, ...]
    opened_at: datetime
    #: None: still open.
    closed_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One application. `stages` are indexes into STAGES with the moment each was entered, in order."""

    role: Role
    applied_at: datetime
    stages: tuple[tuple[int, datetime], ...]
    #: active, rejected, withdrawn, hired
    outcome: str
    decided_at: datetime | None
    #: A key of REASONS; only for rejected and withdrawn, and missing for some, as in real archives.
    reason: str | None
    #: One overall verdict an interviewer: 1 strong no … 4 strong yes.
    ratings: tuple[int, ...]
    #: None, open, accepted, declined
    offer: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    key: int
    first_name: str
    last_name: str
    #: None for some: imported long ago.
    email: str | None
    city: str
    skills: tuple[str, ...]
    #: Consent to be written to: yes, no, never asked. And until when a yes holds.
    may_email: bool | None
    consent_until: datetime | None
    #: Which ATS knows them: "software", "hospital" or both (each employer runs its own).
    employers: tuple[str, ...]
    #: Already in the audience: None, subscribed, unsubscribed, cleaned
    audience: str | None
    runs: tuple[Run, ...]
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    now: datetime
    roles: tuple[Role, ...]
    people: tuple[Person, ...]

    def of(self, employer: str) -> tuple[Person, ...]:
        return tuple(person for person in self.people if employer in person.employers)


_SHAPES = {
    "hospital": (
        ("Nursing", ("Theatre Nurse", "ICU Nurse", "Ward Nurse"), ("nursing", "icu", "theatre", "paediatrics")),
        ("Allied Health", ("Radiographer", "Physiotherapist"), ("radiography", "physiotherapy", "mri")),
    ),
    "software": (
        ("Engineering", ("Backend Engineer", "Platform Engineer", "API Engineer"), ("python", "go", "java", "sql")),
        ("Design", ("Product Designer",), ("figma", "research", "prototyping")),
    ),
}


#: The departments that hire, by the employer that has them unless said.
TRADES: Mapping[str, tuple[str, ...]] = {name: tuple(it[0] for it in shape) for name, shape in _SHAPES.items()}


def world(people: int, *, now: datetime, seed: int = 7, trade: str | None = None) -> World:
    """About a third get past the phone screen; about one in eight is a runner-up; some records are incomplete.

    `trade`: both employers hire for what one of them usually hires for."""
    dice = random.Random(seed)
    now = now.astimezone(UTC).replace(microsecond=0)
    roles = {employer: _roles(dice, employer, trade or employer, now) for employer in _SHAPES}
    made = tuple(_person(dice, key, roles, now) for key in range(1, people + 1))
    return World(now=now, roles=roles["hospital"] + roles["software"], people=made)


def _roles(dice: random.Random, employer: str, trade: str, now: datetime) -> tuple[Role, ...]:
    base = 100 if employer == "hospital" else 200
    found: list[Role] = []
    for department, titles, skills in _SHAPES[trade]:
        for title in titles:
            for turn in range(3):
                opened = now - timedelta(days=dice.randint(40, 300) + 300 * turn)
                closed = None if turn == 0 else opened + timedelta(days=dice.randint(60, 150))
                found.append(
                    Role(
                        key=base + len(found) + 1,
                        title=title,
                        department=department,
                        city=dice.choice(tuple(CITIES)),
                        skills=tuple(dice.sample(skills, 2)),
                        opened_at=opened,
                        closed_at=closed,
                    )
                )
    return tuple(found)


def _person(dice: random.Random, key: int, roles: dict[str, tuple[Role, ...]], now: datetime) -> Person:
    employers: tuple[str, ...] = ("hospital",) if dice.random() < 0.55 else ("software",)
    if dice.random() < 0.04:
        employers = ("hospital", "software")
    first, last = dice.choice(FIRST), dice.choice(LAST)
    runs = tuple(
        _run(dice, dice.choice(roles[employer]), now)
        for employer in employers
        for _ in range(dice.choices((1, 2, 3), (80, 16, 4))[0])
    )
    consent = dice.choices((True, False, None), (62, 8, 30))[0]
    skills = {skill for run in runs for skill in dice.sample(run.role.skills, dice.randint(0, 2))}
    return Person(
        key=key,
        first_name=first,
        last_name=last,
        email=f"{first}.{last}.{key}@example.org".lower() if dice.random() < 0.97 else None,
        city=dice.choice(tuple(CITIES)),
        skills=tuple(sorted(skills)),
        may_email=consent,
        consent_until=now + timedelta(days=dice.randint(20, 700)) if consent else None,
        employers=employers,
        audience=dice.choices((None, "subscribed", "unsubscribed", "cleaned"), (90, 6, 3, 1))[0],
        runs=runs,
        created_at=min(run.applied_at for run in runs),
    )


def _run(dice: random.Random, role: Role, now: datetime) -> Run:
    end = (role.closed_at or now) - timedelta(days=1)
    span = max((end - role.opened_at).days, 2)
    applied = role.opened_at + timedelta(days=dice.randint(0, span - 1), minutes=dice.randint(0, 1439))
    furthest = dice.choices(range(5), (46, 22, 18, 10, 4))[0]
    moments = [applied]
    for _ in range(furthest):
        moments.append(moments[-1] + timedelta(days=dice.randint(2, 9), hours=dice.randint(0, 9)))
    stages = tuple((index, moment) for index, moment in enumerate(moments) if moment < now)
    last = stages[-1][1]
    ratings = tuple(
        dice.choices((1, 2, 3, 4), (10, 25, 45, 20))[0] for index, _ in stages if index >= 1 and dice.random() < 0.9
    )
    decided = last + timedelta(days=dice.randint(1, 14))
    outcome = dice.choices(("rejected", "withdrawn", "hired"), (50, 10, 40) if furthest == 4 else (90, 10, 0))[0]
    if len(stages) < furthest + 1 or decided >= now or (role.closed_at is None and dice.random() < 0.15):
        outcome = "active"
    offer = (
        {"hired": "accepted", "withdrawn": "declined", "active": "open"}.get(outcome)
        if len(stages) == len(STAGES)
        else None
    )
    ended = [name for name, party in REASONS.items() if party == ("us" if outcome == "rejected" else "them")]
    weights = (55, 20, 17, 4, 4) if outcome == "rejected" else (60, 40)
    known = outcome in ("rejected", "withdrawn") and dice.random() < 0.93
    return Run(
        role=role,
        applied_at=applied,
        stages=stages,
        outcome=outcome,
        decided_at=None if outcome == "active" else decided,
        reason=dice.choices(ended, weights)[0] if known else None,
        ratings=ratings,
        offer=offer,
    )


__all__ = ["CITIES", "REASONS", "STAGES", "TRADES", "Person", "Role", "Run", "World", "world"]
