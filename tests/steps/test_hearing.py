"""What an answer amounts to once `settle` and `linger` are heard."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.court import Court, Effect, hear, share
from connector.rules import Rule, RuleSet, Vocabulary, load
from connector.store.ledger import Standing

if TYPE_CHECKING:
    from tests.conftest import Cast, Home

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
ZONE = ZoneInfo("Europe/London")
DAY = timedelta(days=1)


def rule(**spans: str) -> Rule:
    lines = "".join(f"    {name}: {span}\n" for name, span in spans.items())
    text = f"version: 1\nrules:\n  - rule: it\n    who: {{private: no}}\n    keep: {{tags: [it]}}\n{lines}"
    return load({"r.yaml": text}, Vocabulary(zone=ZONE)).rules[0]


PLAIN, SETTLES, LINGERS = rule(), rule(settle="3 days"), rule(linger="7 days")
#: rule, answer, what stood (answer, days ago) → effect, what stands (answer, days ago) after
TABLE = [
    (PLAIN, True, None, Effect.WANT, (True, 0)),
    (PLAIN, True, (True, 9), Effect.WANT, (True, 9)),
    (PLAIN, True, (False, 9), Effect.WANT, (True, 0)),
    (PLAIN, False, (True, 9), Effect.NO, None),
    (PLAIN, False, None, Effect.NO, None),
    (PLAIN, None, None, Effect.HOLD, (None, 0)),
    (PLAIN, None, (None, 4), Effect.HOLD, (None, 4)),
    (PLAIN, None, (True, 4), Effect.HOLD, (None, 0)),
    (SETTLES, True, None, Effect.HOLD, (True, 0)),
    (SETTLES, True, (True, 2), Effect.HOLD, (True, 2)),
    (SETTLES, True, (True, 3), Effect.WANT, (True, 3)),
    (SETTLES, False, (True, 2), Effect.NO, None),
    (LINGERS, False, (True, 9), Effect.HOLD, (False, 0)),
    (LINGERS, False, (False, 6), Effect.HOLD, (False, 6)),
    (LINGERS, False, (False, 7), Effect.NO, None),
    (LINGERS, False, None, Effect.NO, None),
    (LINGERS, True, (False, 6), Effect.WANT, (True, 0)),
]


def test_what_was_a_yes_before_nobody_knew_lingers_all_the_same() -> None:
    unknown = hear(LINGERS, None, Standing(True, NOW - 9 * DAY), now=NOW - 4 * DAY, zone=ZONE)
    assert unknown.stand == Standing(None, NOW - 4 * DAY, was=True)
    still = hear(LINGERS, None, unknown.stand, now=NOW - DAY, zone=ZONE)
    no = hear(LINGERS, False, still.stand, now=NOW, zone=ZONE)
    assert (no.effect, no.stand) == (Effect.HOLD, Standing(False, NOW))
    assert hear(LINGERS, False, no.stand, now=NOW + 7 * DAY, zone=ZONE).effect is Effect.NO


def test_what_was_never_a_yes_does_not_linger_after_nobody_knew() -> None:
    unknown = hear(LINGERS, None, None, now=NOW - DAY, zone=ZONE)
    assert hear(LINGERS, False, unknown.stand, now=NOW, zone=ZONE).effect is Effect.NO


def stood(what: tuple[bool | None, int] | None) -> Standing | None:
    return None if what is None else Standing(what[0], NOW - what[1] * DAY)


@pytest.mark.parametrize(("rule", "answer", "before", "effect", "after"), TABLE)
def test_an_answer_is_heard_with_what_stood_before(
    rule: Rule, answer: bool | None, before: tuple[bool | None, int] | None, effect: Effect, after: tuple[bool | None, int] | None
) -> None:  # fmt: skip
    heard = hear(rule, answer, stood(before), now=NOW, zone=ZONE)
    assert (heard.effect, heard.stand) == (effect, stood(after))


@given(answers=st.lists(st.tuples(st.sampled_from([True, False, None]), st.integers(1, 5)), max_size=20))
def test_unknown_neither_wants_nor_lets_go_and_no_gap_of_not_knowing_hides_a_no_for_ever(
    answers: list[tuple[bool | None, int]],
) -> None:
    before, now = None, NOW
    for answer, days in answers:
        now += days * DAY
        heard = hear(LINGERS, answer, before, now=now, zone=ZONE)
        if answer is None:
            assert heard.effect is Effect.HOLD
            assert heard.effective is None
        before = heard.stand
    for _ in range(2):
        now += 7 * DAY
        heard = hear(LINGERS, False, before, now=now, zone=ZONE)
        before = heard.stand
    assert heard.effect is Effect.NO


def three() -> RuleSet:
    spans = {"plain": "", "settles": "settle: 3 days", "lingers": "linger: 7 days"}
    text = "version: 1\nrules:\n" + "".join(
        f"  - rule: {name}\n    who: {{private: no}}\n    keep: {{tags: [{name}]}}\n    {span}\n"
        for name, span in spans.items()
    )
    return load({"r.yaml": text}, Vocabulary(zone=ZONE))


STANDINGS = st.builds(
    Standing, st.sampled_from((True, False, None)), st.integers(0, 9).map(lambda ago: NOW - ago * DAY)
)


@given(
    private=st.lists(st.sampled_from((True, False, None)), min_size=1, max_size=4),
    stood=st.dictionaries(st.sampled_from(("plain", "settles", "lingers")), STANDINGS),
)
def test_all_rules_heard_at_once_are_heard_as_one_by_one(
    private: list[bool | None], stood: dict[str, Standing]
) -> None:
    court = Court(three())
    for number, fact in enumerate(private):  # the same court, from person to person and from moment to moment
        now = NOW + number // 2 * DAY
        answer = None if fact is None else not fact
        alone = {it.name: hear(it, answer, stood.get(it.name), now=now, zone=ZONE) for it in court.rules.standing}
        assert court.hear_all({"private": fact}, stood, now=now) == alone


def test_a_lingering_rule_is_still_seen_as_yes_by_others() -> None:
    assert hear(LINGERS, False, stood((True, 9)), now=NOW, zone=ZONE).effective is True
    assert hear(LINGERS, False, stood((False, 8)), now=NOW, zone=ZONE).effective is False
    assert hear(SETTLES, True, None, now=NOW, zone=ZONE).effective is False


def test_shares_stick_and_are_independent_between_names_and_salts() -> None:
    people = range(4000)
    held = [share(person, "a", "hold_out") < 0.1 for person in people]
    assert held == [share(person, "a", "hold_out") < 0.1 for person in people]
    both = sum(1 for person, out in zip(people, held, strict=True) if out and share(person, "b", "hold_out") < 0.1)
    also = sum(1 for person, out in zip(people, held, strict=True) if out and share(person, "a", "canary") < 0.1)
    assert 320 < sum(held) < 480
    assert both < 80
    assert also < 80


SOON_AND_LATER = """
version: 1
rules:
  - rule: soon
    who: {has_application: {decided: {within_last: 30 days}}}
    keep: {tags: [soon]}
    linger: 7 days
  - rule: later
    who: {has_application: {decided: {more_than_ago: 30 days}}}
    keep: {tags: [later]}
    settle: 3 days
"""


def test_the_ends_of_lingering_and_of_settling_are_found_by_the_clock(home_of: Callable[..., Home], cast: Cast) -> None:
    home = home_of(rules=SOON_AND_LATER)
    then = home.now - 25 * DAY
    home.tell("ats", cast.candidate("1", "a@example.org"), cast.application("1", "1", decided_at=then))
    home.live()

    def ours() -> list[str]:
        return [row["key"] for row in home.rows("select key from owned where state = 'ours' order by key")]

    seen = []
    for _ in range(16):
        home.pass_time(DAY)
        seen.append(ours())
    # out of the 30 days after the fifth; then seven days of lingering, and three of settling
    assert seen.index(["later", "soon"]) == 8
    assert seen.index(["later"]) in (12, 13)
    assert seen[0] == ["soon"]
    assert seen[-1] == ["later"]
