"""The newest record wins whatever order they come in, and what changed is marked for building anew."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector.model import (
    AnyRecord,
    Application,
    Candidate,
    Engagement,
    EngagementKind,
    Gone,
    Interview,
    Job,
    Member,
    MemberStatus,
    Merged,
    Ref,
    Status,
    User,
)
from connector.store.protocol import Store
from connector.store.records import Replaced

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
FEW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
#: Each example of a property gets an account of its own, so that one store serves them all.
_accounts = (f"account-{number}" for number in itertools.count())


def at(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)


def ref(kind: str, id: str, account: str = "hospital") -> Ref:
    return Ref(account, kind, id)


def candidate(id: str, minute: float | None = 0, *, account: str = "hospital", city: str = "Leeds") -> Candidate:
    updated = None if minute is None else at(minute)
    return Candidate(ref=ref("candidate", id, account), updated_at=updated, location=city)


def application(id: str, of: str, minute: float = 0, account: str = "hospital") -> Application:
    return Application(
        ref=ref("application", id, account), candidate=ref("candidate", of, account), status=Status.ACTIVE,
        updated_at=at(minute),
    )  # fmt: skip


def apply(store: Store, *records: AnyRecord, received: float = 0, seen: int = 0) -> int:
    return store.write(lambda tx: tx.records.apply(records, received_at=at(received), seen=seen)).changed


def rows_of(store: Store, account: str) -> list[dict[str, object]]:
    """What is gone may still say what it belonged to, if that was ever known: nobody reads it."""
    with store.reading() as tx:
        return tx.rows(
            "select kind, id, version, gone, case gone when 0 then parent end as parent, body from records"
            " where account = ? order by kind, id",
            (account,),
        )


@FEW
@given(st.data())
def test_any_order_of_dated_records_in_any_batches_gives_the_same_rows(store: Store, data: st.DataObject) -> None:
    here, there = next(_accounts), next(_accounts)

    went = data.draw(st.sampled_from([0.5, 5.0]), label="when the application went")

    def history(account: str) -> list[AnyRecord]:
        return [
            *(candidate(id, minute, account=account, city=f"town {minute}") for id in "12" for minute in range(3)),
            *(application("7", "1", minute, account) for minute in range(3)),
            Gone(ref=ref("application", "7", account), updated_at=at(went)),
            Merged(ref=ref("candidate", "2", account), into=ref("candidate", "1", account), updated_at=at(9)),
        ]

    order = data.draw(st.permutations(range(len(history(here)))), label="order")
    cuts = data.draw(st.sets(st.integers(1, len(order) - 1)), label="cuts")
    apply(store, *history(here), received=60)
    shuffled = [history(there)[place] for place in order]
    edges = [0, *sorted(cuts), len(shuffled)]
    for start, end in itertools.pairwise(edges):
        apply(store, *shuffled[start:end], received=60)
    told = [str(row).replace(there, here) for row in rows_of(store, there)]
    assert told == [str(row) for row in rows_of(store, here)]


@FEW
@given(st.permutations([(1, "Leeds"), (2, "York"), (3, "Leeds"), (4, "Hull"), (5, "Hull")]))
def test_of_undated_records_the_one_asked_for_last_wins_in_any_order(
    store: Store, order: Sequence[tuple[int, str]]
) -> None:
    account = next(_accounts)
    for minute, city in order:
        apply(store, candidate("1", None, account=account, city=city), received=minute)
    with store.reading() as tx:
        held = tx.records.get(ref("candidate", "1", account))
    assert isinstance(held, Candidate)
    assert held.location == "Hull"


def test_what_was_seen_to_be_so_still_is_not_outdated_by_what_came_in_between(store: Store) -> None:
    apply(store, candidate("1", None, city="Leeds"), received=1)
    apply(store, candidate("1", None, city="Leeds"), received=3)
    assert apply(store, candidate("1", None, city="York"), received=2) == 0


def test_of_two_dated_alike_the_one_asked_for_later_wins(store: Store) -> None:
    apply(store, candidate("1", 0, city="York"), received=2)
    assert apply(store, candidate("1", 0, city="Leeds"), received=1) == 0, "a page asked for before"
    assert apply(store, candidate("1", 0, city="Hull"), received=2) == 1, "the same bytes, read better"


def test_what_says_nothing_new_changes_nothing_and_soils_no_one(store: Store) -> None:
    assert apply(store, candidate("1"), candidate("2")) == 2
    store.write(lambda tx: tx.records.clean(tx.records.dirty(9)))
    assert apply(store, candidate("1"), candidate("2"), received=5) == 0
    with store.reading() as tx:
        assert tx.records.dirty_count() == 0


def test_a_receipt_is_when_the_call_began_that_last_changed_it(store: Store) -> None:
    apply(store, candidate("1"), received=1)
    apply(store, candidate("1"), received=2)
    with store.reading() as tx:
        assert [moment for _, moment in tx.records.with_receipt("hospital", "candidate", ["1", "9"])] == [at(1)]
        assert tx.records.with_receipt("hospital", "candidate", []) == []


def dirty(store: Store) -> set[str]:
    def work() -> set[str]:
        with store.reading() as tx:
            return {id_ for _, id_ in tx.records.dirty(99)}

    found = work()
    store.write(lambda tx: tx.records.clean(tx.records.dirty(99)))
    return found


def test_a_change_marks_the_candidates_it_tells_something_about(store: Store) -> None:
    apply(store, candidate("1"), candidate("2"), application("7", "2"))
    assert dirty(store) == {"1", "2"}
    interview = Interview(ref=ref("interview", "5"), application=ref("application", "7"), updated_at=at(1))
    apply(store, interview)
    assert dirty(store) == {"2"}
    apply(store, Gone(ref=ref("interview", "5"), updated_at=at(2)))
    assert dirty(store) == {"2"}
    apply(store, Gone(ref=ref("application", "7"), updated_at=at(2)))
    assert dirty(store) == {"2"}
    apply(store, Merged(ref=ref("candidate", "2"), into=ref("candidate", "1"), updated_at=at(3)))
    assert dirty(store) == {"1", "2"}


def test_reference_data_is_reported_instead(store: Store) -> None:
    job = Job(ref=ref("job", "104"), title="Nurse", status="open", updated_at=NOW)
    applied = store.write(lambda tx: tx.records.apply([job, candidate("1")], received_at=NOW))
    assert (applied.changed, applied.reference) == (2, (Replaced(None, job),))
    assert dirty(store) == {"1"}


def test_an_address_that_changed_marks_whoever_is_linked_by_it(store: Store) -> None:
    apply(store, candidate("1"), candidate("2"))
    dirty(store)
    store.write(lambda tx: tx.mirror.link("hospital", "1", ["e:sam@example.org"]))
    member = Member(
        ref=ref("member", "k", "news"), email="sam@example.org", status=MemberStatus.SUBSCRIBED, updated_at=NOW
    )
    click = Engagement(ref=ref("engagement", "e", "news"), email="sam@example.org", kind=EngagementKind.CLICKED, at=NOW)
    for record in (member, click):
        applied = store.write(lambda tx, it=record: tx.records.apply([it], received_at=NOW))  # type: ignore[misc]
        assert applied.addresses == {"sam@example.org"}
        assert dirty(store) == {"1"}
    with store.reading() as tx:
        assert tx.records.by_address(["sam@example.org", "nobody@example.org"]) == [click, member]


def test_a_complete_walk_misses_only_what_it_did_not_list(store: Store) -> None:
    apply(store, candidate("1"), candidate("2"), seen=7)
    apply(store, candidate("3"))
    with store.reading() as tx:
        assert tx.records.unseen("hospital", ["candidate"], 7) == [ref("candidate", "3")]
        assert tx.records.count("hospital", ["candidate"]) == 3
    apply(store, candidate("1"), candidate("3"), candidate("4"), received=9, seen=8)
    with store.reading() as tx:
        assert tx.records.unseen("hospital", ["candidate"], 8) == [ref("candidate", "2")]
    apply(store, Gone(ref=ref("candidate", "2"), updated_at=at(10)))
    with store.reading() as tx:
        assert tx.records.unseen("hospital", ["candidate"], 8) == []


def test_what_was_merged_leads_to_the_winner_also_through_others_and_in_a_ring(store: Store) -> None:
    merges = [("a", "b"), ("b", "c"), ("x", "c"), ("r", "s"), ("s", "r")]
    apply(
        store,
        *(
            Merged(ref=ref("candidate", one), into=ref("candidate", other), updated_at=at(place))
            for place, (one, other) in enumerate(merges)
        ),
    )
    with store.reading() as tx:
        assert [tx.records.winner("hospital", "candidate", id_) for id_ in ("a", "b", "c", "q")] == ["c", "c", "c", "q"]
        assert tx.records.winner("hospital", "candidate", "r") in ("r", "s")
        assert sorted(tx.records.loser_ids("hospital", "candidate", "c")) == ["a", "b", "x"]
        assert tx.records.winner("factory", "candidate", "a") == "a"


def test_children_are_found_by_what_they_belong_to_and_the_gone_are_left_out(store: Store) -> None:
    apply(store, candidate("1"), application("8", "1"), application("7", "1"), application("9", "2"))
    apply(store, Gone(ref=ref("application", "8"), updated_at=at(1)))
    with store.reading() as tx:
        assert [it.ref.id for it in tx.records.children("hospital", ["candidate:1"])] == ["7"]
        assert [it.ref.id for it in tx.records.of_kind("hospital", "application")] == ["7", "9"]
        assert set(tx.records.get_many("hospital", "application", ["7", "9", "10"])) == {"7", "9"}
        assert tx.records.counts() == {"hospital": {"application": 2, "candidate": 1}}
        assert tx.records.get(ref("application", "10")) is None


def test_colleagues_who_are_candidates_are_found(store: Store) -> None:
    one = User(ref=ref("user", "1"), candidates=(ref("candidate", "1"),), updated_at=NOW)
    apply(store, one, User(ref=ref("user", "2"), name="Sam", updated_at=NOW))
    with store.reading() as tx:
        assert tx.records.users() == [one]


def test_what_is_forgotten_leaves_nothing_but_that_it_is_gone(store: Store) -> None:
    apply(store, candidate("1", city="Leeds"))
    store.write(lambda tx: tx.records.forget(ref("candidate", "1")))
    assert "Leeds" not in str(rows_of(store, "hospital"))
    with store.reading() as tx:
        assert tx.records.get(ref("candidate", "1")) == Gone(ref=ref("candidate", "1"), anonymised=True)
    assert apply(store, candidate("1", -1, city="Leeds")) == 0, "an older page does not bring it back"


def test_what_goes_to_another_marks_the_one_who_had_it(store: Store) -> None:
    apply(store, candidate("1"), candidate("2"), application("7", "1"), application("8", "2"))
    visit = Interview(ref=ref("interview", "5"), application=ref("application", "7"), updated_at=at(1))
    apply(store, visit)
    dirty(store)
    apply(store, msgspec.structs.replace(visit, application=ref("application", "8"), updated_at=at(2)))
    assert dirty(store) == {"1", "2"}
    apply(store, application("7", "2", 3))
    assert dirty(store) == {"1", "2"}
