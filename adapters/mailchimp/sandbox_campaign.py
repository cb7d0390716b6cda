"""A campaign and a journey as the sandbox keeps them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Mailing:
    id: str
    number: int
    type: str
    list_id: str
    #: A tag's number; None: the whole audience.
    segment: int | None
    settings: dict[str, Any]
    created_at: int
    status: str = "save"
    content: str = ""
    send_at: int | None = None
    #: Member id → address and state of delivery, in order of sending.
    sent_to: dict[str, dict[str, Any]] = field(default_factory=dict)
    activity: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    unsubscribes: list[dict[str, Any]] = field(default_factory=list)


@dataclass(slots=True)
class Journey:
    list_id: str
    on: bool = True
    #: A contact may enter only once: a second trigger is taken and does nothing.
    once: bool = False
    entered: set[str] = field(default_factory=set)
