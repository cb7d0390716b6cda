"""Closures, SQL and the why-tree are three readings of one rule. Here they are held equal, unknowns included, for every
operator; and what the clock will change is held to a calendar."""

from __future__ import annotations

import functools
import json
import os
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector.clock import stamp
from connector.facts import LISTS, Fact, fold, of
from connector.rules import (
    Answer,
    Context,
    Line,
    RuleSet,
    Tree,
    Vocabulary,
    compile_rule,
    compile_tree,
    edges,
    explain,
    judge_all,
    load,
    moments,
    next_change,
    touched,
)
from connector.rules.judge import latest_of
from connector.rules.operators import OPERATORS, words_for
from connector.rules.tree import All, AnyOf, Default, Items, Leaf, Not

#: Enough for every change; set KEEPWARM_EXAMPLES=2000 for a long look.
EXAMPLES = int(os.environ.get("KEEPWARM_EXAMPLES", "60"))
NOW = datetime(2026, 3, 29, 9, 30, tzinfo=UTC)  # the day on which London's clocks go forward
SPANS = ("0 days", "90 minutes", "7 days", "1 month", "18 months", "2 years")
STAGES = ("applied", "phone_screen", "onsite", "final", "offer")
WORDS = ("nursing", "icu", "élan_vital", "100%", "straße", "x")
TOWNS = ("Manchester", "Stockport", "Leeds", "Newport, Wales")
DISTANCES = ("10 miles of Manchester", "60 km of Leeds", "1 mile of Newport, Wales")
#: So far the calendar goes that forecasts are held to.
DAYS = 800
Facts = Mapping[str, Any]
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
        "town": st.sampled_from(TOWNS).map(fold),
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
        "town": st.sampled_from(DISTANCES if name == "within" else TOWNS),
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


