"""Records applied in batches of 500: what newest-wins and marking who is touched cost beside a bare upsert of the rows."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import msgspec

from bench.figure import Figure, rate
from bench.people import NOW, records
from connector.clock import stamp
from connector.model import AnyRecord
from connector.store import Sqlite
from connector.store.records import owner
from connector.store.sqlite import connect

PEOPLE, BATCH = 2_000, 500
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
    again = [msgspec.structs.replace(it, updated_at=NOW + timedelta(days=1)) for it in made]
    fresh: tuple[list[float], list[float]] = ([], [])
    newer: tuple[list[float], list[float]] = ([], [])
    for _ in range(runs):
        with tempfile.TemporaryDirectory() as folder:
            with Sqlite(Path(folder) / "ours.db") as store:
                fresh[0].append(rate(lambda s=store: _ours(s, made), len(made)))  # type: ignore[misc]
                newer[0].append(rate(lambda s=store: _ours(s, again), len(made)))  # type: ignore[misc]
            for rows, found in ((made, fresh[1]), (again, newer[1])):
                found.append(_bare(Path(folder) / "bare.db", rows))
    against = "bare SQLite upsert of the encoded rows"
    return [
        Figure(name="records, new", unit="records/s", ours=fresh[0], peer=fresh[1], against=against),
        Figure(name="records, changed", unit="records/s", ours=newer[0], peer=newer[1], against=against),
    ]


def _batches(rows: Sequence[AnyRecord]) -> Iterator[tuple[AnyRecord, ...]]:
    it = iter(rows)
    while batch := tuple(itertools.islice(it, BATCH)):
        yield batch


def _ours(store: Sqlite, rows: Sequence[AnyRecord]) -> None:
    for batch in _batches(rows):
        store.write(lambda tx, b=batch: tx.records.apply(b, received_at=NOW))  # type: ignore[misc]


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
