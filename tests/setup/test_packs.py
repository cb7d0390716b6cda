"""The starter packs: whole, checked, tested to the last rule, and there wherever Keepwarm is installed."""

from __future__ import annotations

import re
import tomllib
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connector import house, proving
from connector import settings as settings_
from connector.accounts import every_platform
from connector.proving import Report
from connector.rules import RuleSet
from connector.rules.tree import leaves
from connector.settings import Settings
from connector.setup import Answers, choices, files, packs, write
from connector.setup.packs import FOLDER
from connector.soundness import of_platforms

ROOT = Path(__file__).parent.parent.parent
NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
HIRING, MAILING = choices()
every_pack = pytest.mark.parametrize("pack", sorted(packs()))


def begun(
    folder: Path, pack: str, ats: str, mail: str, zone: str = "Europe/London"
) -> tuple[Settings, RuleSet, Answers]:
    answers = Answers(pack=pack, ats=ats, mail=mail, zone=zone)
    write(folder, files(answers))
    settings = settings_.load(folder / "settings.yaml")
    return settings, house.read_rules(settings, now=NOW), answers


def proved(settings: Settings, found: RuleSet) -> Report:
    return proving.run(found, proving.files(settings.rules), settings)


def test_there_are_three() -> None:
    assert sorted(packs()) == ["hospital-nursing", "one-person-hr", "technical-hiring"]


@every_pack
@pytest.mark.parametrize("ats", HIRING)
@pytest.mark.parametrize("mail", MAILING)
def test_a_pack_is_sound_with_every_platform(pack: str, ats: str, mail: str, tmp_path: Path) -> None:
    settings, found, answers = begun(tmp_path, pack, ats, mail)
    assert found.entries
    assert [str(it) for it in (*found.problems, *found.warnings, *found.refusals)] == []
    assert of_platforms(found, answers.accounts.values(), every_platform()) == []
    assert settings.zone.key == "Europe/London"


@every_pack
def test_a_pack_passes_its_tests_and_every_rule_is_asked_whatever_it_can_answer(pack: str, tmp_path: Path) -> None:
    settings, found, _ = begun(tmp_path, pack, HIRING[0], MAILING[0])
    report = proved(settings, found)
    assert [str(it) for it in (*report.problems, *report.failures)] == []
    assert report.untested == ()
    for entry in found.entries:
        facts = {test.fact for tree in entry.trees for test in leaves(tree)}
        never = not entry.depends and all(it.type == "words" and not it.unknown_when_empty for it in facts)
        wanted = {"yes", "no"} if never else {"yes", "no", "unknown"}
        assert wanted <= set(report.asked[entry.name]), entry.name


@every_pack
def test_what_is_left_without_a_mailing_platform_still_passes(pack: str, tmp_path: Path) -> None:
    settings, found, _ = begun(tmp_path, pack, "lever", "none")
    report = proved(settings, found)
    assert report.ok, (report.problems, report.failures)
    assert report.untested == ()
    assert not found.cadences
    assert not settings.messages


@every_pack
def test_a_pack_has_no_problem_in_another_country(pack: str, tmp_path: Path) -> None:
    settings, found, _ = begun(tmp_path, pack, "greenhouse", "mailchimp", zone="America/New_York")
    assert found.problems == ()
    assert settings.zone.key == "America/New_York"


@every_pack
def test_every_file_names_its_schema_and_says_what_it_is(pack: str) -> None:
    it = packs()[pack]
    for name, text in {"settings.yaml": it.settings, **it.rules}.items():
        first, second = text.splitlines()[:2]
        if not name.endswith(".test.yaml"):
            schema = "settings.schema.json" if name == "settings.yaml" else "rules.schema.json"
            assert first == f"# yaml-language-server: $schema=./{schema}"
            assert second.startswith("# ")
    rules = {name.partition(".")[0] for name in it.rules}
    assert rules == {name.partition(".")[0] for name in it.rules if name.endswith(".test.yaml")}


@every_pack
def test_its_readme_names_every_file_and_what_it_wants(pack: str) -> None:
    readme = (FOLDER / pack / "README.md").read_text(encoding="utf-8")
    lines = [line for line in readme.splitlines() if line.strip()]
    assert len(lines) <= 14
    assert "**Wants of your accounts.**" in readme
    assert all(f"`{name}`" in readme for name in packs()[pack].rules if not name.endswith(".test.yaml"))


def test_they_stand_under_rules_and_travel_with_the_package() -> None:
    """The package holds a link to them; whoever builds a wheel follows it, by these patterns."""
    assert FOLDER.resolve() == ROOT / "rules" / "packs"
    assert FOLDER.is_symlink()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    patterns = project["tool"]["setuptools"]["package-data"]["*"]
    assert {"**/*.md", "**/*.yaml"} <= set(patterns)
    assert {it.suffix for it in (ROOT / "rules" / "packs").rglob("*") if it.is_file()} == {".md", ".yaml"}


def test_packs_hold_invented_addresses_only() -> None:
    texts = [text for it in packs().values() for text in (it.settings, *it.rules.values())]
    addresses = {found for text in texts for found in re.findall(r"[\w.]+@([\w.]+)", text)}
    assert addresses <= {"example.org"}
