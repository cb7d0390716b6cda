"""The sandbox's mailings: campaigns from draft to sent as its clock passes, their reports, journeys, templates."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from adapters.mailchimp.sandbox_audience import Audience
from adapters.mailchimp.sandbox_campaign import Journey, Mailing
from adapters.mailchimp.sandbox_members import Desk
from adapters.mailchimp.sandbox_order import Subscriber
from adapters.mailchimp.sandbox_segments import counted, members_of
from adapters.mailchimp.sandbox_shapes import (
    HaltError,
    answer,
    dated,
    invalid,
    iso,
    missing,
    moment,
    paging,
    text,
    told,
)

STATUSES = ("save", "paused", "schedule", "sending", "sent")
TYPES = ("regular", "plaintext", "absplit", "rss", "variate")
SETTINGS = ("subject_line", "preview_text", "title", "from_name", "reply_to", "to_name")


class Post(Desk, Protocol):
    """What mailings need beyond the lists."""

    campaigns: dict[str, Mailing]
    journeys: dict[tuple[int, int], Journey]
    templates: dict[int, str]
    plan: str
    rates: dict[str, float]

    def later(self, at: int, do: Any) -> None: ...

    def opt_out(self, audience: Audience, member: Subscriber, *, reason: str, campaign: str = "") -> None: ...


# -- campaigns


def _mailable(members: Iterable[Subscriber]) -> list[Subscriber]:
    return [member for member in members if member.status == "subscribed"]


def _recipients(desk: Post, mailing: Mailing) -> list[Subscriber]:
    audience = desk.lists[mailing.list_id]
    if mailing.segment is None:
        return _mailable(audience.members.values())
    return _mailable(members_of(desk, audience, mailing.segment) or ())


def _counted(desk: Post, mailing: Mailing) -> int:
    """What Mailchimp says before the send: by a tag's lagging count."""
    audience = desk.lists.get(mailing.list_id)
    if audience is None:
        return 0
    if mailing.segment is None:
        start, end = audience.orders["subscribed"].between(None, None)
        return end - start
    return counted(desk, audience, mailing.segment)


def show(desk: Post, mailing: Mailing) -> dict[str, Any]:
    row = {
        "id": mailing.id,
        "web_id": mailing.number,
        "type": mailing.type,
        "create_time": iso(mailing.created_at),
        "status": mailing.status,
        "emails_sent": len(mailing.sent_to),
        "send_time": iso(mailing.send_at),
        "content_type": "template",
        "recipients": {
            "list_id": mailing.list_id,
            "list_is_active": True,
            "recipient_count": _counted(desk, mailing),
            "segment_opts": {"saved_segment_id": mailing.segment} if mailing.segment is not None else {},
        },
        "settings": dict(mailing.settings),
        "_links": [],
    }
    return dated(row, next(iter(desk.lists.values())).absent_times)


async def campaigns(desk: Post, request: Request) -> Response:
    if request.method == "POST":
        return await _create(desk, request)
    count, offset = paging(request)
    asked = request.query_params
    if asked.get("status") not in (None, *STATUSES):
        raise invalid("The resource submitted could not be validated.", field="status", message="Not a valid status")
    by = asked.get("sort_field", "create_time")
    since, before = moment(request, "since_send_time"), moment(request, "before_send_time")
    made_since, made_before = moment(request, "since_create_time"), moment(request, "before_create_time")
    rows = [
        one
        for one in desk.campaigns.values()
        if asked.get("list_id", one.list_id) == one.list_id
        and asked.get("status", one.status) == one.status
        and (since is None or (one.send_at is not None and one.send_at >= since))
        and (before is None or (one.send_at is not None and one.send_at <= before))
        and (made_since is None or one.created_at >= made_since)
        and (made_before is None or one.created_at <= made_before)
    ]
    rows.sort(
        key=lambda one: (one.created_at if by == "create_time" else one.send_at or 0, one.number),
        reverse=asked.get("sort_dir", "DESC") == "DESC",
    )
    shown = [show(desk, one) for one in rows[offset : offset + count]]
    return answer(request, {"campaigns": shown, "total_items": len(rows), "_links": []})


