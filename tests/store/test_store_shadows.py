"""A bounded sample of what rules in shadow would have done, and figures for a monitor."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from connector.store.ledger import Decided
from connector.store.protocol import Store
from connector.store.shadows import Tally

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)


def would(
    person: int, *, rule: str = "silver", answer: bool | None = True, hours: int = 0, hash_: str = "h1"
) -> Decided:
    return Decided(
        rule=rule, person=person, occasion=f"shadow:{person}:{hours}", rule_hash=hash_, set_hash="s1",
        clock=NOW + timedelta(hours=hours), answer=answer, line="yes: status rejected", mode="shadow",
    )  # fmt: skip


def test_the_latest_of_each_rule_stay_and_the_others_go(store: Store) -> None:
    store.write(lambda tx: tx.shadows.keep([would(n, hours=n) for n in range(5)], most=3))
    store.write(lambda tx: tx.shadows.keep([would(1, rule="bench")], most=3))
    with store.reading() as tx:
        assert [it.person for it in tx.shadows.of("silver", limit=10)] == [4, 3, 2]
        assert [it.person for it in tx.shadows.of("silver", limit=1)] == [4]
        assert [it.person for it in tx.shadows.of("bench", limit=10)] == [1]
        assert (tx.shadows.count("silver"), tx.shadows.count("bench"), tx.shadows.count("nobody")) == (3, 1, 0)


def test_what_was_decided_in_shadow_was_not_done_and_is_no_occasion(store: Store) -> None:
    store.write(lambda tx: tx.shadows.keep([would(1)], most=3))
    with store.reading() as tx:
        assert tx.ledger.occasions([1]) == {}
        assert tx.ledger.decided_since("silver", True, NOW) == 0
        assert [it.mode for it in tx.ledger.decisions(1)] == ["shadow"]


def test_tallies_are_by_version_the_latest_first(store: Store) -> None:
    made = [would(1), would(2, answer=None, hours=1), would(3, answer=False, hours=2), would(4, hash_="h2", hours=3)]
    store.write(lambda tx: tx.shadows.keep(made, most=10))
    with store.reading() as tx:
        found = tx.shadows.tallies()
    at = [NOW + timedelta(hours=n) for n in range(4)]
    assert found == [
        Tally(rule="silver", rule_hash="h2", yes=1, no=0, unknown=0, first=at[3], last=at[3]),
        Tally(rule="silver", rule_hash="h1", yes=1, no=1, unknown=1, first=at[0], last=at[2]),
    ]


def test_old_ones_are_forgotten_and_what_was_done_is_not(store: Store) -> None:
    done = Decided(rule="silver", person=9, occasion="add", rule_hash="h1", set_hash="s1", clock=NOW, answer=True,
                   line="", mode="live")  # fmt: skip
    store.write(lambda tx: tx.ledger.decide([done]))
    store.write(lambda tx: tx.shadows.keep([would(1), would(2, hours=5)], most=10))
    assert store.write(lambda tx: tx.shadows.expire(NOW + timedelta(hours=1), limit=100)) == 1
    with store.reading() as tx:
        assert [it.person for it in tx.shadows.of("silver", limit=10)] == [2]
        assert len(tx.ledger.decisions(9)) == 1


def test_a_monitor_is_told_runs_ages_and_what_waits(store: Store) -> None:
    run = store.write(lambda tx: tx.schedule.start("sync", "ats", now=NOW))
    store.write(lambda tx: tx.schedule.end(run, state="done", counts={}, now=NOW))
    store.write(lambda tx: tx.schedule.start("apply", None, now=NOW))
    for stream, hours in (("candidates", 0), ("jobs", 1)):
        at = NOW + timedelta(hours=hours)
        store.write(lambda tx, s=stream, at=at: tx.schedule.arrive("ats", s, until=at, complete=False, now=at))  # type: ignore[misc]
    store.write(lambda tx: tx.schedule.arrive("", "clock", until=NOW, complete=False, now=NOW))
    store.write(lambda tx: tx.inbox.heard("ats", "hire", at=NOW))
    store.write(lambda tx: tx.objections.note(["a@example.org"]))
    store.write(lambda tx: tx.records.soil([("ats", "1")]))
    store.write(lambda tx: tx.mirror.judge([7, 8]))
    with store.reading() as tx:
        assert tx.gauges.runs() == {("sync", "done"): 1, ("apply", "running"): 1}
        assert tx.gauges.pulled() == {"ats": NOW + timedelta(hours=1)}
        assert tx.gauges.heard() == {"ats": NOW}
        assert tx.gauges.opt_outs_unwritten() == 1
        assert tx.gauges.waiting_to_judge() == 2
