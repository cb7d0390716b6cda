"""One person, all rules: Keepwarm's judge beside general rule engines. Same answers required, or there is no figure.

The engines are an extra (`pip install -e '.[bench]'`, `make bench` does it); one that is not there is named and left out.
Each gets its best: rules compiled beforehand, only the facts the rules read, in the engine's own types, converted beforehand."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

from bench.dialects import Cel, Dialect, JsonLogic, RuleEngine, Zen, said, seconds, spelt
from bench.figure import Figure
from bench.people import NOW, REGIONS, TRADES, VOCABULARY, facts_of, images
from connector.facts import BY_NAME, LISTS
from connector.rules import Context, RuleSet, judge_all, load

PEOPLE = 300
#: Compared before anything is measured; all of them, by every engine.
AGREEING = 1_000
_WORDS = (REGIONS, tuple(sorted(skill for skills in TRADES.values() for skill in skills)), tuple(sorted(TRADES)))
_SPAN = re.compile(r"(\d+) months")
_LEAST = re.compile(r"at_least: ([\d.]+)(?=\})")

Person = dict[str, Any]
Judge = Callable[[Any], Sequence[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    name: str
    #: What has to be imported.
    module: str
    dialect: Dialect
    #: (module, every rule in the dialect) → (person in the engine's form → answers in the rules' order)
    compile: Callable[[Any, list[Any]], Judge]
    #: Plain person → the engine's own form; done beforehand. (module, person)
    convert: Callable[[Any, Person], Any] = lambda module, person: person
    #: An engine that takes milliseconds sees fewer people.
    people: int = PEOPLE


def rules(variants: int) -> RuleSet:
    """The twenty rules, each in so many variants: other names, tags, thresholds, skills, regions and functions."""
    head, _, body = Path(__file__).with_name("rules20.yaml").read_text(encoding="utf-8").partition("rules:\n")
    found = load({"rules.yaml": f"{head}rules:\n{''.join(_varied(body, turn) for turn in range(variants))}"}, VOCABULARY)
    assert not found.problems, found.problems
    assert len(found.standing) == 20 * variants
    return found


def _varied(body: str, turn: int) -> str:
    body = re.sub(r"(rule: )([a-z0-9-]+)", rf"\g<1>\g<2>-{turn}", body)
    body = re.sub(r"(tags|pools): \[(t[0-9]+)\]}", rf"\g<1>: [\g<2>-{turn}]}}", body)
    body = _SPAN.sub(lambda found: f"{int(found[1]) + turn} months", body)
    body = _LEAST.sub(lambda found: f"at_least: {round(float(found[1]) + turn / 10, 1) if '.' in found[1] else found[1]}", body)
    for words in _WORDS:
        each = re.compile(rf"(?<=[\[ ])({'|'.join(words)})(?=[,\]}}])")
        body = each.sub(lambda found, words=words: words[(words.index(found[1]) + turn) % len(words)], body)
    return body


def plain(facts: Mapping[str, Any], wanted: frozenset[str]) -> Person:
    """What every engine understands: no sets, no dots, times as seconds, nothing that no rule reads."""
    person = {spelt(name): _value(("person", name), facts[name]) for name in wanted if name in facts and "." not in name}
    person |= {spelt(name): _value(("person", name), facts[name]) for name in wanted if name.startswith("consent.")}
    for scope, key in LISTS.items():
        names = [name.partition(".")[2] for name in wanted if name.startswith(f"{scope}.")]
        if names:
            person[key] = [{name: _value((scope, name), item[name]) for name in names} for item in facts[key]]
    return person


def _value(fact: tuple[str, str], value: Any) -> Any:
    assert value is not None, f"{fact} is a hole: nobody here may have one"
    if isinstance(value, frozenset):
        return sorted(value)
    return seconds(value) if BY_NAME[fact].type == "time" else value


def _zen_list(zen: Any, expressions: list[Any]) -> Judge:
    judge: Judge = zen.compile_expression(f"[{', '.join(expressions)}]").evaluate
    return judge


def _zen_each(zen: Any, expressions: list[Any]) -> Judge:
    each = [zen.compile_expression(expression).evaluate for expression in expressions]
    return lambda person: [evaluate(person) for evaluate in each]


def _cel_list(cel: Any, expressions: list[Any]) -> Judge:
    judge: Judge = cel.compile(f"[{', '.join(expressions)}]").execute
    return judge


def _cel_each(cel: Any, expressions: list[Any]) -> Judge:
    each = [cel.compile(expression).execute for expression in expressions]
    return lambda context: [execute(context) for execute in each]


def _json_logic(json_logic: Any, expressions: list[Any]) -> Judge:
    return lambda person: json_logic.jsonLogic(expressions, person)


def _rule_engine(rule_engine: Any, expressions: list[Any]) -> Judge:
    kind = rule_engine.DataType
    types = {"text": kind.STRING, "stage": kind.STRING, "yesno": kind.BOOLEAN, "words": kind.ARRAY(kind.STRING)}
    declared = {spelt(name): types.get(fact.type, kind.FLOAT) for (scope, name), fact in BY_NAME.items() if scope == "person"}
    lists = dict.fromkeys(LISTS.values(), kind.ARRAY(kind.MAPPING(kind.STRING, value_type=kind.UNDEFINED)))
    context = rule_engine.Context(type_resolver=rule_engine.type_resolver_from_dict(declared | lists))
    each = [rule_engine.Rule(expression, context=context).matches for expression in expressions]
    return lambda person: [matches(person) for matches in each]


def _cel_context(cel: Any, person: Person) -> Any:
    return cel.Context(variables=person)


ENGINES = (
    Engine(name="ZEN, all rules in one list", module="zen", dialect=Zen(), compile=_zen_list),
    Engine(name="ZEN, rule by rule", module="zen", dialect=Zen(), compile=_zen_each),
    Engine(name="CEL, all rules in one list", module="cel", dialect=Cel(), compile=_cel_list, convert=_cel_context),
    Engine(name="CEL, rule by rule", module="cel", dialect=Cel(), compile=_cel_each, convert=_cel_context),
    Engine(name="json-logic", module="json_logic", dialect=JsonLogic(), compile=_json_logic),
    Engine(name="rule-engine", module="rule_engine", dialect=RuleEngine(), compile=_rule_engine, people=60),
)
