"""`python -m bench.served DATABASE`: a Greenhouse account's door as `keepwarm serve` has it, in a process of its own.
`python -m bench.served`: the peer, which reads the body and answers 200. Both print their address, and once they were
stopped the CPU seconds they used meanwhile."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from connector.accounts import connect
from connector.settings import read
from connector.store import Sqlite
from connector.web.app import application
from connector.web.serving import serve

SECRET = "a-secret-of-the-bench"
SETTINGS = "version: 1\naccounts: {hospital: {platform: greenhouse, secrets: {webhook: HOOK}}}\n"


def tell(address: str) -> None:
    print(address, time.process_time(), flush=True)


async def nothing(request: Request) -> Response:
    await request.body()
    return Response(status_code=200)


def main(arguments: list[str]) -> None:
    if not arguments:
        serve(
            Starlette(routes=[Route("/webhooks/{account}", nothing, methods=["POST"])]), "127.0.0.1", 0, listening=tell
        )
        return
    database = Path(arguments[0])
    accounts = connect(read(SETTINGS, "settings.yaml", folder=database.parent), {"HOOK": SECRET})
    with Sqlite(database) as store:
        serve(application(store, accounts, now=lambda: datetime.now(UTC)), "127.0.0.1", 0, listening=tell)


if __name__ == "__main__":
    main(sys.argv[1:])
    print(time.process_time(), flush=True)
