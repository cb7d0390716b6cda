"""What becomes of an act after one attempt, by the family of its failure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from connector.errors import KeepwarmError, RateLimited, Refused, Retry, Suppressed, Unauthorized, Unsupported
from connector.flow import Action, Verb
from connector.outbox import MAX_ATTEMPTS, PAUSE, settle

if TYPE_CHECKING:
    from tests.conftest import Cast, Home

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
WAIT = timedelta(seconds=7)


@pytest.mark.parametrize(
    ("error", "attempts", "repeatable", "state", "wait", "free"),
    [
        (RateLimited(wait=WAIT), 1, True, "pending", WAIT, True),
        (RateLimited(wait=WAIT), 99, False, "pending", WAIT, True),
        (Unauthorized(), 99, True, "pending", PAUSE, True),
        (Unauthorized(scope="x"), 1, True, "pending", PAUSE, True),
        (Suppressed(reason="unsubscribed"), 1, True, "cancelled", None, False),
        (Retry(), 1, True, "pending", timedelta(seconds=4), False),
        (Retry(), 3, True, "pending", timedelta(seconds=64), False),
        (Retry(), MAX_ATTEMPTS, True, "dead", None, False),
        (Retry(in_doubt=True), 1, True, "pending", timedelta(seconds=4), False),
        (Retry(in_doubt=True), 1, False, "dead", None, False),
        (Retry(), 1, False, "pending", timedelta(seconds=4), False),
        (Refused(status=422), 1, True, "dead", None, False),
        (Unsupported(), 1, True, "dead", None, False),
    ],
)
def test_a_family_decides(
    error: KeepwarmError, attempts: int, repeatable: bool, state: str, wait: timedelta | None, free: bool
) -> None:
    done = settle(error, attempts=attempts, repeatable=repeatable, now=NOW)
    assert (done.state, done.due_at, done.give_back) == (state, NOW + wait if wait else None, free)


def test_an_error_of_ours_is_not_swallowed() -> None:
    with pytest.raises(ZeroDivisionError):
        settle(ZeroDivisionError(), attempts=1, repeatable=True, now=NOW)


def refusing(home: Home, name: str, verb: Verb, *errors: KeepwarmError | None) -> None:
    coming = list(errors)

    def refuse(action: Action) -> KeepwarmError | None:
        return coming.pop(0) if action.verb is verb and coming else None

    home.platforms[name].refuse = refuse


def states(home: Home) -> dict[str, str]:
    return {row["verb"]: row["state"] for row in home.rows("select verb, state from outbox order by id")}


def begun(home: Home, cast: Cast) -> None:
    home.tell("ats", *cast.runner_up("1", "a@example.org"))
    home.settle()
    home.apply()


def test_what_was_to_follow_an_act_that_never_came_is_not_sent(home: Home, cast: Cast) -> None:
    refusing(home, "mailer", Verb.UPSERT_MEMBER, Refused(status=400))
    begun(home, cast)
    home.turn()
    assert states(home) == {
        "add_tag": "cancelled", "add_note": "sent", "upsert_member": "dead", "send_event": "cancelled"
    }  # fmt: skip
    assert home.platforms["mailer"].took == []
    assert home.rows("select key from owned where kind = 'pool'") == []


def test_an_objection_that_the_platform_tells_of_is_learnt_and_holds_everywhere(home: Home, cast: Cast) -> None:
    refusing(home, "mailer", Verb.UPSERT_MEMBER, Suppressed("no", reason="forgotten"))
    begun(home, cast)
    home.turn()
    home.pass_time(timedelta(days=100))
    assert home.facts(1)["unsubscribed"] is True
    assert home.platforms["mailer"].took == []
    with home.store.reading() as tx:
        both = ["e:a@example.org", "c:ats:1"]
        assert {it.identity for it in tx.ledger.suppressions(both)} == set(both)


def test_a_lost_answer_is_tried_again_and_the_tag_found_there_is_still_ours(home: Home, cast: Cast) -> None:
    home.platforms["ats"].refuse = lambda action: None
    refusing(home, "ats", Verb.ADD_TAG, Retry("reset", in_doubt=True))
    begun(home, cast)
    # the effect took place, only the answer was lost
    queued = home.rows("select key from outbox where verb = 'add_tag' and account = 'ats'")
    lost = Action(key=queued[0]["key"], account="ats", verb=Verb.ADD_TAG, args={"tag": "silver"})
    home.push()
    home.platforms["ats"].took.append(lost)
    home.now += timedelta(minutes=1)
    home.turn()
    assert home.rows("select state from owned where account = 'ats'") == [{"state": "ours"}]
    assert home.platforms["ats"].verbs().count("add_tag") == 1


def test_a_refused_credential_pauses_the_account_and_costs_no_attempt(home: Home, cast: Cast) -> None:
    refusing(home, "ats", Verb.ADD_TAG, *[Unauthorized("expired")] * 3)
    begun(home, cast)
    home.turn()
    assert home.platforms["ats"].took == []
    assert home.rows("select account, scope from pauses") == [{"account": "ats", "scope": ""}]
    for _ in range(3):
        home.pass_time(PAUSE + timedelta(seconds=1))
    assert home.platforms["ats"].verbs() == ["add_tag", "add_note"]
    assert home.rows("select attempts from outbox where verb = 'add_tag' and account = 'ats'") == [{"attempts": 1}]


def test_a_holder_that_comes_back_late_cannot_end_what_another_took_over(home: Home, cast: Cast) -> None:
    begun(home, cast)
    home.settle()
    row = home.rows("select id from outbox where account = 'ats' order by id limit 1")[0]["id"]
    home.store.write(lambda tx: tx.outbox.claim([row], token=7, now=home.now))
    late = home.store.write(lambda tx: tx.outbox.settle(row, token=6, state="dead", outcome="late", now=home.now))
    assert late is False
    assert home.rows("select state from outbox where id = ?", row) == [{"state": "sending"}]
