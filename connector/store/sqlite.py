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
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from sqlite_utils import Database

from connector.errors import KeepwarmError
from connector.store.assent import Assent
from connector.store.census import Census
from connector.store.doubts import Doubts
from connector.store.erasure import Erasure
from connector.store.freezes import Freezes
from connector.store.gauges import Gauges
from connector.store.history import History
from connector.store.inbox import Inbox
from connector.store.keyed import Key, look, unlock
from connector.store.ledger import Ledger
from connector.store.mirror import Mirror
from connector.store.objections import Objections
from connector.store.outbox import Outbox
from connector.store.records import Records
from connector.store.retention import Retention
from connector.store.schedule import Schedule
from connector.store.schema import migrations
from connector.store.sets import Sets
from connector.store.shadows import Shadows
from connector.store.survey import Survey
from connector.store.uses import Uses

T = TypeVar("T")

#: Most pieces of work that share one commit, so that no one waits long for it.
GROUP = 64
#: Pages of the log (4 KB each) before they are worked into the file, for which everybody waits: up to a third of a second once in
#: about 12,000 deliveries. SQLite's own 1,000 stop the door for 20 to 40 ms after every 800.
LOG = 16_000


#: Milliseconds that shredding waits for whoever reads from the log.
PATIENCE = 5000


class Locked(KeepwarmError):
    """Another Keepwarm process is writing to this database. Stop it, or point this one elsewhere."""


class Closed(KeepwarmError):
    """The store is closed: nothing more is written."""


class Undone(KeepwarmError):
    """Work that shared this commit ended its transaction, so none of it was written."""


class NoDatabase(KeepwarmError):
    """There is no database yet."""


class Tx:
    """One connection's view of every station. Reads see one snapshot; writes are only made inside `Sqlite.write`."""

    def __init__(self, db: Database, key: Key) -> None:
        self.db = db
        self.inbox = Inbox(db.conn)
        self.records = Records(db.conn)
        self.history = History(db.conn)
        self.mirror = Mirror(db.conn)
        self.ledger = Ledger(db.conn, key)
        self.assent = Assent(db.conn)
        self.census = Census(db.conn)
        self.outbox = Outbox(db.conn)
        self.schedule = Schedule(db.conn)
        self.survey = Survey(db.conn)
        self.uses = Uses(db.conn)
        self.objections = Objections(db.conn)
        self.doubts = Doubts(db.conn)
        self.gauges = Gauges(db.conn)
        self.sets = Sets(db.conn)
        self.shadows = Shadows(db.conn, self.ledger)
        self.retention = Retention(db.conn)
        self.freezes = Freezes(db.conn)
        self.erasure = Erasure(db.conn, key)

    def rows(self, sql: str, parameters: Any = ()) -> list[dict[str, Any]]:
        """For compiled rules, reports and tests: a read in plain SQL."""
        cursor = self.db.conn.execute(sql, parameters)
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor]


Work: TypeAlias = tuple[Callable[[Tx], Any], Future[Any]]


def _SHRED(_: Tx) -> None:
    """Never called."""


