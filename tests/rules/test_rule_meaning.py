"""What only shows when rules are looked at as a whole: what nobody can match, what stands in for something, what fights."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.errors import Problem
from connector.rules import Context, RuleSet, Vocabulary, compile_rule, load
from connector.rules.equality import stands_for, telling
from connector.rules.meaning import examined

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
EXAMPLES = Path(__file__).parent / "examples"


def told(who: str, vocabulary: Vocabulary, *, unless: str = "", more: str = "") -> RuleSet:
    body = f"  - {{rule: one, who: {who}, keep: {{tags: [x]}}{f', unless: {unless}' if unless else ''}{more}}}\n"
    made = load({"r.yaml": f"version: 1\nrules:\n{body}"}, vocabulary)
    assert made.problems == ()
    return examined(made, now=NOW)


def problems(who: str, vocabulary: Vocabulary, *, unless: str = "", more: str = "") -> list[str]:
    return [problem.message for problem in told(who, vocabulary, unless=unless, more=more).problems]


@pytest.mark.parametrize(
    ("who", "unless", "why"),
    [
        (
            "{last_activity: {within_last: 3 months, more_than_ago: 3 months}}",
            "",
            "`within last 3 months` and `more than",
        ),
        ("{last_activity: {before: 2020-01-01, after: 2021-01-01}}", "", "`before 2020-01-01` and `after 2021-01-01`"),
        (
            "{last_activity: {before: 2020-01-01, within_last: 2 years}}",
            "",
            "`before 2020-01-01` and `within last 2 years`",
        ),
        (
            "{last_activity: {within_last: 0 days}}",
            "",
            "`last_activity`: `within last 0 days` is an empty stretch of time",
        ),
        ("{has_application: {scorecards: 3.5}}", "", "`scorecards`: `3.5` is no whole number"),
        ("{region: {equals: Wales, any_of: [Yorkshire, North West]}}", "", "`region` can never be `Wales` and `any of"),
        ("{region: Wales}", "{region: {none_of: [Yorkshire]}}", "`Wales` and `not none of Yorkshire`"),
        ("{region: Wales}", "{region: Cymru}", "`Wales` and `not Cymru`"),
        ("{skills: {all_of: [icu, go], none_of: [go]}}", "", "`skills` can never be `all of go, icu` and `none of go`"),
        ("{skills: {any_of: [go], none_of: [go, java]}}", "", "`any of go` and `none of go, java`"),
        ("{consent.email: yes, any: [{consent.email: no}]}", "", "`yes` and `no`"),
        (
            "{has_application: {furthest_stage: {at_least: final, less_than: final}}}",
            "",
            "`at least final` and `less than",
        ),
        (
            "{has_application: {status: active}, has_no_application: {status: active}}",
            "",
            "the same application is asked",
        ),
        (
            "{has_application: {status: active, count: {at_least: 3, less_than: 2}}}",
            "",
            "the same application is asked",
        ),
        (
            "{any: [{region: Wales}, {has_application: {scorecards: {more_than: 2, less_than: 3}}}]}",
            "",
            "`more than 2`",
        ),
        ("{none: [{open_to_remote: yes}, {open_to_remote: no}]}", "", "`not yes` and `not no`"),
        ("{region: Wales, any: [{region: Yorkshire}, {region: North West}]}", "", "`Wales` and `Yorkshire`"),
    ],
)
def test_a_block_nobody_can_match_is_told(who: str, unless: str, why: str, vocabulary: Vocabulary) -> None:
    (found,) = problems(who, vocabulary, unless=unless)
    plain = found.replace("`all of icu, go`", "`all of go, icu`")
    assert why in plain
    assert found.endswith("; nobody can ever match this")


@pytest.mark.parametrize(
    ("who", "unless"),
    [
        ("{last_activity: {more_than_ago: 3 months, within_last: 4 months}}", ""),
        ("{last_activity: {after: 2030-01-01, within_last: 2 days}}", ""),  # not yet, but from 2030 on
        ("{last_activity: {after: 2030-01-01, more_than_ago: 5 years}}", ""),
        ("{consent.expires: {within_next: 30 days, after: 2029-01-01}}", ""),
        ("{has_application: {status: active}, has_no_application: {status: active, job: x}}", ""),
        ("{has_application: {status: active, count: {at_least: 2, at_most: 2}}}", ""),
        ("{has_application: {status: active}, latest_application: {status: rejected}}", ""),
        ("{skills: {all_of: [icu, go], none_of: [java]}}", ""),
        ("{region: {equals: Wales, if_unknown: yes}, any: [{region: {equals: Yorkshire, if_unknown: yes}}]}", ""),
        ("{has_application: {title: {contains_any: [nurse], none_of: [icu nurse]}}}", ""),
        ("{has_application: {furthest_stage: {at_least: onsite, less_than: offer}}}", ""),
        ("{region: Wales}", "{region: {any_of: [Yorkshire]}}"),
        ("{any: [{region: Wales}, {region: Yorkshire}]}", "{region: Wales}"),
    ],
)
def test_a_block_somebody_can_match_is_not(who: str, unless: str, vocabulary: Vocabulary) -> None:
    assert problems(who, vocabulary, unless=unless) == []


def test_every_contradiction_of_a_block_is_told_with_both_lines(vocabulary: Vocabulary) -> None:
    text = """version: 1
