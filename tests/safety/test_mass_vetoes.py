"""A platform shows many of our tags as gone at once: that is not read as so many people's vetoes until somebody says so."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from connector import applying, doubts
from connector.flow import Verb

if TYPE_CHECKING:
    from tests.conftest import Cast, Home

SETTINGS = """
version: 1
changes:
  add: {at_most: 5%, but_always_allow: 5}
  remove: {at_most: 5%, but_always_allow: 5}
accounts:
  ats: {platform: invented}
  other: {platform: invented}
"""
RULES = """
version: 1
rules:
  - rule: silver
    who: {has_application: {status: rejected}}
    keep: {tags: [silver]}
"""
MANY = tuple(str(number) for number in range(100, 140))


@pytest.fixture
def tagged(home_of: Callable[..., Home], cast: Cast) -> Home:
    """Forty people with our tag in one ATS, and ten with it in another."""
    home = home_of(settings=SETTINGS, rules=RULES)
    home.tell("ats", *(it for id_ in MANY for it in cast.runner_up(id_, f"{id_}@example.org")))
    others = (it for id_ in MANY[:10] for it in cast.runner_up(id_, f"o{id_}@example.org", account="other"))
    home.tell("other", *others)
    home.live()
    show(home, cast, MANY, "silver")
    show(home, cast, MANY[:10], "silver", account="other")
    assert states(home) == {"ours": 50}
    return home


def show(home: Home, cast: Cast, ids: Iterable[str], *tags: str, account: str = "ats") -> None:
    """The platform tells of these people, an hour later."""
    home.now += timedelta(hours=1)
    letter = "o" if account == "other" else ""
    home.tell(account, *(cast.candidate(it, f"{letter}{it}@example.org", account=account, at=home.now, tags=tags,
                                        contact_allowed=True) for it in ids))  # fmt: skip
    home.push()


def states(home: Home) -> dict[str, int]:
    return {it["state"]: it["n"] for it in home.rows("select state, count(*) as n from owned group by state")}


def vetoes(home: Home) -> int:
    return len(home.rows("select 1 from vetoes"))


def held(home: Home) -> dict[str, int]:
    with home.store.reading() as tx:
        return {name: tx.doubts.count(name) for name in tx.doubts.held()}


def say(home: Home, account: str, word: Callable[..., str]) -> None:
    with home.store.reading() as tx:
        occasion = word(tx.doubts.held()[account])
    assert home.store.write(lambda tx: tx.assent.give(account, occasion, by="Sam", now=home.now))
    home.pass_time(timedelta(minutes=1))


def test_a_few_are_believed(tagged: Home, cast: Cast) -> None:
    show(tagged, cast, MANY[:4])
    assert (vetoes(tagged), held(tagged)) == (4, {})


def test_many_at_once_are_not_and_it_is_said(tagged: Home, cast: Cast) -> None:
    show(tagged, cast, MANY)
    assert (vetoes(tagged), held(tagged)) == (0, {"ats": 40})
    assert states(tagged) == {"ours": 50}
    with tagged.store.reading() as tx:
        asked = [it for it in tx.assent.all() if it.rule == "ats"]
    assert [it.people for it in asked] == [40, 40]


def test_many_one_by_one_are_not_either(tagged: Home, cast: Cast) -> None:
    for id_ in MANY[:12]:
        show(tagged, cast, [id_])
    assert (vetoes(tagged), held(tagged)) == (5, {"ats": 7})


def test_nothing_else_is_done_to_tags_there_and_elsewhere_all_goes_on(tagged: Home, cast: Cast) -> None:
    show(tagged, cast, MANY)
    before = len(tagged.platforms["ats"].took)
    tagged.tell("ats", *cast.runner_up("new", "new@example.org"))
    tagged.tell("other", *cast.runner_up("new", "onew@example.org", account="other"))
    tagged.turn()
    assert len(tagged.platforms["ats"].took) == before
    assert [it.subject.id for it in tagged.platforms["other"].of(Verb.ADD_TAG) if it.subject][-1] == "new"


def test_once_they_are_seen_again_all_is_as_it_was(tagged: Home, cast: Cast) -> None:
    show(tagged, cast, MANY)
    tagged.tell("ats", *cast.runner_up("new", "new@example.org"))
    show(tagged, cast, MANY[:30], "silver")
    assert held(tagged) == {"ats": 10}
    show(tagged, cast, MANY[30:], "silver")
    assert (vetoes(tagged), held(tagged)) == (0, {})
    tagged.turn()
    assert [it.subject.id for it in tagged.platforms["ats"].of(Verb.ADD_TAG) if it.subject][-1] == "new"
    with tagged.store.reading() as tx:
        assert not [it for it in tx.assent.all() if it.rule == "ats"]


def test_somebody_says_that_people_took_them_off(tagged: Home, cast: Cast) -> None:
    show(tagged, cast, MANY)
    say(tagged, "ats", doubts.stay_off)
    assert (vetoes(tagged), held(tagged)) == (40, {})
    tagged.turn()
    assert len(tagged.platforms["ats"].of(Verb.ADD_TAG)) == 40  # those of the beginning
    show(tagged, cast, MANY[:1])
    assert held(tagged) == {}


def test_a_word_holds_for_one_time_only(tagged: Home, cast: Cast) -> None:
    show(tagged, cast, MANY[:20])
    say(tagged, "ats", doubts.stay_off)
    assert vetoes(tagged) == 20
    show(tagged, cast, MANY[20:])
    assert (vetoes(tagged), held(tagged)) == (20, {"ats": 20})


def test_somebody_says_that_it_was_a_mistake(tagged: Home, cast: Cast) -> None:
    show(tagged, cast, MANY[:4])
    show(tagged, cast, MANY[4:])
    assert (vetoes(tagged), held(tagged)) == (4, {"ats": 36})
    say(tagged, "ats", doubts.put_back)
    assert (vetoes(tagged), held(tagged)) == (0, {})
    # so many adds are past the limit of the rule, as ever
    applying.apply(tagged.store, tagged.house.desk, tagged.plan(), now=tagged.now, approve={"silver": "Sam"})
    tagged.turn()
    assert len(tagged.platforms["ats"].of(Verb.ADD_TAG)) == 80
