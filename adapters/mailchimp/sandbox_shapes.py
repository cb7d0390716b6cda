"""The sandbox's manners: problem documents, sparse answers, paging, times. From Mailchimp's API concepts pages."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

#: status → title, when nothing more special is said
TITLES = {
    400: "Bad Request",
    401: "API Key Invalid",
    403: "Forbidden",
    404: "Resource Not Found",
    405: "Method Not Allowed",
    429: "TooManyRequests",
    500: "InternalServerError",
}
#: What the header X-Trigger-Error forces.
TRIGGERS = {
    "APIKeyMissing": (401, "API Key Missing"),
    "APIKeyInvalid": (401, "API Key Invalid"),
    "Forbidden": (403, "Forbidden"),
    "UserDisabled": (403, "User Disabled"),
    "ResourceNotFound": (404, "Resource Not Found"),
    "MethodNotAllowed": (405, "Method Not Allowed"),
    "TooManyRequests": (429, "TooManyRequests"),
    "InternalServerError": (500, "InternalServerError"),
}


#: Times of what has not happened. The reference types them as times, so by it they can only be left out.
OPTIONAL = ("timestamp_signup", "timestamp_opt", "send_time", "last_open")


class HaltError(Exception):
    """The request ends here with a problem document."""

    def __init__(
        self, status: int, detail: str, *, title: str = "", errors: list[dict[str, str]] | None = None
    ) -> None:
        super().__init__(detail)
        self.body: dict[str, Any] = {
            "type": "https://mailchimp.com/developer/marketing/docs/errors/",
            "title": title or TITLES.get(status, "Bad Request"),
            "status": status,
            "detail": detail,
            "instance": "00000000-0000-0000-0000-000000000000",
        }
        if errors:
            self.body["errors"] = errors
        self.status = status

    def answer(self) -> Response:
        return JSONResponse(self.body, self.status, media_type="application/problem+json")


def invalid(detail: str, *, field: str = "", message: str = "") -> HaltError:
    errors = [{"field": field, "message": message or detail}] if field else None
    return HaltError(400, detail, title="Invalid Resource", errors=errors)


def missing(what: str = "The requested resource") -> HaltError:
    return HaltError(404, f"{what} could not be found.")


async def told(request: Request) -> dict[str, Any]:
    """The JSON object of a request's body."""
    raw = await request.body()
    try:
        body = json.loads(raw)
    except ValueError as error:
        raise HaltError(
            400, "We encountered an unspecified JSON parsing error.", title="JSON Parse Exception"
        ) from error
    if not isinstance(body, dict):
        raise invalid("Schema describes object, other found instead")
    return body


def text(body: Mapping[str, Any], name: str, *, required: bool = False) -> str:
    value = body.get(name, "")
    if not isinstance(value, str):
        raise invalid("The resource submitted could not be validated.", field=name, message="Schema describes string")
    if required and not value:
        raise invalid(
            "The resource submitted could not be validated.", field=name, message="This value should not be blank"
        )
    return value


def whole(request: Request, name: str, default: int, most: int | None = None) -> int:
    said = request.query_params.get(name)
    if said is None:
        return default
    if not said.isdecimal() or (most is not None and int(said) > most):
        raise invalid(f"{name} must be a whole number" + (f" of at most {most}" if most else ""), field=name)
    return int(said)


def paging(request: Request) -> tuple[int, int]:
    """count (10 unless told, at most 1000) and offset"""
    return whole(request, "count", 10, 1000), whole(request, "offset", 0)


def moment(request: Request, name: str) -> int | None:
    """A time in the query as whole seconds since 1970. Without an offset it is refused."""
    said = request.query_params.get(name)
    if not said:
        return None
    try:
        when = datetime.fromisoformat(said)
    except ValueError as error:
        raise invalid(f"{name} is not a date", field=name) from error
    if when.tzinfo is None:
        raise invalid(f"{name} has no offset", field=name)
    return int(when.timestamp())


@functools.lru_cache(maxsize=65536)
def iso(seconds: int | None) -> str:
    """Absent times are "" here, never null; `dated` says what becomes of them."""
    return datetime.fromtimestamp(seconds, UTC).isoformat() if seconds is not None else ""


#: What a member's own address shows and answers about many members leave out (3.0.55).
_OWN = ("contact_id", "full_name", "web_id", "unsubscribe_reason", "consents_to_one_to_one_messaging",
        "marketing_permissions", "source")  # fmt: skip


def lean(row: Mapping[str, Any], *also: str) -> dict[str, Any]:
    """A member as one of many."""
    return {name: value for name, value in row.items() if name not in _OWN and name not in also}


def dated(row: dict[str, Any], absent: str) -> dict[str, Any]:
    """`absent`: "left out", as the reference's types want it, or "empty", as texts without anything in them."""
    if absent == "empty":
        return row
    return {name: value for name, value in row.items() if value != "" or name not in OPTIONAL}


def answer(request: Request, body: Mapping[str, Any]) -> Response:
    fields, left = request.query_params.get("fields"), request.query_params.get("exclude_fields")
    if fields and left:
        raise invalid("fields and exclude_fields exclude each other", field="fields")
    shown: Any = dict(body)
    if fields:
        shown = _only(body, _tree(fields))
    if left:
        shown = _without(body, _tree(left))
    return JSONResponse(shown)


def _tree(said: str) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for path in said.split(","):
        below = tree
        for step in path.strip().split("."):
            below = below.setdefault(step, {})
    return tree


def _only(value: Any, tree: dict[str, Any]) -> Any:
    if not tree:
        return value
    if isinstance(value, list):
        return [_only(item, tree) for item in value]
    if not isinstance(value, dict):
        return value
    if unknown := [name for name in tree if name not in value and name not in OPTIONAL and "_links" in value]:
        raise invalid(f"{unknown[0]} is no field of this resource", field="fields")
    return {name: _only(value[name], below) for name, below in tree.items() if name in value}


def _without(value: Any, tree: dict[str, Any]) -> Any:
    if isinstance(value, list):
        return [_without(item, tree) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        name: _without(item, tree[name]) if tree.get(name) else item
        for name, item in value.items()
        if name not in tree or tree[name]
    }
