"""The registry: every fact a rule may ask about, where the mirror keeps it, and what it means.

One table makes the mirror's typed columns, the names rules may use, the closures, the SQL and the documentation.

How values are kept, in the mirror and in the judge's dicts alike: text and words through `fold` (so that equal means
equal in Python and in SQL, also beyond ASCII), times through `clock.stamp`, yes/no as 0 and 1 (SQL), bool (Python).
NULL and None are *unknown*. `Fact.kind` names the vocabulary through which a value goes first (`Vocabulary.canonical`).
"""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Literal, TypedDict, Unpack

Type = Literal["text", "town", "words", "number", "whole", "yesno", "time", "stage"]
Scope = Literal["person", "application", "interview", "message", "event", "role"]

#: Scope → the mirror's table. A role is no table: it comes with the event.
TABLES: MappingProxyType[str, str] = MappingProxyType(
    {
        "person": "people",
        "application": "applications",
        "interview": "interviews",
        "message": "messages",
        "event": "person_events",
    }
)
#: Scope → the key of its list in a person's facts.
LISTS: MappingProxyType[str, str] = MappingProxyType(
    {"application": "applications", "interview": "interviews", "message": "messages", "event": "events"}
)
#: Scope → the fact that says which one is the latest (ties: the greatest id; unknown is oldest).
LATEST: MappingProxyType[str, str] = MappingProxyType(
    {"application": "applied", "interview": "starts", "message": "sent", "event": "occurred"}
)


@functools.lru_cache(maxsize=8192)  # the words of the vocabulary are folded for everyone
def fold(text: str) -> str:
    """The one form in which texts are compared and kept: trimmed, single spaces, case and composition levelled."""
    return unicodedata.normalize("NFC", " ".join(unicodedata.normalize("NFC", text).split()).casefold())


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """`upper`: only where a rule keeps people out from some value up; `must`: without a justification nothing starts."""

    of: str
    upper: bool = False
    must: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    name: str
    scope: Scope
    type: Type
    meaning: str
    example: str
    #: The vocabulary its values belong to: stages, reasons, skills, functions, regions, towns, countries.
    kind: str | None = None
    #: All values there are, where the list is closed.
    values: tuple[str, ...] = ()
    #: A words fact of which nothing is known when the person has no row.
    unknown_when_empty: bool = False
    #: Keepwarm knows it by itself, whatever is connected.
    ours: bool = False
    #: What it may stand in for, by equality law: a rule that leans on it says why (`justification`).
    proxy: Proxy | None = None

    @property
    def column(self) -> str:
        return self.name.replace(".", "_")

    @property
    def known_column(self) -> str:
        """For a words fact that is unknown when empty: 1 in `people` while the person has a row. Triggers keep it, so
        that asking who is unknown does not mean looking for every person's words."""
        return f"{self.column}_known"

    @property
    def table(self) -> str:
        """The mirror's table; empty for a role."""
        return "person_words" if self.type == "words" and self.scope == "person" else TABLES.get(self.scope, "")

    @property
    def clock(self) -> bool:
        """Do tests on it depend on now."""
        return self.type == "time"


class _More(TypedDict, total=False):
    kind: str
    values: tuple[str, ...]
    unknown_when_empty: bool
    ours: bool
    proxy: Proxy


def _fact(scope: Scope, name: str, type_: Type, meaning: str, example: str, **more: Unpack[_More]) -> Fact:
    return Fact(scope=scope, name=name, type=type_, meaning=meaning, example=example, **more)


_STATUSES = ("active", "rejected", "withdrawn", "hired", "converted")
_YEARS = Proxy(of="age: an upper bound keeps older people out", upper=True, must=True)
_TOWN = Proxy(of="ethnic or social origin: a town is a small area; a region is not")
_KNOWN = Proxy(of="age: who has been known for long is older")
_PURPOSES = ("marketing", "service", "survey")
_OFFERS = ("open", "accepted", "declined", "none")

