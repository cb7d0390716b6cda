"""Mailchimp's API objects → our records. One mapper an object, whether it came alone or in a list."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from functools import partial

from connector.flow import Reading, Spoiled
from connector.model import AnyRecord, Campaign, Engagement, EngagementKind, Member, MemberStatus, Ref
from connector.raw import Raw, each

#: A word that is not here is Malformed, so a new one is noticed, not guessed.
STATUS = {
    "subscribed": MemberStatus.SUBSCRIBED,
    "pending": MemberStatus.PENDING,
    "unsubscribed": MemberStatus.UNSUBSCRIBED,
    "cleaned": MemberStatus.CLEANED,
    "transactional": MemberStatus.TRANSACTIONAL,
    "archived": MemberStatus.ARCHIVED,
}
CAMPAIGN_STATUS = {
    word: word
    for word in ("save", "paused", "schedule", "sending", "sent", "canceled", "canceling", "archived")  # their spelling
}
ACTIVITY = {
    "open": EngagementKind.OPENED,
    "click": EngagementKind.CLICKED,
    "bounce": EngagementKind.BOUNCED,
}
#: `source` of members that somebody else entered; `ip_opt` is then the enterer's, so it shows no wish of the person's.
ENTERED = ("api", "import", "admin", "list import", "integration")
TITLE = "Keepwarm "


def title(marker: str) -> str:
    """The campaign title by which we find our own again."""
    return TITLE + marker


def page(stream: str, account: str, body: Raw) -> Reading:
    records, spoiled = PAGES[stream](account, body)
    return Reading(records=tuple(records), spoiled=tuple(spoiled))


Read = tuple[list[AnyRecord], list[Spoiled]]


def _many(account: str, items: Iterable[Raw], read: Callable[[str, Raw], Iterable[AnyRecord]]) -> Read:
    return each(items, lambda item: read(account, item))


def members(account: str, body: Raw) -> Read:
    alone = not body["members"].stated and body["email_address"].stated
    return _many(account, [body] if alone else body["members"].items(), member)


def member(account: str, raw: Raw) -> list[AnyRecord]:
    email = mailable(raw["email_address"])
    if email is None:
        return []  # a contact with a telephone number only
    status = raw["status"].one_of(STATUS)
    reason = raw["unsubscribe_reason"].maybe(Raw.text)
    if status is MemberStatus.UNSUBSCRIBED and reason and "abuse" in reason.lower():
        status = MemberStatus.COMPLAINED
    tags = raw["tags"].items() if raw["tags"].stated else None
    return [
        Member(
            ref=Ref(account, "member", raw["id"].id().lower()),
            updated_at=raw["last_changed"].maybe(Raw.instant),
            email=email,
            status=status,
            opted_in_at=opted_in(raw),
            reason=reason if status in (MemberStatus.UNSUBSCRIBED, MemberStatus.COMPLAINED) else None,
            # the body lists at most 50
            tags=tuple(tag["name"].text() for tag in tags)
            if tags is not None and raw["tags_count"].maybe(Raw.whole) == len(tags)
            else None,
            time_zone=_zone(raw["location"]["timezone"]),
        )
    ]


def mailable(raw: Raw) -> str | None:
    """The normalised address; None when it is empty. No such field, or text that is no address, is Malformed."""
    email = raw.address()
    return raw.wrong("an e-mail address") if email is None and (raw or not raw.stated) else email


def opted_in(raw: Raw) -> datetime | None:
    """When they themselves signed up or confirmed. Entries through the API carry the caller's `ip_opt`: no sign."""
    confirmed = raw["timestamp_opt"].maybe(Raw.instant)
    signed_up = raw["timestamp_signup"].maybe(Raw.instant)
    if signed_up and raw["ip_signup"].maybe(Raw.text):
        return confirmed or signed_up
    source = (raw["source"].maybe(Raw.text) or "api").lower()
    return confirmed if raw["ip_opt"].maybe(Raw.text) and not source.startswith(ENTERED) else None


def _zone(raw: Raw) -> str | None:
    zone = raw.maybe(Raw.text)
    return zone if zone and "/" in zone else None


def campaigns(account: str, body: Raw) -> Read:
    alone = not body["campaigns"].stated and body["id"].stated
    return _many(account, [body] if alone else body["campaigns"].items(), campaign)


