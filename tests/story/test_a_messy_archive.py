"""An old archive over real HTTP: odd names of steps, mistyped reasons. The report's lines go into the settings, and what it
foretold comes true."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from adapters.lever.sandbox import LeverSandbox
from connector import cli
from connector.cli.sandboxes import base_url
from connector.sandbox import running
from connector.world import world

#: What the sandbox calls things → what somebody renamed them to over the years.
RENAMED = {
    "stages": {
        "Phone Screen": "Phone scren",
        "Onsite Interview": "Stage 4 - Panel (remote)",
        "Final Panel": "The long day",
    },
    "archive_reasons": {
        "Stronger candidate chosen": "Stonger candidat chosen",
        "Not enough experience": "Underqualified!!",
    },
}
SETTINGS = """
version: 1
time_zone: Europe/London
database: keepwarm.db
rules: rules
vocabulary:
  stages: [applied, phone_screen, onsite, final, offer]
  stage_names:
    applied: [Application Review]
    onsite: [Onsite Interview]   # ours
  reasons:
    other_candidate: [Stronger candidate chosen]
    not_enough_experience: []
    position_filled: [Position filled]
    misconduct: [Misconduct]
    failed_background_check: [Failed background check]
    withdrew: [Withdrew]
  functions: {engineering: [Engineering], design: [Design]}
accounts:
  software:
    platform: lever
    base_url: BASE
    secrets: {api_key: LEVER_KEY}
    options: {fields: {skills: "tag:skill:", region: "tag:region:"}}
"""
RULES = """
version: 1
rules:
  - rule: silver-medallist
    who:
      has_application:
        status: rejected
        furthest_stage: {at_least: onsite}
        scorecard_average: {at_least: 3.5}
        rejection_reason: {none_of: [misconduct, failed_background_check]}
    unless: {employment: hired}
    keep: {tags: [silver-medallist]}
"""


@dataclass(frozen=True)
class Operator:
    """Somebody at a terminal, in a folder with settings and rules."""

    folder: Path

    def run(self, *arguments: str) -> str:
        settings = str(self.folder / "settings.yaml")
        done = CliRunner().invoke(
            cli.keepwarm, ["--settings", settings, *arguments], env={"LEVER_KEY": "sandbox-lever-key"}
        )
        assert done.exit_code == 0, done.output
        return done.stdout

    def quality(self) -> Any:
        return json.loads(self.run("quality", "--json"))

    def paste(self, snippet: str) -> None:
        """Put every entry of the snippet in the place of the one of that name."""
        file = self.folder / "settings.yaml"
        whole, given = yaml.safe_load(file.read_text()), yaml.safe_load(snippet)
        for section, entries in given["vocabulary"].items():
            whole["vocabulary"].setdefault(section, {}).update(entries)
        file.write_text(yaml.safe_dump(whole, sort_keys=False))


@pytest.fixture
def operator(tmp_path: Path) -> Iterator[Operator]:
    sandbox = LeverSandbox(limited=False)
    sandbox.seed(world(400, now=datetime.now(UTC)))
    rows = [
        {"stream": stream, "data": row | {"text": names[row["text"]]}}
        for stream, names in RENAMED.items()
        for row in (sandbox.store.stages if stream == "stages" else sandbox.store.reasons)
        if row["text"] in names
    ]
    assert sandbox.load(json.dumps(row).encode() for row in rows) == 5
    with running(sandbox) as on:
        (tmp_path / "settings.yaml").write_text(SETTINGS.replace("BASE", base_url(on)))
        (tmp_path / "rules").mkdir()
        (tmp_path / "rules" / "rules.yaml").write_text(RULES)
        made = Operator(tmp_path)
        made.run("sync", "--full")
        yield made


def test_the_report_of_a_messy_archive_is_worked_off_from_top_to_bottom(operator: Operator) -> None:
    before = operator.quality()
    (rule,) = before["rules"]
    assert rule["would_match"] + rule["would_wait"] > 10
    texts = {it["value"]["text"]: it for it in before["fixes"]}
    assert texts["Stage 4 - Panel (remote)"]["mapped"]["target"] == "onsite"
    assert texts["Stage 4 - Panel (remote)"]["proposed"]
    assert texts["Stage 4 - Panel (remote)"]["gain"]["waiting"] > 5
    assert texts["Stonger candidat chosen"]["mapped"]["target"] == "other_candidate"

    told = operator.run("quality")
    assert told.startswith("Of ")
    assert f"Of {before['waiting']} others only a score would be missing" in told
    assert "Stage 4 - Panel (remote)" in told
    assert "@" not in told

    operator.paste(operator.run("quality", "--yaml"))
    assert "run `keepwarm sync`, then ask again" in operator.run("quality")
    operator.run("sync")
    after = operator.quality()
    now = after["rules"][0]["matching"]
    assert rule["matching"] + rule["would_match"] < now <= rule["matching"] + rule["would_match"] + rule["would_wait"]
    assert sum(it["whole"] for it in after["rejections"]) > sum(it["whole"] for it in before["rejections"])
    assert not after["reworded"]
    left = {it["value"]["text"]: it for it in after["fixes"]}
    assert left["The long day"]["mapped"]["target"] == "final"


def test_one_rule_and_one_account_can_be_asked_for_and_others_are_refused_by_name(operator: Operator) -> None:
    assert "silver-medallist" in operator.run("quality", "--account", "software", "--rule", "silver-medallist", "--all")
    arguments = ["--settings", str(operator.folder / "settings.yaml"), "quality", "--rule", "gold"]
    refused = CliRunner().invoke(cli.keepwarm, arguments)
    assert refused.exit_code == 1
    assert "silver-medallist" in str(refused.exception)
