"""How results are put into words for a terminal, and into JSON for a machine."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click
import msgspec
import structlog

from connector.settings import Settings, load

WRONG = 1


@dataclass(frozen=True, slots=True)
class Where:
    """Which files a command works with."""

    settings: Path
    database: Path | None = None

    def load(self) -> Settings:
        found = load(self.settings)
        return found if self.database is None else replace(found, database=self.database)


def configure_log() -> None:
    """Log lines go to standard error; JSON when KEEPWARM_LOG=json. Never a body, a secret or an address."""
    rendered = structlog.processors.JSONRenderer() if os.environ.get("KEEPWARM_LOG") == "json" else None
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info if rendered else structlog.processors.dict_tracebacks,
            rendered or structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )


def say(text: str = "", *, err: bool = False) -> None:
    click.echo(text, err=err)


def as_json(value: Any) -> None:
    click.echo(msgspec.json.format(msgspec.json.encode(value, enc_hook=str), indent=2))


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Columns as wide as they need; numbers to the right."""
    cells = [[str(cell) if cell is not None else "" for cell in row] for row in rows]
    wide = [max(len(line[n]) for line in [list(head), *cells]) for n in range(len(head))]
    right = [
        bool(cells) and all(row[n].replace(",", "").isdecimal() or not row[n] for row in cells)
        for n in range(len(head))
    ]
    for line in [list(head), *cells]:
        padded = (text.rjust(w) if r else text.ljust(w) for text, w, r in zip(line, wide, right, strict=True))
        click.echo("  " + "  ".join(padded).rstrip())


def when(moment: datetime | None, zone: ZoneInfo) -> str:
    return f"{moment.astimezone(zone):%-d %b %Y %H:%M}" if moment else ""


def counted(counts: Mapping[str, int]) -> str:
    """`12 read, 3 parked`"""
    return ", ".join(f"{count:,} {name}" for name, count in counts.items() if count) or "nothing"


def plural(count: int, one: str, many: str | None = None) -> str:
    return f"{count:,} {one if count == 1 else many or one + 's'}"
