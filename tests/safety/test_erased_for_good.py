"""Somebody who asks to be erased goes everywhere, and stays out whatever platforms tell of them again."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from connector import barred, disclosure, erasure, freezing, plan, residue, retention, scheduler
from connector.cli import keepwarm
from connector.cli.person import erased
from connector.cli.work import _errands
from connector.errands import Errand
from connector.flow import Hint, Verb
from connector.model import Engagement, EngagementKind, Gone, Merged, Ref, Scorecard, Touch, TouchKind
from connector.reload import Reload

ADDRESS = "zebedee.quill@example.org"
FORMER = "z.quill@example.com"


def lived(home: Any, cast: Any) -> int:
    """Zebedee went through everything: applied, was tagged, was written to, changed, and stands in a plan."""
    home.tell("ats", *cast.runner_up("7001", FORMER, first_name="Zebedee", last_name="Quillfeather"))
    home.tell(
        "ats", *cast.runner_up("7001", ADDRESS, first_name="Zebedee", last_name="Quillfeather", headline="Nurse Zq")
    )
    home.now += timedelta(minutes=1)
    home.tell(
        "ats",
        cast.candidate(
            "7001",
            ADDRESS,
            at=home.now,
            first_name="Zebedee",
            last_name="Quillfeather",
            contact_allowed=True,
            tags=("rn",),
        ),
        Scorecard(ref=Ref("ats", "scorecard", "s1"), application=Ref("ats", "application", "7001-run"), rating="yes"),
        Touch(
            ref=Ref("ats", "touch", "t1"), kind=TouchKind.NOTE, at=home.now, candidate=Ref("ats", "candidate", "7001")
        ),
        *cast.runner_up("8", "other@example.org", first_name="Olive", last_name="Other"),
    )
    home.tell("mailer", cast.member(ADDRESS), cast.member("other@example.org"))
    opened = Engagement(ref=Ref("mailer", "engagement", "e1"), email=ADDRESS, kind=EngagementKind.OPENED, at=home.now)
    home.tell("mailer", opened)
    home.settle()
    plan.save(home.plan(), home.house.plans)
    home.live()
    home.pass_time(timedelta(hours=2))
    return int(home.person("ats", "7001"))


def erase(home: Any, person: int) -> dict[str, int]:
    return dict(erased(home.house, person, by="dpo", reason="ticket 12", push=home.push))


def left(home: Any, *words: str) -> list[str]:
    """Where any of these still stands, bytes of the database's files and plans among it."""
    found: list[str] = []
    for word in words:
        found += [f"{it.where} {it.at}" for it in residue.traces(home.settings.database, word)]
    return found


def test_a_life_is_there_before_it_is_erased(home: Any, cast: Any) -> None:
    lived(home, cast)
    found = left(home, ADDRESS)
    assert any("table records" in it for it in found)
    assert any("table outbox" in it for it in found)
    assert any("full-text" in it for it in found)
    assert any("byte" in it for it in found)
    assert home.rows("select 1 from history")
    assert home.rows("select 1 from messages")


def test_nothing_of_somebody_erased_is_left_anywhere_and_others_stay(home: Any, cast: Any) -> None:
    person = lived(home, cast)
    counts = erase(home, person)
    assert counts["records"] >= 6
    assert counts["opt-outs"] == 1
    assert counts["plan samples"] == 2
    assert not counts.keys() & {"waiting", "unshredded"}
    assert left(home, ADDRESS, FORMER, "Zebedee", "Quillfeather", "7001-run") == []
    tables = [row["name"] for row in home.rows("select name from sqlite_master where type = 'table'")]
    with_person = [it for it in tables if "person" in {row["name"] for row in home.rows(f"pragma table_info({it})")}]
    assert len(with_person) > 10
    for table in with_person:
        assert home.rows(f"select 1 from {table} where person = ?", person) == [], table
    assert home.facts(home.person("ats", "8"))["unsubscribed"] is False
    out = home.platforms["mailer"].of(Verb.SUPPRESS_MEMBER)
    assert [it.subject.id for it in out] == [ADDRESS]


def test_what_stays_of_an_erasure_says_who_did_it_and_not_to_whom(home: Any, cast: Any) -> None:
    erase(home, lived(home, cast))
    with home.store.reading() as tx:
        (told,) = tx.erasure.all()
        assert (told.by, told.reason) == ("dpo", "ticket 12")
        assert told.counts["records"] >= 6
        assert told.shredded_at == home.now
        assert len(tx.ledger.suppressions([f"e:{ADDRESS}", f"e:{FORMER}", "c:ats:7001"])) == 3
        assert residue.erased_in(tx, ADDRESS.upper()) == told.id


