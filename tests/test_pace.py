"""An account is called as fast as its platform allows and never faster, on a clock that only tests move."""

from __future__ import annotations

import heapq
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from connector.client import Limits, Pace

#: Where the invented time starts: seven seconds into one of the platform's windows of 30 s.
START = 1_800_000_007.0
THREADS = 4
WINDOWS = Limits(
    calls=50,
    per=timedelta(seconds=30),
    in_flight=THREADS,
    fixed_window=True,
    limit_header="x-limit",
    remaining_header="x-remaining",
    reset_header="x-reset",
)
BUCKET = Limits(calls=10, per=timedelta(seconds=1), in_flight=THREADS, burst=20)


@dataclass(slots=True)
class Clock:
    """Time moves only when all `threads` sleep, and then to the end of the shortest sleep."""

    threads: int = 1
    now: float = START
    _turn: threading.Condition = field(default_factory=threading.Condition)
    _ends: list[float] = field(default_factory=list)

    def read(self) -> float:
        with self._turn:
            return self.now

    def sleep(self, seconds: float) -> None:
        with self._turn:
            end = self.now + seconds
            heapq.heappush(self._ends, end)
            self._move()
            while self.now < end:
                assert self._turn.wait(5), "nobody moves the clock"
            heapq.heappop(self._ends)

    def leave(self) -> None:
        """One thread has nothing more to do."""
        with self._turn:
            self.threads -= 1
            self._move()

    def _move(self) -> None:
        if self._ends and len(self._ends) >= self.threads:
            self.now = max(self.now, self._ends[0])
            self._turn.notify_all()


@dataclass(slots=True)
class Windows:
    """A platform with fixed windows. `aligned`: on multiples of 30 s; else each opens with the first call in it."""

    clock: Clock
    aligned: bool
    limit: int = 50
    #: Seconds by which its clock is ahead of ours.
    ahead: float = 0.0
    opened: float = 0.0
    used: int = 0
    counts: list[int] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def call(self) -> dict[str, str]:
        with self._lock:
            now = self.clock.read()
            if now >= self.opened + 30:
                self.counts.append(self.used)
                self.opened = now // 30 * 30 if self.aligned else now
                self.used = 0
            self.used += 1
            told = datetime.fromtimestamp(now + self.ahead, UTC)
            reset = int(self.opened + 30 + self.ahead)
            left = max(self.limit - self.used, 0)
            headers = {"x-limit": str(self.limit), "x-remaining": str(left), "x-reset": str(reset)}
            return headers | {"date": format_datetime(told, usegmt=True)}


def made(clock: Clock, limits: Limits) -> Pace:
    return Pace(limits, clock=clock.read, sleep=clock.sleep)


def drive(pace: Pace, clock: Clock, calls: int, call: Callable[[], dict[str, str]], latency: float = 0.1) -> float:
    """Make `calls` calls from as many threads as the clock knows; how many seconds that took."""
    left = iter(range(calls))

    def work() -> None:
        for _ in left:
            with pace:
                clock.sleep(latency / 2)
                headers = call()
                clock.sleep(latency / 2)
            pace.heed(headers)
        clock.leave()

    start = clock.now
    with ThreadPoolExecutor(clock.threads) as pool:
        for done in [pool.submit(work) for _ in range(clock.threads)]:
            done.result(timeout=60)
    return clock.now - start


@pytest.mark.parametrize("aligned", [True, False], ids=["on the clock", "from the first call"])
@pytest.mark.parametrize("threads", [1, THREADS])
@pytest.mark.parametrize("ahead", [0.0, 3600.0, -3600.0], ids=["same clock", "an hour ahead", "an hour behind"])
def test_no_window_is_overrun_and_little_time_is_lost(aligned: bool, threads: int, ahead: float) -> None:
    clock = Clock(threads)
    platform = Windows(clock, aligned, ahead=ahead)
    took = drive(made(clock, WINDOWS), clock, 400, platform.call)
    assert max([*platform.counts, platform.used]) <= 50
    least = 23 + 6 * 30 if aligned else 7 * 30
    assert least <= took <= 1.1 * least


@pytest.mark.parametrize("threads", [1, THREADS])
def test_a_bucket_is_never_overrun_and_is_kept_empty(threads: int) -> None:
    clock = Clock(threads)
    calls: list[float] = []

    def call() -> dict[str, str]:
        calls.append(clock.read())
        return {}

    took = drive(made(clock, BUCKET), clock, 400, call, latency=0.02)
    least = (400 - 20) / 10
    assert least <= took + 0.02 <= 1.1 * least
    for first in range(0, 400, 7):
        for last in range(first, 400, 7):
            assert last - first + 1 <= 20 + (calls[last] - calls[first] + 0.02) * 10 + 1e-6


def test_the_next_call_goes_out_when_the_window_opens() -> None:
    clock = Clock()
    pace = made(clock, WINDOWS)
    with pace:
        pass
    pace.heed({"x-limit": "50", "x-remaining": "0", "x-reset": str(int(START) + 12)})
    with pace:
        assert START + 12 <= clock.now <= START + 13


