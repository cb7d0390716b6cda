"""The sandbox's segments: static ones, which are the tags, and saved ones, whose conditions are judged when asked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from adapters.mailchimp.sandbox_audience import Audience, Tag
from adapters.mailchimp.sandbox_campaign import Mailing
from adapters.mailchimp.sandbox_conditions import Conditions
from adapters.mailchimp.sandbox_members import Desk, audience_of
from adapters.mailchimp.sandbox_order import Subscriber
from adapters.mailchimp.sandbox_shapes import HaltError, answer, invalid, iso, lean, missing, moment, paging, text, told


class Segmenting(Desk, Protocol):
    """What segments need beyond the lists: who opened what, and whether the plan allows many conditions."""

    campaigns: dict[str, Mailing]
    plan: str


@dataclass(slots=True)
class Saved:
    """A segment by conditions. `options` as they were sent."""

    id: int
    name: str
    options: dict[str, Any]
    created_at: int
    updated_at: int


def members_of(desk: Segmenting, audience: Audience, key: int) -> list[Subscriber] | None:
    """Everyone in a segment of either kind, whatever their status; None: there is no such segment."""
    if key in audience.tags:
        return [audience.members[member] for member in sorted(audience.tags[key].members)]
    saved = audience.saved.get(key)
    if saved is None:
        return None
    fits = Conditions(audience, desk.campaigns, desk.plan).read(saved.options)
    return [member for member in audience.members.values() if member.status != "archived" and fits(member)]


def counted(desk: Segmenting, audience: Audience, key: int) -> int:
    """What Mailchimp says its members are: for a tag late by minutes."""
    if key in audience.tags:
        return audience.count(audience.tags[key])
    return sum(member.status == "subscribed" for member in members_of(desk, audience, key) or ())


def _show(desk: Segmenting, audience: Audience, it: Tag | Saved) -> dict[str, Any]:
    if isinstance(it, Tag):
        return audience.show_segment(it)
    return {
        "id": it.id,
        "name": it.name,
        "member_count": counted(desk, audience, it.id),
        "type": "saved",
        "created_at": iso(it.created_at),
        "updated_at": iso(it.updated_at),
        "options": {"match": it.options.get("match", "any"), "conditions": it.options["conditions"]},
        "list_id": audience.id,
        "_links": [],
    }


def _found(audience: Audience, request: Request) -> Tag | Saved:
    key = request.path_params["segment_id"]
    number = int(key) if key.isdecimal() else -1
    it = audience.tags.get(number) or audience.saved.get(number)
    if it is None:
        raise missing()
    return it


async def segments(desk: Segmenting, request: Request) -> Response:
    audience = audience_of(desk, request)
    if request.method == "POST":
        return await _create(desk, request, audience)
    count, offset = paging(request)
    kind = request.query_params.get("type")
    if kind not in (None, "static", "saved", "fuzzy"):
        raise invalid("The resource submitted could not be validated.", field="type", message="Not a valid type")
    since, before = moment(request, "since_created_at"), moment(request, "before_created_at")
    all_ = [*audience.tags.values(), *audience.saved.values()]
    rows = [
        it
        for it in sorted(all_, key=lambda one: one.id)
        if kind in (None, "static" if isinstance(it, Tag) else "saved")
        and (since is None or it.created_at >= since)
        and (before is None or it.created_at <= before)
    ]
    shown = [_show(desk, audience, it) for it in rows[offset : offset + count]]
    return answer(request, {"segments": shown, "list_id": audience.id, "total_items": len(rows), "_links": []})


async def _create(desk: Segmenting, request: Request, audience: Audience) -> Response:
    asked = await told(request)
    name = text(asked, "name", required=True)
    if ("static_segment" in asked) == ("options" in asked):
        raise invalid("Either static_segment or options must be given.", field="static_segment")
    if audience.tag(name) is not None or any(it.name == name for it in audience.saved.values()):
        raise HaltError(400, "Sorry, that tag already exists.")
    if "options" in asked:
        Conditions(audience, desk.campaigns, desk.plan).read(asked["options"])
        saved = Saved(audience.next_segment(), name, asked["options"], desk.now(), desk.now())
        audience.saved[saved.id] = saved
        desk.harness.effect("create_segment", name)
        return JSONResponse(_show(desk, audience, saved))
    emails = asked["static_segment"]
    made = audience.tag(name, create=True)
    if made is None or not isinstance(emails, list):
        raise invalid("Schema describes array, other found instead", field="static_segment")
    for email in emails:
        if found := audience.find(str(email)):
            audience.set_tag(found, name, active=True)
    return JSONResponse(audience.show_segment(made))


async def segment(desk: Segmenting, request: Request) -> Response:
    audience = audience_of(desk, request)
    it = _found(audience, request)
    if request.method == "GET":
        return answer(request, _show(desk, audience, it))
    if request.method == "DELETE":
        if isinstance(it, Tag):
            audience.drop_tag(it)
            desk.harness.effect("delete_tag", it.name)
        else:
            del audience.saved[it.id]
            desk.harness.effect("delete_segment", it.name)
        return Response(status_code=204)
    if request.method == "PATCH":
        return await _change(desk, request, audience, it)
    if isinstance(it, Saved):
        raise HaltError(400, "Members of a saved segment follow from its conditions.", title="Bad Request")
    return JSONResponse(await _move(desk, request, audience, it))


async def _change(desk: Segmenting, request: Request, audience: Audience, it: Tag | Saved) -> Response:
    body = await told(request)
    name = text(body, "name", required=True)
    if isinstance(it, Tag):
        if "options" in body:
            raise HaltError(400, "A static segment has no conditions.", title="Bad Request")
        audience.rename_tag(it, name)
        return JSONResponse(audience.show_segment(it))
    if "static_segment" in body:
        raise HaltError(400, "A saved segment has no fixed members.", title="Bad Request")
    options = body.get("options", it.options)
    Conditions(audience, desk.campaigns, desk.plan).read(options)
    it.name, it.options, it.updated_at = name, options, desk.now()
    return JSONResponse(_show(desk, audience, it))


async def _move(desk: Segmenting, request: Request, audience: Audience, tag: Tag) -> dict[str, Any]:
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
    return {**done, **totals, "errors": [], "error_count": 0}


async def segment_members(desk: Segmenting, request: Request) -> Response:
    audience = audience_of(desk, request)
    it = _found(audience, request)
    if request.method == "POST":
        if isinstance(it, Saved):
            raise HaltError(400, "Members of a saved segment follow from its conditions.", title="Bad Request")
        found = audience.find(text(await told(request), "email_address", required=True))
        if found is None:
            raise missing()
        if audience.set_tag(found, it.name, active=True):
            desk.harness.effect("add_tag", found.email, tag=it.name)
        return JSONResponse(audience.show(found))
    count, offset = paging(request)
    statuses = {"subscribed"} | {
        name
        for name in ("cleaned", "transactional", "unsubscribed")
        if request.query_params.get(f"include_{name}", "").lower() in ("true", "1")
    }
    rows = [one for one in members_of(desk, audience, it.id) or () if one.status in statuses]
    shown = [lean(audience.show(one), "tags", "tags_count") for one in rows[offset : offset + count]]
    return answer(request, {"members": shown, "total_items": len(rows), "_links": []})


async def segment_member(desk: Segmenting, request: Request) -> Response:
    audience = audience_of(desk, request)
    it, found = _found(audience, request), audience.find(request.path_params["hash"])
    if isinstance(it, Saved):
        raise HaltError(400, "Members of a saved segment follow from its conditions.", title="Bad Request")
    if found is None or not audience.set_tag(found, it.name, active=False):
        raise missing()
    desk.harness.effect("remove_tag", found.email, tag=it.name)
    return Response(status_code=204)


_S = "/lists/{list_id}/segments"
TABLE: tuple[tuple[str, tuple[str, ...], Callable[[Any, Request], Awaitable[Response]]], ...] = (
    (_S, ("GET", "POST"), segments),
    (_S + "/{segment_id}", ("GET", "POST", "PATCH", "DELETE"), segment),
    (_S + "/{segment_id}/members", ("GET", "POST"), segment_members),
    (_S + "/{segment_id}/members/{hash}", ("DELETE",), segment_member),
)
