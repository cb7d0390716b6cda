"""The same tree as SQL over the mirror, for the whole pool. Text and named parameters only; the caller runs it.

Every condition is written as two two-valued ones, "yes" and "yes or unknown" (`maybe`). A statement selects the people who
may be (cheap questions first, so most rows end early) and only for those asks whether they are. Questions about
applications and the like are one pass over their table, put in front, never a look-up for each person.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from connector.facts import LATEST, TABLES
from connector.rules.entries import Entry
from connector.rules.leaf import Context, Sides, Sql, certain, opposite
from connector.rules.operators import of
from connector.rules.tree import All, AnyOf, Default, Items, Leaf, Not, Tree

#: Where `fill` puts answers and rules find those of other rules: rows for yes (1) and unknown (NULL) only.
ANSWERS = (
    "CREATE TEMP TABLE IF NOT EXISTS answers (rule TEXT NOT NULL, person INTEGER NOT NULL, answer INTEGER,"
    " PRIMARY KEY (rule, person)) WITHOUT ROWID"
)


@dataclass(frozen=True, slots=True)
class Query:
    text: str
    params: dict[str, Any]


def select(entry: Entry | Tree, context: Context) -> Query:
    """Rows (person, answer): 1 yes, NULL unknown. Whoever is not listed is a no. Sorted by person."""
    sql = Sql(context)
    body = _select(entry, sql)
    return Query(f"{_front(sql)}{body} ORDER BY p.id", sql.params)


def fill(entry: Entry, context: Context) -> Query:
    """Puts the same rows into `answers`. Run it for rules in the set's order: later ones read it."""
    sql = Sql(context)
    rule = sql.bind(entry.name)
    body = _select(entry, sql, f"{rule}, ")
    return Query(f"INSERT INTO answers (rule, person, answer) {_front(sql)}{body}", sql.params)


def only(entry: Entry | Tree, context: Context, people: Iterable[int]) -> Query:
    """`select`, for these people."""
    sql = Sql(context)
    body = _select(entry, sql)
    return Query(f"{_front(sql)}{body} AND p.id IN {sql.bind_all(people)} ORDER BY p.id", sql.params)


def _front(sql: Sql) -> str:
    return f"WITH {', '.join(sql.passes)} " if sql.passes else ""


def _select(entry: Entry | Tree, sql: Sql, before: str = "") -> str:
    found = sides(entry.condition if isinstance(entry, Entry) else entry, sql, "p")
    return f"SELECT {before}p.id, CASE WHEN {found.settled_yes} THEN 1 END AS answer FROM people p WHERE {found.maybe}"


def sides(tree: Tree, sql: Sql, alias: str) -> Sides:
    match tree:
        case Leaf():
            return of(tree).sql(tree, f"{alias}.{tree.fact.column}", sql)
        case All(parts=parts):
            return _all([sides(part, sql, alias) for part in parts])
        case AnyOf(parts=parts):
            # Any of these: not all of their opposites.
            return opposite(_all([opposite(sides(part, sql, alias)) for part in parts]))
        case Not(part=part):
            return opposite(sides(part, sql, alias))
        case Default(part=part, yes=yes):
            side = sides(part, sql, alias)
            one, other = (side.maybe, side.not_maybe) if yes else (side.yes, side.not_yes)
            return Sides(
                yes=one,
                maybe=one,
                not_yes=other,
                not_maybe=other,
                settled_yes="TRUE",
                settled_no="TRUE",
                cost=side.cost,
            )
        case Items():
            return _items(tree, sql)


def _all(each: list[Sides]) -> Sides:
    if not each:
        return certain("TRUE", "TRUE", cost=0)
    if len(each) == 1:
        return each[0]
    each.sort(key=lambda side: side.cost)

    def join(parts: Iterable[str], by: str) -> str:
        return "(" + f" {by} ".join(parts) + ")"

    no = join((side.not_maybe for side in each), "OR")
    return Sides(
        yes=join((side.yes for side in each), "AND"),
        maybe=join((side.maybe for side in each), "AND"),
        not_yes=join((side.not_yes for side in each), "OR"),
        not_maybe=no,
        settled_yes=join((side.settled_yes for side in each), "AND"),
        settled_no=no,  # one part may be a no, and another one be it
        cost=max(side.cost for side in each),
    )


def _items(items: Items, sql: Sql) -> Sides:
    name = f"i{len(sql.passes)}"
    sql.passes.append("")  # keeps the number while the inside is written
    side = sides(items.where, sql, "x")
    table = TABLES[items.scope]
    where = side.maybe
    if items.latest:
        where = f"({where}) AND {_nothing_later(items.scope)}"
    sure = f"CASE WHEN {side.settled_yes} THEN 1 ELSE 0 END"
    often = ""
    if items.least > 1:
        # The + keeps SQLite from walking the index on person and fetching every row through it: sorting is quicker.
        sure, often = f"sum({sure})", f" GROUP BY +x.person HAVING count(*) >= {int(items.least)}"
    sql.passes[sql.passes.index("")] = (
        f"{name} AS MATERIALIZED (SELECT x.person AS person, {sure} AS sure FROM {table} x WHERE {where}{often})"
    )
    some = f"p.id IN (SELECT person FROM {name}"
    least = int(items.least)
    # Of those without a sure row, only the few with an unsure one are not a no.
    return certain(f"{some} WHERE sure >= {least})", f"{some})", settled_no=f"NOT {some} WHERE sure < {least})")


def _nothing_later(scope: str) -> str:
    """Asked only of rows that may match: is there none of the same person that comes after."""
    table, by = TABLES[scope], LATEST[scope]
    later = f"(coalesce(y.{by}, ''), y.id) > (coalesce(x.{by}, ''), x.id)"
    return f"NOT EXISTS (SELECT 1 FROM {table} y WHERE y.person = x.person AND {later})"


__all__ = ["ANSWERS", "Query", "fill", "only", "select", "sides"]
