"""What the house itself writes down, forgotten after a time: once a day, some rows at a time.

Never forgotten: the keys of acts that were sent, decisions, opt-outs, merges and what was sent to whom. Each of them keeps
something from being done twice, or to somebody who said no (docs/privacy.md)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime

from connector.settings import Settings
from connector.situations import GRACE
from connector.store import Sqlite, Tx

#: Rows of one transaction.
SOME = 2000


def prune(store: Sqlite, settings: Settings, rules: Sequence[str], *, now: datetime) -> Counter[str]:
    """`rules`: the names of all there are, of whatever kind."""
    zone = settings.zone
    deliveries, runs = settings.keep_deliveries.before(now, zone), settings.keep_runs.before(now, zone)
    actions, history = settings.keep_actions.before(now, zone), settings.keep_history.before(now, zone)
    with store.reading() as tx:
        frozen = tx.erasure.family(tx.freezes.candidates())
    work: dict[str, Callable[[Tx], int]] = {
        "deliveries": lambda tx: tx.retention.deliveries(deliveries, limit=SOME),
        "runs": lambda tx: tx.retention.runs(runs, limit=SOME),
        "attempts": lambda tx: tx.retention.attempts(runs, limit=SOME),
        "actions": lambda tx: tx.retention.actions(actions, limit=SOME),
        "messages": lambda tx: _messages(tx, actions),
        "shadow decisions": lambda tx: tx.shadows.expire(runs, limit=SOME),
        "history": lambda tx: tx.history.expire(history, limit=SOME, but=frozen),
    }
    absent = store.write(lambda tx: tx.retention.absent(rules, now=now))
    if gone := [rule for rule, since in absent.items() if now - since >= GRACE]:
        work["standing"] = lambda tx: tx.retention.standing(gone, limit=SOME)
    counts: Counter[str] = Counter()
    for name, some in work.items():
        while taken := store.write(some):
            counts[name] += taken
    if gone:
        store.write(lambda tx: tx.retention.in_force(gone))
    with store.reading() as tx:
        wanted = tx.erasure.to_shred()
    if wanted:
        shred(store, now=now)
    return counts


def shred(store: Sqlite, *, now: datetime) -> bool:
    """Let nothing of whom was erased be left in free space of the file. False: somebody read from the log meanwhile."""
    store.write(lambda tx: tx.erasure.compact_words())
    whole = store.shred()
    if whole:
        store.write(lambda tx: tx.erasure.shredded(now=now))
    return whole


def _messages(tx: Tx, before: datetime) -> int:
    people = tx.retention.messages(before, limit=SOME)
    tx.mirror.judge(person for person in set(people) if tx.mirror.profile(person))
    return len(people)
