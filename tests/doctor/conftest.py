"""A surgery: sandboxes on loopback, a settings file that names them, a database, and a doctor who looks at them all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters.greenhouse.sandbox import GreenhouseSandbox
from adapters.lever.sandbox import LeverSandbox
from adapters.mailchimp.sandbox import MailchimpSandbox
from connector import settings as settings_
from connector.cli.sandboxes import Stage, instead
from connector.doctor import Finding, State, examine
from connector.sandbox import running
from connector.settings import Settings
from connector.store import ReadOnly, Sqlite, Tx
from connector.world import world

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
HOSPITAL = "  hospital: {platform: greenhouse, secrets: {client_id: A, client_secret: B, webhook: [C]}}\n"
SOFTWARE = "  software: {platform: lever, secrets: {api_key: D, webhook: [E]}}\n"
NEWSLETTER = "  newsletter: {platform: mailchimp, secrets: {api_key: F, webhook: [G]}}\n"
RULES = """
version: 1
rules:
  - rule: silver
    who: {has_application: {status: rejected}}
    keep: {tags: [silver]}
"""
SANDBOXES: dict[str, Callable[[], Any]] = {
    "hospital": GreenhouseSandbox, "software": LeverSandbox, "newsletter": MailchimpSandbox,
}  # fmt: skip


@dataclass
class Surgery:
    settings: Settings
    environment: dict[str, str]
    stages: dict[str, Stage]
    found: list[Finding] = field(default_factory=list)

    def sandbox(self, name: str) -> Any:
        return self.stages[name].sandbox

    def look(self, *, within: float = 20.0, only: str | None = None, now: datetime = NOW) -> list[Finding]:
        store = ReadOnly(self.settings.database)
        with store.reading() as tx:
            self.found = examine(self.settings, self.environment, tx, now=now, within=within, only=only)
        store.close()
        return self.found

    def of(self, account: str, what: str = "", state: State | None = None) -> list[Finding]:
        return [
            it for it in self.found
            if it.account == account and what in ("", it.what) and state in (None, it.state)
        ]  # fmt: skip

    def faults(self, account: str) -> list[Finding]:
        return self.of(account, state=State.FAULT)

    def options(self, account: str, **changes: Any) -> None:
        wanted = self.settings.accounts[account]
        changed = replace(wanted, options={**wanted.options, **changes})
        self.settings = replace(self.settings, accounts={**self.settings.accounts, account: changed})

    def remember(self, work: Callable[[Tx], Any]) -> None:
        with Sqlite(self.settings.database) as store:
            store.write(work)

    def hang_a_hook(self, **changes: Any) -> None:
        """A webhook as the set-up says, made through Mailchimp's API as a person would in its pages."""
        hooks = self.sandbox("newsletter").hooks
        row = {
            "id": "a1b2c3d4e5",
            "url": "https://keepwarm.example.org/webhooks/newsletter/a-long-text",
            "events": dict.fromkeys(("subscribe", "unsubscribe", "profile", "cleaned", "upemail", "campaign"), True),
            "sources": {"user": True, "admin": True, "api": False},
            "list_id": self.sandbox("newsletter").audience.id,
            "signing_enabled": True,
            "signing_secret": "",
        }
        hooks.rows["a1b2c3d4e5"] = row | changes


Build = Callable[..., Surgery]


@pytest.fixture
def surgery_of(tmp_path: Path) -> Iterator[Build]:
    with ExitStack() as stack:

        def build(accounts: str, *, more: str = "", rules: str = RULES) -> Surgery:
            folder = tmp_path / "rules"
            folder.mkdir()
            (folder / "rules.yaml").write_text(rules, encoding="utf-8")
            text = f"version: 1\ntime_zone: Europe/London\ndatabase: keepwarm.db\naccounts:\n{accounts}{more}"
            settings = settings_.read(text, "settings.yaml", folder=tmp_path)
            stages = {}
            for name in settings.accounts.keys() & SANDBOXES.keys():
                sandbox = SANDBOXES[name]()
                sandbox.seed(world(8, now=NOW))
                stages[name] = Stage(name, stack.enter_context(running(sandbox)))
            known = {name: it for name, it in settings.accounts.items() if name in stages}
            others = {name: it for name, it in settings.accounts.items() if name not in stages}
            ready, environment = instead(replace(settings, accounts=known), stages)
            Sqlite(ready.database).close()
            return Surgery(replace(ready, accounts={**ready.accounts, **others}), environment, stages)

        yield build


@pytest.fixture
def newsletter(surgery_of: Build) -> Surgery:
    """One audience with all that it needs, so that the one thing a test breaks is the one that is found."""
    surgery = surgery_of(NEWSLETTER)
    surgery.hang_a_hook()

    def lived(tx: Tx) -> None:
        for stream in ("members", "unsubscribed", "cleaned", "complaints", "campaigns", "engagement"):
            tx.schedule.arrive("newsletter", stream, until=NOW, complete=True, now=NOW - timedelta(minutes=10))
        tx.inbox.heard("newsletter", "profile", at=NOW - timedelta(hours=2))

    surgery.remember(lived)
    return surgery
