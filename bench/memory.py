"""How much memory a first sync of 100,000 people takes: Greenhouse's imitation without limits in one process, ours in another.

`python -m bench.memory served PEOPLE` is the one, `python -m bench.memory sync|open PEOPLE ADDRESS FOLDER` the other."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from adapters.greenhouse.sandbox import GreenhouseSandbox
from bench.figure import Figure
from bench.place import housed
from bench.pool import most_memory
from connector.sandbox import Running, running
from connector.scheduler import drain
from connector.world import world

PEOPLE = 100_000
#: Of an invented world's people so many are at the hospital, which has Greenhouse.
THERE = 0.57


def measure(_: int, people: int = PEOPLE) -> list[Figure]:
    """Once: it takes minutes."""
    with served(people) as address, tempfile.TemporaryDirectory() as folder:
        empty = _apart("open", people, address, folder)
        told = _apart("sync", people, address, folder)
    size = f"{told['people']:,.0f} people"
    note = f"{told['records']:,.0f} records; besides the file's own pages {told['private']:,.0f} MB; {told['seconds']:,.0f} s"
    return [
        Figure(
            name=f"memory of a first sync, {size}", unit="MB", ours=[told["megabytes"]], peer=[empty["megabytes"]],
            against="a process that only opened the store", note=note,
        ),
    ]  # fmt: skip


@contextmanager
def served(people: int) -> Iterator[str]:
    command = [sys.executable, "-m", "bench.memory", "served", str(people)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def _apart(what: str, people: int, address: str, folder: str) -> dict[str, float]:
    command = [sys.executable, "-m", "bench.memory", what, str(people), address, folder]
    found: dict[str, float] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    return found


def _serve(people: int) -> None:
    sandbox = GreenhouseSandbox(limited=False)
    sandbox.seed(world(round(people / THERE), now=datetime.now(UTC)))
    with running(sandbox) as on:
        print(on.base_url, flush=True)
        sys.stdin.read()


def _sync(address: str, folder: str, *, open_only: bool) -> dict[str, float]:
    begun = time.perf_counter()
    most: list[float] = [0.0]
    over = threading.Event()
    watch = threading.Thread(target=_watch, args=(most, over))
    with housed("greenhouse", Running(address, GreenhouseSandbox()), Path(folder), limited=False) as house:
        watch.start()
        if not open_only:
            drain(house, full=True)
        with house.store.reading() as tx:
            people = tx.mirror.count()
            records = sum(sum(kinds.values()) for kinds in tx.records.counts().values())
        over.set()
        watch.join()
    return {
        "people": people, "records": records, "private": most[0], "megabytes": most_memory(),
        "seconds": time.perf_counter() - begun,
    }  # fmt: skip


def _watch(most: list[float], over: threading.Event) -> None:
    """MB that are ours alone, without the pages of the file that SQLite maps. Linux only."""
    status = Path("/proc/self/status")
    while status.exists() and not over.wait(0.2):
        [line] = [line for line in status.read_text().splitlines() if line.startswith("RssAnon:")]
        most[0] = max(most[0], int(line.split()[1]) / 1024)


def main(what: str, people: str, address: str = "", folder: str = "") -> None:
    if what == "served":
        _serve(int(people))
    else:
        print(json.dumps(_sync(address, folder, open_only=what == "open")))


if __name__ == "__main__":
    main(*sys.argv[1:])
