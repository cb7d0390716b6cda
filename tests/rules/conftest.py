"""What the tests of the rule language share: one vocabulary, and the mirror filled from plain facts."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from connector.facts import LISTS, TABLES, mirror, of
from connector.places import Places
from connector.rules import ANSWERS, Context, RuleSet, Vocabulary, fill, load

Person = Mapping[str, Any]


@pytest.fixture(scope="session")
def vocabulary() -> Vocabulary:
    return Vocabulary(
        stages=("applied", "phone_screen", "onsite", "final", "offer"),
        reasons=("other_candidate", "misconduct", "failed_background_check"),
        skills={"nursing": ("RN", "registered nurse"), "icu": ("intensive care",), "python": (), "go": (), "java": ()},
        functions={"engineering": ("software",), "nursing": ()},
        regions={"North West": ("north-west england",), "Yorkshire": (), "Wales": ("Cymru",)},
        places=Places(home="GB", regions="itl"),
        zone=ZoneInfo("Europe/London"),
    )


@pytest.fixture(scope="session")
def rules_of(vocabulary: Vocabulary) -> Callable[[str], RuleSet]:
    """A rule set from YAML that has to be right."""

    def read(text: str) -> RuleSet:
        made = load({"rules.yaml": "version: 1\n" + text}, vocabulary)
        assert made.problems == ()
        return made

    return read


def mirrored(people: Sequence[Person]) -> sqlite3.Connection:
    """The mirror in memory, holding these people under the ids 1, 2, …"""
    database = sqlite3.connect(":memory:")
    for statement in (*mirror(), ANSWERS):
        database.execute(statement)
    for number, person in enumerate(people, 1):
        _row(database, "person", {"id": number}, person)
        for fact in of("person").values():
            if fact.type == "words":
                words = ((number, fact.name, word) for word in person.get(fact.name) or ())
                database.executemany("INSERT INTO person_words VALUES (?, ?, ?)", words)
        for scope, key in LISTS.items():
            for item in person.get(key, ()):
                _row(database, scope, {"id": item["id"], "person": number}, item)
    return database


def _row(database: sqlite3.Connection, scope: str, keys: dict[str, Any], values: Person) -> None:
    row = keys | {
        fact.column: values[name] for name, fact in of(scope).items() if fact.type != "words" and name in values
    }
    marks = ", ".join("?" * len(row))
    database.execute(f"INSERT INTO {TABLES[scope]} ({', '.join(row)}) VALUES ({marks})", list(row.values()))


@pytest.fixture
def mirror_of() -> Callable[[Sequence[Person]], sqlite3.Connection]:
    return mirrored


@pytest.fixture
def in_sql() -> Iterator[Callable[[RuleSet, Sequence[Person], Context], dict[str, dict[int, bool | None]]]]:
    """Every entry of a set over the mirror: name → person → answer."""
    opened: list[sqlite3.Connection] = []

    def run(rule_set: RuleSet, people: Sequence[Person], context: Context) -> dict[str, dict[int, bool | None]]:
        database = mirrored(people)
        opened.append(database)
        found: dict[str, dict[int, bool | None]] = {}
        for entry in rule_set.entries:
            query = fill(entry, context)
            database.execute(query.text, query.params)
            rows = database.execute("SELECT person, answer FROM answers WHERE rule = ?", (entry.name,)).fetchall()
            found[entry.name] = dict.fromkeys(range(1, len(people) + 1), False)
            found[entry.name] |= {person: None if answer is None else bool(answer) for person, answer in rows}
        return found

    yield run
    for database in opened:
        database.close()
