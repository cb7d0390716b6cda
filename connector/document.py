"""Strict YAML. Every value knows its line, nothing is typed by YAML, and every problem is found at once.

Stock YAML reads `NO` as false, `12:30` as 750 and `3.10` as 3.1, and keeps the last of two equal keys. Here a scalar is
text until a reader says what it should be. Readers never raise: they note a `Problem` in `Document.problems`, give None.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import yaml
from yaml.events import (
    AliasEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
)

from connector.clock import Span
from connector.errors import Problem
from connector.written import (
    as_date,
    as_hours,
    as_instant,
    as_number,
    as_percent,
    as_span,
    as_time,
    as_zone,
    listed,
    meant,
    shown,
    unknown,
)

T = TypeVar("T")

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
#: Deeper than any rule; keeps a hostile file from exhausting the stack.
_DEEPEST = 40
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_YES_NO = {"yes": True, "true": True, "no": False, "false": False}


@dataclass(slots=True)
class Document:
    """One file. `root` is None when it is not YAML at all."""

    file: str
    root: Node | None = None
    problems: list[Problem] = field(default_factory=list)

    def note(self, line: int, column: int, message: str) -> None:
        self.problems.append(Problem(self.file, line, column, message))


@dataclass(slots=True, eq=False)
class Node:
    """A value in a file: text, a list of nodes, or a map from key to node. Lines and columns count from 1."""

    document: Document = field(repr=False)
    line: int
    column: int
    value: str | list[Node] | dict[str, Node]
    #: Where its key stands (the value's own place in a list).
    key_line: int = 0
    key_column: int = 0

    @property
    def file(self) -> str:
        return self.document.file

    def wrong(self, message: str) -> None:
        """Note a problem at this value."""
        self.document.note(self.line, self.column, message)

    def wrong_key(self, message: str) -> None:
        """Note a problem at the key of this value."""
        self.document.note(self.key_line, self.key_column, message)

    @property
    def is_map(self) -> bool:
        return isinstance(self.value, dict)

    @property
    def is_list(self) -> bool:
        return isinstance(self.value, list)

    def text(self) -> str | None:
        if isinstance(self.value, str) and self.value.strip():
            return self.value.strip()
        self.wrong(f"wanted text, came {came(self)}")
        return None

    def _read(self, wanted: str, read: Callable[[str], T | None]) -> T | None:
        """Text that `read` understands; `wanted` is an example or a description in words."""
        if not isinstance(self.value, str) or not self.value.strip():
            self.wrong(f"wanted {wanted}, came {came(self)}")
            return None
        found = read(" ".join(self.value.split()))
        if found is None:
            self.wrong(f"`{shown(self.value)}` cannot be read here; write {wanted}")
        return found

    def yes(self) -> bool | None:
        return self._read("`yes` or `no`", lambda text: _YES_NO.get(text.lower()))

    def number(self) -> float | None:
        return self._read("a number, for example `3.5`", as_number)

    def whole(self, least: int = 0) -> int | None:
        wanted = f"a whole number from {least}" if least else "a whole number, for example `3`"
        found = self._read(wanted, as_number)
        if found is not None and (found != int(found) or found < least):
            self.wrong(f"`{shown(str(self.value))}` cannot be read here; write {wanted}")
            return None
        return None if found is None else int(found)

    def percent(self) -> float | None:
        """`5%` → 0.05."""
        return self._read("a share, for example `5%`", as_percent)

    def span(self) -> Span | None:
        return self._read(_spanned(self.value), as_span)

    def clock_time(self) -> time | None:
        return self._read("a time of day, for example `09:00`", as_time)

    def hours(self) -> tuple[time, time] | None:
        """`09:00 to 11:00`."""
        return self._read("for example `09:00 to 11:00`", as_hours)

    def weekday(self) -> int | None:
        """Monday is 0."""
        day = self.one_of(WEEKDAYS)
        return None if day is None else WEEKDAYS.index(day)

    def date(self) -> date | None:
        return self._read("a date, for example `2026-11-23`", as_date)

    def instant(self, zone: ZoneInfo) -> datetime | None:
        """A date (its midnight) or a local time in `zone`, or a time with an offset → aware UTC."""
        return self._read("a date or time, for example `2026-11-23 09:00`", lambda text: as_instant(text, zone))

    def zone(self) -> ZoneInfo | None:
        return self._read("a time zone, for example `Europe/London`", as_zone)

    def name(self) -> str | None:
        """kebab-case"""
        wanted = "a name in small letters, digits and hyphens, for example `silver-medallist`"
        return self._read(wanted, lambda text: text if _NAME.fullmatch(text) else None)

    def one_of(self, words: Iterable[str]) -> str | None:
        known = tuple(words)
        text = self.text()
        if text is None or text.lower() in known:
            return text.lower() if text else None
        hint = meant(text, known) or "; it can be " + listed(known)
        self.wrong(f"`{shown(text)}` is not known here{hint}")
        return None

    def items(self) -> list[Node]:
        """The members of a list that has some."""
        if isinstance(self.value, list) and self.value:
            return self.value
        one = isinstance(self.value, str) and self.value.strip()
        self.wrong(f"wanted a list, came {came(self)}{f'; write `[{shown(one)}]`' if one else ''}")
        return []

    def texts(self) -> tuple[str, ...]:
        """A list of texts."""
        return tuple(text for item in self.items() if (text := item.text()) is not None)

    def entries(self) -> Mapping[str, Node]:
        """Whatever keys a map has."""
        if isinstance(self.value, dict):
            return self.value
        self.wrong(f"wanted `name: value` lines, came {came(self)}")
        return {}

    def fields(self, required: Iterable[str] = (), optional: Iterable[str] = ()) -> dict[str, Node]:
        """The known keys of a map; complains of unknown and of missing ones."""
        needed = tuple(required)
        known = (*needed, *optional)
        found: dict[str, Node] = {}
        for key, node in self.entries().items():
            if key in known:
                found[key] = node
            else:
                node.wrong_key(unknown(key, known))
        if self.is_map:
            for key in needed:
                if key not in found:
                    self.wrong(f"`{key}` is missing here")
        return found


def _spanned(value: object) -> str:
    """What may have been meant by something that is no length of time."""
    text = value.strip() if isinstance(value, str) else ""
    for near in (f"1 {text}", text.removesuffix("ago").strip(), f"{text} days" if text.isdecimal() else ""):
        if as_span(near):
            return f"for example `{near}`"
    return "for example `18 months`"


def came(node: Node) -> str:
    if isinstance(node.value, str):
        return f"`{shown(node.value)}`" if node.value.strip() else "nothing"
    if isinstance(node.value, list):
        return "a list" if node.value else "an empty list"
    return "`name: value` lines" if node.value else "an empty `{}`"


def parse(text: str | bytes, file: str, *, twice: Callable[[str], str] = lambda key: "") -> Document:
    """Read one YAML document. `twice(key)` may add advice to the complaint about a repeated key."""
    document = Document(file)
    if isinstance(text, bytes):
        try:
            text = text.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = error.object[: error.start].count(b"\n") + 1
            document.note(line, 1, "this is not UTF-8 text")
            return document
    try:
        document.root = _Builder(document, twice).build(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
        if line > (last := max(len(lines := text.splitlines()), 1)):  # the parser points behind the end
            line, column = last, len(lines[-1]) + 1 if lines else 1
        document.note(line, column, _syntax(text, line, column, error.problem))
    except yaml.reader.ReaderError as error:
        before = text[: error.position] if isinstance(error.position, int) else ""
        document.note(before.count("\n") + 1, len(before) - before.rfind("\n"), "a character that YAML does not allow")
    if document.root is None and not document.problems:
        document.note(0, 0, "there is nothing in this file")
    return document


def _syntax(text: str, line: int, column: int, problem: str | None) -> str:
    lines = text.splitlines()
    if 0 < line <= len(lines) and "\t" in lines[line - 1][:column]:
        return "a tab cannot indent here; use spaces"
    if problem and "mapping values are not allowed" in problem:
        return "a `: ` too many on this line, or a wrong indent; put text that holds `: ` in quotes"
    return f"this is not YAML: {problem or 'it ends too soon'}"


def _events(text: str) -> Iterator[Event]:
    """`yaml.parse` without its second look at every event."""
    loader = _LOADER(text)
    try:
        while (event := loader.get_event()) is not None:
            yield event
    finally:
        loader.dispose()


class _Builder:
    """Events → nodes, without recursion and without YAML's ideas of type."""

    def __init__(self, document: Document, twice: Callable[[str], str]) -> None:
        self.document = document
        self.twice = twice
        self.open: list[tuple[Node, ScalarEvent | None]] = []
        self.root: Node | None = None

    def build(self, text: str) -> Node | None:
        documents = 0
        for event in _events(text):
            if isinstance(event, ScalarEvent):  # half of all there is
                if documents == 1:
                    self._scalar(event)
                continue
            if isinstance(event, DocumentStartEvent):
                documents += 1
                if documents == 2:
                    self._note(event, "a second document (`---`) is not read; use one file for each")
            if documents > 1:
                continue
            if isinstance(event, (MappingEndEvent, SequenceEndEvent)):  # `|` would be made anew for each of thousands
                self.open.pop()
            elif isinstance(event, AliasEvent):
                self._note(event, "`*` points at another place; write the value out here")
                self._place(event, "")
            elif isinstance(event, CollectionStartEvent):
                self._marks(event, event.implicit)
                node = self._place(event, {} if isinstance(event, MappingStartEvent) else [])
                self.open.append((node, None))
                if len(self.open) > _DEEPEST:
                    self._note(event, f"more than {_DEEPEST} levels deep")
                    return self.root
        return self.root

    def _note(self, event: Any, message: str) -> None:
        self.document.note(event.start_mark.line + 1, event.start_mark.column + 1, message)

    def _marks(self, event: Any, implicit: bool) -> None:
        if event.anchor is not None:
            self._note(event, f"`&{event.anchor}` is not used here; write the value out where it is needed")
        if not implicit:
            self._note(event, f"a type mark (`{event.tag}`) is not used here; leave it out")

    def _scalar(self, event: ScalarEvent) -> None:
        self._marks(event, event.implicit[0] or event.implicit[1])
        if self.open:
            parent, key = self.open[-1]
            if isinstance(parent.value, dict) and key is None:
                if event.value == "<<":
                    self._note(event, "`<<` is not used here; write the lines out")
                self.open[-1] = (parent, event)
                return
        self._place(event, event.value)

    def _place(self, event: Any, value: Any) -> Node:
        mark = event.start_mark
        line, column = mark.line + 1, mark.column + 1
        node = Node(self.document, line, column, value, line, column)
        if not self.open:
            self.root = node
            return node
        parent, key = self.open[-1]
        if isinstance(parent.value, list):
            parent.value.append(node)
        elif key is None:
            self._note(event, "a list or a block cannot be a name")
            self.open[-1] = (parent, ScalarEvent(None, None, (True, True), "", event.start_mark, event.end_mark))
        elif isinstance(parent.value, dict):
            self._enter(parent.value, key, node)
            self.open[-1] = (parent, None)
        return node

    def _enter(self, lines: dict[str, Node], key: ScalarEvent, node: Node) -> None:
        if (mark := key.start_mark) is not None:
            node.key_line, node.key_column = mark.line + 1, mark.column + 1
        name = key.value.strip()
        first = lines.get(name)
        if first is None:
            lines[name] = node
            return
        where = f"first on line {first.key_line}"
        self._note(key, f"`{shown(name)}` is written twice in this block ({where}){self.twice(name)}")


__all__ = ["WEEKDAYS", "Document", "Node", "Span", "came", "listed", "meant", "parse", "shown", "unknown"]
