"""Verbs around what we own on the platforms: what people took off again, and letting go of what a rule kept."""

from __future__ import annotations

import os

import click

from connector.cli.words import Where, as_json, plural, say, table, when
from connector.errands import Errand, asked
from connector.errors import KeepwarmError
from connector.facts import fold
from connector.house import House, opened
from connector.store import Locked, ReadOnly


@click.group(invoke_without_command=True)
@click.option("--json", "machine", is_flag=True, help="For a machine.")
@click.pass_context
def vetoes(context: click.Context, machine: bool) -> None:
    """List tags and pools of ours that a person took off, and that therefore stay off.

    A veto ends when something its rule reads about that person changes, or with `vetoes clear`.
    """
    if context.invoked_subcommand is not None:
        return
    settings = context.obj.load()
    store = ReadOnly(settings.database)
    with store.reading() as tx:
        found = tx.ledger.all_vetoes()
        names = {it.person: profile.name for it in found if (profile := tx.mirror.profile(it.person))}
    store.close()
    if machine:
        as_json(found)
        return
    if not found:
        say("nobody took anything of ours off")
        return
    table(
        ("person", "name", "", "what", "taken off in", "since"),
        [(it.person, names.get(it.person, ""), it.kind, it.key, it.by, when(it.at, settings.zone)) for it in found],
    )


@vetoes.command()
@click.argument("person", type=int)
@click.argument("key")
@click.pass_obj
def clear(where: Where, person: int, key: str) -> None:
    """Let our rules put KEY (a tag or pool) on PERSON again."""
    settings = where.load()
    try:
        with opened(settings, os.environ, file=str(where.settings)) as house:
            lifted(house, person, key)
    except Locked:
        asked(settings.database, Errand(verb="lift", args={"person": str(person), "key": key}))
    say(f"{key} may be put on person {person} again, when a rule asks for it")


def lifted(house: House, person: int, key: str) -> int:
    with house.store.reading() as tx:
        held = [it for it in tx.ledger.all_vetoes() if it.person == person and it.key == fold(key)]
    if not held:
        raise KeepwarmError(f"nobody took `{key}` off person {person}; `keepwarm vetoes` lists what was taken off")
    for it in held:
        house.store.write(lambda tx, kind=it.kind: tx.ledger.lift(person, kind, fold(key)))  # type: ignore[misc]
    house.store.write(lambda tx: tx.mirror.judge([person]))
    return len(held)


@click.command()
@click.argument("rule")
@click.pass_obj
def release(where: Where, rule: str) -> None:
    """Leave what RULE put on the platforms where it is, as no longer ours. For rules that were deleted or are off.

    Without it, what a deleted rule kept is taken off a week after the rule left the files.
    """
    settings = where.load()
    try:
        with opened(settings, os.environ, file=str(where.settings)) as house:
            count = released(house, rule)
    except Locked:
        count = asked(settings.database, Errand(verb="release", args={"rule": rule}))["released"]
    say(
        f"{plural(count, 'tag or pool stays', 'tags and pools stay')} where {rule} put them, and nobody's rule any more"
    )


def released(house: House, name: str) -> int:
    acting = {rule.name for rule in house.rules.standing}
    if name in acting:
        raise KeepwarmError(f"`{name}` is in force and would put it back; delete it or set `mode: off` first")
    now = house.clock()
    waiting = [it for it in _pending(house) if it[1] == name]
    house.store.write(lambda tx: tx.outbox.cancel([row for row, _ in waiting], why="its rule was released", now=now))
    return house.store.write(lambda tx: tx.ledger.release(name))


def _pending(house: House) -> list[tuple[int, str]]:
    with house.store.reading() as tx:
        return [(it.row, it.rule) for it in tx.outbox.in_state("pending", limit=1_000_000)]


COMMANDS = (vetoes, release)
