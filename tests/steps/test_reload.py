"""Files that change while we serve: taken up whole when they are right, and else what runs goes on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from connector import settings as settings_
from connector.house import House
from connector.reload import Reload
from connector.store.sets import InForce

if TYPE_CHECKING:
    from tests.conftest import Cast, Home

RULES = """
version: 1
rules:
  - rule: silver
    who: {has_application: {status: rejected}}
    keep: {tags: [silver]}
"""
MORE = f"""{RULES}
  - rule: nurses
    who: {{skills: {{any_of: [nursing]}}}}
    keep: {{tags: [nurse]}}
"""
TESTS = """
version: 1
clock: 2026-11-23 09:00
people:
  amina: {applications: [{status: rejected}]}
tests:
  - name: a runner-up is tagged
    person: amina
    expect: [{tags: [silver]}]
"""


class Desk:
    """A house in use, and the files beside it."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.rules = home.folder / "rules" / "rules.yaml"
        self.settings = home.folder / "settings.yaml"
        self.settings.write_text(SETTINGS, encoding="utf-8")
        self.reload = Reload(self.settings, lambda: settings_.load(self.settings), self)
        self.woken = 0
        self.reload.note()

    @property
    def house(self) -> House:
        return self.home.house

    @house.setter
    def house(self, fresh: House) -> None:
        self.home.house = fresh

    def wake(self) -> None:
        self.woken += 1

    def write(self, file: Path, text: str) -> InForce:
        file.write_text(text, encoding="utf-8")
        self.reload.look()
        return self.said()

    def said(self) -> InForce:
        with self.home.store.reading() as tx:
            found = tx.sets.in_force()
        assert found is not None
        return found


SETTINGS = """
version: 1
time_zone: Europe/London
database: keepwarm.db
vocabulary:
  stages: [applied, onsite]
  skills: {nursing: [rn]}
accounts:
  ats: {platform: invented}
  mailer: {platform: invented}
"""


@pytest.fixture
def desk(home_of: Callable[..., Home]) -> Desk:
    return Desk(home_of(rules=RULES, settings=SETTINGS))


def test_an_edited_file_is_taken_up_and_who_began_on_the_old_set_keeps_it(desk: Desk) -> None:
    old = desk.house
    it = desk.write(desk.rules, MORE)
    assert [rule.name for rule in desk.house.rules.rules] == ["silver", "nurses"]
    assert (it.set_hash, it.refused_at) == (desk.house.rules.hash, None)
    assert it.set_hash != old.rules.hash
    assert desk.woken == 1
    # one reference was swapped: nothing of the old house is another
    assert [rule.name for rule in old.desk.bench.court.rules.rules] == ["silver"]
    assert desk.house.desk.guard.court is desk.house.desk.bench.court
    assert desk.house.turn is old.turn


def test_what_is_new_writes_nothing_until_its_plan_is_applied(desk: Desk, cast: Cast) -> None:
    home = desk.home
    home.live()
    it = desk.write(desk.rules, MORE)
    home.tell("ats", cast.candidate("1", fields={"skills": ("rn",)}))
    home.turn()
    assert home.platforms["ats"].took == []
    with home.store.reading() as tx:
        (shadow,) = tx.shadows.of("nurses", limit=10)
    assert (shadow.answer, shadow.set_hash) == (True, it.set_hash)
    assert (home.settings.database.parent / "plans" / f"{it.plan}.json").exists()
    home.apply()
    home.turn()
    assert [action.args["tag"] for action in home.platforms["ats"].took if "tag" in action.args] == ["nurse"]


def test_a_broken_file_keeps_what_runs_says_where_and_since_when_and_is_over_once_it_is_mended(desk: Desk) -> None:
    running = desk.house
    refused = desk.write(desk.rules, MORE.replace("skills:", "skils:"))
    assert desk.house is running
    assert refused.set_hash == running.rules.hash
    assert refused.refused_at == desk.home.now
    (complaint,) = refused.complaints
    assert complaint.startswith(f"{desk.rules}:9:11")
    assert "did you mean `skills`" in complaint
    mended = desk.write(desk.rules, MORE)
    assert (mended.refused_at, mended.complaints) == (None, ())
    assert len(desk.house.rules.rules) == 2


