"""Which rule set runs, and what is said of the files."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from connector.store.protocol import Store
from connector.store.sets import InForce

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)


def said(store: Store) -> InForce | None:
    with store.reading() as tx:
        return tx.sets.in_force()


def test_nothing_is_said_before_something_runs_and_after_it_ended(store: Store) -> None:
    assert said(store) is None
    store.write(lambda tx: tx.sets.take_up("a1", now=NOW))
    assert said(store) == InForce(set_hash="a1", since=NOW)
    store.write(lambda tx: tx.sets.end())
    assert said(store) is None


def test_a_refusal_keeps_its_first_moment_and_its_last_complaints_until_something_is_taken_up(store: Store) -> None:
    store.write(lambda tx: tx.sets.take_up("a1", now=NOW))
    store.write(lambda tx: tx.sets.refuse(["a.yaml:1:1  no"], now=NOW + HOUR))
    store.write(lambda tx: tx.sets.refuse(["a.yaml:2:1  no"], now=NOW + 2 * HOUR))
    assert said(store) == InForce(set_hash="a1", since=NOW, refused_at=NOW + HOUR, complaints=("a.yaml:2:1  no",))
    store.write(lambda tx: tx.sets.take_up("b2", waits=["accounts"], now=NOW + 3 * HOUR))
    assert said(store) == InForce(set_hash="b2", since=NOW + 3 * HOUR, waits=("accounts",))


def test_a_plan_belongs_to_the_set_that_it_was_made_for(store: Store) -> None:
    store.write(lambda tx: tx.sets.take_up("a1", now=NOW))
    store.write(lambda tx: tx.sets.planned("p1123-abc"))
    store.write(lambda tx: tx.sets.take_up("a1", now=NOW + HOUR))
    assert said(store) == InForce(set_hash="a1", since=NOW, plan="p1123-abc")
    store.write(lambda tx: tx.sets.take_up("b2", now=NOW + HOUR))
    assert said(store) == InForce(set_hash="b2", since=NOW + HOUR)
