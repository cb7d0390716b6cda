"""Promise 10: no secret, address or query in what we print, log or raise; only example people in fixtures."""

from __future__ import annotations

import contextlib
import logging
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from connector.client import ClientCredentials
from connector.contract.fixtures import Fetched, Pulled, Pushed
from connector.contract.folder import Folder, Given
from connector.contract.wire import TOKEN, connect, replay, silent
from connector.errors import KeepwarmError

_MAIL = re.compile(r"[A-Za-z0-9._%+-]+@([A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+)")
_SITE = re.compile(r"https?://([A-Za-z0-9.-]+\.[A-Za-z]{2,})")
#: Names that belong to nobody (RFC 2606).
_EXAMPLE = re.compile(r"(^|\.)(example\.(com|org|net)|example|test|invalid|localhost)$")


def tells_nothing(error: BaseException, given: Given) -> None:
    """Assert that an error's words, and those of its causes, may be logged."""
    link: BaseException | None = error
    while link is not None:
        if isinstance(link, KeepwarmError):
            words = f"{link} {link!r}"
            assert "?" not in words, f"a query in the error: {words}"
            assert "@" not in words, "an address in the error"
        _secret_free(str(link), given, f"{type(link).__name__} tells")
        link = link.__cause__


def _secret_free(text: str, given: Given, what: str) -> None:
    for secret in (TOKEN, *_texts(given.secrets)):
        parts = {secret, urlsplit(secret).path.strip("/")} - {""}
        assert not any(len(part) > 3 and part in text for part in parts), f"{what} a secret"


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from (text for inner in value.values() for text in _texts(inner))
    elif isinstance(value, list):
        yield from (text for inner in value for text in _texts(inner))
    else:
        yield str(value)


def nothing_secret_is_shown(folder: Folder) -> None:
    given = folder.given()
    adapter, _ = connect(folder, silent)
    _secret_free(repr(adapter), given, "repr(adapter) tells")
    with logged() as lines:
        for path in folder.scenarios("pull"):
            pulled = Pulled(folder, path)
            playing, _ = replay(pulled, pulled.pages[0])
            playing.pull(pulled.name, pulled.window, None)  # type: ignore[attr-defined]
        for path in folder.scenarios("fetch"):
            fetched = Fetched(folder, path)
            playing, _ = replay(fetched, fetched.exchanges)
            list(playing.fetch(fetched.name, fetched.ids))  # type: ignore[attr-defined]
        for path in folder.scenarios("push"):
            pushed = Pushed(folder, path)
            playing, _ = replay(pushed, pushed.first)
            list(playing.push(pushed.actions))  # type: ignore[attr-defined]
    for line in lines:
        _secret_free(line, given, "the log tells")
        assert not _MAIL.search(line), "the log tells an address"


@contextlib.contextmanager
def logged() -> Iterator[list[str]]:
    """Everything that any logger says meanwhile."""
    lines: list[str] = []

    class Ear(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(record.getMessage())

    root, ear = logging.getLogger(), Ear(level=logging.DEBUG)
    before = root.level
    root.addHandler(ear)
    root.setLevel(logging.DEBUG)
    try:
        yield lines
    finally:
        root.removeHandler(ear)
        root.setLevel(before)


def fixtures_hold_only_example_people(folder: Folder) -> None:
    """E-mail addresses in example domains; links there or to the platform itself."""
    declared = folder.declaration
    own = {_owner(urlsplit(declared.base_url).hostname or "")}
    if isinstance(declared.auth, ClientCredentials):
        own.add(_owner(urlsplit(declared.auth.token_url).hostname or ""))
    for file in sorted(path for path in folder.fixtures.rglob("*") if path.is_file()):
        text = file.read_bytes().decode("utf-8", "replace").replace("%40", "@").replace("%3A%2F%2F", "://")
        where = file.relative_to(folder.path)
        for domain in _MAIL.findall(text):
            assert _EXAMPLE.search(domain.lower()), f"{where}: an address at {domain}"
        for host in _SITE.findall(text) if file.suffix != ".md" else ():
            known = _EXAMPLE.search(host.lower()) or _owner(host.lower()) in own
            assert known, f"{where}: a link to {host}"


def _owner(host: str) -> str:
    return ".".join(host.split(".")[-2:])
