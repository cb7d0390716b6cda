"""What a set of rules would change for everyone, counted where the data is. Most people are a plain case: nothing of ours is
where a rule wants something (an add), or just what it wants is (a keep). Whoever is not goes to `open_cases`, and is to be
looked at one by one.

Works on temporary tables of its own connection, so it needs no right to write. One at a time on a connection."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from connector.clock import stamp
from connector.rules import ANSWERS

_TABLES = {
    # rows for yes (1) and unknown (null) only: what other rules see of a rule
    "answers": ANSWERS,
    # whoever a rule neither adds nor removes anything for now, whatever it answers: settling, lingering, no canary
    "waiting": "create temp table waiting (rule text not null, person integer not null,"
    " primary key (rule, person)) without rowid",
    "open_cases": "create temp table open_cases (person integer primary key)",
}
_WANTED = (
    "a.rule = :rule and a.answer = 1"
    " and not exists (select 1 from temp.waiting w where w.rule = :rule and w.person = a.person)"
)
_PLACES = {
    "tag": "exists (select 1 from candidates c join records r on r.account = c.account and r.kind = 'candidate'"
    " and r.id = c.id and r.gone = 0 where c.person = a.person and c.account = :account)",
    "pool": "exists (select 1 from people p join profiles f on f.person = p.id where p.id = a.person"
    " and p.consent_email = 1 and p.unsubscribed = 0 and f.email is not null)",
}
_OURS = (
    "owned o where o.person = a.person and o.account = :account and o.kind = :kind"
    " and o.key in (select value from json_each(:spelt))"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One tag or pool that a rule wants in one account. `before`: rules that want the same and answer for it first."""

    rule: str
    account: str
    #: tag or pool
    kind: str
    #: As the rule spells it.
    key: str
    folded: str
    #: However any rule spells it.
    spelt: tuple[str, ...]
    before: tuple[str, ...] = ()

    @property
    def values(self) -> dict[str, Any]:
        return {
            "rule": self.rule, "account": self.account, "kind": self.kind, "key": self.key, "folded": self.folded,
            "rules": _json([self.rule]), "before": _json(list(self.before)), "spelt": _json(list(self.spelt)),
        }  # fmt: skip


