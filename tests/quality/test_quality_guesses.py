"""What a word probably means: well-founded guesses, and none where there is no ground."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.quality import proposals
from connector.quality.proposals import REASONS, guess, stage, verdict

LADDER = {
    "applied": ("Application Review", "New applicant"),
    "phone_screen": ("Phone Screen",),
    "onsite": ("Onsite Interview", "Face to Face"),
    "final": ("Final Panel", "Final Interview"),
    "offer": ("Offer",),
}
ENDINGS = {
    "other_candidate": ("Stronger candidate chosen",),
    "not_enough_experience": ("Under-qualified",),
    "position_filled": ("Position filled",),
    "failed_background_check": (),
    "misconduct": ("Misconduct",),
    "withdrew": ("Withdrew: salary",),
}
SKILLS: dict[str, tuple[str, ...]] = {
    "nursing": ("registered nurse",),
    "python": (),
    "java": (),
    "icu": ("intensive care",),
    "go": (),
}


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("Onsite 2", "onsite"),
        ("ON-SITE INTERVIEW", "onsite"),
        ("Final interview – remote", "final"),
        ("Stage 4 - Panel (remote)", "onsite"),
        ("Panel Day", "onsite"),
        ("Phone scren", "phone_screen"),
        ("Telephone Interview", "phone_screen"),
        ("Finale Panel", "final"),
        ("Assessment Centre", "onsite"),
        ("Offer extended", "offer"),
        ("CV Review", "applied"),
    ],
)
def test_a_step_is_known_by_its_wording(name: str, target: str) -> None:
    found = stage(name, LADDER)
    assert found is not None
    assert found.target == target
    assert found.why


@pytest.mark.parametrize(
    "name",
    [
        "Video interview",
        "Round 2",
        "Hiring manager",
        "Technical test",
        "Rejected after onsite",
        "On hold - final",
        "…",
        "",
    ],
)
def test_a_step_that_says_too_little_or_says_where_someone_stopped_is_not_guessed(name: str) -> None:
    assert stage(name, LADDER) is None


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("Stonger candidat chosen", "other_candidate"),
        ("Another candidate hired", "other_candidate"),
        ("Under- qualified", "not_enough_experience"),
        ("Position filled (Q3)", "position_filled"),
        ("Failed DBS", "failed_background_check"),
        ("Misconducts", "misconduct"),
        ("Withdrew - other", "withdrew"),
        ("No Response - OLD", "withdrew"),
    ],
)
def test_a_reason_is_known_by_its_wording(name: str, target: str) -> None:
    found = guess(name, ENDINGS, REASONS)
    assert found is not None
    assert found.target == target


@pytest.mark.parametrize("name", ["Timing", "Comp", "Future hire", "Culture fit", "Other"])
def test_a_reason_that_could_be_several_is_not_guessed(name: str) -> None:
    assert guess(name, ENDINGS, REASONS) is None


@pytest.mark.parametrize(
    ("name", "target"),
    [("Pyhton", "python"), ("Python 3", "python"), ("Registered Nurse (RGN)", "nursing"), ("intensive-care", "icu"),
     ("javascript", None), ("C++", None), ("Golf", None), ("Gp", None)],
)  # fmt: skip
def test_a_skill_is_another_only_when_it_is_nearly_spelt_alike(name: str, target: str | None) -> None:
    found = guess(name, SKILLS)
    assert (found.target if found else None) == target


def test_two_equally_good_answers_are_none() -> None:
    assert guess("panel", {"one": ("Panel A",), "two": ("Panel B",)}) is None
    assert guess("north panel south", {"one": ("north",), "two": ("south",)}) is None


@pytest.mark.parametrize(
    ("said", "worth"),
    [("Strong Hire", 5), ("hire", 4), ("strong_no_hire", 1), ("Mixed", 3), ("4/5", 4), ("3.5 / 5", 3.5), ("7", None),
     ("green", None)],
)  # fmt: skip
def test_a_verdict_is_worth_what_it_says_and_a_bare_number_nothing(said: str, worth: float | None) -> None:
    assert verdict(said) == worth


@given(st.text(max_size=40))
def test_no_text_breaks_it_and_every_guess_is_one_of_ours(text: str) -> None:
    for found, known in (
        (stage(text, LADDER), LADDER),
        (guess(text, ENDINGS, REASONS), ENDINGS),
        (guess(text, SKILLS), SKILLS),
    ):
        assert found is None or found.target in known
    worth = verdict(text)
    assert worth is None or 0 <= worth <= 9
    assert proposals.plain(proposals.plain(text)) == proposals.plain(text)
