"""Mailchimp as documented, with state: one audience, its members, mailings that go out as the clock passes."""

from __future__ import annotations

import asyncio
import base64
import binascii
import heapq
import hmac
import json
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from adapters.mailchimp import sandbox_batches as on_batches
from adapters.mailchimp import sandbox_bulk as on_bulk
from adapters.mailchimp import sandbox_interests as on_interests
from adapters.mailchimp import sandbox_lists as on_lists
from adapters.mailchimp import sandbox_mailing as on_mailing
from adapters.mailchimp import sandbox_members as on_members
from adapters.mailchimp import sandbox_reports as on_reports
from adapters.mailchimp import sandbox_segments as on_segments
from adapters.mailchimp import sandbox_story as on_story
from adapters.mailchimp.sandbox_audience import Audience
from adapters.mailchimp.sandbox_campaign import Journey, Mailing
from adapters.mailchimp.sandbox_hooks import RETRIES, Hooks, profile
from adapters.mailchimp.sandbox_order import Subscriber
from adapters.mailchimp.sandbox_people import Acts, filled, seeded
from adapters.mailchimp.sandbox_shapes import TRIGGERS, HaltError, answer, iso
from connector.sandbox import Harness
from connector.world import World

KEY = "0123456789abcdef0123456789abcdef-us1"
LIST = "57afe96172"
CONNECTIONS = 10

Handler = Callable[[Any, Request], Awaitable[Response]]
_M = "/lists/{list_id}/members/{hash}"
_C = "/campaigns/{campaign_id}"
#: path → (methods, handler)
TABLE: tuple[tuple[str, tuple[str, ...], Handler], ...] = (
    ("/lists", ("GET",), on_lists.lists),
    ("/lists/{list_id}", ("GET",), on_lists.one_list),
    ("/lists/{list_id}/members", ("GET", "POST"), on_members.members),
    (_M, ("GET", "PUT", "PATCH", "DELETE"), on_members.member),
    (_M + "/actions/delete-permanent", ("POST",), on_members.forget),
    (_M + "/tags", ("GET", "POST"), on_members.tags),
    (_M + "/events", ("GET", "POST"), on_members.events),
    ("/lists/{list_id}/abuse-reports", ("GET",), on_lists.abuse_reports),
    ("/lists/{list_id}/tag-search", ("GET",), on_lists.tag_search),
    ("/lists/{list_id}/merge-fields", ("GET", "POST"), on_lists.merge_fields),
    ("/lists/{list_id}/merge-fields/{merge_id}", ("GET", "PATCH", "DELETE"), on_lists.merge_field),
    ("/search-members", ("GET",), on_members.search),
    ("/campaigns", ("GET", "POST"), on_mailing.campaigns),
    (_C, ("GET", "PATCH", "DELETE"), on_mailing.campaign),
    (_C + "/content", ("GET", "PUT"), on_mailing.content),
    (_C + "/send-checklist", ("GET",), on_mailing.checklist),
    (_C + "/actions/{action}", ("POST",), on_mailing.action),
    ("/reports", ("GET",), on_reports.reports),
    ("/reports/{campaign_id}", ("GET",), on_reports.report),
    ("/reports/{campaign_id}/sent-to", ("GET",), on_reports.sent_to),
    ("/reports/{campaign_id}/email-activity", ("GET",), on_reports.email_activity),
    ("/reports/{campaign_id}/unsubscribed", ("GET",), on_reports.unsubscribed),
    ("/reports/{campaign_id}/abuse-reports", ("GET",), on_reports.abuse),
    (
        "/customer-journeys/journeys/{journey_id:int}/steps/{step_id:int}/actions/trigger",
        ("POST",),
        on_reports.trigger,
    ),
    ("/templates", ("GET",), on_reports.templates),
    ("/templates/{template_id}", ("GET",), on_reports.template),
    *on_segments.TABLE,
    *on_bulk.TABLE,
    *on_interests.TABLE,
    *on_story.TABLE,
    *on_batches.TABLE,
)


