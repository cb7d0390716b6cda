"""YAML without surprises: every value is text, knows its place, and nothing clever is read."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.clock import Span
from connector.document import Node, parse


def told(text: str | bytes) -> list[str]:
    return [str(problem) for problem in parse(text, "f.yaml").problems]


def node_of(text: str) -> Node:
    root = parse(f"a: {text}\n", "f.yaml").root
    assert root is not None
    return root.entries()["a"]


@pytest.mark.parametrize(
    "text", ["NO", "on", "12:30", "012", "3.10", "0x1F", "1e3", "~", "null", "2026-11-23", "'yes'"]
)
def test_a_value_is_the_text_that_stands_there(text: str) -> None:
    assert node_of(text).value == text.strip("'")


def test_every_value_and_key_knows_its_line_and_column() -> None:
    root = parse("a: 1\nlist:\n  - x\n  - {k: v}\n", "f.yaml").root
    assert root is not None
    second = root.entries()["list"].items()[1]
    assert (second.line, second.column) == (4, 5)
    value = second.entries()["k"]
    assert (value.key_line, value.key_column, value.line, value.column) == (4, 6, 4, 9)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: 1\nb: 2\na: 3\n", "f.yaml:3:1  `a` is written twice in this block (first on line 1)"),
        ("a: &x 1\n", "f.yaml:1:4  `&x` is not used here; write the value out where it is needed"),
        ("a: !!int 1\n", "f.yaml:1:4  a type mark (`tag:yaml.org,2002:int`) is not used here; leave it out"),
        ("<<: {a: 1}\n", "f.yaml:1:1  `<<` is not used here; write the lines out"),
        ("? [a]\n: 1\n", "f.yaml:1:3  a list or a block cannot be a name"),
        ("a: 1\n---\nb: 2\n", "f.yaml:2:1  a second document (`---`) is not read; use one file for each"),
        ("a:\n\t- b\n", "f.yaml:2:1  a tab cannot indent here; use spaces"),
        (
            "a: b: c\n",
            "f.yaml:1:5  a `: ` too many on this line, or a wrong indent; put text that holds `: ` in quotes",
        ),
        ("a: [1", "f.yaml:1:6  this is not YAML: did not find expected ',' or ']'"),
        ("", "f.yaml  there is nothing in this file"),
        ("# only a comment\n", "f.yaml  there is nothing in this file"),
        (b"a: \xff\n", "f.yaml:1:1  this is not UTF-8 text"),
        ("a: \x07\n", "f.yaml:1:4  a character that YAML does not allow"),
        ("[" * 60, "f.yaml:1:41  more than 40 levels deep"),
    ],
)
def test_what_is_not_read_is_told_at_its_place(text: str | bytes, problem: str) -> None:
    assert told(text) == [problem]


def test_all_problems_of_a_file_are_told_at_once() -> None:
    assert [line.split("  ")[0] for line in told("a: &x 1\nb: *x\nc: !t 1\na: 2\n")] == [
        "f.yaml:1:4",
        "f.yaml:2:4",
        "f.yaml:3:4",
        "f.yaml:4:1",
    ]


@given(st.text(alphabet=" \n\t-:[]{}&*!?|>'\"#%@`,abc\u00e9\ufeff\x85", max_size=60) | st.binary(max_size=40))
def test_no_text_breaks_the_parser(text: str | bytes) -> None:
    document = parse(text, "f.yaml")
    assert document.root is not None or document.problems
    lines = len(text.splitlines()) + 1
    assert all(0 <= problem.line <= lines for problem in document.problems)


@pytest.mark.parametrize(
    ("read", "text", "value"),
    [
        (Node.yes, "yes", True),
        (Node.yes, "False", False),
        (Node.yes, "on", None),
        (Node.whole, "12", 12),
        (Node.whole, "1.5", None),
        (Node.whole, "-1", None),
        (Node.number, "-3.5", -3.5),
        (Node.number, "nan", None),
        (Node.number, "1e3", None),
        (Node.number, "٣", None),
        (Node.percent, "5%", 0.05),
        (Node.percent, "5", None),
        (Node.percent, "101%", None),
        (Node.span, "18 months", Span(18, "month")),
        (Node.span, "1 Day", Span(1, "day")),
        (Node.span, "18mo", None),
        (Node.span, "months", None),
        (Node.clock_time, "'09:00'", time(9)),
        (Node.clock_time, "9:00", None),
        (Node.clock_time, "24:00", None),
        (Node.hours, "09:00 to 11:30", (time(9), time(11, 30))),
        (Node.hours, "11:00 to 09:00", None),
        (Node.weekday, "Tuesday", 1),
        (Node.weekday, "tusday", None),
        (Node.date, "2026-02-28", date(2026, 2, 28)),
        (Node.date, "2026-02-30", None),
        (Node.name, "silver-medallist", "silver-medallist"),
        (Node.name, "Silver", None),
        (Node.name, "a--b", None),
        (Node.zone, "Europe/London", ZoneInfo("Europe/London")),
        (Node.zone, "Europe", None),
        (Node.zone, "../etc/passwd", None),
        (Node.text, "''", None),
    ],
)
def test_a_reader_gives_the_value_or_notes_one_problem(read: Callable[[Node], Any], text: str, value: Any) -> None:
    node = node_of(text)
    assert read(node) == value
    assert len(node.document.problems) == (value is None)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-23", datetime(2026, 11, 23, tzinfo=UTC)),
        ("2026-07-01", datetime(2026, 6, 30, 23, tzinfo=UTC)),
        ("2026-07-01 09:00", datetime(2026, 7, 1, 8, tzinfo=UTC)),
        ("2026-07-01T09:00+02:00", datetime(2026, 7, 1, 7, tzinfo=UTC)),
        ("2026-03-29 01:30", datetime(2026, 3, 29, 1, tzinfo=UTC)),  # London's clocks skip this half hour
    ],
)
def test_a_date_starts_at_local_midnight_and_a_time_is_local(text: str, moment: datetime) -> None:
    assert node_of(text).instant(ZoneInfo("Europe/London")) == moment


def test_a_map_tells_unknown_and_missing_keys() -> None:
    document = parse("time_zon: x\nb: y\n", "f.yaml")
    assert document.root is not None
    assert set(document.root.fields(("time_zone",), ("b",))) == {"b"}
    assert [str(problem) for problem in document.problems] == [
        "f.yaml:1:1  `time_zon` is not known here; did you mean `time_zone`?",
        "f.yaml:1:1  `time_zone` is missing here",
    ]
