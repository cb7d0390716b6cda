"""What the house wrote down is forgotten in time, and nothing that keeps an act from being done twice."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec
import pytest

from connector import scheduler
from connector.errors import ConfigError
from connector.flow import Delivery, Verb
from connector.model import AnyRecord, Status
from connector.settings import read

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Cast, Home

DAY = timedelta(days=1)


def after(home: Home, span: timedelta) -> None:
    home.now += span
    scheduler.clean_up(home.house, now=home.now)


def count(home: Home, table: str) -> int:
    return int(home.rows(f"select count(*) as n from {table}")[0]["n"])


def came(home: Home, record: AnyRecord, id_: str = "evt-1") -> bool:
    """The platform delivers this; was it news."""
    it = Delivery(account="ats", body=msgspec.json.encode([record]), received_at=home.now, id=id_)
    new = home.store.write(lambda tx: tx.inbox.keep([it]))
    home.settle()
    return bool(new)


def test_a_redelivery_is_known_for_a_month(home: Home, cast: Cast) -> None:
    assert came(home, cast.candidate("1", "a@example.org"))
    for _ in range(29):
        after(home, DAY)
        assert not came(home, cast.candidate("1", "a@example.org"))
    after(home, 2 * DAY)
    assert count(home, "deliveries") == 0
    assert came(home, cast.candidate("1", "a@example.org"))
    assert count(home, "records") == 1


def test_what_waits_is_parked_or_is_kept_with_its_body_stays(home_of: Callable[..., Home], cast: Cast) -> None:
    kept = "\nretention: {bodies: 60 days, parked: 90 days, deliveries: 3 days}"
    home = home_of(settings=f"version: 1\naccounts:\n  ats: {{platform: invented}}{kept}")
    came(home, cast.candidate("1"))
    broken = Delivery(account="ats", body=b"[{}]", received_at=home.now, id="broken")
    home.store.write(lambda tx: tx.inbox.keep([broken]))
    home.settle()
    late = Delivery(account="ats", body=b"[]", received_at=home.now, id="late")
    home.store.write(lambda tx: tx.inbox.keep([late]))
    after(home, 40 * DAY)
    assert [it["state"] for it in home.rows("select state from deliveries order by id")] == ["read", "parked", "new"]
    after(home, 30 * DAY)
    assert [it["state"] for it in home.rows("select state from deliveries order by id")] == ["parked", "new"]


def test_a_delivery_is_not_forgotten_while_platforms_may_repeat_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"2:25 .*at least 3 days"):
        read("version: 1\nretention: {deliveries: 2 days}", "settings.yaml", folder=tmp_path)


def test_old_pulls_are_forgotten_and_their_numbers_are_not_given_again(home: Home) -> None:
    def pulled() -> int:
        number = home.store.write(lambda tx: tx.schedule.start("sync", "ats", now=home.now))
        home.store.write(lambda tx: tx.schedule.end(number, state="done", counts={}, now=home.now))
        return number

    applied = home.store.write(lambda tx: tx.schedule.start("apply", None, now=home.now))
    last = [pulled() for _ in range(150)][-1]
    after(home, 91 * DAY)
    assert [it["id"] for it in home.rows("select id from runs order by id")] == [applied, *range(last - 99, last + 1)]
    assert pulled() == last + 1


def test_what_an_act_said_is_forgotten_after_a_year_and_it_is_still_not_done_twice(home: Home, cast: Cast) -> None:
    home.tell("ats", *cast.runner_up("1", "a@example.org"))
    home.live()
    assert {Verb.ADD_TAG, Verb.ADD_NOTE, Verb.UPSERT_MEMBER} <= {it.action.verb for it in sent(home)}
    before = sent(home)
    after(home, 200 * DAY)
    assert sent(home) == before
    assert count(home, "attempts") == 0
    after(home, 200 * DAY)
    stripped = sent(home)
    assert [(it.action.key, it.person, it.settled_at) for it in stripped] == [
        (it.action.key, it.person, it.settled_at) for it in before
    ]
    assert {(it.action.subject, len(it.action.args), len(it.receipt)) for it in stripped} == {(None, 0, 0)}
    assert home.store.write(lambda tx: tx.outbox.put(before, now=home.now)) == 0
    took = len(home.platforms["ats"].took)
    home.turn()
    assert len(home.platforms["ats"].took) == took


def sent(home: Home):  # type: ignore[no-untyped-def]
    with home.store.reading() as tx:
        return sorted(tx.outbox.in_state("sent"), key=lambda it: it.row)


def test_what_waits_or_died_keeps_what_it_says(home: Home, cast: Cast) -> None:
    home.tell("ats", *cast.runner_up("1", "a@example.org"))
    home.settle()
    home.apply()
    home.store.write(
        lambda tx: tx.db.execute("update outbox set state = 'dead', settled_at = made_at where verb = 'add_tag'")
    )
    after(home, 400 * DAY)
    assert {it["state"] for it in home.rows("select state from outbox where args <> '{}'")} == {"dead", "pending"}


def test_messages_that_never_went_out_are_forgotten_and_those_that_did_are_not(home: Home) -> None:
    person = home.store.write(lambda tx: tx.mirror.new_person())
    rows = [("sent", person), ("missed", person), ("failed", person), ("held_out", person), ("sent", 999)]
    home.store.write(
        lambda tx: tx.db.conn.executemany(
            "insert into messages (id, person, purpose, template, cadence, channel, state, due_at, why)"
            " values (?, ?, 'marketing', 'news', 'quarterly', 'email', ?, ?, '')",
            [(f"{n}", who, state, home.now.isoformat()) for n, (state, who) in enumerate(rows)],
        )
    )
    after(home, 360 * DAY)
    assert count(home, "messages") == 5
    after(home, 10 * DAY)
    assert [it["state"] for it in home.rows("select state from messages order by id")] == ["sent", "held_out"]


ONE_RULE = """
version: 1
rules:
  - rule: other
    who: {has_application: {status: hired}}
    keep: {tags: [other]}
