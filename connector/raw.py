"""Someone else's data, read with care: every complaint carries the JSON path and says what came, never its content."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Any, NoReturn, TypeVar

import msgspec

from connector.errors import Malformed
from connector.flow import Spoiled
from connector.model import Ref

T = TypeVar("T")
R = TypeVar("R")

#: What `value` is when the key is not there at all.
ABSENT: Any = type("Absent", (), {"__repr__": lambda self: "ABSENT", "__slots__": ()})()

_NEVER = r"@\x00-\x20\x7f\s<>,;:\"()\[\]\\"
_ADDRESS = re.compile(rf"[^{_NEVER}]+@[^{_NEVER}.]+(\.[^{_NEVER}.]+)+")
#: What fits into a column, and into a decimal text without a fight.
_LARGEST = 2**63 - 1
_WORD = re.compile(r"[\w .:/+-]{1,40}")


def email(text: str) -> str | None:
    """The one normal form of an address (trimmed, lower case), or None when it is not an address."""
    address = text.strip().lower()
    return address if len(address) <= 254 and _ADDRESS.fullmatch(address) else None


class Raw:
    """A value inside a decoded body. `raw["a"]["b"]` never fails; reading it as something may."""

    __slots__ = ("_key", "_parent", "value")

    def __init__(self, value: Any, parent: Raw | None = None, key: str | int = "$") -> None:
        self.value = value
        self._parent = parent
        self._key = key

    @classmethod
    def parse(cls, body: bytes) -> Raw:
        """Decode JSON. Anything else is Malformed at `$`."""
        try:
            return cls(msgspec.json.decode(body))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Malformed("$", "JSON", f"{len(body)} bytes that are not") from error

    @property
    def path(self) -> str:
        if self._parent is None:
            return str(self._key)
        step = f"[{self._key}]" if isinstance(self._key, int) else f".{self._key}"
        return self._parent.path + step

    def __getitem__(self, key: str) -> Raw:
        value = self.value
        return Raw(value.get(key, ABSENT) if type(value) is dict else ABSENT, self, key)

    def __bool__(self) -> bool:
        """Is there anything: not absent, null, "", {} or []. 0 and false are something."""
        value = self.value
        return value is not ABSENT and value is not None and value != "" and value != [] and value != {}

    @property
    def stated(self) -> bool:
        """Is the key there, whatever its value."""
        return self.value is not ABSENT

    def wrong(self, wanted: str) -> NoReturn:
        raise Malformed(self.path, wanted, came(self.value))

    def maybe(self, read: Callable[[Raw], T]) -> T | None:
        """None when absent, null or blank text; else `read(self)`."""
        value = self.value
        if value is ABSENT or value is None or (type(value) is str and not value.strip()):
            return None
        return read(self)

    def text(self) -> str:
        """Trimmed text that is not empty."""
        if type(self.value) is not str:
            self.wrong("text")
        trimmed: str = self.value.strip()
        return trimmed or self.wrong("text that is not empty")

    def id(self) -> str:
        """Platforms send 7 and "7" for the same thing; both become "7"."""
        if type(self.value) is int and abs(self.value) <= _LARGEST:
            return str(self.value)
        if type(self.value) is not str:
            self.wrong("an id")
        return self.text()

    def flag(self) -> bool:
        return self.value if type(self.value) is bool else self.wrong("true or false")

    def whole(self) -> int:
        number = self.value
        return number if type(number) is int and abs(number) <= _LARGEST else self.wrong("a whole number")

    def number(self) -> float:
        fits = type(self.value) in (int, float) and abs(self.value) <= _LARGEST
        return float(self.value) if fits else self.wrong("a number")

    def instant(self) -> datetime:
        """ISO 8601 with an offset → aware UTC. Without an offset it is refused, not assumed."""
        if type(self.value) is not str:
            self.wrong("a time")
        try:
            moment = datetime.fromisoformat(self.value.strip())
        except ValueError:
            self.wrong("a time")
        if moment.tzinfo is None:
            self.wrong("a time with an offset")
        try:
            return moment.astimezone(UTC)
        except OverflowError:
            self.wrong("a time in this era")

    def millis(self) -> datetime:
        """Milliseconds since 1970 → aware UTC."""
        value = self.value
        if type(value) is not int or not 0 <= value < 32503680000000:
            self.wrong("a time in milliseconds")
        return datetime.fromtimestamp(value / 1000, UTC)

    def day(self) -> date:
        if type(self.value) is not str:
            self.wrong("a date")
        try:
            return date.fromisoformat(self.value.strip())
        except ValueError:
            self.wrong("a date")

    def address(self) -> str | None:
        """A normalised e-mail address, or None when what stands here is not one. Malformed when it is not even text."""
        if self.value is ABSENT or self.value is None:
            return None
        if type(self.value) is not str:
            self.wrong("an e-mail address")
        return email(self.value)

    def one_of(self, table: Mapping[str, T]) -> T:
        """Translate through `table`. A word that is not in it is news, so it is refused, never guessed."""
        word = self.text()
        if word not in table:
            shown = f"`{word}`" if _WORD.fullmatch(word) else "something else"
            raise Malformed(self.path, "one of " + ", ".join(sorted(table)), shown)
        return table[word]

    def items(self) -> list[Raw]:
        """The members of a list; absent and null are an empty one."""
        if self.value is ABSENT or self.value is None:
            return []
        if type(self.value) is not list:
            self.wrong("a list")
        return [Raw(item, self, index) for index, item in enumerate(self.value)]

    def entries(self) -> list[tuple[str, Raw]]:
        """The members of an object; absent and null are an empty one."""
        if self.value is ABSENT or self.value is None:
            return []
        if type(self.value) is not dict:
            self.wrong("an object")
        return [(str(key), Raw(item, self, key)) for key, item in self.value.items()]


def came(value: Any) -> str:
    """What kind of thing it is, in plain words. Never the value: it may be personal."""
    if value is ABSENT:
        return "nothing"
    if value is None:
        return "null"
    kinds = {bool: "true or false", int: "a number", float: "a number", str: "text", list: "a list", dict: "an object"}
    if value == "":
        return "empty text"
    return kinds.get(type(value), type(value).__name__)


def each(
    items: Iterable[Raw], read: Callable[[Raw], Iterable[R]], *, again: Callable[[Raw], Ref | None] = lambda item: None
) -> tuple[list[R], list[Spoiled]]:
    """Read item by item; one that is Malformed is set aside and the others go on.

    `again` names what to ask the platform for to get an item once more; it may find that unreadable too."""
    good: list[R] = []
    spoiled: list[Spoiled] = []
    for item in items:
        try:
            # whole or not at all: a reader that fails half-way leaves nothing behind
            good.extend(list(read(item)))
        except Malformed as error:
            spoiled.append(set_aside(item, error, again))
    return good, spoiled


def set_aside(item: Raw, error: Malformed, again: Callable[[Raw], Ref | None] = lambda item: None) -> Spoiled:
    """The complaint about an item, with what tells it from others and finds it again. Never its content."""
    return Spoiled(
        error.path,
        error.wanted,
        error.came,
        digest=hashlib.sha256(msgspec.json.encode(item.value)).hexdigest(),
        item=_readable(item["id"], Raw.id) or "",
        again=_readable(item, again),
    )


def _readable(raw: Raw, read: Callable[[Raw], T]) -> T | None:
    try:
        return read(raw)
    except Malformed:
        return None
