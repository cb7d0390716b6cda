"""Desired state against what is there: every row of the table that says what becomes of a tag."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from connector.court import Effect, Heard
from connector.diff import LAG, Change, Place, Situation, Wishes, diff
from connector.flow import Verb
from connector.model import Ref
from connector.rules import Rule, Vocabulary, load
from connector.store.ledger import Owned

if TYPE_CHECKING:
    from tests.conftest import Cast, Home

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
HERE = Ref("ats", "candidate", "1")
ONE, OTHER = load(
    {
        "r.yaml": "version: 1\nrules:\n"
        "  - {rule: one, who: {private: no}, keep: {tags: [Silver]}}\n"
        "  - {rule: other, who: {private: no}, keep: {tags: [silver]}}\n"
    },
    Vocabulary(),
).rules


def owned(state: str = "ours", *rules: str, subject: str = "1", kind: str = "tag") -> Owned:
    return Owned(account="ats", subject=subject, kind=kind, key="Silver", person=1, rules=rules or ("one",), state=state,
                 rule_hash="", added_at=NOW - timedelta(days=30))  # fmt: skip


def changes(
    heard: dict[str, Effect], *, rules: tuple[Rule, ...] = (ONE,), tags: frozenset[str] | None = frozenset(),
    row: Owned | None = None, acting: tuple[str, ...] = ("one", "other"), removable: tuple[str, ...] = (),
    seen_at: datetime | None = NOW, vetoes: dict[tuple[str, str], dict[str, str]] | None = None, facts: str = "same",
) -> list[Change]:  # fmt: skip
    answers = {Effect.WANT: True, Effect.NO: False, Effect.HOLD: None}
    situation = Situation(
        person=1,
        places=[Place(HERE, "tag", tags, seen_at)],
        owned=[row] if row else [],
        heard={name: Heard(answers[effect], effect, None) for name, effect in heard.items()},
        acting=acting,
        vetoes=vetoes or {},
        facts_hash=lambda rule: facts,
    )
    return diff(situation, Wishes(rules), removable=removable)


def kinds(found: list[Change]) -> list[str]:
    return [change.kind for change in found]


WANT, HOLD, NO = Effect.WANT, Effect.HOLD, Effect.NO
SILVER = frozenset({"silver"})


@pytest.mark.parametrize(
    ("heard", "row", "tags", "kind"),
    [
        (WANT, None, frozenset(), ["add"]),
        (WANT, None, SILVER, ["adopt"]),
        (WANT, owned(), SILVER, ["keep"]),
        (HOLD, None, frozenset(), []),
        (HOLD, owned(), SILVER, ["keep"]),
        (NO, None, frozenset(), []),
        (NO, None, SILVER, []),
        (NO, owned(), SILVER, ["remove"]),
        (NO, owned("theirs"), SILVER, ["disown"]),
        (NO, owned("adding"), frozenset(), ["remove"]),
        (WANT, owned("removing"), SILVER, ["add"]),
        (NO, owned("removing"), SILVER, []),
        (WANT, owned(), frozenset(), ["veto"]),
        (NO, owned(), frozenset(), ["veto"]),
        (WANT, owned("adding"), frozenset(), ["keep"]),
        (WANT, owned(), None, ["keep"]),
    ],
)  # fmt: skip
def test_what_becomes_of_a_tag(heard: Effect, row: Owned | None, tags: frozenset[str] | None, kind: list[str]) -> None:
    assert kinds(changes({"one": heard}, row=row, tags=tags)) == kind


def test_absence_seen_too_soon_after_our_write_is_no_veto() -> None:
    row = owned()
    assert kinds(changes({"one": WANT}, row=row, seen_at=row.added_at + LAG)) == ["keep"]
    assert kinds(changes({"one": WANT}, row=row, seen_at=row.added_at + LAG + timedelta(seconds=1))) == ["veto"]


def test_a_veto_stands_until_a_fact_changes() -> None:
    vetoes = {("tag", "silver"): {"one": "same"}}
    assert changes({"one": WANT}, vetoes=vetoes) == []
    assert kinds(changes({"one": WANT}, vetoes=vetoes, facts="other")) == ["add"]
    assert changes({"two": WANT}, vetoes=vetoes, facts="other") == []  # it did not keep it then: nothing changed for it


def test_a_tag_of_several_rules_goes_with_the_last() -> None:
    both = {"rules": (ONE, OTHER), "tags": SILVER}
    assert kinds(changes({"one": WANT, "other": NO}, row=owned("ours", "one", "other"), **both)) == ["share"]  # type: ignore[arg-type]
    assert kinds(changes({"one": NO, "other": NO}, row=owned("ours", "one", "other"), **both)) == ["remove"]  # type: ignore[arg-type]
    assert kinds(changes({"one": NO, "other": HOLD}, row=owned("ours", "one", "other"), **both)) == ["keep"]  # type: ignore[arg-type]


def test_a_rule_that_does_not_act_freezes_what_it_has() -> None:
    assert kinds(changes({"one": NO}, row=owned(), tags=SILVER, acting=())) == ["keep"]
    assert changes({"one": WANT}, acting=()) == []


def test_a_deleted_rule_keeps_its_tags_until_it_is_gone_for_good() -> None:
    assert kinds(changes({"one": NO}, row=owned("ours", "gone"), tags=SILVER)) == ["keep"]
    assert kinds(changes({"one": NO}, row=owned("ours", "gone"), tags=SILVER, removable=("gone",))) == ["remove"]
    assert kinds(changes({"one": WANT}, row=owned("ours", "gone"), tags=SILVER, removable=("gone",))) == ["share"]


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        (owned(subject="9"), ["disown"]),
        (owned("removing", subject="9"), []),
        (owned(subject="old@example.org", kind="pool"), ["remove"]),
        (owned("adding", subject="old@example.org", kind="pool"), ["remove"]),
        (owned("theirs", subject="old@example.org", kind="pool"), ["disown"]),
    ],
)
def test_what_is_ours_on_a_record_that_is_no_longer_theirs(row: Owned, kind: list[str]) -> None:
    assert kinds(changes({"one": NO}, row=row)) == kind


# and through the whole house


def tags(home: Home) -> list[tuple[str, str]]:
    return [(it.verb.value, str(it.args["tag"])) for it in home.platforms["ats"].of(Verb.ADD_TAG, Verb.REMOVE_TAG)]


SILVER_ONLY = """
version: 1
rules:
  - rule: silver
    who: {has_application: {status: rejected}}
    keep: {tags: [silver]}
