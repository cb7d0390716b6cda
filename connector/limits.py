"""How much rules may change by themselves: per rule and kind, and all removals together, within a day."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from connector.diff import Kind
from connector.rules import Rule
from connector.settings import ChangeLimit, Settings
from connector.store import Tx

#: A rule's limit counts what it asked for in so long a time.
DAY = timedelta(days=1)
#: Removals of all rules together may take away this share of everything owned.
ALL_REMOVALS = 0.10
#: The occasion under which a rule that is over its limit waits for somebody's word.
OVER = "over its limit"


def over_limit(
    tx: Tx, rules: Iterable[Rule], settings: Settings, asked: Mapping[str, Mapping[Kind, int]], *, now: datetime
) -> set[str]:
    """Rules that would change too much at once: nothing of them is written until a person looked at a plan.

    `asked`: rule → how many changes of each kind it asks for now."""
    stopped = set()
    own = {rule.name: rule for rule in rules}
    owned: Counter[str] | None = None
    kinds: tuple[tuple[Kind, ChangeLimit], ...] = (("add", settings.add), ("remove", settings.remove))
    for kind, limit in kinds:
        together = 0
        for name, counts in asked.items():
            if not (count := counts.get(kind, 0)):
                continue
            rule = own.get(name)
            wanted = tx.ledger.decided_since(name, kind == "add", now - DAY) + count
            together += wanted
            if kind == "add" and rule is not None and rule.approve is not None and wanted > rule.approve.above:
                stopped.add(name)
            if wanted <= limit.always:
                continue
            owned = _owned_by_rule(tx) if owned is None else owned
            share = rule.max_changes if rule is not None else None
            if wanted > owned[name] * (limit.share if share is None else share):
                stopped.add(name)
        if kind == "remove" and together > limit.always:
            owned = _owned_by_rule(tx) if owned is None else owned
            if together > owned.total() * ALL_REMOVALS:  # a source that died looks like this
                stopped |= {name for name, counts in asked.items() if counts.get(kind)}
    return stopped


def _owned_by_rule(tx: Tx) -> Counter[str]:
    """Counts through all that is ours, so it is asked only where it matters."""
    return sum((Counter({name: kept}) for (name, _), kept in tx.ledger.owned_counts().items()), Counter())
