"""An act is queued once, claimed by one holder, counted when it starts, and settled only by whoever still holds it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connector.flow import Action, Verb
from connector.model import Ref
from connector.store.outbox import LEASE, Queued
from connector.store.protocol import Store

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)


def act(key: str, *, person: int | None = None, verb: Verb = Verb.ADD_TAG, account: str = "ats", **more: Any) -> Queued:
    subject = None if person is None else Ref(account, "candidate", str(person))
    action = Action(key=key, account=account, verb=verb, subject=subject, args={"tag": "silver"})
    return Queued(action=action, person=person, **{"rule": "r", "purpose": "keep", "due_at": NOW, **more})


def put(store: Store, *acts: Queued) -> int:
    return store.write(lambda tx: tx.outbox.put(acts, now=NOW))


def due(store: Store, *, now: datetime = NOW, account: str = "ats", limit: int = 99) -> list[str]:
    with store.reading() as tx:
        return [it.action.key for it in tx.outbox.due(account, now=now, limit=limit)]


def held(store: Store, key: str) -> Queued:
    with store.reading() as tx:
        return tx.outbox.by_key([key])[key]


def claim(store: Store, *keys: str, token: int = 1, now: datetime = NOW) -> None:
    rows = [held(store, key).row for key in keys]
    store.write(lambda tx: tx.outbox.claim(rows, token=token, now=now))


def settle(store: Store, key: str, state: str = "sent", *, token: int = 1, now: datetime = NOW, **more: Any) -> bool:
    row = held(store, key).row
    return store.write(
        lambda tx: tx.outbox.settle(row, token=token, state=state, outcome=more.pop("outcome", ""), now=now, **more)
    )


def states(store: Store, keys: Sequence[str]) -> dict[str, str]:
    with store.reading() as tx:
        return {key: it.state for key, it in tx.outbox.by_key(keys).items()}


def attempts(store: Store, key: str) -> list[dict[str, Any]]:
    with store.reading() as tx:
        return tx.rows(
            "select n, ended_at is not null as ended, outcome from attempts where action = ? order by n",
            (tx.outbox.by_key([key])[key].row,),
        )


def test_an_act_comes_back_as_it_was_queued(store: Store) -> None:
    first = act("a", person=1, purpose="marketing", after="z", due_at=NOW + HOUR, state="held", priority=0)
    put(store, first, act("b"))
    got = held(store, "a")
    assert (got.action, got.person, got.rule, got.purpose) == (first.action, 1, "r", "marketing")
    assert (got.due_at, got.after, got.state, got.priority) == (NOW + HOUR, "z", "held", 0)
    assert (got.attempts, got.made_at, got.settled_at, got.receipt) == (0, NOW, None, {})
    assert held(store, "b").action.subject is None


def test_the_same_act_is_never_queued_twice_whatever_became_of_it(store: Store) -> None:
    assert put(store, act("a"), act("a")) == 1
    claim(store, "a")
    settle(store, "a")
    assert put(store, act("a", due_at=NOW + HOUR)) == 0
    assert states(store, ["a"]) == {"a": "sent"}


def test_a_claim_counts_the_attempt_at_once_and_the_receipt_ends_it(store: Store) -> None:
    put(store, act("a"))
    claim(store, "a")
    assert (held(store, "a").attempts, held(store, "a").state) == (1, "sending")
    assert attempts(store, "a") == [{"n": 1, "ended": 0, "outcome": ""}]
    assert due(store) == []
    assert settle(store, "a", outcome="already so", receipt={"ref": "17", "already": True})
    assert (held(store, "a").receipt, held(store, "a").settled_at) == ({"ref": "17", "already": True}, NOW)
    assert attempts(store, "a") == [{"n": 1, "ended": 1, "outcome": "already so"}]


def test_a_failed_attempt_is_tried_again_when_its_time_comes(store: Store) -> None:
    put(store, act("a"))
    claim(store, "a")
    settle(store, "a", "pending", outcome="502", due_at=NOW + HOUR)
    assert due(store) == []
    assert due(store, now=NOW + HOUR) == ["a"]
    claim(store, "a", token=2, now=NOW + HOUR)
    settle(store, "a", token=2)
    assert [it["n"] for it in attempts(store, "a")] == [1, 2]
    assert held(store, "a").attempts == 2


def test_being_told_to_wait_spends_no_attempt(store: Store) -> None:
    put(store, act("a"))
    for _ in range(3):
        claim(store, "a")
        settle(store, "a", "pending", due_at=NOW, give_back=True)
    assert (held(store, "a").attempts, attempts(store, "a")) == (0, [])
    claim(store, "a")
    assert [it["n"] for it in attempts(store, "a")] == [1]


def test_a_person_may_have_dead_letters_tried_again_and_the_old_attempts_stay(store: Store) -> None:
    put(store, act("a"), act("b"))
    for _ in range(2):
        claim(store, "a")
        settle(store, "a", "pending", due_at=NOW)
    claim(store, "a")
    settle(store, "a", "dead", outcome="given up")
    rows = [held(store, key).row for key in "ab"]
    assert store.write(lambda tx: tx.outbox.retry(rows, now=NOW + HOUR)) == 1, "only what is dead"
    assert (held(store, "a").attempts, held(store, "a").settled_at) == (0, None)
    claim(store, "a", now=NOW + HOUR)
    assert settle(store, "a", now=NOW + HOUR)
    assert [it["n"] for it in attempts(store, "a")] == [1, 2, 3, 4]


# whose claim it is


def test_whoever_lost_the_claim_changes_nothing(store: Store) -> None:
    put(store, act("a"))
    claim(store, "a", token=1)
    late = NOW + LEASE + timedelta(seconds=1)
    assert store.write(lambda tx: tx.outbox.rescue(account="ats", now=late)) == 1
    claim(store, "a", token=2, now=late)
    assert not settle(store, "a", "sent", token=1, now=late)
    assert states(store, ["a"]) == {"a": "sending"}
    assert settle(store, "a", "sent", token=2, now=late)
    assert not settle(store, "a", "dead", token=2, now=late), "once is enough"
    assert states(store, ["a"]) == {"a": "sent"}


def test_what_is_claimed_already_is_not_claimed_again(store: Store) -> None:
    put(store, act("a"))
    claim(store, "a", token=1)
    claim(store, "a", token=2)
    assert (held(store, "a").token, held(store, "a").attempts, len(attempts(store, "a"))) == (1, 1, 1)


def test_a_lapsed_claim_is_due_again_unless_a_repeat_would_not_be_noticed(store: Store) -> None:
    put(store, act("a"), act("mail", verb=Verb.SEND_EVENT), act("next", after="mail"), act("theirs", account="news"))
    claim(store, "a", "mail", "theirs")
    rescue = {"account": "ats", "doubtful": [Verb.SEND_EVENT]}
    assert store.write(lambda tx: tx.outbox.rescue(now=NOW + LEASE, **rescue)) == 0, "it is not over yet"  # type: ignore[arg-type]
    late = NOW + LEASE + timedelta(seconds=1)
    assert store.write(lambda tx: tx.outbox.rescue(now=late, **rescue)) == 2  # type: ignore[arg-type]
    assert states(store, ["a", "mail", "next", "theirs"]) == {
        "a": "pending", "mail": "dead", "next": "cancelled", "theirs": "sending",
    }  # fmt: skip
    assert held(store, "a").attempts == 1, "an act that kills the process runs out of attempts too"
    assert held(store, "mail").settled_at == late
    assert [it["ended"] for it in attempts(store, "a")] == [1]


def test_a_new_holder_need_not_wait_for_a_dead_ones_claims_to_lapse(store: Store) -> None:
    put(store, act("a"))
    claim(store, "a")
    store.write(lambda tx: tx.outbox.lapse("ats"))
    assert store.write(lambda tx: tx.outbox.rescue(account="ats", now=NOW)) == 1
    assert due(store) == ["a"]


# in which order


def test_opt_outs_go_first_then_what_is_due_longest(store: Store) -> None:
    put(store, act("late"), act("early", due_at=NOW - HOUR), act("other", verb=Verb.ADD_NOTE))
    assert due(store) == ["early", "late"], "one verb at a time"
    put(store, act("no", verb=Verb.SUPPRESS_MEMBER, priority=0, purpose="optout"))
    assert due(store) == ["no"]
    assert due(store, account="news") == []
    assert due(store, now=NOW - 2 * HOUR) == []


def test_one_person_gets_one_act_at_a_time_in_the_order_they_were_queued(store: Store) -> None:
    put(store, act("1a", person=1), act("2a", person=2), act("1b", person=1), act("1c", person=1, account="news"))
    assert due(store) == ["1a", "2a"]
    assert due(store, account="news") == ["1c"], "accounts do not wait for each other"
    claim(store, "1a")
    assert due(store) == ["2a"]
    settle(store, "1a", "pending", due_at=NOW + HOUR)
    assert due(store) == ["2a"], "what is being retried keeps its place"
    claim(store, "1a", now=NOW + HOUR)
    settle(store, "1a")
    assert due(store) == ["2a", "1b"]


def test_an_opt_out_passes_a_persons_waiting_acts_but_not_the_one_under_way(store: Store) -> None:
    no: dict[str, Any] = {"verb": Verb.SUPPRESS_MEMBER, "priority": 0, "purpose": "optout", "person": 1}
    put(store, act("add", person=1), act("no", **no), act("no too", **no))
    assert due(store) == ["no"], "and two opt-outs of one person go one after the other"
    claim(store, "add")
    assert due(store) == []
    settle(store, "add")
    assert due(store) == ["no"]


@pytest.mark.parametrize("state", ["pending", "held"])
def test_what_waits_months_ahead_or_for_a_person_blocks_no_one(state: str, store: Store) -> None:
    due_at = NOW + timedelta(days=200) if state == "pending" else NOW
    put(store, act("far", person=1, due_at=due_at, state=state), act("now", person=1))
    assert due(store) == ["now"]


def test_an_act_waits_for_the_one_before_it_to_be_sent(store: Store) -> None:
    put(
        store, act("first"), act("second", after="first"), act("third", after="second"), act("lost", after="unheard-of")
    )
    assert due(store) == ["first"]
    claim(store, "first")
    assert due(store) == []
    settle(store, "first")
    assert due(store) == ["second"]


@pytest.mark.parametrize("end", ["dead", "cancelled"])
def test_what_was_to_come_after_an_act_that_never_happened_does_not_happen(end: str, store: Store) -> None:
    chain = [act("1"), act("2", after="1"), act("3", after="2", state="held"), act("4")]
    put(store, *chain)
    claim(store, "1")
    settle(store, "1", end)
    assert states(store, "1234") == {"1": end, "2": "cancelled", "3": "cancelled", "4": "pending"}


def test_cancelling_reaches_followers_and_leaves_what_is_under_way_or_done(store: Store) -> None:
    put(store, act("sent"), act("after sent", after="sent"), act("sending"), act("waits"), act("next", after="waits"))
    claim(store, "sent", "sending")
    settle(store, "sent")
    rows = [held(store, key).row for key in ("sent", "sending", "waits")]
    store.write(lambda tx: tx.outbox.cancel(rows, why="the person is gone", now=NOW))
    assert states(store, ["sent", "after sent", "sending", "waits", "next"]) == {
        "sent": "sent", "after sent": "pending", "sending": "sending", "waits": "cancelled", "next": "cancelled",
    }  # fmt: skip


def test_what_the_guard_postpones_waits_with_its_reason(store: Store) -> None:
    put(store, act("a"))
    row = held(store, "a").row
    store.write(lambda tx: tx.outbox.postpone(row, until=NOW + HOUR, why="quiet hours"))
    assert due(store) == []
    assert (held(store, "a").outcome, held(store, "a").attempts) == ("quiet hours", 0)
    with store.reading() as tx:
        assert tx.outbox.next_due("ats") == NOW + HOUR
        assert tx.outbox.next_due("news") is None


def test_an_act_is_found_by_person_by_state_and_counted(store: Store) -> None:
    put(store, act("a", person=1), act("b", person=1, state="held"), act("c", person=2))
    claim(store, "c")
    settle(store, "c")
    with store.reading() as tx:
        assert {it.action.key for it in tx.outbox.of_person(1)} == {"a", "b"}
        assert tx.outbox.of_person(2) == []
        assert [it.action.key for it in tx.outbox.in_state("held")] == ["b"]
        assert tx.outbox.counts() == {"pending": 1, "held": 1, "sent": 1}
        assert tx.outbox.sent_counts() == {("ats", "add_tag"): 1}
