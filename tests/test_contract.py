"""Every adapter folder, and the invented one that shows how, keeps every promise."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from connector.contract.fixtures import Fixture
from connector.contract.folder import Folder, beside
from connector.contract.suite import cases

HERE = Path(__file__).parent
FOLDERS = [*beside(HERE.parent / "adapters"), *beside(HERE / "contract_example")]


@pytest.mark.parametrize(("check", "subject"), cases(FOLDERS))
def test_an_adapter_keeps_its_promise(check: Callable[[Folder | Fixture], None], subject: Folder | Fixture) -> None:
    check(subject)
