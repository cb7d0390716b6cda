"""The account's options, read once, and the paths that follow from them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from connector.adapter import Option

OPTIONS = (
    Option(
        name="audience", meaning="id of the audience (Mailchimp: list) that members go to and come from", required=True
    ),
    Option(name="merge_fields", meaning="map of our field name to the audience's merge tag, such as first_name: FNAME"),
    Option(
        name="create_merge_fields", meaning="yes: make merge fields that are missing, hidden from forms. Default no"
    ),
    Option(name="quiet_tags", meaning="yes: tag writes start no automation (is_syncing). Default no"),
    Option(
        name="suppress_absent", meaning="no: do not add an opt-out's address when the audience lacks it. Default yes"
    ),
    Option(
        name="payload_only",
        meaning="yes: no API key is at hand, so webhook bodies are taken for what they say. Default no",
    ),
)


def key(email: str) -> str:
    """Mailchimp's id of a member: MD5 of the lower-case address. An identifier, not protection."""
    return hashlib.md5(email.strip().lower().encode(), usedforsecurity=False).hexdigest()


def _yes(value: object) -> bool:
    return value is True or str(value).lower() in ("yes", "true", "on")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    audience: str
    #: Our name → merge tag.
    merge_fields: Mapping[str, str] = field(default_factory=dict)
    create_merge_fields: bool = False
    quiet_tags: bool = False
    suppress_absent: bool = True
    payload_only: bool = False

    @classmethod
    def of(cls, options: Mapping[str, object]) -> Settings:
        tags = options.get("merge_fields")
        return cls(
            audience=str(options.get("audience", "")),
            merge_fields={str(name): str(tag) for name, tag in tags.items()} if isinstance(tags, Mapping) else {},
            create_merge_fields=_yes(options.get("create_merge_fields", False)),
            quiet_tags=_yes(options.get("quiet_tags", False)),
            suppress_absent=_yes(options.get("suppress_absent", True)),
            payload_only=_yes(options.get("payload_only", False)),
        )

    @property
    def place(self) -> str:
        return f"/3.0/lists/{self.audience}"

    def member(self, hashed: str) -> str:
        return f"{self.place}/members/{hashed}"
