"""Greenhouse's adapter writing to its own sandbox: once in effect, whatever is not documented."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from adapters.greenhouse.adapter import Greenhouse
from adapters.greenhouse.sandbox import GreenhouseSandbox
from connector.adapter import Connection
from connector.client import Client, Limits, Pace, TokenAuth
from connector.errors import RateLimited, Refused, Retry, Unauthorized, Unsupported
from connector.flow import Action, Failure, Receipt, Verb
from connector.model import Ref
from connector.sandbox import running
from connector.world import world

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
FREE = Limits(calls=0, per=timedelta(seconds=1), in_flight=4)


@dataclass(frozen=True)
class Stage:
    box: GreenhouseSandbox
    adapter: Greenhouse
    http: httpx.Client
    people: list[str]

    def push(self, *actions: Action) -> list[Receipt | Failure]:
        return list(self.adapter.push(actions))

    def switch(self, case: str, where: str, times: int = 1) -> None:
        self.http.post("/_sandbox/switch", json={"case": case, "where": where, "times": times})

    def act(self, name: str, **asked: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self.http.post("/_sandbox/act", json={"do": name, **asked}).json()
        return answer

    def effects(self, verb: str) -> list[str]:
        return [effect.subject for effect in self.box.harness.log if effect.verb == verb]

    def tags(self, person: str) -> list[str]:
        tags: list[str] = self.box.tables["candidates"].rows[int(person)]["tags"]
        return tags


@contextmanager
def stage(**options: Any) -> Iterator[Stage]:
    box = GreenhouseSandbox(limited=False)
    box.seed(world(60, now=NOW))
    with running(box) as served, httpx.Client(base_url=served.base_url) as plain:
        auth = TokenAuth(f"{served.base_url}/token", box.secrets["client_id"], box.secrets["client_secret"])
        with httpx.Client(auth=auth) as http:
            client = Client(http, base_url=f"{served.base_url}/v3", pace=Pace(FREE), sleep=lambda _: None)
            adapter = Greenhouse(Connection(account="acme", client=client, options=options))
            yield Stage(box, adapter, plain, [str(key) for key in box.tables["candidates"].ids])


def tag(person: str, name: str = "silver-medallist", key: str = "") -> Action:
    return _action(Verb.ADD_TAG, person, key or f"add {person} {name}", tag=name)


def untag(person: str, name: str = "silver-medallist", **row: str) -> Action:
    return _action(Verb.REMOVE_TAG, person, f"remove {person} {name}", tag=name, **row)


def note(person: str, marker: str = "[kw:1]") -> Action:
    return _action(
        Verb.ADD_NOTE, person, f"note {person} {marker}", text=f"Kept warm & <well>. {marker}", marker=marker
    )


def _action(verb: Verb, person: str, key: str, **args: str) -> Action:
    return Action(key=key, account="acme", verb=verb, subject=Ref("acme", "candidate", person), args=args)


def receipt(outcome: Receipt | Failure) -> Receipt:
    assert isinstance(outcome, Receipt), outcome
    return outcome


def error(outcome: Receipt | Failure) -> Exception:
    assert isinstance(outcome, Failure), outcome
    return outcome.error


def test_fifty_tags_cost_one_look_and_a_second_push_writes_nothing() -> None:
    with stage() as at:
        actions = [tag(person) for person in at.people[:30]]
        first = [receipt(outcome) for outcome in at.push(*actions)]
        again = [receipt(outcome) for outcome in at.push(*actions)]
        assert not any(one.already for one in first)
        assert all(one.already for one in again)
        assert [one.ref for one in first] == [one.ref for one in again]
        assert at.effects("add_tag") == at.people[:30]
        assert at.effects("create_tag") == ["silver-medallist"]
        assert at.effects("patch_candidate") == []


def test_the_same_tag_twice_in_one_push_is_put_once() -> None:
    with stage() as at:
        one, two = at.push(tag(at.people[0], key="a"), tag(at.people[0], key="b"))
        assert (receipt(one).already, receipt(two).already) == (False, True)
        assert at.effects("add_tag") == at.people[:1]


def test_a_tag_that_a_colleague_put_there_is_left_as_it_is() -> None:
    with stage() as at:
        row = at.act("tag_by_human", candidate=at.people[0], tag="silver-medallist")["row"]
        (outcome,) = at.push(tag(at.people[0]))
        assert receipt(outcome) == Receipt(key=outcome.key, ref=row, already=True)
        assert at.effects("add_tag") == []


@pytest.mark.parametrize("reading", ["422", "same_row", "second_row"])
def test_a_tag_put_between_our_look_and_our_write_is_no_failure_however_that_is_answered(reading: str) -> None:
    """A colleague tags while the adapter works: the second action of the push was looked up before."""
    with stage() as at:
        at.box.duplicate_tag = reading
        outcomes = at.adapter.push([tag(at.people[0]), tag(at.people[1])])
        receipt(next(outcomes))
        at.act("tag_by_human", candidate=at.people[1], tag="silver-medallist")
        assert receipt(next(outcomes)).ref
        assert at.tags(at.people[1]) == ["silver-medallist"]
        (gone,) = at.push(untag(at.people[1]))
        assert not receipt(gone).already
        assert at.tags(at.people[1]) == [], "every row of the tag is taken away, also a second one"


@pytest.mark.parametrize("case", ["lost", "cut", "error"])
def test_a_tag_whose_answer_never_came_is_looked_for_before_it_is_repeated(case: str) -> None:
    with stage() as at:
        outcomes = at.adapter.push([tag(at.people[1]), tag(at.people[2])])
        receipt(next(outcomes))
        at.switch(case, "/v3/applied_candidate_tags", times=1)
        outcome = next(outcomes)
        if case == "cut":
            # written; the answer could not be read, so no row id is known
            assert receipt(outcome).ref is None
        else:
            assert isinstance(error(outcome), Retry)
        again = receipt(at.push(tag(at.people[2]))[0])
        assert again.already == (case != "error")
        assert at.effects("add_tag").count(at.people[2]) == 1


def test_one_that_fails_does_not_fail_the_others() -> None:
    with stage() as at:
        missing, fine = at.push(tag("4010999999"), tag(at.people[0]))
        refused = error(missing)
        assert isinstance(refused, Refused)
        assert refused.status == 404
        assert not receipt(fine).already


@pytest.mark.parametrize(("case", "family"), [("forbid", Unauthorized), ("throttle", RateLimited)])
def test_what_stops_one_write_stops_the_rest_without_asking(case: str, family: type[Exception]) -> None:
    with stage() as at:
        outcomes = at.adapter.push([tag(person) for person in at.people[:4]])
        receipt(next(outcomes))
        at.switch(case, "/v3/applied_candidate_tags", times=1)
        rest = [error(outcome) for outcome in outcomes]
        assert len(rest) == 3
        assert all(isinstance(one, family) for one in rest)
        assert at.effects("add_tag") == at.people[:1]


def test_a_missing_write_scope_is_named() -> None:
    with stage() as at:
        listed = {"harvest:candidate_tags:list", "harvest:applied_candidate_tags:list"}
        at.box.tokens.scopes = frozenset(listed | {"harvest:candidate_tags:create"})
        (outcome,) = at.push(tag(at.people[0]))
        refused = error(outcome)
        assert isinstance(refused, Unauthorized)
        assert refused.scope == "harvest:applied_candidate_tags:create"


@pytest.mark.parametrize("said", ["no", False])
def test_a_name_that_is_not_in_the_dictionary_is_not_added_when_settings_forbid_it(said: object) -> None:
    with stage(create_tags=said) as at:
        at.act("tag_by_human", candidate=at.people[9], tag="known")
        new, known = at.push(tag(at.people[0], "new"), tag(at.people[0], "known"))
        assert isinstance(error(new), Refused)
        assert receipt(known)
        assert at.effects("create_tag") == []


def test_tag_names_are_told_apart_by_case() -> None:
    with stage() as at:
        at.act("tag_by_human", candidate=at.people[0], tag="Silver-Medallist")
        (outcome,) = at.push(tag(at.people[0]))
        assert not receipt(outcome).already
        assert at.tags(at.people[0]) == ["Silver-Medallist", "silver-medallist"]


def test_removing_takes_our_row_only_and_is_done_when_it_is_gone() -> None:
    with stage() as at:
        at.box.duplicate_tag = "second_row"
        ours = receipt(at.push(tag(at.people[0]))[0]).ref
        assert ours
        at.act("tag_by_human", candidate=at.people[0], tag="silver-medallist")
        assert not receipt(at.push(untag(at.people[0], row=ours))[0]).already
        assert at.tags(at.people[0]) == ["silver-medallist"], "a colleague's row stays"
        assert receipt(at.push(untag(at.people[0], row=ours))[0]).already
        assert receipt(at.push(untag(at.people[1], "never heard of"))[0]).already
        assert at.effects("remove_tag") == [at.people[0]]


def test_a_row_that_vanishes_between_look_and_delete_counts_as_removed() -> None:
    with stage() as at:
        at.push(tag(at.people[0]), tag(at.people[1]))
        outcomes = at.adapter.push([untag(at.people[0]), untag(at.people[1])])
        next(outcomes)
        at.act("untag_by_human", candidate=at.people[1], tag="silver-medallist")
        assert receipt(next(outcomes)).already


def test_a_note_is_written_once_private_and_word_for_word() -> None:
    with stage() as at:
        first = receipt(at.push(note(at.people[0]))[0])
        again = receipt(at.push(note(at.people[0]))[0])
        assert (first.already, again.already) == (False, True)
        assert first.ref == again.ref
        (row,) = [it for it in at.box.tables["notes"].rows.values() if str(it["id"]) == first.ref]
        assert row["body"] == "Kept warm & <well>. [kw:1]"
        assert row["visibility"] == "privately_visible"
        assert at.effects("add_note") == [at.people[0]]


def test_another_marker_is_another_note_and_another_persons_marker_does_not_count() -> None:
    with stage() as at:
        at.push(note(at.people[0]))
        outcomes = at.push(note(at.people[0], "[kw:2]"), note(at.people[1], "[kw:1]"))
        assert not any(receipt(outcome).already for outcome in outcomes)


def test_no_note_is_hung_on_nobody() -> None:
    with stage() as at:
        lost, fine = at.push(note("4010999999"), note(at.people[0]))
        refused = error(lost)
        assert isinstance(refused, Refused)
        assert refused.status == 404
        assert receipt(fine)
        assert at.effects("add_note") == [at.people[0]]


def test_a_note_whose_answer_never_came_is_found_by_its_marker() -> None:
    with stage() as at:
        outcomes = at.adapter.push([note(at.people[1]), note(at.people[0])])
        receipt(next(outcomes))
        at.switch("lost", "/v3/notes")
        failed = error(next(outcomes))
        assert isinstance(failed, Retry)
        assert failed.in_doubt
        assert receipt(at.push(note(at.people[0]))[0]).already
        assert at.effects("add_note") == [at.people[1], at.people[0]]


def test_settings_say_who_may_read_a_note_and_who_wrote_it() -> None:
    with stage(note_visibility="public", note_user="4003000001") as at:
        ref = receipt(at.push(note(at.people[0]))[0]).ref
        row = at.box.tables["notes"].rows[int(ref or 0)]
        assert (row["visibility"], row["user_id"]) == ("publicly_visible", 4003000001)
    with stage(note_user="Ada") as at:
        assert isinstance(error(at.push(note(at.people[0]))[0]), Unsupported)


def test_what_cannot_be_said_to_greenhouse_is_refused_without_a_request() -> None:
    with stage() as at:
        pool = Action(key="k", account="acme", verb=Verb.UPSERT_MEMBER, subject=Ref("acme", "member", "a@example.org"))
        lever = tag("2b6a-lever-id")
        assert isinstance(error(at.push(pool)[0]), Unsupported)
        assert isinstance(error(at.push(lever)[0]), Unsupported)
        assert at.push() == []
        assert at.box.tokens.issued == {}
