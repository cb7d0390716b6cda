"""Old rows go, some at a time; what still means something stays."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from connector import acts
from connector.flow import Delivery
from connector.model import Ref
from connector.store.ledger import Standing
from connector.store.outbox import Queued
from connector.store.protocol import Store, Tx
from connector.store.schedule import Message, Walk

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
DAY = timedelta(days=1)


def test_deliveries_go_by_age_and_state_and_some_at_a_time(store: Store) -> None:
    kept = [Delivery(account="ats", body=b"{}", received_at=NOW + n * DAY, id=str(n)) for n in range(6)]
    store.write(lambda tx: tx.inbox.keep(kept))
    states = ("read", "ignored", "parked", "new", "read", "read")
    with store.reading() as tx:
        rows = [it.row for it in tx.inbox.waiting(10)]
    for row, state in zip(rows, states, strict=True):
        if state != "new":
            store.write(lambda tx, r=row, s=state: tx.inbox.settle(r, state=s, keep_body=r == rows[4]))  # type: ignore[misc]
    taken = [store.write(lambda tx: tx.retention.deliveries(NOW + 5 * DAY, limit=1)) for _ in range(3)]
    assert taken == [1, 1, 0]
    with store.reading() as tx:
        assert tx.inbox.counts() == {"parked": 1, "new": 1, "read": 2}


def test_a_run_whose_walk_goes_on_stays(store: Store) -> None:
    def work(tx: Tx) -> int:
        first = tx.schedule.start("sync", "ats", now=NOW)
        walk = Walk(since=None, until=NOW, full=True, page=1, cursor="2", run=first)
        tx.schedule.walk("ats", "people", walk)
        for _ in range(120):
            tx.schedule.start("sync", "ats", now=NOW)
        return first

    first = store.write(work)
    assert store.write(lambda tx: tx.retention.runs(NOW + DAY, limit=1000)) == 20
    with store.reading() as tx:
        assert tx.schedule.run(first) is not None


def tagged(number: int, after: str | None = None) -> Queued:
    subject = Ref("ats", "candidate", str(number))
    return acts.add_tag(
        "ats", subject, "silver", occasion="o", rule="r", purpose="keep", person=number, due_at=NOW, after=after
    )


def settle(store: Store, queued: Queued, state: str) -> None:
    def work(tx: Tx) -> None:
        tx.outbox.put([queued], now=NOW)
        row = tx.outbox.by_key([queued.action.key])[queued.action.key].row
        tx.outbox.claim([row], token=1, now=NOW)
        tx.outbox.settle(row, token=1, state=state, outcome="said", now=NOW, receipt={"ref": "9"})

    store.write(work)


def test_of_what_was_sent_the_key_stays_and_of_what_was_cancelled_nothing(store: Store) -> None:
    for number, state in enumerate(("sent", "cancelled", "dead")):
        settle(store, tagged(number), state)
    assert store.write(lambda tx: tx.retention.attempts(NOW, limit=9)) == 0
    assert store.write(lambda tx: tx.retention.attempts(NOW + DAY, limit=1)) == 1
    assert store.write(lambda tx: tx.retention.actions(NOW + DAY, limit=9)) == 2
    assert store.write(lambda tx: tx.retention.actions(NOW + DAY, limit=9)) == 0
    with store.reading() as tx:
        held = tx.outbox.by_key([tagged(number).action.key for number in range(3)])
    kept = {it.state: (it.action.subject is None, it.action.args) for it in held.values()}
    assert kept == {"sent": (True, {}), "dead": (False, {"tag": "silver"})}


def test_what_something_waits_for_is_left_as_it_is(store: Store) -> None:
    first = tagged(1)
    settle(store, first, "sent")
    store.write(lambda tx: tx.outbox.put([tagged(2, after=first.action.key)], now=NOW))
    assert store.write(lambda tx: tx.retention.actions(NOW + DAY, limit=9)) == 0


def test_messages_that_never_went_out_go_and_name_whom_they_were_for(store: Store) -> None:
    person = store.write(lambda tx: tx.mirror.new_person())
    states = ("sent", "missed", "failed", "held_out", "queued")
    messages = [
        Message(id=state, person=person, cadence="c", template="t", purpose="marketing", state=state, due_at=NOW)
        for state in states
    ]
    store.write(lambda tx: tx.schedule.message(messages))
    assert store.write(lambda tx: tx.retention.messages(NOW, limit=9)) == []
    assert store.write(lambda tx: tx.retention.messages(NOW + DAY, limit=9)) == [person, person]
    with store.reading() as tx:
        assert {it.state for it in tx.schedule.messages(person)} == {"sent", "held_out", "queued"}


def test_rules_that_left_are_known_from_when_it_was_seen_first(store: Store) -> None:
    store.write(
        lambda tx: tx.ledger.stand(
            [("old", 1, Standing(True, NOW)), ("old", 2, Standing(None, NOW)), ("here", 1, Standing(True, NOW))]
        )
    )
    store.write(lambda tx: tx.ledger.activate({"shelved": "h", "here": "h"}, set_hash="s", now=NOW, plan="p"))
    for later in (NOW, NOW + DAY):
        absent = store.write(lambda tx, at=later: tx.retention.absent(["here"], now=at))  # type: ignore[misc]
        assert absent == {"old": NOW, "shelved": NOW}
    assert [store.write(lambda tx: tx.retention.standing(["old"], limit=1)) for _ in range(3)] == [1, 1, 0]
    store.write(lambda tx: tx.retention.in_force(["old", "shelved"]))
    with store.reading() as tx:
        assert (set(tx.ledger.activations()), tx.ledger.departed()) == ({"here"}, {})
        assert set(tx.ledger.standing([1, 2])) == {("here", 1)}


def test_an_empty_house_has_nothing_to_forget(store: Store) -> None:
    assert store.write(lambda tx: tx.retention.absent([], now=NOW)) == {}
