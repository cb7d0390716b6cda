"""Addresses from which somebody objected, and that audiences have not been asked about since."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence

import msgspec


class Objections:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def note(self, addresses: Iterable[str]) -> None:
        """Something about these changed: their audiences are to be looked at."""
        self._db.executemany("insert or ignore into objecting (address) values (?)", [(it,) for it in addresses])

    def waiting(self, limit: int) -> list[str]:
        rows = self._db.execute("select address from objecting order by address limit ?", (limit,))
        return [row[0] for row in rows]

    def done(self, addresses: Iterable[str]) -> None:
        self._db.executemany("delete from objecting where address = ?", [(it,) for it in addresses])

    def people(self, accounts: Sequence[str]) -> list[int]:
        """People who objected, and whom one of these audiences still holds as somebody who may be mailed."""
        rows = self._db.execute(
            "select distinct p.id from people p join candidates c on c.person = p.id"
            " join links l on l.account = c.account and l.id = c.id and l.key not like 'g:%'"
            " join records r on r.parent = 'email:' || substr(l.key, 3) and r.kind = 'member' and r.gone = 0"
            " where p.unsubscribed = 1 and r.account in (select value from json_each(?))"
            " and json_extract(r.body, '$.status') in ('subscribed', 'pending') order by p.id",
            (msgspec.json.encode(list(accounts)).decode(),),
        )
        return [row[0] for row in rows]
