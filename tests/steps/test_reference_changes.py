"""A job, stage, reason, source or colleague that changed has those built anew whom it concerns, and nobody else."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector import people
from connector.model import (
    AnyRecord,
    Application,
    Candidate,
    Gone,
    Interview,
    Job,
    Label,
    Party,
    Reason,
    Ref,
    Rejection,
    Stage,
    StageVisit,
    Status,
    User,
)
from connector.store import Tx
from connector.store.mirror import Image

if TYPE_CHECKING:
    from tests.conftest import Cast, Home

VOCABULARY = """
version: 1
vocabulary:
  stages: [applied, onsite, final]
  stage_names: {onsite: [Face to Face]}
  reasons: {other_candidate: [Stronger candidate chosen], misconduct: [Misconduct]}
  functions: {nursing: [Nurse, Wards], engineering: [Engineer]}
  regions: {North West: [Manchester], Wales: [Cardiff]}
accounts:
  ats: {platform: invented}
  mailer: {platform: invented}
"""


def ref(kind: str, id_: str = "1") -> Ref:
    return Ref("ats", kind, id_)


def applied(cast: Cast, id_: str, job: str) -> list[AnyRecord]:
    candidate = cast.candidate(id_, f"{id_}@example.org")
    return [candidate, cast.application(f"run-{id_}", id_, job=ref("job", job))]


def job(id_: str, title: str, minute: int = 0, **more: Any) -> Job:
    at = datetime.fromisoformat("2026-11-23T09:00:00+00:00") + timedelta(minutes=minute)
    return Job(ref=ref("job", id_), title=title, status="open", updated_at=at, **more)


def soiled(home: Home, *records: AnyRecord) -> set[str]:
    home.keep("ats", *records)
    home.read()
    found = {str(row["id"]) for row in home.rows("select id from dirty")}
    home.settle()
    return found


@pytest.fixture
def staffed(home_of: Callable[..., Home], cast: Cast) -> Home:
    """Three who applied for job 1 in department 1, one for job 2 in none."""
    home = home_of(settings=VOCABULARY)
    home.tell("ats", job("1", "Ward Nurse", department=ref("department"), offices=(ref("office"),)), job("2", "Cook"))
    home.tell("ats", *(it for id_, at in zip("abcd", "1112", strict=True) for it in applied(cast, id_, at)))
    return home


def test_a_title_that_changed_concerns_those_who_applied_for_that_job(staffed: Home) -> None:
    assert soiled(staffed, job("1", "Staff Engineer", 1, department=ref("department"))) == {"a", "b", "c"}
    assert staffed.facts(staffed.person("ats", "a"))["applications"][0]["title"] == "staff engineer"


def test_a_job_that_was_only_touched_concerns_nobody(staffed: Home) -> None:
    same = {"department": ref("department"), "offices": (ref("office"),)}
    assert soiled(staffed, job("1", "Ward Nurse", 1, confidential=True, **same)) == set()
    assert soiled(staffed, job("1", "Ward Nurse", 2, fields={"budget": ("1",)}, **same)) == set()


def test_a_department_or_an_office_concerns_those_who_applied_for_jobs_there(staffed: Home) -> None:
    assert soiled(staffed, Label(ref=ref("department"), name="Wards")) == {"a", "b", "c"}
    assert soiled(staffed, Label(ref=ref("office"), name="Cardiff")) == {"a", "b", "c"}
    assert soiled(staffed, Label(ref=ref("office", "2"), name="Manchester")) == set()
    row = staffed.facts(staffed.person("ats", "b"))["applications"][0]
    assert (row["function"], row["region"]) == ("nursing", "wales")


def test_a_job_that_was_named_before_it_was_known_is_waited_for(staffed: Home, cast: Cast) -> None:
    staffed.tell("ats", *applied(cast, "e", "3"))
    assert soiled(staffed, job("3", "ICU Nurse")) == {"e"}
    assert soiled(staffed, Gone(ref=ref("job", "3"), at=staffed.now + timedelta(hours=1))) == {"e"}
    assert staffed.facts(staffed.person("ats", "e"))["applications"][0]["title"] is None


def test_who_became_a_colleague_is_found_and_who_is_none_any_more(staffed: Home, cast: Cast) -> None:
    staffed.tell("ats", cast.candidate("g", "g@example.org", group="contact-1"))
    colleague = User(ref=ref("user"), candidates=(ref("candidate", "d"), ref("contact", "contact-1")))
    assert soiled(staffed, colleague) == {"d", "g"}
    assert staffed.facts(staffed.person("ats", "g"))["employment"] == "hired"
    staffed.now += timedelta(minutes=1)
    assert soiled(staffed, User(ref=ref("user"), candidates=(ref("candidate", "d"),))) == {"g"}
    assert staffed.facts(staffed.person("ats", "g"))["employment"] == "none"


def test_at_fifty_thousand_people_a_job_of_three_has_three_built(staffed: Home) -> None:
    def crowd(tx: Tx) -> None:
        for _ in range(10):
            ids = [tx.mirror.new_person() for _ in range(5_000)]
            tx.mirror.put([Image(person=it, facts={}, words={}, children={}) for it in ids])
            tx.uses.put({it: frozenset({ref("job", f"{10 + it % 200}"), ref("stage", f"{it % 9}")}) for it in ids})
            for it in ids:
                tx.mirror.assign([("ats", f"crowd-{it}")], it)
            tx.mirror.judged(ids)

    staffed.store.write(crowd)
    staffed.keep("ats", job("1", "Matron", 5))
    staffed.read()
    begun = time.perf_counter()
    built = people.rebuild(staffed.store, staffed.house.lens, now=staffed.now)
    assert (built["candidates"], built["people"]) == (3, 3)
    assert not people.rebuild(staffed.store, staffed.house.lens, now=staffed.now)
    assert time.perf_counter() - begun < 2
    assert len(staffed.rows("select 1 from to_judge")) == 3


# the targeted rebuild gives what rebuilding everyone gives

NAMES = ("Face to Face", "Applied", "Nurse", "Engineer", "Cardiff", "Manchester", "Misconduct", "Wards")
few = st.sampled_from("12")
maybe = st.none() | few


@st.composite
def told(draw: st.DrawFn) -> AnyRecord:
    kind = draw(
        st.sampled_from(
            ("job", "stage", "reason", "department", "office", "source", "user", "candidate", "application", "visit",
             "rejection", "interview", "gone")
        )
    )  # fmt: skip
    id_, name = draw(few), draw(st.sampled_from(NAMES))

    def point(kind: str) -> Ref | None:
        found = draw(maybe)
        return ref(kind, found) if found else None

    match kind:
        case "job":
            return Job(ref=ref(kind, id_), title=name, status="open", department=point("department"),
                       offices=tuple(filter(None, [point("office")])), location=draw(st.none() | st.just("Cardiff")))  # fmt: skip
        case "stage":
            return Stage(ref=ref(kind, id_), name=name, order=draw(st.sampled_from((1.0, 2.0))))
        case "reason":
            return Reason(ref=ref(kind, id_), name=name, party=draw(st.sampled_from(Party)))
        case "user":
            of = draw(st.lists(st.sampled_from((ref("candidate"), ref("candidate", "2"), ref("contact"))), max_size=2))
            return User(ref=ref(kind, id_), email=f"{name[:4].lower()}@example.org", candidates=tuple(of))
        case "department" | "office" | "source":
            type_ = draw(st.sampled_from((None, "In person event", "Wales")))
            return Label(ref=ref(kind, id_), name=name, type=type_)
        case "candidate":
            group = draw(st.none() | st.just("1"))
            return Candidate(ref=ref(kind, id_), emails=(f"c{id_}@example.org",), group=group)
        case "application":
            return Application(ref=ref(kind, id_), candidate=ref("candidate", draw(few)), status=Status.REJECTED,
                               job=point("job"), stage=point("stage"), reason=point("reason"), source=point("source"),
                               recruiter=point("user"))  # fmt: skip
        case "visit":
            return StageVisit(
                ref=ref("stage_visit", id_), application=ref("application", draw(few)), stage=ref("stage", draw(few))
            )
        case "rejection":
            return Rejection(ref=ref(kind, id_), application=ref("application", draw(few)), reason=point("reason"))
        case "interview":
            return Interview(ref=ref(kind, id_), application=ref("application", draw(few)), stage=point("stage"))
    return Gone(
        ref=ref(draw(st.sampled_from(("job", "stage", "reason", "source", "office", "department", "user"))), id_)
    )


_TABLES = ("people", "applications", "interviews", "person_events", "person_words", "profiles", "people_text")


def mirror(home: Home) -> dict[str, list[dict[str, Any]]]:
    return {table: sorted(home.rows(f"select * from {table}"), key=repr) for table in _TABLES}


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
@given(batches=st.lists(st.lists(told(), min_size=1, max_size=4), min_size=2, max_size=8))
def test_the_targeted_rebuild_gives_what_rebuilding_everyone_gives(
    batches: Iterable[list[AnyRecord]], home_of: Callable[..., Home]
) -> None:
    home = home_of(settings=VOCABULARY)
    # everyone and everything is there, so that most changes concern somebody
    home.tell("ats", *(Candidate(ref=ref("candidate", it), emails=(f"c{it}@example.org",)) for it in "12"))
    home.tell("ats", *(Application(ref=ref("application", it), candidate=ref("candidate", it), status=Status.REJECTED,
                                   job=ref("job"), stage=ref("stage"), reason=ref("reason"), source=ref("source", it),
                                   recruiter=ref("user", it)) for it in "12"))  # fmt: skip
    for batch in batches:
        home.now += timedelta(minutes=1)
        home.tell("ats", *batch)
    targeted = mirror(home)
    home.store.write(lambda tx: tx.records.soil_everyone())
    home.settle()
    assert targeted == mirror(home)
    home.close()
