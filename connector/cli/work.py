"""Verbs that do something: sync, plan, apply, replay, serve."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import click
import structlog
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from connector import plan as plans
from connector import scheduler
from connector.accounts import Account
from connector.cli.words import Where, as_json, counted, plural, say, table, when
from connector.errands import Answer, Errand, Errands, ask
from connector.errors import KeepwarmError
from connector.house import House, check, desk_of, opened, real_clock
from connector.plan import Plan
from connector.scheduler import Watch
from connector.settings import Settings
from connector.store import Locked, ReadOnly, Tx
from connector.web.app import application
from connector.web.serving import serve as answer

log = structlog.get_logger()


@contextmanager
def shown(title: str, accounts: Mapping[str, Account]) -> Iterator[Watch]:
    """Progress: for each account its streams as a bar and its items as a count; elsewhere a log line a stream."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _logged(title)
        return
    columns = (
        TextColumn("  {task.description:36}"),
        BarColumn(bar_width=30),
        TextColumn("{task.completed:>2} of {task.total} lists {task.fields[items]:>8,} items"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as progress:
        tasks: dict[str, TaskID] = {}
        items: Counter[str] = Counter()

        def watch(account: str, what: str, counts: Counter[str]) -> None:
            if account not in tasks:
                lists = len(accounts[account].declaration.streams) or None
                tasks[account] = progress.add_task(account, total=lists, items=0)
            items[account] += sum(counts[name] for name in ("items", "reread", "sent", "already"))
            said = f"{account}: {what.replace('_', ' ')}"
            progress.update(tasks[account], advance=counts["done"], description=said, items=items[account])

        yield watch


def _logged(title: str) -> Watch:
    totals: Counter[str] = Counter()

    def watch(account: str, what: str, counts: Counter[str]) -> None:
        totals[f"{account}/{what}"] += counts["items"]
        if counts["done"]:
            log.info(title, account=account, stream=what, items=totals.pop(f"{account}/{what}"))

    return watch


@click.command()
@click.argument("account", required=False)
@click.option("--full", is_flag=True, help="Everything from the start, and find what vanished.")
@click.option("--json", "machine", is_flag=True, help="For a machine.")
@click.pass_obj
def sync(where: Where, account: str | None, full: bool, machine: bool) -> None:
    """Pull what changed, from one ACCOUNT or from all, and bring everyone up to date.

    Killed anywhere, it goes on where it was. What applied rules ask for is pushed as well.
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
        return
    for name, kinds in held.items():
        say(f"{name}: {counted(kinds)}")
    say(f"{plural(people, 'person', 'people')}; {counted(counts)}")
    for pause in pauses:
        say(f"paused: {pause.account} {pause.scope}: {pause.why}", err=True)
    if parked:
        say(f"{plural(parked, 'item')} could not be read: `keepwarm parked` shows which and why", err=True)


@click.command()
@click.option("--json", "machine", is_flag=True, help="For a machine.")
@click.pass_obj
def plan(where: Where, machine: bool) -> None:
    """Show what the rules would change, and write nothing. Ends with an id for `apply`."""
    settings = where.load()
    found, made = check(settings, os.environ, file=str(where.settings))
    store = ReadOnly(settings.database)
    try:
        made_plan = plans.make(store, desk_of(settings, found, made), now=real_clock())
        plans.save(made_plan, settings.database.parent / "plans")
        if machine:
            as_json(made_plan)
            return
        with store.reading() as tx:
            show(made_plan, tx, settings)
    finally:
        store.close()


def show(made: Plan, tx: Tx, settings: Settings) -> None:
    say(
        f"Plan {made.id} over {plural(made.people, 'person', 'people')}, good until {when(made.expires_at, settings.zone)}"
    )
    say()
    table(
        ("rule", "", "match", "unknown", "add", "remove", "keep", "theirs"),
        [
            (it.rule, "new" if it.new and it.mode == "live" else "" if it.mode == "live" else it.mode, it.yes, it.unknown,
             it.add, it.remove, it.keep, it.adopt)
            for it in made.rules
        ],
    )  # fmt: skip
    for it in made.rules:
        for why, count in it.held.items():
            say(f"  {it.rule}: {count:,} held back: {why}")
        if it.limit:
            say(f"  {it.rule}: OVER ITS LIMIT ({it.limit}); `apply --approve {it.rule}` if that is right")
    if made.opt_outs:
        say(
            f"\n  {plural(made.opt_outs, 'member')} objected elsewhere: to be unsubscribed in the audience, now and from then on"
        )
    for cadence in made.cadences:
        if cadence.limit:
            say(f"  {cadence.cadence}: {cadence.limit}: `apply --approve {cadence.cadence}`")
    if made.cadences:
        say()
        table(
            ("cadence", "", "match", "unknown", "in it", "joining", "held out", "due in 7 days"),
            [
                (it.cadence, "new" if it.new else "", it.matching, it.unknown, it.enrolled, it.joining, it.held_out,
                 it.due_in_a_week)
                for it in made.cadences
            ],
        )  # fmt: skip
    for it in made.rules:
        if it.samples:
            say(f"\n{it.rule}: {it.why}" if it.why else f"\n{it.rule}:")
            for sample in it.samples[:10]:
                found = tx.mirror.profile(sample.person)
                say(f"  {sample.kind:6} {sample.person:>6}  {found.name if found else '':22} {sample.line}")
    say(f"\nNothing was written. To do it: keepwarm apply {made.id}")


@click.command()
@click.argument("plan_id", metavar="PLAN")
@click.option("--approve", multiple=True, metavar="RULE", help="Let RULE go over its limit of change this once.")
@click.option("--json", "machine", is_flag=True, help="For a machine.")
@click.pass_obj
def apply(where: Where, plan_id: str, approve: tuple[str, ...], machine: bool) -> None:
    """Switch on the rules of a PLAN and make its changes. Refused when the plan is stale; safe to repeat.

    While `serve` runs, it is `serve` that applies it and goes on pushing.
    """
    settings = where.load()
    try:
        with opened(settings, os.environ, file=str(where.settings)) as house:
            counts = applied(house, plan_id, approve=approve)
    except Locked:
        say("`serve` has the database; asking it", err=True)
        counts = _asked(settings, Errand(verb="apply", args={"plan": plan_id, "approve": list(approve)}))
    if machine:
        as_json(counts)
    else:
        say(f"applied {plan_id}: {counted(counts)}")


def _asked(settings: Settings, errand: Errand) -> Counter[str]:
    told = ask(settings.database, errand)
    if told.refused:
        raise plans.PlanRefused(told.refused)
    if told.failed:
        raise KeepwarmError(told.failed)
    return Counter(told.counts)


def applied(house: House, plan_id: str, *, approve: Sequence[str] = ()) -> Counter[str]:
    """Apply, then push until the platforms have it all."""
    with shown("applied", house.accounts) as watch, _counting("applying") as progress:
        counts = decided(house, plan_id, approve=approve, progress=progress)
        scheduler.drain(house, pull=False, watch=watch)
    with house.store.reading() as tx:
        outbox = tx.outbox.counts()
    return counts + Counter({f"actions {state}": count for state, count in outbox.items()})


def decided(
    house: House,
    plan_id: str,
    *,
    approve: Sequence[str],
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Counter[str]:
    """Apply without pushing. A mark beside the plan says that it was begun, so that a killed one goes on."""
    now = house.clock()
    found = plans.load(plan_id, house.plans, now=now)
    started = house.plans / f"{found.id}.started"
    resumed = started.exists()
    started.touch()
    try:
        return plans.apply(house.store, house.desk, found, now=now, approve=approve, resumed=resumed, progress=progress)
    except plans.PlanRefused:
        if not resumed:
            started.unlink()
        raise


@contextmanager
def _counting(title: str) -> Iterator[Callable[[int, int], None]]:
    """`3,400 of 12,000 people`, on one line of a terminal; a log line at the end elsewhere."""
    on_terminal = Console(stderr=True).is_terminal

    def progress(done: int, total: int) -> None:
        if on_terminal:
            click.echo(f"\r  {title}: {done:,} of {total:,} people", nl=done == total, err=True)
        elif done == total:
            log.info(title, people=total)

    yield progress


@click.command()
@click.argument("delivery", type=int, required=False)
@click.option("--dead", is_flag=True, help="Try dead letters again instead of reading parked items again.")
@click.pass_obj
def replay(where: Where, delivery: int | None, dead: bool) -> None:
    """Read parked deliveries again after a fix (one DELIVERY, or all of them); or, with --dead, retry dead letters."""
    settings = where.load()
    verb = "retry" if dead else "replay"
    try:
        with opened(settings, os.environ, file=str(where.settings)) as house:
            counts = _again(house, verb, delivery)
            scheduler.drain(house, pull=False)
    except Locked:
        say("`serve` has the database; asking it", err=True)
        counts = _asked(settings, Errand(verb=verb, args={"row": str(delivery or "")}))
    store = ReadOnly(settings.database)
    with store.reading() as tx:
        left = len(tx.outbox.in_state("dead")) if dead else len({it.delivery for it in tx.inbox.parked()})
    store.close()
    what = ("dead letter", "dead letters") if dead else ("delivery", "deliveries")
    say(f"{plural(counts['again'], *what)} tried again; {left} {'dead' if dead else 'parked'} now")


def _again(house: House, verb: str, row: int | None) -> Counter[str]:
    """Open parked deliveries, or dead letters, once more; all of them where no row is named."""
    with house.store.reading() as tx:
        parked = sorted({it.delivery for it in tx.inbox.parked()}) if row is None else [row]
        letters = [it.row for it in tx.outbox.in_state("dead")] if row is None else [row]
    now = house.clock()
    if verb == "retry":
        return Counter(again=house.store.write(lambda tx: tx.outbox.retry(letters, now=now)))
    return Counter(again=house.store.write(lambda tx: tx.inbox.reopen(parked)))


@click.command()
@click.option("--port", type=int, help="Instead of serve.port in the settings.")
@click.pass_obj
def serve(where: Where, port: int | None) -> None:
    """Run it all: take webhooks, pull on schedule, judge, send. Stops cleanly on Ctrl-C and SIGTERM."""
    with opened(where.load(), os.environ, file=str(where.settings)) as house:
        running = scheduler.Running(house)
        errands = Errands(house.settings.database, _errands(house, running))
        running.start()
        errands.start()
        try:
            log.info("serving", host=house.settings.host, port=port or house.settings.port, accounts=list(house.accounts),
                     rules=house.rules.hash[:8])  # fmt: skip
            app = application(house.store, house.accounts, now=house.clock, wake=running.wake)
            answer(app, house.settings.host, port or house.settings.port)
        finally:
            errands.stop()
            running.stop()
            log.info("stopped", threads=threading.active_count())


def _errands(house: House, running: scheduler.Running) -> dict[str, Callable[[Errand], Answer]]:
    """What a running `serve` does for commands that find the database taken."""

    def apply_plan(errand: Errand) -> Answer:
        try:
            counts = decided(house, str(errand.args["plan"]), approve=list(errand.args.get("approve", ())))
        except plans.PlanRefused as error:
            return Answer(refused=str(error))
        running.wake()
        return Answer(counts=dict(counts))

    def again(errand: Errand) -> Answer:
        row = str(errand.args.get("row", ""))
        counts = _again(house, errand.verb, int(row) if row else None)
        running.wake()
        return Answer(counts=dict(counts))

    return {"apply": apply_plan, "replay": again, "retry": again}


COMMANDS = (sync, plan, apply, replay, serve)
