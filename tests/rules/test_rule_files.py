"""Files as operations people write them: the six examples load, and mistakes are told by place with a way out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, time
from pathlib import Path

import pytest

from connector.clock import Span
from connector.facts import FACTS, PROTECTED, protected
from connector.rules import RuleSet, Vocabulary, load
from connector.rules.entries import Again, Approve
from connector.rules.meaning import examined

EXAMPLES = Path(__file__).parent / "examples"
SIX = ("silver-medallists", "segments", "cadences", "roles", "consent", "surveys")
Read = Callable[[str], RuleSet]


def six() -> dict[str, str]:
    return {f"{name}.yaml": (EXAMPLES / f"{name}.yaml").read_text() for name in SIX}


def problems(text: str, vocabulary: Vocabulary) -> list[str]:
    return [str(problem) for problem in load({"r.yaml": text}, vocabulary).problems]


def meant_by(rules: RuleSet) -> RuleSet:
    return examined(rules, now=datetime(2026, 11, 23, tzinfo=UTC))


def who(lines: str, vocabulary: Vocabulary) -> list[str]:
    """Problems of one rule with this `who`, its lines starting at line 5, column 7."""
    body = "".join(f"      {line}\n" for line in lines.splitlines())
    return problems(f"version: 1\nrules:\n  - rule: one\n    who:\n{body}    keep: {{tags: [x]}}\n", vocabulary)


def test_the_six_example_files_load_with_named_refusals_and_nothing_else(vocabulary: Vocabulary) -> None:
    made = load(six(), vocabulary)
    assert made.problems == ()
    assert made.warnings == ()
    assert [str(refusal) for refusal in made.refusals] == [
        "consent.yaml:31:7  `email` comes with a later release; rule `ask-again-before-consent-ends` is left out",
        "consent.yaml:32:7  `remind` comes with a later release; rule `ask-again-before-consent-ends` is left out",
        "roles.yaml:4:5  role matches come with a later release; `warm-three-before-we-advertise` is left out",
        "roles.yaml:46:7  `email` comes with a later release; rule `reengage-similar-backend` is left out",
        "surveys.yaml:14:7  `survey` comes with a later release; rule `csat-after-interview` is left out",
        "surveys.yaml:28:7  `survey` comes with a later release; rule `csat-after-decision` is left out",
    ]
    assert {rule.name for rule in made.rules} == {
        "silver-medallist",
        "silver-nursing-north-west",
        "finalist-several-times",
        "segment-backend-engineers",
        "segment-nurses-icu",
        "segment-met-in-person",
        "segment-gone-quiet",
        "consent-ended",
    }
    assert [(it.name, it.stops) for it in made.suppress][:2] == [("unsubscribed", "everything"), ("hired", "marketing")]


def test_the_example_cadence_says_everything_it_says(vocabulary: Vocabulary) -> None:
    (cadence,) = load(six(), vocabulary).cadences
    send = cadence.send
    assert (send.every, send.first, send.days) == (Span(3, "month"), Span(14, "day"), (1, 2, 3))
    assert send.between == (time(9), time(11))
    assert [piece.template for piece in send.rotate] == ["nursing-news", "a-day-on-the-ward", "open-evening"]
    assert [piece.only_if is not None for piece in send.rotate] == [False, False, True]
    assert cadence.come_back == Again(how="after", after=Span(12, "month"))
    assert cadence.goal is not None
    assert (cadence.goal.event, cadence.goal.within) == ("application_created", Span(30, "day"))
    assert (cadence.hold_out, cadence.limits.new_people_per_day) == (0.1, 200)
    assert cadence.approve == Approve(by="talent-pools@example.org", above=50)
    assert cadence.stop_when is not None
    assert cadence.depends == {"silver-nursing-north-west"}


def test_typical_mistakes_are_all_told_at_once_with_a_way_out(vocabulary: Vocabulary) -> None:
    made = load({"mistakes.yaml": (EXAMPLES / "mistakes.yaml").read_text()}, vocabulary)
    assert [str(problem) for problem in made.problems] == [
        "mistakes.yaml:6:15  a plain list can be read two ways; write `{all_of: [...]}` or `{any_of: [...]}`",
        "mistakes.yaml:7:7  `regoin` is not known here; did you mean `region`?",
        "mistakes.yaml:9:28  `at least 3.5` cannot be read here; write `{at_least: 3.5}`",
        "mistakes.yaml:10:32  `18mo` cannot be read here; write for example `18 months`",
        "mistakes.yaml:11:26  `at_leest` is not known here; did you mean `at_least`?",
        "mistakes.yaml:13:9  `status` is written twice in this block (first on line 12); use `all:` to test it twice",
        "mistakes.yaml:14:23  `90 days` can be read two ways; write `{within_last: 90 days}` or `{more_than_ago: 90 days}`",
        "mistakes.yaml:15:7  `any` takes a list of blocks; start each block with `- `",
        "mistakes.yaml:18:7  `tag` is not known here; did you mean `tags`?",
        "mistakes.yaml:19:11  `shadwo` is not known here; did you mean `shadow`?",
        "mistakes.yaml:22:7  a plain list can be read as `and` or as `or`; write `all:` or `any:` above it",
        "mistakes.yaml:28:7  two lines here can be read as `and` or as `or`; put them under `any:` or `all:`",
    ]


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ("skills: nursing", "5:15  `skills` can hold several words; write `{any_of: [nursing]}`"),
        ("region: [Wales, Yorkshire]", "5:15  a plain list is not read; write `{any_of: [...]}`"),
        ("region: {any_of: Wales}", "5:24  `any_of` takes a list; write `[Wales]`"),
        (
            "region: {at_least: 3}",
            "5:16  `at_least` is not known here; `region` is a text: `equals`, `any_of`, `none_of`,",
        ),
        ("consent.email: maybe", "5:22  `maybe` cannot be read here; write `yes` or `no`"),
        ("years_experience: 1_000", "5:25  `1_000` cannot be read here; write a number"),
        ("employment: fired", "5:19  `fired` is not a value of `employment`; did you mean `hired`?"),
        (
            "has_application: {furthest_stage: {at_least: on_site}}",
            "5:52  `on_site` is not on the stage ladder; did you mean",
        ),
        ("status: rejected", "5:7  `status` is not known here; it is asked inside `has_application`"),
        ("has_no_application: {status: active, count: 2}", "5:44  `count` goes with `has_application` only"),
        ("has_application: {count: {at_lest: 2}}", "5:33  `at_lest` is not known here; did you mean `at_least`?"),
        ("latest_application: {if_unknown: yes}", "5:27  `latest_application` needs a line"),
        ("skills: {any_of: [icu], at_least: 2}", "5:31  `at_least` goes with `shares_with` here"),
        ("region: {same_as: role.region}", "5:25  `role.region`: only a rule whose `when` names an event of a role"),
        ("last_contacted: {more_than_ago: 18 moons}", "5:39  `18 moons` cannot be read here"),
        ("last_activity: {before: 2026-02-30}", "5:31  `2026-02-30` cannot be read here; write a date or time"),
        ("any: [{region: Wales}, {}]", "5:30  wanted a block of lines like `fact: value`, came an empty `{}`"),
        ("region:", "5:14  wanted a value for `region`, came nothing"),
        ("region: {}", "5:15  `region` needs a test here: `equals`"),
        ("last_activity: {within_last: 3 days, if_unknown: perhaps}", "5:56  `perhaps` cannot be read here"),
    ],
)
def test_a_line_that_cannot_be_read_is_told_at_its_place(lines: str, told: str, vocabulary: Vocabulary) -> None:
    (found,) = who(lines, vocabulary)
    assert found.startswith(f"r.yaml:{told}")


@pytest.mark.parametrize("name", ["gender", "Date-Of-Birth", "candidate.ethnicity", "disability", "health.condition"])
def test_protected_characteristics_are_refused_by_name(name: str, vocabulary: Vocabulary) -> None:
    (found,) = who(f"{name}: x", vocabulary)
    assert "is a protected characteristic: no rule may ask about it" in found


def test_no_fact_of_the_registry_is_a_protected_characteristic() -> None:
    assert [fact.name for fact in FACTS if protected(fact.name)] == []
    assert all(protected(name) for name in PROTECTED)


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ("who: {region: Wales}", "a rule has `keep:` (a state) or `do:` (once per occasion), exactly one of them"),
        ("who: {region: Wales}\n    keep: {tags: [x]}\n    wait: 3 days", "`wait` goes with `do:`"),
        ("who: {region: Wales}\n    do: {event: x}\n    linger: 3 days", "`linger` goes with `keep:`"),
        ("who: {region: Wales}\n    do: {event: x}\n    wait: 3 days", "`wait` counts from an event"),
        ("who: {region: Wales}\n    do: {note_on_role: yes}", "`note_on_role` needs an event of a role"),
        (
            "who: {region: Wales}\n    do: {notify: {to: role.recruiter}}",
            "`to: role.recruiter` needs an event of a role",
        ),
        ("who: {region: Wales}\n    do: {notfy: {to: a}}", "`notfy` is not known here; did you mean `notify`?"),
        ("who: {region: Wales}\n    keep: {tags: [x]}\n    canary: 110%", "`110%` cannot be read here; write a share"),
        ("who: {region: Wales}\n    keep: {tags: [x]}\n    expected_size: 9 to 2", "write for example `200 to 2000`"),
        (
            "who: {region: Wales}\n    when: {event: hird}\n    do: {event: x}",
            "`hird` is not known here; did you mean `hired`?",
        ),
        (
            "who: {region: Wales}\n    when: {event: hired, role: {region: Wales}}\n    do: {event: x}",
            "`hired` brings no role",
        ),
        (
            "who: {region: Wales}\n    do: {event: x}\n    again: after a while",
            "write `never`, `always` or for example",
        ),
        (
            "who: {region: Wales}\n    keep: {tags: [x]}\n    approve: {by: a@example.org, above: many}",
            "`many` cannot be",
        ),
        ("who: {region: Wales}\n    do: {event: x}\n    limits: {per_person: one a month}", "`1 every 90 days`"),
        ("keep: {tags: [x]}", "`who` is missing here"),
    ],
)
def test_parts_that_do_not_fit_are_told(rule: str, told: str, vocabulary: Vocabulary) -> None:
    (found,) = problems(f"version: 1\nrules:\n  - rule: one\n    {rule}\n", vocabulary)
    assert told in found


def test_a_name_is_used_once_over_all_files_and_in_kebab_case(vocabulary: Vocabulary) -> None:
    text = "version: 1\nrules:\n  - {rule: NAME, who: {region: Wales}, keep: {tags: [x]}}\n"
    suppress = "version: 1\nsuppress:\n  - {suppress: one, who: {unsubscribed: yes}, stops: everything}\n"
    made = load(
        {"a.yaml": text.replace("NAME", "one"), "b.yaml": suppress, "c.yaml": text.replace("NAME", "One")}, vocabulary
    )
    assert [str(problem) for problem in made.problems] == [
        "b.yaml:3:16  `one` is already the name at a.yaml:3; names are unique over all files",
        "c.yaml:3:12  `One` cannot be read here; write a name in small letters, digits and hyphens,"
        " for example `silver-medallist`",
    ]


def keeping(name: str, tag: str, reads: str = "", extra: str = "") -> str:
    line = f"tags: {{any_of: [{reads}]}}" if reads else "region: Wales"
    return f"  - {{rule: {name}, who: {{{line}}}, keep: {{tags: [{tag}]}}{extra}}}\n"


def test_rules_come_in_the_order_in_which_they_read_each_other(rules_of: Read) -> None:
    made = rules_of("rules:\n" + keeping("c", "t3", "T2") + keeping("b", "t2", "T1") + keeping("a", "t1"))
    assert [rule.name for rule in made.rules] == ["a", "b", "c"]


def test_rules_that_read_each_other_in_a_circle_are_told_once(vocabulary: Vocabulary) -> None:
    text = "version: 1\nrules:\n" + keeping("a", "t1", "t3") + keeping("b", "t2", "t1") + keeping("c", "t3", "t2")
    assert problems(text, vocabulary) == [
        "r.yaml:3:5  these rules read each other's tags or pools in a circle: `a` → `c` → `b` → `a`"
    ]
    alone = "version: 1\nrules:\n" + keeping("a", "t1", "t1")
    assert problems(alone, vocabulary) == ["r.yaml:3:5  rule `a` reads a tag or pool that it keeps itself"]


def test_a_live_rule_does_not_see_what_a_shadow_rule_would_keep(rules_of: Read) -> None:
    shadow = ", mode: shadow"
    made = rules_of(
        "rules:\n" + keeping("a", "t", extra=shadow) + keeping("b", "u", "t") + keeping("c", "v", "t", shadow)
    )
    assert {rule.name: set(rule.depends) for rule in made.rules} == {"a": set(), "b": set(), "c": {"a"}}


def test_no_rule_can_subscribe_anybody_again(vocabulary: Vocabulary) -> None:
    rule = "  - {rule: back, who: {region: Wales}, keep: {subscription: on}}\n"
    (found,) = problems(f"version: 1\nrules:\n{rule}", vocabulary)
    assert found == "r.yaml:3:61  nobody is ever re-subscribed by a rule; only `subscription: off` can be kept"


def test_a_cadence_without_a_line_on_consent_is_warned_about(rules_of: Read) -> None:
    cadence = "cadences:\n  - {{cadence: c, who: {who}, send: {{every: 1 month, rotate: [{{template: t}}]}}}}\n"
    warned = meant_by(rules_of(cadence.format(who="{region: Wales}"))).warnings
    assert [str(warning) for warning in warned] == [
        "rules.yaml:3:5  cadence `c` writes to people, but its `who` has no line `consent.email: yes`"
    ]
    assert meant_by(rules_of(cadence.format(who="{region: Wales, consent.email: yes}"))).warnings == ()
    assert meant_by(rules_of(cadence.format(who="{consent.email: {equals: yes, if_unknown: yes}}"))).warnings != ()


def test_a_word_outside_the_vocabulary_is_a_doubt_and_not_a_problem(rules_of: Read) -> None:
    made = rules_of("rules:\n  - {rule: a, who: {region: Nort West, skills: {any_of: [RN]}}, keep: {tags: [x]}}\n")
    assert [str(warning) for warning in made.warnings] == [
        "rules.yaml:3:29  `Nort West` is not among the regions in the settings; did you mean `North West`?"
    ]


def test_text_is_never_taken_for_another_type(rules_of: Read) -> None:
    made = rules_of("rules:\n  - {rule: a, who: {country: NO, city: 012}, keep: {tags: [on, 12:30, 3.10]}}\n")
    rule = made.rules[0]
    assert rule.keep is not None
    assert rule.keep.tags == ("on", "12:30", "3.10")
    assert {test.value for test in rule.who.parts} == {"no", "012"}  # type: ignore[union-attr]


HASHED = """rules:
  - rule: a
    why: one
    who:
      region: North West
      skills: {any_of: [nursing, icu]}
    keep: {tags: [x]}
