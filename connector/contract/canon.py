"""What is true of every record, whatever platform it came from."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import msgspec

from connector.contract.folder import ACCOUNT
from connector.flow import Reading
from connector.model import AnyRecord, Gone, Label, Merged, Record, Ref
from connector.raw import email

#: What an id becomes when something that is not one was turned into text.
NOT_IDS = frozenset({"", "None", "null", "True", "False", "true", "false", "[]", "{}", "nan", "ABSENT", "undefined"})
#: Records whose ref says what it is about, not what the record is.
_ABOUT_OTHERS = (Merged, Gone, Label)
_ADDRESSES = frozenset({"email", "emails", "former_email"})


def sound(reading: Reading) -> None:
    """Assert that everything a delivery said may be stored."""
    for record in reading.records:
        canonical(record)
    for hint in reading.hints:
        _ref(hint.ref, "hint")
    for spoiled in reading.spoiled:
        assert spoiled.path.startswith("$"), f"a Spoiled without a path from the root: {spoiled.path!r}"
        assert "@" not in f"{spoiled.wanted} {spoiled.came}", "a Spoiled that tells an address"


def canonical(record: AnyRecord) -> None:
    """Assert that one record keeps the rules of `connector.model`."""
    kind = str(record.__struct_config__.tag)
    _ref(record.ref, kind)
    if not isinstance(record, _ABOUT_OTHERS):
        assert record.ref.kind == kind, f"a {kind} whose ref says {record.ref.kind}"
    for name, value in _leaves(record):
        _leaf(f"{kind} {record.ref.id}: {name}", name, value)
    try:
        again = msgspec.json.decode(msgspec.json.encode(record), type=AnyRecord)
    except msgspec.ValidationError as error:
        raise AssertionError(f"{kind} {record.ref.id} does not survive its own encoding: {error}") from error
    assert again == record, f"{kind} {record.ref.id} comes back different from its own encoding"


def _leaves(record: Record) -> Iterator[tuple[str, Any]]:
    """Every value in a record with the name of its field; members of tuples and maps one by one."""
    for field in record.__struct_fields__:
        value = getattr(record, field)
        if isinstance(value, dict):
            assert all(isinstance(texts, tuple) for texts in value.values()), f"{field}: values are tuples of texts"
            yield from ((field, text) for key, texts in value.items() for text in (key, *texts))
        elif isinstance(value, tuple) and not isinstance(value, Ref):
            yield from ((field, item) for item in value)
        else:
            yield field, value


def _leaf(place: str, name: str, value: Any) -> None:
    if isinstance(value, Ref):
        _ref(value, place)
    elif isinstance(value, datetime):
        assert value.tzinfo is not None, f"{place} is a time without a zone"
        assert value.utcoffset() == timedelta(0), f"{place} is a time that is not UTC"
    elif isinstance(value, str):
        assert value.strip() == value, f"{place} has blanks at its ends"
        assert value, f"{place} is empty text; absent is None"
        if name in _ADDRESSES:
            assert email(value) == value, f"{place} is not a normalised address"


def _ref(ref: Ref, place: str) -> None:
    assert isinstance(ref.id, str), f"{place} has an id that is not text"
    assert ref.id.strip() not in NOT_IDS, f"{place} has the id {ref.id!r}, made from nothing"
    assert ref.account == ACCOUNT, f"{place} is on the account {ref.account!r}, not on the one that was read"
    assert ref.kind, f"{place} has a ref without a kind"
