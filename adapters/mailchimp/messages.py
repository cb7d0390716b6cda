"""Messages to one member: an event that starts an automation, or a journey started by hand. Never twice for one key."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from adapters.mailchimp.answers import done, explain
from adapters.mailchimp.writes import COUNT, Turn, reachable, subject
from connector.errors import KeepwarmError, Refused, Retry
from connector.flow import Action, Receipt
from connector.raw import Raw

#: The property by which an event of ours is found again, and the event that says what became of a journey's start.
KEY = "keepwarm_key"
LEDGER = "keepwarm_journey"


def send_event(turn: Turn, action: Action) -> Receipt:
    _, hashed = subject(action)
    name = str(action.args["event"])
    if not 2 <= len(name) <= 30:
        raise Refused("send_event: wanted a name of 2 to 30 characters", status=0)
    if any(KEY in told and told[KEY] == action.key for told in _events(turn, hashed, name)):
        return Receipt(key=action.key, already=True)
    _subscribed(turn, hashed, "send_event")
    properties = {str(k): str(text) for k, text in dict(action.args.get("properties") or {}).items()}
    _post_event(turn, hashed, name, {**properties, KEY: action.key}, quiet=False)
    return Receipt(key=action.key)


def _subscribed(turn: Turn, hashed: str, verb: str) -> None:
    now = turn.member(hashed)
    if now is None:
        raise Refused(f"{verb}: the address is not in the audience", status=404)
    reachable(now, {"subscribed"}, verb)


def _post_event(turn: Turn, hashed: str, name: str, properties: dict[str, str], *, quiet: bool) -> None:
    path = turn.settings.member(hashed) + "/events"
    body = {"name": name, "properties": properties, "is_syncing": quiet}
    done(turn.client.send("POST", path, json=body, explain=explain))


def _events(turn: Turn, hashed: str, name: str) -> list[dict[str, str]]:
    """The properties of all events of that name that the member has."""
    found: list[dict[str, str]] = []
    offset = 0
    while True:
        path = turn.settings.member(hashed) + "/events"
        try:
            raw = turn.get(path, count=str(COUNT), offset=str(offset))
        except Refused as error:
            if error.status == 404:
                return found
            raise
        rows = raw["events"].items()
        for row in rows:
            if row["name"].maybe(Raw.text) == name:
                found.append({k: str(told.value) for k, told in row["properties"].entries()})
        offset += len(rows)
        if not rows or offset >= (raw["total_items"].maybe(Raw.whole) or 0):
            return found


def start_journey(turn: Turn, action: Action) -> Receipt:
    """Mailchimp cannot say whether a journey was started, so silent events on the member keep the account of it.

    `asked` before, `done` after, `void` when it was certainly not started. Asked and neither: never asked again."""
    email, hashed = subject(action)
    journey, step = int(action.args["journey"]), int(action.args["step"])
    told = [told for told in _events(turn, hashed, LEDGER) if told.get(KEY) == action.key]
    tries = {
        state: {one.get("try") for one in told if one.get("state") == state} for state in ("asked", "void", "done")
    }
    if tries["done"]:
        return Receipt(key=action.key, already=True)
    if tries["asked"] - tries["void"]:
        raise Retry("start_journey: it may have been started and is not asked for again", in_doubt=True)
    _subscribed(turn, hashed, "start_journey")
    ledger = Ledger(turn, hashed, {KEY: action.key, "try": str(len(told)), "journey": str(journey), "step": str(step)})
    ledger.ask()
    path = f"/3.0/customer-journeys/journeys/{journey}/steps/{step}/actions/trigger"
    try:
        done(turn.client.send("POST", path, json={"email_address": email}, explain=explain))
    except KeepwarmError as error:
        if not (isinstance(error, Retry) and error.in_doubt):
            ledger.close("void")
        raise
    ledger.close("done")
    return Receipt(key=action.key)


@dataclass(frozen=True, slots=True)
class Ledger:
    """What is written down on the member about one start of a journey."""

    turn: Turn
    hashed: str
    told: dict[str, str]

    def ask(self) -> None:
        try:
            self._note("asked")
        except Retry:
            # the note may stand there or not; nothing was started either way
            self.close("void")
            raise

    def close(self, state: str) -> None:
        # not written, the start counts as in doubt: a message may be missing then, never sent twice
        with suppress(KeepwarmError):
            self._note(state)

    def _note(self, state: str) -> None:
        _post_event(self.turn, self.hashed, LEDGER, {**self.told, "state": state}, quiet=True)
