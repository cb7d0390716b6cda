"""A plan counts most people where the data is. Its figures are those of looking at everybody one by one; and a plan that
asks only the rules that changed says what one says that asks all."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector import occasions, pool
from connector.diff import Kind, Wishes, by_rule, diff
from connector.model import Status
from connector.plan import Near
from connector.rules import near
from connector.situations import deleted_for_good, situations
from connector.store import Tx

if TYPE_CHECKING:
    from tests.conftest import Cast, Home

HEAD = "version: 1\nrules:\n"
RULES = (
    "  - {rule: silver, who: {has_application: {status: rejected}}, keep: {tags: [silver]}}\n",
    "  - {rule: silver, who: {has_application: {status: rejected}}, unless: {tags: {any_of: [vip]}}, keep: {tags: [Silver]}}\n",
    "  - {rule: silver, who: {has_application: {status: rejected, scorecard_average: {at_least: 3}}}, keep: {tags: [gold]}}\n",
    "  - {rule: skilled, who: {skills: {any_of: [nursing]}}, keep: {tags: [silver, skilled], pools: [bench]}}\n",
    "  - {rule: bench, who: {tags: {any_of: [silver]}}, keep: {pools: [bench]}}\n",
    "  - {rule: slow, who: {has_application: {status: rejected}}, settle: 2 days, keep: {tags: [slow]}}\n",
    "  - {rule: clings, who: {has_application: {status: active}}, linger: 3 days, keep: {tags: [clings]}}\n",
    "  - {rule: reads, who: {any: [{tags: {any_of: [slow]}}, {tags: {any_of: [clings]}}]}, keep: {tags: [reads]}}\n",
    "  - {rule: reads, who: {tags: {any_of: [slow, clings]}}, keep: {tags: [reader]}}\n",
    "  - {rule: few, who: {has_application: {status: rejected}}, canary: 40%, keep: {tags: [few]}}\n",
    "  - {rule: looks, who: {skills: {any_of: [nursing]}}, mode: shadow, keep: {tags: [looks]}}\n",
    "  - {rule: looks, who: {skills: {any_of: [nursing]}}, keep: {tags: [looks]}}\n",
)
FEW = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
_numbers = itertools.count()
people = st.fixed_dictionaries(
    {
        "status": st.sampled_from([Status.REJECTED, Status.ACTIVE, Status.HIRED]),
        "tags": st.lists(st.sampled_from(["silver", "vip", "skilled"]), unique=True, max_size=2),
        "skills": st.sampled_from([(), ("rn",), ("python",)]),
        "consent": st.sampled_from([True, False, None]),
        "place": st.sampled_from(["ats", "other"]),
    }
)


def sets() -> st.SearchStrategy[str]:
    def text(chosen: Sequence[int]) -> str:
        named = {RULES[it].split(",")[0]: RULES[it] for it in chosen}
        return HEAD + "".join(named.values())

    return st.lists(st.integers(0, len(RULES) - 1), min_size=1, max_size=5, unique=True).map(text)


def tell(home: Home, cast: Cast, number: int, it: dict[str, object]) -> None:
    account, at = str(it["place"]), home.now
    fields = {"skills": it["skills"]} if it["skills"] else {}
    home.tell(
        account,
        cast.candidate(str(number), f"{number}@example.org", account=account, at=at, tags=tuple(it["tags"]),  # type: ignore[arg-type]
                       contact_allowed=it["consent"], fields=fields),
        cast.application(f"{number}-a", str(number), it["status"], account=account, at=at, decided_at=at),  # type: ignore[arg-type]
    )  # fmt: skip


def one_by_one(home: Home) -> dict[str, Counter[Kind]]:
    """Everybody heard and diffed by themselves, rules acting as if they were approved."""
    bench, now = home.house.desk.bench, home.now
    live = [it for it in bench.court.rules.standing if it.mode == "live" and it.keep]
    with home.store.reading() as tx:
        everyone = [row["id"] for row in tx.rows("select id from people order by id")]
        facts, standing = tx.mirror.facts_of(everyone), occasions.standing_of(tx, everyone)
        heard = {it: bench.court.hear_all(facts[it], standing[it], now=now) for it in everyone}

        def acting(person: int) -> set[str]:
            return {it.name for it in live if pool.in_canary(it, person)}

        removable = deleted_for_good(tx, bench, now=now)
        wishes = Wishes(bench.rules)
        found = [
            change
            for situation in situations(tx, bench, heard, acting)
            for change in diff(situation, wishes, removable=removable)
        ]
    return dict(by_rule(found))


def counted(home: Home, stale: frozenset[str] | None) -> dict[str, Counter[Kind]]:
    with home.store.reading() as tx:
        asked = pool.Pool(tx, home.house.desk.bench, now=home.now, stale=stale)
        found = {rule: +it.counts for rule, it in asked.effects().items()}
        return {rule: counts for rule, counts in found.items() if counts}


@FEW
@given(crowd=st.lists(people, min_size=2, max_size=7), first=sets(), second=sets(), more=st.lists(people, max_size=3))
def test_counted_together_and_one_by_one_it_is_the_same(
    home_class: type[Home], cast: Cast, tmp_path: Path, crowd: list[dict[str, object]], first: str, second: str,
    more: list[dict[str, object]],
) -> None:  # fmt: skip
    home = home_class(tmp_path / str(next(_numbers)), rules=first)
    try:
        for number, it in enumerate(crowd):
            tell(home, cast, number, it)
        assert counted(home, None) == one_by_one(home)
        home.live()
        home.pass_time(timedelta(days=1))
        assert counted(home, None) == one_by_one(home)
        home.rules(second)
        for number, it in enumerate(more):
            tell(home, cast, number, it)
        home.pass_time(timedelta(minutes=10))
        everything = counted(home, None)
        assert everything == one_by_one(home)
        with home.store.reading() as tx:
            changed = pool.stale(tx, home.house.desk.bench, now=home.now)
        assert changed is not None
        some = counted(home, changed)
        for rule in {*everything, *some}:
            expected = everything.get(rule, Counter())
            if rule in changed or rule in some:
                assert some.get(rule, Counter()) == expected, rule
            else:
                assert expected.keys() <= {"keep"}, f"{rule} would {expected}, and a plan would not tell"
    finally:
        home.close()


def test_a_rule_by_which_everybody_was_judged_is_not_asked_again(home: Home, cast: Cast) -> None:
    home.tell("ats", *cast.runner_up("1", "sam@example.org"))
    home.live()
    home.pass_time(timedelta(minutes=1))
    bench = home.house.desk.bench
    with home.store.reading() as tx:
        assert pool.stale(tx, bench, now=home.now) == frozenset()
        assert pool.stale(tx, bench, now=home.now + timedelta(hours=1)) is None  # nobody looked at the clock since
    made = home.plan()
    assert [(it.rule, it.yes, it.add, it.keep) for it in made.rules] == [("silver", 1, 0, 1), ("bench", 1, 0, 1)]
    home.keep("ats", cast.candidate("2"))
    with home.store.reading() as tx:
        assert pool.stale(tx, bench, now=home.now) is None  # something came in that nobody has read


NEAR = """
version: 1
rules:
  - rule: near
    who:
      has_application: {status: rejected, furthest_stage: {at_least: onsite}, scorecard_average: {at_least: 3}}
      region: North West
    keep: {tags: [near]}
