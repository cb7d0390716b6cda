"""`rehearse`: your own settings and rules against sandboxes, from the first pull to an applied plan."""

from __future__ import annotations

import shutil
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import click
import msgspec

from connector import accounts as accounts_
from connector import house as houses
from connector import plan as plans
from connector import scheduler
from connector.cli import plans as planning
from connector.cli.progress import shown
from connector.cli.sandboxes import Stage, instead, staged
from connector.cli.words import Where, counted, plural, say
from connector.facts import fold
from connector.house import House, assemble, real_clock
from connector.settings import Settings
from connector.store import Sqlite
from connector.world import TRADES, world

#: Enough that every rule finds somebody, and over in seconds.
PEOPLE = 300
#: Samples of a rule that are shown here; `keepwarm plan` shows ten.
SAMPLES = 3


@click.command()
@click.option(
    "--people", default=PEOPLE, show_default=True, type=click.IntRange(20, 20_000), help="Invented candidates."
)
@click.option(
    "--apply/--no-apply",
    "wanted",
    default=None,
    help="Apply the plan to the sandboxes; asked on a terminal unless said.",
)
@click.pass_obj
def rehearse(where: Where, people: int, wanted: bool | None) -> None:
    """Run your settings and rules against sandboxes of your platforms: pull, plan and, if you say so, apply.

    Needs no secrets, and nothing leaves this machine. Each rehearsal begins anew, with invented candidates, in a database
    of its own; yours is not touched.
    """
    rehearsed(where, people=people, wanted=wanted)


def rehearsed(where: Where, *, people: int = PEOPLE, wanted: bool | None, typed_in: Path | None = None) -> None:
    """`typed_in`: the folder in which the next commands will be typed, where that is not this one."""
    settings = where.load()
    database = settings.database.parent / "rehearsal" / "keepwarm.db"
    shutil.rmtree(database.parent, ignore_errors=True)
    with _house(replace(settings, database=database), people) as (house, stages):
        names = ", ".join(f"{it.settings.platform} as {name}" for name, it in house.accounts.items())
        say(f"Sandboxes on this machine, {plural(people, 'invented candidate')}: {names}")
        with shown("pulled", house.accounts) as watch:
            scheduler.drain(house, full=True, watch=watch)
        made = plans.make(house.store, house.desk, now=house.clock())
        plans.save(made, house.plans)
        with house.store.reading() as tx:
            for name, kinds in tx.records.counts().items():
                say(f"  {name}: {counted(kinds)}")
            say()
            planning.pictured(_short(made), tx, house.settings)
        say()
        if _yes(wanted, "Apply this plan to the sandboxes?"):
            _apply(house, stages, made)
        else:
            say("Nothing was written, not even to the sandboxes.")
    said = f"keepwarm --database {_near(database, typed_in or Path.cwd())}"
    say(f"\nLook around in it:  {said} people find manchester    (or explain PERSON, status, quality)")
    say("Change a rule, and rehearse again:  keepwarm rehearse")


def _apply(house: House, stages: Mapping[str, Stage], made: plans.Plan) -> None:
    try:
        _, done = planning.applied(house, made.id)
    except plans.PlanRefused as error:
        say(f"Refused, as it would be with your own accounts: {error}")
        return
    say(f"Applied {made.id}: {counted(done)}")
    for name, stage in stages.items():
        received = Counter(it["verb"].replace("_", " ") for it in stage.ask("log"))
        say(f"  {name} received: {counted(received)}")


@contextmanager
def _house(settings: Settings, people: int) -> Iterator[tuple[House, dict[str, Stage]]]:
    found = houses.load_rules(settings)
    if unknown := [name for name, it in settings.accounts.items() if not _has_sandbox(it.platform)]:
        raise click.UsageError(f"there is no sandbox for the platform of {', '.join(unknown)}; it cannot be rehearsed")
    with ExitStack() as stack:
        invented = world(people, now=real_clock(), trade=_trade(settings))
        stages = stack.enter_context(staged(settings, invented))
        played, environment = instead(settings, stages)
        made = accounts_.connect(played, environment)
        stack.callback(made.close)
        store = stack.enter_context(Sqlite(played.database))
        yield assemble(played, found, made, store, real_clock), stages


def _has_sandbox(platform: str) -> bool:
    try:
        return bool(accounts_.sandbox_class(platform))
    except ModuleNotFoundError:
        return False


def _trade(settings: Settings) -> str | None:
    """Whose people to invent: those whose departments the settings know. None: each employer its own."""
    words = [fold(word) for name, more in settings.words.vocabulary.functions.items() for word in (name, *more)]
    known = {
        trade: sum(any(word in fold(it) for word in words) for it in departments)
        for trade, departments in TRADES.items()
    }
    understood = [trade for trade, count in known.items() if count]
    return understood[0] if len(understood) == 1 else None


def _short(made: plans.Plan) -> plans.Plan:
    rules = tuple(msgspec.structs.replace(it, samples=it.samples[:SAMPLES]) for it in made.rules)
    return msgspec.structs.replace(made, rules=rules)


def _yes(said: bool | None, question: str) -> bool:
    if said is not None:
        return said
    return sys.stdin.isatty() and click.confirm(question, default=True)


def _near(path: Path, folder: Path) -> Path:
    """As one would type it there."""
    path, folder = path.resolve(), folder.resolve()
    return path.relative_to(folder) if path.is_relative_to(folder) else path


COMMANDS = (rehearse,)
