"""What a monitor may know: numbers, and names of accounts and rules. Never anything of a person.

The figures are read from the store in a thread, and kept for a while: the longer the longer it took to count them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from connector.house import Clock
from connector.store import Sqlite, Tx
from connector.web.door import Door

Row = TypeVar("Row", bound=tuple[str, ...])
#: Seconds for which figures stay, at least; and so many times what counting them took.
KEPT = 5.0
SPARE = 20


@dataclass(slots=True, eq=False)
class Metrics(Collector):
    store: Sqlite
    door: Door
    now: Clock
    _kept: list[Metric] = field(default_factory=list)
    _until: float = 0.0
    _counting: threading.Lock = field(default_factory=threading.Lock)

    async def answer(self, _: Request) -> Response:
        return Response(await run_in_threadpool(self.page), media_type=CONTENT_TYPE_LATEST)

    def page(self) -> bytes:
        registry = CollectorRegistry(auto_describe=False)
        registry.register(self)
        return generate_latest(registry)

    def describe(self) -> list[Metric]:
        """So that registering does not count everything once more."""
        return []

    def collect(self) -> Iterator[Metric]:
        yield _deliveries(self.door)
        yield from self._figures()

    def _figures(self) -> list[Metric]:
        with self._counting:
            begun = time.monotonic()
            if begun >= self._until:
                with self.store.reading() as tx:
                    self._kept = list(_counted(tx, self.now()))
                ended = time.monotonic()
                self._until = ended + max(KEPT, SPARE * (ended - begun))
            return self._kept


def _deliveries(door: Door) -> Metric:
    told = CounterMetricFamily(
        "keepwarm_deliveries",
        "Webhooks answered since the start, by account and HTTP status.",
        labels=["account", "status"],
    )
    for (account, status), count in sorted(door.answered.items()):
        told.add_metric([account, str(status)], count)
    return told


def _gauge(name: str, about: str, rows: Mapping[Row, float], *labels: str) -> Metric:
    made = GaugeMetricFamily(f"keepwarm_{name}", about, labels=labels)
    for row, value in sorted(rows.items()):
        made.add_metric(row, value)
    return made


def _counted(tx: Tx, now: datetime) -> Iterator[Metric]:
    yield from _held(tx)
    yield from _going_on(tx)
    yield from _waiting(tx)
    yield from _ages(tx, now)
    yield from _rules(tx)


def _held(tx: Tx) -> Iterator[Metric]:
    records = {(name, kind): count for name, kinds in tx.records.counts().items() for kind, count in kinds.items()}
    yield _gauge("records", "Records held, by account and kind.", records, "account", "kind")
    yield _gauge("people", "People in the pool.", {(): tx.mirror.count()})
    yield _gauge("opt_outs", "Identities with an opt-out that was learnt.", {(): tx.ledger.suppression_count()})


def _going_on(tx: Tx) -> Iterator[Metric]:
    inbox = {(state,): count for state, count in tx.inbox.counts().items()}
    yield _gauge("inbox", "Deliveries and pages kept, by state.", inbox, "state")
    actions = {(state,): count for state, count in tx.outbox.counts().items()}
    yield _gauge("outbox", "Acts on the platforms, by state.", actions, "state")
    yield _gauge("runs", "Runs remembered, by kind and state.", tx.gauges.runs(), "kind", "state")
    paused = {(it.account, it.scope or "everything"): 1.0 for it in tx.schedule.pauses()}
    yield _gauge("paused", "1 where a platform is not asked for now.", paused, "account", "scope")


def _waiting(tx: Tx) -> Iterator[Metric]:
    hints = {(name,): count for name, count in tx.inbox.hints_waiting().items()}
    yield _gauge("rereads_waiting", "Things to be read again, by account.", hints, "account")
    yield _gauge(
        "candidates_waiting", "Candidate records whose person is to be built anew.", {(): tx.records.dirty_count()}
    )
    yield _gauge("people_waiting", "People to be judged anew.", {(): tx.gauges.waiting_to_judge()})
    yield _gauge(
        "opt_outs_unwritten", "Objections that an audience was not told of yet.", {(): tx.gauges.opt_outs_unwritten()}
    )
    stopped: dict[tuple[str, ...], float] = {}
    for it in tx.assent.all():
        if it.by is None:
            stopped[(it.rule,)] = it.people
    yield _gauge("rule_waits", "People a stopped rule waits with, for an approval.", stopped, "rule")


def _ages(tx: Tx, now: datetime) -> Iterator[Metric]:
    ticked = tx.schedule.mark("", "clock").until
    ticks = {} if ticked is None else {(): (now - ticked).total_seconds()}
    yield _gauge("clock_tick_age_seconds", "Since the clock was last looked at for what it alone changes.", ticks)
    pulled = {(name,): (now - at).total_seconds() for name, at in tx.gauges.pulled().items()}
    yield _gauge("pulled_age_seconds", "Since a list of the account was last pulled to its end.", pulled, "account")
    heard = {(name,): (now - at).total_seconds() for name, at in tx.gauges.heard().items()}
    yield _gauge("heard_age_seconds", "Since a webhook of the account was last read.", heard, "account")


def _rules(tx: Tx) -> Iterator[Metric]:
    it = tx.sets.in_force()
    info = InfoMetricFamily("keepwarm_rule_set", "The rule set that runs.")
    if it is not None:
        info.add_metric([], {"hash": it.set_hash})
        yield _gauge(
            "reload_rejected", "1 while the files on disk are refused.", {(): float(it.refused_at is not None)}
        )
        yield _gauge("restart_needed", "1 while changed settings wait for a start.", {(): float(bool(it.waits))})
    yield info
    yield _gauge("rules_in_force", "Rules and cadences that a plan switched on.", {(): len(tx.ledger.activations())})
    shadows: dict[tuple[str, ...], float] = {}
    for tally in tx.shadows.tallies():
        for answer, count in (("yes", tally.yes), ("no", tally.no), ("unknown", tally.unknown)):
            key = (tally.rule, tally.rule_hash[:6], answer)
            shadows[key] = shadows.get(key, 0) + count
    yield _gauge("shadow_decisions", "Decisions kept of rules in shadow.", shadows, "rule", "version", "answer")


__all__ = ["Metrics"]
