"""How often a test finds nothing known, among those whom the lines beside it fit: that is where `if_unknown` matters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from connector.facts import TABLES
from connector.rules.entries import Entry
from connector.rules.leaf import Context, Sql
from connector.rules.operators import of
from connector.rules.sql import Query
from connector.rules.tree import All, AnyOf, Items, Leaf, Not, Tree

#: What compares with the role of an event has nothing to compare with outside one.
_ROLE = ("same_as", "shares_with")


@dataclass(frozen=True, slots=True)
class Asked:
    """Lines of one block. The query gives one row: for each test, how many fit the others, and of how many of those this
    one's fact is not known."""

    scope: str
    tests: tuple[Leaf, ...]
    query: Query


def missing(entry: Entry, context: Context) -> Iterator[Asked]:
    """Every block of the entry that has tests which may find nothing and do not say what then."""
    for tree in (entry.who, *((entry.unless,) if entry.unless else ())):
        yield from _blocks(tree, "person", context)


def _blocks(tree: Tree, scope: str, context: Context) -> Iterator[Asked]:
    tests: list[Leaf] = []
    for part in _lines(tree):
        match part:
            case Leaf():
                tests.append(part)
            case Items(scope=inner, where=where):
                yield from _blocks(where, inner, context)
            case AnyOf(parts=parts):
                for each in parts:
                    yield from _blocks(each, scope, context)
            case Not(part=AnyOf(parts=parts)):
                for each in parts:
                    yield from _blocks(each, scope, context)
            case Not(part=each):
                yield from _blocks(each, scope, context)
    if made := _asked(scope, [test for test in tests if _measurable(test)], context):
        yield made


def _lines(tree: Tree) -> Iterator[Tree]:
    if isinstance(tree, All):
        for part in tree.parts:
            yield from _lines(part)
    else:
        yield tree


def _measurable(test: Leaf) -> bool:
    return test.op not in _ROLE and not test.keepers


def _may_miss(test: Leaf) -> bool:
    """Of tags and the like, none is as good as an answer; and consent nobody gave is no consent, whatever a rule says."""
    return test.fact.name != "consent.email" and (test.fact.type != "words" or test.fact.unknown_when_empty)


def _asked(scope: str, tests: Sequence[Leaf], context: Context) -> Asked | None:
    asking = [test for test in tests if _may_miss(test)]
    if not asking:
        return None
    sql = Sql(context)
    alias = "p" if scope == "person" else "x"
    sides = {test: of(test).sql(test, f"{alias}.{test.fact.column}", sql) for test in tests}
    sums: list[str] = []
    for test in asking:
        others = " AND ".join(side.yes for other, side in sides.items() if other != test) or "TRUE"
        unknown = f"{sides[test].maybe} AND {sides[test].not_yes}"
        sums += [f"count(CASE WHEN {others} THEN 1 END)", f"count(CASE WHEN {others} AND {unknown} THEN 1 END)"]
    text = (
        f"SELECT {', '.join(f'{each} AS c{number}' for number, each in enumerate(sums))} FROM {TABLES[scope]} {alias}"
    )
    return Asked(scope, tuple(asking), Query(text, sql.params))


__all__ = ["Asked", "missing"]