def example_operands(fact: Fact, name: str) -> list[Any]:
    """Every value worth trying for one operator, without chance."""
    if name in ("same_as", "shares_with"):
        kinds = {"same_as": "text", "shares_with": "words"}[name]
        return [f"role.{each.name}" for each in of("role").values() if each.type == kinds and each.kind == fact.kind]
    single: dict[str, list[Any]] = {
        "text": list(fact.values or WORDS),
        "town": list(DISTANCES if name == "within" else TOWNS),
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
        "town": [fold(word) for word in (*TOWNS, "Lagos, Nigeria")],
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


# the why-tree, line by line, and the clock's forecast against a calendar


def both(answers: Sequence[Answer]) -> Answer:
    """Kleene's *and*."""
    return False if False in answers else None if None in answers else True


def either(answers: Sequence[Answer]) -> Answer:
    return True if True in answers else None if None in answers else False


def opposite(answer: Answer) -> Answer:
    return None if answer is None else not answer


def agrees(tree: Tree, line: Line, facts: Facts, context: Context) -> None:
    """Every line says what its part of the rule says by itself, and what the lines below it make."""
    assert line.answer is compile_tree(tree)(facts, context)
    match tree:
        case All(parts=parts) | AnyOf(parts=parts):
            joined = both if isinstance(tree, All) else either
            assert line.answer is joined([below.answer for below in line.parts])
            for part, below in zip(parts, line.parts, strict=True):
                agrees(part, below, facts, context)
        case Not(part=All() | AnyOf() | Not() | Default() as part):
            (below,) = line.parts or (line,)
            if line.parts and line.how == "not":
                assert line.answer is opposite(below.answer)
                agrees(part, below, facts, context)
        case Default(part=part, yes=yes):
            inside = compile_tree(part)(facts, context)
            assert line.answer is (yes if inside is None else inside)
            if inside is not None:
                agrees(part, line, facts, context)
        case Items():
            one_item(tree, line, facts, context)
        case Leaf():
            assert line.parts == ()
            assert line.fact == tree.fact.name


def one_item(tree: Items, line: Line, facts: Facts, context: Context) -> None:
    """Of several applications the one that comes nearest is shown, whole."""
    found = list(facts.get(LISTS[tree.scope], ()))
    if not found:
        assert line.parts == ()
        assert line.answer is False
        return
    shown = [latest_of(found, tree.scope)] if tree.latest else found
    where = compile_tree(tree.where)
    answers = [where(item, context) for item in shown]
    nearest = either(answers)
    assert both([below.answer for below in line.parts]) is nearest
    if tree.least == 1:
        assert line.answer is nearest
    whole = Line(answer=nearest, text="", saw="", at=tree.at, parts=line.parts, how="all")
    parts = tree.where if isinstance(tree.where, All) else All((tree.where,), tree.at)
    assert any(
        _fits(parts, whole, item, context) for item, answer in zip(shown, answers, strict=True) if answer is nearest
    )


def _fits(tree: All, line: Line, item: Facts, context: Context) -> bool:
    return [below.answer for below in line.parts] == [compile_tree(part)(item, context) for part in tree.parts]


one_line = st.one_of(lines("person"), item_lines())


@slow
@given(block=blocks, unless=st.none() | one_line, pool=people(), role=st.none() | rows("role"))
def test_closures_sql_and_every_line_of_the_why_tree_agree(
    block: dict[str, Any],
    unless: dict[str, Any] | None,
    pool: list[dict[str, Any]],
    role: dict[str, Any] | None,
    vocabulary: Vocabulary,
    in_sql: InSql,
) -> None:
    made = about_a_role(block) | ({} if unless is None else {"unless": unless})
    rule_set = read([made], vocabulary)
    rule, context = rule_set.rules[0], Context(now=NOW, zone=vocabulary.zone, role=role)
    found = in_sql(rule_set, pool, context)["one"]
    for number, person in enumerate(pool, 1):
        why = explain(rule, person, context)
        assert why.answer is compile_rule(rule)(person, context)
        assert why.answer is found[number]
        assert why.line.answer is not None or why.answer is None
        if rule.unless is None:
            agrees(rule.who, why.root, person, context)
            continue
        *who, unless_ = why.root.parts
        agrees(Not(rule.unless, rule.unless.at), unless_, person, context)
        whole = compile_tree(rule.who)(person, context)
        assert why.answer is both([whole, unless_.answer])
        assert both([line.answer for line in who]) is whole


@slow
@given(rules=chains(), pool=people())
def test_rules_that_read_each_others_tags_are_explained_as_they_are_judged(
    rules: list[dict[str, Any]], pool: list[dict[str, Any]], vocabulary: Vocabulary, in_sql: InSql
) -> None:
    rule_set = read(rules, vocabulary)
    judge, context = judge_all(rule_set), Context(now=NOW, zone=vocabulary.zone)
    found = in_sql(rule_set, pool, context)
    for number, person in enumerate(pool, 1):
        answers = judge(person, context)
        for rule in rule_set.standing:
            # what stands in the answers is what was heard before: a no is left out, as in the court
            seen = context.knowing({name: it for name, it in answers.items() if it is not False and name != rule.name})
            why = explain(rule, person, seen)
            assert why.answer is answers[rule.name]
            assert why.answer is found[rule.name][number]
            agrees(rule.condition, why.root, person, seen)


@dataclass(frozen=True)
class Calendar:
    """A context for each of many days, made once: they remember the limits that their moment implies."""

    days: tuple[Context, ...]


@functools.cache
def calendar(zone: Any) -> Calendar:
    return Calendar(tuple(Context(now=NOW + timedelta(days=day), zone=zone) for day in range(DAYS)))


@slow
@given(block=blocks, pool=people())
def test_the_forecast_is_what_a_look_at_every_day_finds(
    block: dict[str, Any], pool: list[dict[str, Any]], vocabulary: Vocabulary
) -> None:
    rule = read([about_a_role(block)], vocabulary).rules[0]
    check, days = compile_rule(rule), calendar(vocabulary.zone).days
    for person in pool:
        now = check(person, days[0])
        changed = next((day for day in days if check(person, day) is not now), None)
        forecast = next_change(rule, person, days[0])
        if changed is not None:
            assert forecast is not None
            assert forecast <= changed.now
        if forecast is not None:
            assert check(person, Context(now=forecast, zone=vocabulary.zone)) is not now
            if changed is None or forecast <= changed.now - timedelta(days=1):
                blinks(check, person, forecast, now, vocabulary)


def blinks(check: Any, person: Facts, forecast: datetime, now: Answer, vocabulary: Vocabulary) -> None:
    """A change that no look at a whole day shows was over before the next of them, or is beyond the last."""
    beyond = NOW + timedelta(days=DAYS - 1)
    if forecast >= beyond:
        return
    following = next(day for day in calendar(vocabulary.zone).days if day.now >= forecast)
    assert check(person, following) is now


@slow
@given(block=blocks, pool=people(), at=st.integers(1, DAYS - 2))
def test_no_day_on_which_an_answer_differs_is_without_a_moment_before_it(
    block: dict[str, Any], pool: list[dict[str, Any]], at: int, vocabulary: Vocabulary
) -> None:
    """What a simulation of a rule goes by: between two days of different answers there is a moment."""
    rule = read([about_a_role(block)], vocabulary).rules[0]
    check, days = compile_rule(rule), calendar(vocabulary.zone).days
    for person in pool:
        found = set(moments(rule.condition, person, days[0]))
        before, after = days[at], days[at + 1]
        if check(person, before) is not check(person, after):
            assert any(before.now < moment <= after.now for moment in found)


def test_the_whole_of_it_can_fail(vocabulary: Vocabulary, mirror_of: Callable[..., sqlite3.Connection]) -> None:
    """A tree whose lines were turned round is caught."""
    rule = read([about_a_role({"region": "x", "city": "y"})], vocabulary).rules[0]
    context = Context(now=NOW, zone=vocabulary.zone)
    why = explain(rule, {"region": "x", "city": "z"}, context)
    wrong = Line(answer=True, text="", saw="", at=why.root.at, parts=why.root.parts, how="all")
    caught = False
    try:
        agrees(rule.who, wrong, {"region": "x", "city": "z"}, context)
    except AssertionError:
        caught = True
    assert caught
