"""Is anything left of an address: in the database, in free space of its file, in plans, errands and logs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import quote

import msgspec

from connector.store import Tx, residue

FOLDERS = ("plans", "errands")


class Trace(msgspec.Struct, frozen=True, kw_only=True):
    """A place where it stands, without what stands there."""

    where: str
    #: Row of a table, place in a file.
    at: int


def needles(address: str) -> tuple[str, ...]:
    """As it may be written: plain, in an address line, in JSON, and as the keys that mailing platforms make of it."""
    plain = address.strip().lower()
    hashes = (
        hashlib.md5(plain.encode(), usedforsecurity=False).hexdigest(),
        hashlib.sha256(plain.encode()).hexdigest(),
    )
    return tuple(dict.fromkeys((plain, quote(plain, safe=""), plain.replace("@", "\\u0040"), *hashes)))


def traces(database: Path, address: str, others: Sequence[Path] = ()) -> Iterator[Trace]:
    """`others`: files to look into beside our own, such as logs that were kept."""
    wanted = needles(address)
    for table, row in residue.in_tables(database, wanted):
        yield Trace(where=f"table {table}, row", at=row)
    for row in residue.in_words(database, wanted[0]):
        yield Trace(where="full-text index, person", at=row)
    beside = [
        database,
        *(database.with_name(database.name + end) for end in ("-wal", "-journal", "-shm", ".lock", ".key")),
    ]
    ours = [file for name in FOLDERS for file in sorted((database.parent / name).rglob("*")) if file.is_file()]
    for file in (*beside, *ours, *others):
        for place in residue.in_bytes(file, wanted):
            yield Trace(where=f"file {file}, byte", at=place)


def erased_in(tx: Tx, address: str) -> int | None:
    """The number of the erasure by which this address is kept out."""
    return tx.erasure.barred([f"e:{address}"]).get(f"e:{address}")
