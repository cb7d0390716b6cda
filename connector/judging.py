"""The whole judgement of people whose facts changed: what is kept, what is done once, who is enrolled. One transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

from connector import cadence, decide, occasions, recall, shadow
from connector.cadence import Desk
from connector.court import Heard
from connector.store import Sqlite, Tx
from connector.store.ledger import Standing

BATCH = 50


def judge_waiting(store: Sqlite, desk: Desk, *, now: datetime, limit: int = BATCH) -> Counter[str]:
    """Judge the next people. Empty: nobody waits."""
    with store.reading() as tx:
        if not tx.mirror.to_judge(1):
            return Counter()

    def work(tx: Tx) -> Counter[str]:
        people = tx.mirror.to_judge(limit)
        if not people:
            return Counter()
        counts = judge(tx, desk, people, now=now)
        tx.mirror.judged(people)
        return counts + Counter(judged=len(people))

    return store.write(work)


def judge(tx: Tx, desk: Desk, people: Sequence[int], *, now: datetime, plan: str | None = None) -> Counter[str]:
    """`plan`: the plan a person applied, which lifts the limits of change."""
    facts = tx.mirror.facts_of(people)
    standing = occasions.standing_of(tx, people)
    heard = {person: desk.bench.court.hear_all(facts[person], standing[person], now=now) for person in facts}
    shadow.changed(tx, desk.bench.court, facts, heard, standing, context=desk.bench.court.context(now))
    _remember(tx, heard, standing)
    counts = decide.settle(tx, desk.bench, facts, heard, now=now, plan=plan)
    counts += occasions.act(tx, desk.bench, facts, heard, now=now)
    counts["recalled"] += recall.recall(tx, desk.guard, facts, now=now)  # before their messages are said to have failed
    counts += cadence.review(tx, desk, facts, heard, now=now)
    return +counts


def _remember(tx: Tx, heard: Mapping[int, Mapping[str, Heard]], before: Mapping[int, Mapping[str, Standing]]) -> None:
    """Write down answers that differ from what stood."""
    stands, ends = [], []
    for person, said in heard.items():
        for rule, it in said.items():
            old = before[person].get(rule)
            if it.stand is not None and it.stand != old:
                stands.append((rule, person, it.stand))
            elif it.stand is None and old is not None:
                ends.append((rule, person))
    tx.ledger.stand(stands)
    tx.ledger.unstand(ends)
