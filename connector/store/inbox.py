"""Deliveries, what of them is parked, and hints of what to read again."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from connector.clock import stamp, unstamp
from connector.flow import Delivery, Hint, Spoiled
from connector.model import Ref

#: Headers worth keeping after verification. Never a signature, a credential or an address.
KEPT_HEADERS = ("content-type", "greenhouse-event-id")


@dataclass(frozen=True, slots=True)
class Kept:
    """A stored delivery and its row."""

    row: int
    delivery: Delivery


@dataclass(frozen=True, slots=True)
class Wanted:
    """Something to read again, and how often it was hinted at when we looked."""

    ref: Ref
    why: str
    heard: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Parked:
    row: int
    delivery: int
    account: str
    stream: str | None
    path: str
    wanted: str
    came: str
    parked_at: datetime


class Inbox:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def keep(self, deliveries: Sequence[Delivery]) -> int:
        """Store them all in one statement; how many were new. A repeat (same account and key) is taken and ignored."""
        if not deliveries:
            return 0
        values: list[object] = []
        for it in deliveries:
            headers = {name: it.headers[name] for name in KEPT_HEADERS if name in it.headers}
            values += (it.account, it.key, it.stream, stamp(it.received_at), _json(headers), it.body)
        marks = ",".join(["(?,?,?,?,?,?)"] * len(deliveries))
        cursor = self._db.execute(
            f"insert into deliveries (account, key, stream, received_at, headers, body) values {marks}"
            " on conflict (account, key) do nothing",
            values,
        )
        return cursor.rowcount

    def waiting(self, limit: int) -> list[Kept]:
        """Those not read yet, oldest first."""
        rows = self._db.execute(f"{_SELECT} where state = 'new' order by id limit ?", (limit,))
        return [_kept(row) for row in rows]

    def get(self, row: int) -> Kept | None:
        found = self._db.execute(f"{_SELECT} where id = ? and body is not null", (row,)).fetchone()
        return _kept(found) if found else None

    def settle(self, row: int, *, state: str, note: str = "", keep_body: bool = False) -> None:
        """`state`: read, ignored or parked. The body goes as soon as it has been read, unless it is to be kept."""
        body = "" if keep_body or state == "parked" else ", body = null"
        self._db.execute(f"update deliveries set state = ?, note = ?{body} where id = ?", (state, note[:200], row))

    def park(self, row: int, spoiled: Sequence[Spoiled], *, now: datetime) -> None:
        self._db.execute("delete from parked where delivery = ?", (row,))
        self._db.executemany(
            "insert into parked (delivery, path, wanted, came, parked_at) values (?, ?, ?, ?, ?)",
            [(row, it.path, it.wanted, it.came, stamp(now)) for it in spoiled],
        )

    def parked(self, *, limit: int = 1000) -> list[Parked]:
        rows = self._db.execute(
            "select p.id, p.delivery, d.account, d.stream, p.path, p.wanted, p.came, p.parked_at"
            " from parked p join deliveries d on d.id = p.delivery order by p.id limit ?",
            (limit,),
        )
        return [
            Parked(
                row=row[0],
                delivery=row[1],
                account=row[2],
                stream=row[3],
                path=row[4],
                wanted=row[5],
                came=row[6],
                parked_at=unstamp(row[7]),
            )
            for row in rows
        ]

    def any_parked(self, account: str, prefix: str) -> bool:
        """Is there a parked delivery whose id begins so."""
        row = self._db.execute(
            "select exists (select 1 from deliveries where account = ? and key >= ? and key < ? and state = 'parked')",
            (account, prefix, f"{prefix}\U0010ffff"),
        ).fetchone()
        return bool(row[0])

    def reopen(self, deliveries: Sequence[int]) -> int:
        """Let parked deliveries be read again; how many there were."""
        cursor = self._db.execute(
            "update deliveries set state = 'new' where state = 'parked' and body is not null"
            " and id in (select value from json_each(?))",
            (_json(list(deliveries)),),
        )
        return cursor.rowcount

    def forget_bodies(self, before: datetime) -> int:
        """Drop kept bodies older than the retention allows."""
        cursor = self._db.execute(
            "update deliveries set body = null"
            " where body is not null and state in ('read', 'ignored') and received_at < ?",
            (stamp(before),),
        )
        return cursor.rowcount

    def forget_parked(self, before: datetime) -> int:
        """Give up on what has been parked for too long; how many deliveries."""
        old = "select distinct delivery from parked where parked_at < ?"
        cursor = self._db.execute(
            f"update deliveries set body = null, state = 'expired' where state = 'parked' and id in ({old})",
            (stamp(before),),
        )
        self._db.execute("delete from parked where parked_at < ?", (stamp(before),))
        return cursor.rowcount

    def hint(self, hints: Iterable[Hint], *, due_at: datetime) -> None:
        """Hints for one thing coalesce; the earliest due time stays."""
        self._db.executemany(
            "insert into hints (account, kind, id, why, due_at) values (?, ?, ?, ?, ?)"
            " on conflict (account, kind, id) do update set due_at = min(due_at, excluded.due_at), heard = heard + 1",
            [(it.ref.account, it.ref.kind, it.ref.id, it.why, stamp(due_at)) for it in hints],
        )

    def hints(self, account: str, *, now: datetime, limit: int) -> list[Wanted]:
        """Those that are due, one kind at a time, oldest first."""
        rows = self._db.execute(
            "select kind, id, why, heard from hints where account = ? and due_at <= ? and kind ="
            " (select kind from hints where account = ? and due_at <= ? order by due_at limit 1)"
            " order by due_at limit ?",
            (account, stamp(now), account, stamp(now), limit),
        )
        return [Wanted(Ref(account, row[0], row[1]), row[2], row[3]) for row in rows]

    def next_hint(self, account: str, *, now: datetime) -> datetime | None:
        """When the next one after now is due."""
        row = self._db.execute(
            "select min(due_at) from hints where account = ? and due_at > ?", (account, stamp(now))
        ).fetchone()
        return unstamp(row[0]) if row[0] else None

    def hints_waiting(self) -> dict[str, int]:
        return dict(self._db.execute("select account, count(*) from hints group by account").fetchall())

    def unhint(self, wanted: Iterable[Wanted]) -> None:
        """They have been read again. One that was hinted at anew meanwhile stays."""
        for it in wanted:
            key = (it.ref.account, it.ref.kind, it.ref.id)
            self._db.execute(
                "delete from hints where account = ? and kind = ? and id = ? and heard = ?", (*key, it.heard)
            )

    def postpone(self, wanted: Iterable[Wanted], *, due_at: datetime) -> None:
        self._db.executemany(
            "update hints set due_at = ? where account = ? and kind = ? and id = ?",
            [(stamp(due_at), it.ref.account, it.ref.kind, it.ref.id) for it in wanted],
        )

    def want(self, account: str, application: str, version: str) -> bool:
        """Note that the evidence of this version of an application is being asked for; False when it already was."""
        cursor = self._db.execute(
            "insert into evidence (account, application, version) values (?, ?, ?) on conflict (account, application)"
            " do update set version = excluded.version where version <> excluded.version",
            (account, application, version),
        )
        return bool(cursor.rowcount)

    def counts(self) -> dict[str, int]:
        """state → deliveries."""
        return dict(self._db.execute("select state, count(*) from deliveries group by state").fetchall())


_SELECT = "select id, account, stream, received_at, headers, body, key from deliveries"


def _kept(row: tuple[int, str, str | None, str, str, bytes | None, str]) -> Kept:
    return Kept(
        row[0],
        Delivery(
            account=row[1],
            stream=row[2],
            received_at=unstamp(row[3]),
            headers=msgspec.json.decode(row[4]),
            body=row[5] or b"",
            id=row[6],
        ),
    )


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
