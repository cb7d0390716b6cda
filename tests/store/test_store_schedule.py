"""How far pulls have come, who holds which lane, where each enrolled person stands."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from connector.store.protocol import Store
from connector.store.schedule import Enrolment, Mark, Message, Walk

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def lease(store: Store, holder: str, at: datetime, name: str = "lane") -> int | None:
    return store.write(lambda tx: tx.schedule.lease(name, holder, now=at, until=at + MINUTE))


def test_a_lane_has_one_holder_until_the_lease_lapses(store: Store) -> None:
    first = lease(store, "one", NOW)
    assert first is not None
    assert lease(store, "two", NOW) is None
    assert lease(store, "two", NOW, name="another lane") is not None
    assert lease(store, "one", NOW + MINUTE / 2) == first, "renewed"
    assert lease(store, "two", NOW + MINUTE) is None, "the renewal counts"
    second = lease(store, "two", NOW + 2 * MINUTE)
    assert second is not None
    assert second > first
    assert lease(store, "one", NOW + 2 * MINUTE) is None


def test_no_token_is_used_twice_even_when_the_lane_was_given_back(store: Store) -> None:
    tokens = []
    for round_, holder in enumerate(["one", "two", "one", "one"]):
        tokens.append(lease(store, holder, NOW + round_ * timedelta(seconds=1)))
        store.write(lambda tx, it=holder: tx.schedule.release("lane", it))  # type: ignore[misc]
    assert None not in tokens
    assert len(set(tokens)) == 4


def test_only_the_holder_gives_a_lane_back(store: Store) -> None:
    lease(store, "one", NOW)
    store.write(lambda tx: tx.schedule.release("lane", "two"))
    assert lease(store, "two", NOW) is None


def test_a_watermark_moves_only_when_the_window_is_exhausted(store: Store) -> None:
    walk = Walk(since=NOW - MINUTE, until=NOW, full=False, page=0, cursor=None, run=3)
    with store.reading() as tx:
        assert tx.schedule.mark("hospital", "jobs") == Mark()
    store.write(lambda tx: tx.schedule.walk("hospital", "jobs", walk))
    later = Walk(since=NOW - MINUTE, until=NOW, full=False, page=1, cursor="opaque", run=3)
    store.write(lambda tx: tx.schedule.walk("hospital", "jobs", later))
    with store.reading() as tx:
        assert tx.schedule.mark("hospital", "jobs") == Mark(walk=later)
        assert tx.schedule.mark("factory", "jobs") == Mark()
    store.write(lambda tx: tx.schedule.arrive("hospital", "jobs", until=NOW, complete=False, now=NOW + MINUTE))
    with store.reading() as tx:
        assert tx.schedule.mark("hospital", "jobs") == Mark(until=NOW, pulled_at=NOW + MINUTE)


def test_a_complete_walk_is_remembered_through_later_pulls(store: Store) -> None:
    store.write(lambda tx: tx.schedule.arrive("hospital", "jobs", until=NOW, complete=True, now=NOW))
    later = NOW + MINUTE
    store.write(lambda tx: tx.schedule.arrive("hospital", "jobs", until=later, complete=False, now=later))
    with store.reading() as tx:
        assert tx.schedule.mark("hospital", "jobs") == Mark(until=later, complete_at=NOW, pulled_at=later)


def test_a_run_ends_with_its_counts(store: Store) -> None:
    run = store.write(lambda tx: tx.schedule.start("pull", "hospital", now=NOW))
    other = store.write(lambda tx: tx.schedule.start("decide", None, now=NOW))
    store.write(lambda tx: tx.schedule.end(run, state="done", counts={"pages": 2}, now=NOW + MINUTE, note="fine"))
    with store.reading() as tx:
        running, ended = tx.schedule.runs(limit=9)
    assert (running.id, running.state, running.ended_at, dict(running.counts)) == (other, "running", None, {})
    assert (ended.state, ended.ended_at, dict(ended.counts), ended.note) == ("done", NOW + MINUTE, {"pages": 2}, "fine")


def test_a_pause_is_news_once_and_ends_by_scope_or_whole(store: Store) -> None:
    def pause(scope: str) -> bool:
        return store.write(lambda tx: tx.schedule.pause("news", scope=scope, why="403", now=NOW, until=NOW + MINUTE))

    assert [pause("add_tag"), pause("add_tag"), pause("")] == [True, False, True]
    store.write(lambda tx: tx.schedule.resume("news", "add_tag"))
    with store.reading() as tx:
        assert [(it.scope, it.at, it.until) for it in tx.schedule.pauses()] == [("", NOW, NOW + MINUTE)]
    pause("add_tag")
    store.write(lambda tx: tx.schedule.resume("news"))
    with store.reading() as tx:
        assert tx.schedule.pauses() == []


def enrolment(cadence: str, person: int, due_at: datetime | None, state: str = "active") -> Enrolment:
    return Enrolment(
        cadence=cadence, person=person, joined_at=NOW, state=state, n=0, due_at=due_at, why="", changed_at=NOW
    )


def test_an_enrolment_is_due_when_it_is_active_and_its_time_has_come(store: Store) -> None:
    rows = [
        enrolment("nursing", 1, NOW),
        enrolment("nursing", 2, NOW + MINUTE),
        enrolment("nursing", 3, NOW - MINUTE),
        enrolment("nursing", 4, NOW, "stopped"),
        enrolment("welcome", 1, None),
    ]
    store.write(lambda tx: tx.schedule.enrol(rows))
    with store.reading() as tx:
        assert [it.person for it in tx.schedule.enrolments_due(now=NOW, limit=9)] == [3, 1]
        assert tx.schedule.next_enrolment_due() == NOW - MINUTE
        assert tx.schedule.enrolments(cadence="welcome") == [rows[4]]
        assert tx.schedule.enrolments(people=[1]) == [rows[0], rows[4]]
        assert tx.schedule.joined_since("nursing", NOW) == 4
        assert tx.schedule.joined_since("nursing", NOW + MINUTE) == 0
    store.write(lambda tx: tx.schedule.enrol([enrolment("nursing", 3, None, "finished")]))
    with store.reading() as tx:
        assert [it.person for it in tx.schedule.enrolments_due(now=NOW, limit=9)] == [1]


def test_who_is_woken_is_woken_once(store: Store) -> None:
    for person, at in ((1, NOW), (1, NOW), (2, NOW + MINUTE)):
        store.write(lambda tx, it=person, at=at: tx.schedule.wake(it, at))  # type: ignore[misc]
    assert store.write(lambda tx: tx.schedule.woken(NOW)) == [1]
    assert store.write(lambda tx: tx.schedule.woken(NOW)) == []
    assert store.write(lambda tx: tx.schedule.woken(NOW + MINUTE)) == [2]


def message(id: str, state: str, due_at: datetime, purpose: str = "marketing") -> Message:
    sent_at = due_at if state == "sent" else None
    return Message(
        id=id, person=1, cadence="c", template="t", purpose=purpose, state=state, due_at=due_at, sent_at=sent_at
    )


def test_what_was_sent_and_what_is_on_its_way_count_against_a_cap(store: Store) -> None:
    rows = [
        message("a", "sent", NOW - MINUTE),
        message("b", "queued", NOW + MINUTE),
        message("c", "sent", NOW, "service"),
        message("d", "failed", NOW),
        message("e", "held_out", NOW),
        message("f", "sent", NOW - 9 * MINUTE),
    ]
    store.write(lambda tx: tx.schedule.message(rows))
    with store.reading() as tx:
        since = NOW - 5 * MINUTE
        assert sorted(tx.schedule.sent_since(1, since, marketing=False, but=None)) == [NOW - MINUTE, NOW, NOW + MINUTE]
        assert sorted(tx.schedule.sent_since(1, since, marketing=True, but="b")) == [NOW - MINUTE]
        assert tx.schedule.last_sent(1) == NOW
        assert tx.schedule.last_sent(2) is None


def test_messages_of_one_mailing_are_marked_together_and_only_while_queued(store: Store) -> None:
    rows = [message("mail_1:a", "queued", NOW), message("mail_1:b", "sent", NOW), message("mailx1:c", "queued", NOW)]
    store.write(lambda tx: tx.schedule.message(rows))
    marked = store.write(lambda tx: tx.schedule.mark_messages("mail_1:", state="sent", sent_at=NOW + MINUTE))
    assert marked == [1]
    with store.reading() as tx:
        assert {it.id: (it.state, it.sent_at) for it in tx.schedule.messages(1)} == {
            "mail_1:a": ("sent", NOW + MINUTE),
            "mail_1:b": ("sent", NOW),
            "mailx1:c": ("queued", None),
        }


def test_a_mailing_is_abandoned_once_nobody_is_to_get_it_any_more(store: Store) -> None:
    def message(person: int, state: str) -> Message:
        return Message(
            id=f"kw-a:{person}", person=person, cadence="c", template="t", purpose="marketing", state=state, due_at=NOW,
            sent_at=NOW if state == "sent" else None,
        )  # fmt: skip

    def abandoned() -> bool:
        with store.reading() as tx:
            return tx.schedule.abandoned("kw-a:")

    assert not abandoned()
    store.write(lambda tx: tx.schedule.message([message(1, "queued"), message(2, "sent")]))
    store.write(lambda tx: tx.schedule.unsend("kw-a:1", why="applied"))
    assert not abandoned()
    store.write(lambda tx: tx.schedule.unsend("kw-a:2", why="applied"))
    assert abandoned()
    with store.reading() as tx:
        (held,) = tx.schedule.messages(2)
        assert (held.state, held.sent_at, held.why, tx.schedule.last_sent(2)) == ("failed", None, "applied", None)
