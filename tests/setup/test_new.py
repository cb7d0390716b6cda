"""`keepwarm new`: whatever is written is valid, passes, breaks nothing, and is refused where it would."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from connector import cli
from connector.setup import KINDS, Answers, files, write

BARE = "version: 1\ntime_zone: Europe/London\n"
MESSAGE = """accounts:
  newsletter: {platform: mailchimp, options: {audience: a}}
messages:
  news: {by: event, account: newsletter, event: news}
"""
every_kind = pytest.mark.parametrize("kind", list(KINDS))


def run(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(
        cli.keepwarm, ["--settings", str(folder / "settings.yaml"), *words], catch_exceptions=True
    )


def fine(folder: Path, *words: str) -> str:
    ran = run(folder, *words)
    assert ran.exit_code == 0, (ran.output, ran.exception)
    return ran.output


@pytest.fixture(params=["nothing", "one-person-hr", "technical-hiring"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Settings that know nothing yet, and those of every pack."""
    if request.param == "nothing":
        (tmp_path / "settings.yaml").write_text(BARE + MESSAGE)
        return tmp_path
    made = files(Answers(pack=request.param, ats="greenhouse", mail="mailchimp", zone="Europe/London"))
    if "messages:" not in made["settings.yaml"]:
        made["settings.yaml"] += "\nmessages:\n  news: {by: event, account: newsletter, event: news}\n"
    write(tmp_path, made)
    return tmp_path


def test_every_kind_is_valid_passes_and_leaves_the_other_tests_passing(folder: Path) -> None:
    for kind in KINDS:
        assert f"fresh-{kind}.yaml: written" in fine(folder, "new", kind, f"fresh-{kind}")
    assert "all as expected" in fine(folder, "test", "--require-all")
    assert "fine" in fine(folder, "check", "--offline")


def test_every_kind_can_be_appended_to_one_file(tmp_path: Path) -> None:
    (tmp_path / "settings.yaml").write_text(BARE + MESSAGE)
    fine(tmp_path, "new", "rule", "first")
    into = tmp_path / "rules" / "first.yaml"
    for kind in KINDS:
        assert "appended to" in fine(tmp_path, "new", kind, f"fresh-{kind}", "--into", str(into))
    assert "all as expected" in fine(tmp_path, "test", "--require-all")
    text = into.read_text()
    assert [text.count(f"\n{key}:") for key in ("rules", "cadences", "suppress")] == [1, 1, 1]


@every_kind
def test_it_is_commented_and_names_its_schema(kind: str, tmp_path: Path) -> None:
    (tmp_path / "settings.yaml").write_text(BARE + MESSAGE)
    fine(tmp_path, "new", kind, "x-1")
    text = (tmp_path / "rules" / "x-1.yaml").read_text()
    assert text.startswith("# yaml-language-server: $schema=./rules.schema.json\nversion: 1\n")
    assert text.count("  # ") + text.count("} # ") >= 2
    assert kind == "suppression" or "mode: shadow" in text


@pytest.mark.parametrize("name", ["Nurses", "two words", "a_b", "-a", "a--b", ""])
def test_a_name_is_kebab_case(name: str, tmp_path: Path) -> None:
    (tmp_path / "settings.yaml").write_text(BARE)
    ran = run(tmp_path, "new", "rule", "--", name)
    assert "is no name" in str(ran.exception)
    assert not (tmp_path / "rules").exists()


def test_a_name_is_taken_once_over_all_files(tmp_path: Path) -> None:
    (tmp_path / "settings.yaml").write_text(BARE)
    fine(tmp_path, "new", "rule", "nurses")
    ran = run(tmp_path, "new", "suppression", "nurses")
    assert "there is `nurses` already, in" in str(ran.exception)
    assert "nurses.yaml:4:5" in str(ran.exception)


def test_a_file_that_is_there_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "settings.yaml").write_text(BARE)
    fine(tmp_path, "new", "rule", "nurses")
    tests = tmp_path / "rules" / "doctors.test.yaml"
    tests.write_text("# mine\n")
    ran = run(tmp_path, "new", "rule", "doctors")
    assert "there already" in str(ran.exception)
    assert tests.read_text() == "# mine\n"
    assert not (tmp_path / "rules" / "doctors.yaml").exists()


def test_a_cadence_says_which_template_it_lacks(tmp_path: Path) -> None:
    (tmp_path / "settings.yaml").write_text(BARE)
    ran = run(tmp_path, "new", "cadence", "quarterly")
    assert "there is none under `messages`" in str(ran.exception)


def test_what_cannot_be_appended_to_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "settings.yaml").write_text(BARE)
    file = tmp_path / "rules" / "mine.yaml"
    file.parent.mkdir()
    file.write_text("version: 1\nrules: [{rule: mine, who: {country: GB}, keep: {tags: [m]}}]\n")
    before = file.read_text()
    ran = run(tmp_path, "new", "rule", "other", "--into", str(file))
    assert "cannot be appended to" in str(ran.exception)
    assert file.read_text() == before
    assert not file.with_name("mine.test.yaml").exists()
