"""Tests of rules come true where the house would make them true, and fail, with the reason, where it would not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from connector.proving import Report

Prove = Callable[..., Report]

AMINA = """
amina:
  region: North West
  consent.email: yes
  applications:
    - {id: first, status: rejected, scorecard_average: 4, decided: 2025-06-01}
"""


def passes(report: Report) -> None:
    assert report.problems == ()
    assert [str(it) for it in report.failures] == []
    assert report.expectations


@pytest.mark.parametrize(
    "expect",
    [
        "{tags: [silver], pools: [bench]}",
        "{rule: silver, is: yes, because: scorecard_average}",
        "{rule: patient, is: unknown, because: skills}",
        "{rule: leave-alone, is: no}",
        "{at: 2026-11-30 23:59, tags: [silver]}",
        "{at: 2026-12-02, rule: silver, is: no, because: decided}",  # 18 months on, while the tag lingers
        "{at: 2026-12-07 23:59, tags: [silver], pools: [bench]}",
        "{at: 2026-12-08 00:01, tags: [], pools: []}",
        "{at: in 3 weeks, tags: []}",
        "{enrolled: [quarterly], messages: [], next_message: {template: news, on: 2026-11-24}}",
        "{at: 2026-11-24 08:59, messages: []}",
        "{at: 2026-11-24 09:00, messages: [{template: news, on: 2026-11-24}]}",
        "{at: 2026-11-25, next_message: {template: letter, on: 2027-02-24}}",  # the ward is for others
        "{at: 2026-12-09, enrolled: [], next_message: none}",
        "{rule: similar, is: yes, role: {region: Manchester}}",
        "{rule: similar, is: no, role: {region: Wales}, because: region}",
        "{rule: similar, is: unknown, role: {region: unknown}}",
        "{done: []}",
    ],
)
def test_what_the_house_would_do_is_as_expected(prove: Prove, expect: str) -> None:
    passes(prove(AMINA, f"- {{name: one, person: amina, expect: [{expect}]}}"))


@pytest.mark.parametrize(
    ("expect", "got", "because"),
    [
        ("{tags: []}", "tags Silver", "silver: yes: status rejected"),
        ("{at: 2026-12-02, tags: []}", "tags Silver", "no, but lingers since 2026-12-01 00:00"),
        ("{at: 2026-12-09, tags: [silver]}", "tags none", "decided within the last 18 months, saw 2025-06-01"),
        ("{tags: [silver, welsh]}", "tags Silver", "it is in mode shadow, so it keeps nothing"),
        ("{rule: silver, is: no}", "silver yes", "scorecard_average at least 3.5 (saw 4)"),
        ("{rule: silver, is: unknown}", "silver yes", ""),
        ("{at: 2026-12-02, rule: silver, is: no, because: status}", "silver no because of decided", "decided within"),
        ("{at: 2026-11-25, messages: []}", "messages news on 2026-11-24", "quarterly: yes"),
        ("{at: 2026-11-25, messages: [ward]}", "messages news on 2026-11-24", "quarterly: yes"),
        ("{at: 2026-11-25, messages: [{template: news, on: 2026-11-25}]}", "messages news on 2026-11-24", ""),
        ("{next_message: {template: news, on: 2026-11-25}}", "next message news on 2026-11-24", ""),
        ("{next_message: none}", "next message news on 2026-11-24", ""),
        ("{enrolled: []}", "enrolled quarterly", "quarterly: yes"),
        ("{done: [tell]}", "done none", "tell: yes"),
    ],
)
def test_what_it_would_not_do_fails_with_the_line_that_decides(
    prove: Prove, expect: str, got: str, because: str
) -> None:
    report = prove(AMINA, f"- {{name: one, person: amina, expect: [{expect}]}}")
    (failure,) = report.failures
    assert not report.ok
    assert failure.got == got
    assert because in "\n".join(failure.because)
    assert (failure.file, failure.line, failure.test, failure.person) == ("x.test.yaml", 10, "one", "amina")


def test_settle_is_waited_for(prove: Prove) -> None:
    passes(
        prove(
            "nurse: {skills: [icu]}",
            """
            - name: three days
              person: nurse
              expect:
                - {tags: []}
                - {at: 2026-11-26 08:59, tags: []}
                - {at: 2026-11-26 09:00, tags: [patient]}
            """,
        )
    )


def test_what_happens_changes_what_is_expected_from_that_moment_on(prove: Prove) -> None:
    passes(
        prove(
            AMINA,
            """
            - name: news
              person: amina
              happens:
                - {at: 2026-11-24, region: Wales}
                - {at: 2026-11-25 10:00, applications: [{id: first, scorecard_average: unknown}]}
              expect:
                - {at: 2026-11-24 08:59, pools: [bench]}
                - {at: 2026-11-24 09:00, pools: [], enrolled: []}
                - {at: 2026-11-26, rule: silver, is: unknown, because: scorecard_average}
                - {at: 2026-11-26, tags: [silver]}   # held, as we do not know
            """,
        )
    )


def test_an_event_is_acted_on_once_and_after_its_wait(prove: Prove) -> None:
    passes(
        prove(
            "amina: {region: North West, applications: [{id: first, status: active}]}",
            """
            - name: declined
              person: amina
              happens:
                - {at: 2026-12-01 15:00, event: application_decided, application: {id: first, status: withdrawn}}
              expect:
                - {at: 2026-12-03 14:59, done: []}
                - {at: 2026-12-03 15:00, done: [{rule: tell, notify: talent-team}]}
                - {at: 2027-12-03, done: [tell]}
            """,
        )
    )


def test_what_was_decided_before_the_clock_is_history(prove: Prove) -> None:
    passes(
        prove(
            "amina: {region: North West, applications: [{status: withdrawn, decided: 2026-11-20}]}",
            "- {name: history, person: amina, expect: [{at: 2026-12-03, done: []}]}",
        )
    )


def test_a_rule_without_an_event_acts_when_it_becomes_true_and_not_when_it_was(prove: Prove) -> None:
    people = "was: {skills: [nursing], consent.email: yes}\nbecame: {skills: [icu], consent.email: yes}"
    passes(
        prove(
            people,
            """
            - {name: was, person: was, expect: [{at: 2026-12-03, done: []}]}
            - name: became
              person: became
              happens: [{at: 2026-12-01 10:00, skills: [nursing]}]
              expect: [{at: 2026-12-03, done: [{rule: greet, event: welcome}]}]
            """,
        )
    )


def test_an_act_that_the_guard_holds_back_is_an_occasion_without_the_act(prove: Prove) -> None:
    report = prove(
        "became: {skills: [icu]}",
        """
        - name: became
          person: became
          happens: [{at: 2026-12-01 10:00, skills: [nursing]}]
          expect: [{at: 2026-12-03, done: [{rule: greet, event: welcome}]}]
        """,
    )
    assert [it.got for it in report.failures] == ["done greet"]


def test_a_fixture_inherits_and_overrides(prove: Prove) -> None:
    passes(
        prove(
            AMINA + "tom:\n  from: amina\n  applications: []\nzoe:\n  from: tom\n  region: Wales\n",
            """
            - {name: one, person: tom, expect: [{rule: silver, is: no, because: application}, {rule: bench, is: no}]}
            - {name: two, person: zoe, expect: [{rule: counted-only, is: yes}, {tags: []}]}
            """,
        )
    )


def test_messages_of_before_count_for_caps_and_rotation(prove: Prove) -> None:
    before = "  messages: [{cadence: quarterly, template: news, purpose: marketing, sent: %s}]\n"
    late = "- {name: one, person: amina, expect: [{at: 2026-11-26, messages: [%s]}]}"
    passes(prove(AMINA + before % "2026-01-10", late % "letter"))
    passes(prove(AMINA + before % "2026-11-01", late % ""))


def test_it_is_the_same_twice(prove: Prove) -> None:
    tests = "- {name: one, person: amina, expect: [{at: 2027-06-01, messages: [], tags: [silver]}]}"
    assert prove(AMINA, tests) == prove(AMINA, tests)
    assert prove(AMINA, tests).failures
