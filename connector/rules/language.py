"""Files → one checked `RuleSet`. All problems at once, each at its line and column."""

from __future__ import annotations

from bisect import bisect_right
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
_RULE = ("when", "wait", "who", "keep", "do", "settle", "linger", "adopt", "again", "expected_size", "backfill")
_FACTS = frozenset(fact.name for fact in FACTS) | {
    f"{how}_{scope}" for scope in LISTS for how in ("has", "has_no", "latest")
}


@dataclass(slots=True)
class _Loading:
    vocabulary: Vocabulary
    warnings: list[Problem] = field(default_factory=list)
    refusals: list[Problem] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    idle: list[Problem] = field(default_factory=list)
    #: What reads conditions; the schema is written by another one.
    reader: type[Reader] = Reader
    #: (file, line, name) of every entry, and of the end of every section, as they come.
    spots: list[tuple[str, int, str]] = field(default_factory=list)
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
    made = checked(loading.entries, loading.problems)
    hashed = [replace(entry, hash=hash_of(entry, vocabulary)) for entry in made]
    return RuleSet(
        vocabulary=vocabulary,
        rules=tuple(entry for entry in hashed if isinstance(entry, Rule)),
        cadences=tuple(entry for entry in hashed if isinstance(entry, Cadence)),
        suppress=tuple(entry for entry in hashed if isinstance(entry, Suppress)),
        hash=digest(sorted([type(entry).__name__, entry.name, entry.hash] for entry in hashed)),
        problems=_placed(loading.problems, loading),
        warnings=_placed(loading.warnings, loading),
        refusals=_placed(loading.refusals, loading),
        idle=_placed(loading.idle, loading),
    )


def _placed(found: Iterable[Problem], loading: _Loading) -> tuple[Problem, ...]:
    """In order, once each, with the name of the entry they stand in."""
    spots = sorted(loading.spots)
    made = []
    for problem in sorted(set(found)):
        at = bisect_right(spots, (problem.file, problem.line, "\U0010ffff")) - 1
        inside = at >= 0 and spots[at][0] == problem.file
        made.append(replace(problem, rule=problem.rule or (spots[at][2] if inside else "")))
    return tuple(made)


def ask(root: Node, vocabulary: Vocabulary, reader: type[Reader]) -> None:
    """Read a stand-in for a file that only notes what it is asked."""
    _file(root, _Loading(vocabulary, reader=reader))


def _twice(key: str) -> str:
    return "; use `all:` to test it twice" if key in _FACTS else ""


def _file(root: Node, loading: _Loading) -> None:
    lines = root.fields(("version",), ("rules", "cadences", "role_matches", "suppress"))
    if "version" in lines and (version := lines["version"].text()) not in (None, "1"):
        lines["version"].wrong(f"this program reads version `1`, not `{version}`")
    loading.spots += [(root.file, node.key_line, "") for node in lines.values()]
    for section, read in (("rules", _rule), ("cadences", _cadence), ("suppress", _suppress)):
        for node in lines[section].items() if section in lines else []:
            entry = read(node, loading)
            if entry is not None:
                loading.entries.append(entry)
    for node in lines["role_matches"].items() if "role_matches" in lines else []:
        _match(node, loading)


def _name(node: Node, at: Node | None, loading: _Loading) -> str | None:
    """The entry's name, unique over everything."""
    if at is None:
        loading.spots.append((node.file, node.line, ""))
        return None
    name = at.name()
    loading.spots.append((node.file, node.line, name or ""))
    if name is not None:
        first = loading.names.setdefault(name, at)
        if first is not at:
            at.wrong(f"`{name}` is already the name at {first.file}:{first.line}; names are unique over all files")
    return name


def _lines(node: Node, required: tuple[str, ...], optional: tuple[str, ...]) -> dict[str, Node]:
    return node.fields(required, (*optional, *parts.COMMON))


def _reader(loading: _Loading, *, role: bool = False) -> Reader:
    return loading.reader(vocabulary=loading.vocabulary, warnings=loading.warnings, idle=loading.idle, role=role)


def _who(lines: Mapping[str, Node], reader: Reader) -> Tree | None:
    return reader.who(lines["who"]) if "who" in lines else None


def _clean(node: Node, before: int) -> bool:
    """Has reading this entry found no problem."""
    return len(node.document.problems) == before