async def _create(desk: Post, request: Request) -> Response:
    body = await told(request)
    if body.get("type") not in TYPES:
        raise invalid("The resource submitted could not be validated.", field="type", message="Not a valid type")
    recipients, settings = body.get("recipients") or {}, body.get("settings") or {}
    list_id = str(recipients.get("list_id", ""))
    if list_id and list_id not in desk.lists:
        raise invalid("The resource submitted could not be validated.", field="recipients.list_id")
    segment = (recipients.get("segment_opts") or {}).get("saved_segment_id")
    if segment is not None and (
        type(segment) is not int or list_id not in desk.lists or not desk.lists[list_id].has_segment(segment)
    ):
        raise invalid("The resource submitted could not be validated.", field="recipients.segment_opts")
    number = len(desk.campaigns) + 1
    mailing = Mailing(
        id=hashlib.sha256(f"campaign {number}".encode()).hexdigest()[:10],
        number=number,
        type=str(body["type"]),
        list_id=list_id,
        segment=segment,
        settings={name: text(settings, name) for name in SETTINGS},
        created_at=desk.now(),
    )
    desk.campaigns[mailing.id] = mailing
    desk.harness.effect("create_campaign", mailing.id, title=mailing.settings["title"])
    return JSONResponse(show(desk, mailing))


def _mailing(desk: Post, request: Request) -> Mailing:
    found = desk.campaigns.get(request.path_params["campaign_id"])
    if found is None:
        raise missing()
    return found


async def campaign(desk: Post, request: Request) -> Response:
    mailing = _mailing(desk, request)
    if request.method == "GET":
        return answer(request, show(desk, mailing))
    if request.method == "PATCH":
        if mailing.status != "save":
            raise HaltError(400, "A campaign that is not a draft cannot be changed.", title="Invalid Action")
        asked = (await told(request)).get("settings") or {}
        mailing.settings.update({name: text(asked, name) for name in SETTINGS if name in asked})
        return JSONResponse(show(desk, mailing))
    if mailing.status == "sending":
        raise HaltError(405, "A campaign that is being sent cannot be deleted.")
    del desk.campaigns[mailing.id]
    return Response(status_code=204)


async def content(desk: Post, request: Request) -> Response:
    mailing = _mailing(desk, request)
    if request.method == "PUT":
        if mailing.status != "save":
            raise HaltError(400, "Content of a campaign that is not a draft cannot be changed.", title="Invalid Action")
        body = await told(request)
        template = body.get("template") or {}
        if template and template.get("id") not in desk.templates:
            raise invalid("The resource submitted could not be validated.", field="template.id")
        mailing.content = desk.templates[template["id"]] if template else text(body, "html")
        desk.harness.effect("set_content", mailing.id)
    return answer(request, {"html": mailing.content, "plain_text": "", "_links": []})


def _faults(desk: Post, mailing: Mailing) -> list[str]:
    wanted = {
        "No subject line": mailing.settings["subject_line"],
        "No from name": mailing.settings["from_name"],
        "No reply-to address": mailing.settings["reply_to"],
        "No recipients": mailing.list_id and _counted(desk, mailing),
        "No content": mailing.content,
        "No unsubscribe link": "*|UNSUB|*" in mailing.content,
    }
    return [heading for heading, there in wanted.items() if not there]


async def checklist(desk: Post, request: Request) -> Response:
    faults = _faults(desk, _mailing(desk, request))
    items = [{"id": 500 + n, "type": "error", "heading": said, "details": said} for n, said in enumerate(faults)]
    items = items or [{"id": 500, "type": "success", "heading": "Everything is set", "details": ""}]
    return answer(request, {"is_ready": not faults, "items": items, "_links": []})


