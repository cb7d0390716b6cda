"""Verbs for one person's rights: erase, export, freeze; and the proof that an erasure left nothing."""

from __future__ import annotations

import getpass
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import click

from connector import disclosure, erasure, freezing, residue, retention, scheduler
from connector import people as people_
from connector.cli.look import looking, people
from connector.cli.words import WRONG, Where, as_json, counted, plural, say, table, when
from connector.erasure import Prospect
from connector.errands import Errand, asked
from connector.house import House, check, desk_of, opened, real_clock
from connector.store import Locked, ReadOnly

#: Looks at most so often, a second at most each, whether opt-outs of somebody erased have gone out.
LOOKS = 20
BY = click.option("--by", default=getpass.getuser, show_default="your login", help="Who does this; it is written down.")


@people.command()
@click.argument("person")
@click.option("--yes", is_flag=True, help="Do not ask.")
@BY
@click.option(
    "--reason", default="", help="Why; it stays, so it may hold no name and no address. A ticket's number is good."
)
@click.pass_obj
def erase(where: Where, person: str, yes: bool, by: str, reason: str) -> None:
    """Take out all that is held of PERSON (number, address, account/candidate/id or name), and keep them out.

    What waits to be done to them is cancelled, except opt-outs; mailing platforms that hold them are told to stop. What stays
    is a keyed hash by which they are known again, so that nothing reaches them and no platform brings them back.
    """
    settings = where.load()
    _, accounts = check(settings, os.environ, file=str(where.settings))
    with looking(where) as (_, tx):
        found = people_.one(tx, person)
        planned = erasure.foresee(tx, accounts, found.person, shared_address=settings.shared_address)
    accounts.close()
    _show(planned)
    if not yes:
        click.confirm("Erase all of this? It cannot be taken back", abort=True)
    try:
        with opened(settings, os.environ, file=str(where.settings)) as house:
            counts = erased(house, found.person, by=by, reason=reason, push=lambda: scheduler.drain(house, pull=False))
    except Locked:
        say("`serve` has the database; asking it", err=True)
        counts = asked(
            settings.database, Errand(verb="erase", args={"person": str(found.person), "by": by, "reason": reason})
        )
    _tell(planned, counts)


def _show(planned: Prospect) -> None:
    say(f"person {planned.person}, {planned.name}: {counted(planned.held)}")
    for name in planned.told:
        say(f"  {name} mails them, and will be told to stop")
    if planned.by_hand:
        say("  What Keepwarm cannot take out, for a person to do on the platform:")
        table(("account", "what", "id", "where"), [(it.account, it.what, it.id, it.url) for it in planned.by_hand])


def _tell(planned: Prospect, counts: Counter[str]) -> None:
    waiting, unshredded = counts.pop("waiting", 0), counts.pop("unshredded", 0)
    say(f"erased: {counted(counts)}")
    if waiting:
        told = plural(waiting, "opt-out has", "opt-outs have")
        say(
            f"{told} not been taken by a platform yet and hold the address until then; `keepwarm dead` and `status`",
            err=True,
        )
    if unshredded:
        say("the database's log could not be emptied while somebody reads; that is done within a day", err=True)
    if planned.by_hand:
        say("still to be done by hand: the list above")
    say("`keepwarm verify-erased ADDRESS` looks for anything that is left")


def erased(house: House, person: int, *, by: str, reason: str, push: Callable[[], object]) -> Counter[str]:
    """Erase, let opt-outs go out (`push` sends what is due, or wakes who does), then leave nothing in free space."""
    number, counts = erasure.erase(
        house.store, house.accounts, person, shared_address=house.settings.shared_address, plans=house.plans, by=by,
        reason=reason, now=house.clock(),
    )  # fmt: skip
    push()
    waiting = _waiting(house, number)
    for _ in range(LOOKS):
        if not waiting:
            break
        seen = house.store.turns
        waiting = _waiting(house, number)
        if waiting:
            house.store.wait(seen, within=1.0)
    whole = retention.shred(house.store, now=house.clock())
    return counts + Counter(waiting=waiting, unshredded=int(not whole))


def _waiting(house: House, number: int) -> int:
    with house.store.reading() as tx:
        return tx.erasure.going(number)


@people.command()
@click.argument("person")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Into this file instead of on the screen.")
@click.option("--html", "page", is_flag=True, help="As a page to be read, instead of JSON.")
@click.pass_obj
def export(where: Where, person: str, out: Path | None, page: bool) -> None:
    """Everything that is held of PERSON, where it comes from, and what rules make of it: JSON, or a page to be read."""
    settings = where.load()
    found, accounts = check(settings, os.environ, file=str(where.settings))
    try:
        with looking(where) as (_, tx):
            desk = desk_of(settings, found, accounts)
            told = disclosure.disclose(tx, desk, people_.one(tx, person).person, now=real_clock())
    finally:
        accounts.close()
    text = disclosure.to_html(told).encode() if page else disclosure.to_json(told)
    if out is None:
        click.echo(text.decode())
        return
    out.touch(mode=0o600)
    out.write_bytes(text)
    say(f"{out}: {counted({'records': len(told['records']), 'former versions': len(told['former_records'])})}")


