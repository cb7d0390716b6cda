"""Someone else's body, spoiled on purpose: each field removed, nulled, emptied or retyped; forms and truncation too."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, urlencode

import msgspec

Path: TypeAlias = tuple[str | int, ...]

REMOVED = object()
#: The first two say that there is nothing.
FILLERS: tuple[object, ...] = (REMOVED, None, "", "x", 0, [], {}, True)
#: How many fields below the top are missing at most, and how many retyped, in the spoiled copies of one body. Those at
#: the top get all fillers, however many they are.
MOST = 300


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
    paths = list(holes(whole))
    shallow = [(path, filler) for path in paths if len(path) <= 1 for filler in FILLERS]
    deep = [path for path in paths if len(path) > 1]
    missing = [(path, filler) for path in deep for filler in FILLERS[:2]]
    retyped = [(path, filler) for path in deep for filler in FILLERS[2:]]
    for path, filler in (*shallow, *_some(missing), *_some(retyped)):
        yield with_hole(body, path, filler)


def _some(work: list[tuple[Path, object]]) -> list[tuple[Path, object]]:
    """At most MOST of them, evenly spread. The stride shares no factor with the number of fillers, so it meets all."""
    stride = -(-len(work) // MOST) or 1
    return work[:: stride | 1]


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


def poisoned(body: bytes) -> Iterator[tuple[bytes, list[bytes]]]:
    """For each first and last member of a list at the top: the body without it, and with something else in its place."""
    whole = msgspec.json.decode(body)
    lists: list[Path] = [()] if isinstance(whole, list) else []
    if isinstance(whole, dict):
        lists = [(key,) for key, value in whole.items() if isinstance(value, list)]
    for at in lists:
        members = whole if at == () else whole[at[0]]
        for index in sorted({0, len(members) - 1}) if members else ():
            path = (*at, index)
            yield with_hole(body, path, REMOVED), [with_hole(body, path, filler) for filler in FILLERS[1:]]
