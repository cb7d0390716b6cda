"""Everything there is to say about one person: why, by whose word, what would change it, and what stops a message."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec
import pytest

from connector import why
from connector.cli.explain import told
from connector.model import Job, MemberStatus, Merged, Ref, Scorecard, Status
from connector.quality.wording import book
from connector.why import Node, Said, Told

if TYPE_CHECKING:
    from tests.conftest import Cast, Home

WORDS = b"""version: 1
vocabulary:
  skills:
    nursing: [rn]
"""
RULES = """
version: 1
suppress:
  - suppress: in-process
    who: {has_application: {status: active}}
    stops: marketing
rules:
  - rule: silver
    why: Nearly hired.
    who:
      has_application:
        status: rejected
        decided: {within_last: 18 months}
    unless: {employment: hired}
    keep: {tags: [silver]}
    linger: 7 days
  - rule: nurses
    who: {skills: {any_of: [nursing]}, region: North West}
    keep: {tags: [nurse]}
  - rule: bench
    who: {tags: {any_of: [silver]}}
    keep: {pools: [bench]}
  - rule: rated
    who: {has_application: {scorecard_average: {at_least: 3.5}}}
    keep: {tags: [rated]}
cadences:
  - cadence: quarterly
    who: {pools: {any_of: [bench]}, consent.email: yes}
    send: {every: 3 months, first: 14 days after joining, rotate: [{template: news}, {template: evening}]}
