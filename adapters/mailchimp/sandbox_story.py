"""What the sandbox remembers of its members: notes, what each did with mailings, and how the audience grew."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from adapters.mailchimp.sandbox_audience import Audience
from adapters.mailchimp.sandbox_campaign import Mailing
from adapters.mailchimp.sandbox_members import Desk, audience_of, member_of
from adapters.mailchimp.sandbox_order import Subscriber
from adapters.mailchimp.sandbox_shapes import answer, invalid, iso, missing, paging, text, told

#: Letters of a note; rows of a member's activity; days of an audience's.
NOTE, LAST, DAYS = 1000, 50, 180
ACTS = ("open", "click", "bounce", "unsub", "sent", "event", "note", "signup")
#: Growth by how people came; only the first three move in the sandbox.
GROWTH = ("subscribed", "unsubscribed", "cleaned", "reconfirm", "pending", "deleted", "transactional")


class Remembering(Desk, Protocol):
    campaigns: dict[str, Mailing]


# -- notes


def _show_note(audience: Audience, member: Subscriber, note: dict[str, Any]) -> dict[str, Any]:
    where = {"list_id": audience.id, "email_id": member.id, "contact_id": member.id[::-1]}
    return {"id": note["note_id"], **{name: note[name] for name in _NOTE}, **where, "_links": []}


_NOTE = ("created_at", "created_by", "updated_at", "note")


async def notes(desk: Remembering, request: Request) -> Response:
    audience = audience_of(desk, request)
    member = member_of(audience, request)
    if request.method == "POST":
        said = _said(await told(request))
        at = iso(desk.now())
        number = sum(len(one.notes) for one in audience.members.values()) + 1
        note = {"note_id": number, "created_at": at, "created_by": "owner", "updated_at": at, "note": said}
        member.notes.append(note)
        desk.harness.effect("add_note", member.email, note=number)
        return JSONResponse(_show_note(audience, member, note))
    count, offset = paging(request)
    up = request.query_params.get("sort_dir", "DESC") == "ASC"
    rows = [_show_note(audience, member, note) for note in (member.notes if up else member.notes[::-1])]
    who = {"email_id": member.id, "list_id": audience.id}
    return answer(request, {"notes": rows[offset : offset + count], **who, "total_items": len(rows), "_links": []})


async def note(desk: Remembering, request: Request) -> Response:
    audience = audience_of(desk, request)
    member = member_of(audience, request)
    held = [it for it in member.notes if str(it["note_id"]) == request.path_params["note_id"]]
    if not held:
        raise missing()
    if request.method == "DELETE":
        member.notes.remove(held[0])
        desk.harness.effect("remove_note", member.email, note=held[0]["note_id"])
        return Response(status_code=204)
    if request.method == "PATCH":
        held[0]["note"], held[0]["updated_at"] = _said(await told(request)), iso(desk.now())
    return answer(request, _show_note(audience, member, held[0]))


def _said(body: dict[str, Any]) -> str:
    said = text(body, "note", required=True)
    if len(said) > NOTE:
        raise invalid("The resource submitted could not be validated.", field="note", message=f"At most {NOTE} letters")
    return said


# -- activity


def _acts(desk: Remembering, audience: Audience, member: Subscriber) -> Iterator[dict[str, Any]]:
    for mailing in desk.campaigns.values():
        if mailing.list_id != audience.id:
            continue
        where: dict[str, Any] = {"campaign_id": mailing.id, "title": mailing.settings["title"]}
        if member.id in mailing.sent_to:
            yield {"action": "sent", "timestamp": iso(mailing.send_at), **where, "type": mailing.type}
        for act in mailing.activity.get(member.id, ()):
            more: dict[str, Any] = {name: act[name] for name in ("url", "type") if name in act}
            yield {"action": act["action"], "timestamp": act["timestamp"], **where, **more}
        for gone in mailing.unsubscribes:
            if gone["email_id"] == member.id:
                yield {"action": "unsub", "timestamp": gone["timestamp"], **where, "type": "U"}


def _asked(request: Request, name: str) -> set[str]:
    asked = {word for word in request.query_params.get(name, "").split(",") if word}
    if unknown := asked - set(ACTS):
        raise invalid("The resource submitted could not be validated.", field=name, message=sorted(unknown)[0])
    return asked


async def activity(desk: Remembering, request: Request) -> Response:
    """The last fifty, however many are asked for."""
    audience = audience_of(desk, request)
    member, wanted = member_of(audience, request), _asked(request, "action")
    rows = [row for row in _acts(desk, audience, member) if not wanted or row["action"] in wanted]
    rows.sort(key=lambda row: row["timestamp"], reverse=True)
    who = {"email_id": member.id, "contact_id": member.id[::-1], "list_id": audience.id}
    return answer(request, {"activity": rows[:LAST], **who, "total_items": len(rows[:LAST]), "_links": []})


async def feed(desk: Remembering, request: Request) -> Response:
    audience = audience_of(desk, request)
    member, wanted = member_of(audience, request), _asked(request, "activity_filters")
    rows = [
        {"activity_type": row["action"], "created_at_timestamp": row["timestamp"], "campaign_id": row["campaign_id"],
         "campaign_title": row["title"], **({"link_clicked": row["url"]} if "url" in row else {})}
        for row in _acts(desk, audience, member)
    ]  # fmt: skip
    for it in member.events:
        rows.append({"activity_type": "event", "created_at_timestamp": it["occurred_at"], "event_name": it["name"]})
    for it in member.notes:
        rows.append({"activity_type": "note", "created_at_timestamp": it["created_at"], "note_text": it["note"]})
    rows = [row for row in rows if not wanted or row["activity_type"] in wanted]
    rows.sort(key=lambda row: row["created_at_timestamp"], reverse=True)
    count, offset = paging(request)
    who = {"email_id": member.id, "list_id": audience.id}
    return answer(request, {"activity": rows[offset : offset + count], **who, "_links": []})


# -- the audience over time


async def days(desk: Remembering, request: Request) -> Response:
    """Day by day, the latest first, as far back as 180 days."""
    audience = audience_of(desk, request)
    since = iso(desk.now() - int(timedelta(days=DAYS).total_seconds()))[:10]
    sums: dict[str, Counter[str]] = {}

    def add(at: str, name: str) -> None:
        if at and at[:10] >= since:
            sums.setdefault(at[:10], Counter())[name] += 1

    for mailing in desk.campaigns.values():
        if mailing.list_id == audience.id:
            for key in mailing.sent_to:
                add(iso(mailing.send_at), "emails_sent")
                for act in mailing.activity.get(key, ()):
                    add(act["timestamp"], _DAY.get(act["action"], "other_adds"))
    for member in audience.members.values():
        add(iso(member.timestamp_opt), "subs")
        add(iso(member.unsubscribed_at), "unsubs")
    names = ("emails_sent", "unique_opens", "recipient_clicks", "hard_bounce", "soft_bounce", "subs", "unsubs",
             "other_adds", "other_removes")  # fmt: skip
    rows = [{"day": day, **{name: sums[day][name] for name in names}} for day in sorted(sums, reverse=True)]
    count, offset = paging(request)
    shown = rows[offset : offset + count]
    return answer(request, {"activity": shown, "list_id": audience.id, "total_items": len(rows), "_links": []})


_DAY = {"open": "unique_opens", "click": "recipient_clicks", "bounce": "hard_bounce"}


def _months(desk: Remembering, audience: Audience) -> list[dict[str, Any]]:
    """How many had each status at the end of each month, by when they came and went."""
    now = f"{datetime.fromtimestamp(desk.now(), UTC):%Y-%m}"
    gained: dict[str, Counter[str]] = {}
    for member in audience.members.values():
        came = iso(member.timestamp_opt or member.timestamp_signup or member.last_changed)[:7]
        gained.setdefault(min(came, now), Counter())["subscribed"] += 1
        if member.status in GROWTH and member.status != "subscribed":
            went = gained.setdefault(
                min(max(came, iso(member.unsubscribed_at or member.last_changed)[:7]), now), Counter()
            )
            went["subscribed"] -= 1
            went[member.status] += 1
    rows: list[dict[str, Any]] = []
    total: Counter[str] = Counter()
    for month in sorted({*gained, now}):
        total.update(gained.get(month, {}))
        old = {
            "existing": 0,
            "imports": 0,
            "optins": 0,
        }  # kept for old clients, always 0 [API reference, growth history]
        counts = {name: total[name] for name in GROWTH}
        rows.append({"list_id": audience.id, "month": month, **old, **counts, "_links": []})
    return rows[::-1]


async def growth(desk: Remembering, request: Request) -> Response:
    audience = audience_of(desk, request)
    rows = _months(desk, audience)
    if request.query_params.get("sort_dir") == "ASC":
        rows.reverse()
    count, offset = paging(request)
    shown = rows[offset : offset + count]
    return answer(request, {"history": shown, "list_id": audience.id, "total_items": len(rows), "_links": []})


async def growth_of(desk: Remembering, request: Request) -> Response:
    audience = audience_of(desk, request)
    for row in _months(desk, audience):
        if row["month"] == request.path_params["month"]:
            return answer(request, row)
    raise missing()


_L = "/lists/{list_id}"
_M = _L + "/members/{hash}"
TABLE: tuple[tuple[str, tuple[str, ...], Callable[[Any, Request], Awaitable[Response]]], ...] = (
    (_M + "/notes", ("GET", "POST"), notes),
    (_M + "/notes/{note_id}", ("GET", "PATCH", "DELETE"), note),
    (_M + "/activity", ("GET",), activity),
    (_M + "/activity-feed", ("GET",), feed),
    (_L + "/activity", ("GET",), days),
    (_L + "/growth-history", ("GET",), growth),
    (_L + "/growth-history/{month}", ("GET",), growth_of),
)
