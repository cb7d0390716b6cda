"""A rule as plain data in one fixed order, and its hash: comments, order and quoting are out, the vocabulary is in."""

from __future__ import annotations

import hashlib
import json
from dataclasses import fields, is_dataclass
from datetime import time
from functools import cache
from typing import Any

from connector.clock import Span
from connector.facts import fold
from connector.rules.entries import Entry
from connector.rules.tree import All, AnyOf, Default, Items, Leaf, Not, Place
from connector.rules.vocabulary import Vocabulary

#: What may change without changing what the entry does. `name` is in: decisions are filed under it.
_ASIDE = frozenset({"at", "why", "owner", "was", "justification", "hash", "depends"})


_SORTED = json.JSONEncoder(sort_keys=True)
#: Most of an entry is one of these, and stays as it is.
_BARE = frozenset({str, bool, int, float})


def digest(plain: Any) -> str:
    text = json.dumps(plain, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def hash_of(entry: Entry, vocabulary: Vocabulary) -> str:
    return digest(plain(entry, vocabulary))


def plain(value: Any, vocabulary: Vocabulary) -> Any:
    """Anything in an entry → lists, maps and texts."""
    if value is None or isinstance(value, str | bool | int | float):
        return value
    match value:
        case Leaf():
            return [
                value.fact.scope,
                value.fact.name,
                value.op,
                plain(value.value, vocabulary),
                _spoken(value, vocabulary),
            ]
        case All(parts=parts):
            return ["all", _sorted(plain(part, vocabulary) for part in parts)]
        case AnyOf(parts=parts):
            return ["any", _sorted(plain(part, vocabulary) for part in parts)]
        case Not(part=part):
            return ["not", plain(part, vocabulary)]
        case Default(part=part, yes=yes):
            return ["if_unknown", yes, plain(part, vocabulary)]
        case Items(scope=scope, where=where, least=least, latest=latest):
            return ["items", scope, least, latest, plain(where, vocabulary)]
        case Span():
            return str(value)
        case time():
            return value.isoformat()
        case Place():
            return None
        case tuple() | list():
            return [plain(item, vocabulary) for item in value]
    if is_dataclass(value) and not isinstance(value, type):
        made: dict[str, Any] = {}
        for name in _kept(type(value)):
            each = getattr(value, name)
            made[name] = each if each is None or type(each) in _BARE else _named(name, each, vocabulary)
        return made
    raise TypeError(f"no canonical form for {type(value).__name__}")


@cache
def _kept(kind: type[Any]) -> tuple[str, ...]:
    aside = _ASIDE if issubclass(kind, Entry) else ()
    return tuple(each.name for each in fields(kind) if each.name not in aside)


def _named(name: str, value: Any, vocabulary: Vocabulary) -> Any:
    if name in ("tags", "pools"):
        return sorted(fold(word) for word in value)
    return plain(value, vocabulary)


def _sorted(parts: Any) -> list[Any]:
    return sorted(parts, key=_SORTED.encode)


def _spoken(test: Leaf, vocabulary: Vocabulary) -> Any:
    """What of the vocabulary this test leans on: the zone for times, the other spellings of its words.

    The ladder needs no line here: a stage test's value names every step, as a yes or as a no."""
    if test.fact.clock:
        return str(vocabulary.zone)
    words = test.value if isinstance(test.value, tuple) else (test.value,)
    same = {word: list(vocabulary.synonyms(test.fact.kind, word)) for word in words if isinstance(word, str)}
    return {word: others for word, others in same.items() if others}


__all__ = ["digest", "hash_of", "plain"]
