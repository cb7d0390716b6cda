"""Lines for the settings mean in the settings exactly what they were tried as."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from connector import settings as settings_
from connector.document import parse
from connector.quality.wording import Kind, Mapped, book, changed, quoted

SETTINGS = b"""
version: 1
vocabulary:
  stages: [applied, phone_screen, onsite, final]
  stage_names:
    onsite: [Onsite Interview, "Day: on site"]   # ours
  reasons: {other_candidate: [Stronger candidate chosen], misconduct: []}
  skills:
    nursing:
      - rn
      - Staff Nurse
  functions: {engineering: [Engineer]}
  regions: {North West: [Manchester], Wales: []}
"""
ALL = (
    Mapped(Kind.STAGE, "Panel Day", "onsite"),
    Mapped(Kind.STAGE, "Stage 4: last, really", "final"),
    Mapped(Kind.REASON, "Stonger candidat", "other_candidate"),
    Mapped(Kind.REASON, "[gone]", "misconduct"),
    Mapped(Kind.VERDICT, "Strong Hire", "5"),
    Mapped(Kind.SKILL, "Nursng", "nursing"),
    Mapped(Kind.FUNCTION, "R&D # 2", "engineering"),
    Mapped(Kind.PLACE, "Wigan", "North West"),
    Mapped(Kind.TOWN, "Newport", "Newport, Wales"),
)


def read(text: bytes | str) -> settings_.Words:
    return settings_.read(text, "settings.yaml", folder=Path()).words


def merged(*mapped: Mapped) -> str:
    """The settings after somebody put the snippet's entries in the place of theirs."""
    whole = yaml.safe_load(SETTINGS)
    snippet = yaml.safe_load(book(SETTINGS, "settings.yaml").snippet([(it, "because") for it in mapped]))
    for section, entries in snippet["vocabulary"].items():
        whole["vocabulary"].setdefault(section, {}).update(entries)
    return yaml.safe_dump(whole, sort_keys=False)


@pytest.mark.parametrize("it", ALL, ids=lambda it: it.kind)
def test_one_line_in_the_settings_means_what_was_tried(it: Mapped) -> None:
    assert read(merged(it)) == changed(read(SETTINGS), [it])
    assert changed(read(SETTINGS), [it]) != read(SETTINGS)


def test_all_of_them_together_too() -> None:
    assert read(merged(*ALL)) == changed(read(SETTINGS), ALL)


def test_an_entry_of_the_snippet_is_whole_so_that_nothing_is_lost_by_putting_it_in() -> None:
    text = book(SETTINGS, "settings.yaml").snippet([(ALL[0], "131 people"), (ALL[5], "spelt alike")])
    assert text == (
        "vocabulary:\n"
        "  stage_names:\n"
        "    onsite:\n"
        "      - Onsite Interview\n"
        '      - "Day: on site"\n'
        "      - Panel Day  # proposed: 131 people\n"
        "  skills:\n"
        "    nursing:\n"
        "      - rn\n"
        "      - Staff Nurse\n"
        "      - Nursng  # proposed: spelt alike\n"
    )
    assert book(SETTINGS, "settings.yaml").snippet([]) == "# Nothing to propose.\n"


@pytest.mark.parametrize(
    ("it", "line"),
    [
        (ALL[0], "settings.yaml:6: onsite: [..., Panel Day]"),
        (ALL[1], 'settings.yaml, under vocabulary.stage_names: final: ["Stage 4: last, really"]'),
        (ALL[3], 'settings.yaml:7: misconduct: ["[gone]"]'),
        (ALL[4], "settings.yaml, under vocabulary.scorecards: Strong Hire: 5"),
        (ALL[5], "settings.yaml:9: nursing: [..., Nursng]"),
    ],
)
def test_a_line_says_where_it_goes_and_leaves_what_stands_there(it: Mapped, line: str) -> None:
    assert book(SETTINGS, "settings.yaml").line(it) == line


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=1).map(str.strip).filter(bool))
def test_whatever_a_platform_calls_things_is_read_back_as_it_was(text: str) -> None:
    document = parse(f"names: [{quoted(text)}, x]", "x.yaml")
    assert document.root is not None
    assert document.root.entries()["names"].texts() == (" ".join(text.split("\n")), "x")
    assert not document.problems


def test_settings_without_a_vocabulary_have_room_for_one() -> None:
    assert "under vocabulary.reasons" in book(b"version: 1", "s.yaml").line(ALL[2])
    assert book(b"", "s.yaml").entries == {}


def test_other_words_have_another_mark_and_the_same_ones_the_same() -> None:
    assert read(SETTINGS).mark == read(SETTINGS).mark
    marks = {changed(read(SETTINGS), [it]).mark for it in ALL} | {read(SETTINGS).mark}
    assert len(marks) == len(ALL) + 1
