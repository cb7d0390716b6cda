"""Walking Harvest's lists: the cursor travels alone, the window is bounded, the answer is kept as it came."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

from adapters.greenhouse.declared import HOST, IDS, LISTS, NEWER, PER_PAGE, scope_of
from connector.client import Client, Params, Response
from connector.errors import CursorExpired, Malformed, Refused, Retry, Unauthorized
from connector.flow import Page, Window
from connector.raw import Raw

_NEXT = re.compile(r'<([^>]*)>\s*;[^,]*\brel="?next"?')


def forbidden(scope: str) -> Callable[[Response], Exception | None]:
    """A 403 names the scope that is missing; the role may be the reason too, and Greenhouse does not say which."""

    def explain(response: Response) -> Exception | None:
        if response.status != 403:
            return None
        return Unauthorized(f"{response.place}: 403, grant {scope}; its user must be a Site Admin as well", scope=scope)

    return explain


def first_page(client: Client, name: str, fields: str, filters: Sequence[tuple[str, str]] = ()) -> Page:
    def ask(fields: str) -> Page:
        params = [("per_page", PER_PAGE), ("fields", fields), *LISTS[name].params, *filters]
        return _ask(client, name, params, forbidden(scope_of(name)))

    older = ",".join(field for field in fields.split(",") if field not in NEWER.get(name, ()))
    try:
        return ask(fields)
    except Refused as error:
        # a 422 does not say whether it was the name: stages and reasons are in lists of their own as well
        if error.status != 422 or older == fields:
            raise
        return ask(older)


def next_page(client: Client, name: str, cursor: str) -> Page:
    """Anything beside the cursor is refused. A 422 now can only mean the cursor: how long one lives is not published."""
    lacking = forbidden(scope_of(name))

    def explain(response: Response) -> Exception | None:
        if response.status == 422:
            return CursorExpired(f"{response.place}: 422 on a cursor")
        return lacking(response)

    return _ask(client, name, [("cursor", cursor)], explain)


def walk(client: Client, name: str, fields: str, filters: Sequence[tuple[str, str]] = ()) -> Iterator[Page]:
    page = first_page(client, name, fields, filters)
    yield page
    while page.cursor:
        page = next_page(client, name, page.cursor)
        yield page


def walk_by(
    client: Client, name: str, fields: str, key: str, ids: Sequence[str], filters: Sequence[tuple[str, str]] = ()
) -> Iterator[tuple[Page, list[Raw]]]:
    """Pages of the rows whose `key` is one of `ids`, asked for 50 at a time.

    A filter that Greenhouse does not obey comes back with 200 and the whole table, so each row is held against what
    was asked."""
    filter_name = "ids" if key == "id" else f"{key}s"
    for start in range(0, len(ids), IDS):
        asked = set(ids[start : start + IDS])
        for page in walk(client, name, fields, [(filter_name, ",".join(ids[start : start + IDS])), *filters]):
            rows = Raw.parse(page.body).items()
            if any(value_of(row, key) not in asked for row in rows if value_of(row, key)):
                raise Refused(f"/{name}: asked by `{filter_name}`, rows of others came", status=200)
            yield page, rows


def value_of(row: Raw, key: str) -> str:
    """An id inside a row, "" when it cannot be read; reading the page will say what is wrong with it."""
    try:
        return row[key].id()
    except Malformed:
        return ""


def window_filter(window: Window) -> list[tuple[str, str]]:
    """Two-sided, in the documented pipe spelling. A full walk sends no date at all, so no row is too old for it."""
    if window.since is None:
        return []
    until = window.until + timedelta(seconds=1) if window.until.microsecond else window.until
    return [("updated_at", f"gte|{_stamp(window.since)}|lte|{_stamp(until)}")]


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _ask(client: Client, name: str, params: Params, explain: Callable[[Response], Exception | None]) -> Page:
    response = client.get(f"/{name}", params, explain=explain)
    rows = response.raw()
    if type(rows.value) is not list:
        raise Retry(f"{response.place}: {response.status} without a list")
    return Page(body=response.body, count=len(rows.value), cursor=_cursor(response))


def _cursor(response: Response) -> str | None:
    """The cursor inside `Link: <…>; rel="next"`. Only it is taken; the address it came with is checked, not followed."""
    found = _NEXT.search(response.headers.get("link", ""))
    if not found:
        return None
    address = urlsplit(found[1])
    # relative, it can only mean the same host
    if address.netloc not in ("", response.place.partition("/")[0], HOST):
        raise Refused(f"{response.place}: the next page points to another host", status=0)
    cursors = parse_qs(address.query).get("cursor")
    if not cursors:
        raise Refused(f"{response.place}: the next page has no cursor", status=0)
    return cursors[0]
