"""Taking out all that is held of somebody, and knowing them again without keeping who they are."""

from __future__ import annotations

import re
import sqlite3
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from connector.clock import stamp, unstamp
from connector.model import AnyRecord, Opening, Ref
from connector.store.applied import REFERENCE, owner
from connector.store.keyed import Key

_DECODER: msgspec.json.Decoder[AnyRecord] = msgspec.json.Decoder(AnyRecord)
#: Rows that stand under a person's number alone.
_OF_A_PERSON = (
    "applications", "interviews", "messages", "person_events", "person_words", "profiles", "to_judge", "uses", "standing",
    "vetoes", "doubts", "enrolments", "decisions", "wakeups", "owned",
)  # fmt: skip
_OVER = ("sent", "cancelled")


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """What was done on request. It does not say for whom. `shredded_at` None: free space of the file may still hold some."""

    id: int
    at: datetime
    by: str
    reason: str
    counts: Mapping[str, int]
    shredded_at: datetime | None


class Erasure:
    def __init__(self, connection: sqlite3.Connection, key: Key) -> None:
        self._db = connection
        self._key = key

    # who was erased

    def any(self) -> bool:
        return bool(self._db.execute("select exists (select 1 from erased)").fetchone()[0])

    def barred(self, identities: Iterable[str]) -> dict[str, int]:
        """Those of these (e:address, c:account:candidate, a:account:application) that were erased → in which erasure."""
        asked = {self._key.of(it): it for it in identities}
        rows = self._db.execute(
            "select identity, erasure from erased where identity in (select value from json_each(?))",
            (_json(list(asked)),),
        )
        return {asked[row[0]]: row[1] for row in rows}

    def bar(self, identities: Iterable[str], erasure: int) -> None:
        """Never to be taken in again."""
        self._db.executemany(
            "insert or ignore into erased (identity, erasure) values (?, ?)",
            [(self._key.of(it), erasure) for it in identities],
        )

    def note(self, *, by: str, reason: str, now: datetime) -> int:
        row = self._db.execute(
            "insert into erasures (at, by, reason, counts) values (?, ?, ?, '{}') returning id",
            (stamp(now), by, reason),
        ).fetchone()
        return int(row[0])

    def tell(self, erasure: int, counts: Mapping[str, int]) -> None:
        """What it took out, beside what was told of it before."""
        (held,) = self._db.execute("select counts from erasures where id = ?", (erasure,)).fetchone()
        both = Counter(msgspec.json.decode(held)) + Counter(counts)
        self._db.execute("update erasures set counts = ?, shredded_at = null where id = ?", (_json(both), erasure))

    def all(self) -> list[Erased]:
        """The latest first."""
        rows = self._db.execute("select id, at, by, reason, counts, shredded_at from erasures order by id desc")
        return [
            Erased(id=row[0], at=unstamp(row[1]), by=row[2], reason=row[3], counts=msgspec.json.decode(row[4]),
                   shredded_at=unstamp(row[5]) if row[5] else None)
            for row in rows
        ]  # fmt: skip

    # taking out

    def family(self, candidates: Iterable[tuple[str, str]]) -> list[Ref]:
        """Every record of these candidates (account, id): themselves, what was merged into them, all that is theirs."""
        found: dict[Ref, None] = {}
        for account, id_ in candidates:
            rows = self._db.execute(
                "with recursive who (id) as (select ?2 union"
                "  select m.loser from merges m join who on m.winner = who.id where m.account = ?1 and m.kind = 'candidate'),"
                " theirs (kind, id) as (select 'candidate', id from who union select r.kind, r.id from theirs t"
                "  join records r indexed by records_parent on r.account = ?1 and r.parent is not null"
                "  and r.parent = t.kind || ':' || t.id where t.kind in ('candidate', 'application'))"
                " select kind, id from theirs",
                (account, id_),
            )
            found.update({Ref(account, row[0], row[1]): None for row in rows})
        return list(found)

    def remove_records(self, family: Sequence[Ref]) -> Counter[str]:
        """These records with their past, and whatever was to be asked of them. An opening loses its application only."""
        counts: Counter[str] = Counter()
        for it in family:
            key = (it.account, it.kind, it.id)
            counts["history"] += self._deleted("history", "account = ? and kind = ? and id = ?", *key)
            if it.kind in REFERENCE:
                self._let_go(it)
                continue
            counts["records"] += self._deleted("records", "account = ? and kind = ? and id = ?", *key)
            if it.kind == "candidate":
                for table in ("candidates", "links", "dirty", "frozen"):
                    self._deleted(table, "account = ? and id = ?", it.account, it.id)
                self._deleted("owned", "kind = 'tag' and account = ? and subject = ?", it.account, it.id)
                self._deleted(
                    "merges", "account = ? and kind = 'candidate' and ? in (loser, winner)", it.account, it.id
                )
            elif it.kind == "application":
                self._deleted("evidence", "account = ? and application = ?", it.account, it.id)
            if it.kind in ("candidate", "application"):
                # what belongs to an application is asked for by its id
                self._db.execute(
                    "delete from hints where account = ? and id = ? and kind not in (select value from json_each(?))",
                    (it.account, it.id, _json(sorted(REFERENCE))),
                )
        return counts

    def _let_go(self, ref: Ref) -> None:
        key = (ref.account, ref.kind, ref.id)
        where = "account = ? and kind = ? and id = ?"
        row = self._db.execute(f"select body from records where {where}", key).fetchone()
        record = _DECODER.decode(row[0]) if row else None
        if isinstance(record, Opening):
            freed = msgspec.structs.replace(record, application=None)
            body = msgspec.json.encode(freed).decode()
            self._db.execute(f"update records set body = ?, parent = ? where {where}", (body, owner(freed), *key))

    def remove_addresses(self, addresses: Collection[str]) -> Counter[str]:
        """What audiences hold of these, with its past."""
        counts: Counter[str] = Counter()
        for address in addresses:
            rows = self._db.execute(
                "select account, kind, id from records where parent = ? and parent like 'email:%'",
                (f"email:{address}",),
            ).fetchall()
            for row in rows:
                counts["history"] += self._deleted("history", "account = ? and kind = ? and id = ?", *row)
                counts["records"] += self._deleted("records", "account = ? and kind = ? and id = ?", *row)
            self._deleted("objecting", "address = ?", address)
            self._deleted("owned", "subject = ?", address)
            self._deleted("links", "key in (?, ?)", f"e:{address}", f"o:{address}")
        return counts

    def remove_person(self, person: int) -> Counter[str]:
        """All that stands under their number."""
        counts: Counter[str] = Counter()
        for table in _OF_A_PERSON:
            counts[table] += self._deleted(table, "person = ?", person)
        self._deleted("people_text", "rowid = ?", person)
        counts["people"] += self._deleted("people", "id = ?", person)
        return counts

    def strip(self, person: int) -> None:
        """No platform knows them any more: what was done is still known to have been, without words or addresses."""
        self._deleted("messages", "person = ?", person)
        self._db.execute(
            "update outbox set subject = null, args = '{}', outcome = '',"
            " receipt = json_object('already', json_extract(receipt, '$.already'))"
            " where person = ? and state in ('sent', 'cancelled')",
            (person,),
        )
        self._db.execute("update decisions set line = '' where person = ?", (person,))

    def remove_acts(
        self, people: Collection[int], candidates: Collection[Ref], addresses: Collection[str], *, erasure: int
    ) -> Counter[str]:
        """Acts for these people, or upon these. What waits is cancelled and what is over goes; but an opt-out still goes
        out, and what is being sent right now ends: these go as soon as they are over."""
        rows = self._db.execute(
            "select id, state, purpose from outbox where person in (select value from json_each(?1))"
            " or subject in (select value from json_each(?2))"
            " or (json_extract(subject, '$[1]') = 'member' and json_extract(subject, '$[2]')"
            "  in (select value from json_each(?3)))",
            (_json(list(people)), _json([_json(it) for it in candidates]), _json(list(addresses))),
        ).fetchall()
        going = [row[0] for row in rows if row[1] == "sending" or (row[2] == "optout" and row[1] not in _OVER)]
        self._db.executemany(
            "insert or ignore into shredding (action, erasure) values (?, ?)", [(it, erasure) for it in going]
        )
        self._db.executemany("update outbox set person = null where id = ?", [(it,) for it in going])
        counts: Counter[str] = Counter()
        for row, state, _ in rows:
            if row not in going:
                counts["acts" if state in _OVER else "acts cancelled"] += 1
                self._drop_act(row)
        return counts

    def shred_when_over(self, keys: Iterable[str], erasure: int) -> None:
        """The rows of these acts go as soon as they were done."""
        self._db.executemany(
            "insert or ignore into shredding (action, erasure) select id, ? from outbox where key = ?",
            [(erasure, key) for key in keys],
        )

    def over(self) -> int:
        """Drop the acts that were only kept until they were done; how many."""
        rows = self._db.execute(
            "select s.action, s.erasure from shredding s join outbox o on o.id = s.action where o.state in ('sent', 'cancelled')"
        ).fetchall()
        for action, erasure in rows:
            self._drop_act(action)
            self._db.execute("delete from shredding where action = ?", (action,))
            self._db.execute("update erasures set shredded_at = null where id = ?", (erasure,))
        return len(rows)

    def going(self, erasure: int) -> int:
        """Acts for whom was erased that no platform took yet."""
        return int(self._db.execute("select count(*) from shredding where erasure = ?", (erasure,)).fetchone()[0])

    def _drop_act(self, row: int) -> None:
        self._deleted("attempts", "action = ?", row)
        self._deleted("outbox", "id = ?", row)

    def remove_bodies(self, mentions: Mapping[str, Sequence[str]]) -> tuple[Counter[str], list[Ref]]:
        """Bodies that were kept and name one of these: account → words, "" → those of all accounts.

        Others may stand in the same body and could not be read: they are returned, to be asked for again."""
        counts: Counter[str] = Counter()
        again: list[Ref] = []
        everywhere = mentions.get("", ())
        for row, account, body in self._db.execute(
            "select id, account, body from deliveries where body is not null and state <> 'new'"
        ).fetchall():
            if not _names(body, [*everywhere, *mentions.get(account, ())]):
                continue
            rows = self._db.execute(
                "select account, again_kind, again_id from parked where delivery = ? and again_kind is not null", (row,)
            )
            again += [Ref(*it) for it in rows]
            counts["parked"] += self._deleted("parked", "delivery = ?", row)
            self._db.execute("update deliveries set body = null, state = 'expired', note = '' where id = ?", (row,))
            counts["bodies"] += 1
        return counts, again

    # what is left where rows were

    def compact_words(self) -> None:
        """The full-text index keeps words of rows that went until its parts are merged; statistics may hold samples."""
        self._db.execute("insert into people_text (people_text) values ('optimize')")
        for (table,) in self._db.execute("select name from sqlite_master where name = 'sqlite_stat4'").fetchall():
            self._db.execute(f"delete from {table}")

    def to_shred(self) -> bool:
        """Is there an erasure of which nothing waits to be sent any more, and that may have left something in free space."""
        wanted = "select 1 from erasures where shredded_at is null and id not in (select erasure from shredding)"
        return bool(self._db.execute(f"select exists ({wanted})").fetchone()[0])

    def shredded(self, *, now: datetime) -> None:
        self._db.execute(
            "update erasures set shredded_at = ? where shredded_at is null and id not in (select erasure from shredding)",
            (stamp(now),),
        )

    def _deleted(self, table: str, where: str, *values: object) -> int:
        return self._db.execute(f"delete from {table} where {where}", values).rowcount


def _names(body: bytes, words: Iterable[str]) -> bool:
    text = body.decode(errors="replace").lower().replace("\\u0040", "@").replace("%40", "@")
    return any(re.search(rf"(?<![\w]){re.escape(word.lower())}(?![\w])", text) for word in words)


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
