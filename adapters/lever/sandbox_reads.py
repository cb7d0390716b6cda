"""The lists and single reads of the imitated Data API."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote

from starlette.requests import Request
from starlette.responses import Response

from adapters.lever.sandbox_store import CHILDREN, InvalidOffset, Key, Row, Store
from adapters.lever.sandbox_writes import answer, problem
from connector.sandbox import Harness

_MONTH_MS = 30 * 86_400_000
#: Filter → what of a row it looks at. Repeated parameters are a union.
_FILTERS: dict[str, Callable[[Store, Row], Sequence[Any]]] = {
    "tag": lambda store, row: store.tags(row),
    "email": lambda store, row: row["emails"],
    "origin": lambda store, row: [row["origin"]],
    "source": lambda store, row: row["sources"],
    "stage_id": lambda store, row: [row["stage"]],
    "posting_id": lambda store, row: [(store.applications.get(row["id"]) or {}).get("posting")],
    "archive_reason_id": lambda store, row: [(row["archived"] or {}).get("reason")],
    "archived": lambda store, row: ["true" if row["archived"] else "false"],
}
_RANGES: dict[str, Callable[[Row], int | None]] = {
    "created_at": lambda row: row["createdAt"],
    "advanced_at": lambda row: row["lastAdvancedAt"],
    "archived_at": lambda row: (row["archived"] or {}).get("archivedAt"),
}


@dataclass(slots=True)
class Reads:
    store: Store
    harness: Harness
    #: Doubt: does `updated_at_*` pass over records whose updatedAt is null ("skipped"), or list them ("matched").
    null_updated: str = "skipped"
    #: Doubt: does the deleted feed want both ends ("required"), or answer anything ("optional").
    deleted_range: str = "optional"
    #: /disposition_stages is not in the documents we have; False: 404.
    disposition: bool = True
    #: Was the key granted confidential records when it was made.
    confidential: bool = False
    #: Doubt: what a key without that grant is told of a confidential record that it names: 403 or 404.
    confidential_status: int = 404
    #: How many of the next requests with an offset are told that it is invalid.
    stale_offsets: int = 0

    def routes(self) -> list[tuple[str, str, Callable[[Request], Awaitable[Response]]]]:
        return [
            ("GET", "/stages", self.stages),
            ("GET", "/disposition_stages", self.disposition_stages),
            ("GET", "/archive_reasons", self.archive_reasons),
            ("GET", "/sources", self.counted),
            ("GET", "/tags", self.counted),
            ("GET", "/users", self.users),
            ("GET", "/users/{id}", self.user),
            ("GET", "/postings", self.postings),
            ("GET", "/contacts/{id}", self.contact),
            ("GET", "/opportunities", self.opportunities),
            ("GET", "/opportunities/deleted", self.deleted),
            ("GET", "/opportunities/{id}", self.opportunity),
            ("GET", "/opportunities/{id}/{kind}", self.children),
        ]

    async def stages(self, request: Request) -> Response:
        return self.paged(request, [{"id": one["id"], "text": one["text"]} for one in self.store.stages])

    async def disposition_stages(self, _: Request) -> Response:
        if not self.disposition:
            return problem(404, "ResourceNotFound", "Not found.")
        reasons = [one | {"type": "hired" if one["type"] == "hired" else None} for one in self.store.reasons]
        return answer({"data": {"stages": self.store.stages, "archiveReasons": reasons}})

    async def archive_reasons(self, request: Request) -> Response:
        kind = request.query_params.get("type")
        return self.paged(request, [one for one in self.store.reasons if kind in (None, one["type"])])

    async def counted(self, request: Request) -> Response:
        return self.paged(request, self.store.counts(request.url.path.rpartition("/")[2]))

    async def users(self, request: Request) -> Response:
        everyone = request.query_params.get("includeDeactivated") == "true"
        return self.paged(request, [one for one in self.store.users if everyone or one["deactivatedAt"] is None])

    async def user(self, request: Request) -> Response:
        found = [one for one in self.store.users if one["id"] == request.path_params["id"]]
        return answer({"data": found[0]}) if found else _missing()

    async def postings(self, request: Request) -> Response:
        wanted, refused = self._confidentiality(request)
        states = request.query_params.getlist("state")
        rows = [row for row in self.store.postings.values() if not states or row["state"] in states]
        return refused or self.paged(request, [row for row in rows if row["confidentiality"] in wanted])

    async def contact(self, request: Request) -> Response:
        found = self.store.contact(request.path_params["id"])
        return answer({"data": found}) if found else _missing()

    def _confidentiality(self, request: Request) -> tuple[tuple[str, ...], Response | None]:
        asked = request.query_params.get("confidentiality", "non-confidential")
        if asked != "non-confidential" and not self.confidential:
            return (), problem(403, "ForbiddenError", "No access to confidential data.")
        return ("confidential", "non-confidential") if asked == "all" else (asked,), None

    async def opportunities(self, request: Request) -> Response:
        wanted, refused = self._confidentiality(request)
        if refused:
            return refused
        query = request.query_params
        keys, ranges = self._keys(request)
        filters = {name: set(query.getlist(name)) for name in _FILTERS if name in query}

        def matches(row: Row) -> bool:
            return (
                row["confidentiality"] in wanted
                and all(
                    asked.intersection(map(str, _FILTERS[name](self.store, row))) for name, asked in filters.items()
                )
                and all(_inside(_RANGES[name](row), low, high) for name, (low, high) in ranges.items())
            )

        rows, following = self.store.listed(keys, matches, self._offset(request), _limit(request))
        expand, include = query.getlist("expand"), query.getlist("include")
        shown = [self.store.shown(row, expand=expand, include=include) for row in rows]
        return answer({"data": shown, "hasNext": following is not None} | ({"next": following} if following else {}))

    def _keys(self, request: Request) -> tuple[list[Key], dict[str, tuple[int | None, int | None]]]:
        query = request.query_params
        ranges = {name: _range(request, name) for name in _RANGES if f"{name}_start" in query or f"{name}_end" in query}
        if contacts := query.getlist("contact_id"):
            return sorted(key for contact in set(contacts) for key in self.store.of_contact(contact)), ranges
        start, end = _range(request, "updated_at")
        if start is None and end is None:
            return self.store.all(), ranges
        return self.store.touched(start, end, self.null_updated == "matched"), ranges

    async def deleted(self, request: Request) -> Response:
        start, end = _range(request, "deleted_at")
        if self.deleted_range == "required" and (start is None or end is None):
            return problem(400, "BadRequestError", "deleted_at_start and deleted_at_end are required.")
        if start is None and end is None:
            return answer({"data": [], "hasNext": False})
        if start is not None and end is not None and end - start > _MONTH_MS:
            return problem(400, "BadRequestError", "The range is longer than 30 days.")
        return self.paged(request, [row for row in self.store.deleted if _inside(row["deletedAt"], start, end)])

    async def opportunity(self, request: Request) -> Response:
        row = self.store.rows.get(request.path_params["id"])
        if row is None:
            return _missing()
        if row["confidentiality"] == "confidential" and not self.confidential:
            return problem(403, "ForbiddenError", "No access.") if self.confidential_status == 403 else _missing()
        query = request.query_params
        shown = self.store.shown(row, expand=query.getlist("expand"), include=query.getlist("include"))
        return answer({"data": shown})

    async def children(self, request: Request) -> Response:
        id, kind = request.path_params["id"], request.path_params["kind"]
        if id not in self.store.rows or kind not in CHILDREN:
            return _missing()
        return self.paged(request, self.store.below(id, kind))

    def paged(self, request: Request, rows: Sequence[Row]) -> Response:
        """Lists without an order of their own: the token is where the next page starts."""
        offset = self._offset(request)
        try:
            start = 0 if offset is None else int(json.loads(unquote(offset))[0])
        except (ValueError, TypeError, IndexError) as error:
            raise InvalidOffset from error
        end = start + _limit(request)
        names = request.query_params.getlist("include")
        shown = [{name: row[name] for name in names if name in row} if names else row for row in rows[start:end]]
        following = {"next": quote(json.dumps([end]), safe="")} if end < len(rows) else {}
        return answer({"data": shown, "hasNext": bool(following)} | following)

    def _offset(self, request: Request) -> str | None:
        offset = request.query_params.get("offset")
        if offset is not None and self.stale_offsets > 0:
            self.stale_offsets -= 1
            raise InvalidOffset
        return offset


def _limit(request: Request) -> int:
    asked = request.query_params.get("limit", "100")
    return min(max(int(asked), 1), 100) if asked.isdecimal() else 100


def _range(request: Request, name: str) -> tuple[int | None, int | None]:
    low, high = (request.query_params.get(f"{name}_{end}") for end in ("start", "end"))
    return int(low) if low else None, int(high) if high else None


def _inside(moment: int | None, low: int | None, high: int | None) -> bool:
    return moment is not None and (low is None or moment >= low) and (high is None or moment <= high)


def _missing() -> Response:
    return problem(404, "ResourceNotFound", "Resource was not found.")
