"""`test`: hold the rules to their own tests, and make a test of a real person."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import click

from connector import house as houses
from connector import people as people_
from connector import proving
from connector.cli.look import looking
from connector.cli.words import WRONG, Where, as_json, plural, say
from connector.house import real_clock
from connector.proving import Report, borrowing
from connector.rules import RuleSet
from connector.settings import Settings

NAME = "somebody" + proving.ENDING


@click.command("test")
@click.argument("files", nargs=-1, metavar="[FILE]...", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--require-all", is_flag=True, help="Fail as well when a rule is named by no test.")
@click.option("--verbose", is_flag=True, help="Name every test, and what was asked of every rule.")
@click.option("--json", "machine", is_flag=True, help="For a machine.")
@click.option("--from", "person", metavar="PERSON", help="Write a test file from a real person, made unrecognisable.")
@click.option("--rule", help="With --from: expect something of this rule only.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="With --from: the file to write.")
@click.pass_obj
def test(
    where: Where, files: tuple[Path, ...], require_all: bool, verbose: bool, machine: bool, person: str | None,
    rule: str | None, out: Path | None,
) -> None:  # fmt: skip
    """Hold the rules to their own tests: every FILE, or all `*.test.yaml` beside the rules.

    A test is an invented person, a clock, and what the rules should say, keep, send and do at certain times. Nothing is
    read from the database and nothing goes out. With --from a real person's facts become such a test.
    """
    if person is not None:
        borrow(where, person, rule=rule, out=out)
        return
    if rule is not None or out is not None:
        raise click.UsageError("--rule and --out go with --from")
    settings = where.load()
    found = houses.load_rules(settings)
    texts = {str(path): path.read_text(encoding="utf-8") for path in files} or proving.files(settings.rules)
    started = time.perf_counter()
    report = proving.run(found, texts, settings)
    seconds = time.perf_counter() - started
    if machine:
        as_json({"ok": report.ok, "files": report.files, "tests": len(report.tests), "seconds": round(seconds, 3),
                 "expectations": report.expectations, "problems": report.problems, "failures": report.failures,
                 "asked": report.asked, "untested": [it.name for it in report.untested]})  # fmt: skip
    else:
        told(report, found, folder=settings.rules, seconds=seconds, verbose=verbose, whole=require_all or not files)
    if not report.ok or (require_all and report.untested):
        raise click.exceptions.Exit(WRONG)


def told(report: Report, found: RuleSet, *, folder: Path, seconds: float, verbose: bool, whole: bool) -> None:
    """Problems, failures, what no test names, and the sum. `whole`: were all test files there to be looked at."""
    for problem in report.problems:
        say(str(problem))
    for failure in report.failures:
        say(f"{failure}\n")
    if verbose and not report.problems:
        wrong = {(it.file, it.test) for it in report.failures}
        for file, name in report.tests:
            say(f"{'FAILED' if (file, name) in wrong else 'ok':<8}{file}  {name}")
        for entry in found.entries:
            say(f"        {entry.name}: {', '.join(report.asked[entry.name]) or 'nothing'} expected")
    for entry in report.untested if whole else ():
        say(f"{entry.at}  no test names `{entry.name}`")
    if not report.files:
        say(f"there is no test yet: no *{proving.ENDING} in {folder}")
        return
    tests, files = plural(len(report.tests), "test"), plural(report.files, "file")
    if report.problems:
        say(f"{plural(len(report.problems), 'problem')} in {files}: nothing was run")
        return
    failed = f"{len(report.failures)} failed" if report.failures else "all as expected"
    say(f"{tests} in {files}, {plural(report.expectations, 'expectation')}: {failed}. {seconds:.1f} s")


def borrow(where: Where, person: str, *, rule: str | None, out: Path | None) -> None:
    now = real_clock()
    if out is not None and out.exists():
        raise click.UsageError(f"{out} is there already; nothing was written")
    with looking(where) as (settings, tx):
        found = houses.load_rules(settings)
        if rule is not None and rule not in {it.name for it in found.entries}:
            raise click.UsageError(f"there is no rule `{rule}`; there are {', '.join(it.name for it in found.entries)}")
        borrowed = borrowing.borrow(tx, found, people_.one(tx, person).person, rule=rule, now=now)
    text, differ = _passing(settings, found, borrowed, name=str(out or NAME), now=now)
    if out is None:
        say(text.rstrip("\n"))
    else:
        out.write_text(text, encoding="utf-8")
        say(
            f"{out}: {plural(len(borrowed.answers), 'expectation')}. Read it before you keep it: is nobody recognisable?"
        )
    for line in differ:
        say(line, err=True)
    if differ:
        say(
            "The rest of this person's history makes a difference that a fixture cannot hold; change what differs.",
            err=True,
        )
        raise click.exceptions.Exit(WRONG)


def _passing(
    settings: Settings, found: RuleSet, borrowed: borrowing.Borrowed, *, name: str, now: datetime
) -> tuple[str, Sequence[str]]:
    """With whole days where that gives the same answers, else to the second; and what differs even so."""
    text, differ = "", [""]
    for exact in (False, True):
        text = borrowing.written(found, borrowed, now=now, exact=exact)
        report = proving.run(found, {name: text}, settings)
        differ = [str(it) for it in (*report.problems, *report.failures)]
        if not differ:
            break
    return text, differ


COMMANDS = (test,)
