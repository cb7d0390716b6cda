"""The sandbox's interest categories ("groups") and their interests."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from adapters.mailchimp.sandbox_audience import Audience
from adapters.mailchimp.sandbox_members import Desk, audience_of
from adapters.mailchimp.sandbox_shapes import HaltError, answer, invalid, missing, paging, text, told

TYPES = ("checkboxes", "dropdown", "radio", "hidden")
#: Names of all groups of an audience together.
MOST = 60


def _id(audience: Audience, *parts: str) -> str:
    return hashlib.sha256("\n".join([audience.id, *parts]).encode()).hexdigest()[:10]


def _show(audience: Audience, key: str) -> dict[str, Any]:
    category = audience.interests[key]
    return {
        "list_id": audience.id,
        "id": key,
        "title": category["title"],
        "display_order": 0,
        "type": category["type"],
        "_links": [],
    }


def _show_interest(audience: Audience, category: str, key: str) -> dict[str, Any]:
    ticked = sum(one.interests.get(key, False) for one in audience.members.values() if one.status == "subscribed")
    return {
        "category_id": category,
        "list_id": audience.id,
        "id": key,
        "name": audience.interests[category]["interests"][key],
        "subscriber_count": str(ticked),
        "display_order": 1,
        "_links": [],
    }


def _category(audience: Audience, request: Request) -> str:
    key = str(request.path_params["category_id"])
    if key not in audience.interests:
        raise missing()
    return key


async def categories(desk: Desk, request: Request) -> Response:
    audience = audience_of(desk, request)
    if request.method == "POST":
        body = await told(request)
        title = text(body, "title", required=True)
        if body.get("type") not in TYPES:
            raise invalid("The resource submitted could not be validated.", field="type", message="not a known type")
        key = _id(audience, title)
        if key in audience.interests:
            raise HaltError(400, f'Cannot add "{title}" because it already exists on the list.')
        audience.interests[key] = {"title": title, "type": body["type"], "interests": {}}
        desk.harness.effect("create_group", title)
        return JSONResponse(_show(audience, key))
    count, offset = paging(request)
    kind = request.query_params.get("type")
    rows = [_show(audience, key) for key, it in audience.interests.items() if kind in (None, it["type"])]
    body = {"list_id": audience.id, "categories": rows[offset : offset + count], "total_items": len(rows), "_links": []}
    return answer(request, body)


async def category(desk: Desk, request: Request) -> Response:
    audience = audience_of(desk, request)
    key = _category(audience, request)
    if request.method == "DELETE":
        for gone in audience.interests.pop(key)["interests"]:
            _untick(audience, gone)
        return Response(status_code=204)
    if request.method == "PATCH":
        body = await told(request)
        audience.interests[key]["title"] = text(body, "title", required=True)
    return answer(request, _show(audience, key))


async def interests(desk: Desk, request: Request) -> Response:
    audience = audience_of(desk, request)
    group = _category(audience, request)
    held = audience.interests[group]["interests"]
    if request.method == "POST":
        name = text(await told(request), "name", required=True)
        key = _id(audience, group, name)
        if key in held:
            raise HaltError(400, f'Cannot add "{name}" because it already exists on the list.')
        if len(audience.interest_ids()) >= MOST:
            raise HaltError(400, f"Cannot have more than {MOST} interests per list.")
        held[key] = name
        desk.harness.effect("create_interest", name)
        return JSONResponse(_show_interest(audience, group, key))
    count, offset = paging(request)
    rows = [_show_interest(audience, group, key) for key in held]
    shown = rows[offset : offset + count]
    body = {"interests": shown, "list_id": audience.id, "category_id": group, "total_items": len(rows), "_links": []}
    return answer(request, body)


async def interest(desk: Desk, request: Request) -> Response:
    audience = audience_of(desk, request)
    group, key = _category(audience, request), str(request.path_params["interest_id"])
    held = audience.interests[group]["interests"]
    if key not in held:
        raise missing()
    if request.method == "DELETE":
        del held[key]
        _untick(audience, key)
        return Response(status_code=204)
    if request.method == "PATCH":
        held[key] = text(await told(request), "name", required=True)
    return answer(request, _show_interest(audience, group, key))


def _untick(audience: Audience, key: str) -> None:
    for member in audience.members.values():
        member.interests.pop(key, None)


_I = "/lists/{list_id}/interest-categories"
TABLE: tuple[tuple[str, tuple[str, ...], Callable[[Any, Request], Awaitable[Response]]], ...] = (
    (_I, ("GET", "POST"), categories),
    (_I + "/{category_id}", ("GET", "PATCH", "DELETE"), category),
    (_I + "/{category_id}/interests", ("GET", "POST"), interests),
    (_I + "/{category_id}/interests/{interest_id}", ("GET", "PATCH", "DELETE"), interest),
)
