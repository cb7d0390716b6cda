"""`explain`: everything about one person, in plain words. Names stay on the terminal; nothing is logged."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

import click

from connector import house as houses
from connector import people as people_
from connector import why
from connector.accounts import Accounts
from connector.cli.look import looking
from connector.cli.words import Where, as_json, plural, say, when
from connector.house import real_clock
from connector.quality.wording import Book, book
from connector.rules import RuleSet
from connector.settings import Settings
from connector.store import Tx
from connector.why import Check, Node, Said, Series, Told

_WORD = {True: "yes", False: "no", None: "unknown"}
_BECAUSE = {True: "because", False: "not so:", None: "cannot tell:"}
_STATES = {"active": "in it", "held_out": "held out", "stopped": "out of it", "finished": "got all of it"}
#: So many decisions and messages are shown; --json has them all.
LATEST = 10


@click.command()
@click.argument("who", nargs=-1, required=True, metavar="PERSON")
@click.option("--rule", help="Only this rule, with its whole tree.")
@click.option("--json", "machine", is_flag=True, help="For a machine: everything, with every tree.")
@click.pass_obj
def explain(where: Where, who: tuple[str, ...], rule: str | None, machine: bool) -> None:
    """Say for one PERSON (number, name, address or account/candidate/id) what every rule says, and why.

    With what was seen and who said so, what would change it, what holds messages back, what is ours on their records and
    what comes next. In words they could be given themselves.
    """
    with looking(where) as (settings, tx):
        found = houses.load_rules(settings)
        person = people_.one(tx, " ".join(who))
        if rule is not None and rule not in {it.name for it in found.entries}:
            raise click.UsageError(f"there is no rule `{rule}`; there are {', '.join(it.name for it in found.entries)}")
        written = book(where.settings.read_bytes(), str(where.settings))
        told(tx, settings, found, person.person, rule=rule, machine=machine, written=written, now=real_clock())


def told(
    tx: Tx, settings: Settings, found: RuleSet, person: int, *, rule: str | None, now: datetime, machine: bool = False,
    written: Book | None = None,
) -> None:  # fmt: skip
    desk = houses.desk_of(settings, found, Accounts({}))
    made = why.tell(tx, desk, person, now=now, book=written, only=None if rule is None else {rule})
    if machine:
        as_json(made)
        return
    for line in _whole(made, settings.zone) if rule is None else _one(made, made.rules[0], settings.zone):
        say(line)


def _whole(made: Told, zone: ZoneInfo) -> Iterator[str]:
    merged = f" (merged into these: {', '.join(made.merged)})" if made.merged else ""
    yield f"{made.name} (person {made.person}), known as {', '.join(made.known_to)}{merged}"
    for it in made.rules:
        if it.kind != "suppress":
            yield ""
            yield from _short(it, zone)
    yield ""
    yield from _stops(made, zone)
    yield from _theirs(made, zone)


def _short(it: Said, zone: ZoneInfo) -> Iterator[str]:
    """One rule in a few lines: what it stands on, not the whole tree."""
    event = f" (when {it.event.replace('_', ' ')})" if it.event else ""
    yield f"{it.name}{event}: {_heading(it, zone)}"
    for node in it.because:
        yield f"  {_BECAUSE[it.answer]} {_line(node, zone)}"
        yield from (f"    {_line(part, zone)}" for part in node.parts if part.answer is node.answer or not it.answer)
        yield from (f"    {advice}" for advice in _advice(node))
    yield from (f"  {line}" for line in _ahead(it, zone))


def _heading(it: Said, zone: ZoneInfo) -> str:
    word = "YES" if it.answer else "no" if it.answer is False else "UNKNOWN"
    return f"{word} since {when(it.since, zone)}" if it.since else word


def _ahead(it: Said, zone: ZoneInfo) -> Iterator[str]:
    if it.becomes_yes and it.answer is not True:
        yield f"becomes yes if {it.becomes_yes}"
    if it.next_change:
        yield f"by the clock alone another answer on {when(it.next_change, zone)}"
    yield from it.remarks


def _one(made: Told, it: Said, zone: ZoneInfo) -> Iterator[str]:
    """The whole tree of one rule."""
    versions = f"rule {it.hash[:4]} · set {made.set_hash[:6]} · facts of {when(made.at, zone)}"
    yield f"{made.name} (person {made.person})"
    yield f"{it.name}: {_heading(it, zone)}    {versions}"
    tops = it.tree.parts if it.tree.text == "all of these" else (it.tree,)
    for index, node in enumerate(tops):
        yield from _drawn(node, "", index == len(tops) - 1, zone)
    ahead = list(_ahead(it, zone))
    yield from (f"{line[0].upper()}{line[1:]}." for line in ahead)
    if it.next_change is None:
        yield "By the clock alone: no change ahead."


def _drawn(node: Node, indent: str, last: bool, zone: ZoneInfo) -> Iterator[str]:
    below = indent + ("   " if last else "│  ")
    yield f"{indent}{'└─' if last else '├─'} {_WORD[node.answer]:<8}{_line(node, zone)}"
    for advice in node.advice:
        yield f"{below}        {advice}"
    for index, part in enumerate(node.parts):
        yield from _drawn(part, below, index == len(node.parts) - 1, zone)


def _line(node: Node, zone: ZoneInfo) -> str:
    """`region is North West (hospital, as of 1 August 2026)`"""
    more = [f"saw {node.saw}" if node.saw not in ("", "none", "nothing known") else node.saw, node.kept, node.about]
    said = "; ".join(part for part in more if part)
    came = "; ".join(it.told(zone) for it in node.origins)
    return node.text + (f" — {said}" if said else "") + (f" ({came})" if came else "")


def _advice(node: Node) -> Iterator[str]:
    yield from node.advice
    for part in node.parts:
        yield from _advice(part)


def _stops(made: Told, zone: ZoneInfo) -> Iterator[str]:
    stopped = [it for it in made.checks if not it.ok]
    yield "MAIL would be held back now:" if stopped else "MAIL would not be held back now."
    for check in made.checks:
        yield f"  {_checked(check, zone)}"
    for it in made.rules:
        if it.kind == "suppress" and it.answer is not False:
            sure = "applies" if it.answer else "cannot be ruled out"
            yield f"  {it.name} {sure}: {'; '.join(_line(node, zone) for node in it.because)}"
            yield from (f"    {line}" for line in _ahead_of_stop(it, zone))
    for out in made.opt_outs:
        yield f"  opted out: {out.reason} (learnt from {out.source}, {when(out.learnt_at, zone)})"


def _ahead_of_stop(it: Said, zone: ZoneInfo) -> Iterator[str]:
    if it.next_change:
        yield f"by the clock alone it ends on {when(it.next_change, zone)}"


def _checked(it: Check, zone: ZoneInfo) -> str:
    until = f", until {when(it.until, zone)}" if it.until else ""
    why = f": {it.why}{until}" if it.why else ""
    return f"{'yes' if it.ok else 'NO':<4}{it.question}{why}"


def _theirs(made: Told, zone: ZoneInfo) -> Iterator[str]:
    for it in made.ours:
        rules = ", ".join(it.rules)
        yield f"OURS {it.kind} {it.key} in {it.account}: {it.state}, for {rules}, since {when(it.since, zone)}"
    for off in made.taken_off:
        yield (
            f"OFF {off.kind} {off.key}: taken off by a person in {off.by}, {when(off.at, zone)}; it stays off until"
            " something its rule reads changes"
        )
    for waits in made.waiting:
        yield f"WAITS {waits}"
    for series in made.series:
        yield from _series(series, zone)
    for letter in made.messages[-LATEST:]:
        sent = f"sent {when(letter.sent_at, zone)}" if letter.sent_at else letter.state
        why = f": {letter.why}" if letter.why else ""
        yield f"MESSAGE {letter.template or '-'} ({letter.cadence}), due {when(letter.due_at, zone)}: {sent}{why}"
    for it_ in made.decisions[:LATEST]:
        shadow = "" if it_.mode == "live" else f", {it_.mode.replace('_', ' ')}"
        versions = f"rule {it_.rule_hash[:4]} · set {it_.set_hash[:6]}"
        yield f"DECIDED {when(it_.at, zone)} {it_.rule}{shadow}: {it_.line} ({versions})"
    if len(made.decisions) > LATEST:
        yield f"  and {plural(len(made.decisions) - LATEST, 'decision')} before; --json has them"


def _series(it: Series, zone: ZoneInfo) -> Iterator[str]:
    state = _STATES.get(it.state, it.state)
    yield f"SERIES {it.cadence}: {state} since {when(it.joined_at, zone)}" + (
        f"; next {it.template or 'nothing that is left'} on {when(it.next_at, zone)} ({it.why})" if it.next_at else
        f" ({it.why})" if it.why else ""
    )  # fmt: skip
    for check in it.checks:
        if not check.ok and check.question == "belongs in the series":
            yield f"  {_checked(check, zone)}"


COMMANDS = (explain,)
