"""Tags, sources and notes. Each looks first, writes only what is missing, and looks again.

Lever has no idempotency keys, and answers to writes come with blank person fields, so nothing is learnt from them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from adapters.lever.lists import pages
from adapters.lever.options import Options
from connector.client import Client
from connector.errors import KeepwarmError, RateLimited, Retry, Unauthorized, Unsupported
from connector.flow import Action, Failure, Receipt, Verb
from connector.raw import Raw

Outcome = Receipt | Failure


@dataclass(frozen=True, slots=True)
class _Words:
    """A set of words on an opportunity that the API adds to and takes from."""

    arg: str
    field: str
    path: str
    #: Should the words be there afterwards.
    there: bool


_WORDS = {
    Verb.ADD_TAG: _Words("tag", "tags", "addTags", True),
    Verb.REMOVE_TAG: _Words("tag", "tags", "removeTags", False),
    Verb.ADD_SOURCE: _Words("source", "sources", "addSources", True),
    Verb.REMOVE_SOURCE: _Words("source", "sources", "removeSources", False),
}


def push(client: Client, options: Options, actions: Sequence[Action]) -> Iterator[Outcome]:
    """Actions on one opportunity share its look-ups. A wait or a refused key ends the batch for all that are left."""
    writer = _Writer(client, options)
    groups: dict[tuple[Verb, str], list[Action]] = {}
    for action in actions:
        groups.setdefault((action.verb, action.subject.id if action.subject else ""), []).append(action)
    stopped: KeepwarmError | None = None
    for (verb, subject), group in groups.items():
        if stopped is not None:
            yield from (Failure(key=action.key, error=stopped) for action in group)
            continue
        settled: set[str] = set()
        try:
            for outcome in writer.write(verb, subject, group):
                settled.add(outcome.key)
                yield outcome
        except KeepwarmError as error:
            if isinstance(error, RateLimited | Unauthorized):
                stopped = error
            yield from (Failure(key=action.key, error=error) for action in group if action.key not in settled)


@dataclass(frozen=True, slots=True)
class _Writer:
    client: Client
    options: Options

    @property
    def performer(self) -> list[tuple[str, str]]:
        return [("perform_as", self.options.perform_as)] if self.options.perform_as else []

    def write(self, verb: Verb, subject: str, actions: Sequence[Action]) -> Iterator[Outcome]:
        if not subject:
            raise Unsupported(f"lever: {verb} wants a candidate")
        path = f"/opportunities/{quote(subject, safe='')}"
        if words := _WORDS.get(verb):
            yield from self._words(words, path, actions)
        elif verb == Verb.ADD_NOTE:
            yield from self._notes(path, actions)
        else:
            raise Unsupported(f"lever cannot {verb}")

    def _words(self, words: _Words, path: str, actions: Sequence[Action]) -> Iterator[Outcome]:
        held = self._held(words, path)
        wanting: dict[str, list[Action]] = {}
        for action in actions:
            word = str(action.args[words.arg]).strip()
            if (word in held) is words.there:
                yield Receipt(key=action.key, already=True)
            else:
                wanting.setdefault(word, []).append(action)
        if not wanting:
            return
        self._post(f"{path}/{words.path}", {words.field: list(wanting)})
        try:
            held = self._held(words, path)
        except Retry as error:
            raise Retry(f"{error}, after {words.path} was taken", in_doubt=True) from error
        for word, waiting in wanting.items():
            if (word in held) is words.there:
                yield from (Receipt(key=action.key, already=n > 0) for n, action in enumerate(waiting))
            else:
                lost = Retry(f"{path}/{words.path}: taken, but the record does not show it", in_doubt=True)
                yield from (Failure(key=action.key, error=lost) for action in waiting)

    def _post(self, path: str, body: dict[str, object]) -> Raw:
        """Something else than JSON with a good status may come from a machine in between: it may have been taken."""
        answer = self.client.send("POST", path, json=body, params=self.performer)
        decoded = answer.decoded()
        if not isinstance(decoded, dict):
            raise Retry(f"{answer.place}: {answer.status} without JSON", in_doubt=True)
        return Raw(decoded)

    def _held(self, words: _Words, path: str) -> frozenset[str]:
        """Compared as they are: Lever's tags are case sensitive."""
        answer = self.client.get(path, [("include", "id"), ("include", words.field)])
        held = answer.raw()["data"][words.field]
        if type(held.value) is not list:
            raise Retry(f"{answer.place}: wanted {words.field} as a list, came something else")
        return frozenset(item.text() for item in held.items() if item)

    def _notes(self, path: str, actions: Sequence[Action]) -> Iterator[Outcome]:
        marked = self._marked(path)
        for action in actions:
            marker, text = _harmless(str(action.args["marker"])), _harmless(str(action.args["text"]))
            known = marked(marker)
            if known is not None:
                yield Receipt(key=action.key, ref=known or None, already=True)
                continue
            body: dict[str, object] = {"value": text} | ({"secret": True} if self.options.secret_notes else {})
            answer = self._post(f"{path}/notes", body)
            made = answer["data"]["noteId"] if answer["data"]["noteId"] else answer["data"]["id"]
            marked = _also(marked, marker, ref := made.maybe(Raw.id))
            yield Receipt(key=action.key, ref=ref)

    def _marked(self, path: str) -> Callable[[str], str | None]:
        """The note that holds a marker. Deleted ones count: what a person took away is not written again."""
        found: list[tuple[str, str]] = []
        for listed in pages(self.client, f"{path}/notes", [("limit", "100")]):
            for note in Raw(listed.answers)["data"].items():
                id = note["id"].maybe(Raw.id) or ""
                found.extend((id, field["value"].value) for field in note["fields"].items() if _is_text(field["value"]))
        return lambda marker: next((id for id, text in found if marker in text), None)


def _is_text(raw: Raw) -> bool:
    return type(raw.value) is str


def _also(marked: Callable[[str], str | None], marker: str, ref: str | None) -> Callable[[str], str | None]:
    return lambda asked: (ref or "") if asked == marker else marked(asked)


def _harmless(text: str) -> str:
    """`@name` would notify that person; the full-width sign reads the same and notifies nobody."""
    return text.replace("@", "＠")
