"""A theatre: three sandboxes, a house that works by itself, the door in front of it, and one clock that all of them share."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connector import accounts, applying, house, plan, scheduler
from connector import settings as settings_
from connector.cli.sandboxes import Stage, instead, staged
from connector.house import House
from connector.settings import Settings
from connector.store import Sqlite
from connector.web.app import application
from connector.web.serving import listen, server
from connector.world import world

#: A Monday; two weeks later is a Monday too.
NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
PATIENCE = 20

SETTINGS = """
version: 1
time_zone: Europe/London
quiet_hours: {from: "19:00", to: "08:30", days_off: [saturday, sunday]}
caps: {marketing: 1 every 30 days, everything: 2 every 7 days}
vocabulary:
  stages: [applied, phone_screen, onsite, final, offer]
  stage_names:
    applied: [Application Review, New applicant, Recruiter Screen]
    phone_screen: [Phone Screen, Phone interview]
    onsite: [Onsite Interview, On-site interview]
    final: [Final Panel, Final Interview]
  reasons: {other_candidate: [Stronger candidate chosen], misconduct: [Misconduct]}
accounts:
  hospital:
    platform: greenhouse
    secrets: {client_id: A, client_secret: B, webhook: [C]}
  software: {platform: lever, secrets: {api_key: D, webhook: [E]}}
  newsletter: {platform: mailchimp, secrets: {api_key: F, webhook: [G]}}
messages:
  letter: {by: campaign, account: newsletter, subject_line: News, from_name: We, reply_to: us@example.org,
           html: "<p>*|UNSUB|*</p>"}
  ward: {by: journey, account: newsletter, journey: "816", step: "1102"}
  evening: {by: event, account: newsletter, event: open_evening}
"""
RULES = """
version: 1
suppress:
  - suppress: unsubscribed
    who: {unsubscribed: yes}
    stops: everything
  - suppress: in-a-live-process
    who: {has_application: {status: active}}
    stops: marketing
rules:
  - rule: silver-medallist
    why: Nearly hired, and safe to come back to.
    who:
      has_application:
        status: rejected
        furthest_stage: {at_least: onsite}
        scorecard_average: {at_least: 3.5}
        rejection_reason: {none_of: [misconduct]}
    unless: {employment: hired}
    keep: {tags: [silver-medallist]}
  - rule: bench
    who: {tags: {any_of: [silver-medallist]}}
    keep: {pools: [bench]}
cadences:
  - cadence: quarterly
    who: {pools: {any_of: [bench]}, consent.email: yes}
    send:
      every: 3 months
      first: 14 days after joining
      between: 09:00 to 11:00
      rotate: [{template: letter}, {template: ward}, {template: evening}]
    stop_when: {has_application: {status: active}}
