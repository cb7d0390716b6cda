"""A real person → a test file in which they cannot be recognised: the facts that rules read and nothing else, every word
that no rule and no list of the settings names replaced, with today's answers as expectations."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time
from typing import Any

from connector import occasions
from connector.clock import unstamp
from connector.court import Court
from connector.facts import LISTS, Fact, fold, of
from connector.proving.fixtures import UNKNOWN, read_by
from connector.proving.verdicts import causes
from connector.rules import Answer, AnyEntry, Cadence, RuleSet, explain
from connector.rules.tree import Leaf, leaves
from connector.store import Tx

_WORD = {True: "yes", False: "no", None: UNKNOWN}
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9 _/-]*|-?[0-9]+(\.[0-9]+)?|[0-9]{4}-[0-9]{2}-[0-9]{2}( [0-9:]{5,8})?")
#: Words that would be read as something else than text.
_LOADED = frozenset({"yes", "no", "true", "false", "null", "none", UNKNOWN, "on", "off"})
#: Lists from the settings: their words name nobody.
_LISTS = frozenset({"stages", "reasons", "skills", "functions", "regions"})


@dataclass(frozen=True, slots=True)
class Borrowed:
    """What was found: the answers, and the person's facts as the judge reads them."""

    facts: Mapping[str, Any]
    answers: Mapping[str, tuple[Answer, str]]


def borrow(tx: Tx, found: RuleSet, person: int, *, rule: str | None, now: datetime) -> Borrowed:
    """Answers of every entry, or of one; with the fact that decides."""
    court = Court(found)
    facts = tx.mirror.facts_of([person])[person]
    answers = court.answers(facts, occasions.standing_of(tx, [person])[person], now=now)
    context = court.context(now, answers=answers)
    said: dict[str, tuple[Answer, str]] = {}
    for entry in found.entries:
        if rule in (None, entry.name) and entry.mode != "off":
            why = explain(entry, facts, context)
            deciding = causes(why.line, why.line.answer)
            said[entry.name] = why.answer, min(deciding) if len(deciding) == 1 else ""
    return Borrowed(facts, said)


def written(found: RuleSet, borrowed: Borrowed, *, now: datetime, exact: bool = False) -> str:
    """The file. Dates lose their time of day unless `exact`, which some answers hang on."""
    entries = _concerned(found, [it for it in found.entries if it.name in borrowed.answers])
    reads = read_by(RuleSet(vocabulary=found.vocabulary, rules=(), cadences=(), suppress=()))
    reads |= {name for entry in entries for name in entry.reads}
    if any(isinstance(it, Cadence) for it in entries):
        reads |= {f"message.{name}" for name in of("message")}
    writer = _Writer(found, _named(entries), exact=exact)
    zone = found.vocabulary.zone
    clock = now.astimezone(zone).replace(microsecond=0)
    lines = ["version: 1", f"clock: {clock:%Y-%m-%d %H:%M:%S}", "people:", "  somebody:"]
    lines += [f"    {line}" for line in writer.person(borrowed.facts, reads)] or ["    {}"]
    lines += ["tests:", "  - name: somebody as they were that day", "    person: somebody", "    expect:"]
    for name, (answer, because) in borrowed.answers.items():
        also = f", because: {because}" if because else ""
        lines.append(f"      - {{rule: {name}, is: {_WORD[answer]}{also}}}")
    return "\n".join(lines) + "\n"


def _concerned(found: RuleSet, entries: Sequence[AnyEntry]) -> list[AnyEntry]:
    """These, and whatever they build on."""
    names, waiting = set[str](), [it.name for it in entries]
    by_name = {it.name: it for it in found.entries}
    while waiting:
        name = waiting.pop()
        if name not in names:
            names.add(name)
            waiting += by_name[name].depends
    return [it for it in found.entries if it.name in names]


def _named(entries: Sequence[AnyEntry]) -> Mapping[tuple[str, str], frozenset[str]]:
    """(scope, fact) → the texts that rules ask for."""
    made: dict[tuple[str, str], set[str]] = {}
    for entry in entries:
        for tree in entry.trees:
            for leaf in leaves(tree):
                made.setdefault((leaf.fact.scope, leaf.fact.name), set()).update(_texts(leaf))
    return {key: frozenset(words) for key, words in made.items()}


def _texts(leaf: Leaf) -> Iterator[str]:
    waiting = [leaf.value]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            yield fold(value)
        elif isinstance(value, Collection):
            waiting += value


@dataclass(slots=True)
class _Writer:
    found: RuleSet
    named: Mapping[tuple[str, str], frozenset[str]]
    exact: bool
    _masks: dict[tuple[str, str], str] = field(default_factory=dict)

    def person(self, facts: Mapping[str, Any], reads: Collection[str]) -> list[str]:
        lines = []
        for name, fact in of("person").items():
            if name in reads:
                said = self._value(fact, facts.get(name))
                if said not in (UNKNOWN, "[]") or name in _OPEN:
                    lines.append(f"{name}: {said}")
        for scope, listed in LISTS.items():
            wanted = [fact for fact in of(scope).values() if f"{scope}.{fact.name}" in reads]
            rows = facts.get(listed, ()) if wanted else ()
            if rows:
                lines.append(f"{listed}:")
            for row in rows:
                values = {it.name: self._value(it, row.get(it.name)) for it in wanted}
                known = [f"{name}: {value}" for name, value in values.items() if value != UNKNOWN]
                lines.append(f"  - {{{', '.join(known)}}}")
        return lines

    def _value(self, fact: Fact, value: Any) -> str:
        if value is None:
            return UNKNOWN
        if fact.type == "words":
            return f"[{', '.join(dict.fromkeys(self._word(fact, word) for word in sorted(value) if self._tells(fact, word)))}]"
        if fact.type == "time":
            return self._date(unstamp(value))
        if fact.type == "yesno":
            return "yes" if value else "no"
        return f"{value:g}" if fact.type in ("number", "whole") else self._word(fact, str(value))

    def _tells(self, fact: Fact, word: str) -> bool:
        """Of tags and the like only those that rules ask for; what our rules keep, they keep in the test as well."""
        if fact.name not in ("tags", "pools", "sources", "accounts"):
            return True
        kept = {fold(it) for rule in self.found.standing if rule.keep for it in (*rule.keep.tags, *rule.keep.pools)}
        return word in self.named.get((fact.scope, fact.name), ()) and word not in kept

    def _word(self, fact: Fact, text: str) -> str:
        asked = self.named.get((fact.scope, fact.name), frozenset())
        listed = fact.kind in _LISTS and self.found.vocabulary.knows(fact.kind, text)
        if text in asked or listed or text in fact.values or fact.name == "time_zone":
            return _quoted(text)
        if pieces := sorted(word for word in asked if word in text):
            return _quoted(" ".join(pieces))
        if fact.kind == "stages":
            return UNKNOWN
        return self._masks.setdefault((fact.name, text), f"{fact.name}-{len(self._masks) + 1}".replace(".", "-"))

    def _date(self, moment: datetime) -> str:
        local = moment.astimezone(self.found.vocabulary.zone)
        if not self.exact or local.time() == time.min:
            return f"{local:%Y-%m-%d}"
        return f"{local:%Y-%m-%d %H:%M:%S}"


#: Facts whose being unknown has to be said, because a test that is silent about them means something.
_OPEN = frozenset({"employment", "unsubscribed", "private"})


def _quoted(text: str) -> str:
    return text if _PLAIN.fullmatch(text) and text not in _LOADED else json.dumps(text)


__all__ = ["Borrowed", "borrow", "written"]
