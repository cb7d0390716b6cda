"""`keepwarm init`, as somebody types it."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from connector import cli
from connector import settings as settings_
from connector.setup.premises import zone_of_machine

KEEPWARM = Path(sys.executable).parent / "keepwarm"
TO_ACCOUNTS = (
    "--pack",
    "one-person-hr",
    "--ats",
    "greenhouse",
    "--mail",
    "mailchimp",
    "--zone",
    "Europe/London",
    "--accounts",
)


def init(folder: Path, *options: str, **environment: str) -> Result:
    runner = CliRunner(env={"HIRING_CLIENT_ID": None, **environment})
    return runner.invoke(cli.keepwarm, ["init", str(folder), *options])


def written(folder: Path) -> dict[str, str]:
    return {
        str(it.relative_to(folder)): it.read_text()
        for it in folder.rglob("*")
        if it.is_file() and "state" not in it.parts
    }


def test_it_writes_a_folder_and_says_what_is_left_to_do(tmp_path: Path) -> None:
    folder = tmp_path / "talent"
    ran = init(folder, *TO_ACCOUNTS, "--yes")
    assert ran.exit_code == 0, ran.output
    there = written(folder)
    assert {
        "settings.yaml",
        ".env.example",
        ".gitignore",
        "rules/rules.schema.json",
        "settings.schema.json",
    } <= there.keys()
    assert all(name in ran.output for name in there)
    assert "fine; the data was not looked at" in ran.output
    assert "1. in settings.yaml, write newsletter.audience" in ran.output
    assert "HIRING_CLIENT_ID, HIRING_CLIENT_SECRET, NEWSLETTER_API_KEY" in ran.output
    assert "state/" in there[".gitignore"]
    assert ".env" in there[".gitignore"].split()


def test_the_list_of_secrets_can_be_loaded_by_a_shell_and_names_what_the_settings_want(tmp_path: Path) -> None:
    init(tmp_path, *TO_ACCOUNTS, "--yes")
    ran = subprocess.run(
        ["sh", "-c", "set -a; . ./.env.example; set +a; env"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    wanted = {
        it
        for one in settings_.load(tmp_path / "settings.yaml").accounts.values()
        for many in one.secrets.values()
        for it in many
    }
    assert wanted == {"HIRING_CLIENT_ID", "HIRING_CLIENT_SECRET", "NEWSLETTER_API_KEY"}
    assert wanted <= {line.partition("=")[0] for line in ran.stdout.splitlines()}
    assert not ran.stderr


def test_what_a_platform_must_know_can_be_said(tmp_path: Path) -> None:
    ran = init(tmp_path, *TO_ACCOUNTS, "--yes", "--option", 'newsletter.audience=a"1')
    assert ran.exit_code == 0, ran.output
    assert settings_.load(tmp_path / "settings.yaml").accounts["newsletter"].options["audience"] == 'a"1'
    assert "write newsletter.audience" not in ran.output


def test_nothing_is_overwritten_unasked(tmp_path: Path) -> None:
    init(tmp_path, *TO_ACCOUNTS, "--yes")
    (tmp_path / "settings.yaml").write_text("version: 1\n# mine\n")
    before = written(tmp_path)
    ran = init(tmp_path, *TO_ACCOUNTS, "--yes")
    assert ran.exit_code == 2
    assert "settings.yaml: there already" in ran.output
    assert "Nothing was written" in ran.output
    assert written(tmp_path) == before
    forced = init(tmp_path, *TO_ACCOUNTS, "--yes", "--force")
    assert forced.exit_code == 0
    assert f"overwritten     {tmp_path / 'settings.yaml'}" in forced.output
    assert "# mine" not in written(tmp_path)["settings.yaml"]


def test_somebody_elses_gitignore_stays_and_it_says_what_to_add(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("*.pyc\n")
    ran = init(tmp_path, *TO_ACCOUNTS, "--yes")
    assert ran.exit_code == 0
    assert written(tmp_path)[".gitignore"] == "*.pyc\n"
    assert "add these lines to it: state/ and .env" in ran.output


def test_rules_that_are_there_already_are_named(tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "mine.yaml").write_text(
        "version: 1\nrules:\n  - rule: mine\n    who: {region: Wales}\n    keep: {tags: [w]}\n"
    )
    ran = init(tmp_path, *TO_ACCOUNTS, "--yes")
    assert "1 other file of rules stay in force beside these: mine.yaml" in ran.output
    assert "2 rules, 1 cadence" in ran.output


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--pack", "hospital-nursin"), "did you mean `hospital-nursing`?"),
        (("--ats", "taleo"), "there are greenhouse, lever"),
        (("--mail", "mailchip"), "did you mean `mailchimp`?"),
        (("--zone", "Europe/Lodnon"), "is no time zone"),
        (("--option", "newsletter"), "write ACCOUNT.NAME=VALUE"),
        (("--option", "hiring.colour=red"), "what has to be said here is newsletter.audience"),
    ],
)
def test_what_cannot_be_is_refused_in_plain_words(tmp_path: Path, options: Sequence[str], said: str) -> None:
    ran = init(tmp_path / "x", *options, "--accounts", "--yes")
    assert ran.exit_code == 2
    assert said in ran.output
    assert not (tmp_path / "x").exists()


def test_it_asks_on_a_terminal_by_number_or_name_and_asks_again(tmp_path: Path) -> None:
    said = answered(tmp_path, b"9\n2\nlever\nnone\nEurope/London\nn\n")
    assert "a number from 1 to 3" in said
    assert "lever" in (tmp_path / "settings.yaml").read_text()
    assert "Who came close" not in said.partition("What is left to do")[2]
    assert "HIRING_API_KEY" in said


def test_it_stops_cleanly_in_the_middle(tmp_path: Path) -> None:
    said = answered(tmp_path, b"1\n", b"\x03")
    assert said.rstrip().endswith("stopped")
    assert "Traceback" not in said
    assert list(tmp_path.iterdir()) == []


def answered(folder: Path, *keys: bytes) -> str:
    """A real terminal, and somebody who types; each time at the next question."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [KEEPWARM, "init"], cwd=folder, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
        preexec_fn=lambda: os.close(os.open(os.ttyname(0), os.O_RDWR)),  # it becomes their terminal, for Ctrl-C
    )  # fmt: skip
    os.close(theirs)
    said, left = b"", list(keys)
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # Linux says so when nobody is on the other side any more
            break
        if not piece:
            break
        said += piece
        if left and said.rstrip().endswith(b"]:"):
            os.write(ours, left.pop(0))
    process.wait(timeout=60)
    os.close(ours)
    return said.decode().replace("\r\n", "\n")


def test_sandboxes_end_at_an_applied_plan_and_leave_the_own_database_alone(tmp_path: Path) -> None:
    options = ("--pack", "technical-hiring", "--ats", "lever", "--zone", "Europe/London", "--sandboxes", "--yes")
    ran = init(tmp_path, *options)
    assert ran.exit_code == 0, ran.output
    assert "Applied p" in ran.output
    assert "hiring received:" in ran.output
    assert "add tag" in ran.output
    assert (tmp_path / "state" / "rehearsal" / "keepwarm.db").exists()
    assert not (tmp_path / "state" / "keepwarm.db").exists()


def test_the_zone_of_the_machine_is_what_its_link_says(tmp_path: Path) -> None:
    zones = tmp_path / "zoneinfo" / "Europe"
    zones.mkdir(parents=True)
    (zones / "Paris").touch()
    (tmp_path / "localtime").symlink_to(zones / "Paris")
    assert zone_of_machine(tmp_path / "localtime") == "Europe/Paris"
    assert zone_of_machine(zones / "Paris") == ""
