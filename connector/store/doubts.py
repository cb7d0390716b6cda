"""Tags of ours that a platform suddenly shows as gone, far too many to be believed without somebody's word."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

import msgspec

from connector.clock import stamp, unstamp


@dataclass(frozen=True, slots=True, order=True)
class Doubt:
    """One tag of ours on one record of one account that is said to be gone."""

    account: str
    subject: str
    key: str
    person: int


class Doubts:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def held(self) -> dict[str, datetime]:
        """Accounts whose tags are left alone, and since when."""
        return {
            row[0]: unstamp(row[1]) for row in self._db.execute("select account, since from holds where ended is null")
        }

    def hold(self, account: str, *, now: datetime) -> None:
        self._db.execute(
            "insert into holds (account, since) values (?, ?) on conflict (account) do update set since = excluded.since,"
            " ended = null",
            (account, stamp(now)),
        )

    def end(self, account: str, *, now: datetime) -> None:
        """Its tags are looked after again, everybody's: what was left alone meanwhile is made up for."""
        self._db.execute("update holds set ended = ? where account = ?", (stamp(now), account))
        self._db.execute("delete from doubts where account = ?", (account,))
        self._db.execute("insert or ignore into to_judge select person from candidates where account = ?", (account,))

    def ended(self, account: str) -> datetime | None:
        """When the last hold was over."""
        row = self._db.execute("select ended from holds where account = ?", (account,)).fetchone()
        return unstamp(row[0]) if row and row[0] else None

    def add(self, doubts: Iterable[Doubt]) -> None:
        self._db.executemany(
            "insert or replace into doubts (account, subject, key, person) values (?, ?, ?, ?)",
            [(it.account, it.subject, it.key, it.person) for it in doubts],
        )

    def clear(self, doubts: Iterable[Doubt]) -> None:
        self._db.executemany(
            "delete from doubts where account = ? and subject = ? and key = ?",
            [(it.account, it.subject, it.key) for it in doubts],
        )

    def of(self, people: Collection[int]) -> set[Doubt]:
        rows = self._db.execute(
            "select account, subject, key, person from doubts where person in (select value from json_each(?))",
            (msgspec.json.encode(list(people)).decode(),),
        )
        return {Doubt(*row) for row in rows}

    def all_of(self, account: str) -> list[Doubt]:
        rows = self._db.execute(
            "select account, subject, key, person from doubts where account = ? order by subject, key", (account,)
        )
        return [Doubt(*row) for row in rows]

    def count(self, account: str) -> int:
        return int(self._db.execute("select count(*) from doubts where account = ?", (account,)).fetchone()[0])

    def vetoed(self, account: str, since: datetime) -> int:
        """How many tags this account's people took off since then, as far as was believed."""
        row = self._db.execute(
            "select count(*) from vetoes where by = ? and kind = 'tag' and at >= ?", (account, stamp(since))
        ).fetchone()
        return int(row[0])

    def unveto(self, account: str, since: datetime) -> int:
        """What was believed since then is not any more."""
        return self._db.execute(
            "delete from vetoes where by = ? and kind = 'tag' and at >= ?", (account, stamp(since))
        ).rowcount

    def ours(self, account: str) -> int:
        """How many tags of ours are there."""
        row = self._db.execute(
            "select count(*) from owned where account = ? and kind = 'tag' and state = 'ours'", (account,)
        ).fetchone()
        return int(row[0])
