"""Operators on texts and on stages."""

from __future__ import annotations

import re

from connector.document import Node, listed, meant, shown
from connector.errors import Problem
from connector.facts import BY_NAME, fold
from connector.rules.leaf import Check, Context, Facts, Operator, Reading, Sides, Sql, nullable, timeless
from connector.rules.tree import Answer, Leaf

#: What people put into texts who think of patterns and templates.
_PATTERN = re.compile(r"^\^|\.[*+]|[^ ]\*$|\{\{|\[[a-z]-[a-z]\]|[^$]\$$")


def read_word(node: Node, reading: Reading) -> str | None:
    """One value of the fact, as the mirror keeps it. Outside a closed list it is a problem, outside a vocabulary a doubt."""
    text = node.text()
    if text is None:
        return None
    fact, vocabulary = reading.fact, reading.vocabulary
    if _PATTERN.search(text):
        message = (
            f"`{shown(text)}` is compared letter by letter, patterns are not read; write the words, or `contains_any`"
        )
        reading.warnings.append(Problem(node.file, node.line, node.column, message))
    word = vocabulary.canonical(fact.kind, text)
    if fact.values and word not in fact.values:
        near = meant(text, fact.values) or "; it can be " + listed(fact.values)
        node.wrong(f"`{shown(text)}` is not a value of `{fact.name}`{near}")
        return None
    if fact.kind and vocabulary.known(fact.kind) and not vocabulary.knows(fact.kind, text):
        near = meant(text, vocabulary.known(fact.kind))
        message = f"`{shown(text)}` is not among the {fact.kind} in the settings{near}"
        reading.warnings.append(Problem(node.file, node.line, node.column, message))
    return word


def read_words(node: Node, reading: Reading) -> tuple[str, ...] | None:
    items = node.items()
    words = [read_word(item, reading) for item in items]
    return tuple(sorted({word for word in words if word is not None})) if items and None not in words else None


def read_members(node: Node, reading: Reading) -> tuple[str, ...] | None:
    """Words, and for a word that stands for several (a family of skills, "Midlands") those."""
    words = read_words(node, reading)
    kind, members = reading.fact.kind, reading.vocabulary.members
    return None if words is None else tuple(sorted({each for word in words for each in members(kind, word)}))


def read_pieces(node: Node, reading: Reading) -> tuple[str, ...] | None:
    return tuple(sorted({fold(text) for text in node.texts()})) or None


def read_role(node: Node, reading: Reading, type_: str = "text") -> str | None:
    """`role.x` → x, where x is a fact of the role of this type and of the same kind as the fact tested."""
    text = node.text()
    if text is None:
        return None
    if not reading.role:
        node.wrong(f"`{shown(text)}`: only a rule whose `when` names an event of a role can compare with the role")
        return None
    known = [fact.name for fact in BY_NAME.values() if fact.scope == "role" and fact.type == type_]
    name = text.removeprefix("role.")
    role = BY_NAME.get(("role", name))
    if not text.startswith("role.") or role is None:
        near = meant(text, [f"role.{each}" for each in known]) or f"; write for example `role.{known[0]}`"
        node.wrong(f"`{shown(text)}` is not a fact of the role{near}")
        return None
    if role.type != type_:
        other = "shares_with" if role.type == "words" else "same_as"
        node.wrong(f"`{text}` cannot be compared so; write `{other}: {text}`")
        return None
    if role.kind != reading.fact.kind:
        node.wrong(f"`{text}` is another kind of thing than `{reading.fact.name}`")
        return None
    return name


def _equals(test: Leaf) -> Check:
    name, value = test.fact.name, test.value

    def check(facts: Facts, context: Context) -> Answer:
        found = facts.get(name)
        return None if found is None else found == value

    return check


def _any_of(test: Leaf) -> Check:
    name, words = test.fact.name, frozenset(test.value)

    def check(facts: Facts, context: Context) -> Answer:
        found = facts.get(name)
        return None if found is None else found in words

    return check


def _none_of(test: Leaf) -> Check:
    name, words = test.fact.name, frozenset(test.value)

    def check(facts: Facts, context: Context) -> Answer:
        found = facts.get(name)
        return None if found is None else found not in words

    return check


def _contains_any(test: Leaf) -> Check:
    name, pieces = test.fact.name, test.value

    def check(facts: Facts, context: Context) -> Answer:
        found = facts.get(name)
        if found is None:
            return None
        for piece in pieces:  # noqa: SIM110 - `any` with a generator takes three times as long
            if piece in found:
                return True
        return False

    return check


def _same_as(test: Leaf) -> Check:
    name, other = test.fact.name, test.value

    def check(facts: Facts, context: Context) -> Answer:
        found = facts.get(name)
        wanted = context.role.get(other) if context.role else None
        return None if found is None or wanted is None else found == wanted

    return check


def _contains_sql(test: Leaf, column: str, sql: Sql) -> Sides:
    # Both sides are folded, so it does not matter whether LIKE minds case.
    escaped = (piece.replace("!", "!!").replace("%", "!%").replace("_", "!_") for piece in test.value)
    return nullable(" OR ".join(f"{column} LIKE {sql.bind(f'%{piece}%')} ESCAPE '!'" for piece in escaped))


