"""`backtest`: a rule or cadence over past months."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

import click
from rich.console import Console
from rich.progress import Progress

from connector import backtest as backtests
from connector import house as houses
from connector.backtest import YEAR, Group, Month, Report
from connector.cli.look import looking
from connector.cli.words import Where, as_json, plural, say, table
from connector.clock import Span
from connector.house import real_clock
from connector.proportion import Share
from connector.rules import Cadence
from connector.settings import Settings
from connector.written import as_span

_SHORT = {"d": "day", "w": "week", "m": "month", "y": "year"}
RECONSTRUCTED = "reconstructed from the platforms' own dates; skills, region and consent as they were first seen"


class _Month(click.ParamType[date]):
    name = "YYYY-MM"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        if isinstance(value, date):
            return value
        if not re.fullmatch(r"(19|20)[0-9]{2}-(0[1-9]|1[0-2])", str(value)):
            self.fail(f"`{value}` is not a month; write for example 2025-01", param, ctx)
        return date.fromisoformat(f"{value}-01")


class _Span(click.ParamType[Span]):
    name = "SPAN"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Span:
        if isinstance(value, Span):
            return value
        short = re.fullmatch(r"([0-9]{1,4})([dwmy])", str(value))
        span = Span(int(short[1]), _SHORT[short[2]]) if short else as_span(str(value))
        if span is None or not span.count:
            self.fail(f"`{value}` is not a span of time; write for example 12m or `12 months`", param, ctx)
        return span


@click.command()
@click.argument("rule")
@click.option("--from", "first", type=_Month(), required=True, help="The first month, for example 2025-01.")
@click.option("--to", "last", type=_Month(), required=True, help="The last month; it has to be over.")
@click.option("--horizon", type=_Span(), default=YEAR, show_default="12m",
              help="How long afterwards an application or a hire counts: 90d, 26w, 12m, 2y.")  # fmt: skip
@click.option("--json", "machine", is_flag=True, help="For a machine.")
@click.pass_obj
def backtest(where: Where, rule: str, first: date, last: date, horizon: Span, machine: bool) -> None:
    """Say whom RULE would have found in past months, who of them applied or was hired later, and what would have been sent.

    RULE is a rule that keeps something, one that acts once, or a cadence. Each month is judged by what was recorded by its
    end, so that nothing learnt later counts. Months before the accounts had been read from end to end are reconstructed
    from the platforms' own dates, and marked. Nothing is written and nothing goes out.
    """
    if last < first:
        raise click.UsageError(f"--to {last:%Y-%m} is before --from {first:%Y-%m}")
    with looking(where) as (settings, tx):
        found = houses.load_rules(settings)
        with _shown(tx.mirror.count()) as watch:
            report = backtests.run(
                tx, settings, found, rule, first, last, horizon=horizon, now=real_clock(), watch=watch
            )
    if machine:
        as_json(told(report, settings))
    else:
        printed(report, settings)


@contextmanager
def _shown(people: int) -> Iterator[Callable[[int], None]]:
    """A bar on a terminal; elsewhere nothing."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda count: None
        return
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("people", total=people)
        yield lambda count: progress.advance(task, count)


# for people


def printed(report: Report, settings: Settings) -> None:
    entry, zone = report.entry, settings.zone
    cadence = isinstance(entry, Cadence)
    say(f"{entry.name} ({'cadence' if cadence else 'rule'} {entry.hash[:8]}), months end on the clock of {zone.key}")
    say()
    table(
        (
            "month",
            "known",
            "in it" if cadence else "yes",
            "new",
            "unknown",
            "applied: new",
            "rest",
            "hired: new",
            "rest",
        ),
        [_row(it) for it in report.months],
    )
    if not all(it.recorded for it in report.months):
        say(f"  * {RECONSTRUCTED}")
    _history(report, settings)
    _totals(report)
    for name in report.cadences:
        _messages(report, name)


