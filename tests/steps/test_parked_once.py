"""An item that cannot be read waits once, however often it is listed, and leaves as soon as it is understood or gone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec
import pytest

from connector import inbox, scheduler
from connector.accounts import Account
from connector.adapter import Declaration
from connector.client import BasicKey, Limits
from connector.errors import CursorExpired
from connector.flow import Delivery, Page, Reading, Stream, Window, gone_page
from connector.model import AnyRecord, Candidate, Ref
from connector.raw import Raw, each
from connector.settings import AccountSettings

if TYPE_CHECKING:
    from tests.conftest import Home

PEOPLE = Stream(
    name="people", kinds=("candidate",), overlap=timedelta(hours=1), every=timedelta(minutes=10), complete=True
)


class Listing:
    """A platform of rows {id, name, at}, all of them on each page; a name that is no text cannot be read."""

    declaration: ClassVar[Declaration] = Declaration(
        platform="listing", base_url="", auth=BasicKey(), limits=Limits(calls=1, per=timedelta(seconds=1), burst=1),
        secrets={}, streams=(PEOPLE,), fetches={"candidate": 50},
    )  # fmt: skip

    def __init__(self) -> None:
        self.rows: dict[str, Any] = {}
        #: Names that a mended version of this adapter understands.
        self.known: dict[Any, str] = {}
        self.fetched: list[str] = []
        self.expire = False

    def read(self, delivery: Delivery) -> Reading:
        found, spoiled = each(Raw.parse(delivery.body).items(), self.candidate, again=self.again)
        return Reading(records=tuple(found), spoiled=tuple(spoiled))

    def candidate(self, raw: Raw) -> Iterable[AnyRecord]:
        value = raw["name"].value
        name = self.known[value] if isinstance(value, int) and value in self.known else raw["name"].text()
        yield Candidate(ref=self.again(raw), updated_at=raw["at"].instant(), first_name=name)

    def again(self, raw: Raw) -> Ref:
        return Ref("ats", "candidate", raw["id"].id())

    def pull(self, stream: str, window: Window, cursor: str | None) -> Page:
        if cursor and self.expire:
            self.expire = False
            raise CursorExpired("too old")
        rows = list(self.rows.values())
        some = rows[:1] if cursor is None and len(rows) > 1 else rows[1:] or rows
        more = "rest" if cursor is None and len(rows) > 1 else None
        return Page(body=msgspec.json.encode(some), count=len(some), cursor=more)

    def fetch(self, kind: str, ids: Sequence[str]) -> Iterator[tuple[str, Page]]:
        self.fetched += ids
        held = [self.rows[id] for id in ids if id in self.rows]
        yield "people", Page(body=msgspec.json.encode(held), count=len(held))
        if lost := [id for id in ids if id not in self.rows]:
            yield gone_page(kind, lost)


class Place:
    def __init__(self, home: Home) -> None:
        self.home, self.adapter = home, Listing()
        settings = AccountSettings(name="ats", platform="listing")
        made: Any = home.house.accounts
        made._accounts["ats"] = Account(name="ats", adapter=self.adapter, settings=settings, reachable=True)
        self.put("1", "Sam")
        self.put("2", "Kim")

    def put(self, id: str, name: object) -> None:
        self.adapter.rows[id] = {"id": id, "name": name, "at": self.home.now.isoformat()}

    def pull(self, *, full: bool = False, later: timedelta = timedelta(minutes=11)) -> None:
        self.home.now += later
        scheduler.drain(self.home.house, accounts=["ats"], full=full)

    def waiting(self) -> list[tuple[str, bool]]:
        """Items, and whether they have waited since before this pull."""
        with self.home.store.reading() as tx:
            return [(it.item, it.parked_at < self.home.now) for it in tx.inbox.parked()]

    def names(self) -> dict[str, Any]:
        with self.home.store.reading() as tx:
            found = tx.records.get_many("ats", "candidate", list(self.adapter.rows))
        return {id: getattr(it, "first_name", None) for id, it in found.items()}


@pytest.fixture
def place(home: Home) -> Place:
    return Place(home)


def test_the_same_unreadable_row_is_parked_once_however_often_it_is_listed(place: Place) -> None:
    place.put("1", 7)
    place.pull()
    assert place.waiting() == [("1", False)]
    for _ in range(3):
        place.pull()
        assert place.waiting() == [("1", True)]
    assert len(place.home.rows("select 1 from deliveries where body is not null")) == 1
    assert place.names() == {"2": "Kim"}


def test_a_row_that_changed_and_is_still_unreadable_takes_the_older_ones_place(place: Place) -> None:
    place.put("1", 7)
    place.pull()
    place.put("1", 8)
    place.pull()
    assert place.waiting() == [("1", False)]


def test_a_row_that_became_readable_waits_no_longer(place: Place) -> None:
    place.put("1", 7)
    place.pull()
    place.put("1", "Samuel")
    place.pull()
    assert place.waiting() == []
    assert place.names() == {"1": "Samuel", "2": "Kim"}
    assert place.home.rows("select 1 from deliveries where state = 'parked'") == []


def test_a_row_that_is_listed_no_more_waits_no_longer_and_nobody_is_taken_away_for_being_unreadable(
    place: Place,
) -> None:
    place.pull()
    place.put("1", 7)
    place.pull(full=True)
    place.pull(full=True)
    assert place.waiting() == [("1", True)]
    assert place.names() == {"1": "Sam", "2": "Kim"}, "listed, though unreadable"
    del place.adapter.rows["1"]
    place.pull(full=True)
    assert place.waiting() == []
    with place.home.store.reading() as tx:
        assert tx.records.count("ats", ["candidate"]) == 1


def test_replay_reads_the_old_page_with_the_mended_adapter_and_asks_for_the_row_as_it_is_now(place: Place) -> None:
    place.put("1", 7)
    place.pull()
    place.put("1", 8)  # meanwhile, and not pulled yet
    place.adapter.known = {7: "Seven"}
    told = inbox.replay(place.home.store, place.home.house.accounts, None, now=place.home.now)
    assert told == {"again": 1, "asked": 1}
    scheduler.drain(place.home.house, pull=False)
    assert place.adapter.fetched == ["1"]
    assert place.names()["1"] == "Seven"
    assert place.waiting() == [("1", False)], "what it is now still cannot be read"
    place.adapter.known = {7: "Seven", 8: "Eight"}
    [row] = (it["delivery"] for it in place.home.rows("select delivery from parked"))
    assert inbox.replay(place.home.store, place.home.house.accounts, row, now=place.home.now)["again"] == 1
    scheduler.drain(place.home.house, pull=False)
    assert place.waiting() == []
    assert place.names()["1"] == "Eight"


def test_replay_of_another_delivery_leaves_this_one_and_one_that_is_gone_is_given_up(place: Place) -> None:
    place.put("1", 7)
    place.pull()
    assert inbox.replay(place.home.store, place.home.house.accounts, 99, now=place.home.now)["again"] == 0
    del place.adapter.rows["1"]
    inbox.replay(place.home.store, place.home.house.accounts, None, now=place.home.now)
    scheduler.drain(place.home.house, pull=False)
    assert place.waiting() == []


def test_a_whole_body_that_cannot_be_read_is_parked_once_too(place: Place) -> None:
    def deliver(id: str, body: bytes) -> None:
        delivery = Delivery(account="ats", stream="people", id=id, body=body, received_at=place.home.now)
        place.home.store.write(lambda tx: tx.inbox.keep([delivery]))
        place.home.settle()

    for id in ("one", "two"):
        deliver(id, b"{")
    assert place.waiting() == [("", False)]
    deliver("three", b"[")
    assert len(place.waiting()) == 2


def test_a_walk_that_begins_again_keeps_all_its_pages(place: Place) -> None:
    place.pull(full=True)
    it = scheduler.Lane(place.home.house, place.home.house.accounts["ats"])
    place.home.now += timedelta(days=8)
    it.step()  # the first of two pages
    place.adapter.expire = True
    place.put("1", "Samantha")
    it.walk(full=False)
    it.release()
    place.home.settle()
    assert place.names() == {"1": "Samantha", "2": "Kim"}, "the first page of the new walk is not taken for a repeat"
