"""Which rule set a running `serve` has in force, and what stands in the files instead where that was refused."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from connector.clock import stamp, unstamp


@dataclass(frozen=True, slots=True, kw_only=True)
class InForce:
    """What `serve` runs. `complaints`: why the files as they are now are not what runs; empty: they are."""

    set_hash: str
    since: datetime
    #: The plan that was made when it was taken up, where there is anything to apply.
    plan: str = ""
    #: Settings that were changed and begin with the next start.
    waits: tuple[str, ...] = ()
    refused_at: datetime | None = None
    complaints: tuple[str, ...] = ()


class Sets:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def in_force(self) -> InForce | None:
        """None: no `serve` runs, or it runs from before there was anything to say."""
        row = self._db.execute(
            "select running, since, plan, waits, refused_at, complaints from sets where running <> ''"
        ).fetchone()
        if row is None:
            return None
        return InForce(
            set_hash=row[0],
            since=unstamp(row[1]),
            plan=row[2],
            waits=tuple(msgspec.json.decode(row[3])),
            refused_at=unstamp(row[4]) if row[4] else None,
            complaints=tuple(msgspec.json.decode(row[5])),
        )

    def take_up(self, set_hash: str, *, waits: Sequence[str] = (), now: datetime) -> None:
        """It runs from now on, and nothing is refused. The moment stays while the set does."""
        self._db.execute(
            "update sets set since = case when running = ?1 then since else ?2 end,"
            " plan = case when running = ?1 then plan else '' end, running = ?1, waits = ?3, refused_at = null,"
            " complaints = '[]'",
            (set_hash, stamp(now), _json(waits)),
        )

    def planned(self, plan: str) -> None:
        self._db.execute("update sets set plan = ?", (plan,))

    def refuse(self, complaints: Sequence[str], *, now: datetime) -> None:
        """The files changed and are not taken up. The moment of the first refusal stays until something is."""
        self._db.execute(
            "update sets set refused_at = coalesce(refused_at, ?), complaints = ?", (stamp(now), _json(complaints))
        )

    def end(self) -> None:
        """`serve` stopped."""
        self._db.execute("update sets set running = '', plan = '', waits = '[]', refused_at = null, complaints = '[]'")


def _json(value: Sequence[str]) -> str:
    return msgspec.json.encode(list(value)).decode()
