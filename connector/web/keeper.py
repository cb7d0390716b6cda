"""Group commit for the door: what comes in while one commit is under way shares the next one."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Future
from enum import Enum

from connector.flow import Delivery
from connector.store import Sqlite

#: Rows of one insert. Larger ones gain nothing and hold up whoever else writes.
BATCH = 200
#: What may wait for a commit. A second of a slow disk is far less; past it the platform is told to come back.
MOST_WAITING = 5_000
MOST_BYTES = 64 << 20

_log = logging.getLogger("keepwarm.door")


class Outcome(Enum):
    KEPT = "kept"
    #: Far too many wait already.
    FULL = "full"
    #: The store did not take it.
    FAILED = "failed"


_Waiting = tuple[Delivery, "asyncio.Future[Outcome]"]


class Keeper:
    """Lives on one event loop. `wake` is called there after each commit and must not block."""

    def __init__(self, store: Sqlite, *, wake: Callable[[], None]) -> None:
        self._store = store
        self._wake = wake
        self._waiting: list[_Waiting] = []
        self._bytes = 0
        self._committing = False
        self._down = False

    @property
    def full(self) -> bool:
        return len(self._waiting) >= MOST_WAITING or self._bytes >= MOST_BYTES

    async def keep(self, delivery: Delivery) -> Outcome:
        """Return once the delivery is on disk, or once it is known that it is not."""
        if self.full:
            return Outcome.FULL
        kept: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._waiting.append((delivery, kept))
        self._bytes += len(delivery.body)
        if not self._committing:
            self._committing = True
            # not at once: whoever came in the same turn of the loop shares the commit
            asyncio.get_running_loop().call_soon(self._hand_over)
        return await kept

    def _hand_over(self) -> None:
        batch, self._waiting = self._waiting[:BATCH], self._waiting[BATCH:]
        deliveries = [delivery for delivery, _ in batch]
        loop = asyncio.get_running_loop()
        # one call into the loop for the whole batch: a wake-up of the loop costs more than a row
        self._store.submit(lambda tx: tx.inbox.keep(deliveries)).add_done_callback(
            lambda done: loop.call_soon_threadsafe(self._answer, batch, done)
        )

    def _answer(self, batch: list[_Waiting], done: Future[int]) -> None:
        self._bytes -= sum(len(delivery.body) for delivery, _ in batch)
        self._committing = bool(self._waiting)
        if self._waiting:
            self._hand_over()
        outcome = Outcome.FAILED if done.exception() else Outcome.KEPT
        self._tell(done.exception())
        for _, kept in batch:
            if not kept.done():  # the request was cancelled while it waited
                kept.set_result(outcome)
        if outcome is Outcome.KEPT:
            self._wake()

    def _tell(self, error: BaseException | None) -> None:
        """An outage is told once, and so is its end. The error's text may quote what was to be kept: its kind only."""
        if error and not self._down:
            _log.error("the store takes no deliveries (%s); the platforms are told to come back", type(error).__name__)
        elif self._down and not error:
            _log.warning("the store takes deliveries again")
        self._down = error is not None
