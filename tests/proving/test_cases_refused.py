"""A test file that could not prove anything is refused: each complaint at its place, all of them at once."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from connector.proving import Report

Prove = Callable[..., Report]

AMINA = "amina: {region: Wales}"
ONE = "- {name: one, person: amina, expect: [{rule: silver, is: no}]}"


def complaint(report: Report) -> str:
    """The only one; and nothing was run."""
    (problem,) = report.problems
    assert not report.ok
    assert report.failures == ()
    return str(problem)


@pytest.mark.parametrize(
    ("people", "said"),
    [
        ("amina: {regoin: Wales}", "4:11  `regoin` is not known here; did you mean `region`?"),
        ("amina: {city: Leeds}", "4:11  no rule reads `city`, so it makes no difference here; take it out"),
        ("amina: {status: rejected}", "`status` is not known here; it stands in `applications`"),
        ("amina: {applications: [{title: Nurse}]}", "no rule reads `application.title`"),
        ("amina: {applications: [{statsu: active}]}", "`statsu` is not known here; did you mean `status`?"),
        ("amina: {applications: {status: active}}", "wanted a list, came `name: value` lines"),
        ("amina: {applications: [{status: rejectd}]}", "`rejectd` is not known here; did you mean `rejected`?"),
        ("amina: {region: Nort West}", "none of the regions in the settings, so nobody ever has it; did you mean `North West`?"),
        ("amina: {skills: icu}", "`skills` can hold several words; write `[icu]`"),
        ("amina: {tags: [SILVER]}", "the rule `silver` keeps `SILVER`, so in a test the rule puts it there"),
        ("amina: {applications: [{decided: soon}]}", "`soon` cannot be read here; write for example `2025-06-01`"),
        ("amina: {applications: [{decided: 18 months}]}", "`18 months` cannot be read here"),
        ("amina: {applications: [{scorecard_average: good}]}", "write a number"),
        ("amina: {consent.email: maybe}", "write `yes` or `no`"),
        ("amina: {time_zone: Europe/Londn}", "a time zone"),
        ("amina: {region: Wales, region: Wales}", "`region` is written twice"),
        ("amina: {from: amnia}", "there is nobody called `amnia` in this file; did you mean `amina`?"),
        ("amina: {from: tom}\ntom: {from: amina}", "is made from themselves"),
        ("amina: {region: Wales}\ntom: {region: Wales}", "5:3  `tom` is in no test"),
        ("amina: {date_of_birth: 1990-01-01}", "`date_of_birth` is not known here"),
    ],
)  # fmt: skip
def test_a_fixture_that_says_nothing_or_something_impossible(prove: Prove, people: str, said: str) -> None:
    assert said in complaint(prove(people, ONE))


@pytest.mark.parametrize(
    ("expect", "said"),
    [
        ("{rule: sliver, is: no}", "there is no rule `sliver`; did you mean `silver`?"),
        ("{rule: silver}", "`is` is missing here"),
        ("{rule: silver, is: maybe}", "`maybe` is not known here"),
        ("{rule: silver, is: no, because: region}", "the rule `silver` does not read `region`; it reads"),
        ("{rule: silver, is: no, because: decide}", "does not read `decide`; did you mean `decided`?"),
        ("{tags: [sliver]}", "there is no rule that keeps the tag `sliver`; did you mean `Silver`?"),
        ("{pools: [silver]}", "there is no rule that keeps the pool `silver`"),
        ("{messages: [new]}", "there is no cadence that sends `new`; did you mean `news`?"),
        ("{next_message: nothing}", "there is no cadence that sends `nothing`"),
        ("{enrolled: [quartely]}", "there is no cadence `quartely`; did you mean `quarterly`?"),
        ("{done: [silver]}", "there is no `do:` rule `silver`"),
        ("{at: 2026-11-24}", "nothing is expected here"),
        ("{is: no, tags: []}", "`is` goes with `rule:`"),
        ("{tag: []}", "`tag` is not known here; did you mean `tags`?"),
        ("{at: 2026-11-22, tags: []}", "this is before the clock of this file (2026-11-23 09:00)"),
        ("{at: tomorrow, tags: []}", "`tomorrow` cannot be read here"),
        ("{rule: similar, is: no, role: {regoin: Wales}}", "`regoin` is not known here; did you mean `region`?"),
    ],
)
def test_an_expectation_that_could_never_be_looked_at(prove: Prove, expect: str, said: str) -> None:
    also = "" if said.startswith("nothing") else ", {rule: silver, is: no}"
    found = prove(AMINA, f"- {{name: one, person: amina, expect: [{expect}{also}]}}")
    assert any(said in str(problem) for problem in found.problems)
    assert found.failures == ()


@pytest.mark.parametrize(
    ("happens", "said"),
    [
        ("{at: 2026-12-24, region: Wales}", "nothing is expected after this, so it proves nothing"),
        ("{at: 2026-11-24}", "nothing happens here"),
        ("{region: Wales}", "`at` is missing here"),
        ("{at: 2026-11-24, regoin: Wales}", "did you mean `region`?"),
        ("{at: 2026-11-24, event: hird, application: {}}", "`hird` is not known here; did you mean `hired`?"),
        ("{at: 2026-11-24, event: hired}", "`application` is missing here"),
        ("{at: 2026-11-24, event: hired, interview: {}}", "`interview` is not known here"),
        ("{at: 2026-11-24, event: application_decided, application: {id: a}}", "say how it was decided"),
        ("{at: 2026-11-22, region: Wales}", "before the clock"),
    ],
)
def test_something_that_happens_and_proves_nothing(prove: Prove, happens: str, said: str) -> None:
    tests = f"- {{name: one, person: amina, happens: [{happens}], expect: [{{at: 2026-12-01, tags: []}}]}}"
    found = prove(AMINA, tests)
    assert any(said in str(problem) for problem in found.problems)


@pytest.mark.parametrize(
    ("tests", "said"),
    [
        ("- {name: one, person: anima, expect: [{tags: []}]}", "nobody called `anima` in this file; did you mean `amina`?"),
        ("- {name: one, person: amina}", "`expect` is missing here"),
        ("- {name: one, person: amina, expect: []}", "wanted a list, came an empty list"),
        ("- {person: amina, expect: [{tags: []}]}", "`name` is missing here"),
        (f"{ONE}\n{ONE}", "`one` is a test already (line 6)"),
        ("[]", "wanted a list, came an empty list"),
    ],
)  # fmt: skip
def test_a_test_that_tests_nothing(prove: Prove, tests: str, said: str) -> None:
    assert any(said in str(problem) for problem in prove(AMINA, tests).problems)


def test_every_problem_is_told_at_once_in_the_order_of_the_file(prove: Prove) -> None:
    report = prove(
        "amina: {regoin: Wales, city: Leeds}",
        "- {name: one, person: amina, expect: [{rule: sliver, is: no}, {at: 2020-01-01, tags: [x]}]}",
    )
    assert len(report.problems) == 5
    assert [it.line for it in report.problems] == sorted(it.line for it in report.problems)


def test_who_is_named_by_no_test_is_told_and_what_was_asked_of_the_others(prove: Prove) -> None:
    report = prove(
        AMINA,
        "- {name: one, person: amina, expect: [{rule: silver, is: no}, {tags: []}, {at: 2026-12-01, enrolled: []}]}",
    )
    assert report.ok
    assert report.asked["silver"] == ("no",)
    assert {it.name for it in report.untested} == {
        "bench", "patient", "counted-only", "tell", "greet", "similar", "quarterly", "leave-alone"
    }  # fmt: skip