"""


def test_a_hash_ignores_comments_order_and_quoting(rules_of: Read) -> None:
    other = """rules:
  - rule: 'a'   # a comment
    keep: {"tags": [X]}
    owner: somebody
    who:
      skills: {any_of: [Intensive  Care, "registered nurse"]}
      region: {equals: north west}
"""
    assert rules_of(HASHED).hash == rules_of(other).hash


def test_a_hash_minds_meaning_and_the_vocabulary_used(rules_of: Read, vocabulary: Vocabulary) -> None:
    hashes = {rules_of(HASHED).hash}
    for old, new in (("any_of", "all_of"), ("North West", "Wales"), ("tags: [x]", "tags: [y]"), ("rule: a", "rule: b")):
        hashes.add(rules_of(HASHED.replace(old, new)).hash)
    richer = Vocabulary(stages=vocabulary.stages, skills={**vocabulary.skills, "nursing": ("rn", "registered nurse", "sister")},
                        regions=vocabulary.regions, zone=vocabulary.zone)  # fmt: skip
    hashes.add(load({"rules.yaml": "version: 1\n" + HASHED}, richer).hash)
    assert len(hashes) == 6
    unused = Vocabulary(skills=vocabulary.skills, regions=vocabulary.regions, zone=vocabulary.zone, reasons=("other",))
    assert load({"rules.yaml": "version: 1\n" + HASHED}, unused).hash == rules_of(HASHED).hash


def test_a_rule_with_a_problem_never_reaches_the_set(vocabulary: Vocabulary) -> None:
    text = "version: 1\nrules:\n  - {rule: a, who: {region: Wales}, keep: {tags: [x]}, mode: lvie}\n"
    assert load({"r.yaml": text}, vocabulary).rules == ()


def test_a_file_that_is_not_yaml_does_not_hide_the_problems_of_the_next(vocabulary: Vocabulary) -> None:
    made = load({"a.yaml": "rules: [", "b.yaml": "version: 2\nruls: []\n"}, vocabulary)
    assert [(problem.file, problem.line) for problem in made.problems] == [("a.yaml", 1), ("b.yaml", 1), ("b.yaml", 2)]