def test_who_was_erased_is_not_taken_in_again_in_whatever_order_they_are_told_of(home: Any, cast: Any) -> None:
    erase(home, lived(home, cast))
    home.now += timedelta(days=1)
    told = cast.runner_up("7001", ADDRESS, first_name="Zebedee", last_name="Quillfeather")
    scored = Scorecard(
        ref=Ref("ats", "scorecard", "s2"), application=Ref("ats", "application", "7001-run"), rating="yes"
    )
    home.tell("ats", scored, *reversed(told))
    # a second record of theirs, its application first
    second = cast.runner_up("7002", ADDRESS, account="other", first_name="Zebedee", last_name="Quillfeather")
    home.tell("other", second[1])
    home.tell("other", second[0])
    home.turn()
    assert home.rows("select id from people") == [{"id": home.person("ats", "8")}]
    retention.prune(home.store, home.settings, [], now=home.now)
    assert left(home, "Zebedee", ADDRESS, "7002-run") == []
    with home.store.reading() as tx:
        assert tx.erasure.all()[0].counts["kept out"] >= 4


def test_an_audience_that_mails_somebody_erased_again_is_told_again(home: Any, cast: Any) -> None:
    erase(home, lived(home, cast))
    home.now += timedelta(days=1)
    home.tell("mailer", cast.member(ADDRESS, at=home.now))
    assert [row["purpose"] for row in home.rows("select purpose from outbox where state = 'pending'")] == ["optout"]
    home.turn()
    out = home.platforms["mailer"].of(Verb.SUPPRESS_MEMBER)
    assert [it.subject.id for it in out] == [ADDRESS, ADDRESS]
    retention.prune(home.store, home.settings, [], now=home.now)
    assert left(home, ADDRESS) == []


def test_whom_a_platform_merges_with_somebody_erased_goes_too(home: Any, cast: Any) -> None:
    erase(home, lived(home, cast))
    home.now += timedelta(days=1)
    home.tell("ats", *cast.runner_up("7003", "zq.new@example.org", first_name="Zebedee"))
    assert left(home, "Zebedee")
    home.tell("ats", Merged(ref=Ref("ats", "candidate", "7001"), into=Ref("ats", "candidate", "7003"), at=home.now))
    retention.shred(home.store, now=home.now)
    assert left(home, "Zebedee", "zq.new@example.org") == []


def test_an_erasure_waits_for_an_opt_out_that_no_platform_takes_and_says_so(home: Any, cast: Any) -> None:
    person = lived(home, cast)
    number, _ = erasure.erase(
        home.store,
        home.house.accounts,
        person,
        shared_address=12,
        plans=home.house.plans,
        by="dpo",
        reason="",
        now=home.now,
    )
    with home.store.reading() as tx:
        assert tx.erasure.going(number) == 1
        assert not tx.erasure.to_shred()
    assert any("table outbox" in it for it in left(home, ADDRESS))
    home.push()
    assert home.rows("select 1 from shredding") == []
    retention.prune(home.store, home.settings, [], now=home.now)
    assert left(home, ADDRESS) == []


def test_a_body_that_names_them_goes_and_others_in_it_are_asked_for_again(home: Any, cast: Any) -> None:
    person = lived(home, cast)
    home.keep("ats", cast.candidate("9", "nine@example.org", headline=f"wrote to {ADDRESS}"))
    home.store.write(
        lambda tx: tx.db.conn.execute(
            "update deliveries set state = 'parked' where state = 'new' returning id"
        ).fetchall()
    )
    home.store.write(
        lambda tx: tx.db.conn.execute(
            "insert into parked (delivery, account, stream, path, wanted, came, digest, item, again_kind, again_id, parked_at)"
            " select id, account, '', '$', 'x', 'y', 'd', '9', 'candidate', '9', received_at from deliveries"
            " where state = 'parked'"
        ).fetchall()
    )
    counts = erase(home, person)
    assert counts["bodies"] == counts["parked"] == 1
    assert home.rows("select kind, id from hints") == [{"kind": "candidate", "id": "9"}]
    assert left(home, ADDRESS) == []


def test_an_agencys_address_that_many_share_is_not_barred_with_one_of_them(home: Any, cast: Any) -> None:
    home.tell("ats", *[cast.candidate(str(n), f"{n}@example.org", "agency@example.org") for n in range(14)])
    erase(home, home.person("ats", "3"))
    home.tell("ats", cast.candidate("99", "agency@example.org"))
    assert len(home.rows("select id from people")) == 14


def test_a_reason_that_names_the_person_is_refused_and_nothing_happens(home: Any, cast: Any) -> None:
    person = lived(home, cast)
    for reason in ("Quillfeather asked", f"asked from {ADDRESS}"):
        with pytest.raises(erasure.NotErased, match="may hold no name"):
            erased(home.house, person, by="dpo", reason=reason, push=home.push)
    assert home.rows("select 1 from erasures") == []
    assert home.facts(person)


def test_nobody_and_the_frozen_are_not_erased(home: Any, cast: Any) -> None:
    person = lived(home, cast)
    with pytest.raises(erasure.NotErased, match="there is no person 77"):
        erase(home, 77)
    home.store.write(lambda tx: freezing.freeze(tx, person, by="dpo", reason="court", now=home.now))
    with pytest.raises(erasure.NotErased, match="unfreeze"):
        erase(home, person)


