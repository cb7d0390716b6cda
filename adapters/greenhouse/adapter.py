"""Greenhouse through Harvest v3 (read, tag, note) and its recruiting webhooks."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from adapters.greenhouse import checkup, events, mapping, rereads, writes
from adapters.greenhouse.choices import chosen
from adapters.greenhouse.declared import DECLARATION, LISTS, fields_of
from adapters.greenhouse.eye import Eye
from adapters.greenhouse.lists import first_page, next_page, window_filter
from connector.adapter import Connection, Declaration, Health
from connector.errors import BadSignature, Unsupported
from connector.flow import Action, Delivery, Failure, Page, Reading, Receipt, Window


@dataclass(frozen=True, slots=True)
class Greenhouse:
    connection: Connection

    declaration: ClassVar[Declaration] = DECLARATION

    def verify(self, delivery: Delivery, secrets: Sequence[str]) -> None:
        """`Signature: sha256 <hex>` over the bytes as they came: Greenhouse signs its own \\u003c escapes."""
        word, _, sent = delivery.headers.get("signature", "").partition(" ")
        if not sent:
            raise BadSignature("header Signature: wanted `sha256 <hex>`, came nothing of the kind")
        if word != "sha256":
            raise BadSignature("header Signature: wanted algorithm sha256, came another")
        digest = sent.encode("utf-8", "surrogateescape")
        fits = [
            hmac.compare_digest(hmac.new(secret.encode(), delivery.body, hashlib.sha256).hexdigest().encode(), digest)
            for secret in secrets
            if secret
        ]
        if not any(fits):
            raise BadSignature(f"header Signature: fits none of {len(fits)} secrets")

    def identify(self, delivery: Delivery) -> str:
        """Unsigned, and whether a retry repeats it is not documented: a first sieve, not the only one."""
        return delivery.headers.get("greenhouse-event-id", "").strip()

    def read(self, delivery: Delivery) -> Reading:
        eye = Eye(self.connection.account, chosen(self.connection.options))
        if delivery.stream is None:
            return events.webhook(delivery.body, eye)
        if delivery.stream not in mapping.READERS:
            return Reading(note=f"stream `{delivery.stream}` is not Greenhouse's")
        return mapping.page(delivery.stream, delivery.body, eye)

    def pull(self, stream: str, window: Window, cursor: str | None) -> Page:
        if stream not in LISTS:
            raise Unsupported(f"greenhouse: stream `{stream}` is not offered")
        if cursor:
            return next_page(self.connection.client, stream, cursor)
        fields = fields_of(stream, chosen(self.connection.options))
        return first_page(self.connection.client, stream, fields, window_filter(window))

    def fetch(self, kind: str, ids: Sequence[str]) -> Iterator[tuple[str, Page]]:
        return rereads.fetch(self.connection.client, chosen(self.connection.options), kind, ids)

    def push(self, actions: Sequence[Action]) -> Iterator[Receipt | Failure]:
        return writes.push(self.connection.client, chosen(self.connection.options), actions)

    def check(self) -> Health:
        return checkup.check(self.connection)


ADAPTER = Greenhouse
