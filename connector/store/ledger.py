"""What was decided, what we put where, what a person took away again, and who said no."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from connector.clock import stamp, unstamp
from connector.store.keyed import Key
from connector.store.objections import Objections


@dataclass(frozen=True, slots=True, kw_only=True)
class Owned:
    """One tag or pool on one platform record. `state`: ours, theirs, adding, removing."""

    account: str
    #: `Ref.id` of the candidate, or the member's address.
    subject: str
    kind: str
    key: str
    person: int
    rules: tuple[str, ...]
    state: str
    rule_hash: str
    added_at: datetime
    receipt: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """One decision that changed or sent something, or would have (`mode` shadow)."""

    rule: str
    person: int
    occasion: str
    rule_hash: str
    set_hash: str
    clock: datetime
    answer: bool | None
    line: str
    mode: str
    plan: str | None = None


@dataclass(frozen=True, slots=True)
class Activation:
    hash: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Standing:
    """The answer a rule gives for a person, and since when. True, False (while it lingers) or None.

    `was`: it is unknown now, and was a yes before, which lingers once it turns out to be a no."""

    answer: bool | None
    since: datetime
    was: bool = False


@dataclass(frozen=True, slots=True)
class Veto:
    """A person took our tag or pool off on a platform (`by` its account), so it stays off."""

    person: int
    kind: str
    key: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Suppression:
    """An opt-out learnt. `identity` e:address or c:account:candidate, of which only a keyed hash is stored; `scope`
    everything or marketing."""

    identity: str
    scope: str
    source: str
    reason: str
    learnt_at: datetime


class Ledger:
    def __init__(self, connection: sqlite3.Connection, key: Key) -> None:
        self._db = connection
        self._key = key

    # which rules are in force

    def activate(self, hashes: Mapping[str, str], *, set_hash: str, now: datetime, plan: str) -> None:
        """From now on these rules act in this version. The moment stays while the version does: what happened before a
        version was approved is no occasion for it."""
        self._db.executemany(
            "insert into activations (rule, hash, set_hash, activated_at, plan) values (?, ?, ?, ?, ?)"
            " on conflict (rule) do update set set_hash = excluded.set_hash, plan = excluded.plan, hash = excluded.hash,"
            " activated_at = case when hash = excluded.hash then activated_at else excluded.activated_at end",
            [(rule, hash_, set_hash, stamp(now), plan) for rule, hash_ in hashes.items()],
        )

    def activations(self) -> dict[str, Activation]:
        rows = self._db.execute("select rule, hash, activated_at from activations")
        return {row[0]: Activation(row[1], unstamp(row[2])) for row in rows}

    def rename(self, old: str, new: str) -> None:
        """A rule has another name now: everything it did and keeps goes along, so that nothing is done twice."""
        for table in ("activations", "standing", "decisions", "outbox"):
            self._db.execute(f"update or ignore {table} set rule = ? where rule = ?", (new, old))
        for table in ("enrolments", "messages"):
            self._db.execute(f"update or ignore {table} set cadence = ? where cadence = ?", (new, old))
        self._db.execute(
            "update owned set rules = (select json_group_array(case when value = ?2 then ?1 else value end)"
            " from json_each(rules)) where exists (select 1 from json_each(rules) where value = ?2)",
            (new, old),
        )
        self._db.execute("delete from departed where rule = ?", (old,))

    # answers that stand

    def standing(self, people: Sequence[int]) -> dict[tuple[str, int], Standing]:
        rows = self._db.execute(
            "select rule, person, answer, since, was from standing where person in (select value from json_each(?))",
            (_json(list(people)),),
        )
        return {(row[0], row[1]): _stands(*row[2:]) for row in rows}

    def standing_of(self, rule: str) -> dict[int, Standing]:
        """person → what stands of one rule."""
        rows = self._db.execute("select person, answer, since, was from standing where rule = ?", (rule,))
        return {row[0]: _stands(*row[1:]) for row in rows}

    def stand(self, answers: Iterable[tuple[str, int, Standing]]) -> None:
        self._db.executemany(
            "insert into standing (rule, person, answer, since, was) values (?, ?, ?, ?, ?) on conflict (rule, person)"
            " do update set answer = excluded.answer, since = excluded.since, was = excluded.was",
            [
                (rule, person, None if it.answer is None else int(it.answer), stamp(it.since), int(it.was))
                for rule, person, it in answers
            ],
        )

    def unstand(self, pairs: Iterable[tuple[str, int]]) -> None:
        self._db.executemany("delete from standing where rule = ? and person = ?", pairs)

    def stood(self, rule: str, answer: bool, since: datetime, until: datetime) -> list[int]:
        """People for whom a rule has answered so since some moment between these."""
        rows = self._db.execute(
            "select person from standing where rule = ? and answer = ? and since between ? and ?",
            (rule, int(answer), stamp(since), stamp(until)),
        )
        return [row[0] for row in rows]

    def missing(self, rules: Sequence[str], *, now: datetime) -> dict[str, datetime]:
        """Rules that own things but are in no file any more, and since when we have known that."""
        names = _json(list(rules))
        gone = [
            row[0]
            for row in self._db.execute(
                "select distinct r.value from owned o, json_each(o.rules) r"
                " where r.value not in (select value from json_each(?))",
                (names,),
            )
        ]
        if not gone and not self.departed():
            return {}
        self._db.execute("delete from departed where rule in (select value from json_each(?))", (names,))
        self._db.executemany(
            "insert or ignore into departed (rule, at) values (?, ?)", [(rule, stamp(now)) for rule in gone]
        )
        return self.departed()

    def departed(self) -> dict[str, datetime]:
        """What `missing` noted when it last looked."""
        return {row[0]: unstamp(row[1]) for row in self._db.execute("select rule, at from departed")}

    # what is ours

    def owned(self, people: Sequence[int]) -> list[Owned]:
        rows = self._db.execute(
            f"{_OWNED} where person in (select value from json_each(?)) order by account, subject, kind, key",
            (_json(list(people)),),
        )
        return [_owned(row) for row in rows]

    def all_owned(self) -> list[Owned]:
        return [_owned(row) for row in self._db.execute(f"{_OWNED} order by account, subject, kind, key")]

    def owned_counts(self) -> dict[tuple[str, str], int]:
        """(rule, account) → how many it keeps there."""
        found: dict[tuple[str, str], int] = {}
        for rules, account, count in self._db.execute(
            "select rules, account, count(*) from owned where state in ('ours', 'adding') group by rules, account"
        ):
            for rule in msgspec.json.decode(rules):
                found[rule, account] = found.get((rule, account), 0) + count
        return found

    def kept_by_rule(self) -> list[tuple[str, str, str, int]]:
        """(rule, tag or pool, key, for how many people)."""
        return self._db.execute(
            "select r.value, o.kind, o.key, count(distinct o.person) from owned o, json_each(o.rules) r"
            " where o.state in ('ours', 'adding') group by 1, 2, 3 order by 1, 2, 3"
        ).fetchall()

    def own(self, rows: Iterable[Owned]) -> None:
        self._db.executemany(
            "insert into owned (account, subject, kind, key, person, rules, state, added_at, rule_hash, receipt)"
            " values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict (account, subject, kind, key) do update set"
            " person = excluded.person, rules = excluded.rules, state = excluded.state,"
            " rule_hash = excluded.rule_hash, receipt = coalesce(excluded.receipt, receipt)",
            [
                (
                    it.account,
                    it.subject,
                    it.kind,
                    it.key,
                    it.person,
                    _json(list(it.rules)),
                    it.state,
                    stamp(it.added_at),
                    it.rule_hash,
                    it.receipt,
                )
                for it in rows
            ],
        )

    def confirm(
        self, account: str, subject: str, kind: str, key: str, *, theirs: bool, receipt: str | None, now: datetime
    ) -> None:
        """The platform has it. `theirs`: it was there before us, so it is never ours to remove."""
        self._db.execute(
            "update owned set state = ?, receipt = coalesce(?, receipt), added_at = ?"
            " where account = ? and subject = ? and kind = ? and key = ? and state = 'adding'",
            ("theirs" if theirs else "ours", receipt, stamp(now), account, subject, kind, key),
        )

    def disown(self, account: str, subject: str, kind: str, key: str) -> None:
        self._db.execute(
            "delete from owned where account = ? and subject = ? and kind = ? and key = ?",
            (account, subject, kind, key),
        )

    def part(self, person: int) -> None:
        """The person is gone: nothing of theirs is ours to keep up any more."""
        for table in ("owned", "standing", "vetoes", "enrolments", "doubts"):
            self._db.execute(f"delete from {table} where person = ?", (person,))

    def veto(self, person: int, kind: str, key: str, *, by: str, now: datetime, facts: Mapping[str, str]) -> None:
        """A human took our tag off: it stays off until what a rule read changes. `facts`: rule → hash of that."""
        self._db.execute(
            "insert or replace into vetoes (person, kind, key, by, at, facts) values (?, ?, ?, ?, ?, ?)",
            (person, kind, key, by, stamp(now), _json(facts)),
        )

    def vetoes(self, people: Sequence[int]) -> dict[tuple[int, str, str], dict[str, str]]:
        """(person, kind, key) → rule → hash of the facts it read at that time."""
        rows = self._db.execute(
            "select person, kind, key, facts from vetoes where person in (select value from json_each(?))",
            (_json(list(people)),),
        )
        return {(row[0], row[1], row[2]): msgspec.json.decode(row[3]) for row in rows}

    def all_vetoes(self) -> list[Veto]:
        """The latest first."""
        rows = self._db.execute("select person, kind, key, by, at from vetoes order by at desc, person, kind, key")
        return [Veto(row[0], row[1], row[2], row[3], unstamp(row[4])) for row in rows]

    def release(self, rule: str) -> int:
        """What only this rule kept stays where it is and is ours no more; how many."""
        self._db.execute(
            "update owned set rules = (select json_group_array(value) from json_each(rules) where value <> ?1)"
            " where json_array_length(rules) > 1 and exists (select 1 from json_each(rules) where value = ?1)",
            (rule,),
        )
        return self._db.execute("delete from owned where rules = ?", (_json([rule]),)).rowcount

    def lift(self, person: int, kind: str, key: str) -> None:
        self._db.execute("delete from vetoes where person = ? and kind = ? and key = ?", (person, kind, key))

    # decisions

    def decide(self, decisions: Iterable[Decided]) -> None:
        self._db.executemany(
            "insert or ignore into decisions"
            " (rule, person, occasion, rule_hash, set_hash, clock, answer, line, mode, plan)"
            " values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (it.rule, it.person, it.occasion, it.rule_hash, it.set_hash, stamp(it.clock),
                 None if it.answer is None else int(it.answer), it.line, it.mode, it.plan)
                for it in decisions
            ],
        )  # fmt: skip

    def occasions(self, people: Sequence[int]) -> dict[tuple[str, int], dict[str, datetime]]:
        """(rule, person) → occasion → when it was decided. What was decided in shadow was not done."""
        found: dict[tuple[str, int], dict[str, datetime]] = {}
        for rule, person, occasion, clock in self._db.execute(
            "select rule, person, occasion, clock from decisions where mode <> 'shadow'"
            " and person in (select value from json_each(?))",
            (_json(list(people)),),
        ):
            found.setdefault((rule, person), {})[occasion] = unstamp(clock)
        return found

    def decisions(self, person: int, *, limit: int = 50) -> list[Decided]:
        rows = self._db.execute(
            "select rule, person, occasion, rule_hash, set_hash, clock, answer, line, mode, plan from decisions"
            " where person = ? order by id desc limit ?",
            (person, limit),
        )
        return [
            Decided(
                rule=row[0],
                person=row[1],
                occasion=row[2],
                rule_hash=row[3],
                set_hash=row[4],
                clock=unstamp(row[5]),
                answer=None if row[6] is None else bool(row[6]),
                line=row[7],
                mode=row[8],
                plan=row[9],
            )
            for row in rows
        ]

    def decided_since(self, rule: str, answer: bool, since: datetime) -> int:
        """How many such changes a rule made by itself since then: what its limit counts. Applied plans are no part of it."""
        row = self._db.execute(
            "select count(*) from decisions where rule = ? and answer = ? and plan is null and mode = 'live' and clock >= ?",
            (rule, int(answer), stamp(since)),
        ).fetchone()
        return int(row[0])

    # opt-outs

    def suppress(self, suppressions: Iterable[Suppression]) -> int:
        """Learn opt-outs; how many were news. The first date of each stays; none is ever taken back here.

        The addresses of those that are news wait in `objections`."""
        news = [
            it.identity
            for it in suppressions
            if self._db.execute(
                "insert or ignore into suppressions (identity, scope, source, reason, learnt_at) values (?, ?, ?, ?, ?)",
                (self._key.of(it.identity), it.scope, it.source, it.reason, stamp(it.learnt_at)),
            ).rowcount
        ]
        Objections(self._db).note(it.removeprefix("e:") for it in news if it.startswith("e:") and not self._erased(it))
        return len(news)

    def _erased(self, identity: str) -> bool:
        found = self._db.execute("select 1 from erased where identity = ?", (self._key.of(identity),))
        return found.fetchone() is not None

    def suppressions(self, identities: Iterable[str]) -> list[Suppression]:
        asked = {self._key.of(it): it for it in identities}
        rows = self._db.execute(
            "select identity, scope, source, reason, learnt_at from suppressions"
            " where identity in (select value from json_each(?)) order by learnt_at",
            (_json(list(asked)),),
        )
        return [
            Suppression(identity=asked[row[0]], scope=row[1], source=row[2], reason=row[3], learnt_at=unstamp(row[4]))
            for row in rows
        ]

    def suppression_count(self) -> int:
        return int(self._db.execute("select count(distinct identity) from suppressions").fetchone()[0])


_OWNED = "select account, subject, kind, key, person, rules, state, rule_hash, added_at, receipt from owned"


def _stands(answer: int | None, since: str, was: int) -> Standing:
    return Standing(None if answer is None else bool(answer), unstamp(since), bool(was))


def _owned(row: tuple[str, str, str, str, int, str, str, str, str, str | None]) -> Owned:
    return Owned(
        account=row[0],
        subject=row[1],
        kind=row[2],
        key=row[3],
        person=row[4],
        rules=tuple(msgspec.json.decode(row[5])),
        state=row[6],
        rule_hash=row[7],
        added_at=unstamp(row[8]),
        receipt=row[9],
    )


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
