"""Verbs that only look: people, parked, dead, status. They work while `serve` runs."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager

import click

from connector import applying
from connector import people as people_
from connector.cli.words import WRONG, Where, as_json, counted, plural, say, table, when
from connector.settings import Settings
from connector.store import ReadOnly, Tx
from connector.store.sets import InForce


@contextmanager
def looking(where: Where) -> Iterator[tuple[Settings, Tx]]:
    settings = where.load()
    store = ReadOnly(settings.database)
    try:
        with store.reading() as tx:
            yield settings, tx
    finally:
        store.close()


@click.group()
def people() -> None:
    """Look for people in the pool, and do what one of them asks for."""


@people.command()
@click.argument("words", nargs=-1, required=True)
@click.option("--limit", default=20, show_default=True)
@click.option("--json", "machine", is_flag=True, help="For a machine.")
@click.pass_obj
def find(where: Where, words: tuple[str, ...], limit: int, machine: bool) -> None:
    """Find people by any WORDS: names, skills, places, job titles; or by number, address or account/candidate/id."""
    with looking(where) as (_, tx):
        found = people_.find(tx, " ".join(words), limit=limit)
        if machine:
            as_json(found)
        else:
            table(
                ("person", "name", "region", "skills", "known to"),
                [(it.person, it.name, it.region, ", ".join(it.words.get("skills", ())), ", ".join(it.words.get("accounts", ())))
                 for it in found],
            )  # fmt: skip
    if not found:
        say("nobody", err=True)
        raise click.exceptions.Exit(WRONG)


@click.command()
@click.option("--json", "machine", is_flag=True, help="For a machine.")
@click.pass_obj
def parked(where: Where, machine: bool) -> None:
    """What could not be read, with the place that offended and the latest delivery that had it. `replay` tries again."""
    with looking(where) as (settings, tx):
        found = tx.inbox.parked()
        if machine:
            as_json(found)
            return
        table(
            ("delivery", "account", "from", "item", "at", "wanted", "came", "since"),
            [(it.delivery, it.account, it.stream or "webhook", it.item, it.path, it.wanted, it.came,
              when(it.parked_at, settings.zone))
             for it in found],
        )  # fmt: skip


@click.command()
@click.option("--json", "machine", is_flag=True, help="For a machine.")
@click.pass_obj
def dead(where: Where, machine: bool) -> None:
    """Actions that no platform took and that need a person. `replay --dead` tries them again."""
    with looking(where) as (settings, tx):
        found = tx.outbox.in_state("dead")
        if machine:
            as_json([{"action": it.row, "account": it.action.account, "verb": it.action.verb, "person": it.person,
                      "attempts": it.attempts, "why": it.outcome} for it in found])  # fmt: skip
            return
        table(
            ("action", "account", "verb", "person", "tries", "why", "since"),
            [(it.row, it.action.account, it.action.verb.value, it.person, it.attempts, it.outcome,
              when(it.settled_at, settings.zone)) for it in found],
        )  # fmt: skip


@click.command()
@click.option("--json", "machine", is_flag=True, help="For a machine.")
@click.pass_obj
def status(where: Where, machine: bool) -> None:
    """Where everything stands: people, rules in force, waiting work, pauses, last runs."""
    with looking(where) as (settings, tx):
        facts = {
            "people": tx.mirror.count(),
            "opt_outs": tx.ledger.suppression_count(),
            "records": tx.records.counts(),
            "deliveries": tx.inbox.counts(),
            "to_read_again": tx.inbox.hints_waiting(),
            "refused_to_us": tx.inbox.refused(),
            "actions": tx.outbox.counts(),
            "active": {name: it.at for name, it in tx.ledger.activations().items()},
            "paused": tx.schedule.pauses(),
            "frozen": len(tx.freezes.all()),
            "tags_held": {name: tx.doubts.count(name) for name in tx.doubts.held()},
            "runs": tx.schedule.runs(limit=5),
            "serving": tx.sets.in_force(),
        }
        if machine:
            as_json(facts)
            return
        _stands(tx, settings)


def _stands(tx: Tx, settings: Settings) -> None:
    say(f"{plural(tx.mirror.count(), 'person', 'people')}, {plural(tx.ledger.suppression_count(), 'opt-out')} learnt")
    for name, kinds in tx.records.counts().items():
        say(f"  {name}: {counted(kinds)}")
    say(f"deliveries: {counted(tx.inbox.counts())}")
    say(f"to be read again: {counted(tx.inbox.hints_waiting())}")
    for it in tx.inbox.refused(limit=5):
        told = f"{it.ref}, {it.refusals} times: {it.refused}; asked again {when(it.due_at, settings.zone)}"
        say(f"  refused to us: {told}")
    say(f"actions: {counted(tx.outbox.counts())}")
    say(f"in force: {', '.join(tx.ledger.activations()) or 'no rule yet; `keepwarm plan` and `apply`'}")
    done = {applying.note_of(run).plan for run in tx.schedule.runs(kind=applying.KIND)}
    for line in _serving(tx.sets.in_force(), settings, done):
        say(line)
    for pause in tx.schedule.pauses():
        again = when(pause.until, settings.zone)
        say(f"PAUSED {pause.account} {pause.scope or 'altogether'}: {pause.why}; asked again {again}")
    if frozen := len(tx.freezes.all()):
        say(f"FROZEN {plural(frozen, 'person', 'people')}; `keepwarm people frozen` says since when and why")
    for name, since in tx.doubts.held().items():
        gone = plural(tx.doubts.count(name), "tag")
        say(
            f"HELD {name}: {gone} of ours gone since {when(since, settings.zone)}; `keepwarm approve` lists what to say"
        )
    for run in tx.schedule.runs(limit=5):
        told = f"run {run.id}: {run.kind} {run.account or ''} {run.state}"
        say(f"  {told}, {when(run.started_at, settings.zone)}: {counted(run.counts)}")


def _serving(it: InForce | None, settings: Settings, applied: Collection[str]) -> Iterator[str]:
    """What a running `serve` has in force, and whether that is what the files say."""
    if it is None:
        return
    yield f"serve runs the rules {it.set_hash[:6]} since {when(it.since, settings.zone)}"
    if it.refused_at:
        more = plural(len(it.complaints), "complaint")
        yield f"REFUSED the files on disk since {when(it.refused_at, settings.zone)}, {more}; {it.set_hash[:6]} goes on:"
        yield from (f"  {line}" for line in it.complaints)
    if it.plan and it.plan not in applied:
        yield f"  new or changed rules are in shadow until their plan is applied: keepwarm apply {it.plan}"
    if it.waits:
        yield f"  changed in the settings, and begins with the next start of serve: {', '.join(it.waits)}"


COMMANDS = (people, parked, dead, status)
