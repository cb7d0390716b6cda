"""The schemas that editors read: kept up to date, standing in every file we ship, and true of what the readers read."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from connector import settings
from connector.document import Node, parse
from connector.facts import LISTS, of
from connector.rules import Vocabulary, load
from connector.rules.operators import words_for
from connector.rules.schema import schema
from connector.settings import schema as settings_schema

ROOT = Path(__file__).parent.parent.parent
EXAMPLES = Path(__file__).parent / "examples"
SIX = ("silver-medallists", "segments", "cadences", "roles", "consent", "surveys")
FILES = [path for path in sorted((ROOT / "rules").rglob("*.yaml")) if not path.name.endswith(".test.yaml")]
SETTINGS = [path for path in FILES if path.name == "settings.yaml"]
SHIPPED = [path for path in FILES if path not in SETTINGS]
named = pytest.mark.parametrize("path", SHIPPED, ids=lambda path: str(path.relative_to(ROOT)))


def typed(node: Node | None) -> Any:
    """As an editor for YAML 1.2 reads it: `true`, numbers and nothing have types, `yes` and dates are texts."""
    value = node.value if node is not None else None
    if isinstance(value, dict):
        return {key: typed(child) for key, child in value.items()}
    if isinstance(value, list):
        return [typed(child) for child in value]
    if value is None or value.strip() in ("", "null", "~"):
        return None
    plain = value.strip()
    if plain in ("true", "false"):
        return plain == "true"
    if re.fullmatch(r"[-+]?[0-9]+", plain):
        return int(plain)
    return float(plain) if re.fullmatch(r"[-+]?[0-9]*\.[0-9]+", plain) else plain


def faults(text: str, made: str) -> list[str]:
    validator = jsonschema.Draft7Validator(json.loads(made))
    return [
        f"{'/'.join(map(str, it.path))}: {it.message}" for it in validator.iter_errors(typed(parse(text, "x").root))
    ]


@pytest.fixture(scope="module")
def shipped() -> str:
    return (ROOT / "rules" / "rules.schema.json").read_text(encoding="utf-8")


def test_the_schemas_beside_our_files_are_fresh(shipped: str) -> None:
    mine = settings.load(ROOT / "settings.yaml")
    assert shipped == schema(mine.words.vocabulary), "run `keepwarm check --schema`"
    assert (ROOT / "settings.schema.json").read_text(encoding="utf-8") == settings_schema(), (
        "run `keepwarm check --schema`"
    )


def test_a_schema_is_itself_in_order(shipped: str) -> None:
    jsonschema.Draft7Validator.check_schema(json.loads(shipped))
    jsonschema.Draft7Validator.check_schema(json.loads(settings_schema()))
    pointed = set(re.findall(r'"#/definitions/([^"]+)"', shipped))
    assert pointed <= json.loads(shipped)["definitions"].keys()
    assert all(re.fullmatch(r"[\w.-]+", name) for name in pointed)  # anything else would have to be escaped


@named
def test_every_file_we_ship_names_its_schema_and_keeps_to_it(path: Path, shipped: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert schema_of(path) == ROOT / "rules" / "rules.schema.json"
    assert faults(text, shipped) == []


@pytest.mark.parametrize("path", [ROOT / "settings.yaml", *SETTINGS], ids=lambda path: str(path.relative_to(ROOT)))
def test_settings_we_ship_name_their_schema_and_keep_to_it(path: Path) -> None:
    assert schema_of(path) == ROOT / "settings.schema.json"
    assert faults(path.read_text(encoding="utf-8"), settings_schema()) == []


def schema_of(path: Path) -> Path:
    first = path.read_text(encoding="utf-8").splitlines()[0]
    match = re.fullmatch(r"# yaml-language-server: \$schema=(\S+)", first)
    assert match is not None, "begin it with `# yaml-language-server: $schema=…`"
    return (path.parent / match.group(1)).resolve()


@pytest.mark.parametrize("name", SIX)
def test_every_construct_of_the_reference_is_known_to_the_schema(name: str, vocabulary: Vocabulary) -> None:
    assert faults((EXAMPLES / f"{name}.yaml").read_text(), schema(vocabulary)) == []


def test_yes_and_true_are_both_right(vocabulary: Vocabulary) -> None:
    for word in ("yes", "no", "true", "false"):
        text = f"version: 1\nrules:\n  - {{rule: a, who: {{open_to_remote: {word}}}, keep: {{tags: [x]}}}}\n"
        assert faults(text, schema(vocabulary)) == []
        assert load({"r.yaml": text}, vocabulary).problems == ()


@pytest.mark.parametrize(
    ("who", "at"),
    [
        ("{regoin: Wales}", "regoin"),
        ("{skills: nursing}", "skills"),
        ("{has_application: {furthest_stage: {at_least: on_site}}}", "furthest_stage"),
        ("{has_application: {status: fired}}", "status"),
        ("{last_contacted: {more_than_ago: 18 moons}}", "last_contacted"),
        ("{consent.email: maybe}", "consent.email"),
        ("{has_no_application: {status: active, count: 2}}", "count"),
        ("{any: {region: Wales}}", "any"),
        ("{gender: x}", "gender"),
        ("[{region: Wales}]", "who"),
    ],
)
def test_an_editor_marks_what_check_refuses(who: str, at: str, vocabulary: Vocabulary) -> None:
    text = f"version: 1\nrules:\n  - {{rule: a, who: {who}, keep: {{tags: [x]}}}}\n"
    assert load({"r.yaml": text}, vocabulary).problems
    assert at in " ".join(faults(text, schema(vocabulary)))


def test_every_fact_every_test_and_every_block_can_be_completed(vocabulary: Vocabulary) -> None:
    made = json.loads(schema(vocabulary))
    person = made["definitions"]["person"]["properties"]
    assert person.keys() >= {*of("person"), "any", "all", "none"}
    assert {f"{how}_{scope}" for scope in LISTS for how in ("has", "has_no", "latest")} <= person.keys()
    for scope in (*LISTS, "role"):
        assert made["definitions"][scope]["properties"].keys() == of(scope).keys()
    for type_ in ("text", "words", "number", "time", "yesno"):
        lines = made["definitions"][type_]["anyOf"][-1]["properties"]
        assert lines.keys() >= {*words_for(type_), "if_unknown"}


def test_the_words_of_the_settings_are_proposed_and_steps_held_to(vocabulary: Vocabulary) -> None:
    made = schema(vocabulary)
    assert '"phone_screen"' in made
    assert '"North West"' in made
    assert '"nursing"' in made
    assert '"phone_screen"' not in schema(Vocabulary())
