"""`demo` and `sandbox`: the whole flow over loopback HTTP, and one platform by itself."""

from __future__ import annotations

import shutil
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
import msgspec

from connector import accounts as accounts_
from connector import decide, scheduler
from connector import plan as plans
from connector.cli import plans as planning
from connector.cli.agree import Check, compare
from connector.cli.explain import told as explained
from connector.cli.progress import shown
from connector.cli.sandboxes import Stage, base_url, instead, staged
from connector.cli.words import WRONG, Where, counted, plural, say, table, when
from connector.house import House, assemble, load_rules
from connector.sandbox import Sandbox, running
from connector.settings import Settings
from connector.store import Sqlite
from connector.web.app import application
from connector.web.serving import listen, server
from connector.world import World, world


class DemoClock:
    """Real time plus an offset: the demo moves it, here and on the platforms, instead of waiting for weeks."""

    def __init__(self) -> None:
        self._offset = timedelta(0)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self._offset

    def move_to(self, moment: datetime, stages: dict[str, Stage]) -> None:
        self._offset = moment - datetime.now(UTC)
        for stage in stages.values():
            stage.tell("clock", now=moment.isoformat())


@click.command()
@click.option("--people", default=2000, show_default=True, help="How many invented candidates.")
@click.option("--stay/--no-stay", default=None, help="Keep serving afterwards (default: on a terminal).")
@click.pass_obj
def demo(where: Where, people: int, stay: bool | None) -> None:
    """Run the main job end to end on sandboxes of every platform, and compare what each side believes.

    Nothing leaves this machine. Ends with 0 only if the platforms and Keepwarm agree.
    """
    settings = where.load()
    clock = DemoClock()
    invented = world(people, now=clock())
    folder = settings.database.parent / "demo"
    shutil.rmtree(folder, ignore_errors=True)
    begun = time.monotonic()
    with staged(settings, invented) as stages, _house(settings, stages, folder, clock) as house, _door(house) as door:
        _title(f"{plural(people, 'invented person', 'invented people')} on {len(stages)} sandboxes")
        for name, stage in stages.items():
            say(f"  {name:12} {house.settings.accounts[name].platform:11} {stage.running.base_url}")
            if secrets := house.accounts[name].webhook_secrets:
                stage.tell("hook", url=f"{door}/webhooks/{name}", secret=secrets[0])
        agreed = _story(house, stages, clock, invented)
        say(f"\n{time.monotonic() - begun:.0f} s. Database: {house.settings.database}")
        if stay if stay is not None else sys.stdout.isatty():
            _stay(house, door)
    if not agreed:
        raise click.exceptions.Exit(WRONG)


@contextmanager
def _house(settings: Settings, stages: dict[str, Stage], folder: Path, clock: DemoClock) -> Iterator[House]:
    settings, environment = instead(settings, stages, database=folder / "keepwarm.db")
    made = accounts_.connect(settings, environment)
    with Sqlite(settings.database) as store:
        yield assemble(settings, load_rules(settings), made, store, clock)


