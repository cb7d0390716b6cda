"""One rule and one person, told: the tree with what was seen and by whom it was said, and what would change the answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec

from connector.clock import unstamp
from connector.court import Bench, Effect, Facts, Heard, share
from connector.facts import LISTS, fold
from connector.quality.proposals import guess
from connector.quality.wording import Book, Kind, Mapped, targets
from connector.rules import AnyEntry, Context, Line, Rule, Why, explain
from connector.rules import phrases as say
from connector.settings import Words
from connector.store.ledger import Activation, Standing
from connector.why.origin import Origin, Origins

_KINDS = {"skills": Kind.SKILL, "functions": Kind.FUNCTION, "regions": Kind.PLACE}


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the tree."""

    answer: bool | None
    #: In plain words.
    text: str
    #: What the facts say; empty where the line itself says it.
    saw: str = ""
    origins: tuple[Origin, ...] = ()
    #: A tag or pool that our own rules keep, and which.
    kept: str = ""
    #: Of several applications the one that was looked at.
    about: str = ""
    #: Words that are near to those asked for, and what to write where in the settings.
    advice: tuple[str, ...] = ()
    #: The line as the rule has it, and where that stands.
    exact: str = ""
    at: str = ""
    parts: tuple[Node, ...] = ()


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What one rule, cadence or suppression says about one person."""

    name: str
    kind: str
    why: str
    hash: str
    #: Only when this happens; empty: at all times.
    event: str = ""
    answer: bool | None
    #: Since when the answer is so, where that is known.
    since: datetime | None = None
    #: What a yes stands on; of a no or an unknown the line that decides.
    because: tuple[Node, ...]
    tree: Node
    #: What would make it a yes, in plain words.
    becomes_yes: str = ""
    #: When the clock alone changes the answer.
    next_change: datetime | None = None
    #: What else time or the version does: settling, lingering, shadow, canary, what it depends on.
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One person, as the rules see them, and all that explains it."""

    bench: Bench
    person: int
    facts: Facts
    standing: Mapping[str, Standing]
    heard: Mapping[str, Heard]
    activations: Mapping[str, Activation]
    context: Context
    origins: Origins
    words: Words
    #: The settings file, to name the line in which a word would go; None: it is not at hand.
    book: Book | None
    now: datetime

    @property
    def zone(self) -> ZoneInfo:
        return self.bench.settings.zone

    def answer(self, entry: AnyEntry) -> Said:
        why = explain(entry, self.facts, self.context)
        standing = self.standing.get(entry.name)
        return Said(
            name=entry.name,
            kind=entry.kind,
            why=entry.why,
            hash=entry.hash,
            event=entry.when.event if isinstance(entry, Rule) and entry.when else "",
            answer=why.answer,
            since=standing.since if standing is not None and standing.answer is why.answer else None,
            because=tuple(self._node(line) for line in say.grounds(why.root)),
            tree=self._node(why.root),
            becomes_yes=say.wish(why.root),
            next_change=why.next_change,
            remarks=tuple(self._remarks(entry, why)),
        )

    # the tree

    def _node(self, line: Line) -> Node:
        origins = self.origins.of(line)
        # the item's own line says where it is from; each of its tests would only repeat it
        mine = origins if line.test is None or line.test.fact.scope == "person" else ()
        return Node(
            answer=line.answer,
            text=say.said(line),
            saw=say.seen(line, self.zone),
            origins=mine,
            kept="; ".join(_kept(line)),
            about=self._about(line),
            advice=tuple(self._advice(line)) if line.answer is not True else (),
            exact=line.text,
            at=str(line.at),
            parts=tuple(self._node(part) for part in line.parts),
        )

    def _about(self, line: Line) -> str:
        """Which application it is about, where the line opens one; how many there are."""
        if line.items is None:
            return ""
        scope = line.items.scope
        rows = self.facts.get(LISTS[scope], ())
        row = next((it for it in rows if it["id"] == line.item), None)
        if row is None:
            return f"there {'are' if len(rows) > 1 else 'is'} {len(rows) or 'none'}"
        named = [str(row[name]) for name in ("title", "template", "name") if row.get(name)]
        dated = next((unstamp(row[name]) for name in ("applied", "starts", "sent", "occurred") if row.get(name)), None)
        if dated is not None:
            named.append(f"{dated.astimezone(self.zone):%-d %B %Y}")
        probe = next((part for part in line.parts if part.test is not None), None)
        said = "; ".join(it.told(self.zone) for it in self.origins.of(probe)) if probe is not None else ""
        about = f"{', '.join(named) or scope}{f' ({said})' if said else ''}"
        which = "this one" if line.answer or line.items.latest else "the nearest"
        return about if len(rows) == 1 else f"of {len(rows)} {scope}s {which}: {about}"

    def _advice(self, line: Line) -> Iterator[str]:
        """A word of theirs that is nearly one that is asked for, and the line of settings that would make it so."""
        test = line.test
        if test is None or line.negated or test.op not in ("any_of", "all_of", "equals"):
            return
        kind = _KINDS.get(test.fact.kind or "")
        asked = {str(word) for word in (test.value if isinstance(test.value, tuple) else (test.value,))}
        if kind is None or not line.value:
            return
        known = {word: names for word, names in targets(kind, self.words).items() if fold(word) in asked}
        every = {fold(word) for word in targets(kind, self.words)}
        for word in sorted(line.value) if test.fact.type == "words" else [str(line.value)]:
            if fold(word) in every:  # a word of its own already means something
                continue
            found = guess(word, known) or _related(word, known)
            if found is not None:
                target = found if isinstance(found, str) else found.target
                where = self.book.line(Mapped(kind, word, target)) if self.book else ""
                yield f"{word} → {target}? " + (
                    f"add it in {where}" if where else "add it under vocabulary in settings"
                )

    # what time and versions do

    def _remarks(self, entry: AnyEntry, why: Why) -> Iterator[str]:
        yield from self._version(entry)
        if isinstance(entry, Rule) and entry.kind == "keep":
            yield from self._waiting(entry, why)
        for name in sorted(entry.depends):
            other = next((it for it in self.bench.rules if it.name == name), None)
            if other is None or other.name == entry.name:
                continue
            ends = explain(other, self.facts, self.context).next_change
            if ends is not None:
                then = " and is answered anew" if not other.linger else f", and lingers for {other.linger} after a no"
                yield f"the rule {name}, which it reads, changes by the clock alone on {self._day(ends)}{then}"

    def _version(self, entry: AnyEntry) -> Iterator[str]:
        """Why it would write nothing, if so."""
        if entry.kind == "suppress":
            return
        active = self.activations.get(entry.name)
        if entry.mode == "off":
            yield "it is switched off: what it keeps stays as it is"
        elif entry.mode == "shadow":
            yield "it is in shadow: it decides and reports, and writes nothing"
        elif active is None:
            yield "not applied yet: it decides and reports, and writes nothing until a plan is applied"
        elif active.hash != entry.hash:
            yield "it was edited since it was applied: it writes nothing until a plan is applied"
        elif entry.canary is not None:
            inside = share(self.person, entry.name, "canary") < entry.canary
            among = "among" if inside else "not among"
            rest = "" if inside else ", so it is in shadow for them"
            yield f"they are {among} the {entry.canary:.0%} for whom it is live{rest}"
        if entry.hold_out is not None and share(self.person, entry.name, "hold_out") < entry.hold_out:
            yield f"they are among the {entry.hold_out:.0%} held out, so that the effect can be measured: nothing is sent"

    def _waiting(self, rule: Rule, why: Why) -> Iterator[str]:
        heard, standing = self.heard.get(rule.name), self.standing.get(rule.name)
        since = standing.since if standing is not None and standing.answer is why.answer else self.now
        if heard is not None and heard.effect is Effect.HOLD:
            if heard.answer and rule.settle is not None:
                ends = rule.settle.after(since, self.bench.court.zone)
                yield f"it settles first: what it keeps is added on {self._day(ends)}, if nothing changes"
            elif heard.answer is False and rule.linger is not None:
                since = heard.stand.since if heard.stand is not None else self.now
                yield f"it lingers: what it kept stays until {self._day(rule.linger.after(since, self.bench.court.zone))}"
            elif heard.answer is None:
                yield "because it cannot tell, what it keeps stays as it is: nothing is added, nothing removed"
        if why.answer and why.next_change is not None and rule.linger is not None:
            ends = rule.linger.after(why.next_change, self.bench.court.zone)
            yield f"after that it lingers for {rule.linger}, until {self._day(ends)}"

    def _day(self, moment: datetime) -> str:
        return f"{moment.astimezone(self.zone):%-d %B %Y}"


def _kept(line: Line) -> Iterator[str]:
    for word, answer, rules in line.kept:
        yield f"{word} {'kept' if answer else 'perhaps kept'} by rule {', '.join(rules)}"


def _related(word: str, known: Mapping[str, Sequence[str]]) -> str | None:
    """The one target that begins like a word of it: `staff nurse` and `nursing`."""
    parts = [part for part in fold(word).split() if len(part) >= len("nurs")]
    near = {
        target
        for target, names in known.items()
        if any(_alike(part, other) for part in parts for name in (target, *names) for other in fold(name).split())
    }
    return near.pop() if len(near) == 1 else None


def _alike(one: str, other: str) -> bool:
    same = 0
    while same < min(len(one), len(other)) and one[same] == other[same]:
        same += 1
    return same >= len("nurs") and same * 5 >= 3 * min(len(one), len(other))


__all__ = ["Asked", "Node", "Said"]
