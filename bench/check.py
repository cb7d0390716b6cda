"""`check` of 200 rules: shape and meaning, files to findings. The peer parses the same text as YAML and does nothing with it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import yaml

from bench.figure import Figure
from bench.people import VOCABULARY
from connector.rules import load
from connector.rules.meaning import examined

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
TIMES = 10


def text() -> str:
    """The twenty rules ten times over, each with a name and a tag of its own."""
    head, _, body = (Path(__file__).parent / "rules20.yaml").read_text(encoding="utf-8").partition("rules:\n")
    made = []
    for number in range(TIMES):
        named = re.sub(r"(rule: )([a-z0-9-]+)", rf"\g<1>\g<2>-{number}", body)
        made.append(re.sub(r"(tags|pools): \[(t[0-9]+)\]}", rf"\g<1>: [\g<2>-{number}]}}", named))
    return f"{head}rules:\n{''.join(made)}"


def _milliseconds(work: Callable[[], object]) -> float:
    """Of processor time: all of it is one thread that waits for nothing, and other people's programs do not count."""
    begun = time.process_time()
    work()
    return (time.process_time() - begun) * 1000


def measure(runs: int) -> list[Figure]:
    rules = text()
    found = examined(load({"rules.yaml": rules}, VOCABULARY), now=NOW)
    assert len(found.rules) == 20 * TIMES
    assert found.problems == ()
    ours, safe, quick = [], [], []
    for _ in range(runs):
        ours.append(_milliseconds(lambda: examined(load({"rules.yaml": rules}, VOCABULARY), now=NOW)))
        safe.append(_milliseconds(lambda: yaml.safe_load(rules)))
        quick.append(_milliseconds(lambda: yaml.load(rules, yaml.CSafeLoader)))
    return [
        Figure(
            name="check 200 rules",
            unit="ms of processor",
            ours=ours,
            peer=safe,
            against="PyYAML safe_load, and nothing more",
        ),
        Figure(
            name="check 200 rules",
            unit="ms of processor",
            ours=ours,
            peer=quick,
            against="PyYAML CSafeLoader, and nothing more",
        ),
    ]
