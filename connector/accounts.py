"""Settings → a ready adapter per account. The only dynamic import in the house."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from importlib.metadata import entry_points
from typing import Any

import httpx

from connector.adapter import Adapter, Connection, Declaration, Pulls, Pushes, Receives
from connector.client import BasicKey, Client, ClientCredentials, Limits, Pace, SecretUrl, TokenAuth
from connector.errors import ConfigError, Problem
from connector.flow import Verb
from connector.settings import AccountSettings, Settings

#: Seconds. The slowest platform gives itself 120.
TIME_LIMIT = httpx.Timeout(130.0, connect=10.0)
ENTRY_POINTS = "keepwarm.adapters"
_DATA_CENTRE = re.compile(r"-(us\d{1,3})$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One set of credentials on one platform, ready to be spoken to."""

    name: str
    adapter: Adapter
    settings: AccountSettings
    #: False: no API credentials are configured; what comes in by webhook is all there is.
    reachable: bool
    webhook_secrets: tuple[str, ...] = field(default=(), repr=False)
    hang_up: Callable[[], None] = field(default=lambda: None, repr=False)

    @property
    def declaration(self) -> Declaration:
        return self.adapter.declaration

    def can(self, verb: Verb) -> bool:
        return self.reachable and isinstance(self.adapter, Pushes) and verb in self.declaration.verbs

    @property
    def pulls(self) -> bool:
        return self.reachable and isinstance(self.adapter, Pulls)

    @property
    def receives(self) -> bool:
        return isinstance(self.adapter, Receives)

    def takes(self, kind: str) -> bool:
        """May rules put tags, pools or notes there."""
        verbs = {"tags": Verb.ADD_TAG, "notes": Verb.ADD_NOTE, "pools": Verb.UPSERT_MEMBER}
        allowed = self.settings.takes is None or kind in self.settings.takes
        # an audience takes pools as tags on members; a plain tag is for records of candidates
        mailing = Verb.UPSERT_MEMBER in self.declaration.verbs
        return allowed and self.can(verbs[kind]) and (kind != "tags" or not mailing)


class Accounts(Mapping[str, Account]):
    def __init__(self, accounts: Mapping[str, Account]) -> None:
        self._accounts = dict(accounts)

    def __getitem__(self, name: str) -> Account:
        return self._accounts[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._accounts)

    def __len__(self) -> int:
        return len(self._accounts)

    def close(self) -> None:
        """Let go of every connection."""
        for account in self._accounts.values():
            account.hang_up()

    def that_take(self, kind: str) -> list[Account]:
        return [account for account in self._accounts.values() if account.takes(kind)]

    def that_can(self, verb: Verb) -> list[Account]:
        return [account for account in self._accounts.values() if account.can(verb)]


def platforms() -> dict[str, Callable[[Connection], Adapter]]:
    """Platform → adapter class, for outside packages under the entry-point group."""
    return {point.name: point.load() for point in entry_points(group=ENTRY_POINTS)}


def every_platform() -> list[Declaration]:
    """What the bundled platforms, and those of outside packages, say of themselves."""
    folders = [it.name for it in pkgutil.iter_modules(importlib.import_module("adapters").__path__) if it.ispkg]
    made = [adapter_class(name) for name in dict.fromkeys((*sorted(folders), *platforms()))]
    return [it.declaration for it in made if it is not None]  # type: ignore[attr-defined]


def adapter_class(platform: str) -> Callable[[Connection], Adapter] | None:
    if not re.fullmatch(r"[a-z][a-z0-9_]*", platform):
        return None
    try:
        module = importlib.import_module(f"adapters.{platform}.adapter")
    except ModuleNotFoundError as error:
        if error.name not in (f"adapters.{platform}", f"adapters.{platform}.adapter"):
            raise
        return platforms().get(platform)
    found: Callable[[Connection], Adapter] = module.ADAPTER
    return found


def connect(settings: Settings, environment: Mapping[str, str], *, file: str = "settings.yaml") -> Accounts:
    """Every account of the settings. All that is missing is said at once, as ConfigError."""
    problems: list[Problem] = []
    made: dict[str, Account] = {}
    for name, wanted in settings.accounts.items():
        problems_here: list[str] = []
        account = account_of(wanted, environment, problems_here.append)
        problems += [Problem(file, wanted.line, wanted.column, text) for text in problems_here]
        if account is not None:
            made[name] = account
    if problems:
        raise ConfigError(problems)
    return Accounts(made)


