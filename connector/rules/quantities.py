"""Operators on numbers, on yes and no, and on times."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from connector.clock import Span, stamp
from connector.document import Node, shown
from connector.rules.leaf import (
    NO_TIME,
    Check,
    Context,
    Facts,
    Operator,
    Reach,
    Reading,
    Sides,
    Sql,
    nullable,
    timeless,
)
from connector.rules.texts import said
from connector.rules.tree import Answer, Leaf

#: Name → (Python, SQL, words)
_COMPARISONS: dict[str, tuple[Callable[[Any, Any], bool], str, str]] = {
    "equals": (operator.eq, "=", "becomes"),
    "at_least": (operator.ge, ">=", "is at least"),
    "more_than": (operator.gt, ">", "is more than"),
    "at_most": (operator.le, "<=", "is at most"),
    "less_than": (operator.lt, "<", "is less than"),
}


def _compared(compare: Callable[[Any, Any], bool]) -> Callable[[Leaf], Check]:
    """With a fixed value, whatever the clock says."""

    def check(test: Leaf) -> Check:
        fact, limit = test.fact.name, test.value

        def run(facts: Facts, context: Context) -> Answer:
            found = facts.get(fact)
            return None if found is None else compare(found, limit)

        return run

    return check


def _number(type_: str, name: str) -> Operator:
    compare, sign, becomes = _COMPARISONS[name]
    return Operator(
        type=type_,
        name=name,
        read=lambda node, reading: node.number(),
        check=_compared(compare),
        sql=lambda test, column, sql: nullable(f"{column} {sign} {sql.bind(test.value)}"),
        says=lambda test: said(name, test),
        wish=lambda test: f"{becomes} {test.shown}",
        reaches=timeless,
    )


NUMBERS = tuple(_number(type_, name) for type_ in ("number", "whole") for name in _COMPARISONS)


def _yes_check(test: Leaf) -> Check:
    name, wanted = test.fact.name, test.value

    def check(facts: Facts, context: Context) -> Answer:
        found = facts.get(name)
        return None if found is None else bool(found) is wanted

    return check


YES_NO = (
    Operator(
        type="yesno",
        name="equals",
        read=lambda node, reading: node.yes(),
        check=_yes_check,
        sql=lambda test, column, sql: nullable(f"{column} = {int(test.value)}"),
        says=lambda test: "yes" if test.value else "no",
        wish=lambda test: "becomes yes" if test.value else "becomes no",
        reaches=timeless,
    ),
)


def _read_span(node: Node, reading: Reading) -> Span | None:
    return node.span()


def _read_moment(node: Node, reading: Reading) -> str | None:
    if isinstance(node.value, str) and node.value.strip().lower() in ("now", "today"):
        node.wrong(f"`{shown(node.value)}` is not a date; write `more_than_ago: 0 days` or `within_next: …`")
        return None
    moment = node.instant(reading.vocabulary.zone)
    return None if moment is None else stamp(moment)


def _within_last(test: Leaf) -> Check:
    name, span, key = test.fact.name, test.value, f"since {test.value}"

    def check(facts: Facts, context: Context) -> Answer:
        found = facts.get(name)
        if found is None:
            return None
        limit: str = context.limits.get(key) or context.since(span)
        return bool(limit <= found <= context.stamp)

    return check


def _more_than_ago(test: Leaf) -> Check:
    name, span, key = test.fact.name, test.value, f"since {test.value}"

    def check(facts: Facts, context: Context) -> Answer:
        found = facts.get(name)
        if found is None:
            return None
        limit: str = context.limits.get(key) or context.since(span)
        return bool(found < limit)

    return check


def _within_next(test: Leaf) -> Check:
    name, span, key = test.fact.name, test.value, f"until {test.value}"

    def check(facts: Facts, context: Context) -> Answer:
        found = facts.get(name)
        if found is None:
            return None
        limit: str = context.limits.get(key) or context.until(span)
        return bool(context.stamp <= found <= limit)

    return check


def _within_last_sql(test: Leaf, column: str, sql: Sql) -> Sides:
    early, late = sql.bind(sql.context.since(test.value)), sql.bind(sql.context.stamp)
    return nullable(f"{column} BETWEEN {early} AND {late}")


def _within_next_sql(test: Leaf, column: str, sql: Sql) -> Sides:
    early, late = sql.bind(sql.context.stamp), sql.bind(sql.context.until(test.value))
    return nullable(f"{column} BETWEEN {early} AND {late}")


TIMES = (
    Operator(
        type="time",
        name="within_last",
        read=_read_span,
        check=_within_last,
        sql=_within_last_sql,
        says=lambda test: f"within the last {test.value}",
        wish=lambda test: f"is within the last {test.value}",
        reaches=lambda test: (Reach(NO_TIME, back=True), Reach(test.value, back=True)),
    ),
    Operator(
        type="time",
        name="more_than_ago",
        read=_read_span,
        check=_more_than_ago,
        sql=lambda test, column, sql: nullable(f"{column} < {sql.bind(sql.context.since(test.value))}"),
        says=lambda test: f"more than {test.value} ago",
        wish=lambda test: f"is more than {test.value} ago",
        reaches=lambda test: (Reach(test.value, back=True),),
    ),
    Operator(
        type="time",
        name="within_next",
        read=_read_span,
        check=_within_next,
        sql=_within_next_sql,
        says=lambda test: f"within the next {test.value}",
        wish=lambda test: f"is within the next {test.value}",
        reaches=lambda test: (Reach(NO_TIME, back=True), Reach(test.value, back=False)),
    ),
    # A fixed moment is no matter of the clock. Each instant is either before it or from it on.
    Operator(
        type="time",
        name="before",
        read=_read_moment,
        check=_compared(operator.lt),
        sql=lambda test, column, sql: nullable(f"{column} < {sql.bind(test.value)}"),
        says=lambda test: f"before {test.shown}",
        wish=lambda test: f"is before {test.shown}",
        reaches=timeless,
    ),
    Operator(
        type="time",
        name="after",
        read=_read_moment,
        check=_compared(operator.ge),
        sql=lambda test, column, sql: nullable(f"{column} >= {sql.bind(test.value)}"),
        says=lambda test: f"on or after {test.shown}",
        wish=lambda test: f"is on or after {test.shown}",
        reaches=timeless,
    ),
)

__all__ = ["NUMBERS", "TIMES", "YES_NO"]
