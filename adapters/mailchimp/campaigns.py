"""One mailing to everyone who has a tag: made, filled, checked and scheduled once, found again by its title."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from adapters.mailchimp.answers import done, explain, made
from adapters.mailchimp.mapping import title
from adapters.mailchimp.writes import COUNT, Turn
from connector.client import Response
from connector.errors import Refused, Retry
from connector.flow import Action, Receipt
from connector.raw import Raw

#: Mailchimp schedules only on these.
QUARTER = timedelta(minutes=15)
#: Without this merge tag a mailing has no way out, and Mailchimp does not send it.
WAY_OUT = "*|UNSUB|*"
UNDER_WAY = ("schedule", "sending", "sent")


def schedule_campaign(turn: Turn, action: Action) -> Receipt:
    content = _content(action)
    at = _quarter(action.args["send_at"])
    name = title(str(action.args["marker"]))
    found = _find(turn, name)
    if found and found["status"].text() in UNDER_WAY:
        return Receipt(key=action.key, ref=found["id"].id(), already=True)
    if found and found["status"].text() != "save":
        raise Refused(f"schedule_campaign: somebody set it to {found['status'].text()} in Mailchimp", status=0)
    campaign = found["id"].id() if found else _create(turn, action, name)
    path = f"/3.0/campaigns/{campaign}"
    made(turn.client.send("PUT", path + "/content", json=content, explain=explain))
    _check(turn, path)
    when = {"schedule_time": at.isoformat(timespec="seconds")}
    done(turn.client.send("POST", path + "/actions/schedule", json=when, explain=_unplanned))
    return Receipt(key=action.key, ref=campaign)


def _content(action: Action) -> dict[str, Any]:
    if template := action.args.get("template"):
        return {"template": {"id": int(template)}}
    html = str(action.args.get("html") or "")
    if WAY_OUT not in html:
        raise Refused(f"schedule_campaign: the html has no unsubscribe link; put {WAY_OUT} into it", status=0)
    return {"html": html}


def _quarter(told: object) -> datetime:
    """The next quarter of an hour at or after what was asked for."""
    moment = told if isinstance(told, datetime) else datetime.fromisoformat(str(told))
    if moment.tzinfo is None:
        raise Refused("schedule_campaign: wanted a send_at with an offset, came one without", status=0)
    moment = moment.astimezone(UTC)
    past = (moment - moment.replace(minute=0, second=0, microsecond=0)) % QUARTER
    return moment if not past else moment + QUARTER - past


def _find(turn: Turn, name: str) -> Raw | None:
    offset = 0
    while True:
        raw = turn.get(
            "/3.0/campaigns",
            list_id=turn.settings.audience,
            sort_field="create_time",
            sort_dir="DESC",
            count=str(COUNT),
            offset=str(offset),
            fields="campaigns.id,campaigns.status,campaigns.settings.title,total_items",
        )
        rows = raw["campaigns"].items()
        for row in rows:
            if row["settings"]["title"].value == name:
                return row
        offset += len(rows)
        if not rows or offset >= (raw["total_items"].maybe(Raw.whole) or 0):
            return None


def _segment(turn: Turn, tag: str) -> int:
    """A tag is a static segment, and both have one number."""
    raw = turn.get(turn.settings.place + "/tag-search", name=tag)
    for row in raw["tags"].items():
        if row["name"].text().casefold() == tag.casefold():
            return row["id"].whole()
    raise Refused("schedule_campaign: nobody in the audience has the tag", status=0)


def _create(turn: Turn, action: Action, name: str) -> str:
    args = action.args
    segment = _segment(turn, str(args["tag"]).strip())
    body = {
        "type": "regular",
        "recipients": {"list_id": turn.settings.audience, "segment_opts": {"saved_segment_id": segment}},
        "settings": {
            "title": name,
            "subject_line": str(args["subject_line"]),
            "preview_text": str(args.get("preview") or ""),
            "from_name": str(args["from_name"]),
            "reply_to": str(args["reply_to"]),
        },
    }
    return made(turn.client.send("POST", "/3.0/campaigns", json=body, explain=explain))["id"].id()


def _check(turn: Turn, path: str) -> None:
    raw = turn.get(path + "/send-checklist")
    if raw["is_ready"].flag():
        return
    recipients = turn.get(path, fields="recipients.recipient_count")["recipients"]["recipient_count"]
    if recipients.maybe(Raw.whole) == 0:
        raise Retry(f"{path}: Mailchimp counts nobody with the tag yet; its counts lag behind the tags")
    faults = [row["heading"].maybe(Raw.text) for row in raw["items"].items() if row["type"].value == "error"]
    raise Refused(f"{path}: not ready to send: " + "; ".join(one[:80] for one in faults if one), status=0)


def _unplanned(response: Response) -> Exception | None:
    """Free plans cannot schedule. The document names the status and not the words, so status and plan's word decide."""
    problem = response.decoded()
    told = f"{problem.get('title', '')} {problem.get('detail', '')}".lower() if isinstance(problem, dict) else ""
    if response.status in (400, 403) and ("plan" in told or "authorization failure" in told):
        return Refused(
            f"{response.place}: the plan cannot schedule mailings: change the plan, or use an event or a journey",
            status=response.status,
            body=problem,
        )
    return explain(response)
