"""One audience of the sandbox: members in order of their last change, tags with lagging counts, merge fields."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from adapters.mailchimp.sandbox_order import Order, Subscriber, hashed
from adapters.mailchimp.sandbox_shapes import HaltError, dated, invalid, iso

STATUSES = ("subscribed", "unsubscribed", "cleaned", "pending", "transactional")


@dataclass(slots=True)
class Tag:
    """A tag is a static segment."""

    id: int
    name: str
    created_at: int
    members: set[str] = field(default_factory=set)
    #: What `member_count` says, and since when it is out of date.
    counted: int = 0
    stale_since: int | None = None


class Audience:
    def __init__(self, id: str, name: str, now: Callable[[], int]) -> None:
        self.id = id
        self.name = name
        self.now = now
        self.double_optin = False
        #: How far `member_count` lags behind the tags.
        self.tag_lag = timedelta(minutes=15)
        #: "same": Silver and silver are one tag. "distinct": they are two.
        self.tag_case = "same"
        #: Times of what has not happened: "left out" or "empty".
        self.absent_times = "left out"
        self.members: dict[str, Subscriber] = {}
        self.orders: dict[str, Order] = {status: Order() for status in ("", *STATUSES, "archived")}
        self.forgotten: set[str] = set()
        self.tags: dict[int, Tag] = {}
        self._tag_names: dict[str, int] = {}
        #: Saved segments by id; tags and they share their numbers.
        self.saved: dict[int, Any] = {}
        #: Category id → {title, type, interests: id → {name, …}}
        self.interests: dict[str, dict[str, Any]] = {}
        #: Texts of the marketing permissions; any: the audience asks for them.
        self.permissions: tuple[str, ...] = ()
        self.merge_fields: list[dict[str, Any]] = []
        self.complaints: list[dict[str, Any]] = []
        self._number = 0
        for tag in ("FNAME", "LNAME"):
            self.add_merge_field({"name": tag.title(), "tag": tag, "type": "text"})

    # -- members

    def add(self, email: str, status: str, *, source: str, at: int | None = None) -> Subscriber:
        self._number += 1
        member = Subscriber(email, status, self._number, at if at is not None else self.now(), source)
        member.merge_fields = dict.fromkeys([row["tag"] for row in self.merge_fields], "")
        self.members[member.id] = member
        self._index(member)
        return member

    def change(self, member: Subscriber, status: str | None = None) -> None:
        """Call after altering a member: puts it at the end of the order."""
        self._unindex(member)
        if status is not None and status != member.status:
            if status == "unsubscribed":
                member.unsubscribed_at = self.now()
            member.status = status
        member.last_changed = self.now()
        self._index(member)

    def rename(self, member: Subscriber, email: str) -> None:
        old = member.id
        del self.members[old]
        member.email = email
        self.members[member.id] = member
        for tag in self.tags.values():
            if old in tag.members:
                tag.members.remove(old)
                tag.members.add(member.id)
        self.change(member)

    def forget(self, member: Subscriber) -> None:
        self._unindex(member)
        del self.members[member.id]
        for tag in self.tags.values():
            tag.members.discard(member.id)
        self.forgotten.add(member.id)

    def _index(self, member: Subscriber) -> None:
        self.orders[member.status].add(member)
        if member.status != "archived":
            self.orders[""].add(member)

    def _unindex(self, member: Subscriber) -> None:
        self.orders[member.status].remove(member)
        self.orders[""].remove(member)

    def find(self, key: str) -> Subscriber | None:
        """By hash, by plain address or by contact id."""
        if "@" in key:
            return self.members.get(hashed(key.strip()))
        return self.members.get(key.lower()) or self.members.get(key.lower()[::-1])

    def show(self, member: Subscriber) -> dict[str, Any]:
        row = {
            "id": member.id,
            "email_address": member.email,
            "unique_email_id": member.id[:10],
            "contact_id": member.id[::-1],
            "full_name": f"{member.merge_fields.get('FNAME', '')} {member.merge_fields.get('LNAME', '')}".strip(),
            "web_id": 100000 + member.number,
            "email_type": "html",
            "status": member.status,
            "unsubscribe_reason": member.unsubscribe_reason,
            "consents_to_one_to_one_messaging": True,
            "merge_fields": member.merge_fields,
            "interests": {key: member.interests.get(key, False) for key in self.interest_ids()},
            "stats": {"avg_open_rate": 0, "avg_click_rate": 0},
            "ip_signup": member.ip_signup,
            "timestamp_signup": iso(member.timestamp_signup),
            "ip_opt": member.ip_opt,
            "timestamp_opt": iso(member.timestamp_opt),
            "member_rating": 2,
            "last_changed": iso(member.last_changed),
            "language": "",
            "vip": False,
            "email_client": "",
            "location": {
                "latitude": 0,
                "longitude": 0,
                "gmtoff": 0,
                "dstoff": 0,
                "country_code": "",
                "timezone": member.time_zone,
                "region": "",
            },
            "marketing_permissions": self.permitted(member),
            **({"last_note": _noted(member.notes[-1])} if member.notes else {}),
            "source": member.source,
            "tags_count": len(member.tags),
            "tags": [{"id": tag, "name": self.tags[tag].name} for tag in list(member.tags)[:50]],
            "list_id": self.id,
            "_links": [],
        }
        return dated(row, self.absent_times)

    def interest_ids(self) -> list[str]:
        return [key for category in self.interests.values() for key in category["interests"]]

    def permitted(self, member: Subscriber) -> list[dict[str, Any]]:
        ids = [hashed(f"{self.id} {text}")[:10] for text in self.permissions]
        return [
            {"marketing_permission_id": key, "text": text, "enabled": key in member.permitted}
            for key, text in zip(ids, self.permissions, strict=True)
        ]

    # -- tags

    def tag(self, name: str, *, create: bool = False) -> Tag | None:
        folded = name.casefold() if self.tag_case == "same" else name
        if folded not in self._tag_names:
            if not create:
                return None
            made = Tag(self.next_segment(), name, self.now())
            self.tags[made.id] = made
            self._tag_names[folded] = made.id
        return self.tags[self._tag_names[folded]]

    def next_segment(self) -> int:
        return max((*self.tags, *self.saved), default=8999) + 1

    def has_segment(self, key: int) -> bool:
        return key in self.tags or key in self.saved

    def rename_tag(self, tag: Tag, name: str) -> None:
        self._tag_names = {held: key for held, key in self._tag_names.items() if key != tag.id}
        self._tag_names[name.casefold() if self.tag_case == "same" else name] = tag.id
        tag.name = name

    def set_tag(self, member: Subscriber, name: str, *, active: bool) -> bool:
        """Did it change anything."""
        tag = self.tag(name, create=active)
        if tag is None or (tag.id in member.tags) is active:
            return False
        self.count(tag)
        if active:
            member.tags[tag.id] = self.now()
            tag.members.add(member.id)
        else:
            del member.tags[tag.id]
            tag.members.discard(member.id)
        tag.stale_since = tag.stale_since or self.now()
        self.change(member)
        return True

    def drop_tag(self, tag: Tag) -> None:
        for key in tuple(tag.members):
            self.set_tag(self.members[key], tag.name, active=False)
        del self.tags[tag.id]
        self._tag_names = {name: key for name, key in self._tag_names.items() if key != tag.id}

    def count(self, tag: Tag) -> int:
        """What Mailchimp says the tag's members are: right only some minutes after the last write."""
        if tag.stale_since is not None and self.now() >= tag.stale_since + self.tag_lag.total_seconds():
            tag.stale_since = None
            tag.counted = len(tag.members)
        return tag.counted

    def show_segment(self, tag: Tag) -> dict[str, Any]:
        return {
            "id": tag.id,
            "name": tag.name,
            "member_count": self.count(tag),
            "type": "static",
            "created_at": iso(tag.created_at),
            "updated_at": iso(tag.created_at),
            "options": {"match": "any", "conditions": []},
            "list_id": self.id,
        }

    # -- merge fields

    def add_merge_field(self, body: dict[str, Any]) -> dict[str, Any]:
        tag = str(body.get("tag") or f"MMERGE{len(self.merge_fields) + 1}")
        if any(row["tag"] == tag for row in self.merge_fields):
            raise HaltError(400, f'A Merge Field with the tag "{tag}" already exists for this list.')
        if not tag.isascii() or len(tag) > 10 or tag != tag.upper():
            raise invalid("A merge tag is upper case and has at most 10 characters.", field="tag")
        row = {
            "merge_id": len(self.merge_fields) + 1,
            "tag": tag,
            "name": body["name"],
            "type": body["type"],
            "required": bool(body.get("required", False)),
            "default_value": str(body.get("default_value", "")),
            "public": bool(body.get("public", True)),
            "display_order": len(self.merge_fields) + 2,
            "options": {"size": 25},
            "help_text": str(body.get("help_text", "")),
            "list_id": self.id,
        }
        self.merge_fields.append(row)
        return row

    def merge(self, member: Subscriber, values: object, *, lenient: bool) -> bool:
        """Take over values for known tags, cut to 255 bytes; unknown tags are dropped. Did it change anything."""
        if not isinstance(values, dict):
            values = {}
        known = {row["tag"]: row for row in self.merge_fields}
        merged = member.merge_fields | {tag: _kept(value) for tag, value in values.items() if tag in known}
        lacking = [tag for tag, row in known.items() if row["required"] and merged.get(tag) in ("", None)]
        if lacking and not lenient:
            raise invalid("Your merge fields were invalid.", field=lacking[0], message="Please enter a value")
        changed = merged != member.merge_fields
        member.merge_fields = merged
        return changed


def _noted(note: dict[str, Any]) -> dict[str, Any]:
    return {name: note[name] for name in ("note_id", "created_at", "created_by", "note")}


def _kept(value: object) -> object:
    return value.encode()[:255].decode(errors="ignore") if isinstance(value, str) else value
