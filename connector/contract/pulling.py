"""Promise 6: `pull` and `fetch` send the recorded requests in order, reach the last page, and stop."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import httpx
import msgspec

from connector.adapter import Fetches, Pulls
from connector.contract.canon import sound
from connector.contract.fixtures import Exchange, Fetched, Fixture, Pulled
from connector.contract.folder import ACCOUNT
from connector.contract.wanted import same
from connector.contract.wire import connect, replay
from connector.flow import GONE, Delivery, Page, Reading
from connector.model import AnyRecord, Gone, Ref


def pulled_pages(pulled: Pulled) -> list[Page]:
    """All pages, each asked for by a new adapter, as after a restart."""
    pages: list[Page] = []
    cursor: str | None = None
    recorded = pulled.pages
    assert recorded, f"{pulled}: no 1.json"
    for number, exchanges in enumerate(recorded, start=1):
        adapter, player = replay(pulled, exchanges)
        assert isinstance(adapter, Pulls), "a pull fixture, and the adapter does not pull"
        page = adapter.pull(pulled.name, pulled.window, cursor)
        assert not player.rest(), f"page {number}: fewer requests than recorded"
        last = number == len(recorded)
        assert last or page.cursor is not None, f"it stopped after page {number} of {len(recorded)}"
        assert not last or page.cursor is None, f"it did not stop after the last page; the cursor is {page.cursor!r}"
        if len(exchanges) == 1:
            assert page.body == exchanges[0].response.content, f"page {number}: not the platform's own bytes"
        pages.append(page)
        cursor = page.cursor
    return pages


def fetched_pages(fetched: Fetched) -> list[tuple[str, Page]]:
    adapter, player = replay(fetched, fetched.exchanges)
    assert isinstance(adapter, Fetches), "a fetch fixture, and the adapter does not fetch"
    found = list(adapter.fetch(fetched.name, fetched.ids))
    assert not player.rest(), "fewer requests than recorded"
    return found


def a_pull_walks_to_the_last_page(pulled: Pulled) -> None:
    records: list[AnyRecord] = []
    for page in pulled_pages(pulled):
        records += _read(pulled, pulled.name, page).records
    same(records, pulled.expected, "record")
    declared = {stream.name: stream.kinds for stream in pulled.folder.declaration.streams}
    for record in records:
        kinds = declared.get(pulled.name, ())
        assert record.ref.kind in kinds, f"a {record.ref.kind} in the stream {pulled.name}, which declares {kinds}"


def a_fetch_gives_the_current_truth(fetched: Fetched) -> None:
    """Ids that are gone come as Gone, whether `expected.json` lists them or not."""
    records: list[AnyRecord] = []
    most = fetched.folder.declaration.fetches.get(fetched.name, 0)
    assert len(fetched.ids) <= most, f"{len(fetched.ids)} ids in one call, declared are {most}"
    for stream, page in fetched_pages(fetched):
        records += _gone(page) if stream == GONE else _read(fetched, stream, page).records
    expected = fetched.expected
    unlisted = [record for record in records if isinstance(record, Gone) and record not in expected]
    same([record for record in records if record not in unlisted], expected, "record")
    assert all(gone.ref.id in fetched.ids for gone in unlisted), "something is gone that nobody asked for"
    found = {record.ref.id for record in records if record.ref.kind == fetched.name}
    # evidence is asked for by the application's id, so its records have other ids than those asked for
    per_application = fetched.name in fetched.folder.declaration.evidence
    silent = [] if per_application else [each for each in fetched.ids if each not in found]
    assert not found or not silent, f"neither read nor gone: {silent}"


def an_empty_page_is_no_end_and_no_loop(pulled: Pulled) -> None:
    """A first page without items: nothing is read, and the walk ends or goes on from somewhere else."""
    pages = pulled.pages
    for exchange, is_last in ((pages[0][-1], len(pages) == 1), (pages[-1][-1], True)):
        adapter, _ = connect(pulled.folder, _Emptied(exchange), pulled.given)
        assert isinstance(adapter, Pulls), "a pull fixture, and the adapter does not pull"
        cursor: str | None = None
        for _ in range(3):
            page = adapter.pull(pulled.name, pulled.window, cursor)
            reading = _read(pulled, pulled.name, page)
            assert not reading.records, "records out of an empty page"
            assert not reading.spoiled, "something spoiled in an empty page"
            if page.cursor is None:
                break
            cursor = page.cursor
        assert not is_last or page.cursor is None, "an empty last page has a cursor, so the walk would never end"


class _Emptied:
    """Answers every request with one recorded answer, its lists emptied."""

    def __init__(self, exchange: Exchange) -> None:
        self._answer = exchange.response
        self._body = msgspec.json.encode(emptied(msgspec.json.decode(exchange.response.content or b"null")))

    def __call__(self, request: httpx.Request) -> httpx.Response:
        return httpx.Response(self._answer.status, headers=dict(self._answer.headers), content=self._body)


def emptied(body: Any) -> Any:
    if isinstance(body, list):
        return []
    if isinstance(body, dict):
        counts = {"total_items", "total"}
        return {key: [] if isinstance(value, list) else 0 if key in counts else value for key, value in body.items()}
    return body


def _read(fixture: Fixture, stream: str, page: Page) -> Reading:
    adapter, _ = replay(fixture, ())
    reading = adapter.read(Delivery(account=ACCOUNT, stream=stream, body=page.body, received_at=_RECEIVED))
    sound(reading)
    return reading


def _gone(page: Page) -> list[AnyRecord]:
    said = msgspec.json.decode(page.body)
    return [Gone(ref=Ref(ACCOUNT, said["kind"], each)) for each in said["ids"]]


_RECEIVED = datetime.fromisoformat("2026-11-23T09:00:00+00:00")
