"""The sandbox's audiences themselves: settings, tag search, merge fields, complaints."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from adapters.mailchimp.sandbox_audience import Audience
from adapters.mailchimp.sandbox_members import Desk, audience_of
from adapters.mailchimp.sandbox_shapes import answer, invalid, missing, paging, text, told

MERGE_TYPES = (
    *("text", "number", "address", "phone", "date", "url", "imageurl", "radio", "dropdown", "birthday", "zip"),
)


def show(audience: Audience) -> dict[str, Any]:
    def count(status: str) -> int:
        start, end = audience.orders[status].between(None, None)
        return end - start

    return {
        "id": audience.id,
        "web_id": 1,
        "name": audience.name,
        "double_optin": audience.double_optin,
        "has_welcome": False,
        "marketing_permissions": bool(audience.permissions),
        "email_type_option": False,
        "visibility": "prv",
        "stats": {
            "member_count": count("subscribed"),
            "unsubscribe_count": count("unsubscribed"),
            "cleaned_count": count("cleaned"),
            "merge_field_count": len(audience.merge_fields),
        },
        "_links": [],
    }


async def lists(desk: Desk, request: Request) -> Response:
    count, offset = paging(request)
    rows = [show(one) for one in desk.lists.values()]
    allowed = {"may_create": False, "max_instances": len(rows), "current_total_instances": len(rows)}
    body = {"lists": rows[offset : offset + count], "total_items": len(rows), "constraints": allowed, "_links": []}
    return answer(request, body)


async def one_list(desk: Desk, request: Request) -> Response:
    return answer(request, show(audience_of(desk, request)))


async def abuse_reports(desk: Desk, request: Request) -> Response:
    audience = audience_of(desk, request)
    count, offset = paging(request)
    rows = audience.complaints[offset : offset + count]
    total = len(audience.complaints)
    return answer(request, {"abuse_reports": rows, "list_id": audience.id, "total_items": total, "_links": []})


async def tag_search(desk: Desk, request: Request) -> Response:
    audience = audience_of(desk, request)
    start = request.query_params.get("name", "").casefold()
    rows = [{"id": tag.id, "name": tag.name} for tag in audience.tags.values() if tag.name.casefold().startswith(start)]
    return answer(request, {"tags": rows, "total_items": len(rows), "_links": []})


# -- merge fields


async def merge_fields(desk: Desk, request: Request) -> Response:
    audience = audience_of(desk, request)
    if request.method == "POST":
        body = await told(request)
        text(body, "name", required=True)
        if body.get("type") not in MERGE_TYPES:
            raise invalid("The resource submitted could not be validated.", field="type", message="not a known type")
        row = audience.add_merge_field(body)
        desk.harness.effect("create_merge_field", row["tag"], public=row["public"])
        return JSONResponse(row)
    count, offset = paging(request)
    rows = audience.merge_fields
    if request.query_params.get("required") in ("true", "1"):
        rows = [row for row in rows if row["required"]]
    body = {
        "merge_fields": rows[offset : offset + count],
        "list_id": audience.id,
        "total_items": len(rows),
        "_links": [],
    }
    return answer(request, body)


async def merge_field(desk: Desk, request: Request) -> Response:
    audience = audience_of(desk, request)
    rows = [row for row in audience.merge_fields if str(row["merge_id"]) == request.path_params["merge_id"]]
    if not rows:
        raise missing()
    if request.method == "DELETE":
        audience.merge_fields.remove(rows[0])
        return Response(status_code=204)
    if request.method == "PATCH":
        body = await told(request)
        kept = {name: value for name, value in body.items() if name in rows[0] and name not in ("type", "merge_id")}
        rows[0].update(kept)
    return answer(request, rows[0])
