"""Operators on sets of words: skills, functions, tags, pools, sources, accounts.

A tag or pool that a rule of ours keeps is read from that rule's answer, not from the platform: otherwise our own writes
would come back as new facts and rules would chase themselves."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from connector.document import Node, listed
from connector.rules.leaf import Check, Context, Facts, Operator, Reading, Sides, Sql, certain, opposite, timeless
from connector.rules.texts import read_members, read_role, read_words
from connector.rules.tree import Answer, Leaf

_NOBODY: frozenset[str] = frozenset()


def kept(rules: Iterable[str], answers: Mapping[str, Answer]) -> Answer:
    """Does one of these rules keep it."""
    unknown = False
    for rule in rules:
        answer = answers.get(rule, False)
        if answer:
            return True
        unknown = unknown or answer is None
    return None if unknown else False


def _rules(test: Leaf) -> dict[str, tuple[str, ...]]:
    return dict(test.keepers)


def _all_rules(test: Leaf) -> tuple[str, ...]:
    return tuple(sorted({rule for _, rules in test.keepers for rule in rules}))


def _any_of(test: Leaf) -> Check:
    name, words, rules = test.fact.name, frozenset(test.value), _all_rules(test)
    nothing: Answer = None if test.fact.unknown_when_empty else False

    def check(facts: Facts, context: Context) -> Answer:
        found = facts.get(name)
        return not words.isdisjoint(found) if found else nothing

    def check_kept(facts: Facts, context: Context) -> Answer:
        found = facts.get(name)
        return True if found and not words.isdisjoint(found) else kept(rules, context.answers)

    return check_kept if rules else check


def _none_of(test: Leaf) -> Check:
    positive, name, words = _any_of(test), test.fact.name, frozenset(test.value)
    nothing: Answer = None if test.fact.unknown_when_empty else True

    def check(facts: Facts, context: Context) -> Answer:
        found = facts.get(name)
        return words.isdisjoint(found) if found else nothing

    def check_kept(facts: Facts, context: Context) -> Answer:
        answer = positive(facts, context)
        return None if answer is None else not answer

    return check_kept if test.keepers else check


def _all_of(test: Leaf) -> Check:
    name, words, rules = test.fact.name, frozenset(test.value), _rules(test)
    nothing: Answer = None if test.fact.unknown_when_empty else False

    def check(facts: Facts, context: Context) -> Answer:
        found = facts.get(name)
        return bool(words <= found) if found else nothing

    def check_kept(facts: Facts, context: Context) -> Answer:
        unknown = False
        for word in words.difference(facts.get(name) or _NOBODY):
            answer = kept(rules.get(word, ()), context.answers)
            if answer is False:
                return False
            unknown = unknown or answer is None
        return None if unknown else True

    return check_kept if rules else check


def _same_as(test: Leaf) -> Check:
    name, other, rules = test.fact.name, test.value, _rules(test)
    unknown_when_empty = test.fact.unknown_when_empty

    def check(facts: Facts, context: Context) -> Answer:
        wanted: str | None = context.role.get(other) if context.role else None
        found: Collection[str] = facts.get(name) or _NOBODY
        if wanted is None or (unknown_when_empty and not found):
            return None
        return True if wanted in found else kept(rules.get(wanted, ()), context.answers)

    return check


def _shares_with(test: Leaf) -> Check:
    name = test.fact.name
    other: str = test.value[0]
    least: int = test.value[1]
    families: dict[str, frozenset[str]] = {word: frozenset(members) for word, members in test.value[2]}
    unknown_when_empty = test.fact.unknown_when_empty

    def check(facts: Facts, context: Context) -> Answer:
        wanted = context.role.get(other) if context.role else None
        found = facts.get(name) or _NOBODY
        if wanted is None or (unknown_when_empty and not found):
            return None
        return len(frozenset(wanted).intersection(found)) >= least

    def check_families(facts: Facts, context: Context) -> Answer:
        wanted = context.role.get(other) if context.role else None
        found = facts.get(name) or _NOBODY
        if wanted is None or (unknown_when_empty and not found):
            return None
        return sum(not families.get(word, {word}).isdisjoint(found) for word in frozenset(wanted)) >= least

    return check_families if families else check


def _has(test: Leaf, words: Iterable[str], sql: Sql) -> str:
    return (
        f"p.id IN (SELECT person FROM person_words WHERE fact = '{test.fact.name}' AND word IN {sql.bind_all(words)})"
    )


def _nothing_known(test: Leaf) -> str:
    return f" OR p.{test.fact.known_column} IS NULL" if test.fact.unknown_when_empty else ""


def _settled(test: Leaf) -> str | None:
    """Where no rule's answer plays a part, only a person without any word is unknown."""
    if test.keepers:
        return None
    return f"p.{test.fact.known_column} IS NOT NULL" if test.fact.unknown_when_empty else "TRUE"


