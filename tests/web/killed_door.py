"""`python killed_door.py DATABASE`: a Greenhouse account's door, as `keepwarm serve` has it. Prints its address."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

from connector.accounts import connect
from connector.settings import read
from connector.store import Sqlite
from connector.web.app import application
from connector.web.serving import serve

SETTINGS = """
version: 1
accounts:
  hospital:
    platform: greenhouse
    secrets: {webhook: HOOK}
"""


def main() -> None:
    database = Path(sys.argv[1])
    accounts = connect(read(SETTINGS, "settings.yaml", folder=database.parent), {"HOOK": "fixture-webhook-key"})
    with Sqlite(database) as store:
        app = application(store, accounts, now=lambda: datetime.now(UTC))
        serve(app, "127.0.0.1", 0, listening=lambda address: print(address, flush=True))
    print("stopped", flush=True)


if __name__ == "__main__":
    main()
