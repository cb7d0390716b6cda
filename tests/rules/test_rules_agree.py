"""Closures and SQL are two readings of one tree. Here they are held equal, unknowns included, for every operator."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector.clock import stamp
from connector.facts import LISTS, Fact, fold, of
from connector.rules import (
    Context,
    RuleSet,
    Vocabulary,
    compile_tree,
    edges,
    explain,
    judge_all,
    load,
    next_change,
    touched,
)
from connector.rules.operators import OPERATORS, words_for

#: Enough for every change; set KEEPWARM_EXAMPLES=2000 for a long look.
EXAMPLES = int(os.environ.get("KEEPWARM_EXAMPLES", "60"))
NOW = datetime(2026, 3, 29, 9, 30, tzinfo=UTC)  # the day on which London's clocks go forward
SPANS = ("0 days", "90 minutes", "7 days", "1 month", "18 months", "2 years")
STAGES = ("applied", "phone_screen", "onsite", "final", "offer")
WORDS = ("nursing", "icu", "élan_vital", "100%", "straße", "x")
InSql = Callable[[RuleSet, Sequence[dict[str, Any]], Context], dict[str, dict[int, bool | None]]]

instants = st.one_of(
    st.sampled_from([NOW, NOW - timedelta(days=7), NOW + timedelta(days=7), datetime(2026, 2, 28, 23, tzinfo=UTC)]),
    st.integers(-800 * 86400, 60 * 86400).map(lambda seconds: NOW + timedelta(seconds=seconds)),
)
texts = st.sampled_from(WORDS)


def value_of(fact: Fact) -> st.SearchStrategy[Any]:
    """A value as the mirror keeps it."""
    made: dict[str, st.SearchStrategy[Any]] = {
        "text": st.sampled_from(fact.values or WORDS).map(fold),
        "stage": st.sampled_from((*STAGES, "a_step_of_yesterday")),
        "number": st.sampled_from((0.0, 1.0, 3.5, 4.25)),
        "whole": st.integers(0, 4),
        "yesno": st.booleans(),
        "time": instants.map(stamp),
        "words": st.frozensets(texts.map(fold), max_size=3),
    }
    return made[fact.type]


def rows(scope: str) -> st.SearchStrategy[dict[str, Any]]:
    """Some facts known, some NULL, some not there at all."""
    return st.fixed_dictionaries({}, optional={name: st.none() | value_of(fact) for name, fact in of(scope).items()})


@st.composite
def people(draw: st.DrawFn) -> list[dict[str, Any]]:
    made = draw(st.lists(rows("person"), min_size=1, max_size=4))
    serial = 0
    for person in made:
        for scope, key in LISTS.items():
            person[key] = draw(st.lists(rows(scope), max_size=3))
            for item in person[key]:
                serial += 1
                item["id"] = f"{draw(st.sampled_from('ab'))}{serial}"
    return made


def operand(fact: Fact, name: str) -> st.SearchStrategy[Any]:
    if name == "same_as":
        known = [each.name for each in of("role").values() if each.type == "text" and each.kind == fact.kind]
        return st.sampled_from([f"role.{each}" for each in known])
    if name == "shares_with":
        return st.just("role.skills")
    if name in ("any_of", "all_of", "none_of", "contains_any"):
        return st.lists(operand(fact, "equals"), min_size=1, max_size=3)
    made: dict[str, st.SearchStrategy[Any]] = {
        "text": st.sampled_from(fact.values or WORDS),
        "words": texts,
        "stage": st.sampled_from(STAGES),
        "number": st.sampled_from(("0", "1", "3.5", "4")),
        "whole": st.sampled_from(("0", "1", "2")),
        "yesno": st.sampled_from(("yes", "no")),
        "time": st.sampled_from(("2026-01-01", "2026-03-29 01:30") if name in ("before", "after") else SPANS),
    }
    return made[fact.type]


@st.composite
def lines(draw: st.DrawFn, scope: str) -> dict[str, Any]:
    """One line about one fact."""
    fact = draw(st.sampled_from(list(of(scope).values())))
    names = [
        name
        for name in words_for(fact.type)
        if (name != "shares_with" or fact.kind == "skills")
        and (name != "same_as" or any(r.type == "text" and r.kind == fact.kind for r in of("role").values()))
    ]
    name = draw(st.sampled_from(names))
    test = {name: draw(operand(fact, name))}
    if name == "shares_with" and draw(st.booleans()):
        test["at_least"] = "2"
    if draw(st.integers(0, 3)) == 0:
        test["if_unknown"] = draw(st.sampled_from(("yes", "no")))
    return {fact.name: test}


@st.composite
def item_lines(draw: st.DrawFn) -> dict[str, Any]:
    scope = draw(st.sampled_from(list(LISTS)))
    how = draw(st.sampled_from(("has", "has", "has_no", "latest")))
    block: dict[str, Any] = {}
    for line in draw(st.lists(lines(scope), min_size=1, max_size=3)):
        block |= line
    if how == "has" and draw(st.booleans()):
        signs = st.sampled_from(("at_least", "at_most", "more_than", "less_than"))
        block["count"] = draw(st.dictionaries(signs, st.sampled_from("0123"), min_size=1, max_size=2))
    if draw(st.integers(0, 3)) == 0:
        block["if_unknown"] = draw(st.sampled_from(("yes", "no")))
    return {f"{how}_{scope}": block}


def merged(found: list[dict[str, Any]]) -> dict[str, Any]:
    return {key: value for line in found for key, value in line.items()}


leaves = st.one_of(lines("person"), lines("person"), item_lines())
blocks = st.recursive(
    st.lists(leaves, min_size=1, max_size=3).map(merged),
    lambda inner: st.builds(
        lambda word, some, more: {**more, word: some},
        st.sampled_from(("any", "all", "none")),
        st.lists(inner, min_size=1, max_size=2),
        inner,
    ),
    max_leaves=4,
)


def about_a_role(block: dict[str, Any], name: str = "one") -> dict[str, Any]:
    """Only a rule with an event of a role may compare with the role."""
    return {"rule": name, "when": {"event": "role_published"}, "who": block, "do": {"note_on_role": "yes"}}


def read(rules: list[dict[str, Any]], vocabulary: Vocabulary) -> RuleSet:
    made = load({"made.yaml": json.dumps({"version": "1", "rules": rules})}, vocabulary)
    assert made.problems == ()
    return made


slow = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


@slow
@given(block=blocks, pool=people(), role=st.none() | rows("role"))
def test_closures_sql_and_the_why_tree_give_one_answer(
    block: dict[str, Any],
    pool: list[dict[str, Any]],
    role: dict[str, Any] | None,
    vocabulary: Vocabulary,
    in_sql: InSql,
) -> None:
    rule_set = read([about_a_role(block)], vocabulary)
    context = Context(now=NOW, zone=vocabulary.zone, role=role)
    rule = rule_set.rules[0]
    check = compile_tree(rule.condition)
    closures = {number: check(person, context) for number, person in enumerate(pool, 1)}
    assert in_sql(rule_set, pool, context)["one"] == closures
    assert {number: explain(rule, person, context).answer for number, person in enumerate(pool, 1)} == closures


def example_operands(fact: Fact, name: str) -> list[Any]:
    """Every value worth trying for one operator, without chance."""
    if name in ("same_as", "shares_with"):
        kinds = {"same_as": "text", "shares_with": "words"}[name]
        return [f"role.{each.name}" for each in of("role").values() if each.type == kinds and each.kind == fact.kind]
    single: dict[str, list[Any]] = {
        "text": list(fact.values or WORDS),
        "words": list(WORDS),
        "stage": list(STAGES),
        "number": ["0", "1", "3.5", "5"],
        "whole": ["0", "2"],
        "yesno": ["yes", "no"],
        "time": ["2026-01-01", "2026-03-29 01:30"] if name in ("before", "after") else list(SPANS),
    }
    one = single[fact.type]
    return [one[:2], one[1:], one[:1]] if name in ("any_of", "all_of", "none_of", "contains_any") else one


def example_values(fact: Fact) -> list[Any]:
    edges_of_spans = [NOW - timedelta(days=7), NOW - timedelta(minutes=90), NOW, NOW + timedelta(days=7)]
    just = timedelta(microseconds=1)
    moments = [moment + shift for moment in edges_of_spans for shift in (-just, 0 * just, just)]
    made: dict[str, list[Any]] = {
        "text": [fold(word) for word in fact.values or WORDS],
        "words": [frozenset(map(fold, some)) for some in ((), WORDS[:1], WORDS[1:3], WORDS)],
        "stage": [*STAGES, "a_step_of_yesterday"],
        "number": [0.0, 0.5, 1.0, 3.5, 5.0],
        "whole": [0, 1, 2, 3],
        "yesno": [True, False],
        "time": [stamp(moment) for moment in moments],
    }
    return [None, *made[fact.type]]


@pytest.mark.parametrize(("type_", "name"), sorted(OPERATORS))
def test_closures_and_sql_agree_on_every_value_for(
    type_: str, name: str, vocabulary: Vocabulary, in_sql: InSql
) -> None:
    scope = "application" if type_ == "whole" else "interview" if type_ == "stage" else "person"
    kind = {"same_as": {"text": "regions", "words": "functions"}[type_]} if name == "same_as" else {}
    fact = next(
        fact
        for fact in of(scope).values()
        if fact.type == type_ and fact.kind == kind.get(name, fact.kind) and fact.name not in ("tags", "pools")
    )
    roles: list[dict[str, Any] | None] = [
        None,
        {},
        {"region": fold(WORDS[0]), "function": fold(WORDS[0]), "skills": frozenset(map(fold, WORDS[:2]))},
    ]
    values = example_values(fact)
    pool: list[dict[str, Any]] = [{fact.name: value} for value in values]
    if scope != "person":
        pool = [{LISTS[scope]: [{"id": str(number), fact.name: value}]} for number, value in enumerate(values)]
    answers: set[bool | None] = set()
    for operand_ in example_operands(fact, name):
        for unsure in ({}, {"if_unknown": "yes"}, {"if_unknown": "no"}):
            line = {fact.name: {name: operand_} | unsure}
            rule_set = read([about_a_role(line if scope == "person" else {f"has_{scope}": line})], vocabulary)
            check = compile_tree(rule_set.rules[0].condition)
            for role in roles:
                context = Context(now=NOW, zone=vocabulary.zone, role=role)
                closures = {number: check(person, context) for number, person in enumerate(pool, 1)}
                assert in_sql(rule_set, pool, context)["one"] == closures
                answers.update(closures.values())
    assert answers == {True, False, None}


@st.composite
def chains(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Rules that read each other's tags, never in a circle; several may keep one tag."""
    made = []
    for number in range(draw(st.integers(2, 4))):
        who: dict[str, Any] = draw(lines("person"))
        for fact in [fact for fact in who if "same_as" in who[fact] or "shares_with" in who[fact]]:
            who = {"region": "icu"} if fact else who
        earlier = [f"t{other // 2}" for other in range(number) if other // 2 < number // 2]
        if earlier:
            word = draw(st.sampled_from(("any_of", "all_of", "none_of")))
            who["tags"] = {word: draw(st.lists(st.sampled_from((*earlier, "x")), min_size=1, max_size=2))}
        made.append({"rule": f"r{number}", "who": who, "keep": {"tags": [f"T{number // 2}"]}})
    return draw(st.permutations(made))


@slow
@given(rules=chains(), pool=people())
def test_a_rule_that_reads_another_rules_tag_reads_its_answer_in_both(
    rules: list[dict[str, Any]], pool: list[dict[str, Any]], vocabulary: Vocabulary, in_sql: InSql
) -> None:
    rule_set = read(rules, vocabulary)
    context = Context(now=NOW, zone=vocabulary.zone)
    judge = judge_all(rule_set)
    answers = in_sql(rule_set, pool, context)
    for number, person in enumerate(pool, 1):
        assert judge(person, context) == {name: found[number] for name, found in answers.items()}


@slow
@given(
    block=blocks,
    pool=people(),
    start=st.integers(-3 * 86400, 3 * 86400),
    length=st.sampled_from((0, 1, 60, 3600, 86400, 35 * 86400)),
)
def test_nobody_whose_answer_the_clock_changed_is_outside_the_ranges(
    block: dict[str, Any],
    pool: list[dict[str, Any]],
    start: int,
    length: int,
    vocabulary: Vocabulary,
    mirror_of: Callable[[Sequence[Any]], sqlite3.Connection],
) -> None:
    rule_set = read([about_a_role(block)], vocabulary)
    check = compile_tree(rule_set.rules[0].condition)
    early = NOW + timedelta(seconds=start)
    late = early + timedelta(seconds=length)
    before, after = (Context(now=moment, zone=vocabulary.zone) for moment in (early, late))
    changed = {number for number, person in enumerate(pool, 1) if check(person, before) is not check(person, after)}
    database = mirror_of(pool)
    found = {
        row[0]
        for query in touched(edges(rule_set), early, late, vocabulary.zone)
        for row in database.execute(query.text, query.params)
    }
    database.close()
    assert changed <= found


@slow
@given(block=blocks, pool=people())
def test_the_next_change_is_a_change_and_nothing_changes_before_it(
    block: dict[str, Any], pool: list[dict[str, Any]], vocabulary: Vocabulary
) -> None:
    rule = read([about_a_role(block)], vocabulary).rules[0]
    check = compile_tree(rule.condition)
    for person in pool:
        context = Context(now=NOW, zone=vocabulary.zone)
        now = check(person, context)
        moment = next_change(rule, person, context)
        until = moment or NOW + timedelta(days=900)
        for step in range(20):
            between = NOW + (until - NOW) * step // 20
            assert check(person, Context(now=between, zone=vocabulary.zone)) is now
        if moment is not None:
            assert check(person, Context(now=moment, zone=vocabulary.zone)) is not now
            just_before = moment - timedelta(microseconds=1)
            assert check(person, Context(now=just_before, zone=vocabulary.zone)) is now