class MailchimpSandbox:
    def __init__(self, limited: bool = True) -> None:
        self.limited = limited
        self.employers: tuple[str, ...] = ("hospital", "software")
        self.secrets: Mapping[str, str] = {"api_key": KEY, "webhook": "whsec-of-the-sandbox"}
        self.options: Mapping[str, Any] = {
            "audience": LIST,
            "create_merge_fields": "yes",
            "merge_fields": dict(MERGE_FIELDS),
        }
        self.role = "owner"
        self.plan = "monthly"
        #: Seconds every answer takes; with it, connections overlap.
        self.latency = 0.0
        #: Shares of recipients, decided by a hash of mailing and address.
        self.rates = {"open": 0.3, "click": 0.08, "unsubscribe": 0.0}
        self.hooks = Hooks()
        self.harness = Harness(
            retries=RETRIES,
            taken=self.hooks.taken,
            act=self._act,
            state=self._state,
            throttled=lambda: Response("", 429),
        )
        self.hooks.harness = self.harness
        self.lists = {LIST: Audience(LIST, "Talent pool", self.now)}
        self.campaigns: dict[str, Mailing] = {}
        self.journeys: dict[tuple[int, int], Journey] = {(816, 1102): Journey(LIST)}
        self.templates = {77: "<p>News for you</p><p>*|UNSUB|*</p>"}
        #: Who was sent what, by campaign, journey or event.
        self.mailed: list[dict[str, Any]] = []
        self.batches = on_batches.Batches()
        self._due: list[tuple[int, int, Callable[[], None]]] = []
        self._turn = 0
        self._open = 0
        self._acts = Acts(self)
        self.app = self.harness.application(self._routes())

    @property
    def audience(self) -> Audience:
        return self.lists[LIST]

    # -- time

    def now(self) -> int:
        return int(self.harness.clock.now().timestamp())

    def later(self, at: int, do: Callable[[], None]) -> None:
        self._turn += 1
        heapq.heappush(self._due, (at, self._turn, do))

    def tick(self) -> None:
        """Do what has become due, in order of time."""
        while self._due and self._due[0][0] <= self.now():
            heapq.heappop(self._due)[2]()

    # -- people

    def opt_out(self, audience: Audience, member: Subscriber, *, reason: str, campaign: str = "") -> None:
        """They used the link in a mailing, or told us so."""
        if member.status not in ("subscribed", "pending", "transactional"):
            return
        member.compliance, member.unsubscribe_reason = True, reason
        audience.change(member, "unsubscribed")
        if mailing := self.campaigns.get(campaign):
            who = {"email_id": member.id, "email_address": member.email, "merge_fields": {}, "vip": False}
            when = {"timestamp": iso(self.now()), "reason": reason}
            where = {"campaign_id": campaign, "list_id": audience.id, "list_is_active": True}
            mailing.unsubscribes.append({**who, **when, **where})
        told = {"action": "unsub", "reason": "manual"} | ({"campaign_id": campaign} if campaign else {})
        self.hooks.send("unsubscribe", told | profile(audience, member))

    async def _act(self, do: str, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        self.tick()
        return self._acts.do(do, asked)

    def seed(self, world: World) -> None:
        seeded(self.audience, world)

    def load(self, lines: Iterable[bytes]) -> int:
        return sum(filled(self.audience, json.loads(line)) for line in lines if line.strip())

    def _state(self) -> Mapping[str, Any]:
        self.tick()
        audience = self.audience
        return {
            "members": {
                one.email: {
                    "status": one.status,
                    "tags": sorted(audience.tags[tag].name for tag in one.tags),
                    "merge_fields": one.merge_fields,
                }
                for one in audience.members.values()
            },
            "campaigns": [on_mailing.show(self, one) for one in self.campaigns.values()],
            "mailed": list(self.mailed),
            "forgotten": len(audience.forgotten),
        }

    # -- the API

    def _routes(self) -> list[Route]:
        hooks = "/lists/{list_id}/webhooks"
        table: list[tuple[str, tuple[str, ...], Handler]] = [
            ("/ping", ("GET",), _ping),
            ("/", ("GET",), _root),
            *TABLE,
            (hooks, ("GET", "POST"), _webhooks),
            (hooks + "/{webhook_id}", ("GET", "PATCH", "DELETE"), _webhook),
        ]
        made = [
            Route(prefix + path, self._guarded(handler), methods=list(methods))
            for path, methods, handler in table
            for prefix in ("/3.0", "")
        ]
        every = ["GET", "POST", "PUT", "PATCH", "DELETE"]
        root = Route("/3.0", self._guarded(_root), methods=["GET"])
        packed = Route("/results/{token}-response.tar.gz", partial(on_batches.results, self), methods=["GET"])
        return [*made, root, packed, Route("/{rest:path}", self._guarded(_nowhere), methods=every)]

    def _guarded(self, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        return partial(self._answer, handler)

    async def _answer(self, handler: Handler, request: Request) -> Response:
        inside = request.scope.get("inside", False)
        if self.limited and not inside and self._open >= CONNECTIONS:
            return Response("", 429)  # from the network in front: no JSON
        self._open += 1
        try:
            if self.latency and not inside:
                await asyncio.sleep(self.latency)
            self._admit(request)
            self.tick()
            await self.batches.work(self)
            return await handler(self, request)
        except HaltError as halt:
            return halt.answer()
        finally:
            self._open -= 1

    def _admit(self, request: Request) -> None:
        if forced := TRIGGERS.get(request.headers.get("x-trigger-error", "")):
            raise HaltError(forced[0], "Forced by X-Trigger-Error.", title=forced[1])
        if not hmac.compare_digest(_token(request.headers.get("authorization", "")).encode(), KEY.encode()):
            detail = "Your API key may be invalid, or you've attempted to access the wrong datacenter."
            raise HaltError(401, detail)
        if self.role == "viewer" and request.method != "GET":
            raise HaltError(403, "Your role does not allow this.")


#: Our name → merge tag, for whoever uses the seeded audience.
MERGE_FIELDS = {
    "first_name": "FNAME",
    "last_name": "LNAME",
    "role": "ROLE",
    "skill": "SKILL",
    "region": "REGION",
    "recruiter": "RECRUITER",
    "segment": "SEGMENT",
    "content": "CONTENT",
    "link": "LINK",
}


def _token(header: str) -> str:
    """An API key or an OAuth token, as Basic password of any user or as Bearer."""
    scheme, _, rest = header.partition(" ")
    if scheme.lower() == "bearer":
        return rest.strip()
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(rest).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return ""


async def _ping(_: MailchimpSandbox, request: Request) -> Response:
    return answer(request, {"health_status": "Everything's Chimpy!"})


async def _root(desk: MailchimpSandbox, request: Request) -> Response:
    return answer(
        request,
        {
            "account_id": "8d3a3db4d97663a9074efcc16",
            "account_name": "Sandbox",
            "email": "owner@example.org",
            "role": desk.role,
            "pricing_plan_type": desk.plan,
            "account_timezone": "Europe/London",
            "total_subscribers": len(desk.audience.members),
            "_links": [],
        },
    )


async def _webhooks(desk: MailchimpSandbox, request: Request) -> Response:
    audience = on_members.audience_of(desk, request)
    return await (desk.hooks.create if request.method == "POST" else desk.hooks.list)(request, audience)


async def _webhook(desk: MailchimpSandbox, request: Request) -> Response:
    return await desk.hooks.one(request, on_members.audience_of(desk, request))


async def _nowhere(_: MailchimpSandbox, request: Request) -> Response:
    raise HaltError(404, "The requested resource could not be found.")


SANDBOX = MailchimpSandbox