def test_an_answer_that_comes_after_its_window_does_not_open_it_again() -> None:
    clock = Clock()
    pace = made(clock, WINDOWS)
    late = {"x-limit": "50", "x-remaining": "1", "x-reset": str(int(START) + 23)}
    for _ in range(50):
        with pace:
            pass
    clock.sleep(31)
    for _ in range(50):
        with pace:
            pass
    second = clock.now
    pace.heed(late)
    with pace:
        assert clock.now >= second + 29


def test_calls_under_way_are_taken_off_a_window_that_is_news() -> None:
    clock = Clock()
    pace = made(clock, WINDOWS)
    clock.sleep(20)
    later = {"x-limit": "50", "x-remaining": "3", "x-reset": str(int(clock.now) + 30)}
    with pace:
        pace.heed(later)
        for _ in range(2):
            with pace:
                assert clock.now == START + 20
        with pace:
            assert clock.now >= START + 50


def test_what_others_use_of_the_budget_is_heeded() -> None:
    clock = Clock()
    pace = made(clock, WINDOWS)
    with pace:
        pass
    pace.heed({"x-limit": "50", "x-remaining": "1", "x-reset": str(int(START) + 30)})
    with pace:
        assert clock.now == START
    with pace:
        assert clock.now > START + 29


def test_a_larger_budget_is_used_from_the_next_window_on() -> None:
    clock = Clock()
    platform = Windows(clock, aligned=False, limit=100)
    took = drive(made(clock, WINDOWS), clock, 150, platform.call)
    assert took < 45
    assert max([*platform.counts, platform.used]) <= 100


def test_headers_that_make_no_sense_change_nothing() -> None:
    clock = Clock()
    pace = made(clock, WINDOWS)
    nonsense = ("", "many", "-1", "1e9", "9" * 5000, "٣٣")
    for text in nonsense:
        pace.heed({"x-limit": text, "x-remaining": text, "x-reset": text, "date": text})
    pace.heed({"x-remaining": "0"})
    pace.heed({"x-remaining": "0", "x-reset": str(int(START) + 10**6)})
    with pace:
        assert clock.now == START


def test_nobody_calls_before_the_platform_said() -> None:
    for limits in (WINDOWS, BUCKET, Limits(calls=0, per=timedelta(seconds=1))):
        clock = Clock()
        pace = made(clock, limits)
        pace.close_for(timedelta(seconds=40))
        pace.close_for(timedelta(seconds=5))
        with pace:
            assert clock.now == START + 40


def test_without_a_rate_only_the_calls_under_way_are_counted() -> None:
    clock = Clock()
    pace = made(clock, Limits(calls=0, per=timedelta(seconds=1), in_flight=2))
    for _ in range(1000):
        with pace:
            pass
    assert clock.now == START


def test_no_more_calls_are_under_way_than_allowed() -> None:
    pace = Pace(Limits(calls=0, per=timedelta(seconds=1), in_flight=3))
    inside, most, lock = 0, 0, threading.Lock()
    full = threading.Barrier(3)

    def call() -> None:
        nonlocal inside, most
        with pace:
            with lock:
                inside += 1
                most = max(most, inside)
            full.wait(timeout=5)
            with lock:
                inside -= 1

    with ThreadPoolExecutor(9) as pool:
        for done in [pool.submit(call) for _ in range(9)]:
            done.result(timeout=10)
    assert most == 3


def test_a_call_that_fails_gives_its_place_back() -> None:
    pace = made(Clock(), Limits(calls=0, per=timedelta(seconds=1), in_flight=1))
    for _ in range(3):
        with pytest.raises(ConnectionError), pace:
            raise ConnectionError


def test_an_interrupted_wait_gives_its_place_back() -> None:
    clock = Clock()
    sleeps = iter([KeyboardInterrupt()])

    def sleep(seconds: float) -> None:
        for interruption in sleeps:
            raise interruption
        clock.sleep(seconds)

    pace = Pace(Limits(calls=1, per=timedelta(seconds=30), fixed_window=True), clock=clock.read, sleep=sleep)
    with pace:
        pass
    with pytest.raises(KeyboardInterrupt), pace:
        pass
    with pace:
        assert clock.now == START + 30


def test_after_a_429_a_bucket_is_used_a_tenth_slower_until_it_was_quiet_for_minutes() -> None:
    clock = Clock()
    pace = made(clock, Limits(calls=10, per=timedelta(seconds=1)))

    def seconds_for_100() -> float:
        begun = clock.now
        for _ in range(100):
            with pace:
                pass
        return clock.now - begun

    assert seconds_for_100() == pytest.approx(10, abs=0.2)
    for _ in range(2):  # two calls under way were told the same
        pace.close_for(timedelta(seconds=5))
    clock.now += 5
    assert seconds_for_100() == pytest.approx(11.1, abs=0.2)
    for _ in range(20):
        pace.close_for(timedelta(seconds=5))
        clock.now += 5
    assert seconds_for_100() == pytest.approx(20, abs=0.2), "never below half"
    clock.now += 60
    assert seconds_for_100() == pytest.approx(18, abs=0.2)
    clock.now += 3600
    assert seconds_for_100() == pytest.approx(10, abs=0.2)
