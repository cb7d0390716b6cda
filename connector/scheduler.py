"""Which step is due. The only loops in the house, and the only sleeps beside the client's pace."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import structlog

from connector import cadence, decide, inbox, judging, outbox, people, roles, sync
from connector.accounts import Account
from connector.errors import KeepwarmError, RateLimited, Retry, Unauthorized
from connector.flow import Stream
from connector.house import House

log = structlog.get_logger()

#: A lane is held this long and renewed long before.
LEASE = timedelta(minutes=2)
#: How often the clock is looked at for what it alone may change.
TICK = timedelta(minutes=1)
#: A stream that the platform refuses is asked again after this.
REFUSED = timedelta(minutes=15)
BROKEN = timedelta(seconds=30)
DAY = timedelta(days=1)
IDLE = 0.2

Watch = Callable[[str, str, Counter[str]], None]


def _silent(account: str, what: str, counts: Counter[str]) -> None:
    """Nobody watches."""


def rounds(house: House, *, now: datetime) -> Counter[str]:
    """One turn of everything that needs no platform. Empty: nothing was waiting."""
    with house.turn:
        counts = _read(house, now=now)
    counts += people.rebuild(house.store, house.lens, now=now)
    counts += judging.judge_waiting(house.store, house.desk, now=now)
    counts += cadence.prepare(house.store, house.desk, now=now)
    return counts


def _read(house: House, *, now: datetime) -> Counter[str]:
    keep = bool(house.settings.keep_bodies.count)
    return inbox.read_waiting(house.store, house.accounts, now=now, keep_bodies=keep)


def clean_up(house: House, *, now: datetime) -> Counter[str]:
    """Once a day: what retention says."""
    zone = house.settings.zone
    bodies, parked = house.settings.keep_bodies.before(now, zone), house.settings.keep_parked.before(now, zone)
    return inbox.expire(house.store, bodies=bodies, parked=parked)


def settle(house: House, *, now: datetime) -> Counter[str]:
    """Turn until nothing waits."""
    total: Counter[str] = Counter()
    while counts := rounds(house, now=now):
        total += counts
    return total


class Lane:
    """One account's outward lane: whoever holds its lease is the only one to call that account."""

    def __init__(self, house: House, account: Account, *, watch: Watch = _silent) -> None:
        self._house = house
        self._account = account
        self._watch = watch
        self._holder = f"{os.getpid()}:{id(self)}"
        self._token: int | None = None
        self._held_until: datetime | None = None
        self._not_before: dict[str, datetime] = {}
        self._run: int | None = None
        self._counts: Counter[str] = Counter()

    def hold(self) -> bool:
        """Take or renew the lane."""
        now = self._house.clock()
        if self._token is not None and self._held_until is not None and now < self._held_until - LEASE / 2:
            return True
        name, until = f"lane:{self._account.name}", now + LEASE
        fresh = self._token is None
        self._token = self._house.store.write(lambda tx: tx.schedule.lease(name, self._holder, now=now, until=until))
        self._held_until = until
        if fresh and self._token is not None:
            self._house.store.write(lambda tx: tx.outbox.lapse(self._account.name))
        return self._token is not None

    def release(self) -> None:
        self.end_run("stopped")
        self._house.store.write(lambda tx: tx.schedule.release(f"lane:{self._account.name}", self._holder))
        self._token = None

    def step(self, *, pull: bool = True, full: bool = False, streams: Sequence[Stream] | None = None) -> bool:
        """Do the most urgent thing: opt-outs, then re-reads, then other writes, then pulls. False: nothing to do."""
        if not self._account.reachable or not self.hold() or self._token is None:
            return False
        if self._send(urgent=True) or self._guarded("", self._reread) or self._send(urgent=False):
            return True
        return pull and self._pull(full=full, streams=streams)

    def _send(self, *, urgent: bool) -> bool:
        house, token = self._house, self._token or 0
        sent = outbox.send(house.store, self._account, house.desk.guard, token=token, now=house.clock, urgent=urgent)
        if sent:
            self._watch(self._account.name, "push", sent)
        return bool(sent)

    def _reread(self) -> bool:
        counts = sync.reread(self._house.store, self._account, now=self._house.clock())
        if counts:
            self._watch(self._account.name, "reread", counts)
        return bool(counts)

    def _pull(self, *, full: bool, streams: Sequence[Stream] | None) -> bool:
        if not self._account.pulls:
            return False
        for stream in streams or self._account.declaration.streams:
            with self._house.store.reading() as tx:
                mark = tx.schedule.mark(self._account.name, stream.name)
            wanted = sync.due(mark, stream, self._account, now=self._house.clock()) or (
                full and stream in (streams or ())
            )
            if wanted and self._guarded(stream.name, lambda s=stream: self._page(s, full=full)):  # type: ignore[misc]
                return True
        return False

    def _page(self, stream: Stream, *, full: bool) -> bool:
        house, account = self._house, self._account
        now = house.clock()
        if self._run is None:
            self._run = house.store.write(lambda tx: tx.schedule.start("sync", account.name, now=now))
        run = self._run
        counts = sync.step(house.store, account, stream, now=now, run=run, full=full)
        if counts["done"]:
            settle_inbox(house, now=now)
            gone = sync.reconcile(house.store, account, stream, now=house.clock())
            if gone["withheld"]:
                log.warning("far too much vanished; nothing was removed", account=account.name, stream=stream.name,
                            gone=gone["withheld"])  # fmt: skip
            counts += gone
        self._counts += counts
        self._watch(account.name, stream.name, counts)
        return True

    def _guarded(self, scope: str, work: Callable[[], bool]) -> bool:
        """Run one call to the platform; a failure makes its scope wait, and is told once."""
        now = self._house.clock()
        if self._not_before.get(scope, now) > now:
            return False
        try:
            done = work()
        except KeepwarmError as error:
            self._stumble(scope, error, now=now)
            return False
        if scope in self._not_before:
            del self._not_before[scope]
            self._house.store.write(lambda tx: tx.schedule.resume(self._account.name, scope))
            log.info("works again", account=self._account.name, scope=scope or "everything")
        return done

    def _stumble(self, scope: str, error: KeepwarmError, *, now: datetime) -> None:
        wait = error.wait if isinstance(error, RateLimited) else BROKEN if isinstance(error, Retry) else REFUSED
        until = now + wait
        self._not_before[scope] = until
        whole = isinstance(error, Unauthorized) and error.scope is None
        needs = next((it.scope for it in self._account.declaration.streams if it.name == scope), None)
        why = f"{error}; it needs {needs}" if isinstance(error, Unauthorized) and needs and not whole else str(error)
        news = self._house.store.write(
            lambda tx: tx.schedule.pause(
                self._account.name, scope="" if whole else scope, why=why, now=now, until=until
            )
        )
        if whole:
            for stream in self._account.declaration.streams:
                self._not_before[stream.name] = until
        if news:
            log.warning("cannot go on", account=self._account.name, scope=scope or "everything", why=why)

    def end_run(self, state: str = "done") -> Counter[str]:
        """Close the run that the pulls since the last one make up."""
        counts, run = self._counts, self._run
        self._counts, self._run = Counter(), None
        if run is not None:
            now = self._house.clock()
            self._house.store.write(lambda tx: tx.schedule.end(run, state=state, counts=counts, now=now))
        return counts


