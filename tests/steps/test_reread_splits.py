"""One id that a platform refuses keeps no other waiting: it alone is put off, with what the platform said."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar

import httpx
import msgspec
import pytest

from adapters.greenhouse.adapter import Greenhouse
from adapters.greenhouse.sandbox import GreenhouseSandbox
from adapters.lever.adapter import Lever
from adapters.lever.sandbox import LeverSandbox
from connector import sync
from connector.accounts import Account
from connector.adapter import Connection, Declaration
from connector.client import BasicKey, Client, Limits, Pace, TokenAuth
from connector.errors import Refused, Retry
from connector.flow import Delivery, Hint, Page, Reading
from connector.model import AnyRecord, Candidate, Ref
from connector.sandbox import running
from connector.settings import AccountSettings
from connector.world import world

if TYPE_CHECKING:
    from tests.conftest import Home

FREE = Limits(calls=0, per=timedelta(seconds=1), in_flight=4)


class Fetched:
    """Gives any candidate but the bad ones, 50 a call, and refuses a call that asks for one of those."""

    declaration: ClassVar[Declaration] = Declaration(
        platform="fetched", base_url="", auth=BasicKey(), limits=FREE, secrets={}, fetches={"candidate": 50}
    )

    def __init__(self, *bad: str) -> None:
        self.bad = frozenset(bad)
        self.down: frozenset[str] = frozenset()
        self.asked: list[Sequence[str]] = []

    def read(self, delivery: Delivery) -> Reading:
        return Reading(records=tuple(msgspec.json.decode(delivery.body, type=list[AnyRecord])))

    def fetch(self, kind: str, ids: Sequence[str]) -> Iterator[tuple[str, Page]]:
        self.asked.append(ids)
        if not self.bad.isdisjoint(ids):
            raise Refused("/candidates: ids is invalid", status=422)
        if not self.down.isdisjoint(ids):
            raise Retry("/candidates: reset")
        found = [Candidate(ref=Ref("ats", kind, it)) for it in ids]
        yield "candidates", Page(body=msgspec.json.encode(found), count=len(found))


def account(adapter: Fetched | Greenhouse | Lever) -> Account:
    settings = AccountSettings(name="ats", platform=adapter.declaration.platform)
    return Account(name="ats", adapter=adapter, settings=settings, reachable=True)


def hint(home: Home, *ids: str) -> None:
    hints = [Hint(Ref("ats", "candidate", it), "webhook") for it in ids]
    home.store.write(lambda tx: tx.inbox.hint(hints, due_at=home.now))


def waiting(home: Home) -> dict[str, tuple[int, str, timedelta]]:
    with home.store.reading() as tx:
        found = tx.inbox.refused()
    return {it.ref.id: (it.refusals, it.refused, it.due_at - home.now) for it in found if it.due_at}


def left(home: Home) -> int:
    with home.store.reading() as tx:
        return sum(tx.inbox.hints_waiting().values())


IDS = tuple(str(number) for number in range(100, 150))


@pytest.mark.parametrize("place", [0, 17, 49])
def test_the_bad_one_is_found_wherever_it_stands(home: Home, place: int) -> None:
    adapter = Fetched(IDS[place])
    hint(home, *IDS)
    counts = sync.reread(home.store, account(adapter), now=home.now)
    assert (counts["reread"], counts["refused"]) == (49, 1)
    assert len(adapter.asked) <= 14
    assert waiting(home) == {IDS[place]: (1, "/candidates: ids is invalid", timedelta(minutes=5))}
    home.settle()
    assert len(home.rows("select 1 from records")) == 49


def test_it_is_asked_for_again_later_and_later(home: Home) -> None:
    adapter, waits = Fetched("7"), []
    hint(home, "7")
    for _ in range(8):
        sync.reread(home.store, account(adapter), now=home.now)
        assert not sync.reread(home.store, account(adapter), now=home.now)
        waits.append(waiting(home)["7"][2])
        home.now += waits[-1]
    minutes = [5, 20, 80, 320, 1280, 1440, 1440, 1440]
    assert waits == [timedelta(minutes=it) for it in minutes]
    adapter.bad = frozenset()
    assert sync.reread(home.store, account(adapter), now=home.now)["reread"] == 1
    assert (waiting(home), left(home)) == ({}, 0)


def test_a_new_word_of_it_has_it_asked_for_at_once(home: Home) -> None:
    adapter = Fetched("7")
    hint(home, "7")
    sync.reread(home.store, account(adapter), now=home.now)
    hint(home, "7")
    assert sync.reread(home.store, account(adapter), now=home.now)["refused"] == 1
    assert waiting(home)["7"][0] == 2


def test_where_all_is_refused_it_is_not_asked_one_by_one(home: Home) -> None:
    adapter = Fetched(*IDS)
    hint(home, *IDS)
    counts = sync.reread(home.store, account(adapter), now=home.now)
    assert counts["refused"] == 50
    assert len(adapter.asked) <= 14
    assert not sync.reread(home.store, account(adapter), now=home.now)
    assert len(waiting(home)) == 50


def test_what_was_got_before_the_platform_broke_off_is_kept(home: Home) -> None:
    adapter = Fetched(IDS[0])
    adapter.down = frozenset(IDS[-1:])
    hint(home, *IDS)
    with pytest.raises(Retry):
        sync.reread(home.store, account(adapter), now=home.now)
    home.settle()
    read = len(home.rows("select 1 from records"))
    assert 20 <= read < 49
    assert left(home) == 50 - read


# over HTTP, at the platforms' own bounds


@pytest.fixture
def hospital() -> Iterator[tuple[Greenhouse, list[str]]]:
    box = GreenhouseSandbox(limited=False)
    box.seed(world(120, now=box.harness.clock.now()))
    with running(box) as served:
        signing = (f"{served.base_url}/token", box.secrets["client_id"], box.secrets["client_secret"], None)
        with httpx.Client(auth=TokenAuth(*signing, introspects=True)) as http:
            client = Client(http, base_url=f"{served.base_url}/v3", pace=Pace(FREE), sleep=lambda _: None)
            adapter = Greenhouse(Connection(account="ats", client=client, options=box.options))
            listed = http.get(f"{served.base_url}/v3/candidates?per_page=60&fields=id").json()
            yield adapter, [str(row["id"]) for row in listed]


def test_greenhouse_refuses_fifty_for_one_odd_id_and_gives_the_others(
    home: Home, hospital: tuple[Greenhouse, list[str]]
) -> None:
    adapter, ids = hospital
    assert len(ids) >= 49
    hint(home, *ids[:25], "not-a-number", *ids[25:49])
    counts = sync.reread(home.store, account(adapter), now=home.now)
    assert (counts["reread"], counts["refused"]) == (49, 1)
    assert list(waiting(home)) == ["not-a-number"]
    assert left(home) == 1


@pytest.fixture
def software() -> Iterator[tuple[Lever, list[str], Callable[[str], None]]]:
    box = LeverSandbox(limited=False)
    box.seed(world(60, now=box.harness.clock.now()))
    with running(box) as served, httpx.Client(auth=httpx.BasicAuth(box.secrets["api_key"], "")) as http:
        client = Client(http, base_url=served.base_url, pace=Pace(FREE), sleep=lambda _: None)
        adapter = Lever(Connection(account="ats", client=client, options=box.options))
        listed = http.get(f"{served.base_url}/opportunities?limit=20").json()["data"]

        def refuse(id_: str) -> None:
            told = {"case": "refuse", "times": 20, "where": f"/opportunities/{id_}"}
            http.post(f"{served.base_url}/_sandbox/switch", json=told).raise_for_status()

        yield adapter, [row["id"] for row in listed], refuse


def test_lever_refuses_one_opportunity_and_gives_the_others(
    home: Home, software: tuple[Lever, list[str], Callable[[str], None]]
) -> None:
    adapter, ids, refuse = software
    refuse(ids[3])
    hint(home, *ids)
    counts = sync.reread(home.store, account(adapter), now=home.now)
    assert (counts["reread"], counts["refused"]) == (len(ids) - 1, 1)
    assert list(waiting(home)) == [ids[3]]
