"""Pulling page by page: it goes on where it was killed, and a window is only behind us once it was walked to its end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec
import pytest

from connector import scheduler, sync
from connector.accounts import Account
from connector.adapter import Declaration
from connector.client import BasicKey, Limits
from connector.errors import CursorExpired, KeepwarmError, Retry, Unauthorized
from connector.flow import Delivery, Page, Reading, Stream, Window
from connector.model import AnyRecord, Candidate
from connector.settings import AccountSettings

if TYPE_CHECKING:
    from tests.conftest import Cast, Home

PEOPLE = Stream(name="people", kinds=("candidate",), overlap=timedelta(minutes=5), complete=True)
NEWS = Stream(name="news", kinds=("touch",), overlap=timedelta(minutes=5), every=timedelta(minutes=10))


class Pulled:
    """Pages of what it has, two records a page."""

    declaration: ClassVar[Declaration] = Declaration(
        platform="pulled", base_url="", auth=BasicKey(), limits=Limits(calls=1, per=timedelta(seconds=1), burst=1),
        secrets={}, streams=(PEOPLE, NEWS),
    )  # fmt: skip

    def __init__(self) -> None:
        self.people: list[Candidate] = []
        self.asked: list[tuple[str, Window, str | None]] = []
        self.fail: Callable[[str, str | None], KeepwarmError | None] = lambda stream, cursor: None

    def read(self, delivery: Delivery) -> Reading:
        return Reading(records=tuple(msgspec.json.decode(delivery.body, type=list[AnyRecord])))

    def pull(self, stream: str, window: Window, cursor: str | None) -> Page:
        self.asked.append((stream, window, cursor))
        if error := self.fail(stream, cursor):
            raise error
        start = int(cursor or 0)
        rows = self.people if stream == "people" else []
        some, more = rows[start : start + 2], len(rows) > start + 2
        return Page(body=msgspec.json.encode(some), count=len(some), cursor=str(start + 2) if more else None)


@pytest.fixture
def source(home: Home) -> tuple[Home, Pulled, Account]:
    adapter = Pulled()
    settings = AccountSettings(name="ats", platform="pulled")
    account = Account(name="ats", adapter=adapter, settings=settings, reachable=True)
    made: Any = home.house.accounts
    made._accounts["ats"] = account
    return home, adapter, account


Source = tuple["Home", Pulled, Account]


def lane(home: Home, account: Account) -> scheduler.Lane:
    return scheduler.Lane(home.house, account)


def mark(home: Home, stream: str) -> Any:
    with home.store.reading() as tx:
        return tx.schedule.mark("ats", stream)


def walk(home: Home, account: Account) -> None:
    it = lane(home, account)
    while it.step():
        pass
    it.release()


def test_a_walk_goes_on_at_the_page_where_it_was_killed_and_moves_the_mark_at_its_end(
    source: Source, cast: Cast
) -> None:
    home, adapter, account = source
    adapter.people = [cast.candidate(str(n), f"{n}@example.org") for n in range(7)]
    begun = home.now
    it = lane(home, account)
    for _ in range(2):
        it.step()
    assert mark(home, "people").until is None
    assert mark(home, "people").walk.cursor == "4"
    home.now += timedelta(minutes=3)
    walk(home, account)  # another holder, as after a kill
    assert [cursor for name, _, cursor in adapter.asked if name == "people"] == [None, "2", "4", "6"]
    assert mark(home, "people").until == begun
    home.settle()
    assert len(home.rows("select 1 from candidates")) == 7


def test_a_page_that_was_not_answered_is_asked_for_again_and_the_mark_stays(source: Source, cast: Cast) -> None:
    home, adapter, account = source
    adapter.people = [cast.candidate(str(n)) for n in range(4)]
    broken = [Retry("reset"), None, Retry("reset")]
    adapter.fail = lambda stream, cursor: broken.pop(0) if broken and stream == "people" else None
    walk(home, account)
    assert mark(home, "people").until is None
    for _ in range(4):
        home.now += timedelta(minutes=1)
        walk(home, account)
    assert [cursor for name, _, cursor in adapter.asked if name == "people"] == [None, None, "2", "2"]
    assert mark(home, "people").until is not None


def test_the_next_window_begins_before_the_last_ones_end(source: Source) -> None:
    home, adapter, account = source
    first = home.now
    walk(home, account)
    home.now += timedelta(minutes=11)
    walk(home, account)
    windows = [window for name, window, _ in adapter.asked if name == "news"]
    assert windows == [
        Window(since=None, until=first),
        Window(since=first - NEWS.overlap, until=home.now),
    ]
    home.now += timedelta(minutes=1)
    walk(home, account)
    assert len([1 for name, _, _ in adapter.asked if name == "news"]) == 2


def test_a_cursor_that_expired_starts_the_same_window_again(source: Source, cast: Cast) -> None:
    home, adapter, account = source
    adapter.people = [cast.candidate(str(n)) for n in range(5)]
    begun, expired = home.now, [CursorExpired()]
    adapter.fail = lambda stream, cursor: expired.pop() if cursor == "2" and expired else None
    home.now += timedelta(minutes=1)
    begun = home.now
    walk(home, account)
    people = [(window.until, cursor) for name, window, cursor in adapter.asked if name == "people"]
    assert people == [(begun, None), (begun, "2"), (begun, None), (begun, "2"), (begun, "4")]
    home.settle()
    assert len(home.rows("select 1 from candidates")) == 5


def again_in_full(home: Home, account: Account) -> None:
    home.now += account.declaration.reconcile + timedelta(minutes=1)
    walk(home, account)
    home.settle()


def held(home: Home) -> int:
    return len(home.rows("select 1 from records where kind = 'candidate' and gone = 0"))


def test_what_a_complete_walk_no_longer_lists_is_gone(source: Source, cast: Cast) -> None:
    home, adapter, account = source
    adapter.people = [cast.candidate(str(n), f"{n}@example.org") for n in range(60)]
    walk(home, account)
    home.settle()
    adapter.people = adapter.people[20:]
    again_in_full(home, account)
    assert held(home) == 40
    assert len(home.rows("select 1 from people")) == 40


def test_a_complete_walk_that_lost_far_too_many_takes_nobody_away(source: Source, cast: Cast) -> None:
    home, adapter, account = source
    adapter.people = [cast.candidate(str(n), f"{n}@example.org") for n in range(60)]
    walk(home, account)
    home.settle()
    adapter.people = adapter.people[:20]
    again_in_full(home, account)
    assert held(home) == 60


def test_a_stream_that_is_refused_waits_and_the_others_go_on(source: Source, cast: Cast) -> None:
    home, adapter, account = source
    refused = [Unauthorized("no", scope="people:read")]
    adapter.fail = lambda stream, cursor: refused[0] if stream == "people" and refused else None
    walk(home, account)
    assert mark(home, "news").until is not None
    assert home.rows("select scope from pauses") == [{"scope": "people"}]
    refused.clear()
    it = lane(home, account)
    home.now += scheduler.REFUSED + timedelta(seconds=1)
    while it.step():
        pass
    assert mark(home, "people").until is not None


def test_only_one_holder_calls_an_account_and_a_dead_ones_lane_is_free_at_once(source: Source) -> None:
    home, adapter, account = source
    first, second = lane(home, account), lane(home, account)
    assert first.hold()
    assert not second.hold()
    assert not second.step()
    assert adapter.asked == []
    home.now += scheduler.LEASE * 2
    assert second.hold()
    # a process that opens the database has its lock, so whoever held a lane before is dead
    home.restart()
    assert lane(home, account).hold()


def test_a_list_that_tells_what_nothing_else_does_is_walked_whole_more_often(source: Source) -> None:
    home, adapter, account = source
    walk(home, account)
    often = replace(PEOPLE, reconcile=timedelta(days=1))
    for days, stream, since in ((1, PEOPLE, True), (1, often, False), (7, PEOPLE, False)):
        home.now += timedelta(days=days)
        sync.step(home.store, account, stream, now=home.now, run=1)
        sync.reconcile(home.store, account, stream, now=home.now)
        assert (adapter.asked[-1][1].since is not None) is since


def test_sync_needs_something_to_pull_from(home: Home) -> None:
    account = home.house.accounts["ats"]
    with pytest.raises(KeepwarmError, match="cannot be pulled"):
        sync.step(home.store, account, NEWS, now=home.now, run=1)
