"""From one edited rule to its plan, where everything else is in force and everybody was judged: 10,000 and 100,000 people, and
a million. The other nineteen rules are in force too, their tags are owned, and an ATS account takes tags."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from bench.figure import Figure
from bench.people import NOW, VOCABULARY, fill
from connector.clock import stamp
from connector.model import Candidate, Ref

SETTINGS = """
version: 1
accounts: {hospital: {platform: greenhouse, secrets: {client_id: GH_ID, client_secret: GH_SECRET}}}
"""
SECRETS = {"GH_ID": "id", "GH_SECRET": "secret"}
RULES = Path(__file__).with_name("rules20.yaml")
EDITS = ("scorecard_average: {at_least: 3.5}", "scorecard_average: {at_least: 3.3}"), ("18 months", "24 months")


def measure(runs: int) -> list[Figure]:
    return [figure for size in (10_000, 100_000) for figure in _sized(size, runs)]


def measure_million(runs: int) -> list[Figure]:
    return _sized(1_000_000, min(runs, 3))


def _sized(people: int, runs: int) -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        database = Path(folder) / "pool.db"
        _prepare(database, people)
        told = [{what: _apart(what, database) for what in ("plan", "all", "one")} for _ in range(runs)]

    def of(what: str, value: str = "seconds") -> list[float]:
        return [it[what][value] for it in told]

    size = f"{people:,} people"
    return [
        Figure(name=f"edit to plan, {size}", unit="s", ours=of("plan"), peer=of("one"),
               against="the edited rule alone, as one query"),
        Figure(name=f"edit to plan, asking all rules, {size}", unit="s", ours=of("all"), peer=of("one"),
               against="the edited rule alone, as one query"),
        Figure(name=f"memory of that plan, {size}", unit="MB", ours=of("plan", "megabytes"), peer=of("one", "megabytes"),
               against="the edited rule alone, as one query"),
    ]  # fmt: skip


def _desk(text: str) -> Any:
    from connector.accounts import connect
    from connector.house import desk_of
    from connector.rules import load
    from connector.settings import read

    settings = read(SETTINGS, "settings.yaml", folder=Path())
    found = load({"rules20.yaml": text}, VOCABULARY)
    assert not found.problems, found.problems
    return desk_of(settings, found, connect(settings, SECRETS))


def _edited() -> str:
    text = RULES.read_text(encoding="utf-8")
    for old, new in EDITS:
        # only the first: the rule that is edited
        assert old in text
        text = text.replace(old, new, 1)
    return text


def _prepare(database: Path, people: int) -> None:
    """As it is after the twenty rules were applied: who matches is tagged, and everybody was judged."""
    from connector.pool import Pool, taking_of
    from connector.store import Sqlite, Tx

    desk = _desk(RULES.read_text(encoding="utf-8"))
    rules = desk.bench.court.rules.standing

    def write(tx: Tx) -> None:
        tx.db.conn.executemany(
            "insert into records (account, kind, id, version, received_at, recorded_at, body)"
            " values ('hospital', 'candidate', ?1, ?3, ?3, ?3, ?2)",
            _candidates(people),
        )
        tx.db.conn.execute(
            "insert into candidates (account, id, person) select 'hospital', cast(id as text), id from people"
        )
        pool = Pool(tx, desk.bench, now=NOW)
        pool.stand(now=NOW)
        tx.ledger.activate({it.name: it.hash for it in rules}, set_hash="", now=NOW, plan="bench")
        for rule in rules:
            for tag in rule.keep.tags if rule.keep else ():
                tx.db.conn.execute(
                    "insert into owned (account, subject, kind, key, person, rules, state, added_at, rule_hash)"
                    " select 'hospital', cast(person as text), 'tag', ?, person, ?, 'ours', ?, ? from temp.answers"
                    " where rule = ? and answer = 1",
                    (tag, json.dumps([rule.name]), stamp(NOW), rule.hash, rule.name),
                )
        tx.assent.cover({it.name: f"{it.hash} {taking_of(desk.bench)}" for it in rules})
        tx.schedule.arrive("", "clock", until=NOW, complete=False, now=NOW)

    with Sqlite(database) as store:
        fill(store, people)
        store.write(write)


def _candidates(people: int) -> Iterator[tuple[str, str, str]]:
    for person in range(1, people + 1):
        record = Candidate(ref=Ref("hospital", "candidate", str(person)), updated_at=NOW)
        yield str(person), msgspec.json.encode(record).decode(), stamp(NOW)


def _apart(what: str, database: Path) -> dict[str, float]:
    """In a process of its own, so that nothing is warm and its memory is its own."""
    command = [sys.executable, "-m", "bench.edit", what, str(database)]
    found: dict[str, float] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return found


def main(what: str, database: Path) -> None:
    from bench.pool import most_memory
    from connector.plan import make
    from connector.pool import LATELY
    from connector.rules import select
    from connector.store import Sqlite

    desk = _desk(_edited())
    # nobody looked at the clock since: every rule is asked
    now = NOW + 2 * LATELY if what == "all" else NOW
    with Sqlite(database) as store:
        begun = time.perf_counter()
        if what == "one":
            [rule] = [it for it in desk.bench.court.rules.standing if it.name == "silver-medallist"]
            query = select(rule, desk.bench.court.context(now))
            with store.reading() as tx:
                assert tx.rows(query.text, query.params)
        else:
            plan = make(store, desk, now=now)
            [silver] = [it for it in plan.rules if it.rule == "silver-medallist"]
            assert silver.add
            assert silver.keep
            assert not any(it.add or it.remove for it in plan.rules if it is not silver) or what == "all"
        seconds = time.perf_counter() - begun
    print(json.dumps({"seconds": seconds, "megabytes": most_memory()}))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
