"""The door under full load, durably: verify, one row each on disk with fsync, and only then 200; beside the same server
doing nothing. Server and load are processes of their own."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from bench.figure import Figure

SECONDS = 2.5


def measure(runs: int) -> list[Figure]:
    ours, peer = [], []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(runs):
            database = Path(folder) / f"{number}.db"
            ours.append(_under_load(str(database)))
            _all_there(database, int(ours[-1]["taken"]))
            peer.append(_under_load())

    def figure(name: str, unit: str, value: Callable[[dict[str, float]], float]) -> Figure:
        against = "same server, answering 200 and nothing else"
        return Figure(name=name, unit=unit, ours=[*map(value, ours)], peer=[*map(value, peer)], against=against)

    return [
        figure("door", "deliveries/s", lambda it: it["taken"] / it["seconds"]),
        figure("door, p99", "ms", lambda it: it["p99"]),
        figure("door, processor time", "µs/delivery", lambda it: 1e6 * it["cpu"] / it["answered"]),
    ]


def _under_load(*arguments: str) -> dict[str, float]:
    command = [sys.executable, "-m", "bench.served", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            address, before = process.stdout.readline().split()
            told = _load(urlsplit(address))
        finally:
            process.terminate()
        told["cpu"] = float(process.stdout.read()) - float(before)
    assert not told["other"], told
    return told


def _load(address: SplitResult) -> dict[str, float]:
    command = [sys.executable, "-m", "bench.load", str(address.hostname), str(address.port), str(SECONDS)]
    told: dict[str, float] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return told


def _all_there(database: Path, taken: int) -> None:
    """A figure for deliveries that were lost would be worth nothing."""
    with closing(sqlite3.connect(database)) as connection:
        kept = connection.execute("select count(*) from deliveries").fetchone()[0]
    assert kept >= taken, f"{taken} acknowledged, {kept} on disk"
