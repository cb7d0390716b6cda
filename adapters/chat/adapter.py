"""A Slack-compatible incoming webhook: one secret address, one channel, words in, nothing out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import ClassVar

from connector.adapter import Connection, Declaration, Health
from connector.client import Limits, Response, SecretUrl
from connector.errors import KeepwarmError, RateLimited, Refused, Retry, Unauthorized, Unsupported
from connector.flow import Action, Delivery, Failure, Reading, Receipt, Verb

#: What it answers, as text, when the address itself is no longer good.
LOST = ("no_service", "no_team", "channel_not_found", "channel_is_archived", "action_prohibited", "invalid_token")
#: What it answers to a message without a text.
EMPTY = ("no_text", "invalid_payload")
#: Longer texts are refused or cut, depending on who is behind the address.
LONGEST = 4000

DECLARATION = Declaration(
    platform="chat",
    base_url="",
    auth=SecretUrl(),
    # "one message per second", with short bursts tolerated
    limits=Limits(calls=1, per=timedelta(seconds=1), in_flight=1),
    secrets={"url": "the incoming webhook's whole address"},
    verbs={Verb.NOTIFY: 10},
    unrepeatable=(Verb.NOTIFY,),
    blind=(
        "What was posted cannot be read back, so a notice whose answer was lost is in doubt, and repeating it may double it.",
        "Every notice goes to the one channel of the address, with the colleague's name in front.",
    ),
)


class Chat:
    declaration: ClassVar[Declaration] = DECLARATION

    def __init__(self, connection: Connection) -> None:
        self._client = connection.client

    def read(self, delivery: Delivery) -> Reading:
        return Reading(note="chat tells nothing")

    def push(self, actions: Sequence[Action]) -> Iterator[Receipt | Failure]:
        """There is nothing to look at first. Failure(Retry(in_doubt=True)) must not be repeated by itself."""
        halt: KeepwarmError | None = None
        for action in actions:
            if halt is not None:
                yield Failure(key=action.key, error=halt)
                continue
            try:
                yield self._notify(action)
            except KeepwarmError as error:
                yield Failure(key=action.key, error=error)
                if isinstance(error, (RateLimited, Unauthorized)):
                    halt = error

    def _notify(self, action: Action) -> Receipt:
        if action.verb is not Verb.NOTIFY:
            raise Unsupported(f"chat cannot {action.verb}")
        to, text = str(action.args.get("to") or "").strip(), str(action.args["text"]).strip()
        said = f"{to}: {text}" if to else text
        answer = self._client.send("POST", "", json={"text": _plain(said)}, explain=_explain)
        # the document promises the text `ok`; others in the same form answer 200 or 204 with nothing
        if answer.body.strip().lower() not in (b"ok", b""):
            raise Retry(f"{answer.place}: {answer.status} without ok", in_doubt=True)
        return Receipt(key=action.key)

    def check(self) -> Health:
        """A message without a text posts nothing; a good address complains of just that."""
        try:
            self._client.send("POST", "", json={}, explain=_explain)
        except Refused as error:
            if error.body in EMPTY:
                return Health(name="chat")
            raise
        return Health(name="chat", faults=("the address takes a message without a text: copy the webhook's address",))


def _plain(text: str) -> str:
    """Three characters have a meaning there, so that nobody's name can become a mention or a link."""
    plain = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return plain if len(plain) <= LONGEST else plain[: LONGEST - 1] + "…"


def _explain(response: Response) -> Exception | None:
    said = response.body.decode(errors="replace").strip().lower()
    if said in LOST:
        return Unauthorized(f"{response.place}: {said}: the address is no longer good, make a new incoming webhook")
    if response.status == 403:
        return Unauthorized(f"{response.place}: 403, the address is not accepted")
    if 400 <= response.status < 500 and response.status not in (401, 408, 409, 425, 429):
        return Refused(f"{response.place}: {response.status}", status=response.status, body=said)
    return None


ADAPTER = Chat
