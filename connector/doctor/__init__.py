"""What is wrong with the set-up, and the exact thing to do about it: accounts, platforms, and the house itself.

Asks the platforms and reads the store; changes neither, so it may run beside `serve`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from connector.accounts import Account, account_of
from connector.doctor import credentials, platform, premises
from connector.doctor.asking import Answer, ask
from connector.doctor.finding import Finding, State
from connector.settings import Settings
from connector.store import Tx

#: Seconds in which a platform must have answered.
WITHIN = 30.0
#: The settings know where the door listens, and not under what name the world reaches it.
ADDRESS = "https://YOUR-HOST"


def examine(
    settings: Settings,
    environment: Mapping[str, str],
    tx: Tx | None,
    *,
    now: datetime,
    only: str | None = None,
    within: float = WITHIN,
    file: str = "settings.yaml",
) -> list[Finding]:
    """Findings in order: the house first, then account by account. `tx` None: there is no database yet."""
    complaints: dict[str, list[str]] = {name: [] for name in settings.accounts}
    made = {
        name: account_of(wanted, environment, complaints[name].append) for name, wanted in settings.accounts.items()
    }
    accounts = {name: it for name, it in made.items() if it is not None}
    chosen = [name for name in settings.accounts if only in (None, name)]
    try:
        answers = ask({name: accounts[name] for name in chosen if name in accounts}, settings.messages, within=within)
        found = [] if only else _house(settings, accounts, tx)
        for name in chosen:
            found += credentials.judged(settings.accounts[name], made[name], complaints[name], environment, file=file)
            if name in accounts:
                found += _account(settings, accounts[name], answers.get(name), tx, now=now, within=within)
    finally:
        for account in accounts.values():
            account.hang_up()
    return found


def _house(settings: Settings, accounts: Mapping[str, Account], tx: Tx | None) -> list[Finding]:
    rules, told = premises.rules(settings)
    found = [*premises.database(settings.database), *told, premises.zones(settings)]
    found += premises.notices(settings, accounts, rules)
    found += premises.templates(settings, accounts, rules)
    if tx is not None:
        found += premises.left_behind(tx)
    return found


def _account(
    settings: Settings, account: Account, answer: Answer | None, tx: Tx | None, *, now: datetime, within: float
) -> Iterator[Finding]:
    yield from platform.answered(account, answer, within=within)
    yield from platform.routed([it for it in settings.messages.values() if it.account == account.name], account)
    yield from platform.remembered(tx, account, now=now, door=ADDRESS)


__all__ = ["WITHIN", "Finding", "State", "examine"]
