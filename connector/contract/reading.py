"""Promises 2 to 5: `read` says what was expected, survives any spoiled field, and maps a thing the same way everywhere."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from connector.adapter import Adapter
from connector.contract.canon import canonical, sound
from connector.contract.fixtures import Fetched, Pulled, Said, Webhook
from connector.contract.folder import ACCOUNT, Folder
from connector.contract.pulling import fetched_pages, pulled_pages
from connector.contract.spoil import poisoned, spoiled
from connector.contract.wanted import Wanted, same
from connector.contract.wire import connect, silent
from connector.errors import Malformed
from connector.flow import GONE, Delivery, Reading
from connector.model import AnyRecord


def a_delivery_reads_as_expected(webhook: Webhook) -> None:
    adapter, _ = connect(webhook.folder, silent, webhook.given)
    delivery = webhook.delivery()
    before = copy.deepcopy(delivery)
    reading = adapter.read(delivery)
    assert adapter.read(delivery) == reading, "the same delivery reads differently the second time"
    assert delivery == before, "reading altered the delivery"
    _as_said(reading, webhook.said)
    door = adapter.declaration.door
    known = not reading.event or (door is not None and reading.event in door.events)
    assert known, f"the event {reading.event!r} is not among those that the door declares"
    sound(reading)


def _as_said(reading: Reading, said: Said) -> None:
    same(reading.records, said.records, "record")
    same([hint.ref for hint in reading.hints], [hint.ref for hint in said.hints], "hint")
    for hint, expected in zip(reading.hints, said.hints, strict=True):
        assert not expected.why or hint.why == expected.why, f"hint {hint.ref}: why {hint.why!r}, not {expected.why!r}"
    same([spoiled.path for spoiled in reading.spoiled], [spoiled.path for spoiled in said.spoiled], "spoiled path")
    assert reading.note == said.note, f"the note is {reading.note!r}, not {said.note!r}"


def a_spoiled_delivery_is_read_or_refused(webhook: Webhook) -> None:
    knock = webhook.knock
    for adapter in _readers(webhook):
        for body in spoiled(webhook.body, knock.headers):
            survives(adapter, webhook.delivery(body=body))


def _readers(webhook: Webhook) -> Iterator[Adapter]:
    """As the fixture has it, and the other way: with bodies believed, as when there are no credentials, or not."""
    given = webhook.given
    yield connect(webhook.folder, silent, given)[0]
    if not given.options.pop("payload_only", None):
        given.options["payload_only"] = "yes"
    yield connect(webhook.folder, silent, given)[0]


def survives(adapter: Adapter, delivery: Delivery) -> None:
    """Assert: sound records, or Malformed with a path from the root."""
    shown = delivery.body if len(delivery.body) <= 400 else delivery.body[:400] + b"..."
    with Wanted(Malformed, during=f"reading {shown!r}", calm=True) as refusal:
        reading = adapter.read(delivery)
        try:
            sound(reading)
        except AssertionError as error:
            raise AssertionError(f"{error}\n  when reading {shown!r}") from error
    if isinstance(refusal.error, Malformed):
        assert refusal.error.path.startswith("$"), f"Malformed without a path from the root: {refusal.error.path!r}"
        assert "@" not in str(refusal.error), "Malformed tells an address"


def a_spoiled_page_is_read_or_refused(pulled: Pulled) -> None:
    adapter, _ = connect(pulled.folder, silent, pulled.given)
    for page in pulled_pages(pulled):
        for body in spoiled(page.body):
            survives(adapter, _page_delivery(pulled.name, body))


def a_poison_item_never_blocks_its_page(pulled: Pulled) -> None:
    """What stands in an item's place is set aside as Spoiled, and the other items are read as if it were not there."""
    adapter, _ = connect(pulled.folder, silent, pulled.given)
    for page in pulled_pages(pulled):
        usual = adapter.read(_page_delivery(pulled.name, page.body)).records
        for without, bodies in poisoned(page.body):
            others = adapter.read(_page_delivery(pulled.name, without)).records
            if len(others) == len(usual):  # no list of items
                continue
            for body in bodies:
                with Wanted(during="reading a page with one bad item", calm=True):
                    reading = adapter.read(_page_delivery(pulled.name, body))
                lost = {record.ref for record in others} - {record.ref for record in reading.records}
                assert not lost, f"one bad item cost its page {sorted(lost)[0]} and {len(lost) - 1} more"
                assert reading.spoiled, f"a bad item was dropped without a word from {body[:200]!r}"


def a_spoiled_fetched_page_is_read_or_refused(fetched: Fetched) -> None:
    adapter, _ = connect(fetched.folder, silent, fetched.given)
    for stream, page in fetched_pages(fetched):
        for body in spoiled(page.body) if stream != GONE else ():
            survives(adapter, _page_delivery(stream, body))


def _page_delivery(stream: str, body: bytes) -> Delivery:
    return Delivery(account=ACCOUNT, stream=stream, body=body, received_at=_RECEIVED)


_RECEIVED = datetime.fromisoformat("2026-11-23T09:00:00+00:00")


def the_same_thing_maps_to_the_same_record(folder: Folder) -> None:
    """Pulled, fetched or received: what one body states of a thing as of one moment, another does not contradict."""
    known: dict[tuple[Any, ...], tuple[str, AnyRecord]] = {}
    for origin, record in _everything(folder):
        canonical(record)
        if record.updated_at is None:
            continue
        key = (type(record), record.ref, record.updated_at)
        where, other = known.setdefault(key, (origin, record))
        for field in record.__struct_fields__:
            ours, theirs = getattr(record, field), getattr(other, field)
            blank = not ours or not theirs
            assert blank or ours == theirs, f"{record.ref}: {field} is {ours!r} in {origin} and {theirs!r} in {where}"


def _everything(folder: Folder) -> Iterator[tuple[str, AnyRecord]]:
    for path in folder.scenarios("pull"):
        pulled = Pulled(folder, path)
        adapter, _ = connect(folder, silent, pulled.given)
        for page in pulled_pages(pulled):
            for record in adapter.read(_page_delivery(pulled.name, page.body)).records:
                yield str(pulled), record
    for path in folder.scenarios("fetch"):
        fetched = Fetched(folder, path)
        adapter, _ = connect(folder, silent, fetched.given)
        for stream, page in fetched_pages(fetched):
            if stream != GONE:
                for record in adapter.read(_page_delivery(stream, page.body)).records:
                    yield str(fetched), record
    for path in folder.scenarios("webhook"):
        webhook = Webhook(folder, path)
        adapter, _ = connect(folder, silent, webhook.given)
        for record in adapter.read(webhook.delivery()).records:
            yield str(webhook), record