class Census:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def reset(self) -> None:
        for name, statement in _TABLES.items():
            self._db.execute(f"drop table if exists temp.{name}")
            self._db.execute(statement)

    # answers

    def fill(self, text: str, values: Mapping[str, Any]) -> None:
        """Run a compiled rule's `fill`."""
        self._db.execute(text, values)

    def remember(self, rule: str) -> None:
        """The answers that stand, for a rule that everybody was judged by."""
        self._db.execute(
            "insert into temp.answers (rule, person, answer) select rule, person, answer from standing"
            " where rule = ? and (answer is null or answer = 1)",
            (rule,),
        )

    def standing(self) -> dict[str, tuple[int, int]]:
        """rule → how many it answers with yes, and with unknown, as it stands."""
        rows = self._db.execute("select rule, sum(answer = 1), sum(answer is null) from standing group by rule")
        return {row[0]: (row[1] or 0, row[2] or 0) for row in rows}

    def counts(self, rule: str) -> tuple[int, int]:
        """How many it answers with yes, and with unknown."""
        row = self._db.execute(
            "select count(answer), count(*) - count(answer) from temp.answers where rule = ?", (rule,)
        ).fetchone()
        return int(row[0]), int(row[1])

    def yes(self, rule: str) -> list[int]:
        rows = self._db.execute(
            "select person from temp.answers where rule = ? and answer = 1 order by person", (rule,)
        )
        return [row[0] for row in rows]

    def silent(self, rule: str) -> list[int]:
        """People for whom something stands of a rule that now says a plain no."""
        rows = self._db.execute(
            "select s.person from standing s where s.rule = ? and not exists"
            " (select 1 from temp.answers a where a.rule = s.rule and a.person = s.person)",
            (rule,),
        )
        return [row[0] for row in rows]

    def overrule(self, rule: str, answers: Iterable[tuple[int, bool | None]]) -> None:
        """What others are to see instead. False: nothing."""
        told = list(answers)
        self._db.executemany(
            "delete from temp.answers where rule = ? and person = ?", [(rule, person) for person, _ in told]
        )
        self._db.executemany(
            "insert into temp.answers (rule, person, answer) values (?, ?, ?)",
            [(rule, person, None if answer is None else 1) for person, answer in told if answer is not False],
        )

    def wait(self, rule: str, people: Iterable[int]) -> None:
        self._db.executemany(
            "insert or ignore into temp.waiting (rule, person) values (?, ?)", [(rule, it) for it in people]
        )

    def waiting(self, rule: str) -> list[int]:
        rows = self._db.execute("select person from temp.waiting where rule = ? order by person", (rule,))
        return [row[0] for row in rows]

    def stand(self, rule: str, *, now: datetime, but_waiting: bool, lingers: bool) -> None:
        """Write down what it says to everyone. This needs the right to write.

        `but_waiting`: not of those who wait, for whom more than the answer is to be written down."""
        waits = (
            " and not exists (select 1 from temp.waiting w where w.rule = :rule and w.person = {})"
            if but_waiting
            else ""
        )
        values = {"rule": rule, "now": stamp(now), "lingers": int(lingers)}
        self._db.execute(
            "insert into standing (rule, person, answer, since) select a.rule, a.person, a.answer, :now"
            f" from temp.answers a where a.rule = :rule{waits.format('a.person')}"
            " on conflict (rule, person) do update set answer = excluded.answer, since = excluded.since,"
            " was = :lingers and excluded.answer is null and (standing.answer is not null or standing.was)"
            " where standing.answer is not excluded.answer",
            values,
        )
        self._db.execute(
            "delete from standing where rule = :rule and not exists (select 1 from temp.answers a"
            f" where a.rule = :rule and a.person = standing.person){waits.format('standing.person')}",
            values,
        )

    # whoever is no plain case

    def open(self, people: Iterable[int]) -> None:
        self._db.executemany("insert or ignore into temp.open_cases values (?)", [(it,) for it in people])

    def open_waiting(self) -> None:
        """Whoever was not judged yet."""
        self._db.execute(
            "insert or ignore into temp.open_cases select person from to_judge where person in (select id from people)"
        )

    def open_wanted(self, target: Target) -> None:
        """Wanted where something is already: another rule's, being taken off, a person's own, or vetoed."""
        values = target.values
        for text in self._kept_by():
            # what the rule itself put there and is not being taken off again is what it wants: no case
            state = " and o.state = 'removing'" if text == values["rules"] else ""
            self._db.execute(
                "insert or ignore into temp.open_cases select o.person from owned o join temp.answers a on a.rule = :rule"
                " and a.person = o.person and a.answer = 1 where o.rules = :text and o.account = :account"
                f" and o.kind = :kind and o.key in (select value from json_each(:spelt)){state}",
                {**values, "text": text},
            )
        self._db.execute(
            "insert or ignore into temp.open_cases select v.person from vetoes v join temp.answers a on a.rule = :rule"
            " and a.person = v.person and a.answer = 1 where v.kind = :kind and v.key = :folded",
            values,
        )
        if target.kind == "tag":
            self._db.execute(
                "insert or ignore into temp.open_cases select t.person from person_words t join temp.answers a"
                " on a.rule = :rule and a.person = t.person and a.answer = 1 where t.fact = 'tags' and t.word = :folded",
                values,
            )

    def open_owned(self, rule: str, targets: Sequence[Target]) -> None:
        """What the rule alone put somewhere and no longer wants there."""
        wanted = [[it.account, it.kind, it.key] for it in targets]
        self._db.execute(
            "insert or ignore into temp.open_cases select o.person from owned o where o.rules = :rules"
            " and not ((o.account, o.kind, o.key) in (select json_extract(t.value, '$[0]'), json_extract(t.value, '$[1]'),"
            "   json_extract(t.value, '$[2]') from json_each(:wanted) t)"
            "  and (exists (select 1 from temp.waiting w where w.rule = :rule and w.person = o.person)"
            "   or exists (select 1 from temp.answers a where a.rule = :rule and a.person = o.person)))",
            {"rule": rule, "rules": _json([rule]), "wanted": _json(wanted)},
        )

    def open_shared(self, rules: Collection[str], known: Collection[str]) -> None:
        """What several rules put somewhere, one of `rules` among them; and what a rule put there that is not `known`."""
        for text in self._kept_by():
            named: list[str] = msgspec.json.decode(text)
            if not set(named) <= set(known) or (len(named) > 1 and not set(named).isdisjoint(rules)):
                self._db.execute(
                    "insert or ignore into temp.open_cases select person from owned where rules = ?", (text,)
                )

    def _kept_by(self) -> list[str]:
        """Which rules keep something, as it is written down: a few, whatever the size of the pool."""
        rows = self._db.execute(
            # steps from one to the next in the index, where `distinct` would read it whole
            "with recursive k (rules) as (select min(rules) from owned union all"
            " select (select min(rules) from owned where rules > k.rules) from k where k.rules is not null)"
            " select rules from k where rules is not null"
        )
        return [row[0] for row in rows]

    def open_cases(self) -> list[int]:
        return [row[0] for row in self._db.execute("select person from temp.open_cases order by person")]

    # the plain cases

    def adds(self, target: Target, *, limit: int | None = None) -> list[int]:
        """People to whom it would be added; the first ones where there is a `limit`."""
        rows = self._db.execute(f"select a.person {_adds(target)} order by a.person limit :limit",
                                {**target.values, "limit": -1 if limit is None else limit})  # fmt: skip
        return [row[0] for row in rows]

    def count_adds(self, target: Target) -> int:
        return int(self._db.execute(f"select count(*) {_adds(target)}", target.values).fetchone()[0])

    def count_keeps(self, rule: str) -> int:
        """What it alone put somewhere and is to stay there."""
        row = self._db.execute(
            "select count(*) from owned o where o.rules = ? and o.person not in (select person from temp.open_cases)",
            (_json([rule]),),
        ).fetchone()
        return int(row[0])

    def count_homeless(self, rule: str, kind: str, accounts: Sequence[str]) -> int:
        """Those who match and would get it, and have no place for it in any of the accounts."""
        place = _PLACES[kind].replace("c.account = :account", "c.account in (select value from json_each(:accounts))")
        row = self._db.execute(
            f"select count(*) from temp.answers a where {_WANTED} and not {place}",
            {"rule": rule, "accounts": _json(list(accounts))},
        ).fetchone()
        return int(row[0])

    def count_vetoes(self, rule: str, keys: Sequence[str]) -> int:
        """Those who match, and from whom a person took it off."""
        row = self._db.execute(
            "select count(distinct v.person) from vetoes v join temp.answers a on a.rule = :rule and a.person = v.person"
            " and a.answer = 1 where v.key in (select value from json_each(:keys))",
            {"rule": rule, "keys": _json(list(keys))},
        ).fetchone()
        return int(row[0])


def _adds(target: Target) -> str:
    earlier = (
        " and not exists (select 1 from temp.answers e where e.person = a.person and e.answer = 1"
        " and e.rule in (select value from json_each(:before))"
        " and not exists (select 1 from temp.waiting w where w.rule = e.rule and w.person = e.person))"
    )
    # most have it already: that is asked first
    return (
        f"from temp.answers a where a.rule = :rule and a.answer = 1 and not exists (select 1 from {_OURS})"
        " and not exists (select 1 from temp.open_cases x where x.person = a.person)"
        " and not exists (select 1 from temp.waiting w where w.rule = :rule and w.person = a.person)"
        f" and {_PLACES[target.kind]}{earlier if target.before else ''}"
    )


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
