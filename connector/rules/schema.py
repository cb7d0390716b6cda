"""The rule language as a JSON Schema, for editors: asked of the readers themselves, and of the registry of facts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from connector.document import Node
from connector.facts import BY_NAME, LISTS, TABLES, Fact, of
from connector.rules import language
from connector.rules.conditions import Reader
from connector.rules.leaf import Reading
from connector.rules.operators import OPERATORS, words_for
from connector.rules.tree import All, Place, Tree
from connector.rules.vocabulary import Vocabulary
from connector.sketch import TEXT, YES_NO, Schema, Sketch, document, led

_ITEMS = {"has": "there is one for which every line holds", "has_no": "there is none", "latest": "the last one"}
_BLOCKS = {"any": "one block at least holds", "all": "every block holds", "none": "no block holds"}
_ROLE_TESTS = {"same_as": "text", "shares_with": "words"}
_NOWHERE = Place("", 0, 0)


def schema(vocabulary: Vocabulary) -> str:
    """What a file of rules may say, with the words of these settings where they help to complete."""
    made = led(lambda root: language.ask(root, vocabulary, _Pointing))
    blocks: dict[str, Schema] = {scope: _block(scope) for scope in TABLES}
    blocks["role"] = _block("role")
    blocks["person"]["properties"] |= {
        key: {"type": "array", "items": _ref("person"), "minItems": 1, "description": meaning}
        for key, meaning in _BLOCKS.items()
    }
    for scope in LISTS:
        for how, meaning in _ITEMS.items():
            blocks[f"{how}_{scope}"] = _items(how, scope, vocabulary)
            blocks["person"]["properties"][f"{how}_{scope}"] = _ref(f"{how}_{scope}", f"{scope}: {meaning}")
    tests = {_key(fact): _test(fact, vocabulary) for fact in BY_NAME.values()}
    return document("Keepwarm rules", made, {**blocks, **tests})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pointing(Reader):
    """Points at the definition of a block instead of reading one."""

    def who(self, node: Node) -> Tree | None:
        return _point(node, "person")

    def one_line(self, node: Node) -> Tree | None:
        return _point(node, "person", maxProperties=1)

    def about(self, node: Node, scope: str) -> Tree | None:
        return _point(node, scope)


def _point(node: Node, scope: str, **also: int) -> Tree:
    if isinstance(node, Sketch):
        node.note({**_ref(scope), **also})
    return All((), _NOWHERE)


def _ref(name: str, description: str = "") -> Schema:
    # older dialects ignore what stands beside a `$ref`
    reference: Schema = {"allOf": [{"$ref": f"#/definitions/{name}"}]}
    return {**reference, "description": description} if description else reference


def _block(scope: str) -> Schema:
    lines = {name: _ref(_key(fact), f"{fact.meaning}, for example {fact.example}") for name, fact in of(scope).items()}
    return {"type": "object", "properties": lines, "additionalProperties": False, "minProperties": 1}


def _items(how: str, scope: str, vocabulary: Vocabulary) -> Schema:
    made = _block(scope)
    if how == "has":
        made["properties"]["count"] = led(lambda node: Reader(vocabulary=vocabulary).count(node))
    made["properties"]["if_unknown"] = YES_NO
    return made


def _key(fact: Fact) -> str:
    """Facts that are tested alike share a definition."""
    return f"{fact.scope}.{fact.name}" if fact.values else f"{fact.type}-of-{fact.kind}" if fact.kind else fact.type


def _test(fact: Fact, vocabulary: Vocabulary) -> Schema:
    lines = {name: _operand(fact, name, vocabulary) for name in words_for(fact.type)}
    bare = [lines["equals"]] if "equals" in lines else []
    if "shares_with" in lines:
        lines["at_least"] = {"type": "integer", "minimum": 1}
    lines["if_unknown"] = YES_NO
    return {"anyOf": [*bare, {"type": "object", "properties": lines, "additionalProperties": False}]}


def _operand(fact: Fact, name: str, vocabulary: Vocabulary) -> Schema:
    if name in _ROLE_TESTS:
        known = [f"role.{it.name}" for it in of("role").values() if it.type == _ROLE_TESTS[name]]
        return {"enum": known}
    reading = Reading(fact=fact, vocabulary=vocabulary, warnings=[], role=True)
    asked = led(lambda node: OPERATORS[fact.type, name].read(node, reading))
    words = _words(fact, vocabulary) if name != "contains_any" else TEXT
    return _replaced(asked, words) if fact.type in ("text", "town", "words", "stage") and name != "within" else asked


def _words(fact: Fact, vocabulary: Vocabulary) -> Schema:
    """Closed lists are the only values there are; the words of a vocabulary are worth proposing."""
    if fact.values:
        return {"enum": list(fact.values)}
    known = list(vocabulary.known(fact.kind)) if fact.kind else []
    if fact.type == "stage" and known:
        return {"enum": known}
    return {"anyOf": [{"enum": known}, TEXT]} if known else TEXT


def _replaced(made: Any, words: Schema) -> Any:
    if made == TEXT:
        return words
    if isinstance(made, Mapping):
        return {key: _replaced(value, words) for key, value in made.items()}
    return [_replaced(value, words) for value in made] if isinstance(made, list) else made


__all__ = ["schema"]
