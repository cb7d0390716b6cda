"""Work shares commits and nothing else: an error undoes its own work only, and nobody is told of what is not on disk."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector.errors import KeepwarmError
from connector.flow import Delivery
from connector.store.protocol import Store, Tx

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
FEW = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def keep(id: str) -> Callable[[Tx], int]:
    return lambda tx: tx.inbox.keep([Delivery(account="a", body=b"", received_at=NOW, id=id)])


def failing(id: str) -> Callable[[Tx], int]:
    def work(tx: Tx) -> int:
        keep(id)(tx)
        raise ZeroDivisionError(id)

    return work


def kept(store: Store) -> set[str]:
    with store.reading() as tx:
        return {it.delivery.id for it in tx.inbox.waiting(10_000)}


class Together:
    """Holds the writer until everything is handed over, so that it shares one commit."""

    def __init__(self, store: Store) -> None:
        self._begun, self._go = threading.Event(), threading.Event()
        self._held = store.submit(self._hold)
        assert self._begun.wait(20)

    def _hold(self, _: Tx) -> bool:
        self._begun.set()
        return self._go.wait(20)

    def go(self) -> None:
        self._go.set()
        assert self._held.result(timeout=20)


@FEW
@given(st.lists(st.booleans(), max_size=100))
def test_an_error_undoes_its_own_work_and_no_one_elses(store: Store, fine: list[bool]) -> None:
    before = len(kept(store))
    together = Together(store)
    works = [(keep if good else failing)(f"{before}-{place}") for place, good in enumerate(fine)]
    futures = [store.submit(work) for work in works]
    together.go()
    for good, future in zip(fine, futures, strict=True):
        assert isinstance(future.exception(timeout=20), type(None) if good else ZeroDivisionError)
    assert len(kept(store)) == before + sum(fine)


def test_a_result_comes_back_and_work_sees_what_was_written_before_it(store: Store) -> None:
    together = Together(store)
    first, second = store.submit(keep("a")), store.submit(keep("a"))
    together.go()
    assert (first.result(20), second.result(20)) == (1, 0)
    assert store.write(lambda tx: tx.inbox.counts()) == {"new": 1}


def test_many_threads_write_at_once_and_nothing_is_lost(store: Store) -> None:
    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(lambda number: store.write(keep(str(number))), range(300))) == 300
    assert len(kept(store)) == 300


def test_a_reader_sees_one_moment_however_long_it_looks(store: Store) -> None:
    store.write(keep("a"))
    with store.reading() as tx:
        assert tx.inbox.counts() == {"new": 1}
        with ThreadPoolExecutor(1) as pool:
            pool.submit(store.write, keep("b")).result(20)
            assert pool.submit(kept, store).result(20) == {"a", "b"}
        assert tx.inbox.counts() == {"new": 1}
        with store.reading() as same:
            assert same.inbox.counts() == {"new": 1}, "nested: the same moment"
        assert tx.inbox.counts() == {"new": 1}
    assert kept(store) == {"a", "b"}


def test_a_reader_never_sees_half_of_a_piece_of_work(store: Store) -> None:
    seen: set[int] = set()
    done = threading.Event()

    def look() -> None:
        while not done.is_set():
            seen.add(len(kept(store)) % 10)

    def ten(number: int) -> Callable[[Tx], list[int]]:
        return lambda tx: [keep(f"{number}-{place}")(tx) for place in range(10)]

    with ThreadPoolExecutor(2) as pool:
        looking = pool.submit(look)
        for number in range(60):
            store.write(ten(number))
        done.set()
        looking.result(20)
    assert seen == {0}


def test_a_reader_cannot_write(store: Store) -> None:
    with store.reading() as tx, pytest.raises(Exception, match=r"readonly|read-only"):
        keep("a")(tx)
    assert kept(store) == set()
    assert store.write(keep("a")) == 1


def test_work_that_was_called_off_before_it_began_is_not_done_and_stops_no_one(store: Store) -> None:
    together = Together(store)
    called_off, after = store.submit(keep("a")), store.submit(keep("b"))
    assert called_off.cancel()
    together.go()
    assert after.result(20) == 1
    assert kept(store) == {"b"}


def test_a_closed_store_finishes_what_it_has_and_refuses_the_rest_at_once(reopened: Callable[[], Store]) -> None:
    store = reopened()
    together = Together(store)
    before = [store.submit(keep(str(number))) for number in range(200)]
    closing = threading.Thread(target=store.close)
    closing.start()
    together.go()
    closing.join(timeout=20)
    assert [future.result(20) for future in before] == [1] * 200
    with pytest.raises(KeepwarmError, match="closed"):
        store.submit(keep("late")).result(20)
    store.close()
    again = reopened()
    try:
        assert len(kept(again)) == 200
    finally:
        again.close()


def test_what_was_written_is_there_when_it_is_opened_again(reopened: Callable[[], Store]) -> None:
    for number in range(3):
        store = reopened()
        assert store.write(keep(str(number))) == 1
        assert len(kept(store)) == number + 1
        store.close()
