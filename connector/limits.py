"""How much rules may change by themselves: per rule and kind, and all removals together, within a day."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from connector.diff import Change, Kind, by_rule
from connector.rules import Rule
from connector.settings import ChangeLimit, Settings
from connector.store import Tx

#: A rule's limit counts what it asked for in so long a time.
DAY = timedelta(days=1)
#: Removals of all rules together may take away this share of everything owned.
ALL_REMOVALS = 0.10


def over_limit(
    tx: Tx, rules: Iterable[Rule], settings: Settings, changes: Sequence[Change], *, now: datetime
) -> set[str]:
    """Rules that would change too much at once: nothing of them is written until a person looked at a plan."""
    stopped = set()
    shares = {rule.name: rule.max_changes for rule in rules}
    owned: Counter[str] | None = None
    kinds: tuple[tuple[Kind, ChangeLimit], ...] = (("add", settings.add), ("remove", settings.remove))
    for kind, limit in kinds:
        together = 0
        asked = by_rule(changes, kind)
        for rule, count in asked.items():
            wanted = tx.ledger.decided_since(rule, kind == "add", now - DAY) + count
            together += wanted
            if wanted <= limit.always:
                continue
            owned = _owned_by_rule(tx) if owned is None else owned
            own = shares.get(rule)
            if wanted > owned[rule] * (limit.share if own is None else own):
                stopped.add(rule)
        if kind == "remove" and together > limit.always:
            owned = _owned_by_rule(tx) if owned is None else owned
            if together > owned.total() * ALL_REMOVALS:  # a source that died looks like this
                stopped |= asked.keys()
    return stopped


def _owned_by_rule(tx: Tx) -> Counter[str]:
    """Counts through all that is ours, so it is asked only where it matters."""
    return sum((Counter({name: kept}) for (name, _), kept in tx.ledger.owned_counts().items()), Counter())
