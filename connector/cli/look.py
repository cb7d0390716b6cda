"""Verbs that only look: check, explain, people, parked, dead, status. They work while `serve` runs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import click

from connector import house as houses
from connector import occasions
from connector import people as people_
from connector.accounts import Accounts
from connector.cadence import Desk
from connector.cli.words import WRONG, Where, as_json, counted, plural, say, table, when
from connector.guard import Guard
from connector.house import real_clock
from connector.rules import RuleSet
from connector.rules import explain as explained
from connector.settings import Settings
from connector.store import ReadOnly, Tx


@contextmanager
def looking(where: Where) -> Iterator[tuple[Settings, Tx]]:
    settings = where.load()
    store = ReadOnly(settings.database)
    try:
        with store.reading() as tx:
            yield settings, tx
    finally:
        store.close()


@click.command()
@click.option("--json", "machine", is_flag=True, help="For a machine.")
@click.option("--offline", is_flag=True, help="Do not mind missing secrets.")
@click.pass_obj
def check(where: Where, machine: bool, offline: bool) -> None:
    """Say everything that is wrong with settings and rules, each with file, line and column."""
    if offline:
        settings = where.load()
        found = houses.load_rules(settings)
        accounts = list(settings.accounts)
    else:
        found, made = houses.check(where.load(), os.environ, file=str(where.settings))
        accounts = list(made)
        _unsuppliable(found, {it.declaration.platform: it.declaration.facts for it in made.values()})
    if machine:
        as_json({"accounts": accounts, "rules": [it.name for it in found.entries], "hash": found.hash,
                 "warnings": found.warnings, "refusals": found.refusals})  # fmt: skip
        return
    for problem in (*found.warnings, *found.refusals):
        say(str(problem))
    kinds = (("rule", found.rules), ("cadence", found.cadences), ("suppression", found.suppress))
    parts = [plural(len(entries), name) for name, entries in kinds]
    say(f"{', '.join(parts)}, {plural(len(accounts), 'account')}: fine. Rule set {found.hash[:8]}.")


def _unsuppliable(found: RuleSet, facts: dict[str, frozenset[str]]) -> None:
    """A rule that asks what no connected platform can know would never say yes."""
    supplied = {name for names in facts.values() for name in names} | OURS
    for entry in found.entries:
        missing = sorted(
            name for name in entry.reads if name not in supplied and not name.startswith(("role.", "message."))
        )
        if missing:
            place = f"{entry.at.file}:{entry.at.line}:{entry.at.column}"
            say(f"{place}  {entry.name}: no connected account supplies {', '.join(missing)}")


#: What the house knows by itself, whatever is connected.
OURS = frozenset({"pools", "tags", "accounts", "unsubscribed", "employment", "application.account", "first_seen"})


@click.command()
@click.argument("who", nargs=-1, required=True, metavar="PERSON")
@click.option("--rule", help="Only this rule, with its whole tree.")
@click.option("--json", "machine", is_flag=True, help="For a machine.")
@click.pass_obj
def explain(where: Where, who: tuple[str, ...], rule: str | None, machine: bool) -> None:
    """Say for one PERSON (number, name, address or account/candidate/id) what every rule says, and why."""
    with looking(where) as (settings, tx):
        found = houses.load_rules(settings)
        person = people_.one(tx, " ".join(who))
        if rule is not None and rule not in {it.name for it in found.entries}:
            raise click.UsageError(f"there is no rule `{rule}`; there are {', '.join(it.name for it in found.entries)}")
        told(tx, settings, found, person.person, rule=rule, machine=machine)


def told(tx: Tx, settings: Settings, found: RuleSet, person: int, *, rule: str | None, machine: bool = False) -> None:
    now = real_clock()
    desk = houses.desk_of(settings, found, Accounts({}))
    facts = tx.mirror.facts_of([person])[person]
    standing = occasions.standing_of(tx, [person])[person]
    answers = desk.bench.court.answers(facts, standing, now=now)
    context = desk.bench.court.context(now, answers=answers)
    whys = [explained(it, facts, context) for it in found.entries if rule in (None, it.name)]
    events = {it.name: f" (when {it.when.event})" for it in found.rules if it.when}
    profile = tx.mirror.profile(person)
    name = profile.name if profile else ""
    if machine:
        as_json({
            "person": person,
            "rules": [{"rule": w.name, "answer": w.answer, "hash": w.hash, "because": w.deciding, "changes": w.changes,
                       "next_change": w.next_change} for w in whys],
            "held_back": _stops(tx, desk, person),
            "messages": tx.schedule.messages(person),
        })  # fmt: skip
        return
    say(f"{name} (person {person}), {', '.join(f'{a}/{c}' for a, c in tx.mirror.candidates(person))}")
    for why in whys:
        say()
        if rule is None:
            say(f"{why.name}{events.get(why.name, '')}: {_WORD[why.answer]} — {why.deciding}")
            if why.changes and why.answer is not True:
                say(f"  would change if {why.changes}")
            if why.next_change:
                say(f"  by the clock alone on {when(why.next_change, settings.zone)}")
        else:
            say("\n".join(why.lines()))
    _also(tx, settings, desk, person)


_WORD = {True: "YES", False: "no", None: "UNKNOWN"}


def _stops(tx: Tx, desk: Desk, person: int) -> list[str]:
    """Why nothing may be sent to this person, if so."""
    addresses = tx.mirror.addresses(person)
    suppressions = tx.ledger.suppressions(people_.identities_of(addresses, tx.mirror.candidates(person)))
    stops = [f"opted out: {it.reason} ({it.source}, {it.learnt_at:%-d %b %Y})" for it in suppressions]
    facts = tx.mirror.facts_of([person])[person]
    if facts.get("consent.email") is not True:
        stops.append("no consent to be written to" if facts.get("consent.email") is False else "consent is not known")
    guard: Guard = desk.guard
    if held := guard.suppressed(facts, desk.bench.court.context(real_clock()), marketing=True):
        stops.append(held.why)
    return stops


def _also(tx: Tx, settings: Settings, desk: Desk, person: int) -> None:
    say()
    for stop in _stops(tx, desk, person):
        say(f"held back: {stop}")
    for row in tx.ledger.owned([person]):
        kept = f"{row.kind} {row.key} in {row.account}: {row.state}"
        say(f"{kept}, for {', '.join(row.rules)}, since {when(row.added_at, settings.zone)}")
    for (_, what, key), _ in tx.ledger.vetoes([person]).items():
        say(f"{what} {key} was taken off by a person; it stays off until something its rule reads changes")
    for it in tx.schedule.enrolments(people=[person]):
        due = f", next {when(it.due_at, settings.zone)}" if it.due_at else ""
        say(f"cadence {it.cadence}: {it.state}{due}{f' ({it.why})' if it.why else ''}")
    for message in tx.schedule.messages(person):
        why = f" ({message.why})" if message.why else ""
        say(f"  {when(message.due_at, settings.zone)}  {message.template or '-'}: {message.state}{why}")


@click.group()
def people() -> None:
    """Look for people in the pool."""


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
    """Deliveries that could not be read, with the place that offended. `replay` reads them again after a fix."""
    with looking(where) as (settings, tx):
        found = tx.inbox.parked()
        if machine:
            as_json(found)
            return
        table(
            ("delivery", "account", "from", "at", "wanted", "came", "since"),
            [(it.delivery, it.account, it.stream or "webhook", it.path, it.wanted, it.came, when(it.parked_at, settings.zone))
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
            "actions": tx.outbox.counts(),
            "active": {name: it.at for name, it in tx.ledger.activations().items()},
            "paused": tx.schedule.pauses(),
            "runs": tx.schedule.runs(limit=5),
        }
        if machine:
            as_json(facts)
            return
        say(
            f"{plural(tx.mirror.count(), 'person', 'people')}, {plural(tx.ledger.suppression_count(), 'opt-out')} learnt"
        )
        for name, kinds in tx.records.counts().items():
            say(f"  {name}: {counted(kinds)}")
        say(f"deliveries: {counted(tx.inbox.counts())}")
        say(f"to be read again: {counted(tx.inbox.hints_waiting())}")
        say(f"actions: {counted(tx.outbox.counts())}")
        say(f"in force: {', '.join(tx.ledger.activations()) or 'no rule yet; `keepwarm plan` and `apply`'}")
        for pause in tx.schedule.pauses():
            again = when(pause.until, settings.zone)
            say(f"PAUSED {pause.account} {pause.scope or 'altogether'}: {pause.why}; asked again {again}")
        for run in tx.schedule.runs(limit=5):
            told = f"run {run.id}: {run.kind} {run.account or ''} {run.state}"
            say(f"  {told}, {when(run.started_at, settings.zone)}: {counted(run.counts)}")


COMMANDS = (check, explain, people, parked, dead, status)