def _same_sql(test: Leaf, column: str, sql: Sql) -> Sides:
    wanted = sql.context.role.get(test.value) if sql.context.role else None
    return nullable("NULL" if wanted is None else f"{column} = {sql.bind(wanted)}")


def read_stage(node: Node, reading: Reading) -> int | None:
    """The step's place on the ladder. A step that is not on it cannot be compared, so it is a problem."""
    text = node.text()
    ladder = [fold(stage) for stage in reading.vocabulary.stages]
    if text is None or fold(text) in ladder:
        return None if text is None else ladder.index(fold(text))
    near = meant(text, ladder) or (f"; it can be {listed(ladder)}" if ladder else "; the settings have no `stages` yet")
    node.wrong(f"`{shown(text)}` is not on the stage ladder{near}")
    return None


def _split(reading: Reading, good: set[int]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    ladder = [fold(stage) for stage in reading.vocabulary.stages]
    return (
        tuple(stage for index, stage in enumerate(ladder) if index in good),
        tuple(stage for index, stage in enumerate(ladder) if index not in good),
    )


def _read_steps(node: Node, reading: Reading, name: str) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """The steps that are a yes and those that are a no; on neither: unknown."""
    steps = range(len(reading.vocabulary.stages))
    if name in ("any_of", "none_of"):
        found = [read_stage(item, reading) for item in node.items()]
        if not found or None in found:
            return None
        return _split(reading, {step for step in steps if (step in found) == (name == "any_of")})
    at = read_stage(node, reading)
    if at is None:
        return None
    wanted = {
        "equals": {at},
        "at_least": set(steps[at:]),
        "more_than": set(steps[at + 1 :]),
        "at_most": set(steps[: at + 1]),
        "less_than": set(steps[:at]),
    }
    return _split(reading, wanted[name])


def _stage_check(test: Leaf) -> Check:
    name = test.fact.name
    answers = dict.fromkeys(test.value[1], False) | dict.fromkeys(test.value[0], True)
    look = answers.get

    def check(facts: Facts, context: Context) -> Answer:
        return look(facts.get(name))

    return check


def _stage_sql(test: Leaf, column: str, sql: Sql) -> Sides:
    yes, no = test.value
    # The lists are never empty in SQL: no stage is called "".
    inside, outside = sql.bind_all(yes or ("",)), sql.bind_all(no or ("",))
    return Sides(
        yes=f"{column} IN {inside}",
        maybe=f"({column} NOT IN {outside} OR {column} IS NULL)",
        not_yes=f"({column} NOT IN {inside} OR {column} IS NULL)",
        not_maybe=f"{column} IN {outside}",
        settled_yes=f"{column} IN {inside}",
        settled_no=f"{column} IN {outside}",
    )


def _stage_operator(name: str) -> Operator:
    return Operator(
        type="stage",
        name=name,
        read=lambda node, reading: _read_steps(node, reading, name),
        check=_stage_check,
        sql=_stage_sql,
        says=lambda test: said(name, test),
        wish=lambda test: f"is {said(name, test)}",
        reaches=timeless,
    )


def said(name: str, test: Leaf) -> str:
    plain = name.replace("_", " ")
    return test.shown if name == "equals" else f"{plain} {test.shown}"


TEXTS = (
    Operator(
        type="text",
        name="equals",
        read=read_word,
        check=_equals,
        sql=lambda test, column, sql: nullable(f"{column} = {sql.bind(test.value)}"),
        says=lambda test: test.shown,
        wish=lambda test: f"becomes {test.shown}",
        reaches=timeless,
    ),
    Operator(
        type="text",
        name="any_of",
        read=read_members,
        check=_any_of,
        sql=lambda test, column, sql: nullable(f"{column} IN {sql.bind_all(test.value)}"),
        says=lambda test: f"any_of {test.shown}",
        wish=lambda test: f"becomes one of {test.shown}",
        reaches=timeless,
    ),
    Operator(
        type="text",
        name="none_of",
        read=read_members,
        check=_none_of,
        sql=lambda test, column, sql: nullable(f"{column} NOT IN {sql.bind_all(test.value)}"),
        says=lambda test: f"none_of {test.shown}",
        wish=lambda test: f"becomes something other than {test.shown}",
        reaches=timeless,
    ),
    Operator(
        type="text",
        name="contains_any",
        read=read_pieces,
        check=_contains_any,
        sql=_contains_sql,
        says=lambda test: f"contains_any {test.shown}",
        wish=lambda test: f"contains one of {test.shown}",
        reaches=timeless,
    ),
    Operator(
        type="text",
        name="same_as",
        read=read_role,
        check=_same_as,
        sql=_same_sql,
        says=lambda test: f"same as role.{test.value}",
        wish=lambda test: f"becomes that of the role (role.{test.value})",
        reaches=timeless,
    ),
)
STAGES = tuple(
    _stage_operator(name) for name in ("equals", "any_of", "none_of", "at_least", "more_than", "at_most", "less_than")
)

__all__ = ["STAGES", "TEXTS", "read_members", "read_role", "read_word", "read_words", "said"]
