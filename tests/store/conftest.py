"""The stores that are held to the contract. A new engine is one more line in `STORES`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from connector.store import Sqlite
from connector.store.protocol import Store

STORES: dict[str, Callable[[Path], Store]] = {"sqlite": lambda folder: Sqlite(folder / "keepwarm.db")}


@pytest.fixture(params=sorted(STORES))
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    opened = STORES[request.param](tmp_path)
    yield opened
    opened.close()


@pytest.fixture(params=sorted(STORES))
def reopened(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Store]:
    """Opens the same data each time it is called; the caller closes."""
    return lambda: STORES[request.param](tmp_path)
