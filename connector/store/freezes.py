"""People for whom everything stands still until somebody says otherwise: a complaint, a legal hold."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from connector.clock import stamp, unstamp

#: The people of whom nothing may be dropped.
FROZEN = "select c.person from frozen f join candidates c on c.account = f.account and c.id = f.id"


@dataclass(frozen=True, slots=True, kw_only=True)
class Frozen:
    person: int
    since: datetime
    by: str
    reason: str


class Freezes:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def freeze(self, candidates: Sequence[tuple[str, str]], *, by: str, reason: str, now: datetime) -> None:
        """These records (account, id), and with them whoever has one: that outlives a merge of people. The first word stays."""
        self._db.executemany(
            "insert or ignore into frozen (account, id, since, by, reason) values (?, ?, ?, ?, ?)",
            [(account, id_, stamp(now), by, reason) for account, id_ in candidates],
        )

    def succeed(self, account: str, loser: str, winner: str) -> None:
        """A platform made two records one."""
        self._db.execute("update or ignore frozen set id = ? where account = ? and id = ?", (winner, account, loser))

    def thaw(self, person: int) -> int:
        """How many of their records were frozen."""
        return self._db.execute(
            "delete from frozen where (account, id) in (select account, id from candidates where person = ?)", (person,)
        ).rowcount

    def of(self, person: int) -> Frozen | None:
        """The longest standing."""
        row = self._db.execute(f"{_SELECT} where c.person = ? order by f.since limit 1", (person,)).fetchone()
        return _frozen(row) if row else None

    def candidates(self) -> list[tuple[str, str]]:
        rows = self._db.execute("select account, id from frozen order by account, id")
        return [(row[0], row[1]) for row in rows]

    def all(self) -> list[Frozen]:
        """One a person, the longest standing first."""
        rows = self._db.execute(f"{_SELECT} order by f.since, c.person").fetchall()
        found: dict[int, Frozen] = {}
        for row in rows:
            found.setdefault(row[0], _frozen(row))
        return list(found.values())


_SELECT = (
    "select c.person, f.since, f.by, f.reason from frozen f join candidates c on c.account = f.account and c.id = f.id"
)


def _frozen(row: tuple[int, str, str, str]) -> Frozen:
    return Frozen(person=row[0], since=unstamp(row[1]), by=row[2], reason=row[3])
