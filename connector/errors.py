"""What went wrong, named for what the caller does next. The class docstring is the default message."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal


class KeepwarmError(Exception):
    """Something Keepwarm understands went wrong."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message or (type(self).__doc__ or "").splitlines()[0])


class Retry(KeepwarmError):
    """The platform did not answer properly; the same call may succeed later.

    `in_doubt` says that a write may have taken effect (time-out or reset after it was sent)."""

    def __init__(self, message: str = "", *, in_doubt: bool = False) -> None:
        super().__init__(message)
        self.in_doubt = in_doubt


class RateLimited(KeepwarmError):
    """The platform asked us to wait. Waiting as told is not failing: it spends no attempt."""

    def __init__(self, message: str = "", *, wait: timedelta) -> None:
        super().__init__(message)
        self.wait = wait


class Unauthorized(KeepwarmError):
    """The platform refuses our credentials. `scope` None pauses the account; otherwise only what needs that scope."""

    def __init__(self, message: str = "", *, scope: str | None = None) -> None:
        super().__init__(message)
        self.scope = scope


class Refused(KeepwarmError):
    """The platform understood the request and said no. `body` is theirs, decoded; it is never put in the message."""

    def __init__(self, message: str = "", *, status: int, body: Any = None) -> None:
        super().__init__(message)
        self.status = status
        self.body = body


class Suppressed(KeepwarmError):
    """The platform holds an objection from this person. It becomes an opt-out learnt, never a retry."""

    def __init__(self, message: str = "", *, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class Unsupported(KeepwarmError):
    """This adapter cannot say that to its platform. A wiring mistake, found by `keepwarm check`."""


class CursorExpired(KeepwarmError):
    """The platform no longer takes this cursor: walk the window again from its first page."""


class BadSignature(KeepwarmError):
    """The delivery is not signed by whom it claims. Nothing of it is kept. The message names the cause, no secret."""


class Malformed(KeepwarmError):
    """Someone else's data is not what its document says. Parked with the JSON path that offended."""

    def __init__(self, path: str, wanted: str, came: str) -> None:
        super().__init__(f"{path}: wanted {wanted}, came {came}")
        self.path = path
        self.wanted = wanted
        self.came = came


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing wrong in a file a person wrote. Lines and columns count from 1; 0 means the whole file."""

    file: str
    line: int
    column: int
    #: What is wrong; then, after a semicolon, what to do about it.
    message: str
    #: Found in one file alone (`shape`), in all files and settings together (`meaning`), or in the data.
    level: Literal["shape", "meaning", "data"] = field(default="shape", compare=False)
    #: The rule, cadence or suppression it stands in.
    rule: str = field(default="", compare=False)

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return f"{place}  {self.message}"

    @property
    def halves(self) -> tuple[str, str]:
        """What is wrong, and what to do about it ("" where the message does not say)."""
        found = _ADVICE.fullmatch(self.message)
        return (found.group(1), found.group(2)) if found else (self.message, "")


#: The first semicolon outside backticks parts the complaint from the advice.
_ADVICE = re.compile(r"((?:[^`;]|`[^`]*`)+); (.+)", re.DOTALL)


class ConfigError(KeepwarmError):
    """Settings or rules that cannot be used: every problem at once, in file order."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(sorted(problems))
        super().__init__("\n".join(str(problem) for problem in self.problems))
