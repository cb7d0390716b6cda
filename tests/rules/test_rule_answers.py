"""What rules mean, by example: three answers, one application at a time, the why, and what has to be known."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connector.clock import Span, stamp
from connector.facts import FACTS, LATEST, LISTS, TABLES, fold, of
from connector.rules import (
    Context,
    Edge,
    Evidence,
    RuleSet,
    Vocabulary,
    compile_rule,
    compile_when,
    edges,
    evidence_floor,
    explain,
    judge_all,
    load,
    only,
    reads,
    touched,
)

Read = Callable[[str], RuleSet]
EXAMPLES = Path(__file__).parent / "examples"
NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
NEAR_MISS = {
    "id": "hospital/application/1",
    "status": "rejected",
    "furthest_stage": "final",
    "scorecard_average": 4.1,
    "rejection_reason": "other_candidate",
    "decided": "2025-05-31T23:00:00.000000Z",  # 1 June in London
}
AMINA: dict[str, Any] = {
    "region": "north west",
    "skills": frozenset({"nursing"}),
    "employment": "none",
    "applications": [NEAR_MISS],
}


@pytest.fixture(scope="session")
def example(vocabulary: Vocabulary) -> RuleSet:
    names = ("silver-medallists.yaml", "segments.yaml", "cadences.yaml", "consent.yaml")
    made = load({name: (EXAMPLES / name).read_text() for name in names}, vocabulary)
    assert made.problems == ()
    return made


def at(moment: datetime, rule_set: RuleSet, **more: Any) -> Context:
    return Context(now=moment, zone=rule_set.vocabulary.zone, **more)


def answer(who: str, person: dict[str, Any], rules_of: Read, **more: Any) -> bool | None:
    made = rules_of(f"rules:\n  - rule: one\n    who: {who}\n    keep: {{tags: [x]}}\n")
    return compile_rule(made.rules[0])(person, at(NOW, made, **more))


def test_a_near_miss_is_in_and_ages_out_after_eighteen_calendar_months(example: RuleSet) -> None:
    judge = judge_all(example)
    until = datetime(2026, 12, 1, tzinfo=UTC)
    for moment, wanted in ((NOW, True), (until, True), (until + timedelta(microseconds=1), False)):
        answers = judge(AMINA, at(moment, example))
        assert (answers["silver-medallist"], answers["silver-nursing-north-west"]) == (wanted, wanted)


def test_without_a_scorecard_we_do_not_know(example: RuleSet) -> None:
    bare = AMINA | {"applications": [{**NEAR_MISS, "scorecard_average": None}]}
    answers = judge_all(example)(bare, at(NOW, example))
    assert (answers["silver-medallist"], answers["silver-nursing-north-west"]) == (None, None)
    why = explain(example.rules[0], bare, at(NOW, example))
    assert why.deciding == "unknown: scorecard_average at least 3.5, saw nothing known"


def test_all_lines_about_an_application_are_about_the_same_one(rules_of: Read) -> None:
    who = "{has_application: {status: rejected, furthest_stage: {at_least: onsite}}}"
    mixed = [
        {"id": "1", "status": "rejected", "furthest_stage": "applied"},
        {"id": "2", "status": "active", "furthest_stage": "final"},
    ]
    assert answer(who, {"applications": mixed}, rules_of) is False
    assert answer(who, {"applications": [*mixed, NEAR_MISS]}, rules_of) is True


@pytest.mark.parametrize(
    ("who", "wanted"),
    [
        ("{region: Wales}", None),
        ("{region: {none_of: [Wales]}}", None),
        ("{none: [{region: Wales}]}", None),
        ("{region: {equals: Wales, if_unknown: yes}}", True),
        ("{region: {equals: Wales, if_unknown: no}}", False),
        ("{any: [{region: Wales}, {country: GB}]}", True),
        ("{any: [{region: Wales}, {country: FR}]}", None),
        ("{all: [{region: Wales}, {country: FR}]}", False),
        ("{skills: {any_of: [icu]}}", None),
        ("{skills: {none_of: [icu]}}", None),
        ("{tags: {none_of: [vip]}}", True),
        ("{tags: {any_of: [vip]}}", False),
        ("{has_application: {status: active}}", False),
        ("{has_no_application: {status: active}}", True),
        ("{latest_application: {status: active}}", False),
        ("{has_application: {count: {at_most: 0}}}", True),
        ("{years_experience: {less_than: 15}}", None),
        ("{country: ' gb '}", True),
    ],
)
def test_what_is_missing_is_unknown_and_an_empty_list_is_empty(who: str, wanted: bool | None, rules_of: Read) -> None:
    assert answer(who, {"country": "gb"}, rules_of) is wanted


@pytest.mark.parametrize(
    ("count", "wanted"),
    [("{at_least: 1}", True), ("{at_least: 2}", None), ("{at_least: 3}", False), ("{at_most: 2}", True), ("1", None)],
)
def test_a_count_knows_what_it_does_not_know(count: str, wanted: bool | None, rules_of: Read) -> None:
    applications = [{"id": "1", "status": "rejected"}, {"id": "2"}, {"id": "3", "status": "active"}]
    who = f"{{has_application: {{status: rejected, count: {count}}}}}"
    assert answer(who, {"applications": applications}, rules_of) is wanted


def test_the_latest_application_is_the_last_by_date_then_by_id(rules_of: Read) -> None:
    day = stamp(NOW)
    applications = [
        {"id": "1", "status": "active", "applied": day},
        {"id": "2", "status": "hired", "applied": day},
        {"id": "3", "status": "rejected"},
    ]
    assert answer("{latest_application: {status: hired}}", {"applications": applications}, rules_of) is True


@pytest.mark.parametrize(
    ("test", "ahead", "wanted"),
    [
        ("{within_last: 0 days}", 0, True),
        ("{within_last: 7 days}", -7 * 86400, True),  # the boundary is inside
        ("{within_last: 7 days}", 1, False),
        ("{more_than_ago: 7 days}", -7 * 86400, False),
        ("{more_than_ago: 0 days}", 0, False),
        ("{more_than_ago: 0 days}", -1, True),
        ("{within_next: 7 days}", 7 * 86400, True),
        ("{within_next: 7 days}", -1, False),
        ("{after: 2026-11-23}", 0, True),
        ("{before: 2026-11-23}", 0, False),
    ],
)
def test_boundaries_of_times(test: str, ahead: int, wanted: bool, rules_of: Read) -> None:
    person = {"last_contacted": stamp(NOW + timedelta(seconds=ahead))}
    assert answer(f"{{last_contacted: {test}}}", person, rules_of) is wanted


@pytest.mark.parametrize(
    ("kept", "own", "wanted"), [(True, (), True), (None, (), None), (False, (), False), (False, ("t",), True)]
)
def test_a_tag_is_read_from_the_rule_that_keeps_it_and_from_what_is_not_ours(
    kept: bool | None, own: tuple[str, ...], wanted: bool | None, rules_of: Read
) -> None:
    made = rules_of(
        "rules:\n  - {rule: a, who: {region: Wales}, keep: {tags: [T]}}\n"
        "  - {rule: b, who: {tags: {any_of: [t]}}, keep: {tags: [u]}}\n"
    )
    check = compile_rule(made.rules[1])
    assert check({"tags": frozenset(own)}, at(NOW, made, answers={"a": kept})) is wanted


REENGAGE = """rules:
  - rule: one
    when: {event: role_published, role: {function: engineering, title: {contains_any: [backend, api]}}}
    who: {skills: {shares_with: role.skills, at_least: 2}, region: {same_as: role.region, if_unknown: yes}}
    unless: {has_application: {job: {same_as: role.job}}}
    do: {notify: {to: role.recruiter}, note_on_role: yes}
