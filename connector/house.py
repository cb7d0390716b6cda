"""Everything put together once: settings, accounts, rules, store. What a command or a server holds while it runs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from connector import accounts as accounts_
from connector import rules as rules_
from connector import soundness
from connector.accounts import Accounts
from connector.cadence import Desk
from connector.court import Bench, Court
from connector.errors import ConfigError, Problem
from connector.guard import Guard
from connector.people import Lens
from connector.rules import RuleSet, evidence_floor
from connector.rules.meaning import examined
from connector.settings import Settings
from connector.store import Sqlite

Clock = Callable[[], datetime]


def real_clock() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class House:
    settings: Settings
    accounts: Accounts
    rules: RuleSet
    store: Sqlite
    desk: Desk
    lens: Lens
    clock: Clock
    #: One reader of the inbox at a time, however many lanes fill it.
    turn: threading.Lock = field(default_factory=threading.Lock)

    @property
    def plans(self) -> Path:
        return self.settings.database.parent / "plans"


def read_rules(settings: Settings, *, now: datetime) -> RuleSet:
    """Every rule file, with all that is wrong or doubtful in any of them and between them."""
    found = examined(rules_.load(rule_files(settings), settings.words.vocabulary), now=now)
    problems, warnings = soundness.of_settings(found, settings)
    return replace(
        found,
        problems=tuple(sorted({*found.problems, *problems})),
        warnings=tuple(sorted({*found.warnings, *warnings})),
    )


def load_rules(settings: Settings) -> RuleSet:
    """Every rule file, or ConfigError with all that cannot be read in any of them."""
    found = rules_.load(rule_files(settings), settings.words.vocabulary)
    if found.problems:
        raise ConfigError(found.problems)
    return found


def rule_files(settings: Settings) -> dict[str, str]:
    """Name → text of every file of rules; ConfigError where there is none."""
    files = {
        str(path): path.read_text(encoding="utf-8")
        for path in sorted(settings.rules.glob("*.yaml"))
        if not path.name.endswith(".test.yaml")
    }
    if not files:
        raise ConfigError(
            [Problem(str(settings.rules), 0, 0, "no rule files (*.yaml) here; `rules:` in settings says where")]
        )
    return files


def check(
    settings: Settings, environment: Mapping[str, str], *, file: str, clock: Clock = real_clock
) -> tuple[RuleSet, Accounts]:
    """Rules and accounts, or a complaint of all that is wrong with either. `file`: where the settings stand."""
    problems: list[Problem] = []
    found: RuleSet | None = None
    made: Accounts | None = None
    try:
        found = read_rules(settings, now=clock())
        problems += found.problems
    except ConfigError as error:
        problems += error.problems
    try:
        made = accounts_.connect(settings, environment, file=file)
    except ConfigError as error:
        problems += error.problems
    if problems or found is None or made is None:
        raise ConfigError(problems)
    return found, made


@contextmanager
def opened(
    settings: Settings,
    environment: Mapping[str, str],
    *,
    file: str,
    clock: Clock = real_clock,
    after_commit: Callable[[int], None] = lambda _: None,
) -> Iterator[House]:
    """A house that writes. Raises ConfigError, or Locked when another process has the database."""
    found, made = check(settings, environment, file=file, clock=clock)
    try:
        with Sqlite(settings.database, after_commit=after_commit) as store:
            yield assemble(settings, found, made, store, clock)
    finally:
        made.close()


def desk_of(settings: Settings, found: RuleSet, made: Accounts) -> Desk:
    court = Court(found)
    return Desk(Bench(court, made, settings), Guard(court, settings))


def assemble(settings: Settings, found: RuleSet, made: Accounts, store: Sqlite, clock: Clock) -> House:
    desk = desk_of(settings, found, made)
    reads = {fact.partition(".")[0] for entry in found.entries for fact in entry.reads} | {
        "scorecard" for entry in found.entries for fact in entry.reads if fact.startswith("application.scorecard")
    }
    offers = any("application.offer" in entry.reads for entry in found.entries)
    needed = {"scorecard"} & reads | {"interview"} & reads | ({"offer"} if offers else set())
    lens = Lens(
        words=settings.words,
        shared_address=settings.shared_address,
        evidence=evidence_floor(found),
        costly={name: tuple(kind for kind in it.declaration.evidence if kind in needed) for name, it in made.items()},
    )
    return House(settings, made, found, store, desk, lens, clock)
