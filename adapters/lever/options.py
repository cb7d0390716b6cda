"""The account's options, read once for each use; Lever's adapter keeps no state beside its connection."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from connector.errors import ConfigError, Problem

#: Archive reasons that are the candidate's own choice. Texts of a real account, recorded 2026-07.
WITHDRAWN = ("withdrew", "no response", "offer declined")
_YES = ("yes", "true", "on", "1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    perform_as: str | None
    confidential: bool
    secret_notes: bool
    unsigned: bool
    withdrawn_reasons: tuple[str, ...]
    #: Our name → where it stands in Lever.
    fields: Mapping[str, str]
    max_age: timedelta

    @classmethod
    def of(cls, options: Mapping[str, object]) -> Options:
        fields = options.get("fields")
        reasons = options.get("withdrawn_reasons")
        performer = str(options.get("perform_as") or "").strip()
        return cls(
            perform_as=performer or None,
            confidential=_yes(options.get("confidential")),
            secret_notes=_yes(options.get("secret_notes")),
            unsigned=_yes(options.get("unsigned")),
            withdrawn_reasons=WITHDRAWN if reasons is None else _texts(reasons),
            fields={str(ours): str(theirs) for ours, theirs in fields.items()} if isinstance(fields, dict) else {},
            max_age=timedelta(days=_days(options.get("max_age_days"))),
        )


def _yes(value: object) -> bool:
    return str(value).strip().lower() in _YES


def _texts(value: object) -> tuple[str, ...]:
    texts = value if isinstance(value, list | tuple) else [value]
    return tuple(str(text).strip().lower() for text in texts if str(text).strip())


def _days(value: object) -> float:
    if value is None:
        return 15
    try:
        return float(str(value))
    except ValueError as error:
        raise ConfigError([Problem("settings.yaml", 0, 0, "lever: max_age_days wants a number of days")]) from error
