"""The sandbox's audiences themselves: settings, tag search, segments, merge fields, complaints."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from adapters.mailchimp.sandbox_audience import Audience, Tag
from adapters.mailchimp.sandbox_members import Desk, audience_of
from adapters.mailchimp.sandbox_shapes import HaltError, answer, invalid, missing, paging, text, told

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
        "marketing_permissions": False,
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


# -- segments: only the static ones, which are the tags


def _segment(audience: Audience, request: Request) -> Tag:
    key = request.path_params["segment_id"]
    if not key.isdecimal() or int(key) not in audience.tags:
        raise missing()
    return audience.tags[int(key)]


async def segments(desk: Desk, request: Request) -> Response:
    audience = audience_of(desk, request)
    if request.method == "GET":
        count, offset = paging(request)
        rows = [audience.show_segment(tag) for tag in audience.tags.values()]
        body = {
            "segments": rows[offset : offset + count],
            "list_id": audience.id,
            "total_items": len(rows),
            "_links": [],
        }
        return answer(request, body)
    asked = await told(request)
    name = text(asked, "name", required=True)
    if not isinstance(asked.get("static_segment"), list):
        raise invalid("Only static segments are imitated here.", field="static_segment")
    if audience.tag(name) is not None:
        raise HaltError(400, "Segment name already exists.")
    made = audience.tag(name, create=True)
    if made is None:
        raise missing()
    emails: list[Any] = asked["static_segment"]
    for email in emails:
        if found := audience.find(str(email)):
            audience.set_tag(found, name, active=True)
    return JSONResponse(audience.show_segment(made))


async def segment(desk: Desk, request: Request) -> Response:
    audience = audience_of(desk, request)
    tag = _segment(audience, request)
    if request.method == "GET":
        return answer(request, audience.show_segment(tag))
    if request.method == "DELETE":
        audience.drop_tag(tag)
        desk.harness.effect("delete_tag", tag.name)
        return Response(status_code=204)
    body = await told(request)
    done: dict[str, list[dict[str, Any]]] = {"members_added": [], "members_removed": []}
    for asked, told_, active in (
        ("members_to_add", "members_added", True),
        ("members_to_remove", "members_removed", False),
    ):
        emails = body.get(asked) or []
        if len(emails) > 500:
            raise invalid("At most 500 members at once.", field=asked)
        for email in emails:
            found = audience.find(str(email))
            if found is not None and audience.set_tag(found, tag.name, active=active):
                desk.harness.effect("add_tag" if active else "remove_tag", found.email, tag=tag.name)
                done[told_].append(audience.show(found))
    totals = {"total_added": len(done["members_added"]), "total_removed": len(done["members_removed"])}
    return JSONResponse({**done, **totals, "errors": [], "error_count": 0})


async def segment_members(desk: Desk, request: Request) -> Response:
    audience = audience_of(desk, request)
    if request.method == "POST":
        tag = _segment(audience, request)
        found = audience.find(text(await told(request), "email_address", required=True))
        if found is None:
            raise missing()
        if audience.set_tag(found, tag.name, active=True):
            desk.harness.effect("add_tag", found.email, tag=tag.name)
        return JSONResponse(audience.show(found))
    count, offset = paging(request)
    rows = [audience.members[key] for key in sorted(_segment(audience, request).members)]
    rows = [one for one in rows if one.status == "subscribed"]
    shown = [audience.show(one) for one in rows[offset : offset + count]]
    return answer(request, {"members": shown, "total_items": len(rows), "_links": []})


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
