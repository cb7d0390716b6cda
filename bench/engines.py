"""One person, all rules: Keepwarm's judge beside general rule engines. Same answers required, or there is no figure.

The engines are an extra (`pip install -e '.[bench]'`, `make bench` does it); one that is not there is named and left out.
Each gets its best: rules compiled beforehand, only the facts the rules read, in the engine's own types, converted beforehand.
Ours gets what the mirror gives: every fact of the person, and every application whole."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, make_dataclass
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any

from bench.dialects import Cel, Dialect, JsonLogic, RuleEngine, Zen, said, seconds, spelt
from bench.figure import Figure
from bench.people import NOW, REGIONS, TRADES, VOCABULARY, facts_of, images
from connector.court import Court
from connector.facts import BY_NAME, LISTS
from connector.rules import Context, RuleSet, judge_all, load

PEOPLE = 500
VARIANTS = (1, 10)
_WORDS = (REGIONS, tuple(sorted(skill for skills in TRADES.values() for skill in skills)), tuple(sorted(TRADES)))
_SPAN = re.compile(r"(\d+) months")
#: What a threshold grows by from variant to variant.
_STEPS = {"scorecard_average": 0.1, "years_experience": 1}
_LEAST = re.compile(rf"({'|'.join(_STEPS)}): \{{at_least: ([\d.]+)\}}")

Person = dict[str, Any]
Judge = Callable[[Any], Sequence[Any]]


def _as_it_is(_: Any, person: Person) -> Person:
    return person


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    name: str
    #: What has to be imported.
    module: str
    dialect: Dialect
    #: (module, every rule in the dialect) → (person in the engine's form → answers in the rules' order)
    compile: Callable[[Any, list[Any]], Judge]
    #: (module, plain person) → the engine's own form.
    convert: Callable[[Any, Person], Any] = _as_it_is
    #: The one that takes milliseconds sees fewer.
    people: int = PEOPLE


def rules(variants: int) -> RuleSet:
    """The twenty rules, each in so many variants: other names and tags; other thresholds, times and words where it has some."""
    head, _, body = Path(__file__).with_name("rules20.yaml").read_text(encoding="utf-8").partition("rules:\n")
    found = load(
        {"rules.yaml": f"{head}rules:\n{''.join(_varied(body, turn) for turn in range(variants))}"}, VOCABULARY
    )
    assert not found.problems, found.problems
    assert len(found.standing) == 20 * variants
    return found


def _varied(body: str, turn: int) -> str:
    body = re.sub(r"(rule: )([a-z0-9-]+)", rf"\g<1>\g<2>-{turn}", body)
    body = re.sub(r"(tags|pools): \[(t[0-9]+)\]}", rf"\g<1>: [\g<2>-{turn}]}}", body)
    body = _SPAN.sub(lambda found: f"{int(found[1]) + turn} months", body)
    body = _LEAST.sub(lambda it: f"{it[1]}: {{at_least: {float(it[2]) + turn * _STEPS[it[1]]:.1f}}}", body)
    for words in _WORDS:
        turned = dict(zip(words, words[turn % len(words) :] + words[: turn % len(words)], strict=True))
        body = re.sub(rf"(?<=[\[ ])({'|'.join(words)})(?=[,\]}}])", partial(_turned, turned), body)
    return body


def _turned(words: Mapping[str, str], found: re.Match[str]) -> str:
    return words[found[1]]


def plain(facts: Mapping[str, Any], wanted: frozenset[str]) -> Person:
    """What every engine understands: no sets, no dots, times as seconds, nothing that no rule reads."""
    person = {
        spelt(name): _value(("person", name), facts[name]) for name in wanted if name in facts and "." not in name
    }
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
    """Undeclared types would be worked out anew at every look at a fact."""
    kind = rule_engine.DataType
    types = {"text": kind.STRING, "stage": kind.STRING, "yesno": kind.BOOLEAN, "words": kind.ARRAY(kind.STRING)}
    declared: dict[str, dict[str, Any]] = {}
    for (scope, name), fact in BY_NAME.items():
        declared.setdefault(scope, {})[spelt(name)] = types.get(fact.type, kind.FLOAT)
    lists = {key: kind.ARRAY(kind.OBJECT(scope, declared[scope])) for scope, key in LISTS.items()}
    resolver = rule_engine.type_resolver_from_dict(declared["person"] | lists)
    context = rule_engine.Context(type_resolver=resolver)
    each = [rule_engine.Rule(expression, context=context).matches for expression in expressions]
    return lambda person: [matches(person) for matches in each]


def _cel_context(cel: Any, person: Person) -> Any:
    return cel.Context(variables=person)


def _objects(_: Any, person: Person) -> Any:
    """Numbers as it counts, and applications whose facts are attributes, as it declares them."""
    made: Person = {name: float(value) if type(value) is int else value for name, value in person.items()}
    for scope, key in LISTS.items():
        if key in made:
            items = [{name: float(it) if type(it) is int else it for name, it in item.items()} for item in made[key]]
            made[key] = [make_dataclass(scope, item, slots=True)(**item) for item in items]
    return made


ENGINES = (
    Engine(name="ZEN, all in one list", module="zen", dialect=Zen(), compile=_zen_list),
    Engine(name="ZEN, rule by rule", module="zen", dialect=Zen(), compile=_zen_each),
    Engine(name="CEL, all in one list", module="cel", dialect=Cel(), compile=_cel_list, convert=_cel_context),
    Engine(name="CEL, rule by rule", module="cel", dialect=Cel(), compile=_cel_each, convert=_cel_context),
    Engine(name="json-logic", module="json_logic", dialect=JsonLogic(), compile=_json_logic),
    Engine(
        name="rule-engine",
        module="rule_engine",
        dialect=RuleEngine(),
        compile=_rule_engine,
        convert=_objects,
        people=100,
    ),
)


def measure(runs: int) -> list[Figure]:
    for module in sorted({engine.module for engine in ENGINES if find_spec(engine.module) is None}):
        print(f"engines: {module} is not installed, so it is left out (pip install -e '.[bench]')", file=sys.stderr)
    return [figure for variants in VARIANTS for figure in _beside(rules(variants), runs)]


def _beside(found: RuleSet, runs: int) -> list[Figure]:
    context = Context(now=NOW, zone=VOCABULARY.zone)
    judge, court = judge_all(found), Court(found)
    people = [facts_of(image) for image in islice(images(PEOPLE), PEOPLE)]
    wanted = frozenset(name for rule in found.standing for name in rule.reads)
    what = f"{len(found.standing)} rules, one person"

    def ours(facts: Any) -> Any:
        return judge(facts, context)

    def heard(facts: Any) -> Any:
        return court.hear_all(facts, {}, now=NOW)

    figures = _figures(f"{what}, heard", "the same judged, nothing remembered", (heard, people), (ours, people), runs)
    for engine in ENGINES:
        if find_spec(engine.module) is None:
            continue
        module, some = import_module(engine.module), people[: engine.people]
        theirs = engine.compile(module, [said(rule.condition, engine.dialect, context) for rule in found.standing])
        converted = [engine.convert(module, plain(facts, wanted)) for facts in some]
        for number, (facts, person) in enumerate(zip(some, converted, strict=True), start=1):
            _same(engine, number, judge(facts, context), theirs(person))
        figures += _figures(what, engine.name, (ours, some), (theirs, converted), runs)
    return figures


def _same(engine: Engine, person: int, ours: Mapping[str, Any], theirs: Sequence[Any]) -> None:
    """Or the comparison is void."""
    for (rule, answer), other in zip(ours.items(), theirs, strict=True):
        if answer is not other:
            raise AssertionError(
                f"{engine.name} says {other!r} of person {person} and rule `{rule}`, Keepwarm {answer!r}"
            )


def _figures(
    name: str,
    against: str,
    ours: tuple[Callable[[Any], Any], Sequence[Any]],
    theirs: tuple[Callable[[Any], Any], Sequence[Any]],
    runs: int,
) -> list[Figure]:
    """Run by run in turns: the middle and the slow end of the people."""
    pairs = [(_each(*ours), _each(*theirs)) for _ in range(runs)]
    return [
        Figure(
            name=f"{name}, p{share}",
            unit="µs of processor",
            ours=[mine[len(mine) * share // 100] for mine, _ in pairs],
            peer=[other[len(other) * share // 100] for _, other in pairs],
            against=against,
        )
        for share in (50, 99)
    ]


def _each(judge: Callable[[Any], Any], people: Sequence[Any]) -> list[float]:
    """Person by person, sorted. Processor time: other people's programs do not count, and nothing here waits."""
    took = []
    for person in people:
        begun = time.process_time_ns()
        judge(person)
        took.append((time.process_time_ns() - begun) / 1000)
    return sorted(took)
