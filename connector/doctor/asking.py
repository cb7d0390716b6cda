"""Every platform is asked at once, each in its own thread, so that a dead one holds nobody up for longer than we wait."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass

from connector.accounts import Account
from connector.adapter import Checks, ChecksMessages, Health
from connector.errors import KeepwarmError
from connector.settings import MessageSettings


@dataclass(slots=True)
class Answer:
    """What came back; neither health nor error: nothing did, in the time it had."""

    health: Health | None = None
    error: Exception | None = None
    #: Message → why it could not go out through this account.
    messages: Mapping[str, tuple[str, ...]] | None = None


def ask(
    accounts: Mapping[str, Account], messages: Mapping[str, MessageSettings], *, within: float
) -> dict[str, Answer]:
    """Account → answer, for those that can be asked. `within`: seconds, for all of them together."""
    wanted = {name: it for name, it in accounts.items() if it.reachable and isinstance(it.adapter, Checks)}
    answers = {name: Answer() for name in wanted}
    # daemons: one that hangs must not keep the command from ending
    threads = [
        threading.Thread(target=_ask, args=(it, messages, answers[name]), name=f"ask-{name}", daemon=True)
        for name, it in wanted.items()
    ]
    for thread in threads:
        thread.start()
    until = time.monotonic() + within
    for thread in threads:
        thread.join(timeout=max(0.0, until - time.monotonic()))
    # a late one goes on writing into its own answer; ours is what was there in time
    return {name: Answer(it.health, it.error, it.messages) for name, it in answers.items()}


def _ask(account: Account, messages: Mapping[str, MessageSettings], answer: Answer) -> None:
    adapter = account.adapter
    ours = {name: it for name, it in messages.items() if it.account == account.name}
    try:
        if isinstance(adapter, Checks):
            answer.health = adapter.check()
            if isinstance(adapter, ChecksMessages):
                answer.messages = {name: adapter.check_message(it.by, it.options) for name, it in ours.items()}
    except KeepwarmError as error:
        answer.error = error
    except Exception as error:  # noqa: BLE001  one adapter's bug must not hide what the others say
        answer.error = error
