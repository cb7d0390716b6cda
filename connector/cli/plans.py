"""Verbs around a plan: show it, approve what is over a limit, apply it, take it back."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import click
import structlog
from rich.console import Console

from connector import applying, scheduler
from connector import plan as plans
from connector.cli.progress import shown
from connector.cli.words import Where, as_json, counted, plural, say, table, when
from connector.errands import Errand, asked
from connector.house import House, check, desk_of, load_rules, opened, real_clock
from connector.limits import OVER
from connector.plan import CadencePlan, Plan, RulePlan
from connector.settings import Settings
from connector.store import Locked, ReadOnly, Tx
from connector.undo import Undone, latest
from connector.undo import undo as take_back

log = structlog.get_logger()

#: So many near misses of a rule are shown by their test.
NEAREST = 3


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
        plans.save(made_plan, folder_of(settings))
        if machine:
            as_json(made_plan)
            return
        with store.reading() as tx:
            show(made_plan, tx, settings)
    finally:
        store.close()


def folder_of(settings: Settings) -> Path:
    return settings.database.parent / "plans"


def show(made: Plan, tx: Tx, settings: Settings) -> None:
    pictured(made, tx, settings)
    say(f"\nNothing was written. To do it: keepwarm apply {made.id}")
    if made.limits:
        first = next(iter(made.limits))
        say(f"It waits for an approval: keepwarm approve {made.id} {first} --by YOUR-NAME")


def pictured(made: Plan, tx: Tx, settings: Settings) -> None:
    people = plural(made.people, "person", "people")
    say(f"Plan {made.id} over {people}, good until {when(made.expires_at, settings.zone)}\n")
    table(
        ("rule", "", "match", "unknown", "near", "add", "remove", "keep", "theirs"),
        [
            (it.rule, _state(it), it.yes, it.unknown, sum(near.people for near in it.near) or "", it.add, it.remove,
             it.keep, it.adopt)
            for it in made.rules
        ],
    )  # fmt: skip
    for rule in made.rules:
        for line in _notes(rule):
            say(f"  {rule.rule}: {line}")
    if made.opt_outs:
        opted = plural(made.opt_outs, "person", "people")
        say(f"\n  {opted} objected elsewhere: to be unsubscribed in the audience, now and from then on")
    if made.cadences:
        _show_cadences(made.cadences)
    for it in made.rules:
        if it.samples:
            say(f"\n{it.rule}: {it.why}" if it.why else f"\n{it.rule}:")
            for sample in it.samples:
                found = tx.mirror.profile(sample.person)
                say(f"  {sample.kind:6} {sample.person:>6}  {found.name if found else '':22} {sample.line}")


def _state(it: RulePlan | CadencePlan) -> str:
    return it.mode if it.mode != "live" else "new" if it.new else ""


def _notes(it: RulePlan) -> Iterator[str]:
    for why, count in it.held.items():
        yield f"{count:,} held back: {why}"
    for near in it.near[:NEAREST]:
        yield f"{plural(near.people, 'is', 'are')} one test away: {near.test}"
    if it.limit:
        yield f"WAITS FOR AN APPROVAL: {it.limit}"


def _show_cadences(cadences: Sequence[CadencePlan]) -> None:
    say()
    table(
        ("cadence", "", "match", "unknown", "in it", "joining", "held out", "due in 7 days"),
        [
            (it.cadence, _state(it), it.matching, it.unknown, it.enrolled, it.joining, it.held_out, it.due_in_a_week)
            for it in cadences
        ],
    )
    for it in cadences:
        if it.limit:
            say(f"  {it.cadence}: WAITS FOR AN APPROVAL: {it.limit}")
        for name, count in it.held.items():
            say(f"  {it.cadence}: {count:,} of those who join are stopped today by {name}")
        for day, count in it.due.items():
            say(f"  {it.cadence}: {plural(count, 'message')} due on {day:%a %-d %b}")


@click.command()
@click.argument("plan_id", metavar="PLAN")
@click.option("--approve", multiple=True, metavar="RULE", help="Let RULE go over its limit of change this once.")
@click.option("--by", default="", metavar="NAME", help="Who approves.")
@click.option("--json", "machine", is_flag=True, help="For a machine.")
@click.pass_obj
def apply(where: Where, plan_id: str, approve: tuple[str, ...], by: str, machine: bool) -> None:
    """Switch on the rules of a PLAN and make its changes. Refused when the plan is stale; safe to repeat.

    Leaves a run that `undo` takes back. While `serve` runs, it is `serve` that applies it and goes on pushing.
    """
    settings = where.load()
    approved = _named(approve, by)
    try:
        with opened(settings, os.environ, file=str(where.settings)) as house:
            run, counts = applied(house, plan_id, approve=approved)
    except Locked:
        say("`serve` has the database; asking it", err=True)
        counts = asked(
            settings.database, Errand(verb="apply", args={"plan": plan_id, "approve": list(approve), "by": by})
        )
        run = counts.pop("run")
    if machine:
        as_json({"run": run, **counts})
    else:
        say(f"applied {plan_id}: {counted(counts)}")
        say(f"This was run {run}. To take it back: keepwarm undo {run}")


def _named(approve: Sequence[str], by: str) -> dict[str, str]:
    if approve and not by.strip():
        raise click.UsageError("say who approves: --by NAME")
    return dict.fromkeys(approve, by)


def applied(house: House, plan_id: str, *, approve: Mapping[str, str] | None = None) -> tuple[int, Counter[str]]:
    """Apply, then push until the platforms have it all."""
    with shown("applied", house.accounts) as watch, _counting("applying") as progress:
        run, counts = decided(house, plan_id, approve=approve or {}, progress=progress)
        scheduler.drain(house, pull=False, watch=watch)
    with house.store.reading() as tx:
        outbox = tx.outbox.counts()
    return run, counts + Counter({f"actions {state}": count for state, count in outbox.items()})


def decided(
    house: House,
    plan_id: str,
    *,
    approve: Mapping[str, str],
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[int, Counter[str]]:
    """Apply without pushing. A mark beside the plan says that it was begun, so that a killed one goes on."""
    now = house.clock()
    found = plans.load(plan_id, house.plans, now=now)
    started = house.plans / f"{found.id}.started"
    resumed = started.exists()
    started.touch()
    try:
        return applying.apply(
            house.store, house.desk, found, now=now, approve=approve, resumed=resumed, progress=progress
        )
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
@click.argument("what", metavar="[PLAN|RULE]", required=False)
@click.argument("name", metavar="[RULE|OCCASION]", required=False)
@click.option("--by", default="", metavar="NAME", help="Who approves. It is written down.")
@click.option("--json", "machine", is_flag=True, help="For a machine.")
@click.pass_obj
def approve(where: Where, what: str | None, name: str | None, by: str, machine: bool) -> None:
    """Give your word for what is over a limit; without arguments, list what waits for one.

    `approve PLAN RULE --by NAME` lets RULE go over its limit when PLAN is applied. `approve RULE OCCASION --by NAME`
    lets a rule act on more people than it may by itself, as listed.
    """
    settings = where.load()
    if what is None:
        _waiting(settings, machine=machine)
        return
    if name is None or not by.strip():
        raise click.UsageError("say what, and who approves: keepwarm approve PLAN RULE --by NAME")
    now = real_clock()
    mine = next((it for it in plans.saved(folder_of(settings), now=now) if it.id == what), None)
    if mine is not None:
        plans.save(plans.approve(mine, name, by=by, rules=load_rules(settings)), folder_of(settings))
        say(f"{by} approves {name} in plan {mine.id}. To do it: keepwarm apply {mine.id}")
        return
    try:
        with opened(settings, os.environ, file=str(where.settings)) as house:
            allowed(house, what, name, by)
    except Locked:
        asked(settings.database, Errand(verb="approve", args={"rule": what, "occasion": name, "by": by}))
    say(f"{by} approves {what} for {name}; it acts within a minute while `serve` runs, or at the next `sync`")


def allowed(house: House, rule: str, occasion: str, by: str) -> None:
    """Somebody's word on what waits. Raises PlanRefused where nothing does, or where it is not theirs to give."""
    plans.check_approver(rule, by, house.rules)
    now = house.clock()
    if not house.store.write(lambda tx: tx.assent.give(rule, occasion, by=by, now=now)):
        raise plans.PlanRefused(f"nothing of `{rule}` waits for {occasion}; `keepwarm approve` lists what does")


