"""`check` beside settings, platforms and data: names nobody knows, facts nobody supplies, words nobody has."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result

from connector import cli, soundness
from connector import settings as settings_
from connector.accounts import every_platform
from connector.rules import load
from connector.rules.meaning import examined
from connector.store import Sqlite
from connector.store.ledger import Owned
from connector.store.mirror import Image

if TYPE_CHECKING:
    from connector.rules import RuleSet

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
SETTINGS = """version: 1
database: keepwarm.db
vocabulary:
  stages: [applied, onsite, final]
  reasons: {other_candidate: [], misconduct: []}
  skills: {nursing: [rn], icu: []}
  regions: {North West: [], Wales: []}
accounts:
  mail: {platform: mailchimp, options: {audience: talent}, secrets: {api_key: NO_SUCH_KEY}}
messages:
  news: {by: event, account: mail, event: news}
"""
Check = Callable[..., Result]


def settled(text: str = SETTINGS) -> settings_.Settings:
    return settings_.read(text, "settings.yaml", folder=Path())


def rules(text: str) -> RuleSet:
    made = load({"r.yaml": f"version: 1\n{text}"}, settled().words.vocabulary)
    assert made.problems == ()
    return examined(made, now=NOW)


def one(who: str, more: str = "") -> RuleSet:
    return rules(f"rules:\n  - {{rule: one, who: {who}, keep: {{tags: [x]}}{more}}}\n")


@pytest.fixture
def store(tmp_path: Path) -> Sqlite:
    """A hundred people: sixty in the North West, forty of whom nobody knows where. Each was rejected once."""
    opened = Sqlite(tmp_path / "keepwarm.db")

    def fill(number: int) -> Image:
        near = number <= 60
        application: dict[str, object] = {
            "id": f"a{number}", "status": "rejected" if number <= 80 else "active",
            "furthest_stage": "applied", "title": "icu nurse",
        }  # fmt: skip
        if number <= 30:
            application["rejection_reason"] = "other_candidate"
        return Image(
            person=number,
            facts={"region": "north west"} if near else {},
            words={"skills": ["nursing"], "tags": ["do-not-contact"]} if near else {},
            children={"applications": [application]},
        )

    opened.write(lambda tx: tx.mirror.put([fill(number) for number in range(1, 101)]))
    return opened


def found(store: Sqlite, made: RuleSet) -> list[str]:
    with store.reading() as tx:
        return [problem.message for problem in soundness.of_data(tx, made, now=NOW)]


# the data


def test_a_word_nobody_has_is_told_beside_the_one_they_have(store: Sqlite) -> None:
    assert found(store, one("{region: {equals: Nort West, if_unknown: no}}")) == [
        "no one has region `Nort West`; 60 have `North West`"
    ]
    store.close()


@pytest.mark.parametrize(
    ("who", "told"),
    [
        ("{skills: {any_of: [nurzing, RN]}}", "no one has skills `nurzing`; 60 have `nursing`"),
        ("{skills: {none_of: [go]}}", "no one has skills `go`; most have `nursing` (60)"),
        (
            "{tags: {any_of: [do-not-contac]}}",
            "no rule keeps the tag `do-not-contac`, and no record has it yet; 60 have",
        ),
        (
            "{has_application: {furthest_stage: {at_least: onsite}}}",
            "no application came to furthest_stage `onsite`; most",
        ),
        ("{has_application: {title: {contains_any: [nurse, pilot]}}}", "no application has a title with `pilot` in it"),
        ("{has_application: {rejection_reason: misconduct}}", "no application has rejection_reason `misconduct`; most"),
        ("{country: GB}", "no one has a known country so far"),
    ],
)
def test_words_that_were_never_seen(store: Sqlite, who: str, told: str) -> None:
    assert found(store, one(who))[0].startswith(told)
    store.close()


@pytest.mark.parametrize(
    "who",
    [
        "{skills: {any_of: [RN]}}",
        "{tags: {any_of: [do-not-contact, x]}}",  # x is what the rule keeps; the circle is another matter
        "{has_application: {furthest_stage: applied, title: {contains_any: [nurse]}}}",
        "{has_application: {status: hired}}",  # a closed list: nobody misspells those
        "{last_contacted: {more_than_ago: 3 days}}",
    ],
)
def test_what_is_there_is_not_told(store: Sqlite, who: str) -> None:
    made = rules(f"rules:\n  - {{rule: one, who: {who}, keep: {{tags: [y]}}}}\n"
                 "  - {rule: two, who: {open_to_remote: yes}, keep: {tags: [x]}}\n")  # fmt: skip
    assert [message for message in found(store, made) if message.startswith("no ")] == []
    store.close()


def test_what_is_missing_is_counted_among_those_whom_the_other_lines_fit(store: Sqlite) -> None:
    made = one("{has_application: {status: rejected, rejection_reason: {none_of: [misconduct]}}}")
    assert found(store, made)[-1] == (
        "`rejection_reason` is missing for 62 % (50 of 80) of the applications that the lines beside it fit; decide `if_unknown`"
    )
    said = one("{has_application: {status: rejected, rejection_reason: {none_of: [misconduct], if_unknown: yes}}}")
    assert not [message for message in found(store, said) if "missing" in message]
    assert found(store, one("{region: Wales}"))[-1].startswith(
        "`region` is missing for 40 % (40 of 100) of the people;"
    )
    store.close()


def test_a_rule_that_looks_renamed_is_told_how_to_say_so(store: Sqlite) -> None:
    owned = [
        Owned(account="a", subject=str(n), kind="tag", key="X", person=n, rules=("before",), state="ours", rule_hash="h",
              added_at=NOW)
        for n in (1, 2)
    ]  # fmt: skip
    store.write(lambda tx: tx.ledger.own(owned))
    (message,) = found(store, one("{open_to_remote: yes}"))
    assert message.endswith(
        "which `before`, a rule that is gone, keeps for 2; if it is the same rule, write `was: before`"
    )
    assert found(store, one("{open_to_remote: yes}", ", was: before")) == []
    store.write(lambda tx: tx.ledger.activate({"one": "h"}, set_hash="s", now=NOW, plan="p"))
    assert found(store, one("{open_to_remote: yes}")) == []
    store.close()


# settings and platforms


def test_a_template_that_the_settings_do_not_know_is_a_problem_at_its_place() -> None:
    made = rules("cadences:\n  - cadence: c\n    who: {consent.email: yes}\n    send:\n      every: 1 month\n      rotate:\n"
                 "        - template: news\n        - template: newz\n        - template: wards\n")  # fmt: skip
    problems, _ = soundness.of_settings(made, settled())
    assert [str(problem) for problem in problems] == [
        "r.yaml:9:11  no template `newz` under `messages` in the settings; did you mean `news`?",
        "r.yaml:10:11  no template `wards` under `messages` in the settings; say there how it goes out",
    ]


def test_an_account_that_is_misspelt_is_told() -> None:
    _, warnings = soundness.of_settings(one("{accounts: {any_of: [male]}}"), settled())
    assert [it.message for it in warnings] == ["no account in the settings is called `male`; did you mean `mail`?"]


def test_what_no_connected_account_can_know_is_told_with_who_could() -> None:
    every = every_platform()
    assert {"greenhouse", "lever", "mailchimp"} <= {it.platform for it in every}
    mail = [it for it in every if it.platform == "mailchimp"]
    made = one(
        "{region: Wales, consent.email: yes, unsubscribed: no, pools: {any_of: [a]}, has_message: {template: news}}"
    )
    (told,) = soundness.of_platforms(made, mail, every)
    assert str(told) == (
        "r.yaml:3:23  no connected account knows `region`, so this stays unknown for everyone; Greenhouse or Lever could"
    )
    assert soundness.of_platforms(made, every, every) == []


# the command


@pytest.fixture
def check(tmp_path: Path) -> Check:
    (tmp_path / "settings.yaml").write_text(SETTINGS, encoding="utf-8")
    (tmp_path / "rules").mkdir()

    def run(text: str, *words: str) -> Result:
        (tmp_path / "rules" / "r.yaml").write_text(f"version: 1\n{text}", encoding="utf-8")
        return CliRunner().invoke(cli.keepwarm, ["--settings", str(tmp_path / "settings.yaml"), "check", *words])

    return run


FINE = "rules:\n  - {rule: one, who: {consent.email: yes}, keep: {tags: [x]}}\n"
WRONG = (
    "rules:\n  - {rule: one, who: {regoin: Wales}, keep: {tags: [x]}}\n"
    "  - {rule: two, who: {skills: {all_of: [icu], none_of: [icu]}}, keep: {tags: [y]}}\n"
    "  - {rule: three, who: {city: Leeds}, keep: {tags: [z]}}\n"
    "  - {rule: four, justification: By statute., who: {years_experience: {at_most: 2}}, keep: {tags: [w]}}\n"
)


def test_fine_is_said_and_what_was_not_looked_at(check: Check) -> None:
    told = check(FINE, "--offline")
    assert (told.exit_code, told.stdout.splitlines()[0]) == (
        0, "1 rule, 0 cadences, 0 suppressions, 1 account: fine; the data was not looked at (--offline)."
    )  # fmt: skip


def test_everything_is_told_at_once_and_ends_with_1(check: Check) -> None:
    told = check(WRONG, "--offline")
    assert told.exit_code == 1
    assert "`regoin` is not known here; did you mean `region`?" in told.output
    assert "nobody can ever match this" in told.output
    assert "warning: `city` may stand in for" in told.output
    assert "note: `four` is justified: By statute." in told.output
    assert "2 problems; nothing starts" in told.output


def test_missing_secrets_are_told_beside_the_rest(check: Check) -> None:
    told = check(WRONG)
    assert "the environment variable NO_SUCH_KEY is not set" in told.output
    assert "3 problems" in told.output


def test_a_machine_gets_one_object_for_each_finding(check: Check) -> None:
    told = check(WRONG, "--offline", "--json")
    made = json.loads(told.stdout)
    assert (told.exit_code, made["fine"]) == (1, False)
    first, second = made["findings"][:2]
    assert {**first, "file": Path(first["file"]).name} == {
        "level": "shape", "severity": "problem", "file": "r.yaml", "line": 3, "column": 23, "rule": "one",
        "message": "`regoin` is not known here", "suggestion": "did you mean `region`?",
    }  # fmt: skip
    assert (second["level"], second["rule"], second["suggestion"]) == ("meaning", "two", "nobody can ever match this")
    assert {it["severity"] for it in made["findings"]} == {"problem", "warning", "note"}


def test_the_data_is_looked_at_once_there_is_some(check: Check, tmp_path: Path, store: Sqlite) -> None:
    store.close()
    settings = tmp_path / "settings.yaml"
    settings.write_text(SETTINGS.replace(", secrets: {api_key: NO_SUCH_KEY}", ""), encoding="utf-8")
    told = check("rules:\n  - {rule: one, who: {region: Wales}, keep: {tags: [x]}}\n")
    assert "warning: no one has region `Wales`; most have `North West` (60)" in told.output
    assert "fine; compared with 100 people." in told.output
    assert told.exit_code == 0


def test_the_schemas_are_written_beside_the_files_and_printed_for_a_machine(check: Check, tmp_path: Path) -> None:
    assert check(FINE, "--schema").exit_code == 0
    rules_, mine = (
        json.loads((tmp_path / name).read_text()) for name in ("rules/rules.schema.json", "settings.schema.json")
    )
    assert (rules_["title"], mine["title"]) == ("Keepwarm rules", "Keepwarm settings")
    assert json.loads(check(FINE, "--schema", "--json").stdout) == {"rules": rules_, "settings": mine}