def _row(it: Month) -> tuple[str, ...]:
    counts = tuple(f"{count:,}" for count in (it.known, it.on, it.new, it.unknown))
    month = it.name + ("" if it.recorded else " *")
    if not it.measurable:
        return (month, *counts, "not measurable: horizon not over yet", "", "", "")
    pairs = (
        (it.newly.applied, it.newly),
        (it.rest.applied, it.rest),
        (it.newly.hired, it.newly),
        (it.rest.hired, it.rest),
    )
    return (month, *counts, *(f"{count:,} of {group.people:,}" for count, group in pairs))


def _history(report: Report, settings: Settings) -> None:
    say()
    since = report.complete_since
    for account, day in report.history.items():
        known = f"complete since {day.astimezone(settings.zone):%-d %b %Y}" if day else "not complete"
        say(f"history of {account}: {known}")
    if since is None:
        say("An account that was never read from end to end has no complete history; every month is reconstructed.")


def _totals(report: Report) -> None:
    newly, rest = report.totals()
    months = sum(it.measurable for it in report.months)
    say()
    if not months:
        say(f"Nothing can be measured yet: no month lies {report.horizon} back.")
        return
    say(f"Within {report.horizon}, over {plural(months, 'month')} that can be measured (95% Wilson intervals):")
    for name, what in (("applied", "began a new application"), ("hired", "were hired from it")):
        say(f"  {what}: {_share(newly.shares[name])} of the new, {_share(rest.shares[name])} of the rest")
    say(
        "  The rest are counted every month they are known. Who is found differs from who is not: no proof of an effect."
    )


def _share(it: Share) -> str:
    if it.value is None or it.interval is None:
        return "nobody to count"
    low, high = it.interval
    return f"{it.value:.1%} ({low:.1%} to {high:.1%}; {it.count:,} of {it.n:,})"


def _messages(report: Report, name: str) -> None:
    say()
    say(f"cadence {name}, had it begun with {report.months[0].name}:")
    table(
        ("month", "joined", "left", "in it", "messages", "held back"),
        [
            (month.name, f"{it.joined:,}", f"{it.left:,}", f"{it.inside:,}", f"{it.messages:,}",
             ", ".join(f"{count:,} {why}" for why, count in sorted(it.held_back.items())))
            for month in report.months
            if (it := month.cadences[name])
        ],
    )  # fmt: skip
    say(
        "  Days are looked at once, at their end. Dates, quiet hours and caps are kept to, caps over these messages only;"
    )
    say("  limits on new people a day, approvals and addresses that bounce are not considered.")


# for machines


def told(report: Report, settings: Settings) -> dict[str, Any]:
    newly, rest = report.totals()
    return {
        "rule": report.entry.name, "kind": report.entry.kind, "hash": report.entry.hash, "clock": report.clock,
        "time_zone": settings.zone.key, "horizon": str(report.horizon),
        "history": {"complete_since": report.complete_since, "accounts": dict(report.history)},
        "months": [_month(it) for it in report.months],
        "totals": {"new": _group(newly), "rest": _group(rest)},
    }  # fmt: skip


def _month(it: Month) -> dict[str, Any]:
    return {
        "month": it.name, "until": it.until, "basis": "recorded" if it.recorded else "reconstructed",
        "known": it.known, "yes": it.on, "new": it.new, "unknown": it.unknown,
        "outcomes": {"new": _group(it.newly), "rest": _group(it.rest)} if it.measurable else None,
        "not_measurable": None if it.measurable else "horizon not over yet",
        "cadences": {
            name: {"joined": sent.joined, "left": sent.left, "in_it": sent.inside, "messages": sent.messages,
                   "held_back": dict(sorted(sent.held_back.items()))}
            for name, sent in it.cadences.items()
        },
    }  # fmt: skip


def _group(it: Group) -> dict[str, Any]:
    shares = {
        name: {"count": share.count, "share": share.value, "interval": share.interval}
        for name, share in it.shares.items()
    }
    return {"people": it.people, **shares}


COMMANDS = (backtest,)
