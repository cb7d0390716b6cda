"""What a list request may say, and the 422 that Harvest answers to everything else."""

from __future__ import annotations

import base64
import binascii
import json
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from adapters.greenhouse.sandbox_tables import Resource, Row

OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "gte": operator.ge,
    "lte": operator.le,
    "gt": operator.gt,
    "lt": operator.lt,
}
#: The filter's words; a response says in_process.
STATUSES = {"active": "in_process", "rejected": "rejected", "hired": "hired", "converted": "converted"}
_BRACKET = re.compile(r"(\w+)\[(gte|lte|gt|lt)\]")


class Unprocessable(Exception):
    """Answered as 422 with these `errors`, in one of the several shapes seen."""

    def __init__(self, errors: Any) -> None:
        self.errors = errors


@dataclass(slots=True, kw_only=True)
class Query:
    """`tests` must all hold."""

    per_page: int = 100
    fields: tuple[str, ...] | None = None
    ids: dict[str, list[int]] = field(default_factory=dict)
    tests: list[Callable[[Row], bool]] = field(default_factory=list)
    flags: dict[str, str] = field(default_factory=dict)


def stamp(moment: datetime) -> str:
    """Milliseconds and a Z, so that text order is time order."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")[:23] + "Z"


def parse(resource: Resource, pairs: Sequence[tuple[str, str]], *, strict_fields: bool) -> Query:
    query = Query()
    plurals = {f"{parent}s": parent for parent in resource.parents}
    unknown = [name for name, _ in pairs if not _known(name, resource, plurals)]
    if unknown:
        raise Unprocessable([f"Invalid query params: {', '.join(unknown)}"])
    dates = {_BRACKET.sub(r"\1", name) for name, _ in pairs} & {"created_at", "updated_at"}
    if len(dates) == 2:
        raise Unprocessable("created_at and updated_at cannot be combined")
    for name, value in pairs:
        bracket = _BRACKET.fullmatch(name)
        if name == "per_page":
            query.per_page = _per_page(value)
        elif name == "fields":
            query.fields = _fields(value, resource, strict=strict_fields)
        elif name == "ids" or name in plurals:
            query.ids[name] = _ids(name, value)
        elif bracket:
            query.tests.append(_date(bracket[1], f"{bracket[2]}|{value}"))
        elif name in resource.dates:
            query.tests.append(_date(name, value))
        else:
            _equal(query, name, value)
    for name, values in query.ids.items():
        if name != "ids":
            query.tests.append(_among(plurals[name], frozenset(values)))
    return query


def _known(name: str, resource: Resource, plurals: Mapping[str, str]) -> bool:
    bracket = _BRACKET.fullmatch(name)
    if bracket:
        return bracket[1] in resource.dates
    return name in ("ids", "fields", "per_page", *plurals, *resource.dates, *resource.equal)


def _per_page(value: str) -> int:
    if not value.isdecimal() or not 1 <= int(value) <= 500:
        raise Unprocessable([{"per_page": "must be between 1 and 500"}])
    return int(value)


def _fields(value: str, resource: Resource, *, strict: bool) -> tuple[str, ...]:
    names = tuple(value.split(","))
    if len(names) > 50 or (strict and any(name not in resource.fields for name in names)):
        raise Unprocessable([{"message": "is invalid", "field": "fields"}])
    return names


def _ids(name: str, value: str) -> list[int]:
    parts = value.split(",")
    if len(parts) > 50:
        raise Unprocessable([{"message": "accepts at most 50 values", "field": name}])
    if not all(part.isdecimal() for part in parts):
        raise Unprocessable([{"message": "is invalid", "field": name}])
    return [int(part) for part in parts]


def _date(name: str, value: str) -> Callable[[Row], bool]:
    parts = value.split("|")
    if len(parts) not in (2, 4) or any(word not in OPERATORS for word in parts[::2]):
        raise Unprocessable([{name: "is invalid"}])
    try:
        bounds = [(OPERATORS[word], stamp(_moment(bound))) for word, bound in zip(parts[::2], parts[1::2], strict=True)]
    except ValueError:
        raise Unprocessable([{name: "is invalid"}]) from None
    (first, one), (second, other) = bounds[0], bounds[-1]

    def within(row: Row) -> bool:
        value = row.get(name)
        return value is not None and first(value, one) and second(value, other)

    return within


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _among(name: str, values: frozenset[int]) -> Callable[[Row], bool]:
    return lambda row: row.get(name) in values


def _equal(query: Query, name: str, value: str) -> None:
    if name in ("include_defaults", "show_service_accounts", "current_only"):
        query.flags[name] = value
    elif name == "status" and value == "in_process":
        raise Unprocessable([{"status": "is not included in the list"}])
    elif name == "email":
        query.tests.append(lambda row: value.lower() in (mail["value"].lower() for mail in row["email_addresses"]))
    elif name == "tag":
        query.tests.append(lambda row: value in row["tags"])
    elif name == "office_id":
        query.tests.append(lambda row: int(value) in (row.get("office_ids") or ()))
    else:
        query.flags[name] = value
        wanted = STATUSES.get(value, value) if name == "status" else value
        query.tests.append(lambda row: _spelled(row.get(name)) == wanted)


def _spelled(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def cursor_of(state: Mapping[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(state, separators=(",", ":")).encode()).decode()


def state_of(cursor: str) -> dict[str, Any]:
    try:
        state = json.loads(base64.urlsafe_b64decode(cursor.encode()))
    except (binascii.Error, ValueError) as error:
        raise Unprocessable(["Cursor is invalid"]) from error
    if not isinstance(state, dict):
        raise Unprocessable(["Cursor is invalid"])
    return state
