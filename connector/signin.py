"""How an account signs in: what adapters declare, and the one way that needs a conversation."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from urllib.parse import urljoin

import httpx

from connector.answer import Response, place_of, sort_out
from connector.errors import Malformed, Retry, Unauthorized
from connector.raw import Raw


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientCredentials:
    """OAuth 2 client credentials. Secrets `client_id` and `client_secret`; `subject` is an optional option."""

    token_url: str
    #: The platform says what a token may do (RFC 7662), under `introspect` beside the token's address.
    introspects: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BasicKey:
    """HTTP Basic. `user` None: the secret `api_key` is the user name, no password; else it is that user's password."""

    user: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretUrl:
    """The address itself is the secret `url`; nothing is signed in."""


Auth = ClientCredentials | BasicKey | SecretUrl


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """How to ask what a token may do."""

    url: str
    form: Mapping[str, str] = field(repr=False)
    signed: httpx.BasicAuth = field(repr=False)


@dataclass(slots=True)
class TokenAuth(httpx.Auth):
    """Client-credentials sign-in: one token for all threads, renewed a little early and once more on a 401."""

    token_url: str
    client_id: str = field(repr=False)
    client_secret: str = field(repr=False)
    subject: str | None = None
    introspects: bool = False
    clock: Callable[[], float] = time.time
    requires_response_body = True
    _token: str = field(default="", repr=False)
    _good_until: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        token = yield from self._fresh("")
        request.headers["Authorization"] = f"Bearer {token}"
        response = yield request
        if response.status_code == 401:
            token = yield from self._fresh(token)
            request.headers["Authorization"] = f"Bearer {token}"
            yield request

    def question(self) -> Question | None:
        """About the token in use. None: there is none yet, or nobody answers."""
        with self._lock:
            if not self._token or not self.introspects:
                return None
            form = {"token": self._token, "token_type_hint": "access_token"}
        signed = httpx.BasicAuth(self.client_id, self.client_secret)
        return Question(url=urljoin(self.token_url, "introspect"), form=form, signed=signed)

    def _fresh(self, stale: str) -> Generator[httpx.Request, httpx.Response, str]:
        with self._lock:
            if self._token and self._token != stale and self.clock() < self._good_until:
                return self._token
            form = {"grant_type": "client_credentials"} | ({"sub": self.subject} if self.subject else {})
            ask = httpx.Request("POST", self.token_url, data=form)
            ask.headers["Authorization"] = next(
                httpx.BasicAuth(self.client_id, self.client_secret).sync_auth_flow(ask)
            ).headers["Authorization"]
            answer = yield ask
            answer.read()
            self._keep(answer)
            return self._token

    def _keep(self, answer: httpx.Response) -> None:
        place = place_of(self.token_url)
        if answer.status_code in (400, 401, 403):
            raise Unauthorized(f"{place}: {answer.status_code}, the client id or secret is not accepted")
        response = Response(answer.status_code, answer.headers, answer.content, place)
        sort_out(response)
        raw = response.raw()
        try:
            self._token = raw["access_token"].text()
            lives = raw["expires_in"].maybe(Raw.number)
            until = raw["expires_at"].maybe(Raw.instant)
        except Malformed as error:
            raise Retry(f"{place}: signed in, but {error}") from error
        ends = self.clock() + lives if lives else until.timestamp() if until else self.clock() + 600
        self._good_until = ends - min(120.0, max(ends - self.clock(), 0) / 4)
