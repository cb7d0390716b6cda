"""What a reader of YAML asks for, written down as a JSON Schema: an editor then completes exactly what is read.

A `Sketch` stands in for a document. It has every line that a reader asks for, answers with something harmless, and notes
the question. A reader that goes one way for text and another for lines is led both ways (`led`)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, time
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

from connector.clock import FIRST, Span
from connector.document import Document, Node

Schema = dict[str, Any]

#: The newest that editors of YAML read without trouble.
DIALECT = "http://json-schema.org/draft-07/schema#"
#: YAML 1.2 reads `yes` as text and `true` as a truth; YAML 1.1 reads both as truths. All of it is meant.
YES_NO: Schema = {"enum": ["yes", "no", True, False]}
#: Keepwarm types no scalar before it knows its field, so `NO`, `012` and `3.10` are texts here.
TEXT: Schema = {"type": ["string", "number", "boolean"]}
SPAN = r"^ *[0-9]{1,6} *([Mm]inute|[Hh]our|[Dd]ay|[Ww]eek|[Mm]onth|[Qq]uarter|[Yy]ear)s? *$"


class Sketch(Node):
    """`likes` says whether it passes for lines and lists just now, or for text."""

    __slots__ = ("_fields", "_free", "_item", "_needed", "_scalars", "likes")

    def __init__(self, likes: list[bool]) -> None:
        super().__init__(Document("sketch"), 0, 0, "")
        self.likes = likes
        self._scalars: list[Schema] = []
        self._fields: dict[str, Sketch] = {}
        self._needed: tuple[str, ...] = ()
        self._free: Sketch | None = None
        self._item: Sketch | None = None

    def note(self, schema: Schema) -> None:
        """It may be that, too."""
        if schema not in self._scalars:
            self._scalars.append(schema)

    @property
    def schema(self) -> Schema:
        ways = list(self._scalars)
        if self._fields:
            lines = {key: child.schema for key, child in self._fields.items()}
            ways.append({"type": "object", "properties": lines, "additionalProperties": False})
            if self._needed:
                ways[-1]["required"] = list(self._needed)
        elif self._free is not None:
            ways.append({"type": "object", "additionalProperties": self._free.schema})
        if self._item is not None:
            ways.append({"type": "array", "items": self._item.schema})
        return ways[0] if len(ways) == 1 else {"anyOf": ways} if ways else {}

    # what a reader asks

    @property
    def is_map(self) -> bool:
        return self.likes[0]

    @property
    def is_list(self) -> bool:
        return self.likes[0]

    def wrong(self, message: str) -> None:
        return None

    def wrong_key(self, message: str) -> None:
        return None

    def text(self) -> str:
        self.note(TEXT)
        return "x"

    def yes(self) -> bool:
        self.note(YES_NO)
        return True

    def number(self) -> float:
        self.note({"type": "number"})
        return 1.0

    def whole(self, least: int = 0) -> int:
        self.note({"type": "integer", "minimum": least})
        return max(1, least)

    def percent(self) -> float:
        self.note({"type": "string", "pattern": r"^ *[0-9]+(\.[0-9]+)? *% *$", "examples": ["5%"]})
        return 0.05

    def span(self) -> Span:
        self.note({"type": "string", "pattern": SPAN, "examples": ["7 days", "18 months"]})
        return Span(1, "day")

    def clock_time(self) -> time:
        self.note({"type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$", "examples": ["09:00"]})
        return time(9)

    def hours(self) -> tuple[time, time]:
        self.note({"type": "string", "pattern": "^[0-9:]{5} to [0-9:]{5}$", "examples": ["09:00 to 11:00"]})
        return time(9), time(11)

    def date(self) -> date:
        self.note({"type": "string", "examples": ["2026-11-23"]})
        return FIRST.date()

    def instant(self, zone: ZoneInfo) -> datetime:
        self.note({"type": "string", "examples": ["2026-11-23", "2026-11-23 09:00"]})
        return FIRST

    def zone(self) -> ZoneInfo:
        self.note({"type": "string", "examples": ["Europe/London"]})
        return ZoneInfo("UTC")

    def name(self) -> str:
        self.note({"type": "string", "pattern": "^[a-z0-9]+(-[a-z0-9]+)*$"})
        return "x"

    def one_of(self, words: Iterable[str]) -> str:
        known = list(words)
        plain: list[object] = [{"yes": True, "no": False}.get(word, word) for word in known if word in ("yes", "no")]
        self.note({"enum": [*known, *plain]})
        return known[0]

    def items(self) -> list[Node]:
        self._item = self._item or Sketch(self.likes)
        return [self._item]

    def entries(self) -> Mapping[str, Node]:
        if self._fields:
            return self._fields
        self._free = self._free or Sketch(self.likes)
        return {"x": self._free}

    def fields(self, required: Iterable[str] = (), optional: Iterable[str] = ()) -> dict[str, Node]:
        needed = tuple(required)
        self._needed = tuple(dict.fromkeys((*self._needed, *needed)))
        for key in (*needed, *optional):
            self._fields.setdefault(key, Sketch(self.likes))
        return dict(self._fields)


#: What stands in a schema in hundreds of places, by the name under which it then stands there once.
_SHARED: Mapping[str, Schema] = {
    "a-text": TEXT,
    "yes-or-no": YES_NO,
    "a-span": {"type": "string", "pattern": SPAN, "examples": ["7 days", "18 months"]},
    "texts": {"type": "array", "items": TEXT},
}


def document(title: str, asked: Schema, definitions: Mapping[str, Schema] = MappingProxyType({})) -> str:
    """The schema of a file, as it stands in one: a line for each definition, so that a change of it can be read."""
    top = {"$schema": DIALECT, "title": title, **asked}
    top["properties"] = {**asked["properties"], "version": {"enum": [1, "1"]}}
    whole = {key: _short(value, "") for key, value in top.items()}
    parts = {name: _short(part, name) for name, part in {**definitions, **_SHARED}.items()}
    lines = [f"{_dumped(key)}: {_dumped(value)}" for key, value in whole.items() if key != "properties"]
    lines += [_lines("properties", whole["properties"]), _lines("definitions", parts)]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _lines(key: str, parts: Schema) -> str:
    return f'"{key}": {{\n' + ",\n".join(f"{_dumped(name)}: {_dumped(part)}" for name, part in parts.items()) + "\n}"


def _dumped(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(", ", ": "))


def _short(value: Any, inside: str) -> Any:
    """The same with what is shared pointed at, but for the place where it is defined."""
    for name, shared in _SHARED.items():
        if value == shared and name != inside:
            return {"$ref": f"#/definitions/{name}"}
    if isinstance(value, dict):
        return {key: _short(part, "") for key, part in value.items()}
    return [_short(part, "") for part in value] if isinstance(value, list) else value


def led(read: Callable[[Sketch], object]) -> Schema:
    """What `read` asks for, as a schema."""
    likes = [True]
    root = Sketch(likes)
    read(root)
    likes[0] = False
    read(root)
    return root.schema


__all__ = ["TEXT", "YES_NO", "Schema", "Sketch", "document", "led"]
