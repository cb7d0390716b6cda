"""What only shows when all files are read together: who keeps which tag, in which order rules go, what contradicts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from connector.errors import Problem
from connector.facts import fold
from connector.rules.entries import AnyEntry, Cadence, Entry, Rule
from connector.rules.tree import Leaf, Tree, leaves, rewrite

Keepers = dict[tuple[str, str], tuple[str, ...]]


def checked(entries: Sequence[AnyEntry], problems: list[Problem]) -> list[AnyEntry]:
    """The same entries, each knowing which rules it reads, in an order in which they can be judged."""
    keepers = _keepers(entries)
    # A shadow rule changes nothing, so what it would keep is seen by other shadow rules only.
    shadows = {entry.name for entry in entries if entry.mode == "shadow"}
    linked = [_linked(entry, keepers, set() if entry.name in shadows else shadows) for entry in entries]
    return _ordered(linked, problems)


def _keepers(entries: Iterable[AnyEntry]) -> Keepers:
    """(tags or pools, folded word) → names of the rules that keep it."""
    found: dict[tuple[str, str], list[str]] = {}
    for entry in entries:
        if isinstance(entry, Rule) and entry.keep is not None:
            for fact, words in (("tags", entry.keep.tags), ("pools", entry.keep.pools)):
                for word in words:
                    found.setdefault((fact, fold(word)), []).append(entry.name)
    return {key: tuple(sorted(set(names))) for key, names in found.items()}


def _linked(entry: AnyEntry, keepers: Keepers, unseen: set[str]) -> AnyEntry:
    def link(test: Leaf) -> Leaf:
        if test.fact.scope != "person" or test.fact.name not in ("tags", "pools"):
            return test
        every = test.op in ("same_as", "shares_with")  # the word is only known when the role is
        kept = tuple(
            (word, seen)
            for (fact, word), names in sorted(keepers.items())
            if fact == test.fact.name and (every or word in test.value)
            if (seen := tuple(name for name in names if name not in unseen))
        )
        return replace(test, keepers=kept)

    def each(tree: Tree | None) -> Tree | None:
        return None if tree is None else rewrite(tree, link)

    if not any(test.fact.name in ("tags", "pools") for tree in entry.trees for test in leaves(tree)):
        return entry  # nothing in it is linked

    changes: dict[str, Any] = {"who": rewrite(entry.who, link), "unless": each(entry.unless)}
    if isinstance(entry, Cadence):
        changes["stop_when"] = each(entry.stop_when)
        pieces = tuple(replace(piece, only_if=each(piece.only_if)) for piece in entry.send.rotate)
        changes["send"] = replace(entry.send, rotate=pieces)
    made = replace(entry, **changes)
    names = {name for tree in made.trees for test in leaves(tree) for _, rules in test.keepers for name in rules}
    return replace(made, depends=frozenset(names))


def _ordered(entries: Sequence[AnyEntry], problems: list[Problem]) -> list[AnyEntry]:
    """Rules first by what they read, otherwise as written. A circle is a problem, told once."""
    names = {entry.name: entry for entry in entries}
    done: dict[str, AnyEntry] = {}
    path: list[str] = []
    told: set[frozenset[str]] = set()

    def visit(entry: AnyEntry) -> None:
        if entry.name in done:
            return
        if entry.name in path:
            circle = path[path.index(entry.name) :]
            if frozenset(circle) not in told:
                told.add(frozenset(circle))
                problems.append(_circle([names[name] for name in circle]))
            return
        path.append(entry.name)
        for name in sorted(entry.depends):
            visit(names[name])
        path.pop()
        done[entry.name] = entry

    for entry in entries:
        visit(entry)
    return list(done.values())


def _circle(entries: Sequence[Entry]) -> Problem:
    first = min(entries, key=lambda entry: entry.at)
    if len(entries) == 1:
        message = f"rule `{first.name}` reads a tag or pool that it keeps itself"
    else:
        start = list(entries).index(first)
        round_trip = [*entries[start:], *entries[:start], first]
        message = "these rules read each other's tags or pools in a circle: " + " → ".join(
            f"`{entry.name}`" for entry in round_trip
        )
    return Problem(first.at.file, first.at.line, first.at.column, message, level="meaning")


__all__ = ["checked"]
