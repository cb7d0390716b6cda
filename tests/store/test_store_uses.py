"""Whoever's applications name a job is found by it, and nobody else."""

from __future__ import annotations

from connector.model import Ref
from connector.store.protocol import Store, Tx

JOB, OTHER = Ref("ats", "job", "104"), Ref("ats", "job", "105")
#: Of another kind, with the same id.
STAGE = Ref("ats", "stage", "104")


def person(store: Store, account: str, id_: str) -> int:
    def make(tx: Tx) -> int:
        made = tx.mirror.new_person()
        tx.mirror.assign([(account, id_)], made)
        return made

    return store.write(make)


def soiled(store: Store, *refs: Ref) -> list[tuple[str, str]]:
    def work(tx: Tx) -> list[tuple[str, str]]:
        tx.uses.soil(refs)
        found = tx.records.dirty(100)
        tx.records.clean(found)
        return sorted(found)

    return store.write(work)


def test_a_thing_finds_those_who_use_it_in_its_own_account(store: Store) -> None:
    one, two = person(store, "ats", "1"), person(store, "ats", "2")
    store.write(lambda tx: tx.mirror.assign([("other", "9")], one))
    store.write(lambda tx: tx.uses.put({one: {JOB, STAGE}, two: {OTHER}}))
    assert soiled(store, JOB) == [("ats", "1")]
    assert soiled(store, OTHER, STAGE) == [("ats", "1"), ("ats", "2")]
    assert soiled(store, Ref("other", "job", "104")) == []


def test_what_a_person_uses_is_what_was_put_last(store: Store) -> None:
    one, two = person(store, "ats", "1"), person(store, "ats", "2")
    store.write(lambda tx: tx.uses.put({one: {JOB}, two: {JOB}}))
    store.write(lambda tx: tx.uses.put({one: {OTHER}}))
    assert soiled(store, JOB) == [("ats", "2")]
    assert soiled(store, OTHER) == [("ats", "1")]
    store.write(lambda tx: tx.mirror.remove(one))
    store.write(lambda tx: tx.uses.put({two: set()}))
    assert soiled(store, JOB, OTHER) == []


def test_putting_the_same_again_writes_nothing(store: Store) -> None:
    one = person(store, "ats", "1")
    store.write(lambda tx: tx.uses.put({one: {JOB, STAGE}}))
    turns = store.turns
    store.write(lambda tx: tx.uses.put({one: {JOB, STAGE}}))
    assert store.turns == turns


def test_a_group_finds_its_records(store: Store) -> None:
    store.write(lambda tx: tx.mirror.link("ats", "1", ["g:ats:contact-1", "e:sam@example.org"]))
    store.write(lambda tx: tx.mirror.link("ats", "2", ["g:ats:contact-2"]))
    store.write(lambda tx: tx.uses.soil_groups("ats", ["contact-1"]))
    with store.reading() as tx:
        assert tx.records.dirty(10) == [("ats", "1")]
