"""Lever through the Data API v1: pulls lists, reads webhooks as hints, writes tags, notes and sources."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import ClassVar
from urllib.parse import quote

from adapters.lever import health, hooks
from adapters.lever.declaration import DECLARATION, OVERLAP
from adapters.lever.evidence import CHILDREN, EvidenceMapper, wrapped
from adapters.lever.lists import page, pages, without_answers
from adapters.lever.mapping import Mapper
from adapters.lever.options import Options
from adapters.lever.writes import push
from connector.adapter import Connection, Declaration, Health
from connector.errors import CursorExpired, Malformed, Refused, Unauthorized, Unsupported
from connector.flow import Action, Delivery, Failure, Page, Reading, Receipt, Window, gone_page
from connector.model import AnyRecord, Ref
from connector.raw import Raw, each

_LIMIT = ("limit", "100")
_EXPAND = ("expand", "applications")
#: The deleted feed takes at most 30 days at once (public code, read 2026-11-23); a day is left for the zones.
_SLICE = timedelta(days=29)


@dataclass(frozen=True, slots=True)
class Lever:
    connection: Connection
    declaration: ClassVar[Declaration] = DECLARATION

    @property
    def options(self) -> Options:
        return Options.of(self.connection.options)

    # in

    def verify(self, delivery: Delivery, secrets: Sequence[str]) -> None:
        hooks.verify(delivery, secrets, self.options)

    def identify(self, delivery: Delivery) -> str:
        return hooks.identify(delivery)

    def read(self, delivery: Delivery) -> Reading:
        if delivery.stream is None:
            return hooks.read(delivery)
        body = Raw.parse(delivery.body)
        rows = _rows(body["data"] if body["data"].stated else body["answers"]["data"])
        reader = self._reader(delivery, body)
        # a whole list at a time: a row that spoils half-way must leave nothing behind
        records, spoiled = each(rows, lambda row: list(reader(row)), again=lambda row: _again(delivery, body, row))
        return Reading(records=tuple(records), spoiled=tuple(spoiled))

    def _reader(self, delivery: Delivery, body: Raw) -> Callable[[Raw], Iterable[AnyRecord]]:
        mapper = Mapper(delivery.account, self.options, delivery.received_at)
        evidence = EvidenceMapper(delivery.account, body["opportunity"].maybe(Raw.id))
        places = itertools.count()
        readers: dict[str, Callable[[Raw], Iterable[AnyRecord]]] = {
            "stages": lambda row: mapper.stage(row, next(places)),
            "archive_reasons": mapper.archive_reasons,
            "sources": mapper.sources,
            "users": mapper.users,
            "postings": mapper.postings,
            "opportunities": mapper.opportunities,
            "opportunities_deleted": mapper.opportunities_deleted,
            "feedback": evidence.feedback,
            "interviews": evidence.interviews,
            "offers": evidence.offers,
            "notes": evidence.notes,
        }
        reader = readers.get(delivery.stream or "")
        if reader is None:
            raise Malformed("$", "a stream of Lever", "another")
        return reader

    # pull

    def pull(self, stream: str, window: Window, cursor: str | None) -> Page:
        if stream == "stages":
            return self._pull_stages(cursor)
        if stream == "opportunities":
            return self._pull_opportunities(window, cursor)
        if stream == "opportunities_deleted":
            return self._pull_deleted(window, cursor)
        params = {
            "archive_reasons": [_LIMIT],
            "sources": [_LIMIT],
            "users": [_LIMIT, ("includeDeactivated", "true")],
            "postings": [_LIMIT, *self._confidentiality],
        }.get(stream)
        if params is None:
            raise Unsupported(f"lever has no stream {stream}")
        listed = page(self.connection.client, f"/{stream}", params, cursor)
        return Page(body=listed.body, count=listed.count, cursor=listed.next)

    @property
    def _confidentiality(self) -> list[tuple[str, str]]:
        return [("confidentiality", "all")] if self.options.confidential else []

    def _pull_stages(self, cursor: str | None) -> Page:
        """The undocumented list, which also has rank and pipeline, where it answers; else the documented one."""
        client = self.connection.client
        if cursor is None:
            try:
                answer = client.get("/disposition_stages")
            except (Refused, Unauthorized) as error:
                if isinstance(error, Unauthorized) and error.scope is None:
                    raise
            else:
                richer = answer.raw()["data"]["stages"].value
                if isinstance(richer, list) and richer:
                    return Page(body=answer.body, count=len(richer))
        listed = page(client, "/stages", [_LIMIT], cursor)
        return Page(body=listed.body, count=listed.count, cursor=listed.next)

    def _pull_opportunities(self, window: Window, cursor: str | None) -> Page:
        """A full walk carries no filter, because `updated_at_*` skips all whose updatedAt is null.

        The list is in order of stage, so whoever moves while we walk can slip past. A second, short walk over what
        changed since the run began catches those; without it they would look deleted."""
        phase, _, offset = (cursor or ("changed:" if window.since else "all:")).partition(":")
        since = window.since if phase == "changed" else window.until - OVERLAP if phase == "moved" else None
        params = [_LIMIT, _EXPAND, *self._confidentiality]
        if since:
            params.append(("updated_at_start", _millis(since)))
        if phase == "changed":
            params.append(("updated_at_end", _millis(window.until)))
        listed = page(self.connection.client, "/opportunities", params, offset or None)
        following = f"{phase}:{listed.next}" if listed.next else "moved:" if phase == "all" else None
        return Page(body=without_answers(listed), count=listed.count, cursor=following)

    def _pull_deleted(self, window: Window, cursor: str | None) -> Page:
        begun, _, offset = (cursor or "").partition(":")
        if begun and not begun.isdecimal():
            raise CursorExpired("lever: the cursor of opportunities_deleted cannot be read")
        start = datetime.fromtimestamp(int(begun) / 1000, UTC) if begun else window.since or window.until - _SLICE
        end = min(start + _SLICE, window.until)
        params = [_LIMIT, ("deleted_at_start", _millis(start)), ("deleted_at_end", _millis(end))]
        listed = page(self.connection.client, "/opportunities/deleted", params, offset or None)
        following = f"{_millis(start)}:{listed.next}" if listed.next else None
        if following is None and end < window.until:
            following = f"{_millis(end)}:"
        return Page(body=listed.body, count=listed.count, cursor=following)

    # fetch

    def fetch(self, kind: str, ids: Sequence[str]) -> Iterator[tuple[str, Page]]:
        if kind not in self.declaration.fetches:
            raise Unsupported(f"lever cannot fetch {kind}")
        for found in self.connection.client.together(lambda id: self._fetched(kind, id), ids):
            yield from found

    def _fetched(self, kind: str, id: str) -> list[tuple[str, Page]]:
        if kind == "contact":
            return list(self._fetch_contact(id))
        try:
            return list(self._fetch_child(kind, id) if kind in CHILDREN else self._fetch_opportunity(id))
        except (Refused, Unauthorized) as error:
            if not self._out_of_sight(kind, error):
                raise
            return [gone_page("application", [id]), gone_page("candidate", [id])]

    def _out_of_sight(self, kind: str, error: Refused | Unauthorized) -> bool:
        """404, or 403 for one opportunity while the list is open to us: it is confidential, as if it were not there."""
        if isinstance(error, Refused):
            return error.status == 404
        if error.scope is None or kind in CHILDREN:
            return False
        self.connection.client.get("/opportunities", [("limit", "1"), ("include", "id")])
        return True

    def _fetch_opportunity(self, id: str) -> Iterator[tuple[str, Page]]:
        path = f"/opportunities/{quote(id, safe='')}"
        listed = page(self.connection.client, path, [_EXPAND, ("expand", "stage")], None)
        yield "opportunities", Page(body=without_answers(listed), count=1)

    def _fetch_contact(self, id: str) -> Iterator[tuple[str, Page]]:
        params = [_LIMIT, ("contact_id", id), _EXPAND, *self._confidentiality]
        for listed in pages(self.connection.client, "/opportunities", params):
            yield "opportunities", Page(body=without_answers(listed), count=listed.count)

    def _fetch_child(self, kind: str, id: str) -> Iterator[tuple[str, Page]]:
        child = CHILDREN[kind]
        path = f"/opportunities/{quote(id, safe='')}/{child.path}"
        for listed in pages(self.connection.client, path, child.params):
            yield child.path, Page(body=wrapped(child, id, listed.answers), count=listed.count)

    # out

    def push(self, actions: Sequence[Action]) -> Iterator[Receipt | Failure]:
        return push(self.connection.client, self.options, actions)

    def check(self) -> Health:
        return health.check(self.connection.client, self.connection.account, self.options)


def _rows(data: Raw) -> list[Raw]:
    """`data` is a list, one object (a single GET), or the object around the richer stage list."""
    if type(data.value) is not dict:
        return data.items() if type(data.value) is list else data.wrong("a list")
    return data["stages"].items() if data["stages"].stated else [data]


def _again(delivery: Delivery, body: Raw, row: Raw) -> Ref | None:
    """What to ask for to get this row once more; lists below an opportunity are asked for by that."""
    below = [kind for kind, child in CHILDREN.items() if child.path == delivery.stream]
    if below:
        owner = body["opportunity"].maybe(Raw.id) or row["opportunityId"].id()
        return Ref(delivery.account, below[0], owner)
    listed = delivery.stream in ("opportunities", "opportunities_deleted")
    return Ref(delivery.account, "candidate", row["id"].id()) if listed else None


def _millis(moment: datetime) -> str:
    return str(int(moment.timestamp() * 1000))


ADAPTER = Lever

__all__ = ["ADAPTER", "Lever"]