def test_files_that_go_back_to_what_runs_are_refused_no_more(desk: Desk) -> None:
    before = desk.said()
    assert desk.write(desk.rules, "version: 1\nrules: nothing\n").complaints
    after = desk.write(desk.rules, RULES)
    assert (after.set_hash, after.since, after.refused_at) == (before.set_hash, before.since, None)


def test_a_set_that_fails_its_own_tests_is_not_taken_up(desk: Desk) -> None:
    tests = desk.rules.with_name("rules.test.yaml")
    desk.write(tests, TESTS)
    running = desk.house
    refused = desk.write(desk.rules, RULES.replace("rejected", "withdrawn"))
    assert desk.house is running
    assert refused.complaints == (f"{tests}:9:15  test `a runner-up is tagged`: expected tags silver, got tags none",)
    assert desk.write(tests, TESTS.replace("rejected", "withdrawn")).refused_at is None
    assert desk.house is not running


def test_settings_that_cannot_be_read_are_refused_with_their_place(desk: Desk) -> None:
    refused = desk.write(desk.settings, SETTINGS.replace("stages:", "stagse:"))
    assert len(refused.complaints) == 1
    assert refused.complaints[0].startswith(f"{desk.settings}:6:3")


def test_a_change_that_needs_a_start_is_said_and_not_done_while_the_rest_is(desk: Desk) -> None:
    changed = SETTINGS.replace("mailer:", "letters:").replace("ats: {", "ats: {takes: [tags], ")
    it = desk.write(desk.settings, changed + "control_group: 10%\nserve: {port: 9999}\n")
    assert it.waits == ("accounts", "serve")
    assert desk.house.settings.control_group == 0.1
    assert set(desk.house.settings.accounts) == {"ats", "mailer"}
    assert desk.house.settings.port == 8700


def test_an_account_that_only_stands_elsewhere_in_the_file_waits_for_nothing(desk: Desk) -> None:
    assert desk.write(desk.settings, "# a comment\n" + SETTINGS).waits == ()


def test_a_message_through_an_account_that_does_not_run_yet_is_refused(desk: Desk) -> None:
    more = "  letters: {platform: invented}\nmessages:\n  news: {by: event, account: letters, event: news}\n"
    refused = desk.write(desk.settings, SETTINGS + more)
    assert any("`letters`, which begins with the next start" in it for it in refused.complaints)


def test_another_vocabulary_builds_everyone_anew_before_it_is_planned(desk: Desk, cast: Cast) -> None:
    home = desk.home
    home.tell("ats", cast.candidate("1", fields={"skills": ("staff nurse",)}))
    desk.write(desk.rules, MORE)
    person = home.person("ats", "1")
    assert home.facts(person)["skills"] == {"staff nurse"}
    changed = desk.write(desk.settings, SETTINGS.replace("[rn]", "[rn, staff nurse]"))
    assert changed.plan == ""
    home.settle()
    assert home.facts(person)["skills"] == {"nursing"}
    desk.reload.look()
    assert desk.said().plan != ""


def test_another_vocabulary_builds_everyone_anew_across_a_restart(desk: Desk, cast: Cast) -> None:
    home = desk.home
    home.tell("ats", cast.candidate("1", fields={"skills": ("staff nurse",)}))
    home.settings = settings_.read(SETTINGS.replace("[rn]", "[rn, staff nurse]"), "settings.yaml", folder=home.folder)
    home.restart()
    home.settle()
    assert home.facts(home.person("ats", "1"))["skills"] == {"nursing"}


def test_a_look_at_files_that_did_not_change_does_nothing(desk: Desk) -> None:
    desk.rules.touch()
    before = desk.house
    desk.reload.look()
    assert desk.house is before


def test_what_changed_while_the_house_was_put_together_is_found_by_the_first_look(desk: Desk) -> None:
    desk.rules.write_text(MORE, encoding="utf-8")
    late = Reload(desk.settings, lambda: settings_.load(desk.settings), desk)
    late.note()
    late.look()
    assert len(desk.house.rules.rules) == 2
