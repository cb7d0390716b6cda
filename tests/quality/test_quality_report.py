"""What the report says of a small archive whose figures were counted by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from connector import quality
from connector.model import AnyRecord, Job, Label, Reason, Ref, Rejection, Scorecard, Stage, StageVisit
from connector.quality import HIDDEN, Kind, NotAsked, Report
from connector.quality.wording import changed

SETTINGS = """
version: 1
time_zone: Europe/London
database: keepwarm.db
vocabulary:
  stages: [applied, phone_screen, onsite, final, offer]
  stage_names: {applied: [New], onsite: [Onsite Interview], final: [Final Panel]}
  reasons: {other_candidate: [Stronger candidate chosen], misconduct: [Misconduct]}
  skills: {nursing: [rn]}
  functions: {engineering: [Engineer]}
  regions: {North West: [Manchester]}
accounts:
  ats: {platform: invented}
  other: {platform: invented}
"""
RULES = """
version: 1
rules:
  - rule: silver
    who:
      has_application:
        status: rejected
        furthest_stage: {at_least: onsite}
        scorecard_average: {at_least: 3.5}
        rejection_reason: {none_of: [misconduct]}
        decided: {within_last: 18 months}
    unless: {employment: hired}
    keep: {tags: [silver]}
  - rule: near
    who: {tags: {any_of: [silver]}, region: North West}
    keep: {tags: [near]}
