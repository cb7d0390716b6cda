"""How far each pull has come, which runs there were, who holds which lane, and where each enrolled person stands."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from connector.clock import stamp, unstamp


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """A window being walked page by page."""

    since: datetime | None
    until: datetime
    full: bool
    page: int
    cursor: str | None
    run: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """How far one stream of one account has come."""

    until: datetime | None = None
    walk: Walk | None = None
    complete_at: datetime | None = None
    pulled_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    id: int
    kind: str
    account: str | None
    started_at: datetime
    ended_at: datetime | None
    state: str
    counts: Mapping[str, int]
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """Why nothing is asked of an account, or of one scope of it."""

    account: str
    #: Empty: the whole account; else a stream's name or a verb.
    scope: str
    why: str
    at: datetime
    #: Tried again from then on.
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolment:
    cadence: str
    person: int
    joined_at: datetime
    #: active, held_out, stopped, finished
    state: str
    #: How many sends are behind this person.
    n: int
    due_at: datetime | None
    why: str
    changed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One mailing to one person. `state`: queued, sent, failed, held_out, missed. Times: due, and sent when it was."""

    id: str
    person: int
    cadence: str
    template: str
    purpose: str
    state: str
    due_at: datetime
    sent_at: datetime | None = None
    why: str = ""
    #: The version of the cadence, and of all rules, that decided on it.
    rule_hash: str = ""
    set_hash: str = ""


