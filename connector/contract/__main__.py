"""`python -m connector.contract PATH…`: the suite over these folders, or over every installed adapter."""

from __future__ import annotations

import sys

import pytest


def main(arguments: list[str]) -> int:
    folders = [word for word in arguments if not word.startswith("-")]
    options = [word for word in arguments if word.startswith("-")]
    asked = [f"--adapter={folder}" for folder in folders]
    suite = ["-p", "connector.contract.plugin", "--pyargs", "connector.contract"]
    return int(pytest.main([*suite, *asked, *options]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
