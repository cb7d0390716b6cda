"""Invented people in numbers: as records, as mirror images and as the facts a judge reads. The same seed, the same people."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from connector.clock import stamp
from connector.model import AnyRecord, Application, Candidate, Ref, Scorecard, StageVisit, Status
from connector.rules import RuleSet, Vocabulary, load
from connector.store import Sqlite
from connector.store.mirror import Image

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
STAGES = ("applied", "phone_screen", "onsite", "final", "offer")
REASONS = ("other_candidate", "position_filled", "misconduct", "failed_background_check")
REGIONS = ("North West", "Yorkshire", "Wales", "London", "South West")
TRADES = {
    "nursing": ("icu", "theatre", "paediatrics", "wards"),
    "engineering": ("python", "go", "java", "sql"),
    "design": ("figma", "research"),
}
VOCABULARY = Vocabulary(
    stages=STAGES,
    reasons=REASONS,
    skills={skill: () for skills in TRADES.values() for skill in skills},
    functions=dict.fromkeys(TRADES, ()),
    regions=dict.fromkeys(REGIONS, ()),
    zone=ZoneInfo("Europe/London"),
)


def rules() -> RuleSet:
    path = Path(__file__).with_name("rules20.yaml")
    found = load({path.name: path.read_text(encoding="utf-8")}, VOCABULARY)
    assert not found.problems, found.problems
    assert len(found.standing) == 20
    return found


def images(count: int, *, seed: int = 11) -> Iterator[Image]:
    dice = random.Random(seed)
    for person in range(1, count + 1):
        yield _image(dice, person)


def facts_of(image: Image) -> dict[str, Any]:
    """What `mirror.facts_of` would give."""
    words = {fact: frozenset(words) for fact, words in image.words.items()}
    lists = {"applications": list(image.children["applications"]), "interviews": [], "messages": [], "events": []}
    return {**image.facts, **words, **lists}


def fill(store: Sqlite, count: int) -> None:
    """The mirror, as if everyone had been pulled and built."""
    made = images(count)
    while batch := list(islice(made, 500)):
        store.write(lambda tx, put=batch: tx.mirror.put(put))  # type: ignore[misc]
    store.write(lambda tx: tx.mirror.judged(range(1, count + 1)))


def records(people: int, *, seed: int = 12) -> Iterator[AnyRecord]:
    """Nine of each person: a candidate, two applications, and the evidence of how far they came."""
    dice = random.Random(seed)
    for number in range(people):
        candidate = Ref("hospital", "candidate", str(4_000_000 + number))
        yield Candidate(
            ref=candidate, updated_at=_ago(dice, 700), first_name="Sam", last_name=f"Field{number}",
            emails=(f"sam.field{number}@example.org",), location=dice.choice(REGIONS), tags=("met-at-fair", "rn"),
            created_at=_ago(dice, 900), last_activity_at=_ago(dice, 700), url=f"https://app.example.org/people/{number}",
            fields={"skills": tuple(dice.sample(TRADES["nursing"], 2)), "region": (dice.choice(REGIONS),)},
        )  # fmt: skip
        for turn in range(2):
            application = Ref("hospital", "application", f"{5_000_000 + number}-{turn}")
            yield Application(
                ref=application, candidate=candidate, status=Status.REJECTED, job=Ref("hospital", "job", "104"),
                updated_at=_ago(dice, 700), applied_at=_ago(dice, 700), decided_at=_ago(dice, 600),
                reason=Ref("hospital", "reason", "7"), source=Ref("hospital", "source", "3"),
                recruiter=Ref("hospital", "user", "9"), last_activity_at=_ago(dice, 600),
            )  # fmt: skip
            for stage in range(2):
                ref = Ref("hospital", "stage_visit", f"{application.id}-{stage}")
                at = Ref("hospital", "stage", str(stage))
                yield StageVisit(ref=ref, application=application, stage=at, entered_at=_ago(dice, 600), updated_at=NOW)
            yield Scorecard(
                ref=Ref("hospital", "scorecard", application.id), application=application, rating="yes",
                submitted_at=_ago(dice, 600), updated_at=_ago(dice, 600),
            )  # fmt: skip


def _ago(dice: random.Random, most_days: int) -> datetime:
    return NOW - timedelta(seconds=dice.randint(60, most_days * 86_400))


def _image(dice: random.Random, person: int) -> Image:
    trade = dice.choice(tuple(TRADES))
    applications = [_application(dice, person, number, trade) for number in range(dice.choice((1, 1, 1, 2, 2, 3)))]
    facts = {
        "region": dice.choice(REGIONS).casefold(),
        "country": "gb",
        "city": "town",
        "time_zone": "Europe/London",
        "open_to_remote": dice.random() < 0.4,
        "unsubscribed": dice.random() < 0.05,
        "consent.email": dice.random() < 0.6,
        "private": dice.random() < 0.02,
        "years_experience": float(dice.randint(0, 20)),
        "employment": "hired" if dice.random() < 0.05 else "none",
        "consent.expires": stamp(NOW + timedelta(days=dice.randint(1, 700))),
        "last_contacted": stamp(_ago(dice, 900)),
        "last_activity": stamp(_ago(dice, 1500)),
        "first_seen": stamp(_ago(dice, 1500)),
    }
    words = {
        "skills": set(dice.sample(TRADES[trade], 2)),
        "functions": {trade},
        "tags": set(),
        "pools": set(),
        "sources": {dice.choice(("referral", "job board", "fair"))},
        "accounts": {"hospital"},
    }
    return Image(
        person=person, facts=facts, words=words, name=f"Sam Field{person}", first_name="Sam",
        email=f"sam.field{person}@example.org",
        children={"applications": applications, "interviews": [], "person_events": []},
    )  # fmt: skip


def _application(dice: random.Random, person: int, number: int, trade: str) -> dict[str, Any]:
    status = dice.choice(("rejected", "rejected", "rejected", "withdrawn", "active", "hired"))
    return {
        "id": f"{person}-{number}",
        "status": status,
        "furthest_stage": dice.choice(STAGES),
        "stage_inferred": False,
        "scorecard_average": round(dice.uniform(1, 5), 1),
        "scorecards": 2,
        "rejection_reason": dice.choice(REASONS),
        "decided": stamp(_ago(dice, 1200)),
        "applied": stamp(_ago(dice, 1500)),
        "job": "hospital/job/104",
        "title": "icu nurse",
        "function": trade,
        "source": "referral",
        "region": dice.choice(REGIONS).casefold(),
        "prospect": False,
        "offer": dice.choice(("none", "none", "none", "declined")),
        "account": "hospital",
    }
