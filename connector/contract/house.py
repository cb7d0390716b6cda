"""Promises 11 and 12: a folder imports only its port, stays small, and its README says what a stranger must know."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from connector.contract.folder import Folder

MOST_LINES = 300
#: What an adapter may see of us, and what a sandbox may.
PORT = frozenset({"adapter", "client", "raw", "flow", "model", "errors"})
STAGE = frozenset({"sandbox", "world", "flow", "model", "errors"})
LIBRARIES = frozenset({"msgspec"})
STAGE_LIBRARIES = frozenset({"msgspec", "starlette"})
#: Standard modules that would let an adapter sleep, retry, talk past its client, read the environment or load code.
NOT_FOR_ADAPTERS = frozenset(
    {
        *("asyncio", "http", "smtplib", "socket", "ssl", "urllib.request"),
        *("glob", "io", "os", "pathlib", "pickle", "shutil", "sqlite3", "sys", "tempfile"),
        *("importlib", "logging", "multiprocessing", "random", "signal", "subprocess", "threading", "time"),
    }
)
#: Asking the machine for the time. An adapter gets every time as an argument.
CLOCKS = frozenset({"now", "utcnow", "today"})
SECTIONS = ("Set-up", "Scopes", "What it cannot see", "Facts that bite", "Options")
_LINK = re.compile(r"https?://(?!127\.|localhost|[\w.-]*example\b|[\w.-]*\.example[./\s])\S")
_DAY = re.compile(r"\b20\d\d-\d\d-\d\d\b")


def imports_only_its_port(folder: Folder) -> None:
    """The sandbox is a second reading of the documents: it shares nothing with the adapter, nor the adapter with it."""
    for file in folder.sources():
        stage = file.name.startswith("sandbox")
        for line, name in imported(file, folder):
            wrong = _wrong_for_sandbox(name) if stage else _wrong_for_adapter(name)
            assert not wrong, f"{file.name}:{line}: imports {name}; {wrong}"


def _wrong_for_adapter(name: str) -> str:
    root, _, rest = name.partition(".")
    if root == "connector":
        return "" if rest.split(".")[0] in PORT else f"an adapter sees connector.{{{', '.join(sorted(PORT))}}}"
    if root == OWN:
        return "an adapter never sees its sandbox" if rest.startswith("sandbox") else ""
    if {root, ".".join(name.split(".")[:2])} & NOT_FOR_ADAPTERS:
        return "an adapter never sleeps, retries, logs, reads the environment or talks past its client"
    known = root in sys.stdlib_module_names or root in LIBRARIES
    return "" if known else "not the standard library, msgspec or its own folder"


def _wrong_for_sandbox(name: str) -> str:
    root, _, rest = name.partition(".")
    if root == "connector":
        return "" if rest.split(".")[0] in STAGE else f"a sandbox sees connector.{{{', '.join(sorted(STAGE))}}}"
    if root == OWN:
        return "" if not rest or rest.startswith("sandbox") else "a sandbox never sees its adapter"
    known = root in sys.stdlib_module_names or root in STAGE_LIBRARIES
    return "" if known else "not the standard library, msgspec, starlette or its own sandbox files"


#: How `imported` writes the folder itself.
OWN = "(own)"


def imported(file: Path, folder: Folder) -> Iterator[tuple[int, str]]:
    """(line, dotted name) of everything a file imports, inside functions too. The folder's own modules start with OWN."""
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, _own(alias.name, folder)) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = OWN + (f".{node.module}" if node.module else "") if node.level == 1 else node.module or ""
            assert node.level < 2, f"{file.name}:{node.lineno}: imports from above its own folder"
            for alias in node.names:
                bare = module in (OWN, "connector") or _own(module, folder) == OWN
                yield node.lineno, _own(f"{module}.{alias.name}" if bare else module, folder)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "__import__":
            yield node.lineno, "importlib"


def _own(name: str, folder: Folder) -> str:
    """`adapters.lever.hooks` or `lever.hooks` → `(own).hooks` in the folder lever."""
    parts = name.split(".")
    home = folder.path.resolve().parts
    for depth in range(1, len(parts) + 1):
        if tuple(parts[:depth]) == home[-depth:] and parts[depth - 1] == folder.name:
            return ".".join([OWN, *parts[depth:]])
    return name


def asks_no_clock(folder: Folder) -> None:
    for file in folder.sources():
        if file.name.startswith("sandbox"):
            continue
        for node in ast.walk(ast.parse(file.read_bytes())):
            asks = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CLOCKS
            assert not asks, f"{file.name}:{getattr(node, 'lineno', 0)}: asks the machine for the time"


def files_are_small(folder: Folder) -> None:
    for file in folder.sources():
        lines = len(file.read_text(encoding="utf-8").splitlines())
        assert lines <= MOST_LINES, f"{file.name} has {lines} lines; at most {MOST_LINES}"


def the_readme_says_what_bites(folder: Folder) -> None:
    file = folder.path / "README.md"
    assert file.is_file(), "no README.md"
    lines = file.read_text(encoding="utf-8").splitlines()
    headings = {line.lstrip("# ").strip().lower() for line in lines if line.startswith("#")}
    missing = [section for section in SECTIONS if section.lower() not in headings]
    assert not missing, f"README.md lacks the sections {missing}"
    for number, line in enumerate(lines, start=1):
        dated = not _LINK.search(line) or _DAY.search(line)
        assert dated, f"README.md:{number}: a link without the date it was read"


def fixtures_state_their_origin(folder: Folder) -> None:
    file = folder.fixtures / "ORIGIN.md"
    assert file.is_file(), "no fixtures/ORIGIN.md"
    text = file.read_text(encoding="utf-8")
    assert _DAY.search(text), "ORIGIN.md: no date on which a document was read or a recording made"
    for part in ("webhook", "pull", "fetch", "push"):
        assert part in text or not folder.scenarios(part), f"ORIGIN.md says nothing about {part}/"
