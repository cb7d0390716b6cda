"""The suite's one option for pytest. Nothing else is here, because an entry point loads it into every run."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--adapter",
        action="append",
        default=[],
        metavar="PATH",
        help="a folder with adapter.py and fixtures/, or the name of a keepwarm.adapters entry point; may be repeated",
    )
