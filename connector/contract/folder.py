"""An adapter's folder as its author wrote it: the class, and what it was told about its account."""

from __future__ import annotations

import functools
import hashlib
import importlib
import importlib.util
import sys
import types
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import msgspec

from connector.adapter import Adapter, Declaration

#: The account of every fixture.
ACCOUNT = "acme"
#: Installed packages register the module that holds ADAPTER here.
GROUP = "keepwarm.adapters"


class Given(msgspec.Struct, forbid_unknown_fields=True):
    """What settings would say of the account: `connection.json`."""

    options: dict[str, Any] = {}
    secrets: dict[str, Any] = {}
    base_url: str = ""


@dataclass(frozen=True, slots=True)
class Folder:
    path: Path

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def fixtures(self) -> Path:
        return self.path / "fixtures"

    @property
    def adapter(self) -> type[Adapter]:
        return _load(self.path)

    @property
    def declaration(self) -> Declaration:
        return self.adapter.declaration

    def given(self, scenario: Path | None = None) -> Given:
        """The folder's connection; a scenario's own is laid over it."""
        found = Given()
        for place in (self.fixtures, scenario):
            file = place / "connection.json" if place else None
            if file and file.is_file():
                more = msgspec.json.decode(file.read_bytes(), type=Given)
                options = found.options | more.options
                found = Given(options, found.secrets | more.secrets, more.base_url or found.base_url)
        return found

    def scenarios(self, part: str) -> list[Path]:
        """Folders under `fixtures/<part>`, by name."""
        place = self.fixtures / part
        return sorted(path for path in place.iterdir() if path.is_dir()) if place.is_dir() else []

    def sources(self) -> list[Path]:
        """Every Python file of the folder."""
        return sorted(path for path in self.path.rglob("*.py") if self.fixtures not in path.parents)


def beside(place: Path) -> list[Folder]:
    """The folders in `place` that have fixtures."""
    return [Folder(path.parent) for path in sorted(place.glob("*/fixtures")) if path.is_dir()]


def installed(names: Iterable[str] = ()) -> list[Folder]:
    """What entry points offer; only those called `names`, if any are given."""
    wanted = set(names)
    found = []
    for entry in entry_points(group=GROUP):
        if not wanted or entry.name in wanted:
            module = importlib.import_module(entry.module)
            found.append(Folder(Path(str(module.__file__)).resolve().parent))
    return found


@functools.cache
def _load(path: Path) -> type[Adapter]:
    dotted, root = _dotted(path.resolve())
    module = _as_installed(f"{dotted}.adapter", path) or _on_its_own(path.resolve(), root)
    found: type[Adapter] = module.ADAPTER
    return found


def _dotted(path: Path) -> tuple[str, Path]:
    """The package name of a folder, and the folder that must be on the path for it."""
    parts = [path.name]
    while (path.parent / "__init__.py").is_file():
        path = path.parent
        parts.insert(0, path.name)
    return ".".join(parts), path.parent


def _as_installed(name: str, path: Path) -> types.ModuleType | None:
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return None
    same = spec is not None and spec.origin is not None and Path(spec.origin).resolve().parent == path.resolve()
    return importlib.import_module(name) if same else None


def _on_its_own(path: Path, root: Path) -> types.ModuleType:
    """Import a folder that is not installed, under a name that no other folder can have."""
    package = f"{path.name}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"
    if str(root) not in sys.path:
        sys.path.append(str(root))
    module = types.ModuleType(package)
    module.__path__ = [str(path)]
    sys.modules[package] = module
    return importlib.import_module(f"{package}.adapter")
