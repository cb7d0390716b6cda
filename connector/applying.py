"""A plan that a person wants → done: its rules switched on, its changes made, and a run that can be taken back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime

import msgspec

from connector import judging, occasions
from connector import plan as plans
from connector.cadence import Desk
from connector.limits import OVER
from connector.plan import Plan, PlanRefused, check_fresh
from connector.pool import Pool, stale, taking_of
from connector.rules import RuleSet
from connector.store import Sqlite, Tx
from connector.store.ledger import Activation
from connector.store.schedule import Run

CHUNK = 50
KIND = "apply"


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """What a run of `apply` keeps of itself."""

    plan: str
    #: Rule or cadence → who let it go over its limit.
    approved: dict[str, str] = {}
    #: Rules and cadences that it switched on, or on in another version.
    fresh: tuple[str, ...] = ()
    #: Of those, what was in force before: name → hash and since when.
    before: dict[str, tuple[str, datetime]] = {}


def note_of(run: Run) -> Note:
    return msgspec.json.decode(run.note, type=Note)


def apply(
    store: Sqlite, desk: Desk, plan: Plan, *, now: datetime, approve: Mapping[str, str] | None = None,
    resumed: bool = False, progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[int, Counter[str]]:  # fmt: skip
    """Switch the plan's rules on and make its changes, some people at a time; killed anywhere, applying it again goes on.

    `approve`: rule or cadence → who lets it go over its limit. Returns the run's number and what was done."""
    approved = {**plan.approved, **(approve or {})}
    again = plans.make(store, desk, now=now)
    check_fresh(plan, again, counts=not resumed)
    # who applied it agreed to all that was new in it, and a kill half-way does not undo that
    agreed = {it.rule for it in plan.rules if it.new} if resumed else set()
    _check_limits(again, approved, agreed, desk.bench.court.rules)
    run, people = store.write(lambda tx: _activate(tx, desk, plan, approved, now=now))
    counts: Counter[str] = Counter()
    for start in range(0, len(people), CHUNK):
        chunk = people[start : start + CHUNK]
        counts += store.write(lambda tx, c=chunk: _apply_some(tx, desk, c, plan, now=now))  # type: ignore[misc]
        progress(min(start + CHUNK, len(people)), len(people))
    store.write(lambda tx: _finish(tx, desk, run, counts, again, now=now))
    return run, counts


def _check_limits(again: Plan, approved: Mapping[str, str], agreed: Collection[str], rules: RuleSet) -> None:
    tripped = {name: limit for name, limit in again.limits.items() if name not in agreed and name not in approved}
    if tripped:
        first = next(iter(tripped))
        listed = "; ".join(f"{name}: {limit}" for name, limit in tripped.items())
        raise PlanRefused(
            f"over the limit of change, so nothing was written. {listed}. If that is right: --approve {first} --by NAME"
        )
    for name, by in approved.items():
        if name in again.limits:
            plans.approve(again, name, by=by, rules=rules)


def _activate(tx: Tx, desk: Desk, plan: Plan, approved: Mapping[str, str], *, now: datetime) -> tuple[int, list[int]]:
    """Returns the run, and everyone whom the newly active set concerns."""
    bench = desk.bench
    _rename(tx, desk)
    hashes = {it.rule: it.hash for it in plan.rules if it.mode == "live"}
    hashes |= {it.cadence: it.hash for it in plan.cadences if it.mode == "live"} | plan.doing
    before = tx.ledger.activations()
    fresh = tuple(name for name, hash_ in hashes.items() if (it := before.get(name)) is None or it.hash != hash_)
    run = _begin(tx, plan, approved, fresh, before, now=now)
    pool = Pool(tx, bench, now=now, stale=stale(tx, bench, now=now))
    for rule in bench.rules:
        if rule.name in fresh and rule.kind == "do" and rule.when is None:
            occasions.baseline(tx, rule, [p for p, yes in pool.answers(rule).items() if yes], now=now)
    tx.ledger.activate(hashes, set_hash=plan.set_hash, now=now, plan=plan.id)
    concerned = set(tx.objections.people(list(bench.accounts)))
    concerned |= pool.concerned() | pool.stand(now=now)
    for cadence in bench.court.rules.cadences:
        concerned |= {person for person, yes in pool.answers(cadence).items() if yes}
    return run, sorted(concerned)


def _rename(tx: Tx, desk: Desk) -> None:
    entries = desk.bench.court.rules.entries
    known = {entry.name for entry in entries}
    for entry in entries:
        if entry.was and entry.was not in known and entry.was in tx.ledger.activations():
            tx.ledger.rename(entry.was, entry.name)


def _begin(
    tx: Tx,
    plan: Plan,
    approved: Mapping[str, str],
    fresh: Sequence[str],
    before: Mapping[str, Activation],
    *,
    now: datetime,
) -> int:
    """A killed run of the same plan goes on: what was in force before it is what it noted then."""
    for run in tx.schedule.runs(kind=KIND):
        if run.state == "running" and note_of(run).plan == plan.id:
            return run.id
    note = Note(
        plan=plan.id, approved=dict(approved), fresh=tuple(fresh),
        before={name: (before[name].hash, before[name].at) for name in fresh if name in before},
    )  # fmt: skip
    return tx.schedule.start(KIND, None, now=now, note=msgspec.json.encode(note).decode())


def _apply_some(tx: Tx, desk: Desk, people: Sequence[int], plan: Plan, *, now: datetime) -> Counter[str]:
    counts = judging.judge(tx, desk, people, now=now, plan=plan.id)
    # what a plan brought may let others in (a pool, then its cadence): look once more
    tx.mirror.judge(people)
    return counts


def _finish(tx: Tx, desk: Desk, run: int, counts: Mapping[str, int], again: Plan, *, now: datetime) -> None:
    """Only now everybody was judged by these versions."""
    bench, taking = desk.bench, taking_of(desk.bench)
    tx.assent.cover({rule.name: f"{rule.hash} {taking}" for rule in bench.court.rules.standing})
    for it in tx.assent.all():
        if it.by is None and it.occasion == OVER:
            tx.assent.drop(it.rule, it.occasion)
    tx.schedule.end(run, state="done", counts=counts, now=now)
