"""Taking back what an applied plan did, where the platforms allow it: our tags come off, what was taken off comes back, who
joined leaves again. Its rules stand down to what was in force before, so that nothing is simply done again.

What stays: members (nobody is taken out of an audience), notes, opt-outs, notices, and messages that went out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import msgspec

from connector import acts, cadence
from connector.applying import KIND, Note, note_of
from connector.errors import KeepwarmError
from connector.flow import Verb
from connector.store import Sqlite, Tx
from connector.store.ledger import Activation, Owned
from connector.store.outbox import Queued
from connector.store.schedule import Run

#: How each act that cannot be taken back is called.
STAYS = {
    Verb.UPSERT_MEMBER: "members stay in the audience, without our tags",
    Verb.ADD_NOTE: "notes stay",
    Verb.SUPPRESS_MEMBER: "opt-outs stay: nobody is subscribed again",
    Verb.NOTIFY: "notices to colleagues were read",
    Verb.SEND_EVENT: "events were sent",
    Verb.START_JOURNEY: "journeys were started",
    Verb.SCHEDULE_CAMPAIGN: "campaigns were handed over",
}


class CannotUndo(KeepwarmError):
    """That run cannot be taken back."""


@dataclass(frozen=True, slots=True)
class Undone:
    run: int
    counts: Counter[str]
    stays: Counter[str]
    stood_down: tuple[str, ...]


def undo(store: Sqlite, number: int, *, now: datetime) -> Undone:
    """In one transaction; the acts themselves go out as others do. Raises CannotUndo."""
    return store.write(lambda tx: _undo(tx, number, now=now))


def _undo(tx: Tx, number: int, *, now: datetime) -> Undone:
    run, note = _the_run(tx, number)
    counts: Counter[str] = Counter()
    stays: Counter[str] = Counter()
    made: list[Queued] = []
    asked = tx.outbox.of_plan(note.plan)
    for queued in asked:
        if queued.state in ("pending", "held"):
            counts["cancelled"] += _take_back(tx, queued, now=now)
        elif queued.state in ("sent", "sending"):
            inverse = _inverse(tx, queued, run, now=now)
            made += inverse
            counts["removed" if queued.action.verb is Verb.ADD_TAG else "put back"] += len(inverse)
            if queued.action.verb in STAYS:
                stays[STAYS[queued.action.verb]] += 1
    tx.outbox.put(made, now=now, plan=f"undo:{number}")
    rules = tuple(sorted({it.rule for it in asked} | set(note.fresh)))
    counts["out of a cadence"] += _leave(tx, note, run, now=now)
    tx.assent.stand_down(rules, {name: Activation(hash_, at) for name, (hash_, at) in note.before.items()})
    tx.assent.cover({})
    tx.schedule.end(number, state="undone", counts=run.counts, now=now)
    told = tx.schedule.start("undo", None, now=now, note=msgspec.json.encode({"run": number}).decode())
    tx.schedule.end(told, state="done", counts=counts, now=now)
    return Undone(told, +counts, stays, rules)


def _the_run(tx: Tx, number: int) -> tuple[Run, Note]:
    run = tx.schedule.run(number)
    if run is None or run.kind != KIND:
        known = ", ".join(str(it.id) for it in tx.schedule.runs(kind=KIND, limit=5) if it.state != "undone")
        raise CannotUndo(f"run {number} did not apply a plan; those that did: {known or 'none'} (`keepwarm status`)")
    if run.state == "undone":
        raise CannotUndo(f"run {number} was taken back already, on {run.ended_at:%-d %b %Y %H:%M} UTC")
    return run, note_of(run)


def _row(tx: Tx, queued: Queued) -> Owned | None:
    """What we hold of the tag or pool that this act was about. A mailing's own tags are not held."""
    subject = queued.action.subject
    if subject is None or "slot_at" in queued.action.args:
        return None
    where = (queued.action.account, subject.id, str(queued.action.args.get("tag")))
    rows = tx.ledger.owned([queued.person or 0])
    return next((it for it in rows if (it.account, it.subject, it.key) == where), None)


def _take_back(tx: Tx, queued: Queued, *, now: datetime) -> int:
    """It has not gone out."""
    row = _row(tx, queued)
    tx.outbox.cancel([queued.row], why="the plan was taken back", now=now)
    if row is not None and queued.action.verb is Verb.ADD_TAG and row.state == "adding":
        tx.ledger.disown(row.account, row.subject, row.kind, row.key)
    if row is not None and queued.action.verb is Verb.REMOVE_TAG and row.state == "removing":
        tx.ledger.own([replace(row, state="ours")])
    return 1


def _inverse(tx: Tx, queued: Queued, run: Run, *, now: datetime) -> list[Queued]:
    action, row, occasion = queued.action, _row(tx, queued), f"undo:{run.id}"
    if action.subject is None or queued.person is None or "slot_at" in action.args:
        return []
    if action.verb is Verb.ADD_TAG and row is not None and row.state in ("ours", "adding"):
        tx.ledger.own([replace(row, state="removing")])
        return [
            acts.remove_tag(action.account, action.subject, row.key, occasion=occasion, rule=queued.rule,
                            person=queued.person, due_at=now, row=row.receipt)
        ]  # fmt: skip
    if action.verb is Verb.REMOVE_TAG and (row is None or row.state == "removing"):
        tag, pool = str(action.args["tag"]), action.subject.kind == "member"
        tx.ledger.own([
            Owned(account=action.account, subject=action.subject.id, kind="pool" if pool else "tag", key=tag,
                  person=queued.person, rules=(queued.rule,), state="adding", rule_hash="", added_at=now)
        ])  # fmt: skip
        return [
            acts.add_tag(action.account, action.subject, tag, occasion=occasion, rule=queued.rule,
                         purpose=acts.MEMBER if pool else acts.KEEP, person=queued.person, due_at=now)
        ]  # fmt: skip
    return []


def _leave(tx: Tx, note: Note, run: Run, *, now: datetime) -> int:
    """Whoever joined a cadence that the run switched on, and was sent nothing yet, never joined."""
    joined = [
        it for name in note.fresh for it in tx.schedule.enrolments(cadence=name) if it.joined_at >= run.started_at
    ]
    waiting = [it for it in joined if it.state == "active"]
    for it in waiting:
        cadence.cancel(tx, it.cadence, it.person, "the plan was taken back", now=now)
    return tx.schedule.withdraw(sorted({it.cadence for it in joined}), run.started_at)


def latest(tx: Tx) -> Sequence[Run]:
    """Runs that can be taken back, the latest first."""
    return [it for it in tx.schedule.runs(kind=KIND) if it.state == "done"]
