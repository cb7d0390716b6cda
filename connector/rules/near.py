"""Who is one test away from a yes, counted for the whole pool: which test it is, and how many people it keeps out.

A person is near when every line of the rule holds but one. Inside a question about one application (interview, …) the
lines are counted one by one as well: the nearest application of the person speaks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from connector.facts import TABLES
from connector.rules.entries import Entry
from connector.rules.leaf import Context, Sql
from connector.rules.operators import of
from connector.rules.sql import Query, sides
from connector.rules.tree import All, AnyOf, Default, Items, Leaf, Not, Place, Tree


@dataclass(frozen=True, slots=True)
class Hurdle:
    """One line of a rule, in words."""

    text: str
    at: Place


def near(entry: Entry, context: Context, *, every: int = 1) -> tuple[list[Hurdle], Query]:
    """The rule's tests, and a query of rows `failing` (the number of a test) and `people`.

    `every`: look at each so-manieth person only."""
    sql = Sql(context)
    parts = _parts(entry.condition)
    tests: list[Hurdle] = []
    met: list[str] = []
    missing: list[str] = []
    for part in parts:
        # an unknown counts as not met
        yes = f"(({sides(part, sql, 'p').yes}) IS TRUE)"
        met.append(yes)
        if isinstance(part, Items) and not part.latest and part.least == 1:
            missing.append(f"WHEN NOT {yes} THEN {_nearest(part, sql, tests, every)}")
        else:
            missing.append(f"WHEN NOT {yes} THEN {len(tests)}")
            tests.append(Hurdle(_said(part), part.at))
    front = f"WITH {', '.join(sql.passes)} " if sql.passes else ""
    inside = (
        f"SELECT CASE {' '.join(missing)} END AS failing FROM people p"
        f" WHERE {_part('p.id', every)}{' + '.join(met)} = {len(parts) - 1}"
    )
    text = f"{front}SELECT failing, count(*) AS people FROM ({inside}) WHERE failing IS NOT NULL GROUP BY 1 ORDER BY 2 DESC"
    return tests, Query(text, sql.params)


def _part(person: str, every: int) -> str:
    return f"{person} % {every} = 0 AND " if every > 1 else ""


def _parts(tree: Tree) -> Sequence[Tree]:
    if isinstance(tree, All):
        return [part for each in tree.parts for part in _parts(each)]
    return [tree]


def _nearest(items: Items, sql: Sql, tests: list[Hurdle], every: int) -> str:
    """The test that fails of the person's item that fails only one; NULL where there is none."""
    lines = _parts(items.where)
    held = [f"(({sides(line, sql, 'x').yes}) IS TRUE)" for line in lines]
    cases = []
    for line, yes in zip(lines, held, strict=True):
        cases.append(f"WHEN NOT {yes} THEN {len(tests)}")
        tests.append(Hurdle(f"{items.scope}: {_said(line)}", line.at))
    name = f"n{len(sql.passes)}"
    sql.passes.append(
        f"{name} AS MATERIALIZED (SELECT x.person AS person, min(CASE {' '.join(cases)} END) AS failing"
        f" FROM {TABLES[items.scope]} x WHERE {_part('x.person', every)}{' + '.join(held)} = {len(lines) - 1} GROUP BY +x.person)"
    )
    return f"(SELECT failing FROM {name} WHERE person = p.id)"


def _said(tree: Tree) -> str:
    match tree:
        case Leaf():
            return f"{tree.fact.name} {of(tree).says(tree)}"
        case Not(part=part):
            return f"not: {_said(part)}"
        case Default(part=part):
            return _said(part)
        case All(parts=parts):
            return " and ".join(_said(part) for part in parts)
        case AnyOf(parts=parts):
            return " or ".join(_said(part) for part in parts)
        case Items(scope=scope, where=where, least=least, latest=latest):
            how = "latest " if latest else f"{least} of " if least > 1 else "an " if scope[0] in "aeiou" else "a "
            return f"{how}{scope} where {_said(where)}"


__all__ = ["Hurdle", "near"]
