"""A real person becomes a test that passes, says what the house says, and from which nobody would know them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result

from connector import cli
from connector.model import Job, Label, Ref

if TYPE_CHECKING:
    from tests.conftest import Cast, Home

RULES = """
version: 1
rules:
  - rule: silver
    who: {has_application: {status: rejected, decided: {within_last: 18 months}, title: {contains_any: [nurse]}}}
    keep: {tags: [silver]}
  - rule: bench
    who: {tags: {any_of: [silver]}, city: {any_of: [Leeds]}}
    keep: {pools: [bench]}
  - rule: friends
    who: {sources: {any_of: [referral]}, last_activity: {within_last: 2 hours}}
    keep: {tags: [friend]}
"""
SETTINGS = "version: 1\ntime_zone: Europe/London\ndatabase: keepwarm.db\nvocabulary: {stages: [applied]}\n"
Run = Callable[..., Result]


@pytest.fixture
def borrowed(home_of: Callable[..., Home], cast: Cast) -> Home:
    home = home_of(rules=RULES)
    job, source = Ref("ats", "job", "1"), Ref("ats", "source", "9")
    home.tell(
        "ats",
        Job(ref=job, title="Senior Nurse at Saint Elsewhere", status="open"),
        Label(ref=source, name="Referral by Ms Jones"),
        cast.candidate(
            "77", "zaphod@example.org", first_name="Zaphod", last_name="Beeblebrox", location="Betelgeuse", contact_allowed=True,
            tags=("vip-of-the-chairman",), last_activity_at=home.now,
        ),
        cast.application("78", "77", job=job, source=source, decided_at=home.now, applied_at=home.now),
    )  # fmt: skip
    return home


@pytest.fixture
def run(borrowed: Home) -> Run:
    settings = borrowed.folder / "settings.yaml"
    settings.write_text(SETTINGS, encoding="utf-8")

    def invoke(*words: str) -> Result:
        return CliRunner().invoke(cli.keepwarm, ["--settings", str(settings), "test", *words])

    return invoke


def test_the_written_file_passes_and_names_nobody(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "borrowed.test.yaml"
    written = run("--from", "ats/candidate/77", "--out", str(file))
    assert written.exit_code == 0, written.output
    text = file.read_text(encoding="utf-8").lower()
    for secret in ("zaphod", "beeblebrox", "betelgeuse", "elsewhere", "senior", "jones", "chairman", "77", "@", "ats"):
        assert secret not in text, secret
    assert "title: nurse" in text
    assert run(str(file)).exit_code == 0


def test_one_rule_brings_only_what_it_and_those_below_it_read(run: Run) -> None:
    text = run("--from", "ats/candidate/77", "--rule", "bench").output
    assert "rule: bench" in text
    assert "title" in text  # of `silver`, whose tag it reads
    assert "last_activity" not in text


def test_nothing_is_overwritten_and_nobody_is_guessed(run: Run, tmp_path: Path) -> None:
    there = tmp_path / "there.test.yaml"
    there.write_text("mine", encoding="utf-8")
    assert run("--from", "ats/candidate/77", "--out", str(there)).exit_code == 2
    assert there.read_text(encoding="utf-8") == "mine"
    assert run("--from", "nobody-like-this").exit_code != 0
    assert run("--from", "ats/candidate/77", "--rule", "sliver").exit_code == 2
    assert run("--rule", "silver").exit_code == 2
