"""The doctor on the house itself, and the command as a user runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from connector.cli.sandboxes import base_url
from connector.doctor import State, premises
from connector.doctor.finding import parted
from connector.doctor.platform import ago
from connector.flow import Delivery, Spoiled

ROOT = Path(__file__).parents[2]
NEWSLETTER = "  newsletter: {platform: mailchimp, secrets: {api_key: F, webhook: [G]}}\n"
SOFTWARE = "  software: {platform: lever, secrets: {api_key: D, webhook: [E]}}\n"
CADENCE = """
version: 1
rules:
  - rule: silver
    who: {has_application: {status: rejected}}
    keep: {tags: [silver]}
  - rule: tell
    when: {event: application_decided}
    who: {tags: {any_of: [silver]}}
    do: {notify: {to: talent-team}}
cadences:
  - cadence: quarterly
    who: {tags: {any_of: [silver]}, consent.email: yes}
    send: {every: 3 months, rotate: [{template: spring-news}]}
"""
Build = Callable[..., Any]


def test_a_sound_house(newsletter: Any) -> None:
    newsletter.look()
    assert {it.what for it in newsletter.of("")} == {"database", "disk", "rules", "time zones"}
    assert not newsletter.faults("")


def test_a_cadence_that_nobody_said_how_to_send_and_notices_that_go_nowhere(surgery_of: Build) -> None:
    surgery = surgery_of(NEWSLETTER, rules=CADENCE)
    surgery.look()
    told = {it.what: it for it in surgery.faults("")}
    assert "`spring-news`" in told["messages"].sentence
    assert "spring-news: {by: event" in told["messages"].remedy
    assert "tell would send some" in told["notices"].sentence
    assert "platform: chat" in told["notices"].remedy


def test_notices_to_an_account_that_takes_none(surgery_of: Build) -> None:
    surgery = surgery_of(NEWSLETTER, more="notices: newsletter\n")
    surgery.look()
    (fault,) = surgery.faults("")
    assert fault.sentence == "`notices: newsletter`, but that account cannot take notices"


def test_rules_that_cannot_be_used_are_all_told(surgery_of: Build) -> None:
    surgery = surgery_of(NEWSLETTER, rules="version: 1\nrules:\n  - rule: a\n    whom: {}\n  - rule: b\n    whom: {}\n")
    surgery.look()
    assert len(surgery.of("", "rules", State.FAULT)) >= 2
    assert all("rules.yaml:" in it.sentence for it in surgery.of("", "rules"))


def test_a_folder_without_rules_is_told(surgery_of: Build, tmp_path: Path) -> None:
    surgery = surgery_of(NEWSLETTER)
    surgery.settings = replace(surgery.settings, rules=tmp_path / "nowhere")
    surgery.look()
    assert "no rule files" in surgery.of("", "rules", State.FAULT)[0].sentence


def test_what_waits_for_a_person_is_told(newsletter: Any) -> None:
    now = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)

    def park(tx: Any) -> None:
        tx.inbox.keep([Delivery(account="newsletter", body=b"{}", received_at=now, id="a")])
        tx.inbox.park(tx.inbox.waiting(1)[0].row, [Spoiled("$.a", "a text", "nothing")], now=now)

    newsletter.remember(park)
    newsletter.look()
    (parked,) = newsletter.of("", "parked")
    assert (parked.state, parked.sentence) == (State.WARNING, "1 could not be read")


def test_a_database_that_is_not_there_yet(tmp_path: Path) -> None:
    first, disk = premises.database(tmp_path / "new" / "keepwarm.db")
    assert (first.state, first.remedy) == (State.WARNING, "keepwarm sync")
    assert disk.what == "disk"


def test_a_zone_without_data_is_told(newsletter: Any) -> None:
    known = premises.zones(replace(newsletter.settings, zone=ZoneInfo("Asia/Kolkata")))
    assert (known.state, known.sentence) == (State.FINE, "the organisation's is Asia/Kolkata")


@pytest.mark.parametrize(
    ("said", "sentence", "remedy"),
    [
        ("a is wrong: do b", "a is wrong", "do b"),
        (
            "it does not answer now; try again (127.0.0.1:80: 500)",
            "it does not answer now",
            "try again (127.0.0.1:80: 500)",
        ),
        ("it failed (127.0.0.1:80/x: 500)", "it failed (127.0.0.1:80/x: 500)", ""),
    ],
)
def test_a_fault_is_parted_into_what_is_wrong_and_what_to_do(said: str, sentence: str, remedy: str) -> None:
    assert parted(said) == (sentence, remedy)


def test_times_are_told_in_the_largest_unit_that_fits() -> None:
    now = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
    then = [now.replace(minute=0, hour=h, day=d) for d, h in ((20, 12), (22, 12), (23, 9), (23, 12))]
    assert [ago(at, now) for at in then] == ["3 days ago", "1 day ago", "3 hours ago", "just now"]


# the command


def run(surgery: Any, tmp_path: Path, *more: str) -> subprocess.CompletedProcess[str]:
    """As a user would, against the same sandboxes."""
    lines = ["version: 1", "database: keepwarm.db", "accounts:"]
    environment = dict(os.environ)
    for name, stage in surgery.stages.items():
        account = surgery.settings.accounts[name]
        lines += [f"  {name}:", f"    platform: {account.platform}", f"    base_url: {base_url(stage.running)}"]
        secrets = {secret: f"{name}_{secret}".upper() for secret in account.secrets}
        lines += ["    secrets: {" + ", ".join(f"{secret}: {variable}" for secret, variable in secrets.items()) + "}"]
        for secret, variable in secrets.items():
            environment[variable] = surgery.environment[account.secrets[secret][0]]
        if "audience" in account.options:
            lines += [f"    options: {{audience: {account.options['audience']}}}"]
    (tmp_path / "settings.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    command = [sys.executable, "-c", "from connector.cli import main; main()"]
    asked = [*command, "--settings", str(tmp_path / "settings.yaml"), "doctor", *more]
    return subprocess.run(asked, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def test_the_command_ends_with_0_when_nothing_is_broken(newsletter: Any, tmp_path: Path) -> None:
    ran = run(newsletter, tmp_path)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "newsletter (mailchimp)" in ran.stdout
    assert "0 faults, 0 warnings" in ran.stdout


def test_the_command_ends_with_1_when_something_is(newsletter: Any, tmp_path: Path) -> None:
    newsletter.sandbox("newsletter").hooks.rows.clear()
    ran = run(newsletter, tmp_path, "newsletter", "--json")
    assert ran.returncode == 1, ran.stdout + ran.stderr
    told = json.loads(ran.stdout)
    assert told["fine"] is False
    assert [it["what"] for it in told["findings"] if it["state"] == "fault"] == ["platform"]
    assert {it["account"] for it in told["findings"]} == {"newsletter"}


def test_the_command_works_before_there_is_a_database(newsletter: Any, tmp_path: Path) -> None:
    (tmp_path / "keepwarm.db").unlink()
    ran = run(newsletter, tmp_path)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "is not there yet" in ran.stdout


def test_an_unknown_account_is_a_wrong_usage(newsletter: Any, tmp_path: Path) -> None:
    ran = run(newsletter, tmp_path, "nobody")
    assert ran.returncode == 2
    assert "there are newsletter" in ran.stderr
