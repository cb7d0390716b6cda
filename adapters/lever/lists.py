"""Lever's lists: one page at a time, and what of it is thrown away before anyone keeps it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from connector.client import Client, Response
from connector.errors import CursorExpired, Retry

Params = Sequence[tuple[str, str]]

#: Of an opportunity: never used, personal.
_UNUSED = ("phones", "links")
#: Of an expanded application: the answers of a form may hold anything, and 2026 added where the applicant sat.
_ANSWERS = (
    "customQuestions",
    "comments",
    "phone",
    "email",
    "name",
    "company",
    "links",
    "ipAddress",
    "referer",
    "userAgent",
    "acceptLanguage",
    "timezone",
)


@dataclass(frozen=True, slots=True)
class Listed:
    """One answer of a list. `next` None: it was the last."""

    body: bytes
    answers: dict[str, Any]
    next: str | None

    @property
    def count(self) -> int:
        rows = self.answers["data"]
        return len(rows) if isinstance(rows, list) else 1


def page(client: Client, path: str, params: Params, offset: str | None) -> Listed:
    """`next` is percent-encoded text already and travels back as an ordinary parameter, so encoded once more."""
    asked = [*params, ("offset", offset)] if offset else list(params)
    answer = client.get(path, asked, explain=_stale if offset else None)
    answers = answer.raw().value
    if not isinstance(answers, dict) or not isinstance(answers.get("data"), list | dict):
        raise Retry(f"{answer.place}: wanted a list under `data`, came something else")
    return Listed(answer.body, answers, _next(answers, offset, answer.place))


def pages(client: Client, path: str, params: Params) -> Iterator[Listed]:
    offset: str | None = None
    while True:
        listed = page(client, path, params, offset)
        yield listed
        offset = listed.next
        if offset is None:
            return


def _stale(answer: Response) -> Exception | None:
    if answer.status == 400:
        return CursorExpired(f"{answer.place}: 400, the offset is not taken any more")
    return None


def _next(answers: dict[str, Any], offset: str | None, place: str) -> str | None:
    """Small lists have no `hasNext` at all. A promise of more without a way to it is a broken answer, not the end."""
    more, following = answers.get("hasNext"), answers.get("next")
    if more is False or (more is None and not following):
        return None
    if more not in (True, None) or not isinstance(following, str) or not following:
        raise Retry(f"{place}: wanted `next` beside hasNext, came none")
    if following == offset and answers["data"]:
        raise Retry(f"{place}: `next` points to the same page again")
    return following


def without_answers(listed: Listed) -> bytes:
    """The page as it came, unless it holds what we may not keep; then without that."""
    rows = listed.answers["data"]
    dropped = 0
    for row in rows if isinstance(rows, list) else [rows]:
        if isinstance(row, dict):
            dropped += _drop(row, _UNUSED)
            runs = row.get("applications")
            for run in runs if isinstance(runs, list) else ():
                dropped += _drop(run, _ANSWERS) if isinstance(run, dict) else 0
    return msgspec.json.encode(listed.answers) if dropped else listed.body


def _drop(row: dict[str, Any], names: tuple[str, ...]) -> int:
    held = [name for name in names if row.get(name)]
    for name in held:
        del row[name]
    return len(held)
