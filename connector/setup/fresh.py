"""One new rule with its test, in the words of the settings at hand: valid and passing as it is, and full of hints."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from textwrap import indent

from connector import house, proving, rules
from connector.errors import ConfigError, KeepwarmError
from connector.proving import ENDING
from connector.rules import Vocabulary
from connector.settings import Settings

_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
#: A new rule is counted before it acts; and tests that are there already, of the tags that somebody has, go on passing.
_SHADOW = "  mode: shadow  # judged and counted, changes nothing; take this line out once the plan looks right"
#: Where comments begin.
_COLUMN = 40
_MODELINE = "# yaml-language-server: $schema=./rules.schema.json\n"


class CannotBegin(KeepwarmError):
    """The new rule was not written: its name is taken, or something that it needs is not there yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fresh:
    """Files with their whole new text; the first holds the rule, the second its test."""

    files: Mapping[Path, str]
    appended: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Blank:
    """An entry for the list it belongs to, the people of its test and the tests, without their indent."""

    list: str
    entry: str
    people: str
    tests: str


def fresh(kind: str, name: str, settings: Settings, *, into: Path | None, now: datetime) -> Fresh:
    """The files that are to be written. Raises CannotBegin; ConfigError where the rules that are there are wrong."""
    if not _NAME.fullmatch(name):
        raise CannotBegin(
            f"`{name}` is no name: wanted small letters, digits and hyphens, for example `night-shift-bench`"
        )
    present = house.rule_files(settings) if settings.rules.is_dir() and any(settings.rules.glob("*.yaml")) else {}
    found = rules.load(present, settings.words.vocabulary) if present else None
    if found is not None and found.problems:
        raise ConfigError(found.problems)
    taken = {entry.name: entry.at for entry in found.entries} if found else {}
    if name in taken:
        raise CannotBegin(f"there is `{name}` already, in {taken[name]}: names are unique over all files")
    file = into or settings.rules / f"{name}.yaml"
    tests = file.with_name(file.name.removesuffix(".yaml") + ENDING)
    if into is None and (there := [str(it) for it in (file, tests) if it.exists()]):
        raise CannotBegin(f"{' and '.join(there)}: there already; choose another name, or append with --into {file}")
    blank = KINDS[kind](name, settings)
    made = {
        file: _rule_file(blank, file.read_text(encoding="utf-8") if file.exists() else ""),
        tests: _test_file(blank, tests.read_text(encoding="utf-8") if tests.exists() else "", now),
    }
    _proved(made, present, settings, appended=into is not None)
    return Fresh(files=made, appended=into is not None)


def _proved(made: Mapping[Path, str], present: Mapping[str, str], settings: Settings, *, appended: bool) -> None:
    """All of it is read and run before any of it is written."""
    (file, text), (tests, cases) = made.items()
    found = rules.load({**present, str(file): text}, settings.words.vocabulary)
    report = None if found.problems else proving.run(found, {str(tests): cases}, settings)
    wrong = [str(it) for it in (*found.problems, *(() if report is None else (*report.problems, *report.failures)))]
    if wrong:
        hint = (
            f"it cannot be appended to {file} as that is written; leave --into out"
            if appended
            else "nothing was written"
        )
        raise CannotBegin("\n".join([*wrong, hint]))


def _rule_file(blank: _Blank, text: str) -> str:
    return _under(blank.list, blank.entry, text or f"{_MODELINE}version: 1\n")


def _test_file(blank: _Blank, text: str, now: datetime) -> str:
    begun = (
        '# Run it with `keepwarm test`. docs/rules.md, "Testing rules", has every word.\n'
        f"version: 1\nclock: {now:%Y-%m-%d} 09:00\n"
    )
    return _under("tests", blank.tests, _under("people", blank.people, text or begun))


def _under(key: str, block: str, text: str) -> str:
    """`text` with the block at the end of what stands under its key at the top, or with the key and the block at its end."""
    lines = text.rstrip("\n").split("\n")
    start = next((n for n, line in enumerate(lines) if re.match(rf"{key}:\s*(#.*)?$", line)), None)
    block = indent(_aligned(block.strip("\n")), "  ", lambda line: bool(line.strip()))
    if start is None:
        apart = [] if re.match(r"(version|clock):", lines[-1]) else [""]
        return "\n".join([*lines, *apart, f"{key}:", block]) + "\n"
    end = next((n for n in range(start + 1, len(lines)) if re.match(r"[^\s#-]", lines[n])), len(lines))
    while not lines[end - 1].strip():
        end -= 1
    return "\n".join([*lines[:end], "", block, *lines[end:]]) + "\n"