@contextmanager
def _door(house: House) -> Iterator[str]:
    with listen("127.0.0.1", 0) as bound:
        serving = server(application(house.store, house.accounts, now=house.clock))
        thread = threading.Thread(target=serving.run, kwargs={"sockets": [bound]}, name="door", daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{bound.getsockname()[1]}"
        finally:
            serving.should_exit = True
            thread.join(timeout=10)


def _title(text: str) -> None:
    say(f"\n── {text} " + "─" * max(0, 90 - len(text)))


def _story(house: House, stages: dict[str, Stage], clock: DemoClock, invented: World) -> bool:
    _title("backfill, while people go on working in the platforms")
    happening = threading.Thread(target=_life, args=(stages, invented), name="life")
    happening.start()
    with shown("pulled", house.accounts) as watch:
        scheduler.drain(house, full=True, watch=watch)
        happening.join()
        _take_in(house, stages)
    with house.store.reading() as tx:
        for name, kinds in tx.records.counts().items():
            say(f"  {name}: {counted(kinds)}")
        say(f"  {plural(tx.mirror.count(), 'person', 'people')}, {plural(tx.ledger.suppression_count(), 'opt-out')}"
            f" learnt, {len(tx.inbox.parked())} parked")  # fmt: skip
    _title("webhooks")
    for name, stage in stages.items():
        told = Counter(f"{it['event']} {it['status']}" for it in stage.ask("deliveries"))
        if told:
            say(f"  {name}: {counted(told)}")
    _title("plan: what would change (nothing is written)")
    plan = plans.make(house.store, house.desk, now=clock())
    plans.save(plan, house.plans)
    with house.store.reading() as tx:
        planning.show(_short(plan), tx, house.settings)
    _title("apply")
    run, done = planning.applied(house, plan.id)
    say(f"  run {run}: {counted(done)}")
    _explain(house)
    _title("the clock runs to the first quarterly message")
    _run_clock(house, stages, clock)
    _title("what the platforms received, beside what Keepwarm believes")
    return _verdict(compare(house, stages))


def _short(plan: plans.Plan) -> plans.Plan:
    """Three samples a rule are enough to see."""
    rules = tuple(msgspec.structs.replace(it, samples=it.samples[:3]) for it in plan.rules)
    return msgspec.structs.replace(plan, rules=rules)


def _life(stages: dict[str, Stage], invented: World) -> None:
    """A rejection, a hire, an unsubscribe and a merge, done in the platforms while we pull."""
    by_platform = {stage.sandbox.__class__.__name__: stage for stage in stages.values()}
    hospital = next((it for name, it in by_platform.items() if name.startswith("Greenhouse")), None)
    letters = next((it for name, it in by_platform.items() if name.startswith("Mailchimp")), None)
    if hospital is not None:
        active = [it for it in invented.of("hospital") if it.email and any(run.outcome == "active" for run in it.runs)]
        told = [
            hospital.tell("act", do="reject", email=person.email, reason="Stronger candidate chosen")
            for person in active[:3]
        ]
        for person in active[3:4]:
            hospital.tell("act", do="hire", email=person.email)
        if len(told) == 3:
            hospital.tell("act", do="merge", candidate=told[2]["candidate"], into=told[1]["candidate"])
    if letters is not None:
        subscribed = [it.email for it in invented.people if it.audience == "subscribed" and it.email]
        for address in subscribed[:2]:
            letters.tell("act", do="unsubscribe", email=address)


def _take_in(house: House, stages: dict[str, Stage]) -> None:
    """Until every webhook that is on its way has come in and was followed up."""
    for _ in range(40):
        scheduler.drain(house, pull=False)
        time.sleep(0.05)
        with house.store.reading() as tx:
            if not tx.inbox.hints_waiting() and not tx.inbox.waiting(1):
                return


def _explain(house: House) -> None:
    with house.store.reading() as tx:
        chosen = [it for it in tx.ledger.all_owned() if it.kind == "pool"] or tx.ledger.all_owned()
        if chosen:
            _title(f"keepwarm explain {chosen[0].person}")
            explained(tx, house.settings, house.rules, chosen[0].person, rule=None, now=house.clock())


def _run_clock(house: House, stages: dict[str, Stage], clock: DemoClock) -> None:
    """Day by day to the first message, then to its hour, then past it."""
    with house.store.reading() as tx:
        first = tx.schedule.next_enrolment_due()
    if first is None:
        say("  nobody is enrolled")
        return
    for moment, what in _moments(clock(), first):
        clock.move_to(moment, stages)
        decide.tick(house.store, house.desk.bench, now=clock())
        counts = scheduler.drain(house, pull=what == "after")
        if what:
            say(
                f"  {when(moment, house.settings.zone)}  {what}: {counted({k: v for k, v in counts.items() if k in SHOWN})}"
            )
    with house.store.reading() as tx:
        rows = tx.rows("select template, state, why, count(*) n from messages group by 1, 2, 3 order by 1, 2, 3")
    table(("template", "state", "why", "people"), [(r["template"] or "-", r["state"], r["why"], r["n"]) for r in rows])


SHOWN = ("queued", "missed", "postponed", "finished", "judged", "active", "held_out", "add", "remove")


def _moments(now: datetime, first: datetime) -> Iterator[tuple[datetime, str]]:
    day = now + timedelta(days=1)
    while day < first - timedelta(hours=2):
        yield day, ""
        day += timedelta(days=1)
    yield first - timedelta(minutes=50), "prepared"
    yield first - timedelta(minutes=20), "handed over"
    yield first + timedelta(minutes=1), "sent"
    yield first + timedelta(hours=3), "after"


def _verdict(checks: list[Check]) -> bool:
    table(
        ("account", "what", "Keepwarm", "platform", ""),
        [(it.account, it.what, it.ours, it.theirs, "agree" if it.agrees else "DIFFER") for it in checks],
    )
    agreed = all(it.agrees for it in checks)
    say("\nBoth sides agree." if agreed else "\nThe two sides DIFFER.")
    return agreed


def _stay(house: House, door: str) -> None:
    say(f"\nStill serving: {door}/health. In another terminal, look around with")
    say(f"  keepwarm --database {house.settings.database} status      (or people find, explain, parked, dead)")
    say("Ctrl-C stops it.")
    still = scheduler.Running(house)
    still.start()
    try:
        while True:
            time.sleep(1)
    except KeyboardInterrupt:
        say("stopping")
    finally:
        still.stop()


@click.command()
@click.argument("platform")
@click.option("--people", default=200, show_default=True, help="How many invented candidates; 0 for none.")
@click.option(
    "--load", "native", type=click.Path(path_type=Path, exists=True), help='JSONL: {"stream": …, "data": {…}}.'
)
@click.option("--port", default=0, help="0: any free one.")
@click.option("--unlimited", is_flag=True, help="Keep no rate limit.")
def sandbox(platform: str, people: int, native: Path | None, port: int, unlimited: bool) -> None:
    """Run one PLATFORM's sandbox by itself: greenhouse, lever, mailchimp or chat."""
    try:
        made: Sandbox = accounts_.sandbox_class(platform)(limited=not unlimited)
    except ModuleNotFoundError as error:
        raise click.UsageError(f"there is no sandbox for `{platform}`") from error
    if people:
        made.seed(world(people, now=datetime.now(UTC)))
    if native:
        with native.open("rb") as lines:
            say(f"loaded {made.load(lines)} rows from {native}")
    with running(made, port=port) as on:
        say(
            f"{platform} sandbox: {base_url(on)}    control: {on.base_url}/_sandbox/log, state, switch, act, hook, clock"
        )
        for name, value in made.secrets.items():
            say(f"  secret {name}: {value}")
        for name, value in made.options.items():
            say(f"  option {name}: {value}")
        say("Ctrl-C stops it.")
        _until_stopped(threading.Event().wait)


def _until_stopped(wait: Callable[[float], Any]) -> None:
    try:
        while True:
            wait(3600)
    except KeyboardInterrupt:
        say("stopped")


COMMANDS = (demo, sandbox)