def account_of(
    wanted: AccountSettings, environment: Mapping[str, str], complain: Callable[[str], None]
) -> Account | None:
    """One account as well as it can be made; None when there is no such platform."""
    where = f"accounts.{wanted.name}"
    build = adapter_class(wanted.platform)
    if build is None:
        complain(f"{where}: there is no platform `{wanted.platform}` (no folder in adapters/, no package offers it)")
        return None
    declaration: Declaration = build.declaration  # type: ignore[attr-defined]
    known = {option.name for option in declaration.options} | {"token_url", "subject", "payload_only"}
    for name in sorted(wanted.options.keys() - known):
        complain(f"{where}.options: `{name}` is not known to {wanted.platform}; it knows {', '.join(sorted(known))}")
    for option in declaration.options:
        if option.required and option.name not in wanted.options:
            complain(f"{where}.options: `{option.name}` is missing ({option.meaning})")
    secrets = _secrets(wanted, declaration, environment, where, complain)
    signed_in = _auth(declaration, secrets, wanted)
    # where the secret is a whole address, nothing else can be meant
    base_url = next(iter(secrets.get("url", ())), "") or wanted.base_url or _base_url(declaration, secrets)
    options = dict(wanted.options)
    if signed_in is None:
        options["payload_only"] = "yes"
    http = httpx.Client(auth=signed_in or None, timeout=TIME_LIMIT, headers={"User-Agent": "keepwarm/0.1"})
    client = Client(http, base_url=base_url, pace=Pace(_limits(declaration.limits, wanted)))
    return Account(
        name=wanted.name,
        adapter=build(Connection(account=wanted.name, client=client, options=options)),
        settings=wanted,
        reachable=signed_in is not None,
        webhook_secrets=secrets.get("webhook", ()),
        hang_up=http.close,
    )


def _secrets(
    wanted: AccountSettings,
    declaration: Declaration,
    environment: Mapping[str, str],
    where: str,
    complain: Callable[[str], None],
) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for name, variables in wanted.secrets.items():
        if name not in declaration.secrets:
            complain(
                f"{where}.secrets: `{name}` is not a secret of {wanted.platform}; it has {', '.join(declaration.secrets)}"
            )
        missing = [variable for variable in variables if not environment.get(variable)]
        for variable in missing:
            complain(f"{where}.secrets.{name}: the environment variable {variable} is not set")
        found[name] = tuple(environment[variable] for variable in variables if variable not in missing)
    return found


def _auth(
    declaration: Declaration, secrets: Mapping[str, Sequence[str]], wanted: AccountSettings
) -> httpx.Auth | Callable[[httpx.Request], httpx.Request] | None:
    """How calls are signed in; None when there are no API credentials."""
    one = {name: values[0] for name, values in secrets.items() if values}
    match declaration.auth:
        case ClientCredentials(token_url=token_url, introspects=introspects) if (
            "client_id" in one and "client_secret" in one
        ):
            subject = wanted.options.get("subject")
            return TokenAuth(
                token_url=str(wanted.options.get("token_url") or token_url),
                client_id=one["client_id"],
                client_secret=one["client_secret"],
                subject=str(subject) if subject else None,
                introspects=introspects,
            )
        case BasicKey(user=user) if "api_key" in one:
            return httpx.BasicAuth(user, one["api_key"]) if user else httpx.BasicAuth(one["api_key"], "")
        case SecretUrl() if "url" in one:
            return _unsigned
    return None


def _unsigned(request: httpx.Request) -> httpx.Request:
    return request


def _base_url(declaration: Declaration, secrets: Mapping[str, Sequence[str]]) -> str:
    """Some keys carry their data centre (`…-us21`), which then is part of the host."""
    key = next(iter(secrets.get("api_key", ())), "")
    if declaration.platform == "mailchimp" and (match := _DATA_CENTRE.search(key)):
        return declaration.base_url.replace("//", f"//{match.group(1)}.", 1)
    return declaration.base_url


def _limits(limits: Limits, wanted: AccountSettings) -> Limits:
    if not wanted.calls_per_second:
        return limits
    calls = max(1, round(wanted.calls_per_second))
    return replace(limits, calls=calls, per=timedelta(seconds=1), burst=calls, fixed_window=False)


def sandbox_class(platform: str) -> Callable[..., Any]:
    """The sandbox that stands beside an adapter."""
    found: Callable[..., Any] = importlib.import_module(f"adapters.{platform}.sandbox").SANDBOX
    return found
