"""Canonical records, newest wins, whatever order they came in; and what they make dirty."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec

from connector.clock import stamp, unstamp
from connector.model import AnyRecord, Candidate, Gone, Merged, Ref, Tagging
from connector.store.applied import BY_ADDRESS, ENDS, REFERENCE, Applied, Newer, Replaced, owner
from connector.store.history import History, undated

_DECODER: msgspec.json.Decoder[AnyRecord] = msgspec.json.Decoder(AnyRecord)
_ENCODER = msgspec.json.Encoder()


class _Addresses(msgspec.Struct):
    """Of a candidate's body no more than this: it is looked at whenever one changes."""

    emails: frozenset[str] = frozenset()


_ADDRESSES = msgspec.json.Decoder(_Addresses)


class Records:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection
        self._history = History(connection)

    def apply(
        self, records: Sequence[AnyRecord], *, received_at: datetime, seen: int = 0, listed: bool = False
    ) -> Applied:
        """Store what is newer than what is held. `seen` marks them as listed by that run.

        `listed`: the platform itself showed them when the call began, so what was said to be gone before is not."""
        received = stamp(received_at)
        newest: dict[Ref, tuple[str, AnyRecord]] = {}
        for record in records:
            version = stamp(record.updated_at) if record.updated_at else received
            if record.updated_at is None and isinstance(record, ENDS) and record.at:
                version = stamp(record.at)
            held = newest.get(record.ref)
            if held is None or version >= held[0]:
                newest[record.ref] = (version, record)
            if held is not None:
                self._remember(held[1] if version >= held[0] else record)
        changed = self._newer(newest, received, listed=listed)
        reference = self._replaced([it.record for it in changed if it.record.ref.kind in REFERENCE])
        self._write(changed, received)
        if seen:  # after they were written, for most of a first walk are new
            self._db.executemany(
                "update records set seen = ? where account = ? and kind = ? and id = ?",
                [(seen, ref.account, ref.kind, ref.id) for ref in newest],
            )
        return self._dirty([it.record for it in changed], reference)

    def _replaced(self, changed: Sequence[AnyRecord]) -> tuple[Replaced, ...]:
        by_kind: dict[tuple[str, str], list[str]] = defaultdict(list)
        for it in changed:
            by_kind[it.ref.account, it.ref.kind].append(it.ref.id)
        held = {key: self.get_many(*key, ids) for key, ids in by_kind.items()}
        return tuple(Replaced(held[it.ref.account, it.ref.kind].get(it.ref.id), it) for it in changed)

    def _newer(self, newest: dict[Ref, tuple[str, AnyRecord]], received: str, *, listed: bool) -> list[Newer]:
        """Those that differ from what is held and are not older.

        Of two that the platform dates alike, the one that was asked for later is the newer."""
        by_kind: dict[tuple[str, str], list[str]] = defaultdict(list)
        for ref in newest:
            by_kind[ref.account, ref.kind].append(ref.id)
        held: dict[tuple[str, str, str], tuple[str, str, str, int, str, str | None]] = {}
        for (account, kind), ids in by_kind.items():
            rows = self._db.execute(
                "select id, version, received_at, body, gone, recorded_at, parent from records where account = ? and kind = ?"
                " and id in (select value from json_each(?))",
                (account, kind, _ENCODER.encode(ids).decode()),
            )
            held.update({(account, kind, row[0]): row[1:] for row in rows})
        changed, confirmed, again, outdated = [], [], [], []
        for ref, (version, record) in newest.items():
            body = _ENCODER.encode(record).decode()
            before = held.get(key := (ref.account, ref.kind, ref.id))
            alive = listed and not isinstance(record, ENDS)
            if alive and before is not None and body == before[2] and received > before[1] and ref.kind == "candidate":
                again.append(ref)
            returned = before is not None and before[3] and alive and received > before[0]
            if before is None or returned or (body != before[2] and (version, received) >= before[:2]):
                recorded, parent = received, owner(record)
                stays = before is not None and parent in (None, before[5])
                if before is not None and undated(body) == undated(before[2]):
                    recorded = before[4]
                elif before is not None:
                    outdated.append((ref, before[4], before[2]))
                changed.append(Newer(record, key, version, body, recorded, parent, isinstance(record, ENDS), stays))
                if before is not None and before[5] and not (stays or before[3]) and ref.kind not in REFERENCE:
                    self._leave(ref.account, before[5])
                if (
                    before is not None and not before[3] and ref.kind == "candidate"
                    and not _ADDRESSES.decode(before[2]).emails <= {*getattr(record, "emails", ())}
                ):  # fmt: skip
                    self._remember(_DECODER.decode(before[2]))
            elif body == before[2] and version > before[0]:
                confirmed.append((version, ref.account, ref.kind, ref.id))
            elif body != before[2]:
                self._remember(record)
        self._history.keep(outdated, replaced_at=received)
        # undated records: what was seen to be so still was not outdated by what came in between
        self._db.executemany("update records set version = ? where account = ? and kind = ? and id = ?", confirmed)
        self._seen_again(again, received)
        return changed

    def _leave(self, account: str, held: str) -> None:
        """It belongs to another now: whoever had it is built anew without it."""
        kind, _, id_ = held.partition(":")
        if kind == "candidate":
            self.soil([(account, id_)])
        elif kind == "application":
            self.soil((account, it) for it in self._candidates_of(account, [id_]))

    def _seen_again(self, candidates: Sequence[Ref], received: str) -> None:
        """They still are as we hold them, which says something of what we wrote on them in between."""
        self._db.executemany(
            "update records set received_at = ? where account = ? and kind = ? and id = ?",
            [(received, ref.account, ref.kind, ref.id) for ref in candidates],
        )
        self._db.executemany(
            "insert or ignore into dirty select distinct account, subject from owned"
            " where account = ? and subject = ? and kind = 'tag' and state = 'ours'",
            [(ref.account, ref.id) for ref in candidates],
        )

    def _remember(self, outdated: AnyRecord) -> None:
        """What comes late, or is replaced before anyone looked, still tells of an address they once had (somebody may
        have objected from it), or of a merge: platforms touch a record once more after they merged it away."""
        if isinstance(outdated, Merged) and outdated.ref.id != outdated.into.id:
            self._db.execute(
                "insert or ignore into merges (account, kind, loser, winner) values (?, ?, ?, ?)",
                (outdated.ref.account, outdated.ref.kind, outdated.ref.id, outdated.into.id),
            )
            self.soil((it.account, it.id) for it in (outdated.ref, outdated.into) if it.kind == "candidate")
        if not isinstance(outdated, Candidate):
            return
        found = self._db.executemany(
            "insert or ignore into links (key, account, id) values (?, ?, ?)",
            [(f"o:{address}", outdated.ref.account, outdated.ref.id) for address in outdated.emails],
        )
        if found.rowcount > 0:
            self.soil([(outdated.ref.account, outdated.ref.id)])

    def _write(self, changed: Sequence[Newer], received: str) -> None:
        fresh = [it for it in changed if not it.stays]
        self._db.executemany(
            "insert into records (account, kind, id, version, gone, parent, body, received_at, recorded_at)"
            " values (?, ?, ?, ?, ?, ?, ?, ?, ?)"
            " on conflict (account, kind, id) do update set version = excluded.version, gone = excluded.gone,"
            " parent = coalesce(excluded.parent, parent), body = excluded.body, received_at = excluded.received_at,"
            " recorded_at = excluded.recorded_at",
            [(*it.key, it.version, it.gone, it.parent, it.body, received, it.recorded_at) for it in fresh],
        )
        self._db.executemany(
            "update records set version = ?, gone = ?, body = ?, received_at = ?, recorded_at = ?"
            " where account = ? and kind = ? and id = ?",
            [(it.version, it.gone, it.body, received, it.recorded_at, *it.key) for it in changed if it.stays],
        )
        merged = [it for it, *_ in changed if isinstance(it, Merged) and it.ref.id != it.into.id]
        self._db.executemany(
            "insert or replace into merges (account, kind, loser, winner) values (?, ?, ?, ?)",
            [(it.ref.account, it.ref.kind, it.ref.id, it.into.id) for it in merged],
        )

    def _dirty(self, changed: Sequence[AnyRecord], reference: tuple[Replaced, ...]) -> Applied:
        """Mark the candidates that these records tell something about."""
        dirty: set[tuple[str, str]] = set()
        orphans: dict[str, set[str]] = defaultdict(set)
        addresses: set[str] = set()
        tagged: set[Ref] = set()
        for it in changed:
            kind = it.ref.kind
            if kind == "tagging":
                tagged.update(self._tagged(it))
            if isinstance(it, BY_ADDRESS):
                addresses.update(address for address in (it.email, getattr(it, "former_email", None)) if address)
            elif kind == "candidate":
                dirty.add((it.ref.account, it.ref.id))
                if isinstance(it, Merged):
                    dirty.add((it.ref.account, it.into.id))
            elif isinstance(candidate := getattr(it, "candidate", None), Ref):
                dirty.add((candidate.account, candidate.id))
            elif isinstance(application := getattr(it, "application", None), Ref):
                orphans[application.account].add(application.id)
            elif isinstance(it, Gone) and kind not in REFERENCE:
                orphans[it.ref.account].update(self._applications_of(it.ref))
        for account, ids in orphans.items():
            dirty.update((account, found) for found in self._candidates_of(account, ids))
        self.soil(dirty)
        self.soil_addresses(addresses)
        return Applied(len(changed), frozenset(addresses), reference, frozenset(tagged))

    def _tagged(self, it: AnyRecord) -> list[Ref]:
        if isinstance(it, Tagging):
            return [it.candidate]
        parent = self._parent(it.ref)
        return [Ref(it.ref.account, "candidate", parent.removeprefix("candidate:"))] if parent else []

    def soil(self, candidates: Iterable[tuple[str, str]]) -> None:
        """These candidate records need their person built anew."""
        self._db.executemany("insert or ignore into dirty (account, id) values (?, ?)", candidates)

    def soil_everyone(self) -> None:
        self._db.execute("insert or ignore into dirty select account, id from candidates")

    def soil_addresses(self, addresses: Iterable[str]) -> None:
        """Whoever has or had one of these."""
        self._db.executemany(
            "insert or ignore into dirty select account, id from links where key in (?, ?)",
            [(f"e:{address}", f"o:{address}") for address in addresses],
        )

    def _applications_of(self, ref: Ref) -> list[str]:
        if ref.kind == "application":
            return [ref.id]
        parent = self._parent(ref)
        return [parent.removeprefix("application:")] if parent.startswith("application:") else []

    def _parent(self, ref: Ref) -> str:
        """What is known of whom it belongs to, also when it is gone; else empty."""
        row = self._db.execute(
            "select parent from records where account = ? and kind = ? and id = ?", (ref.account, ref.kind, ref.id)
        ).fetchone()
        return (row[0] or "") if row else ""

    def _candidates_of(self, account: str, applications: Iterable[str]) -> set[str]:
        rows = self._db.execute(
            "select substr(parent, 11) from records where account = ? and kind = 'application'"
            " and parent like 'candidate:%' and id in (select value from json_each(?))",
            (account, _ENCODER.encode(list(applications)).decode()),
        )
        return {row[0] for row in rows}

    def dirty(self, limit: int) -> list[tuple[str, str]]:
        return [(row[0], row[1]) for row in self._db.execute("select account, id from dirty limit ?", (limit,))]

    def dirty_count(self) -> int:
        return int(self._db.execute("select count(*) from dirty").fetchone()[0])

    def caught_up(self) -> bool:
        """Has all that came in been read, and every image built that it touched."""
        waiting = "select 1 from deliveries where state = 'new' union all select 1 from dirty limit 1"
        return self._db.execute(waiting).fetchone() is None

    def clean(self, candidates: Iterable[tuple[str, str]]) -> None:
        self._db.executemany("delete from dirty where account = ? and id = ?", candidates)

    def get(self, ref: Ref) -> AnyRecord | None:
        row = self._db.execute(
            "select body from records where account = ? and kind = ? and id = ?", (ref.account, ref.kind, ref.id)
        ).fetchone()
        return _DECODER.decode(row[0]) if row else None

    def get_many(self, account: str, kind: str, ids: Sequence[str]) -> dict[str, AnyRecord]:
        rows = self._db.execute(
            "select id, body from records where account = ? and kind = ? and id in (select value from json_each(?))",
            (account, kind, _ENCODER.encode(list(ids)).decode()),
        )
        return {row[0]: _DECODER.decode(row[1]) for row in rows}

    def with_receipt(self, account: str, kind: str, ids: Sequence[str]) -> list[tuple[AnyRecord, datetime]]:
        """Records, and when the call began that last changed them here."""
        if not ids:
            return []
        rows = self._db.execute(
            "select body, received_at from records where account = ? and kind = ? and gone = 0"
            " and id in (select value from json_each(?))",
            (account, kind, _ENCODER.encode(list(ids)).decode()),
        )
        return [(_DECODER.decode(row[0]), unstamp(row[1])) for row in rows]

    def children(self, account: str, parents: Sequence[str]) -> list[AnyRecord]:
        """What belongs to these (`kind:id`), except what is gone; in the order of their ids."""
        rows = self._db.execute(
            # without statistics the planner walks the whole account by its primary key
            "select body from records indexed by records_parent where account = ? and gone = 0"
            " and parent is not null and parent in (select value from json_each(?)) order by kind, id",
            (account, _ENCODER.encode(list(parents)).decode()),
        )
        return [_DECODER.decode(row[0]) for row in rows]

    def of_kind(self, account: str, kind: str) -> list[AnyRecord]:
        """All of a kind, for reference data and reports."""
        rows = self._db.execute(
            "select body from records where account = ? and kind = ? and gone = 0 order by id", (account, kind)
        )
        return [_DECODER.decode(row[0]) for row in rows]

    def users(self) -> list[AnyRecord]:
        """Colleagues who are candidates too, in every account."""
        rows = self._db.execute(
            "select body from records where kind = 'user' and gone = 0 and body like '%\"candidates\"%'"
        )
        return [_DECODER.decode(row[0]) for row in rows]

    def by_address(self, addresses: Sequence[str]) -> list[AnyRecord]:
        """Members and engagements of these addresses, in every account."""
        rows = self._db.execute(
            "select body from records where parent like 'email:%' and gone = 0"
            " and parent in (select value from json_each(?)) order by account, kind, id",
            (_ENCODER.encode([f"email:{address}" for address in addresses]).decode(),),
        )
        return [_DECODER.decode(row[0]) for row in rows]

    def loser_ids(self, account: str, kind: str, winner: str) -> list[str]:
        """Everything merged into `winner`, directly or through others."""
        rows = self._db.execute(
            "with recursive lost (id) as ("
            " select loser from merges where account = ?1 and kind = ?2 and winner = ?3"
            " union select m.loser from merges m join lost on m.winner = lost.id where m.account = ?1 and m.kind = ?2)"
            " select id from lost",
            (account, kind, winner),
        )
        return [row[0] for row in rows]

    def winner(self, account: str, kind: str, id_: str) -> str:
        """Where a merged record's things are now; itself when it was not merged."""
        seen = {id_}
        while row := self._db.execute(
            "select winner from merges where account = ? and kind = ? and loser = ?", (account, kind, id_)
        ).fetchone():
            id_ = row[0]
            if id_ in seen:
                break
            seen.add(id_)
        return id_

    def unseen(self, account: str, kinds: Sequence[str], run: int) -> list[Ref]:
        """What a complete walk of `run` did not list."""
        rows = self._db.execute(
            "select kind, id from records where account = ? and gone = 0 and seen <> ?"
            " and kind in (select value from json_each(?))",
            (account, run, _ENCODER.encode(list(kinds)).decode()),
        )
        return [Ref(account, row[0], row[1]) for row in rows]

    def count(self, account: str, kinds: Sequence[str]) -> int:
        row = self._db.execute(
            "select count(*) from records where account = ? and gone = 0 and kind in (select value from json_each(?))",
            (account, _ENCODER.encode(list(kinds)).decode()),
        ).fetchone()
        return int(row[0])

    def counts(self) -> dict[str, dict[str, int]]:
        """account → kind → how many are held."""
        found: dict[str, dict[str, int]] = defaultdict(dict)
        for row in self._db.execute(
            "select account, kind, count(*) from records where gone = 0 group by account, kind order by account, kind"
        ):
            found[row[0]][row[1]] = row[2]
        return dict(found)

    def forget(self, ref: Ref) -> None:
        """Keep that it is gone, and nothing else of it."""
        gone: Any = Gone(ref=ref, anonymised=True)
        self._db.execute(
            "update records set body = ?, gone = 1 where account = ? and kind = ? and id = ?",
            (_ENCODER.encode(gone).decode(), ref.account, ref.kind, ref.id),
        )
        self._history.forget([(ref.account, ref.id)] if ref.kind == "candidate" else [])


__all__ = ["REFERENCE", "Applied", "Candidate", "Records", "Replaced", "owner"]
