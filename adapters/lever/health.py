"""Asks Lever what our key may do. Permissions to write cannot be asked for without writing."""

from __future__ import annotations

from urllib.parse import quote

from adapters.lever.declaration import DECLARATION, EVENTS
from adapters.lever.options import Options
from connector.adapter import Health
from connector.client import Client
from connector.errors import KeepwarmError, Malformed, Refused, Retry, Unauthorized
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
#: Permission → a list that wants it and that we never ask for: who grants it gives more than is needed.
_BEYOND = {
    "requisitions:read:admin": "/requisitions",
    "tags:read:admin": "/tags",
    "feedback_templates:read:admin": "/feedback_templates",
    "audit_events:read:admin": "/audit_events",
}
_CONFIDENTIAL = "confidential:access"
#: Lever sends no headers about it (documentation, read 2026-11-23).
_BUDGET = "10 a second for each key and bursts of 20 as documented; Lever does not say what is left"


def check(client: Client, account: str, options: Options) -> Health:
    granted: list[str] = []
    missing: list[str] = []
    unused: list[str] = []
    warnings: list[str] = []
    faults: list[str] = []
    writing = sorted(set(DECLARATION.scopes.values()))
    facts = {"rate budget": _BUDGET, "permissions to write": f"not tried: {', '.join(writing)}"}
    try:
        opportunity = _lists(client, granted, missing)
        if opportunity is None:
            facts["lists below an opportunity"] = "not tried: there is no opportunity yet"
        else:
            for scope, path in _CHILDREN.items():
                allowed = _allowed(client, f"/opportunities/{quote(opportunity, safe='')}/{path}", _ONE)
                (granted if allowed else missing).append(scope)
        confidential = _may(client, "/opportunities", [("limit", "1"), ("confidentiality", "all")])
        if confidential and not options.confidential:
            unused.append(_CONFIDENTIAL)
        elif options.confidential:
            (granted if confidential else missing).append(_CONFIDENTIAL)
        unused.extend(scope for scope, path in _BEYOND.items() if _may(client, path, [("limit", "1")]))
        facts["writes happen as"] = _performer(client, options, faults)
        facts["webhooks"] = _webhooks(client, warnings)
    except Unauthorized:
        faults.append("Lever does not accept the API key: make one under Settings › Integrations and API, and put it into "
                      "the secret")  # fmt: skip
    except KeepwarmError as error:
        faults.append(
            f"Lever does not answer as documented: see whether the base address is right, and try again ({error})"
        )
    faults.extend(
        f"the key lacks {scope} ({_needs(scope)}): make a new key with it, for keys cannot be changed"
        for scope in missing
    )
    return Health(
        name=account,
        granted=tuple(granted),
        missing=tuple(missing),
        unused=tuple(unused),
        faults=tuple(faults),
        warnings=tuple(warnings),
        clock_skew=client.skew,
        facts=facts,
    )


def _needs(scope: str) -> str:
    if scope == _CONFIDENTIAL:
        return "option `confidential`; or drop that"
    listed = [it.name for it in DECLARATION.streams if it.scope == scope]
    below = _CHILDREN.get(scope, "")
    return f"to pull {', '.join(listed)}" if listed else f"to read {below} of applications that rules need"


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


def _may(client: Client, path: str, params: list[tuple[str, str]]) -> bool:
    """May the key do what it need not; one that does not answer is no reason to complain."""
    try:
        return _allowed(client, path, params) is not None
    except (Refused, Retry):
        return False


def _performer(client: Client, options: Options, faults: list[str]) -> str:
    """In whose name tags, sources and notes are written, and with which role."""
    if options.perform_as is None:
        return "nobody: they show no author (option perform_as)"
    try:
        user = _allowed(client, f"/users/{quote(options.perform_as, safe='')}", [])
    except Refused as error:
        if error.status != 404:
            raise
        faults.append("option perform_as names no user of this account: take the id of a service user from /users")
        return f"user {options.perform_as}, who is not there"
    if user is None:
        return f"user {options.perform_as}; the key may not read users"
    if user["data"]["deactivatedAt"]:
        faults.append("the user in option perform_as is deactivated: take another, or activate it")
    try:
        name, role = (user["data"][key].maybe(Raw.text) or "unknown" for key in ("name", "accessRole"))
    except Malformed:
        return f"user {options.perform_as}"
    return f"{name} (access role {role})"


def _webhooks(client: Client, warnings: list[str]) -> str:
    """Which of our events somebody listens to. The permission to see that is not needed otherwise."""
    try:
        answer = _allowed(client, "/webhooks", [])
    except Refused:
        answer = None
    if answer is None:
        return "which there are is not shown to this key"
    events = {row["event"].value for row in answer["data"].items()}
    if silent := [event for event in EVENTS if event not in events]:
        warnings.append(
            f"no webhook tells of {', '.join(silent)}: make one for each under Settings › Integrations and API › Webhooks"
        )
    return f"{len(EVENTS) - len(silent)} of {len(EVENTS)} events are set up"