FACTS: tuple[Fact, ...] = (
    _fact("person", "region", "text", "the region they live in", "North West", kind="regions"),
    _fact("person", "country", "text", "the country they live in, as a two-letter code", "GB", kind="countries"),
    _fact("person", "city", "town", "the town they live in, if it is certain", "Manchester", kind="towns", proxy=_TOWN),
    _fact("person", "time_zone", "text", "their own clock", "Europe/London"),
    _fact("person", "open_to_remote", "yesno", "would work away from the office", "yes"),
    _fact("person", "unsubscribed", "yesno", "has opted out of mail, anywhere", "no", ours=True),
    _fact("person", "consent.email", "yesno", "has agreed to be written to, and it still holds", "yes"),
    _fact("person", "private", "yesno", "kept from general view in the ATS", "no"),
    _fact("person", "years_experience", "number", "years in the trade", "4", proxy=_YEARS),
    _fact("person", "employment", "text", "is on our payroll or not", "hired", values=("hired", "none"), ours=True),
    _fact("person", "consent.expires", "time", "when their consent ends", "2027-01-31"),
    _fact("person", "last_contacted", "time", "when we last wrote to them", "2026-08-01"),
    _fact("person", "last_activity", "time", "when they last did something", "2026-05-20"),
    _fact("person", "first_seen", "time", "when any account first knew them", "2024-02-11", ours=True, proxy=_KNOWN),
    _fact("person", "skills", "words", "what they can do", "nursing", kind="skills", unknown_when_empty=True),
    _fact("person", "functions", "words", "lines of work", "engineering", kind="functions", unknown_when_empty=True),
    _fact("person", "tags", "words", "tags on their records that are not ours", "do-not-contact", ours=True),
    _fact("person", "pools", "words", "talent pools they are in that are not ours", "nursing-north-west", ours=True),
    _fact("person", "sources", "words", "where they came from", "referral"),
    _fact("person", "accounts", "words", "the accounts that know them", "hospital", ours=True),
    _fact("application", "status", "text", "how it stands", "rejected", values=_STATUSES),
    _fact("application", "furthest_stage", "stage", "the furthest step it reached", "onsite", kind="stages"),
    _fact("application", "stage_inferred", "yesno", "the furthest step is inferred, not seen", "no"),
    _fact("application", "scorecard_average", "number", "mean verdict of its scorecards, 1 to 5", "3.5"),
    _fact("application", "scorecards", "whole", "how many scorecards it has", "2"),
    _fact("application", "rejection_reason", "text", "why it ended", "other_candidate", kind="reasons"),
    _fact("application", "decided", "time", "when it was decided", "2025-06-01"),
    _fact("application", "applied", "time", "when they applied", "2025-05-02"),
    _fact("application", "job", "text", "the job's reference", "hospital/job/104"),
    _fact("application", "title", "text", "the job's title", "ICU Nurse"),
    _fact("application", "function", "text", "the job's line of work", "nursing", kind="functions"),
    _fact("application", "source", "text", "where it came from", "referral"),
    _fact("application", "region", "text", "where the job is", "North West", kind="regions"),
    _fact("application", "prospect", "yesno", "it is for no job yet", "no"),
    _fact("application", "offer", "text", "how its latest offer stands", "declined", values=_OFFERS),
    _fact("application", "account", "text", "the account it is in", "hospital", ours=True),
    _fact("interview", "stage", "stage", "the step it belongs to", "onsite", kind="stages"),
    _fact("interview", "completed", "time", "when it was over", "2025-05-20"),
    _fact("interview", "starts", "time", "when it is due", "2025-05-20"),
    _fact("message", "purpose", "text", "what it was for", "marketing", values=_PURPOSES, ours=True),
    _fact("message", "template", "text", "what was sent", "nursing-news", ours=True),
    _fact("message", "cadence", "text", "the cadence that sent it", "nursing-quarterly", ours=True),
    _fact("message", "channel", "text", "the way it went", "email", ours=True),
    _fact("message", "sent", "time", "when it went out", "2026-08-01", ours=True),
    _fact("event", "name", "text", "what it was", "open-evening"),
    _fact("event", "attended", "time", "when they came", "2026-03-03"),
    _fact("event", "occurred", "time", "when it took place", "2026-03-03"),
    _fact("role", "job", "text", "the job's reference", "hospital/job/104"),
    _fact("role", "title", "text", "the role's title", "ICU Nurse"),
    _fact("role", "function", "text", "the role's line of work", "nursing", kind="functions"),
    _fact("role", "region", "text", "where the role is", "North West", kind="regions"),
    _fact("role", "pool", "text", "the pool that belongs to the role", "nursing-north-west"),
    _fact("role", "status", "text", "how the role stands", "open"),
    _fact("role", "skills", "words", "what the role asks for", "icu", kind="skills"),
    _fact("role", "confidential", "yesno", "not to be spoken of", "no"),
    _fact("role", "recruiter", "text", "who looks after it", "sam@example.org"),
)

BY_NAME: MappingProxyType[tuple[str, str], Fact] = MappingProxyType({(fact.scope, fact.name): fact for fact in FACTS})

