"""Files → one checked `RuleSet`. All problems at once, each at its line and column."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from connector.document import Node, came, parse
from connector.errors import Problem
from connector.facts import FACTS, LISTS
from connector.rules import parts
from connector.rules.canon import digest, hash_of
from connector.rules.conditions import Reader
from connector.rules.crosschecks import checked
from connector.rules.entries import AnyEntry, Cadence, Rule, RuleSet, Suppress
from connector.rules.leaf import place
from connector.rules.tree import Tree
from connector.rules.vocabulary import Vocabulary

E = TypeVar("E", Rule, Cadence, Suppress)
_RULE = ("when", "wait", "who", "keep", "do", "settle", "linger", "again", "expected_size", "backfill")
_FACTS = frozenset(fact.name for fact in FACTS) | {
    f"{how}_{scope}" for scope in LISTS for how in ("has", "has_no", "latest")
}


@dataclass(slots=True)
class _Loading:
    vocabulary: Vocabulary
    warnings: list[Problem] = field(default_factory=list)
    refusals: list[Problem] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    #: Name → where it was first used, over all files and sections.
    names: dict[str, Node] = field(default_factory=dict)
    entries: list[AnyEntry] = field(default_factory=list)


def load(files: Mapping[str, str | bytes] | Iterable[tuple[str, str | bytes]], vocabulary: Vocabulary) -> RuleSet:
    """Name of the file → its text. Look at `problems` before using what came out."""
    loading = _Loading(vocabulary)
    for name, text in files.items() if isinstance(files, Mapping) else files:
        document = parse(text, name, twice=_twice)
        if document.root is not None:
            _file(document.root, loading)
        loading.problems += document.problems
    made = checked(loading.entries, loading.problems, loading.warnings)
    hashed = [replace(entry, hash=hash_of(entry, vocabulary)) for entry in made]
    return RuleSet(
        vocabulary=vocabulary,
        rules=tuple(entry for entry in hashed if isinstance(entry, Rule)),
        cadences=tuple(entry for entry in hashed if isinstance(entry, Cadence)),
        suppress=tuple(entry for entry in hashed if isinstance(entry, Suppress)),
        hash=digest(sorted([type(entry).__name__, entry.name, entry.hash] for entry in hashed)),
        problems=tuple(sorted(set(loading.problems))),
        warnings=tuple(sorted(set(loading.warnings))),
        refusals=tuple(sorted(loading.refusals)),
    )


def _twice(key: str) -> str:
    return "; use `all:` to test it twice" if key in _FACTS else ""


def _file(root: Node, loading: _Loading) -> None:
    lines = root.fields(("version",), ("rules", "cadences", "role_matches", "suppress"))
    if "version" in lines and (version := lines["version"].text()) not in (None, "1"):
        lines["version"].wrong(f"this program reads version `1`, not `{version}`")
    for section, read in (("rules", _rule), ("cadences", _cadence), ("suppress", _suppress)):
        for node in lines[section].items() if section in lines else []:
            entry = read(node, loading)
            if entry is not None:
                loading.entries.append(entry)
    for node in lines["role_matches"].items() if "role_matches" in lines else []:
        _match(node, loading)


def _name(node: Node, key: str, loading: _Loading) -> str | None:
    """The entry's name, unique over everything."""
    lines = node.entries()
    if key not in lines:
        if node.is_map:
            node.wrong(f"`{key}` is missing here: every entry starts with its name")
        return None
    at = lines[key]
    name = at.name()
    if name is not None:
        first = loading.names.setdefault(name, at)
        if first is not at:
            at.wrong(f"`{name}` is already the name at {first.file}:{first.line}; names are unique over all files")
    return name


def _lines(node: Node, required: tuple[str, ...], optional: tuple[str, ...]) -> dict[str, Node]:
    return node.fields(required, (*optional, *parts.COMMON))


def _who(lines: Mapping[str, Node], reader: Reader) -> Tree | None:
    return reader.who(lines["who"]) if "who" in lines else None


def _clean(node: Node, before: int) -> bool:
    """Has reading this entry found no problem."""
    return len(node.document.problems) == before


