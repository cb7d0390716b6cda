"""Asks Lever what our key may do. Permissions to write cannot be asked for without writing."""

from __future__ import annotations

from urllib.parse import quote

from adapters.lever.declaration import EVENTS
from adapters.lever.options import Options
from connector.adapter import Health
from connector.client import Client
from connector.errors import KeepwarmError, Refused, Unauthorized
from connector.raw import Raw

#: Permission → the list that needs it.
_LISTS = {
    "stages:read:admin": "/stages",
    "archive_reasons:read:admin": "/archive_reasons",
    "sources:read:admin": "/sources",
    "users:read:admin": "/users",
    "postings:read:admin": "/postings",
    "opportunities:read:admin": "/opportunities",
}
#: Permission → the list below an opportunity that needs it.
_CHILDREN = {
    "feedback:read:admin": "feedback",
    "interviews:read:admin": "interviews",
    "offers:read:admin": "offers",
    "notes:read:admin": "notes",
}
_ONE = [("limit", "1"), ("include", "id")]


def check(client: Client, account: str, options: Options) -> Health:
    granted: list[str] = []
    missing: list[str] = []
    faults: list[str] = []
    facts: dict[str, str] = {}
    try:
        opportunity = _lists(client, granted, missing)
        if opportunity is None:
            facts["feedback"] = "not tried: there is no opportunity yet"
        else:
            for scope, path in _CHILDREN.items():
                allowed = _allowed(client, f"/opportunities/{quote(opportunity, safe='')}/{path}", _ONE)
                (granted if allowed else missing).append(scope)
        faults.extend(_confidential(client, options))
        faults.extend(_performer(client, options))
        facts |= _webhooks(client)
    except Unauthorized:
        faults.append(
            "Lever does not accept the API key: make one under Settings > Integrations and API, put it into the secret."
        )
    except KeepwarmError as error:
        faults.append(f"Lever did not answer as documented: {error}. Is the base address right? Try again later.")
    faults.extend(
        f"The key lacks {scope}: make a new key with that permission; keys cannot be changed." for scope in missing
    )
    return Health(name=account, granted=tuple(granted), missing=tuple(missing), faults=tuple(faults), facts=facts)


def _lists(client: Client, granted: list[str], missing: list[str]) -> str | None:
    """Tries every list; answers the id of one opportunity to try its own lists with."""
    opportunity: str | None = None
    for scope, path in _LISTS.items():
        answer = _allowed(client, path, [("limit", "1")])
        (missing if answer is None else granted).append(scope)
        if path == "/opportunities" and answer is not None:
            opportunity = next((row["id"].id() for row in answer["data"].items()), None)
    return opportunity


def _allowed(client: Client, path: str, params: list[tuple[str, str]]) -> Raw | None:
    try:
        return client.get(path, params).raw()
    except Unauthorized as error:
        if error.scope is None:
            raise
        return None


def _confidential(client: Client, options: Options) -> list[str]:
    if not options.confidential:
        return []
    try:
        if _allowed(client, "/opportunities", [("limit", "1"), ("confidentiality", "all")]) is not None:
            return []
    except Refused:
        pass
    return ["The key may not read confidential records: make a new key with that access, or drop `confidential`."]


def _performer(client: Client, options: Options) -> list[str]:
    if options.perform_as is None:
        return []
    try:
        user = _allowed(client, f"/users/{quote(options.perform_as, safe='')}", [])
    except Refused as error:
        if error.status != 404:
            raise
        return ["Option perform_as names no user of this account: take the id of a service user from /users."]
    if user is not None and user["data"]["deactivatedAt"]:
        return ["The user in option perform_as is deactivated: take another, or activate it."]
    return []


def _webhooks(client: Client) -> dict[str, str]:
    """Which of our events somebody listens to; only for show, since the permission is not needed otherwise."""
    try:
        answer = _allowed(client, "/webhooks", [])
    except Refused:
        answer = None
    if answer is None:
        return {"webhooks": "not shown to this key"}
    events = {row["event"].value for row in answer["data"].items()}
    silent = [event for event in EVENTS if event not in events]
    return {"webhooks": "all ten events" if not silent else "not set up: " + ", ".join(silent)}
