"""Distances, groups of regions and families of skills: settled when a rule is read, and the same in both compilers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector.places import Places
from connector.rules import Context, RuleSet, Vocabulary, compile_tree, explain, load

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
InSql = Callable[[RuleSet, Sequence[dict[str, Any]], Context], dict[str, dict[int, bool | None]]]


def one(who: str, vocabulary: Vocabulary, *, role: bool = False) -> RuleSet:
    rest = "when: {event: role_published}, do: {note_on_role: yes}" if role else "keep: {tags: [t]}"
    return load({"rules.yaml": f"version: 1\nrules:\n  - {{rule: one, who: {who}, {rest}}}\n"}, vocabulary)


def answers(
    made: RuleSet, pool: Sequence[dict[str, Any]], in_sql: InSql, role: dict[str, Any] | None = None
) -> list[bool | None]:
    """What the closures say, once the SQL and the why-tree said the same."""
    assert made.problems == ()
    rule = made.rules[0]
    context = Context(now=NOW, zone=made.vocabulary.zone, role=role)
    check = compile_tree(rule.condition)
    found = [check(person, context) for person in pool]
    assert list(in_sql(made, pool, context)["one"].values()) == found
    assert [explain(rule, person, context).answer for person in pool] == found
    return found


@pytest.fixture(scope="module")
def families(vocabulary: Vocabulary) -> Vocabulary:
    return replace(
        vocabulary,
        skills={"icu": ("intensive care",), "hdu": (), "theatre": (), "nursing": ("rn",)},
        skill_families={"critical-care": ("ICU", "hdu"), "acute-care": ("critical-care", "theatre")},
    )


def test_a_distance_holds_for_the_towns_within_it(vocabulary: Vocabulary, in_sql: InSql) -> None:
    made = one("{city: {within: 30 miles of Manchester}}", vocabulary)
    towns = ["manchester", "stockport", "preston", "leeds", "lagos, nigeria", None]
    assert answers(made, [{"city": town} for town in towns], in_sql) == [True, True, True, False, False, None]
    far = one("{city: {within: 60 km of Manchester, if_unknown: yes}}", vocabulary)
    assert answers(far, [{"city": town} for town in towns], in_sql) == [True, True, True, True, False, True]


def test_the_why_says_how_far_it_is(vocabulary: Vocabulary) -> None:
    rule = one("{city: {within: 30 miles of Manchester}}", vocabulary).rules[0]
    context = Context(now=NOW, zone=vocabulary.zone)
    said = [explain(rule, {"city": town}, context).line.because for town in ("stockport", "leeds", None)]
    assert said == [
        "yes: city within 30 miles of Manchester, saw stockport, 6 miles",
        "no: city within 30 miles of Manchester, saw leeds, 36 miles",
        "unknown: city within 30 miles of Manchester, saw nothing known",
    ]


@pytest.mark.parametrize(
    ("who", "message"),
    [
        (
            "{city: {within: 30 miles of Newport}}",
            "could be several towns; write `Newport, Wales`, `Newport, Isle of Wight`",
        ),
        (
            "{city: {within: 30 miles of Manchestre}}",
            "no town called `Manchestre` is known here; did you mean `Manchester`?",
        ),
        ("{city: {within: 30 parsecs of Leeds}}", "cannot be read here; write for example `30 miles of Manchester`"),
        ("{city: {within: 900 miles of Leeds}}", "`900 miles` is too far; up to 200 miles or 320 km"),
        ("{city: {within: 5 miles of Cheshire}}", "a distance is measured from a town"),
        ("{city: {within: 5 miles of SK1 3XE}}", "a distance is measured from a town"),
        ("{city: within 5 miles of Leeds}", "write `{within: 5 miles of Leeds}`"),
        ("{city: Richmond}", "could be several towns; write `Richmond, London`, `Richmond, North Yorkshire`"),
        ("{city: {none_of: [Leeds, Newport]}}", "could be several towns"),
        ("{region: {within: 5 miles of Leeds}}", "`within` is not known here"),
    ],
)
def test_a_place_that_cannot_be_told_is_a_problem_with_what_to_write(
    who: str, message: str, vocabulary: Vocabulary
) -> None:
    (problem,) = one(who, vocabulary).problems
    assert problem.line == 3
    assert problem.column > 20
    assert message in problem.message


def test_a_town_that_nobody_knows_is_a_doubt(vocabulary: Vocabulary) -> None:
    made = one("{city: Leedz}", vocabulary)
    assert made.problems == ()
    assert any("`Leedz` is known here; did you mean `Leeds`?" in it.message for it in made.warnings)


@pytest.mark.parametrize(
    ("who", "value"),
    [
        ("{city: MANCHESTER}", {"city": "manchester"}),
        ("{city: 'Newport, South Wales'}", {"city": "newport, wales"}),
        ("{country: UK}", {"country": "gb"}),
        ("{country: {any_of: [Deutschland]}}", {"country": "de"}),
        ("{region: Midlands}", {"region": "west midlands"}),
        ("{region: {any_of: [North East and Yorkshire]}}", {"region": "north east"}),
        ("{region: England}", {"region": "london"}),
        ("{region: Cymru}", {"region": "wales"}),
    ],
)
def test_places_go_by_many_names(who: str, value: dict[str, str], vocabulary: Vocabulary, in_sql: InSql) -> None:
    elsewhere = dict.fromkeys(value, "scotland")
    assert answers(one(who, vocabulary), [value, elsewhere, {}], in_sql) == [True, False, None]


def test_the_regions_of_the_settings_come_before_the_built_in_ones(vocabulary: Vocabulary) -> None:
    assert vocabulary.canonical("regions", "Yorkshire") == "yorkshire"
    assert replace(vocabulary, regions={}).canonical("regions", "Yorkshire") == "yorkshire and the humber"
    renamed = replace(vocabulary, regions={"Up North": ("North West",)})
    assert renamed.canonical("regions", "North West") == "up north"


def test_a_family_of_skills_is_any_of_its_members(families: Vocabulary, in_sql: InSql) -> None:
    pool: list[dict[str, Any]] = [
        {"skills": frozenset(words)}
        for words in (["icu"], ["critical-care"], ["theatre"], ["nursing"], ["hdu", "nursing"], [])
    ]
    cases = {
        "{any_of: [critical-care]}": [True, True, False, False, True, None],
        "{any_of: [acute-care]}": [True, True, True, False, True, None],
        "{none_of: [acute-care]}": [False, False, False, True, False, None],
        "{all_of: [critical-care, rn]}": [False, False, False, False, True, None],
        "{all_of: [intensive care]}": [True, False, False, False, False, None],
    }
    for test, expected in cases.items():
        made = one(f"{{skills: {test}}}", families)
        assert made.warnings == ()
        assert answers(made, pool, in_sql) == expected


def test_a_role_that_asks_for_a_family_counts_it_once(families: Vocabulary, in_sql: InSql) -> None:
    made = one("{skills: {shares_with: role.skills, at_least: 2}}", families, role=True)
    pool: list[dict[str, Any]] = [
        {"skills": frozenset(words)} for words in (["icu", "hdu"], ["icu", "nursing"], ["nursing"], [])
    ]
    role = {"skills": frozenset({"critical-care", "nursing"})}
    assert answers(made, pool, in_sql, role) == [False, True, False, None]
    assert answers(made, pool, in_sql, {"skills": frozenset({"icu", "hdu"})}) == [True, False, False, None]


WORDS = st.frozensets(st.sampled_from(["icu", "hdu", "theatre", "nursing", "critical-care", "acute-care"]), max_size=4)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pool=st.lists(WORDS, min_size=1, max_size=4), role=WORDS, least=st.integers(1, 3))
def test_sharing_with_families_is_the_same_in_both(
    pool: list[frozenset[str]], role: frozenset[str], least: int, families: Vocabulary, in_sql: InSql
) -> None:
    made = one(f"{{skills: {{shares_with: role.skills, at_least: {least}}}}}", families, role=True)
    answers(made, [{"skills": words} for words in pool], in_sql, {"skills": role})


def test_a_family_is_part_of_what_a_rule_means(families: Vocabulary) -> None:
    wider = replace(families, skill_families={"critical-care": ("icu", "hdu", "theatre")})
    tests = ("{skills: {any_of: [critical-care]}}", "{skills: {all_of: [critical-care]}}")
    assert all(one(test, families).hash != one(test, wider).hash for test in tests)
    assert one("{skills: {any_of: [icu]}}", families).hash == one("{skills: {any_of: [icu]}}", wider).hash


def test_elsewhere_distances_are_measured_too(vocabulary: Vocabulary, in_sql: InSql) -> None:
    german = replace(vocabulary, places=Places(home="DE"))
    made = one("{city: {within: 40 km of München}}", german)
    assert answers(made, [{"city": town} for town in ("munich", "freising", "berlin", None)], in_sql) == [
        True, True, False, None,
    ]  # fmt: skip
