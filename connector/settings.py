"""settings.yaml → Settings. Names of secrets stand there, never secrets. Every problem at once, with its place."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from connector import lexicon
from connector.clock import Span
from connector.document import Document, Node, parse
from connector.errors import ConfigError, Problem
from connector.facts import fold
from connector.rules import Vocabulary
from connector.sketch import document, led

#: What a verdict in a platform's word is worth on the 1–5 scale; a word without a number counts for nothing.
SCALE: Mapping[str, float] = {
    "strong_no": 1, "no": 2, "yes": 4, "strong_yes": 5, "no_decision": 0, "mixed": 3,
    "definitely_not": 1, "1": 1, "2": 2, "3": 4, "4": 5,
}  # fmt: skip
_AT_ONCE, _A_MONTH, _LONG = Span(0, "day"), Span(30, "day"), Span(3, "year")
_A_QUARTER, _A_YEAR = Span(90, "day"), Span(1, "year")
#: A delivery that comes once more is known for at least this long. The longest that a platform we know of repeats one by
#: itself is two days; Lever lets a person send one again within two weeks (apis, read 2026-11-23), hence a month unless said.
KNOWN_AGAIN = timedelta(days=3)
WAYS = ("campaign", "journey", "event")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cap:
    """`1 every 30 days`: a rolling window."""

    count: int
    span: Span


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeLimit:
    """How many adds (or removes) a rule may make at once: a share of what it owns, and so many anyway."""

    share: float = 0.05
    always: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Quiet:
    """When nobody is written to, on the person's own clock. Days: Monday is 0."""

    start: time = time(19, 0)
    end: time = time(8, 30)
    days_off: tuple[int, ...] = (5, 6)


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """How platforms' free texts become our words. Keys are folded texts."""

    vocabulary: Vocabulary
    stage_names: Mapping[str, str]
    reason_names: Mapping[str, str]
    scale: Mapping[str, float]

    @property
    def mark(self) -> str:
        """Differs whenever an image made with these words may differ."""
        return hashlib.sha256(msgspec.json.encode(self, enc_hook=str)).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSettings:
    name: str
    platform: str
    base_url: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    #: Secret name → names of environment variables that hold its values.
    secrets: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    #: What rules may put there; None: all that the platform can take.
    takes: tuple[str, ...] | None = None
    #: Where it stands in the file.
    line: int = 0
    column: int = 0
    #: Where the platform granted this account another rate than it documents.
    calls_per_second: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageSettings:
    """How one template goes out through an e-mail account."""

    name: str
    by: str
    account: str
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    zone: ZoneInfo
    database: Path
    rules: Path
    words: Words
    quiet: Quiet = Quiet()
    caps: Mapping[str, Cap] = field(default_factory=dict)
    control_group: float = 0.0
    add: ChangeLimit = ChangeLimit()
    remove: ChangeLimit = ChangeLimit()
    accounts: Mapping[str, AccountSettings] = field(default_factory=dict)
    messages: Mapping[str, MessageSettings] = field(default_factory=dict)
    #: The account that takes notices to colleagues.
    notices: str | None = None
    #: More candidate records than this with one address: the address is an agency's and says nothing of who is who.
    shared_address: int = 12
    #: Write a note beside each tag we add in an ATS, saying which rule and why.
    notes: bool = True
    keep_bodies: Span = _AT_ONCE
    keep_parked: Span = _A_MONTH
    keep_history: Span = _LONG
    keep_deliveries: Span = _A_MONTH
    keep_runs: Span = _A_QUARTER
    keep_actions: Span = _A_YEAR
    host: str = "127.0.0.1"
    port: int = 8700


def load(path: Path) -> Settings:
    """Read the file, or raise ConfigError with everything that is wrong in it."""
    try:
        text = path.read_bytes()
    except OSError as error:
        raise ConfigError(
            [
                Problem(
                    str(path),
                    0,
                    0,
                    f"cannot be read ({error.strerror}); `keepwarm --settings FILE`; `keepwarm init` writes a first one",
                )
            ]
        ) from error
    return read(text, str(path), folder=path.parent)


def schema() -> str:
    """What the file may say, as a JSON Schema for editors: asked of the reader below."""

    def ask(root: Node) -> None:
        _Reader(root.document, root.fields(("version",), _TOP), Path()).settings()

    return document("Keepwarm settings", led(ask))


def read(text: bytes | str, file: str, *, folder: Path) -> Settings:
    document = parse(text, file)
    if document.root is None:
        raise ConfigError(document.problems)
    top = document.root.fields(("version",), _TOP)
    if (version := top.get("version")) and version.text() not in ("1", None):
        version.wrong("only version 1 is known here")
    settings = _Reader(document, top, folder).settings()
    if document.problems:
        raise ConfigError(document.problems)
    return settings


