"""What people write in a file, read as what they mean; and words back to them. None: it cannot be read so."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
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
    near = difflib.get_close_matches(word.lower(), tuple(known), n=1, cutoff=0.6)
    return f"; did you mean `{near[0]}`?" if near else ""


def unknown(key: str, known: Iterable[str]) -> str:
    words = tuple(known)
    hint = meant(key, words) or (f"; it can be {listed(words)}" if 0 < len(words) <= 8 else "")
    return f"`{shown(key)}` is not known here{hint}"
