"""Desired state against what is there: what to add, to let go, to leave alone. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from connector.court import Effect, Heard
from connector.facts import fold
from connector.model import Ref
from connector.rules import Rule
from connector.store.ledger import Owned

What = Literal["tag", "pool"]
#: add, remove: an act on the platform. adopt: it is there already and is theirs. disown: let go without an act.
#: share: another rule wants what we have. veto: a person took ours off. keep: as it is.
Kind = Literal["add", "remove", "adopt", "disown", "share", "veto", "keep"]
#: A platform may show what we wrote only after a while; before that, absence says nothing.
LAG = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a person stands on one platform. `tags` None: the platform does not tell."""

    subject: Ref
    what: What
    tags: frozenset[str] | None
    #: When the call began that last told us of this record.
    seen_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """One person before the diff."""

    person: int
    places: Sequence[Place]
    owned: Sequence[Owned]
    #: What rules say; one that is absent says no.
    heard: Mapping[str, Heard]
    #: Rules that act for this person (live, in the version that was approved).
    acting: Collection[str]
    #: (what, folded key) → rule → hash of the facts that it read at the time of the veto.
    vetoes: Mapping[tuple[str, str], Mapping[str, str]] = field(default_factory=dict)
    #: rule → hash of the facts it reads now; asked only where there is a veto.
    facts_hash: Callable[[str], str] = lambda rule: ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    kind: Kind
    person: int
    subject: Ref
    what: What
    key: str
    #: The rules that want it (for a removal: that wanted it); the first one answers for it.
    rules: tuple[str, ...]
    owned: Owned | None = None

    @property
    def rule(self) -> str:
        return self.rules[0]


class Wishes:
    """What each rule keeps, worked out once for everyone."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.names = frozenset(rule.name for rule in rules)
        #: Rules that make what was there before them ours.
        self.adopting = frozenset(rule.name for rule in rules if rule.adopt)
        #: rule → (what, folded key) → as it is spelt
        self.of: dict[str, dict[tuple[What, str], str]] = {}
        #: (what, folded key) → rules that keep it
        self.keepers: dict[tuple[What, str], list[str]] = defaultdict(list)
        for rule in rules:
            if rule.keep is None:
                continue
            named: dict[tuple[What, str], str] = {("tag", fold(it)): it for it in rule.keep.tags}
            self.of[rule.name] = named | {("pool", fold(it)): it for it in rule.keep.pools}
            for target in self.of[rule.name]:
                self.keepers[target].append(rule.name)


@dataclass(slots=True)
class _Target:
    """What acting rules want of one tag or pool for one person."""

    spelt: str
    wanted: list[str] = field(default_factory=list)


def diff(situation: Situation, wishes: Wishes, *, removable: Collection[str]) -> list[Change]:
    """`removable`: rules that were deleted for good, so that what they kept may go."""
    targets = _targets(situation, wishes) if situation.places else {}
    rows = {(it.account, it.subject, it.kind, fold(it.key)): it for it in situation.owned}
    changes: list[Change] = []
    for place in situation.places:
        keys = {key for what, key in targets if what == place.what}
        keys |= {key for account, subject, what, key in rows if (account, subject, what) == _where(place)}
        for key in sorted(keys):
            row = rows.pop((*_where(place), key), None)
            target = targets.get((place.what, key)) or _Target(row.key if row else key)
            held = row is not None and _held(situation, wishes, (place.what, key), row, removable)
            adopts = not wishes.adopting.isdisjoint(target.wanted)
            if change := _one(situation, place, key, target, row, held=held, adopts=adopts):
                changes.append(change)
    changes.extend(_left_behind(situation, rows.values()))
    return changes


def _where(place: Place) -> tuple[str, str, What]:
    return place.subject.account, place.subject.id, place.what


def _targets(situation: Situation, wishes: Wishes) -> dict[tuple[What, str], _Target]:
    targets: dict[tuple[What, str], _Target] = {}
    for rule, said in situation.heard.items():
        if said.effect is Effect.WANT and rule in situation.acting:
            for target, spelt in wishes.of.get(rule, {}).items():
                targets.setdefault(target, _Target(spelt)).wanted.append(rule)
    return targets


def _held(
    situation: Situation, wishes: Wishes, target: tuple[What, str], row: Owned, removable: Collection[str]
) -> bool:
    """It stays as it is while a rule that put it there is off, in shadow or only just deleted, or while one that acts
    does not know or has not settled."""
    for rule in row.rules:
        deleted = rule not in wishes.names
        if (deleted and rule not in removable) or (not deleted and rule not in situation.acting):
            return True
    said = (situation.heard.get(rule) for rule in wishes.keepers.get(target, ()) if rule in situation.acting)
    return any(it is not None and it.effect is Effect.HOLD for it in said)


def _one(
    situation: Situation, place: Place, key: str, target: _Target, row: Owned | None, *, held: bool, adopts: bool
) -> Change | None:
    def change(kind: Kind, rules: Sequence[str]) -> Change:
        return Change(
            kind=kind,
            person=situation.person,
            subject=place.subject,
            what=place.what,
            key=row.key if row else target.spelt,
            rules=tuple(rules),
            owned=row,
        )

    if row is None or row.state == "removing":
        if not target.wanted:
            return None
        veto = situation.vetoes.get((place.what, key))
        # a rule that did not keep it then has nothing new to say
        if veto is not None and all(veto.get(it) in (None, situation.facts_hash(it)) for it in target.wanted):
            return None
        theirs = row is None and place.tags is not None and key in place.tags
        return change("adopt" if theirs else "add", target.wanted)
    if _taken_off(place, key, row):
        return change("veto", row.rules)
    if target.wanted and adopts and row.state == "theirs":
        return change("adopt", target.wanted)
    if target.wanted:
        return change("keep" if set(target.wanted) == set(row.rules) else "share", target.wanted)
    if held:
        return change("keep", row.rules)
    return change("disown" if row.state == "theirs" else "remove", row.rules)


def _taken_off(place: Place, key: str, row: Owned) -> bool:
    """Ours was there and now is not, seen later than we wrote it: a person took it off."""
    if row.state != "ours" or place.tags is None or place.seen_at is None:
        return False
    return key not in place.tags and place.seen_at > row.added_at + LAG


def _left_behind(situation: Situation, rows: Iterable[Owned]) -> list[Change]:
    """Rows on records that are no longer this person's place: an old address is let go of, a lost record forgotten."""
    return [
        Change(
            kind="remove" if row.kind == "pool" and row.state in ("ours", "adding") else "disown",
            person=situation.person,
            subject=Ref(row.account, "member" if row.kind == "pool" else "candidate", row.subject),
            what="pool" if row.kind == "pool" else "tag",
            key=row.key,
            rules=row.rules,
            owned=row,
        )
        for row in rows
        if row.state != "removing"
    ]


def by_rule(changes: Iterable[Change]) -> dict[str, Counter[Kind]]:
    """rule → how many changes of each kind it asks for."""
    counts: dict[str, Counter[Kind]] = defaultdict(Counter)
    for change in changes:
        counts[change.rule][change.kind] += 1
    return counts
