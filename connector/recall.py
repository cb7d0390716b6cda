"""Whoever must not get a mailing any more is taken out of it, also after it was handed over, as long as it has not gone out.

The guard said yes when the person's tag was written, up to an hour before the mailing goes (`cadence.LEAD`). Whatever changes
about them in between has them judged anew, and the guard with them."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from connector import acts
from connector.guard import Guard
from connector.store import Tx


def recall(tx: Tx, guard: Guard, people: Collection[int], *, now: datetime) -> int:
    """Queue the removals, before everything else that waits; how many mailings lost somebody."""
    taken = 0
    for it in tx.outbox.mailed(people, now=now):
        held = guard.judge(tx, it, now=now)
        if held is None or held.until is not None or it.person is None or it.action.subject is None:
            continue
        message = str(it.action.args["message"])
        removal = acts.remove_tag(
            it.action.account, it.action.subject, str(it.action.args["tag"]), occasion=message, rule=it.rule,
            person=it.person, due_at=now, row=None, priority=0,
        )  # fmt: skip
        taken += tx.outbox.put([removal], now=now)
        tx.schedule.unsend(message, why=held.why)
        tx.records.soil(tx.mirror.candidates(it.person))  # they were not written to after all
    return taken
