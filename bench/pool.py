"""A pool of 100,000 people: all twenty rules as SQL, a whole plan, and how much memory that takes."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.figure import Figure
from bench.people import NOW, VOCABULARY, fill, rules

PEOPLE = 100_000
TABLES = ("people", "applications", "person_words")
SETTINGS = "version: 1\n"
#: One takes seconds, and they differ little.
MOST_RUNS = 3


def measure(runs: int, people: int = PEOPLE) -> list[Figure]:
    from connector.store import Sqlite

    with tempfile.TemporaryDirectory() as folder:
        database = Path(folder) / "pool.db"
        with Sqlite(database) as store:
            fill(store, people)
        told = [
            {what: _apart(what, database) for what in ("read", "rules", "plan", "open")}
            for _ in range(min(runs, MOST_RUNS))
        ]

    def of(what: str, value: str) -> list[float]:
        return [it[what][value] for it in told]

    size = f"{people:,} people"
    return [
        Figure(
            name=f"20 rules as SQL, {size}", unit="s", ours=of("rules", "seconds"), peer=of("read", "seconds"),
            against="reading each row of the three tables once",
        ),
        Figure(
            name=f"plan, {size}", unit="s", ours=of("plan", "seconds"), peer=of("read", "seconds"),
            against="reading each row of the three tables once",
        ),
        Figure(
            name=f"memory of a plan, {size}", unit="MB", ours=of("plan", "megabytes"), peer=of("open", "megabytes"),
            against="a process that only opened the store",
        ),
    ]  # fmt: skip


def _apart(what: str, database: Path) -> dict[str, float]:
    """In a process of its own, so that nothing is warm and its memory is its own."""
    command = [sys.executable, "-m", "bench.pool", what, str(database)]
    found: dict[str, float] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return found


def _read(tx: Any) -> None:
    for table in TABLES:
        for _ in tx.db.conn.execute(f"select * from {table}"):
            pass


def _rules(tx: Any) -> None:
    from connector.rules import ANSWERS, Context, fill

    context = Context(now=NOW, zone=VOCABULARY.zone)
    tx.db.conn.execute(ANSWERS)
    for rule in rules().standing:
        query = fill(rule, context)
        tx.db.conn.execute(query.text, query.params)


def _plan(store: Any) -> None:
    """No account is connected: what is measured is the judgement of everyone, not the writing of actions."""
    from connector.accounts import Accounts
    from connector.house import desk_of
    from connector.plan import make
    from connector.settings import read

    settings = read(SETTINGS, "settings.yaml", folder=Path())
    plan = make(store, desk_of(settings, rules(), Accounts({})), now=NOW)
    assert plan.people
    assert any(rule.yes for rule in plan.rules)


def most_memory() -> float:
    """MB that this process held at most, pages of the file that SQLite maps included. Not `ru_maxrss`: on Linux that begins
    with what the parent held."""
    status = Path("/proc/self/status")
    if status.exists():
        [line] = [line for line in status.read_text().splitlines() if line.startswith("VmHWM:")]
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)


def main(what: str, database: Path) -> None:
    from connector.store import Sqlite

    with Sqlite(database) as store:
        begun = time.perf_counter()
        if what == "plan":
            _plan(store)
        elif what != "open":
            with store.reading() as tx:
                {"read": _read, "rules": _rules}[what](tx)
        seconds = time.perf_counter() - begun
        megabytes = most_memory()
    print(json.dumps({"seconds": seconds, "megabytes": megabytes}))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
