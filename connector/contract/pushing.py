"""Promise 8: `push` sends the recorded requests; a second call with the same actions has no second effect."""

from __future__ import annotations

from collections.abc import Sequence

from connector.adapter import Adapter, Pushes
from connector.contract.discretion import tells_nothing
from connector.contract.fixtures import Exchange, Outcome, Pushed
from connector.contract.wanted import Wanted, same
from connector.contract.wire import replay
from connector.flow import Action, Failure, Receipt


def outcomes(adapter: Adapter, actions: Sequence[Action]) -> list[Receipt | Failure]:
    """What `push` yields: one outcome an action, and no exception."""
    assert isinstance(adapter, Pushes), "a push fixture, and the adapter does not push"
    found: list[Receipt | Failure] = []
    with Wanted(during="push yields a Failure instead of raising", calm=True):
        found = list(adapter.push(actions))
    keys = [outcome.key for outcome in found]
    assert sorted(keys) == sorted(action.key for action in actions), f"not one outcome an action, but {keys}"
    return found


def a_push_sends_what_was_recorded(pushed: Pushed) -> None:
    most = pushed.folder.declaration.verbs.get(pushed.actions[0].verb, 0)
    assert all(action.verb == pushed.name for action in pushed.actions), "actions.json holds another verb"
    assert len(pushed.actions) <= most, f"{len(pushed.actions)} actions in one push, declared are {most}"
    came = _play(pushed, pushed.first)
    by_key = {outcome.key: outcome for outcome in came}
    same([by_key[each.key] for each in pushed.outcomes], pushed.outcomes, "outcome")


def a_second_push_writes_nothing(pushed: Pushed) -> None:
    if not pushed.repeatable:
        reason = (pushed.path / "NOT_IDEMPOTENT.md").read_text(encoding="utf-8")
        assert len(reason.split()) >= 5, "NOT_IDEMPOTENT.md gives no reason"
        return
    written = [exchange.request for exchange in pushed.again if exchange.request.writes]
    assert not written, f"again.json writes: {written[0].method} {written[0].path}" if written else ""
    refused = {each.key for each in pushed.outcomes if each.error}
    for outcome in _play(pushed, pushed.again):
        assert outcome.key in refused or not outcome.error, f"{outcome.key}: the second time it is {outcome.error}"
        assert outcome.key in refused or outcome.already, f"{outcome.key}: the second receipt does not say `already`"


def _play(pushed: Pushed, exchanges: list[Exchange]) -> list[Outcome]:
    adapter, player = replay(pushed, exchanges)
    found = [_outcome(outcome, pushed) for outcome in outcomes(adapter, pushed.actions)]
    assert not player.rest(), "fewer requests than recorded"
    return found


def _outcome(outcome: Receipt | Failure, pushed: Pushed) -> Outcome:
    if isinstance(outcome, Receipt):
        return Outcome(key=outcome.key, ref=outcome.ref, already=outcome.already)
    tells_nothing(outcome.error, pushed.given)
    return Outcome(key=outcome.key, error=type(outcome.error).__name__)
