"""Who is one person: the same people whatever order their records came in."""

from __future__ import annotations

import random
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector.model import AnyRecord, Gone, MemberStatus, Merged, Ref

if TYPE_CHECKING:
    from tests.conftest import Cast, Home

Groups = set[frozenset[str]]


def groups(home: Home) -> Groups:
    found: dict[int, set[str]] = {}
    for row in home.rows("select account, id, person from candidates"):
        found.setdefault(row["person"], set()).add(f"{row['account']}/{row['id']}")
    return {frozenset(refs) for refs in found.values()}


def group(*refs: str) -> frozenset[str]:
    return frozenset(refs)


def test_records_that_share_an_address_over_accounts_are_one_person(home: Home, cast: Cast) -> None:
    home.tell("ats", cast.candidate("1", "a@example.org", "b@example.org"), cast.candidate("2", "c@example.org"))
    home.tell("other", cast.candidate("3", "b@example.org", account="other"))
    assert groups(home) == {group("ats/1", "other/3"), group("ats/2")}


def test_records_of_one_group_are_one_person_only_inside_their_account(home: Home, cast: Cast) -> None:
    home.tell("ats", cast.candidate("1", group="g"), cast.candidate("2", group="g"))
    home.tell("other", cast.candidate("3", group="g", account="other"))
    assert groups(home) == {group("ats/1", "ats/2"), group("other/3")}


def test_an_address_that_very_many_share_says_nothing(home: Home, cast: Cast) -> None:
    home.tell("ats", *[cast.candidate(str(n), "agency@example.org", f"{n}@example.org") for n in range(12)])
    assert len(groups(home)) == 1
    home.tell("ats", cast.candidate("12", "agency@example.org"))
    home.tell(
        "ats", *[cast.candidate(str(n), "agency@example.org", f"x{n}@example.org", at=home.now) for n in range(12)]
    )
    assert len(groups(home)) == 13


def test_an_objection_of_one_who_shares_an_agencys_address_is_not_everyones(home: Home, cast: Cast) -> None:
    home.tell("ats", *[cast.candidate(str(n), f"{n}@example.org", "agency@example.org") for n in range(14)])
    home.tell("mailer", cast.member("3@example.org", MemberStatus.UNSUBSCRIBED))
    out = home.rows("select c.id from people p join candidates c on c.person = p.id where p.unsubscribed = 1")
    assert out == [{"id": "3"}]
    with home.store.reading() as tx:
        assert tx.ledger.suppressions(["e:agency@example.org"]) == []
        assert len(tx.ledger.suppressions(["e:3@example.org"])) > 0


def test_a_merge_and_an_anonymising_are_carried_through(home: Home, cast: Cast) -> None:
    home.tell("ats", cast.candidate("1", "a@example.org"), cast.candidate("2", "b@example.org"))
    later = home.now + timedelta(hours=1)
    home.tell("ats", Merged(ref=Ref("ats", "candidate", "1"), into=Ref("ats", "candidate", "2"), at=later))
    assert groups(home) == {group("ats/2")}
    home.tell("ats", Gone(ref=Ref("ats", "candidate", "2"), at=later, anonymised=True))
    assert groups(home) == set()
    assert (
        home.rows("select * from profiles")
        == home.rows("select * from links")
        == home.rows("select * from people")
        == []
    )
    bodies = [row["body"] for row in home.rows("select body from records where kind = 'candidate'")]
    assert not any("b@example.org" in body for body in bodies)


def test_what_a_lost_person_had_goes_to_the_one_who_stays(home: Home, cast: Cast) -> None:
    home.tell("ats", *cast.runner_up("1", "a@example.org"), *cast.runner_up("2", "b@example.org"))
    home.live()
    loser = home.person("ats", "2")
    messages = len(home.rows("select 1 from messages"))
    assert messages == 2
    later = home.now + timedelta(hours=1)
    home.tell("ats", Merged(ref=Ref("ats", "candidate", "2"), into=Ref("ats", "candidate", "1"), at=later))
    kept = home.person("ats", "1")
    assert kept != loser
    assert home.rows("select distinct person from messages") == [{"person": kept}]
    assert home.rows("select distinct person from enrolments") == [{"person": kept}]
    assert home.rows("select 1 from owned where person = ?", loser) == []


records = st.lists(
    st.tuples(
        st.sampled_from(["ats", "other"]),
        st.sampled_from(["1", "2", "3"]),
        st.sets(st.sampled_from(["a@example.org", "b@example.org", "c@example.org", "d@example.org"]), max_size=2),
        st.sampled_from([None, None, "g", "h"]),
        st.integers(0, 9),
    ),
    min_size=1,
    max_size=7,
    # the platform tells two truths of one moment in no order
    unique_by=lambda it: (it[0], it[1], it[4]),
)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
@given(told=records, seed=st.integers(0, 99), every=st.integers(1, 4))
def test_every_order_of_the_same_records_makes_the_same_people(
    home_class: type[Home], cast: Cast, told: list[tuple[str, str, set[str], str | None, int]], seed: int, every: int
) -> None:
    made: list[AnyRecord] = []
    found: list[Groups] = []

    def take(home: Home) -> None:
        for start in range(0, len(made), every):
            for record in made[start : start + every]:
                home.keep(record.ref.account, record)
            home.settle()
        found.append(groups(home))

    for account, id_, emails, group_, day in told:
        at = cast.now + timedelta(days=day)
        made.append(cast.candidate(id_, *sorted(emails), account=account, group=group_, at=at))
    for order in range(3):
        with tempfile.TemporaryDirectory() as folder:
            home = home_class(Path(folder))
            take(home)
            home.close()
        random.Random(seed + order).shuffle(made)
    assert found[0] == found[1] == found[2]


def test_a_person_keeps_their_number_through_a_restart_and_gets_no_one_elses(home: Home, cast: Cast) -> None:
    home.tell("ats", cast.candidate("1", "a@example.org"))
    first = home.person("ats", "1")
    home.tell("ats", Gone(ref=Ref("ats", "candidate", "1"), at=home.now + timedelta(hours=1)))
    home.restart()
    home.tell("ats", cast.candidate("2", "a@example.org", at=home.now))
    assert home.person("ats", "2") > first


def test_an_application_may_go_to_another_person_before_a_merge_is_told(home: Home, cast: Cast) -> None:
    home.tell(
        "ats", cast.candidate("1", "a@example.org"), cast.candidate("2", "b@example.org"), cast.application("7", "1")
    )
    home.now += timedelta(minutes=1)
    home.tell("ats", cast.application("7", "2", at=home.now))
    assert [len(home.facts(home.person("ats", it))["applications"]) for it in "12"] == [0, 1]
