"""`doctor`: what is wrong with the set-up, and what to do or paste for each thing."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from itertools import groupby

import click

from connector.cli.words import WRONG, Where, as_json, plural, say
from connector.doctor import WITHIN, Finding, State, examine
from connector.house import real_clock
from connector.settings import Settings
from connector.store import NoDatabase, ReadOnly, Tx


@click.command()
@click.argument("account", required=False)
@click.option(
    "--within", default=WITHIN, show_default=True, metavar="SECONDS", type=click.FloatRange(min=0.1),
    help="How long the platforms may take to answer.",
)  # fmt: skip
@click.option("--json", "machine", is_flag=True, help="For a machine.")
@click.pass_obj
def doctor(where: Where, account: str | None, within: float, machine: bool) -> None:
    """Look over every account, or one ACCOUNT: credentials, permissions, clocks, limits, webhooks, lists, and the house.

    For each fault it says what to do or to paste. Asks the platforms, and changes nothing there or here; may run beside
    `serve`. Ends with 1 when there is a fault.
    """
    settings = where.load()
    if account is not None and account not in settings.accounts:
        raise click.UsageError(f"there is no account `{account}`; there are {', '.join(settings.accounts)}")
    with _store(settings) as tx:
        found = examine(
            settings, os.environ, tx, now=real_clock(), only=account, within=within, file=str(where.settings)
        )
    counts = Counter(it.state for it in found)
    if machine:
        as_json({"fine": not counts[State.FAULT], "findings": found})
    else:
        _show(settings, found)
        say(f"\n{plural(counts[State.FAULT], 'fault')}, {plural(counts[State.WARNING], 'warning')}, "
            f"{plural(counts[State.FINE], 'thing')} fine.")  # fmt: skip
    if counts[State.FAULT]:
        raise click.exceptions.Exit(WRONG)


@contextmanager
def _store(settings: Settings) -> Iterator[Tx | None]:
    """None before the first sync: a new set-up is when a doctor is needed most."""
    with ExitStack() as stack:
        tx: Tx | None = None
        with suppress(NoDatabase):
            store = ReadOnly(settings.database)
            stack.callback(store.close)
            tx = stack.enter_context(store.reading())
        yield tx


_MARK = {State.FINE: "fine", State.WARNING: "warning", State.FAULT: "FAULT"}


def _show(settings: Settings, found: Sequence[Finding]) -> None:
    wide = max((len(it.what) for it in found), default=0)
    for number, (name, group) in enumerate(groupby(found, key=lambda it: it.account)):
        title = f"{name} ({settings.accounts[name].platform})" if name else "this house"
        say(f"{chr(10) if number else ''}{title}")
        for it in group:
            say(f"  {_MARK[it.state]:8} {it.what:{wide}}  {it.sentence}")
            if it.remedy:
                say(f"  {'':8} {'':{wide}}  → {it.remedy}")


COMMANDS = (doctor,)
