"""The fixtures of a folder, read from disk: webhooks, pulls, fetches, pushes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from connector.contract.folder import ACCOUNT, Folder, Given
from connector.flow import Action, Delivery, Window
from connector.model import AnyRecord, Ref

T = TypeVar("T")


class Asked(msgspec.Struct, forbid_unknown_fields=True):
    """One request as it must leave. At most one of `json`, `form`, `text`; none: any body, or no body, will do."""

    method: str
    path: str
    query: list[tuple[str, str]] = []
    headers: dict[str, str] = {}
    json: Any = msgspec.UNSET
    form: dict[str, str] | msgspec.UnsetType = msgspec.UNSET
    text: str | msgspec.UnsetType = msgspec.UNSET

    @property
    def writes(self) -> bool:
        return self.method.upper() not in ("GET", "HEAD")


class Answer(msgspec.Struct, forbid_unknown_fields=True):
    status: int = 200
    headers: dict[str, str] = {}
    body: Any = None

    @property
    def content(self) -> bytes:
        if isinstance(self.body, str):
            return self.body.encode()
        return b"" if self.body is None else msgspec.json.encode(self.body)


class Exchange(msgspec.Struct, forbid_unknown_fields=True):
    request: Asked
    response: Answer


class Knock(msgspec.Struct, forbid_unknown_fields=True):
    """`delivery.json`."""

    received_at: datetime
    headers: dict[str, str] = {}
    tail: str = ""
    secrets: list[str] = []
    signs: str = "body"
    signed: list[str] = []
    #: For the reader: where the event stands in the platform's list.
    note: str = ""


class SaidHint(msgspec.Struct):
    ref: Ref
    why: str = ""


class SaidSpoiled(msgspec.Struct):
    path: str
    wanted: str = ""
    came: str = ""


class Said(msgspec.Struct, forbid_unknown_fields=True):
    """`expected.json` of a webhook."""

    records: list[AnyRecord] = []
    hints: list[SaidHint] = []
    spoiled: list[SaidSpoiled] = []
    note: str = ""


class Outcome(msgspec.Struct, forbid_unknown_fields=True):
    """One line of `receipts.json`."""

    key: str
    ref: str | None = None
    already: bool = False
    error: str = ""


def decoded(file: Path, shape: type[T]) -> T:
    """The file as `shape`. What is wrong with it is said with its path."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=shape)
    except (OSError, msgspec.DecodeError) as error:
        raise AssertionError(f"{file}: {error}") from error


def exchanges(file: Path) -> list[Exchange]:
    """One exchange or a list of them."""
    raw = decoded(file, Any)
    place = file.parent / file.name
    try:
        return msgspec.convert(raw if isinstance(raw, list) else [raw], list[Exchange])
    except msgspec.ValidationError as error:
        raise AssertionError(f"{place}: {error}") from error


@dataclass(frozen=True, slots=True)
class Fixture:
    """One scenario on disk."""

    folder: Folder
    path: Path

    def __str__(self) -> str:
        return f"{self.folder.name}/{self.path.parent.name}/{self.path.name}"

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def given(self) -> Given:
        return self.folder.given(self.path)


@dataclass(frozen=True, slots=True)
class Webhook(Fixture):
    @property
    def knock(self) -> Knock:
        return decoded(self.path / "delivery.json", Knock)

    @property
    def body(self) -> bytes:
        return (self.path / "body.raw").read_bytes()

    @property
    def said(self) -> Said:
        return decoded(self.path / "expected.json", Said)

    def delivery(self, **changed: Any) -> Delivery:
        knock = self.knock
        fields: dict[str, Any] = {
            "account": ACCOUNT,
            "body": self.body,
            "received_at": knock.received_at,
            "headers": knock.headers,
            "tail": knock.tail,
        }
        return Delivery(**fields | changed)


class _Ask(msgspec.Struct, forbid_unknown_fields=True):
    until: datetime
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Pulled(Fixture):
    @property
    def window(self) -> Window:
        ask = decoded(self.path / "ask.json", _Ask)
        return Window(since=ask.since, until=ask.until)

    @property
    def pages(self) -> list[list[Exchange]]:
        """The exchanges of each page, in order."""
        numbered = [file for file in self.path.glob("*.json") if file.stem.isdecimal()]
        return [exchanges(file) for file in sorted(numbered, key=lambda file: int(file.stem))]

    @property
    def expected(self) -> list[AnyRecord]:
        return decoded(self.path / "expected.json", list[AnyRecord])


class _Ids(msgspec.Struct, forbid_unknown_fields=True):
    ids: list[str]


@dataclass(frozen=True, slots=True)
class Fetched(Fixture):
    @property
    def ids(self) -> list[str]:
        return decoded(self.path / "ask.json", _Ids).ids

    @property
    def exchanges(self) -> list[Exchange]:
        return exchanges(self.path / "exchanges.json")

    @property
    def expected(self) -> list[AnyRecord]:
        return decoded(self.path / "expected.json", list[AnyRecord])


@dataclass(frozen=True, slots=True)
class Pushed(Fixture):
    @property
    def actions(self) -> list[Action]:
        return decoded(self.path / "actions.json", list[Action])

    @property
    def first(self) -> list[Exchange]:
        return exchanges(self.path / "first.json")

    @property
    def again(self) -> list[Exchange]:
        return exchanges(self.path / "again.json")

    @property
    def outcomes(self) -> list[Outcome]:
        return decoded(self.path / "receipts.json", list[Outcome])

    @property
    def repeatable(self) -> bool:
        return not (self.path / "NOT_IDEMPOTENT.md").is_file()