"""
ROLE = {
    "function": "engineering",
    "title": "backend engineer",
    "job": "j1",
    "region": "wales",
    "skills": frozenset({"go", "java", "python"}),
}


def test_a_rule_about_a_role_compares_with_the_role(rules_of: Read) -> None:
    made = rules_of(REENGAGE)
    rule = made.rules[0]
    assert rule.do is not None
    assert (rule.kind, rule.do.note_on_role) == ("do", True)
    check = compile_rule(rule)
    person = {"skills": frozenset({"go", "java"}), "applications": [{"id": "1", "job": "j2"}]}
    assert check(person, at(NOW, made, role=ROLE)) is True
    assert check(person, at(NOW, made, role={**ROLE, "job": "j2"})) is False
    assert check(person, at(NOW, made, role={**ROLE, "skills": frozenset({"go"})})) is False
    assert check(person, at(NOW, made)) is None
    assert rule.when is not None
    happened = compile_when(rule.when)
    assert happened(at(NOW, made, role=ROLE), None, None) is True
    assert happened(at(NOW, made, role={**ROLE, "title": "designer"}), None, None) is False
    assert happened(at(NOW, made, role={"function": "engineering"}), None, None) is None
    assert happened(at(NOW, made), None, None) is None


def test_the_event_of_an_interview_is_asked_about_that_interview(rules_of: Read) -> None:
    made = rules_of(
        "rules:\n  - rule: one\n    when: {event: interview_completed, interview: {stage: {at_least: onsite}}}\n"
        "    who: {consent.email: yes}\n    do: {event: {name: met, properties: {from: us}}}\n"
    )
    when, do = made.rules[0].when, made.rules[0].do
    assert when is not None
    assert do is not None
    assert do.event is not None
    assert (do.event.name, do.event.properties) == ("met", (("from", "us"),))
    happened = compile_when(when)
    assert [happened(at(NOW, made), None, {"stage": stage}) for stage in ("final", "applied", None)] == [
        True,
        False,
        None,
    ]


def test_the_why_shows_every_line_what_was_seen_and_what_would_change_it(example: RuleSet) -> None:
    rule = next(rule for rule in example.rules if rule.name == "silver-nursing-north-west")
    person = AMINA | {"skills": frozenset({"icu", "staff nurse"})}
    why = explain(rule, person, at(NOW, example, answers={"silver-medallist": True}))
    assert why.lines() == [
        f"silver-nursing-north-west: NO  (rule {rule.hash[:4]})",
        "├─ yes     tags any_of silver-medallist  saw none (silver-medallist kept by rule silver-medallist)",
        "├─ no      skills any_of nursing  saw icu, staff nurse",
        "└─ yes     region North West  saw north west",
        "Becomes yes if skills gains nursing.",
        "By the clock alone: no change ahead.",
    ]
    assert why.deciding == "no: skills any_of nursing, saw icu, staff nurse"
    assert str(why.line.at) == "silver-medallists.yaml:23:16"


def test_the_why_of_a_yes_names_its_grounds_and_its_end(example: RuleSet) -> None:
    why = explain(example.rules[0], AMINA, at(NOW, example))
    assert why.deciding == (
        "yes: status rejected; furthest_stage at least onsite (saw final); scorecard_average at least 3.5"
        " (saw 4.1); rejection_reason none_of misconduct, failed_background_check (saw other_candidate);"
        " decided within the last 18 months (saw 2025-06-01 00:00); not: employment hired (saw none)"
    )
    assert why.changes == ""
    assert why.lines()[-1] == "By the clock alone: it changes on 2026-12-01 00:00."


def test_the_why_of_several_applications_shows_the_nearest(example: RuleSet) -> None:
    person = AMINA | {"applications": [{"id": "2", "status": "withdrawn"}, {**NEAR_MISS, "scorecard_average": 3.0}]}
    why = explain(example.rules[0], person, at(NOW, example))
    assert why.deciding == "no: scorecard_average at least 3.5, saw 3"
    assert why.changes == "for one application scorecard_average is at least 3.5"
    assert why.lines()[1] == "├─ no      an application where  saw 2 applications: 0 yes, 0 unknown; nearest below"


def test_what_counts_as_yes_when_unknown_is_said(rules_of: Read) -> None:
    made = rules_of(
        "rules:\n  - {rule: a, who: {last_contacted: {more_than_ago: 90 days, if_unknown: yes}}, keep: {tags: [x]}}\n"
    )
    why = explain(made.rules[0], {}, at(NOW, made))
    assert why.deciding == "yes: last_contacted more than 90 days ago (saw nothing known, which counts as yes here)"


def test_each_edge_of_the_clock_is_listed_once(rules_of: Read) -> None:
    line = "{within_last: 7 days}"
    message = "has_message: {sent: {more_than_ago: 1 month}}"
    expires = "consent.expires: {within_next: 7 days}"
    made = rules_of(
        f"rules:\n  - {{rule: a, who: {{last_activity: {line}, {message}}}, keep: {{tags: [x]}}}}\n"
        f"suppress:\n  - {{suppress: b, who: {{last_activity: {line}, {expires}}}, stops: everything}}\n"
    )
    zero = Span(0, "minute")
    assert set(edges(made)) == {
        Edge("person", "last_activity", zero, True),
        Edge("person", "last_activity", Span(7, "day"), True),
        Edge("message", "sent", Span(1, "month"), True),
        Edge("person", "consent_expires", zero, True),
        Edge("person", "consent_expires", Span(7, "day"), False),
    }
    assert len(edges(made)) == 5
    with pytest.raises(ValueError, match="backwards"):
        touched(edges(made), NOW, NOW - timedelta(seconds=1), made.vocabulary.zone)


FROM_ONSITE = Evidence(needed=True, stage="onsite")


@pytest.mark.parametrize(
    ("who", "floor"),
    [
        ("{region: Wales}", Evidence(needed=False)),
        ("{has_application: {furthest_stage: {at_least: onsite}}}", Evidence(needed=False)),
        (
            "{has_application: {furthest_stage: onsite, scorecards: {at_least: 1}}}",
            Evidence(needed=True, stage="onsite"),
        ),
        (
            "{has_application: {furthest_stage: {any_of: [final, onsite]}, scorecards: 2}}",
            Evidence(needed=True, stage="onsite"),
        ),
        ("{has_application: {scorecard_average: {at_least: 3.5}}}", Evidence(needed=True)),
        ("{has_interview: {stage: final, completed: {within_last: 2 years}}}", Evidence(needed=True, stage="final")),
        ("{has_interview: {completed: {within_last: 2 years}}}", Evidence(needed=True)),
    ],
)
def test_evidence_is_needed_from_the_lowest_stage_that_any_rule_asks_for(
    who: str, floor: Evidence, rules_of: Read
) -> None:
    made = rules_of(f"rules:\n  - rule: one\n    who: {who}\n    keep: {{tags: [x]}}\n")
    assert evidence_floor(made) == floor


def test_a_rule_says_which_facts_it_reads(example: RuleSet) -> None:
    rule = next(rule for rule in example.rules if rule.name == "segment-met-in-person")
    assert reads(rule) == {"event.attended", "interview.completed", "last_contacted"}


def test_every_fact_has_a_column_or_words_and_says_what_it_is(
    mirror_of: Callable[[Sequence[Any]], sqlite3.Connection],
) -> None:
    database = mirror_of([])
    for scope, table in TABLES.items():
        there = {row[1]: row[2] for row in database.execute(f"PRAGMA table_info({table})")}
        for fact in of(scope).values():
            assert fact.type == "words" or fact.column in there, fact
    database.close()
    assert all(fact.meaning and fact.example for fact in FACTS)
    assert len({(fact.scope, fact.name) for fact in FACTS}) == len(FACTS)
    assert all(LATEST[scope] in of(scope) for scope in LISTS)


def test_losing_the_last_skill_makes_the_person_unknown_again(
    mirror_of: Callable[[Sequence[Any]], sqlite3.Connection], rules_of: Read
) -> None:
    made = rules_of("rules:\n  - {rule: a, who: {skills: {any_of: [icu]}}, keep: {tags: [x]}}\n")
    database = mirror_of([{"skills": frozenset({"go", "java"})}])
    query = only(made.rules[0], at(NOW, made), [1, 2])
    ask = [database.execute(query.text, query.params).fetchall()]
    for word in ("go", "java"):
        database.execute("DELETE FROM person_words WHERE person = 1 AND word = ?", (word,))
        ask.append(database.execute(query.text, query.params).fetchall())
    database.execute("INSERT INTO person_words VALUES (1, 'skills', 'icu')")
    ask.append(database.execute(query.text, query.params).fetchall())
    database.close()
    assert ask == [[], [], [(1, None)], [(1, 1)]]


@pytest.mark.parametrize(
    ("one", "other"), [("Straße", "STRASSE"), ("E\u0301lan", "élan"), ("  North\tWest ", "north west"), ("ΣΑΣ", "σας")]
)
def test_folded_texts_are_equal_beyond_ascii(one: str, other: str) -> None:
    assert fold(one) == fold(other)
    assert fold(fold(one)) == fold(one)


def test_a_synonym_is_the_same_word_in_the_rule_and_in_the_mirror(vocabulary: Vocabulary, rules_of: Read) -> None:
    assert vocabulary.canonical("skills", "Registered  NURSE") == "nursing"
    assert vocabulary.canonical("skills", "Welding") == "welding"
    assert answer("{skills: {any_of: [RN]}}", {"skills": frozenset({"nursing"})}, rules_of) is True
