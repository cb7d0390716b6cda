"""What a report counts over the whole mirror and the records behind it. Reads only; every figure is one statement."""

from __future__ import annotations

import contextlib
import itertools
import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import msgspec

from connector import facts
from connector.clock import unstamp
from connector.facts import fold
from connector.model import AnyRecord, Application, StageVisit

_DECODER: msgspec.json.Decoder[AnyRecord] = msgspec.json.Decoder(AnyRecord)
_BATCH = 500
#: From where a mirror row's id goes on with the platform's own id.
_OWN_ID = "substr(a.id, length(:account) + length('/application/') + 1)"
_KNOWN = "(select person from candidates where account = :account)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejections:
    """Rejected applications of one account and year of decision, and of how many each fact is known."""

    account: str
    #: None: the platform does not say when.
    year: int | None
    count: int
    reason: int
    stage_seen: int
    stage_inferred: int
    score: int
    #: Reason, furthest stage and score are all known.
    whole: int

    def __add__(self, other: Rejections) -> Rejections:
        named = ("count", "reason", "stage_seen", "stage_inferred", "score", "whole")
        return replace(self, **{name: getattr(self, name) + getattr(other, name) for name in named})


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """People whom an account knows (`account` empty: everyone), and of how many each fact is known."""

    account: str
    count: int
    skills: int
    region: int
    country: int
    consent: int
    address: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """How often a value stands in an archive. `value` None: nothing stands there."""

    value: str | None
    uses: int
    people: int
    rejections: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Fresh:
    """When an account was last asked, by its list that was asked longest ago."""

    account: str
    pulled_at: datetime | None
    streams: int
    #: Lists that were begun and never walked to their end.
    unfinished: int


