"""Deliveries, what of them is parked, and hints of what to read again."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from connector.clock import stamp, unstamp
from connector.flow import Delivery, Hint, Spoiled
from connector.model import Ref

#: Headers worth keeping after verification. Never a signature, a credential or an address.
KEPT_HEADERS = ("content-type", "greenhouse-event-id")


#: Bytes of bodies that are read together: a page of 500 rows becomes twenty times as much while it is looked at.
TOGETHER = 1 << 20


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
    #: How often the platform refused to give it, and what it said last.
    refusals: int = 0
    refused: str = ""
    due_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Parked:
    row: int
    #: The latest that had it.
    delivery: int
    account: str
    stream: str | None
    path: str
    wanted: str
    came: str
    #: Its own id, where that could be read; else empty.
    item: str
    #: What to ask the platform for to get it once more.
    again: Ref | None
    parked_at: datetime


@dataclass(frozen=True, slots=True)
class Parking:
    """What became of the complaints about one delivery."""

    #: Never seen before, or other than before.
    new: int
    #: Those that are now kept with this delivery.
    here: int


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
        """Those not read yet, oldest first; fewer than `limit` where their bodies are large."""
        found: list[Kept] = []
        size = 0
        for row in self._db.execute(f"{_SELECT} where state = 'new' order by id limit ?", (limit,)):
            found.append(_kept(row))
            size += len(found[-1].delivery.body)
            if size >= TOGETHER:
                break
        return found

    def get(self, row: int) -> Kept | None:
        found = self._db.execute(f"{_SELECT} where id = ? and body is not null", (row,)).fetchone()
        return _kept(found) if found else None

    def settle(self, row: int, *, state: str, note: str = "", keep_body: bool = False) -> None:
        """`state`: read, ignored or parked. The body goes as soon as it has been read, unless it is to be kept."""
        body = "" if keep_body or state == "parked" else ", body = null"
        self._db.execute(f"update deliveries set state = ?, note = ?{body} where id = ?", (state, note[:200], row))

    def park(self, row: int, spoiled: Sequence[Spoiled], *, now: datetime, keep_body: bool = False) -> Parking:
        """Keep what could not be read of a delivery, in place of what an earlier reading of it complained of.

        The same item is kept once, with the latest delivery that had it: in the same bytes it stays parked since it
        first was, changed it is parked anew. Older deliveries that hold nothing any more count as read."""
        account, stream = self._db.execute(
            "select account, coalesce(stream, '') from deliveries where id = ?", (row,)
        ).fetchone()
        since: dict[str, str] = dict(
            self._db.execute("select digest, parked_at from parked where delivery = ?", (row,)).fetchall()
        )
        self._db.execute("delete from parked where delivery = ?", (row,))
        new = here = 0
        emptied: set[int] = set()
        for it in {one.digest: one for one in spoiled}.values():
            held = self._db.execute(
                "select id, delivery, digest, parked_at from parked where account = ?2 and stream = ?3 and digest = ?1"
                " and delivery <> ?4 union select id, delivery, digest, parked_at from parked"
                " where account = ?2 and stream = ?3 and item = ?5 and item <> '' and delivery <> ?4",
                (it.digest, account, stream, row, it.item),
            ).fetchall()
            if any(delivery > row for _, delivery, _, _ in held):
                continue  # an old page read again: how the item stands since is known already
            since |= {digest: at for _, _, digest, at in held if digest == it.digest}
            self._db.executemany("delete from parked where id = ?", [(id_,) for id_, *_ in held])
            emptied |= {delivery for _, delivery, *_ in held}
            again = (it.again.kind, it.again.id) if it.again else (None, None)
            at = since.get(it.digest, stamp(now))
            self._db.execute(
                "insert into parked (delivery, account, stream, path, wanted, came, digest, item, again_kind, again_id,"
                " parked_at) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (row, account, stream, it.path, it.wanted, it.came, it.digest, it.item, *again, at),
            )
            here, new = here + 1, new + (it.digest not in since)
        self._let_go(emptied, keep_body=keep_body)
        return Parking(new, here)

    def unpark(self, row: int, read: Collection[str], gone: Collection[Ref] = (), *, keep_body: bool = False) -> int:
        """A delivery could read these items of its stream, or says that they are gone: older complaints are settled."""
        account, stream = self._db.execute(
            "select account, coalesce(stream, '') from deliveries where id = ?", (row,)
        ).fetchone()
        ended: set[tuple[int, int]] = set()
        if read and self.any_parked(account, stream):
            ended.update(
                self._db.execute(
                    "select id, delivery from parked where account = ? and stream = ? and item <> '' and delivery <= ?"
                    " and item in (select value from json_each(?))",
                    (account, stream, row, _json(list(read))),
                )
            )
        for ref in gone:
            ended.update(
                self._db.execute(
                    "select id, delivery from parked where account = ? and again_kind = ? and again_id = ?"
                    " and again_kind is not null and delivery <= ?",
                    (account, ref.kind, ref.id, row),
                )
            )
        return self._end(sorted(ended), keep_body=keep_body)

    def unpark_older(self, account: str, stream: str, walk: str, *, keep_body: bool = False) -> int:
        """Deliveries whose id begins with `walk` listed everything: what was parked before and not met again is over."""
        rows = self._db.execute(
            "select id, delivery from parked where account = ? and stream = ? and delivery <"
            " (select min(id) from deliveries where account = ? and key >= ? and key < ?)",
            (account, stream, account, walk, f"{walk}\U0010ffff"),
        )
        return self._end(rows.fetchall(), keep_body=keep_body)

    def _end(self, entries: Sequence[tuple[int, int]], *, keep_body: bool) -> int:
        self._db.executemany("delete from parked where id = ?", [(id_,) for id_, _ in entries])
        self._let_go({delivery for _, delivery in entries}, keep_body=keep_body)
        return len(entries)

    def _let_go(self, deliveries: Iterable[int], *, keep_body: bool) -> None:
        """Those of which nothing is parked any more have been read."""
        body = "" if keep_body else ", body = null"
        self._db.executemany(
            f"update deliveries set state = 'read'{body} where id = ? and state = 'parked'"
            " and not exists (select 1 from parked where delivery = deliveries.id)",
            [(delivery,) for delivery in sorted(deliveries)],
        )

    def parked(self, *, limit: int = 1000) -> list[Parked]:
        rows = self._db.execute(
            "select id, delivery, account, stream, path, wanted, came, item, again_kind, again_id, parked_at"
            " from parked order by parked_at, id limit ?",
            (limit,),
        )
        return [
            Parked(
                row=row[0],
                delivery=row[1],
                account=row[2],
                stream=row[3] or None,
                path=row[4],
                wanted=row[5],
                came=row[6],
                item=row[7],
                again=Ref(row[2], row[8], row[9]) if row[8] else None,
                parked_at=unstamp(row[10]),
            )
            for row in rows
        ]

    def any_parked(self, account: str, stream: str) -> bool:
        """Is anything of this stream parked."""
        row = self._db.execute(
            "select exists (select 1 from parked where account = ? and stream = ?)", (account, stream)
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
        old = self._db.execute("select distinct delivery from parked where parked_at < ?", (stamp(before),)).fetchall()
        self._db.execute("delete from parked where parked_at < ?", (stamp(before),))
        cursor = self._db.executemany(
            "update deliveries set body = null, state = 'expired' where id = ? and state = 'parked'"
            " and not exists (select 1 from parked where delivery = deliveries.id)",
            old,
        )
        return max(cursor.rowcount, 0)

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
            f"{_WANTED} where account = ? and due_at <= ? and kind ="
            " (select kind from hints where account = ? and due_at <= ? order by due_at limit 1)"
            " order by due_at limit ?",
            (account, stamp(now), account, stamp(now), limit),
        )
        return [_wanted(row) for row in rows]

    def refused(self, *, limit: int = 100) -> list[Wanted]:
        """What platforms refuse to give us, the longest first."""
        rows = self._db.execute(
            f"{_WANTED} where refusals > 0 order by refusals desc, account, kind, id limit ?", (limit,)
        )
        return [_wanted(row) for row in rows]

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

    def refuse(self, wanted: Iterable[Wanted], *, why: str, due_at: datetime) -> None:
        """The platform does not give us these: they wait, and it is counted."""
        self._db.executemany(
            "update hints set due_at = ?, refusals = refusals + 1, refused = ? where account = ? and kind = ? and id = ?",
            [(stamp(due_at), why[:200], it.ref.account, it.ref.kind, it.ref.id) for it in wanted],
        )

    def want(self, account: str, application: str, version: str) -> bool:
        """Note that the evidence of this version of an application is being asked for; False when it already was."""
        cursor = self._db.execute(
            "insert into evidence (account, application, version) values (?, ?, ?) on conflict (account, application)"
            " do update set version = excluded.version where version <> excluded.version",
            (account, application, version),
        )
        return bool(cursor.rowcount)

    def heard(self, account: str, event: str, *, at: datetime) -> None:
        """This kind of event came in at the door then; an older word changes nothing."""
        self._db.execute(
            "insert into heard (account, event, at) values (?, ?, ?)"
            " on conflict (account, event) do update set at = max(at, excluded.at)",
            (account, event, stamp(at)),
        )

    def hearings(self, account: str) -> dict[str, datetime]:
        """Kind of event → when it last came in at the door."""
        rows = self._db.execute("select event, at from heard where account = ?", (account,))
        return {row[0]: unstamp(row[1]) for row in rows}

    def counts(self) -> dict[str, int]:
        """state → deliveries."""
        return dict(self._db.execute("select state, count(*) from deliveries group by state").fetchall())


_WANTED = "select account, kind, id, why, heard, refusals, refused, due_at from hints"


def _wanted(row: tuple[str, str, str, str, int, int, str, str]) -> Wanted:
    return Wanted(Ref(row[0], row[1], row[2]), row[3], row[4], row[5], row[6], unstamp(row[7]))


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
