"""What would stop a message to one person today: every question of the guard, every suppression, every opt-out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import msgspec

from connector import acts
from connector import people as people_
from connector.cadence import Desk
from connector.clock import unstamp
from connector.court import Facts
from connector.store import Tx


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One question of the guard. `ok` False: it would stop a marketing message that went out now."""

    question: str
    ok: bool
    why: str = ""
    #: When it may be otherwise by itself; None: not by the clock.
    until: datetime | None = None


class OptOut(msgspec.Struct, frozen=True, kw_only=True):
    """An objection that holds. Without the address it was made from."""

    reason: str
    source: str
    scope: str
    learnt_at: datetime


def opt_outs(tx: Tx, person: int) -> tuple[OptOut, ...]:
    """One for each time and place it was learnt, also of former addresses and of records that were merged away."""
    found = {(it.reason, it.source, it.scope, it.learnt_at) for it in people_.objections(tx, person)}
    return tuple(
        OptOut(reason=r, source=s, scope=c, learnt_at=at) for r, s, c, at in sorted(found, key=lambda it: it[3])
    )


def checks(tx: Tx, desk: Desk, person: int, facts: Facts, *, cadence: str, now: datetime) -> Iterator[Check]:
    """As the guard would ask before a marketing message of this cadence (empty: of none) to them now."""
    profile = tx.mirror.profile(person)
    address = profile.email if profile is not None and profile.email else ""
    if not address:
        yield Check(question="has an address", ok=False, why="no address is known")
    account = next((it.account for it in desk.bench.settings.messages.values()), "")
    queued = acts.send_event(
        account, address, "now", {}, occasion="", rule=cadence, purpose=acts.MARKETING, person=person, due_at=now,
        after=None, reaches_at=now,
    )  # fmt: skip
    for question, held in desk.guard.every(tx, queued, now=now):
        in_no_series = not cadence and held is not None and held.why == "its cadence is in no file any more"
        if not in_no_series and (address or question != "the address is theirs"):
            yield Check(
                question=question, ok=held is None, why=held.why if held else "", until=held.until if held else None
            )
    yield from _consent_ends(facts, now)


def _consent_ends(facts: Facts, now: datetime) -> Iterator[Check]:
    ends = facts.get("consent.expires")
    if ends is not None and unstamp(ends) > now:
        yield Check(question="their consent still holds", ok=True, why="it ends by itself", until=unstamp(ends))


__all__ = ["Check", "OptOut", "checks", "opt_outs"]
