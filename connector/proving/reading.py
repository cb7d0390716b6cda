"""`*.test.yaml` → cases. Everything that is named must exist; all complaints at once, each at its place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from connector.clock import at_wall, stamp
from connector.document import Document, Node, meant, parse, shown
from connector.facts import LISTS, TABLES, fold
from connector.occasions import DATED
from connector.proving.cases import Ask, Case, Deed, Happening, Letter, Told
from connector.proving.fixtures import Facts
from connector.rules import Place, RuleSet
from connector.written import as_date, as_span

ASKS = ("rule", "tags", "pools", "enrolled", "messages", "next_message", "done")
_ANSWERS = {"yes": True, "no": False, "unknown": None}


def read(found: RuleSet, text: str, file: str) -> tuple[list[Case], Document]:
    """The cases of one file; look at the document's problems first."""
    document = parse(text, file)
    cases = [] if document.root is None else _Reader(found, document).cases(document.root)
    return cases, document


@dataclass(slots=True)
class _Reader:
    found: RuleSet
    document: Document
    _facts: Facts = field(init=False)
    _clock: datetime = field(init=False)
    _people: dict[str, Told] = field(default_factory=dict, init=False)
    _used: set[str] = field(default_factory=set, init=False)

    def cases(self, root: Node) -> list[Case]:
        top = root.fields(("version", "clock", "people", "tests"))
        if (version := top.get("version")) and version.text() not in ("1", None):
            version.wrong("only version 1 is known here")
        clock = top["clock"].instant(self.found.vocabulary.zone) if "clock" in top else None
        if clock is None or "people" not in top or "tests" not in top:
            return []
        self._clock, self._facts = clock, Facts(self.found, clock)
        people = top["people"].entries()
        for name in people:
            self._person(name, people, ())
        cases = [case for node in top["tests"].items() if (case := self._case(node)) is not None]
        seen: dict[str, Place] = {}
        for case in cases:
            if (first := seen.setdefault(case.name, case.place)) is not case.place:
                self.document.note(
                    case.place.line, case.place.column, f"`{shown(case.name)}` is a test already (line {first.line})"
                )
        for name, node in people.items():
            if name not in self._used:
                node.wrong_key(f"`{shown(name)}` is in no test; take them out, or write the test")
        return cases

    # people

    def _person(self, name: str, people: Mapping[str, Node], behind: tuple[str, ...]) -> Told:
        if name in self._people:
            return self._people[name]
        node = people[name]
        lines = dict(node.entries())
        source = lines.pop("from", None)
        inherited = Told() if source is None else self._inherited(source, people, (*behind, name))
        self._people[name] = self._facts.person(lines).over(inherited)
        return self._people[name]

    def _inherited(self, source: Node, people: Mapping[str, Node], behind: tuple[str, ...]) -> Told:
        other = source.text() or ""
        if other not in people:
            source.wrong(f"there is nobody called `{shown(other)}` in this file{meant(other, people)}")
        elif other in behind:
            source.wrong(f"`{other}` is made from themselves: {' from '.join((*behind, other))}")
        else:
            self._used.add(other)
            return self._person(other, people, behind)
        return Told()

    # tests

    def _case(self, node: Node) -> Case | None:
        lines = node.fields(("name", "person", "expect"), ("happens",))
        name = lines["name"].text() if "name" in lines else None
        who = lines["person"].text() if "person" in lines else None
        if who is not None and who not in self._people:
            lines["person"].wrong(f"there is nobody called `{shown(who)}` in this file{meant(who, self._people)}")
        self._used.add(who or "")
        happenings = [self._happening(it) for it in lines["happens"].items()] if "happens" in lines else []
        asks = [ask for it in lines["expect"].items() for ask in self._asks(it)] if "expect" in lines else []
        last = max((ask.at for ask in asks), default=None)
        for it, happening in zip(lines["happens"].items() if happenings else (), happenings, strict=True):
            if happening is not None and last is not None and happening.at > last:
                it.wrong("nothing is expected after this, so it proves nothing; expect something later")
        if name is None or who not in self._people or not asks:
            return None
        return Case(
            name=name,
            place=Place(node.file, node.line, node.column),
            person=who,
            clock=self._clock,
            told=self._people[who],
            happenings=tuple(sorted((it for it in happenings if it), key=lambda it: it.at)),
            asks=tuple(sorted(asks, key=lambda it: it.at)),
        )

    def _at(self, node: Node) -> datetime | None:
        """A moment, `in 3 days`, or a date: that day at the clock's time of day."""
        zone, text = self.found.vocabulary.zone, node.text() or ""
        day = as_date(text)
        span = as_span(text.removeprefix("in ")) if text.startswith("in ") else None
        if day is not None:
            at: datetime | None = at_wall(datetime.combine(day, self._clock.astimezone(zone).time()), zone)
        else:
            at = span.after(self._clock, zone) if span else node.instant(zone) if text else None
        if at is not None and at < self._clock:
            node.wrong(f"this is before the clock of this file ({self._clock.astimezone(zone):%Y-%m-%d %H:%M})")
            return None
        return at

    def _happening(self, node: Node) -> Happening | None:
        """`event:` with its application or interview, or any facts as they are from then on."""
        lines = dict(node.entries())
        when, event = lines.pop("at", None), lines.pop("event", None)
        if when is None:
            node.wrong("`at` is missing here")
            return None
        at = self._at(when)
        if event is None:
            news = self._facts.person(lines)
            if not lines:
                node.wrong("nothing happens here; write facts, or `event:` with what it brings")
            return Happening(at=at, news=news) if at else None
        name = event.one_of(DATED)
        if name is None:
            return None
        listed, dated = DATED[name]
        scope = next(scope for scope, known in LISTS.items() if known == listed)
        thing = node.fields((scope,), ("at", "event")).get(scope)
        row = None if thing is None else self._facts.row(scope, thing)
        if row is None or thing is None or at is None:
            return None
        row.setdefault(dated, stamp(at))
        if name == "hired":
            row.setdefault("status", "hired")
        if name == "application_decided" and row.get("status") not in ("rejected", "withdrawn", "hired"):
            thing.wrong("say how it was decided: `status: rejected`, `withdrawn` or `hired`")
        return Happening(at=at, news=Told(rows={listed: [row]}))

    # expectations

    def _asks(self, node: Node) -> list[Ask]:
        lines = node.fields((), ("at", "is", "because", "role", *ASKS))
        at = self._at(lines["at"]) if "at" in lines else self._clock
        if node.is_map and not set(ASKS) & lines.keys():
            node.wrong("nothing is expected here; write `rule:` with `is:`, `tags:`, `pools:` or another")
        for also in ("is", "because", "role"):
            if also in lines and "rule" not in lines:
                lines[also].wrong_key(f"`{also}` goes with `rule:`")
        found: list[Ask] = []
        when = at or self._clock  # what stands beside a bad time is read all the same
        for kind in ASKS:
            if kind in lines:
                line = lines[kind]
                place = Place(node.file, line.key_line, line.key_column)
                if kind == "rule":
                    found += self._about_a_rule(lines, when, place)
                else:
                    wanted = _READERS[kind](self, kind, line)
                    found.append(Ask(kind=kind, at=when, place=place, wanted=wanted))  # type: ignore[arg-type]
        return found if at else []

    def _about_a_rule(self, lines: Mapping[str, Node], at: datetime, place: Place) -> list[Ask]:
        name = lines["rule"].text() or ""
        entry = {it.name: it for it in self.found.entries}.get(name)
        if entry is None:
            lines["rule"].wrong(self._nobody("rule", name, [it.name for it in self.found.entries]))
        if "is" not in lines:
            lines["rule"].wrong("`is` is missing here: `yes`, `no` or `unknown`")
        said = lines["is"].one_of(_ANSWERS) if "is" in lines else None
        because = (lines["because"].text() or "") if "because" in lines else ""
        if because and entry is not None:
            read = {it.rpartition(".")[2] if it.partition(".")[0] in TABLES else it for it in entry.reads}
            read |= {it.partition(".")[0] for it in entry.reads if it.partition(".")[0] in LISTS}
            if because not in read:
                hint = meant(because, read) or f"; it reads {', '.join(f'`{it}`' for it in sorted(read))}"
                lines["because"].wrong(f"the rule `{name}` does not read `{shown(because)}`{hint}")
        role = self._facts.role(lines["role"]) if "role" in lines else None
        if entry is None or said is None:
            return []
        return [Ask(kind="rule", at=at, place=place, wanted=_ANSWERS[said], rule=name, because=because, role=role)]

    def _nobody(self, what: str, name: str, known: Iterable[str]) -> str:
        return f"there is no {what} `{shown(name)}`{meant(name, known)}"

    def _names(self, kind: str, node: Node) -> tuple[str, ...]:
        """Tags or pools that some rule keeps, or cadences."""
        if kind == "enrolled":
            known = {it.name: it.name for it in self.found.cadences}
        else:
            keeps = [rule.keep for rule in self.found.rules if rule.keep]
            known = {fold(word): word for keep in keeps for word in getattr(keep, kind)}
        names = [] if node.value == [] else [(it, text) for it in node.items() if (text := it.text())]
        for it, text in names:
            if fold(text) not in known:
                what = "cadence" if kind == "enrolled" else f"rule that keeps the {kind[:-1]}"
                it.wrong(self._nobody(what, text, known.values()))
        return tuple(sorted({known.get(fold(text), text) for _, text in names}))

    def _letters(self, kind: str, node: Node) -> tuple[Letter, ...]:
        items = [] if node.value == [] else node.items()
        return tuple(letter for it in items if (letter := self._letter(it)) is not None)

    def _letter(self, node: Node) -> Letter | None:
        lines = node.fields(("template",), ("on",)) if node.is_map else {"template": node}
        name = lines["template"].text() if "template" in lines else None
        rotated = {piece.template for cadence in self.found.cadences for piece in cadence.send.rotate}
        if name is not None and name not in rotated:
            lines["template"].wrong(self._nobody("cadence that sends", name, rotated))
        on = lines["on"].date() if "on" in lines else None
        return None if name is None else Letter(name, on)

    def _next(self, kind: str, node: Node) -> Letter | None:
        """`none`, or a letter."""
        return None if node.value == "none" else self._letter(node)

    def _deeds(self, kind: str, node: Node) -> tuple[Deed, ...]:
        known = [it.name for it in self.found.rules if it.kind == "do"]
        made = []
        for it in [] if node.value == [] else node.items():
            lines = it.fields(("rule",), ("notify", "event", "note")) if it.is_map else {"rule": it}
            name = lines["rule"].text() if "rule" in lines else None
            if name is not None and name not in known:
                lines["rule"].wrong(self._nobody("`do:` rule", name, known))
            said = {part: lines[part].text() for part in ("notify", "event") if part in lines}
            note = lines["note"].yes() if "note" in lines else None
            made.append(Deed(rule=name or "", note=note, **said))
        return tuple(made)


