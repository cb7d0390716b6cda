"""What records said before they changed, so that a rule can be asked what it would have said then.

Only superseded versions stand here; the version in force stands in `records`. Facts, not contact: names and addresses are
left out. Of a person who is gone nothing is kept.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from connector.clock import stamp, unstamp
from connector.model import AnyRecord, Candidate, Member, Ref, User

_DECODER: msgspec.json.Decoder[AnyRecord] = msgspec.json.Decoder(AnyRecord)
_ENCODER = msgspec.json.Encoder()
#: Reference data that facts are made with.
NAMES = frozenset({"stage", "reason", "department", "office", "source", "job", "user"})
#: The kinds that some fact is made of. Of the others only what stands is of interest.
KINDS = NAMES | {
    "candidate", "application", "stage_visit", "rejection", "scorecard", "interview", "offer", "touch", "member",
}  # fmt: skip
_DATED = '"updated_at":"'
_PERSONAL = frozenset({"candidate", "member", "user"})


@dataclass(frozen=True, slots=True)
class Version:
    """A record as it stood here from `recorded_at` on, until `replaced_at`. None: it still does."""

    recorded_at: datetime
    replaced_at: datetime | None
    record: AnyRecord


def without_contact(record: AnyRecord) -> AnyRecord:
    """The same facts of nobody who could be written to or called by name."""
    if isinstance(record, Candidate):
        return msgspec.structs.replace(
            record, first_name=None, last_name=None, emails=(), headline=None, url=None
        )  # fmt: skip
    if isinstance(record, Member):
        return msgspec.structs.replace(record, email="", former_email=None)
    if isinstance(record, User):
        return msgspec.structs.replace(record, name=None, email=None)
    return record


class History:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def keep(self, outdated: Iterable[tuple[Ref, str, str]], *, replaced_at: str) -> None:
        """(ref, recorded at, body) of records that others take the place of. What stood for no time leaves no trace."""
        self._db.executemany(
            "insert into history (account, kind, id, recorded_at, replaced_at, body) values (?, ?, ?, ?, ?, ?)",
            [
                (ref.account, ref.kind, ref.id, recorded_at, replaced_at, _impersonal(ref.kind, body))
                for ref, recorded_at, body in outdated
                if ref.kind in KINDS and recorded_at < replaced_at
            ],
        )

    def of(self, account: str, kind: str, ids: Sequence[str]) -> list[Version]:
        """Every version of these, those in force among them; a record's in the order in which they were recorded."""
        return self._versions(
            "account = ?1 and kind = ?2 and id in (select value from json_each(?3))", (account, kind, _json(ids))
        )

    def family(self, account: str, parents: Sequence[str]) -> list[Version]:
        """Every version of all that belongs to these (`kind:id`), also of what is gone."""
        return self._versions(
            "account = ?1 and parent is not null and parent in (select value from json_each(?2))",
            (account, _json(parents)),
            hint="indexed by records_parent",
        )

    def members(self, addresses: Sequence[str]) -> list[Version]:
        """Every version of the members that have one of these now, in every account."""
        return self._versions(
            "parent like 'email:%' and gone = 0 and kind = 'member' and parent in (select value from json_each(?1))",
            (_json([f"email:{address}" for address in addresses]),),
            hint="indexed by records_address",
        )

    def names(self) -> list[Version]:
        """Every version of all reference data that facts are made with."""
        return self._versions("kind in (select value from json_each(?1))", (_json(sorted(NAMES)),))

    def _versions(self, where: str, parameters: tuple[str, ...], *, hint: str = "") -> list[Version]:
        mine = f"select account, kind, id, recorded_at, null as replaced_at, body from records {hint} where {where}"
        rows = self._db.execute(
            f"with mine as materialized ({mine}) select * from mine union all"
            " select h.account, h.kind, h.id, h.recorded_at, h.replaced_at, h.body from mine m"
            " cross join history h on h.account = m.account and h.kind = m.kind and h.id = m.id"
            " order by 1, 2, 3, 4",
            parameters,
        )
        return [Version(unstamp(row[3]), unstamp(row[4]) if row[4] else None, _DECODER.decode(row[5])) for row in rows]

    def whole_since(self) -> dict[str, datetime | None]:
        """Account → when all it has had been listed for the first time: from then on we know what was known when. None: not
        yet. Accounts that are never pulled from are absent."""
        rows = self._db.execute(
            "select account, case count(*) when count(whole_since) then max(whole_since) end from watermarks"
            " where account <> '' group by account"
        )
        return {row[0]: unstamp(row[1]) if row[1] else None for row in rows}

    def forget(self, candidates: Iterable[tuple[str, str]]) -> None:
        """Drop what was kept of these candidates (account, id), of those merged into them, and of all that is theirs."""
        for account, id_ in candidates:
            self._db.execute(
                "with recursive who (id) as (select ?2 union"
                "  select m.loser from merges m join who on m.winner = who.id where m.account = ?1 and m.kind = 'candidate'),"
                " theirs (kind, id) as (select 'candidate', id from who union select r.kind, r.id from theirs t"
                "  join records r indexed by records_parent on r.account = ?1 and r.parent is not null"
                "  and r.parent = t.kind || ':' || t.id where t.kind in ('candidate', 'application'))"
                " delete from history where account = ?1 and (kind, id) in (select kind, id from theirs)",
                (account, id_),
            )

    def expire(self, before: datetime, *, limit: int, but: Iterable[Ref] = ()) -> int:
        """Drop versions that were replaced before then, the oldest first, not more than so many; how many.

        `but`: none of these."""
        return self._db.execute(  # rows are added as time goes, so the oldest stand first
            "delete from history where row in (select row from (select row, replaced_at from history"
            " where json_array(account, kind, id) not in (select value from json_each(?)) order by row limit ?)"
            " where replaced_at < ?)",
            (_json([_ENCODER.encode(it).decode() for it in but]), limit, stamp(before)),
        ).rowcount

    def count(self) -> int:
        return int(self._db.execute("select count(*) from history").fetchone()[0])


def undated(body: str) -> str:
    """The same without the platform's date of change: platforms move it for much that we hold nothing of."""
    head, _, rest = body.partition(_DATED)
    return head + rest.partition('"')[2]


def _impersonal(kind: str, body: str) -> str:
    return _ENCODER.encode(without_contact(_DECODER.decode(body))).decode() if kind in _PERSONAL else body


def _json(values: Sequence[str]) -> str:
    return _ENCODER.encode(list(values)).decode()


__all__ = ["KINDS", "NAMES", "History", "Version", "undated", "without_contact"]
