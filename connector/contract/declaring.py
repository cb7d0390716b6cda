"""Promise 9: what is declared is implemented and shown by a fixture; all else is refused aloud, without a request."""

from __future__ import annotations

from datetime import UTC, datetime

from connector.adapter import Adapter, Checks, Fetches, Pulls, Pushes, Receives
from connector.contract.folder import ACCOUNT, Folder
from connector.contract.pushing import outcomes
from connector.contract.wanted import Wanted
from connector.contract.wire import connect, silent
from connector.errors import Unsupported
from connector.flow import Action, Failure, Verb, Window
from connector.model import Ref

#: Options that every account may have, whatever its platform.
ANYWHERE = frozenset({"token_url", "subject", "payload_only"})
_NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)


def declared_is_implemented(folder: Folder) -> None:
    declared, adapter = folder.declaration, connect(folder, silent)[0]
    able = (
        ("streams", bool(declared.streams), "pull", isinstance(adapter, Pulls)),
        ("fetches", bool(declared.fetches), "fetch", isinstance(adapter, Fetches)),
        ("verbs", bool(declared.verbs), "push", isinstance(adapter, Pushes)),
        ("door", declared.door is not None, "verify and identify", isinstance(adapter, Receives)),
    )
    for what, said, how, can in able:
        assert not said or can, f"it declares {what} and has no {how}"
        assert said or not can, f"it has {how} and declares no {what}"
    assert isinstance(adapter, Checks), "it has no check"
    names = [stream.name for stream in declared.streams]
    assert len(names) == len(set(names)), "two streams have one name"
    assert set(declared.scopes) <= set(declared.verbs), "a scope for a verb that is not declared"
    assert all(most >= 1 for most in [*declared.fetches.values(), *declared.verbs.values()]), "batches of none"


def the_declaration_is_honest(folder: Folder) -> None:
    declared = folder.declaration
    assert declared.blind, "it says nothing about what it cannot see; every platform hides something"
    for sentence in declared.blind:
        assert len(sentence.split()) >= 3, f"not a sentence: {sentence!r}"
        assert sentence.endswith("."), f"not a sentence: {sentence!r}"
    given = folder.given()
    unknown = set(given.options) - {option.name for option in declared.options} - ANYWHERE
    assert not unknown, f"connection.json has options that are not declared: {sorted(unknown)}"
    wanted = {option.name for option in declared.options if option.required} - set(given.options)
    assert not wanted, f"connection.json lacks required options: {sorted(wanted)}"
    strange = set(given.secrets) - set(declared.secrets)
    assert not strange, f"connection.json has secrets that are not declared: {sorted(strange)}"


def everything_declared_has_a_fixture(folder: Folder) -> None:
    declared = folder.declaration
    assert (folder.fixtures / "connection.json").is_file(), "no fixtures/connection.json"
    parts: dict[str, set[str]] = {
        "pull": {stream.name for stream in declared.streams},
        "fetch": set(declared.fetches),
        "push": {str(verb) for verb in declared.verbs},
    }
    for part, names in parts.items():
        shown = {path.name for path in folder.scenarios(part)}
        assert not names - shown, f"declared without a fixture in {part}/: {sorted(names - shown)}"
        assert not shown - names, f"a fixture in {part}/ for what is not declared: {sorted(shown - names)}"
    assert declared.door is None or folder.scenarios("webhook"), "a door is declared without a webhook fixture"


def what_is_not_declared_is_refused(folder: Folder) -> None:
    declared, adapter = folder.declaration, connect(folder, silent)[0]
    if isinstance(adapter, Pushes):
        for verb in sorted(set(Verb) - set(declared.verbs)):
            _refuses(adapter, verb)
    if isinstance(adapter, Pulls):
        with Wanted(Unsupported, during="pulling a stream that is not declared"):
            adapter.pull("no_such_stream", Window(until=_NOW), None)
    if isinstance(adapter, Fetches):
        with Wanted(Unsupported, during="fetching a kind that is not declared"):
            list(adapter.fetch("no_such_kind", ["1"]))


def _refuses(adapter: Adapter, verb: Verb) -> None:
    action = Action(key="k", account=ACCOUNT, verb=verb, subject=Ref(ACCOUNT, "candidate", "1"))
    (outcome,) = outcomes(adapter, [action])
    refused = isinstance(outcome, Failure) and isinstance(outcome.error, Unsupported)
    assert refused, f"{verb} is not declared; wanted Failure(Unsupported), came {outcome!r}"
