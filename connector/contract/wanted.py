"""What must happen, said so that the complaint is readable: `with Wanted(BadSignature, during="…")`."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Any

import msgspec


class Wanted:
    """Passes when one of `families` is raised. `calm`: when nothing is raised, too. Anything else is an AssertionError."""

    def __init__(self, *families: type[Exception], during: str, calm: bool = False) -> None:
        self.families = families
        self.during = during
        self.calm = calm
        self.error: Exception | None = None

    def __enter__(self) -> Wanted:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        names = " or ".join(family.__name__ for family in self.families) or "no error"
        if error is None:
            assert self.calm, f"{self.during}: wanted {names}, nothing was raised"
            return False
        if isinstance(error, AssertionError) or not isinstance(error, Exception):
            return False
        assert isinstance(error, self.families), f"{self.during}: wanted {names}, came {type(error).__name__}: {error}"
        self.error = error
        return True


def same(came: Sequence[Any], want: Sequence[Any], what: str) -> None:
    """Assert that two lists are equal; the complaint shows the first member that differs."""
    for place, (left, right) in enumerate(zip(came, want, strict=False)):
        assert left == right, f"{what} {place}:\n  wanted {_plain(right)}\n  came   {_plain(left)}"
    more = _plain(came[len(want) :]) if len(came) > len(want) else _plain(want[len(came) :])
    assert len(came) == len(want), f"{what}: wanted {len(want)}, came {len(came)}; {more}"


def _plain(value: Any) -> str:
    return str(msgspec.to_builtins(value))
