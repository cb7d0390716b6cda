"""One measured promise: what we did, what the peer did in the same run, run by run."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """`ours` and `peer` are of the same unit and paired: the n-th of each was measured one right after the other."""

    name: str
    unit: str
    ours: Sequence[float]
    peer: Sequence[float]
    #: What the peer is, in a few words.
    against: str
    note: str = ""

    @property
    def ratios(self) -> list[float]:
        return [ours / peer for ours, peer in zip(self.ours, self.peer, strict=True)]

    def row(self) -> tuple[str, ...]:
        return (self.name, self.unit, _spread(self.ours), _spread(self.peer), self.against, _spread(self.ratios))

    def told(self) -> dict[str, Any]:
        return {
            "name": self.name, "unit": self.unit, "ours": list(self.ours), "peer": list(self.peer),
            "against": self.against, "ratio": self.ratios, "note": self.note,
        }  # fmt: skip


def rate(work: Callable[[], object], count: int) -> float:
    """Things a second."""
    begun = time.perf_counter()
    work()
    return count / (time.perf_counter() - begun)


def _spread(values: Sequence[float]) -> str:
    low, middle, high = min(values), median(values), max(values)
    return _short(middle) if len(values) == 1 else f"{_short(middle)} ({_short(low)}–{_short(high)})"


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