"""


class Clock:
    """Goes on as the real one does, from wherever it was moved to."""

    def __init__(self, stages: dict[str, Stage]) -> None:
        self._stages = stages
        self._ahead = timedelta(0)
        self.move(NOON)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    def move(self, to: datetime) -> None:
        # the platforms first: what they say happened must never lie ahead of the house's own clock for long
        for stage in self._stages.values():
            stage.tell("clock", now=to.isoformat())
        self._ahead = to - datetime.now(UTC)


@dataclass(slots=True)
class Theatre:
    stages: dict[str, Stage]
    house: House
    clock: Clock
    door: str

    def act(self, account: str, do: str, **asked: Any) -> dict[str, Any]:
        told = self.stages[account].tell("act", do=do, **asked)
        assert isinstance(told, dict)
        return told

    def effects(self, account: str, *verbs: str, subject: str | None = None) -> list[dict[str, Any]]:
        return [
            it
            for it in self.stages[account].ask("log")
            if it["verb"] in verbs and (subject is None or it["subject"] == subject)
        ]

    def mailed(self, address: str) -> list[str]:
        return [it["by"] for it in self.stages["newsletter"].ask("state")["mailed"] if it["address"] == address]

    def member(self, address: str) -> dict[str, Any]:
        found = self.stages["newsletter"].ask("state")["members"].get(address, {})
        assert isinstance(found, dict)
        return found

    def on_bench(self, address: str) -> bool:
        return "bench" in self.member(address).get("tags", ())

    def rows(self, sql: str, *parameters: object) -> list[dict[str, Any]]:
        with self.house.store.reading() as tx:
            return tx.rows(sql, parameters)

    def objected(self, address: str) -> bool:
        with self.house.store.reading() as tx:
            return bool(tx.ledger.suppressions([f"e:{address}"]))

    def waits(self) -> int:
        """What the house has not finished, as far as it can go on now."""
        now = self.clock().isoformat()
        sql = (
            "select (select count(*) from deliveries where state = 'new') + (select count(*) from dirty)"
            " + (select count(*) from to_judge) + (select count(*) from hints)"
            " + (select count(*) from outbox where state = 'sending' or (state = 'pending' and due_at <= ?)) as n"
        )
        return int(self.rows(sql, now)[0]["n"])

    def until(self, what: Callable[[], object]) -> None:
        """Wait for something that has to come by itself."""
        end = time.monotonic() + PATIENCE
        while not what():
            assert time.monotonic() < end, f"it did not come; {self.waits()} things wait"
            time.sleep(0.05)

    def quiet(self) -> None:
        """Wait until nothing has been waiting for a while, so that what must not come had its chance."""
        calm, end = 0, time.monotonic() + PATIENCE
        while calm < 10:
            calm = 0 if self.waits() else calm + 1
            assert time.monotonic() < end, f"{self.waits()} things still wait"
            time.sleep(0.05)

    def move(self, to: datetime) -> None:
        """Everyone's clock, and then time for what that brings."""
        self.clock.move(to)
        time.sleep(0.6)
        self.quiet()

    def slot(self) -> datetime:
        """When the next message is due."""
        with self.house.store.reading() as tx:
            due = tx.schedule.next_enrolment_due()
        assert due is not None
        return due

    def next_message(self) -> None:
        """Past the next slot, by way of the moments before it at which mailings are prepared and handed over."""
        slot = self.slot()
        for minutes in (-50, -20, 5):
            self.move(slot + timedelta(minutes=minutes))


@contextmanager
def set_up(folder: Path, people: int) -> Iterator[tuple[Settings, dict[str, str], dict[str, Stage]]]:
    """Sandboxes with people in them, and settings that point there."""
    (folder / "rules").mkdir(parents=True)
    (folder / "rules" / "rules.yaml").write_text(RULES, encoding="utf-8")
    plain = settings_.read(SETTINGS, "settings.yaml", folder=folder)
    with staged(plain, world(people, now=NOON)) as stages:
        pointed, environment = instead(plain, stages)
        yield replace(pointed, database=folder / "keepwarm.db"), environment, stages


@pytest.fixture(scope="session")
def stages_of() -> Callable[[Path, int], AbstractContextManager[tuple[Settings, dict[str, str], dict[str, Stage]]]]:
    return set_up


@contextmanager
def opened(folder: Path, people: int) -> Iterator[Theatre]:
    with set_up(folder, people) as (pointed, environment, stages):
        clock = Clock(stages)
        with Sqlite(pointed.database) as store:
            made = accounts.connect(pointed, environment)
            it = house.assemble(pointed, house.load_rules(pointed), made, store, clock)
            try:
                with door_of(it) as door:
                    yield Theatre(stages, it, clock, door)
            finally:
                made.close()


@contextmanager
def door_of(it: House) -> Iterator[str]:
    """The door, served in a thread, and the house at work behind it."""
    running = scheduler.Running(it)
    app = application(it.store, it.accounts, now=it.clock, wake=running.wake)
    with listen("127.0.0.1", 0) as bound:
        serving = server(app)
        thread = threading.Thread(target=serving.run, args=([bound],), daemon=True)
        thread.start()
        it_runs = threading.Event()
        try:
            scheduler.drain(it, full=True)
            made = plan.make(it.store, it.desk, now=it.clock())
            applying.apply(it.store, it.desk, made, now=it.clock())
            running.start()
            it_runs.set()
            yield "http://{}:{}".format(*bound.getsockname()[:2])
        finally:
            if it_runs.is_set():
                running.stop()
            serving.should_exit = True
            thread.join(timeout=10)


@pytest.fixture
def theatre(tmp_path: Path) -> Iterator[Theatre]:
    """After the backfill; a plan was applied, webhooks are registered, and nobody gives any further command."""
    with opened(tmp_path, 40) as it:
        for name, stage in it.stages.items():
            secret = stage.sandbox.secrets["webhook"]
            stage.tell(
                "hook", url=f"{it.door}/webhooks/{name}", secret=secret if isinstance(secret, str) else secret[0]
            )
        it.quiet()
        yield it
