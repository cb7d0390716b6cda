"""Verbs that do something: sync, replay, serve."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import click
import structlog

from connector import inbox, scheduler
from connector.cli.ledger import lifted, released
from connector.cli.person import erased, stilled
from connector.cli.plans import allowed, decided
from connector.cli.progress import shown
from connector.cli.words import WRONG, Where, as_json, counted, plural, say
from connector.errands import Answer, Errand, Errands, asked
from connector.house import House, opened
from connector.plan import PlanRefused
from connector.reload import Reload
from connector.store import Locked, ReadOnly
from connector.store.schedule import Pause
from connector.undo import undo
from connector.web.app import application
from connector.web.serving import serve as answer

log = structlog.get_logger()


@click.command()
@click.argument("account", required=False)
@click.option("--full", is_flag=True, help="Everything from the start, and find what vanished.")
@click.option("--json", "machine", is_flag=True, help="For a machine.")
@click.pass_obj
def sync(where: Where, account: str | None, full: bool, machine: bool) -> None:
    """Pull what changed, from one ACCOUNT or from all, and bring everyone up to date.

    Killed anywhere, it goes on where it was. What applied rules ask for is pushed as well. Ends with 1 when something
    of an account that was asked for is paused, because then not all of it was seen.
    """
    with opened(where.load(), os.environ, file=str(where.settings)) as house:
        if account is not None and account not in house.accounts:
            raise click.UsageError(f"there is no account `{account}`; there are {', '.join(house.accounts)}")
        with shown("synced", house.accounts) as watch:
            counts = scheduler.drain(house, accounts=[account] if account else None, full=full, watch=watch)
        with house.store.reading() as tx:
            held = tx.records.counts()
            people, parked = tx.mirror.count(), len(tx.inbox.parked())
            pauses = tx.schedule.pauses()
    if machine:
        as_json({"people": people, "records": held, "parked": parked, "done": counts, "paused": pauses})
    else:
        _synced(held, people, counts, parked, pauses)
    if any(account in (None, it.account) for it in pauses):
        raise click.exceptions.Exit(WRONG)


def _synced(
    held: Mapping[str, Mapping[str, int]], people: int, counts: Counter[str], parked: int, pauses: Sequence[Pause]
) -> None:
    for name, kinds in held.items():
        say(f"{name}: {counted(kinds)}")
    say(f"{plural(people, 'person', 'people')}; {counted(counts)}")
    for pause in pauses:
        say(f"paused: {pause.account} {pause.scope}: {pause.why}", err=True)
    if parked:
        say(f"{plural(parked, 'item')} could not be read: `keepwarm parked` shows which and why", err=True)


@click.command()
@click.argument("delivery", type=int, required=False)
@click.option("--dead", is_flag=True, help="Try dead letters again instead of reading parked items again.")
@click.pass_obj
def replay(where: Where, delivery: int | None, dead: bool) -> None:
    """Read parked deliveries again after a fix (one DELIVERY, or all of them), and ask the platform for their items
    again where it gives them by id; or, with --dead, retry dead letters."""
    settings = where.load()
    verb = "retry" if dead else "replay"
    try:
        with opened(settings, os.environ, file=str(where.settings)) as house:
            counts = _again(house, verb, delivery)
            scheduler.drain(house, pull=False)
    except Locked:
        say("`serve` has the database; asking it", err=True)
        counts = asked(settings.database, Errand(verb=verb, args={"row": str(delivery or "")}))
    store = ReadOnly(settings.database)
    with store.reading() as tx:
        left = len(tx.outbox.in_state("dead")) if dead else len({it.delivery for it in tx.inbox.parked()})
    store.close()
    what = ("dead letter", "dead letters") if dead else ("delivery", "deliveries")
    more = f", {plural(counts['asked'], 'item')} asked for again" if counts["asked"] else ""
    say(f"{plural(counts['again'], *what)} tried again{more}; {left} {'dead' if dead else 'parked'} now")


def _again(house: House, verb: str, row: int | None) -> Counter[str]:
    """Open parked deliveries, or dead letters, once more; all of them where no row is named."""
    now = house.clock()
    if verb != "retry":
        return inbox.replay(house.store, house.accounts, row, now=now)
    with house.store.reading() as tx:
        letters = [it.row for it in tx.outbox.in_state("dead")] if row is None else [row]
    return Counter(again=house.store.write(lambda tx: tx.outbox.retry(letters, now=now)))


@click.command()
@click.option("--port", type=int, help="Instead of serve.port in the settings.")
@click.pass_obj
def serve(where: Where, port: int | None) -> None:
    """Run it all: take webhooks, pull on schedule, judge, send. Stops cleanly on Ctrl-C and SIGTERM."""
    with opened(where.load(), os.environ, file=str(where.settings)) as house:
        running = scheduler.Running(house)
        reload = Reload(where.settings, where.load, running)
        errands = Errands(house.settings.database, _errands(running, reload))
        running.start()
        reload.start()
        errands.start()
        try:
            log.info("serving", host=house.settings.host, port=port or house.settings.port, accounts=list(house.accounts),
                     rules=house.rules.hash[:8])  # fmt: skip
            app = application(house.store, house.accounts, now=house.clock, wake=running.wake)
            answer(app, house.settings.host, port or house.settings.port)
        finally:
            errands.stop()
            reload.stop()
            running.stop()
            log.info("stopped", threads=threading.active_count())


def _errands(running: scheduler.Running, reload: Reload) -> dict[str, Callable[[Errand], Answer]]:
    """What a running `serve` does for commands that find the database taken."""

    def apply(errand: Errand) -> Counter[str]:
        reload.look()  # the plan was made from the files as they are now
        args = errand.args
        run, counts = decided(
            running.house, str(args["plan"]), approve=dict.fromkeys(args.get("approve", ()), str(args.get("by", "")))
        )
        return counts + Counter(run=run)

    def approve(errand: Errand) -> Counter[str]:
        allowed(running.house, *(str(errand.args[name]) for name in ("rule", "occasion", "by")))
        return Counter()

    def lift(errand: Errand) -> Counter[str]:
        return Counter(lifted=lifted(running.house, int(str(errand.args["person"])), str(errand.args["key"])))

    def release(errand: Errand) -> Counter[str]:
        return Counter(released=released(running.house, str(errand.args["rule"])))

    def again(errand: Errand) -> Counter[str]:
        row = str(errand.args.get("row", ""))
        return _again(running.house, errand.verb, int(row) if row else None)

    def take_back(errand: Errand) -> Counter[str]:
        return undo(running.house.store, int(str(errand.args["run"])), now=running.house.clock()).counts

    def erase(errand: Errand) -> Counter[str]:
        by, reason = str(errand.args.get("by", "")), str(errand.args.get("reason", ""))
        return erased(running.house, int(str(errand.args["person"])), by=by, reason=reason, push=running.wake)

    def freeze(errand: Errand) -> Counter[str]:
        return stilled(running.house, errand)

    def answered(work: Callable[[Errand], Counter[str]], errand: Errand) -> Answer:
        try:
            counts = work(errand)
        except PlanRefused as error:
            return Answer(refused=str(error))
        running.wake()
        return Answer(counts=dict(counts))

    verbs = {
        "apply": apply, "approve": approve, "lift": lift, "release": release, "replay": again, "retry": again,
        "undo": take_back, "erase": erase, "freeze": freeze, "unfreeze": freeze,
    }  # fmt: skip
    return {name: partial(answered, work) for name, work in verbs.items()}


COMMANDS = (sync, replay, serve)
