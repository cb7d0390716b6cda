"""For somebody who is frozen nothing outward happens, nothing is dropped, and rules see them as they are."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from connector import freezing, retention
from connector.flow import Verb
from connector.model import MemberStatus, Merged, Ref


def freeze(home: Any, person: int) -> None:
    home.store.write(lambda tx: freezing.freeze(tx, person, by="dpo", reason="complaint", now=home.now))


def begun(home: Any, cast: Any) -> int:
    home.tell("ats", *cast.runner_up("1", "a@example.org"), *cast.runner_up("2", "b@example.org"))
    home.tell("mailer", cast.member("a@example.org"), cast.member("b@example.org"))
    return int(home.person("ats", "1"))


def test_nothing_goes_out_for_the_frozen_until_they_are_let_go(home: Any, cast: Any) -> None:
    person = begun(home, cast)
    freeze(home, person)
    home.live()
    took = [it.subject.id for it in home.platforms["ats"].took]
    assert "2" in took
    assert "1" not in took
    assert not [it for it in home.platforms["mailer"].took if it.subject.id == "a@example.org"]
    with home.store.reading() as tx:
        assert tx.ledger.standing([person])["silver", person].answer is True
    home.store.write(lambda tx: freezing.unfreeze(tx, person, now=home.now))
    home.turn()
    assert "1" in [it.subject.id for it in home.platforms["ats"].took]


def test_an_opt_out_of_the_frozen_still_goes_out(home: Any, cast: Any) -> None:
    person = begun(home, cast)
    home.live()
    freeze(home, person)
    home.now += timedelta(minutes=1)
    home.tell("other", *cast.runner_up("9", "a@example.org", account="other", can_email=False))
    home.turn()
    assert [it.subject.id for it in home.platforms["mailer"].of(Verb.SUPPRESS_MEMBER)] == ["a@example.org"]


def test_messages_that_come_due_meanwhile_are_let_go_of(home: Any, cast: Any) -> None:
    person = begun(home, cast)
    home.live()
    home.pass_time(timedelta(hours=2))
    before = len(home.platforms["mailer"].of(Verb.SEND_EVENT, Verb.START_JOURNEY))
    assert before == 2
    freeze(home, person)
    home.pass_time(timedelta(days=92))
    home.pass_time(timedelta(hours=26))
    later = home.platforms["mailer"].of(Verb.SEND_EVENT, Verb.START_JOURNEY)[before:]
    assert {it.subject.id for it in later} == {"b@example.org"}
    assert home.rows("select why from messages where person = ? and state <> 'sent'", person) == [{"why": "frozen"}]


def test_retention_drops_nothing_of_the_frozen(home: Any, cast: Any) -> None:
    person = begun(home, cast)
    home.live()
    for number, id_ in enumerate("12"):
        home.now += timedelta(minutes=1)
        address = "ab"[number] + "@example.org"
        home.tell("ats", cast.candidate(id_, address, at=home.now, tags=("rn",), contact_allowed=True))
    freeze(home, person)
    home.now += timedelta(days=365 * 4)
    retention.prune(home.store, home.settings, [it.name for it in home.house.rules.entries], now=home.now)
    assert {row["id"] for row in home.rows("select id from history where kind = 'candidate'")} == {"1"}
    kept = home.rows("select person, count(*) n from outbox where state = 'sent' and subject is not null group by 1")
    assert [row["person"] for row in kept] == [person]
    home.store.write(lambda tx: freezing.unfreeze(tx, person, now=home.now))
    retention.prune(home.store, home.settings, [it.name for it in home.house.rules.entries], now=home.now)
    assert home.rows("select 1 from history where kind = 'candidate'") == []


def test_a_freeze_goes_along_when_a_platform_merges_the_record(home: Any, cast: Any) -> None:
    freeze(home, begun(home, cast))
    home.now += timedelta(minutes=1)
    home.tell("ats", Merged(ref=Ref("ats", "candidate", "1"), into=Ref("ats", "candidate", "2"), at=home.now))
    with home.store.reading() as tx:
        assert tx.freezes.of(tx.mirror.person_of("ats", "2")) is not None


def test_a_freeze_wants_a_reason_and_somebody_to_freeze(home: Any, cast: Any) -> None:
    person = begun(home, cast)
    with pytest.raises(freezing.NotFrozen, match="say why"):
        home.store.write(lambda tx: freezing.freeze(tx, person, by="dpo", reason=" ", now=home.now))
    with pytest.raises(freezing.NotFrozen, match="there is no person 99"):
        freeze(home, 99)
    with pytest.raises(freezing.NotFrozen, match="is not frozen"):
        home.store.write(lambda tx: freezing.unfreeze(tx, person, now=home.now))


def test_an_objection_is_still_learnt_of_the_frozen(home: Any, cast: Any) -> None:
    person = begun(home, cast)
    freeze(home, person)
    home.now += timedelta(minutes=1)
    home.tell("mailer", cast.member("a@example.org", MemberStatus.UNSUBSCRIBED, at=home.now))
    assert home.facts(person)["unsubscribed"] is True