_TOP = (
    "time_zone", "database", "rules", "quiet_hours", "caps", "control_group", "changes", "vocabulary", "accounts",
    "messages", "notices", "shared_address", "notes", "retention", "serve",
)  # fmt: skip


class _Reader:
    def __init__(self, document: Document, top: Mapping[str, Node], folder: Path) -> None:
        self._document = document
        self._top = top
        self._folder = folder

    def settings(self) -> Settings:
        top = self._top
        zone = (top["time_zone"].zone() if "time_zone" in top else None) or ZoneInfo("UTC")
        accounts = {name: self._account(name, node) for name, node in self._map("accounts").items()}
        add, remove = self._changes()
        retention = self._fields("retention", "bodies", "parked", "history", "deliveries", "runs", "actions")
        serve = self._fields("serve", "host", "port")
        return Settings(
            zone=zone,
            database=self._path("database", "state/keepwarm.db"),
            rules=self._path("rules", "rules"),
            words=self._words(zone),
            quiet=self._quiet(),
            caps=self._caps(),
            control_group=(top["control_group"].percent() or 0.0) if "control_group" in top else 0.0,
            add=add,
            remove=remove,
            accounts=accounts,
            messages={name: self._message(name, node, accounts) for name, node in self._map("messages").items()},
            notices=self._named_account("notices", accounts),
            shared_address=(top["shared_address"].whole(2) or 12) if "shared_address" in top else 12,
            notes=bool(top["notes"].yes()) if "notes" in top else True,
            keep_bodies=(retention["bodies"].span() if "bodies" in retention else None) or _AT_ONCE,
            keep_parked=(retention["parked"].span() if "parked" in retention else None) or _A_MONTH,
            keep_history=(retention["history"].span() if "history" in retention else None) or _LONG,
            keep_deliveries=self._known_again(retention) or _A_MONTH,
            keep_runs=(retention["runs"].span() if "runs" in retention else None) or _A_QUARTER,
            keep_actions=(retention["actions"].span() if "actions" in retention else None) or _A_YEAR,
            host=(serve["host"].text() if "host" in serve else None) or "127.0.0.1",
            port=(serve["port"].whole() if "port" in serve else None) or 8700,
        )

    @staticmethod
    def _known_again(retention: Mapping[str, Node]) -> Span | None:
        node = retention.get("deliveries")
        span = node.span() if node is not None else None
        if node is not None and span is not None and span.nominal < KNOWN_AGAIN:
            node.wrong(f"at least {KNOWN_AGAIN.days} days: platforms send a delivery again for up to two")
        return span

    def _map(self, name: str) -> Mapping[str, Node]:
        return self._top[name].entries() if name in self._top else {}

    def _fields(self, name: str, *known: str) -> dict[str, Node]:
        return self._top[name].fields((), known) if name in self._top else {}

    def _path(self, name: str, default: str) -> Path:
        said = self._top[name].text() if name in self._top else None
        return self._folder / (said or default)

    def _quiet(self) -> Quiet:
        found = self._fields("quiet_hours", "from", "to", "days_off")
        if not found:
            return Quiet()
        start = found["from"].clock_time() if "from" in found else None
        end = found["to"].clock_time() if "to" in found else None
        off = found.get("days_off")
        none = off is not None and off.value == []
        days = [] if none else [node.weekday() for node in off.items()] if off is not None else [5, 6]
        return Quiet(
            start=start or time(19, 0),
            end=end or time(8, 30),
            days_off=tuple(day for day in days if day is not None),
        )

    def _caps(self) -> dict[str, Cap]:
        found = self._fields("caps", "marketing", "everything")
        caps = {}
        for name, node in found.items():
            count, _, span = (node.text() or "").partition(" every ")
            spoken = Node(node.document, node.line, node.column, span)
            if not count.isdecimal() or int(count) < 1 or not span:
                node.wrong("write for example `1 every 30 days`")
            elif length := spoken.span():
                caps[name] = Cap(count=int(count), span=length)
        return caps

    def _changes(self) -> tuple[ChangeLimit, ChangeLimit]:
        found = self._fields("changes", "add", "remove")
        made = []
        for name in ("add", "remove"):
            parts = found[name].fields((), ("at_most", "but_always_allow")) if name in found else {}
            share = parts["at_most"].percent() if "at_most" in parts else None
            always = parts["but_always_allow"].whole() if "but_always_allow" in parts else None
            made.append(ChangeLimit(share=0.05 if share is None else share, always=50 if always is None else always))
        return made[0], made[1]

    def _words(self, zone: ZoneInfo) -> Words:
        known = (
            "stages", "stage_names", "reasons", "skills", "skill_families", "functions", "regions", "places", "scorecards",
        )  # fmt: skip
        found = self._fields("vocabulary", *known)
        stages = found["stages"].texts() if "stages" in found else ()
        stage_names = {fold(key.replace("_", " ")): key for key in stages} | {fold(key): key for key in stages}
        for key, node in (found["stage_names"].entries() if "stage_names" in found else {}).items():
            if key not in stages:
                node.wrong_key(f"`{key}` is not one of the stages above; add it to `stages` where it belongs")
            stage_names.update({fold(name): key for name in node.texts()})
        reasons = self._synonyms(found, "reasons")
        scale = dict(SCALE)
        for word, node in (found["scorecards"].entries() if "scorecards" in found else {}).items():
            worth = node.number()
            if worth is not None and not 0 <= worth <= 5:
                node.wrong("a verdict is worth 1 to 5, or 0 where it is to count for nothing")
            scale[word] = worth or 0
        return Words(
            vocabulary=Vocabulary(
                stages=stages,
                reasons=tuple(reasons),
                skills=self._synonyms(found, "skills"),
                functions=self._synonyms(found, "functions"),
                regions=self._synonyms(found, "regions"),
                skill_families=lexicon.families(found.get("skill_families")),
                places=lexicon.places(found.get("places"), zone),
                zone=zone,
            ),
            stage_names=stage_names,
            reason_names={fold(name): key for key, names in reasons.items() for name in (key, *names)},
            scale=scale,
        )

    @staticmethod
    def _synonyms(found: Mapping[str, Node], name: str) -> dict[str, tuple[str, ...]]:
        if name not in found:
            return {}
        return {
            word: node.texts() if node.is_list and node.value else () for word, node in found[name].entries().items()
        }

    def _account(self, name: str, node: Node) -> AccountSettings:
        found = node.fields(("platform",), ("base_url", "options", "secrets", "takes", "calls_per_second"))
        secrets = {}
        for secret, value in (found["secrets"].entries() if "secrets" in found else {}).items():
            texts = value.texts() if value.is_list else (value.text() or "",)
            secrets[secret] = tuple(text for text in texts if text)
        takes = found["takes"].items() if "takes" in found else None
        return AccountSettings(
            name=name,
            platform=(found["platform"].text() or "") if "platform" in found else "",
            base_url=found["base_url"].text() if "base_url" in found else None,
            options=plain(found["options"]) if "options" in found else {},
            secrets=secrets,
            line=node.key_line,
            column=node.key_column,
            calls_per_second=found["calls_per_second"].number() if "calls_per_second" in found else None,
            takes=None if takes is None else tuple(it.one_of(("tags", "pools", "notes")) or "" for it in takes),
        )

    def _message(self, name: str, node: Node, accounts: Mapping[str, AccountSettings]) -> MessageSettings:
        entries = dict(node.entries())
        by = entries.pop("by", None)
        account = entries.pop("account", None)
        if by is None or account is None:
            node.wrong("wanted `by: campaign`, `journey` or `event`, and `account:`")
        chosen = account.text() if account else None
        if account is not None and chosen is not None and chosen not in accounts:
            account.wrong(f"there is no account `{chosen}` above")
        options = {key: value.text() or "" for key, value in entries.items()}
        for key in _MESSAGE_NEEDS.get((by.text() if by else None) or "", ()):
            if key not in options:
                node.wrong(f"`{key}` is missing here")
        return MessageSettings(
            name=name, by=(by.one_of(WAYS) if by else None) or "", account=chosen or "", options=options
        )

    def _named_account(self, name: str, accounts: Mapping[str, AccountSettings]) -> str | None:
        node = self._top.get(name)
        chosen = node.text() if node else None
        if node is not None and chosen is not None and chosen not in accounts:
            node.wrong(f"there is no account `{chosen}` above")
        return chosen


_MESSAGE_NEEDS = {
    "campaign": ("subject_line", "from_name", "reply_to"),
    "journey": ("journey", "step"),
    "event": ("event",),
}


def plain(node: Node) -> Any:
    """A node as plain text, lists and maps, for options that only an adapter understands."""
    if isinstance(node.value, dict):
        return {key: plain(value) for key, value in node.value.items()}
    if isinstance(node.value, list):
        return [plain(value) for value in node.value]
    return node.value.strip()