def test_what_a_person_has_to_do_by_hand_is_listed(home: Any, cast: Any) -> None:
    person = lived(home, cast)
    with home.store.reading() as tx:
        planned = erasure.foresee(tx, home.house.accounts, person, shared_address=12)
    assert [(it.account, it.id) for it in planned.by_hand] == [("ats", "7001"), ("mailer", ADDRESS)]
    assert planned.told == ("mailer",)
    assert planned.held["candidate"] == planned.held["application"] == planned.held["member"] == 1


def test_hints_about_somebody_erased_are_not_followed(home: Any, cast: Any) -> None:
    erase(home, lived(home, cast))
    hints = [
        Hint(Ref("ats", kind, id_), "x")
        for kind, id_ in (("candidate", "7001"), ("application", "7001-run"), ("job", "7001"))
    ]
    with home.store.reading() as tx:
        assert [it.ref.kind for it in barred.hints(tx, hints)] == ["job"]


def test_whom_a_platform_anonymises_is_taken_out_of_history_and_acts_too(home: Any, cast: Any) -> None:
    person = lived(home, cast)
    home.now += timedelta(days=1)
    gone = Gone(ref=Ref("ats", "candidate", "7001"), at=home.now, anonymised=True)
    home.tell("ats", gone)
    home.turn()
    assert home.rows("select 1 from history where id like '7001%'") == []
    assert home.rows("select 1 from messages where person = ?", person) == []
    assert home.rows("select 1 from outbox where person = ? and (args <> '{}' or subject is not null)", person) == []
    assert home.rows("select 1 from decisions where person = ? and line <> ''", person) == []
    assert home.rows("select 1 from records where body like '%Quillfeather%'") == []


def test_all_that_is_held_of_a_person_can_be_handed_over(home: Any, cast: Any) -> None:
    person = lived(home, cast)
    with home.store.reading() as tx:
        told = disclosure.disclose(tx, home.house.desk, person, now=home.now)
    assert {it["kind"] for it in told["records"]} == {
        "candidate",
        "application",
        "scorecard",
        "touch",
        "member",
        "engagement",
    }
    assert told["addresses"] == [FORMER, ADDRESS]
    assert told["messages"]
    assert told["former_records"]
    assert {it["rule"]: it["answer"] for it in told["rules"]} == {"silver": "yes", "bench": "yes"}
    assert told["comes_from"] == {"ats": "invented", "mailer": "invented"}
    assert b'"Quillfeather"' in disclosure.to_json(told)
    page = disclosure.to_html(told | {"name": "<Zebedee>"})
    assert "&lt;Zebedee&gt;" in page
    assert "<script" not in page
    assert "http" not in page
    assert "Nearly hired." in page


def test_export_of_nobody_says_so(home: Any) -> None:
    with home.store.reading() as tx, pytest.raises(disclosure.Nothing, match="no person 5"):
        disclosure.disclose(tx, home.house.desk, 5, now=home.now)


def test_files_that_somebody_keeps_are_looked_through_as_well(home: Any, tmp_path: Path) -> None:
    log = tmp_path / "kept.log"
    log.write_text("x Zebedee.Quill%40Example.org y", encoding="utf-8")
    (found,) = residue.traces(home.settings.database, ADDRESS, [log])
    assert found.where == f"file {log}, byte"
    assert found.at == 2


def test_the_command_says_where_something_is_left_and_ends_with_1(home: Any, cast: Any) -> None:
    person = lived(home, cast)
    (home.folder / "settings.yaml").write_text("version: 1\ndatabase: keepwarm.db\n", encoding="utf-8")
    asked = ["--settings", str(home.folder / "settings.yaml"), "verify-erased", ADDRESS]
    ran = CliRunner().invoke(keepwarm, asked)
    assert ran.exit_code == 1
    assert "no erasure of this address is known" in ran.output
    assert "table records, row" in ran.output
    assert ADDRESS not in ran.output
    erase(home, person)
    ran = CliRunner().invoke(keepwarm, asked)
    assert ran.exit_code == 0, ran.output
    assert "clean" in ran.output
    listed = CliRunner().invoke(keepwarm, [*asked[:2], "people", "erasures"])
    assert "ticket 12" in listed.output


def test_serve_erases_and_freezes_when_asked_by_errand(home: Any, cast: Any) -> None:
    person = lived(home, cast)
    other = home.person("ats", "8")
    running = scheduler.Running(home.house)
    verbs = _errands(running, Reload(home.folder / "settings.yaml", lambda: home.settings, running))
    told: dict[str, str | list[str]] = {"person": str(other), "by": "dpo", "reason": "hold"}
    assert verbs["freeze"](Errand(verb="freeze", args=told)).counts == {"frozen": 1}
    assert verbs["unfreeze"](Errand(verb="unfreeze", args=told)).counts == {"unfrozen": 1}
    running.start()
    try:
        answer = verbs["erase"](Errand(verb="erase", args={"person": str(person), "by": "dpo", "reason": ""}))
    finally:
        running.stop()
    assert answer.counts["people"] == 1
    assert not answer.counts.keys() & {"waiting", "unshredded"}
    assert left(home, ADDRESS, "Quillfeather") == []
    assert [it.subject.id for it in home.platforms["mailer"].of(Verb.SUPPRESS_MEMBER)] == [ADDRESS]
