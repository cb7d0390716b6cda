"""The rule set over everyone at once: answers by SQL, then what they would change, counted by SQL where the case is plain
and by the same hearing and diff as for one person where it is not."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from connector import occasions
from connector.court import Bench, Effect, Facts, hear, share
from connector.diff import Change, Kind, Wishes, diff
from connector.facts import fold
from connector.rules import Entry, Rule, fill, select
from connector.situations import deleted_for_good, situations
from connector.store import Tx
from connector.store.census import Target

#: People whose state is read at once.
SOME = 500
#: The clock was looked at so lately that nothing it alone changes is missed. It is looked at every minute.
LATELY = timedelta(minutes=5)


@dataclass(slots=True)
class Effects:
    """What applying would do for one rule."""

    counts: Counter[Kind] = field(default_factory=Counter)
    #: (person, add or remove), the first few.
    samples: list[tuple[int, Kind]] = field(default_factory=list)


class Pool:
    """Rules that are new act here as if they were approved.

    `stale`: the rules to ask everyone anew; of the others it is known what they say. None: all of them."""

    def __init__(
        self, tx: Tx, bench: Bench, *, now: datetime, role: Facts | None = None, stale: Collection[str] | None = None
    ) -> None:
        self._tx, self._bench, self._now = tx, bench, now
        self._context = bench.court.context(now, role=role)
        standing = bench.court.rules.standing
        self.stale = frozenset(it.name for it in standing) if stale is None else frozenset(stale)
        #: rule → how many it answers with yes, with unknown
        self.counts: dict[str, tuple[int, int]] = {}
        tx.census.reset()
        known = tx.census.standing() if len(self.stale) < len(standing) else {}
        read = frozenset[str]().union(*(it.depends for it in bench.court.rules.entries))
        for rule in standing:
            if rule.name in self.stale:
                self._ask(rule)
                continue
            self.counts[rule.name] = known.get(rule.name, (0, 0))
            if rule.name in read:
                self._remember(rule)
        self._acting = [it for it in standing if it.mode == "live" and it.keep is not None]
        self._targets: dict[str, list[Target]] = {it.name: list(self._targets_of(it)) for it in self._acting}
        self._opened = False

    def _ask(self, rule: Rule) -> None:
        """What it says to everyone, heard as for one person: most are new to it, and what it says to one it says to all."""
        census, now, zone = self._tx.census, self._now, self._bench.court.zone
        query = fill(rule, self._context)
        census.fill(query.text, query.params)
        self.counts[rule.name] = census.counts(rule.name)
        if rule.linger is not None:
            before = self._tx.ledger.standing_of(rule.name)
            heard = {it: hear(rule, False, before[it], now=now, zone=zone) for it in census.silent(rule.name)}
            held = {person: said for person, said in heard.items() if said.effect is Effect.HOLD}
            census.overrule(rule.name, ((person, said.effective) for person, said in held.items()))
            census.wait(rule.name, held)
        if rule.settle is not None:
            before = self._tx.ledger.standing_of(rule.name)
            sure = {it: hear(rule, True, before.get(it), now=now, zone=zone) for it in census.yes(rule.name)}
            held = {person: said for person, said in sure.items() if said.effect is Effect.HOLD and said.answer}
            census.overrule(rule.name, ((person, said.effective) for person, said in held.items()))
            census.wait(rule.name, held)
        if rule.canary is not None:
            census.wait(rule.name, (it for it in census.yes(rule.name) if not in_canary(rule, it)))

    def _remember(self, rule: Rule) -> None:
        """What others see of a rule that everybody was judged by: who lingers counts, who has not settled does not."""
        if rule.settle is None and rule.linger is None:
            self._tx.census.remember(rule.name)
            return
        stood = self._tx.ledger.standing_of(rule.name)
        heard = (
            (it, hear(rule, was.answer, was, now=self._now, zone=self._bench.court.zone)) for it, was in stood.items()
        )
        self._tx.census.overrule(rule.name, ((person, said.effective) for person, said in heard))

    def _targets_of(self, rule: Rule) -> Iterator[Target]:
        for kind, key in _kept(rule):
            same = [(other.name, spelt) for other in self._acting for what, spelt in _kept(other)
                    if what == kind and fold(spelt) == fold(key)]  # fmt: skip
            names = [name for name, _ in same]
            for account in self._bench.accounts.that_take(f"{kind}s"):
                yield Target(
                    rule=rule.name, account=account.name, kind=kind, key=key, folded=fold(key),
                    spelt=tuple(sorted({spelt for _, spelt in same})), before=tuple(names[: names.index(rule.name)]),
                )  # fmt: skip

    def answers(self, entry: Entry) -> dict[int, bool | None]:
        """person → True or None (unknown); whoever is absent is a no."""
        query = select(entry, self._context)
        cursor = self._tx.db.conn.execute(query.text, query.params)
        return {person: True if answer else None for person, answer in cursor}

    # what it would change

    def effects(self, *, samples: int = 0) -> Mapping[str, Effects]:
        """rule → what applying would do. Rules for which nothing can have changed are left out."""
        found: dict[str, Effects] = defaultdict(Effects)
        for change in self._one_by_one():
            it = found[change.rule]
            it.counts[change.kind] += 1
            if change.kind in ("add", "remove") and len(it.samples) < samples:
                it.samples.append((change.person, change.kind))
        for rule in {*self.stale, *found}:
            it = found[rule]
            it.counts["keep"] += self._tx.census.count_keeps(rule)
            for target in self._targets.get(rule, ()) if rule in self.stale else ():
                count = self._tx.census.count_adds(target)
                it.counts["add"] += count
                if count and (room := samples - len(it.samples)):
                    it.samples += [(person, "add") for person in self._tx.census.adds(target, limit=room)]
        return found

    def concerned(self) -> set[int]:
        """Everyone for whom applying would change something."""
        people = {change.person for change in self._one_by_one() if change.kind != "keep"}
        for rule in self.stale:
            for target in self._targets.get(rule, ()):
                people.update(self._tx.census.adds(target))
        return people

    def stand(self, *, now: datetime) -> set[int]:
        """Write down what stale rules say to everyone. Returns those of whom more is to be written down than the answer,
        and those whom a rule without tags or pools concerns: they are to be judged one by one."""
        left: set[int] = set()
        for rule in self._bench.court.rules.standing:
            if rule.name in self.stale:
                slow = rule.settle is not None or rule.linger is not None
                self._tx.census.stand(rule.name, now=now, but_waiting=slow, lingers=rule.linger is not None)
                left.update(self._tx.census.waiting(rule.name) if slow else ())
                if rule.keep is not None and rule.keep.subscription is False:
                    left.update(self._tx.census.yes(rule.name))
        return left

    def held(self, rule: Rule) -> dict[str, int]:
        """Why some who match get something nowhere."""
        if rule.mode != "live" or rule.keep is None:
            return {}
        targets, census = self._targets[rule.name], self._tx.census
        counts = {
            "not yet: settle, linger or canary": len(census.waiting(rule.name)),
            "taken off by a person": census.count_vetoes(rule.name, [it.folded for it in targets]),
        }
        if rule.keep.pools:
            counts["no consent to be written to"] = census.count_homeless(rule.name, "pool", ())
        if rule.keep.tags:
            accounts = sorted({it.account for it in targets if it.kind == "tag"})
            counts["known to no account that takes tags"] = census.count_homeless(rule.name, "tag", accounts)
        return {why: count for why, count in counts.items() if count > 0}

    def _one_by_one(self) -> Iterator[Change]:
        """The changes of those who are no plain case."""
        self._open()
        people = self._tx.census.open_cases()
        removable = deleted_for_good(self._tx, self._bench, now=self._now)
        wishes = Wishes(self._bench.rules)
        for start in range(0, len(people), SOME):
            chunk = people[start : start + SOME]
            facts = self._tx.mirror.facts_of(chunk)
            standing = occasions.standing_of(self._tx, chunk)
            court = self._bench.court
            heard = {it: court.hear_all(facts[it], standing[it], now=self._now) for it in facts}
            for situation in situations(self._tx, self._bench, heard, self._acts):
                yield from diff(situation, wishes, removable=removable)

    def _open(self) -> None:
        if self._opened:
            return
        self._opened = True
        census = self._tx.census
        census.open_waiting()
        for rule in self._acting:
            if rule.name in self.stale:
                targets = self._targets[rule.name]
                for target in targets:
                    census.open_wanted(target)
                census.open_owned(rule.name, targets)
        census.open_shared(self.stale, {it.name for it in self._bench.rules})

    def _acts(self, person: int) -> Collection[str]:
        """Rules that would act for them once the plan is applied."""
        return {it.name for it in self._acting if in_canary(it, person)}


def _kept(rule: Rule) -> list[tuple[str, str]]:
    """(tag or pool, as it is spelt)"""
    if rule.keep is None:
        return []
    return [("tag", it) for it in rule.keep.tags] + [("pool", it) for it in rule.keep.pools]


def in_canary(rule: Rule, person: int) -> bool:
    return rule.canary is None or share(person, rule.name, "canary") < rule.canary


def stale(tx: Tx, bench: Bench, *, now: datetime) -> frozenset[str] | None:
    """The rules by which not everybody was judged in this version, and those that wait for a word; with all that read
    what they keep. None: nobody can tell, so ask everyone everything."""
    looked = tx.schedule.mark("", "clock").until
    if looked is None or now - looked > LATELY or tx.mirror.to_judge(1) or not tx.records.caught_up():
        return None
    covered, waiting = tx.assent.covered(), {it.rule for it in tx.assent.all() if it.by is None}
    taking = taking_of(bench)
    found: set[str] = set()
    for rule in bench.court.rules.standing:
        if covered.get(rule.name) != f"{rule.hash} {taking}" or rule.name in waiting or rule.depends & found:
            found.add(rule.name)
    return frozenset(found)


def taking_of(bench: Bench) -> str:
    """Where rules can put things: with another account, everybody's state is another."""
    return " ".join(sorted(f"{it.name}/{kind}" for kind in ("tags", "pools") for it in bench.accounts.that_take(kind)))
