"""The rules that come with Keepwarm do what their own tests say, and none is untested."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from connector import cli, house, proving
from connector import settings as settings_
from connector.proving import Report
from connector.rules import AnyEntry
from connector.rules.tree import leaves

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def report() -> Report:
    settings = settings_.load(ROOT / "settings.yaml")
    return proving.run(house.load_rules(settings), proving.files(settings.rules), settings)


def test_the_shipped_rules_pass_their_tests(report: Report) -> None:
    assert [str(it) for it in (*report.problems, *report.failures)] == []
    assert report.ok


def test_every_shipped_rule_is_asked_for_yes_no_and_unknown(report: Report) -> None:
    found = house.load_rules(settings_.load(ROOT / "settings.yaml"))
    missing = {entry.name: possible(entry) - set(report.asked[entry.name]) for entry in found.entries}
    assert {name: answers for name, answers in missing.items() if answers} == {}
    assert report.untested == ()


def possible(entry: AnyEntry) -> set[str]:
    """Of tags that others keep we always know: there are some, or there are none."""
    facts = {test.fact for tree in entry.trees for test in leaves(tree)}
    never = not entry.depends and all(fact.type == "words" and not fact.unknown_when_empty for fact in facts)
    return {"yes", "no"} if never else {"yes", "no", "unknown"}


def test_the_verb_runs_them_all_and_says_so() -> None:
    ran = CliRunner().invoke(cli.keepwarm, ["--settings", str(ROOT / "settings.yaml"), "test", "--require-all"])
    assert ran.exit_code == 0, ran.output
    assert "all as expected" in ran.output


def test_the_example_of_the_documentation_runs_and_fails_as_it_says() -> None:
    page = (ROOT / "docs" / "rules.md").read_text(encoding="utf-8").partition("## Testing rules")[2]
    example = page.partition("```yaml\n")[2].partition("```")[0]
    transcript = page.partition("$ keepwarm test\n")[2].partition("```")[0]
    settings = settings_.load(ROOT / "settings.yaml")
    found = house.load_rules(settings)
    name = "rules/silver-medallists.test.yaml"
    passing = proving.run(found, {name: example}, settings)
    assert passing.ok, (passing.problems, passing.failures)
    spoiled = example.replace("2026-12-02, tags: [silver-medallist]", "2026-12-02, tags: []")
    (failure,) = proving.run(found, {name: spoiled}, settings).failures
    assert str(failure).replace(f"{ROOT}/", "") == transcript.rpartition("\n\n")[0]