def campaign(account: str, raw: Raw) -> list[AnyRecord]:
    name = raw["settings"]["title"].maybe(Raw.text) or ""
    return [
        Campaign(
            ref=Ref(account, "campaign", raw["id"].id()),
            status=raw["status"].one_of(CAMPAIGN_STATUS),
            marker=name.removeprefix(TITLE).strip() if name.startswith(TITLE) else None,
            send_at=raw["send_time"].maybe(Raw.instant),
            sent=raw["emails_sent"].maybe(Raw.whole),
        )
    ]


def engagement(account: str, body: Raw) -> Read:
    """Four bodies share this stream: sent campaigns (nothing to tell), sent-to, email-activity and unsubscribed."""
    if body["answer"].stated:
        at = body["campaign"]["send_time"].instant()
        return _many(account, body["answer"]["sent_to"].items(), lambda acc, row: _delivered(acc, row, at))
    if body["emails"].stated:
        return _activities(account, body["emails"].items())
    return _many(account, body["unsubscribes"].items(), _unsubscribed)


def complaints(account: str, body: Raw) -> Read:
    return _many(account, body["abuse_reports"].items(), _complained)


def _did(account: str, row: Raw, email: str, kind: EngagementKind, at: datetime) -> Engagement:
    mailing = row["campaign_id"].id()
    stamp = "" if kind is EngagementKind.DELIVERED else f":{at:%Y%m%dT%H%M%S}"
    return Engagement(
        ref=Ref(account, "engagement", f"{mailing}:{row['email_id'].id().lower()}:{kind.value}{stamp}"),
        updated_at=at,
        email=email,
        kind=kind,
        at=at,
        campaign=mailing,
    )


def _delivered(account: str, row: Raw, at: datetime) -> list[AnyRecord]:
    email = mailable(row["email_address"])
    status = row["status"].one_of({"sent": True, "hard": False, "soft": False})
    # a bounce has its time in email-activity; here it would have none
    return [_did(account, row, email, EngagementKind.DELIVERED, at)] if email and status else []


def _activities(account: str, rows: list[Raw]) -> Read:
    """Spoiled by the single act, so that one unknown action does not hide the person's others."""
    records: list[AnyRecord] = []
    spoiled: list[Spoiled] = []
    for row in rows:
        good, bad = each([row], _acts)
        spoiled += bad
        for email, act in good:
            told, untold = each([act], partial(_activity, account, row, email))
            records += told
            spoiled += untold
    return records, spoiled


def _acts(row: Raw) -> list[tuple[str | None, Raw]]:
    email = mailable(row["email_address"])
    return [(email, act) for act in row["activity"].items()]


def _activity(account: str, row: Raw, email: str | None, act: Raw) -> list[AnyRecord]:
    kind, at = act["action"].one_of(ACTIVITY), act["timestamp"].instant()
    return [_did(account, row, email, kind, at)] if email else []


def _unsubscribed(account: str, row: Raw) -> list[AnyRecord]:
    return _objected(account, row, row["timestamp"].instant(), EngagementKind.UNSUBSCRIBED, MemberStatus.UNSUBSCRIBED)


def _complained(account: str, row: Raw) -> list[AnyRecord]:
    return _objected(account, row, row["date"].instant(), EngagementKind.COMPLAINED, MemberStatus.COMPLAINED)


def _objected(account: str, row: Raw, at: datetime, kind: EngagementKind, status: MemberStatus) -> list[AnyRecord]:
    """What they did, and what they are since: an opt-out is not left to the next poll of members."""
    email = mailable(row["email_address"])
    if email is None:
        return []
    member = Member(
        ref=Ref(account, "member", row["email_id"].id().lower()),
        updated_at=at,
        email=email,
        status=status,
        reason=row["reason"].maybe(Raw.text) or ("abuse" if status is MemberStatus.COMPLAINED else None),
    )
    return [_did(account, row, email, kind, at), member]


PAGES: dict[str, Callable[[str, Raw], Read]] = {
    "members": members,
    "unsubscribed": members,
    "cleaned": members,
    "campaigns": campaigns,
    "complaints": complaints,
    "engagement": engagement,
}