"""
#: Names of steps, in the order in which every pipeline has them.
STEPS = ("New", "Phone Screen", "Onsite Interview", "Panel Day", "Culture chat", "Final Panel")


class Archive:
    """An archive, one rejection at a time."""

    def __init__(self, home: Any, cast: Any) -> None:
        self.home, self.cast, self._made = home, cast, 0
        self.records: list[AnyRecord] = []

    def reference(self, *records: AnyRecord) -> None:
        self.records += records

    def steps(self, *names: str, account: str = "ats") -> None:
        self.reference(*(Stage(ref=Ref(account, "stage", name), name=name, order=STEPS.index(name)) for name in names))

    def rejected(
        self, *steps: str, reason: str | None = None, ratings: tuple[str, ...] = (), account: str = "ats", months: int = 3,
        location: str | None = None, job: str | None = None, name: tuple[str, str] = ("Some", "Body"),
    ) -> str:  # fmt: skip
        self._made += 1
        id_, then = f"{self._made}", self.cast.now - timedelta(days=30 * months)
        run = Ref(account, "application", id_)
        self.records += [
            self.cast.candidate(id_, f"p{id_}@example.org", account=account, location=location, first_name=name[0],
                                last_name=name[1]),
            self.cast.application(id_, id_, account=account, decided_at=then, applied_at=then,
                                  job=Ref(account, "job", job) if job else None),
            Rejection(ref=Ref(account, "rejection", id_), application=run, rejected_at=then,
                      reason=Ref(account, "reason", reason) if reason else None),
            *(StageVisit(ref=Ref(account, "stage_visit", f"{id_}-{n}"), application=run, entered_at=then,
                         stage=Ref(account, "stage", step)) for n, step in enumerate(steps)),
            *(Scorecard(ref=Ref(account, "scorecard", f"{id_}-{n}"), application=run, rating=rating)
              for n, rating in enumerate(ratings)),
        ]  # fmt: skip
        if reason:
            self.reference(Reason(ref=Ref(account, "reason", reason), name=reason))
        return id_

    def report(self, **more: Any) -> Report:
        accounts: dict[str, list[AnyRecord]] = {}
        for it in self.records:
            accounts.setdefault(it.ref.account, []).append(it)
        for account, records in accounts.items():
            self.home.keep(account, *records)
        self.records = []
        self.home.settle()
        return self.ask(**more)

    def ask(self, **more: Any) -> Report:
        house = self.home.house
        with house.store.reading() as tx:
            return quality.report(
                tx, house.settings, house.rules, SETTINGS.encode(), file="settings.yaml", now=self.home.now, **more
            )


@pytest.fixture
def archive(home_of: Callable[..., Any], cast: Any) -> Archive:
    return Archive(home_of(settings=SETTINGS, rules=RULES), cast)


def word(report: Report, text: str) -> quality.Value:
    return next(it for it in (*report.rest, *(fix.value for fix in report.fixes)) if it.text == text)


def fix(report: Report, text: str) -> quality.Fix:
    return next(it for it in report.fixes if it.value.text == text)


def test_shares_are_counted_by_account_and_year(archive: Archive) -> None:
    archive.steps("New", "Onsite Interview")
    archive.steps("New", "Onsite Interview", account="other")
    archive.rejected("New", "Onsite Interview", reason="Stronger candidate chosen", ratings=("yes",))
    archive.rejected("New", reason="Misconduct", months=30)
    archive.rejected("New", "Onsite Interview", ratings=("yes", "no"), account="other")
    archive.rejected(account="other", months=30)
    found = archive.report()
    told = {it.account: (it.count, it.reason, it.stage_seen, it.score, it.whole) for it in found.rejections}
    assert told == {"ats": (2, 2, 2, 1, 1), "other": (2, 0, 1, 1, 0)}
    assert [(it.year, it.count, it.whole) for it in found.years] == [(2026, 2, 1), (2024, 2, 0)]
    assert found.rejected_people == 4
    assert [(it.account, it.count, it.address) for it in found.people] == [("", 4, 4), ("ats", 2, 2), ("other", 2, 2)]
    assert found.behind == 0
    assert not found.reworded


def test_a_step_nobody_mapped_is_named_with_its_cost_its_guess_and_its_gain(archive: Archive) -> None:
    archive.steps(*STEPS)
    good: dict[str, Any] = {"reason": "Stronger candidate chosen", "ratings": ("yes",)}
    archive.rejected("New", "Panel Day", **good)
    archive.rejected("New", "Panel Day", **good, location="Manchester, UK")
    archive.rejected("New", "Panel Day", reason="Misconduct", ratings=("yes",))
    archive.rejected("New", "Panel Day", **good, months=30)
    archive.rejected("Panel Day", "Final Panel", **good)
    found = archive.report()
    it = fix(found, "Panel Day")
    assert (it.value.uses, it.value.people, it.value.rejections, it.value.usable) == (5, 5, 5, 4)
    assert it.proposed
    assert it.mapped.target == "onsite"
    assert "after `onsite` and before `final`" in (it.value.guess.why if it.value.guess else "")
    assert it.gain.rules == {"silver": 2, "near": 1}
    assert (it.gain.people, it.gain.alone) == (2, 2)
    assert it.line == "settings.yaml:7: onsite: [..., Panel Day]"
    assert found.gained == 2
    assert {it.rule: (it.matching, it.would_match) for it in found.rules} == {"silver": (1, 2), "near": (0, 1)}


def test_what_is_foretold_comes_true_once_the_words_are_in_the_settings(archive: Archive) -> None:
    archive.steps(*STEPS)
    for reason in ("Stonger candidat chosen", "Stronger candidate chosen", "Misconducts"):
        for step in ("Panel Day", "Onsite Interview", "Culture chat"):
            archive.rejected("New", step, reason=reason, ratings=("Strong Hire",))
    before = archive.report()
    told = [it.mapped for it in before.fixes if it.proposed]
    assert {it.text for it in told} == {"Panel Day", "Stonger candidat chosen", "Misconducts", "Strong Hire"}
    home = archive.home
    home.settings = replace(home.settings, words=changed(home.settings.words, told))
    home.restart()
    assert archive.ask().reworded
    after = archive.report()
    assert not after.reworded
    assert {it.rule: it.matching for it in after.rules} == {
        it.rule: it.matching + it.would_match for it in before.rules
    }
    assert after.rules[0].matching == 4


def test_several_words_that_only_help_together_are_counted_together(archive: Archive) -> None:
    archive.steps(*STEPS)
    archive.rejected("New", "Panel Day", reason="Stonger candidat chosen", ratings=("yes",))
    found = archive.report()
    told = {it.value.text: (it.gain.people, it.gain.alone) for it in found.fixes}
    assert told == {"Panel Day": (1, 0), "Stonger candidat chosen": (1, 0)}
    assert found.gained == 1


def test_a_word_nobody_can_guess_is_tried_with_every_meaning(archive: Archive) -> None:
    archive.reference(Stage(ref=Ref("ats", "stage", "x"), name="Kaffeeklatsch"))
    for _ in range(3):
        archive.rejected("x", reason="Stronger candidate chosen", ratings=("yes",))
    it = fix(archive.report(), "Kaffeeklatsch")
    assert not it.proposed
    assert it.mapped.target == "onsite"
    assert it.gain.rules == {"silver": 3}
    assert "Kaffeeklatsch" not in archive.ask().snippet


def test_whoever_would_then_lack_nothing_but_a_score_is_counted_apart(archive: Archive) -> None:
    """Scorecards are fetched only for applications that are known to have come far enough."""
    archive.steps(*STEPS)
    archive.rejected("New", "Panel Day", reason="Stronger candidate chosen")
    archive.rejected("New", "Panel Day", reason="Stronger candidate chosen", ratings=("yes",))
    archive.rejected("New", "Onsite Interview", reason="Stronger candidate chosen")
    found = archive.report()
    assert (found.gained, found.waiting) == (1, 1)
    assert (found.rules[0].would_match, found.rules[0].would_wait) == (1, 1)
    it = fix(found, "Panel Day").gain
    assert (it.people, it.alone, it.waiting) == (1, 1, 1)


def test_what_a_rule_cannot_tell_is_put_down_to_the_facts_that_are_missing(archive: Archive) -> None:
    archive.steps(*STEPS)
    archive.rejected("New", "Onsite Interview", ratings=("yes",))
    archive.rejected("New", "Onsite Interview", ratings=("yes",))
    archive.rejected("New", "Onsite Interview", reason="Stronger candidate chosen")
    archive.rejected("New", ratings=("yes",))
    silver, near = archive.report().rules
    assert [(set(it.missing), it.people) for it in silver.missing] == [
        ({"application.rejection_reason"}, 2),
        ({"application.scorecard_average"}, 1),
    ]
    assert silver.unknown == 3
    assert [(set(it.missing), it.people) for it in near.missing] == [({"region", "rule silver"}, 3)]


def test_what_no_word_can_mend_is_said_with_what_to_do(archive: Archive) -> None:
    archive.steps(*STEPS)
    archive.rejected("New", "Onsite Interview", reason="Stronger candidate chosen")
    archive.rejected("New", "Onsite Interview")
    archive.rejected()
    archive.rejected("gone", reason="Stronger candidate chosen", ratings=("yes",))
    found = archive.report()
    told = {it.what: it.count for it in found.beyond if it.account == "ats"}
    assert told == {
        "no reason was recorded for 2 of 4 rejections": 2,
        "no step at all is known of 1 of 4 rejections": 1,
        "2 rejections for which a rule could want a scorecard have none": 2,
        "1 rejections have a reason or a step that the platform gives an id of and no name": 1,
    }
    assert all(it.do for it in found.beyond)


def test_a_pause_and_what_was_parked_are_said(archive: Archive) -> None:
    archive.rejected()
    until = archive.home.now + timedelta(hours=1)
    archive.home.store.write(
        lambda tx: tx.schedule.pause("ats", scope="scorecards", why="no permission", now=archive.home.now, until=until)
    )
    whats = [it.what for it in archive.report().beyond]
    assert any(what.startswith("scorecards is paused") and what.endswith("no permission") for what in whats)


def test_departments_towns_and_skills_are_listed_too(archive: Archive) -> None:
    department = Label(ref=Ref("ats", "department", "d"), name="Enginering")
    archive.reference(
        department, Job(ref=Ref("ats", "job", "J1"), title="Wizard", status="open", department=department.ref)
    )
    archive.rejected(job="J1", location="Manchestr, England")
    archive.rejected(job="J1", location="Blackpol")
    archive.rejected(job="J1", location="Newport")
    archive.rejected(job="J1", location="Los Angeles, CA")
    found = archive.report()
    assert fix(found, "Enginering").mapped.target == "engineering"
    assert fix(found, "Manchestr").line == "settings.yaml:11: North West: [..., Manchestr]"
    assert fix(found, "Blackpol").line == "settings.yaml, under vocabulary.places.towns: Blackpool: [Blackpol]"
    assert "Newport, Wales" in word(found, "Newport").choices
    assert {it.text for it in found.rest} == {"Newport"}


@pytest.mark.parametrize(
    "location",
    ["12 Acacia Avenue", "Flat 3", "someone@example.org", "0161 496 0000", "Over the hill and far away"],
)
def test_an_address_is_counted_and_not_shown(archive: Archive, location: str) -> None:
    archive.rejected(location=location)
    found = archive.report()
    (value,) = [it for it in found.rest if it.kind is Kind.TOWN]
    assert (value.text, value.uses) == (HIDDEN, 1)
    assert found.fixes == ()


def test_a_persons_name_in_a_step_is_counted_and_not_shown(archive: Archive) -> None:
    archive.reference(Stage(ref=Ref("ats", "stage", "x"), name="Onsite with Amina Clarke"))
    archive.rejected("x", reason="Stronger candidate chosen", ratings=("yes",), name=("Amina", "Clarke"))
    found = archive.report()
    assert [it.text for it in found.rest] == [HIDDEN]
    assert found.fixes == ()
    assert "Amina" not in str(found)


def test_one_account_or_one_rule_can_be_asked_for(archive: Archive) -> None:
    archive.steps(*STEPS)
    archive.steps(*STEPS, account="other")
    good: dict[str, Any] = {"reason": "Stronger candidate chosen", "ratings": ("yes",)}
    archive.rejected("Panel Day", **good)
    archive.rejected("Panel Day", **good, account="other", location="Manchester")
    both = archive.report()
    assert fix(both, "Panel Day").value.accounts == ("ats", "other")
    assert fix(both, "Panel Day").gain.rules == {"silver": 2, "near": 1}
    one = archive.ask(account="ats")
    assert [it.account for it in one.rejections] == ["ats"]
    assert fix(one, "Panel Day").value.uses == 1
    assert [it.rule for it in archive.ask(rule="near").rules] == ["near"]
    assert fix(archive.ask(rule="near"), "Panel Day").gain.rules == {"near": 1}
    with pytest.raises(NotAsked, match="ats, other"):
        archive.ask(account="mailer")
    with pytest.raises(NotAsked, match="silver, near"):
        archive.ask(rule="gold")


def test_an_empty_house_has_nothing_to_report(archive: Archive) -> None:
    found = archive.ask()
    assert (found.rejections, found.fixes, found.rest, found.gained) == ((), (), (), 0)


def test_nothing_is_written(archive: Archive) -> None:
    archive.steps(*STEPS)
    archive.rejected("Panel Day", reason="Stronger candidate chosen", ratings=("yes",))
    archive.report()
    before = archive.home.rows("select * from applications")
    archive.ask()
    assert archive.home.rows("select * from applications") == before
    assert archive.home.rows("select name from sqlite_temp_master where type = 'view'") == []
