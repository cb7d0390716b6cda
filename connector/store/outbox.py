"""Actions on their way out, and every attempt made at them.

States: held (waits for a person) → pending → sending → sent · dead (a person must look) · cancelled.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import msgspec

from connector.clock import stamp, unstamp
from connector.flow import Action, Verb
from connector.model import Ref

#: How long a claim is good for. Longer than any call may take, the platform's own time limit included.
LEASE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Queued:
    """An action with what the house needs to know of it."""

    action: Action
    rule: str
    #: keep, marketing, service, notice or optout: what the guard judges it as.
    purpose: str
    due_at: datetime
    person: int | None = None
    priority: int = 1
    #: Key of the action that must have been sent before this one.
    after: str | None = None
    state: str = "pending"
    attempts: int = 0
    row: int = 0
    token: int = 0
    outcome: str = ""
    made_at: datetime | None = None
    settled_at: datetime | None = None
    receipt: dict[str, Any] = field(default_factory=dict)


class Outbox:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def put(self, actions: Iterable[Queued], *, now: datetime, plan: str | None = None) -> int:
        """Enqueue; how many were new. The key is the identity: the same act is never queued twice.

        `plan`: the one a person applied, if they come from it."""
        actions = list(actions)
        before = self._db.total_changes
        self._db.executemany(
            "insert or ignore into outbox"
            " (key, account, verb, person, subject, args, rule, purpose, priority, state, due_at, after, made_at, plan)"
            " values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    it.action.key,
                    it.action.account,
                    it.action.verb.value,
                    it.person,
                    _json(it.action.subject) if it.action.subject else None,
                    _json(it.action.args),
                    it.rule,
                    it.purpose,
                    it.priority,
                    it.state,
                    stamp(it.due_at),
                    it.after,
                    stamp(now),
                    plan,
                )
                for it in actions
            ],
        )
        # a member is only made so, which may be asked for again; what is to follow waits for it to be sent
        self._db.executemany(
            "update outbox set state = 'pending', attempts = 0, due_at = ?, person = ?, rule = ?, settled_at = null"
            " where key = ? and state in ('cancelled', 'dead')",
            [
                (stamp(it.due_at), it.person, it.rule, it.action.key)
                for it in actions
                if it.action.verb is Verb.UPSERT_MEMBER
            ],
        )
        return self._db.total_changes - before

    def due(self, account: str, *, now: datetime, limit: int, urgent: bool = False) -> list[Queued]:
        """The next actions of one verb that may go: at most one a person, in order, opt-outs first (`urgent`: only those)."""
        rows = self._db.execute(
            f"{_SELECT} o where account = :account and state = 'pending' and due_at <= :now"
            " and (priority = 0 or not :urgent)"
            " and (after is null or exists (select 1 from outbox b where b.key = o.after and b.state = 'sent'))"
            # without the hint the planner counts up through every row before this one
            " and not exists (select 1 from outbox e indexed by outbox_person"
            "  where e.person = o.person and e.account = o.account and e.id < o.id"
            "  and e.state in ('pending', 'sending', 'held')"
            "  and (e.state = 'sending' or (e.state = 'pending' and e.priority <= o.priority"
            "   and (e.due_at <= :now or e.attempts > 0))))"
            " order by priority, due_at, id limit :limit",
            {"account": account, "now": stamp(now), "limit": limit, "urgent": int(urgent)},
        )
        found = [_queued(row) for row in rows]
        return [it for it in found if it.action.verb is found[0].action.verb and it.priority == found[0].priority]

    def ready(self, account: str, *, now: datetime, urgent: bool = False) -> bool:
        """May there be something for `due`, or a lapsed claim: a glance that is cheap enough to be asked all day."""
        row = self._db.execute(
            "select exists (select 1 from outbox where account = ?1 and state = 'pending' and due_at <= ?2"
            "  and priority in (0, ?3))"
            " or exists (select 1 from outbox where state = 'sending' and account = ?1 and leased_until < ?2)",
            (account, stamp(now), 0 if urgent else 1),
        ).fetchone()
        return bool(row[0])

    def claim(self, rows: Sequence[int], *, token: int, now: datetime) -> None:
        """Take them for sending. The attempt is counted now, so that an act that kills the process runs out too."""
        ids = _json(list(rows))
        self._db.execute(
            "update outbox set state = 'sending', attempts = attempts + 1, token = ?, leased_until = ?"
            " where id in (select value from json_each(?)) and state = 'pending'",
            (token, stamp(now + LEASE), ids),
        )
        self._db.execute(
            # numbered on from those before a person said `retry`, which counts from 0 again
            "insert into attempts (action, n, started_at)"
            " select id, 1 + coalesce((select max(n) from attempts a where a.action = o.id), 0), ? from outbox o"
            " where id in (select value from json_each(?)) and state = 'sending' and token = ?"
            " and not exists (select 1 from attempts a where a.action = o.id and a.ended_at is null)",
            (stamp(now), ids, token),
        )

    def settle(
        self,
        row: int,
        *,
        token: int,
        state: str,
        outcome: str,
        now: datetime,
        due_at: datetime | None = None,
        give_back: bool = False,
        receipt: dict[str, Any] | None = None,
    ) -> bool:
        """End an attempt. False when the claim was lost to another holder meanwhile: then nothing changes.

        `give_back`: we were told to wait, which is not failing, so the attempt is not counted."""
        done = self._db.execute(
            "update outbox set state = ?, outcome = ?, due_at = coalesce(?, due_at), attempts = attempts - ?,"
            " token = null, leased_until = null, receipt = coalesce(?, receipt),"
            " settled_at = case when ? in ('sent', 'dead', 'cancelled') then ? end"
            " where id = ? and state = 'sending' and token = ?",
            (
                state,
                outcome[:300],
                stamp(due_at) if due_at else None,
                int(give_back),
                _json(receipt) if receipt is not None else None,
                state,
                stamp(now),
                row,
                token,
            ),
        ).rowcount
        if done and give_back:
            self._db.execute("delete from attempts where action = ? and ended_at is null", (row,))
        elif done:
            self._db.execute(
                "update attempts set ended_at = ?, outcome = ? where action = ? and ended_at is null",
                (stamp(now), outcome[:300], row),
            )
        if done and state in ("dead", "cancelled"):
            self.cancel_followers(row, now=now)
        return bool(done)

    def rescue(self, *, account: str, now: datetime, doubtful: Sequence[Verb] = (), tries: int = 6) -> int:
        """Claims whose holder died are due again. Left to a person: those that cannot be looked up, and those that were
        tried `tries` times, because it may be they that kill whoever tries."""
        doubt = _json([verb.value for verb in doubtful])
        rows = self._db.execute(
            "select id, verb in (select value from json_each(?)), attempts from outbox"
            " where state = 'sending' and account = ? and leased_until < ?",
            (doubt, account, stamp(now)),
        ).fetchall()
        for row, in_doubt, attempts in rows:
            over = in_doubt or attempts >= tries
            outcome = "may have been sent; not repeated" if in_doubt else f"claim lapsed, {attempts} times tried"
            self._db.execute(
                "update outbox set state = ?, outcome = ?, token = null, leased_until = null, settled_at = ? where id = ?",
                ("dead" if over else "pending", outcome, stamp(now) if over else None, row),
            )
            self._db.execute(
                "update attempts set ended_at = ?, outcome = ? where action = ? and ended_at is null",
                (stamp(now), outcome, row),
            )
            if over:
                self.cancel_followers(row, now=now)
        return len(rows)

    def lapse(self, account: str) -> None:
        """We hold the lane and nothing of ours is under way: whatever is still claimed was a dead holder's."""
        self._db.execute("update outbox set leased_until = '' where account = ? and state = 'sending'", (account,))

    def cancel_followers(self, row: int, *, now: datetime) -> None:
        """What was to come after an act that never happened does not happen either."""
        self._db.execute(
            "with recursive f (key) as (select key from outbox where id = ?"
            " union select o.key from outbox o join f on o.after = f.key)"
            " update outbox set state = 'cancelled', outcome = 'what came before it was not sent', settled_at = ?"
            " where key in (select key from f) and id <> ? and state in ('pending', 'held')",
            (row, stamp(now), row),
        )

    def cancel(self, rows: Iterable[int], *, why: str, now: datetime) -> None:
        for row in rows:
            done = self._db.execute(
                "update outbox set state = 'cancelled', outcome = ?, settled_at = ?"
                " where id = ? and state in ('pending', 'held')",
                (why[:300], stamp(now), row),
            ).rowcount
            if done:
                self.cancel_followers(row, now=now)

    def lapsed(self, account: str, *, now: datetime) -> list[Queued]:
        """Claims that nobody holds any more."""
        rows = self._db.execute(
            f"{_SELECT} where state = 'sending' and account = ? and leased_until < ?", (account, stamp(now))
        )
        return [_queued(row) for row in rows]

    def followers(self, row: int) -> list[Queued]:
        """What was cancelled because this one was never sent."""
        rows = self._db.execute(
            "with recursive f (key) as (select key from outbox where id = ?"
            " union select o.key from outbox o join f on o.after = f.key)"
            f" {_SELECT} where key in (select key from f) and id <> ? and state = 'cancelled' order by id",
            (row, row),
        )
        return [_queued(found) for found in rows]

    def succeed(self, account: str, loser: str, winner: str) -> None:
        """The platform made two candidate records one: what waits for the lost one goes to the other."""
        before, after = (_json(Ref(account, "candidate", id_)) for id_ in (loser, winner))
        self._db.execute(
            "update outbox set subject = ? where account = ? and subject = ? and state in ('pending', 'held')",
            (after, account, before),
        )

    def postpone(self, row: int, *, until: datetime, why: str) -> None:
        """The guard says: not now."""
        self._db.execute(
            "update outbox set due_at = ?, outcome = ? where id = ? and state = 'pending'",
            (stamp(until), why[:300], row),
        )

    def retry(self, rows: Sequence[int], *, now: datetime) -> int:
        """A person looked at dead letters and wants them tried again."""
        return self._db.execute(
            "update outbox set state = 'pending', attempts = 0, due_at = ?, settled_at = null"
            " where state = 'dead' and id in (select value from json_each(?))",
            (stamp(now), _json(list(rows))),
        ).rowcount

    def of_person(self, person: int) -> list[Queued]:
        """What still waits for this person."""
        rows = self._db.execute(f"{_SELECT} o where person = ? and state in ('pending', 'sending', 'held')", (person,))
        return [_queued(row) for row in rows]

    def of_plan(self, plan: str) -> list[Queued]:
        """Everything an applied plan asked for, in order."""
        return [_queued(row) for row in self._db.execute(f"{_SELECT} o where plan = ? order by id", (plan,))]

    def mailed(self, people: Collection[int], *, now: datetime) -> list[Queued]:
        """Tags, on their way or there already, that put these people into mailings that have not gone out."""
        rows = self._db.execute(
            f"{_SELECT} o where person in (select value from json_each(?)) and verb = 'add_tag' and purpose = 'marketing'"
            " and state in ('sending', 'sent') and exists (select 1 from messages m"
            "  where m.id = json_extract(o.args, '$.message')"
            "  and (m.state = 'queued' or (m.state = 'sent' and m.due_at > ?))) order by id",
            (_json(list(people)), stamp(now)),
        )
        return [_queued(row) for row in rows]

    def in_state(self, state: str, *, limit: int = 1000) -> list[Queued]:
        rows = self._db.execute(f"{_SELECT} o where state = ? order by id desc limit ?", (state, limit))
        return [_queued(row) for row in rows]

    def by_key(self, keys: Sequence[str]) -> dict[str, Queued]:
        rows = self._db.execute(f"{_SELECT} o where key in (select value from json_each(?))", (_json(list(keys)),))
        return {it.action.key: it for it in map(_queued, rows)}

    def written(self, people: Sequence[int]) -> dict[int, tuple[datetime, ...]]:
        """person → when platforms took tags and notes of ours for them."""
        found: dict[int, list[datetime]] = {}
        for person, settled_at in self._db.execute(
            "select person, settled_at from outbox where state = 'sent' and verb in ('add_tag', 'remove_tag', 'add_note')"
            " and person in (select value from json_each(?))",
            (_json(list(people)),),
        ):
            found.setdefault(person, []).append(unstamp(settled_at))
        return {person: tuple(moments) for person, moments in found.items()}

    def counts(self) -> dict[str, int]:
        return dict(self._db.execute("select state, count(*) from outbox group by state").fetchall())

    def sent_counts(self) -> dict[tuple[str, str], int]:
        """(account, verb) → how many the platform took."""
        rows = self._db.execute("select account, verb, count(*) from outbox where state = 'sent' group by 1, 2")
        return {(row[0], row[1]): row[2] for row in rows}

    def next_due(self, account: str) -> datetime | None:
        row = self._db.execute(
            "select min(due_at) from outbox where account = ? and state = 'pending'", (account,)
        ).fetchone()
        return unstamp(row[0]) if row and row[0] else None


_SELECT = (
    "select id, key, account, verb, person, subject, args, rule, purpose, priority, state, due_at, after, attempts,"
    " token, outcome, made_at, settled_at, receipt from outbox"
)


def _queued(row: tuple[Any, ...]) -> Queued:
    return Queued(
        row=row[0],
        action=Action(
            key=row[1],
            account=row[2],
            verb=Verb(row[3]),
            subject=msgspec.json.decode(row[5], type=Ref) if row[5] else None,
            args=msgspec.json.decode(row[6]),
        ),
        person=row[4],
        rule=row[7],
        purpose=row[8],
        priority=row[9],
        state=row[10],
        due_at=unstamp(row[11]),
        after=row[12],
        attempts=row[13],
        token=row[14] or 0,
        outcome=row[15],
        made_at=unstamp(row[16]),
        settled_at=unstamp(row[17]) if row[17] else None,
        receipt=msgspec.json.decode(row[18]) if row[18] else {},
    )


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
