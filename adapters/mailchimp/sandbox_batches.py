"""The sandbox's /batches: operations that run later, one by one, and whose answers wait in a tar.gz."""

from __future__ import annotations

import io
import json
import secrets
import tarfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message

from adapters.mailchimp.sandbox_shapes import HaltError, answer, invalid, iso, missing, paging, told

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
MOST_PENDING = 500
#: Seconds: how long results are kept, and how long one address of them works.
KEPT, LINK = 7 * 24 * 3600, 600
#: Results in one file of the archive.
A_FILE = 100


class Office(Protocol):
    """Where batches are handed in."""

    batches: Batches

    @property
    def app(self) -> ASGIApp: ...

    def now(self) -> int: ...


@dataclass(slots=True)
class Batch:
    id: str
    operations: list[dict[str, Any]]
    submitted_at: int
    #: What let the request in; the operations run with the same right.
    authorization: str
    results: list[dict[str, Any]] = field(default_factory=list)
    completed_at: int | None = None


class Batches:
    def __init__(self) -> None:
        self.rows: dict[str, Batch] = {}
        #: Seconds after which a batch begins, and is finished.
        self.begins, self.lasts = 0, 0
        #: Token → batch, and until when it works.
        self.links: dict[str, tuple[str, int]] = {}

    async def work(self, office: Office) -> None:
        """Run what has become due."""
        for batch in list(self.rows.values()):
            if batch.completed_at is None and not batch.results and self._over(batch, office.now()):
                batch.results = [{}]  # under way: the operations' own requests come through here as well
                batch.results = [await _run(office, batch, it) for it in batch.operations]
                batch.completed_at = office.now()

    def _over(self, batch: Batch, now: int) -> bool:
        return now >= batch.submitted_at + self.begins + self.lasts

    def status(self, batch: Batch, now: int) -> str:
        if batch.completed_at is not None:
            return "finished"
        return "pending" if now < batch.submitted_at + self.begins else "started"

    def show(self, batch: Batch, request: Request, now: int) -> dict[str, Any]:
        done = batch.results if batch.completed_at is not None else []
        url = ""
        if batch.completed_at is not None:
            token = secrets.token_urlsafe(12)
            self.links[token] = (batch.id, now + LINK)
            url = f"{request.url.scheme}://{request.url.netloc}/results/{token}-response.tar.gz"
        return {
            "id": batch.id,
            "status": self.status(batch, now),
            "total_operations": len(batch.operations),
            "finished_operations": len(done),
            "errored_operations": sum(row["status_code"] >= 400 for row in done),
            "submitted_at": iso(batch.submitted_at),
            "completed_at": iso(batch.completed_at),
            "response_body_url": url,
            "_links": [],
        }


async def batches(office: Office, request: Request) -> Response:
    now, held = office.now(), office.batches
    if request.method == "POST":
        return await _hand_in(office, request)
    count, offset = paging(request)
    rows = [it for it in held.rows.values() if it.submitted_at > now - KEPT]
    shown = [held.show(it, request, now) for it in rows[offset : offset + count]]
    return answer(request, {"batches": shown, "total_items": len(rows), "_links": []})


async def _hand_in(office: Office, request: Request) -> Response:
    now, held = office.now(), office.batches
    asked = (await told(request)).get("operations")
    if not isinstance(asked, list) or not asked:
        raise invalid("The resource submitted could not be validated.", field="operations")
    for number, row in enumerate(asked):
        _sound(row, f"operations.item:{number}")
    if sum(held.status(it, now) == "pending" for it in held.rows.values()) >= MOST_PENDING:
        raise HaltError(429, "You have more than 500 pending batches.")
    batch = Batch(secrets.token_hex(5), asked, now, request.headers.get("authorization", ""))
    held.rows[batch.id] = batch
    return JSONResponse(held.show(batch, request, now))


def _sound(row: object, place: str) -> None:
    if not isinstance(row, dict) or row.get("method") not in METHODS:
        raise invalid("The resource submitted could not be validated.", field=f"{place}.method")
    if not isinstance(row.get("path"), str) or not row["path"]:
        raise invalid("The resource submitted could not be validated.", field=f"{place}.path")
    if not isinstance(row.get("body", ""), str):
        raise invalid("Schema describes string, other found instead", field=f"{place}.body")
    if not isinstance(row.get("params", {}), dict):
        raise invalid("Schema describes object, other found instead", field=f"{place}.params")


async def one_batch(office: Office, request: Request) -> Response:
    batch = office.batches.rows.get(request.path_params["batch_id"])
    if batch is None or batch.submitted_at <= office.now() - KEPT:
        raise missing()
    if request.method == "DELETE":
        del office.batches.rows[batch.id]
        return Response(status_code=204)
    return answer(request, office.batches.show(batch, request, office.now()))


async def results(office: Office, request: Request) -> Response:
    """No key is asked for: whoever has the address has the results, for ten minutes."""
    key, until = office.batches.links.get(request.path_params["token"], ("", 0))
    batch = office.batches.rows.get(key)
    if batch is None or office.now() > until:
        return Response("<Error><Code>AccessDenied</Code></Error>", 403, media_type="application/xml")
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        # their order is not that of the operations
        backwards = batch.results[::-1]
        for start in range(0, len(backwards), A_FILE):
            content = json.dumps(backwards[start : start + A_FILE]).encode()
            entry = tarfile.TarInfo(f"{batch.id}/{secrets.token_hex(6)}.json")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return Response(packed.getvalue(), media_type="application/gzip")


async def _run(office: Office, batch: Batch, asked: dict[str, Any]) -> dict[str, Any]:
    params = dict(asked.get("params") or {})
    if asked["method"] == "GET" and "count" not in params:
        params["count"] = "1000"  # a list is walked to its end when nobody says how far
    path = "/" + asked["path"].lstrip("/")
    # the version belongs to the batch, not to its operations
    path = "/unknown" + path if path.startswith("/3.0") else "/3.0" + path
    status, body = await _call(office.app, asked["method"], path, params, asked.get("body", ""), batch.authorization)
    return {"status_code": status, "operation_id": asked.get("operation_id", ""), "response": body.decode()}


async def _call(
    app: ASGIApp, method: str, path: str, params: dict[str, Any], body: str, authorization: str
) -> tuple[int, bytes]:
    """One request that never leaves the process."""
    came: list[Message] = []
    path, _, query = path.partition("?")
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": "&".join(it for it in (query, urlencode(params)) if it).encode(),
        "headers": [(b"host", b"sandbox"), (b"authorization", authorization.encode())],
        "server": ("sandbox", 80),
        # no connection of the caller's
        "inside": True,
    }

    async def receive() -> Message:
        return {"type": "http.request", "body": body.encode(), "more_body": False}

    async def send(message: Message) -> None:
        came.append(message)

    await app(scope, receive, send)
    status = next(int(it["status"]) for it in came if it["type"] == "http.response.start")
    return status, b"".join(it.get("body", b"") for it in came if it["type"] == "http.response.body")


TABLE: tuple[tuple[str, tuple[str, ...], Callable[[Any, Request], Awaitable[Response]]], ...] = (
    ("/batches", ("GET", "POST"), batches),
    ("/batches/{batch_id}", ("GET", "DELETE"), one_batch),
)
