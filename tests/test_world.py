"""The invented world is the same every time and could be true."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from zlib import crc32

import pytest

from connector.raw import email
from connector.world import REASONS, STAGES, Person, Run, World, world

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)


@pytest.fixture(scope="module")
def made() -> World:
    return world(4000, now=NOW)


def runs(made: World) -> list[Run]:
    return [run for person in made.people for run in person.runs]


def share(found: int, of: int) -> float:
    return found / of


def test_the_same_seed_and_clock_give_the_same_world_and_another_seed_another() -> None:
    assert world(200, now=NOW) == world(200, now=NOW)
    assert world(200, now=NOW) != world(200, now=NOW, seed=8)


def test_it_is_the_same_in_another_process() -> None:
    program = (
        "from datetime import UTC, datetime; from zlib import crc32; from connector.world import world;"
        "print(crc32(repr(world(100, now=datetime(2026, 11, 23, 9, tzinfo=UTC))).encode()))"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert int(said.stdout) == crc32(repr(world(100, now=NOW)).encode())


def test_a_larger_world_holds_the_smaller_one() -> None:
    assert world(300, now=NOW).people[:100] == world(100, now=NOW).people


def test_everyone_is_somebody_else(made: World) -> None:
    assert len({person.key for person in made.people}) == len(made.people)
    addresses = [person.email for person in made.people if person.email]
    assert len(set(addresses)) == len(addresses)
    assert all(email(address) == address and address.endswith("@example.org") for address in addresses)
    assert 0.01 < share(len(made.people) - len(addresses), len(made.people)) < 0.06


def test_times_are_aware_and_in_order(made: World) -> None:
    for run in runs(made):
        moments = [moment for _, moment in run.stages]
        assert moments == sorted(moments)
        assert run.stages[0] == (0, run.applied_at)
        assert run.role.opened_at <= run.applied_at < NOW
        assert all(moment.utcoffset() == timedelta(0) for moment in (*moments, run.applied_at))
        if run.decided_at:
            assert moments[-1] <= run.decided_at < NOW


def test_stages_are_passed_one_by_one(made: World) -> None:
    for run in runs(made):
        assert [index for index, _ in run.stages] == list(range(len(run.stages)))
        assert len(run.stages) <= len(STAGES)


def test_an_outcome_and_what_belongs_to_it_agree(made: World) -> None:
    for run in runs(made):
        assert (run.decided_at is None) == (run.outcome == "active")
        if run.reason is not None:
            assert REASONS[run.reason] == {"rejected": "us", "withdrawn": "them"}[run.outcome]
        if run.outcome == "hired":
            assert run.offer == "accepted"
        if run.offer is not None:
            assert len(run.stages) == len(STAGES), "an offer to somebody who never reached the offer"
        assert all(1 <= rating <= 4 for rating in run.ratings)
        assert len(run.ratings) < len(run.stages) or not run.ratings


def test_roles_are_open_or_were_closed_before_now(made: World) -> None:
    for role in made.roles:
        assert role.opened_at < NOW
        assert role.closed_at is None or role.opened_at < role.closed_at
        assert set(role.skills)
    assert any(role.closed_at is None for role in made.roles)
    assert any(role.closed_at is not None for role in made.roles)


def test_people_belong_to_an_employer_they_applied_to(made: World) -> None:
    homes = {"hospital": made.of("hospital"), "software": made.of("software")}
    both = [person for person in made.people if len(person.employers) == 2]
    assert 0.02 < share(len(both), len(made.people)) < 0.07
    assert len(homes["hospital"]) + len(homes["software"]) == len(made.people) + len(both)
    for person in made.people:
        departments = {run.role.department for run in person.runs}
        software = bool(departments & {"Engineering", "Design"})
        hospital = bool(departments & {"Nursing", "Allied Health"})
        assert ("software" in person.employers, "hospital" in person.employers) == (software, hospital)
        assert person.created_at == min(run.applied_at for run in person.runs)


def test_consent_has_an_end_only_where_it_was_given(made: World) -> None:
    counted = Counter(person.may_email for person in made.people)
    assert all((person.consent_until is not None) == (person.may_email is True) for person in made.people)
    assert all(person.consent_until > NOW for person in made.people if person.consent_until)
    assert 0.55 < share(counted[True], len(made.people)) < 0.7
    assert counted[None] > counted[False] > 0


def runner_up(run: Run) -> bool:
    return run.outcome == "rejected" and len(run.stages) >= 4


def test_about_a_third_get_past_the_phone_and_about_one_in_eight_is_a_runner_up(made: World) -> None:
    everyone = runs(made)
    assert 0.25 < share(sum(len(run.stages) >= 3 for run in everyone), len(everyone)) < 0.4
    close: list[Person] = [person for person in made.people if any(map(runner_up, person.runs))]
    assert 0.08 < share(len(close), len(made.people)) < 0.18


def test_some_records_are_incomplete_as_real_ones_are(made: World) -> None:
    ended = [run for run in runs(made) if run.outcome in ("rejected", "withdrawn")]
    assert 0.03 < share(sum(run.reason is None for run in ended), len(ended)) < 0.12
    seen = [run for run in runs(made) if len(run.stages) >= 3]
    assert 0 < sum(not run.ratings for run in seen) < len(seen)
    assert {person.audience for person in made.people} == {None, "subscribed", "unsubscribed", "cleaned"}


def test_hires_are_some_and_few(made: World) -> None:
    counted = Counter(run.outcome for run in runs(made))
    assert set(counted) == {"active", "rejected", "withdrawn", "hired"}
    assert 0.003 < share(counted["hired"], sum(counted.values())) < 0.05
