"""Mailchimp's lists, page by page. A cursor is a small JSON text that says where the walk stands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

import msgspec

from adapters.mailchimp.answers import explain
from adapters.mailchimp.settings import Settings
from connector.client import Client, Response
from connector.errors import CursorExpired, Refused
from connector.flow import Page, Window, gone_page
from connector.raw import Raw

COUNT = 1000
#: Reports of mailings older than this are not asked for again.
REPORTED_FOR = timedelta(days=90)
#: Sent campaigns that one cursor carries along.
QUEUE = 50
#: Merge fields, notes, statistics and ratings are not asked for; the two IPs only show who entered the address.
MEMBER = (
    *("id", "email_address", "status", "unsubscribe_reason", "last_changed", "tags_count", "tags", "location.timezone"),
    *("source", "ip_signup", "timestamp_signup", "ip_opt", "timestamp_opt"),
)
CAMPAIGN = ("id", "status", "send_time", "emails_sent", "settings.title")
#: Without `status` the archived are left out, so they are asked for apart.
SWEEPS = {"members": ("", "archived"), "unsubscribed": ("unsubscribed",), "cleaned": ("cleaned",)}


T = TypeVar("T", "Walk", "Tour")


class Walk(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where a walk over members stands."""

    sweep: int = 0
    since: datetime | None = None
    offset: int = 0


