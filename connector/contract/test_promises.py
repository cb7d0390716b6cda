"""What `python -m connector.contract` runs: every promise over the adapters that were asked for."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from connector.contract.fixtures import Fixture
from connector.contract.folder import GROUP, Folder, installed
from connector.contract.suite import cases


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    metafunc.parametrize(("check", "subject"), cases(_asked(metafunc.config)))


def test_keeps_its_promise(check: Callable[[Folder | Fixture], None], subject: Folder | Fixture) -> None:
    check(subject)


def _asked(config: pytest.Config) -> list[Folder]:
    asked: list[str] = config.getoption("--adapter")
    folders = [_folder(name, config) for name in asked] if asked else installed()
    if not folders:
        raise pytest.UsageError(f"no adapter: give --adapter PATH, or install one with an entry point in {GROUP}")
    return folders


def _folder(name: str, config: pytest.Config) -> Folder:
    path = config.invocation_params.dir / name
    if (path / "adapter.py").is_file():
        return Folder(path.resolve())
    found = installed([name])
    if not found:
        raise pytest.UsageError(f"--adapter {name}: neither a folder with adapter.py nor an entry point in {GROUP}")
    return found[0]
