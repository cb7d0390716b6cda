"""Identity → keyed hash, so that an opt-out and an erasure are known again without keeping whose they are.

The key is kept beside the database and not in it: whoever has a copy of the database alone cannot try addresses against it.
"""

from __future__ import annotations

import hmac
import os
import secrets
import sqlite3
from pathlib import Path

from connector.errors import KeepwarmError

#: Holds the key instead of the file, where files beside the database are not wanted.
VARIABLE = "KEEPWARM_HASH_KEY"
SHORTEST = 32


class NoHashKey(KeepwarmError):
    """The key by which opt-outs are known is missing or another one: nothing is started, for everybody who said no would be
    forgotten."""


class Key:
    """The one way from an identity to what is stored of it. `e:address`, `c:account:candidate`, `a:account:application`."""

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        self._key = key

    def of(self, identity: str) -> str:
        kind, _, rest = identity.partition(":")
        if kind == "e":  # platforms write the same address in small and in large letters
            rest = rest.strip().lower()
        return f"{kind}:{self._hash(f'{kind}:{rest}')}"

    @property
    def mark(self) -> str:
        """Tells one key from another, and nothing of either."""
        return self._hash("which key is this")

    def _hash(self, text: str) -> str:
        return hmac.digest(self._key, text.encode(), "sha256").hex()


def file_of(database: Path) -> Path:
    return database.with_name(f"{database.name}.key")


def unlock(connection: sqlite3.Connection, database: Path) -> Key:
    """For who writes: the key of this database, made at its first start. Raises NoHashKey rather than forget who said no."""
    key = _held(database)
    needed = _needed(connection)
    if key is None:
        if needed:
            raise NoHashKey(_missing(database))
        key = _made(database)
    if (mark := _mark(connection)) != key.mark:
        if needed and mark is not None:
            raise NoHashKey(_another(database))
        connection.execute("delete from hash_key")
        connection.execute("insert into hash_key (mark) values (?)", (key.mark,))
    return key


def look(connection: sqlite3.Connection, database: Path) -> Key:
    """For who only reads: nothing is made. Where nothing was ever hashed any key finds the same, namely nothing."""
    key = _held(database)
    if not _needed(connection):
        return key or Key(secrets.token_bytes(32))
    if key is None:
        raise NoHashKey(_missing(database))
    if key.mark != _mark(connection):
        raise NoHashKey(_another(database))
    return key


def _held(database: Path) -> Key | None:
    said = os.environ.get(VARIABLE, "").strip()
    if said and len(said) < SHORTEST:
        raise NoHashKey(
            f"{VARIABLE}: at least {SHORTEST} characters, came {len(said)}; `openssl rand -hex 32` makes one"
        )
    file = file_of(database)
    if not said and file.exists():
        file.chmod(0o600)
        said = file.read_text(encoding="ascii").strip()
        if len(said) < SHORTEST:
            raise NoHashKey(f"{file}: this is no key any more (too short). Put it back from a backup")
    return Key(said.encode()) if said else None


def _made(database: Path) -> Key:
    """On disk before anything is hashed with it."""
    said = secrets.token_hex(32)
    handle = os.open(file_of(database), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(handle, f"{said}\n".encode())
        os.fsync(handle)
    finally:
        os.close(handle)
    folder = os.open(database.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return Key(said.encode())


def _needed(connection: sqlite3.Connection) -> bool:
    row = connection.execute("select exists (select 1 from suppressions) or exists (select 1 from erased)").fetchone()
    return bool(row[0])


def _mark(connection: sqlite3.Connection) -> str | None:
    row = connection.execute("select mark from hash_key").fetchone()
    return str(row[0]) if row else None


def _missing(database: Path) -> str:
    return (
        f"{file_of(database)}: the key of this database is not here, and {VARIABLE} does not hold it. Without it nobody who"
        " opted out or was erased can be known again, so nothing is started. Put the key back from the backup or the machine"
        " that this database comes from"
    )


def _another(database: Path) -> str:
    return (
        f"{file_of(database)}: this is the key of another database (or {VARIABLE} holds it). With it nobody who opted out or"
        " was erased can be known again, so nothing is started. Put the right key there"
    )
