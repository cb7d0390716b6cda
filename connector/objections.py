"""An objection made from an address → every audience that holds it as mailable, whether an ATS knows its owner or not.

`decide.opt_outs` does the same for people; an act is the same act whichever of the two asks for it first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime

from connector.accounts import Accounts
from connector.court import Bench
from connector.decide import may_be_mailed, opt_out
from connector.model import Member
from connector.store import Sqlite, Tx

BATCH = 200
EVERYONE = 10**9


def spread(store: Sqlite, bench: Bench, *, now: datetime) -> Counter[str]:
    """Write the next objections to the audiences. Empty: none waits, or no plan was applied yet, and then they go on waiting."""
    with store.reading() as tx:
        if not tx.objections.waiting(1) or not tx.ledger.activations():
            return Counter()

    def work(tx: Tx) -> Counter[str]:
        addresses = tx.objections.waiting(BATCH)
        queued = [
            opt_out(it, rule="opt-out", person=None, due_at=now) for it in _mailable(tx, bench.accounts, addresses)
        ]
        tx.objections.done(addresses)
        return Counter(objections=len(addresses), opt_outs=tx.outbox.put(queued, now=now))

    return store.write(work)


def _mailable(tx: Tx, accounts: Accounts, addresses: Iterable[str]) -> list[Member]:
    """Of these addresses, those that objected and may still be mailed somewhere."""
    objecting = [it for it in addresses if tx.ledger.suppressions([f"e:{it}"])]
    return may_be_mailed(tx, accounts, objecting)


def strangers(tx: Tx, accounts: Accounts) -> int:
    """How many addresses of nobody whom an ATS knows are still to be unsubscribed: for a plan to say beforehand."""
    waiting = tx.objections.waiting(EVERYONE)
    return len({it.email for it in _mailable(tx, accounts, waiting) if not tx.mirror.by_address(it.email)})