rules:
  - rule: one
    who:
      region: Wales
      skills: {all_of: [icu], none_of: [icu]}
      all:
        - region: Yorkshire
    keep: {tags: [x]}
"""
    found = examined(load({"r.yaml": text}, vocabulary), now=NOW).problems
    assert [(it.line, it.level, it.rule) for it in found] == [(6, "meaning", "one"), (8, "meaning", "one")]
    assert "`Wales` and `Yorkshire` (line 5)" in found[1].message


signs = st.sampled_from(("at_least", "more_than", "at_most", "less_than", "equals"))
number_tests = st.dictionaries(signs, st.sampled_from(("1", "2", "2.5")), min_size=1, max_size=3)


@settings(max_examples=200, deadline=None)
@given(blocks=st.lists(st.tuples(st.booleans(), number_tests), min_size=1, max_size=3))
def test_what_is_told_is_what_nobody_matches(blocks: list[tuple[bool, dict[str, str]]], vocabulary: Vocabulary) -> None:
    """Against everyone there could be: every number that some test tells from another."""

    def lines(tests: dict[str, str]) -> str:
        return "years_experience: {" + ", ".join(f"{name}: {limit}" for name, limit in tests.items()) + "}"

    person = ", ".join(f"{{{lines(tests)}}}" if yes else f"{{none: [{{{lines(tests)}}}]}}" for yes, tests in blocks)
    made = told(f"{{all: [{person}]}}", vocabulary, more=", justification: a test")
    check, context = compile_rule(made.rules[0]), Context(now=NOW, zone=vocabulary.zone)
    matched = [value for value in (0.0, 1.0, 1.5, 2.0, 2.25, 2.5, 3.0) if check({"years_experience": value}, context)]
    # a none: with several tests in it is a choice; then only the certain is told
    certain = all(yes or len(tests) == 1 for yes, tests in blocks)
    assert not (made.problems and matched)
    if certain:
        assert bool(made.problems) == (not matched)


# stand-ins


@pytest.mark.parametrize(
    ("who", "must"),
    [
        ("{years_experience: {less_than: 5}}", "`years_experience` may stand in for age"),
        ("{none: [{years_experience: {at_least: 20}}]}", "`years_experience` may stand in for age"),
        ("{tags: {any_of: [class-of-2019]}}", "`class-of-2019` may stand in for age"),
        ("{tags: {none_of: [native speaker]}}", "`native speaker` may stand in for national origin"),
        ("{region: M14}", "`m14` may stand in for ethnic and social origin"),
        ("{has_application: {rejection_reason: overqualified}}", "`overqualified` may stand in for age"),
        ("{has_application: {title: {contains_any: [maternity]}}}", "`maternity` may stand in for maternity"),
    ],
)
def test_what_stands_in_for_a_characteristic_needs_a_justification(who: str, must: str, vocabulary: Vocabulary) -> None:
    (found,) = problems(who, vocabulary)
    assert found.startswith(must)
    assert found.endswith("; if it is needed, say why in a `justification:` line")
    assert problems(who, vocabulary, more=", justification: The grade is for early careers by statute.") == []


@pytest.mark.parametrize(
    "who", ["{city: Leeds}", "{first_seen: {more_than_ago: 2 years}}", "{city: {within: 5 miles of Leeds}}"]
)
def test_what_perhaps_stands_in_is_doubted(who: str, vocabulary: Vocabulary) -> None:
    made = told(who, vocabulary)
    assert made.problems == ()
    assert ["may stand in for" in warning.message for warning in made.warnings] == [True]


@pytest.mark.parametrize(
    "who",
    [
        "{years_experience: {at_least: 3}}",
        "{none: [{years_experience: {less_than: 2}}]}",
        "{region: Wales, country: GB}",
        "{tags: {any_of: [h1b, c1, ppm-2019, younger-than-the-house]}}",
        "{has_application: {title: {contains_any: [high school teacher]}}}",
    ],
)
def test_what_says_nothing_of_a_person_does_not(who: str, vocabulary: Vocabulary) -> None:
    made = told(who.replace("younger-than-the-house", "house"), vocabulary)
    assert made.problems == ()
    assert [it for it in made.warnings if "stand in" in it.message] == []


def test_names_that_stand_in_for_something_are_refused_as_facts() -> None:
    asked = ("postcode", "graduation_year", "surname", "school", "career_gap", "first_name", "zip-code")
    assert all(stands_for(name) for name in asked)
    assert not any(stands_for(name) for name in ("regoin", "stage_nme", "tagz", "skils"))
    assert telling("M14 5RQ") == "ethnic and social origin"
    assert telling("M14") is None  # a room, a motorway; a district only where a place is asked for


def test_a_justification_is_no_new_version_of_a_rule(vocabulary: Vocabulary) -> None:
    one, other = (told("{city: Leeds}", vocabulary, more=more).hash for more in ("", ", justification: Because."))
    assert one == other


# rules together


def read(text: str, vocabulary: Vocabulary) -> RuleSet:
    made = load({"r.yaml": "version: 1\n" + text}, vocabulary)
    assert made.problems == ()
    return examined(made, now=NOW)


def messages(found: tuple[Problem, ...]) -> list[str]:
    return [problem.message for problem in found]


def test_wishes_that_fight_are_problems(vocabulary: Vocabulary) -> None:
    made = read(
        "rules:\n"
        "  - {rule: a, who: {region: Wales}, keep: {tags: [Call-First]}}\n"
        "  - {rule: b, who: {region: Yorkshire}, keep: {tags: [call-first]}}\n"
        "  - {rule: c, who: {region: Yorkshire}, keep: {pools: [north], subscription: off}}\n",
        vocabulary,
    )
    assert messages(made.problems) == [
        "this tag is written `call-first` here and `Call-First` in `a`; platforms show one spelling only",
        "rule `c` unsubscribes the people whom it puts into `north`, where only people are kept who may be written to;"
        " make it two rules",
    ]
    assert messages(made.idle) == ["tag `call-first` is kept by `a` and `b`; it stays while any of them says yes"]


def test_a_tag_that_is_nearly_one_that_a_rule_keeps_is_told(vocabulary: Vocabulary) -> None:
    made = read(
        "rules:\n"
        "  - {rule: a, who: {region: Wales}, keep: {tags: [silver-medallist]}}\n"
        "  - {rule: b, who: {tags: {any_of: [silver-medalist, do-not-contact]}}, keep: {pools: [north]}}\n",
        vocabulary,
    )
    assert messages(made.warnings) == ["no rule keeps the tag `silver-medalist`; did you mean `silver-medallist`?"]


def test_a_rule_that_counts_on_a_shadow_is_told(vocabulary: Vocabulary) -> None:
    made = read(
        "rules:\n"
        "  - {rule: a, who: {region: Wales}, keep: {tags: [t]}, mode: shadow}\n"
        "  - {rule: b, who: {tags: {any_of: [t]}}, keep: {tags: [u]}}\n",
        vocabulary,
    )
    assert messages(made.idle) == ["the tag `t` is kept by `a` in shadow, which `b` does not see"]


def test_a_rule_that_writes_to_people_without_asking_for_consent_is_told(vocabulary: Vocabulary) -> None:
    rule = "rules:\n  - {{rule: a, who: {who}, do: {{event: open_evening}}}}\n"
    assert (
        "has no line `consent.email: yes`" in messages(read(rule.format(who="{region: Wales}"), vocabulary).warnings)[0]
    )
    assert read(rule.format(who="{region: Wales, consent.email: yes}"), vocabulary).warnings == ()


# what has no effect


def test_what_is_read_without_effect_says_so_at_its_place(vocabulary: Vocabulary) -> None:
    made = read(
        "rules:\n"
        "  - rule: a\n"
        "    when: {event: role_published}\n"
        "    who: {skills: {shares_with: role.skills}}\n"
        "    do: {notify: {to: role.recruiter, template: warm, before: role_published}}\n"
        "    hold_out: 10%\n"
        "    limits: {per_person: 1 every 90 days, people_per_event: 5}\n"
        "cadences:\n"
        "  - cadence: c\n"
        "    who: {consent.email: yes}\n"
        "    send: {every: 1 month, rotate: [{template: news}]}\n"
        "    goal: {event: hired, within: 30 days}\n",
        vocabulary,
    )
    told_of = [(it.line, (re.search(r"`(\w+)`", it.message) or [""])[1], it.rule) for it in made.idle]
    assert told_of == [
        (6, "template", "a"),
        (6, "before", "a"),
        (7, "hold_out", "a"),
        (8, "per_person", "a"),
        (13, "goal", "c"),
    ]


@pytest.mark.parametrize(
    ("rule", "told_of"),
    [
        ("keep: {tags: [x]}\n    hold_out: 10%", "`hold_out` goes with `do:`"),
        ("keep: {tags: [x]}\n    limits: {per_person: 1 every 9 days}", "`limits` goes with `do:`"),
        ("do: {event: x}\n    limits: {new_people_per_day: 5}", "`new_people_per_day` goes with cadences"),
        ("do: {event: x}\n    limits: {people_per_event: 5}", "`people_per_event` needs an event of a role"),
    ],
)
def test_what_can_have_no_effect_there_is_a_problem(rule: str, told_of: str, vocabulary: Vocabulary) -> None:
    made = load({"r.yaml": f"version: 1\nrules:\n  - rule: one\n    who: {{region: Wales}}\n    {rule}\n"}, vocabulary)
    (found,) = made.problems
    assert found.message.startswith(told_of)
    assert found.rule == "one"


# how problems read


def test_a_problem_knows_its_rule_and_its_advice(vocabulary: Vocabulary) -> None:
    text = (EXAMPLES / "mistakes.yaml").read_text()
    found = load({"mistakes.yaml": text}, vocabulary).problems
    assert {it.rule for it in found} == {"typical-mistakes", "top-level-list", "two-guards"}
    assert {it.level for it in found} == {"shape"}
    assert found[1].halves == ("`regoin` is not known here", "did you mean `region`?")
    assert all(advice for _, advice in (it.halves for it in found[:4]))
    assert Problem("f", 1, 1, "`a; b` is wrong").halves == ("`a; b` is wrong", "")


def test_mistakes_from_other_languages_are_told_with_our_words(vocabulary: Vocabulary) -> None:
    made = load({"mistakes-more.yaml": (EXAMPLES / "mistakes-more.yaml").read_text()}, vocabulary)
    golden = (EXAMPLES / "mistakes-more.txt").read_text().splitlines()
    assert [str(it) for it in made.problems] == golden
    assert "mistakes-more.yaml:20:15  `{{ 'Wales' }}` is compared letter by letter" in str(made.warnings[0])


def test_a_rule_that_cannot_be_read_keeps_nobody_from_hearing_about_the_others(
    vocabulary: Vocabulary, rules_of: Callable[[str], Any]
) -> None:
    text = (
        "version: 1\nrules:\n"
        "  - {rule: a, who: {regoin: Wales}, keep: {tags: [x]}}\n"
        "  - {rule: b, who: {skills: {all_of: [go], none_of: [go]}}, keep: {tags: [y]}}\n"
    )
    made = examined(load({"r.yaml": text}, vocabulary), now=NOW)
    assert [(it.rule, it.level) for it in made.problems] == [("a", "shape"), ("b", "meaning")]
