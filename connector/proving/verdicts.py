"""Expected against found; and for what differs the deciding line and what was seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connector.facts import fold
from connector.proving.cases import Ask, Case, Deed, Letter
from connector.proving.stage import Stage
from connector.rules import Answer, Line, RuleSet, Why

_WORD = {True: "yes", False: "no", None: "unknown"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One expectation that did not come true."""

    file: str
    line: int
    column: int
    test: str
    person: str
    at: datetime
    expected: str
    got: str
    #: The deciding lines, and what was seen.
    because: tuple[str, ...] = ()

    def __str__(self) -> str:
        lines = [f"{self.file}:{self.line}:{self.column}  {self.test}: {self.person} at {self.at:%Y-%m-%d %H:%M}"]
        lines += [f"    expected  {self.expected}", f"    got       {self.got}"]
        return "\n".join([*lines, *(f"    because   {line}" for line in self.because)])


def look(stage: Stage, found: RuleSet, case: Case, ask: Ask) -> Failure | None:
    """What is there, where it is not what was expected."""
    wrong = _LOOKS[ask.kind](stage, found, ask)
    if wrong is None:
        return None
    expected, got, because = wrong
    return Failure(
        file=ask.place.file,
        line=ask.place.line,
        column=ask.place.column,
        test=case.name,
        person=case.person,
        at=ask.at.astimezone(found.vocabulary.zone),
        expected=expected,
        got=got,
        because=tuple(because),
    )


_Wrong = tuple[str, str, Sequence[str]] | None


def _rule(stage: Stage, found: RuleSet, ask: Ask) -> _Wrong:
    entry = next(it for it in found.entries if it.name == ask.rule)
    why = stage.why(entry, ask.role)
    expected = f"{ask.rule} {_WORD[ask.answer]}"
    if why.answer is not ask.answer:
        return expected, f"{ask.rule} {_WORD[why.answer]}", [_deciding(why)]
    if ask.because and ask.because not in (facts := causes(why.root, why.answer)):
        told = ", ".join(sorted(facts)) or "nothing"
        return (
            f"{expected} because of {ask.because}",
            f"{ask.rule} {_WORD[why.answer]} because of {told}",
            [_deciding(why)],
        )
    return None


def _deciding(why: Why) -> str:
    return f"{why.name}: {why.deciding} ({why.line.at})"


def causes(line: Line, answer: Answer) -> set[str]:
    """The facts without which the answer might be another."""
    if not line.parts:
        return {line.fact} if line.fact else set()
    below = (None if answer is None else not answer) if line.how in ("not", "none") else answer
    deciding = [part for part in line.parts if part.answer is below] or line.parts
    return {fact for part in deciding for fact in causes(part, part.answer)}


def _kept(stage: Stage, found: RuleSet, ask: Ask) -> _Wrong:
    got = stage.kept(ask.kind)
    if {fold(it) for it in got} == {fold(it) for it in ask.wanted}:
        return None
    differ = {fold(it) for it in got} ^ {fold(it) for it in ask.wanted}
    because: list[str] = []
    for rule in found.rules:
        if rule.keep and {fold(it) for it in getattr(rule.keep, ask.kind)} & differ:
            off = f"; it is in mode {rule.mode}, so it keeps nothing" if rule.mode != "live" else ""
            waits = f"; {waiting}" if (waiting := stage.waiting(rule.name)) else ""
            because.append(_deciding(stage.why(rule)) + off + waits)
    return _listed(ask.kind, ask.wanted), _listed(ask.kind, got), because


def _listed(kind: str, names: Sequence[object]) -> str:
    return f"{kind.replace('_', ' ')} {', '.join(map(str, names)) or 'none'}"


def _enrolled(stage: Stage, found: RuleSet, ask: Ask) -> _Wrong:
    states = stage.enrolled()
    got = sorted(name for name, state in states.items() if state == "active" or state.startswith("active,"))
    if got == sorted(ask.wanted):
        return None
    return _listed("enrolled", ask.wanted), _listed("enrolled", got), [*_cadences(stage, found, {*got} ^ {*ask.wanted})]


def _cadences(stage: Stage, found: RuleSet, names: set[str]) -> Iterator[str]:
    states = stage.enrolled()
    for cadence in found.cadences:
        if cadence.name in names:
            yield f"{_deciding(stage.why(cadence))}; {states.get(cadence.name, 'never joined')}"


def _messages(stage: Stage, found: RuleSet, ask: Ask) -> _Wrong:
    got = stage.sent()
    if len(got) == len(ask.wanted) and all(map(_is, ask.wanted, got)):
        return None
    return _listed("messages", ask.wanted), _listed("messages", got), [*_letters(stage, found, ask.wanted)]


def _next(stage: Stage, found: RuleSet, ask: Ask) -> _Wrong:
    got = stage.next_letter()
    if (got is None) == (ask.wanted is None) and (got is None or _is(ask.wanted, got)):
        return None
    wanted = [ask.wanted] if ask.wanted else []
    return (
        _listed("next_message", wanted),
        _listed("next_message", [got] if got else []),
        [*_letters(stage, found, wanted)],
    )


def _is(wanted: Letter, got: Letter) -> bool:
    return wanted.template == got.template and wanted.on in (None, got.on)


def _letters(stage: Stage, found: RuleSet, wanted: Sequence[Letter]) -> Iterator[str]:
    zone = found.vocabulary.zone
    for it in stage.letters():
        if it.state in ("missed", "failed"):
            yield f"{it.template or it.cadence}, due {it.due_at.astimezone(zone):%Y-%m-%d %H:%M}, {it.state}: {it.why}"
    templates = {it.template for it in wanted}
    concerned = {it.name for it in found.cadences if templates & {piece.template for piece in it.send.rotate}}
    yield from _cadences(stage, found, concerned or set(stage.enrolled()))


def _done(stage: Stage, found: RuleSet, ask: Ask) -> _Wrong:
    got = stage.deeds()
    if len(got) == len(ask.wanted) and all(map(_did, ask.wanted, got)):
        return None
    names = {it.rule for it in (*got, *ask.wanted)}
    because = [_deciding(stage.why(rule)) for rule in found.rules if rule.name in names]
    return _listed("done", ask.wanted), _listed("done", got), because


def _did(wanted: Deed, got: Deed) -> bool:
    pairs = ((wanted.notify, got.notify), (wanted.event, got.event), (wanted.note, got.note))
    return wanted.rule == got.rule and all(asked is None or asked == was for asked, was in pairs)


_LOOKS: Mapping[str, Callable[[Stage, RuleSet, Ask], Any]] = {
    "rule": _rule,
    "tags": _kept,
    "pools": _kept,
    "enrolled": _enrolled,
    "messages": _messages,
    "next_message": _next,
    "done": _done,
}

__all__ = ["Failure", "causes", "look"]
