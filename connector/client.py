"""The one way out: time limits, pace, short retries of reads, and every answer turned into an error family.

Reads are tried up to three times within seconds. A write is tried once; only the outbox repeats it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx
import tenacity

from connector.answer import Explain, Response, clock_skew, place_of, retry_after, sort_out
from connector.errors import RateLimited, Refused, Retry
from connector.pace import Limits, Pace
from connector.raw import Raw
from connector.signin import Auth, BasicKey, ClientCredentials, SecretUrl, TokenAuth

T = TypeVar("T")
R = TypeVar("R")

Params = Sequence[tuple[str, str]] | Mapping[str, str]

READ_TRIES = 3

# httpx logs whole addresses at INFO: their queries hold people, and a chat hook's address is itself the secret
logging.getLogger("httpx").setLevel(logging.WARNING)


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
        #: Seconds by which the platform's clock was ahead of ours at its last answer; None where it tells no time.
        self.skew: float | None = None

    def __repr__(self) -> str:
        return f"Client({place_of(self._base, self._base)})"

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

    def together(self, read: Callable[[T], R], items: Sequence[T]) -> Iterator[R]:
        """`read` for each item, as many side by side as the platform allows calls; the answers in the items' order."""
        with ThreadPoolExecutor(max(1, min(self._pace.in_flight, len(items)))) as pool:
            yield from pool.map(read, items)

    def introspect(self) -> Raw | None:
        """What the platform says of the token that the last call used (RFC 7662). None: it offers no such thing."""
        auth = self._http.auth
        question = auth.question() if isinstance(auth, TokenAuth) else None
        if question is None:
            return None
        place = place_of(question.url)
        answer = self._ask(place, "POST", question.url, data=question.form, auth=question.signed)
        response = Response(answer.status_code, answer.headers, answer.content, place)
        sort_out(response)
        return response.raw()

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
        place = place_of(url, self._base)
        query = httpx.QueryParams(list(params.items() if isinstance(params, Mapping) else params))
        try:
            with self._pace:
                answer = self._ask(place, method, url, params=query or None, json=json, data=form)
            headers = {key.lower(): value for key, value in answer.headers.items()}
            response = Response(answer.status_code, headers, answer.content, place, write=method != "GET")
            self._pace.heed(headers)
            self.skew = clock_skew(headers, time.time())
            if explain and response.status >= 400 and (special := explain(response)):
                raise special
            sort_out(response)
        except RateLimited as error:
            self._pace.close_for(error.wait)
            raise
        return response

    def _ask(self, place: str, method: str, url: str, **what: Any) -> httpx.Response:
        try:
            return self._http.request(method, url, follow_redirects=False, **what)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise Retry(f"{place}: cannot be reached ({type(error).__name__})") from error
        except httpx.HTTPError as error:
            raise Retry(f"{place}: no answer ({type(error).__name__})", in_doubt=method != "GET") from error
        except httpx.InvalidURL as error:
            raise Refused(f"{urlsplit(self._base).hostname}: an address that cannot be sent", status=0) from error

    def _address(self, path: str) -> str:
        if not path or path.startswith("/"):
            return self._base + path
        if urlsplit(path)[:2] != urlsplit(self._base)[:2]:
            raise Refused(f"{place_of(path)}: the platform pointed to another host", status=0)
        return path


__all__ = [
    "Auth",
    "BasicKey",
    "Client",
    "ClientCredentials",
    "Explain",
    "Limits",
    "Pace",
    "Params",
    "Response",
    "SecretUrl",
    "TokenAuth",
    "retry_after",
]
