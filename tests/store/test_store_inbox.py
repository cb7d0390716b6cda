"""Deliveries are kept once and whole, parked ones wait, and a hint is never lost to the reading of an earlier one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from connector.flow import Delivery, Hint, Spoiled
from connector.model import Ref
from connector.store.inbox import TOGETHER, Parking
from connector.store.protocol import Store, Tx

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


def test_large_bodies_are_handed_out_a_few_at_a_time_and_one_at_least(store: Store) -> None:
    sizes = [TOGETHER // 2, TOGETHER // 2, 9, 3 * TOGETHER, 9, 9]
    store.write(lambda tx: tx.inbox.keep([delivery(str(n), b" " * size) for n, size in enumerate(sizes)]))
    taken = []
    while True:
        with store.reading() as tx:
            some = tx.inbox.waiting(50)
        if not some:
            break
        taken.append([kept.delivery.id for kept in some])
        for kept in some:
            store.write(lambda tx, row=kept.row: tx.inbox.settle(row, state="read"))  # type: ignore[misc]
    assert taken == [["0", "1"], ["2", "3"], ["4", "5"]]


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
    spoiled = [bad("7", "$.a", "text", "a number"), bad("", "$.b", "a time", "nothing")]
    store.write(lambda tx: tx.inbox.keep([delivery("a"), delivery("b")]))
    store.write(lambda tx: tx.inbox.park(1, spoiled, now=NOW))
    store.write(lambda tx: tx.inbox.settle(1, state="parked"))
    with store.reading() as tx:
        first, second = tx.inbox.parked()
        assert (first.delivery, first.account, first.stream, first.parked_at) == (1, "hospital", None, NOW)
        assert (first.path, first.wanted, first.came) == ("$.a", "text", "a number")
        assert (first.item, first.again) == ("7", Ref("hospital", "candidate", "7"))
        assert (second.path, second.item, second.again) == ("$.b", "", None)
    assert store.write(lambda tx: tx.inbox.reopen([1, 2, 99])) == 1
    store.write(lambda tx: tx.inbox.park(1, spoiled[:1], now=NOW))
    with store.reading() as tx:
        assert [kept.row for kept in tx.inbox.waiting(10)] == [1, 2]
        assert len(tx.inbox.parked()) == 1, "a second reading replaces what the first complained of"


LIST = {"stream": "candidates"}


def bad(id: str, path: str = "$[0].name", wanted: str = "text", came: str = "null", *, state: str = "a") -> Spoiled:
    """A complaint about an item in a certain state."""
    again = Ref("hospital", "candidate", id) if id else None
    return Spoiled(path, wanted, came, digest=f"{id}/{path if not id else ''}/{state}", item=id, again=again)


def take(store: Store, id: str, *spoiled: Spoiled, at: datetime = NOW, **more: object) -> tuple[int, Parking]:
    """A page comes in and cannot be read whole; its row and what became of the complaints."""

    def work(tx: Tx) -> tuple[int, Parking]:
        tx.inbox.keep([delivery(id, **{**LIST, **more})])  # type: ignore[arg-type]
        [kept] = tx.inbox.waiting(9)
        parking = tx.inbox.park(kept.row, spoiled, now=at)
        tx.inbox.settle(kept.row, state="parked" if parking.here else "read")
        return kept.row, parking

    return store.write(work)


def waits(store: Store) -> list[tuple[int, str, datetime]]:
    with store.reading() as tx:
        return [(it.delivery, it.item, it.parked_at) for it in tx.inbox.parked()]


LATER = NOW + timedelta(hours=1)


def test_the_same_item_in_the_same_bytes_is_parked_once_with_the_latest_page_that_had_it(store: Store) -> None:
    first, told = take(store, "p1", bad("7"), bad(""))
    assert told == Parking(new=2, here=2)
    second, told = take(store, "p2", bad("7", "$[3].name"), bad(""), at=LATER)
    assert told == Parking(new=0, here=2)
    assert waits(store) == [(second, "7", NOW), (second, "", NOW)]
    with store.reading() as tx:
        assert tx.inbox.counts() == {"read": 1, "parked": 1}
        assert tx.inbox.get(first) is None, "nothing of it is needed any more"
        assert tx.inbox.parked()[0].path == "$[3].name"


def test_a_page_stays_as_long_as_anything_of_it_is_parked(store: Store) -> None:
    first, _ = take(store, "p1", bad("7"), bad("8"))
    second, _ = take(store, "p2", bad("7"))
    assert waits(store) == [(first, "8", NOW), (second, "7", NOW)]
    with store.reading() as tx:
        assert tx.inbox.get(first) is not None


def test_an_item_that_changed_and_is_still_unreadable_takes_the_place_of_what_it_was(store: Store) -> None:
    take(store, "p1", bad("7"))
    second, told = take(store, "p2", bad("7", state="b"), at=LATER)
    assert told == Parking(new=1, here=1)
    assert waits(store) == [(second, "7", LATER)]


def test_items_of_other_streams_accounts_and_without_an_id_are_others(store: Store) -> None:
    take(store, "p1", bad("7"), bad("", "$[1]"), bad("", "$[2]"))
    take(store, "p2", bad("7"), stream="jobs")
    take(store, "p3", bad("7"), account="factory")
    assert len(waits(store)) == 5


def test_an_old_page_read_again_does_not_bring_back_what_the_item_was(store: Store) -> None:
    first, _ = take(store, "p1", bad("7"), bad("8"))
    second, _ = take(store, "p2", bad("7", state="b"), at=LATER)
    assert store.write(lambda tx: tx.inbox.reopen([first, second])) == 2
    assert store.write(lambda tx: tx.inbox.park(first, [bad("7"), bad("8")], now=LATER)) == Parking(new=0, here=1)
    assert waits(store) == [(first, "8", NOW), (second, "7", LATER)]
    assert store.write(lambda tx: tx.inbox.unpark(first, {"7"})) == 0, "only its older state can be read"
    assert store.write(lambda tx: tx.inbox.unpark(second, {"7", "8"})) == 2


def test_what_can_be_read_or_is_gone_waits_no_longer(store: Store) -> None:
    take(store, "p1", bad("7"), bad("8"), bad("9"), bad(""))
    store.write(lambda tx: tx.inbox.keep([delivery("p2", **LIST), delivery("p3", stream="jobs")]))  # type: ignore[arg-type]
    with store.reading() as tx:
        page, jobs = (kept.row for kept in tx.inbox.waiting(9))
    assert store.write(lambda tx: tx.inbox.unpark(jobs, {"7"})) == 0, "another stream's 7"
    assert store.write(lambda tx: tx.inbox.unpark(jobs, (), [Ref("hospital", "candidate", "8")])) == 1
    assert store.write(lambda tx: tx.inbox.unpark(page, {"7", "1"})) == 1
    assert [item for _, item, _ in waits(store)] == ["9", ""]


def test_what_a_walk_over_everything_did_not_meet_again_is_over(store: Store) -> None:
    take(store, "pull:1", bad("7"), bad("8"))
    take(store, "walk:2:candidates:0", bad("8"))
    take(store, "walk:2:candidates:1")
    assert store.write(lambda tx: tx.inbox.unpark_older("hospital", "candidates", "walk:3:candidates:")) == 0
    assert store.write(lambda tx: tx.inbox.unpark_older("hospital", "candidates", "walk:2:candidates:")) == 1
    with store.reading() as tx:
        assert [it.item for it in tx.inbox.parked()] == ["8"]
        assert tx.inbox.any_parked("hospital", "candidates")
        assert not tx.inbox.any_parked("hospital", "jobs")


def test_a_page_outlives_the_older_of_what_is_parked_of_it(store: Store) -> None:
    take(store, "p1", bad("7"))
    page, _ = take(store, "p2", bad("7"), bad("8"), at=LATER)
    assert store.write(lambda tx: tx.inbox.forget_parked(LATER)) == 0
    assert waits(store) == [(page, "8", LATER)]
    assert store.write(lambda tx: tx.inbox.forget_parked(LATER + timedelta(seconds=1))) == 1
    with store.reading() as tx:
        assert tx.inbox.counts() == {"read": 1, "expired": 1}
    assert store.write(lambda tx: tx.inbox.forget_parked(LATER + timedelta(days=1))) == 0


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
    store.write(lambda tx: tx.inbox.refuse(wanted, why="no", due_at=NOW + timedelta(hours=1)))
    with store.reading() as tx:
        assert wanted[0] not in tx.inbox.hints("hospital", now=late, limit=9)
        assert tx.inbox.hints_waiting() == {"hospital": 3, "factory": 1}
        (refused,) = tx.inbox.refused()
        assert (refused.ref, refused.refusals, refused.refused) == (wanted[0].ref, 1, "no")
        assert refused.due_at == NOW + timedelta(hours=1)


def test_evidence_is_asked_for_once_a_version(store: Store) -> None:
    asked = [store.write(lambda tx, v=version: tx.inbox.want("hospital", "7", v)) for version in ("1", "1", "2", "2")]  # type: ignore[misc]
    assert asked == [True, False, True, False]


def test_what_was_heard_at_the_door_is_kept_by_kind_and_the_latest_stays(store: Store) -> None:
    def hear(tx: Tx) -> None:
        tx.inbox.heard("hospital", "hired", at=NOW)
        tx.inbox.heard("hospital", "hired", at=NOW - timedelta(days=1))
        tx.inbox.heard("hospital", "", at=NOW - timedelta(days=2))
        tx.inbox.heard("software", "hired", at=NOW + timedelta(days=1))

    store.write(hear)
    with store.reading() as tx:
        assert tx.inbox.hearings("hospital") == {"hired": NOW, "": NOW - timedelta(days=2)}
        assert tx.inbox.hearings("nobody") == {}