def _aligned(block: str) -> str:
    found = (re.fullmatch(r"(\s*[^\s#].*?)\s{2,}(# .*)", line) or line for line in block.split("\n"))
    return "\n".join(it if isinstance(it, str) else f"{it[1]:{_COLUMN - 1}} {it[2]}" for it in found)


# what there is to begin with


def _rule(name: str, settings: Settings) -> _Blank:
    words = settings.words.vocabulary
    step = words.stages[len(words.stages) // 2] if words.stages else None
    far = [f"    furthest_stage: {{at_least: {step}}}         # your ladder: {', '.join(words.stages)}"] if step else []
    entry = [
        f"- rule: {name}",
        "  why: Say in one sentence why these people; it stands in notes and in `explain`.",
        "  who:",
        "    has_application:                      # every line below is about the same application",
        "      status: rejected",
        *(f"  {line}" for line in far),
        "      decided: {within_last: 18 months}   # calendar months, on the clock of the settings",
        "  unless:                                 # exactly one line",
        "    employment: hired",
        "  keep:                                   # on while it is true, off when it is false, held while it is unknown",
        f"    tags: [{name}]",
        "  linger: 7 days                          # false for so long before the tag comes off",
        _SHADOW,
    ]
    run = f"status: rejected, {f'furthest_stage: {step}, ' if step else ''}decided: 30 days ago"
    return _Blank(
        list="rules",
        entry="\n".join(entry),
        people=f"""
{name}-yes:
  applications:
    - {{{run}}}
{name}-no:
  from: {name}-yes
  employment: hired
{name}-unknown:
  from: {name}-yes
  employment: unknown
""",
        tests=_three(name, "employment"),
    )


def _segment(name: str, settings: Settings) -> _Blank:
    fact, word, other = _line_of_work(settings.words.vocabulary)
    yes, no = (f"[{word}]", f"[{other}]") if fact != "country" else (word, other)
    test = f"{fact}: {{any_of: [{word}]}}" if fact != "country" else f"country: {word}"
    return _Blank(
        list="rules",
        entry=f"""
- rule: {name}
  why: Say in one sentence what this pool is for.
  who:
    {test}    # every line must hold; write others below, docs/facts.md has all
    # region: North West
    # city: {{within: 30 miles of Manchester}}
    # tags: {{any_of: [silver-medallist]}}    # also what another rule keeps
  keep:
    pools: [{name}]                       # a tag on the member in each audience, for those who may be written to
  # expected_size: 20 to 400              # a plan that finds another number waits for somebody's word
{_SHADOW}
""",
        people=f"""
{name}-yes:
  {fact}: {yes}
{name}-no:
  {fact}: {no}
{name}-unknown:
  {fact}: unknown
""",
        tests=_three(name, fact),
    )


def _cadence(name: str, settings: Settings) -> _Blank:
    if not settings.messages:
        raise CannotBegin(
            "a cadence needs a template, and there is none under `messages` in the settings; write there how one goes out, "
            "for example\n  messages:\n    news: {by: event, account: newsletter, event: news}"
        )
    first, *others = settings.messages
    return _Blank(
        list="cadences",
        entry=f"""
- cadence: {name}
  why: Say in one sentence why these people hear from you.
  who:
    pools: {{any_of: [{name}-readers]}}     # a pool that a rule keeps, or a colleague; every line must hold
    consent.email: yes                    # the guard asks for consent anyway
  send:
    every: 3 months
    first: 14 days after joining
    days: [tuesday, wednesday, thursday]
    between: 09:00 to 11:00               # on their own clock
    rotate:                               # in this order; templates are under `messages` in the settings
      - template: {first}
{chr(10).join(f"      # - template: {it}" for it in others) or "      # - template: another-one"}
    when_all_seen: stop                   # or `start_again`
  stop_when:                              # exactly one line; looked at again just before every send
    has_application: {{status: active}}
  come_back: after 12 months              # may somebody who left join again
  hold_out: 10%                           # they join and get nothing, so that the effect can be measured
  limits:
    new_people_per_day: 100
{_SHADOW}
""",
        people=f"""
{name}-yes:
  pools: [{name}-readers]
  consent.email: yes
{name}-no:
  from: {name}-yes
  consent.email: no
{name}-unknown:
  from: {name}-yes
  consent.email: unknown
""",
        tests=_three(name, "consent.email"),
    )


def _suppression(name: str, settings: Settings) -> _Blank:
    return _Blank(
        list="suppress",
        entry=f"""
- suppress: {name}
  why: A colleague wrote to them this week; a mailing can wait.
  who:                                    # always on; unknown stops the message too, unless it is said otherwise
    last_contacted: {{within_last: 7 days, if_unknown: no}}
  stops: marketing                        # or `everything`
""",
        people=f"""
{name}-yes:
  last_contacted: 3 days ago
{name}-no:
  last_contacted: 30 days ago
{name}-unknown:
  last_contacted: unknown
""",
        tests=_tests(name, "last_contacted", ("yes", "no", "no")),
    )


def _role_rule(name: str, settings: Settings) -> _Blank:
    fact, word, other = _line_of_work(settings.words.vocabulary)
    by_work = fact == "functions"
    asked = f"\n    role: {{function: {word}}}              # which roles" if by_work else ""
    fact = fact if by_work else "open_to_remote"
    test, yes, no = (f"{{any_of: [{word}]}}", f"[{word}]", f"[{other}]") if by_work else ("yes", "yes", "no")
    role = f"role: {{job: somewhere/job/2{f', function: {word}' if by_work else ''}}}"
    return _Blank(
        list="rules",
        entry=f"""
- rule: {name}
  why: The recruiter hears who came close for a role like this one.
  when:
    event: role_published{asked}
  who:
    {fact}: {test}
    # skills: {{shares_with: role.skills, at_least: 2, if_unknown: yes}}
    # region: {{same_as: role.region, if_unknown: yes}}
  unless:                                 # they had their answer for this very job
    has_application: {{job: {{same_as: role.job}}}}
  do:                                     # one notice a role, with up to ten names; candidates hear nothing
    notify: {{to: role.recruiter}}
  limits: {{people_per_event: 25}}          # more than that, and it waits for somebody's word
{_SHADOW}
""",
        people=f"""
{name}-yes:
  {fact}: {yes}
{name}-no:
  {fact}: {no}
{name}-unknown:
  {fact}: unknown
""",
        tests=_tests(name, fact, ("yes", "no", "unknown"), more=f", {role}"),
    )


#: What `keepwarm new` can write.
KINDS: Mapping[str, Callable[[str, Settings], _Blank]] = {
    "rule": _rule,
    "segment": _segment,
    "cadence": _cadence,
    "suppression": _suppression,
    "role-rule": _role_rule,
}


def _three(name: str, fact: str) -> str:
    return _tests(name, fact, ("yes", "no", "unknown"))


def _tests(name: str, fact: str, answers: Sequence[str], *, more: str = "") -> str:
    """One for each person. Other rules may tag them too, so only this rule's answer is expected."""
    said = {"yes": "it is about", "no": "it is not about", "unknown": "it cannot tell of"}
    told = {"yes": "these", "no": "those", "unknown": "somebody of whom this is not known"}
    return "\n".join(
        f"""- name: {name}, {said[answer] if who != "unknown" or answer == who else "it is not about"} {told[who]}
  person: {name}-{who}
  expect:
    - {{rule: {name}, is: {answer}{"" if answer == "yes" else f", because: {fact}"}{more}}}
"""
        for who, answer in zip(("yes", "no", "unknown"), answers, strict=True)
    )


def _line_of_work(words: Vocabulary) -> tuple[str, str, str]:
    """A fact with a word of the settings, and another word that it could be instead."""
    for fact, known in (("functions", words.functions), ("skills", words.skills)):
        if len(known) > 1:
            first, other, *_ = known
            return fact, first, other
    return "country", "GB", "FR"
