"""What an applied plan did can be taken back; what is too much waits for somebody's word; what is let go of stays."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from connector import applying, plan, roles
from connector.cli.ledger import lifted, released
from connector.cli.plans import allowed
from connector.errors import KeepwarmError
from connector.flow import Action, Verb
from connector.model import Job, Ref, Status
from connector.plan import PlanRefused
from connector.undo import CannotUndo, undo

if TYPE_CHECKING:
    from tests.conftest import Cast, Home

SILVER = """
version: 1
rules:
  - rule: silver
    who: {has_application: {status: rejected}}
    keep: {tags: [silver]}
"""


@pytest.fixture
def crowd(home_of: Callable[..., Home], cast: Cast) -> Callable[..., Home]:
    def build(people: int, **more: str) -> Home:
        home = home_of(**more)
        for n in range(people):
            home.keep("ats", *cast.runner_up(str(n), f"{n}@example.org"))
        home.settle()
        return home

    return build


def on_platform(home: Home, account: str = "ats") -> set[tuple[str, str]]:
    """(subject, tag), as the platform has it."""
    there: set[tuple[str, str]] = set()
    for action in home.platforms[account].took:
        if action.verb in (Verb.ADD_TAG, Verb.REMOVE_TAG) and action.subject is not None:
            change = there.add if action.verb is Verb.ADD_TAG else there.discard
            change((action.subject.id, str(action.args["tag"])))
    return there


def applied(home: Home) -> int:
    run, _ = applying.apply(home.store, home.house.desk, home.plan(), now=home.now)
    home.turn()
    return run


SERIES = (
    SILVER
    + """
  - rule: bench
    who: {tags: {any_of: [silver]}}
    keep: {pools: [bench]}
cadences:
  - cadence: quarterly
    who: {pools: {any_of: [bench]}, consent.email: yes}
    send: {every: 3 months, first: 14 days after joining, rotate: [{template: news}, {template: evening}]}