class Survey:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def rejections(self) -> list[Rejections]:
        rows = self._db.execute(
            "select account, cast(substr(decided, 1, 4) as integer), count(*), count(rejection_reason),"
            " count(case when not coalesce(stage_inferred, 0) then furthest_stage end),"
            " count(case when stage_inferred then furthest_stage end), count(scorecard_average),"
            " count(rejection_reason || furthest_stage || scorecard_average)"
            " from applications where status = 'rejected' group by 1, 2 order by 1, 2"
        )
        names = ("account", "year", "count", "reason", "stage_seen", "stage_inferred", "score", "whole")
        return [Rejections(**dict(zip(names, row, strict=True))) for row in rows]

    def rejected_people(self, account: str | None = None) -> int:
        row = self._db.execute(
            "select count(distinct person) from applications where status = 'rejected'"
            " and (:account is null or account = :account)",
            {"account": account and fold(account)},
        ).fetchone()
        return int(row[0])

    def pools(self) -> list[Pool]:
        """Everyone first, then by account. Who is in two accounts counts in each."""
        known = (
            "count(*), count(p.skills_known), count(p.region), count(p.country), count(p.consent_email), count(f.email)"
            " from people p left join profiles f on f.person = p.id"
        )
        rows = [
            *self._db.execute(f"select '', {known}"),
            *self._db.execute(
                f"select c.account, {known} join (select distinct account, person from candidates) c"
                " on c.person = p.id group by 1 order by 1"
            ),
        ]
        names = ("account", "count", "skills", "region", "country", "consent", "address")
        return [Pool(**dict(zip(names, row, strict=True))) for row in rows]

    # what stands in records

    def stages(self, account: str, names: Mapping[str, str]) -> list[Seen]:
        """By name (`names`: stage id → name), how many applications came through such a stage, or stand there."""
        return self._seen(
            "with names (id, name) as materialized (select key, value from json_each(:names)),"
            " steps (stage, application) as (select json_extract(r.body, '$.stage[2]'), substr(r.parent, 13)"
            " from records r where r.account = :account and r.kind = 'stage_visit' and r.gone = 0"
            " union select json_extract(r.body, '$.stage[2]'), r.id from records r"
            " where r.account = :account and r.kind = 'application' and r.gone = 0)"
            " select n.name, count(distinct a.id), count(distinct a.person),"
            " count(distinct case when a.status = 'rejected' then a.id end) from steps s join names n on n.id = s.stage"
            " join applications a on a.id = :account || '/application/' || s.application group by 1",
            account=account,
            names=msgspec.json.encode(names).decode(),
        )

    def reasons(self, account: str) -> list[Seen]:
        """Of rejected and withdrawn applications whose reason is not known: the id of the platform's own reason, if any."""
        return self._seen(
            "select coalesce((select json_extract(d.body, '$.reason[2]') from records d where d.account = :account"
            " and d.parent = 'application:' || r.id and d.kind = 'rejection' and d.gone = 0),"
            " json_extract(r.body, '$.reason[2]')), count(*), count(distinct a.person),"
            " count(case when a.status = 'rejected' then 1 end)"
            " from applications a join records r on r.account = :account and r.kind = 'application'"
            f" and r.id = {_OWN_ID} where a.account = :folded and a.rejection_reason is null"
            " and a.status in ('rejected', 'withdrawn') group by 1",
            account=account,
            folded=fold(account),
        )

    def ratings(self, account: str) -> list[Seen]:
        """Scorecards by the word of their verdict; `uses` counts cards."""
        return self._seen(
            "select json_extract(r.body, '$.rating'), count(*), count(distinct a.person),"
            " count(distinct case when a.status = 'rejected' and a.scorecard_average is null then a.id end)"
            " from records r join applications a on a.id = :account || '/application/' || substr(r.parent, 13)"
            " where r.account = :account and r.kind = 'scorecard' and r.gone = 0 group by 1",
            account=account,
        )

    def jobs(self, account: str, fact: str, names: Mapping[str, str]) -> list[Seen]:
        """Applications that lack this fact of their job (function, region), by a name (`names`: folded job ref → name)."""
        return self._seen(
            "with names (id, name) as materialized (select key, value from json_each(:names))"
            " select n.name, count(*), count(distinct a.person), count(case when a.status = 'rejected' then 1 end)"
            " from applications a join names n on n.id = a.job"
            f" where a.account = :folded and a.{_column(fact)} is null group by 1",
            folded=fold(account),
            names=msgspec.json.encode(names).decode(),
        )

    def locations(self, account: str | None = None) -> list[Seen]:
        """What records say of where people live whose region is not known; only one account's records, if it is named."""
        only = " and c.account = :account" if account else ""
        return self._seen(
            "select said, count(distinct person), count(distinct person), 0 from (select p.id as person,"
            " coalesce(json_extract(r.body, '$.fields.city[0]'), json_extract(r.body, '$.location')) as said"
            " from people p join candidates c on c.person = p.id join records r on r.account = c.account"
            f" and r.kind = 'candidate' and r.id = c.id where p.region is null{only}) where said is not null group by 1",
            account=account,
        )

    def words(self, fact: str, account: str | None = None) -> list[Seen]:
        known = f" and person in {_KNOWN}" if account else ""
        return self._seen(
            f"select word, count(*), count(*), 0 from person_words where fact = :fact{known} group by 1",
            fact=fact,
            account=account,
        )

    def scoreless(self, stages: Collection[str]) -> dict[str, int]:
        """Account → rejections that came to one of these (folded) stages and have no scorecard."""
        rows = self._db.execute(
            "select account, count(*) from applications where status = 'rejected' and scorecards = 0"
            " and furthest_stage in (select value from json_each(?)) group by 1",
            (msgspec.json.encode(list(stages)).decode(),),
        )
        return {row[0]: row[1] for row in rows}

    def _seen(self, sql: str, **values: Any) -> list[Seen]:
        names = ("value", "uses", "people", "rejections")
        return [Seen(**dict(zip(names, row, strict=True))) for row in self._db.execute(sql, values)]

    def without_stage(self, account: str) -> Iterator[tuple[Application, Sequence[StageVisit], int]]:
        """Rejected applications whose furthest stage is not known, with the steps they took and their person."""
        asked = self._db.execute(
            f"select {_OWN_ID}, a.person from applications a where a.account = :folded and a.status = 'rejected'"
            " and a.furthest_stage is null order by 1",
            {"account": account, "folded": fold(account)},
        )
        while rows := asked.fetchmany(_BATCH):
            ids = [row[0] for row in rows]
            held = {it.ref.id: it for it in self._applications(account, ids) if isinstance(it, Application)}
            visits = [it for it in self._visits(account, ids) if isinstance(it, StageVisit)]
            by_application = {
                ref.id: tuple(found) for ref, found in itertools.groupby(visits, key=lambda it: it.application)
            }
            for id_, person in rows:
                if id_ in held:
                    yield held[id_], by_application.get(id_, ()), person

    def _applications(self, account: str, ids: Sequence[str]) -> Iterator[AnyRecord]:
        rows = self._db.execute(
            "select body from records where account = ? and kind = 'application' and gone = 0"
            " and id in (select value from json_each(?))",
            (account, msgspec.json.encode(ids).decode()),
        )
        return (_DECODER.decode(row[0]) for row in rows)

    def _visits(self, account: str, ids: Sequence[str]) -> Iterator[AnyRecord]:
        parents = [f"application:{id_}" for id_ in ids]
        rows = self._db.execute(
            "select body from records indexed by records_parent where account = ? and parent is not null"
            " and parent in (select value from json_each(?)) and kind = 'stage_visit' and gone = 0 order by parent, id",
            (account, msgspec.json.encode(parents).decode()),
        )
        return (_DECODER.decode(row[0]) for row in rows)

    # how far it can be trusted

    def fresh(self) -> list[Fresh]:
        rows = self._db.execute(
            "select account, min(coalesce(pulled_at, '')), count(*),"
            " count(case when until is null then 1 end) from watermarks where account <> '' group by 1 order by 1"
        )
        return [
            Fresh(account=row[0], pulled_at=unstamp(row[1]) if row[1] else None, streams=row[2], unfinished=row[3])
            for row in rows
        ]

    def named(self, words: Collection[str]) -> set[str]:
        """Which of these folded texts are the whole name of somebody in the pool or of a colleague."""
        asked = set(words)
        people = (row[0] for row in self._db.execute("select name from profiles"))
        colleagues = (
            row[0] for row in self._db.execute("select json_extract(body, '$.name') from records where kind = 'user'")
        )
        return {name for text in itertools.chain(people, colleagues) if text and (name := fold(text)) in asked}

    # what if

    @contextlib.contextmanager
    def forgetting(self, kinds: Collection[str]) -> Iterator[None]:
        """As if nothing were known of any fact that a vocabulary of these kinds decides, and of no score: who is a *no*
        even then stays one whatever the vocabulary says. Views of the same names stand before the mirror's tables."""
        made = []
        try:
            for name, select in _veiled(kinds):
                self._db.execute(f"create temp view {name} as {select}")
                made.append(name)
            yield
        finally:
            for name in made:
                self._db.execute(f"drop view temp.{name}")


def _column(fact: str) -> str:
    return facts.BY_NAME["application", fact].column


def _veiled(kinds: Collection[str]) -> Iterator[tuple[str, str]]:
    """(table, what is to be seen instead of it)"""
    for scope, table in facts.TABLES.items():
        columns = ["id"] if scope == "person" else ["id", "person"]
        for fact in facts.of(scope).values():
            hidden = fact.kind in kinds or fact.name in ("scorecard_average", "stage_inferred")
            if fact.type != "words":
                columns.append(f"null as {fact.column}" if hidden else fact.column)
            elif fact.unknown_when_empty:
                columns.append(f"null as {fact.known_column}" if hidden else fact.known_column)
        yield table, f"select {', '.join(columns)} from main.{table}"
    words = [f"'{fact.name}'" for fact in facts.of("person").values() if fact.type == "words" and fact.kind in kinds]
    yield "person_words", f"select person, fact, word from main.person_words where fact not in ({', '.join(words)})"


__all__ = ["Fresh", "Pool", "Rejections", "Seen", "Survey"]
