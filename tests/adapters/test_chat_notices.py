"""Notices to colleagues, over HTTP, and what the channel then holds."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from adapters.chat.adapter import Chat
from adapters.chat.sandbox import BURST, PATH, ChatSandbox
from connector.adapter import Connection
from connector.client import Client, Limits, Pace
from connector.errors import RateLimited, Refused, Retry, Unauthorized, Unsupported
from connector.flow import Action, Failure, Receipt, Verb
from connector.sandbox import Running, running


@pytest.fixture
def channel() -> Iterator[Running]:
    with running(ChatSandbox()) as served:
        yield served


@pytest.fixture
def chat(channel: Running) -> Iterator[Chat]:
    limits = Chat.declaration.limits
    waited: list[float] = [0.0]
    quick = Pace(
        Limits(calls=0, per=limits.per, in_flight=limits.in_flight), clock=lambda: sum(waited), sleep=waited.append
    )
    with httpx.Client() as http:
        client = Client(http, base_url=channel.base_url + PATH, pace=quick, sleep=waited.append)
        yield Chat(Connection(account="team", client=client))


def notice(text: str, to: str = "", key: str = "n1", verb: Verb = Verb.NOTIFY) -> Action:
    return Action(key=key, account="team", verb=verb, args={"to": to, "text": text})


def say(chat: Chat, asked: Action) -> Receipt | Failure:
    (outcome,) = chat.push([asked])
    return outcome


def why(outcome: Receipt | Failure, kind: type[Exception]) -> Exception:
    assert isinstance(outcome, Failure), outcome
    assert isinstance(outcome.error, kind), repr(outcome.error)
    return outcome.error


def messages(channel: Running) -> list[str]:
    shown: list[str] = httpx.get(channel.base_url + "/_sandbox/state").json()["messages"]
    return shown


def switch(channel: Running, case: str) -> None:
    assert httpx.post(channel.base_url + "/_sandbox/switch", json={"case": case}).status_code == 204


def test_a_notice_reaches_the_channel_with_the_name_in_front(channel: Running, chat: Chat) -> None:
    assert say(chat, notice("three people", to="Sam")) == Receipt(key="n1")
    assert messages(channel) == ["Sam: three people"]


def test_a_name_cannot_become_a_mention(channel: Running, chat: Chat) -> None:
    assert isinstance(say(chat, notice("<!channel> & <@U1>")), Receipt)
    assert messages(channel) == ["&lt;!channel&gt; &amp; &lt;@U1&gt;"]


def test_a_notice_is_cut_at_what_the_platform_shows(channel: Running, chat: Chat) -> None:
    assert isinstance(say(chat, notice("x" * 9000)), Receipt)
    assert len(messages(channel)[0]) == 4000


def test_a_notice_whose_answer_was_lost_is_in_doubt(channel: Running, chat: Chat) -> None:
    switch(channel, "lost")
    error = why(say(chat, notice("once")), Retry)
    assert isinstance(error, Retry)
    assert error.in_doubt
    assert messages(channel) == ["once"]


def test_a_page_of_html_is_no_receipt(channel: Running, chat: Chat) -> None:
    switch(channel, "html")
    error = why(say(chat, notice("once")), Retry)
    assert isinstance(error, Retry)
    assert error.in_doubt


@pytest.mark.parametrize("word", ["ok", "OK\n", ""])
def test_work_alikes_that_say_nothing_are_believed(channel: Running, chat: Chat, word: str) -> None:
    assert isinstance(channel.sandbox, ChatSandbox)
    channel.sandbox.word = word
    assert isinstance(say(chat, notice("once")), Receipt)


@pytest.mark.parametrize("what", ["archive", "remove"])
def test_a_lost_channel_stops_the_batch_and_says_what_to_do(channel: Running, chat: Chat, what: str) -> None:
    httpx.post(channel.base_url + "/_sandbox/act", json={"do": what})
    first, second = chat.push([notice("one"), notice("two", key="n2")])
    assert "make a new" in str(why(first, Unauthorized))
    why(second, Unauthorized)


def test_a_message_too_many_waits_as_told_and_so_do_the_rest(channel: Running, chat: Chat) -> None:
    outcomes = list(chat.push([notice(str(n), key=str(n)) for n in range(BURST + 2)]))
    assert sum(isinstance(outcome, Receipt) for outcome in outcomes) == BURST
    error = why(outcomes[-1], RateLimited)
    assert isinstance(error, RateLimited)
    assert error.wait.total_seconds() == 1
    assert len(messages(channel)) == BURST


def test_an_empty_notice_is_refused(channel: Running, chat: Chat) -> None:
    why(say(chat, notice(" ")), Refused)
    assert messages(channel) == []


def test_anything_but_a_notice_is_unsupported(chat: Chat) -> None:
    why(say(chat, notice("x", verb=Verb.ADD_TAG)), Unsupported)


def test_checking_posts_nothing(channel: Running, chat: Chat) -> None:
    assert chat.check().faults == ()
    assert messages(channel) == []


def test_checking_a_removed_webhook_says_so(channel: Running, chat: Chat) -> None:
    httpx.post(channel.base_url + "/_sandbox/act", json={"do": "remove"})
    with pytest.raises(Unauthorized):
        chat.check()