class Schedule:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    # pulls

    def mark(self, account: str, stream: str) -> Mark:
        row = self._db.execute(
            "select until, walk_since, walk_until, walk_full, walk_page, walk_cursor, walk_run, complete_at, pulled_at"
            " from watermarks where account = ? and stream = ?",
            (account, stream),
        ).fetchone()
        if row is None:
            return Mark()
        walk = None
        if row[2] is not None:
            walk = Walk(
                since=_maybe(row[1]), until=unstamp(row[2]), full=bool(row[3]), page=row[4], cursor=row[5], run=row[6]
            )
        return Mark(until=_maybe(row[0]), walk=walk, complete_at=_maybe(row[7]), pulled_at=_maybe(row[8]))

    def walk(self, account: str, stream: str, walk: Walk) -> None:
        """Where a walk has come to; in the same transaction as the page it got."""
        self._db.execute(
            "insert into watermarks (account, stream, walk_since, walk_until, walk_full, walk_page, walk_cursor, walk_run)"
            " values (?, ?, ?, ?, ?, ?, ?, ?) on conflict (account, stream) do update set"
            " walk_since = excluded.walk_since, walk_until = excluded.walk_until, walk_full = excluded.walk_full,"
            " walk_page = excluded.walk_page, walk_cursor = excluded.walk_cursor, walk_run = excluded.walk_run",
            (
                account,
                stream,
                stamp(walk.since) if walk.since else None,
                stamp(walk.until),
                int(walk.full),
                walk.page,
                walk.cursor,
                walk.run,
            ),
        )

    def arrive(self, account: str, stream: str, *, until: datetime, complete: bool, now: datetime) -> None:
        """The window is exhausted: only now the watermark moves."""
        self._db.execute(
            "insert into watermarks (account, stream, until, complete_at, whole_since, pulled_at)"
            " values (?1, ?2, ?3, ?4, iif(?4 is null, null, ?5), ?5)"
            " on conflict (account, stream) do update set until = excluded.until, walk_until = null, walk_cursor = null,"
            " complete_at = coalesce(excluded.complete_at, complete_at), pulled_at = excluded.pulled_at,"
            " whole_since = coalesce(whole_since, excluded.whole_since)",
            (account, stream, stamp(until), stamp(until) if complete else None, stamp(now)),
        )

    # runs

    def start(self, kind: str, account: str | None, *, now: datetime, note: str = "") -> int:
        cursor = self._db.execute(
            "insert into runs (kind, account, started_at, state, note) values (?, ?, ?, 'running', ?)",
            (kind, account, stamp(now), note),
        )
        return int(cursor.lastrowid or 0)

    def end(self, run: int, *, state: str, counts: Mapping[str, int], now: datetime, note: str = "") -> None:
        self._db.execute(
            "update runs set state = ?1, counts = ?2, ended_at = ?3, note = case ?4 when '' then note else ?4 end where id = ?5",
            (state, _json(dict(counts)), stamp(now), note, run),
        )

    def runs(self, *, kind: str | None = None, limit: int = 20) -> list[Run]:
        """The latest first."""
        rows = self._db.execute(f"{_RUNS} where ?1 is null or kind = ?1 order by id desc limit ?2", (kind, limit))
        return [_run(row) for row in rows]

    def run(self, id_: int) -> Run | None:
        row = self._db.execute(f"{_RUNS} where id = ?", (id_,)).fetchone()
        return _run(row) if row else None

    # accounts

    def pause(self, account: str, *, scope: str, why: str, now: datetime, until: datetime) -> bool:
        """Ask nothing of this scope ("" : of the whole account) until then. True when this is news, to be told once."""
        news = self._db.execute("select 1 from pauses where account = ? and scope = ?", (account, scope)).fetchone()
        self._db.execute(
            "insert into pauses (account, scope, paused_at, until, why) values (?, ?, ?, ?, ?)"
            " on conflict (account, scope) do update set until = excluded.until, why = excluded.why",
            (account, scope, stamp(now), stamp(until), why),
        )
        return news is None

    def resume(self, account: str, scope: str | None = None) -> None:
        """It works again; `scope` None: everything of the account."""
        self._db.execute("delete from pauses where account = ? and (? is null or scope = ?)", (account, scope, scope))

    def pauses(self) -> list[Pause]:
        rows = self._db.execute("select account, scope, why, paused_at, until from pauses order by account, scope")
        return [
            Pause(account=row[0], scope=row[1], why=row[2], at=unstamp(row[3]), until=unstamp(row[4])) for row in rows
        ]

    # leases

    def lease(self, name: str, holder: str, *, now: datetime, until: datetime) -> int | None:
        """Take or renew a lease; its fencing token, or None while another holds it."""
        row = self._db.execute(
            "insert into leases (name, holder, token, until) values (:name, :holder, 1, :until)"
            " on conflict (name) do update set until = excluded.until, holder = excluded.holder,"
            " token = token + (holder <> excluded.holder)"
            " where holder = excluded.holder or until < :now returning token",
            {"name": name, "holder": holder, "until": stamp(until), "now": stamp(now)},
        ).fetchone()
        return int(row[0]) if row else None

    def release(self, name: str, holder: str) -> None:
        """The row stays, so that the next holder's token is a new one."""
        self._db.execute("update leases set holder = '', until = '' where name = ? and holder = ?", (name, holder))

    # cadences

    def enrol(self, rows: Iterable[Enrolment]) -> None:
        self._db.executemany(
            "insert into enrolments (cadence, person, joined_at, state, n, due_at, why, changed_at)"
            " values (?, ?, ?, ?, ?, ?, ?, ?) on conflict (cadence, person) do update set joined_at = excluded.joined_at,"
            " state = excluded.state, n = excluded.n, due_at = excluded.due_at, why = excluded.why,"
            " changed_at = excluded.changed_at",
            [
                (
                    it.cadence,
                    it.person,
                    stamp(it.joined_at),
                    it.state,
                    it.n,
                    stamp(it.due_at) if it.due_at else None,
                    it.why,
                    stamp(it.changed_at),
                )
                for it in rows
            ],
        )

    def enrolments(self, *, cadence: str | None = None, people: Sequence[int] | None = None) -> list[Enrolment]:
        where, values = ["1"], []
        if cadence is not None:
            where.append("cadence = ?")
            values.append(cadence)
        if people is not None:
            where.append("person in (select value from json_each(?))")
            values.append(_json(list(people)))
        rows = self._db.execute(f"{_ENROLLED} where {' and '.join(where)} order by cadence, person", values)
        return [_enrolment(row) for row in rows]

    def enrolments_due(self, *, now: datetime, limit: int) -> list[Enrolment]:
        rows = self._db.execute(
            f"{_ENROLLED} where state = 'active' and due_at <= ? order by due_at, person limit ?", (stamp(now), limit)
        )
        return [_enrolment(row) for row in rows]

    def withdraw(self, cadences: Sequence[str], since: datetime) -> int:
        """Take back enrolments that were made since then and of which nothing has been sent; how many."""
        return self._db.execute(
            "delete from enrolments where cadence in (select value from json_each(?)) and joined_at >= ?"
            " and not exists (select 1 from messages m where m.person = enrolments.person"
            "  and m.cadence = enrolments.cadence and m.state in ('sent', 'queued'))",
            (_json(list(cadences)), stamp(since)),
        ).rowcount

    def joined_since(self, cadence: str, since: datetime) -> int:
        row = self._db.execute(
            "select count(*) from enrolments where cadence = ? and joined_at >= ?", (cadence, stamp(since))
        ).fetchone()
        return int(row[0])

    def wake(self, person: int, at: datetime) -> None:
        """Look at this person again then."""
        self._db.execute("insert or ignore into wakeups (person, at) values (?, ?)", (person, stamp(at)))

    def woken(self, now: datetime) -> list[int]:
        """Take the people whose time has come."""
        rows = self._db.execute("delete from wakeups where at <= ? returning person", (stamp(now),))
        return [row[0] for row in rows]

    def next_enrolment_due(self) -> datetime | None:
        row = self._db.execute("select min(due_at) from enrolments where state = 'active'").fetchone()
        return _maybe(row[0])

    def message(self, messages: Iterable[Message]) -> None:
        """Write down messages; a repeat of an id changes its state only."""
        self._db.executemany(
            "insert into messages (id, person, purpose, template, cadence, channel, sent, state, due_at, why, rule_hash,"
            " set_hash) values (?, ?, ?, ?, ?, 'email', ?, ?, ?, ?, ?, ?) on conflict (id) do update set state = excluded.state,"
            " sent = coalesce(excluded.sent, sent), why = excluded.why",
            [
                (it.id, it.person, it.purpose, it.template, it.cadence, stamp(it.sent_at) if it.sent_at else None, it.state,
                 stamp(it.due_at), it.why, it.rule_hash, it.set_hash)
                for it in messages
            ],
        )  # fmt: skip

    def mark_messages(self, prefix: str, *, state: str, sent_at: datetime | None, why: str = "") -> list[int]:
        """All queued messages whose id begins so; the people they concern."""
        rows = self._db.execute(
            "update messages set state = ?, sent = coalesce(?, sent), why = ? where state = 'queued'"
            " and id >= ? and id < ? returning person",
            (state, stamp(sent_at) if sent_at else None, why, prefix, f"{prefix}{_LAST}"),
        )
        return [row[0] for row in rows]

    def unsend(self, message: str, *, why: str) -> None:
        """A message that was handed over does not go out after all."""
        self._db.execute(
            "update messages set state = 'failed', sent = null, why = ? where id = ? and state in ('queued', 'sent')",
            (why, message),
        )

    def abandoned(self, prefix: str) -> bool:
        """There were messages whose id begins so, and none of them is to be sent any more."""
        rows = self._db.execute(
            "select distinct state from messages where id >= ? and id < ?", (prefix, f"{prefix}{_LAST}")
        )
        states = {row[0] for row in rows}
        return bool(states) and states.isdisjoint(("queued", "sent"))

    def last_sent(self, person: int) -> datetime | None:
        row = self._db.execute("select max(sent) from messages where person = ?", (person,)).fetchone()
        return _maybe(row[0])

    def sent_since(self, person: int, since: datetime, *, marketing: bool, but: str | None) -> list[datetime]:
        """When this person was last written to: what was sent, and what is on its way; except message `but`."""
        rows = self._db.execute(
            "select coalesce(sent, due_at) from messages where person = ? and state in ('sent', 'queued')"
            " and coalesce(sent, due_at) >= ? and id <> ? and (not ? or purpose = 'marketing')",
            (person, stamp(since), but or "", int(marketing)),
        )
        return [unstamp(row[0]) for row in rows]

    def messages(self, person: int) -> list[Message]:
        rows = self._db.execute(
            "select id, person, cadence, template, purpose, state, due_at, sent, why, rule_hash, set_hash from messages"
            " where person = ? order by due_at, id",
            (person,),
        )
        return [
            Message(
                id=row[0],
                person=row[1],
                cadence=row[2],
                template=row[3],
                purpose=row[4],
                state=row[5],
                due_at=unstamp(row[6]),
                sent_at=_maybe(row[7]),
                why=row[8],
                rule_hash=row[9],
                set_hash=row[10],
            )
            for row in rows
        ]


#: Sorts after every character that an id can go on with.
_LAST = "\U0010ffff"
_ENROLLED = "select cadence, person, joined_at, state, n, due_at, why, changed_at from enrolments"


_RUNS = "select id, kind, account, started_at, ended_at, state, counts, note from runs"


def _run(row: tuple[int, str, str | None, str, str | None, str, str, str]) -> Run:
    return Run(
        id=row[0],
        kind=row[1],
        account=row[2],
        started_at=unstamp(row[3]),
        ended_at=_maybe(row[4]),
        state=row[5],
        counts=msgspec.json.decode(row[6]),
        note=row[7],
    )


def _enrolment(row: tuple[str, int, str, str, int, str | None, str, str]) -> Enrolment:
    return Enrolment(
        cadence=row[0],
        person=row[1],
        joined_at=unstamp(row[2]),
        state=row[3],
        n=row[4],
        due_at=_maybe(row[5]),
        why=row[6],
        changed_at=unstamp(row[7]),
    )


def _maybe(text: str | None) -> datetime | None:
    return unstamp(text) if text else None


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
