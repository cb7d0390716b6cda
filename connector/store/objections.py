"""Addresses from which somebody objected, and that audiences have not been asked about since."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable


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
