"""Wilson's interval: published values, and what has to hold for every count."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.proportion import Share


@pytest.mark.parametrize(
    ("count", "n", "low", "high"),
    [
        # Newcombe, Two-sided confidence intervals for the single proportion (1998), table I, method 3
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_published_intervals_are_met(count: int, n: int, low: float, high: float) -> None:
    assert list(Share(count, n).interval or ()) == pytest.approx([low, high], abs=5e-5)


def test_of_nobody_there_is_no_share() -> None:
    assert Share(0, 0).value is None
    assert Share(0, 0).interval is None


@given(st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_share_lies_inside_and_the_opposite_mirrors_it(pair: tuple[int, int]) -> None:
    count, n = pair
    low, high = Share(count, n).interval or (1.0, 0.0)
    assert 0 <= low <= count / n <= high <= 1
    assert list(Share(n - count, n).interval or ()) == pytest.approx([1 - high, 1 - low])
