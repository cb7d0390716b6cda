"""What people do in the sandbox's audience, and who is in it from the start."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Protocol

from adapters.mailchimp.sandbox_audience import Audience
from adapters.mailchimp.sandbox_campaign import Mailing
from adapters.mailchimp.sandbox_hooks import Hooks, profile
from adapters.mailchimp.sandbox_mailing import act
from adapters.mailchimp.sandbox_order import Subscriber
from adapters.mailchimp.sandbox_shapes import iso
from connector.world import World

#: The address of a person who uses a form.
THEIRS = "198.51.100.23"
FORM = "Hosted Signup Form"


class Place(Protocol):
    """Where people act."""

    hooks: Hooks
    campaigns: dict[str, Mailing]

    @property
    def audience(self) -> Audience: ...

    def now(self) -> int: ...

    def opt_out(self, audience: Audience, member: Subscriber, *, reason: str, campaign: str = "") -> None: ...


class Acts:
    """`{"do": name, "email": address, …}`. An unknown name or address is a LookupError."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self.names: dict[str, Callable[[str, Mapping[str, Any]], None]] = {
            "subscribe": self._subscribe,
            "unsubscribe": self._unsubscribe,
            "complain": self._complain,
            "bounce": self._bounce,
            "profile": self._profile,
            "upemail": self._upemail,
            "forget": self._forget,
            "archive": self._archive,
            "open": lambda email, asked: self._react("open", email, asked),
            "click": lambda email, asked: self._react("click", email, asked),
        }

    def do(self, name: str, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        if name not in self.names:
            raise LookupError(f"{name}; known: {', '.join(self.names)}")
        self.names[name](str(asked["email"]).strip(), asked)
        found = self._place.audience.find(str(asked.get("new", asked["email"])))
        return {"id": found.id, "status": found.status} if found else {"status": "gone"}

    def _member(self, email: str) -> Subscriber:
        found = self._place.audience.find(email)
        if found is None:
            raise LookupError("the address is not in the audience")
        return found

    def _subscribe(self, email: str, _: Mapping[str, Any]) -> None:
        """Through the form. This alone lifts an opt-out."""
        audience, now = self._place.audience, self._place.now()
        member = audience.find(email)
        if member is None:
            member = audience.add(email, "subscribed", source=FORM)
            audience.forgotten.discard(member.id)
        member.compliance, member.unsubscribe_reason, member.source = False, "", FORM
        member.ip_signup = member.ip_opt = THEIRS
        member.timestamp_signup = member.timestamp_opt = now
        audience.change(member, "subscribed")
        data = profile(audience, member) | {"ip_signup": THEIRS}
        self._place.hooks.send("subscribe", data)

    def _unsubscribe(self, email: str, asked: Mapping[str, Any]) -> None:
        reason, campaign = str(asked.get("reason", "None given")), str(asked.get("campaign", ""))
        self._place.opt_out(self._place.audience, self._member(email), reason=reason, campaign=campaign)

    def _complain(self, email: str, asked: Mapping[str, Any]) -> None:
        audience, member = self._place.audience, self._member(email)
        member.compliance, member.unsubscribe_reason = True, "N/A (Abuse complaint)"
        audience.change(member, "unsubscribed")
        campaign = str(asked.get("campaign", ""))
        row = {"id": len(audience.complaints) + 1, "campaign_id": campaign, "list_id": audience.id, "vip": False}
        who = {"email_id": member.id, "email_address": member.email, "merge_fields": {}, "date": iso(self._place.now())}
        audience.complaints.append(row | who)
        told = {"action": "unsub", "reason": "abuse", "campaign_id": campaign}
        self._place.hooks.send("unsubscribe", told | profile(audience, member))

    def _bounce(self, email: str, asked: Mapping[str, Any]) -> None:
        audience, member = self._place.audience, self._member(email)
        member.compliance = True
        audience.change(member, "cleaned")
        campaign = str(asked.get("campaign", ""))
        if campaign in self._place.campaigns:
            mailing = self._place.campaigns[campaign]
            mailing.sent_to[member.id] = {"email_address": member.email, "status": "hard"}
            act(mailing, member, "bounce", self._place.now(), type="hard")
        told = {"list_id": audience.id, "campaign_id": campaign, "reason": "hard", "email": member.email}
        self._place.hooks.send("cleaned", told)

    def _profile(self, email: str, asked: Mapping[str, Any]) -> None:
        audience, member = self._place.audience, self._member(email)
        audience.merge(member, asked.get("merge_fields", {}), lenient=True)
        audience.change(member)
        self._place.hooks.send("profile", profile(audience, member))

    def _upemail(self, email: str, asked: Mapping[str, Any]) -> None:
        audience, member = self._place.audience, self._member(email)
        old = member.email
        audience.rename(member, str(asked["new"]))
        told = {"list_id": audience.id, "new_id": member.id[:10], "new_email": member.email, "old_email": old}
        self._place.hooks.send("upemail", told)
        self._place.hooks.send("profile", profile(audience, member))

    def _forget(self, email: str, _: Mapping[str, Any]) -> None:
        audience, member = self._place.audience, self._member(email)
        audience.forget(member)
        told = {"action": "delete", "reason": "manual"}
        self._place.hooks.send("unsubscribe", told | profile(audience, member), source="admin")

    def _archive(self, email: str, _: Mapping[str, Any]) -> None:
        audience, member = self._place.audience, self._member(email)
        audience.change(member, "archived")
        told = {"action": "delete", "reason": "manual"}
        self._place.hooks.send("unsubscribe", told | profile(audience, member), source="admin")

    def _react(self, what: str, email: str, asked: Mapping[str, Any]) -> None:
        mailing = self._place.campaigns.get(str(asked["campaign"]))
        if mailing is None:
            raise LookupError("no such campaign")
        act(mailing, self._member(email), what, self._place.now())


def seeded(audience: Audience, world: World) -> None:
    """People of the world who are in the audience already. Half of them came through a form, half were imported."""
    for person in world.people:
        if person.audience is None or person.email is None:
            continue
        at = int(person.created_at.timestamp())
        own = person.key % 2 == 0
        member = audience.add(person.email, person.audience, source=FORM if own else "Import", at=at)
        member.merge_fields |= {"FNAME": person.first_name, "LNAME": person.last_name}
        member.compliance = person.audience != "subscribed"
        if own:
            member.ip_signup = member.ip_opt = THEIRS
            member.timestamp_signup = member.timestamp_opt = at
        if person.audience == "unsubscribed":
            member.unsubscribed_at, member.unsubscribe_reason = at, "None given"


def filled(audience: Audience, line: Mapping[str, Any]) -> int:
    """One native row: a member or a merge field as the API shows it."""
    data = line["data"]
    if line["stream"] == "merge_fields":
        audience.add_merge_field(data)
        return 1
    if line["stream"] != "members":
        return 0
    at = _seconds(data.get("last_changed"))
    member = audience.add(data["email_address"], data["status"], source=data.get("source", "Import"), at=at)
    audience.merge(member, data.get("merge_fields"), lenient=True)
    member.ip_signup, member.ip_opt = data.get("ip_signup", ""), data.get("ip_opt", "")
    member.timestamp_signup, member.timestamp_opt = (
        _seconds(data.get(name)) for name in ("timestamp_signup", "timestamp_opt")
    )
    member.compliance = data["status"] in ("unsubscribed", "cleaned")
    member.unsubscribed_at = at if data["status"] == "unsubscribed" else None
    for tag in data.get("tags", ()):
        made = audience.tag(tag["name"], create=True)
        if made is not None and at is not None:
            member.tags[made.id] = at
            made.members.add(member.id)
    return 1


def _seconds(told: str | None) -> int | None:
    return int(datetime.fromisoformat(told).timestamp()) if told else None
