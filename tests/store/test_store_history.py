"""What records said before they changed is kept, without names, and goes with its person or with time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from connector.model import (
    AnyRecord,
    Application,
    Candidate,
    Gone,
    JobPost,
    Member,
    MemberStatus,
    Merged,
    Ref,
    Scorecard,
    Status,
    User,
)
from connector.store.history import KINDS, without_contact
from connector.store.protocol import Store

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)


def at(days: float) -> datetime:
    return NOW + timedelta(days=days)


def ref(kind: str, id: str = "1") -> Ref:
    return Ref("hospital", kind, id)


def candidate(day: float, city: str = "Leeds", id: str = "1", **more: Any) -> Candidate:
    return Candidate(ref=ref("candidate", id), updated_at=at(day), location=city, **more)


def application(day: float, status: Status, id: str = "7", of: str = "1") -> Application:
    return Application(
        ref=ref("application", id), candidate=ref("candidate", of), status=status, updated_at=at(day)
    )  # fmt: skip


def apply(store: Store, *records: AnyRecord, received: float, listed: bool = False) -> None:
    store.write(lambda tx: tx.records.apply(records, received_at=at(received), listed=listed))


def stood(store: Store, kind: str, id: str = "1") -> list[tuple[datetime, datetime | None, AnyRecord]]:
    with store.reading() as tx:
        return [(it.recorded_at, it.replaced_at, it.record) for it in tx.history.of("hospital", kind, [id])]


def count(store: Store) -> int:
    with store.reading() as tx:
        return tx.history.count()


def test_a_first_import_leaves_no_history(store: Store) -> None:
    apply(store, candidate(0), application(0, Status.ACTIVE), received=1)
    assert count(store) == 0
    assert [(since, until) for since, until, _ in stood(store, "candidate")] == [(at(1), None)]


def test_a_version_stands_from_when_it_was_recorded_until_another_replaced_it(store: Store) -> None:
    for day, status in ((0, Status.ACTIVE), (3, Status.REJECTED), (5, Status.HIRED)):
        apply(store, application(day, status), received=day + 1)
    found = [
        (since, until, it.status)
        for since, until, it in stood(store, "application", "7")
        if isinstance(it, Application)
    ]
    assert found == [
        (at(1), at(4), Status.ACTIVE),
        (at(4), at(6), Status.REJECTED),
        (at(6), None, Status.HIRED),
    ]


def test_what_is_seen_to_be_so_still_was_recorded_when_it_was_first_seen(store: Store) -> None:
    apply(store, candidate(0), received=1)
    apply(store, candidate(0), received=5, listed=True)
    assert [since for since, _, _ in stood(store, "candidate")] == [at(1)]
    assert count(store) == 0


def test_a_new_date_of_change_alone_is_no_new_version(store: Store) -> None:
    apply(store, candidate(0), received=1)
    apply(store, candidate(4), received=5)
    [(since, until, record)] = stood(store, "candidate")
    assert (since, until, record.updated_at) == (at(1), None, at(4))


def test_an_older_version_that_comes_late_leaves_no_trace(store: Store) -> None:
    apply(store, candidate(3, "York"), received=3)
    apply(store, candidate(1, "Leeds"), received=4)
    assert count(store) == 0


def test_what_stood_for_no_time_leaves_no_trace(store: Store) -> None:
    apply(store, candidate(1, "Leeds"), received=3)
    apply(store, candidate(2, "York"), received=3)
    assert count(store) == 0


def test_of_what_is_gone_it_is_known_what_it_was(store: Store) -> None:
    apply(store, application(0, Status.REJECTED), received=1)
    apply(store, Gone(ref=ref("application", "7"), at=at(2)), received=2)
    with store.reading() as tx:
        kinds = [type(it.record) for it in tx.history.family("hospital", ["candidate:1"])]
    assert kinds == [Application, Gone]


PERSONAL: tuple[tuple[AnyRecord, AnyRecord], ...] = (
    (
        candidate(0, first_name="Amina", last_name="Field", emails=("amina@example.org",), headline="Nurse at the Royal",
                  url="https://app.example.org/people/amina"),
        candidate(1, "York"),
    ),
    (
        Member(ref=ref("member"), email="amina@example.org", former_email="field@example.org", status=MemberStatus.PENDING),
        Member(ref=ref("member"), email="amina@example.org", status=MemberStatus.SUBSCRIBED),
    ),
    (User(ref=ref("user"), name="Amina Field", email="amina@example.org"), User(ref=ref("user"), active=False)),
)  # fmt: skip


@pytest.mark.parametrize(("before", "after"), PERSONAL, ids=lambda it: it.ref.kind)
def test_history_keeps_no_name_and_no_address(store: Store, before: AnyRecord, after: AnyRecord) -> None:
    apply(store, before, received=1)
    apply(store, after, received=2)
    with store.reading() as tx:
        [row] = tx.rows("select body from history")
    for word in ("amina", "field", "royal", "@"):
        assert word not in row["body"].lower()


def test_without_contact_every_fact_stays() -> None:
    whole = candidate(0, first_name="Amina", emails=("amina@example.org",), tags=("rn",), contact_allowed=True,
                      fields={"skills": ("nursing",)}, group="c-1", employee=True, created_at=at(-9))  # fmt: skip
    kept = without_contact(whole)
    assert kept == msgspec.structs.replace(whole, first_name=None, emails=())


def test_kinds_that_no_fact_is_made_of_have_no_history(store: Store) -> None:
    assert "job_post" not in KINDS
    apply(store, JobPost(ref=ref("job_post"), title="Nurse", updated_at=at(0)), received=1)
    apply(store, JobPost(ref=ref("job_post"), title="ICU nurse", updated_at=at(1)), received=2)
    assert count(store) == 0


def family(id: str, day: float) -> list[AnyRecord]:
    """A candidate, an application and a scorecard, each saying something else every day."""
    card = Scorecard(
        ref=ref("scorecard", f"s{id}"), application=ref("application", f"a{id}"), rating=str(day), updated_at=at(day)
    )
    status = Status.ACTIVE if day < 1 else Status.REJECTED
    return [candidate(day, f"town {day}", id), application(day, status, f"a{id}", id), card]


def test_whoever_is_forgotten_has_no_history_nor_has_what_was_theirs_or_merged_into_them(store: Store) -> None:
    for day in (0, 1):
        apply(store, *(it for id in "123" for it in family(id, day)), received=day)
    apply(store, Merged(ref=ref("candidate", "2"), into=ref("candidate", "1"), updated_at=at(2)), received=2)
    assert count(store) == 10
    store.write(lambda tx: tx.records.forget(ref("candidate", "1")))
    with store.reading() as tx:
        assert {row["id"] for row in tx.rows("select id from history")} == {"3", "a3", "s3"}


def test_what_was_replaced_long_ago_is_dropped(store: Store) -> None:
    for day in (0, 1, 2, 3):
        apply(store, candidate(day, f"town {day}"), received=day)
    assert store.write(lambda tx: tx.history.expire(at(2), limit=10)) == 1
    assert [since for since, _, _ in stood(store, "candidate")] == [at(1), at(2), at(3)]
    assert store.write(lambda tx: tx.history.expire(at(9), limit=1)) == 1
    assert store.write(lambda tx: tx.history.expire(at(9), limit=10)) == 1
    assert [until for _, until, _ in stood(store, "candidate")] == [None]


def arrive(store: Store, stream: str, day: float, *, complete: bool) -> None:
    store.write(lambda tx: tx.schedule.arrive("hospital", stream, until=at(day), complete=complete, now=at(day)))


def test_history_is_whole_once_every_list_had_been_walked_and_stays_so(store: Store) -> None:
    def since() -> dict[str, datetime | None]:
        with store.reading() as tx:
            return tx.history.whole_since()

    assert since() == {}
    arrive(store, "candidates", 1, complete=True)
    arrive(store, "jobs", 2, complete=False)
    assert since() == {"hospital": None}
    arrive(store, "jobs", 3, complete=True)
    assert since() == {"hospital": at(3)}
    arrive(store, "candidates", 8, complete=True)
    assert since() == {"hospital": at(3)}, "the first time counts"


def test_members_are_found_by_the_address_they_have_now(store: Store) -> None:
    for day, status in ((0, MemberStatus.SUBSCRIBED), (1, MemberStatus.UNSUBSCRIBED)):
        apply(
            store, Member(ref=ref("member"), email="amina@example.org", status=status, updated_at=at(day)), received=day
        )
    with store.reading() as tx:
        found = tx.history.members(["amina@example.org", "nobody@example.org"])
    assert [it.record.status for it in found if isinstance(it.record, Member)] == ["subscribed", "unsubscribed"]
