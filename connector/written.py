"""What people write in a file, read as what they mean; and words back to them. None: it cannot be read so."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from connector.clock import UNITS, Span, at_wall, midnight

_SPAN = re.compile(r"([0-9]{1,6}) *([a-z]+)")
_NUMBER = re.compile(r"[+-]?[0-9]{1,15}(\.[0-9]{1,15})?")
_TIME = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")


def as_number(text: str) -> float | None:
    return float(text) if _NUMBER.fullmatch(text) else None


def as_percent(text: str) -> float | None:
    number = as_number(text.removesuffix("%").strip()) if text.endswith("%") else None
    return number / 100 if number is not None and 0 <= number <= 100 else None


def as_span(text: str) -> Span | None:
    match = _SPAN.fullmatch(text.lower())
    unit = match.group(2).removesuffix("s") if match else ""
    return Span(int(match.group(1)), unit) if match and unit in UNITS else None


def as_time(text: str) -> time | None:
    match = _TIME.fullmatch(text)
    return time(int(match.group(1)), int(match.group(2))) if match else None


def as_hours(text: str) -> tuple[time, time] | None:
    start, _, end = text.partition(" to ")
    opens, closes = as_time(start), as_time(end)
    return (opens, closes) if opens is not None and closes is not None and opens < closes else None


def as_date(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if len(text) == 10 else None
    except ValueError:
        return None


def as_instant(text: str, zone: ZoneInfo) -> datetime | None:
    day = as_date(text)
    try:
        if day is not None:
            return midnight(day, zone)
        moment = datetime.fromisoformat(text)
        return at_wall(moment, zone) if moment.tzinfo is None else at_wall(moment.replace(tzinfo=None), moment.tzinfo)
    except (ValueError, OverflowError):
        return None


def as_zone(text: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(text)
    except (ValueError, OSError, LookupError):  # not found, a directory, or a path that tries to leave
        return None


def shown(text: str) -> str:
    """Someone's words, short enough for a message."""
    plain = " ".join(text.split())
    return plain if len(plain) <= 60 else plain[:57] + "…"


def listed(words: Iterable[str], last: str = "or") -> str:
    marked = [f"`{word}`" for word in words]
    return marked[0] if len(marked) == 1 else f"{', '.join(marked[:-1])} {last} {marked[-1]}" if marked else "nothing"


def meant(word: str, known: Iterable[str]) -> str:
    """`; did you mean …?`, or nothing when nothing is near. Costly: only for a message that will be shown."""
    words = tuple(known)
    ours = [other for other in _ELSEWHERE.get(word.lower().replace("-", "_"), ()) if other in words]
    near = ours or difflib.get_close_matches(word.lower(), words, n=1, cutoff=0.6)
    return f"; did you mean `{near[0]}`?" if near else ""


#: What other rule languages call it → what we do, the likeliest first.
_ELSEWHERE: Mapping[str, tuple[str, ...]] = {
    "and": ("all",), "or": ("any",), "not": ("none", "none_of", "unless"), "in": ("any_of",), "not_in": ("none_of",),
    "is": ("equals",), "eq": ("equals",), "==": ("equals",), "ne": ("none_of",), "!=": ("none_of",),
    "gte": ("at_least",), "ge": ("at_least",), ">=": ("at_least",), "gt": ("more_than",), ">": ("more_than",),
    "lte": ("at_most",), "le": ("at_most",), "<=": ("at_most",), "lt": ("less_than",), "<": ("less_than",),
    "min": ("at_least",), "max": ("at_most",), "contains": ("contains_any", "any_of"), "includes": ("any_of",),
    "has": ("any_of",), "like": ("contains_any",), "matches": ("contains_any",), "regex": ("contains_any",),
    "age": ("within_last",), "newer_than": ("within_last",), "since": ("within_last",), "older_than": ("more_than_ago",),
    "if": ("who",), "where": ("who",), "filter": ("who",), "filters": ("who",), "condition": ("who",),
    "conditions": ("who",), "then": ("keep", "do"), "action": ("do",), "actions": ("do",), "on": ("when",),
    "trigger": ("when",), "except": ("unless",), "name": ("rule", "cadence", "suppress"), "description": ("why",),
    "location": ("region",), "score": ("scorecard_average",), "reason": ("rejection_reason",), "stage": ("furthest_stage",),
    "list": ("pools",), "segment": ("pools",), "label": ("tags",), "labels": ("tags",),
}  # fmt: skip
#: Words that ask for what there is not.
_NEVER: Mapping[str, str] = {
    "remove": "nothing is removed by a line; what a rule keeps goes by itself when the rule is no longer true",
    "delete": "nothing is deleted by a rule; what a rule keeps goes by itself when the rule is no longer true",
    "subscribe": "nobody is subscribed by a rule; only a person does that, through a confirmation",
    "reject": "no rule may reject anybody; it can only find people for something",
}


def unknown(key: str, known: Iterable[str]) -> str:
    words = tuple(known)
    never = next((text for word, text in _NEVER.items() if key.lower().startswith(word)), None)
    if never is not None:
        return f"`{shown(key)}` is not known here: {never}"
    hint = meant(key, words) or (f"; it can be {listed(words)}" if 0 < len(words) <= 8 else "")
    return f"`{shown(key)}` is not known here{hint}"