def _kept(rules: tuple[str, ...], sql: Sql) -> tuple[str, str]:
    """SQL for "a rule says yes" and "a rule says yes or unknown", each to be put behind a condition."""
    if not rules:
        return "", ""
    some = f" OR p.id IN (SELECT person FROM answers WHERE rule IN {sql.bind_all(rules)}"
    return some + " AND answer = 1)", some + ")"


def _any_sql(test: Leaf, column: str, sql: Sql) -> Sides:
    has = _has(test, test.value, sql)
    yes, maybe = _kept(_all_rules(test), sql)
    return certain(has + yes, has + maybe + _nothing_known(test), settled=_settled(test))


def _none_sql(test: Leaf, column: str, sql: Sql) -> Sides:
    return opposite(_any_sql(test, column, sql))


def _all_sql(test: Leaf, column: str, sql: Sql) -> Sides:
    rules = _rules(test)
    yes: list[str] = []
    maybe: list[str] = []
    for word in test.value:
        has = _has(test, (word,), sql)
        also, perhaps = _kept(rules.get(word, ()), sql)
        yes.append(f"({has}{also})")
        maybe.append(f"({has}{perhaps})")
    return certain(" AND ".join(yes), f"{' AND '.join(maybe)}{_nothing_known(test)}", settled=_settled(test))


def _same_sql(test: Leaf, column: str, sql: Sql) -> Sides:
    wanted = sql.context.role.get(test.value) if sql.context.role else None
    if wanted is None:
        return certain("FALSE", "TRUE", cost=0)
    has = _has(test, (wanted,), sql)
    yes, maybe = _kept(_rules(test).get(wanted, ()), sql)
    return certain(has + yes, has + maybe + _nothing_known(test), settled=_settled(test))


def _shares_sql(test: Leaf, column: str, sql: Sql) -> Sides:
    other, least, families = test.value
    wanted = sql.context.role.get(other) if sql.context.role else None
    if wanted is None:
        return certain("FALSE", "TRUE", cost=0)
    name = test.fact.name
    has = "FALSE"
    if wanted and any(word in wanted for word, _ in families):
        has = _shares_family(name, wanted, dict(families), int(least), sql)
    elif wanted:
        words = sql.bind_all(sorted(wanted))
        has = (
            f"p.id IN (SELECT person FROM person_words WHERE fact = '{name}' AND word IN {words}"
            f" GROUP BY person HAVING count(*) >= {int(least)})"
        )
    return certain(has, has + _nothing_known(test), settled=_settled(test))


def _shares_family(
    name: str, wanted: Collection[str], families: Mapping[str, tuple[str, ...]], least: int, sql: Sql
) -> str:
    """Counted are the role's words of which somebody has a member, not the members."""
    pairs = [(word, member) for word in sorted(wanted) for member in families.get(word, (word,))]
    rows = " UNION ALL ".join(f"SELECT {sql.bind(word)} AS asked, {sql.bind(member)} AS word" for word, member in pairs)
    return (
        f"p.id IN (SELECT w.person FROM person_words w JOIN ({rows}) f ON f.word = w.word WHERE w.fact = '{name}'"
        f" GROUP BY w.person HAVING count(DISTINCT f.asked) >= {least})"
    )


def _read_shares(node: Node, reading: Reading) -> tuple[str, int, tuple[tuple[str, tuple[str, ...]], ...]] | None:
    """Which fact, how many (`at_least` beside it is put in by the reader of the block), and the families there are."""
    name = read_role(node, reading, "words")
    return None if name is None else (name, 1, reading.vocabulary.families(reading.fact.kind))


def _missing(test: Leaf) -> str:
    words = test.shown.split(", ")
    return listed(words, "and").replace("`", "")


SETS = (
    Operator(
        type="words",
        name="any_of",
        read=read_members,
        check=_any_of,
        sql=_any_sql,
        says=lambda test: f"any_of {test.shown}",
        wish=lambda test: f"gains {test.shown.replace(', ', ' or ')}",
        reaches=timeless,
    ),
    Operator(
        type="words",
        name="all_of",
        read=read_words,
        check=_all_of,
        sql=_all_sql,
        says=lambda test: f"all_of {test.shown}",
        wish=lambda test: f"holds {_missing(test)}",
        reaches=timeless,
    ),
    Operator(
        type="words",
        name="none_of",
        read=read_members,
        check=_none_of,
        sql=_none_sql,
        says=lambda test: f"none_of {test.shown}",
        wish=lambda test: f"is known and holds none of {test.shown}",
        reaches=timeless,
    ),
    Operator(
        type="words",
        name="same_as",
        read=read_role,
        check=_same_as,
        sql=_same_sql,
        says=lambda test: f"has role.{test.value}",
        wish=lambda test: f"gains that of the role (role.{test.value})",
        reaches=timeless,
    ),
    Operator(
        type="words",
        name="shares_with",
        read=_read_shares,
        check=_shares_with,
        sql=_shares_sql,
        says=lambda test: f"shares at least {test.value[1]} with role.{test.value[0]}",
        wish=lambda test: f"shares {test.value[1]} with the role (role.{test.value[0]})",
        reaches=timeless,
    ),
)

__all__ = ["SETS", "kept"]
