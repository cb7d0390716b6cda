"""What Greenhouse says of our credential: each list is asked for one row, so a missing scope is found by name."""

from __future__ import annotations

from adapters.greenhouse.choices import VISIBILITIES, chosen
from adapters.greenhouse.declared import DECLARATION, LISTS, scope_of
from adapters.greenhouse.lists import forbidden
from connector.adapter import Connection, Health
from connector.client import Response
from connector.errors import KeepwarmError, RateLimited, Retry, Unauthorized


def check(connection: Connection) -> Health:
    """Writing scopes cannot be tried without writing; they are listed as facts and found at the first write."""
    granted: list[str] = []
    missing: list[str] = []
    faults = _choices(connection)
    facts = {"scopes for writing, not tried": " ".join(sorted(DECLARATION.scopes.values()))}
    for name in LISTS:
        scope = scope_of(name)
        try:
            answer = connection.client.get(f"/{name}", [("per_page", "1"), ("fields", "id")], explain=forbidden(scope))
        except Unauthorized as error:
            if error.scope is None:
                faults.append("The client id or secret is not accepted: make a credential of type Harvest V3 (OAuth).")
                break
            missing.append(scope)
        except (RateLimited, Retry) as error:
            faults.append(f"Greenhouse does not answer now; try again ({error}).")
            break
        except KeepwarmError as error:
            faults.append(f"/{name} does not answer as documented ({error}).")
        else:
            granted.append(scope)
            facts |= _facts(answer)
    if missing and not granted:
        faults.append("No list may be read: the user the token acts as must be a Site Admin, or no scope is granted.")
    elif missing:
        faults.append("Grant under Configure › Dev Center › API Credential Management: " + ", ".join(missing) + ".")
    name = f"greenhouse {connection.account}"
    return Health(name=name, granted=tuple(granted), missing=tuple(missing), faults=tuple(faults), facts=facts)


def _choices(connection: Connection) -> list[str]:
    choices = chosen(connection.options)
    faults = []
    if choices.note_visibility not in VISIBILITIES:
        faults.append(f"options.note_visibility: wanted one of {', '.join(VISIBILITIES)}.")
    if choices.note_user and not choices.note_user.isdecimal():
        faults.append("options.note_user: wanted a Greenhouse user id, digits only.")
    return faults


def _facts(answer: Response) -> dict[str, str]:
    limit = answer.headers.get("x-ratelimit-limit")
    # a clock that is off by minutes breaks tokens and windows; whoever knows the time compares
    date = answer.headers.get("date")
    return ({"calls allowed in 30 seconds": limit} if limit else {}) | ({"their clock": date} if date else {})
