"""The checked tree: what a condition means, without YAML and without a way to run it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from connector.facts import Fact

Answer: TypeAlias = bool | None


@dataclass(frozen=True, slots=True, order=True)
class Place:
    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """One question about one fact. `value` is hashable and ready to compare; its shape is the operator's business."""

    fact: Fact
    op: str
    value: Any
    #: The value as it was written.
    shown: str = field(compare=False)
    at: Place = field(compare=False)
    #: Tags and pools: word → the rules that keep it.
    keepers: tuple[tuple[str, tuple[str, ...]], ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class All:
    parts: tuple[Tree, ...]
    at: Place = field(compare=False)


@dataclass(frozen=True, slots=True)
class AnyOf:
    parts: tuple[Tree, ...]
    at: Place = field(compare=False)


@dataclass(frozen=True, slots=True)
class Not:
    part: Tree
    at: Place = field(compare=False)


@dataclass(frozen=True, slots=True)
class Default:
    """`if_unknown`: what missing data counts as here."""

    part: Tree
    yes: bool
    at: Place = field(compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Items:
    """At least `least` applications (interviews, …) for which `where` holds; or: it holds for the `latest` one."""

    scope: str
    where: Tree
    at: Place = field(compare=False)
    least: int = 1
    latest: bool = False


Tree: TypeAlias = Leaf | All | AnyOf | Not | Default | Items


def children(tree: Tree) -> tuple[Tree, ...]:
    match tree:
        case All(parts=parts) | AnyOf(parts=parts):
            return parts
        case Not(part=part) | Default(part=part):
            return (part,)
        case Items(where=where):
            return (where,)
        case Leaf():
            return ()


def walk(tree: Tree | None) -> Iterator[Tree]:
    """Every node, the tree itself first."""
    if tree is None:
        return
    yield tree
    for child in children(tree):
        yield from walk(child)


def leaves(tree: Tree | None) -> Iterator[Leaf]:
    return (node for node in walk(tree) if isinstance(node, Leaf))


def rewrite(tree: Tree, change: Callable[[Leaf], Leaf]) -> Tree:
    """The same tree with every test changed."""
    match tree:
        case Leaf():
            return change(tree)
        case All(parts=parts) | AnyOf(parts=parts):
            return replace(tree, parts=tuple(rewrite(part, change) for part in parts))
        case Not(part=part) | Default(part=part):
            return replace(tree, part=rewrite(part, change))
        case Items(where=where):
            return replace(tree, where=rewrite(where, change))


__all__ = [
    "All",
    "Answer",
    "AnyOf",
    "Default",
    "Items",
    "Leaf",
    "Not",
    "Place",
    "Tree",
    "children",
    "leaves",
    "rewrite",
    "walk",
]
