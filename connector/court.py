"""The rule set at work on one person: raw answers, then what they amount to once `settle` and `linger` are heard.

A rule that reads a tag another rule keeps sees that rule's *effective* answer, so rules are heard in the set's order.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any

from connector.accounts import Accounts
from connector.rules import Context, Entry, Rule, RuleSet, compile_rule, compile_tree
from connector.settings import Settings
from connector.store.ledger import Activation, Standing

Facts = Mapping[str, Any]
Judge = Callable[[Facts, Context], bool | None]


class Effect(Enum):
    """What a rule asks for a person, now."""

    #: On: add it where it is missing.
    WANT = "want"
    #: As it is: neither added nor removed (unknown, lingering, not settled yet).
    HOLD = "hold"
    #: Off: let go of it.
    NO = "no"


@dataclass(frozen=True, slots=True)
class Heard:
    """A rule's say about one person, and the standing it leaves behind. `stand` None: nothing to remember."""

    answer: bool | None
    effect: Effect
    stand: Standing | None

    @property
    def effective(self) -> bool | None:
        """What other rules see of it."""
        if self.effect is Effect.WANT:
            return True
        lingers = self.effect is Effect.HOLD and self.answer is False
        return True if lingers else None if self.answer is None else False


#: A no that leaves nothing to remember: the same for everybody.
_NO = Heard(False, Effect.NO, None)


def hear(rule: Rule, answer: bool | None, before: Standing | None, *, now: datetime, zone: Any) -> Heard:
    """Pure. `before` is what stood until now."""
    if answer is None:
        since = before.since if before and before.answer is None else now
        was = rule.linger is not None and before is not None and (before.answer is not None or before.was)
        return Heard(None, Effect.HOLD, Standing(None, since, was))
    if answer:
        stand = before if before and before.answer else Standing(True, now)
        settled = rule.settle is None or rule.settle.after(stand.since, zone) <= now
        return Heard(True, Effect.WANT if settled else Effect.HOLD, stand)
    if rule.linger is None or before is None or (before.answer is None and not before.was):
        return _NO
    since = before.since if before.answer is False else now
    if rule.linger.after(since, zone) > now:
        return Heard(False, Effect.HOLD, Standing(False, since))
    return Heard(False, Effect.NO, None)


@dataclass(frozen=True, slots=True)
class Court:
    """One rule set, compiled once. A run finishes on the court it began with."""

    rules: RuleSet
    _judges: dict[str, Judge] = field(default_factory=dict)
    _stops: dict[str, Judge] = field(default_factory=dict)
    _pieces: dict[tuple[str, int], Judge] = field(default_factory=dict)
    _moment: dict[datetime, Context] = field(default_factory=dict)
    _first: dict[datetime, dict[bool | None, Heard]] = field(default_factory=dict)
    #: The standing rules in order, with their judges.
    _hearing: list[tuple[str, Judge, Rule]] = field(default_factory=list)

    def __post_init__(self) -> None:
        for entry in self.rules.entries:
            self._judges[entry.name] = compile_rule(entry)
        self._hearing.extend((rule.name, self._judges[rule.name], rule) for rule in self.rules.standing)
        for cadence in self.rules.cadences:
            if cadence.stop_when is not None:
                self._stops[cadence.name] = compile_tree(cadence.stop_when)
            for number, piece in enumerate(cadence.send.rotate):
                if piece.only_if is not None:
                    self._pieces[cadence.name, number] = compile_tree(piece.only_if)

    @property
    def zone(self) -> Any:
        return self.rules.vocabulary.zone

    def context(self, now: datetime, *, role: Facts | None = None, answers: Mapping[str, bool | None] = {}) -> Context:
        if role is not None:
            return Context(now=now, zone=self.zone, role=role, answers=answers)
        base = self._moment.get(now)
        if base is None:
            # the limits that a moment implies are worked out once for everyone judged at it
            self._moment.clear()
            base = self._moment[now] = Context(now=now, zone=self.zone)
        return base.knowing(answers)

    def hear_all(self, facts: Facts, standing: Mapping[str, Standing], *, now: datetime) -> dict[str, Heard]:
        """Every standing rule's say about one person, in order."""
        heard: dict[str, Heard] = {}
        answers: dict[str, bool | None] = {}
        context, zone, first = self.context(now, answers=answers), self.zone, self._first_heard(now)
        for name, judge, rule in self._hearing:
            answer, before = judge(facts, context), standing.get(name)
            if before is None and (not answer or rule.settle is None):
                said = first[answer]
            else:
                said = hear(rule, answer, before, now=now, zone=zone)
            heard[name] = said
            if said is not _NO and (effective := said.effective) is not False:
                answers[name] = effective
        return heard

    def _first_heard(self, now: datetime) -> dict[bool | None, Heard]:
        """What is heard of someone for whom nothing stood, by the answer: one for everyone judged at a moment."""
        first = self._first.get(now)
        if first is None:
            self._first.clear()
            first = self._first[now] = {
                False: _NO,
                True: Heard(True, Effect.WANT, Standing(True, now)),
                None: Heard(None, Effect.HOLD, Standing(None, now)),
            }
        return first

    def answers(self, facts: Facts, standing: Mapping[str, Standing], *, now: datetime) -> dict[str, bool | None]:
        """What tests on kept tags and pools read: rule → effective answer; absent is no."""
        heard = self.hear_all(facts, standing, now=now)
        return {name: said.effective for name, said in heard.items() if said.effective is not False}

    def judge(self, entry: Entry, facts: Facts, context: Context) -> bool | None:
        return self._judges[entry.name](facts, context)

    def stops(self, cadence: str, facts: Facts, context: Context) -> bool | None:
        """Does `stop_when` hold; False where there is none."""
        stop = self._stops.get(cadence)
        return stop(facts, context) if stop else False

    def fits(self, cadence: str, piece: int, facts: Facts, context: Context) -> bool:
        """May this piece of a rotation go to this person. Unknown is no."""
        only_if = self._pieces.get((cadence, piece))
        return only_if is None or only_if(facts, context) is True

    def acts(self, entry: Entry, activations: Mapping[str, Activation], person: int) -> bool:
        """Does this entry, in this version, act for this person; else it is in shadow."""
        active = activations.get(entry.name)
        if entry.mode != "live" or active is None or active.hash != entry.hash:
            return False
        return entry.canary is None or share(person, entry.name, "canary") < entry.canary


@dataclass(frozen=True, slots=True)
class Bench:
    """What a decision needs beside the store. One per run; a reload makes a new one."""

    court: Court
    accounts: Accounts
    settings: Settings

    @property
    def rules(self) -> Sequence[Rule]:
        return self.court.rules.rules


def share(person: int, name: str, salt: str) -> float:
    """A number in [0, 1) that is the same for ever for a person and a name, and independent between names and salts."""
    digest = hashlib.sha256(f"{salt}\n{name}\n{person}".encode()).digest()
    return int.from_bytes(digest[:8]) / 2**64
