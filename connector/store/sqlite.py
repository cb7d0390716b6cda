"""The embedded store: one SQLite file, one connection that writes and checkpoints, any number that only read.

Why one writer: every SQLite before 3.51.3 can corrupt a WAL when two connections write or checkpoint at once
(sqlite.org/wal.html#walresetbug, read 2026-11-23), and group commit makes a second one needless. The writer is a thread;
work handed to it while a commit is under way shares the next commit.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import queue
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar

from sqlite_utils import Database

from connector.errors import KeepwarmError
from connector.store.inbox import Inbox
from connector.store.ledger import Ledger
from connector.store.mirror import Mirror
from connector.store.outbox import Outbox
from connector.store.records import Records
from connector.store.schedule import Schedule
from connector.store.schema import migrations

T = TypeVar("T")

#: Most pieces of work that share one commit, so that no one waits long for it.
GROUP = 64


class Locked(KeepwarmError):
    """Another Keepwarm process is writing to this database. Stop it, or point this one elsewhere."""


class Tx:
    """One connection's view of every station. Reads see one snapshot; writes are only made inside `Sqlite.write`."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self.inbox = Inbox(db.conn)
        self.records = Records(db.conn)
        self.mirror = Mirror(db.conn)
        self.ledger = Ledger(db.conn)
        self.outbox = Outbox(db.conn)
        self.schedule = Schedule(db.conn)

    def rows(self, sql: str, parameters: Any = ()) -> list[dict[str, Any]]:
        """For compiled rules, reports and tests: a read in plain SQL."""
        cursor = self.db.conn.execute(sql, parameters)
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor]


class Sqlite:
    """`after_commit(n)` is called on the writer's thread after its n-th commit; tests stop the process there."""

    def __init__(self, path: Path, *, after_commit: Callable[[int], None] = lambda _: None) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock_file = self._lock(path)
        self._after_commit = after_commit
        self._commits = 0
        self._work: queue.SimpleQueue[tuple[Callable[[Tx], Any], Future[Any]] | None] = queue.SimpleQueue()
        self._readers = threading.local()
        self._opened: list[sqlite3.Connection] = []
        self._opening = threading.Lock()
        started: Future[None] = Future()
        self._writer = threading.Thread(target=self._run, args=(started,), name="writer", daemon=True)
        self._writer.start()
        started.result()

    @staticmethod
    def _lock(path: Path) -> int:
        handle = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.read(handle, 32).decode("ascii", "replace").strip() or "unknown"
            os.close(handle)
            raise Locked(
                f"{path}: process {holder} is writing to it (is `keepwarm serve` running?). "
                "Reading commands work meanwhile; for this one stop it first."
            ) from error
        os.ftruncate(handle, 0)
        os.write(handle, str(os.getpid()).encode())
        return handle

    def write(self, work: Callable[[Tx], T]) -> T:
        """Run `work` in a write transaction and return once it is on disk. Its own error undoes only its own work."""
        return self.submit(work).result()

    def submit(self, work: Callable[[Tx], T]) -> Future[T]:
        done: Future[T] = Future()
        self._work.put((work, done))
        return done

    @contextlib.contextmanager
    def reading(self) -> Iterator[Tx]:
        """A snapshot for this thread. Nesting gives the same one."""
        tx: Tx | None = getattr(self._readers, "tx", None)
        if tx is None:
            tx = Tx(Database(self._open(read_only=True)))
            self._readers.tx = tx
        if tx.db.conn.in_transaction:
            yield tx
            return
        tx.db.conn.execute("begin")
        try:
            yield tx
        finally:
            tx.db.conn.rollback()

    def close(self) -> None:
        self._work.put(None)
        self._writer.join(timeout=30)
        with self._opening:
            for connection in self._opened:
                connection.close()
            self._opened.clear()
        os.close(self._lock_file)

    def __enter__(self) -> Sqlite:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open(self, *, read_only: bool) -> sqlite3.Connection:
        connection = connect(self.path, read_only=read_only)
        if read_only:
            with self._opening:
                self._opened.append(connection)
        return connection

    def _run(self, started: Future[None]) -> None:
        try:
            db = Database(self._open(read_only=False))
            migrations.apply(db)
            tx = Tx(db)
        except BaseException as error:  # noqa: BLE001  handed to whoever opens the store
            started.set_exception(error)
            return
        started.set_result(None)
        while first := self._work.get():
            self._commit(tx, self._group(first))
        db.conn.execute("pragma optimize")
        db.conn.close()

    def _group(self, first: tuple[Callable[[Tx], Any], Future[Any]]) -> list[tuple[Callable[[Tx], Any], Future[Any]]]:
        group = [first]
        while len(group) < GROUP and not self._work.empty():
            following = self._work.get()
            if following is None:
                self._work.put(None)
                break
            group.append(following)
        return group

    def _commit(self, tx: Tx, group: list[tuple[Callable[[Tx], Any], Future[Any]]]) -> None:
        outcomes: list[tuple[Future[Any], Any, BaseException | None]] = []
        try:
            tx.db.conn.execute("begin immediate")
            for work, done in group:
                outcomes.append((done, *_attempt(tx, work)))
            tx.db.conn.commit()
        except sqlite3.Error as error:
            tx.db.conn.rollback()
            outcomes = [(done, None, error) for _, done in group]
        self._commits += 1
        self._after_commit(self._commits)
        for done, result, problem in outcomes:
            if problem is None:
                done.set_result(result)
            else:
                done.set_exception(problem)


def _attempt(tx: Tx, work: Callable[[Tx], Any]) -> tuple[Any, BaseException | None]:
    try:
        with tx.db.atomic():
            return work(tx), None
    except BaseException as error:  # noqa: BLE001  handed to whoever asked for the work
        return None, error


def connect(path: Path, *, read_only: bool) -> sqlite3.Connection:
    uri = f"{path.resolve().as_uri()}{'?mode=ro' if read_only else ''}"
    connection = sqlite3.connect(uri, uri=True, check_same_thread=False, timeout=30, isolation_level=None)
    connection.execute("pragma cache_size = -65536")
    connection.execute("pragma mmap_size = 268435456")
    if read_only:
        connection.execute("pragma temp_store = memory")
    else:
        connection.execute("pragma journal_mode = wal")
        connection.execute("pragma synchronous = full")
        connection.execute("pragma foreign_keys = on")
    return connection
