"""How any Greenhouse row is looked at: whose it is, what of it may be kept, and what custom fields say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import TypedDict

from adapters.greenhouse.choices import Choices
from connector.errors import Malformed
from connector.model import Ref
from connector.raw import Raw, came


class Head(TypedDict):
    """What every record has."""

    ref: Ref
    updated_at: datetime | None


class Part(Head):
    """What everything about an application has."""

    application: Ref


@dataclass(frozen=True, slots=True)
class Eye:
    """Whose rows these are, and what of them we may keep."""

    account: str
    choices: Choices

    def head(self, kind: str, row: Raw) -> Head:
        return {"ref": self.ref(kind, row["id"]), "updated_at": at(row["updated_at"])}

    def part(self, kind: str, row: Raw) -> Part:
        return {**self.head(kind, row), "application": self.ref("application", row["application_id"])}

    def ref(self, kind: str, raw: Raw) -> Ref:
        return Ref(self.account, kind, raw.id())

    def link(self, kind: str, raw: Raw) -> Ref | None:
        """A reference that may be missing."""
        return raw.maybe(lambda it: Ref(self.account, kind, it.id()))

    def links(self, kind: str, raw: Raw) -> tuple[Ref, ...]:
        return tuple(Ref(self.account, kind, item.id()) for item in raw.items())


def at(raw: Raw) -> datetime | None:
    return raw.maybe(Raw.instant)


def midnight(raw: Raw) -> datetime:
    """A `_on` date, at its first moment in UTC."""
    return datetime.combine(raw.day(), time(), UTC)


def flag(raw: Raw) -> bool:
    """Absent and null read as no."""
    return bool(raw.maybe(Raw.flag))


def custom(block: Raw, wanted: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """The values of the fields that settings name; empty ones are left out."""
    found = {ours: texts(block[key]["value"]) for ours, key in wanted.items()}
    return {ours: values for ours, values in found.items() if values}


def texts(raw: Raw) -> tuple[str, ...]:
    """Any custom field value as texts: yes/no for booleans, "5000 EUR" for money, the name for a colleague."""
    value = raw.value
    if type(value) is list:
        return tuple(text for item in raw.items() for text in texts(item))
    if type(value) is bool:
        return ("yes",) if value else ("no",)
    if type(value) is int:
        return (str(value),)
    if type(value) is float:
        return (f"{value:g}",)
    if type(value) is dict:
        if raw["name"]:
            return (raw["name"].text(),)
        if raw["amount"]:
            return (" ".join((*texts(raw["amount"]), *texts(raw["unit"]))),)
        raise Malformed(raw.path, "a value with a name or an amount", came(value))
    words = raw.maybe(Raw.text)
    return (words,) if words else ()
