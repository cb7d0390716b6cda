"""Freezes follow their records, and shredding leaves nothing of what was deleted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from connector.model import Application, Candidate, Opening, Ref, Status
from connector.store import Sqlite
from connector.store.protocol import Store
from connector.store.residue import in_bytes, in_tables

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)


def test_a_freeze_is_one_a_person_and_follows_a_merged_record(store: Store) -> None:
    store.write(lambda tx: tx.mirror.assign([("ats", "1"), ("ats", "2")], 7))
    store.write(lambda tx: tx.freezes.freeze([("ats", "1"), ("ats", "2")], by="dpo", reason="court", now=NOW))
    later = NOW + timedelta(days=1)
    store.write(lambda tx: tx.freezes.freeze([("ats", "1")], by="else", reason="other", now=later))
    with store.reading() as tx:
        (held,) = tx.freezes.all()
        assert (held.person, held.by, held.reason, held.since) == (7, "dpo", "court", NOW)
        assert tx.freezes.of(8) is None
        assert tx.freezes.candidates() == [("ats", "1"), ("ats", "2")]
    store.write(lambda tx: tx.mirror.assign([("ats", "3")], 8))
    store.write(lambda tx: tx.freezes.succeed("ats", "2", "3"))
    with store.reading() as tx:
        assert [it.person for it in tx.freezes.all()] == [7, 8]
    assert store.write(lambda tx: tx.freezes.thaw(8)) == 1
    with store.reading() as tx:
        assert tx.freezes.of(8) is None


def test_an_opening_that_somebody_erased_filled_stays_without_them(store: Store) -> None:
    application = Ref("ats", "application", "a1")
    seat = Opening(ref=Ref("ats", "opening", "o1"), job=Ref("ats", "job", "j1"), open=False, application=application)
    person = Candidate(ref=Ref("ats", "candidate", "1"), emails=("a@example.org",))
    run = Application(ref=application, candidate=person.ref, status=Status.HIRED)
    store.write(lambda tx: tx.records.apply([seat, person, run], received_at=NOW))
    counts = store.write(lambda tx: tx.erasure.remove_records(tx.erasure.family([("ats", "1")])))
    assert counts["records"] == 2
    with store.reading() as tx:
        held = tx.records.get(seat.ref)
        assert isinstance(held, Opening)
        assert held.application is None
        assert tx.records.get(person.ref) is None


def test_an_erasure_is_to_be_shredded_once_nothing_of_it_waits(store: Store) -> None:
    number = store.write(lambda tx: tx.erasure.note(by="dpo", reason="", now=NOW))
    store.write(lambda tx: tx.erasure.tell(number, {"records": 2}))
    store.write(lambda tx: tx.erasure.tell(number, {"records": 1, "people": 1}))
    with store.reading() as tx:
        assert tx.erasure.to_shred()
        assert tx.erasure.all()[0].counts == {"records": 3, "people": 1}
    store.write(lambda tx: tx.erasure.shredded(now=NOW))
    with store.reading() as tx:
        assert not tx.erasure.to_shred()
        assert tx.erasure.all()[0].shredded_at == NOW


def test_shredding_leaves_nothing_and_what_is_written_meanwhile_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "keepwarm.db"
    with Sqlite(path) as store:
        for number in range(300):
            store.write(lambda tx, n=number: tx.objections.note([f"gone{n}@example.org"]))  # type: ignore[misc]
        store.write(lambda tx: tx.objections.done(tx.objections.waiting(1000)))
        files = [path, path.with_name("keepwarm.db-wal")]
        assert any(in_bytes(file, ["gone7@example.org"]) for file in files)
        waiting = [store.submit(lambda tx, n=n: tx.objections.note([f"kept{n}@example.org"])) for n in range(100)]  # type: ignore[misc]
        assert store.shred()
        for it in waiting:
            it.result()
        assert not any(in_bytes(file, ["gone7@example.org"]) for file in files)
        with store.reading() as tx:
            assert len(tx.objections.waiting(1000)) == 100
        assert {table for table, _ in in_tables(path, ["KEPT99@example.org"])} == {"objecting"}


def test_shredding_says_when_somebody_still_reads_from_the_log(tmp_path: Path) -> None:
    with Sqlite(tmp_path / "keepwarm.db") as store, store.reading() as tx:
        assert tx.objections.waiting(1) == []
        store.write(lambda tx: tx.objections.note(["a@example.org"]))
        assert not store.shred()
    with Sqlite(tmp_path / "keepwarm.db") as store:
        assert store.shred()
