"""Who would come to match a rule if words were mapped: the real image through the changed words, judged by the real rules."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias

from connector import people
from connector.applications import Holdings
from connector.facts import FACTS, LISTS, TABLES, fold, of
from connector.image import image
from connector.model import Job, Label, Reason, Scorecard, Stage
from connector.quality.values import HIDDEN, Value
from connector.quality.wording import Kind, Mapped, changed, targets
from connector.rules import ANSWERS, Context, Gaps, Rule, RuleSet, compile_gaps, fill, judge_all
from connector.settings import Words
from connector.store import Tx
from connector.store.mirror import Image

#: Facts that words decide, as rules name what they read.
DECIDED = frozenset(
    it.name if it.scope == "person" else f"{it.scope}.{it.name}"
    for it in FACTS
    if it.kind or it.name == "scorecard_average"
)
KINDS = frozenset(it.kind for it in FACTS if it.kind)
BATCH = 500
#: A word nobody could guess is tried with every meaning on so many people, and with the best one on all.
TRIED = 60
#: So many words of a kind without a guess are tried, those that concern most people first.
MOST = 15
#: A person, all that is held about them, and what a judge reads of them now.
Touched: TypeAlias = tuple[int, Holdings, dict[str, Any]]
#: Scorecards are fetched only once an application is known to have come far enough, so their lack says little before.
SCORE = frozenset({"application.scorecard_average", "application.scorecards"})
_CONSENT = ("consent.email", "consent.expires")


@dataclass(frozen=True, slots=True)
class Unknown:
    """People of whom a rule cannot tell, and what is missing (all of it)."""

    missing: Gaps
    people: int


@dataclass(slots=True)
class Gain:
    """What one word does, by itself or as part of all that is proposed."""

    #: Rule → people who come to match it thanks to this word: by it alone, or not without it.
    rules: Counter[str] = field(default_factory=Counter)
    people: int = 0
    #: Of these, whoever needs nothing else.
    alone: int = 0
    #: People of whom then only a score is missing.
    waiting: int = 0


@dataclass(slots=True)
class Outlook:
    """What each rule says now, and would say."""

    matching: dict[str, int] = field(default_factory=dict)
    unknown: dict[str, list[Unknown]] = field(default_factory=dict)
    gains: dict[Mapped, Gain] = field(default_factory=lambda: defaultdict(Gain))
    #: With everything that is proposed at once, rule → people who would come to match; of whom only a score would be missing.
    together: Counter[str] = field(default_factory=Counter)
    waiting: Counter[str] = field(default_factory=Counter)
    #: The same, of any rule.
    anyone: int = 0
    anyone_waiting: int = 0


@dataclass(frozen=True, slots=True)
class Turn:
    """The rules that would come to say yes to a person, and those that would come to lack nothing but a score."""

    yes: frozenset[str] = frozenset()
    waiting: frozenset[str] = frozenset()


class Gains:
    """`rules`: the names of those that are asked about; others are judged too, since rules read what others keep."""

    def __init__(self, tx: Tx, found: RuleSet, words: Words, rules: Sequence[Rule], *, now: datetime) -> None:
        self._tx, self._set, self._words, self._rules = tx, found, words, rules
        self._judge = judge_all(found)
        self._gaps = {it.name: compile_gaps(it.condition) for it in rules}
        self._context = Context(now=now, zone=found.vocabulary.zone)
        said = self._asked()
        self._yes = {it.name: {person for person, answer in said[it.name] if answer} for it in rules}
        self._unknown = {it.name: [person for person, answer in said[it.name] if answer is None] for it in rules}

    def _asked(self) -> dict[str, list[tuple[int, bool | None]]]:
        """rule → people for whom it is no plain *no*, and what it says to them."""
        self._tx.rows("drop table if exists temp.answers")
        self._tx.rows(ANSWERS)
        for rule in self._set.standing:
            query = fill(rule, self._context)
            self._tx.rows(query.text, query.params)
        rows = "select person, answer from temp.answers where rule = ? order by person"
        return {
            rule.name: [(row["person"], True if row["answer"] else None) for row in self._tx.rows(rows, (rule.name,))]
            for rule in self._set.standing
        }

    def outlook(self, values: Sequence[Value]) -> Outlook:
        found = Outlook(matching={name: len(people) for name, people in self._yes.items()})
        found.unknown = {rule.name: self._missing(rule) for rule in self._rules}
        candidates = self._candidates()
        proposed = [it.proposal for it in values if it.proposal is not None]
        self._try(found, candidates, proposed)
        self._guessless(found, candidates, values)
        return found

    def _missing(self, rule: Rule) -> list[Unknown]:
        if len(rule.reads) == 1 and not rule.depends and self._unknown[rule.name]:
            return [Unknown(rule.reads, len(self._unknown[rule.name]))]
        gaps, counts = self._gaps[rule.name], Counter[Gaps]()
        for facts in self._known(self._unknown[rule.name]):
            answers = self._judge(facts, self._context)
            counts[gaps(facts, self._context.knowing(answers))] += 1
        ranked = sorted(counts.items(), key=lambda it: (-it[1], sorted(it[0])))
        return [Unknown(missing, count) for missing, count in ranked]

    def _known(self, ids: Sequence[int]) -> Iterator[dict[str, Any]]:
        for start in range(0, len(ids), BATCH):
            yield from self._tx.mirror.facts_of(ids[start : start + BATCH]).values()

    def _candidates(self) -> list[int]:
        """Whoever is no certain *no* to some rule when nothing is known that words decide, and does not match it yet."""
        with self._tx.survey.forgetting(KINDS):
            said = self._asked()
        decided: set[str] = set()
        for rule in self._set.standing:
            if rule.reads & DECIDED or rule.depends & decided:
                decided.add(rule.name)
        asked = [it.name for it in self._rules if it.name in decided]
        return sorted({person for name in asked for person, _ in said[name] if person not in self._yes[name]})

    def _try(self, found: Outlook, candidates: Sequence[int], proposed: Sequence[Mapped]) -> None:
        """Everyone with everything that is proposed; then those who gain by it, with each word alone and all but it.

        Mapping a word can only tell more of a person: whom all of it does not help, none of it does alone."""
        by_text = {_key(it): it for it in proposed}
        everything = changed(self._words, proposed)
        single = {it: changed(self._words, [it]) for it in proposed}
        without = {it: changed(self._words, [other for other in proposed if other != it]) for it in proposed}
        for touched in self._held(candidates, by_text.keys()):
            all_of_it = self._turn(touched, everything)
            if not (all_of_it.yes or all_of_it.waiting):
                continue
            found.together.update(all_of_it.yes)
            found.waiting.update(all_of_it.waiting)
            found.anyone += bool(all_of_it.yes)
            found.anyone_waiting += bool(all_of_it.waiting and not all_of_it.yes)
            for it in {by_text[key] for key in _texts(touched[1]) if key in by_text}:
                alone, less = self._turn(touched, single[it]), self._turn(touched, without[it])
                yes = (all_of_it.yes & alone.yes) | (all_of_it.yes - less.yes)
                waiting = (all_of_it.waiting & alone.waiting) | (all_of_it.waiting - less.waiting)
                _count(found.gains[it], Turn(yes, waiting), alone=bool(alone.yes))

    def _guessless(self, found: Outlook, candidates: Sequence[int], values: Sequence[Value]) -> None:
        """Words without a guess: the meaning that would help most, on top of nothing else."""
        left: dict[tuple[Kind, str], Value] = {}
        for kind in (Kind.STAGE, Kind.REASON, Kind.FUNCTION, Kind.PLACE, Kind.TOWN):
            some = [it for it in values if it.kind is kind and it.guess is None and it.text != HIDDEN]
            left |= {_key(Mapped(kind, it.text, "")): it for it in sorted(some, key=lambda it: -it.people)[:MOST]}
        tried: dict[tuple[Kind, str], list[Touched]] = defaultdict(list)
        for it in self._held(candidates, left.keys()):
            for key in _texts(it[1]) & left.keys():
                tried[key].append(it)
        for key, touched in tried.items():
            kind, text = left[key].kind, left[key].text
            options = [Mapped(kind, text, target) for target in left[key].choices or targets(kind, self._words)]
            scores = [(self._gain(touched[:TRIED], it), -number) for number, it in enumerate(options)]
            best = max(scores, key=lambda it: (it[0].people, it[0].waiting, it[1]), default=None)
            if best is not None and (best[0].people or best[0].waiting):
                found.gains[options[-best[1]]] = self._gain(touched, options[-best[1]])

    def _gain(self, touched: Iterable[Touched], it: Mapped) -> Gain:
        words, gain = changed(self._words, [it]), Gain()
        for one in touched:
            _count(gain, self._turn(one, words), alone=True)
        return gain

    def _held(self, candidates: Sequence[int], texts: Iterable[tuple[Kind, str]]) -> Iterator[Touched]:
        """Those of the candidates in whose records one of these words stands."""
        wanted = frozenset(texts)
        for start in range(0, len(candidates) if wanted else 0, BATCH):
            some = candidates[start : start + BATCH]
            held = {
                person: it
                for person, it in people.holdings(self._tx, some).items()
                if it is not None and not wanted.isdisjoint(_texts(it))
            }
            facts = self._tx.mirror.facts_of(list(held))
            yield from ((person, it, facts[person]) for person, it in held.items())

    def _turn(self, touched: Touched, words: Words) -> Turn:
        person, held, facts = touched
        after = self._said(through(facts, image(person, held, words)))
        open_to = [it.name for it in self._rules if person not in self._yes[it.name]]
        waiting = [name for name in open_to if _only_score(after[name])]
        before = self._said(facts) if waiting else {}
        return Turn(
            frozenset(name for name in open_to if after[name] is True),
            frozenset(name for name in waiting if not _only_score(before[name])),
        )

    def _said(self, facts: Mapping[str, Any]) -> dict[str, bool | Gaps]:
        """Rule → its answer, or all that is missing for one."""
        answers = self._judge(facts, self._context)
        seeing = self._context.knowing(answers)
        return {
            it.name: self._gaps[it.name](facts, seeing) if (answer := answers[it.name]) is None else answer
            for it in self._rules
        }


def _only_score(said: bool | Gaps) -> bool:
    return not isinstance(said, bool) and said <= SCORE


def _count(gain: Gain, turn: Turn, *, alone: bool) -> None:
    gain.rules.update(turn.yes)
    gain.people += bool(turn.yes)
    gain.alone += bool(turn.yes) and alone
    gain.waiting += bool(turn.waiting and not turn.yes)


def through(facts: Mapping[str, Any], made: Image) -> dict[str, Any]:
    """What a judge would read once this image stood in the mirror. Consent stays: the clock may have ended it there."""
    seen = {**facts, **{name: value for name, value in made.facts.items() if name not in _CONSENT}}
    for fact in of("person").values():
        if fact.type == "words":
            words = frozenset(made.words.get(fact.name, ()))
            seen[fact.name] = None if fact.unknown_when_empty and not words else words
    for scope, table in TABLES.items():
        if table in made.children:
            seen[LISTS[scope]] = list(made.children[table])
    return seen


def _key(it: Mapped) -> tuple[Kind, str]:
    return it.kind, it.text if it.kind is Kind.VERDICT else fold(it.text)


def _texts(held: Holdings) -> set[tuple[Kind, str]]:
    """The platforms' words that stand in someone's records, as values name them; rather too many than too few."""
    found: set[tuple[Kind, str]] = set()
    for application in held.applications:
        details = held.details.get(application.ref, ())
        found |= {(Kind.VERDICT, it.rating) for it in details if isinstance(it, Scorecard) and it.rating}
        for it in (application, *details):
            for name in ("stage", "reason", "job"):
                named = held.reference.get(getattr(it, name, None))  # type: ignore[arg-type]
                if isinstance(named, Stage):
                    found.add((Kind.STAGE, fold(named.name)))
                elif isinstance(named, Reason):
                    found.add((Kind.REASON, fold(named.name)))
                elif isinstance(named, Job):
                    department = held.reference.get(named.department) if named.department else None
                    said = (
                        department.name if isinstance(department, Label) else None,
                        named.department_name,
                        named.title,
                    )
                    found |= {(Kind.FUNCTION, fold(text)) for text in said if text}
                    found |= _town(named.location)
    for candidate in held.candidates:
        for text in (*candidate.fields.get("city", ()), candidate.location):
            found |= _town(text)
        skills = [part for text in candidate.fields.get("skills", ()) for part in text.split(",")]
        found |= {(Kind.SKILL, fold(text)) for text in (*skills, *candidate.tags)}
    return found


def _town(text: str | None) -> set[tuple[Kind, str]]:
    town = fold(text.split(",")[0]) if text else ""
    return {(Kind.PLACE, town), (Kind.TOWN, town)} if town else set()


__all__ = ["Gain", "Gains", "Outlook", "Unknown", "through"]
