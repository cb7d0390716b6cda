"""The rule set over everyone at once: answers by SQL, then the same hearing and the same diff as for one person."""

from __future__ import annotations

import functools
from collections.abc import Collection
from datetime import datetime

from connector.court import Effect, Facts, Heard, hear, share
from connector.decide import Bench, deleted_for_good, situations
from connector.diff import Change, Wishes, diff
from connector.rules import ANSWERS, Entry, Rule, select
from connector.store import Tx

#: People whose state is read at once.
SOME = 2000


class Pool:
    """The rule set over everyone, in one read: answers by SQL, then the same hearing and diff as for one person."""

    def __init__(self, tx: Tx, bench: Bench, *, now: datetime, role: Facts | None = None) -> None:
        self._tx, self._bench, self._now = tx, bench, now
        self._context = bench.court.context(now, role=role)
        #: rule → person → what it says; people for whom it is a plain no are absent
        self.heard: dict[str, dict[int, Heard]] = {}
        tx.db.conn.execute("drop table if exists temp.answers")
        tx.db.conn.execute(ANSWERS)
        self._read = frozenset().union(*(entry.depends for entry in bench.court.rules.entries))
        for rule in bench.court.rules.standing:
            self.heard[rule.name] = self._hear(rule)

    def _hear(self, rule: Rule) -> dict[int, Heard]:
        answers = self.answers(rule)
        standing = self._tx.ledger.standing_of(rule.name)
        zone = self._bench.court.zone
        # most people are new to a rule, and what it says to one of them it says to all
        fresh = {answer: hear(rule, answer, None, now=self._now, zone=zone) for answer in (True, None)}
        heard = {person: fresh[answer] for person, answer in answers.items() if person not in standing}
        for person, before in standing.items():
            heard[person] = hear(rule, answers.get(person, False), before, now=self._now, zone=zone)
        if rule.name in self._read:
            self._tx.db.conn.executemany(
                "insert into answers (rule, person, answer) values (?, ?, ?)",
                [
                    (rule.name, person, None if said.effective is None else 1)
                    for person, said in heard.items()
                    if said.effective is not False
                ],
            )
        return heard

    def answers(self, entry: Entry) -> dict[int, bool | None]:
        """person → True or None (unknown); whoever is absent is a no."""
        query = select(entry, self._context)
        cursor = self._tx.db.conn.execute(query.text, query.params)
        return {person: True if answer else None for person, answer in cursor}

    def changes(self) -> list[Change]:
        """Everything that applying would do. Rules that are new act here as if they were approved."""
        removable = deleted_for_good(self._tx, self._bench, now=self._now)
        wishes = Wishes(self._bench.rules)
        heard: dict[int, dict[str, Heard]] = {row.person: {} for row in self._tx.ledger.all_owned()}
        for said in self.heard.values():
            for person, it in said.items():
                if it.effect is Effect.WANT:
                    heard.setdefault(person, {})
        for rule, said in self.heard.items():
            for person, it in said.items():
                if it.effect is not Effect.NO and person in heard:
                    heard[person][rule] = it
        found: list[Change] = []
        people = sorted(heard)
        for start in range(0, len(people), SOME):
            some = {person: heard[person] for person in people[start : start + SOME]}
            for situation in situations(self._tx, self._bench, some, self._acting):
                found.extend(diff(situation, wishes, removable=removable))
        return found

    def _acting(self, person: int) -> Collection[str]:
        """Rules that would act for them once the plan is applied."""
        live, canaries = self._live
        if not canaries:
            return live
        return live | {rule.name for rule in canaries if share(person, rule.name, "canary") < (rule.canary or 0)}

    @functools.cached_property
    def _live(self) -> tuple[frozenset[str], tuple[Rule, ...]]:
        rules = [rule for rule in self._bench.rules if rule.mode == "live"]
        return (
            frozenset(rule.name for rule in rules if rule.canary is None),
            tuple(rule for rule in rules if rule.canary is not None),
        )
