"""Deliveries are kept once and whole, parked ones wait, and a hint is never lost to the reading of an earlier one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from connector.flow import Delivery, Hint, Spoiled
from connector.model import Ref
from connector.store.protocol import Store

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)


def delivery(id: str = "", body: bytes = b"{}", account: str = "hospital", **more: object) -> Delivery:
    return Delivery(account=account, body=body, received_at=NOW, id=id, **more)  # type: ignore[arg-type]


def test_a_delivery_comes_back_byte_for_byte_without_its_signature(store: Store) -> None:
    headers = {"content-type": "text/plain", "signature": "sha256 ab", "authorization": "x", "greenhouse-event-id": "e"}
    body = bytes(range(256))
    store.write(lambda tx: tx.inbox.keep([delivery("d-1", body, headers=headers)]))
    with store.reading() as tx:
        [kept] = tx.inbox.waiting(10)
        assert kept.delivery == delivery(
            "d-1", body, headers={"content-type": "text/plain", "greenhouse-event-id": "e"}
        )
        assert tx.inbox.get(kept.row) == kept


def test_a_repeat_is_taken_and_ignored_within_a_batch_and_across(store: Store) -> None:
    batch = [delivery("a"), delivery("b"), delivery("a", b"other bytes"), delivery(body=b"1"), delivery(body=b"1")]
    assert store.write(lambda tx: tx.inbox.keep(batch)) == 3
    assert store.write(lambda tx: tx.inbox.keep([*batch, delivery("c")])) == 1
    assert store.write(lambda tx: tx.inbox.keep([])) == 0
    with store.reading() as tx:
        assert [kept.delivery.body for kept in tx.inbox.waiting(10)] == [b"{}", b"{}", b"1", b"{}"]


def test_the_same_id_in_two_accounts_is_two_deliveries(store: Store) -> None:
    assert store.write(lambda tx: tx.inbox.keep([delivery("a"), delivery("a", account="factory")])) == 2


def test_the_oldest_wait_first_and_what_is_settled_waits_no_more(store: Store) -> None:
    store.write(lambda tx: tx.inbox.keep([delivery(str(number)) for number in range(5)]))
    with store.reading() as tx:
        rows = [kept.row for kept in tx.inbox.waiting(10)]
        assert [kept.delivery.id for kept in tx.inbox.waiting(2)] == ["0", "1"]
    store.write(lambda tx: tx.inbox.settle(rows[0], state="read"))
    store.write(lambda tx: tx.inbox.settle(rows[1], state="ignored", note="a ping"))
    with store.reading() as tx:
        assert [kept.delivery.id for kept in tx.inbox.waiting(10)] == ["2", "3", "4"]
        assert tx.inbox.counts() == {"new": 3, "read": 1, "ignored": 1}


@pytest.mark.parametrize(
    ("state", "keep_body", "stays"),
    [("read", False, False), ("read", True, True), ("ignored", False, False), ("parked", False, True)],
)
def test_a_body_goes_once_it_was_read_unless_it_is_to_be_kept(
    state: str, keep_body: bool, stays: bool, store: Store
) -> None:
    store.write(lambda tx: tx.inbox.keep([delivery("a")]))
    store.write(lambda tx: tx.inbox.settle(1, state=state, keep_body=keep_body))
    with store.reading() as tx:
        assert (tx.inbox.get(1) is not None) is stays
    assert store.write(lambda tx: tx.inbox.keep([delivery("a")])) == 0, "its id is remembered all the same"


def test_kept_bodies_go_when_their_time_is_over_and_parked_ones_stay(store: Store) -> None:
    store.write(lambda tx: tx.inbox.keep([delivery("a"), delivery("b"), delivery("c")]))
    store.write(lambda tx: tx.inbox.settle(1, state="read", keep_body=True))
    store.write(lambda tx: tx.inbox.settle(2, state="parked"))
    assert store.write(lambda tx: tx.inbox.forget_bodies(NOW)) == 0
    assert store.write(lambda tx: tx.inbox.forget_bodies(NOW + timedelta(seconds=1))) == 1
    with store.reading() as tx:
        assert [tx.inbox.get(row) is not None for row in (1, 2, 3)] == [False, True, True]


def test_what_is_parked_says_where_and_can_be_read_again(store: Store) -> None:
    spoiled = [Spoiled("$.a", "text", "7"), Spoiled("$.b", "a time", "nothing")]
    store.write(lambda tx: tx.inbox.keep([delivery("a"), delivery("b")]))
    store.write(lambda tx: tx.inbox.park(1, spoiled, now=NOW))
    store.write(lambda tx: tx.inbox.settle(1, state="parked"))
    with store.reading() as tx:
        assert [(it.delivery, it.account, it.path, it.wanted, it.came, it.parked_at) for it in tx.inbox.parked()] == [
            (1, "hospital", "$.a", "text", "7", NOW),
            (1, "hospital", "$.b", "a time", "nothing", NOW),
        ]
    assert store.write(lambda tx: tx.inbox.reopen([1, 2, 99])) == 1
    store.write(lambda tx: tx.inbox.park(1, spoiled[:1], now=NOW))
    with store.reading() as tx:
        assert [kept.row for kept in tx.inbox.waiting(10)] == [1, 2]
        assert len(tx.inbox.parked()) == 1, "a second reading replaces what the first complained of"


# hints


def hint(id: str, kind: str = "candidate", account: str = "hospital") -> Hint:
    return Hint(Ref(account, kind, id), "changed")


def test_hints_for_one_thing_become_one_and_the_earliest_time_stays(store: Store) -> None:
    store.write(lambda tx: tx.inbox.hint([hint("1"), hint("1"), hint("2")], due_at=NOW))
    store.write(lambda tx: tx.inbox.hint([hint("1")], due_at=NOW + timedelta(hours=1)))
    with store.reading() as tx:
        assert [(it.ref.id, it.heard) for it in tx.inbox.hints("hospital", now=NOW, limit=9)] == [("1", 3), ("2", 1)]
        assert tx.inbox.hints_waiting() == {"hospital": 2}


def test_a_hint_that_comes_while_its_thing_is_read_again_is_not_lost(store: Store) -> None:
    store.write(lambda tx: tx.inbox.hint([hint("1"), hint("2")], due_at=NOW))
    with store.reading() as tx:
        wanted = tx.inbox.hints("hospital", now=NOW, limit=9)
    store.write(lambda tx: tx.inbox.hint([hint("1")], due_at=NOW))
    store.write(lambda tx: tx.inbox.unhint(wanted))
    with store.reading() as tx:
        assert [it.ref.id for it in tx.inbox.hints("hospital", now=NOW, limit=9)] == ["1"]


def test_hints_come_one_kind_and_one_account_at_a_time_once_they_are_due(store: Store) -> None:
    store.write(lambda tx: tx.inbox.hint([hint("9", "job")], due_at=NOW + timedelta(seconds=1)))
    store.write(lambda tx: tx.inbox.hint([hint("1"), hint("2"), hint("3", account="factory")], due_at=NOW))
    with store.reading() as tx:
        assert tx.inbox.hints("hospital", now=NOW - timedelta(seconds=1), limit=9) == []
        late = NOW + timedelta(minutes=1)
        assert [it.ref.id for it in tx.inbox.hints("hospital", now=late, limit=9)] == ["1", "2"]
        wanted = tx.inbox.hints("hospital", now=late, limit=1)
    assert len(wanted) == 1
    store.write(lambda tx: tx.inbox.postpone(wanted, due_at=NOW + timedelta(hours=1)))
    with store.reading() as tx:
        assert wanted[0] not in tx.inbox.hints("hospital", now=late, limit=9)
        assert tx.inbox.hints_waiting() == {"hospital": 3, "factory": 1}


def test_evidence_is_asked_for_once_a_version(store: Store) -> None:
    asked = [store.write(lambda tx, v=version: tx.inbox.want("hospital", "7", v)) for version in ("1", "1", "2", "2")]  # type: ignore[misc]
    assert asked == [True, False, True, False]