def _rule(node: Node, loading: _Loading) -> Rule | None:
    before = len(node.document.problems)
    lines = _lines(node, ("rule", "who"), _RULE)
    name = _name(node, lines.get("rule"), loading)
    event = lines["when"].entries().get("event") if "when" in lines and lines["when"].is_map else None
    brings = parts.EVENTS.get(event.value.strip(), ()) if event is not None and isinstance(event.value, str) else ()
    reader = _reader(loading, role="role" in brings)
    later: list[tuple[Node, str]] = []
    made: dict[str, Any] = parts.common(lines, reader)
    who = _who(lines, reader)
    if "when" in lines:
        made["when"] = parts.when(lines["when"], reader)
    for key in ("wait", "settle", "linger", "backfill"):
        if key in lines:
            made[key] = lines[key].span()
    if "adopt" in lines:
        made["adopt"] = bool(lines["adopt"].yes())
    if "again" in lines:
        made["again"] = parts.again(lines["again"])
    if "expected_size" in lines:
        made["expected_size"] = parts.size(lines["expected_size"])
    if "keep" in lines:
        made["keep"] = parts.keep(lines["keep"])
    if "do" in lines:
        made["do"] = parts.do(lines["do"], reader, later)
    if event is not None and event.value in parts.LATER_EVENTS:
        later.append((event, f"event: {event.value}"))
    if "backfill" in lines:
        later.append((lines["backfill"], "backfill"))
    _fit(node, lines, made, reader)
    for at, verb in later:
        message = f"`{verb}` comes with a later release; rule `{name}` is left out"
        loading.refusals.append(Problem(at.file, at.key_line, at.key_column, message))
    if later or name is None or who is None or not _clean(node, before):
        return None
    return Rule(name=name, kind="do" if "do" in made else "keep", at=place(node), who=who, **made)


def _fit(node: Node, lines: Mapping[str, Node], made: Mapping[str, Any], reader: Reader) -> None:
    """Parts that do not go together."""
    if ("keep" in lines) == ("do" in lines) and node.is_map:
        node.wrong("a rule has `keep:` (a state) or `do:` (once per occasion), exactly one of them")
        return
    if "keep" in lines:
        for key in ("when", "wait", "again", "backfill", "limits", "hold_out"):
            if key in lines:
                lines[key].wrong_key(f"`{key}` goes with `do:`; `keep:` states how things are, at all times")
    else:
        for key in ("settle", "linger", "adopt", "expected_size", "max_changes"):
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
    if "do" in lines:
        _limited(lines, reader, role="role" in brings)


def _limited(lines: Mapping[str, Node], reader: Reader, *, role: bool) -> None:
    """Which limits a `do:` rule obeys."""
    limits = lines["limits"].entries() if "limits" in lines and lines["limits"].is_map else {}
    if "new_people_per_day" in limits:
        limits["new_people_per_day"].wrong_key("`new_people_per_day` goes with cadences; write `per_person`")
    if "people_per_event" in limits and not role:
        limits["people_per_event"].wrong_key("`people_per_event` needs an event of a role; write `per_person`")
    if role:
        each = {key: lines[key] for key in ("hold_out", "canary") if key in lines}
        each |= {key: limits[key] for key in ("per_person",) if key in limits}
        for key, node in each.items():
            parts.idle(node, f"`{key}`", parts.IDLE["role event"], reader)


def _cadence(node: Node, loading: _Loading) -> Cadence | None:
    before = len(node.document.problems)
    lines = _lines(node, ("cadence", "who", "send"), ("stop_when", "come_back", "goal"))
    name = _name(node, lines.get("cadence"), loading)
    reader = _reader(loading)
    made: dict[str, Any] = parts.common(lines, reader)
    who = _who(lines, reader)
    send = parts.send(lines["send"], reader) if "send" in lines else None
    if "stop_when" in lines:
        made["stop_when"] = reader.one_line(lines["stop_when"])
    if "come_back" in lines:
        made["come_back"] = parts.again(lines["come_back"])
    if "goal" in lines:
        made["goal"] = parts.goal(lines["goal"], reader)
    limits = lines["limits"].entries() if "limits" in lines and lines["limits"].is_map else {}
    for key in ("per_person", "people_per_event"):
        if key in limits:
            limits[key].wrong_key(
                f"`{key}` goes with `do:`; a cadence has `new_people_per_day`, the settings have `caps`"
            )
    if "max_changes" in lines:
        lines["max_changes"].wrong_key("`max_changes` goes with `keep:`; write `limits: {new_people_per_day: …}`")
    if name is None or who is None or send is None or not _clean(node, before):
        return None
    return Cadence(name=name, kind="cadence", at=place(node), who=who, send=send, **made)


def _suppress(node: Node, loading: _Loading) -> Suppress | None:
    before = len(node.document.problems)
    lines = node.fields(("suppress", "who", "stops"), ("why", "owner", "justification", "was", "unless"))
    name = _name(node, lines.get("suppress"), loading)
    reader = _reader(loading)
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
    name = _name(node, node.entries().get("match"), loading)
    if "match" not in node.entries():
        node.wrong("`match` is missing here")
    if name is not None:
        message = f"role matches come with a later release; `{name}` is left out"
        loading.refusals.append(Problem(node.file, node.key_line, node.key_column, message))


__all__ = ["load"]
