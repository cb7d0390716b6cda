"""A member of the sandbox's audience, and the order in which members are listed."""

from __future__ import annotations

import bisect
import hashlib
from dataclasses import dataclass, field
from typing import Any


def hashed(email: str) -> str:
    return hashlib.md5(email.lower().encode(), usedforsecurity=False).hexdigest()


@dataclass(slots=True, eq=False)
class Subscriber:
    """A member as Mailchimp keeps it. Times are whole seconds since 1970, as its answers have them."""

    email: str
    status: str
    number: int
    last_changed: int
    source: str
    merge_fields: dict[str, Any] = field(default_factory=dict)
    #: Tag id → when it was put on.
    tags: dict[int, int] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)
    ip_signup: str = ""
    timestamp_signup: int | None = None
    ip_opt: str = ""
    timestamp_opt: int | None = None
    unsubscribed_at: int | None = None
    unsubscribe_reason: str = ""
    #: They themselves said no, complained or bounced: no API call may subscribe them.
    compliance: bool = False
    time_zone: str = ""
    #: Interest id → is it ticked.
    interests: dict[str, bool] = field(default_factory=dict)
    notes: list[dict[str, Any]] = field(default_factory=list)
    #: Ids of marketing permissions that are ticked.
    permitted: set[str] = field(default_factory=set)

    @property
    def id(self) -> str:
        return hashed(self.email)

    @property
    def place(self) -> tuple[int, int]:
        return (self.last_changed, self.number)


class Order:
    """Members by (last change, number), so that a page costs its own length."""

    def __init__(self) -> None:
        self._places: list[tuple[int, int]] = []
        self._members: dict[int, Subscriber] = {}
        self._sorted = True

    def add(self, member: Subscriber) -> None:
        self._sorted = self._sorted and (not self._places or member.place > self._places[-1])
        self._places.append(member.place)
        self._members[member.number] = member

    def remove(self, member: Subscriber) -> None:
        at = bisect.bisect_left(self._settled(), member.place)
        if at < len(self._places) and self._places[at] == member.place:
            del self._places[at]
            del self._members[member.number]

    def _settled(self) -> list[tuple[int, int]]:
        if not self._sorted:
            self._places.sort()
            self._sorted = True
        return self._places

    def between(self, since: int | None, before: int | None) -> tuple[int, int]:
        """Bounds of those changed at or after `since` and before or at `before`."""
        start = 0 if since is None else bisect.bisect_left(self._settled(), (since, 0))
        end = len(self._places) if before is None else bisect.bisect_left(self._settled(), (before + 1, 0))
        return start, max(start, end)

    def cut(self, start: int, end: int) -> list[Subscriber]:
        return [self._members[number] for _, number in self._settled()[start:end]]