def _waiting(settings: Settings, *, machine: bool) -> None:
    now = real_clock()
    store = ReadOnly(settings.database)
    with store.reading() as tx:
        held = [it for it in tx.assent.all() if it.by is None]
    store.close()
    made = [
        (it, name) for it in plans.saved(folder_of(settings), now=now) for name in it.limits if name not in it.approved
    ]
    if machine:
        as_json({"plans": [{"plan": it.id, "rule": name, "why": it.limits[name]} for it, name in made], "rules": held})
        return
    for it, name in made:
        say(f"plan {it.id}: {name}: {it.limits[name]}\n  keepwarm approve {it.id} {name} --by NAME")
    for waits in held:
        people = plural(waits.people, "person", "people")
        say(f"{waits.rule}: {people}, {waits.occasion}, since {when(waits.asked_at, settings.zone)}")
        over = waits.occasion == OVER
        say("  keepwarm plan" if over else f"  keepwarm approve {waits.rule} '{waits.occasion}' --by NAME")
    if not made and not held:
        say("nothing waits for an approval")


@click.command()
@click.argument("run", type=int, required=False)
@click.option("--json", "machine", is_flag=True, help="For a machine.")
@click.pass_obj
def undo(where: Where, run: int | None, machine: bool) -> None:
    """Take back what RUN (an `apply`) did, where the platforms allow it; without RUN, list those that can be.

    Tags come off or come back, who joined a cadence leaves it, and the run's rules stand down. Members, notes, opt-outs
    and messages stay.
    """
    settings = where.load()
    if run is None:
        _undoable(settings)
        return
    try:
        with opened(settings, os.environ, file=str(where.settings)) as house:
            done = take_back(house.store, run, now=house.clock())
            scheduler.drain(house, pull=False)
        told(done, machine=machine)
    except Locked:
        say("`serve` has the database; asking it", err=True)
        say(f"took back run {run}: {counted(asked(settings.database, Errand(verb='undo', args={'run': str(run)})))}")


def told(done: Undone, *, machine: bool) -> None:
    if machine:
        as_json({"run": done.run, "done": done.counts, "stays": done.stays, "stood_down": done.stood_down})
        return
    say(f"taken back: {counted(done.counts)}")
    for why, count in done.stays.items():
        say(f"  not taken back: {count:,}; {why}")
    if done.stood_down:
        say(f"No longer in force until a plan is applied: {', '.join(done.stood_down)}")


def _undoable(settings: Settings) -> None:
    store = ReadOnly(settings.database)
    with store.reading() as tx:
        for it in latest(tx):
            say(
                f"run {it.id}: plan {applying.note_of(it).plan}, {when(it.started_at, settings.zone)}: {counted(it.counts)}"
            )
    store.close()


COMMANDS = (plan, approve, apply, undo)
