"""A complaint or a legal hold: nothing outward happens to somebody, and nothing of theirs is dropped, until that is over."""

from __future__ import annotations

from datetime import datetime

from connector import people as people_
from connector.errors import KeepwarmError
from connector.guard import FROZEN
from connector.store import Tx


class NotFrozen(KeepwarmError):
    """There is nothing to freeze or to let go."""


def freeze(tx: Tx, person: int, *, by: str, reason: str, now: datetime) -> None:
    """Mailings that they are in already and that have not gone out lose them at once."""
    if not reason.strip():
        raise NotFrozen("say why: --reason TEXT; whoever looks at this person in a year has to know")
    records = people_.records_of(tx, person)
    if not records:
        raise NotFrozen(f"there is no person {person}; `keepwarm people find` looks for one")
    tx.freezes.freeze(records, by=by, reason=reason, now=now)
    tx.mirror.judge([person])


def unfreeze(tx: Tx, person: int, *, now: datetime) -> int:
    """What waited because of it goes on at once; how many of their records were frozen."""
    count = tx.freezes.thaw(person)
    if not count:
        raise NotFrozen(f"person {person} is not frozen; `keepwarm people frozen` lists who is")
    for it in tx.outbox.of_person(person):
        if it.state == "pending" and it.outcome == FROZEN:
            tx.outbox.postpone(it.row, until=now, why="")
    tx.mirror.judge([person])
    return count
