"""A small rule set with every kind of entry, and a way to run tests over it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent, indent

import pytest

from connector import proving, rules
from connector import settings as settings_
from connector.proving import Report
from connector.settings import Settings

SETTINGS = """
version: 1
time_zone: Europe/London
quiet_hours: {from: "19:00", to: "08:30", days_off: [saturday, sunday]}
caps: {marketing: 1 every 30 days}
control_group: 50%
vocabulary:
  stages: [applied, onsite, final]
  reasons: {other_candidate: [], misconduct: []}
  skills: {nursing: [rn], icu: []}
  functions: {nursing: []}
  regions: {North West: [Manchester], Wales: []}
accounts:
  ats: {platform: greenhouse}
  mailer: {platform: mailchimp, options: {audience: talent}}
  chat: {platform: chat}
notices: chat
messages:
  news: {by: event, account: mailer, event: news}
  ward: {by: journey, account: mailer, journey: "1", step: "2"}
  letter: {by: campaign, account: mailer, subject_line: News, from_name: Us, reply_to: us@example.org}
"""

RULES = """
version: 1
suppress:
  - suppress: leave-alone
    who: {tags: {any_of: [do-not-contact]}}
    stops: everything
rules:
  - rule: silver
    who: {has_application: {status: rejected, scorecard_average: {at_least: 3.5}, decided: {within_last: 18 months}}}
    unless: {employment: hired}
    keep: {tags: [Silver]}
    linger: 7 days
  - rule: bench
    who: {tags: {any_of: [silver]}, region: North West}
    keep: {pools: [bench]}
    canary: 1%
  - rule: patient
    who: {skills: {any_of: [icu]}}
    keep: {tags: [patient]}
    settle: 3 days
  - rule: counted-only
    who: {region: Wales}
    keep: {tags: [welsh]}
    mode: shadow
  - rule: tell
    why: They declined.
    when: {event: application_decided, application: {status: withdrawn}}
    wait: 2 days
    who: {region: North West}
    do: {notify: {to: talent-team}}
  - rule: greet
    who: {skills: {any_of: [nursing]}}
    do: {event: welcome}
    again: after 12 months
  - rule: similar
    when: {event: role_published}
    who: {region: {same_as: role.region}}
    do: {event: similar-role}
cadences:
  - cadence: quarterly
    who: {pools: {any_of: [bench]}, consent.email: yes}
    send:
      every: 3 months
      first: 1 day after joining
      between: 09:00 to 11:00
      rotate: [{template: news}, {template: ward, only_if: {skills: {any_of: [icu]}}}, {template: letter}]
    stop_when: {has_application: {status: active}}
    hold_out: 99%
"""

Prove = Callable[..., Report]


@pytest.fixture(scope="session")
def bench_settings() -> Settings:
    return settings_.read(SETTINGS, "settings.yaml", folder=Path())


@pytest.fixture(scope="session")
def prove(bench_settings: Settings) -> Prove:
    """`prove(people, tests)`: YAML of both, without their indent, under a clock of Monday 23 November 2026, nine o'clock."""

    def run(people: str, tests: str, *, rules_text: str = RULES, clock: str = "2026-11-23 09:00") -> Report:
        found = rules.load({"rules.yaml": rules_text}, bench_settings.words.vocabulary)
        assert found.problems == ()
        blocks = (indent(dedent(text).strip("\n"), "  ") for text in (people, tests))
        text = "version: 1\nclock: {}\npeople:\n{}\ntests:\n{}\n".format(clock, *blocks)
        return proving.run(found, {"x.test.yaml": text}, bench_settings)

    return run
