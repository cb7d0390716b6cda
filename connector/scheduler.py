"""Which step is due. The only loops in the house, and the only sleeps beside the client's pace."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import structlog

from connector import cadence, decide, inbox, judging, objections, outbox, people, retention, roles, sync
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
#: Seconds after which everyone looks around although nothing was committed: for what the clock alone brings.
IDLE = 1.0
#: Seconds that news may gather, so that a burst of commits wakes nobody a hundred times.
BREATH = 0.02
#: The scope of re-reads in pauses, beside the streams' names, the verbs and "" for the whole account.
REREADS = "re-reads"

Watch = Callable[[str, str, Counter[str]], None]


def _silent(account: str, what: str, counts: Counter[str]) -> None:
    """Nobody watches."""


def rounds(house: House, *, now: datetime) -> Counter[str]:
    """One turn of everything that needs no platform. Empty: nothing was waiting."""
    counts = take_in(house, now=now)
    counts += judging.judge_waiting(house.store, house.desk, now=now)
    counts += cadence.prepare(house.store, house.desk, now=now)
    counts += objections.spread(house.store, house.desk.bench, now=now)
    return counts


def take_in(house: House, *, now: datetime) -> Counter[str]:
    """One turn of what decides nothing: read what came, and bring the mirror up to date."""
    with house.turn:
        counts = _read(house, now=now)
    built = people.rebuild(house.store, house.lens, now=now)
    if built.pop("reworded", 0):
        log.info("people are built with other words than the last ones were: everyone is built anew")
    return counts + built


def _read(house: House, *, now: datetime) -> Counter[str]:
    keep = bool(house.settings.keep_bodies.count)
    return inbox.read_waiting(house.store, house.accounts, now=now, keep_bodies=keep)


def clean_up(house: House, *, now: datetime) -> Counter[str]:
    """Once a day: what retention says."""
    zone = house.settings.zone
    bodies, parked = house.settings.keep_bodies.before(now, zone), house.settings.keep_parked.before(now, zone)
    counts = inbox.expire(house.store, bodies=bodies, parked=parked)
    names = [entry.name for entry in house.rules.entries]
    return counts + retention.prune(house.store, house.settings, names, now=now)


def settle(house: House, *, now: datetime) -> Counter[str]:
    """Turn until nothing waits."""
    total: Counter[str] = Counter()
    while counts := rounds(house, now=now):
        total += counts
    return total


class Lane:
    """One account's outward lane: whoever holds its lease is the only one to call that account."""

    def __init__(self, house: House, account: Account, *, watch: Watch = _silent) -> None:
        #: Swapped whole between two steps when rules or settings were taken up anew.
        self.house = house
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
        now = self.house.clock()
        if self._token is not None and self._held_until is not None and now < self._held_until - LEASE / 2:
            return True
        name, until = f"lane:{self._account.name}", now + LEASE
        fresh = self._token is None
        self._token = self.house.store.write(lambda tx: tx.schedule.lease(name, self._holder, now=now, until=until))
        self._held_until = until
        if fresh and self._token is not None:
            self.house.store.write(lambda tx: tx.outbox.lapse(self._account.name))
            with self.house.store.reading() as tx:
                # asked again at once, for a person may have put it right before the start; and told when it works
                self._not_before |= {it.scope: now for it in tx.schedule.pauses() if it.account == self._account.name}
        return self._token is not None

    def release(self) -> None:
        self.end_run("stopped")
        self.house.store.write(lambda tx: tx.schedule.release(f"lane:{self._account.name}", self._holder))
        self._token = None

    def step(self, *, pull: bool = True) -> bool:
        """Do the most urgent thing: opt-outs, then re-reads, then other writes, then pulls. False: nothing to do."""
        if not self._account.reachable or not self.hold():
            return False
        if self._send(urgent=True) or self._guarded(REREADS, self._reread) or self._send(urgent=False):
            return True
        return pull and self._pull()

    def exhaust(self) -> bool:
        """Push and re-read until the lane is empty; was there anything."""
        worked = False
        while self.step(pull=False):
            worked = True
        return worked

    def walk(self, *, full: bool) -> None:
        """One pull of every stream; with `full`, each from the start, once."""
        for stream in self._account.declaration.streams if self._account.pulls else ():
            more = True
            while more and self.hold():
                counts = self._guarded(stream.name, lambda s=stream: self._page(s, full=full))  # type: ignore[misc]
                more = bool(counts) and not counts["done"]
        self.end_run()

    def rest(self) -> float:
        """Seconds until there may be something that no commit tells of."""
        now = self.house.clock()
        with self.house.store.reading() as tx:
            hinted = tx.inbox.next_hint(self._account.name, now=now)
        return min(IDLE, (hinted - now).total_seconds()) if hinted else IDLE

    def _send(self, *, urgent: bool) -> bool:
        house, token = self.house, self._token or 0
        sent = outbox.send(house.store, self._account, house.desk.guard, token=token, now=house.clock, urgent=urgent)
        if sent:
            self._watch(self._account.name, "push", sent)
        return bool(sent)

    def _reread(self) -> Counter[str]:
        counts = sync.reread(self.house.store, self._account, now=self.house.clock())
        if counts:
            self._watch(self._account.name, "reread", counts)
        return counts

    def _pull(self) -> bool:
        if not self._account.pulls:
            return False
        with self.house.store.reading() as tx:
            marks = [(it, tx.schedule.mark(self._account.name, it.name)) for it in self._account.declaration.streams]
        return any(
            sync.due(mark, stream, self._account, now=self.house.clock())
            and self._guarded(stream.name, lambda s=stream: self._page(s))  # type: ignore[misc]
            for stream, mark in marks
        )

    def _page(self, stream: Stream, *, full: bool = False) -> Counter[str]:
        house, account = self.house, self._account
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
        return counts

    def _guarded(self, scope: str, work: Callable[[], Counter[str]]) -> Counter[str]:
        """Run one call to the platform. Empty: there was none to make, or it failed; then its scope waits, and is told
        once."""
        now = self.house.clock()
        if any(self._not_before.get(it, now) > now for it in (scope, "")):
            return Counter()
        try:
            counts = work()
        except KeepwarmError as error:
            self._stumble(scope, error, now=now)
            return Counter()
        for it in (scope, "") if counts else ():
            if self._not_before.pop(it, None) is not None:
                self.house.store.write(lambda tx, it=it: tx.schedule.resume(self._account.name, it))  # type: ignore[misc]
                log.info("works again", account=self._account.name, scope=it or "everything")
        return counts

    def _stumble(self, scope: str, error: KeepwarmError, *, now: datetime) -> None:
        wait = error.wait if isinstance(error, RateLimited) else BROKEN if isinstance(error, Retry) else REFUSED
        until = now + wait
        whole = isinstance(error, Unauthorized) and error.scope is None
        self._not_before["" if whole else scope] = until
        needs = next((it.scope for it in self._account.declaration.streams if it.name == scope), None)
        why = f"{error}; it needs {needs}" if isinstance(error, Unauthorized) and needs and not whole else str(error)
        news = self.house.store.write(
            lambda tx: tx.schedule.pause(
                self._account.name, scope="" if whole else scope, why=why, now=now, until=until
            )
        )
        if news:
            log.warning("cannot go on", account=self._account.name, scope="everything" if whole else scope, why=why)

    def end_run(self, state: str = "done") -> Counter[str]:
        """Close the run that the pulls since the last one make up."""
        counts, run = self._counts, self._run
        self._counts, self._run = Counter(), None
        if run is not None:
            now = self.house.clock()
            self.house.store.write(lambda tx: tx.schedule.end(run, state=state, counts=counts, now=now))
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
                list(pool.map(lambda lane: lane.walk(full=full), lanes))
                decide.tick(house.store, house.desk.bench, now=house.clock())
            total = settle(house, now=house.clock())
            total += roles.watch(house.store, house.desk, now=house.clock())
            while any(list(pool.map(Lane.exhaust, lanes))):  # all of them, before any begins anew
                total += settle(house, now=house.clock())
        return total
    finally:
        for lane in lanes:
            lane.release()