def settle_inbox(house: House, *, now: datetime) -> None:
    """Read all that waits, so that a complete walk can be compared with what it listed."""
    with house.turn:
        while _read(house, now=now):
            pass


def drain(
    house: House,
    *,
    accounts: Iterable[str] | None = None,
    full: bool = False,
    pull: bool = True,
    watch: Watch = _silent,
) -> Counter[str]:
    """Pull, read, judge and push until nothing is left to do now. For commands that run once."""
    chosen = [it for name, it in house.accounts.items() if accounts is None or name in set(accounts)]
    lanes = [Lane(house, account, watch=watch) for account in chosen]
    try:
        with ThreadPoolExecutor(max(1, len(lanes)), thread_name_prefix="lane") as pool:
            if pull:
                list(pool.map(lambda lane: _walk(lane, full=full), lanes))
            total = settle(house, now=house.clock())
            total += roles.watch(house.store, house.desk, now=house.clock())
            while any(pool.map(_exhaust, lanes)):
                total += settle(house, now=house.clock())
        return total
    finally:
        for lane in lanes:
            lane.release()


def _walk(lane: Lane, *, full: bool) -> None:
    """One pull of every stream; with `full`, each from the start, once."""
    account = lane._account
    streams = list(account.declaration.streams) if account.pulls else []
    for stream in streams:
        while lane._guarded(stream.name, lambda s=stream: _one_page(lane, s, full=full)):  # type: ignore[misc]
            pass
    lane.end_run()


def _one_page(lane: Lane, stream: Stream, *, full: bool) -> bool:
    """True while there are more pages in this window."""
    before = lane._counts["done"]
    lane._page(stream, full=full)
    return lane._counts["done"] == before


def _exhaust(lane: Lane) -> bool:
    """Push and re-read until the lane is empty; was there anything."""
    worked = False
    while lane.step(pull=False):
        worked = True
    return worked


class Running(threading.Thread):
    """Rounds and lanes in threads, until told to stop. `wake` when something came in."""

    def __init__(self, house: House) -> None:
        super().__init__(name="rounds", daemon=True)
        self._house = house
        self._halt = threading.Event()
        self._news = threading.Event()
        self._lanes = [threading.Thread(target=self._lane, args=(it,), name=f"lane-{it.name}", daemon=True)
                       for it in house.accounts.values()]  # fmt: skip
        self._ticked: datetime | None = None
        self._cleaned: datetime | None = None

    def wake(self) -> None:
        self._news.set()

    def start(self) -> None:
        super().start()
        for lane in self._lanes:
            lane.start()

    def stop(self, *, within: float = 20) -> None:
        self._halt.set()
        self._news.set()
        for thread in (self, *self._lanes):
            thread.join(timeout=within)

    def run(self) -> None:
        while not self._halt.is_set():
            self._tick()
            if not self._safely("rounds", lambda: bool(rounds(self._house, now=self._house.clock()))):
                self._news.wait(IDLE)
                self._news.clear()

    def _tick(self) -> None:
        now = self._house.clock()
        if self._ticked is None or now - self._ticked >= TICK or now < self._ticked:
            self._ticked = now
            self._safely("tick", lambda: bool(decide.tick(self._house.store, self._house.desk.bench, now=now)))
            if self._cleaned is None or now - self._cleaned >= DAY:
                self._cleaned = now
                self._safely("clean up", lambda: bool(clean_up(self._house, now=now)))
            self._safely("roles", lambda: bool(roles.watch(self._house.store, self._house.desk, now=now)))

    def _lane(self, account: Account) -> None:
        lane = Lane(self._house, account)
        while not self._halt.is_set():
            if not self._safely(f"lane {account.name}", lane.step):
                lane.end_run()
                self._halt.wait(IDLE)
        lane.release()

    def _safely(self, what: str, work: Callable[[], bool]) -> bool:
        """The one place that outlives a bug: it is logged whole, and the loop goes on after a pause."""
        try:
            return work()
        except decide.ClockWentBack:
            log.error("the clock went backwards; nothing that depends on time is decided", what=what)
        except Exception:
            log.exception("failed", what=what)
            self._halt.wait(5)
        return False
