"""The writes of the imitated Data API. Their answers blank the person, as the recorded ones do."""

from __future__ import annotations

import re
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from adapters.lever.sandbox_acts import BY_ORIGIN, Acts
from adapters.lever.sandbox_store import Row, Store, fresh_id
from connector.sandbox import Harness, Hook

_MENTION = re.compile(r"@(\w+)")
ORIGINS = ["applied", "sourced", "referred", "university", "internal", "agency"]


def answer(body: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(body), status, media_type="application/json")


def problem(status: int, code: str, message: str) -> Response:
    return answer({"code": code, "message": message}, status)


class Refusal(Exception):
    """What the request is answered with instead."""

    def __init__(self, response: Response) -> None:
        super().__init__()
        self.response = response


@dataclass(slots=True)
class Writes:
    store: Store
    harness: Harness
    acts: Acts
    #: Doubt: what the API does with new tags while the account locks their creation: open, ignored, refused.
    tag_creation: str = "open"
    webhooks: dict[str, Row] = field(default_factory=dict)
    _hooks: dict[str, Hook] = field(default_factory=dict)

    def routes(self) -> list[tuple[str, str, Callable[[Request], Awaitable[Response]]]]:
        return [
            ("POST", "/opportunities/{id}/addTags", self.add_tags),
            ("POST", "/opportunities/{id}/removeTags", self.remove_tags),
            ("POST", "/opportunities/{id}/addSources", self.add_sources),
            ("POST", "/opportunities/{id}/removeSources", self.remove_sources),
            ("POST", "/opportunities/{id}/notes", self.add_note),
            ("PUT", "/opportunities/{id}/stage", self.set_stage),
            ("PUT", "/opportunities/{id}/archived", self.set_archived),
            ("GET", "/webhooks", self.list_webhooks),
            ("POST", "/webhooks", self.add_webhook),
            ("PUT", "/webhooks/{hook}", self.change_webhook),
            ("DELETE", "/webhooks/{hook}", self.remove_webhook),
        ]

    def _row(self, request: Request) -> Row:
        performer = request.query_params.get("perform_as")
        if performer is not None and all(user["id"] != performer for user in self.store.users):
            raise Refusal(problem(400, "BadRequestError", "perform_as names no user."))
        if request.path_params["id"] not in self.store.rows:
            raise Refusal(problem(404, "ResourceNotFound", "Opportunity was not found."))
        return self.store.rows[request.path_params["id"]]

    async def add_tags(self, request: Request) -> Response:
        known = {one["text"] for one in self.store.counts("tags")} if self.tag_creation != "open" else set()
        row, words = self._row(request), await _words(request, "tags")
        if self.tag_creation == "refused" and set(words) - known:
            return problem(403, "ForbiddenError", "Tag creation is locked.")
        wanted = [word for word in words if self.tag_creation == "open" or word in known]
        return self._add(row, "tags", "add_tag", "tag", [word for word in wanted if word not in self.store.tags(row)])

    async def remove_tags(self, request: Request) -> Response:
        return await self._remove(request, "tags", "remove_tag", "tag")

    async def add_sources(self, request: Request) -> Response:
        row, words = self._row(request), await _words(request, "sources")
        return self._add(row, "sources", "add_source", "source", [word for word in words if word not in row["sources"]])

    async def remove_sources(self, request: Request) -> Response:
        return await self._remove(request, "sources", "remove_source", "source")

    def _add(self, row: Row, name: str, verb: str, word_name: str, words: list[str]) -> Response:
        """Adding what is there already changes nothing, not even updatedAt (recorded)."""
        if words:
            row[name] = [*row[name], *dict.fromkeys(words)]
            self.acts.touch(row)
        for word in dict.fromkeys(words):
            self.harness.effect(verb, row["id"], **{word_name: word})
        return answer({"data": self.store.shown(row, blank=True)})

    async def _remove(self, request: Request, name: str, verb: str, word_name: str) -> Response:
        row, words = self._row(request), await _words(request, name)
        leaving = [word for word in dict.fromkeys(words) if word in row[name]]
        if leaving:
            row[name] = [word for word in row[name] if word not in leaving]
            self.acts.touch(row)
        for word in leaving:
            self.harness.effect(verb, row["id"], **{word_name: word})
        return answer({"data": self.store.shown(row, blank=True)})

    async def add_note(self, request: Request) -> Response:
        row, asked = self._row(request), await request.json()
        value = asked.get("value") if isinstance(asked, dict) else None
        if not isinstance(value, str) or not value:
            return problem(400, "BadRequestError", "value is required.")
        id, now, writer = fresh_id(), self.acts.now, request.query_params.get("perform_as")
        words = {"type": "note", "text": "Comment", "value": value, "user": writer, "createdAt": now, "score": None}
        note = {
            "id": id,
            "text": "Note",
            "fields": [words | {"stage": row["stage"]}],
            "user": writer,
            "secret": asked.get("secret") is True,
            "createdAt": now,
            "completedAt": now,
            "deletedAt": None,
        }
        self.store.below(row["id"], "notes").append(note)
        self.acts.touch(row, interaction=True)
        self.harness.effect("add_note", row["id"], note=id, value=value, secret=note["secret"])
        for name in _MENTION.findall(value):
            if any(user["username"] == name for user in self.store.users):
                self.harness.effect("mention", row["id"], user=name)
        return answer({"data": note | {"noteId": id}}, 201)

    async def set_stage(self, request: Request) -> Response:
        row, asked = self._row(request), await request.json()
        if all(one["id"] != asked.get("stage") for one in self.store.stages):
            return problem(400, "BadRequestError", "stage is not valid.")
        await self.acts.move({"opportunity": row["id"], "stage": asked["stage"]})
        self.harness.effect("set_stage", row["id"], stage=asked["stage"])
        return answer({"data": self.store.shown(row, blank=True)})

    async def set_archived(self, request: Request) -> Response:
        row, asked = self._row(request), await request.json()
        reason = asked.get("reason")
        if reason is None:
            await self.acts.unarchive({"opportunity": row["id"]})
        elif all(one["id"] != reason for one in self.store.reasons):
            return problem(400, "BadRequestError", "reason is not valid.")
        else:
            await self.acts.archive({"opportunity": row["id"], "reason": reason})
        self.harness.effect("set_archived", row["id"], reason=reason)
        return answer({"data": self.store.shown(row, blank=True)})

    async def list_webhooks(self, _: Request) -> Response:
        """No hasNext here, and never the signing token."""
        return answer({"data": list(self.webhooks.values())})

    async def add_webhook(self, request: Request) -> Response:
        """The signing token is told once, in this answer."""
        asked = await request.json()
        token, id, now = secrets.token_hex(24), fresh_id(), self.acts.now
        configuration = asked.get("configuration") or {}
        origins = _origins(asked["event"], configuration)
        made = {"id": id, "event": asked["event"], "url": asked["url"]}
        self.webhooks[id] = made | {
            "configuration": {"conditions": {"origins": origins}},
            "createdAt": now,
            "updatedAt": now,
        }
        self._hooks[id] = Hook(asked["url"], token, (asked["event"],), {"origins": origins})
        self.harness.hooks.append(self._hooks[id])
        self.harness.effect("add_webhook", id, event=asked["event"])
        if configuration.get("verifyConnection") is True:
            self.acts.tell(asked["event"], {}, only=self._hooks[id])
        shown = self.webhooks[id] | {"configuration": {"conditions": {"origins": origins}, "signatureToken": token}}
        return answer({"data": shown}, 201)

    async def change_webhook(self, request: Request) -> Response:
        held, asked = self.webhooks.get(request.path_params["hook"]), await request.json()
        if held is None:
            return problem(404, "ResourceNotFound", "Webhook was not found.")
        hook = self._hooks[held["id"]]
        hook.url = asked.get("url", hook.url)
        if configuration := asked.get("configuration"):
            hook.more["origins"] = _origins(held["event"], configuration)
        conditions = {"conditions": {"origins": hook.more["origins"]}}
        held |= {"url": hook.url, "configuration": conditions, "updatedAt": self.acts.now}
        return answer({"data": held})

    async def remove_webhook(self, request: Request) -> Response:
        held = self.webhooks.pop(request.path_params["hook"], None)
        if held is None:
            return problem(404, "ResourceNotFound", "Webhook was not found.")
        ended = self._hooks.pop(held["id"])
        self.harness.hooks[:] = [hook for hook in self.harness.hooks if hook is not ended]
        return Response(status_code=204)


def _origins(event: str, configuration: Row) -> list[str]:
    """Those of which a webhook tells; all six unless said. Only four events may have conditions."""
    conditions = configuration.get("conditions")
    if not conditions:
        return ORIGINS
    wanted = conditions.get("origins")
    if event not in BY_ORIGIN or not isinstance(wanted, list) or not set(wanted) <= set(ORIGINS):
        raise Refusal(problem(400, "BadRequestError", "configuration.conditions is not valid."))
    return wanted


async def _words(request: Request, name: str) -> list[str]:
    asked = await request.json()
    words = asked.get(name) if isinstance(asked, dict) else None
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise Refusal(problem(400, "BadRequestError", f"{name} must be a list of text."))
    return words
