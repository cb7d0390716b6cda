"""A rule over past months: nothing learnt later counts, nothing is written, and days without news are not needed."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from connector import backtest, cli, past
from connector.asof import as_of, facts_of
from connector.backtest import Month, NotBacktestable, Report
from connector.clock import Span, midnight
from connector.court import Effect
from connector.image import image
from connector.model import AnyRecord, MemberStatus, Ref, Scorecard, Status
from connector.rerun import grid_of, live
from connector.rules import Rule
from connector.store import ReadOnly

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
YEAR = Span(12, "month")
LATER = datetime(2026, 11, 1, tzinfo=UTC)

RULES = """
version: 1
suppress:
  - suppress: in-process
    who: {has_application: {status: active}}
    stops: marketing
rules:
  - rule: liked
    who:
      has_application:
        status: rejected
        scorecard_average: {at_least: 3.5}
        decided: {within_last: 6 months}
    linger: 7 days
    keep: {tags: [liked]}
  - rule: bench
    who: {tags: {any_of: [liked]}}
    keep: {pools: [bench]}
  - rule: patient
    who: {has_application: {status: rejected}}
    settle: 20 days
    keep: {tags: [patient]}
  - rule: asleep
    mode: "off"
    who: {has_application: {status: rejected}}
    keep: {tags: [asleep]}
  - rule: hello
    when: {event: application_decided}
    who: {consent.email: yes}
    do: {notify: {to: sam@example.org, template: hello}}
cadences:
  - cadence: quarterly
    who: {pools: {any_of: [bench]}, consent.email: yes}
    send: {every: 1 month, first: 3 days after joining, rotate: [{template: news}, {template: ward}, {template: evening}]}
    stop_when: {has_application: {status: active}}
