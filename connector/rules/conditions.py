"""`who:` blocks → the checked tree. Every complaint stands at its line; all of them are found."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from connector.clock import UNITS
from connector.document import Node, came, listed, meant, shown
from connector.errors import Problem
from connector.facts import LISTS, Fact, of, protected
from connector.rules.equality import stands_for
from connector.rules.leaf import Reading, place, written
from connector.rules.operators import OPERATORS, words_for
from connector.rules.tree import All, AnyOf, Default, Items, Leaf, Not, Tree
from connector.rules.vocabulary import Vocabulary
from connector.written import as_span

_BLOCKS = ("any", "all", "none")
_ITEMS = {f"{how}_{scope}": (how, scope) for scope in LISTS for how in ("has", "has_no", "latest")}
_ARTICLE = {"text": "a text", "number": "a number", "whole": "a number", "yesno": "yes or no", "time": "a time"}
_ARTICLE |= {"town": "a town", "words": "a set of words", "stage": "a step of the ladder"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Reads conditions against one vocabulary; doubts are collected, problems go to the documents."""

    vocabulary: Vocabulary
    warnings: list[Problem] = field(default_factory=list)
    #: What is read and has no effect.
    idle: list[Problem] = field(default_factory=list)
    #: Inside a rule whose event brings a role.
    role: bool = False

    def who(self, node: Node) -> Tree | None:
        """A block about a person: every line holds."""
        return self._block(node, "person")

    def one_line(self, node: Node) -> Tree | None:
        """A block that must not be read two ways (`unless`, `stop_when`): exactly one line."""
        if isinstance(node.value, dict) and len(node.value) > 1:
            node.wrong("two lines here can be read as `and` or as `or`; put them under `any:` or `all:`")
            self._block(node, "person")
            return None
        return self._block(node, "person")

    def about(self, node: Node, scope: str) -> Tree | None:
        """A block about the thing an event brings: a role, an application, an interview."""
        return self._block(node, scope)

    def _block(self, node: Node, scope: str) -> Tree | None:
        if node.is_list:
            node.wrong("a plain list can be read as `and` or as `or`; write `all:` or `any:` above it")
            for item in node.value:
                if isinstance(item, Node) and item.is_map:
                    self._lines(item, scope)
            return None
        if not node.is_map or not node.value:
            lines = (
                "; write each test on a line of its own" if isinstance(node.value, str) and node.value.strip() else ""
            )
            node.wrong(f"wanted a block of lines like `fact: value`, came {came(node)}{lines}")
            return None
        return self._lines(node, scope)

    def _lines(self, node: Node, scope: str) -> Tree | None:
        parts = [self._line(key, value, scope) for key, value in node.entries().items()]
        good = tuple(part for part in parts if part is not None)
        if len(good) < len(parts):
            return None
        return good[0] if len(good) == 1 else All(good, place(node))

    def _line(self, key: str, node: Node, scope: str) -> Tree | None:
        if scope == "person" and key in _BLOCKS:
            return self._list(key, node)
        if scope == "person" and key in _ITEMS:
            return self._items(*_ITEMS[key], node)
        facts = of(scope)
        if key in facts:
            return self._test(facts[key], node)
        if protected(key):
            node.wrong_key(
                f"`{shown(key)}` is a protected characteristic: no rule may ask about it, and Keepwarm keeps nothing of it"
            )
            return None
        if what := stands_for(key):
            node.wrong_key(f"`{shown(key)}` stands in for {what}: it is not a fact, and Keepwarm keeps nothing of it")
            return None
        names = (*facts, *_BLOCKS, *_ITEMS) if scope == "person" else tuple(facts)
        elsewhere = [f"has_{other}" for other in LISTS if key in of(other)] if scope == "person" else []
        hint = f"; it is asked inside {listed(elsewhere)}" if elsewhere else meant(key, names)
        node.wrong_key(f"`{shown(key)}` is not known here{hint}")
        return None

    def _list(self, key: str, node: Node) -> Tree | None:
        if not node.is_list or not node.value:
            node.wrong_key(f"`{key}` takes a list of blocks; start each block with `- `")
            if node.is_map and node.value:
                self._lines(node, "person")
            return None
        parts = [self._block(item, "person") for item in node.items()]
        good = tuple(part for part in parts if part is not None)
        if len(good) < len(parts):
            return None
        at = place(node)
        if key == "none":
            return Not(AnyOf(good, at) if len(good) > 1 else good[0], at)
        return AnyOf(good, at) if key == "any" else All(good, at)

    def _items(self, how: str, scope: str, node: Node) -> Tree | None:
        if not node.is_map or not node.value:
            node.wrong(f"wanted a block of lines about one {scope}, came {came(node)}")
            return None
        lines = dict(node.entries())
        count, unsure = lines.pop("count", None), lines.pop("if_unknown", None)
        parts = [self._line(key, value, scope) for key, value in lines.items()]
        good = tuple(part for part in parts if part is not None)
        default = unsure.yes() if unsure is not None else None
        at = place(node)
        if count is not None and how != "has":
            count.wrong_key(f"`count` goes with `has_{scope}` only")
            return None
        if how == "latest" and not lines:
            node.wrong(f"`latest_{scope}` needs a line about the {scope}")
            return None
        bounds = [] if count is None else self.count(count)
        if bounds is None or len(good) < len(parts) or (unsure is not None and default is None):
            return None
        tree: Tree = Items(
            scope=scope, where=good[0] if len(good) == 1 else All(good, at), at=at, latest=how == "latest"
        )
        if count is not None and isinstance(tree, Items):
            tree = _counted(tree, bounds)
        if how == "has_no":
            tree = Not(tree, at)
        return tree if default is None else Default(tree, default, at)

    def count(self, node: Node) -> list[tuple[int, bool]] | None:
        """(n, True): at least n. (n, False): fewer than n."""
        if not node.is_map:
            exactly = node.whole()
            return None if exactly is None else [(exactly, True), (exactly + 1, False)]
        makes: Mapping[str, Callable[[int], tuple[int, bool]]] = {
            "at_least": lambda n: (n, True),
            "more_than": lambda n: (n + 1, True),
            "at_most": lambda n: (n + 1, False),
            "less_than": lambda n: (n, False),
        }
        found = {key: value.whole() for key, value in node.fields((), makes).items()}
        if not found or None in found.values() or len(found) < len(node.entries()):
            if not node.value:
                node.wrong("`count` needs a number, for example `{at_least: 2}`")
            return None
        return [makes[key](number) for key, number in found.items() if number is not None]

    def _test(self, fact: Fact, node: Node) -> Tree | None:
        reading = Reading(fact=fact, vocabulary=self.vocabulary, warnings=self.warnings, role=self.role)
        if node.is_list:
            also = "`{all_of: [...]}` or `{any_of: [...]}`" if fact.type == "words" else "`{any_of: [...]}`"
            two = (
                "a plain list can be read two ways; write "
                if fact.type == "words"
                else "a plain list is not read; write "
            )
            node.wrong(
                two + (also if fact.type in ("words", "text", "town", "stage") else f"what `{fact.name}` should be")
            )
            return None
        if not node.is_map:
            return self._bare(fact, node, reading)
        lines = dict(node.entries())
        unsure = lines.pop("if_unknown", None)
        default = unsure.yes() if unsure is not None else None
        shares = lines.pop("at_least", None) if fact.type == "words" else None
        if shares is not None and "shares_with" not in lines:
            shares.wrong_key("`at_least` goes with `shares_with` here")
            return None
        parts: list[Tree | None] = [self._operator(fact, name, value, reading, shares) for name, value in lines.items()]
        if not parts:
            node.wrong(f"`{fact.name}` needs a test here: {listed(words_for(fact.type))}")
            return None
        good = tuple(part for part in parts if part is not None)
        if len(good) < len(parts) or (unsure is not None and default is None):
            return None
        at = place(node)
        tree = good[0] if len(good) == 1 else All(good, at)
        return tree if default is None else Default(tree, default, at)

    def _bare(self, fact: Fact, node: Node, reading: Reading) -> Tree | None:
        """`region: North West`."""
        text = written(node)
        if not text:
            node.wrong(f"wanted a value for `{fact.name}`, came nothing")
            return None
        head, _, rest = text.partition(" ")
        for name in words_for(fact.type):
            plain = name.replace("_", " ")
            if rest and (text.startswith(plain + " ") or head == name):
                value = text[len(plain) :].strip()
                node.wrong(f"`{shown(text)}` cannot be read here; write `{{{name}: {shown(value)}}}`")
                return None
        if ("equals" in words_for(fact.type)) and not (fact.type in ("number", "whole") and _is_span(text)):
            return self._operator(fact, "equals", node, reading, None)
        if fact.type == "words":
            node.wrong(f"`{fact.name}` can hold several words; write `{{any_of: [{shown(text)}]}}`")
        elif fact.type == "time" and _is_span(span := text.removesuffix("ago").strip()):
            node.wrong(
                f"`{shown(text)}` can be read two ways; write `{{within_last: {span}}}` or `{{more_than_ago: {span}}}`"
            )
        else:
            example = "`{within_last: 18 months}`" if fact.type == "time" else f"`{fact.example}`"
            node.wrong(
                f"`{shown(text)}` cannot be read here; `{fact.name}` is {_ARTICLE[fact.type]}: write for example {example}"
            )
        return None

    def _operator(self, fact: Fact, name: str, node: Node, reading: Reading, shares: Node | None) -> Tree | None:
        operator = OPERATORS.get((fact.type, name))
        if operator is None:
            near = meant(name, (*words_for(fact.type), "if_unknown"))
            hint = near or f"; `{fact.name}` is {_ARTICLE[fact.type]}: {listed(words_for(fact.type))}"
            node.wrong_key(f"`{shown(name)}` is not known here{hint}")
            return None
        if name in ("any_of", "all_of", "none_of", "contains_any") and not node.is_list:
            node.wrong(f"`{name}` takes a list; write `[{shown(written(node))}]`")
            return None
        value = operator.read(node, reading)
        if name == "shares_with" and shares is not None:
            least = shares.whole(1)
            value = None if value is None or least is None else (value[0], least, *value[2:])
        if value is None:
            return None
        if name == "equals" and isinstance(value, str):
            several = reading.vocabulary.members(fact.kind, value)
            name, value = ("any_of", several) if len(several) > 1 else (name, value)
        if name == "all_of":
            return self._each(fact, value, node)
        return Leaf(fact=fact, op=name, value=value, shown=written(node), at=place(node))

    def _each(self, fact: Fact, words: tuple[str, ...], node: Node) -> Tree:
        """Every one of these words; of a family any member will do."""
        at = place(node)
        families = [word for word in words if len(self.vocabulary.members(fact.kind, word)) > 1]
        plain = tuple(word for word in words if word not in families)
        parts: list[Tree] = [
            Leaf(fact=fact, op="any_of", value=self.vocabulary.members(fact.kind, word), shown=word, at=at)
            for word in families
        ]
        if plain:
            shown_words = written(node) if not families else ", ".join(plain)
            parts.append(Leaf(fact=fact, op="all_of", value=plain, shown=shown_words, at=at))
        return parts[0] if len(parts) == 1 else All(tuple(parts), at)


def _counted(items: Items, bounds: list[tuple[int, bool]]) -> Tree:
    """ "At least n" is the only count there is; the others are made of it."""
    parts: list[Tree] = []
    for least, at_least in bounds:
        # At least none: always so, and never for fewer than none.
        counted: Tree = replace(items, least=least) if least > 0 else All((), items.at)
        parts.append(counted if at_least else Not(counted, items.at))
    return parts[0] if len(parts) == 1 else All(tuple(parts), items.at)


def _is_span(text: str) -> bool:
    return as_span(text) is not None or any(text.endswith((unit, unit + "s")) for unit in UNITS)


__all__ = ["Reader"]
