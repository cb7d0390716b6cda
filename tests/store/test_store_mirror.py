"""What is put into the mirror is what a judge reads back, fact by fact; and people are told apart for ever."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector.clock import stamp
from connector.facts import FACTS, LISTS, TABLES, Fact, of
from connector.flow import Action, Verb
from connector.store.ledger import Decided, Owned, Suppression
from connector.store.mirror import BUILT, Image
from connector.store.outbox import Queued
from connector.store.protocol import Store
from connector.store.schedule import Enrolment, Message

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
FEW = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
_people = itertools.count(1000)

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_VALUES: dict[str, st.SearchStrategy[Any]] = {
    "text": _TEXT,
    "stage": _TEXT,
    "town": _TEXT,
    "number": st.floats(allow_nan=False, allow_infinity=False),
    "whole": st.integers(-(2**63), 2**63 - 1),
    "yesno": st.booleans(),
    "time": st.datetimes(timezones=st.just(UTC)).map(stamp),
}


def _rows(scope: str) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {name: st.none() | _VALUES[fact.type] for name, fact in of(scope).items() if fact.type != "words"}
    )


def _words() -> list[Fact]:
    return [fact for fact in of("person").values() if fact.type == "words"]


@st.composite
def images(draw: st.DrawFn) -> Image:
    person = next(_people)
    children = {
        table: [{"id": f"{person}-{table}-{number}", **draw(_rows(scope))} for number in range(draw(st.integers(0, 2)))]
        for table, scope in BUILT.items()
    }
    words = {fact.name: draw(st.frozensets(_TEXT, max_size=3)) for fact in _words()}
    return Image(person=person, facts=draw(_rows("person")), words=words, children=children, name="Sam")


@FEW
@given(st.lists(images(), min_size=1, max_size=3))
def test_every_fact_comes_back_as_it_was_put(store: Store, put: list[Image]) -> None:
    store.write(lambda tx: tx.mirror.put(put))
    with store.reading() as tx:
        found = tx.mirror.facts_of([image.person for image in put])
    keys = {TABLES[scope]: LISTS[scope] for scope in BUILT.values()}
    for image in put:
        expected: dict[str, Any] = {**image.facts, **{name: [] for name in LISTS.values()}}
        for fact in _words():
            words = frozenset(image.words[fact.name])
            expected[fact.name] = None if fact.unknown_when_empty and not words else words
        expected.update({keys[table]: rows for table, rows in image.children.items()})
        got = found[image.person]
        for name in LISTS.values():
            assert sorted(got.pop(name), key=str) == sorted(expected.pop(name), key=str)
        assert got == expected
        for name, value in got.items():
            assert type(value) is type(expected[name]), name


def test_the_round_trip_knows_every_fact_there_is() -> None:
    scopes = {"person", *BUILT.values()}
    elsewhere = {fact.scope for fact in FACTS} - scopes
    assert elsewhere == {"message", "role"}, "messages are written as they are sent, a role comes with the event"


def test_a_message_is_read_back_with_every_fact_it_has(store: Store) -> None:
    message = Message(
        id="m1",
        person=1,
        cadence="nursing",
        template="news",
        purpose="marketing",
        state="sent",
        due_at=NOW,
        sent_at=NOW,
    )
    store.write(lambda tx: tx.mirror.put([Image(person=1, facts={}, words={}, children={})]))
    store.write(lambda tx: tx.schedule.message([message]))
    with store.reading() as tx:
        [row] = tx.mirror.facts_of([1])[1]["messages"]
        assert tx.schedule.messages(1) == [message]
    assert row == {
        "id": "m1", "purpose": "marketing", "template": "news", "cadence": "nursing", "channel": "email",
        "sent": stamp(NOW),
    }  # fmt: skip
    assert row.keys() - {"id"} == of("message").keys()


def image(person: int, name: str = "Sam Field", **facts: Any) -> Image:
    return Image(person=person, facts=facts, words={"skills": {"icu"}}, children={}, name=name, email="sam@example.org")


def test_a_person_is_replaced_whole_and_is_to_be_judged_again(store: Store) -> None:
    store.write(lambda tx: tx.mirror.put([image(1, city="leeds", country="gb")]))
    store.write(lambda tx: tx.mirror.judged(tx.mirror.to_judge(9)))
    store.write(lambda tx: tx.mirror.put([Image(person=1, facts={"city": "york"}, words={}, children={}, name="Sam")]))
    with store.reading() as tx:
        facts = tx.mirror.facts_of([1])[1]
        assert (facts["city"], facts["country"], facts["skills"]) == ("york", None, None)
        assert tx.mirror.to_judge(9) == [1]
        assert tx.mirror.count() == 1


@pytest.mark.parametrize("words", ["field", "Fié", "sam fiel", "icu", "SAM"])
def test_people_are_found_by_any_words_of_theirs(words: str, store: Store) -> None:
    store.write(lambda tx: tx.mirror.put([image(1, "Sam Fiéld"), Image(person=2, facts={}, words={}, children={})]))
    with store.reading() as tx:
        assert [found.person for found in tx.mirror.find(words)] == [1]


@pytest.mark.parametrize("words", ["", " ", '"', "* ORX", 'a" OR "b', "nobody", "sam nobody", "(", "name:sam"])
def test_odd_searches_find_no_one_and_break_nothing(words: str, store: Store) -> None:
    store.write(lambda tx: tx.mirror.put([image(1)]))
    with store.reading() as tx:
        assert tx.mirror.find(words) == []


def test_records_are_linked_by_shared_keys_unless_too_many_share_one(store: Store) -> None:
    def link(*pairs: tuple[str, str]) -> None:
        for id_, key in pairs:
            store.write(lambda tx, it=id_, by=key: tx.mirror.link("hospital", it, [by]))  # type: ignore[misc]

    link(("1", "e:sam@example.org"), ("2", "e:sam@example.org"))
    link(*((f"a{number}", "e:agency@example.com") for number in range(4)))
    link(*((f"g{number}", "g:hospital:c-7") for number in range(4)))
    with store.reading() as tx:
        assert tx.mirror.linked("hospital", "1", at_most=3) == [("hospital", "1"), ("hospital", "2")]
        assert tx.mirror.linked("hospital", "a0", at_most=3) == []
        assert len(tx.mirror.linked("hospital", "g0", at_most=3)) == 4, "a group is the platform's own word"


# who is who


def person_of_everything(store: Store, person: int, state: str = "active", cadence: str = "nursing") -> None:
    owned = Owned(
        account="hospital", subject=f"c{person}", kind="tag", key="silver", person=person, rules=("r",), state="ours",
        rule_hash="h", added_at=NOW,
    )  # fmt: skip
    decided = Decided(
        rule="r", person=person, occasion=f"o{person}", rule_hash="h", set_hash="s", clock=NOW, answer=True, line="",
        mode="live",
    )  # fmt: skip
    message = Message(
        id=f"m{person}", person=person, cadence=cadence, template="t", purpose="service", state="sent", due_at=NOW
    )
    enrolment = Enrolment(
        cadence=cadence, person=person, joined_at=NOW, state=state, n=1, due_at=None, why="", changed_at=NOW
    )
    action = Action(key=f"k{person}", account="hospital", verb=Verb.ADD_TAG, args={"tag": "silver"})
    queued = Queued(action=action, rule="r", purpose="keep", due_at=NOW, person=person)
    store.write(lambda tx: tx.mirror.put([image(person)]))
    store.write(lambda tx: tx.ledger.own([owned]))
    store.write(lambda tx: tx.ledger.decide([decided]))
    store.write(lambda tx: tx.ledger.veto(person, "tag", f"v{person}", by="x", now=NOW, facts={"r": "f"}))
    store.write(lambda tx: tx.schedule.message([message]))
    store.write(lambda tx: tx.schedule.enrol([enrolment]))
    store.write(lambda tx: tx.schedule.wake(person, NOW))
    store.write(lambda tx: tx.outbox.put([queued], now=NOW))


def test_what_happened_to_one_who_is_absorbed_happened_to_the_one_who_stays(store: Store) -> None:
    person_of_everything(store, 1)
    person_of_everything(store, 2)
    store.write(lambda tx: tx.mirror.absorb(1, 2))
    with store.reading() as tx:
        assert {it.subject for it in tx.ledger.owned([1])} == {"c1", "c2"}
        assert {it.occasion for it in tx.ledger.decisions(1)} == {"o1", "o2"}
        assert {it.id for it in tx.schedule.messages(1)} == {"m1", "m2"}
        assert {it.action.key for it in tx.outbox.of_person(1)} == {"k1", "k2"}
        assert {key for _, _, key in tx.ledger.vetoes([1])} == {"v1", "v2"}
        assert len(tx.schedule.enrolments(people=[1])) == 1
        assert tx.mirror.facts_of([1, 2]).keys() == {1}
        assert not tx.ledger.owned([2])
        assert not tx.ledger.decisions(2)
        assert not tx.schedule.enrolments(people=[2])
    assert store.write(lambda tx: tx.schedule.woken(NOW)) == [1]


@pytest.mark.parametrize(
    ("keeps", "lost", "stays"),
    [
        ("active", "stopped", "stopped"),
        ("stopped", "active", "stopped"),
        ("active", "held_out", "held_out"),
        ("active", "active", "active"),
        ("finished", "active", "finished"),
    ],
)
def test_of_two_enrolments_the_one_that_stopped_stays(keeps: str, lost: str, stays: str, store: Store) -> None:
    person_of_everything(store, 1, keeps)
    person_of_everything(store, 2, lost)
    store.write(lambda tx: tx.mirror.absorb(1, 2))
    with store.reading() as tx:
        assert [it.state for it in tx.schedule.enrolments(people=[1])] == [stays]


def test_no_id_is_ever_given_to_a_second_person(store: Store) -> None:
    first = store.write(lambda tx: tx.mirror.new_person())
    second = store.write(lambda tx: tx.mirror.new_person())
    assert second > first
    store.write(lambda tx: tx.mirror.remove(second))
    third = store.write(lambda tx: tx.mirror.new_person())
    assert third > second
    store.write(lambda tx: tx.mirror.put([image(third + 50)]))
    assert store.write(lambda tx: tx.mirror.new_person()) > third + 50


def test_a_consent_whose_end_has_come_is_none(store: Store) -> None:
    ending: dict[str, Any] = {"consent.email": True, "consent.expires": stamp(NOW)}
    lasting: dict[str, Any] = {"consent.email": True, "unsubscribed": False}
    store.write(lambda tx: tx.mirror.put([image(1, **ending), image(2, **lasting)]))
    store.write(lambda tx: tx.mirror.judged([1, 2]))
    assert store.write(lambda tx: tx.mirror.end_consents(NOW)) == 1
    with store.reading() as tx:
        assert [tx.mirror.facts_of([1, 2])[person]["consent.email"] for person in (1, 2)] == [False, True]
        assert tx.mirror.to_judge(9) == [1]
        assert tx.mirror.mailable([1, 2]) == {2: "sam@example.org"}


def test_an_opt_out_outlives_the_person(store: Store) -> None:
    no = Suppression(identity="e:sam@example.org", scope="everything", source="news", reason="asked", learnt_at=NOW)
    store.write(lambda tx: tx.mirror.put([image(1)]))
    store.write(lambda tx: tx.ledger.suppress([no]))
    store.write(lambda tx: tx.ledger.part(1))
    store.write(lambda tx: tx.mirror.remove(1))
    with store.reading() as tx:
        assert tx.ledger.suppressions(["e:sam@example.org"]) == [no]
