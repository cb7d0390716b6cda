"""Our checked tree in other engines' languages. Every operator comes down to four questions; a dialect says how it asks them.

Unknown does not exist there (a missing key raises, or counts as 0 or as false), so only people without holes are compared."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Protocol

from connector.clock import unstamp
from connector.rules import Context, Tree
from connector.rules.tree import All, AnyOf, Default, Items, Leaf, Not


class Dialect(Protocol):
    """`of`: the scope of the item asked about, "person" at the top."""

    def fact(self, name: str, of: str) -> Any: ...
    def compare(self, fact: Any, sign: str, value: Any) -> Any: ...
    def among(self, fact: Any, words: Sequence[str]) -> Any: ...
    def holds(self, fact: Any, word: str) -> Any: ...
    def both(self, parts: Sequence[Any]) -> Any: ...
    def either(self, parts: Sequence[Any]) -> Any: ...
    def opposite(self, part: Any) -> Any: ...
    def items(self, scope: str, where: Any, least: int) -> Any: ...


class Infix:
    """What ZEN, CEL and rule-engine have in common."""

    conjunction, disjunction, negation = "and", "or", "not "

    def fact(self, name: str, of: str) -> str:
        raise NotImplementedError

    def compare(self, fact: str, sign: str, value: Any) -> str:
        if isinstance(value, bool):
            return fact if value else self.opposite(fact)
        return f"{fact} {sign} {json.dumps(value)}"

    def among(self, fact: str, words: Sequence[str]) -> str:
        return f"{fact} in {json.dumps(list(words))}"

    def holds(self, fact: str, word: str) -> str:
        return f"{json.dumps(word)} in {fact}"

    def both(self, parts: Sequence[str]) -> str:
        return f"({f' {self.conjunction} '.join(parts)})"

    def either(self, parts: Sequence[str]) -> str:
        return f"({f' {self.disjunction} '.join(parts)})"

    def opposite(self, part: str) -> str:
        return f"({self.negation}({part}))"


class Zen(Infix):
    def fact(self, name: str, of: str) -> str:
        return name if of == "person" else f"#.{name}"

    def items(self, scope: str, where: str, least: int) -> str:
        return f"some({scope}s, {where})" if least == 1 else f"count({scope}s, {where}) >= {least}"


class Cel(Infix):
    conjunction, disjunction, negation = "&&", "||", "!"

    def fact(self, name: str, of: str) -> str:
        return name if of == "person" else f"a.{name}"

    def items(self, scope: str, where: str, least: int) -> str:
        if least == 1:
            return f"{scope}s.exists(a, {where})"
        return f"size({scope}s.filter(a, {where})) >= {least}"


class RuleEngine(Infix):
    def fact(self, name: str, of: str) -> str:
        return name if of == "person" else f"a.{name}"

    def items(self, scope: str, where: str, least: int) -> str:
        return f"[1 for a in {scope}s if {where}].length >= {least}"


class JsonLogic:
    def fact(self, name: str, of: str) -> Any:
        return {"var": name}

    def compare(self, fact: Any, sign: str, value: Any) -> Any:
        if isinstance(value, bool):
            return fact if value else self.opposite(fact)
        return {"===" if sign == "==" else sign: [fact, value]}

    def among(self, fact: Any, words: Sequence[str]) -> Any:
        return {"in": [fact, list(words)]}

    def holds(self, fact: Any, word: str) -> Any:
        return {"in": [word, fact]}

    def both(self, parts: Sequence[Any]) -> Any:
        return {"and": list(parts)}

    def either(self, parts: Sequence[Any]) -> Any:
        return {"or": list(parts)}

    def opposite(self, part: Any) -> Any:
        return {"!": [part]}

    def items(self, scope: str, where: Any, least: int) -> Any:
        listed = {"var": f"{scope}s"}
        if least == 1:
            return {"some": [listed, where]}
        count = {"reduce": [{"filter": [listed, where]}, {"+": [{"var": "accumulator"}, 1]}, 0]}
        return {">=": [count, least]}


def said(tree: Tree, into: Dialect, context: Context, of: str = "person") -> Any:
    """The tree as the dialect says it, at this moment: limits of time are worked out beforehand, for everybody at once."""
    match tree:
        case Leaf():
            return _asked(tree, into, context, of)
        case All(parts=parts):
            return into.both([said(part, into, context, of) for part in parts])
        case AnyOf(parts=parts):
            return into.either([said(part, into, context, of) for part in parts])
        case Not(part=part):
            return into.opposite(said(part, into, context, of))
        case Items(scope=scope, where=where, least=least, latest=False):
            return into.items(scope, said(where, into, context, scope), least)
        case Default() | Items():
            raise ValueError(f"{tree.at}: no other engine can say this")


def _asked(test: Leaf, into: Dialect, context: Context, of: str) -> Any:
    fact, value = into.fact(spelt(test.fact.name), of), test.value
    match test.fact.type, test.op:
        case "text" | "number" | "whole" | "yesno", "equals":
            return into.compare(fact, "==", value)
        case "number" | "whole", "at_least":
            return into.compare(fact, ">=", value)
        case "text", "any_of":
            return into.among(fact, value)
        case "text", "none_of":
            return into.opposite(into.among(fact, value))
        case "stage", _:
            return into.among(fact, value[0])
        case "words", "any_of":
            return into.either([into.holds(fact, word) for word in value])
        case "words", "all_of":
            return into.both([into.holds(fact, word) for word in value])
        case "time", "within_last":
            early, late = seconds(context.since(value)), seconds(context.stamp)
            return into.both([into.compare(fact, ">=", early), into.compare(fact, "<=", late)])
        case "time", "more_than_ago":
            return into.compare(fact, "<", seconds(context.since(value)))
    raise ValueError(f"{test.at}: no word for {test.fact.type} {test.op}")


def spelt(name: str) -> str:
    """`consent.email` is a path to them."""
    return name.replace(".", "_")


def seconds(stamped: str) -> int:
    """ZEN cannot order texts, so everybody gets times as whole numbers."""
    moment = unstamp(stamped)
    assert moment.microsecond == 0, f"{stamped} is no whole second"
    return int(moment.timestamp())


__all__ = ["Cel", "Dialect", "JsonLogic", "RuleEngine", "Zen", "said", "seconds", "spelt"]