_READERS: Mapping[str, Any] = {
    "tags": _Reader._names,
    "pools": _Reader._names,
    "enrolled": _Reader._names,
    "messages": _Reader._letters,
    "next_message": _Reader._next,
    "done": _Reader._deeds,
}


def named(found: RuleSet, asks: Sequence[Ask]) -> dict[str, set[str]]:
    """Rule → what was asked about it: the answers expected, and `kept`, `done`, `sent`."""
    seen: dict[str, set[str]] = {}
    words = {answer: word for word, answer in _ANSWERS.items()}
    for ask in asks:
        for name, what in _concerned(found, ask):
            seen.setdefault(name, set()).add(words[ask.answer] if ask.kind == "rule" else what)
    return seen


def _concerned(found: RuleSet, ask: Ask) -> Iterable[tuple[str, str]]:
    match ask.kind:
        case "rule":
            yield ask.rule, ""
        case "tags" | "pools":
            for rule in found.rules:
                if rule.keep and {fold(it) for it in getattr(rule.keep, ask.kind)} & {fold(it) for it in ask.wanted}:
                    yield rule.name, "kept"
        case "done":
            yield from ((deed.rule, "done") for deed in ask.wanted)
        case "enrolled":
            yield from ((name, "enrolled") for name in ask.wanted)
        case "messages" | "next_message":
            letters = ask.wanted if ask.kind == "messages" else [ask.wanted] if ask.wanted else []
            for cadence in found.cadences:
                if {piece.template for piece in cadence.send.rotate} & {it.template for it in letters}:
                    yield cadence.name, "sent"


__all__ = ["named", "read"]
