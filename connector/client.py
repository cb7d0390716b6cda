"""The one way out: time limits, pace, short retries of reads, and every answer turned into an error family.

Reads are tried up to three times within seconds. A write is tried once; only the outbox repeats it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import httpx
import msgspec
import tenacity

from connector.errors import CursorExpired, RateLimited, Refused, Retry, Unauthorized
from connector.raw import Raw

Params = Sequence[tuple[str, str]] | Mapping[str, str]
#: What an adapter may say about a refusal before the general table does. None: nothing special.
Explain = Callable[["Response"], Exception | None]

READ_TRIES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientCredentials:
    """OAuth 2 client credentials. Secrets `client_id` and `client_secret`; `subject` is an optional option."""

    token_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BasicKey:
    """HTTP Basic. `user` None: the secret `api_key` is the user name, no password; else it is that user's password."""

    user: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretUrl:
    """The address itself is the secret `url`; nothing is signed in."""


Auth = ClientCredentials | BasicKey | SecretUrl


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The platform's documented manners. `per` 0 calls: no rate, only `in_flight`."""

    calls: int
    per: timedelta
    #: Calls that may be under way at once.
    in_flight: int = 1
    #: True: a fixed window that opens again all at once. False: a bucket that refills steadily.
    fixed_window: bool = False
    #: Bucket only: how many may go at once when it is full.
    burst: int = 1
    #: Headers with the limit, what remains of it, and the epoch second at which the window opens again.
    limit_header: str | None = None
    remaining_header: str | None = None
    reset_header: str | None = None


