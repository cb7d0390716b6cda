"""What a cold reading of the flow found: chains that end, versions that change, clocks, walks and waiting."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from connector import applying, scheduler, sync
from connector.errors import KeepwarmError, Refused, Unauthorized
from connector.flow import Action, Delivery, Page, Stream, Verb, Window
from connector.plan import PlanRefused
from connector.settings import ChangeLimit
from connector.store.schedule import Walk

if TYPE_CHECKING:
    from tests.conftest import Cast, Home

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SILVER_RULES = """
version: 1
rules:
  - rule: bench
    who: {has_application: {status: rejected}}
    keep: {pools: [bench]}
"""
NOTE = """
version: 1
rules:
  - rule: call
    who: {WHO}
    do: {event: {name: hello}}
"""


def refusing(verb: Verb) -> Callable[[Action], KeepwarmError | None]:
    return lambda action: Refused("no", status=400) if action.verb is verb else None


def test_what_was_to_follow_a_member_that_was_refused_is_not_believed_to_be_on_its_way(home: Home, cast: Cast) -> None:
    home.platforms["mailer"].refuse = refusing(Verb.UPSERT_MEMBER)
    home.tell("ats", *cast.runner_up("1", "a@example.org"))
    home.live()
    assert home.rows("select 1 from owned where kind = 'pool'") == []
    assert {it["state"] for it in home.rows("select state from messages")} <= {"failed", "missed"}


def test_a_member_that_was_refused_once_is_asked_for_again_with_the_next_act(
    home_of: Callable[..., Home], cast: Cast
) -> None:
    home = home_of(rules=SILVER_RULES)
    home.platforms["mailer"].refuse = refusing(Verb.UPSERT_MEMBER)
    home.tell("ats", *cast.runner_up("1", "a@example.org"))
    home.live()
    home.platforms["mailer"].refuse = lambda action: None
    home.now += HOUR
    home.tell("ats", cast.candidate("1", "a@example.org", at=home.now, contact_allowed=True, location="Leeds"))
    home.turn()
    assert [it["state"] for it in home.rows("select state from owned where kind = 'pool'")] == ["ours"]
    assert home.rows("select 1 from outbox where state = 'pending'") == []


def test_another_version_of_a_rule_does_not_act_on_what_happened_before_it_was_applied(
    home_of: Callable[..., Home], cast: Cast
) -> None:
    home = home_of(rules=NOTE.replace("{WHO}", "{region: nowhere}"))
    home.tell("ats", *cast.runner_up("1", "a@example.org"))
    home.live()
    home.now += DAY
    home.rules(NOTE.replace("{WHO}", "{has_application: {status: rejected}}"))
    home.live()
    home.tell("ats", cast.candidate("1", "a@example.org", at=home.now, contact_allowed=True, location="Leeds"))
    home.turn()
    assert home.platforms["mailer"].of(Verb.SEND_EVENT) == []


def test_a_plan_that_was_begun_is_refused_once_the_rules_are_others(home_of: Callable[..., Home], cast: Cast) -> None:
    home = home_of(rules=SILVER_RULES)
    home.tell("ats", *cast.runner_up("1", "a@example.org"))
    made = home.plan()
    home.rules(SILVER_RULES.replace("[bench]", "[bank]"))
    with pytest.raises(PlanRefused, match="rules changed"):
        applying.apply(home.store, home.house.desk, made, now=home.now, resumed=True)


def test_a_message_whose_cadence_was_deleted_meanwhile_is_not_sent(home: Home, cast: Cast) -> None:
    home.tell("ats", *cast.runner_up("1", "a@example.org"))
    home.settle()
    home.apply()
    home.settle()
    assert home.rows("select 1 from outbox where purpose = 'marketing'")
    home.rules(SILVER_RULES)
    home.push()
    home.now += HOUR
    home.push()
    assert home.platforms["mailer"].of(Verb.SEND_EVENT, Verb.START_JOURNEY) == []


@pytest.mark.parametrize("machine", ["UTC", "Asia/Tokyo"])
def test_a_date_without_a_time_begins_on_the_clock_of_the_organisation(
    home: Home, cast: Cast, machine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", machine)
    time.tzset()
    try:
        home.tell("ats", cast.candidate("1", "a@example.org", at=home.now, fields={"consent_expires": ("2027-07-01",)}))
    finally:
        monkeypatch.undo()
        time.tzset()
    ends = datetime.fromisoformat(home.facts(home.person("ats", "1"))["consent.expires"])
    assert ends == datetime(2027, 7, 1, tzinfo=ZoneInfo("Europe/London"))


def test_what_a_walk_did_not_list_is_not_gone_while_a_page_of_it_could_not_be_read(home: Home, cast: Cast) -> None:
    home.tell("ats", *cast.runner_up("1", "a@example.org"))
    stream = Stream(name="candidates", kinds=("candidate",), complete=True)

    def walked(run: int, body: bytes) -> Counter[str]:
        page = Delivery(
            account="ats", stream="candidates", id=f"walk:{run}:candidates:0", body=body, received_at=home.now
        )
        walk = Walk(since=None, until=home.now, full=True, page=1, cursor=None, run=run)
        home.store.write(lambda tx: tx.schedule.walk("ats", "candidates", walk))
        home.store.write(lambda tx: tx.inbox.keep([page]))
        home.settle()
        return sync.reconcile(home.store, home.house.accounts["ats"], stream, now=home.now)

    assert walked(8, b"{") == {"doubted": 1}
    again = Delivery(account="ats", stream="candidates", id="fetch:1", body=b"{", received_at=home.now)
    home.store.write(lambda tx: tx.inbox.keep([again]))  # the same bytes: kept with this one from now on
    assert walked(9, b"{") == {"doubted": 1}
    assert walked(10, b"[]") == {"gone": 1}
    assert home.rows("select 1 from parked") == []


def test_everything_is_walked_when_asked_for_although_a_smaller_walk_was_interrupted(home: Home) -> None:
    asked: list[datetime | None] = []
    stream = Stream(name="candidates", kinds=("candidate",))
    account = home.house.accounts["ats"]

    class Pulling(type(account.adapter)):  # type: ignore[misc]
        def pull(self, name: str, window: Window, cursor: str | None) -> Page:
            asked.append(window.since)
            return Page(body=b"[]", count=0)

    account.adapter.__class__ = Pulling
    walk = Walk(since=home.now - DAY, until=home.now, full=False, page=3, cursor="x", run=1)
    home.store.write(lambda tx: tx.schedule.walk("ats", "candidates", walk))
    sync.step(home.store, account, stream, now=home.now, run=2, full=True)
    assert asked == [None]


# the scheduler


def test_nothing_that_depends_on_time_is_done_while_the_clock_is_behind(home: Home, cast: Cast) -> None:
    home.live()
    home.pass_time(HOUR)
    right = home.now
    home.now -= DAY
    home.keep("ats", *cast.runner_up("1", "a@example.org"))
    running = scheduler.Running(home.house)
    running.start()
    try:
        until(lambda: home.rows("select 1 from people"))
        time.sleep(0.3)
        assert home.rows("select 1 from decisions") == [], "it was read, and nothing was decided"
        home.now = right + HOUR
        running.wake()
        until(lambda: home.platforms["ats"].of(Verb.ADD_TAG))
    finally:
        running.stop()


def test_what_came_in_is_acted_upon_at_once_although_everyone_was_asleep(home: Home, cast: Cast) -> None:
    home.live()
    running = scheduler.Running(home.house)
    running.start()
    try:
        time.sleep(0.5)
        begun = time.monotonic()
        home.keep("ats", *cast.runner_up("1", "a@example.org"))
        until(lambda: home.platforms["ats"].of(Verb.ADD_TAG))
        assert time.monotonic() - begun < scheduler.IDLE
    finally:
        running.stop()


def test_those_who_wait_write_nothing(home: Home) -> None:
    running = scheduler.Running(home.house)
    running.start()
    try:
        time.sleep(0.5)
        before = home.store.turns
        time.sleep(2.2)
        assert home.store.turns == before
    finally:
        running.stop()


def test_a_pause_ends_with_the_first_act_that_is_taken_also_after_a_restart(home: Home, cast: Cast) -> None:
    home.live()
    home.platforms["ats"].refuse = lambda action: Unauthorized("401")
    home.tell("ats", *cast.runner_up("1", "a@example.org"))
    home.push()
    assert home.rows("select 1 from pauses")
    home.platforms["ats"].refuse = lambda action: None
    home.restart()
    home.now += HOUR
    home.push()
    assert home.rows("select 1 from pauses") == []


def until(what: Callable[[], object], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.02)


def test_a_look_for_what_is_due_uses_the_index_of_the_person(home: Home) -> None:
    """Else every claim would count through the whole history."""
    seen: list[str] = []
    with home.store.reading() as tx:
        tx.db.conn.set_trace_callback(seen.append)
        tx.outbox.due("ats", now=home.now, limit=1)
        tx.db.conn.set_trace_callback(None)
        told = tx.rows(f"explain query plan {seen[-1]}")
    assert any("outbox_person" in row["detail"] for row in told)
    assert not any(row["detail"].startswith("SCAN") for row in told)


def test_what_is_ours_stays_ours_while_its_account_takes_nothing(home: Home, cast: Cast) -> None:
    home.tell("ats", *cast.runner_up("1", "a@example.org"))
    home.live()
    kept = home.rows("select account, key, state from owned")
    everything = home.settings
    accounts = {name: replace(it, takes=()) for name, it in everything.accounts.items()}
    home.settings = replace(everything, accounts=accounts)
    home.rules((home.folder / "rules" / "rules.yaml").read_text(encoding="utf-8"))
    home.now += HOUR
    home.tell("ats", cast.candidate("1", "a@example.org", at=home.now, contact_allowed=True, location="Leeds"))
    home.turn()
    assert home.rows("select account, key, state from owned") == kept
    assert home.platforms["mailer"].of(Verb.REMOVE_TAG) == []


def test_a_rule_that_may_change_nothing_by_itself_stops(home_of: Callable[..., Home], cast: Cast) -> None:
    home = home_of(rules=SILVER_RULES + "    max_changes: 0%\n")
    home.settings = replace(home.settings, add=ChangeLimit(share=0.05, always=0))
    home.rules(SILVER_RULES + "    max_changes: 0%\n")
    for number in range(30):
        home.tell("ats", *cast.runner_up(str(number), f"{number}@example.org"))
    home.live()
    home.tell("ats", *cast.runner_up("99", "99@example.org"))
    home.turn()
    assert home.rows("select count(*) as n from owned") == [{"n": 30}]