#: Names a rule may not ask about, whatever a platform offers (equality law; also health and convictions).
# fmt: off
PROTECTED = frozenset(
    {
        "age", "age_group", "birth_date", "birthdate", "birthday", "born", "carer", "children", "civil_status",
        "conviction", "convictions", "criminal_record", "date_of_birth", "dbs_result", "dependants",
        "disabilities", "disability", "disabled", "dob", "eeo", "ethnic_group", "ethnic_origin", "ethnicity",
        "faith", "family_status", "gender", "gender_identity", "gender_reassignment", "genetic", "health",
        "health_condition", "marital_status", "marriage", "maternity", "medical", "military_status",
        "national_origin", "nationality", "parental_status", "paternity", "photo", "picture",
        "political_opinion", "politics", "pregnancy", "pregnant", "pronouns", "race", "religion",
        "religious_belief", "sex", "sexual_orientation", "sexuality", "trade_union", "transgender",
        "union_membership", "veteran", "veteran_status",
    }
)
# fmt: on


def protected(name: str) -> bool:
    """Is this, however it is spelt or wherever it is nested (`candidate.Date-of-Birth`), a protected characteristic."""
    plain = fold(name).replace("-", "_").replace(" ", "_")
    return any(part in PROTECTED for part in (plain, *plain.split(".")))


@cache
def of(scope: str) -> Mapping[str, Fact]:
    """Name → fact, in the registry's order."""
    return MappingProxyType({fact.name: fact for fact in FACTS if fact.scope == scope})


#: Fact type → column type, in SQLite and in PostgreSQL.
COLUMN_TYPES: MappingProxyType[str, str] = MappingProxyType(
    {
        "text": "TEXT",
        "town": "TEXT",
        "stage": "TEXT",
        "time": "TEXT",
        "number": "REAL",
        "whole": "INTEGER",
        "yesno": "INTEGER",
    }
)


def columns(scope: str) -> dict[str, str]:
    """Column → type of one mirror table, without its keys (`id`, and `person` where it is a child)."""
    return {fact.column: COLUMN_TYPES[fact.type] for fact in of(scope).values() if fact.type != "words"}


def mirror() -> tuple[str, ...]:
    """SQL that makes the mirror's tables and the indexes that rules and the clock count on.

    Put a person's row in before their words."""
    made: list[str] = []
    for scope, table in TABLES.items():
        child = scope != "person"
        keys = "id TEXT PRIMARY KEY, person INTEGER NOT NULL" if child else "id INTEGER PRIMARY KEY"
        rest = "".join(f", {column} {type_}" for column, type_ in columns(scope).items())
        if not child:
            rest += "".join(f", {fact.known_column} INTEGER" for fact in of(scope).values() if fact.unknown_when_empty)
        made.append(f"CREATE TABLE {table} ({keys}{rest})")
        if child:
            made.append(f"CREATE INDEX {table}_person ON {table} (person)")
        for fact in of(scope).values():
            if fact.clock:
                also = ", person" if child else ""
                made.append(f"CREATE INDEX {table}_{fact.column} ON {table} ({fact.column}{also})")
    made.append(
        "CREATE TABLE person_words (person INTEGER NOT NULL, fact TEXT NOT NULL, word TEXT NOT NULL,"
        " PRIMARY KEY (person, fact, word))"
    )
    made.append("CREATE INDEX person_words_word ON person_words (fact, word, person)")
    for fact in FACTS:
        if fact.unknown_when_empty:
            made += _kept_known(fact)
    return tuple(made)


def _kept_known(fact: Fact) -> tuple[str, str]:
    name, column = fact.name, fact.known_column
    return (
        f"CREATE TRIGGER {column}_on AFTER INSERT ON person_words WHEN new.fact = '{name}' BEGIN"
        f" UPDATE people SET {column} = 1 WHERE id = new.person AND {column} IS NULL; END",
        f"CREATE TRIGGER {column}_off AFTER DELETE ON person_words WHEN old.fact = '{name}' AND NOT EXISTS"
        f" (SELECT 1 FROM person_words WHERE person = old.person AND fact = '{name}') BEGIN"
        f" UPDATE people SET {column} = NULL WHERE id = old.person; END",
    )


__all__ = [
    "BY_NAME",
    "COLUMN_TYPES",
    "FACTS",
    "LATEST",
    "LISTS",
    "PROTECTED",
    "TABLES",
    "Fact",
    "Proxy",
    "Scope",
    "Type",
    "columns",
    "fold",
    "mirror",
    "of",
    "protected",
]