"""
)


def test_a_first_plan_is_taken_back_whole_and_nothing_is_done_again(crowd: Callable[..., Home]) -> None:
    home = crowd(4, rules=SERIES)
    run = applied(home)
    assert len(on_platform(home)) == len(on_platform(home, "mailer")) == 4
    assert home.rows("select count(*) n from enrolments")[0]["n"] == 4
    done = undo(home.store, run, now=home.now)
    home.turn()
    assert on_platform(home) == on_platform(home, "mailer") == set()
    assert home.rows("select 1 from enrolments") == []
    assert done.stays["members stay in the audience, without our tags"] == 4
    assert done.stays["notes stay"] == 4
    home.pass_time(timedelta(days=120))
    assert on_platform(home) == set()
    assert not home.platforms["mailer"].of(Verb.SEND_EVENT, Verb.START_JOURNEY)


def test_after_it_was_taken_back_a_plan_can_be_made_and_applied_again(crowd: Callable[..., Home]) -> None:
    home = crowd(3)
    undo(home.store, applied(home), now=home.now)
    home.turn()
    home.pass_time(timedelta(hours=1))
    made = home.plan()
    assert (made.rules[0].new, made.rules[0].add) == (True, 3)
    second = applied(home)
    assert len(on_platform(home)) == 3
    undo(home.store, second, now=home.now)
    home.turn()
    assert on_platform(home) == set()


def test_what_an_edit_took_off_comes_back_and_the_version_before_is_in_force(crowd: Callable[..., Home]) -> None:
    home = crowd(3, rules=SILVER)
    applied(home)
    home.now += timedelta(hours=1)
    home.rules(SILVER.replace("[silver]", "[gold]"))
    run = applied(home)
    assert {tag for _, tag in on_platform(home)} == {"gold"}
    undo(home.store, run, now=home.now)
    home.turn()
    assert {tag for _, tag in on_platform(home)} == {"silver"}
    home.rules(SILVER)
    home.pass_time(timedelta(hours=1))
    made = home.plan()
    assert (made.rules[0].new, made.rules[0].add, made.rules[0].remove, made.rules[0].keep) == (False, 0, 0, 3)


def test_what_was_there_before_us_stays_when_a_plan_is_taken_back(crowd: Callable[..., Home], cast: Cast) -> None:
    home = crowd(2, rules=SILVER)
    home.tell("ats", cast.candidate("0", "0@example.org", at=home.now, tags=("silver",), contact_allowed=True))
    run = applied(home)
    assert on_platform(home) == {("1", "silver")}
    undo(home.store, run, now=home.now)
    home.turn()
    assert [it.subject.id for it in home.platforms["ats"].of(Verb.REMOVE_TAG) if it.subject] == ["1"]


def test_what_had_not_gone_out_never_does(crowd: Callable[..., Home]) -> None:
    home = crowd(3, rules=SILVER)
    run, _ = applying.apply(home.store, home.house.desk, home.plan(), now=home.now)
    done = undo(home.store, run, now=home.now)
    home.turn()
    assert home.platforms["ats"].took == []
    assert done.counts["cancelled"] >= 3
    assert home.rows("select 1 from owned") == []


def test_a_run_is_taken_back_once_and_only_one_that_applied_a_plan(crowd: Callable[..., Home]) -> None:
    home = crowd(1)
    run = applied(home)
    undo(home.store, run, now=home.now)
    with pytest.raises(CannotUndo, match="taken back already"):
        undo(home.store, run, now=home.now)
    with pytest.raises(CannotUndo, match="did not apply a plan"):
        undo(home.store, 999, now=home.now)


# somebody's word


WORD = SILVER + "    approve: {by: lead@example.org, above: 2 people}\n"


def test_a_rule_that_wants_somebodys_word_waits_for_that_person(crowd: Callable[..., Home]) -> None:
    home = crowd(3, rules=WORD)
    made = home.plan()
    assert "3 people, and more than 2 need" in made.rules[0].limit
    assert "@" not in plan.save(made, home.folder / "plans").read_text(encoding="utf-8")
    with pytest.raises(PlanRefused, match="--approve silver"):
        home.apply(made)
    with pytest.raises(PlanRefused, match="wants the approval of lead@"):
        plan.approve(made, "silver", by="somebody@example.org", rules=home.house.rules)
    with pytest.raises(PlanRefused, match="wants the approval of lead@"):
        applying.apply(home.store, home.house.desk, made, now=home.now, approve={"silver": "somebody@example.org"})
    home.turn()
    assert on_platform(home) == set()
    run, _ = applying.apply(
        home.store,
        home.house.desk,
        plan.approve(made, "silver", by="Lead@example.org", rules=home.house.rules),
        now=home.now,
    )
    home.turn()
    assert len(on_platform(home)) == 3
    with home.store.reading() as tx:
        found = tx.schedule.run(run)
    assert found is not None
    assert applying.note_of(found).approved == {"silver": "Lead@example.org"}


def test_what_waits_by_itself_is_listed_and_gone_once_a_plan_was_applied(
    crowd: Callable[..., Home], cast: Cast
) -> None:
    home = crowd(120, rules=SILVER)
    applied(home)
    home.now += timedelta(hours=1)
    for n in range(70):
        home.keep("ats", cast.application(f"{n}-run", str(n), Status.HIRED, at=home.now))
    home.settle()
    home.turn()
    with home.store.reading() as tx:
        [waits] = [it for it in tx.assent.all() if it.by is None]
    assert (waits.rule, waits.occasion) == ("silver", "over its limit")
    made = home.plan()
    assert made.rules[0].remove > 0
    applying.apply(home.store, home.house.desk, made, now=home.now, approve={"silver": "Sam"})
    with home.store.reading() as tx:
        assert tx.assent.all() == []


ROLES = """
version: 1
rules:
  - rule: tell
    when: {event: role_approved}
    who: {has_application: {status: rejected}}
    do: {note_on_role: yes}
    approve: {by: role.recruiter, above: 1 people}
"""


def notes(home: Home) -> list[Action]:
    return home.platforms["ats"].of(Verb.ADD_NOTE)


def test_a_role_that_concerns_too_many_waits_until_somebody_gives_their_word(crowd: Callable[..., Home]) -> None:
    home = crowd(3, rules=ROLES)
    applied(home)
    home.now += timedelta(hours=1)
    job = Job(ref=Ref("ats", "job", "7"), title="ICU Nurse", status="open", opened_at=home.now, updated_at=home.now)
    home.tell("ats", job)
    for _ in range(3):
        home.pass_time(timedelta(minutes=1))
        watch(home)
    assert notes(home) == []
    with pytest.raises(PlanRefused, match="nothing of `tell` waits"):
        allowed(home.house, "tell", "role_approved:ats/job/8", "Sam")
    allowed(home.house, "tell", "role_approved:ats/job/7", "Sam")
    watch(home)
    home.turn()
    assert len(notes(home)) == 3
    watch(home)
    home.turn()
    assert len(notes(home)) == 3


def watch(home: Home) -> None:
    roles.watch(home.store, home.house.desk, now=home.now)


DAILY = """
version: 1
rules:
  - rule: tell
    when: {event: application_decided}
    who: {has_application: {status: rejected}}
    do: {event: decided}
    approve: {by: Sam, above: 2 people}
