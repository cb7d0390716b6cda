"""Running the application: uvicorn on uvloop and httptools, in this thread, until somebody says stop."""

from __future__ import annotations

import socket
from collections.abc import Callable
from types import FrameType

import uvicorn
from starlette.types import ASGIApp

from connector.errors import KeepwarmError

#: Seconds that requests under way may still take once we were told to stop.
GRACE = 20


class CannotListen(KeepwarmError):
    """The address is taken or is not ours."""


class Server(uvicorn.Server):
    """uvicorn's own kills its process with the signal that stopped it; this one returns to its caller."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.force_exit = self.should_exit
        self.should_exit = True


def listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise CannotListen(f"{host}:{port}: cannot listen there ({error.strerror})") from error


def server(app: ASGIApp) -> Server:
    # no access log: a path may hold a platform's secret
    config = uvicorn.Config(
        app, loop="uvloop", http="httptools", ws="none", access_log=False, log_config=None, server_header=False,
        proxy_headers=False, timeout_graceful_shutdown=GRACE,
    )  # fmt: skip
    return Server(config)


def serve(app: ASGIApp, host: str, port: int, *, listening: Callable[[str], None] = lambda _: None) -> None:
    """Serve until SIGTERM or SIGINT; what is under way is finished first. `listening` is told the address.

    Port 0 takes a free one. From another thread than the main one, stop it through `server(app)` instead."""
    with listen(host, port) as bound:
        listening("http://{}:{}".format(*bound.getsockname()[:2]))
        server(app).run(sockets=[bound])
