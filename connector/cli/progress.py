"""How far a sync or a push has come: bars on a terminal, log lines elsewhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import structlog
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from connector.accounts import Account
from connector.scheduler import Watch

log = structlog.get_logger()


@contextmanager
def shown(title: str, accounts: Mapping[str, Account]) -> Iterator[Watch]:
    """Progress: for each account its streams as a bar and its items as a count; elsewhere a log line a stream."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _logged(title)
        return
    columns = (
        TextColumn("  {task.description:36}"),
        BarColumn(bar_width=30),
        TextColumn("{task.completed:>2} of {task.total} lists {task.fields[items]:>8,} items"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as progress:
        tasks: dict[str, TaskID] = {}
        items: Counter[str] = Counter()

        def watch(account: str, what: str, counts: Counter[str]) -> None:
            if account not in tasks:
                lists = len(accounts[account].declaration.streams) or None
                tasks[account] = progress.add_task(account, total=lists, items=0)
            items[account] += sum(counts[name] for name in ("items", "reread", "sent", "already"))
            said = f"{account}: {what.replace('_', ' ')}"
            progress.update(tasks[account], advance=counts["done"], description=said, items=items[account])

        yield watch


def _logged(title: str) -> Watch:
    totals: Counter[str] = Counter()

    def watch(account: str, what: str, counts: Counter[str]) -> None:
        totals[f"{account}/{what}"] += counts["items"]
        if counts["done"]:
            log.info(title, account=account, stream=what, items=totals.pop(f"{account}/{what}"))

    return watch
