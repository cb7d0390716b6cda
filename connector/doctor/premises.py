"""The house itself: its database, its disk, its rules, its time zones, and where it would send what."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from connector.accounts import Account
from connector.doctor.finding import Chart, Finding
from connector.errors import ConfigError
from connector.flow import Verb
from connector.house import load_rules
from connector.rules import RuleSet
from connector.settings import Settings
from connector.store import Tx

HOUSE = Chart("")
#: Bytes. Below the first a full sync of a large pool may not fit; below the second SQLite soon cannot write.
LITTLE, NO_ROOM = 1 << 30, 100 << 20
#: Zones on four continents: a system without its data has none of them, or only its own.
ZONES = ("Europe/London", "America/New_York", "Asia/Kolkata", "Australia/Sydney")


def database(path: Path) -> Iterator[Finding]:
    here = path.parent
    while not here.exists():
        here = here.parent
    if not os.access(here, os.W_OK | os.X_OK):
        yield HOUSE.fault("database", f"{here} cannot be written to", f"sudo chown -R $USER {here}")
    elif not path.exists():
        yield HOUSE.warning("database", f"{path} is not there yet", "keepwarm sync")
    elif not os.access(path, os.R_OK | os.W_OK):
        yield HOUSE.fault("database", f"{path} cannot be read and written", f"sudo chown $USER {path}*")
    else:
        yield HOUSE.fine("database", f"{path}, {path.stat().st_size / 1e6:,.1f} MB")
    yield _disk(here, path)


def _disk(here: Path, path: Path) -> Finding:
    free = shutil.disk_usage(here).free
    size = path.stat().st_size if path.exists() else 0
    told = f"{free / 1e9:,.1f} GB free beside the database"
    remedy = f"make room on the disk of {here}, or move `database:` in the settings to another"
    if free < NO_ROOM:
        return HOUSE.fault("disk", told, remedy)
    # a backup beside it, or its rewriting, needs its size once more
    if free < max(LITTLE, size):
        return HOUSE.warning("disk", told, remedy)
    return HOUSE.fine("disk", told)


def rules(settings: Settings) -> tuple[RuleSet | None, list[Finding]]:
    try:
        found = load_rules(settings)
    except ConfigError as error:
        wrong = [HOUSE.fault("rules", str(it), "put it right, then `keepwarm check`") for it in error.problems]
        return None, wrong
    except (OSError, UnicodeDecodeError) as error:
        return None, [HOUSE.fault("rules", f"{settings.rules} cannot be read ({type(error).__name__})",
                                  f"chmod -R u+rX {settings.rules}, and save the files as UTF-8")]  # fmt: skip
    left_out = [HOUSE.warning("rules", str(it), "it is left out; `keepwarm check` says more") for it in found.refusals]
    return found, [HOUSE.fine("rules", f"{len(found.entries)} in {settings.rules}, set {found.hash[:8]}"), *left_out]


def zones(settings: Settings) -> Finding:
    lacking = [name for name in (settings.zone.key, *ZONES) if not _known(name)]
    if lacking:
        sentence = f"this machine has no data for {', '.join(lacking)}: people's own clocks cannot be kept"
        return HOUSE.fault("time zones", sentence, "python -m pip install --force-reinstall tzdata")
    return HOUSE.fine("time zones", f"the organisation's is {settings.zone.key}")


def _known(name: str) -> bool:
    try:
        return bool(ZoneInfo(name))
    except (ZoneInfoNotFoundError, ValueError):
        return False


def notices(settings: Settings, accounts: Mapping[str, Account], found: RuleSet | None) -> Iterator[Finding]:
    telling = [it.name for it in found.rules if it.do is not None and it.do.notify is not None] if found else []
    able = [name for name, it in accounts.items() if Verb.NOTIFY in it.declaration.verbs]
    name = settings.notices
    if name is None:
        if telling:
            remedy = (
                f"write `notices: {able[0]}`"
                if able
                else "add an account that can (platform: chat), and `notices: ACCOUNT`"
            )
            yield HOUSE.fault("notices", f"no account takes notices, and {', '.join(telling)} would send some", remedy)
    elif (account := accounts.get(name)) is None or not account.can(Verb.NOTIFY):
        why = "has no credentials" if account is not None and not account.reachable else "cannot take notices"
        remedy = f"in the settings write `notices: {able[0]}`" if able and able[0] != name else f"see account {name}"
        yield HOUSE.fault("notices", f"`notices: {name}`, but that account {why}", remedy)
    else:
        yield HOUSE.fine("notices", f"go to {name}")


def templates(settings: Settings, accounts: Mapping[str, Account], found: RuleSet | None) -> Iterator[Finding]:
    """Cadences that would send what nobody said how to send."""
    able = next((name for name, it in accounts.items() if Verb.SEND_EVENT in it.declaration.verbs), "ACCOUNT")
    for cadence in found.cadences if found else ():
        for name in dict.fromkeys(piece.template for piece in cadence.send.rotate):
            if name not in settings.messages:
                remedy = (
                    f"under `messages:` write {name}: {{by: event, account: {able}, event: {name.replace('-', '_')}}}"
                )
                sentence = f"cadence {cadence.name} sends `{name}`, and the settings do not say how"
                yield HOUSE.fault("messages", sentence, remedy)


def left_behind(tx: Tx) -> Iterator[Finding]:
    """What waits for a person."""
    if parked := len(tx.inbox.parked()):
        yield HOUSE.warning("parked", f"{parked} could not be read", "keepwarm parked, then keepwarm replay")
    if dead := len(tx.outbox.in_state("dead")):
        yield HOUSE.warning("dead letters", f"{dead} were not taken", "keepwarm dead, then keepwarm replay --dead")
