"""`python -m bench.load HOST PORT SECONDS`: 64 connections, each posting a signed body of 4 KB as soon as the one before it
was answered. Prints {"taken": …, "other": …, "answered": with the warm-up, "seconds": …, "p50": ms, "p99": ms}.

One thread and epoll: it must not be the slower side, and it shares the machine with the server."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
import selectors
import socket
import sys
import time

from bench.served import SECRET

CONNECTIONS = 64
BODY = json.dumps({"action": "candidate_stage_change", "payload": {"padding": "x" * 4000}}).encode()
#: The first answers are not counted.
WARM_UP = 0.5


def head(host: str, number: str) -> bytes:
    """One body, signed once; the delivery id makes each delivery a new one, so each becomes a row."""
    signature = hmac.new(SECRET.encode(), BODY, hashlib.sha256).hexdigest()
    return (
        f"POST /webhooks/hospital HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(BODY)}\r\nSignature: sha256 {signature}\r\nGreenhouse-Event-ID: {number}\r\n\r\n"
    ).encode()


def main(host: str, port: int, seconds: float) -> None:
    numbers = itertools.count()
    before, after = head(host, "NUMBER").split(b"NUMBER")
    after += BODY
    watch = selectors.DefaultSelector()
    sent: dict[socket.socket, float] = {}

    def post(line: socket.socket) -> None:
        sent[line] = time.perf_counter()
        line.sendall(b"%s%d-%d%s" % (before, port, next(numbers), after))

    for _ in range(CONNECTIONS):
        line = socket.create_connection((host, port))
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        watch.register(line, selectors.EVENT_READ, line)
        post(line)
    took: list[float] = []
    other = 0
    begun = time.perf_counter() + WARM_UP
    end = begun + seconds
    while (now := time.perf_counter()) < end:
        for key, _ in watch.select(0.1):
            line = key.data
            answer = line.recv(4096)
            assert answer.endswith(b"\r\n\r\n"), "an answer without a body comes in one piece"
            if (since := sent[line]) >= begun:
                took.append(time.perf_counter() - since)
                other += not answer.startswith(b"HTTP/1.1 200")
            post(line)
    took.sort()
    answered = next(numbers) - CONNECTIONS
    told = {"taken": len(took) - other, "other": other, "answered": answered, "seconds": now - begun}
    print(json.dumps(told | {f"p{at}": 1000 * took[len(took) * at // 100] for at in (50, 99)}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))
