"""What the imitated Lever holds: opportunities in Lever's own order, and everything that hangs on them.

Order (seen on 1,004 recorded records, 2026-07): stage rank up, lastAdvancedAt down, id up. `next` is the percent-encoded
JSON of [rank, lastAdvancedAt, id] of the next page's first item.
"""

from __future__ import annotations

import itertools
import json
import uuid
from bisect import bisect_left, bisect_right, insort
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, unquote

Row = dict[str, Any]
Key = tuple[float, int, str]

LEAD_STAGES = (
    {"id": "lead-new", "text": "New lead", "pipeline": "lead", "rank": 1, "hasInterview": False},
    {"id": "lead-reached-out", "text": "Reached out", "pipeline": "lead", "rank": 3, "hasInterview": False},
    {"id": "lead-responded", "text": "Responded", "pipeline": "lead", "rank": 5, "hasInterview": False},
)
_PERSON = {"name": "", "headline": "", "emails": [], "phones": [], "links": []}
CHILDREN = ("feedback", "interviews", "offers", "notes")


class InvalidOffset(Exception):
    """Lever answers 400 to an offset that it did not give."""


def fresh_id(*parts: object) -> str:
    """The same parts give the same id; without any, a new one."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, "/".join(map(str, parts))) if parts else uuid.uuid4())


@dataclass(slots=True)
class Store:
    stages: list[Row] = field(default_factory=lambda: [dict(stage) for stage in LEAD_STAGES])
    reasons: list[Row] = field(default_factory=list)
    users: list[Row] = field(default_factory=list)
    postings: dict[str, Row] = field(default_factory=dict)
    rows: dict[str, Row] = field(default_factory=dict)
    #: Opportunity → its one application, as `expand` shows it.
    applications: dict[str, Row] = field(default_factory=dict)
    deleted: list[Row] = field(default_factory=list)
    contacts: dict[str, set[str]] = field(default_factory=dict)
    #: Opportunities whose tags also show their posting's words, as long as they are not archived.
    deriving: set[str] = field(default_factory=set)
    #: Panels that came through the API.
    external: set[str] = field(default_factory=set)
    #: Builds a child list that was seeded but not looked at yet.
    unmade: dict[str, Callable[[], Mapping[str, list[Row]]]] = field(default_factory=dict)
    children: dict[str, dict[str, list[Row]]] = field(default_factory=dict)
    _keys: list[Key] = field(default_factory=list)
    _key_of: dict[str, Key] = field(default_factory=dict)
    _contact_of: dict[str, str] = field(default_factory=dict)
    _updated: list[tuple[int, str]] = field(default_factory=list)
    _updated_of: dict[str, int] = field(default_factory=dict)
    _untouched: set[str] = field(default_factory=set)

    def put(self, row: Row) -> None:
        """Add a row, or file it anew after it was changed in place."""
        self._unfile(row["id"])
        self._file(row)
        insort(self._keys, self._key_of[row["id"]])
        if row["id"] in self._updated_of:
            insort(self._updated, (self._updated_of[row["id"]], row["id"]))

    def put_many(self, rows: Iterable[Row]) -> None:
        """As `put`, for thousands of new ones."""
        for row in rows:
            self._unfile(row["id"])
            self._file(row)
        self._keys = sorted(self._key_of.values())
        self._updated = sorted((moment, id) for id, moment in self._updated_of.items())

    def _file(self, row: Row) -> None:
        id = row["id"]
        self.rows[id] = row
        self._key_of[id] = (self.rank(row["stage"]), -int(row.get("lastAdvancedAt") or 0), id)
        self._contact_of[id] = row["contact"]
        self.contacts.setdefault(row["contact"], set()).add(id)
        if row.get("updatedAt") is None:
            self._untouched.add(id)
        else:
            self._updated_of[id] = row["updatedAt"]

    def _unfile(self, id: str) -> None:
        self._untouched.discard(id)
        if (key := self._key_of.pop(id, None)) is not None:
            _discard(self._keys, key)
        if (moment := self._updated_of.pop(id, None)) is not None:
            _discard(self._updated, (moment, id))
        if (contact := self._contact_of.pop(id, None)) is not None:
            self.contacts[contact].discard(id)

    def remove(self, id: str) -> Row:
        self._unfile(id)
        self.unmade.pop(id, None)
        self.children.pop(id, None)
        self.applications.pop(id, None)
        return self.rows.pop(id)

    def rank(self, stage: str) -> float:
        return next((float(one.get("rank", n)) for n, one in enumerate(self.stages) if one["id"] == stage), 1000.0)

    def listed(
        self, keys: list[Key], matches: Callable[[Row], bool], offset: str | None, limit: int
    ) -> tuple[list[Row], str | None]:
        """One page of `keys` and the token of the next."""
        start = 0 if offset is None else bisect_left(keys, _key(offset))
        fitting = (self.rows[key[2]] for key in itertools.islice(keys, start, None) if matches(self.rows[key[2]]))
        found = list(itertools.islice(fitting, limit + 1))
        more = found[limit] if len(found) > limit else None
        return found[:limit], None if more is None else _token(self._key_of[more["id"]])

    def all(self) -> list[Key]:
        return self._keys

    def of_contact(self, contact: str) -> list[Key]:
        return sorted(self._key_of[id] for id in self.contacts.get(contact, ()))

    def touched(self, start: int | None, end: int | None, untouched_too: bool) -> list[Key]:
        low = 0 if start is None else bisect_left(self._updated, (start, ""))
        high = len(self._updated) if end is None else bisect_right(self._updated, (end, "￿"))
        ids: Iterator[str] = (id for _, id in self._updated[low:high])
        return sorted(self._key_of[id] for id in (itertools.chain(ids, self._untouched) if untouched_too else ids))

    def below(self, id: str, name: str) -> list[Row]:
        if (make := self.unmade.pop(id, None)) is not None:
            self.children[id] = {kind: list(rows) for kind, rows in make().items()}
        return self.children.setdefault(id, {}).setdefault(name, [])

    def tags(self, row: Row) -> list[str]:
        own: list[str] = row["tags"]
        if row["id"] not in self.deriving or row["archived"]:
            return own
        return list(dict.fromkeys([*own, *self.derived(row["id"])]))

    def derived(self, id: str) -> list[str]:
        posting = self.postings.get((self.applications.get(id) or {}).get("posting") or "")
        if posting is None:
            return []
        kinds = posting["categories"]
        words = [posting["text"], *(kinds.get(name) for name in ("team", "department", "location", "commitment"))]
        return [word for word in [*words, *posting["tags"]] if word]

    def shown(self, row: Row, *, expand: Iterable[str] = (), include: Iterable[str] = (), blank: bool = False) -> Row:
        """A row as the API answers it."""
        wanted = set(include)
        expanded = set(expand)
        view = row | {"tags": self.tags(row)} | (_PERSON if blank else {})
        if wanted:
            view = {name: value for name, value in view.items() if name in wanted | expanded}
        run = self.applications.get(row["id"])
        if "applications" in expanded and run is not None:
            view["applications"] = [run]
        if "stage" in expanded:
            view["stage"] = {
                key: one[key] for one in self.stages if one["id"] == row["stage"] for key in ("id", "text")
            }
        if "contact" in expanded:
            view["contact"] = self.contact(row["contact"])
        return view

    def contact(self, contact: str) -> Row | None:
        rows = [self.rows[id] for id in sorted(self.contacts.get(contact, ()))]
        if not rows:
            return None
        one = max(rows, key=lambda row: int(row["createdAt"]))
        return {
            "id": contact,
            "name": one["name"],
            "headline": one["headline"],
            "isAnonymized": all(row["isAnonymized"] for row in rows),
            "location": {"name": one["location"]},
            "emails": one["emails"],
            "phones": one["phones"],
        }

    def counts(self, name: str) -> list[Row]:
        held: Counter[str] = Counter()
        for row in self.rows.values():
            held.update(self.tags(row) if name == "tags" else row[name])
        return [{"text": text, "count": count} for text, count in sorted(held.items())]


def _discard(ordered: list[Any], item: Any) -> None:
    at = bisect_left(ordered, item)
    if at < len(ordered) and ordered[at] == item:
        del ordered[at]


def _token(key: Key) -> str:
    return quote(json.dumps([key[0], -key[1], key[2]], separators=(",", ":")), safe="")


def _key(token: str) -> Key:
    try:
        rank, advanced, id = json.loads(unquote(token))
        return float(rank), -int(advanced), str(id)
    except (ValueError, TypeError) as error:
        raise InvalidOffset from error
