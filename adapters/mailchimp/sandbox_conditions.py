"""Conditions of the sandbox's saved segments: which members fit now. Words from the API reference, segments."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from adapters.mailchimp.sandbox_audience import Audience
from adapters.mailchimp.sandbox_campaign import Mailing
from adapters.mailchimp.sandbox_order import Subscriber
from adapters.mailchimp.sandbox_shapes import HaltError, invalid

#: A regular segment's, and an advanced one's, which needs a paid plan.
REGULAR, ADVANCED = 10, 100
Test = Callable[[Subscriber], bool]

_TEXT: dict[str, Callable[[str, str], bool]] = {
    "is": lambda held, said: held == said,
    "not": lambda held, said: held != said,
    "contains": lambda held, said: said in held,
    "notcontain": lambda held, said: said not in held,
    "starts": lambda held, said: held.startswith(said),
    "ends": lambda held, said: held.endswith(said),
    "greater": lambda held, said: held > said,
    "less": lambda held, said: held < said,
    "blank": lambda held, said: not held,
    "blank_not": lambda held, said: bool(held),
}
_SELECT = {op: _TEXT[op] for op in ("is", "not", "notcontain", "contains", "blank", "blank_not")}
_DATES = {op: _TEXT[op] for op in ("is", "not", "greater", "less", "blank", "blank_not")}
_ACTS = {"open": "open", "click": "click"}


class Conditions:
    """Reads conditions once, or raises HaltError with the place of the first that cannot be read."""

    def __init__(self, audience: Audience, campaigns: Mapping[str, Mailing], plan: str) -> None:
        self._audience = audience
        self._campaigns = campaigns
        self._plan = plan
        self._kinds: dict[str, Callable[[Mapping[str, Any], str], Test]] = {
            "StaticSegment": self._static,
            "TextMerge": lambda row, place: self._merge(row, place, _TEXT),
            "SelectMerge": lambda row, place: self._merge(row, place, _SELECT),
            "DateMerge": lambda row, place: self._merge(row, place, _DATES),
            "EmailAddress": self._address,
            "Date": self._date,
            "Aim": self._aim,
            "Interests": self._interests,
        }

    def read(self, options: object) -> Test:
        if not isinstance(options, dict) or options.get("match", "any") not in ("any", "all"):
            raise invalid("The resource submitted could not be validated.", field="options.match")
        rows = options.get("conditions")
        if not isinstance(rows, list) or not rows:
            raise invalid("The resource submitted could not be validated.", field="options.conditions")
        if len(rows) > (REGULAR if self._plan == "forever_free" else ADVANCED):
            raise HaltError(400, "Too many segment conditions for this plan.", title="Bad Request")
        tests = [self._one(row, f"options.conditions.item:{number}") for number, row in enumerate(rows)]
        every = options.get("match", "any") == "all"
        return lambda member: all(it(member) for it in tests) if every else any(it(member) for it in tests)

    def _one(self, row: object, place: str) -> Test:
        if not isinstance(row, dict):
            raise invalid("Schema describes object, other found instead", field=place)
        kind = self._kinds.get(str(row.get("condition_type")))
        if kind is None:
            raise invalid("Data did not match any of the schemas described in anyOf.", field=place)
        return kind(row, place)

    def _static(self, row: Mapping[str, Any], place: str) -> Test:
        op, number = _of(row, "op", ("static_is", "static_not"), place), row.get("value")
        if row.get("field") != "static_segment" or type(number) is not int or number not in self._audience.tags:
            raise invalid("The segment does not exist.", field=place)
        return lambda member: (number in member.tags) is (op == "static_is")

    def _merge(self, row: Mapping[str, Any], place: str, table: Mapping[str, Callable[[str, str], bool]]) -> Test:
        tag, op, said = str(row.get("field", "")), _of(row, "op", table, place), _folded(row.get("value"))
        if tag not in {it["tag"] for it in self._audience.merge_fields}:
            raise invalid("The merge field does not exist.", field=place)
        return lambda member: table[op](_folded(member.merge_fields.get(tag)), said)

    def _address(self, row: Mapping[str, Any], place: str) -> Test:
        _of(row, "field", ("merge0", "EMAIL"), place)
        op, said = _of(row, "op", _TEXT, place), _folded(row.get("value"))
        return lambda member: _TEXT[op](member.email.casefold(), said)

    def _date(self, row: Mapping[str, Any], place: str) -> Test:
        field = _of(row, "field", ("timestamp_opt", "info_changed"), place)
        op = _of(row, "op", (*_DATES, "within", "notwithin"), place)
        since, said = self._since(row, op, place), str(row.get("extra") or "")

        def fits(member: Subscriber) -> bool:
            at = member.timestamp_opt if field == "timestamp_opt" else member.last_changed
            if op in ("within", "notwithin"):
                return (at is not None and at >= since) is (op == "within")
            day = "" if at is None else datetime.fromtimestamp(at, UTC).date().isoformat()
            # nothing lies before or after a day that never was
            return op == "not" if not day and not op.startswith("blank") else _DATES[op](day, said)

        return fits

    def _since(self, row: Mapping[str, Any], op: str, place: str) -> float:
        if op in ("blank", "blank_not"):
            return 0.0
        try:
            if op in ("within", "notwithin"):
                return self._audience.now() - timedelta(days=int(row["value"])).total_seconds()
            date.fromisoformat(str(row["extra"]))
        except (KeyError, TypeError, ValueError) as error:
            raise invalid("The date cannot be read.", field=place) from error
        if row.get("value") != "date":
            raise invalid("Only value=date is known here.", field=place)
        return 0.0

    def _aim(self, row: Mapping[str, Any], place: str) -> Test:
        op, said = _of(row, "op", ("open", "click", "sent", "noopen", "noclick", "nosent"), place), row.get("value")
        mailings = [it for it in self._campaigns.values() if said == "any" or str(it.number) == str(said)]
        if not mailings and said != "any":
            raise invalid("The campaign does not exist.", field=place)
        act = op.removeprefix("no")

        def did(member: Subscriber) -> bool:
            if act == "sent":
                return any(member.id in it.sent_to for it in mailings)
            return any(one["action"] == act for it in mailings for one in it.activity.get(member.id, ()))

        return lambda member: did(member) is not op.startswith("no")

    def _interests(self, row: Mapping[str, Any], place: str) -> Test:
        op = _of(row, "op", ("interestcontains", "interestcontainsall", "interestnotcontains"), place)
        category, wanted = str(row.get("field", "")).removeprefix("interests-"), row.get("value")
        known = self._audience.interests.get(category)
        if known is None or not isinstance(wanted, list) or not set(wanted) <= set(known["interests"]):
            raise invalid("The interests do not exist.", field=place)
        many = all if op == "interestcontainsall" else any
        return lambda member: many(member.interests.get(key, False) for key in wanted) is (op != "interestnotcontains")


def _of(row: Mapping[str, Any], name: str, known: object, place: str) -> str:
    said = row.get(name)
    if not isinstance(said, str) or said not in known:  # type: ignore[operator]
        raise invalid("Data did not match any of the schemas described in anyOf.", field=f"{place}.{name}")
    return said


def _folded(value: object) -> str:
    return "" if value is None else str(value).casefold()
