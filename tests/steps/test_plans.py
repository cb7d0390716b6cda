"""Nothing is changed before somebody saw what, and no rule changes more at once than it may."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from connector import applying, plan
from connector.flow import Verb
from connector.model import Status
from connector.plan import PlanRefused

if TYPE_CHECKING:
    from tests.conftest import Cast, Home

RULE = """
version: 1
rules:
  - rule: silver
    who: {has_application: {status: rejected}}
    keep: {tags: [silver]}
"""
SHADOW = RULE + "    mode: shadow\n"
EDITED = RULE.replace("silver]", "gold]")


@pytest.fixture
def crowd(home_of: Callable[..., Home], cast: Cast) -> Callable[[int], Home]:
    def build(people: int, rules: str = RULE) -> Home:
        home = home_of(rules=rules)
        for n in range(people):
            home.keep("ats", *cast.runner_up(str(n), f"{n}@example.org"))
        home.settle()
        return home

    return build


def tagged(home: Home) -> int:
    return len(home.platforms["ats"].of(Verb.ADD_TAG))


def untagged(home: Home) -> int:
    return len(home.platforms["ats"].of(Verb.REMOVE_TAG))


def test_nothing_is_written_before_a_plan_is_applied(crowd: Callable[..., Home]) -> None:
    home = crowd(3)
    home.turn()
    made = home.plan()
    assert (made.rules[0].new, made.rules[0].add, made.rules[0].yes) == (True, 3, 3)
    assert all(platform.took == [] for platform in home.platforms.values())
    home.apply(made)
    home.turn()
    assert tagged(home) == 3
    again = home.plan()
    assert (again.rules[0].new, again.rules[0].add, again.rules[0].keep) == (False, 0, 3)


def test_a_plan_says_why_of_samples_and_names_nobody(crowd: Callable[..., Home]) -> None:
    home = crowd(15)
    made = home.plan()
    assert len(made.rules[0].samples) == plan.SAMPLES
    assert all("status rejected" in sample.line for sample in made.rules[0].samples)
    saved = plan.save(made, home.folder / "plans").read_text(encoding="utf-8")
    assert "@" not in saved
    assert plan.load(made.id, home.folder / "plans", now=home.now) == made
    with pytest.raises(PlanRefused, match="expired"):
        plan.load(made.id, home.folder / "plans", now=home.now + plan.LIVES + timedelta(seconds=1))


def test_a_stale_plan_is_refused_and_nothing_is_written(crowd: Callable[..., Home], cast: Cast) -> None:
    home = crowd(3)
    made = home.plan()
    for n in (7, 8):
        home.tell("ats", *cast.runner_up(str(n), f"{n}@example.org"))
    with pytest.raises(PlanRefused, match="stale"):
        home.apply(made)
    home.turn()
    assert tagged(home) == 0


def test_a_plan_of_other_rules_is_refused(crowd: Callable[..., Home]) -> None:
    home = crowd(3)
    made = home.plan()
    home.rules(EDITED)
    with pytest.raises(PlanRefused, match="the rules changed"):
        home.apply(made)


def test_a_rule_in_shadow_decides_and_changes_nothing(crowd: Callable[..., Home]) -> None:
    home = crowd(3, SHADOW)
    made = home.plan()
    assert (made.rules[0].yes, made.rules[0].add) == (3, 0)
    home.apply(made)
    home.turn()
    assert tagged(home) == 0


def test_an_edited_rule_is_in_shadow_until_it_is_approved_and_keeps_what_it_has(
    crowd: Callable[..., Home], cast: Cast
) -> None:
    home = crowd(3)
    home.live()
    home.rules(EDITED)
    home.tell("ats", *cast.runner_up("9", "9@example.org"))
    home.turn()
    assert (tagged(home), untagged(home)) == (3, 0)
    home.live()
    assert (tagged(home), untagged(home)) == (7, 3)


def many(home: Home, cast: Cast, people: range, status: Status) -> None:
    for n in people:
        home.keep("ats", cast.application(f"{n}-run", str(n), status, at=home.now))
    home.settle()
    home.push()


def test_more_removals_than_a_rule_may_make_stop_it_whole_until_a_person_approves(
    crowd: Callable[..., Home], cast: Cast
) -> None:
    home = crowd(120)
    home.live()
    assert tagged(home) == 120
    home.now += timedelta(hours=1)
    many(home, cast, range(70), Status.HIRED)
    assert untagged(home) <= 50
    home.turn()
    made = home.plan()
    assert made.rules[0].limit
    with pytest.raises(PlanRefused, match="--approve silver"):
        home.apply(made)
    applying.apply(home.store, home.house.desk, made, now=home.now, approve={"silver": "Sam"})
    home.turn()
    assert untagged(home) == 70


def test_a_source_that_no_longer_knows_anything_takes_no_tag_away(crowd: Callable[..., Home], cast: Cast) -> None:
    home = crowd(5, RULE.replace("status: rejected", "furthest_stage: {at_least: applied}, status: rejected"))
    home.live()
    assert tagged(home) == 0  # the step is not known: unknown adds nothing
    home.rules(RULE)
    home.live()
    assert tagged(home) == 5
    home.rules(RULE.replace("status: rejected", "status: rejected, scorecard_average: {at_least: 3}"))
    home.live()
    assert untagged(home) == 0
    assert home.plan().rules[0].unknown == 5


class Killed(Exception):
    """The process ended here."""


def test_applying_goes_on_where_it_was_killed(crowd: Callable[..., Home]) -> None:
    home = crowd(130)
    made = home.plan()

    def kill(done: int, total: int) -> None:
        assert done <= total
        raise Killed

    with pytest.raises(Killed):
        applying.apply(home.store, home.house.desk, made, now=home.now, progress=kill)
    home.restart()
    home.push()
    assert 0 < tagged(home) < 130
    applying.apply(home.store, home.house.desk, made, now=home.now, resumed=True)
    home.turn()
    assert tagged(home) == 130
    assert len({action.key for action in home.platforms["ats"].took}) == len(home.platforms["ats"].took) == 260


def test_applying_twice_changes_nothing_more(crowd: Callable[..., Home]) -> None:
    home = crowd(5)
    made = home.plan()
    home.apply(made)
    home.turn()
    before = list(home.platforms["ats"].took)
    applying.apply(home.store, home.house.desk, made, now=home.now, resumed=True)
    home.turn()
    assert home.platforms["ats"].took == before