async def action(desk: Post, request: Request) -> Response:
    mailing, verb = _mailing(desk, request), request.path_params["action"]
    if verb == "unschedule" and mailing.status == "schedule":
        mailing.status, mailing.send_at = "save", None
        return Response(status_code=204)
    if verb == "replicate":
        raise HaltError(405, "Replicating is not imitated here.")
    if verb not in ("schedule", "send") or mailing.status != "save":
        raise HaltError(400, f"The campaign is in status {mailing.status}.", title="Invalid Action")
    if faults := _faults(desk, mailing):
        raise HaltError(400, "Your Campaign is not ready to send: " + "; ".join(faults), title="Bad Request")
    at = desk.now() if verb == "send" else _time(desk, await told(request))
    mailing.status, mailing.send_at = ("schedule" if verb == "schedule" else "sending"), at
    title = mailing.settings["title"]
    desk.harness.effect("schedule_campaign", mailing.id, title=title, send_at=iso(at), segment=mailing.segment)
    desk.later(at, lambda: send(desk, mailing))
    return Response(status_code=204)


def _time(desk: Post, body: dict[str, Any]) -> int:
    if desk.plan == "forever_free":
        raise HaltError(403, "Your plan does not include scheduling.", title="Authorization Failure")
    try:
        at = datetime.fromisoformat(text(body, "schedule_time", required=True))
    except ValueError as error:
        raise invalid("schedule_time is not a date", field="schedule_time") from error
    at = at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    if at.minute % 15 or at.second or at.microsecond:
        raise invalid("Campaigns can be scheduled on the quarter hour only.", field="schedule_time")
    if at.timestamp() <= desk.now():
        raise invalid("The schedule time must be in the future.", field="schedule_time")
    return int(at.timestamp())


# -- sending


def send(desk: Post, mailing: Mailing) -> None:
    """The moment has come: everyone who is subscribed and tagged now gets it."""
    at = mailing.send_at
    if mailing.status not in ("schedule", "sending") or at is None or at > desk.now():
        return  # unscheduled, or moved, in the meantime
    mailing.status = "sending"
    for member in _recipients(desk, mailing):
        mailing.sent_to[member.id] = {"email_address": member.email, "status": "sent"}
        desk.mailed.append({"by": "campaign", "of": mailing.id, "address": member.email, "at": iso(at)})
        _react(desk, mailing, member, at)
    desk.later(at + 60, lambda: _sent(desk, mailing))


def _sent(desk: Post, mailing: Mailing) -> None:
    mailing.status = "sent"
    told_ = {"id": mailing.id, "subject": mailing.settings["subject_line"], "status": "sent", "reason": ""}
    desk.hooks.send("campaign", {**told_, "list_id": mailing.list_id})


def _react(desk: Post, mailing: Mailing, member: Subscriber, at: int) -> None:
    """Who opens, clicks or leaves is decided by a hash, so that the same mailing always ends the same."""
    dice = int(hashlib.sha256(f"{mailing.id} {member.email}".encode()).hexdigest()[:6], 16) / 0xFFFFFF
    hour = int(timedelta(hours=1).total_seconds())
    audience = desk.lists[mailing.list_id]
    if dice < desk.rates["open"]:
        desk.later(at + hour, lambda: act(mailing, member, "open", at + hour))
    if dice < desk.rates["click"]:
        desk.later(at + hour + 60, lambda: act(mailing, member, "click", at + hour + 60))
    if dice > 1 - desk.rates["unsubscribe"]:
        desk.later(
            at + 2 * hour, lambda: desk.opt_out(audience, member, reason="No longer interested", campaign=mailing.id)
        )


def act(mailing: Mailing, member: Subscriber, what: str, at: int, **more: str) -> None:
    url = {"url": "https://example.org/careers"} if what == "click" else {}
    row = {"action": what, "timestamp": iso(at), "ip": "198.51.100.9", **url, **more}
    mailing.activity.setdefault(member.id, []).append(row)
