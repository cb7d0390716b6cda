"""The port a platform implements. Capabilities are separate small protocols; what one lacks, it does not declare.

An adapter gets a client that is already signed in. It never sleeps, retries, reads settings or the environment, logs a
body, touches the store or knows another adapter. Its module names its class: `ADAPTER = Greenhouse`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import ClassVar, Protocol, runtime_checkable

from connector.client import Auth, Client, Limits
from connector.flow import Action, Delivery, Failure, Page, Reading, Receipt, Stream, Verb, Window


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """How the platform wants its webhooks taken."""

    #: The one answer that counts as taken.
    status: int = 200
    #: Actions or events the adapter reads; others are noted and ignored, never guessed.
    events: tuple[str, ...] = ()
    #: A delivery may be taken without any configured secret (never for platforms that can sign).
    unsigned: bool = False
    #: Where a person makes the webhook in the platform, in its menus' words.
    where: str = ""
    #: What must follow the account in the webhook's address, for a reader, as "/<the text after path: in the secret>".
    tail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One setting under `accounts.<name>.options`. Values arrive as text, lists or maps, as YAML has them."""

    name: str
    meaning: str
    required: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """What this platform can and cannot do through this adapter. `check`, the docs and the contract suite read it."""

    platform: str
    base_url: str
    auth: Auth
    limits: Limits
    #: Secrets it wants under `accounts.<name>.secrets`: name → meaning. `webhook` is a list of webhook secrets.
    secrets: Mapping[str, str]
    options: tuple[Option, ...] = ()
    streams: tuple[Stream, ...] = ()
    #: Kind → how many ids one `fetch` call may take.
    fetches: Mapping[str, int] = field(default_factory=dict)
    #: Kinds kept per application that are fetched only for applications a rule can need (by application id).
    evidence: tuple[str, ...] = ()
    #: Verb → how many actions one `push` may take at once.
    verbs: Mapping[Verb, int] = field(default_factory=dict)
    #: Verb → the platform's permission it needs.
    scopes: Mapping[Verb, str] = field(default_factory=dict)
    #: Verbs whose effect cannot be looked up: after an answer was lost they are left to a person, never repeated.
    unrepeatable: tuple[Verb, ...] = ()
    door: Door | None = None
    #: Names of facts this platform can supply.
    facts: frozenset[str] = frozenset()
    #: Sentences: what cannot be seen or said through this platform.
    blind: tuple[str, ...] = ()
    #: Least time between full walks of the complete streams, to find what vanished without a word.
    reconcile: timedelta = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """What the platform says of our account. `faults` and `warnings` are sentences of the form "what is wrong: what to do"."""

    name: str
    granted: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    #: Granted although nothing we declare needs it.
    unused: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    #: What works, but perhaps not as somebody expects.
    warnings: tuple[str, ...] = ()
    #: Seconds: the platform's clock minus ours. None where its answers say no time.
    clock_skew: float | None = None
    #: Name → text, for a reader: "rate budget" → "50 per 30 s, 47 left".
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """All an adapter may know of its account."""

    account: str
    client: Client
    options: Mapping[str, object] = field(default_factory=dict)


class Adapter(Protocol):
    """Built as `ADAPTER(connection)`; holds no other state.

    `read` is pure and total: it answers, or raises Malformed when the whole body is unreadable. One spoiled item of a
    page becomes a `Spoiled`, never an exception."""

    declaration: ClassVar[Declaration]

    def __init__(self, connection: Connection) -> None: ...

    def read(self, delivery: Delivery) -> Reading: ...


@runtime_checkable
class Receives(Protocol):
    def verify(self, delivery: Delivery, secrets: Sequence[str]) -> None:
        """Return, or raise BadSignature and nothing else. Ages are judged against `delivery.received_at`."""
        ...

    def identify(self, delivery: Delivery) -> str:
        """The platform's own id of a verified delivery, or "" where it gives none."""
        ...


@runtime_checkable
class Pulls(Protocol):
    def pull(self, stream: str, window: Window, cursor: str | None) -> Page:
        """One page. Raises CursorExpired when the window must be walked again from its start."""
        ...


@runtime_checkable
class Fetches(Protocol):
    def fetch(self, kind: str, ids: Sequence[str]) -> Iterator[tuple[str, Page]]:
        """(stream name, page) pairs that together hold the current truth about `ids`; `flow.gone_page` for the lost."""
        ...


@runtime_checkable
class Pushes(Protocol):
    def push(self, actions: Sequence[Action]) -> Iterator[Receipt | Failure]:
        """Actions of one verb, at most as many as declared. Yields each outcome as soon as it is known.

        Looks before it acts, so that a second call with the same actions has no second effect."""
        ...


@runtime_checkable
class Checks(Protocol):
    def check(self) -> Health: ...


@runtime_checkable
class ChecksMessages(Protocol):
    def check_message(self, by: str, options: Mapping[str, str]) -> tuple[str, ...]:
        """Why a message of the settings (`messages.<name>`) could not go out here: faults as in Health, or none."""
        ...