"""
AUGUST = datetime(2026, 8, 1, 12, tzinfo=UTC)


@pytest.fixture
def home(home_of: Callable[..., Home]) -> Home:
    return home_of(rules=RULES)


def tell(home: Home, person: int) -> Told:
    with home.store.reading() as tx:
        return why.tell(tx, home.house.desk, person, now=home.now, book=book(WORDS, "settings.yaml"))


def of(made: Told, rule: str) -> Said:
    return next(it for it in made.rules if it.name == rule)


def lines(node: Node) -> list[Node]:
    return [node, *(found for part in node.parts for found in lines(part))]


def line(said: Said, text: str) -> Node:
    return next(node for node in lines(said.tree) if node.text.startswith(text))


def printed(home: Home, person: int, capsys: pytest.CaptureFixture[str], rule: str | None = None) -> str:
    with home.store.reading() as tx:
        told(tx, home.settings, home.house.rules, person, rule=rule, now=home.now, written=book(WORDS, "settings.yaml"))
    return capsys.readouterr().out


def test_a_no_names_the_record_its_date_and_the_line_of_settings_that_a_near_word_would_go_into(
    home: Home, cast: Cast
) -> None:
    fields = {"skills": ("icu, staff nurse",), "region": ("North West",)}
    home.tell("ats", cast.candidate("1", "amina@example.org", at=AUGUST, fields=fields))
    said = of(tell(home, home.person("ats", "1")), "nurses")
    assert said.answer is False
    skills, region = line(said, "their skills include"), line(said, "their region is")
    assert (skills.answer, skills.saw) == (False, "icu, staff nurse")
    assert [it.told(home.settings.zone) for it in skills.origins] == ["ats, as of 1 August 2026"]
    assert skills.advice == ("staff nurse → nursing? add it in settings.yaml:4: nursing: [..., staff nurse]",)
    assert (region.answer, region.saw, len(region.origins)) == (True, "", 1)
    assert said.becomes_yes == "their skills include nursing"
    assert [node.text for node in said.because] == ["their skills include nursing"]


def test_unknown_says_that_nothing_is_known_and_that_what_is_kept_stays(home: Home, cast: Cast) -> None:
    home.tell("ats", *cast.runner_up("1", "a@example.org"))
    said = of(tell(home, home.person("ats", "1")), "rated")
    assert said.answer is None
    score = line(said, "the average score")
    assert (score.answer, score.saw, score.origins) == (None, "nothing known", ())
    assert "because it cannot tell, what it keeps stays as it is: nothing is added, nothing removed" in said.remarks
    assert said.becomes_yes == "of one application the average score is at least 3.5"


def test_of_several_applications_the_one_that_decides_is_named_by_job_and_date(home: Home, cast: Cast) -> None:
    job = Job(ref=Ref("ats", "job", "7"), title="ICU Nurse", status="closed")
    applied, decided = datetime(2026, 5, 2, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC)
    home.tell(
        "ats", job, cast.candidate("1", "a@example.org"),
        cast.application("old", "1", applied_at=datetime(2020, 1, 1, tzinfo=UTC), decided_at=datetime(2020, 2, 1, tzinfo=UTC)),
        cast.application("new", "1", job=job.ref, applied_at=applied, decided_at=decided, at=AUGUST),
    )  # fmt: skip
    said = of(tell(home, home.person("ats", "1")), "silver")
    assert said.answer is True
    about = line(said, "there is an application of which")
    assert about.about == "of 2 applications this one: icu nurse, 2 May 2026 (ats, application as of 1 August 2026)"
    assert line(said, "the day of the decision").saw == "1 June 2026"
    assert line(said, "status is rejected").saw == ""  # the sentence says it


def test_a_kept_tag_names_the_rule_and_the_clock_of_what_is_read_from_it(home: Home, cast: Cast) -> None:
    home.tell("ats", *cast.runner_up("1", "a@example.org"))
    home.live()
    made = tell(home, home.person("ats", "1"))
    said = of(made, "bench")
    assert line(said, "they are marked").kept == "silver kept by rule silver"
    assert any(it.startswith("the rule silver, which it reads, changes by the clock alone on 2") for it in said.remarks)
    silver = of(made, "silver")
    assert silver.next_change is not None
    assert silver.remarks[-1].startswith("after that it lingers for 7 days, until ")
    assert [(it.kind, it.key, it.rules) for it in made.ours if it.kind == "tag"] == [("tag", "silver", ("silver",))]
    assert {it.rule for it in made.decisions if it.mode == "live"} == {"silver", "bench"}
    assert all(len(it.rule_hash) == 64 and it.set_hash == made.set_hash for it in made.decisions)


def test_a_rule_that_is_not_applied_or_lingers_says_so(home: Home, cast: Cast) -> None:
    home.tell("ats", *cast.runner_up("1", "a@example.org"))
    person = home.person("ats", "1")
    assert any(it.startswith("not applied yet") for it in of(tell(home, person), "silver").remarks)
    home.live()
    home.pass_time(timedelta(days=500))  # 18 months after the decision
    lingers = [it for it in of(tell(home, person), "silver").remarks if it.startswith("it lingers")]
    assert re.fullmatch(r"it lingers: what it kept stays until \d+ \w+ \d{4}", lingers[0])


def test_a_value_that_two_records_of_a_merged_person_carry_names_both_accounts(home: Home, cast: Cast) -> None:
    fields = {"region": ("North West",)}
    home.tell("ats", cast.candidate("1", "a@example.org", at=AUGUST, fields=fields), cast.candidate("2"))
    home.tell("other", cast.candidate("9", "a@example.org", account="other", fields=fields))
    home.tell("ats", Merged(ref=Ref("ats", "candidate", "2"), into=Ref("ats", "candidate", "1"), at=home.now))
    made = tell(home, home.person("ats", "1"))
    assert made.known_to == ("ats/1", "other/9")
    assert made.merged == ("ats/2",)
    assert [it.account for it in line(of(made, "nurses"), "their region").origins] == ["ats", "other"]


def test_every_question_of_the_guard_is_answered_by_itself(home: Home, cast: Cast) -> None:
    home.tell("ats", *cast.runner_up("1", "a@example.org"), cast.application("2", "1", Status.ACTIVE))
    person = home.person("ats", "1")
    checks = {it.question: it for it in tell(home, person).checks}
    assert checks["has not opted out"].ok
    assert checks["has agreed to be written to"].ok
    assert not checks["no rule keeps marketing from them"].ok
    assert checks["no rule keeps marketing from them"].why == "suppress in-process"
    home.now = datetime(2026, 11, 23, 22, tzinfo=UTC)
    quiet = {it.question: it for it in tell(home, person).checks}["it is no quiet hour for them"]
    assert (quiet.ok, quiet.until) == (False, datetime(2026, 11, 24, 8, 30, tzinfo=UTC))


def test_an_opt_out_from_a_former_address_is_named_with_its_source_and_day(home: Home, cast: Cast) -> None:
    home.tell("ats", *cast.runner_up("1", "old@example.org"))
    home.tell("mailer", cast.member("old@example.org", MemberStatus.UNSUBSCRIBED))
    home.tell("ats", cast.candidate("1", "new@example.org", at=home.now + timedelta(minutes=1), contact_allowed=True))
    made = tell(home, home.person("ats", "1"))
    assert ("unsubscribed", "mailer") in {(it.reason, it.source) for it in made.opt_outs}
    assert not next(it for it in made.checks if it.question == "has not opted out").ok


def test_the_next_message_is_named_with_its_day_and_why_then(home: Home, cast: Cast) -> None:
    home.tell("ats", *cast.runner_up("1", "a@example.org"))
    home.live()
    made = tell(home, home.person("ats", "1"))
    (series,) = made.series
    assert (series.cadence, series.state, series.template) == ("quarterly", "active", "news")
    assert series.next_at == datetime(2026, 12, 7, 9, tzinfo=UTC)
    assert series.why == "the first, 14 days after joining, in the next hour that suits"
    home.pass_time(timedelta(days=14, minutes=-30))
    (letter,) = tell(home, home.person("ats", "1")).messages
    assert (letter.template, letter.cadence) == ("news", "quarterly")
    hashes = home.rows("select rule_hash, set_hash from messages")
    assert hashes == [{"rule_hash": home.house.rules.cadences[0].hash, "set_hash": home.house.rules.hash}]


def test_what_is_printed_has_none_of_the_grammars_words_and_no_address(
    home: Home, cast: Cast, capsys: pytest.CaptureFixture[str]
) -> None:
    card = Scorecard(ref=Ref("ats", "scorecard", "1"), application=Ref("ats", "application", "1-run"), rating="yes")
    home.tell("ats", *cast.runner_up("1", "a@example.org", first_name="Amina", last_name="Odum"), card)
    home.live()
    person = home.person("ats", "1")
    # what was decided stands as it was written down then, in the rules' own words
    whole = "\n".join(it for it in printed(home, person, capsys).splitlines() if not it.startswith("DECIDED"))
    for words in (whole, printed(home, person, capsys, rule="silver"), printed(home, person, capsys, rule="rated")):
        assert "Amina Odum" in words
        assert not re.search(r"any_of|none_of|all_of|at_least|within_last|consent\.email|has_application|_", words), (
            words
        )
        assert "@" not in words
    assert "the average score is at least 3.5 — saw 4" in printed(home, person, capsys, rule="rated")


def test_for_a_machine_there_is_everything(home: Home, cast: Cast, capsys: pytest.CaptureFixture[str]) -> None:
    home.tell("ats", *cast.runner_up("1", "a@example.org"))
    with home.store.reading() as tx:
        told(tx, home.settings, home.house.rules, home.person("ats", "1"), rule=None, now=home.now, machine=True)
    made = msgspec.json.decode(json.dumps(json.loads(capsys.readouterr().out)), type=Told)
    assert [it.name for it in made.rules] == [it.name for it in home.house.rules.entries]
    exact = [node.exact for node in lines(of(made, "silver").tree)]
    assert "status rejected" in exact
    assert of(made, "silver").tree.at.endswith("rules.yaml:8:5")
