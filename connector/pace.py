"""How fast one account may be called, and whether now. It obeys what the platform documents and what it answers."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from connector.answer import clock_skew, whole


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The platform's documented manners. `per` 0 calls: no rate, only `in_flight`."""

    calls: int
    per: timedelta
    #: Calls that may be under way at once.
    in_flight: int = 1
    #: True: a fixed window that opens again all at once. False: a bucket that refills steadily.
    fixed_window: bool = False
    #: Bucket only: how many may go at once when it is full.
    burst: int = 1
    #: Headers with the limit, what remains of it, and the epoch second at which the window opens again.
    limit_header: str | None = None
    remaining_header: str | None = None
    reset_header: str | None = None


#: After a 429 a bucket's rate is this part of what it was, never less than the second, and a step up again after so many
#: quiet seconds.
SLOWER, SLOWEST, CALM = 0.9, 0.5, 60.0


class Pace:
    """Keeps one account's calls inside its limits. One instance an account; safe for several threads."""

    def __init__(
        self,
        limits: Limits,
        *,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._limits = limits
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._slots = threading.BoundedSemaphore(limits.in_flight)
        self._allowed = limits.calls
        self._left = float(limits.calls if limits.fixed_window else limits.burst)
        self._since = clock()
        self._reset = clock() + limits.per.total_seconds()
        self._closed_until = 0.0
        self._under_way = 0
        self._part = 1.0
        self._slowed = 0.0

    @property
    def in_flight(self) -> int:
        return self._limits.in_flight

    def __enter__(self) -> None:
        self._slots.acquire()
        try:
            while wait := self._take():
                self._sleep(wait)
            with self._lock:
                self._under_way += 1
        except BaseException:
            self._slots.release()
            raise

    def _take(self) -> float:
        """Take one call from the budget, or say how many seconds to wait before asking again."""
        with self._lock:
            now = self._clock()
            if now < self._closed_until:
                return self._closed_until - now
            if not self._limits.calls:
                return 0.0
            if self._limits.fixed_window:
                if now >= self._reset:
                    self._left = float(self._allowed)
                    self._reset = now + self._limits.per.total_seconds()
                if self._left < 1:
                    return max(self._reset - now, 0.01)
            else:
                rate = self._limits.calls / self._limits.per.total_seconds() * self._share(now)
                self._left = min(float(self._limits.burst), self._left + (now - self._since) * rate)
                self._since = now
                if self._left < 1:
                    return max((1 - self._left) / rate, 0.001)
            self._left -= 1
            return 0.0

    def _share(self, now: float) -> float:
        """How much of the documented rate is used: less after a 429, all again after minutes without one."""
        while self._part < 1 and now - self._slowed >= CALM:
            self._part = min(1.0, self._part / SLOWER)
            self._slowed += CALM
        return self._part

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._under_way -= 1
        self._slots.release()

    def heed(self, headers: Mapping[str, str]) -> None:
        """Learn the real budget from what the platform says with an answer. Called when that call is no longer under way."""
        limits = self._limits
        with self._lock:
            if limits.limit_header and (allowed := whole(headers.get(limits.limit_header))):
                self._allowed = allowed
            left = whole(headers.get(limits.remaining_header)) if limits.remaining_header else None
            reset = whole(headers.get(limits.reset_header)) if limits.reset_header else None
            if left is None or reset is None:
                return
            now = self._clock()
            opens = reset - _skew(headers, now)
            # an answer that comes after its window closed must not open that window again
            if not now < opens <= now + limits.per.total_seconds() + 1:
                return
            if opens > self._reset + 1:  # a window we did not know: what else is under way falls into it too
                self._left = float(left - self._under_way)
            else:
                self._left = min(self._left, float(left))
            # the header has whole seconds only: the window is open for certain once that second is over
            if abs(opens + 1 - self._reset) > 1:
                self._reset = opens + 1

    def close_for(self, wait: timedelta) -> None:
        """The platform said 429: nobody calls before that has passed. A bucket counts otherwise than we do, then."""
        with self._lock:
            now = self._clock()
            if now >= self._closed_until:  # one lesson of several answers that say the same
                self._part = max(SLOWEST, self._part * SLOWER)
            self._slowed = now + wait.total_seconds()
            self._closed_until = max(self._closed_until, self._slowed)


def _skew(headers: Mapping[str, str], now: float) -> float:
    """How many seconds the platform's clock is ahead of ours, by `Date`; under three cannot be told from latency."""
    ahead = clock_skew(headers, now)
    return ahead if ahead is not None and abs(ahead) >= 3 else 0.0