def _rule(node: Node, loading: _Loading) -> Rule | None:
    before = len(node.document.problems)
    name = _name(node, "rule", loading)
    lines = _lines(node, ("who",), ("rule", *_RULE))
    event = lines["when"].entries().get("event") if "when" in lines and lines["when"].is_map else None
    brings = parts.EVENTS.get(event.value.strip(), ()) if event is not None and isinstance(event.value, str) else ()
    reader = Reader(vocabulary=loading.vocabulary, warnings=loading.warnings, role="role" in brings)
    later: list[tuple[Node, str]] = []
    made: dict[str, Any] = parts.common(lines, reader)
    who = _who(lines, reader)
    if "when" in lines:
        made["when"] = parts.when(lines["when"], reader)
    for key in ("wait", "settle", "linger", "backfill"):
        if key in lines:
            made[key] = lines[key].span()
    if "again" in lines:
        made["again"] = parts.again(lines["again"])
    if "expected_size" in lines:
        made["expected_size"] = parts.size(lines["expected_size"])
    if "keep" in lines:
        made["keep"] = parts.keep(lines["keep"])
    if "do" in lines:
        made["do"] = parts.do(lines["do"], later)
    if event is not None and event.value in parts.LATER_EVENTS:
        later.append((event, f"event: {event.value}"))
    if "backfill" in lines:
        later.append((lines["backfill"], "backfill"))
    _fit(node, lines, made)
    for at, verb in later:
        message = f"`{verb}` comes with a later release; rule `{name}` is left out"
        loading.refusals.append(Problem(at.file, at.key_line, at.key_column, message))
    if later or name is None or who is None or not _clean(node, before):
        return None
    return Rule(name=name, kind="do" if "do" in made else "keep", at=place(node), who=who, **made)


def _fit(node: Node, lines: Mapping[str, Node], made: Mapping[str, Any]) -> None:
    """Parts that do not go together."""
    if ("keep" in lines) == ("do" in lines) and node.is_map:
        node.wrong("a rule has `keep:` (a state) or `do:` (once per occasion), exactly one of them")
        return
    if "keep" in lines:
        for key in ("when", "wait", "again", "backfill"):
            if key in lines:
                lines[key].wrong_key(f"`{key}` goes with `do:`; `keep:` states how things are, at all times")
    else:
        for key in ("settle", "linger", "expected_size", "max_changes"):
            if key in lines:
                lines[key].wrong_key(f"`{key}` goes with `keep:`")
        if "wait" in lines and "when" not in lines:
            lines["wait"].wrong_key("`wait` counts from an event; name it under `when:`")
    when, do = made.get("when"), made.get("do")
    brings = parts.EVENTS[when.event] if when is not None else ()
    if do is not None and "role" not in brings:
        if do.note_on_role:
            lines["do"].entries()["note_on_role"].wrong_key("`note_on_role` needs an event of a role under `when:`")
        if do.notify is not None and do.notify.to.startswith("role."):
            lines["do"].entries()["notify"].wrong_key("`to: role.recruiter` needs an event of a role under `when:`")


def _cadence(node: Node, loading: _Loading) -> Cadence | None:
    before = len(node.document.problems)
    name = _name(node, "cadence", loading)
    lines = _lines(node, ("who", "send"), ("cadence", "stop_when", "come_back", "goal"))
    reader = Reader(vocabulary=loading.vocabulary, warnings=loading.warnings)
    made: dict[str, Any] = parts.common(lines, reader)
    who = _who(lines, reader)
    send = parts.send(lines["send"], reader) if "send" in lines else None
    if "stop_when" in lines:
        made["stop_when"] = reader.one_line(lines["stop_when"])
    if "come_back" in lines:
        made["come_back"] = parts.again(lines["come_back"])
    if "goal" in lines:
        made["goal"] = parts.goal(lines["goal"])
    if name is None or who is None or send is None or not _clean(node, before):
        return None
    return Cadence(name=name, kind="cadence", at=place(node), who=who, send=send, **made)


def _suppress(node: Node, loading: _Loading) -> Suppress | None:
    before = len(node.document.problems)
    name = _name(node, "suppress", loading)
    lines = node.fields(("who", "stops"), ("suppress", "why", "owner", "was", "unless"))
    reader = Reader(vocabulary=loading.vocabulary, warnings=loading.warnings)
    made: dict[str, Any] = parts.common(lines, reader)
    who = _who(lines, reader)
    stops = lines["stops"].one_of(("marketing", "everything")) if "stops" in lines else None
    if name is None or who is None or stops is None or not _clean(node, before):
        return None
    return Suppress(name=name, kind="suppress", at=place(node), who=who, stops=stops, **made)  # type: ignore[arg-type]


def _match(node: Node, loading: _Loading) -> None:
    """Read only far enough to say no by name."""
    if not node.is_map:
        node.wrong(f"wanted a block that starts with `match:`, came {came(node)}")
        return
    name = _name(node, "match", loading)
    if name is not None:
        message = f"role matches come with a later release; `{name}` is left out"
        loading.refusals.append(Problem(node.file, node.key_line, node.key_column, message))


__all__ = ["load"]
