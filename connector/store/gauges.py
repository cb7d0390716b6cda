"""Figures for a monitor: numbers and names of accounts and rules, nothing else."""

from __future__ import annotations

import sqlite3
from datetime import datetime

from connector.clock import unstamp


class Gauges:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def runs(self) -> dict[tuple[str, str], int]:
        """(kind, state) → how many are remembered."""
        rows = self._db.execute("select kind, state, count(*) from runs group by 1, 2")
        return {(row[0], row[1]): row[2] for row in rows}

    def pulled(self) -> dict[str, datetime]:
        """Account → when any of its lists was last walked to its end."""
        rows = self._db.execute("select account, max(pulled_at) from watermarks where account <> '' group by 1")
        return {row[0]: unstamp(row[1]) for row in rows if row[1]}

    def heard(self) -> dict[str, datetime]:
        """Account → when a webhook of it was last read."""
        return {row[0]: unstamp(row[1]) for row in self._db.execute("select account, max(at) from heard group by 1")}

    def opt_outs_unwritten(self) -> int:
        """Objections that an audience has not been told of yet: asked for and not taken, or not looked into."""
        asked = self._db.execute(
            "select count(*) from outbox where purpose = 'optout' and state in ('pending', 'sending', 'dead')"
        ).fetchone()
        return int(asked[0]) + int(self._db.execute("select count(*) from objecting").fetchone()[0])

    def waiting_to_judge(self) -> int:
        return int(self._db.execute("select count(*) from to_judge").fetchone()[0])
