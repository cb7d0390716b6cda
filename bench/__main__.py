"""`python -m bench [NAME …] [--runs N] [--json]`: every figure as a ratio to its peer, measured side by side just now."""

from __future__ import annotations

import json
import os
import platform
import sqlite3

import click
from rich.console import Console
from rich.table import Table

from bench import check, decisions, door, edit, engines, memory, pool, records, sync
from bench.figure import Figure

BENCHES = {
    "check": check.measure,
    "door": door.measure,
    "records": records.measure,
    "decisions": decisions.measure,
    "engines": engines.measure,
    "pool": pool.measure,
    "sync": sync.measure,
    "memory": memory.measure,
    "edit": edit.measure,
    "million": edit.measure_million,
}
COLUMNS = ("what", "unit", "ours", "peer", "the peer", "ours / peer")


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(sorted(BENCHES)))
@click.option("--runs", default=5, show_default=True, help="How often each pair is measured.")
@click.option("--json", "as_json", is_flag=True, help="Every single run, for a machine.")
def main(names: tuple[str, ...], runs: int, as_json: bool) -> None:
    """Measure Keepwarm beside its peers. Figures are medians, with the least and the greatest of the runs."""
    figures = [figure for name in names or tuple(BENCHES) for figure in BENCHES[name](runs)]
    if as_json:
        print(json.dumps({"machine": _machine(), "runs": runs, "figures": [figure.told() for figure in figures]}))
    else:
        _show(figures)


def _show(figures: list[Figure]) -> None:
    table = Table(*COLUMNS, caption=_machine())
    for figure in figures:
        table.add_row(*figure.row())
    Console(width=None if os.isatty(1) else 160).print(table)


def _machine() -> str:
    load = os.getloadavg()[0]
    return (
        f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}, Python {platform.python_version()}, "
        f"SQLite {sqlite3.sqlite_version}, load average {load:.1f}"
    )


if __name__ == "__main__":
    main()
