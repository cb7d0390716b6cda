"""Records applied in batches of 500: what newest-wins and marking who is touched cost beside a bare upsert of the rows."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from bench.figure import Figure, rate
from bench.people import NOW, records
from connector.clock import stamp
from connector.model import AnyRecord, Application, Candidate, Scorecard
from connector.store import Sqlite
from connector.store.records import owner
from connector.store.sqlite import connect

PEOPLE, BATCH = 2_000, 500
DAY = timedelta(days=1)
UPSERT = (
    "insert into records (account, kind, id, version, gone, parent, body, received_at) values (?, ?, ?, ?, 0, ?, ?, ?)"
    " on conflict (account, kind, id) do update set version = excluded.version, gone = excluded.gone,"
    " parent = excluded.parent, body = excluded.body, received_at = excluded.received_at"
)
TABLE = (
    "create table records (account text not null, kind text not null, id text not null, version text not null,"
    " gone integer not null, parent text, body text not null, received_at text not null,"
    " primary key (account, kind, id)) strict, without rowid"
)


def measure(runs: int) -> list[Figure]:
    made = list(records(PEOPLE))
    later = NOW + timedelta(days=1)
    dated = [msgspec.structs.replace(it, updated_at=later) for it in made]
    again = [_changed(it) for it in dated]
    fresh: tuple[list[float], list[float]] = ([], [])
    newer: tuple[list[float], list[float]] = ([], [])
    touched: tuple[list[float], list[float]] = ([], [])
    for _ in range(runs):
        with tempfile.TemporaryDirectory() as folder:
            with Sqlite(Path(folder) / "ours.db") as store:
                fresh[0].append(rate(lambda s=store: _ours(s, made), len(made)))  # type: ignore[misc]
                touched[0].append(rate(lambda s=store: _ours(s, dated, later), len(made)))  # type: ignore[misc]
                newer[0].append(rate(lambda s=store: _ours(s, again, later + DAY), len(made)))  # type: ignore[misc]
            for rows, found in ((made, fresh[1]), (dated, touched[1]), (again, newer[1])):
                found.append(_bare(Path(folder) / "bare.db", rows))
    against = "bare SQLite upsert of the encoded rows"
    return [
        Figure(name="records, new", unit="records/s", ours=fresh[0], peer=fresh[1], against=against),
        Figure(
            name="records, only their date changed", unit="records/s", ours=touched[0], peer=touched[1], against=against
        ),
        Figure(
            name="records, changed",
            unit="records/s",
            ours=newer[0],
            peer=newer[1],
            against=against,
            note="the former version is kept, which the peer does not do",
        ),
    ]


def _batches(rows: Sequence[AnyRecord]) -> Iterator[tuple[AnyRecord, ...]]:
    it = iter(rows)
    while batch := tuple(itertools.islice(it, BATCH)):
        yield batch


def _changed(it: AnyRecord) -> AnyRecord:
    """The same with one fact that is another."""
    if isinstance(it, Candidate | Application):
        return msgspec.structs.replace(it, last_activity_at=NOW)
    return msgspec.structs.replace(it, **({"rating": "no"} if isinstance(it, Scorecard) else {"exited_at": NOW}))


def _ours(store: Sqlite, rows: Sequence[AnyRecord], received_at: datetime = NOW) -> None:
    for batch in _batches(rows):
        store.write(lambda tx, b=batch: tx.records.apply(b, received_at=received_at))  # type: ignore[misc]


def _bare(path: Path, rows: Sequence[AnyRecord]) -> float:
    """Same connection settings, same rows, one commit a batch; encoding is not timed."""
    connection = connect(path, read_only=False)
    connection.execute(TABLE.replace("create table", "create table if not exists"))
    batches = [
        [
            (it.ref.account, it.ref.kind, it.ref.id, stamp(it.updated_at or NOW), owner(it),
             msgspec.json.encode(it).decode(), stamp(NOW))
            for it in batch
        ]
        for batch in _batches(rows)
    ]  # fmt: skip

    def work() -> None:
        for batch in batches:
            connection.execute("begin immediate")
            connection.executemany(UPSERT, batch)
            connection.commit()

    try:
        return rate(work, len(rows))
    finally:
        connection.close()
