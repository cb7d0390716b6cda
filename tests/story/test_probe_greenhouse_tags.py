"""Tags that people put on and take off in Greenhouse, where doing so does not move the candidate; and pauses that end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from connector import accounts, applying, house, plan, scheduler
from connector.house import House
from connector.settings import Settings
from connector.store import Sqlite

if TYPE_CHECKING:
    from connector.cli.sandboxes import Stage

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
OURS = "silver-medallist"
Staged = AbstractContextManager[tuple[Settings, dict[str, str], dict[str, "Stage"]]]


@dataclass(slots=True)
class Desk:
    """A house that works only when told to, as the command line does, and a clock for it and the platforms."""

    house: House
    stages: dict[str, Stage]
    now: datetime = NOON

    def pass_by(self, time: timedelta) -> None:
        self.now += time
        for stage in self.stages.values():
            stage.tell("clock", now=self.now.isoformat())

    def sync(self, *, full: bool = False) -> None:
        self.pass_by(timedelta(seconds=2))
        scheduler.drain(self.house, full=full)

    def apply(self) -> None:
        applying.apply(self.house.store, self.house.desk, self.plan(), now=self.now)
        scheduler.drain(self.house, pull=False)

    def plan(self) -> plan.Plan:
        return plan.make(self.house.store, self.house.desk, now=self.now)

    def rows(self, sql: str, *parameters: object) -> list[dict[str, Any]]:
        with self.house.store.reading() as tx:
            return tx.rows(sql, parameters)

    def tagged(self, candidate: str) -> list[str]:
        """What the platform itself says."""
        found: list[str] = self.stages["hospital"].ask("state")["tags"].get(candidate, [])
        return found

    def medallist(self) -> str:
        """A candidate of the hospital whom the plan would tag."""
        (rule,) = (it for it in self.plan().rules if it.rule == OURS)
        people = [it.person for it in rule.samples]
        found = self.rows("select id, person from candidates where account = 'hospital' order by id")
        return next(str(it["id"]) for it in found if it["person"] in people)

    def state(self, candidate: str) -> list[str]:
        sql = "select state from owned where account = 'hospital' and subject = ? and key = ?"
        return [it["state"] for it in self.rows(sql, candidate, OURS)]

    def act(self, do: str, **asked: Any) -> None:
        self.stages["hospital"].tell("act", do=do, **asked)


@pytest.fixture
def desk(tmp_path: Path, stages_of: Callable[[Path, int], Staged]) -> Iterator[Desk]:
    with stages_of(tmp_path, 60) as (settings, environment, stages), Sqlite(settings.database) as store:
        made = accounts.connect(settings, environment)
        clock: list[Desk] = []
        it = house.assemble(settings, house.load_rules(settings), made, store, lambda: clock[0].now)
        clock.append(Desk(it, stages))
        try:
            clock[0].sync(full=True)
            yield clock[0]
        finally:
            made.close()


def test_a_tag_that_a_person_put_on_reaches_the_rules_with_the_next_pull(desk: Desk) -> None:
    candidate = desk.medallist()
    desk.pass_by(timedelta(minutes=20))
    desk.act("tag_by_human", candidate=candidate, tag="do-not-contact")
    desk.sync()
    person = desk.rows("select person from candidates where account = 'hospital' and id = ?", candidate)[0]["person"]
    words = desk.rows("select word from person_words where person = ? and fact = 'tags'", person)
    assert [it["word"] for it in words] == ["do-not-contact"]


def test_a_tag_that_was_there_before_us_is_planned_as_theirs_and_stays_when_the_rule_goes(desk: Desk) -> None:
    candidate = desk.medallist()
    desk.pass_by(timedelta(minutes=20))
    desk.act("tag_by_human", candidate=candidate, tag=OURS)
    desk.sync()
    (rule,) = (it for it in desk.plan().rules if it.rule == OURS)
    assert rule.adopt == 1
    desk.apply()
    assert desk.state(candidate) == ["theirs"]
    desk.act("hire", candidate=candidate)
    desk.sync()
    assert desk.tagged(candidate) == [OURS]


def test_no_note_says_that_we_put_on_a_tag_that_a_person_put_on_just_before_us(desk: Desk) -> None:
    candidate = desk.medallist()
    desk.act("tag_by_human", candidate=candidate, tag=OURS)
    desk.apply()
    assert desk.state(candidate) == ["theirs"]
    notes = desk.stages["hospital"].ask("state")["notes"].values()
    told = [it["candidate"] for it in notes if "Keepwarm added the tag" in it["body"]]
    assert told
    assert candidate not in told


@pytest.mark.parametrize("pulled_between", [True, False])
def test_a_tag_that_a_person_took_off_stays_off(desk: Desk, pulled_between: bool) -> None:
    candidate = desk.medallist()
    desk.apply()
    assert desk.state(candidate) == ["ours"]
    if pulled_between:
        desk.pass_by(timedelta(minutes=1))
        desk.sync()
    desk.act("untag_by_human", candidate=candidate, tag=OURS)
    desk.pass_by(timedelta(minutes=1))
    desk.sync(full=True)  # too soon after our own write to tell a person's hand from an index that lags
    desk.pass_by(timedelta(minutes=10))
    desk.sync(full=True)
    assert [it["key"] for it in desk.rows("select key from vetoes")] == [OURS]
    desk.pass_by(timedelta(days=1))
    desk.sync()
    assert desk.tagged(candidate) == []


def test_what_works_again_is_not_told_as_paused(desk: Desk) -> None:
    hospital = desk.stages["hospital"]
    hospital.tell("switch", case="forbid", times=1, where="/scorecards")
    desk.sync()
    assert [it["scope"] for it in desk.rows("select scope from pauses")] == ["scorecards"]
    assert "harvest:scorecards:list" in desk.rows("select why from pauses")[0]["why"]
    desk.sync()
    assert desk.rows("select scope from pauses") == []


def test_credentials_that_are_taken_again_end_the_pause_of_the_whole_account(desk: Desk) -> None:
    desk.stages["software"].tell("switch", case="unauthorise", times=1)
    desk.sync()
    assert [(it["account"], it["scope"]) for it in desk.rows("select account, scope from pauses")] == [("software", "")]
    desk.sync()
    assert desk.rows("select scope from pauses") == []


def test_who_was_anonymised_is_nowhere_in_the_file(desk: Desk) -> None:
    name, address, candidate = desk.rows(
        "select p.name, p.email, c.id from profiles p join candidates c using (person)"
        " where c.account = 'hospital' and p.email is not null order by c.id"
    )[0].values()
    path = desk.house.settings.database
    desk.act("anonymise", candidate=candidate)
    desk.sync(full=True)
    desk.house.store.close()
    stored = path.read_bytes().lower()
    assert address.encode() not in stored
    assert name.lower().encode() not in stored
