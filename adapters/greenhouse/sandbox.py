"""A Greenhouse to talk to: Harvest v3 and recruiting webhooks as documented, doubts as attributes.

Written from the documents (harvestdocs.greenhouse.io and developers.greenhouse.io/webhooks.html, read 2026-11-23), not
from the adapter. API under `/v3`, tokens at `/token`, control under `/_sandbox`.
"""

from __future__ import annotations

import json
import secrets as dice
import time
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from adapters.greenhouse.sandbox_acts import ACTS
from adapters.greenhouse.sandbox_door import CLIENT_ID, CLIENT_SECRET, Refusal, Tokens, Windows, answer
from adapters.greenhouse.sandbox_events import Sender
from adapters.greenhouse.sandbox_query import Query, Unprocessable, cursor_of, parse, stamp, state_of
from adapters.greenhouse.sandbox_seed import seed
from adapters.greenhouse.sandbox_tables import FILLED, RESOURCES, Row, Table, tables
from adapters.greenhouse.sandbox_writes import WRITES
from connector.sandbox import Harness
from connector.world import World

#: "up to 7 attempts": the first and six repeats.
RETRIES = tuple(timedelta(minutes=minutes) for minutes in (1, 15, 60, 120, 240, 480))


class GreenhouseSandbox:
    """Each doubt of the documents is an attribute here; the first reading is the default."""

    employers: tuple[str, ...] = ("hospital",)
    secrets: Mapping[str, Any]
    options: Mapping[str, Any]
    #: Where the API and the tokens are below the address of `running`.
    base_path = "/v3"
    token_path = "/token"

    def __init__(self, limited: bool = True) -> None:
        self.limited = limited
        self.secrets = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "webhook": ["sandbox-webhook-key"]}
        self.options = {
            "fields": {
                "city": "city",
                "region": "region",
                "skills": "skills",
                "consent_expires": "consent_until",
            }
        }
        self.tables: dict[str, Table] = tables()
        self.tokens = Tokens(
            known=frozenset(f"harvest:{name}:list" for name in RESOURCES)
            | frozenset(f"harvest:{name}:{write.verb}" for (_, name, _), write in WRITES.items())
        )
        #: No ceiling is published; 150 is the one recorded for a customer's own integration.
        self.windows = Windows(150, 30)
        #: Re-applying a tag: "same_row" answers the row that is there, "422" refuses, "second_row" makes another.
        self.duplicate_tag = "same_row"
        #: Does adding or removing a tag move the candidate's updated_at, and send update_candidate?
        self.tag_moves_candidate = False
        self.tag_fires_update = False
        #: Do rejection_details stay after an unreject?
        self.unreject_keeps_details = False
        #: Does a retried delivery keep its Greenhouse-Event-ID?
        self.event_id_repeats = True
        #: Are columns of newer specifications there (job_interview_stage_id and rejection_reason_id of applications)?
        self.newer_fields = True
        #: Is a name that is no column refused in `fields`, or passed over?
        self.strict_fields = False
        #: May the acting user see private candidates and private notes?
        self.sees_private = True
        #: Cursors issued before this moment (epoch seconds) are refused; how long one lives is not published.
        self.cursors_since = 0.0
        self.cursor_seconds = 3600.0
        self.organization = (4_000_000_001, "Sandbox Hospital")
        self.harness = Harness(
            retries=RETRIES,
            taken=lambda status: status == 200,
            act=self.act,
            state=self.state,
            throttled=self.throttled,
        )
        self.sender = Sender(self)
        self.app = self.harness.application(
            [
                Route("/token", self.tokens.token, methods=["POST"]),
                Route("/introspect", self.tokens.introspect, methods=["POST"]),
                Route("/v3/{path:path}", self.api, methods=["GET", "POST", "PATCH", "DELETE", "PUT"]),
            ]
        )

    def seed(self, world: World) -> None:
        seed(self, world)

    def load(self, lines: Iterable[bytes]) -> int:
        taken = 0
        for line in lines:
            if line.strip():
                given = json.loads(line)
                self.put(given["stream"], given["data"])
                taken += 1
        return taken

    def put(self, name: str, row: Row) -> Row:
        """Add or replace a row; an id and the times are given where they are missing."""
        table, now = self.tables[name], self.now()
        key = row["id"] if "id" in row else table.next_id()
        return table.put({"id": key, "created_at": now, "updated_at": now} | row)

    def change(self, name: str, key: int, **new: Any) -> Row:
        table = self.tables[name]
        return table.put(table.rows[key] | {"updated_at": self.now()} | new)

    def now(self) -> str:
        return stamp(self.harness.clock.now())

    async def act(self, name: str, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        if name not in ACTS:
            raise LookupError(f"{name}; known: {', '.join(sorted(ACTS))}")
        return ACTS[name](self, asked)

    def state(self) -> Mapping[str, Any]:
        people = self.tables["candidates"].rows
        return {
            "counts": {name: len(table.rows) for name, table in self.tables.items()},
            "tags": {str(key): row["tags"] for key, row in people.items() if row["tags"]},
            "notes": {
                str(row["id"]): {"candidate": str(row["candidate_id"]), "body": row.get("body")}
                for row in self.tables["notes"].rows.values()
                if row["type"] == "NOTE"
            },
        }

    def throttled(self) -> Response:
        return answer({"message": "Too Many Requests"}, 429, self.windows.headers() | {"Retry-After": "1"})

    async def api(self, request: Request) -> Response:
        """Routing comes before signing in: an unknown path is 404 even without a token."""
        headers = {"X-Request-Id": dice.token_hex(8)}
        try:
            done, status, more = await self._answered(request, headers)
        except Refusal as no:
            return answer(no.body, no.status, headers | no.headers)
        except Unprocessable as no:
            return answer({"message": "Unprocessable Content", "errors": no.errors}, 422, headers)
        return Response(status_code=status, headers=headers) if done is None else answer(done, status, headers | more)

    async def _answered(self, request: Request, headers: dict[str, str]) -> tuple[Any, int, dict[str, str]]:
        name, _, key = request.path_params["path"].partition("/")
        write = WRITES.get((request.method, name, bool(key)))
        listing = request.method == "GET" and not key and name in RESOURCES
        if not listing and (write is None or (key and not key.isdecimal())):
            raise Refusal(404, "Resource not found")
        self.tokens.admit(request, name, write.verb if write else "list")
        if self.limited:
            fits = self.windows.take()
            headers |= self.windows.headers()
            if not fits:
                raise Refusal(429, "Too Many Requests", headers=self.windows.refused())
        if write is None:
            rows, more = self._list(name, request)
            return rows, 200, more
        body = await request.body()
        status, done = write.act(self, int(key) if key else 0, _decoded(body))
        return done, status, {}

    def _list(self, name: str, request: Request) -> tuple[list[Row], dict[str, str]]:
        pairs = list(request.query_params.multi_items())
        last, turn = None, 1
        if cursor := request.query_params.get("cursor"):
            if len(pairs) > 1:
                raise Unprocessable("When passing a cursor, do not include other query params.")
            state = state_of(cursor)
            if state["name"] != name or state["at"] < max(self.cursors_since, time.time() - self.cursor_seconds):
                raise Unprocessable(["Cursor has expired"])
            pairs, last, turn = [tuple(pair) for pair in state["query"]], state["last_id"], state["page"] + 1
        query = parse(RESOURCES[name], pairs, strict_fields=self.strict_fields)
        rows = self._page(name, query, last)
        shown = self._shown(name, query)
        filled = FILLED.get(name, {})
        found = [
            {column: filled.get(column) if row.get(column) is None else row[column] for column in shown}
            for row in rows[: query.per_page]
        ]
        if len(rows) <= query.per_page:
            return found, {}
        state = {
            "name": name,
            "query": pairs,
            "last_id": rows[query.per_page - 1]["id"],
            "page": turn,
            "at": time.time(),
        }
        base = f"{request.url.scheme}://{request.url.netloc}/v3/{name}"
        padded = cursor_of(state).replace("=", "%3D")
        return found, {"Link": f'<{base}?cursor={padded}>; rel="next"'}

    def _page(self, name: str, query: Query, last: int | None) -> list[Row]:
        """One row more than asked for, to know whether there is a next page."""
        table, found = self.tables[name], []
        for row in table.newest_first(last, table.narrowed(query.ids)):
            for holds in query.tests:
                if not holds(row):
                    break
            else:
                if self._hidden(name, row, query.flags):
                    continue
                found.append(row)
                if len(found) > query.per_page:
                    break
        return found

    def _hidden(self, name: str, row: Row, flags: Mapping[str, str]) -> bool:
        """What a list leaves out unless it is asked for, or what the acting user may not see."""
        if name == "rejection_reasons":
            return bool(row.get("default")) and flags.get("include_defaults") != "true"
        if name == "users":
            return not row.get("primary_email") and flags.get("show_service_accounts") != "true"
        if name == "job_posts":
            return row.get("active") is False and flags.get("active") != "false"
        if name == "offers":
            return row["status"] == "Deprecated" and flags.get("current_only") == "true"
        if name == "candidates":
            return bool(row.get("private")) and not self.sees_private
        return name == "notes" and row.get("visibility") != "publicly_visible" and not self.sees_private

    def _shown(self, name: str, query: Query) -> tuple[str, ...]:
        columns = RESOURCES[name].fields
        if not self.newer_fields and name == "applications":
            columns = tuple(
                column for column in columns if column not in ("job_interview_stage_id", "rejection_reason_id")
            )
        if query.fields is None:
            return columns
        return tuple(column for column in columns if column in query.fields)


def _decoded(body: bytes) -> dict[str, Any]:
    if not body:
        return {}
    try:
        given = json.loads(body)
    except ValueError:
        raise Refusal(400, "Bad Request") from None
    if not isinstance(given, dict):
        raise Refusal(400, "Bad Request")
    return given


SANDBOX = GreenhouseSandbox
