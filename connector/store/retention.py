"""What is forgotten after a time, some rows at once, so that nobody waits long for the writer. Each says how many it took."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec

from connector.clock import stamp, unstamp
from connector.store.freezes import FROZEN

#: So many of the latest runs stay however old. The very last one must: its number must not be given again.
RUNS = 100


class Retention:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def deliveries(self, before: datetime, *, limit: int) -> int:
        """Rows of what was read and whose body is gone. From then on a repeat is read once more."""
        return self._db.execute(
            "delete from deliveries where id in (select id from deliveries where received_at < ? and body is null"
            " and state in ('read', 'ignored', 'expired') order by id limit ?)",
            (stamp(before), limit),
        ).rowcount

    def runs(self, before: datetime, *, limit: int) -> int:
        """Pulls that ended, or that were killed. Applied plans stay: they can be taken back."""
        return self._db.execute(
            "delete from runs where id in (select id from runs where kind = 'sync' and coalesce(ended_at, started_at) < ?"
            " and id not in (select id from runs order by id desc limit ?)"
            " and id not in (select walk_run from watermarks where walk_until is not null) order by id limit ?)",
            (stamp(before), RUNS, limit),
        ).rowcount

    def attempts(self, before: datetime, *, limit: int) -> int:
        """How acts that are over were tried. Those of dead letters stay for whoever looks into them."""
        return self._db.execute(
            "delete from attempts where (action, n) in (select a.action, a.n from attempts a join outbox o on o.id = a.action"
            f" where {_OVER} limit ?)",
            (stamp(before), limit),
        ).rowcount

    def actions(self, before: datetime, *, limit: int) -> int:
        """What acts that are over said, and to whom. One that was sent keeps its key, so that it is never done again, and
        its person and time, by which a platform's echo of it is known. One that was cancelled never happened."""
        stripped = self._db.execute(
            "update outbox set subject = null, args = '{}', receipt = null, outcome = '' where id in (select o.id from outbox o"
            f" where {_OVER} and o.state = 'sent' and o.args <> '{{}}' limit ?)",
            (stamp(before), limit),
        ).rowcount
        cancelled = [
            row[0]
            for row in self._db.execute(
                f"select o.id from outbox o where {_OVER} and o.state = 'cancelled' limit ?", (stamp(before), limit)
            )
        ]
        ids = _json(cancelled)
        self._db.execute("delete from attempts where action in (select value from json_each(?))", (ids,))
        self._db.execute("delete from outbox where id in (select value from json_each(?))", (ids,))
        return stripped + len(cancelled)

    def messages(self, before: datetime, *, limit: int) -> list[int]:
        """Messages that never went out, and those to people whom nobody knows any more. Returns whom rules may see anew.

        What was sent stays: nobody gets the same piece twice, however many years later."""
        rows = self._db.execute(
            "delete from messages where id in (select id from messages where due_at < ? and (state in ('missed', 'failed')"
            f" or person not in (select id from people)) and person not in ({FROZEN}) limit ?) returning person",
            (stamp(before), limit),
        ).fetchall()
        return [row[0] for row in rows]

    # rules that are in no file any more

    def absent(self, rules: Sequence[str], *, now: datetime) -> dict[str, datetime]:
        """Rules that once answered for somebody or were in force and are not among these, and since when that is known."""
        names = _json(list(rules))
        self._db.execute(
            # one step an index entry, not a row: there is one row for every person and rule
            "with recursive r (rule) as (select min(rule) from standing union all"
            " select (select min(rule) from standing s where s.rule > r.rule) from r where r.rule is not null)"
            " insert or ignore into departed (rule, at) select rule, ? from"
            " (select rule from r where rule is not null union select rule from activations)"
            " where rule not in (select value from json_each(?))",
            (stamp(now), names),
        )
        rows = self._db.execute(
            "select rule, at from departed where rule not in (select value from json_each(?))", (names,)
        )
        return {row[0]: unstamp(row[1]) for row in rows}

    def standing(self, rules: Iterable[str], *, limit: int) -> int:
        """What these answered for people."""
        return self._db.execute(
            "delete from standing where (rule, person) in (select rule, person from standing"
            f" where rule in (select value from json_each(?)) and person not in ({FROZEN}) limit ?)",
            (_json(list(rules)), limit),
        ).rowcount

    def in_force(self, rules: Iterable[str]) -> None:
        """They are not in force any more; and that they left is only remembered while they own something."""
        names = _json(list(rules))
        self._db.execute("delete from activations where rule in (select value from json_each(?))", (names,))
        self._db.execute(
            "delete from departed where rule in (select value from json_each(?))"
            " and rule not in (select r.value from owned o, json_each(o.rules) r)",
            (names,),
        )


#: An act that nothing more becomes of, and on which nothing waits.
_OVER = (
    f"o.settled_at < ? and o.state in ('sent', 'cancelled') and coalesce(o.person, 0) not in ({FROZEN})"
    " and not exists (select 1 from outbox f where f.after = o.key and f.state in ('pending', 'held', 'sending'))"
)


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
