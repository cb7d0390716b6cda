"""What a platform answered, and the one table that turns an answer into an error family."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import msgspec

from connector.errors import RateLimited, Refused, Retry, Unauthorized
from connector.raw import Raw

#: What an adapter may say about a refusal before the general table does. None: nothing special.
Explain = Callable[["Response"], Exception | None]
#: How a web page begins, where a proxy answers in the platform's stead.
_PAGE = (b"<!doctype", b"<html")


@dataclass(frozen=True, slots=True)
class Response:
    status: int
    #: Lower-case names.
    headers: Mapping[str, str]
    body: bytes
    #: Address without its query, for complaints.
    place: str
    #: The answer to a write: when it cannot be understood, the write may have taken effect all the same.
    write: bool = False

    def raw(self) -> Raw:
        """The JSON body. Anything else with a good status is a broken answer, so Retry."""
        try:
            return Raw(msgspec.json.decode(self.body))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Retry(f"{self.place}: {self.status} without JSON", in_doubt=self.write) from error

    def decoded(self) -> Any:
        """The body for reading an error by: decoded JSON, or None."""
        try:
            return msgspec.json.decode(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None


def sort_out(response: Response) -> None:
    """The table of families. Decided by status alone: bodies may be missing or HTML."""
    status, place = response.status, response.place
    if 200 <= status < 300:
        if response.body[:64].lstrip().lower().startswith(_PAGE):
            raise Retry(f"{place}: {status} with a web page", in_doubt=response.write)
        return
    wait = retry_after(response.headers)
    if status == 429 or (status == 503 and wait):
        raise RateLimited(f"{place}: {status}, asked to wait", wait=wait or timedelta(seconds=5))
    if status in (408, 409, 425) or status >= 500 or 300 <= status < 400:
        raise Retry(f"{place}: {status}", in_doubt=response.write and status >= 500)
    if status == 401:
        raise Unauthorized(f"{place}: 401, the credentials are not accepted")
    if status == 403:
        raise Unauthorized(f"{place}: 403, the credentials lack the permission for this", scope=place)
    raise Refused(f"{place}: {status}", status=status, body=response.decoded())


def retry_after(headers: Mapping[str, str]) -> timedelta | None:
    """`Retry-After` in seconds or as a date. None when absent or unreadable."""
    said = headers.get("retry-after", "").strip()
    seconds = whole(said)
    if seconds is not None:
        return timedelta(seconds=seconds)
    moment = http_date(said)
    return max(moment - datetime.now(UTC), timedelta(seconds=1)) if moment else None


def http_date(text: str) -> datetime | None:
    """An HTTP date. Without a zone it is UTC, as the HTTP standard has it."""
    try:
        moment = parsedate_to_datetime(text)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def clock_skew(headers: Mapping[str, str], now: float) -> float | None:
    """By how many seconds `Date` is ahead of `now` (epoch seconds). It has whole seconds only and leaves out the rest."""
    said = http_date(headers.get("date", ""))
    return said.timestamp() - now if said else None


def whole(text: str | None) -> int | None:
    said = (text or "").strip()
    return int(said) if said.isdecimal() and len(said) <= 12 else None


def place_of(url: str, base: str = "") -> str:
    """Host and path. Not the base's own path, which in a chat hook is the secret; never query or user."""
    parts = urlsplit(url)
    return parts.netloc.rpartition("@")[2] + parts.path.removeprefix(urlsplit(base).path)
