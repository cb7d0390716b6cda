"""What the doctor says: one thing that was looked at, how it is, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    FINE = "fine"
    WARNING = "warning"
    FAULT = "fault"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    #: An account; empty: the house itself.
    account: str
    what: str
    state: State
    sentence: str
    #: The exact thing to do or to paste; empty when there is nothing to do.
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Chart:
    """Writes findings about one account, or about the house."""

    account: str

    def fine(self, what: str, sentence: str) -> Finding:
        return Finding(account=self.account, what=what, state=State.FINE, sentence=sentence)

    def warning(self, what: str, sentence: str, remedy: str) -> Finding:
        return Finding(account=self.account, what=what, state=State.WARNING, sentence=sentence, remedy=remedy)

    def fault(self, what: str, sentence: str, remedy: str) -> Finding:
        return Finding(account=self.account, what=what, state=State.FAULT, sentence=sentence, remedy=remedy)


def parted(said: str) -> tuple[str, str]:
    """Health's "what is wrong: what to do" as two. A colon in brackets belongs to an address."""
    depth = 0
    for at, letter in enumerate(said):
        depth += (letter in "([") - (letter in ")]")
        if letter in ":;" and depth == 0 and said[at + 1 : at + 2] == " ":
            return said[:at], said[at + 2 :]
    return said, ""