"""


def test_what_a_deleted_rule_said_is_forgotten_a_week_later_with_its_approval(home: Home, cast: Cast) -> None:
    home.tell("ats", *cast.runner_up("1", "a@example.org"))
    home.live()
    assert count(home, "standing") > 0
    home.rules(ONE_RULE)
    after(home, timedelta(0))
    after(home, 6 * DAY)
    assert count(home, "standing") > 0
    after(home, DAY)
    assert count(home, "standing") == 0
    assert count(home, "activations") == 0
    home.turn()
    after(home, DAY)
    assert {it["rule"] for it in home.rows("select rule from departed")} == {
        "silver",
        "bench",
    }  # what they own is not off yet


def test_a_rule_that_comes_back_within_the_week_goes_on_as_it_was(home: Home, cast: Cast) -> None:
    home.tell("ats", *cast.runner_up("1", "a@example.org"))
    home.live()
    held = home.rows("select * from standing order by rule, person")
    text = (home.folder / "rules" / "rules.yaml").read_text(encoding="utf-8")
    home.rules(ONE_RULE)
    after(home, timedelta(0))
    after(home, 5 * DAY)
    home.rules(text)
    after(home, DAY)
    after(home, 30 * DAY)
    assert home.rows("select * from standing order by rule, person") == held
    assert count(home, "activations") > 0


def test_a_large_table_is_cleared_in_pieces(home: Home) -> None:
    old = home.now - 100 * DAY
    many = [Delivery(account="ats", body=b"[]", received_at=old, id=f"{n}") for n in range(4500)]
    for start in range(0, 4500, 500):
        home.store.write(lambda tx, s=start: tx.inbox.keep(many[s : s + 500]))  # type: ignore[misc]
    home.read()
    turns = home.store.turns
    after(home, timedelta(0))
    assert count(home, "deliveries") == 0
    assert home.store.turns - turns >= 3


def test_status_of_somebody_who_applied_long_ago_is_untouched(home: Home, cast: Cast) -> None:
    """An echo of our own note is still known as one after the note itself is forgotten."""
    home.tell("ats", *cast.runner_up("1", "a@example.org"))
    home.live()
    echo = cast.candidate("1", "a@example.org", at=home.now, last_activity_at=home.now, contact_allowed=True)
    home.tell("ats", echo)
    known = home.facts(home.person("ats", "1"))["last_activity"]
    after(home, 400 * DAY)
    home.tell("ats", cast.application("later", "1", Status.REJECTED, at=home.now, account="ats"))
    assert datetime.fromisoformat(known) < echo.last_activity_at  # type: ignore[operator]
    assert home.facts(home.person("ats", "1"))["last_activity"] == known
