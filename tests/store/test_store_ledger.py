"""What was decided, what is ours, and who said no: written once, never quietly taken back."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector.model import Member, MemberStatus, Ref
from connector.store.ledger import Activation, Decided, Owned, Standing, Suppression
from connector.store.mirror import Image
from connector.store.protocol import Store

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
FEW = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
_numbers = itertools.count()


def no(identity: str = "e:sam@example.org", source: str = "news", reason: str = "asked", hours: int = 0) -> Suppression:
    return Suppression(
        identity=identity, scope="everything", source=source, reason=reason, learnt_at=NOW + hours * HOUR
    )


def suppress(store: Store, *learnt: Suppression) -> int:
    return store.write(lambda tx: tx.ledger.suppress(learnt))


def known(store: Store, *identities: str) -> list[Suppression]:
    with store.reading() as tx:
        return tx.ledger.suppressions(identities)


def test_an_opt_out_is_news_once_for_each_source_and_its_first_date_stays(store: Store) -> None:
    assert suppress(store, no(), no(), no(source="ats", hours=1)) == 2
    assert suppress(store, no(reason="again", hours=5)) == 0
    assert known(store, "e:sam@example.org", "e:nobody@example.org") == [no(), no(source="ats", hours=1)]
    with store.reading() as tx:
        assert tx.ledger.suppression_count() == 1


@FEW
@given(st.lists(st.sampled_from(["subscribe", "forget", "part", "remove", "rebuild", "again"]), max_size=8))
def test_whatever_happens_afterwards_an_opt_out_does_not_disappear(store: Store, events: Sequence[str]) -> None:
    number = next(_numbers)
    person, identity = number + 1, f"e:p{number}@example.org"
    ref = Ref("news", "member", str(number))
    member = Member(ref=ref, email=identity[2:], status=MemberStatus.SUBSCRIBED, updated_at=NOW + HOUR)
    image = Image(person=person, facts={"unsubscribed": False}, words={}, children={})
    suppress(store, no(identity))
    deeds = {
        "subscribe": lambda tx: tx.records.apply([member], received_at=NOW + HOUR),
        "forget": lambda tx: tx.records.forget(ref),
        "part": lambda tx: tx.ledger.part(person),
        "remove": lambda tx: tx.mirror.remove(person),
        "rebuild": lambda tx: tx.mirror.put([image]),
        "again": lambda tx: tx.ledger.suppress([no(identity, reason="other", hours=9)]),
    }
    for event in events:
        store.write(deeds[event])
    assert known(store, identity) == [no(identity)]


# what is ours


def owned(key: str = "silver", person: int = 1, state: str = "adding", **more: object) -> Owned:
    row = Owned(
        account="ats", subject=f"c{person}", kind="tag", key=key, person=person, rules=("r",), state=state,
        rule_hash="h", added_at=NOW,
    )  # fmt: skip
    return replace(row, **more)  # type: ignore[arg-type]


def own(store: Store, *rows: Owned) -> None:
    store.write(lambda tx: tx.ledger.own(rows))


def ours(store: Store, person: int = 1) -> list[Owned]:
    with store.reading() as tx:
        return tx.ledger.owned([person])


def test_what_was_added_is_ours_once_the_platform_has_it_unless_it_was_there_before(store: Store) -> None:
    own(store, owned("a"), owned("b"), owned("c", state="removing"))
    for key, theirs in (("a", False), ("b", True), ("c", False)):
        store.write(
            lambda tx, it=key, theirs=theirs: tx.ledger.confirm(  # type: ignore[misc]
                "ats", "c1", "tag", it, theirs=theirs, receipt="17", now=NOW + HOUR
            )
        )
    assert [(it.key, it.state, it.receipt) for it in ours(store)] == [
        ("a", "ours", "17"), ("b", "theirs", "17"), ("c", "removing", None),
    ]  # fmt: skip
    assert ours(store)[0].added_at == NOW + HOUR


def test_owning_again_changes_who_wants_it_and_keeps_the_receipt_and_the_date(store: Store) -> None:
    own(store, owned(state="ours", receipt="17"))
    own(store, owned(state="ours", rules=("r", "s"), added_at=NOW + HOUR, rule_hash="h2"))
    assert ours(store) == [owned(state="ours", rules=("r", "s"), rule_hash="h2", receipt="17")]
    with store.reading() as tx:
        assert tx.ledger.owned_counts() == {("r", "ats"): 1, ("s", "ats"): 1}
        assert tx.ledger.all_owned() == ours(store)


def test_what_is_disowned_is_gone_and_only_that(store: Store) -> None:
    own(store, owned("a"), owned("b"))
    store.write(lambda tx: tx.ledger.disown("ats", "c1", "tag", "a"))
    assert [it.key for it in ours(store)] == ["b"]


def test_a_rule_that_left_the_files_is_known_since_when_until_it_comes_back(store: Store) -> None:
    own(store, owned("a", rules=("r", "old")))
    assert store.write(lambda tx: tx.ledger.missing(["r"], now=NOW)) == {"old": NOW}
    assert store.write(lambda tx: tx.ledger.missing(["r"], now=NOW + HOUR)) == {"old": NOW}
    assert store.write(lambda tx: tx.ledger.missing(["r", "old"], now=NOW + HOUR)) == {}
    assert store.write(lambda tx: tx.ledger.missing(["r"], now=NOW + 2 * HOUR)) == {"old": NOW + 2 * HOUR}


def test_a_veto_stays_until_it_is_lifted(store: Store) -> None:
    store.write(lambda tx: tx.ledger.veto(1, "tag", "silver", by="a person", now=NOW, facts={"r": "f1"}))
    store.write(lambda tx: tx.ledger.veto(1, "tag", "silver", by="a person", now=NOW, facts={"r": "f2"}))
    with store.reading() as tx:
        assert tx.ledger.vetoes([1, 2]) == {(1, "tag", "silver"): {"r": "f2"}}
    store.write(lambda tx: tx.ledger.lift(1, "tag", "silver"))
    with store.reading() as tx:
        assert tx.ledger.vetoes([1]) == {}


# decisions


def decided(occasion: str, **more: object) -> Decided:
    row = Decided(
        rule="r", person=1, occasion=occasion, rule_hash="h", set_hash="s", clock=NOW, answer=True, line="who: …",
        mode="live",
    )  # fmt: skip
    return replace(row, **more)  # type: ignore[arg-type]


def test_an_occasion_is_decided_once(store: Store) -> None:
    store.write(lambda tx: tx.ledger.decide([decided("o1"), decided("o1", answer=None), decided("o2", answer=None)]))
    store.write(lambda tx: tx.ledger.decide([decided("o2", clock=NOW + HOUR)]))
    with store.reading() as tx:
        assert tx.ledger.decisions(1) == [decided("o2", answer=None), decided("o1")]
        assert tx.ledger.occasions([1, 2]) == {("r", 1): {"o1": NOW, "o2": NOW}}


def test_a_limit_counts_what_a_rule_changed_by_itself(store: Store) -> None:
    rows = [
        decided("a"), decided("b", clock=NOW - HOUR), decided("c", answer=False), decided("d", mode="shadow"),
        decided("e", plan="p1"), decided("f", rule="other"), decided("g", person=2),
    ]  # fmt: skip
    store.write(lambda tx: tx.ledger.decide(rows))
    with store.reading() as tx:
        assert tx.ledger.decided_since("r", True, NOW) == 2
        assert tx.ledger.decided_since("r", True, NOW - HOUR) == 3
        assert tx.ledger.decided_since("r", False, NOW) == 1


def test_an_answer_stands_since_its_moment_unknown_included(store: Store) -> None:
    rows = [
        ("r", 1, Standing(True, NOW)),
        ("r", 2, Standing(None, NOW)),
        ("r", 3, Standing(False, NOW)),
        ("s", 1, Standing(True, NOW)),
    ]
    store.write(lambda tx: tx.ledger.stand(rows))
    store.write(lambda tx: tx.ledger.stand([("r", 1, Standing(False, NOW + HOUR))]))
    with store.reading() as tx:
        assert tx.ledger.standing([1, 2]) == {
            ("r", 1): Standing(False, NOW + HOUR), ("r", 2): Standing(None, NOW), ("s", 1): Standing(True, NOW),
        }  # fmt: skip
        assert tx.ledger.standing_of("r").keys() == {1, 2, 3}
        assert tx.ledger.stood("r", False, NOW, NOW) == [3]
        assert sorted(tx.ledger.stood("r", False, NOW, NOW + HOUR)) == [1, 3]
    store.write(lambda tx: tx.ledger.unstand([("r", 1), ("r", 9)]))
    with store.reading() as tx:
        assert tx.ledger.standing([1]).keys() == {("s", 1)}


def test_a_rule_acts_from_the_first_activation_of_its_version_on(store: Store) -> None:
    store.write(lambda tx: tx.ledger.activate({"r": "h1", "s": "h"}, set_hash="x", now=NOW, plan="p"))
    store.write(lambda tx: tx.ledger.activate({"r": "h2", "s": "h"}, set_hash="y", now=NOW + HOUR, plan="q"))
    with store.reading() as tx:
        assert tx.ledger.activations() == {"r": Activation("h2", NOW + HOUR), "s": Activation("h", NOW)}


def test_nothing_of_one_who_parted_is_kept_up_any_more(store: Store) -> None:
    own(store, owned(), owned(person=2))
    store.write(lambda tx: tx.ledger.stand([("r", 1, Standing(True, NOW)), ("r", 2, Standing(True, NOW))]))
    store.write(lambda tx: tx.ledger.part(1))
    assert (ours(store, 1), len(ours(store, 2))) == ([], 1)
    with store.reading() as tx:
        assert tx.ledger.standing([1, 2]).keys() == {("r", 2)}
