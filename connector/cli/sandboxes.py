"""Sandboxes for the demo and for a closer look: started on loopback, seeded, and put in the place of the real platforms."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any

import httpx

from connector.accounts import sandbox_class
from connector.sandbox import Running, Sandbox, running
from connector.settings import AccountSettings, Settings
from connector.world import World

#: Far above any documented limit: the demo's sandboxes keep none, so that it is over in a minute.
BRISK = 400.0


@dataclass(frozen=True, slots=True)
class Stage:
    """A platform that runs here, and how to reach it."""

    account: str
    running: Running

    @property
    def sandbox(self) -> Sandbox:
        return self.running.sandbox

    def ask(self, path: str) -> Any:
        """Control: what the platform itself says."""
        return httpx.get(f"{self.running.base_url}/_sandbox/{path}", timeout=30).raise_for_status().json()

    def tell(self, path: str, **body: Any) -> Any:
        answer = httpx.post(f"{self.running.base_url}/_sandbox/{path}", json=body, timeout=30).raise_for_status()
        return answer.json() if answer.content else None


def base_url(on: Running) -> str:
    return on.base_url + str(getattr(on.sandbox, "base_path", ""))


@contextmanager
def staged(settings: Settings, world: World, *, limited: bool = False) -> Iterator[dict[str, Stage]]:
    """A seeded sandbox for every account of the settings."""
    with ExitStack() as stack:
        stages = {}
        for name, account in settings.accounts.items():
            sandbox: Sandbox = sandbox_class(account.platform)(limited=limited)
            sandbox.seed(world)
            stages[name] = Stage(name, stack.enter_context(running(sandbox)))
        yield stages


def instead(settings: Settings, stages: Mapping[str, Stage], **changes: Any) -> tuple[Settings, dict[str, str]]:
    """The same settings against the sandboxes, and the environment that holds their secrets."""
    accounts: dict[str, AccountSettings] = {}
    environment: dict[str, str] = {}
    for name, account in settings.accounts.items():
        stage = stages[name]
        options = {**account.options, **stage.sandbox.options}
        if token_path := getattr(stage.sandbox, "token_path", None):
            options["token_url"] = stage.running.base_url + token_path
        secrets: dict[str, tuple[str, ...]] = {}
        for secret, value in stage.sandbox.secrets.items():
            values = [value] if isinstance(value, str) else list(value)
            names = tuple(f"SANDBOX_{name}_{secret}_{number}".upper() for number in range(len(values)))
            values = [stage.running.base_url + it if it.startswith("/") else it for it in values]
            environment.update(zip(names, values, strict=True))
            secrets[secret] = names
        accounts[name] = replace(
            account, base_url=base_url(stage.running), options=options, secrets=secrets, calls_per_second=BRISK
        )
    return replace(settings, accounts=accounts, **changes), environment