class Pace:
    """Keeps one account's calls inside its limits. One instance an account; safe for several threads."""

    def __init__(
        self,
        limits: Limits,
        *,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._limits = limits
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._slots = threading.BoundedSemaphore(limits.in_flight)
        self._allowed = limits.calls
        self._left = float(limits.calls if limits.fixed_window else limits.burst)
        self._since = clock()
        self._reset = clock() + limits.per.total_seconds()
        self._closed_until = 0.0

    def __enter__(self) -> None:
        self._slots.acquire()
        try:
            while wait := self._take():
                self._sleep(wait)
        except BaseException:
            self._slots.release()
            raise

    def __exit__(self, *_: object) -> None:
        self._slots.release()

    def _take(self) -> float:
        """Take one call from the budget, or say how many seconds to wait before asking again."""
        with self._lock:
            now = self._clock()
            if now < self._closed_until:
                return self._closed_until - now
            if not self._limits.calls:
                return 0.0
            if self._limits.fixed_window:
                if now >= self._reset:
                    self._left = float(self._allowed)
                    self._reset = now + self._limits.per.total_seconds()
                if self._left < 1:
                    return max(self._reset - now, 0.01)
            else:
                rate = self._limits.calls / self._limits.per.total_seconds()
                self._left = min(float(self._limits.burst), self._left + (now - self._since) * rate)
                self._since = now
                if self._left < 1:
                    return max((1 - self._left) / rate, 0.001)
            self._left -= 1
            return 0.0

    def heed(self, headers: Mapping[str, str]) -> None:
        """Learn the real budget from what the platform says with each answer."""
        limits = self._limits
        with self._lock:
            if limits.limit_header and (allowed := _whole(headers.get(limits.limit_header))):
                self._allowed = allowed
            left = _whole(headers.get(limits.remaining_header)) if limits.remaining_header else None
            reset = _whole(headers.get(limits.reset_header)) if limits.reset_header else None
            if left is None or reset is None:
                return
            if reset > self._reset + 1 or left < self._left:
                self._left = float(left)
            # the header has whole seconds only: the window is open for certain once that second is over
            if abs(reset - self._reset) > 1:
                self._reset = float(reset)

    def close_for(self, wait: timedelta) -> None:
        """The platform said 429: nobody calls before that has passed."""
        with self._lock:
            self._closed_until = max(self._closed_until, self._clock() + wait.total_seconds())


def _whole(text: str | None) -> int | None:
    return int(text) if text is not None and text.strip().isdecimal() else None


@dataclass(frozen=True, slots=True)
class Response:
    status: int
    #: Lower-case names.
    headers: Mapping[str, str]
    body: bytes
    #: Address without its query, for complaints.
    place: str

    def raw(self) -> Raw:
        """The JSON body. Anything else with a good status is a broken answer, so Retry."""
        try:
            return Raw(msgspec.json.decode(self.body))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Retry(f"{self.place}: {self.status} without JSON") from error

    def decoded(self) -> Any:
        """The body for reading an error by: decoded JSON, or None."""
        try:
            return msgspec.json.decode(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None


@dataclass(slots=True)
class TokenAuth(httpx.Auth):
    """Client-credentials sign-in: one token for all threads, renewed a little early and once more on a 401."""

    token_url: str
    client_id: str = field(repr=False)
    client_secret: str = field(repr=False)
    subject: str | None = None
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
        place = _place(self.token_url)
        if answer.status_code in (400, 401, 403):
            raise Unauthorized(f"{place}: {answer.status_code}, the client id or secret is not accepted")
        _raise_general(Response(answer.status_code, _lower(answer.headers), answer.content, place))
        raw = Response(answer.status_code, {}, answer.content, place).raw()
        self._token = raw["access_token"].text()
        lives = raw["expires_in"].maybe(Raw.number)
        until = raw["expires_at"].maybe(Raw.instant)
        ends = self.clock() + lives if lives else until.timestamp() if until else self.clock() + 600
        self._good_until = ends - min(120.0, max(ends - self.clock(), 0) / 4)


class Client:
    """One account's HTTP. Addresses given as a path go to the base; a full address must be on the same host."""

    def __init__(
        self,
        http: httpx.Client,
        *,
        base_url: str,
        pace: Pace,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._http = http
        self._base = base_url.rstrip("/")
        self._pace = pace
        self._sleep = sleep

    def __repr__(self) -> str:
        return f"Client({self._base})"

    def get(self, path: str, params: Params = (), *, explain: Explain | None = None) -> Response:
        """A read: repeated up to three times on Retry. A 429 closes the lane and is tried again after the wait."""
        retrying = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(READ_TRIES),
            wait=tenacity.wait_random_exponential(multiplier=0.2, max=3),
            retry=tenacity.retry_if_exception_type((Retry, RateLimited)),
            sleep=self._sleep,
            reraise=True,
        )
        return retrying(self._once, "GET", path, params, explain=explain)

    def send(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        form: Mapping[str, str] | None = None,
        params: Params = (),
        explain: Explain | None = None,
    ) -> Response:
        """A write: tried once."""
        return self._once(method, path, params, json=json, form=form, explain=explain)

    def _once(
        self,
        method: str,
        path: str,
        params: Params,
        *,
        json: Any = None,
        form: Mapping[str, str] | None = None,
        explain: Explain | None = None,
    ) -> Response:
        url = self._address(path)
        query = httpx.QueryParams(list(params.items() if isinstance(params, Mapping) else params))
        with self._pace:
            try:
                answer = self._http.request(method, url, params=query or None, json=json, data=form)
            except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
                raise Retry(f"{_place(url)}: cannot be reached ({type(error).__name__})") from error
            except httpx.HTTPError as error:
                raise Retry(f"{_place(url)}: no answer ({type(error).__name__})", in_doubt=True) from error
        response = Response(answer.status_code, _lower(answer.headers), answer.content, _place(url))
        self._pace.heed(response.headers)
        if explain and response.status >= 400 and (special := explain(response)):
            raise special
        try:
            _raise_general(response)
        except RateLimited as error:
            self._pace.close_for(error.wait)
            raise
        return response

    def _address(self, path: str) -> str:
        if not path.startswith(("http://", "https://")):
            return self._base + path
        if urlsplit(path)[:2] != urlsplit(self._base)[:2]:
            raise Refused(f"{_place(path)}: the platform pointed to another host", status=0)
        return path


def _place(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.netloc}{parts.path}"


def _lower(headers: httpx.Headers) -> dict[str, str]:
    return {key.lower(): value for key, value in headers.items()}


def _raise_general(response: Response) -> None:
    """The table of families. Decided by status alone: bodies may be missing or HTML."""
    status, place = response.status, response.place
    if 200 <= status < 300:
        return
    wait = retry_after(response.headers)
    if status == 429 or (status == 503 and wait):
        raise RateLimited(f"{place}: {status}, asked to wait", wait=wait or timedelta(seconds=5))
    if status in (408, 409, 425) or status >= 500 or 300 <= status < 400:
        raise Retry(f"{place}: {status}", in_doubt=status >= 500)
    if status == 401:
        raise Unauthorized(f"{place}: 401, the credentials are not accepted")
    if status == 403:
        raise Unauthorized(f"{place}: 403, the credentials lack the permission for this", scope=place)
    raise Refused(f"{place}: {status}", status=status, body=response.decoded())


def retry_after(headers: Mapping[str, str]) -> timedelta | None:
    """`Retry-After` in seconds or as a date. None when absent or unreadable."""
    said = headers.get("retry-after", "").strip()
    if said.isdecimal():
        return timedelta(seconds=int(said))
    try:
        moment = parsedate_to_datetime(said)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(moment - datetime.now(UTC), timedelta(seconds=1))


__all__ = [
    "Auth",
    "BasicKey",
    "Client",
    "ClientCredentials",
    "CursorExpired",
    "Explain",
    "Limits",
    "Pace",
    "Params",
    "Response",
    "SecretUrl",
    "TokenAuth",
    "retry_after",
]
