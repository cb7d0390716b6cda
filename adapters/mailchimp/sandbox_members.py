"""The sandbox's /lists endpoints: members, tags, events, segments, merge fields. Written from the API reference."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from adapters.mailchimp.sandbox_audience import STATUSES, Audience
from adapters.mailchimp.sandbox_choices import choose, interested
from adapters.mailchimp.sandbox_hooks import Hooks, profile
from adapters.mailchimp.sandbox_order import Subscriber
from adapters.mailchimp.sandbox_shapes import (
    HaltError,
    answer,
    invalid,
    iso,
    missing,
    moment,
    paging,
    text,
    told,
)
from connector.sandbox import Harness

#: The address of the caller: what members that come through the API get as `ip_opt`.
CALLER = "203.0.113.7"


class Desk(Protocol):
    """What the endpoints need of the sandbox."""

    harness: Harness
    hooks: Hooks
    lists: dict[str, Audience]
    mailed: list[dict[str, Any]]

    def now(self) -> int: ...


def audience_of(desk: Desk, request: Request) -> Audience:
    found = desk.lists.get(request.path_params["list_id"])
    if found is None:
        raise missing()
    return found


def member_of(audience: Audience, request: Request) -> Subscriber:
    found = audience.find(request.path_params["hash"])
    if found is None:
        raise missing()
    return found


# -- members


async def members(desk: Desk, request: Request) -> Response:
    audience = audience_of(desk, request)
    if request.method == "POST":
        return await _create(desk, request, audience)
    count, offset = paging(request)
    status = request.query_params.get("status", "")
    if status not in audience.orders:
        raise invalid("The resource submitted could not be validated.", field="status", message="Not a valid status")
    if request.query_params.get("sort_field") not in (None, "last_changed", "timestamp_opt", "timestamp_signup"):
        raise invalid("The resource submitted could not be validated.", field="sort_field")
    order = audience.orders[status]
    start, end = order.between(moment(request, "since_last_changed"), moment(request, "before_last_changed"))
    since = moment(request, "unsubscribed_since")
    if since is not None and status != "unsubscribed":
        raise invalid("unsubscribed_since needs status=unsubscribed", field="unsubscribed_since")
    narrowed = _narrowed(audience, request)
    if since is not None or narrowed is not None:
        rows = [one for one in order.cut(start, end) if (one.unsubscribed_at or 0) >= (since or 0)]
        rows = [one for one in rows if narrowed is None or narrowed(one)]
        total, rows = len(rows), rows[offset : offset + count]
    elif request.query_params.get("sort_dir", "ASC") == "DESC":
        total, last = end - start, end - offset
        rows = order.cut(max(start, last - count), max(start, last))[::-1]
    else:
        total, first = end - start, start + offset
        rows = order.cut(first, min(end, first + count))
    shown = [audience.show(one) for one in rows]
    return answer(request, {"members": shown, "list_id": audience.id, "total_items": total, "_links": []})


def _narrowed(audience: Audience, request: Request) -> Callable[[Subscriber], bool] | None:
    """Filters by interests and by the short id; and those that nobody here fits (no VIPs, no text-only members)."""
    asked = request.query_params
    if asked.get("vip_only", "").lower() in ("true", "1") or asked.get("email_type") not in (None, "html"):
        return lambda one: False
    if asked.get("interest_category_id") or asked.get("interest_ids"):
        return lambda one: interested(audience, asked, one)
    short = asked.get("unique_email_id")
    return None if short is None else lambda one: one.id[:10] == short


async def _create(desk: Desk, request: Request, audience: Audience) -> Response:
    body = await told(request)
    email = text(body, "email_address", required=True)
    known = audience.find(email)
    if known is not None and known.status != "archived":
        detail = f"{email} is already a list member. Use PUT to insert or update list members."
        raise HaltError(400, detail, title="Member Exists")
    if "status" not in body:
        raise invalid("The resource submitted could not be validated.", field="status")
    return enter(desk, request, audience, email, body)


async def member(desk: Desk, request: Request) -> Response:
    audience = audience_of(desk, request)
    if request.method == "GET":
        return answer(request, audience.show(member_of(audience, request)))
    if request.method == "DELETE":
        gone = member_of(audience, request)
        audience.change(gone, "archived")
        desk.harness.effect("archive_member", gone.email)
        return Response(status_code=204)
    body = await told(request)
    if request.method == "PATCH":
        return alter(desk, request, audience, member_of(audience, request), body)
    email = text(body, "email_address", required=True)
    known = audience.find(request.path_params["hash"])
    if known is None or known.status == "archived":
        return enter(desk, request, audience, email, body)
    return alter(desk, request, audience, known, body)


def _status(body: dict[str, Any], *names: str) -> str:
    for name in names:
        said = body.get(name)
        if said is not None and said not in STATUSES:
            raise invalid("The resource submitted could not be validated.", field=name, message="Not a valid status")
        if said:
            return str(said)
    return ""


def enter(desk: Desk, request: Request, audience: Audience, email: str, body: dict[str, Any]) -> Response:
    """Somebody new, or somebody archived who comes back."""
    status = _status(body, "status", "status_if_new")
    if not status:
        raise invalid("The resource submitted could not be validated.", field="status_if_new")
    known = audience.find(email)
    if known is None and audience.forgotten & {request.path_params.get("hash", ""), _hash(email)}:
        detail = f"{email} was permanently deleted and cannot be re-imported. The contact must re-subscribe."
        raise HaltError(400, detail, title="Forgotten Email Not Subscribed")
    _believable(email)
    if known is not None and known.compliance and status == "subscribed":
        raise _compliance(email)
    entered = known or Subscriber(email, status, 0, 0, "")
    if known is None:
        entered.merge_fields = {row["tag"]: "" for row in audience.merge_fields}
    audience.merge(entered, body.get("merge_fields"), lenient=_lenient(request))
    choose(audience, entered, body)
    if known is None:
        made = audience.add(email, status, source="API - Generic")
        made.merge_fields, made.interests, made.permitted = entered.merge_fields, entered.interests, entered.permitted
        entered = made
    else:
        audience.change(entered, status)
    if status == "subscribed":
        entered.ip_opt, entered.timestamp_opt = CALLER, desk.now()
    if status == "unsubscribed":
        entered.unsubscribed_at = desk.now()
    for tag in body.get("tags") or ():
        audience.set_tag(entered, str(tag), active=True)
    verb = "suppress_member" if status == "unsubscribed" else "upsert_member"
    desk.harness.effect(verb, email, status=status, created=True, merge_fields=dict(entered.merge_fields))
    if status == "subscribed":
        desk.hooks.send("subscribe", profile(audience, entered), source="api")
    return JSONResponse(audience.show(entered))


def _hash(email: str) -> str:
    return Subscriber(email, "", 0, 0, "").id


def alter(desk: Desk, request: Request, audience: Audience, now: Subscriber, body: dict[str, Any]) -> Response:
    """`status_if_new` and `tags` say nothing about somebody who is there."""
    status = _status(body, "status")
    _status(body, "status_if_new")
    if now.compliance and status in ("subscribed",):
        raise _compliance(now.email)
    changed = audience.merge(now, body.get("merge_fields"), lenient=_lenient(request))
    changed |= choose(audience, now, body)
    moved = bool(status) and status != now.status
    if changed or moved:
        audience.change(now, status or None)
        verb = "suppress_member" if moved and status == "unsubscribed" else "upsert_member"
        desk.harness.effect(verb, now.email, status=now.status, created=False, merge_fields=dict(now.merge_fields))
    if moved and status in ("unsubscribed", "subscribed"):
        kind = "unsubscribe" if status == "unsubscribed" else "subscribe"
        extra = {"action": "unsub", "reason": "manual"} if kind == "unsubscribe" else {}
        desk.hooks.send(kind, extra | profile(audience, now), source="api")
    elif changed:
        desk.hooks.send("profile", profile(audience, now), source="api")
    return JSONResponse(audience.show(now))


def _lenient(request: Request) -> bool:
    return request.query_params.get("skip_merge_validation") in ("true", "1")


def _compliance(email: str) -> HaltError:
    detail = (
        f"{email} is in a compliance state due to unsubscribe, bounce, or compliance review and cannot be subscribed."
    )
    return HaltError(400, detail, title="Member In Compliance State")


def _believable(email: str) -> None:
    """Real rules are secret; here an address says by its beginning what Mailchimp thinks of it."""
    if email.count("@") != 1 or email.startswith("fake-"):
        raise invalid(f"{email} looks fake or invalid, please enter a real email address.")
    if email.startswith("crowded-"):
        detail = f"{email} has signed up to a lot of lists very recently; we're not allowing more signups for now"
        raise invalid(detail)


async def forget(desk: Desk, request: Request) -> Response:
    audience = audience_of(desk, request)
    gone = member_of(audience, request)
    audience.forget(gone)
    desk.harness.effect("forget_member", gone.email)
    return Response(status_code=204)


async def search(desk: Desk, request: Request) -> Response:
    query = request.query_params.get("query", "").lower()
    lists = [one for key, one in desk.lists.items() if request.query_params.get("list_id", key) == key]
    exact = [one.show(found) for one in lists if "@" in query and (found := one.find(query))]
    empty: dict[str, Any] = {"members": [], "total_items": 0}
    found_ = {"members": exact, "total_items": len(exact)}
    return answer(request, {"exact_matches": found_, "full_search": empty, "_links": []})


# -- tags and events of one member


async def tags(desk: Desk, request: Request) -> Response:
    audience = audience_of(desk, request)
    now = member_of(audience, request)
    if request.method == "GET":
        count, offset = paging(request)
        rows = [{"id": tag, "name": audience.tags[tag].name, "date_added": iso(at)} for tag, at in now.tags.items()]
        return answer(request, {"tags": rows[offset : offset + count], "total_items": len(rows), "_links": []})
    asked = (await told(request)).get("tags")
    # a shape that is no list is answered with 204 too, and nothing is done
    for row in asked if isinstance(asked, list) else ():
        if not isinstance(row, dict) or not row.get("name") or row.get("status") not in ("active", "inactive"):
            raise invalid("The resource submitted could not be validated.", field="tags")
        active = row["status"] == "active"
        if audience.set_tag(now, str(row["name"]), active=active):
            desk.harness.effect("add_tag" if active else "remove_tag", now.email, tag=row["name"])
    return Response(status_code=204)


async def events(desk: Desk, request: Request) -> Response:
    audience = audience_of(desk, request)
    now = member_of(audience, request)
    if request.method == "GET":
        count, offset = paging(request)
        rows = now.events[::-1][offset : offset + count]
        return answer(request, {"events": rows, "total_items": len(now.events), "_links": []})
    body = await told(request)
    name = text(body, "name", required=True)
    properties = body.get("properties") or {}
    if not 2 <= len(name) <= 30:
        raise invalid("The resource submitted could not be validated.", field="name", message="2-30 characters")
    if not isinstance(properties, dict) or not all(isinstance(value, str) for value in properties.values()):
        raise invalid("The resource submitted could not be validated.", field="properties", message="strings only")
    at = str(body.get("occurred_at") or iso(desk.now()))
    now.events.append({"name": name, "occurred_at": at, "properties": properties})
    if body.get("is_syncing") is True:
        desk.harness.effect("note_event", now.email, event=name, properties=properties)
        return Response(status_code=204)
    desk.harness.effect("send_event", now.email, event=name, properties=properties)
    if now.status == "subscribed":
        desk.mailed.append({"by": "event", "of": name, "address": now.email, "at": iso(desk.now())})
    return Response(status_code=204)
