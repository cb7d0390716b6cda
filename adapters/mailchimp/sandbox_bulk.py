"""The sandbox's POST /lists/{id}: up to 500 members at once, each on its own; 200 even when every one failed."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from adapters.mailchimp.sandbox_audience import Audience
from adapters.mailchimp.sandbox_members import Desk, alter, audience_of, enter
from adapters.mailchimp.sandbox_order import Subscriber
from adapters.mailchimp.sandbox_shapes import HaltError, invalid, lean, text, told

MOST = 500


async def subscribe(desk: Desk, request: Request) -> Response:
    audience = audience_of(desk, request)
    body = await told(request)
    rows = body.get("members")
    if not isinstance(rows, list):
        raise invalid("Schema describes array, other found instead", field="members")
    if len(rows) > MOST:
        raise invalid(f"Only {MOST} members can be sent at once.", field="members")
    update, sync = body.get("update_existing") is True, body.get("sync_tags") is True
    once = request.query_params.get("skip_duplicate_check", "").lower() in ("true", "1")
    new: list[dict[str, Any]] = []
    updated: list[dict[str, Any]] = []
    errors: list[dict[str, Any]] = []
    seen: set[str] = set()
    for row in rows:
        email = str(row.get("email_address", "")) if isinstance(row, dict) else ""
        if once and email.lower() in seen:
            continue
        seen.add(email.lower())
        try:
            known = audience.find(email) if email else None
            shown = _one(desk, request, audience, row, update=update)
            if update and sync and known is not None and "tags" in row:
                _only_tags(audience, known, {str(tag) for tag in row["tags"]})
                shown = audience.show(known)
            (new if known is None else updated).append(lean(shown))
        except HaltError as halt:
            errors.append(_error(email, halt))
    return JSONResponse(
        {
            "new_members": new,
            "updated_members": updated,
            "errors": errors,
            "total_created": len(new),
            "total_updated": len(updated),
            "error_count": len(errors),
            "_links": [],
        }
    )


def _one(desk: Desk, request: Request, audience: Audience, row: object, *, update: bool) -> dict[str, Any]:
    if not isinstance(row, dict):
        raise invalid("Schema describes object, other found instead")
    email = text(row, "email_address", required=True)
    known = audience.find(email)
    if known is None or known.status == "archived":
        answer = enter(desk, request, audience, email, row)
    elif not update:
        detail = f"{email} is already a list member. Set update_existing to true to update them."
        raise HaltError(400, detail, title="Member Exists")
    else:
        answer = alter(desk, request, audience, known, row)
    shown: dict[str, Any] = json.loads(bytes(answer.body))
    return shown


def _only_tags(audience: Audience, member: Subscriber, wanted: set[str]) -> None:
    """`sync_tags`: what the row does not name goes."""
    for name in {audience.tags[key].name for key in member.tags} - wanted:
        audience.set_tag(member, name, active=False)
    for name in sorted(wanted):
        audience.set_tag(member, name, active=True)


def _error(email: str, halt: HaltError) -> dict[str, Any]:
    fields = halt.body.get("errors") or [{"field": "", "message": ""}]
    exists = halt.body["title"] == "Member Exists"
    return {
        "email_address": email,
        "error": halt.body["detail"],
        "error_code": "ERROR_CONTACT_EXISTS" if exists else "ERROR_GENERIC",
        "field": fields[0]["field"],
        "field_message": fields[0]["message"],
    }


TABLE: tuple[tuple[str, tuple[str, ...], Callable[[Any, Request], Awaitable[Response]]], ...] = (
    ("/lists/{list_id}", ("POST",), subscribe),
)
