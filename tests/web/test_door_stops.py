"""A whole process, killed or stopped at full load: every delivery it acknowledged is in the file."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

PROGRAM = Path(__file__).with_name("killed_door.py")
CONNECTIONS = 32


@contextmanager
def door(database: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd())}
    command = [sys.executable, str(PROGRAM), str(database)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        try:
            yield process, urlsplit(process.stdout.readline().strip()).netloc
        finally:
            process.kill()


class Ringers:
    """Many connections that deliver until theirs breaks or they are told to stop, and remember what was taken."""

    def __init__(self, address: str) -> None:
        self.acknowledged: set[bytes] = set()
        self.others: set[int] = set()
        self.stop = threading.Event()
        self._threads = [threading.Thread(target=self._ring, args=(address, who)) for who in range(CONNECTIONS)]
        for thread in self._threads:
            thread.start()

    def _ring(self, address: str, who: int) -> None:
        with closing(http.client.HTTPConnection(address, timeout=20)) as connection:
            number = 0
            while not self.stop.is_set():
                body = b'{"who": %d, "number": %d, "padding": "%s"}' % (who, number, b"x" * 4000)
                number += 1
                digest = hmac.new(b"fixture-webhook-key", body, hashlib.sha256).hexdigest()
                headers = {"Signature": f"sha256 {digest}", "Greenhouse-Event-ID": f"{who}-{number}"}
                try:
                    connection.request("POST", "/webhooks/hospital", body, headers)
                    answer = connection.getresponse()
                    answer.read()
                except (OSError, http.client.HTTPException):
                    return
                if answer.status == 200:
                    self.acknowledged.add(body)
                else:
                    self.others.add(answer.status)

    def wait_for(self, acknowledged: int) -> None:
        deadline = time.monotonic() + 60
        while len(self.acknowledged) < acknowledged:
            assert time.monotonic() < deadline, "the door is far too slow"
            time.sleep(0.005)

    def join(self) -> None:
        for thread in self._threads:
            thread.join(timeout=30)
            assert not thread.is_alive()


def bodies(database: Path) -> set[bytes]:
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("pragma integrity_check").fetchone() == ("ok",)
        return {row[0] for row in connection.execute("select body from deliveries")}


@pytest.mark.parametrize("load", [200, 1500])
def test_a_door_killed_at_full_load_lost_nothing_it_acknowledged(load: int, tmp_path: Path) -> None:
    database = tmp_path / "keepwarm.db"
    with door(database) as (process, address):
        ringers = Ringers(address)
        ringers.wait_for(load)
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=10)
        ringers.join()
    assert len(ringers.acknowledged) >= load
    assert ringers.others == set()
    assert ringers.acknowledged <= bodies(database)
    with door(database) as (_, address):  # and the next process finds the lock free
        again = Ringers(address)
        again.wait_for(CONNECTIONS)
        again.stop.set()
        again.join()


def test_a_door_told_to_stop_finishes_what_is_under_way_and_returns(tmp_path: Path) -> None:
    database = tmp_path / "keepwarm.db"
    with door(database) as (process, address):
        ringers = Ringers(address)
        ringers.wait_for(200)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0
        ringers.join()
        assert process.stdout is not None
        assert process.stdout.read() == "stopped\n"
    assert ringers.others == set()
    assert ringers.acknowledged <= bodies(database)


def test_a_second_process_is_told_who_holds_the_database(tmp_path: Path) -> None:
    database = tmp_path / "keepwarm.db"
    with door(database) as (process, _):
        second = subprocess.run(
            [sys.executable, str(PROGRAM), str(database)],
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": str(Path.cwd())},
            timeout=30,
            check=False,
        )
    assert second.returncode == 1
    assert f"process {process.pid} is writing to it" in second.stderr
