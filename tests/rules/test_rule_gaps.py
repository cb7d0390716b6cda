"""Which missing facts make a rule unable to tell."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.rules import Context, RuleSet, Vocabulary, compile_gaps, compile_rule, load

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
RULES = """
rules:
  - rule: silver
    who:
      has_application:
        status: rejected
        furthest_stage: {at_least: onsite}
        scorecard_average: {at_least: 3.5}
    unless: {employment: hired}
    keep: {tags: [silver]}
  - rule: bench
    who: {tags: {any_of: [silver]}, region: North West}
    keep: {tags: [bench]}
  - rule: either
    who:
      any:
        - region: Wales
        - {skills: {any_of: [nursing]}, country: GB}
      none:
        - has_application: {status: active}
    keep: {tags: [either]}
  - rule: latest
    who: {latest_application: {furthest_stage: onsite}}
    keep: {tags: [latest]}
  - rule: twice
    who:
      has_application:
        furthest_stage: {at_least: onsite, if_unknown: no}
        scorecard_average: {at_least: 3}
        count: {at_least: 2}
    keep: {tags: [twice]}
"""


@pytest.fixture(scope="module")
def rule_set(vocabulary: Vocabulary) -> RuleSet:
    found = load({"rules.yaml": "version: 1\n" + RULES}, vocabulary)
    assert not found.problems
    return found


@pytest.fixture(scope="module")
def missing(rule_set: RuleSet) -> Callable[..., set[str]]:
    def ask(rule: str, facts: dict[str, Any], **answers: bool | None) -> set[str]:
        entry = next(it for it in rule_set.entries if it.name == rule)
        return set(compile_gaps(entry.condition)(facts, Context(now=NOW, zone=UTC, answers=answers)))

    return ask


def run(**more: Any) -> dict[str, Any]:
    return {"id": "a", "status": "rejected"} | more


def test_every_missing_fact_of_the_application_that_lacks_the_fewest(missing: Callable[..., set[str]]) -> None:
    facts = {"employment": "none", "applications": [run(), run(furthest_stage="onsite"), run(status="active")]}
    assert missing("silver", facts) == {"application.scorecard_average"}
    assert missing("silver", {"applications": [run()]}) == {
        "employment", "application.furthest_stage", "application.scorecard_average",
    }  # fmt: skip


def test_nothing_is_missing_of_a_yes_or_a_no(missing: Callable[..., set[str]]) -> None:
    good = run(furthest_stage="onsite", scorecard_average=4.0)
    assert missing("silver", {"employment": "none", "applications": [good]}) == set()
    assert missing("silver", {"employment": "hired", "applications": [run()]}) == set()
    assert missing("silver", {"employment": "none", "applications": []}) == set()


def test_another_rules_answer_can_be_what_is_missing(missing: Callable[..., set[str]]) -> None:
    facts = {"region": "north west", "tags": frozenset[str]()}
    assert missing("bench", facts, silver=None) == {"rule silver"}
    assert missing("bench", facts | {"region": None}, silver=True) == {"region"}


def test_of_alternatives_the_one_that_lacks_least(missing: Callable[..., set[str]]) -> None:
    facts: dict[str, Any] = {"region": None, "skills": None, "country": None, "applications": []}
    assert missing("either", facts) == {"region"}
    assert missing("either", facts | {"region": "london", "country": "gb"}) == {"skills"}


def test_only_the_latest_counts_where_the_latest_is_asked_about(missing: Callable[..., set[str]]) -> None:
    old, new = run(id="1", applied="2025"), run(id="2", applied="2026", furthest_stage="applied")
    assert missing("latest", {"applications": [old, new]}) == set()
    assert missing("latest", {"applications": [old | {"applied": "2027"}, new]}) == {"application.furthest_stage"}


value = st.none() | st.sampled_from(["onsite", "applied"])
runs = st.builds(run, furthest_stage=value, scorecard_average=st.none() | st.sampled_from([2.0, 4.0]),
                 status=st.sampled_from(["rejected", "active"]))  # fmt: skip
people = st.fixed_dictionaries(
    {
        "region": st.none() | st.sampled_from(["wales", "north west"]),
        "country": st.none() | st.sampled_from(["gb", "fr"]),
        "employment": st.sampled_from(["none", "hired"]),
        "skills": st.none() | st.sampled_from([frozenset({"nursing"}), frozenset({"go"})]),
        "tags": st.just(frozenset[str]()),
        "applications": st.lists(runs, max_size=3),
    }
)


@given(person=people, silver=st.sampled_from([True, False, None]))
def test_something_is_missing_exactly_where_the_answer_is_unknown(
    rule_set: RuleSet, person: dict[str, Any], silver: bool | None
) -> None:
    context = Context(now=NOW, zone=UTC, answers={"silver": silver})
    for entry in rule_set.entries:
        unknown = compile_rule(entry)(person, context) is None
        assert bool(compile_gaps(entry.condition)(person, context)) is unknown
