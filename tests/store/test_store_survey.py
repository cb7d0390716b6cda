"""What a report counts, on every engine."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from connector.model import Application, Candidate, Ref, Scorecard, Stage, StageVisit, Status, User
from connector.store.mirror import Image
from connector.store.protocol import Store, Tx
from connector.store.survey import Fresh, Seen

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def known(store: Store, id_: str, *runs: dict[str, Any], account: str = "Ats", **facts: Any) -> int:
    """A person with a record, and what the mirror says of their applications."""

    def work(tx: Tx) -> int:
        person = tx.mirror.new_person()
        tx.mirror.assign([(account, id_)], person)
        rows = [
            {"id": f"{account}/application/{id_}-{n}", "account": account.lower(), "status": "rejected"} | run
            for n, run in enumerate(runs)
        ]
        words = {"skills": facts.pop("skills", ())}
        tx.mirror.put(
            [Image(person=person, facts=facts, words=words, children={"applications": rows}, name=f"Person {id_}")]
        )
        candidate = Ref(account, "candidate", id_)
        records = [
            Application(ref=Ref(account, "application", f"{id_}-{n}"), candidate=candidate, status=Status.REJECTED,
                        reason=Ref(account, "reason", "r1") if n == 0 else None)
            for n in range(len(runs))
        ]  # fmt: skip
        tx.records.apply([Candidate(ref=candidate, location="Wigan, UK"), *records], received_at=NOW)
        return person

    return store.write(work)


def visit(store: Store, run: str, stage: str) -> None:
    application = Ref("Ats", "application", run)
    record = StageVisit(
        ref=Ref("Ats", "stage_visit", f"{run}{stage}"), application=application, stage=Ref("Ats", "stage", stage)
    )
    store.write(lambda tx: tx.records.apply([record], received_at=NOW))


def test_rejections_are_counted_by_account_and_year(store: Store) -> None:
    whole = {"rejection_reason": "x", "furthest_stage": "onsite", "stage_inferred": False, "scorecard_average": 4.0}
    known(store, "1", whole | {"decided": "2025-01-01"}, {"furthest_stage": "onsite", "stage_inferred": True})
    known(store, "2", whole | {"status": "hired"})
    with store.reading() as tx:
        undated, dated = tx.survey.rejections()
        assert (undated.year, undated.count, undated.stage_seen, undated.stage_inferred, undated.whole) == (
            None,
            1,
            0,
            1,
            0,
        )
        assert (dated.account, dated.year, dated.count, dated.reason, dated.score, dated.whole) == (
            "ats",
            2025,
            1,
            1,
            1,
            1,
        )
        assert (undated + dated).count == 2
        assert tx.survey.rejected_people() == tx.survey.rejected_people("Ats") == 1
        assert tx.survey.rejected_people("other") == 0


def test_people_are_counted_once_and_once_in_each_account(store: Store) -> None:
    both = known(store, "1", skills=["go"], region="wales")
    store.write(lambda tx: tx.mirror.assign([("other", "9"), ("other", "10")], both))
    known(store, "2")
    with store.reading() as tx:
        pools = tx.survey.pools()
    assert [(it.account, it.count, it.skills, it.region) for it in pools] == [
        ("", 2, 1, 1), ("Ats", 2, 1, 1), ("other", 1, 1, 1),
    ]  # fmt: skip


def test_steps_are_counted_by_name_and_application(store: Store) -> None:
    known(store, "1", {}, {"status": "active"})
    for run, stage in (("1-0", "s1"), ("1-0", "s2"), ("1-1", "s1"), ("1-1", "s3")):
        visit(store, run, stage)
    with store.reading() as tx:
        assert tx.survey.stages("Ats", {"s1": "panel", "s2": "panel"}) == [
            Seen(value="panel", uses=2, people=1, rejections=1)
        ]


def test_a_rejection_without_a_known_step_comes_with_the_steps_it_took(store: Store) -> None:
    person = known(store, "1", {}, {"furthest_stage": "onsite"}, {"status": "active"})
    visit(store, "1-0", "s1")
    visit(store, "1-1", "s1")
    with store.reading() as tx:
        ((application, visits, whose),) = tx.survey.without_stage("Ats")
    assert (application.ref.id, [it.stage.id for it in visits], whose) == ("1-0", ["s1"], person)


def test_reasons_that_are_not_known_are_counted_by_their_id_and_missing_ones_by_none(store: Store) -> None:
    known(store, "1", {}, {})
    known(store, "2", {"rejection_reason": "known"})
    with store.reading() as tx:
        found = {it.value: it.uses for it in tx.survey.reasons("Ats")}
    assert found == {"r1": 1, None: 1}


def test_verdicts_jobs_words_and_locations_are_counted(store: Store) -> None:
    person = known(store, "1", {"job": "ats/job/7", "scorecards": 0, "furthest_stage": "onsite"}, skills=["go"])
    run = Ref("Ats", "application", "1-0")
    cards = [Scorecard(ref=Ref("Ats", "scorecard", str(n)), application=run, rating="hire") for n in range(2)]
    store.write(lambda tx: tx.records.apply(cards, received_at=NOW))
    with store.reading() as tx:
        one = {"people": 1}
        assert tx.survey.ratings("Ats") == [Seen(value="hire", uses=2, rejections=1, **one)]
        assert tx.survey.jobs("Ats", "function", {"ats/job/7": "Wards"}) == [
            Seen(value="Wards", uses=1, rejections=1, **one)
        ]
        assert (
            tx.survey.words("skills")
            == tx.survey.words("skills", "Ats")
            == [Seen(value="go", uses=1, rejections=0, **one)]
        )
        assert tx.survey.words("skills", "other") == []
        assert tx.survey.locations() == [Seen(value="Wigan, UK", uses=1, rejections=0, **one)]
        assert tx.survey.locations("other") == []
        assert tx.survey.scoreless(["onsite"]) == {"ats": 1}
        assert tx.survey.scoreless(["final"]) == {}
    assert person == 1


def test_names_of_people_and_colleagues_are_known_by_their_whole_text(store: Store) -> None:
    known(store, "1")
    user = User(ref=Ref("Ats", "user", "1"), name="Sam Recruiter")
    store.write(lambda tx: tx.records.apply([user, Stage(ref=Ref("Ats", "stage", "1"), name="Panel")], received_at=NOW))
    with store.reading() as tx:
        assert tx.survey.named(["person 1", "sam recruiter", "panel", "person"]) == {"person 1", "sam recruiter"}


def test_an_account_is_as_fresh_as_its_oldest_list(store: Store) -> None:
    def work(tx: Tx) -> None:
        tx.schedule.arrive("Ats", "jobs", until=NOW, complete=True, now=NOW)
        tx.schedule.arrive("Ats", "stages", until=NOW, complete=True, now=NOW - timedelta(hours=1))

    store.write(work)
    with store.reading() as tx:
        assert tx.survey.fresh() == [Fresh(account="Ats", pulled_at=NOW - timedelta(hours=1), streams=2, unfinished=0)]


def test_what_is_forgotten_is_back_afterwards(store: Store) -> None:
    known(store, "1", {"furthest_stage": "onsite", "title": "nurse"}, skills=["go"], region="wales", country="gb")
    ask = "select furthest_stage, title from applications"
    people = "select region, country, skills_known from people"
    with store.reading() as tx:
        with tx.survey.forgetting(["stages", "regions", "skills"]):
            assert tx.rows(ask) == [{"furthest_stage": None, "title": "nurse"}]
            assert tx.rows(people) == [{"region": None, "country": "gb", "skills_known": None}]
            assert tx.rows("select * from person_words where fact = 'skills'") == []
        assert tx.rows(ask) == [{"furthest_stage": "onsite", "title": "nurse"}]
        assert tx.rows("select word from person_words where fact = 'skills'") == [{"word": "go"}]


def test_with_which_words_people_were_built_is_remembered(store: Store) -> None:
    with store.reading() as tx:
        assert tx.uses.words() == ""
    store.write(lambda tx: tx.uses.put_words("abc"))
    with store.reading() as tx:
        assert tx.uses.words() == "abc"
