"""What settings say under `accounts.<name>.options` for Greenhouse, read once into typed words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from connector.adapter import Option

VISIBILITIES = ("public", "private", "admin_only")

OPTIONS = (
    Option(
        name="fields",
        meaning="our name → Greenhouse's custom field `name_key`; nothing else of the custom fields is kept",
    ),
    Option(
        name="payload_only", meaning="yes: no API credentials; map what the webhook body holds instead of re-reading"
    ),
    Option(name="create_tags", meaning="no: never add a name to Greenhouse's tag dictionary; default yes"),
    Option(name="note_visibility", meaning="who may read our notes: private (default), public or admin_only"),
    Option(
        name="note_user",
        meaning="numeric Greenhouse user id that notes are written as; default: the credential's own user",
    ),
    Option(
        name="mail_domains", meaning="our own mail domains; needed to tell a recruiter's mail from a candidate's answer"
    ),
    Option(name="address", meaning="yes: keep the candidate's first postal address as location; default no"),
    Option(name="subject", meaning="numeric Greenhouse user id the token acts as; default: the integration's own user"),
    Option(name="token_url", meaning="where tokens come from, when not Greenhouse's own address (sandbox, proxy)"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    fields: Mapping[str, str]
    payload_only: bool
    create_tags: bool
    note_visibility: str
    note_user: str | None
    mail_domains: tuple[str, ...]
    address: bool


def chosen(options: Mapping[str, object]) -> Choices:
    fields = options.get("fields")
    note_user = _word(options.get("note_user"))
    return Choices(
        fields={str(ours): str(theirs) for ours, theirs in fields.items()} if isinstance(fields, Mapping) else {},
        payload_only=_yes(options.get("payload_only"), default=False),
        create_tags=_yes(options.get("create_tags"), default=True),
        note_visibility=_word(options.get("note_visibility")) or "private",
        note_user=note_user or None,
        mail_domains=tuple(domain.lower().lstrip("@") for domain in _words(options.get("mail_domains"))),
        address=_yes(options.get("address"), default=False),
    )


def _word(value: object) -> str:
    return "" if value is None else str(value).strip()


def _words(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return tuple(value.replace(",", " ").split())
    return tuple(_word(item) for item in value) if isinstance(value, (list, tuple)) else ()


def _yes(value: object, *, default: bool) -> bool:
    """YAML's yes arrives as text in strict settings and as true elsewhere. Anything unclear is the default."""
    return {"yes": True, "true": True, "no": False, "false": False}.get(_word(value).lower(), default)
