"""People as rules read them: typed columns made from the fact registry, who is who, and full-text search."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from connector import facts
from connector.clock import stamp
from connector.facts import Fact

#: Mirror child table → scope, for those built from records.
BUILT = {"applications": "application", "interviews": "interview", "person_events": "event"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """One person, as the mirror holds them. Values are as `facts` says they are kept."""

    person: int
    facts: Mapping[str, Any]
    #: words fact → words
    words: Mapping[str, Iterable[str]]
    #: table → rows by fact name, each with an "id"
    children: Mapping[str, Sequence[Mapping[str, Any]]]
    name: str = ""
    first_name: str | None = None
    email: str | None = None
    recruiter: str | None = None
    #: Texts as the platforms have them, to be found by as well.
    said: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A person in a list."""

    person: int
    name: str
    email: str | None
    region: str | None = None
    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


class Mirror:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    # who is who

    def person_of(self, account: str, candidate: str) -> int | None:
        row = self._db.execute(
            "select person from candidates where account = ? and id = ?", (account, candidate)
        ).fetchone()
        return row[0] if row else None

    def candidates(self, person: int) -> list[tuple[str, str]]:
        rows = self._db.execute("select account, id from candidates where person = ? order by account, id", (person,))
        return [(row[0], row[1]) for row in rows]

    def candidates_of(self, people: Sequence[int]) -> dict[int, list[tuple[str, str]]]:
        found: dict[int, list[tuple[str, str]]] = {person: [] for person in people}
        for person, account, id_ in self._db.execute(
            "select person, account, id from candidates where person in (select value from json_each(?))"
            " order by account, id",
            (msgspec.json.encode(list(people)).decode(),),
        ):
            found[person].append((account, id_))
        return found

    def mailable(self, people: Sequence[int]) -> dict[int, str]:
        """Of these people, those who agreed and did not object, and the address to write to."""
        rows = self._db.execute(
            "select p.id, f.email from people p join profiles f on f.person = p.id where p.consent_email = 1"
            " and p.unsubscribed = 0 and f.email is not null and p.id in (select value from json_each(?))",
            (msgspec.json.encode(list(people)).decode(),),
        )
        return {row[0]: row[1] for row in rows}

    def link(self, account: str, candidate: str, keys: Iterable[str]) -> None:
        """Say by which keys this candidate record can be known to be the same person as another.

        Addresses it had before stay under `o:`: they say nothing of who is who, but an objection made from one counts."""
        self._retire(account, candidate, candidate)
        self._db.execute("delete from links where account = ? and id = ? and key not like 'o:%'", (account, candidate))
        self._db.executemany(
            "insert into links (key, account, id) values (?, ?, ?)", [(key, account, candidate) for key in set(keys)]
        )

    def _retire(self, account: str, candidate: str, into: str) -> None:
        self._db.execute(
            "insert or ignore into links (key, account, id) select 'o' || substr(key, 2), account, ? from links"
            " where account = ? and id = ? and key not like 'g:%'",
            (into, account, candidate),
        )

    def succeed(self, account: str, loser: str, winner: str) -> None:
        """A platform made two records one: what we know of the lost one by address and keep on it is the other's."""
        self._retire(account, loser, winner)
        self._db.execute(
            "update or ignore owned set subject = ? where account = ? and subject = ? and kind = 'tag'",
            (winner, account, loser),
        )
        self._db.execute("delete from owned where account = ? and subject = ? and kind = 'tag'", (account, loser))

    def linked(self, account: str, candidate: str, *, at_most: int) -> list[tuple[str, str]]:
        """Candidate records that share a key with this one; a key that more than `at_most` share says nothing."""
        rows = self._db.execute(
            "select distinct other.account, other.id from links mine join links other on other.key = mine.key"
            " where mine.account = ? and mine.id = ? and mine.key not like 'o:%'"
            " and (mine.key like 'g:%' or (select count(*) from links l where l.key = mine.key) <= ?)",
            (account, candidate, at_most),
        )
        return [(row[0], row[1]) for row in rows]

    def assign(self, candidates: Iterable[tuple[str, str]], person: int) -> None:
        """These records are this person's, and so is what we keep on them."""
        candidates = list(candidates)
        self._db.executemany(
            "insert into candidates (account, id, person) values (?, ?, ?)"
            " on conflict (account, id) do update set person = excluded.person",
            [(account, id_, person) for account, id_ in candidates],
        )
        self._db.executemany(
            "update owned set person = ? where account = ? and subject = ? and kind = 'tag' and person <> ?",
            [(person, account, id_, person) for account, id_ in candidates],
        )

    def unassign(self, candidates: Iterable[tuple[str, str]]) -> None:
        for account, id_ in candidates:
            self._db.execute("delete from candidates where account = ? and id = ?", (account, id_))
            self._db.execute("delete from links where account = ? and id = ?", (account, id_))

    def new_person(self) -> int:
        """An id that no one had before, however long ago."""
        rows = self._db.execute(
            "update person_ids set last = 1 + max(last, coalesce((select max(id) from people), 0)) returning last"
        ).fetchall()
        self._db.execute("insert into people (id) values (?)", rows[0])
        return int(rows[0][0])

    def absorb(self, keep: int, lost: int) -> None:
        """Two people turn out to be one: what happened to `lost` happened to `keep`. The lower id stays."""
        for table in ("messages", "outbox", "owned", "doubts"):
            self._db.execute(f"update {table} set person = ? where person = ?", (keep, lost))
        # of two enrolments in one cadence the one that stopped stays: the stricter state
        self._db.execute(
            "delete from enrolments where person = ? and state = 'active' and exists (select 1 from enrolments e"
            " where e.person = ? and e.cadence = enrolments.cadence and e.state <> 'active')",
            (keep, lost),
        )
        for table in ("decisions", "enrolments", "vetoes", "wakeups"):
            self._db.execute(f"update or ignore {table} set person = ? where person = ?", (keep, lost))
            self._db.execute(f"delete from {table} where person = ?", (lost,))
        self._db.execute("delete from standing where person = ?", (lost,))
        self.remove(lost)

    def remove(self, person: int) -> None:
        """Take a person out of the mirror."""
        for table in (*BUILT, "person_words", "profiles", "to_judge", "uses"):
            self._db.execute(f"delete from {table} where person = ?", (person,))
        self._db.execute("delete from people_text where rowid = ?", (person,))
        self._db.execute("delete from people where id = ?", (person,))

    # what rules read

    def put(self, images: Sequence[Image]) -> None:
        """Replace these people's rows, whole."""
        ids = [(image.person,) for image in images]
        for table in (*BUILT, "person_words", "profiles"):
            self._db.executemany(f"delete from {table} where person = ?", ids)
        self._db.executemany("delete from people where id = ?", ids)
        self._db.executemany("delete from people_text where rowid = ?", ids)
        self._insert("people", "person", [{"id": it.person, **it.facts} for it in images])
        for table, scope in BUILT.items():
            rows = [{"person": it.person, **row} for it in images for row in it.children.get(table, ())]
            self._insert(table, scope, rows)
        self._db.executemany(
            "insert or ignore into person_words (person, fact, word) values (?, ?, ?)",
            [(it.person, fact, word) for it in images for fact, words in it.words.items() for word in words],
        )
        self._db.executemany(
            "insert into profiles (person, name, first_name, email, recruiter) values (?, ?, ?, ?, ?)",
            [(it.person, it.name, it.first_name, it.email, it.recruiter) for it in images],
        )
        self._db.executemany(
            "insert into people_text (rowid, words) values (?, ?)", [(it.person, _text(it)) for it in images]
        )
        self.judge(image.person for image in images)

    def _insert(self, table: str, scope: str, rows: Sequence[Mapping[str, Any]]) -> None:
        columns = {fact.name: fact.column for fact in facts.of(scope).values() if fact.type != "words"}
        keys = ("id",) if scope == "person" else ("id", "person")
        names = (*keys, *columns)
        marks = ", ".join("?" for _ in names)
        self._db.executemany(
            # an application may go to another person, who may be built before the one who had it
            f"insert or replace into {table} ({', '.join((*keys, *columns.values()))}) values ({marks})",
            [[row.get(name) for name in names] for row in rows],
        )

    def end_consents(self, now: datetime) -> int:
        """A consent whose end has come is none; how many ended."""
        ended = [
            row[0]
            for row in self._db.execute(
                "update people set consent_email = 0 where consent_expires <= ? and consent_email = 1 returning id",
                (stamp(now),),
            )
        ]
        self.judge(ended)
        return len(ended)

    def contacted(self, people: Sequence[int], at: datetime) -> None:
        """They were written to: known at once, without building them anew."""
        self._db.executemany(
            "update people set last_contacted = max(coalesce(last_contacted, ''), ?) where id = ?",
            [(stamp(at), person) for person in people],
        )
        self.judge(people)

    def judge(self, people: Iterable[int]) -> None:
        """Their facts may have changed: look at them again."""
        self._db.executemany("insert or ignore into to_judge (person) values (?)", [(person,) for person in people])

    def to_judge(self, limit: int) -> list[int]:
        return [row[0] for row in self._db.execute("select person from to_judge order by person limit ?", (limit,))]

    def judged(self, people: Iterable[int]) -> None:
        self._db.executemany("delete from to_judge where person = ?", [(person,) for person in people])

    def facts_of(self, people: Sequence[int]) -> dict[int, dict[str, Any]]:
        """person → what a judge reads: facts by name, words as frozensets, children as lists."""
        ids = msgspec.json.encode(list(people)).decode()
        found: dict[int, dict[str, Any]] = {}
        for row in self._select("people", "person", ids):
            found[row.pop("id")] = row
        words: dict[tuple[int, str], set[str]] = defaultdict(set)
        for person, fact, word in self._db.execute(
            "select person, fact, word from person_words where person in (select value from json_each(?))", (ids,)
        ):
            words[person, fact].add(word)
        lists = {fact.name: fact for fact in facts.of("person").values() if fact.type == "words"}
        for person, row in found.items():
            for name, fact in lists.items():
                held = words.get((person, name))
                row[name] = None if held is None and fact.unknown_when_empty else frozenset(held or ())
            row.update({name: [] for name in facts.LISTS.values()})
        for scope, name in facts.LISTS.items():
            for row in self._select(facts.TABLES[scope], scope, ids):
                if person_row := found.get(row.pop("person")):
                    person_row[name].append(row)
        return found

    def _select(self, table: str, scope: str, ids: str) -> Iterable[dict[str, Any]]:
        columns = [fact for fact in facts.of(scope).values() if fact.type != "words"]
        keys = ("id",) if scope == "person" else ("id", "person")
        flags = {fact.name for fact in columns if fact.type == "yesno"}
        names = (*keys, *(fact.name for fact in columns))
        chosen = ", ".join((*keys, *(fact.column for fact in columns)))
        key = "id" if scope == "person" else "person"
        for values in self._db.execute(
            f"select {chosen} from {table} where {key} in (select value from json_each(?))", (ids,)
        ):
            row = dict(zip(names, values, strict=True))
            for name in flags:
                if row[name] is not None:
                    row[name] = bool(row[name])
            yield row

    # finding

    def count(self) -> int:
        return int(self._db.execute("select count(*) from people").fetchone()[0])

    def tally(self, fact: Fact) -> dict[str, int]:
        """Every value of a text, a stage or a set of words that is there → how many have it."""
        if fact.table == "person_words":
            rows = self._db.execute("select word, count(*) from person_words where fact = ? group by 1", (fact.name,))
        else:
            column = fact.column
            rows = self._db.execute(
                f"select {column}, count(*) from {fact.table} where {column} is not null group by 1"
            )
        return dict(rows.fetchall())

    def everyone(self) -> list[int]:
        return [row[0] for row in self._db.execute("select id from people order by id")]

    def profile(self, person: int) -> Found | None:
        row = self._db.execute(
            "select f.person, f.name, f.email, p.region from profiles f join people p on p.id = f.person"
            " where f.person = ?",
            (person,),
        ).fetchone()
        return Found(person=row[0], name=row[1], email=row[2], region=row[3]) if row else None

    def first_name(self, person: int) -> str | None:
        row = self._db.execute("select first_name from profiles where person = ?", (person,)).fetchone()
        return row[0] if row else None

    def addresses(self, person: int) -> list[str]:
        rows = self._db.execute(
            "select distinct substr(l.key, 3) from candidates c join links l on l.account = c.account and l.id = c.id"
            " where c.person = ? and l.key like 'e:%' order by 1",
            (person,),
        )
        return [row[0] for row in rows]

    def known_addresses(self, person: int) -> list[str]:
        """Every address their records have or had: an objection made from any of them is theirs."""
        rows = self._db.execute(
            "select distinct substr(l.key, 3) from candidates c join links l on l.account = c.account and l.id = c.id"
            " where c.person = ? and l.key not like 'g:%' order by 1",
            (person,),
        )
        return [row[0] for row in rows]

    def shared(self, addresses: Iterable[str], *, by_more_than: int) -> set[str]:
        """Those that so many records have that they say nothing of who is who."""
        keys = msgspec.json.encode([f"e:{address}" for address in addresses]).decode()
        rows = self._db.execute(
            "select substr(key, 3) from links where key in (select value from json_each(?))"
            " group by key having count(*) > ?",
            (keys, by_more_than),
        )
        return {row[0] for row in rows}

    def find(self, words: str, *, limit: int = 20) -> list[Found]:
        """Everyone whose text has all these words (the last one may be unfinished), best first."""
        terms = [term.replace('"', "") for term in words.split()]
        query = " ".join(f'"{term}"' + ("*" if term is terms[-1] else "") for term in terms if term)
        if not query:
            return []
        rows = self._db.execute(
            "select f.person, f.name, f.email, p.region from people_text t join profiles f on f.person = t.rowid"
            " join people p on p.id = f.person where people_text match ? order by t.rank, f.person limit ?",
            (query, limit),
        ).fetchall()
        return [
            Found(person=row[0], name=row[1], email=row[2], region=row[3], words=self._words(row[0])) for row in rows
        ]

    def _words(self, person: int) -> dict[str, tuple[str, ...]]:
        found: dict[str, list[str]] = defaultdict(list)
        for fact, word in self._db.execute(
            "select fact, word from person_words where person = ? order by fact, word", (person,)
        ):
            found[fact].append(word)
        return {fact: tuple(words) for fact, words in found.items()}

    def by_address(self, address: str) -> list[int]:
        rows = self._db.execute(
            "select distinct c.person from links l join candidates c on c.account = l.account and c.id = l.id"
            " where l.key = ? order by 1",
            (f"e:{address}",),
        )
        return [row[0] for row in rows]


def _text(image: Image) -> str:
    said = [image.name, image.email or "", str(image.facts.get("region") or ""), str(image.facts.get("city") or "")]
    said.extend(image.said)
    for words in image.words.values():
        said.extend(words)
    for row in image.children.get("applications", ()):
        said.extend(str(row.get(name) or "") for name in ("title", "function", "furthest_stage", "source"))
    return " ".join(said)