"""


def test_more_people_in_a_day_than_a_rule_may_concern_wait_for_somebodys_word(
    crowd: Callable[..., Home], cast: Cast
) -> None:
    home = crowd(5, rules=DAILY)
    applied(home)
    home.pass_time(timedelta(hours=1))
    for n in range(5):
        home.keep("ats", cast.application(f"{n}-again", str(n), at=home.now, decided_at=home.now, applied_at=home.now))
    home.turn()
    assert len(home.platforms["mailer"].of(Verb.SEND_EVENT)) == 2
    allowed(home.house, "tell", "2026-11-23", "Sam")
    home.pass_time(timedelta(minutes=20))
    assert len(home.platforms["mailer"].of(Verb.SEND_EVENT)) == 5


# letting go


def test_what_a_person_took_off_is_listed_and_comes_back_only_when_it_is_cleared(
    crowd: Callable[..., Home], cast: Cast
) -> None:
    home = crowd(2, rules=SILVER)
    applied(home)
    home.now += timedelta(hours=1)
    person = home.person("ats", "0")
    home.tell("ats", cast.candidate("0", "0@example.org", at=home.now, tags=(), contact_allowed=True))
    home.turn()
    with home.store.reading() as tx:
        assert [(it.person, it.key, it.by) for it in tx.ledger.all_vetoes()] == [(person, "silver", "ats")]
    before = len(home.platforms["ats"].took)
    home.turn()
    assert len(home.platforms["ats"].took) == before
    with pytest.raises(KeepwarmError, match="nobody took `gold` off"):
        lifted(home.house, person, "gold")
    lifted(home.house, person, "Silver")
    home.turn()
    assert [it.verb for it in home.platforms["ats"].took[before:]][:1] == [Verb.ADD_TAG]


def test_what_a_deleted_rule_kept_stays_when_it_is_released(crowd: Callable[..., Home]) -> None:
    other = SILVER.replace("silver", "other").replace("rejected", "hired")
    home = crowd(2, rules=SILVER)
    applied(home)
    with pytest.raises(KeepwarmError, match="in force and would put it back"):
        released(home.house, "silver")
    home.rules(other)
    assert released(home.house, "silver") == 2
    for _ in range(10):
        home.pass_time(timedelta(days=1))
    home.live()
    home.turn()
    assert len(on_platform(home)) == 2


def test_a_rule_that_adopts_takes_a_persons_tag_over_and_off_again(crowd: Callable[..., Home], cast: Cast) -> None:
    home = crowd(2, rules=SILVER + "    adopt: yes\n")
    for n in ("0", "1"):
        home.tell("ats", cast.candidate(n, f"{n}@example.org", at=home.now, tags=("silver",), contact_allowed=True))
    made = home.plan()
    assert (made.rules[0].add, made.rules[0].adopt) == (0, 2)
    applied(home)
    assert {row["state"] for row in home.rows("select state from owned")} == {"ours"}
    home.now += timedelta(hours=1)
    home.tell("ats", cast.application("0-run", "0", Status.HIRED, at=home.now))
    home.turn()
    assert [it.subject.id for it in home.platforms["ats"].of(Verb.REMOVE_TAG) if it.subject] == ["0"]


def test_what_was_a_persons_becomes_a_rules_when_it_comes_to_adopt(crowd: Callable[..., Home], cast: Cast) -> None:
    home = crowd(1, rules=SILVER)
    home.tell("ats", cast.candidate("0", "0@example.org", at=home.now, tags=("silver",), contact_allowed=True))
    applied(home)
    assert [row["state"] for row in home.rows("select state from owned")] == ["theirs"]
    home.rules(SILVER + "    adopt: yes\n")
    home.pass_time(timedelta(minutes=1))
    assert home.plan().rules[0].adopt == 1
    applied(home)
    assert [row["state"] for row in home.rows("select state from owned")] == ["ours"]
