"""Someone else's body, spoiled on purpose: each field removed, nulled, emptied or retyped; forms and truncation too."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, urlencode

import msgspec

Path: TypeAlias = tuple[str | int, ...]

REMOVED = object()
FILLERS: tuple[object, ...] = (REMOVED, None, "", "x", 0, [], {}, True)
#: How many spoiled bodies one fixture makes at most. Every top-level field gets all fillers, however many those are.
MOST = 400


def spoiled(body: bytes, headers: dict[str, str] | None = None) -> Iterator[bytes]:
    """Spoiled copies of `body`, the same ones each time."""
    yield from (b"", b"\xff\xfe", body[: len(body) // 2], body[:-1], b"null", b"[]", b"{}", b'""', b"0", b"true")
    content_type = {name.lower(): value for name, value in (headers or {}).items()}.get("content-type", "")
    if "x-www-form-urlencoded" in content_type:
        yield from _forms(body)
    else:
        yield from _documents(body)


def _documents(body: bytes) -> Iterator[bytes]:
    try:
        whole = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return
    work = [(path, filler) for path in holes(whole) for filler in FILLERS]
    shallow = [step for step in work if len(step[0]) <= 1]
    deep = [step for step in work if len(step[0]) > 1]
    every = max(1, -(-len(deep) // max(MOST - len(shallow), 1)))
    # a stride that shares no factor with the number of fillers meets all of them
    every += 1 if every > 1 and every % 2 == 0 else 0
    for path, filler in shallow + deep[::every]:
        yield with_hole(body, path, filler)


def holes(value: Any, at: Path = ()) -> Iterator[Path]:
    """The path of every value inside. Of a list only its first and last member: the others are read the same way."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield (*at, key)
            yield from holes(inner, (*at, key))
    elif isinstance(value, list):
        for index in sorted({0, len(value) - 1}) if value else ():
            yield (*at, index)
            yield from holes(value[index], (*at, index))


def with_hole(body: bytes, path: Path, filler: object) -> bytes:
    whole = msgspec.json.decode(body)
    inner = whole
    for step in path[:-1]:
        inner = inner[step]
    if filler is REMOVED:
        del inner[path[-1]]
    else:
        inner[path[-1]] = filler
    return msgspec.json.encode(whole)


def _forms(body: bytes) -> Iterator[bytes]:
    pairs = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)
    for place, (key, value) in enumerate(pairs):
        before, after = pairs[:place], pairs[place + 1 :]
        yield urlencode(before + after).encode()
        for filler in ("", "x", "0", "None", "\x00", value + "x", value[:-1]):
            yield urlencode([*before, (key, filler), *after]).encode()
        yield urlencode([*pairs, (key, "x")]).encode()
        yield urlencode([*before, (f"{key}[]", value), *after]).encode()
    yield body + b"&%zz=%ff&=&&"
