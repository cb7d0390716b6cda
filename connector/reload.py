"""Settings and rules that change while we serve: read, checked, held to their tests, planned, and only then taken up.

Whatever fails keeps what runs, and says so. What is taken up is one reference: whoever began on the old set ends on it. New
or changed rules are in shadow until somebody applies their plan, as they are after a restart.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Protocol

import structlog

from connector import plan as plans
from connector import proving
from connector.errors import ConfigError, KeepwarmError, Problem
from connector.house import House, assemble, read_rules
from connector.plan import Plan
from connector.rules import RuleSet
from connector.settings import AccountSettings, Settings
from connector.store import Tx

log = structlog.get_logger()

#: Seconds between two looks at the files' times. A change counts once two looks in a row found the same.
POLL = 1.0
#: So many complaints are kept; the first ones are what to mend.
MOST = 20
#: Settings that only a start can change: they are open connections, a port, a file under a lock.
AT_START = ("database", "accounts", "host", "port")


class Runs(Protocol):
    """What is told of a new house."""

    house: House

    def wake(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Files:
    """The settings file and every file of rules and their tests."""

    settings: Path
    rules: Path

    def times(self) -> tuple[tuple[str, int, int], ...]:
        found = []
        for path in self._all():
            try:
                told = path.stat()
            except FileNotFoundError:  # replaced at this moment: the next look finds it
                continue
            found.append((str(path), told.st_mtime_ns, told.st_size))
        return tuple(found)

    def digest(self) -> str:
        whole = hashlib.sha256()
        for path in self._all():
            try:
                body = path.read_bytes()
            except FileNotFoundError:
                continue
            whole.update(f"{path}\n{len(body)}\n".encode() + body)
        return whole.hexdigest()

    def _all(self) -> Iterator[Path]:
        yield self.settings
        yield from sorted(self.rules.glob("*.yaml"))


class Reload(threading.Thread):
    """Watches the files until told to stop. `look` may also be called by others, and then returns when it is done."""

    def __init__(self, file: Path, read: Callable[[], Settings], runs: Runs) -> None:
        super().__init__(name="reload", daemon=True)
        self._file = file
        self._read = read
        self._runs = runs
        self._halt = threading.Event()
        self._one_at_a_time = threading.Lock()
        #: Of the files as they were last dealt with; empty: they are to be looked at.
        self._seen = ""
        #: A plan is still to be made, once everybody was built and judged anew.
        self._owes_plan = False

    def start(self) -> None:
        self.note()
        super().start()

    def note(self) -> None:
        """Say what runs. What changed in the files while the house was put together is found by the first look."""
        house, now = self._runs.house, self._runs.house.clock()
        house.store.write(lambda tx: tx.sets.take_up(house.rules.hash, now=now))
        digest = self._files().digest()
        try:
            asked = self._read()
            same = asked == house.settings and read_rules(asked, now=now).hash == house.rules.hash
        except ConfigError:
            same = False
        self._seen = digest if same else ""

    def stop(self) -> None:
        self._halt.set()
        self.join(timeout=20)
        self._runs.house.store.write(lambda tx: tx.sets.end())

    def run(self) -> None:
        before = dealt = self._files().times()
        while not self._halt.wait(POLL):
            times = self._files().times()
            settled, before = times == before, times
            if not settled or (times == dealt and self._seen and not self._owes_plan):
                continue
            dealt = times
            try:
                self.look()
            except Exception as error:
                log.exception("the files could not be looked at; what runs stays")
                told = f"{type(error).__name__}; the log of `serve` says more"
                self._refuse([told], [], now=self._runs.house.clock())

    def look(self) -> None:
        """Deal with the files as they are now."""
        with self._one_at_a_time:
            digest = self._files().digest()
            if digest != self._seen:
                self._seen = digest
                self._deal()
            if self._owes_plan:
                self._plan(self._runs.house)

    def _files(self) -> Files:
        return Files(self._file, self._runs.house.settings.rules)

    def _deal(self) -> None:
        now = self._runs.house.clock()
        try:
            fresh, waits = self._made(now)
            reworded = fresh.settings.words.mark != self._runs.house.settings.words.mark
            made = None if reworded else plans.make(fresh.store, fresh.desk, now=now)
        except ConfigError as error:
            self._refuse([str(it) for it in error.problems], [f"{it.file}:{it.line}" for it in error.problems], now=now)
            return
        except (KeepwarmError, OSError) as error:
            self._refuse([str(error)], [type(error).__name__], now=now)
            return
        self._take_up(fresh, waits, made, reworded=reworded, now=now)

    def _made(self, now: datetime) -> tuple[House, list[str]]:
        """The house as the files have it; ConfigError with all that is wrong in them."""
        house = self._runs.house
        settings, waits = merged(house.settings, self._read(), file=str(self._file))
        found = read_rules(settings, now=now)
        if found.problems:
            raise ConfigError(found.problems)
        if wrong := _failing(found, settings):
            raise ConfigError(wrong)
        fresh = assemble(settings, found, house.accounts, house.store, house.clock)
        return replace(fresh, turn=house.turn), waits

    def _refuse(self, complaints: Sequence[str], places: Sequence[str], *, now: datetime) -> None:
        house = self._runs.house
        house.store.write(lambda tx: tx.sets.refuse(complaints[:MOST], now=now))
        # places only: what a file says may name somebody
        log.error("the files are refused, what runs stays", running=house.rules.hash[:6], wrong=len(complaints),
                  places=list(dict.fromkeys(places))[:5])  # fmt: skip

    def _take_up(self, fresh: House, waits: Sequence[str], made: Plan | None, *, reworded: bool, now: datetime) -> None:
        before = self._runs.house.rules.hash
        self._runs.house = fresh
        fresh.store.write(lambda tx: tx.sets.take_up(fresh.rules.hash, waits=waits, now=now))
        self._runs.wake()
        log.info("taken up", running=fresh.rules.hash[:6], before=before[:6], reworded=reworded, waits=list(waits))
        if waits:
            log.warning("changed settings that begin with the next start", settings=list(waits))
        self._owes_plan = made is None
        if made is not None:
            self._saved(fresh, made)

    def _plan(self, house: House) -> None:
        """Once everybody was built with the new words and judged by them."""
        with house.store.reading() as tx:
            waits = not built_with(tx, house) or not tx.records.caught_up() or bool(tx.mirror.to_judge(1))
        if not waits:
            self._owes_plan = False
            self._saved(house, plans.make(house.store, house.desk, now=house.clock()))

    @staticmethod
    def _saved(house: House, made: Plan) -> None:
        if not _asks(made):
            return
        plans.save(made, house.plans)
        house.store.write(lambda tx: tx.sets.planned(made.id))
        log.info("what is new or changed is in shadow until its plan is applied", plan=made.id)


def built_with(tx: Tx, house: House) -> bool:
    """Is everybody's image made, or being made, with the words that the settings have now."""
    return tx.uses.words() == house.settings.words.mark


