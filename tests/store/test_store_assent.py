"""What waits for a word, who gave it, and rules that stand down."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from connector.store.assent import Asked
from connector.store.ledger import Activation, Owned
from connector.store.protocol import Store

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)


def asked(store: Store) -> list[Asked]:
    with store.reading() as tx:
        return tx.assent.all()


def test_asking_is_news_once_and_keeps_the_latest_count(store: Store) -> None:
    assert store.write(lambda tx: tx.assent.ask("silver", "role 7", 30, now=NOW))
    assert not store.write(lambda tx: tx.assent.ask("silver", "role 7", 31, now=NOW + HOUR))
    assert asked(store) == [Asked(rule="silver", occasion="role 7", people=31, asked_at=NOW)]


def test_the_first_word_stands_and_nobody_can_give_one_that_was_not_asked_for(store: Store) -> None:
    store.write(lambda tx: tx.assent.ask("silver", "role 7", 30, now=NOW))
    assert not store.write(lambda tx: tx.assent.give("silver", "role 8", by="Sam", now=NOW))
    assert store.write(lambda tx: tx.assent.give("silver", "role 7", by="Sam", now=NOW))
    assert not store.write(lambda tx: tx.assent.give("silver", "role 7", by="Kim", now=NOW + HOUR))
    store.write(lambda tx: tx.assent.ask("silver", "role 7", 99, now=NOW + HOUR))
    store.write(lambda tx: tx.assent.drop("silver", "role 7"))
    [found] = asked(store)
    assert (found.people, found.by, found.approved_at) == (30, "Sam", NOW)
    with store.reading() as tx:
        assert tx.assent.given("silver", "role 7")
        assert not tx.assent.given("silver", "role 8")


def test_what_waits_no_more_is_dropped(store: Store) -> None:
    store.write(lambda tx: tx.assent.ask("silver", "role 7", 30, now=NOW))
    store.write(lambda tx: tx.assent.drop("silver", "role 7"))
    assert asked(store) == []


def test_rules_stand_down_to_what_was_in_force_before(store: Store) -> None:
    store.write(lambda tx: tx.ledger.activate({"a": "1", "b": "1", "c": "1"}, set_hash="s", now=NOW, plan="p1"))
    with store.reading() as tx:
        before = tx.ledger.activations()
    store.write(lambda tx: tx.ledger.activate({"a": "2", "d": "1"}, set_hash="t", now=NOW + HOUR, plan="p2"))
    store.write(lambda tx: tx.assent.stand_down(["a", "d"], before))
    with store.reading() as tx:
        assert tx.ledger.activations() == before == {name: Activation("1", NOW) for name in "abc"}


def test_covered_rules_are_those_last_said_and_no_others(store: Store) -> None:
    store.write(lambda tx: tx.assent.cover({"a": "1", "b": "1"}))
    store.write(lambda tx: tx.assent.cover({"b": "2"}))
    with store.reading() as tx:
        assert tx.assent.covered() == {"b": "2"}


def test_only_what_a_released_rule_kept_alone_is_let_go_of(store: Store) -> None:
    def owned(key: str, *rules: str) -> Owned:
        return Owned(account="ats", subject="1", kind="tag", key=key, person=1, rules=rules, state="ours",
                     rule_hash="h", added_at=NOW)  # fmt: skip

    store.write(
        lambda tx: tx.ledger.own([owned("alone", "gone"), owned("both", "gone", "stays"), owned("other", "stays")])
    )
    assert store.write(lambda tx: tx.ledger.release("gone")) == 1
    with store.reading() as tx:
        assert [(it.key, it.rules) for it in tx.ledger.owned([1])] == [("both", ("stays",)), ("other", ("stays",))]


def test_vetoes_are_listed_the_latest_first_and_go_when_they_are_lifted(store: Store) -> None:
    store.write(lambda tx: tx.ledger.veto(1, "tag", "silver", by="ats", now=NOW, facts={"r": "f"}))
    store.write(lambda tx: tx.ledger.veto(2, "tag", "silver", by="ats", now=NOW + HOUR, facts={"r": "f"}))
    with store.reading() as tx:
        assert [it.person for it in tx.ledger.all_vetoes()] == [2, 1]
    store.write(lambda tx: tx.ledger.lift(2, "tag", "silver"))
    with store.reading() as tx:
        assert [(it.person, it.key, it.by, it.at) for it in tx.ledger.all_vetoes()] == [(1, "silver", "ats", NOW)]
