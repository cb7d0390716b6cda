"""What only the SQLite store promises: one writing process, a full disk, a crash anywhere; and that it is a `Store`."""

from __future__ import annotations

import gc
import inspect
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connector.flow import Delivery
from connector.store import Locked, Sqlite, Tx, Undone, protocol
from connector.store.protocol import Store

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
STATIONS = ("inbox", "records", "mirror", "ledger", "outbox", "schedule", "uses", "objections", "doubts", "retention")


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Sqlite]:
    with Sqlite(tmp_path / "keepwarm.db") as opened:
        yield opened


def keep(tx: Tx, id: str, size: int = 0) -> int:
    return tx.inbox.keep([Delivery(account="a", body=b"x" * size, received_at=NOW, id=id)])


def hold(store: Sqlite) -> threading.Event:
    """Occupies the writer until the event is set; what is handed over meanwhile shares the next commit."""
    begun, go = threading.Event(), threading.Event()

    def wait(_: Tx) -> None:
        begun.set()
        assert go.wait(20)

    store.submit(wait)
    assert begun.wait(20)
    return go


def ids(path: Path) -> set[str]:
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("pragma integrity_check").fetchone() == ("ok",)
        return {row[0] for row in connection.execute("select key from deliveries")}


def test_it_is_a_store(sqlite: Sqlite) -> None:
    """That this line type-checks is the test; what it cannot see is below."""
    store: Store = sqlite
    assert store is sqlite


@pytest.mark.parametrize("station", STATIONS)
def test_the_protocol_says_all_that_a_station_offers_and_nothing_else(station: str, sqlite: Sqlite) -> None:
    def offers(class_: type) -> dict[str, str]:
        public = {name: it for name, it in vars(class_).items() if inspect.isfunction(it) and not name.startswith("_")}
        return {name: str(inspect.signature(it)) for name, it in public.items()}

    with sqlite.reading() as tx:
        assert offers(getattr(protocol, station.capitalize())) == offers(type(getattr(tx, station)))


def test_a_second_writer_is_refused_by_name_and_may_come_when_the_first_has_left(tmp_path: Path) -> None:
    path = tmp_path / "keepwarm.db"
    with Sqlite(path), pytest.raises(Locked, match=f"process {os.getpid()} is writing"):
        Sqlite(path)
    with Sqlite(path) as again:
        assert again.write(lambda tx: keep(tx, "a")) == 1


def test_a_file_that_is_no_database_is_refused_and_left_free(tmp_path: Path) -> None:
    path = tmp_path / "keepwarm.db"
    path.write_bytes(b"not a database, but a page of text" * 100)
    for _ in range(2):  # the second time it must not be the lock
        with pytest.raises(sqlite3.DatabaseError, match="not a database"):
            Sqlite(path)


def test_a_full_disk_fails_all_that_shared_the_commit_and_nothing_is_half_written(sqlite: Sqlite) -> None:
    sqlite.write(lambda tx: keep(tx, "before"))
    pages = sqlite.write(lambda tx: tx.rows("pragma page_count"))[0]["page_count"]
    sqlite.write(lambda tx: tx.rows(f"pragma max_page_count = {pages + 20}"))
    go = hold(sqlite)
    small, large, after = (
        sqlite.submit(lambda tx, it=id, size=size: keep(tx, it, size))  # type: ignore[misc]
        for id, size in (("small", 10), ("large", 500_000), ("after", 10))
    )
    go.set()
    told = {
        name: future.exception(20) is None for name, future in (("small", small), ("large", large), ("after", after))
    }
    assert not told["large"]
    sqlite.write(lambda tx: tx.rows("pragma max_page_count = 1073741823"))
    sqlite.write(lambda tx: keep(tx, "later"))
    assert ids(sqlite.path) == {"before", "later"} | {name for name, good in told.items() if good}


def test_work_that_ends_the_shared_transaction_fails_everyone_in_it(sqlite: Sqlite) -> None:
    def rude(tx: Tx) -> None:
        tx.rows("insert or rollback into wakeups (person, at) values (1, '')")

    sqlite.write(rude)
    go = hold(sqlite)
    first = sqlite.submit(lambda tx: keep(tx, "first"))
    second, third = sqlite.submit(rude), sqlite.submit(lambda tx: keep(tx, "third"))
    go.set()
    for future in (first, second, third):
        assert isinstance(future.exception(20), Undone)
    assert ids(sqlite.path) == set()
    assert sqlite.write(lambda tx: keep(tx, "fourth")) == 1


def test_only_the_writer_can_write_whatever_the_statement(sqlite: Sqlite) -> None:
    for statement in ("delete from deliveries", "create table x (y)", "drop table runs", "pragma user_version = 5"):
        with sqlite.reading() as tx, pytest.raises(sqlite3.OperationalError, match="readonly"):
            tx.rows(statement)


def test_threads_that_come_and_go_leave_no_connections_behind(sqlite: Sqlite) -> None:
    def look() -> None:
        with sqlite.reading() as tx:
            tx.inbox.counts()

    def connections() -> int:
        gc.collect()
        return sum(link.readlink().name == "keepwarm.db" for link in _open_files())

    before = connections()
    for _ in range(20):
        thread = threading.Thread(target=look)
        thread.start()
        thread.join()
    assert connections() <= before + 1


def _open_files() -> list[Path]:
    folder = Path("/proc/self/fd")
    if not folder.exists():
        pytest.skip("no /proc here")
    return [link for link in folder.iterdir() if link.is_symlink()]


CRASHING = """
    import os, sys
    from datetime import UTC, datetime
    from pathlib import Path
    from connector.flow import Delivery
    from connector.store import Sqlite

    path, stop_at, where = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]

    def stop(number):
        if where == "after" and number == stop_at:
            os.kill(os.getpid(), 9)

    def work(tx, number):
        for part in range(50):
            tx.inbox.keep([Delivery(account="a", body=b"x" * 3000, received_at=datetime.now(UTC), id=f"{number}.{part}")])
            if where == "inside" and number == stop_at and part == 25:
                os.kill(os.getpid(), 9)
        return number

    with Sqlite(path, after_commit=stop) as store:
        for number in range(1, 100):
            print(store.write(lambda tx: work(tx, number)), flush=True)
"""


@pytest.mark.parametrize("where", ["inside", "after"])
@pytest.mark.parametrize("stop_at", [1, 4, 11])
def test_a_crash_leaves_whole_pieces_of_work_and_all_that_was_acknowledged(
    where: str, stop_at: int, tmp_path: Path
) -> None:
    path = tmp_path / "keepwarm.db"
    program = [sys.executable, "-c", textwrap.dedent(CRASHING), str(path), str(stop_at), where]
    killed = subprocess.run(program, capture_output=True, text=True, timeout=60, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    acknowledged = {int(line) for line in killed.stdout.split()}
    assert acknowledged == set(range(1, stop_at))
    with Sqlite(path) as store:  # the dead process's lock is no hindrance
        store.write(lambda tx: keep(tx, "next"))
    kept = ids(path) - {"next"}
    whole = set(range(1, stop_at + (where == "after")))
    assert kept == {f"{number}.{part}" for number in whole for part in range(50)}