class Sqlite:
    """`after_commit(n)` is called on the writer's thread after its n-th commit that wrote something; tests stop it there."""

    def __init__(self, path: Path, *, after_commit: Callable[[int], None] = lambda _: None) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock_file = self._lock(path)
        self._after_commit = after_commit
        self._commits = 0
        self._turns = 0
        self._turned = threading.Condition()
        self._work: queue.SimpleQueue[Work | None] = queue.SimpleQueue()
        self._readers = threading.local()
        self._reading: weakref.WeakSet[Tx] = weakref.WeakSet()
        self._opening = threading.Lock()
        self._stopped = threading.Event()
        started: Future[None] = Future()
        self._writer = threading.Thread(target=self._run, args=(started,), name="writer", daemon=True)
        self._writer.start()
        try:
            started.result()
        except BaseException:
            os.close(self._lock_file)
            raise

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
        if self._stopped.is_set():
            self._refuse()
        return done

    def shred(self) -> bool:
        """Write the whole file anew and empty the log, so that nothing of what was deleted is left in either. False: somebody
        went on reading, so the log is emptied later. Takes about as long as copying the file, and who writes waits."""
        done: Future[Any] = Future()
        self._work.put((_SHRED, done))
        if self._stopped.is_set():
            self._refuse()
        return bool(done.result())

    @property
    def turns(self) -> int:
        """Grows with every commit. Take it before looking for work, and give it to `wait` when there was none."""
        return self._turns

    def wait(self, seen: int, *, within: float) -> bool:
        """Until something was committed since `seen`, or so many seconds passed. Was there anything."""
        with self._turned:
            return self._turned.wait_for(lambda: self._turns != seen, within)

    def nudge(self) -> None:
        """Let those who wait look around."""
        with self._turned:
            self._turns += 1
            self._turned.notify_all()

    @contextlib.contextmanager
    def reading(self) -> Iterator[Tx]:
        """A snapshot for this thread. Nesting gives the same one."""
        tx: Tx | None = getattr(self._readers, "tx", None)
        if tx is None:
            tx = self._open()
        if tx.db.conn.in_transaction:
            yield tx
            return
        tx.db.conn.execute("begin")
        try:
            yield tx
        finally:
            tx.db.conn.rollback()

    def close(self) -> None:
        """What was handed over before is still written."""
        self._work.put(None)
        self._writer.join(timeout=30)
        with self._opening:
            for tx in self._reading:
                tx.db.conn.close()
            if self._lock_file >= 0:
                os.close(self._lock_file)
                self._lock_file = -1

    def __enter__(self) -> Sqlite:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open(self) -> Tx:
        """This thread's reading connection. It ends with the thread, so that threads may come and go."""
        connection = connect(self.path, read_only=True)
        tx = Tx(Database(connection), self._key)
        weakref.finalize(tx, connection.close)
        with self._opening:
            self._reading.add(tx)
        self._readers.tx = tx
        return tx

    def _run(self, started: Future[None]) -> None:
        try:
            db = Database(connect(self.path, read_only=False))
            migrations.apply(db)
            self._key = unlock(db.conn, self.path)
            # the lock is ours, so whoever held a lane of this file is dead and need not be waited for
            db.execute("update leases set holder = '', until = ''")
            tx = Tx(db, self._key)
            tx.sets.end()  # and whatever it ran, it runs no more
        except BaseException as error:  # noqa: BLE001  handed to whoever opens the store
            started.set_exception(error)
            return
        started.set_result(None)
        try:
            aside: Work | None = None
            while first := aside or self._work.get():
                aside = None
                if first[0] is _SHRED:
                    _shred(db.conn, first[1])
                else:
                    group, aside = self._group(first)
                    self._commit(tx, group)
            db.conn.execute("pragma optimize")
            # what was forgotten still stands in the log until that is emptied; whoever reads now is waited for briefly
            db.conn.execute("pragma busy_timeout = 1000")
            db.conn.execute("pragma wal_checkpoint(truncate)")
        finally:
            db.conn.close()
            self._stopped.set()
            self._refuse()

    def _refuse(self) -> None:
        """Nobody waits for a writer that has gone."""
        with contextlib.suppress(queue.Empty):
            while True:
                if (left := self._work.get_nowait()) and left[1].set_running_or_notify_cancel():
                    left[1].set_exception(Closed())

    def _group(self, first: Work) -> tuple[list[Work], Work | None]:
        """What shares the next commit, and what was taken from the queue and cannot."""
        group = [first]
        while len(group) < GROUP and not self._work.empty():
            following = self._work.get()
            if following is None:
                self._work.put(None)
                break
            if following[0] is _SHRED:
                return group, following
            group.append(following)
        return group, None

    def _commit(self, tx: Tx, group: list[Work]) -> None:
        # whoever cancelled before we began gets nothing done; from here on it cannot be cancelled
        group = [(work, done) for work, done in group if done.set_running_or_notify_cancel()]
        outcomes: list[tuple[Future[Any], Any, BaseException | None]] = []
        before = tx.db.conn.total_changes
        try:
            tx.db.conn.execute("begin immediate")
            for work, done in group:
                outcomes.append((done, *_attempt(tx, work)))
                if not tx.db.conn.in_transaction:  # a full disk, for one, rolls back everything
                    raise Undone from outcomes[-1][2]
            tx.db.conn.commit()
        except (sqlite3.Error, Undone) as error:
            tx.db.conn.rollback()
            outcomes = [(done, None, error) for _, done in group]
        else:
            if tx.db.conn.total_changes != before:
                self._commits += 1
                self.nudge()
                self._after_commit(self._commits)
        for done, result, problem in outcomes:
            if problem is None:
                done.set_result(result)
            else:
                done.set_exception(problem)


class ReadOnly:
    """The same file, for commands that only look. Works while another process writes."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            raise NoDatabase(f"{path}: there is nothing here yet; `keepwarm sync` or `keepwarm serve` begins it")
        db = Database(connect(path, read_only=True))
        self._tx = Tx(db, look(db.conn, path))

    @contextlib.contextmanager
    def reading(self) -> Iterator[Tx]:
        if self._tx.db.conn.in_transaction:
            yield self._tx
            return
        self._tx.db.conn.execute("begin")
        try:
            yield self._tx
        finally:
            self._tx.db.conn.rollback()

    def close(self) -> None:
        self._tx.db.conn.close()


def _attempt(tx: Tx, work: Callable[[Tx], Any]) -> tuple[Any, BaseException | None]:
    try:
        with tx.db.atomic():
            return work(tx), None
    except BaseException as error:  # noqa: BLE001  handed to whoever asked for the work
        return None, error


def _shred(connection: sqlite3.Connection, done: Future[Any]) -> None:
    """Deleted cells are overwritten as they go (`secure_delete`), but pages that were rearranged keep copies in their gaps."""
    if not done.set_running_or_notify_cancel():
        return
    try:
        connection.execute("vacuum")
        connection.execute(f"pragma busy_timeout = {PATIENCE}")
        busy = connection.execute("pragma wal_checkpoint(truncate)").fetchone()[0]
        connection.execute("pragma busy_timeout = 30000")
    except sqlite3.Error as error:
        done.set_exception(error)
    else:
        done.set_result(not busy)


def connect(path: Path, *, read_only: bool) -> sqlite3.Connection:
    uri = f"{path.resolve().as_uri()}{'?mode=ro' if read_only else ''}"
    connection = sqlite3.connect(uri, uri=True, check_same_thread=False, timeout=30, isolation_level=None)
    connection.execute("pragma cache_size = -65536")
    if read_only:
        # each connection maps its own; mapped pages count as resident, so only those that read much have them
        connection.execute("pragma mmap_size = 67108864")
        connection.execute("pragma temp_store = memory")
    else:
        path.chmod(0o600)  # it is full of personal data; the WAL beside it takes over these rights
        connection.execute("pragma journal_mode = wal")
        connection.execute("pragma synchronous = full")
        connection.execute(f"pragma wal_autocheckpoint = {LOG}")
        connection.execute("pragma foreign_keys = on")
        # who was forgotten must not stay readable in free pages; not every build of SQLite does this by itself
        connection.execute("pragma secure_delete = on")
    return connection
