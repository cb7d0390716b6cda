"""Action → Attempt: claim, ask the guard again, push, settle. The one place that decides about repeating a write."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta

from connector import acts
from connector.accounts import Account
from connector.adapter import Pushes
from connector.clock import unstamp
from connector.errors import KeepwarmError, RateLimited, Refused, Retry, Suppressed, Unauthorized, Unsupported
from connector.flow import Failure, Receipt, Verb
from connector.guard import REACHING, Guard
from connector.store import Sqlite, Tx
from connector.store.ledger import Suppression
from connector.store.outbox import Queued

MAX_ATTEMPTS = 6
#: How long nothing is asked where the platform refused our credentials.
PAUSE = timedelta(minutes=15)
#: How many are claimed at once where a platform takes one a call.
HANDFUL = 16


@dataclass(frozen=True, slots=True)
class Settled:
    """What becomes of an action after one attempt."""

    state: str
    outcome: str
    due_at: datetime | None = None
    give_back: bool = False


def settle(error: Exception, *, attempts: int, repeatable: bool, now: datetime) -> Settled:
    """Pure. `attempts` counts this one. `repeatable`: a repeat would be noticed, so it can have no second effect."""
    match error:
        case RateLimited(wait=wait):
            return Settled("pending", str(error), now + wait, give_back=True)
        case Unauthorized():
            return Settled("pending", str(error), now + PAUSE, give_back=True)
        case Suppressed(reason=reason):
            return Settled("cancelled", f"the platform holds an objection: {reason}")
        case Retry(in_doubt=True) if not repeatable:
            return Settled("dead", f"may have been sent; not repeated ({error})")
        case Retry() if attempts < MAX_ATTEMPTS:
            return Settled("pending", str(error), now + timedelta(seconds=4**attempts))
        case Retry():
            return Settled("dead", f"given up after {attempts} attempts: {error}")
        case Refused() | Unsupported():
            return Settled("dead", str(error))
    raise error


def send(
    store: Sqlite, account: Account, guard: Guard, *, token: int, now: Callable[[], datetime], urgent: bool = False
) -> Counter[str]:
    """Claim what is due for this account and push it. Empty: nothing is due. Only the holder of its lane calls this.

    `urgent`: only opt-outs."""
    with store.reading() as tx:
        if not tx.outbox.ready(account.name, now=now(), urgent=urgent):
            return Counter()
    claimed, counts = store.write(lambda tx: _claim(tx, account, guard, token=token, now=now(), urgent=urgent))
    if not claimed:
        return counts
    by_key = {it.action.key: it for it in claimed}
    for outcome in _push(account, claimed):
        queued = by_key.pop(outcome.key)
        counts[store.write(lambda tx, o=outcome, q=queued: _settle(tx, account, q, o, now=now()))] += 1  # type: ignore[misc]
    for queued in by_key.values():  # an adapter that loses an action breaks its contract; the act is in doubt
        lost = Failure(key=queued.action.key, error=Retry("the adapter gave no outcome", in_doubt=True))
        counts[store.write(lambda tx, o=lost, q=queued: _settle(tx, account, q, o, now=now()))] += 1  # type: ignore[misc]
    return counts


def _claim(
    tx: Tx, account: Account, guard: Guard, *, token: int, now: datetime, urgent: bool
) -> tuple[list[Queued], Counter[str]]:
    counts: Counter[str] = Counter()
    doubtful = account.declaration.unrepeatable
    if lapsed := tx.outbox.lapsed(account.name, now=now):
        tx.outbox.rescue(account=account.name, now=now, doubtful=doubtful, tries=MAX_ATTEMPTS)
        for queued in tx.outbox.by_key(acts.keys(lapsed)).values():
            if queued.state == "dead":
                _failed(tx, queued, queued.outcome)
    paused = {it.scope for it in tx.schedule.pauses() if it.account == account.name and it.until > now}
    if "" in paused:
        return [], counts
    found = tx.outbox.due(account.name, now=now, limit=HANDFUL * 4, urgent=urgent)
    if not found or found[0].action.verb in paused:
        for queued in found:
            tx.outbox.postpone(queued.row, until=now + PAUSE, why="paused: the platform refuses this")
        return [], counts
    if not tx.records.caught_up():
        # an objection may be among what came in: nobody is written to before it was looked at
        found = [it for it in found if it.purpose not in REACHING]
        if not found:
            return [], counts
    room = account.declaration.verbs.get(found[0].action.verb, 1)
    allowed: list[Queued] = []
    for queued in found[: room if room > 1 else HANDFUL]:
        held = guard.judge(tx, queued, now=now)
        if held is None:
            allowed.append(queued)
        elif held.until is None:
            _give_up(tx, queued, held.why, now=now)
            counts["held"] += 1
        else:
            tx.outbox.postpone(queued.row, until=held.until, why=held.why)
            counts["postponed"] += 1
    tx.outbox.claim([it.row for it in allowed], token=token, now=now)
    return [_counted(it, token) for it in allowed], counts


def _counted(queued: Queued, token: int) -> Queued:
    return Queued(
        action=queued.action, rule=queued.rule, purpose=queued.purpose, due_at=queued.due_at, person=queued.person,
        priority=queued.priority, after=queued.after, state="sending", attempts=queued.attempts + 1, row=queued.row,
        token=token,
    )  # fmt: skip


def _push(account: Account, claimed: Sequence[Queued]) -> Iterator[Receipt | Failure]:
    """In as few calls as the platform takes, or a few side by side, never two for one person."""
    adapter = account.adapter
    actions = [it.action for it in claimed]
    if not isinstance(adapter, Pushes) or actions[0].verb not in account.declaration.verbs:
        for action in actions:
            yield Failure(key=action.key, error=Unsupported(f"{account.name} cannot {action.verb.value}"))
        return
    room = account.declaration.verbs[actions[0].verb]
    side_by_side = account.declaration.limits.in_flight
    if room > 1 or side_by_side == 1 or len(actions) == 1:
        yield from _outcomes(adapter, actions if room > 1 else actions[:1])
        for action in [] if room > 1 else actions[1:]:
            yield from _outcomes(adapter, [action])
        return
    with ThreadPoolExecutor(side_by_side) as pool:
        for outcomes in pool.map(lambda action: list(_outcomes(adapter, [action])), actions):
            yield from outcomes


def _outcomes(adapter: Pushes, actions: Sequence[object]) -> Iterable[Receipt | Failure]:
    """An adapter should yield failures; one that raises a family fails the actions it had not answered yet."""
    answered: set[str] = set()
    try:
        for outcome in adapter.push(actions):  # type: ignore[arg-type]
            answered.add(outcome.key)
            yield outcome
    except KeepwarmError as error:
        for action in actions:
            if action.key not in answered:  # type: ignore[attr-defined]
                yield Failure(key=action.key, error=error)  # type: ignore[attr-defined]


def _settle(tx: Tx, account: Account, queued: Queued, outcome: Receipt | Failure, *, now: datetime) -> str:
    """Write down what became of it; the state, for counting."""
    if isinstance(outcome, Receipt):
        done = tx.outbox.settle(
            queued.row, token=queued.token, state="sent", outcome="already so" if outcome.already else "", now=now,
            receipt={"ref": outcome.ref, "already": outcome.already},
        )  # fmt: skip
        for scope in (queued.action.verb.value, ""):
            tx.schedule.resume(account.name, scope)
        if done:
            _sent(tx, queued, outcome, now=now)
        tx.erasure.over()
        return "already" if outcome.already else "sent"
    error = outcome.error
    repeatable = queued.action.verb not in account.declaration.unrepeatable
    settled = settle(error, attempts=queued.attempts, repeatable=repeatable, now=now)
    tx.outbox.settle(
        queued.row, token=queued.token, state=settled.state, outcome=settled.outcome, now=now, due_at=settled.due_at,
        give_back=settled.give_back,
    )  # fmt: skip
    if isinstance(error, Unauthorized):
        scope = "" if error.scope is None else queued.action.verb.value
        needs = account.declaration.scopes.get(queued.action.verb)
        why = f"{error}; it needs {needs}" if scope and needs else str(error)
        tx.schedule.pause(account.name, scope=scope, why=why, now=now, until=now + PAUSE)
    if isinstance(error, Suppressed) and queued.action.subject is not None:
        learn(tx, queued, error.reason, now=now)
    if settled.state in ("dead", "cancelled"):
        _failed(tx, queued, settled.outcome)
        tx.erasure.over()
    return settled.state


def _sent(tx: Tx, queued: Queued, receipt: Receipt, *, now: datetime) -> None:
    action, subject = queued.action, queued.action.subject
    tx.schedule.resume(action.account, action.verb.value)
    if action.verb in (Verb.ADD_TAG, Verb.REMOVE_TAG) and subject is not None and "slot_at" not in action.args:
        kind = "pool" if subject.kind == "member" else "tag"
        tag = str(action.args["tag"])
        if action.verb is Verb.REMOVE_TAG:
            tx.ledger.disown(action.account, subject.id, kind, tag)
        else:
            # there already at our first attempt: a person had put it there. Later: our own lost answer.
            theirs = receipt.already and queued.attempts == 1
            tx.ledger.confirm(action.account, subject.id, kind, tag, theirs=theirs, receipt=receipt.ref, now=now)
            if theirs and kind == "tag":  # the note that was to follow says that we put it there
                tx.outbox.cancel_followers(queued.row, now=now)
    if action.verb in (Verb.SEND_EVENT, Verb.START_JOURNEY) and (message := action.args.get("message")):
        tx.mirror.contacted(tx.schedule.mark_messages(str(message), state="sent", sent_at=now), now)
    if action.verb is Verb.SCHEDULE_CAMPAIGN:
        at = unstamp(action.args["send_at"])
        tx.mirror.contacted(tx.schedule.mark_messages(f"{action.args['marker']}:", state="sent", sent_at=at), at)


def _give_up(tx: Tx, queued: Queued, why: str, *, now: datetime) -> None:
    tx.outbox.cancel([queued.row], why=f"guard: {why}", now=now)
    _failed(tx, queued, why)


def _failed(tx: Tx, queued: Queued, why: str) -> None:
    """What was planned around this act, and around those that were to follow it, will not come true."""
    for it in (queued, *tx.outbox.followers(queued.row)):
        _let_go(tx, it, why)


def _let_go(tx: Tx, queued: Queued, why: str) -> None:
    action, subject = queued.action, queued.action.subject
    if action.verb is Verb.ADD_TAG and subject is not None and "slot_at" not in action.args:
        kind = "pool" if subject.kind == "member" else "tag"
        row = {(it.account, it.subject, it.kind, it.key): it for it in tx.ledger.owned([queued.person or 0])}
        held = row.get((action.account, subject.id, kind, str(action.args["tag"])))
        if held is not None and held.state == "adding":
            tx.ledger.disown(held.account, held.subject, held.kind, held.key)
    if message := action.args.get("message"):
        tx.schedule.mark_messages(str(message), state="failed", sent_at=None, why=why)
    if action.verb is Verb.SCHEDULE_CAMPAIGN:
        tx.schedule.mark_messages(f"{action.args['marker']}:", state="failed", sent_at=None, why=why)


def learn(tx: Tx, queued: Queued, reason: str, *, now: datetime) -> None:
    """The platform told us of an objection: it holds everywhere."""
    subject = queued.action.subject
    if subject is None or subject.kind != "member":
        return
    tx.ledger.suppress(
        [
            Suppression(
                identity=f"e:{subject.id}",
                scope="everything",
                source=queued.action.account,
                reason=reason,
                learnt_at=now,
            )
        ]
    )
    tx.records.soil_addresses([subject.id])
