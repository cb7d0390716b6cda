"""Facts of invented people, in the words of the registry and held to it: a fixture that says nothing anybody reads is a
mistake, and so is a value that no platform could give."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from connector.clock import stamp
from connector.document import Node, came, listed, meant, shown, unknown
from connector.facts import LATEST, LISTS, Fact, fold, of
from connector.occasions import DATED
from connector.proving.cases import Told
from connector.rules import Rule, RuleSet
from connector.rules.tree import Items, walk
from connector.written import as_instant, as_span, as_zone

#: What the guard and the cadences look at, whatever the rules say.
ALWAYS = frozenset({"time_zone", "consent.email", "consent.expires", "unsubscribed"})
UNKNOWN = "unknown"
#: Kinds of which the mirror keeps none but the words of the settings.
_CLOSED = frozenset({"stages", "reasons", "regions", "functions"})
_SCOPES = {name: scope for scope, name in LISTS.items()}


@dataclass(slots=True)
class Facts:
    """Reads fixtures against one rule set."""

    found: RuleSet
    clock: datetime
    #: What anybody looks at; `scope.name` for what is not the person's own.
    _reads: frozenset[str] = field(init=False)
    _serial: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self._reads = read_by(self.found)

    def person(self, lines: Mapping[str, Node]) -> Told:
        """What stands below a person, or in a happening."""
        facts: dict[str, Any] = {}
        rows: dict[str, list[Mapping[str, Any]]] = {}
        for name, node in lines.items():
            if name in _SCOPES:
                rows[name] = [self.row(_SCOPES[name], item) for item in self._listed(node)]
            elif (fact := of("person").get(name)) is None:
                hint = f"; it stands in {listed(in_lists)}" if (in_lists := _lists_with(name)) else ""
                node.wrong_key(f"`{shown(name)}` is not known here{hint}" if hint else unknown(name, _known()))
            elif self._read("person", fact, node):
                facts[name] = self.value(fact, node)
        return Told(facts=facts, rows=rows)

    def _listed(self, node: Node) -> list[Node]:
        """An empty list says that there are none, which is the same as saying nothing, except over what is inherited."""
        return [] if node.value == [] else node.items()

    def row(self, scope: str, node: Node) -> dict[str, Any]:
        """One application, interview, message or event. Without an id it gets one of its own."""
        self._serial += 1
        row: dict[str, Any] = {"id": f"{scope}-{self._serial:04}"}
        for name, inner in node.entries().items():
            fact = of(scope).get(name)
            if name == "id":
                row["id"] = inner.text() or row["id"]
            elif fact is None:
                inner.wrong_key(unknown(name, ("id", *of(scope))))
            elif self._read(scope, fact, inner):
                row[name] = self.value(fact, inner)
        return row

    def role(self, node: Node) -> dict[str, Any]:
        row = self.row("role", node)
        del row["id"]
        return row

    def _read(self, scope: str, fact: Fact, node: Node) -> bool:
        """Complain of what nobody reads: it was to make a difference, and makes none."""
        name = fact.name if scope == "person" else f"{scope}.{fact.name}"
        if name in self._reads or scope in ("message", "role"):
            return True
        near = meant(fact.name, [it.rpartition(".")[2] for it in self._reads])
        node.wrong_key(f"no rule reads `{name}`, so it makes no difference here; take it out{near}")
        return False

    # values

    def value(self, fact: Fact, node: Node) -> Any:
        """As the mirror keeps it; None for `unknown`, and after a complaint."""
        if isinstance(node.value, str) and fold(node.value) == UNKNOWN:
            return None
        return _VALUES[fact.type](self, fact, node)

    def _text(self, fact: Fact, node: Node) -> str | None:
        if fact.values:
            return node.one_of(fact.values)
        if fact.name == "time_zone":
            zone = node.zone() if as_zone(str(node.value)) is None else True
            return fold(str(node.value)) if zone else None
        text = node.text()
        return None if text is None else self._word(fact, text, node)

    def _word(self, fact: Fact, text: str, node: Node) -> str:
        vocabulary = self.found.vocabulary
        known = vocabulary.known(fact.kind) if fact.kind else ()
        if fact.kind in _CLOSED and known and not vocabulary.knows(fact.kind, text):
            hint = meant(text, known) or f"; it can be {listed(known)}"
            node.wrong(f"`{shown(text)}` is none of the {fact.kind} in the settings, so nobody ever has it{hint}")
        return vocabulary.canonical(fact.kind, text)

    def _words(self, fact: Fact, node: Node) -> frozenset[str] | None:
        if isinstance(node.value, str):
            node.wrong(f"`{fact.name}` can hold several words; write `[{shown(node.value)}]`")
            return None
        words = {self._word(fact, text, item) for item in self._listed(node) if (text := item.text()) is not None}
        for item in self._listed(node) if fact.name in ("tags", "pools") else ():
            self._ours(fact.name, item)
        return frozenset(words) if words or not fact.unknown_when_empty else None

    def _ours(self, what: str, node: Node) -> None:
        """A tag that a rule keeps is a result, not an input: given here, the test would prove nothing of the rule."""
        said = fold(str(node.value))
        for rule in self.found.standing:
            kept = () if rule.keep is None or rule.mode != "live" else getattr(rule.keep, what)
            if said in {fold(word) for word in kept}:
                node.wrong(
                    f"the rule `{rule.name}` keeps `{shown(str(node.value))}`, so in a test the rule puts it there;"
                    f" give the facts that make it do so, and expect `{what}: [{shown(str(node.value))}]`"
                )

    def _time(self, fact: Fact, node: Node) -> str | None:
        """A date (its midnight), a local time, `90 days ago` or `in 30 days`."""
        zone = self.found.vocabulary.zone
        text = " ".join(node.value.split()) if isinstance(node.value, str) else ""
        moment = as_instant(text, zone)
        if moment is None and text.endswith(" ago") and (span := as_span(text.removesuffix(" ago"))):
            moment = span.before(self.clock, zone)
        if moment is None and text.startswith("in ") and (span := as_span(text.removeprefix("in "))):
            moment = span.after(self.clock, zone)
        if moment is None:
            saw = f"`{shown(text)}` cannot be read here" if text else f"wanted a time, came {came(node)}"
            node.wrong(f"{saw}; write for example `2025-06-01`, `2025-06-01 14:30`, `90 days ago` or `in 30 days`")
            return None
        return stamp(moment)

    def _stage(self, fact: Fact, node: Node) -> str | None:
        text = node.text()
        return None if text is None else self._word(fact, text, node)


_VALUES: Mapping[str, Callable[[Facts, Fact, Node], Any]] = {
    "text": Facts._text,
    "town": Facts._text,
    "words": Facts._words,
    "time": Facts._time,
    "stage": Facts._stage,
    "number": lambda facts, fact, node: node.number(),
    "whole": lambda facts, fact, node: node.whole(),
    "yesno": lambda facts, fact, node: node.yes(),
}


def read_by(found: RuleSet) -> frozenset[str]:
    """Every fact that can make a difference to somebody under these rules."""
    read = set(ALWAYS)
    for entry in found.entries:
        read |= entry.reads
        for tree in entry.trees:
            latest = {node.scope for node in walk(tree) if isinstance(node, Items) and node.latest}
            read |= {f"{scope}.{LATEST[scope]}" for scope in latest}
        if isinstance(entry, Rule) and entry.when and entry.when.event in DATED:
            name, dated = DATED[entry.when.event]
            read |= {f"{_SCOPES[name]}.{dated}", "application.status"}
    return frozenset(read)


def _lists_with(name: str) -> list[str]:
    return [LISTS[scope] for scope in LISTS if name in of(scope)]


def _known() -> tuple[str, ...]:
    return (*of("person"), *LISTS.values())


__all__ = ["UNKNOWN", "Facts", "read_by"]
