"""A real `keepwarm serve`: files are edited beside it, broken, and mended, and it says what it runs."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

SETTINGS = """
version: 1
time_zone: Europe/London
database: state/keepwarm.db
vocabulary: {{skills: {{nursing: [rn]}}}}
serve: {{host: 127.0.0.1, port: {port}}}
"""
RULES = """
version: 1
rules:
  - rule: nurses
    who: {skills: {any_of: [nursing]}}
    keep: {tags: [nurse]}
"""


class Served:
    def __init__(self, folder: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.folder, self.rules = folder, folder / "rules" / "nurses.yaml"
        self.settings = folder / "settings.yaml"
        self.rules.parent.mkdir()
        self.settings.write_text(SETTINGS.format(port=self.port), encoding="utf-8")
        self.rules.write_text(RULES, encoding="utf-8")
        self.log = (folder / "serve.log").open("w+", encoding="utf-8")
        self.process = subprocess.Popen(self._command("serve"), cwd=folder, stdout=self.log, stderr=self.log,
                                        env=os.environ | {"KEEPWARM_LOG": "json"})  # fmt: skip

    @staticmethod
    def _command(*words: str) -> list[str]:
        return [sys.executable, "-c", "from connector.cli import main; main()", *words]

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self._command(*words), cwd=self.folder, capture_output=True, text=True, timeout=60, check=False
        )

    def status(self) -> dict[str, Any]:
        done = self.run("status", "--json")
        return json.loads(done.stdout)["serving"] or {} if done.returncode == 0 else {}

    def until(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        ends = time.monotonic() + 40
        while time.monotonic() < ends:
            assert self.process.poll() is None, self.logged()
            if wanted(found := self.status()):
                return found
            time.sleep(0.2)
        raise AssertionError(f"{self.status()}\n{self.logged()}")

    def metrics(self) -> str:
        return httpx.get(f"http://127.0.0.1:{self.port}/metrics").text

    def logged(self) -> str:
        self.log.seek(0)
        return self.log.read()

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=30)
        self.log.close()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    made = Served(tmp_path)
    yield made
    if made.process.poll() is None:
        made.stop()


def test_serve_takes_up_what_is_right_keeps_what_runs_else_and_says_both(served: Served) -> None:
    first = served.until(lambda it: bool(it.get("set_hash")))
    served.rules.write_text(RULES.replace("[nurse]", "[nurses]"), encoding="utf-8")
    second = served.until(lambda it: it.get("set_hash") not in (None, first["set_hash"]))
    assert second["refused_at"] is None
    # the plan was made and kept: what it switches on is in shadow until somebody applies it
    plan = served.until(lambda it: bool(it.get("plan")))["plan"]
    assert (served.folder / "state" / "plans" / f"{plan}.json").exists()

    served.rules.write_text(RULES.replace("any_of", "any"), encoding="utf-8")
    broken = served.until(lambda it: bool(it.get("refused_at")))
    assert broken["set_hash"] == second["set_hash"]
    assert broken["complaints"][0].startswith("rules/nurses.yaml:5:")
    assert "REFUSED the files on disk since" in served.run("status").stdout
    assert "keepwarm_reload_rejected 1.0" in served.metrics()
    assert f'hash="{second["set_hash"]}"' in served.metrics()
    (told,) = [json.loads(it) for it in served.logged().splitlines() if "refused" in it]
    assert told["places"] == ["rules/nurses.yaml:5"]
    assert told["running"] == second["set_hash"][:6]

    served.rules.write_text(RULES.replace("[nurse]", "[nurses]"), encoding="utf-8")
    mended = served.until(lambda it: it.get("refused_at") is None and bool(it.get("set_hash")))
    assert mended["set_hash"] == second["set_hash"]

    # what a command finds in the files is what `serve` applies, however shortly before they were written
    served.rules.write_text(RULES.replace("[nurse]", "[wards]"), encoding="utf-8")
    made = json.loads(served.run("plan", "--json").stdout)
    done = served.run("apply", made["id"])
    assert done.returncode == 0, done.stderr
    assert served.status()["set_hash"] == made["set_hash"]

    served.stop()
    assert served.status() == {}