class Tour(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where a walk over the reports stands: `next` in the list of sent campaigns, `queue` of those to look into."""

    next: int = 0
    queue: tuple[tuple[str, datetime], ...] = ()
    part: int = 0
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Puller:
    client: Client
    settings: Settings

    def pull(self, stream: str, window: Window, cursor: str | None) -> Page:
        if stream in SWEEPS:
            return self._members(stream, window, _resume(cursor, Walk))
        if stream == "campaigns":
            return self._campaigns(_resume(cursor, Walk))
        if stream == "complaints":
            return self._complaints(_resume(cursor, Walk))
        return self._engagement(window, _resume(cursor, Tour))

    def _get(self, path: str, **params: str) -> tuple[Response, Raw]:
        answer = self.client.get(path, [(name, text) for name, text in params.items() if text], explain=explain)
        return answer, answer.raw()

    # -- members

    def _members(self, stream: str, window: Window, walk: Walk) -> Page:
        sweeps = SWEEPS[stream]
        status = sweeps[walk.sweep]
        since = walk.since or window.since
        objected = stream == "unsubscribed"
        answer, raw = self._get(
            self.settings.place + "/members",
            status=status,
            unsubscribed_since=_iso(window.since) if objected else "",
            since_last_changed="" if objected else _iso(since),
            # a walk over everything has no end to stand behind: who changes meanwhile is met again further on
            before_last_changed=_iso(window.until) if window.since and not objected else "",
            sort_field="last_changed",
            sort_dir="ASC",
            count=str(COUNT),
            offset=str(walk.offset),
            fields=_sparse("members", MEMBER),
        )
        rows = listed(raw, "members")
        total = raw["total_items"].maybe(Raw.whole)
        ended = not rows or (walk.offset + len(rows) >= total if total is not None else len(rows) < COUNT)
        if not ended:
            following: Walk | None = _step(walk, since, rows, keyed=not objected)
        else:
            following = Walk(sweep=walk.sweep + 1) if walk.sweep + 1 < len(sweeps) else None
        return Page(body=answer.body, count=len(rows), cursor=_text(following))

    # -- campaigns and complaints

    def _campaigns(self, walk: Walk) -> Page:
        answer, raw = self._get(
            "/3.0/campaigns",
            list_id=self.settings.audience,
            sort_field="create_time",
            sort_dir="ASC",
            count=str(COUNT),
            offset=str(walk.offset),
            fields=_sparse("campaigns", CAMPAIGN),
        )
        return _offset_page(answer, raw, "campaigns", walk)

    def _complaints(self, walk: Walk) -> Page:
        answer, raw = self._get(
            self.settings.place + "/abuse-reports",
            count=str(COUNT),
            offset=str(walk.offset),
            fields=_sparse("abuse_reports", ("id", "campaign_id", "email_id", "email_address", "date")),
        )
        return _offset_page(answer, raw, "abuse_reports", walk)

    # -- engagement

    def _engagement(self, window: Window, tour: Tour) -> Page:
        if not tour.queue:
            return self._sent(window, tour)
        mailing, _ = tour.queue[0]
        part = PARTS[tour.part]
        try:
            answer, raw = self._get(
                f"/3.0/reports/{mailing}/{part.path}",
                since=_iso(window.since) if part.since else "",
                count=str(COUNT),
                offset=str(tour.offset),
                fields=_sparse(part.items, part.fields),
            )
        except Refused as error:
            if error.status != 404:
                raise
            return Page(body=b"{}", count=0, cursor=_text(_next(tour, window, len(PARTS))))
        rows = len(listed(raw, part.items))
        body = answer.body
        if part.dated:
            sent = self.client.get(f"/3.0/campaigns/{mailing}", {"fields": "id,send_time"}, explain=explain)
            sent.raw()["send_time"].instant()
            body = b'{"campaign":' + sent.body + b',"answer":' + body + b"}"
        total = raw["total_items"].maybe(Raw.whole) or 0
        if rows and tour.offset + rows < total:
            following = msgspec.structs.replace(tour, offset=tour.offset + rows)
        else:
            following = _next(tour, window, tour.part + 1)
        return Page(body=body, count=rows, cursor=_text(following))

    def _sent(self, window: Window, tour: Tour) -> Page:
        answer, raw = self._get(
            "/3.0/campaigns",
            list_id=self.settings.audience,
            status="sent",
            since_send_time=_iso(window.until - REPORTED_FOR),
            sort_field="send_time",
            sort_dir="ASC",
            count=str(QUEUE),
            offset=str(tour.next),
            fields=_sparse("campaigns", ("id", "send_time")),
        )
        rows = listed(raw, "campaigns")
        queue = tuple((row["id"].id(), row["send_time"].instant()) for row in rows)
        following = Tour(next=tour.next + len(rows), queue=queue) if queue else None
        if following is not None and not _due(queue[0][1], window):
            following = msgspec.structs.replace(following, part=1)
        return Page(body=answer.body, count=0, cursor=_text(following))

    # -- by id

    def fetch(self, kind: str, ids: Sequence[str]) -> Iterator[tuple[str, Page]]:
        lost: list[str] = []
        for one in ids:
            stream, path, fields = {
                "member": ("members", self.settings.member(one), MEMBER),
                "campaign": ("campaigns", f"/3.0/campaigns/{one}", CAMPAIGN),
            }[kind]
            try:
                answer = self.client.get(path, [("fields", ",".join(fields))], explain=explain)
            except Refused as error:
                if error.status != 404:
                    raise
                lost.append(one)
                continue
            yield stream, Page(body=answer.body, count=1)
        if lost:
            yield gone_page(kind, lost)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One report of a campaign."""

    path: str
    items: str
    fields: tuple[str, ...]
    #: Does it take `since`.
    since: bool = False
    #: Its rows have no time of their own, so the campaign's goes with them.
    dated: bool = False


_WHO = ("email_id", "email_address", "campaign_id")
#: The clicked address and the IP are not asked for.
PARTS = (
    Part(path="sent-to", items="sent_to", fields=(*_WHO, "status"), dated=True),
    Part(
        path="email-activity",
        items="emails",
        fields=(*_WHO, "activity.action", "activity.timestamp", "activity.type"),
        since=True,
    ),
    Part(path="unsubscribed", items="unsubscribes", fields=(*_WHO, "timestamp", "reason")),
)


def _due(sent_at: datetime, window: Window) -> bool:
    """Who got it does not change after the send, so that is asked once."""
    return window.since is None or sent_at >= window.since


def _next(tour: Tour, window: Window, part: int) -> Tour:
    if part < len(PARTS):
        return msgspec.structs.replace(tour, part=part, offset=0)
    queue = tour.queue[1:]
    if queue:
        return msgspec.structs.replace(tour, queue=queue, part=0 if _due(queue[0][1], window) else 1, offset=0)
    return Tour(next=tour.next)


def _step(walk: Walk, since: datetime | None, rows: list[Raw], *, keyed: bool) -> Walk:
    """Go on from the last one's own time, less a second: an offset would skip whom a change moves to the end.

    Within one second there is only the offset."""
    last = rows[-1]["last_changed"].maybe(Raw.instant) if keyed else None
    start = last - timedelta(seconds=1) if last else None
    if start is not None and (since is None or start > since):
        return Walk(sweep=walk.sweep, since=start)
    return Walk(sweep=walk.sweep, since=walk.since, offset=walk.offset + len(rows))


def listed(raw: Raw, name: str) -> list[Raw]:
    """The rows of an answer. Without the list it is another answer, not an empty one."""
    return raw[name].items() if raw[name].value is not None and raw[name].stated else raw[name].wrong("a list")


def _offset_page(answer: Response, raw: Raw, items: str, walk: Walk) -> Page:
    rows = len(listed(raw, items))
    done = walk.offset + rows
    more = rows > 0 and done < (raw["total_items"].maybe(Raw.whole) or 0)
    return Page(body=answer.body, count=rows, cursor=_text(Walk(offset=done)) if more else None)


def _sparse(items: str, fields: Sequence[str]) -> str:
    return ",".join([f"{items}.{name}" for name in fields] + ["total_items"])


def _iso(moment: datetime | None) -> str:
    return moment.isoformat(timespec="seconds") if moment else ""


def _text(state: Walk | Tour | None) -> str | None:
    return msgspec.json.encode(state).decode() if state is not None else None


def _resume(cursor: str | None, shape: type[T]) -> T:
    if cursor is None:
        return shape()
    try:
        return msgspec.json.decode(cursor, type=shape)
    except msgspec.MsgspecError as error:
        raise CursorExpired("the cursor is not one of this version") from error