class Running(threading.Thread):
    """Rounds and lanes in threads, until told to stop. Each sleeps until something is committed, or for a second."""

    def __init__(self, house: House) -> None:
        super().__init__(name="rounds", daemon=True)
        #: The one reference that a reload swaps. Each turn reads it once and ends on what it began with.
        self.house = house
        self._halt = threading.Event()
        self._lanes = [threading.Thread(target=self._lane, args=(it,), name=f"lane-{it.name}", daemon=True)
                       for it in house.accounts.values() if it.reachable]  # fmt: skip
        self._ticked: datetime | None = None
        self._cleaned: datetime | None = None
        #: The last moment at which the clock was found to be right; None: it is not, or nobody looked yet.
        self._right: datetime | None = None

    def wake(self) -> None:
        self.house.store.nudge()

    def start(self) -> None:
        super().start()
        for lane in self._lanes:
            lane.start()

    def stop(self, *, within: float = 20) -> None:
        self._halt.set()
        self.wake()
        for thread in (self, *self._lanes):
            thread.join(timeout=within)

    def run(self) -> None:
        while not self._halt.is_set():
            seen = self.house.store.turns
            self._tick()
            turn, house = rounds if self._may_decide() else take_in, self.house
            if not self._safely("rounds", lambda turn=turn, house=house: bool(turn(house, now=house.clock()))):  # type: ignore[misc]
                self._rest(seen, IDLE)

    def _tick(self) -> None:
        house = self.house
        now = house.clock()
        if self._ticked is not None and timedelta(0) <= now - self._ticked < TICK:
            return
        self._ticked = now
        if not self._safely("tick", lambda: self._look(house, now)):
            self._right = None
            return
        if self._cleaned is None or now - self._cleaned >= DAY:
            self._cleaned = now
            self._safely("clean up", lambda: bool(clean_up(house, now=now)))
        self._safely("roles", lambda: bool(roles.watch(house.store, house.desk, now=now)))

    def _look(self, house: House, now: datetime) -> bool:
        decide.tick(house.store, house.desk.bench, now=now)
        self._right = now
        return True

    def _may_decide(self) -> bool:
        """Not before the clock was looked at, nor once it has gone back."""
        return self._right is not None and self.house.clock() >= self._right - decide.BACK

    def _lane(self, account: Account) -> None:
        lane = Lane(self.house, account)
        what = f"lane {account.name}"
        while not self._halt.is_set():
            seen = self.house.store.turns
            lane.house = self.house
            if not (self._may_decide() and self._safely(what, lane.step)):
                self._safely(what, lane.end_run)
                self._safely(what, lambda seen=seen: self._rest(seen, lane.rest()))  # type: ignore[misc]
        self._safely(what, lane.release)

    def _rest(self, seen: int, within: float) -> bool:
        return self.house.store.wait(seen, within=within) and self._halt.wait(BREATH)

    def _safely(self, what: str, work: Callable[[], object]) -> bool:
        """The one place that outlives a bug: it is logged whole, and the loop goes on after a pause."""
        try:
            return bool(work())
        except decide.ClockWentBack:
            log.error("the clock went backwards; nothing that depends on time is decided", what=what)
        except Exception:
            log.exception("failed", what=what)
            self._halt.wait(5)
        return False
