"""Someone else's JSON: every reader gives a value or a Malformed with its path, never anything else."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from connector.errors import Malformed
from connector.flow import Spoiled
from connector.model import Ref
from connector.raw import ABSENT, Raw, came, each, email

ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
READERS: dict[str, Callable[[Raw], object]] = {
    "text": Raw.text,
    "id": Raw.id,
    "flag": Raw.flag,
    "whole": Raw.whole,
    "number": Raw.number,
    "instant": Raw.instant,
    "millis": Raw.millis,
    "day": Raw.day,
    "address": Raw.address,
    "one_of": lambda raw: raw.one_of({"open": 1, "closed": 2}),
    "items": Raw.items,
    "entries": Raw.entries,
    "maybe": lambda raw: raw.maybe(Raw.text),
    "inside": lambda raw: raw["a"]["b"].text(),
}


def malformed(read: Callable[[], object]) -> Malformed:
    with pytest.raises(Malformed) as caught:
        read()
    return caught.value


@pytest.mark.parametrize("name", READERS)
@settings(max_examples=40)
@given(value=ANY_JSON)
def test_any_value_is_read_or_malformed_with_a_path(name: str, value: Any) -> None:
    complaint: Malformed | None = None
    try:
        READERS[name](Raw(value))
    except Malformed as error:
        complaint = error
    if complaint:
        assert complaint.path.startswith("$")
        assert str(complaint) == f"{complaint.path}: wanted {complaint.wanted}, came {complaint.came}"


@given(value=ANY_JSON)
def test_what_is_read_as_an_id_is_text_with_something_in_it(value: Any) -> None:
    try:
        found = Raw(value).id()
    except Malformed:
        return
    assert found
    assert found == found.strip()
    assert type(value) in (int, str)


OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(moment=st.datetimes(timezones=OFFSETS))
def test_an_instant_is_the_same_moment_in_utc(moment: datetime) -> None:
    assume(2 <= moment.year <= 9998)
    found = Raw(moment.isoformat()).instant()
    assert found == moment
    assert found.utcoffset() == timedelta(0)


@given(text=st.text(max_size=40) | st.emails())
def test_a_normalised_address_stays_as_it_is(text: str) -> None:
    found = email(text)
    if found is not None:
        assert email(found) == found
        assert found == found.strip().lower()
        assert "@" in found


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        (" Jane.Doe@Example.ORG ", "jane.doe@example.org"),
        ("jane+news@mail.example.org", "jane+news@mail.example.org"),
        ("jane@example", None),
        ("Jane <jane@example.org>", None),
        ("jane@example.org, joe@example.org", None),
        ("jane doe@example.org", None),
        ("jane@example.org\r\nBcc: joe@example.org", None),
        ("ja\x00ne@example.org", None),
        ("jane@.org", None),
        ("", None),
        ("a" * 250 + "@example.org", None),
    ],
)
def test_addresses_have_one_normal_form(written: str, normal: str | None) -> None:
    assert email(written) == normal
    assert Raw(written).address() == normal


def test_an_address_that_is_not_text_is_malformed_and_an_absent_one_is_none() -> None:
    assert Raw(None).address() is None
    assert Raw({})["email"].address() is None
    assert malformed(lambda: Raw(7).address()).wanted == "an e-mail address"


def test_the_path_names_every_step() -> None:
    raw = Raw({"data": [{"id": 1}, {"id": None}]})
    assert malformed(raw["data"].items()[1]["id"].id).path == "$.data[1].id"
    assert malformed(dict(Raw({"a": {"b": []}})["a"].entries())["b"].text).path == "$.a.b"


def test_an_id_is_text_whether_it_came_as_a_number_or_not() -> None:
    assert [Raw(value).id() for value in (7, "7", " 7 ", 0)] == ["7", "7", "7", "0"]


@pytest.mark.parametrize("value", [None, True, 7.5, "", "  ", [], {}, ABSENT, 10**30])
def test_what_is_not_an_id_is_refused(value: object) -> None:
    malformed(Raw(value).id)


def test_true_is_not_a_number_and_one_is_not_true() -> None:
    malformed(Raw(True).whole)
    malformed(Raw(True).number)
    malformed(Raw(1).flag)
    assert Raw(True).flag() is True
    assert Raw(3).whole() == 3
    assert Raw(3).number() == 3.0


def test_numbers_that_fit_nowhere_are_refused() -> None:
    assert Raw(2**63 - 1).whole() == 2**63 - 1
    malformed(Raw(2**63).whole)
    malformed(Raw(10**400).number)


@pytest.mark.parametrize("text", ["2026-11-23T09:00:00", "2026-11-23", "yesterday", "", "0001-01-01T00:00:00+14:00"])
def test_a_time_without_an_offset_or_out_of_this_era_is_refused(text: str) -> None:
    malformed(Raw(text).instant)


def test_times_are_read_in_each_of_their_forms() -> None:
    assert Raw("2026-11-23T09:00:00Z").instant() == datetime(2026, 11, 23, 9, tzinfo=UTC)
    assert Raw("2026-11-23T10:00:00.123+01:00").instant() == datetime(2026, 11, 23, 9, 0, 0, 123000, tzinfo=UTC)
    assert Raw(1763888400000).millis() == datetime(2025, 11, 23, 9, tzinfo=UTC)
    assert Raw("2026-11-23").day() == date(2026, 11, 23)
    malformed(Raw(-1).millis)
    malformed(Raw(10**18).millis)
    malformed(Raw("23.11.2026").day)
    malformed(Raw(20261123).day)


def test_an_unknown_word_is_news_and_is_shown_only_when_it_is_harmless() -> None:
    table = {"open": 1, "closed": 2}
    assert Raw("open").one_of(table) == 1
    odd = malformed(lambda: Raw("reopened").one_of(table))
    assert (odd.wanted, odd.came) == ("one of closed, open", "`reopened`")
    assert malformed(lambda: Raw("jane@example.org").one_of(table)).came == "something else"


def test_maybe_is_none_for_absent_null_and_blank_and_still_refuses_nonsense() -> None:
    raw = Raw({"null": None, "blank": "  ", "no": 0})
    assert [raw[key].maybe(Raw.text) for key in ("gone", "null", "blank")] == [None, None, None]
    assert malformed(lambda: raw["no"].maybe(Raw.text)).path == "$.no"


def test_presence_is_about_having_something() -> None:
    something: tuple[object, ...] = (0, False, "x", [0])
    nothing: tuple[object, ...] = (None, "", [], {}, ABSENT)
    assert all(Raw(value) for value in something)
    assert not any(Raw(value) for value in nothing)
    assert Raw({"a": None})["a"].stated
    assert not Raw({})["a"].stated


def test_looking_inside_what_is_no_object_is_absent_not_an_error() -> None:
    flat: tuple[object, ...] = (None, [], "text", 7)
    for value in flat:
        assert not Raw(value)["a"]["b"].stated
    assert Raw(None).items() == []
    assert Raw(ABSENT).entries() == []
    malformed(Raw({}).items)
    malformed(Raw([]).entries)


@pytest.mark.parametrize("body", [b"", b"{", b"<html>", b"\xff", b'{"a": NaN}', b"1e999", b'"\\ud800"', b"[" * 5000])
def test_a_body_that_is_not_json_is_malformed_at_the_root(body: bytes) -> None:
    assert malformed(lambda: Raw.parse(body)).path == "$"


@pytest.mark.parametrize("read", [Raw.text, Raw.id, Raw.flag, Raw.whole, Raw.instant, Raw.millis, Raw.day, Raw.items])
def test_a_complaint_never_holds_what_came(read: Callable[[Raw], object]) -> None:
    values: tuple[object, ...] = ({"key": "jane"}, 4711.5, "jane 4711")
    for value in values:
        if read in (Raw.text, Raw.id) and isinstance(value, str):
            continue
        with pytest.raises(Malformed) as caught:
            read(Raw(value))
        shown = str(caught.value)
        assert "jane" not in shown
        assert "4711" not in shown


def test_kinds_are_named_in_plain_words() -> None:
    values: tuple[object, ...] = (ABSENT, None, True, 1, 1.5, "x", "", [], {}, b"")
    words = (
        "nothing",
        "null",
        "true or false",
        "a number",
        "a number",
        "text",
        "empty text",
        "a list",
        "an object",
        "bytes",
    )
    assert tuple(map(came, values)) == words
    assert repr(ABSENT) == "ABSENT"


def test_one_bad_item_is_set_aside_and_the_others_go_on() -> None:
    rows = Raw.parse(msgspec.json.encode([{"id": 1}, {"id": None}, {"id": 3}])).items()
    good, [spoiled] = each(rows, lambda row: [row["id"].id()])
    assert good == ["1", "3"]
    assert spoiled == Spoiled("$[1].id", "an id", "null", digest=spoiled.digest)


def test_a_bad_item_is_known_by_its_bytes_and_where_it_can_be_read_by_its_id() -> None:
    def look(item: object) -> Spoiled:
        rows = Raw.parse(msgspec.json.encode([0, item])).items()
        _, spoiled = each(rows, lambda row: [row["name"].text()], again=lambda row: Ref("ats", "job", row["job"].id()))
        return spoiled[1]

    one = look({"id": 7, "name": None, "job": 3})
    assert (one.item, one.again) == ("7", Ref("ats", "job", "3"))
    assert one == look({"id": 7, "name": None, "job": 3})
    other = look({"id": 7, "name": None, "job": []})
    assert (other.item, other.again) == ("7", None)
    assert other.digest != one.digest
    assert look({"id": [], "name": None}).item == ""
