"""A share of a count, and how much of it may be chance. Pure arithmetic."""

from __future__ import annotations

import math
from dataclasses import dataclass

#: The standard normal quantile of a two-sided 95 % interval.
Z = 1.959963984540054


@dataclass(frozen=True, slots=True)
class Share:
    """`count` of `n`. Without anyone to count there is no share, and not one of zero."""

    count: int
    n: int

    @property
    def value(self) -> float | None:
        return self.count / self.n if self.n else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Wilson's score interval, 95 %: right also for few people and for shares near none or all.

        Wilson, Probable inference, the law of succession, and statistical inference (1927), without continuity correction."""
        if not self.n:
            return None
        share, square = self.count / self.n, Z * Z
        middle = (share + square / (2 * self.n)) / (1 + square / self.n)
        half = Z / (1 + square / self.n) * math.sqrt(share * (1 - share) / self.n + square / (4 * self.n * self.n))
        low = 0.0 if self.count == 0 else max(0.0, middle - half)
        high = 1.0 if self.count == self.n else min(1.0, middle + half)
        return low, high


__all__ = ["Share", "Z"]