def merged(running: Settings, asked: Settings, *, file: str) -> tuple[Settings, list[str]]:
    """What of changed settings can be taken up at once, and the names of those that wait for a start."""
    waits = [name for name in AT_START if _plain(getattr(asked, name)) != _plain(getattr(running, name))]
    if "accounts" in waits:
        named = {f"messages.{it.name}": it.account for it in asked.messages.values()}
        if asked.notices:
            named["notices"] = asked.notices
        if new := {what: name for what, name in named.items() if name not in running.accounts}:
            late = "which begins with the next start of `serve`"
            raise ConfigError([Problem(file, 0, 0, f"{it} goes through `{name}`, {late}") for it, name in new.items()])
    kept = {name: getattr(running, name) for name in AT_START}
    return replace(asked, **kept), ["serve" if it in ("host", "port") else it for it in waits]


def _plain(value: object) -> object:
    """Where an account stands in the file is no part of it."""
    if isinstance(value, dict):
        return {
            key: replace(it, line=0, column=0) if isinstance(it, AccountSettings) else it for key, it in value.items()
        }
    return value


def _failing(found: RuleSet, settings: Settings) -> list[Problem]:
    report = proving.run(found, proving.files(settings.rules), settings)
    wrong = list(report.problems)
    for it in report.failures:
        told = f"test `{it.test}`: expected {it.expected}, got {it.got}"
        wrong.append(Problem(it.file, it.line, it.column, told))
    return wrong


def _asks(made: Plan) -> bool:
    """Is there anything to apply."""
    rules = any((it.new and it.mode == "live") or it.add or it.remove for it in made.rules)
    return rules or any(it.new and it.mode == "live" for it in made.cadences)


__all__ = ["Files", "Reload", "Runs", "built_with", "merged"]
