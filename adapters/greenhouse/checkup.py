"""What Greenhouse says of our credential: what its token may do, as whom, how many calls are left, and what time it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from adapters.greenhouse.choices import VISIBILITIES, Choices, chosen
from adapters.greenhouse.declared import DECLARATION, LISTS, scope_of
from adapters.greenhouse.lists import forbidden
from connector.adapter import Connection, Health
from connector.client import Client, Response
from connector.errors import KeepwarmError, Malformed, RateLimited, Retry, Unauthorized
from connector.raw import Raw

_GRANT = "grant them under Configure › Dev Center › API Credential Management › Manage scopes"
#: Claims of the token beside its scopes (Harvest, authentication, read 2026-11-23).
_CLAIMS = "https://auth.greenhouse.io/claims"


@dataclass(slots=True)
class _Look:
    """One look around; what is found gathers here."""

    client: Client
    choices: Choices
    #: Lists that could be read, and those that answered 403.
    open: list[str] = field(default_factory=list)
    shut: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    facts: dict[str, str] = field(default_factory=dict)
    last: Response | None = None

    def ask(self, name: str, params: Sequence[tuple[str, str]]) -> Response:
        refused = forbidden(scope_of(name))

        def explain(response: Response) -> Exception | None:
            self.last = response
            return refused(response)

        self.last = self.client.get(f"/{name}", params, explain=explain)
        return self.last

    def try_lists(self) -> bool:
        """One row of each: a list wants its scope and a Site Admin. False: there is no use in asking any further."""
        for name in LISTS:
            try:
                self.ask(name, [("per_page", "1"), ("fields", "id")])
            except Unauthorized as error:
                if error.scope is None:
                    self.faults.append(
                        "the client id or secret is not accepted: make a credential of type Harvest V3 (OAuth)"
                    )
                    return False
                self.shut.append(name)
            except (RateLimited, Retry) as error:
                self.faults.append(f"Greenhouse does not answer now: try again ({error})")
                return False
            except KeepwarmError as error:
                self.faults.append(f"/{name} does not answer as documented: is the base address right ({error})")
            else:
                self.open.append(name)
        return True

    def token(self) -> Raw | None:
        """What the token may do. None: nobody says so, and only trying tells."""
        try:
            told = self.client.introspect()
        except KeepwarmError:
            return None
        return told if told is not None and told["active"].value is True else None

    def user(self, id: str) -> str:
        """A colleague as a reader knows them; service accounts are left out of the list unless asked for."""
        fields = ("fields", "id,name,first_name,last_name,deactivated,site_admin")
        try:
            rows = self.ask("users", [("ids", id), fields, ("show_service_accounts", "true")]).raw().items()
            found = next((row for row in rows if row["id"].id() == id), None)
            if found is None:
                return f"user {id}, who is not in the list of users"
            names = (found[key].maybe(Raw.text) for key in ("first_name", "last_name"))
            name = found["name"].maybe(Raw.text) or " ".join(filter(None, names)) or "no name"
            if found["deactivated"].maybe(Raw.flag):
                self.faults.append(f"user {id} ({name}) is deactivated: name another in the options, or none")
            role = ", Site Admin" if found["site_admin"].maybe(Raw.flag) else ""
        except (KeepwarmError, Malformed):
            return f"user {id}"
        return f"{name} (user {id}{role})"


def check(connection: Connection) -> Health:
    look = _Look(connection.client, chosen(connection.options))
    look.faults += _choices(connection)
    granted: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()
    if look.try_lists():
        told = look.token()
        needed = _needed(look.choices)
        if told is None:
            granted, missing = tuple(map(scope_of, look.open)), tuple(map(scope_of, look.shut))
            look.facts["scopes for writing"] = "not tried: " + ", ".join(it for it in needed if it not in _READING)
        else:
            said = (told["scope"].maybe(Raw.text) or "").split()
            granted = tuple(scope for scope in needed if scope in said)
            missing = tuple(scope for scope in needed if scope not in said)
            unused = tuple(sorted(set(said) - needed.keys()))
        _complain(look, needed, missing)
        look.facts |= dict(_who(look, connection, told))
    else:
        granted, missing = tuple(map(scope_of, look.open)), tuple(map(scope_of, look.shut))
    return Health(
        name=f"greenhouse {connection.account}",
        granted=granted,
        missing=missing,
        unused=unused,
        faults=tuple(look.faults),
        warnings=tuple(look.warnings),
        clock_skew=look.client.skew,
        facts=look.facts | _budget(look.last),
    )


_READING = {scope_of(name): f"the list {name}" for name in LISTS}


def _needed(choices: Choices) -> Mapping[str, str]:
    """Scope → what needs it."""
    writing: dict[str, list[str]] = {}
    for verb, scope in DECLARATION.scopes.items():
        writing.setdefault(scope, []).append(verb.value)
    if choices.create_tags:
        writing.setdefault(scope_of("candidate_tags", "create"), []).append("add_tag with a new name")
    return _READING | {scope: ", ".join(verbs) for scope, verbs in writing.items()}


def _complain(look: _Look, needed: Mapping[str, str], missing: Sequence[str]) -> None:
    reading = [f"{scope} ({needed[scope]})" for scope in missing if scope in _READING]
    writing = [f"{scope} ({needed[scope]})" for scope in missing if scope not in _READING]
    if reading and not look.open:
        look.faults.append(
            "no list may be read: the user the token acts as must be a Site Admin, and if it is, no scope is granted: "
            + _GRANT
        )
    elif reading:
        look.faults.append(f"missing {', '.join(reading)}: {_GRANT}")
    if writing:
        look.warnings.append(f"missing for writing {', '.join(writing)}: {_GRANT}, or do not let rules use them")
    barred = [name for name in look.shut if scope_of(name) not in missing]
    if barred:
        look.faults.append(
            f"granted and refused all the same: {', '.join(barred)}: the user the token acts as must be a Site Admin"
        )


def _who(look: _Look, connection: Connection, told: Raw | None) -> Iterator[tuple[str, str]]:
    """On whose behalf. Greenhouse has no other way to say it than the token's subject (Harvest, WRITE guide)."""
    subject = str(connection.options.get("subject") or "").strip()
    role = None
    if told is not None:
        try:
            subject = told["sub"].maybe(Raw.id) or subject
            role = told[_CLAIMS]["user_role"].maybe(Raw.text)
            if organisation := told[_CLAIMS]["organization"]["name"].maybe(Raw.text):
                yield "organisation", organisation
        except Malformed:
            pass  # a claim of another shape says nothing; it is for a reader only
    who = look.user(subject) if subject.isdecimal() else "the integration's own user"
    yield "writes happen as", who + (f", role {role}" if role else "")
    if look.choices.note_user and look.choices.note_user.isdecimal():
        yield "notes are signed by", look.user(look.choices.note_user)


def _choices(connection: Connection) -> Iterator[str]:
    choices = chosen(connection.options)
    if choices.note_visibility not in VISIBILITIES:
        yield f"options.note_visibility is none that Greenhouse knows: say one of {', '.join(VISIBILITIES)}"
    if choices.note_user and not choices.note_user.isdecimal():
        yield "options.note_user is no Greenhouse user id: it has digits only"


def _budget(answer: Response | None) -> dict[str, str]:
    limit = answer.headers.get("x-ratelimit-limit") if answer else None
    if answer is None or not limit:
        return {}
    left = answer.headers.get("x-ratelimit-remaining")
    seconds = round(DECLARATION.limits.per.total_seconds())
    return {"rate budget": f"{limit} per {seconds} s" + (f", {left} left" if left else "")}