"""


PLAIN = """
version: 1
time_zone: Europe/London
database: keepwarm.db
vocabulary: {stages: [applied, onsite]}
"""


def on(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}T12:00:00+00:00")


@pytest.fixture
def house(home_of: Callable[..., Any]) -> Any:
    return home_of(rules=RULES)


def whole(home: Any, since: str) -> None:
    moment = on(since)
    for account in ("ats", "other", "mailer"):
        home.store.write(lambda tx, it=account: tx.schedule.arrive(it, "all", until=moment, complete=True, now=moment))


def tell(home: Any, received: str, *records: AnyRecord, account: str = "ats") -> None:
    """Recorded then; judged by nobody, because a backtest asks for records only."""
    home.now = on(received)
    home.keep(account, *records)
    home.read()


def built(home: Any) -> None:
    home.now = NOW
    home.settle()


def card(application: str, submitted: str, rating: str = "yes") -> Scorecard:
    return Scorecard(
        ref=Ref("ats", "scorecard", f"{application}-{submitted}"), application=Ref("ats", "application", application),
        rating=rating, submitted_at=on(submitted),
    )  # fmt: skip


def turned_down(cast: Any, id: str, decided: str, applied: str = "2025-01-05", **more: Any) -> list[AnyRecord]:
    return [
        cast.candidate(id, f"p{id}@example.org", at=on(applied), created_at=on(applied), contact_allowed=True),
        cast.application(f"a{id}", id, at=on(decided), applied_at=on(applied), decided_at=on(decided), **more),
    ]


def run(home: Any, rule: str, first: str, last: str, *, horizon: Span = YEAR, now: datetime = NOW) -> Report:
    with home.store.reading() as tx:
        return backtest.run(
            tx, home.settings, home.house.rules, rule, date.fromisoformat(f"{first}-01"), date.fromisoformat(f"{last}-01"),
            horizon=horizon, now=now,
        )  # fmt: skip


def by_month(report: Report, what: Callable[[Month], Any]) -> dict[str, Any]:
    return {it.name[-2:]: what(it) for it in report.months}


def test_a_scorecard_that_was_recorded_later_does_not_count_before_that(house: Any, cast: Any) -> None:
    """Though the platform dates it months earlier: nobody here knew it."""
    whole(house, "2025-01-01")
    tell(house, "2025-03-10", *turned_down(cast, "1", "2025-03-09"))
    tell(house, "2025-06-15", card("a1", "2025-03-08"))
    built(house)
    report = run(house, "liked", "2025-03", "2025-07")
    assert by_month(report, lambda it: (it.on, it.unknown)) == {
        "03": (0, 1), "04": (0, 1), "05": (0, 1), "06": (1, 0), "07": (1, 0),
    }  # fmt: skip
    assert all(it.recorded for it in report.months)


def test_of_the_time_before_the_account_was_connected_the_platforms_dates_decide(house: Any, cast: Any) -> None:
    tell(house, "2026-05-01", *turned_down(cast, "1", "2025-03-09"), card("a1", "2025-04-15"))
    whole(house, "2026-05-01")
    built(house)
    report = run(house, "liked", "2025-02", "2025-05")
    assert by_month(report, lambda it: (it.known, it.on, it.unknown)) == {
        "02": (1, 0, 0), "03": (1, 0, 1), "04": (1, 1, 0), "05": (1, 1, 0),
    }  # fmt: skip
    assert not any(it.recorded for it in report.months)
    assert report.complete_since == on("2026-05-01")


def test_a_verdict_that_was_changed_counts_as_it_stood(house: Any, cast: Any) -> None:
    whole(house, "2025-01-01")
    tell(house, "2025-03-10", *turned_down(cast, "1", "2025-03-09"), card("a1", "2025-03-08", "no"))
    better = msgspec.structs.replace(card("a1", "2025-03-08", "strong_yes"), updated_at=on("2025-05-01"))
    tell(house, "2025-05-02", better)
    built(house)
    assert by_month(run(house, "liked", "2025-03", "2025-06"), lambda it: it.on) == {"03": 0, "04": 0, "05": 1, "06": 1}


def test_a_window_ends_by_the_clock_alone_and_lingering_is_heard(house: Any, cast: Any) -> None:
    whole(house, "2025-01-01")
    tell(house, "2025-01-20", *turned_down(cast, "1", "2025-01-10"), card("a1", "2025-01-09"))
    tell(house, "2025-01-27", *turned_down(cast, "2", "2025-01-26"), card("a2", "2025-01-09"))
    built(house)
    found = by_month(run(house, "liked", "2025-01", "2025-08"), lambda it: (it.on, it.new))
    assert found["06"] == (2, 0)
    assert found["07"] == (1, 0), "10 July and 7 days, 26 July and 7 days"
    assert found["08"] == (0, 0)


def test_settling_is_heard(house: Any, cast: Any) -> None:
    whole(house, "2025-01-01")
    tell(house, "2025-03-05", *turned_down(cast, "1", "2025-03-05"))
    tell(house, "2025-03-25", *turned_down(cast, "2", "2025-03-25"))
    built(house)
    found = by_month(run(house, "patient", "2025-03", "2025-05"), lambda it: (it.on, it.new))
    assert found == {"03": (1, 1), "04": (2, 1), "05": (2, 0)}


def test_what_stood_before_the_first_month_is_not_new_in_it(house: Any, cast: Any) -> None:
    whole(house, "2025-01-01")
    tell(house, "2025-02-05", *turned_down(cast, "1", "2025-02-05"))
    built(house)
    assert by_month(run(house, "patient", "2025-04", "2025-05"), lambda it: (it.on, it.new)) == {
        "04": (1, 0),
        "05": (1, 0),
    }


def test_a_rule_sees_what_another_keeps(house: Any, cast: Any) -> None:
    whole(house, "2025-01-01")
    tell(house, "2025-01-20", *turned_down(cast, "1", "2025-01-10"), card("a1", "2025-01-09"))
    built(house)
    found = by_month(run(house, "bench", "2025-01", "2025-08"), lambda it: it.on)
    assert found == {"01": 1, "02": 1, "03": 1, "04": 1, "05": 1, "06": 1, "07": 0, "08": 0}


def test_a_rule_that_is_off_can_be_tried(house: Any, cast: Any) -> None:
    whole(house, "2025-01-01")
    tell(house, "2025-03-05", *turned_down(cast, "1", "2025-03-05"))
    built(house)
    assert by_month(run(house, "asleep", "2025-02", "2025-03"), lambda it: it.on) == {"02": 0, "03": 1}


def test_what_became_of_the_new_is_set_beside_the_rest(house: Any, cast: Any) -> None:
    whole(house, "2025-01-01")
    for id in "123456":
        tell(house, "2025-01-20", *turned_down(cast, id, "2025-01-10"))
    for id in "123":
        tell(house, "2025-02-05", card(f"a{id}", "2025-02-04"))
    again = {
        "1": (Status.HIRED, "2025-05-01", "2025-06-01"), "2": (Status.REJECTED, "2025-05-01", "2025-06-01"),
        "4": (Status.HIRED, "2025-05-01", "2026-04-01"), "5": (Status.ACTIVE, "2026-04-01", None),
    }  # fmt: skip
    for id, (status, applied, decided) in again.items():
        more = {"applied_at": on(applied), "decided_at": on(decided) if decided else None}
        tell(house, decided or applied, cast.application(f"b{id}", id, status, at=on(decided or applied), **more))
    prospect = cast.application(
        "b6", "6", Status.ACTIVE, at=on("2025-05-01"), prospect=True, applied_at=on("2025-05-01")
    )
    tell(house, "2025-05-01", prospect)
    built(house)
    report = run(house, "liked", "2025-01", "2025-02")
    january, february = report.months
    assert (january.new, january.rest.people) == (0, 6)
    assert (february.newly.people, february.newly.applied, february.newly.hired) == (3, 2, 1)
    assert (february.rest.people, february.rest.applied, february.rest.hired) == (3, 1, 0), (
        "4 was hired too late, 5 applied too late"
    )
    newly, rest = report.totals()
    assert (newly.people, rest.people) == (3, 9)


def test_while_the_horizon_runs_nothing_is_measured(house: Any, cast: Any) -> None:
    whole(house, "2025-01-01")
    tell(house, "2025-01-20", *turned_down(cast, "1", "2025-01-10"))
    built(house)
    report = run(house, "patient", "2025-10", "2025-11", horizon=YEAR)
    assert by_month(report, lambda it: (it.measurable, it.rest.people + it.newly.people)) == {
        "10": (True, 0),
        "11": (False, 0),
    }


def test_a_cadence_would_have_written_on_its_days(house: Any, cast: Any) -> None:
    whole(house, "2025-01-01")
    tell(house, "2025-03-10", *turned_down(cast, "1", "2025-03-10"), card("a1", "2025-03-09"))
    tell(
        house,
        "2025-05-20",
        cast.application("b1", "1", Status.ACTIVE, at=on("2025-05-20"), applied_at=on("2025-05-20")),
    )
    built(house)
    for rule in ("quarterly", "liked", "bench"):
        report = run(house, rule, "2025-03", "2025-07")
        found = by_month(report, lambda it: it.cadences["quarterly"])
        assert [(it.joined, it.left, it.inside, it.messages) for it in found.values()] == [
            (1, 0, 1, 1), (0, 0, 1, 1), (0, 1, 0, 1), (0, 0, 0, 0), (0, 0, 0, 0),
        ]  # fmt: skip
    assert by_month(run(house, "quarterly", "2025-03", "2025-07"), lambda it: (it.on, it.new))["03"] == (1, 1)


def test_whoever_said_no_would_not_have_been_written_to(house: Any, cast: Any) -> None:
    whole(house, "2025-01-01")
    tell(house, "2025-03-10", *turned_down(cast, "1", "2025-03-10"), card("a1", "2025-03-09"))
    tell(
        house,
        "2025-03-12",
        cast.member("p1@example.org", MemberStatus.UNSUBSCRIBED, at=on("2025-03-12")),
        account="mailer",
    )
    built(house)
    found = run(house, "liked", "2025-03", "2025-04").months[0].cadences["quarterly"]
    assert (found.joined, found.left, found.messages) == (1, 1, 0)


def test_caps_are_kept_to(home_of: Callable[..., Any], cast: Any) -> None:
    weekly = RULES.replace("every: 1 month", "every: 1 week").replace(
        "rotate: [", "when_all_seen: start_again, rotate: ["
    )
    home = home_of(rules=weekly)
    whole(home, "2025-01-01")
    tell(home, "2025-03-01", *turned_down(cast, "1", "2025-03-01"), card("a1", "2025-02-25"))
    built(home)
    report = run(home, "quarterly", "2025-03", "2025-06")
    assert by_month(report, lambda it: it.cadences["quarterly"].messages) == {"03": 1, "04": 1, "05": 1, "06": 1}
    assert sum(it.cadences["quarterly"].held_back["a cap"] for it in report.months) > 6


@pytest.mark.parametrize(
    ("rule", "complaint"),
    [("hello", "waits for an event"), ("in-process", "keeps and sends nothing"), ("liekd", "no rule `liekd`")],
)
def test_what_cannot_be_run_over_the_past_is_refused_in_words(house: Any, rule: str, complaint: str) -> None:
    with pytest.raises(NotBacktestable, match=complaint):
        run(house, rule, "2025-01", "2025-02")


def test_a_month_that_is_not_over_is_refused(house: Any) -> None:
    with pytest.raises(NotBacktestable, match="2026-11 is not over yet"):
        run(house, "liked", "2026-10", "2026-11")


def test_looking_every_day_would_find_the_same(house: Any, cast: Any) -> None:
    """Days are left out on which nothing changed: here each of them is looked at."""
    whole(house, "2025-04-10")
    for number, id in enumerate("123456"):
        decided = f"2025-0{number + 1}-1{number}"
        tell(house, f"2025-0{number + 2}-03", *turned_down(cast, id, decided, applied="2024-11-02"))
        tell(house, f"2025-0{number + 3}-1{number}", card(f"a{id}", decided, "yes" if number % 3 else "no"))
        if number % 2:
            run_ = cast.application(f"b{id}", id, Status.REJECTED, at=on(f"2025-08-0{number}"), applied_at=on("2025-07-01"),
                                    decided_at=on(f"2025-07-1{number}"))  # fmt: skip
            tell(house, f"2025-08-0{number}", run_, card(f"b{id}", "2025-07-04", "strong_yes"))
    built(house)
    case = backtest.case_of(house.settings, house.house.rules, "bench")
    zone = house.settings.zone
    days = [midnight(date(2024, 12, 1) + timedelta(days=number), zone) for number in range(430)]
    ends = [days.index(midnight(it, zone)) for it in (date(2025, month, 1) for month in range(2, 13))]
    grid = grid_of(case, days, 31, ends)
    with house.store.reading() as tx:
        world = past.world(tx, history=datetime(2020, 1, 1, tzinfo=UTC))
        people = list(past.pasts(tx, world))
    answers = set()
    for person in people:
        told = [(it.known, it.on) for it in live(person, world, case, grid).states]
        assert told == _daily(person, world, case, grid), person.person
        answers |= set(told)
    assert answers == {(False, False), (True, False), (True, True)}


def _daily(person: Any, world: Any, case: Any, grid: Any) -> list[tuple[bool, bool]]:
    states: list[tuple[bool, bool]] = []
    standing: dict[str, Any] = {}
    kept = False
    assert isinstance(case.entry, Rule)
    for day, now in enumerate(grid.days[: grid.ends[-1] + 1]):
        held = as_of(person, world, now)
        if held is not None:
            facts = facts_of(image(person.person, held, case.words), person.messages, now)
            heard = case.desk.bench.court.hear_all(facts, standing, now=now)
            standing = {name: it.stand for name, it in heard.items() if it.stand}
            effect = heard[case.entry.name].effect
            kept = kept if effect is Effect.HOLD else effect is Effect.WANT
        if day in (grid.begin, *grid.ends):
            states.append((held is not None, kept))
    return states


def test_nothing_is_written(house: Any, cast: Any) -> None:
    tell(house, "2025-03-10", *turned_down(cast, "1", "2025-03-09"), card("a1", "2025-03-08"))
    built(house)
    house.store.close()
    before = house.settings.database.read_bytes()
    store = ReadOnly(house.settings.database)
    with store.reading() as tx:
        backtest.run(
            tx, house.settings, house.house.rules, "liked", date(2025, 1, 1), date(2025, 9, 1), horizon=YEAR, now=NOW
        )
        assert tx.db.conn.total_changes == 0
    store.close()
    assert house.settings.database.read_bytes() == before


def test_the_command_says_it_to_people_and_to_machines(house: Any, cast: Any) -> None:
    whole(house, "2025-02-15")
    for id in "123":
        tell(house, "2025-03-10", *turned_down(cast, id, "2025-03-09"), card(f"a{id}", "2025-03-08"))
    built(house)
    settings = house.folder / "settings.yaml"
    settings.write_text(PLAIN, encoding="utf-8")

    def ran(*words: str) -> str:
        months = ["--from", "2025-01", "--to", "2025-04", "--horizon", "6m"]
        done = CliRunner().invoke(cli.keepwarm, ["--settings", str(settings), "backtest", "liked", *months, *words])
        assert done.exit_code == 0, done.output
        return done.stdout

    told = ran()
    assert "2025-01 *" in told
    assert "2025-03 " in told
    assert "2025-03 *" not in told
    assert "skills, region and consent as they were first seen" in told
    assert "history of ats: complete since 15 Feb 2025" in told
    assert "0 of 3" in told
    report = json.loads(ran("--json"))
    assert report["months"][2]["new"] == 3
    assert report["months"][2]["basis"] == "recorded"
    assert report["totals"]["new"]["applied"] == {
        "count": 0,
        "share": 0.0,
        "interval": pytest.approx([0.0, 0.5615], abs=1e-3),
    }
