"""Lever's writes: what the sandbox says happened, once, whatever is lost on the way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.lever.adapter import Lever
from adapters.lever.sandbox import LeverSandbox
from connector.adapter import Connection
from connector.client import Client, Pace
from connector.errors import RateLimited, Refused, Retry, Unauthorized, Unsupported
from connector.flow import Action, Failure, Receipt, Verb
from connector.model import Ref
from connector.sandbox import Effect, running
from connector.world import world

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
WORDS = [
    (Verb.ADD_TAG, Verb.REMOVE_TAG, "tag"),
    (Verb.ADD_SOURCE, Verb.REMOVE_SOURCE, "source"),
]


class Desk:
    def __init__(self, sandbox: LeverSandbox, base_url: str, stack: ExitStack) -> None:
        self.sandbox, self.base_url, self.stack = sandbox, base_url, stack
        self.asked: list[httpx.Request] = []
        self.ids = sorted(sandbox.store.rows)
        self.one = self.ids[0]

    def lever(self, **options: object) -> Lever:
        auth = httpx.BasicAuth(self.sandbox.secrets["api_key"], "")
        http = self.stack.enter_context(httpx.Client(auth=auth, event_hooks={"request": [self.asked.append]}))
        pace = Pace(Lever.declaration.limits, sleep=lambda _: None, clock=iter(range(10**6)).__next__)
        client = Client(http, base_url=self.base_url, pace=pace, sleep=lambda _: None)
        return Lever(Connection(account="acme", client=client, options={**self.sandbox.options, **options}))

    def switch(self, case: str, where: str, times: int = 1) -> None:
        told = {"case": case, "where": where, "times": times}
        assert httpx.post(f"{self.base_url}/_sandbox/switch", json=told).status_code == 204

    @property
    def effects(self) -> list[Effect]:
        return self.sandbox.harness.log

    @property
    def writes(self) -> list[str]:
        return [request.url.path.rpartition("/")[2] for request in self.asked if request.method != "GET"]


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[LeverSandbox, str]]:
    sandbox = LeverSandbox(limited=False)
    sandbox.seed(world(40, now=NOW))
    with running(sandbox) as here:
        yield sandbox, here.base_url


@pytest.fixture
def desk(served: tuple[LeverSandbox, str]) -> Iterator[Desk]:
    sandbox, base_url = served
    sandbox.harness.log.clear()
    sandbox.writes.tag_creation = "open"
    sandbox.denied = set()
    with ExitStack() as stack:
        fresh = Desk(sandbox, base_url, stack)
        for id in fresh.ids:
            sandbox.store.rows[id] |= {"tags": [], "sources": []}
            sandbox.store.below(id, "notes").clear()
        yield fresh


def action(verb: Verb, subject: str | None, key: str = "k", **args: str) -> Action:
    ref = None if subject is None else Ref("acme", "candidate", subject)
    return Action(key=key, account="acme", verb=verb, subject=ref, args=args)


def failure(outcome: Receipt | Failure) -> Exception:
    assert isinstance(outcome, Failure)
    return outcome.error


@pytest.mark.parametrize(("add", "remove", "word"), WORDS)
def test_a_word_is_put_on_and_taken_off_once_however_often_it_is_asked(
    desk: Desk, add: Verb, remove: Verb, word: str
) -> None:
    lever = desk.lever()
    for verb in (add, remove):
        asked = [action(verb, desk.one, **{word: "kw: silver medallist"})]
        assert list(lever.push(asked)) == [Receipt(key="k")]
        assert list(lever.push(asked)) == [Receipt(key="k", already=True)]
    assert [(effect.verb, effect.subject, effect.detail) for effect in desk.effects] == [
        (add, desk.one, {word: "kw: silver medallist"}),
        (remove, desk.one, {word: "kw: silver medallist"}),
    ]
    assert len(desk.writes) == 2


def test_tags_of_one_person_go_in_one_call_and_only_the_missing_ones(desk: Desk) -> None:
    lever = desk.lever()
    list(lever.push([action(Verb.ADD_TAG, desk.one, tag="a")]))
    batch = [action(Verb.ADD_TAG, desk.one, key=key, tag=key) for key in "abc"]
    batch.append(action(Verb.ADD_TAG, desk.ids[1], key="other", tag="a"))
    told = {outcome.key: outcome for outcome in lever.push(batch)}
    assert told == {
        "a": Receipt(key="a", already=True),
        "b": Receipt(key="b"),
        "c": Receipt(key="c"),
        "other": Receipt(key="other"),
    }
    assert desk.writes == ["addTags"] * 3


def test_case_makes_another_tag(desk: Desk) -> None:
    lever = desk.lever()
    told = [
        outcome
        for tag in ("Full-time", "Full-Time")
        for outcome in lever.push([action(Verb.ADD_TAG, desk.one, tag=tag)])
    ]
    assert told == [Receipt(key="k"), Receipt(key="k")]
    assert desk.sandbox.store.rows[desk.one]["tags"] == ["Full-time", "Full-Time"]


@pytest.mark.parametrize("case", ["lost", "cut"])
@pytest.mark.parametrize(
    ("verb", "path", "args"),
    [
        (Verb.ADD_TAG, "addTags", {"tag": "kw: lost"}),
        (Verb.ADD_NOTE, "notes", {"text": "Hello [kw-1]", "marker": "[kw-1]"}),
        (Verb.ADD_SOURCE, "addSources", {"source": "kw lost"}),
    ],
)
def test_a_write_whose_answer_was_lost_is_found_and_not_repeated(
    desk: Desk, verb: Verb, path: str, args: dict[str, str], case: str
) -> None:
    lever = desk.lever()
    asked = [action(verb, desk.ids[2], **args)]
    if path == "notes":
        # the look before the write goes to the same path
        desk.asked.clear()
        desk.switch("slow", path)
    desk.switch(case, path)
    first = list(lever.push(asked))
    second = list(lever.push(asked))
    assert [type(outcome) for outcome in (*first, *second)][-1] is Receipt
    made = [effect for effect in desk.effects if effect.verb == verb and effect.subject == desk.ids[2]]
    assert len(made) == 1


def test_a_tag_that_does_not_show_afterwards_is_in_doubt_not_done(desk: Desk) -> None:
    desk.sandbox.writes.tag_creation = "ignored"
    (outcome,) = desk.lever().push([action(Verb.ADD_TAG, desk.one, tag="kw: never seen")])
    error = failure(outcome)
    assert isinstance(error, Retry)
    assert error.in_doubt


def test_a_tag_that_may_not_be_made_names_the_missing_permission(desk: Desk) -> None:
    desk.sandbox.writes.tag_creation = "refused"
    (outcome,) = desk.lever().push([action(Verb.ADD_TAG, desk.one, tag="kw: not allowed")])
    error = failure(outcome)
    assert isinstance(error, Unauthorized)
    assert error.scope is not None


def test_a_note_is_written_once_and_names_nobody(desk: Desk) -> None:
    asked = [action(Verb.ADD_NOTE, desk.one, text="Ask @recruiter1 [kw:abc@acme]", marker="[kw:abc@acme]")]
    lever = desk.lever(secret_notes="yes")
    (first,) = lever.push(asked)
    (second,) = lever.push(asked)
    assert isinstance(first, Receipt)
    assert second == Receipt(key="k", ref=first.ref, already=True)
    assert [effect.verb for effect in desk.effects] == ["add_note"]
    assert desk.effects[0].detail["secret"] is True
    assert desk.sandbox.store.below(desk.one, "notes")[0]["user"] == desk.sandbox.options["perform_as"]


def test_the_sandbox_does_notify_whoever_is_mentioned(desk: Desk) -> None:
    path = f"/opportunities/{desk.one}/notes"
    desk.lever().connection.client.send("POST", path, json={"value": "Ask @recruiter1"})
    assert [effect.verb for effect in desk.effects] == ["add_note", "mention"]


def test_the_marker_is_looked_for_on_every_page_of_notes_and_two_in_a_batch_make_one(desk: Desk) -> None:
    lever = desk.lever()
    for n in range(120):
        lever.connection.client.send("POST", f"/opportunities/{desk.one}/notes", json={"value": f"note {n}"})
    list(lever.push([action(Verb.ADD_NOTE, desk.one, text="Here [kw-x]", marker="[kw-x]")]))
    desk.sandbox.harness.log.clear()
    twice = [action(Verb.ADD_NOTE, desk.one, key=key, text=f"{key} [kw-{key}]", marker="[kw-x]") for key in "xy"]
    assert [outcome.already for outcome in lever.push(twice) if isinstance(outcome, Receipt)] == [True, True]
    fresh = [action(Verb.ADD_NOTE, desk.one, key=key, text="New [kw-n]", marker="[kw-n]") for key in "pq"]
    assert [outcome.already for outcome in lever.push(fresh) if isinstance(outcome, Receipt)] == [False, True]
    assert len(desk.effects) == 1


@pytest.mark.parametrize(("case", "family"), [("throttle", RateLimited), ("unauthorise", Unauthorized)])
def test_a_wait_or_a_refused_key_fails_all_that_are_left_without_asking_again(
    desk: Desk, case: str, family: type[Exception]
) -> None:
    lever = desk.lever()
    desk.switch(case, desk.ids[1], times=3)
    batch = [action(Verb.ADD_TAG, id, key=id, tag="kw: batch") for id in desk.ids[:4]]
    outcomes = list(lever.push(batch))
    assert [outcome.key for outcome in outcomes] == desk.ids[:4]
    assert isinstance(outcomes[0], Receipt)
    assert all(isinstance(failure(outcome), family) for outcome in outcomes[1:])
    assert not any(desk.ids[2] in str(request.url) for request in desk.asked)
    while desk.sandbox.harness.case_for(desk.ids[1]):
        pass


def test_one_who_is_gone_does_not_stop_the_others(desk: Desk) -> None:
    batch = [action(Verb.ADD_TAG, id, key=id, tag="kw: left") for id in ("nobody", desk.one)]
    lost, done = desk.lever().push(batch)
    error = failure(lost)
    assert isinstance(error, Refused)
    assert error.status == 404
    assert done == Receipt(key=desk.one)


def test_what_lever_cannot_do_is_said(desk: Desk) -> None:
    outcomes = [
        *desk.lever().push([action(Verb.SEND_EVENT, desk.one)]),
        *desk.lever().push([action(Verb.ADD_TAG, None, tag="a")]),
    ]
    assert [type(failure(outcome)) for outcome in outcomes] == [Unsupported, Unsupported]
    assert desk.asked == []


def test_a_performer_is_named_only_when_one_is_set(desk: Desk) -> None:
    list(desk.lever(perform_as="").push([action(Verb.ADD_TAG, desk.one, tag="kw: nobody")]))
    list(desk.lever().push([action(Verb.ADD_TAG, desk.one, tag="kw: somebody")]))
    posts = [request.url.params.get("perform_as") for request in desk.asked if request.method == "POST"]
    assert posts == [None, desk.sandbox.options["perform_as"]]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.tuples(st.sampled_from([Verb.ADD_TAG, Verb.REMOVE_TAG]), st.sampled_from("abAB"))))
def test_after_any_order_of_acts_the_tags_are_what_the_last_act_on_each_said(
    desk: Desk, steps: list[tuple[Verb, str]]
) -> None:
    lever = desk.lever()
    desk.sandbox.store.rows[desk.one]["tags"] = ["by hand"]
    wanted = {"by hand"}
    for verb, tag in steps:
        (outcome,) = lever.push([action(verb, desk.one, tag=tag)])
        assert isinstance(outcome, Receipt)
        wanted = wanted | {tag} if verb is Verb.ADD_TAG else wanted - {tag}
    assert set(desk.sandbox.store.rows[desk.one]["tags"]) == wanted
