"""Commands that write while `serve` has the database: they leave an errand in a folder, and `serve` runs it.

Files and not a port: whoever may write beside the database may ask, and nobody else.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from uuid import uuid4

import msgspec
import structlog

from connector.errors import KeepwarmError
from connector.plan import PlanRefused

log = structlog.get_logger()

#: Seconds between two looks. One look costs 0.2 ms, 0.06 % of a core in all (measured 2026-11-23): less than a library that
#: is told by the kernel would cost in upkeep.
POLL = 0.3
#: Seconds in which a `serve` that is alive takes an errand up.
TAKEN_WITHIN = 10.0


class Errand(msgspec.Struct, frozen=True, kw_only=True):
    verb: str
    args: dict[str, str | list[str]] = {}


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """`refused`: words of the plan's refusal; `failed`: any other complaint. Both empty: done."""

    counts: dict[str, int] = {}
    refused: str = ""
    failed: str = ""


class NoAnswer(KeepwarmError):
    """The process that has the database does not run errands (it is not `keepwarm serve`, or it hangs)."""


def folder_of(database: Path) -> Path:
    return database.parent / "errands"


def ask(database: Path, errand: Errand, *, within: float = 3600.0) -> Answer:
    """Leave an errand and wait for its answer."""
    folder = folder_of(database)
    folder.mkdir(mode=0o700, exist_ok=True)
    asked = folder / f"{uuid4().hex}.ask"
    half = asked.with_suffix(".part")
    half.write_bytes(msgspec.json.encode(errand))
    half.rename(asked)
    answered, begun = asked.with_suffix(".answer"), time.monotonic()
    while not answered.exists():
        waited = time.monotonic() - begun
        if waited > within or (waited > TAKEN_WITHIN and asked.exists()):
            asked.unlink(missing_ok=True)
            raise NoAnswer
        time.sleep(POLL)
    answer = msgspec.json.decode(answered.read_bytes(), type=Answer)
    answered.unlink()
    return answer


def asked(database: Path, errand: Errand) -> Counter[str]:
    """Leave an errand; what was done. Raises what was complained of."""
    told = ask(database, errand)
    if told.refused:
        raise PlanRefused(told.refused)
    if told.failed:
        raise KeepwarmError(told.failed)
    return Counter(told.counts)


class Errands(threading.Thread):
    """Runs errands one after the other until told to stop."""

    def __init__(self, database: Path, verbs: Mapping[str, Callable[[Errand], Answer]]) -> None:
        super().__init__(name="errands", daemon=True)
        self._folder = folder_of(database)
        self._verbs = verbs
        self._halt = threading.Event()

    def stop(self) -> None:
        self._halt.set()
        self.join(timeout=20)

    def run(self) -> None:
        self._folder.mkdir(mode=0o700, exist_ok=True)
        while not self._halt.wait(POLL):
            for asked in sorted(self._folder.glob("*.ask")):
                self._one(asked)

    def _one(self, asked: Path) -> None:
        taken = asked.rename(asked.with_suffix(".taken"))
        try:
            errand = msgspec.json.decode(taken.read_bytes(), type=Errand)
            answer = self._verbs[errand.verb](errand)
        except KeyError as error:
            answer = Answer(failed=f"`serve` does not know the errand {error}")
        except (KeepwarmError, msgspec.DecodeError) as error:
            answer = Answer(failed=str(error))
        except Exception as error:
            log.exception("an errand failed")
            answer = Answer(failed=f"{type(error).__name__}; the log of `serve` says more")
        half = taken.with_suffix(".part")
        half.write_bytes(msgspec.json.encode(answer))
        half.rename(taken.with_suffix(".answer"))
        taken.unlink()
