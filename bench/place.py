"""A house with one account, `it`, whose platform is an imitation that somebody serves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from bench.people import rules
from connector.accounts import connect
from connector.cli.sandboxes import Stage, instead
from connector.house import House, assemble, real_clock
from connector.sandbox import Running
from connector.settings import read
from connector.store import Sqlite


@contextmanager
def housed(platform: str, served: Running, folder: Path, *, limited: bool) -> Iterator[House]:
    """`limited`: it keeps to the limits that the adapter declares; else it asks as fast as it can."""
    text = f"version: 1\naccounts: {{it: {{platform: {platform}}}}}\n"
    settings = read(text, "settings.yaml", folder=folder)
    settings, environment = instead(settings, {"it": Stage("it", served)}, database=folder / "it.db")
    if limited:
        settings = replace(settings, accounts={"it": replace(settings.accounts["it"], calls_per_second=None)})
    made = connect(settings, environment)
    try:
        with Sqlite(settings.database) as store:
            yield assemble(settings, rules(), made, store, real_clock)
    finally:
        made.close()
