"""The sandbox's reports on sent campaigns, its journeys and its templates."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from adapters.mailchimp.sandbox_campaign import Mailing
from adapters.mailchimp.sandbox_mailing import Post
from adapters.mailchimp.sandbox_shapes import HaltError, answer, invalid, iso, missing, moment, paging, text, told


def _report(desk: Post, request: Request) -> Mailing:
    found = desk.campaigns.get(request.path_params["campaign_id"])
    if found is None or found.status != "sent":
        raise missing()
    return found


def _summary(desk: Post, mailing: Mailing) -> dict[str, Any]:
    acts = [act for told_ in mailing.activity.values() for act in told_]
    return {
        "id": mailing.id,
        "campaign_title": mailing.settings["title"],
        "type": mailing.type,
        "list_id": mailing.list_id,
        "list_is_active": True,
        "subject_line": mailing.settings["subject_line"],
        "emails_sent": len(mailing.sent_to),
        "abuse_reports": 0,
        "unsubscribed": len(mailing.unsubscribes),
        "send_time": iso(mailing.send_at),
        "opens": {"opens_total": sum(act["action"] == "open" for act in acts)},
        "clicks": {"clicks_total": sum(act["action"] == "click" for act in acts)},
        "_links": [],
    }


async def reports(desk: Post, request: Request) -> Response:
    count, offset = paging(request)
    rows = [_summary(desk, one) for one in desk.campaigns.values() if one.status == "sent"]
    return answer(request, {"reports": rows[offset : offset + count], "total_items": len(rows), "_links": []})


async def report(desk: Post, request: Request) -> Response:
    return answer(request, _summary(desk, _report(desk, request)))


async def sent_to(desk: Post, request: Request) -> Response:
    mailing = _report(desk, request)
    rows = []
    for key, row in mailing.sent_to.items():
        opens = [one["timestamp"] for one in mailing.activity.get(key, ()) if one["action"] == "open"]
        rows.append(
            {
                "email_id": key,
                **row,
                "merge_fields": {},
                "vip": False,
                "open_count": len(opens),
                **({"last_open": max(opens)} if opens else {}),
                "absplit_group": "",
                "gmt_offset": 0,
                "campaign_id": mailing.id,
                "list_id": mailing.list_id,
                "list_is_active": True,
            }
        )
    return _page(request, mailing, "sent_to", rows)


async def email_activity(desk: Post, request: Request) -> Response:
    """Everyone who got it, each with what they did since."""
    mailing, since = _report(desk, request), moment(request, "since")
    rows = []
    for key, row in mailing.sent_to.items():
        acts = [one for one in mailing.activity.get(key, ()) if since is None or one["timestamp"] >= iso(since)]
        if acts or since is None:
            who = {"campaign_id": mailing.id, "list_id": mailing.list_id, "list_is_active": True, "email_id": key}
            rows.append({**who, "email_address": row["email_address"], "activity": acts, "_links": []})
    return _page(request, mailing, "emails", rows)


async def unsubscribed(desk: Post, request: Request) -> Response:
    mailing = _report(desk, request)
    return _page(request, mailing, "unsubscribes", mailing.unsubscribes)


async def abuse(desk: Post, request: Request) -> Response:
    mailing = _report(desk, request)
    rows = [row for row in desk.lists[mailing.list_id].complaints if row["campaign_id"] == mailing.id]
    return _page(request, mailing, "abuse_reports", rows)


def _page(request: Request, mailing: Mailing, name: str, rows: list[dict[str, Any]]) -> Response:
    count, offset = paging(request)
    cut = rows[offset : offset + count]
    return answer(request, {name: cut, "campaign_id": mailing.id, "total_items": len(rows), "_links": []})


async def trigger(desk: Post, request: Request) -> Response:
    """Start a journey for one subscribed member. It says 204 whether or not a message will follow."""
    journey_id, step_id = request.path_params["journey_id"], request.path_params["step_id"]
    found = desk.journeys.get((journey_id, step_id))
    if found is None:
        raise missing()
    email = text(await told(request), "email_address", required=True)
    if not found.on:
        raise HaltError(400, "The journey is not started.", title="Bad Request")
    member = desk.lists[found.list_id].find(email)
    if member is None:
        raise missing("The contact")
    if member.status != "subscribed":
        raise invalid("The contact must be subscribed.", field="email_address")
    desk.harness.effect("start_journey", member.email, journey=journey_id, step=step_id)
    if not (found.once and member.id in found.entered):
        of = f"{journey_id}/{step_id}"
        desk.mailed.append({"by": "journey", "of": of, "address": member.email, "at": iso(desk.now())})
    found.entered.add(member.id)
    return Response(status_code=204)


def _template(key: int) -> dict[str, Any]:
    return {"id": key, "type": "user", "name": f"Template {key}", "active": True, "content_type": "html"}


async def templates(desk: Post, request: Request) -> Response:
    count, offset = paging(request)
    rows = [_template(key) for key in desk.templates]
    return answer(request, {"templates": rows[offset : offset + count], "total_items": len(rows), "_links": []})


async def template(desk: Post, request: Request) -> Response:
    key = request.path_params["template_id"]
    if not key.isdecimal() or int(key) not in desk.templates:
        raise missing()
    return answer(request, _template(int(key)) | {"_links": []})
