"""What a platform's word probably means: a guess with its reason, or none. Pure. A proposal, never applied by itself."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cache

from connector.facts import fold

#: From here on two spellings are taken for one word with a typing mistake.
ALIKE = 0.84
#: Shorter texts differ by a letter too easily.
SHORTEST = 4
#: By so much the best must be more alike than the next.
NEARER = 0.03
_JOINED = (("on site", "onsite"), ("tele phone", "telephone"), ("pre screen", "prescreen"), ("post ing", "posting"))
_FILLER = frozenset({
    "and", "at", "by", "call", "first", "for", "in", "interview", "interviews", "of", "on",
    "or", "round", "rounds", "second", "stage", "step", "the", "third", "to", "via", "video", "virtual",
    "remote", "zoom", "teams", "with", "hybrid", "ii", "iii", "iv",
})  # fmt: skip
#: A step of this kind says where someone stopped, not how far they came.
_NO_STEP = frozenset({
    "cancelled", "canceled", "declined", "rejected", "withdrawn", "hold", "onhold", "archived", "dead", "lost",
    "duplicate", "noshow",
})  # fmt: skip

#: What steps are called, in the order in which they usually come. Ours and theirs are both looked up here.
STAGES: Mapping[str, tuple[str, ...]] = {
    "applied": ("applied", "application", "new applicant", "new lead", "inbox", "sourced", "cv review", "resume review",
                "cv screen", "resume screen", "application review", "reached out", "responded", "lead"),
    "phone": ("phone", "telephone", "prescreen", "recruiter screen", "screening call", "hr screen", "screening", "screen"),
    "onsite": ("onsite", "face to face", "in person", "panel", "assessment centre", "assessment center", "assessment day",
               "superday", "site visit", "trial shift", "trial day", "office visit", "ward visit"),
    "final": ("final", "finalist", "executive", "ceo", "founder", "partner interview", "director", "bar raiser"),
    "offer": ("offer", "contract", "preboarding", "pre employment checks"),
}  # fmt: skip
#: What reasons are called. A word of the first kinds is never read as one of the later ones.
REASONS: Mapping[str, tuple[str, ...]] = {
    "misconduct": ("misconduct", "fraud", "dishonest", "dishonesty", "false information", "abusive", "misrepresented"),
    "background": ("background check", "background", "dbs", "references", "reference check", "right to work", "criminal"),
    "withdrew": ("withdrew", "withdrawn", "offer declined", "declined offer", "candidate declined", "accepted another",
                 "took another", "no longer interested", "unresponsive", "no response", "ghosted"),
    "filled": ("position filled", "position closed", "role closed", "req closed", "filled", "headcount", "hiring freeze",
               "role cancelled", "position cancelled", "on hold"),
    "runner up": ("other candidate", "another candidate", "stronger candidate", "better candidate", "runner up",
                  "other applicant", "silver medal", "silver medallist", "more suitable candidate", "close second"),
    "experience": ("experience", "under qualified", "underqualified", "overqualified", "qualifications", "skills", "seniority"),
}  # fmt: skip
VERDICTS: Mapping[str, float] = {
    "strong hire": 5, "strong yes": 5, "definitely": 5, "definitely yes": 5, "excellent": 5, "outstanding": 5,
    "hire": 4, "yes": 4, "good": 4, "recommend": 4, "recommended": 4, "thumbs up": 4, "lean hire": 4, "lean yes": 4,
    "maybe": 3, "mixed": 3, "neutral": 3, "average": 3, "undecided": 3, "unsure": 3,
    "no hire": 2, "no": 2, "lean no": 2, "lean no hire": 2, "poor": 2, "not recommended": 2, "thumbs down": 2,
    "strong no hire": 1, "strong no": 1, "definitely not": 1, "reject": 1,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Guess:
    target: str
    why: str


def guess(
    text: str, known: Mapping[str, Sequence[str]], kinds: Mapping[str, Sequence[str]] | None = None
) -> Guess | None:
    """`known`: what we have → how it is spelt so far. `kinds`: what such things are called, for words we have not met.

    Two equally good answers are none."""
    said = plain(text)
    if not said:
        return None
    spelt = _spelt(tuple((target, tuple(names)) for target, names in known.items()))
    same = {target: name for target, name, other in spelt if other and _squeezed(other) == _squeezed(said)}
    if len(same) == 1:
        target, name = next(iter(same.items()))
        return Guess(target, f"the same as `{name}` but for how it is written")
    return _typo(text, spelt) or _part(said, spelt) or (_kind(text, known, kinds) if kinds else None)


def stage(text: str, known: Mapping[str, Sequence[str]]) -> Guess | None:
    return None if set(_words(text)) & _NO_STEP else guess(text, known, STAGES)


def town(text: str, names: Sequence[str]) -> Guess | None:
    """By its spelling only: that one name stands in another says nothing of towns."""
    return _typo(text, [(name, name, name) for name in names])


def verdict(text: str) -> float | None:
    """What a recommendation in words is worth. A bare number is not guessed: nobody can see its scale."""
    said = " ".join(_words(text.replace("_", " ")))
    if out_of := re.fullmatch(r"\s*(\d(?:\.\d)?)\s*(?:/|out of|of)\s*5\s*", text):
        return float(out_of.group(1))
    return VERDICTS.get(said)


def plain(text: str) -> str:
    """Without case, marks, numbers and the words that say nothing."""
    return " ".join(word for word in _words(text) if word not in _FILLER and not word.isdecimal())


@cache
def _words(text: str) -> tuple[str, ...]:
    said = " ".join(re.findall(r"[^\W_]+", fold(text)))
    for apart, together in _JOINED:
        said = said.replace(apart, together)
    return tuple(said.split())


def _squeezed(text: str) -> str:
    return text.replace(" ", "")


@cache
def _spelt(known: tuple[tuple[str, tuple[str, ...]], ...]) -> tuple[tuple[str, str, str], ...]:
    return tuple((target, name, plain(name)) for target, names in known for name in (target, *names))


def _typo(text: str, spelt: Sequence[tuple[str, str, str]]) -> Guess | None:
    found = sorted(((_likeness(text, name), target, name) for target, name, _ in spelt), reverse=True)
    if not found or found[0][0] < ALIKE:
        return None
    best, target, name = found[0]
    rival = next((score for score, other, _ in found if other != target), 0.0)
    return Guess(target, f"spelt almost like `{name}`") if best - rival > NEARER else None


def _likeness(text: str, name: str) -> float:
    """By whichever is more alike: all that was said, or without the words that say nothing."""
    pairs = ((" ".join(_words(text)), " ".join(_words(name))), (plain(text), plain(name)))
    return max((_ratio(one, other) for one, other in pairs if min(len(one), len(other)) >= SHORTEST), default=0.0)


def _ratio(one: str, other: str) -> float:
    if sorted(one) == sorted(other):  # two letters changed places
        return 0.95
    matcher = SequenceMatcher(None, one, other, autojunk=False)
    return matcher.ratio() if matcher.real_quick_ratio() >= ALIKE and matcher.quick_ratio() >= ALIKE else 0.0


def _part(said: str, spelt: Sequence[tuple[str, str, str]]) -> Guess | None:
    """A known name stands in it, word for word; the longest one."""
    padded = f" {said} "
    inside = sorted(
        (
            (len(other.split()), len(other), target, name)
            for target, name, other in spelt
            if other and f" {other} " in padded
        ),
        reverse=True,
    )
    if not inside:
        return None
    words, _, target, name = inside[0]
    rivals = {other for count, _, other, _ in inside if count == words}
    return Guess(target, f"`{name}` stands in it") if rivals == {target} else None


def _kind(text: str, known: Mapping[str, Sequence[str]], kinds: Mapping[str, Sequence[str]]) -> Guess | None:
    said = _kind_of(text, kinds)
    if said is None:
        return None
    kind, marker = said
    ours = [target for target in known if (it := _kind_of(target, kinds)) and it[0] == kind]
    if not ours:
        ours = [
            target
            for target, names in known.items()
            if any((it := _kind_of(n, kinds)) and it[0] == kind for n in names)
        ]
    return Guess(ours[0], f"`{marker}` is usually said of `{ours[0]}`") if len(ours) == 1 else None


def _kind_of(text: str, kinds: Mapping[str, Sequence[str]]) -> tuple[str, str] | None:
    """The kind whose longest word stands in the text; of equals, the first."""
    padded = f" {' '.join(_words(text.replace('_', ' ')))} "
    found = [
        (len(marker), -number, kind, marker)
        for number, (kind, markers) in enumerate(kinds.items())
        for marker in markers
        if f" {marker} " in padded
    ]
    return max(found)[2:] if found else None


__all__ = ["REASONS", "STAGES", "Guess", "guess", "plain", "stage", "town", "verdict"]
