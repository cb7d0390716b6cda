"""Which reference data each person's image was built from, and with which words: so that a change of either is noticed."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Set

import msgspec

from connector.model import Ref


class Uses:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def put(self, uses: Mapping[int, Set[Ref]]) -> None:
        """person → what their applications name, whole. What stands already is not written again."""
        numbers = self._numbers(frozenset().union(*uses.values()) if uses else frozenset())
        wanted = {(numbers[ref], person) for person, refs in uses.items() for ref in refs}
        held = {
            (row[0], row[1])
            for row in self._db.execute(
                "select thing, person from uses where person in (select value from json_each(?))", (_json(list(uses)),)
            )
        }
        self._db.executemany("delete from uses where thing = ? and person = ?", held - wanted)
        self._db.executemany("insert into uses (thing, person) values (?, ?)", wanted - held)

    def _numbers(self, refs: Collection[Ref]) -> dict[Ref, int]:
        self._db.executemany(
            "insert or ignore into things (account, kind, ref) values (?, ?, ?)",
            [(ref.account, ref.kind, ref.id) for ref in sorted(refs)],
        )
        by_kind: dict[tuple[str, str], list[str]] = defaultdict(list)
        for ref in refs:
            by_kind[ref.account, ref.kind].append(ref.id)
        return {
            Ref(account, kind, row[0]): row[1]
            for (account, kind), ids in by_kind.items()
            for row in self._db.execute(
                "select ref, id from things where account = ? and kind = ? and ref in (select value from json_each(?))",
                (account, kind, _json(ids)),
            )
        }

    def soil(self, refs: Iterable[Ref]) -> None:
        """Whoever's applications name one of these needs to be built anew."""
        self._db.executemany(
            "insert or ignore into dirty select c.account, c.id from things t join uses u on u.thing = t.id"
            " join candidates c on c.person = u.person and c.account = t.account"
            " where t.account = ? and t.kind = ? and t.ref = ?",
            [(ref.account, ref.kind, ref.id) for ref in refs],
        )

    def soil_groups(self, account: str, groups: Iterable[str]) -> None:
        """The records of these groups (Lever: contacts)."""
        self._db.executemany(
            "insert or ignore into dirty select account, id from links where key = ?",
            [(f"g:{account}:{group}",) for group in groups],
        )

    def words(self) -> str:
        """The mark of the settings' words that everyone was last built with, or is being built with. Empty: no one yet."""
        return str(self._db.execute("select mark from words").fetchone()[0])

    def put_words(self, mark: str) -> None:
        self._db.execute("update words set mark = ?", (mark,))


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
