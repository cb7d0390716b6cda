"""What is killed: a process that opens the house and works until nothing is left to do, as `serve` would.

Started once, it forks one child for each life that it is told of, so that a life costs no start of an interpreter. Lines
in: a JSON object {settings, rules, environment, database, ahead, plan, commits, turn, threads}. Lines out: the child's id,
and then its exit code, or minus its signal. `ahead`: seconds from the real clock to the house's. `plan`: apply one too.
`commits`: kill yourself right after so many; 0: never.
"""

from __future__ import annotations

import faulthandler
import json
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from connector import accounts, applying, cadence, house, plan, scheduler, settings, sync
from connector.house import House
from connector.store import Sqlite

#: Seconds after which a life that does not end says where it is stuck.
PATIENCE = 30


def live(told: dict[str, Any]) -> None:
    ahead = timedelta(seconds=told["ahead"])
    made = settings.read(told["settings"], "settings.yaml", folder=Path(told["rules"]).parent)
    made = replace(made, database=Path(told["database"]), rules=Path(told["rules"]))
    found = accounts.connect(made, told["environment"])
    with Sqlite(made.database, after_commit=killer(told["commits"])) as store:
        it = house.assemble(made, house.load_rules(made), found, store, lambda: datetime.now(UTC) + ahead)
        work = at_once if told["threads"] else in_turn
        work(it, turn=told["turn"])
        if told["plan"] and switched_on(it):
            work(it, turn=told["turn"])


def killer(commits: int) -> Callable[[int], None]:
    def look(n: int) -> None:
        if n == commits:
            os.kill(os.getpid(), signal.SIGKILL)

    return look


def in_turn(it: House, *, turn: int) -> None:
    """One thread, so that the same life has the same commits. `turn`: who begins, so that all come to their turn."""
    lanes = [scheduler.Lane(it, account) for account in it.accounts.values()]
    steps: list[Callable[[], object]] = [lane.step for lane in lanes]
    steps.append(lambda: scheduler.rounds(it, now=it.clock()))
    steps = steps[turn % len(steps) :] + steps[: turn % len(steps)]
    while sum(bool(step()) for step in steps) or waits(it):
        pass
    for lane in lanes:
        lane.release()


def at_once(it: House, *, turn: int) -> None:
    """As `serve` does: rounds and lanes in threads of their own."""
    running = scheduler.Running(it)
    running.start()
    quiet = 0
    while quiet < 8:
        running.join(0.05)
        quiet = 0 if waits(it) or not it.store.path.exists() else quiet + 1
    running.stop()


def waits(it: House) -> bool:
    """Is there anything to do within the next seconds, now that nobody reports work."""
    soon = (it.clock() + timedelta(seconds=3)).isoformat()
    with it.store.reading() as tx:
        pulls = sum(
            sync.due(tx.schedule.mark(name, stream.name), stream, account, now=it.clock())
            for name, account in it.accounts.items()
            for stream in account.declaration.streams
        )
        found = tx.rows(
            "select (select count(*) from hints) + (select count(*) from dirty) + (select count(*) from to_judge)"
            " + (select count(*) from deliveries where state = 'new')"
            " + (select count(*) from outbox where state = 'sending' or (state = 'pending' and due_at < ?)) as n",
            (soon,),
        )
        due = tx.schedule.next_enrolment_due()
    return bool(pulls or found[0]["n"] or (due is not None and due <= it.clock() + cadence.LEAD))


def switched_on(it: House) -> bool:
    """Apply a plan while there is something in it: a life before this one may have got halfway through one."""
    made = plan.make(it.store, it.desk, now=it.clock())
    if not any(rule.new or rule.add for rule in made.rules) and not any(one.joining for one in made.cadences):
        return False
    applying.apply(it.store, it.desk, made, now=it.clock())
    return True


def main() -> None:
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            faulthandler.dump_traceback_later(PATIENCE, exit=True)
            live(json.loads(line))
            sys.stdout.flush()
            os._exit(0)
        print(child, flush=True)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main()