"""


@pytest.fixture
def nearly(home: Home) -> Home:
    home.rules(NEAR)
    rows: list[
        tuple[int, str | None, list[tuple[str, str, float | None]]]
    ] = [  # person, region, (status, stage, average)…
        (1, "north west", [("rejected", "onsite", 4.0)]),
        (2, "wales", [("rejected", "onsite", 4.0)]),
        (3, "north west", [("rejected", "onsite", 2.0), ("active", "applied", None)]),
        (4, "north west", [("rejected", "onsite", None)]),
        (5, None, [("rejected", "offer", 3.0)]),
        (6, "wales", [("rejected", "applied", 4.0)]),
        (7, "north west", []),
    ]

    def write(tx: Tx) -> None:
        for person, region, runs in rows:
            tx.db.conn.execute("insert into people (id, region) values (?, ?)", (person, region))
            for n, (status, stage, average) in enumerate(runs):
                tx.db.conn.execute(
                    "insert into applications (id, person, status, furthest_stage, scorecard_average) values (?, ?, ?, ?, ?)",
                    (f"{person}-{n}", person, status, stage, average),
                )

    home.store.write(write)
    return home


def test_near_misses_are_those_whom_one_test_keeps_out_by_that_test(nearly: Home) -> None:
    made = nearly.plan()
    assert made.rules[0].yes == 1
    assert sorted(made.rules[0].near, key=lambda it: it.test) == [
        Near("application: scorecard_average at least 3", 2),  # 3 is below it, of 4 it is not known
        Near("region North West", 2),  # 2 is elsewhere, of 5 it is not known
    ]


def test_one_who_is_near_becomes_a_match_when_the_test_is_dropped(nearly: Home) -> None:
    rule = nearly.house.rules.rules[0]
    hurdles, query = near(rule, nearly.house.desk.bench.court.context(nearly.now))
    with nearly.store.reading() as tx:
        counts = {hurdles[row["failing"]].text: row["people"] for row in tx.rows(query.text, query.params)}
    nearly.rules(NEAR.replace("      region: North West\n", ""))
    assert nearly.plan().rules[0].yes == 1 + counts["region North West"]
    nearly.rules(NEAR.replace(", scorecard_average: {at_least: 3}", ""))
    assert nearly.plan().rules[0].yes == 1 + counts["application: scorecard_average at least 3"]


def test_of_every_other_person_half_as_many_are_near(nearly: Home) -> None:
    rule, context = nearly.house.rules.rules[0], nearly.house.desk.bench.court.context(nearly.now)
    hurdles, query = near(rule, context, every=2)
    with nearly.store.reading() as tx:
        found = {hurdles[row["failing"]].text: row["people"] for row in tx.rows(query.text, query.params)}
    assert found == {"application: scorecard_average at least 3": 1, "region North West": 1}  # of 2, 4 and 6
