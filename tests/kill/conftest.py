"""Three sandboxes that outlive a house which is killed again and again, and what they say of it in the end."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connector import settings as settings_
from connector.cli.sandboxes import Stage, instead, staged
from connector.world import world

#: When the story begins. Whoever joins in its first minutes is written to at a quarter past noon the next day.
NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
#: The clock in each part of it: at first; when mailings are prepared; when they are handed over; after they went.
PARTS = tuple(timedelta(hours=24, minutes=minutes) for minutes in (-24 * 60, -40, -10, 20))
PEOPLE = 30
#: Our own names hold the moment at which they were made, which differs between two stories.
MOMENT = re.compile(r"\d{8}T\d{4}")

ACCOUNTS = """
accounts:
  hospital: {platform: greenhouse, options: {fields: {skills: skills}}}
  software: {platform: lever}
  newsletter: {platform: mailchimp}
"""
SETTINGS = """
version: 1
time_zone: Europe/London
quiet_hours: {from: "23:00", to: "06:00", days_off: [sunday]}
caps: {marketing: 9 every 30 days, everything: 9 every 7 days}
vocabulary:
  stages: [applied, phone_screen, onsite, final, offer]
  stage_names:
    applied: [Application Review, New applicant, Recruiter Screen]
    phone_screen: [Phone Screen, Phone interview, Preliminary Phone Screen]
    onsite: [Onsite Interview, On-site interview, Face to Face]
    final: [Final Panel, Final Interview]
  reasons: {misconduct: [Misconduct]}
messages:
  letter: {by: campaign, account: newsletter, subject_line: News, from_name: We, reply_to: us@example.org,
           html: "<p>*|UNSUB|*</p>"}
  ward: {by: journey, account: newsletter, journey: "816", step: "1102"}
  evening: {by: event, account: newsletter, event: open_evening}
"""
RULES = """
version: 1
rules:
  - rule: runner-up
    why: Came far.
    who: {has_application: {status: rejected, furthest_stage: {at_least: phone_screen}}}
    keep: {tags: [runner-up], pools: [bench]}
cadences:
  - cadence: by-campaign
    who: {tags: {any_of: [runner-up]}, consent.email: yes}
    send: {every: 3 months, first: 1 day after joining, rotate: [{template: letter}]}
  - cadence: by-journey
    who: {tags: {any_of: [runner-up]}, consent.email: yes}
    send: {every: 3 months, first: 1 day after joining, rotate: [{template: ward}]}
  - cadence: by-event
    who: {tags: {any_of: [runner-up]}, consent.email: yes}
    send: {every: 3 months, first: 1 day after joining, rotate: [{template: evening}]}
"""


class Driver:
    """The process that forks the lives; `KILLED` is what a life's end by its own commit reads like."""

    KILLED = -signal.SIGKILL

    def __init__(self) -> None:
        command = [sys.executable, str(Path(__file__).with_name("driver.py"))]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def live(self, told: dict[str, Any], *, kill_after: float | None = None) -> int:
        """One life, and how it ended. `kill_after`: seconds until it is killed from outside."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(told) + "\n")
        self._process.stdin.flush()
        child = int(self._process.stdout.readline())
        if kill_after is not None:
            time.sleep(kill_after)
            os.kill(child, signal.SIGKILL)  # a zombie until the driver says how it ended, so never somebody else
        return int(self._process.stdout.readline())

    def close(self) -> None:
        self._process.communicate(timeout=10)


@dataclass(slots=True)
class Story:
    """One database and its three platforms, from nothing to the first messages."""

    driver: Driver
    stages: dict[str, Stage]
    told: dict[str, Any]
    lives: int = 0
    part: int = 0
    ended: list[int] = field(default_factory=list)

    def begin(self, part: int) -> None:
        self.part = part
        now = NOON + PARTS[part]
        self.told |= {"ahead": (now - datetime.now(UTC)).total_seconds(), "plan": part == 0}
        for stage in self.stages.values():
            stage.tell("clock", now=now.isoformat())

    def live(self, *, commits: int = 0, threads: bool = False, kill_after: float | None = None) -> bool:
        """One life of the house; did it end by itself."""
        told = {**self.told, "commits": commits, "turn": self.lives, "threads": threads}
        self.lives += 1
        self.ended.append(self.driver.live(told, kill_after=kill_after))
        assert self.ended[-1] in (0, Driver.KILLED), "the house fell over"
        return self.ended[-1] == 0

    def unkilled(self) -> dict[str, Counter[str]]:
        for part in range(len(PARTS)):
            self.begin(part)
            assert self.live()
        return self.effects()

    def effects(self) -> dict[str, Counter[str]]:
        """What each platform says was done to it, and how often."""
        return {name: Counter(_line(effect) for effect in stage.ask("log")) for name, stage in self.stages.items()} | {
            "mail": Counter(f"{it['by']} {it['address']}" for it in self.stages["newsletter"].ask("state")["mailed"])
        }

    def outbox(self) -> dict[str, int]:
        from connector.store.sqlite import connect

        with connect(Path(self.told["database"]), read_only=True) as db:
            return dict(db.execute("select state, count(*) from outbox group by state").fetchall())


def _line(effect: dict[str, Any]) -> str:
    detail = effect["detail"]
    said = [str(detail[name]) for name in ("tag", "event", "journey", "title", "status") if name in detail]
    note = str(detail.get("text") or detail.get("value") or "").partition(" [keepwarm:")[0]
    # the platform's own id of a campaign is drawn anew in each story
    subject = "" if "campaign" in effect["verb"] or effect["verb"] == "set_content" else effect["subject"]
    return MOMENT.sub("when", " ".join([effect["verb"], subject, *said, note]))


@pytest.fixture(scope="session")
def driver() -> Iterator[Driver]:
    made = Driver()
    yield made
    made.close()


@pytest.fixture(scope="session")
def story_of(driver: Driver, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], AbstractContextManager[Story]]:
    """A new story: sandboxes seeded alike, an empty database."""

    @contextmanager
    def begin() -> Iterator[Story]:
        folder = tmp_path_factory.mktemp("story")
        (folder / "rules").mkdir()
        (folder / "rules" / "rules.yaml").write_text(RULES, encoding="utf-8")
        plain = settings_.read(SETTINGS + ACCOUNTS, "settings.yaml", folder=folder)
        with staged(plain, world(PEOPLE, now=NOON)) as stages:
            pointed, environment = instead(plain, stages)
            accounts = {
                name: {
                    "platform": it.platform, "base_url": it.base_url, "options": dict(it.options),
                    "secrets": {secret: list(names) for secret, names in it.secrets.items()},
                    "calls_per_second": it.calls_per_second,
                }
                for name, it in pointed.accounts.items()
            }  # fmt: skip
            told = {
                "settings": f"{SETTINGS}accounts: {json.dumps(accounts)}\n",
                "rules": str(folder / "rules"),
                "environment": environment,
                "database": str(folder / "keepwarm.db"),
            }
            yield Story(driver, stages, told)

    return begin
