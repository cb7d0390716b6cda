"""`sync` ends with 1 when not all it was asked for could be seen, and `explain` names every objection that holds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from click.testing import CliRunner, Result

from adapters.lever.sandbox import LeverSandbox
from connector import cli
from connector.model import MemberStatus, Merged, Ref
from connector.sandbox import running

if TYPE_CHECKING:
    from tests.conftest import Cast, Home

RULES = """
version: 1
rules:
  - rule: silver
    who: {has_application: {status: rejected}}
    keep: {tags: [silver]}
"""


class Desk:
    """Two small Lever accounts, and the command."""

    def __init__(self, folder: Path, urls: dict[str, str]) -> None:
        self.folder = folder
        self.urls = urls
        accounts = "".join(
            f"  {name}: {{platform: lever, base_url: \"{url}\", secrets: {{api_key: KEY_{name.upper()}}}}}\n"
            for name, url in urls.items()
        )  # fmt: skip
        (folder / "settings.yaml").write_text(f"version: 1\naccounts:\n{accounts}", encoding="utf-8")
        (folder / "rules").mkdir()
        (folder / "rules" / "rules.yaml").write_text(RULES, encoding="utf-8")

    def sync(self, *words: str) -> Result:
        environment = {f"KEY_{name.upper()}": LeverSandbox().secrets["api_key"] for name in self.urls}
        arguments = ["--settings", str(self.folder / "settings.yaml"), "sync", *words]
        return CliRunner().invoke(cli.keepwarm, arguments, env=environment)

    def refuse(self, name: str) -> None:
        told = {"case": "unauthorise", "times": 1000}
        httpx.post(f"{self.urls[name]}/_sandbox/switch", json=told).raise_for_status()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with ExitStack() as stack:
        served = {name: stack.enter_context(running(LeverSandbox(limited=False))) for name in ("north", "south")}
        yield Desk(tmp_path, {name: it.base_url for name, it in served.items()})


def test_all_went_well(desk: Desk) -> None:
    done = desk.sync()
    assert done.exit_code == 0, done.output


def test_an_account_that_is_paused_is_said_in_the_exit_code(desk: Desk) -> None:
    desk.refuse("north")
    done = desk.sync()
    assert done.exit_code == 1
    assert "paused: north" in done.output
    told = desk.sync("--json")
    assert told.exit_code == 1
    assert [it["account"] for it in json.loads(told.stdout)["paused"]] == ["north"]


def test_an_account_that_was_not_asked_for_may_be_paused(desk: Desk) -> None:
    desk.refuse("north")
    assert desk.sync("north").exit_code == 1
    assert desk.sync("south").exit_code == 0


def test_explain_names_objections_from_former_addresses_and_merged_records(home: Home, cast: Cast) -> None:
    home.tell("ats", cast.candidate("1", "old@example.org", contact_allowed=True))
    home.tell("ats", cast.candidate("2", "else@example.org", contact_allowed=False))
    home.now = home.now.replace(hour=10)
    home.tell("ats", cast.candidate("1", "new@example.org", at=home.now, contact_allowed=True))
    home.tell("mailer", cast.member("old@example.org", MemberStatus.UNSUBSCRIBED))
    home.tell("ats", Merged(ref=Ref("ats", "candidate", "2"), into=Ref("ats", "candidate", "1"), at=home.now))
    (home.folder / "settings.yaml").write_text(
        "version: 1\ndatabase: keepwarm.db\naccounts: {ats: {platform: lever}}\n", encoding="utf-8"
    )
    (home.folder / "rules" / "rules.yaml").write_text(RULES, encoding="utf-8")
    asked = ["--settings", str(home.folder / "settings.yaml"), "explain", "ats/candidate/1", "--json"]
    done = CliRunner().invoke(cli.keepwarm, asked)
    assert done.exit_code == 0, done.output
    held = {(it["reason"], it["source"]) for it in json.loads(done.stdout)["opt_outs"]}
    assert ("unsubscribed", "mailer") in held
    assert ("a record that is gone said no", "ats") in held