@people.command()
@click.argument("person")
@click.option("--reason", required=True, help="Why: a complaint, a legal hold.")
@BY
@click.pass_obj
def freeze(where: Where, person: str, reason: str, by: str) -> None:
    """Let everything stand still for PERSON: nothing outward but opt-outs, and nothing of theirs is dropped by retention."""
    number = _number(where, person)
    _through(where, Errand(verb="freeze", args={"person": str(number), "reason": reason, "by": by}))
    say(f"person {number} is frozen; `keepwarm people unfreeze {number}` ends it")


@people.command()
@click.argument("person")
@click.pass_obj
def unfreeze(where: Where, person: str) -> None:
    """End what `freeze` began for PERSON. What waited goes on."""
    number = _number(where, person)
    _through(where, Errand(verb="unfreeze", args={"person": str(number)}))
    say(f"person {number} is not frozen any more")


@people.command()
@click.option("--json", "machine", is_flag=True, help="For a machine.")
@click.pass_obj
def frozen(where: Where, machine: bool) -> None:
    """List for whom everything stands still, since when and why."""
    with looking(where) as (settings, tx):
        found = tx.freezes.all()
        if machine:
            as_json(found)
            return
        table(
            ("person", "since", "by", "why"),
            [(it.person, when(it.since, settings.zone), it.by, it.reason) for it in found],
        )


@people.command()
@click.option("--json", "machine", is_flag=True, help="For a machine.")
@click.pass_obj
def erasures(where: Where, machine: bool) -> None:
    """List what was erased on request: when, by whom, why and how much. Not whom."""
    with looking(where) as (settings, tx):
        found = tx.erasure.all()
        if machine:
            as_json(found)
            return
        table(
            ("", "at", "by", "why", "took out", "left in the file"),
            [(it.id, when(it.at, settings.zone), it.by, it.reason, counted(it.counts), "" if it.shredded_at else "maybe")
             for it in found],
        )  # fmt: skip


def _number(where: Where, person: str) -> int:
    with looking(where) as (_, tx):
        return people_.one(tx, person).person


def _through(where: Where, errand: Errand) -> None:
    settings = where.load()
    try:
        with opened(settings, os.environ, file=str(where.settings)) as house:
            stilled(house, errand)
    except Locked:
        asked(settings.database, errand)


def stilled(house: House, errand: Errand) -> Counter[str]:
    """Freeze or unfreeze, as the errand says."""
    person, now = int(str(errand.args["person"])), house.clock()
    if errand.verb == "unfreeze":
        return Counter(unfrozen=house.store.write(lambda tx: freezing.unfreeze(tx, person, now=now)))
    by, reason = str(errand.args.get("by", "")), str(errand.args.get("reason", ""))
    house.store.write(lambda tx: freezing.freeze(tx, person, by=by, reason=reason, now=now))
    return Counter(frozen=1)


@click.command(name="verify-erased")
@click.argument("address")
@click.option("--log", "logs", type=click.Path(path_type=Path, exists=True, dir_okay=False), multiple=True,
              help="A file of logs that you keep, to be looked through as well.")  # fmt: skip
@click.option("--json", "machine", is_flag=True, help="For a machine.")
@click.pass_obj
def verify_erased(where: Where, address: str, logs: tuple[Path, ...], machine: bool) -> None:
    """Look for ADDRESS in every table, in the full-text index, in the bytes of the database's files, in plans and errands.

    Ends with 1 when it stands anywhere, and says where, not what.
    """
    settings = where.load()
    store = ReadOnly(settings.database)
    with store.reading() as tx:
        erasure_ = residue.erased_in(tx, address)
        done = next((it.at for it in tx.erasure.all() if it.id == erasure_), None)
    store.close()
    found = list(residue.traces(settings.database, address, logs))
    if machine:
        as_json({"clean": not found, "erased_at": done, "found": found})
    else:
        known = (
            f"erased {when(done, settings.zone)}, and kept out since" if done else "no erasure of this address is known"
        )
        say(f"{known}; {plural(len(found), 'trace')} of it" if found else f"{known}; clean: nothing is left of it")
        table(("where", "at"), [(it.where, it.at) for it in found]) if found else None
    if found:
        raise click.exceptions.Exit(WRONG)


COMMANDS = (verify_erased,)
