"""What rules in shadow would have done: a bounded sample among the decisions, to be looked at before they go live."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from connector.clock import stamp, unstamp
from connector.store.freezes import FROZEN
from connector.store.ledger import Decided, Ledger

MODE = "shadow"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Of one version of a rule: how many kept decisions say what."""

    rule: str
    rule_hash: str
    yes: int
    no: int
    unknown: int
    first: datetime
    last: datetime


class Shadows:
    def __init__(self, connection: sqlite3.Connection, ledger: Ledger) -> None:
        self._db = connection
        self._ledger = ledger

    def keep(self, decisions: Iterable[Decided], *, most: int) -> None:
        """The latest `most` of each rule stay."""
        kept = list(decisions)
        self._ledger.decide(kept)
        self._db.executemany(
            "delete from decisions where rule = ?1 and mode = 'shadow' and id <= (select id from decisions"
            " where rule = ?1 and mode = 'shadow' order by id desc limit 1 offset ?2)",
            [(rule, most) for rule in sorted({it.rule for it in kept})],
        )

    def count(self, rule: str) -> int:
        row = self._db.execute("select count(*) from decisions where rule = ? and mode = 'shadow'", (rule,)).fetchone()
        return int(row[0])

    def tallies(self) -> list[Tally]:
        rows = self._db.execute(
            "select rule, rule_hash, sum(answer is 1), sum(answer is 0), sum(answer is null), min(clock), max(clock)"
            " from decisions indexed by decisions_shadow where mode = 'shadow' group by rule, rule_hash order by rule, 7 desc"
        )
        return [
            Tally(rule=r[0], rule_hash=r[1], yes=r[2], no=r[3], unknown=r[4], first=unstamp(r[5]), last=unstamp(r[6]))
            for r in rows
        ]

    def of(self, rule: str, *, limit: int) -> list[Decided]:
        """The latest first."""
        rows = self._db.execute(
            "select rule, person, occasion, rule_hash, set_hash, clock, answer, line from decisions"
            " where rule = ? and mode = 'shadow' order by id desc limit ?",
            (rule, limit),
        )
        return [
            Decided(
                rule=row[0], person=row[1], occasion=row[2], rule_hash=row[3], set_hash=row[4], clock=unstamp(row[5]),
                answer=None if row[6] is None else bool(row[6]), line=row[7], mode=MODE,
            )
            for row in rows
        ]  # fmt: skip

    def expire(self, before: datetime, *, limit: int) -> int:
        return self._db.execute(
            "delete from decisions where id in (select id from decisions where mode = 'shadow' and clock < ?"
            f" and person not in ({FROZEN}) limit ?)",
            (stamp(before), limit),
        ).rowcount
