"""`check`: everything that is wrong with settings and rules, or worth a look, and the schemas that editors read."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import click

from connector import accounts as accounts_
from connector import house as houses
from connector import settings as settings_
from connector import soundness
from connector.cli.words import WRONG, Where, as_json, plural, say
from connector.errors import ConfigError, Problem
from connector.house import real_clock
from connector.rules import RuleSet
from connector.rules.schema import schema as rules_schema
from connector.settings import Settings
from connector.store import NoDatabase, ReadOnly

Severity = Literal["problem", "warning", "left out", "note"]
#: How findings are introduced, in the order of their weight.
_HEADS: dict[Severity, str] = {
    "problem": "",
    "warning": "warning: ",
    "left out": "left out: ",
    "note": "note: ",
}
RULES_SCHEMA, SETTINGS_SCHEMA = "rules.schema.json", "settings.schema.json"


@dataclass(slots=True)
class _Found:
    """What was found; nothing of it is thrown before all of it is known."""

    said: list[tuple[Severity, Problem]]
    rules: RuleSet | None = None
    accounts: tuple[str, ...] = ()
    #: Why the data was not looked at, or how many people it holds.
    data: str = ""

    def add(self, severity: Severity, problems: Iterable[Problem]) -> None:
        self.said += [(severity, problem) for problem in problems]

    @property
    def sorted(self) -> list[tuple[Severity, Problem]]:
        weight = list(_HEADS)
        return sorted(set(self.said), key=lambda it: (weight.index(it[0]), it[1]))

    @property
    def wrong(self) -> int:
        return sum(severity == "problem" for severity, _ in set(self.said))


@click.command()
@click.option("--json", "machine", is_flag=True, help="For a machine: one object for each finding.")
@click.option("--offline", is_flag=True, help="Only the files: no secrets are needed, and the data is not looked at.")
@click.option(
    "--schema", is_flag=True, help="Write the JSON Schemas of rules and settings, for editors; with --json print them."
)
@click.pass_obj
def check(where: Where, machine: bool, offline: bool, schema: bool) -> None:
    """Say everything that is wrong with settings and rules, each with file, line and column.

    Also what is worth a look: what no connected platform can know, and, once there is data, words that nobody has and
    facts that are often missing. Exits with 1 when something is wrong; warnings and notes do not count."""
    now = real_clock()
    found = _Found([])
    try:
        settings = where.load()
    except ConfigError as error:
        found.add("problem", error.problems)
    else:
        if schema:
            _schemas(where.settings, settings, machine=machine)
            return
        _look(found, where, settings, now=now, offline=offline)
    _tell(found, machine=machine)
    if found.wrong:
        raise click.exceptions.Exit(WRONG)


def _look(found: _Found, where: Where, settings: Settings, *, now: datetime, offline: bool) -> None:
    try:
        rules = found.rules = houses.read_rules(settings, now=now)
    except ConfigError as error:
        found.add("problem", error.problems)
        return
    found.add("problem", rules.problems)
    found.add("warning", rules.warnings)
    found.add("left out", rules.refusals)
    found.add("note", (*rules.idle, *_justified(rules)))
    found.accounts = tuple(settings.accounts)
    if not offline:
        try:
            accounts_.connect(settings, os.environ, file=str(where.settings)).close()
        except ConfigError as error:
            found.add("problem", error.problems)
    every = accounts_.every_platform()
    named = {account.platform for account in settings.accounts.values()}
    connected = [it for it in every if it.platform in named]
    found.add("warning", soundness.of_platforms(rules, connected, every))
    found.data = "the data was not looked at (--offline)" if offline else _data(found, settings, rules, now=now)


def _data(found: _Found, settings: Settings, rules: RuleSet, *, now: datetime) -> str:
    try:
        store = ReadOnly(settings.database)
    except NoDatabase:
        return "there is no database yet, so no data was looked at"
    try:
        with store.reading() as tx:
            people = tx.mirror.count()
            if not people:
                return "there is nobody in the database yet, so no data was looked at"
            found.add("warning", soundness.of_data(tx, rules, now=now))
            return f"compared with {plural(people, 'person', 'people')}"
    finally:
        store.close()


def _justified(rules: RuleSet) -> Iterator[Problem]:
    """What a rule says for itself, so that whoever reads this can disagree."""
    for entry in rules.entries:
        if entry.justification:
            at = entry.at
            message = f"`{entry.name}` is justified: {entry.justification}"
            yield Problem(at.file, at.line, at.column, message, level="meaning", rule=entry.name)


def _tell(found: _Found, *, machine: bool) -> None:
    rules = found.rules
    if machine:
        as_json({
            "fine": not found.wrong,
            "accounts": found.accounts,
            "rules": [it.name for it in rules.entries] if rules else [],
            "hash": rules.hash if rules else None,
            "data": found.data,
            "findings": [_object(severity, problem) for severity, problem in found.sorted],
        })  # fmt: skip
        return
    for severity, problem in found.sorted:
        place, _, message = str(problem).partition("  ")
        say(f"{place}  {_HEADS[severity]}{message}")
    if found.wrong:
        say(f"\n{plural(found.wrong, 'problem')}; nothing starts before that is mended")
        return
    kinds = (("rule", rules.rules), ("cadence", rules.cadences), ("suppression", rules.suppress)) if rules else ()
    parts = [plural(len(entries), name) for name, entries in kinds]
    say(f"{', '.join(parts)}, {plural(len(found.accounts), 'account')}: fine; {found.data}.")
    if rules:
        say(f"Rule set {rules.hash[:8]}.")


def _object(severity: Severity, problem: Problem) -> dict[str, Any]:
    message, suggestion = problem.halves
    return {
        "level": problem.level, "severity": severity, "file": problem.file, "line": problem.line,
        "column": problem.column, "message": message, "suggestion": suggestion, "rule": problem.rule,
    }  # fmt: skip


def _schemas(file: Path, settings: Settings, *, machine: bool) -> None:
    made = {
        settings.rules / RULES_SCHEMA: rules_schema(settings.words.vocabulary),
        file.parent / SETTINGS_SCHEMA: settings_.schema(),
    }
    if machine:
        rules, mine = made.values()
        say(f'{{"rules": {rules}, "settings": {mine}}}')
        return
    for path, text in made.items():
        path.write_text(text, encoding="utf-8")
        say(f"{path}: written")
    say(f"Begin a file of rules with `# yaml-language-server: $schema=./{RULES_SCHEMA}`, and your editor completes it.")


COMMANDS = (check,)
