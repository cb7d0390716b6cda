"""Where a text still stands in a database: in any column of any table, in the full-text index, in the bytes of its files."""

from __future__ import annotations

import mmap
import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

from connector.store.sqlite import connect


def in_tables(database: Path, needles: Sequence[str]) -> Iterator[tuple[str, int]]:
    """(table, rowid or running number) of each row that holds one of these, in whatever case."""
    with closing(connect(database, read_only=True)) as connection:
        names = connection.execute("select name, sql from sqlite_master where type = 'table' order by name").fetchall()
        for table, sql in names:
            if (sql or "").upper().startswith("CREATE VIRTUAL"):
                continue
            yield from _rows(connection, table, [needle.lower() for needle in needles])


def _rows(connection: sqlite3.Connection, table: str, needles: Sequence[str]) -> Iterator[tuple[str, int]]:
    quoted = '"' + table.replace('"', '""') + '"'
    columns = [row[1] for row in connection.execute(f"pragma table_info({quoted})")]
    keyed = "WITHOUT ROWID" not in connection.execute(
        "select upper(sql) from sqlite_master where type = 'table' and name = ?", (table,)
    ).fetchone()[0]  # fmt: skip
    # a blob is compared as text, byte for byte
    tests = " or ".join(
        f'instr(lower(cast("{column}" as text)), ?{number + 1})' for column in columns for number in range(len(needles))
    )
    number = "rowid" if keyed else "row_number() over ()"
    rows = connection.execute(f"select n from (select {number} n, * from {quoted}) where {tests}", tuple(needles))
    yield from ((table, row[0]) for row in rows)


def in_words(database: Path, text: str) -> list[int]:
    """People whose full-text entry has these words one after the other."""
    words = re.findall(r"\w+", text)
    phrase = '"' + " ".join(words) + '"'
    with closing(connect(database, read_only=True)) as connection:
        return [
            row[0] for row in connection.execute("select rowid from people_text where people_text match ?", (phrase,))
        ]


def in_bytes(file: Path, needles: Sequence[str]) -> list[int]:
    """Offsets in a file, in whatever case."""
    if not file.exists() or file.stat().st_size == 0:
        return []
    wanted = re.compile(b"|".join(re.escape(needle.encode()) for needle in needles), re.IGNORECASE)
    with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        return [found.start() for found in wanted.finditer(mapped)]
