"""Tokens, scopes, the 30-second windows and the shapes of refusal, as the sandbox keeps them."""

from __future__ import annotations

import base64
import secrets
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from starlette.requests import Request
from starlette.responses import Response

CLIENT_ID = "keepwarm-sandbox-client-1"
CLIENT_SECRET = "sandbox-client-secret"


def answer(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(msgspec.json.encode(body), status, headers, media_type="application/json")


class Refusal(Exception):
    """An answer that ends the request."""

    def __init__(self, status: int, message: str, errors: Any = None, headers: dict[str, str] | None = None) -> None:
        self.status = status
        self.body = {"message": message} | ({} if errors is None else {"errors": errors})
        self.headers = headers or {}


@dataclass(slots=True)
class Windows:
    """A fixed window that opens again all at once, on the clock of the wall."""

    calls: int
    seconds: int
    window: int = 0
    used: int = 0

    def take(self) -> bool:
        """Count one call; False when the window is used up."""
        window = int(time.time()) // self.seconds
        if window != self.window:
            self.window, self.used = window, 0
        self.used += 1
        return self.used <= self.calls

    @property
    def reset(self) -> int:
        return (self.window + 1) * self.seconds

    def headers(self) -> dict[str, str]:
        return {
            "X-RateLimit-Limit": str(self.calls),
            "X-RateLimit-Remaining": str(max(self.calls - self.used, 0)),
            "X-RateLimit-Reset": str(self.reset),
        }

    def refused(self) -> dict[str, str]:
        return self.headers() | {"Retry-After": str(max(self.reset - int(time.time()), 1))}


@dataclass(slots=True, kw_only=True)
class Tokens:
    """The token endpoint. `answer_as`: recordings say expires_at, the reference text says expires_in."""

    answer_as: str = "expires_at"
    seconds: int = 3600
    #: Every scope there is.
    known: frozenset[str] = frozenset()
    #: None: all of them are granted.
    scopes: frozenset[str] | None = None
    #: False: 404 where the token could be asked about.
    introspects: bool = True
    #: Lists want the acting user to be one.
    site_admin: bool = True
    issued: dict[str, tuple[float, str]] = field(default_factory=dict)
    windows: Windows = field(default_factory=lambda: Windows(60, 60))

    async def token(self, request: Request) -> Response:
        """The vendor's PHP library sends `grant_type` in the query; that works too."""
        if not self.windows.take():
            return answer({"message": "Too Many Requests"}, 429, self.windows.refused())
        form = {**request.query_params, **await _form(request)}
        if not self.signed_in(request):
            return answer({"error": "invalid_client"}, 401)
        if form.get("grant_type") != "client_credentials":
            return answer({"message": "grant_type is missing or unknown"}, 400)
        token, until = secrets.token_urlsafe(24), time.time() + self.seconds
        self.issued[token] = (until, form.get("sub", "isu"))
        ends = datetime.fromtimestamp(until, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        life = {"expires_at": ends} if self.answer_as == "expires_at" else {"expires_in": self.seconds}
        return answer({"token_type": "Bearer", "access_token": token} | life, headers={"Cache-Control": "no-store"})

    async def introspect(self, request: Request) -> Response:
        if not self.introspects:
            return answer({"message": "Resource not found"}, 404)
        if not self.signed_in(request):
            return answer({"error": "invalid_client"}, 401)
        until, subject = self.issued.get((await _form(request)).get("token", ""), (0.0, ""))
        if until < time.time():
            return answer({"active": False})
        claims = {
            "organization": {"id": 1, "name": "Sandbox Hospital"},
            "user_role": "site_admin" if self.site_admin else "basic",
        }
        return answer(
            {
                "active": True,
                "client_id": CLIENT_ID,
                "sub": subject,
                "scope": " ".join(sorted(self.known if self.scopes is None else self.scopes)),
                "https://auth.greenhouse.io/claims": claims,
            }
        )

    def signed_in(self, request: Request) -> bool:
        wanted = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        return secrets.compare_digest(request.headers.get("authorization", "").encode(), f"Basic {wanted}".encode())

    def admit(self, request: Request, resource: str, verb: str) -> None:
        """401 for the token, 403 for scope or role; one does not become the other by asking again."""
        word, _, token = request.headers.get("authorization", "").partition(" ")
        until, _ = self.issued.get(token, (0.0, ""))
        if word != "Bearer" or until < time.time():
            raise Refusal(401, "Unauthorized", ["Token could not be decoded or has expired"])
        if self.scopes is not None and f"harvest:{resource}:{verb}" not in self.scopes:
            raise Refusal(403, "Forbidden", [f"Missing scope harvest:{resource}:{verb}"])
        if verb == "list" and not self.site_admin:
            raise Refusal(403, "Forbidden", ["The user must be a Site Admin"])


async def _form(request: Request) -> dict[str, str]:
    return dict(parse_qsl((await request.body()).decode("utf-8", "replace")))