"""
RENAMED = SILVER_ONLY.replace("rule: silver", "rule: medallist\n    was: silver")
EMPTY = """
version: 1
rules:
  - rule: other
    who: {private: yes}
    keep: {tags: [other]}
"""


@pytest.fixture
def tagged(home_of: Callable[..., Home], cast: Cast) -> Home:
    home = home_of(rules=SILVER_ONLY)
    home.tell("ats", *cast.runner_up("1", "a@example.org"))
    home.live()
    assert tags(home) == [("add_tag", "silver")]
    return home


def shown(home: Home, cast: Cast, *names: str) -> None:
    """The platform shows the record with these tags, an hour later."""
    home.now += timedelta(hours=1)
    home.tell("ats", cast.candidate("1", "a@example.org", at=home.now, tags=names, contact_allowed=True))
    home.turn()


def test_a_tag_that_a_person_took_off_stays_off_until_something_new_is_known(tagged: Home, cast: Cast) -> None:
    shown(tagged, cast, "silver")
    shown(tagged, cast)
    assert tags(tagged) == [("add_tag", "silver")]
    assert tagged.rows("select person, key from vetoes") == [{"person": 1, "key": "silver"}]
    shown(tagged, cast)
    assert tags(tagged) == [("add_tag", "silver")]
    tagged.tell("ats", cast.application("2", "1", at=tagged.now))
    tagged.turn()
    assert tags(tagged) == [("add_tag", "silver")] * 2


def test_a_tag_that_a_person_gave_first_is_never_ours_to_take(home_of: Callable[..., Home], cast: Cast) -> None:
    home = home_of(rules=SILVER_ONLY)
    home.tell("ats", *cast.runner_up("1", "a@example.org", tags=("silver",)))
    home.live()
    home.now += timedelta(hours=1)
    home.tell("ats", cast.application("1-run", "1", status=cast.hired, at=home.now))
    home.turn()
    assert tags(home) == []


def test_renaming_a_rule_changes_nothing_on_any_platform(tagged: Home, cast: Cast) -> None:
    tagged.rules(RENAMED)
    tagged.live()
    tagged.now += timedelta(days=30)
    tagged.live()
    assert tags(tagged) == [("add_tag", "silver")]


def test_a_rule_that_was_deleted_lets_go_a_week_later(tagged: Home, cast: Cast) -> None:
    tagged.rules(EMPTY)
    tagged.pass_time(timedelta(0))
    tagged.pass_time(timedelta(minutes=1))
    tagged.pass_time(timedelta(days=6))
    tagged.live()
    assert tags(tagged) == [("add_tag", "silver")]
    tagged.pass_time(timedelta(days=2))
    tagged.live()
    assert tags(tagged) == [("add_tag", "silver"), ("remove_tag", "silver")]


def test_a_merge_moves_what_is_ours_to_the_record_that_stays(tagged: Home, cast: Cast) -> None:
    from connector.model import Merged

    tagged.now += timedelta(hours=1)
    tagged.tell("ats", cast.candidate("2", "b@example.org", at=tagged.now, tags=("silver",), contact_allowed=True))
    tagged.tell("ats", Merged(ref=Ref("ats", "candidate", "1"), into=Ref("ats", "candidate", "2"), at=tagged.now))
    tagged.turn()
    assert [(row["subject"], row["state"]) for row in tagged.rows("select subject, state from owned")] == [
        ("2", "ours")
    ]
    tagged.now += timedelta(hours=1)
    tagged.tell("ats", cast.application("1-run", "1", status=cast.hired, at=tagged.now))
    tagged.turn()
    assert tags(tagged) == [("add_tag", "silver"), ("remove_tag", "silver")]


def test_when_people_part_their_tags_stay_ours_with_each(home_of: Callable[..., Home], cast: Cast) -> None:
    home = home_of(rules=SILVER_ONLY)
    home.tell("ats", *cast.runner_up("1", "a@example.org"), *cast.runner_up("2", "a@example.org"))
    home.live()
    kept = home.rows("select subject from owned")[0]["subject"]
    home.now += timedelta(hours=1)
    home.tell("ats", cast.candidate("1", "x@example.org", at=home.now, tags=("silver",) if kept == "1" else ()))
    home.tell("ats", cast.candidate("2", "y@example.org", at=home.now, tags=("silver",) if kept == "2" else ()))
    home.turn()
    assert {(row["subject"], row["state"]) for row in home.rows("select * from owned")} == {
        ("1", "ours"),
        ("2", "ours"),
    }
    assert home.person("ats", "1") != home.person("ats", "2")
