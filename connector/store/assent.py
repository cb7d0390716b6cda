"""What waits for a person's word, who gave it, and which rules stand down again."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

import msgspec

from connector.clock import stamp, unstamp
from connector.store.ledger import Activation


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A rule would concern more people than it may without somebody's word. `by`, `approved_at`: who gave it, and when."""

    rule: str
    #: What happened: a role's opening, a day.
    occasion: str
    people: int
    asked_at: datetime
    by: str | None = None
    approved_at: datetime | None = None


class Assent:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def ask(self, rule: str, occasion: str, people: int, *, now: datetime) -> bool:
        """Wait for a word on this. True when it is news."""
        done = self._db.execute(
            "insert into approvals (rule, occasion, people, asked_at) values (?, ?, ?, ?)"
            " on conflict (rule, occasion) do update set people = excluded.people"
            " where by is null and people <> excluded.people returning asked_at",
            (rule, occasion, people, stamp(now)),
        ).fetchone()
        return done is not None and done[0] == stamp(now)

    def given(self, rule: str, occasion: str) -> bool:
        row = self._db.execute(
            "select 1 from approvals where rule = ? and occasion = ? and by is not null", (rule, occasion)
        ).fetchone()
        return row is not None

    def give(self, rule: str, occasion: str, *, by: str, now: datetime) -> bool:
        """The first word stands. False: nothing of this waits."""
        done = self._db.execute(
            "update approvals set by = ?, approved_at = ? where rule = ? and occasion = ? and by is null",
            (by, stamp(now), rule, occasion),
        )
        return done.rowcount == 1

    def all(self) -> list[Asked]:
        """Those that wait first, the latest first."""
        rows = self._db.execute(
            "select rule, occasion, people, asked_at, by, approved_at from approvals"
            " order by by is not null, asked_at desc, rule, occasion"
        )
        return [
            Asked(
                rule=row[0],
                occasion=row[1],
                people=row[2],
                asked_at=unstamp(row[3]),
                by=row[4],
                approved_at=unstamp(row[5]) if row[5] else None,
            )
            for row in rows
        ]

    def drop(self, rule: str, occasion: str) -> None:
        """It waits no more."""
        self._db.execute("delete from approvals where rule = ? and occasion = ? and by is null", (rule, occasion))

    def covered(self) -> dict[str, str]:
        """rule → by which version of it, and of what is around it, everybody was judged."""
        return dict(self._db.execute("select rule, version from covered").fetchall())

    def cover(self, versions: Mapping[str, str]) -> None:
        """From now on this is so for these rules, and no others."""
        self._db.execute("delete from covered")
        self._db.executemany("insert into covered (rule, version) values (?, ?)", list(versions.items()))

    def stand_down(self, rules: Iterable[str], before: Mapping[str, Activation]) -> None:
        """Put these rules back to what was in force `before`; those that were not in force then no longer are."""
        named = list(rules)
        self._db.execute(
            "delete from activations where rule in (select value from json_each(?))",
            (msgspec.json.encode([it for it in named if it not in before]).decode(),),
        )
        self._db.executemany(
            "update activations set hash = ?, activated_at = ? where rule = ?",
            [(before[it].hash, stamp(before[it].at), it) for it in named if it in before],
        )
