"""Tags that are said to be gone and not believed, and the accounts that are left alone meanwhile."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from connector.store.doubts import Doubt
from connector.store.ledger import Owned
from connector.store.protocol import Store, Tx

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
ONE, TWO = Doubt("ats", "1", "silver", 1), Doubt("ats", "2", "silver", 2)


def test_an_account_is_held_from_when_it_was_said_until_it_is_ended(store: Store) -> None:
    store.write(lambda tx: tx.doubts.hold("ats", now=NOW))
    with store.reading() as tx:
        assert (tx.doubts.held(), tx.doubts.ended("ats")) == ({"ats": NOW}, None)
    store.write(lambda tx: tx.doubts.end("ats", now=NOW + HOUR))
    with store.reading() as tx:
        assert (tx.doubts.held(), tx.doubts.ended("ats")) == ({}, NOW + HOUR)
    store.write(lambda tx: tx.doubts.hold("ats", now=NOW + 2 * HOUR))
    with store.reading() as tx:
        assert tx.doubts.held() == {"ats": NOW + 2 * HOUR}
        assert tx.doubts.ended("other") is None


def test_doubts_are_kept_by_account_and_person_and_once(store: Store) -> None:
    store.write(lambda tx: tx.doubts.add([ONE, TWO, ONE, Doubt("other", "1", "silver", 1)]))
    with store.reading() as tx:
        assert (tx.doubts.count("ats"), tx.doubts.all_of("ats")) == (2, [ONE, TWO])
        assert tx.doubts.of([2, 3]) == {TWO}
    store.write(lambda tx: tx.doubts.clear([ONE]))
    with store.reading() as tx:
        assert (tx.doubts.all_of("ats"), tx.doubts.count("other")) == ([TWO], 1)


def test_ending_has_everybody_of_the_account_judged_and_forgets_its_doubts(store: Store) -> None:
    def work(tx: Tx) -> list[int]:
        people = [tx.mirror.new_person() for _ in range(3)]
        for person, account in zip(people, ("ats", "ats", "other"), strict=True):
            tx.mirror.assign([(account, str(person))], person)
        tx.doubts.hold("ats", now=NOW)
        tx.doubts.add([ONE])
        tx.doubts.end("ats", now=NOW)
        return people

    people = store.write(work)
    with store.reading() as tx:
        assert (tx.mirror.to_judge(10), tx.doubts.count("ats")) == (people[:2], 0)


def test_what_was_believed_is_counted_and_can_be_taken_back(store: Store) -> None:
    def work(tx: Tx) -> None:
        for person, (kind, by, hours) in enumerate(
            (("tag", "ats", 0), ("tag", "ats", 2), ("tag", "other", 2), ("pool", "ats", 2))
        ):
            tx.ledger.veto(person, kind, "silver", by=by, now=NOW + hours * HOUR, facts={"r": ""})

    store.write(work)
    with store.reading() as tx:
        assert [tx.doubts.vetoed("ats", NOW + hours * HOUR) for hours in (0, 1, 3)] == [2, 1, 0]
    assert store.write(lambda tx: tx.doubts.unveto("ats", NOW + HOUR)) == 1
    with store.reading() as tx:
        assert set(tx.ledger.vetoes(range(4))) == {(0, "tag", "silver"), (2, "tag", "silver"), (3, "pool", "silver")}


def test_ours_are_the_tags_that_a_platform_has_taken(store: Store) -> None:
    def owned(subject: str, **more: str) -> Owned:
        said = {"account": "ats", "kind": "tag", "state": "ours"} | more
        return Owned(subject=subject, key="silver", person=1, rules=("r",), rule_hash="", added_at=NOW, **said)

    rows = [owned("1"), owned("2"), owned("3", state="adding"), owned("4", kind="pool"), owned("5", account="other")]
    store.write(lambda tx: tx.ledger.own(rows))
    with store.reading() as tx:
        assert tx.doubts.ours("ats") == 2
