"""Rules in shadow, not applied yet, or for people outside their canary share: what they would do is kept as a sample, and
nothing else is done."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from connector.clock import stamp
from connector.court import Court, Facts, Heard, share
from connector.rules import AnyEntry, Cadence, Context, explain
from connector.store import Tx
from connector.store.ledger import Activation, Decided, Standing
from connector.store.shadows import MODE

#: Of each rule the latest so many are kept. Enough to compare by eye, and a share of what a large pool would write.
MOST = 500
#: From then on they are of this share of people only: a whole pool that comes in at once must not be explained one by one.
THEN = 0.05


def changed(
    tx: Tx,
    court: Court,
    facts: Mapping[int, Facts],
    heard: Mapping[int, Mapping[str, Heard]],
    before: Mapping[int, Mapping[str, Standing]],
    *,
    context: Context,
) -> None:
    """Keep the answers of standing rules that are others than before, where the rule does not act."""
    activations = tx.ledger.activations()
    if all(_everywhere(rule, activations) for rule in court.rules.standing):
        return
    tx.shadows.keep(_changed(tx, court, activations, facts, heard, before, context), most=MOST)


def _everywhere(entry: AnyEntry, activations: Mapping[str, Activation]) -> bool:
    active = activations.get(entry.name)
    return entry.mode == "live" and entry.canary is None and active is not None and active.hash == entry.hash


def _changed(
    tx: Tx,
    court: Court,
    activations: Mapping[str, Activation],
    facts: Mapping[int, Facts],
    heard: Mapping[int, Mapping[str, Heard]],
    before: Mapping[int, Mapping[str, Standing]],
    context: Context,
) -> Iterator[Decided]:
    for rule in court.rules.standing:
        if _everywhere(rule, activations):
            continue
        full = tx.shadows.count(rule.name) >= MOST
        for person, said in heard.items():
            it, stood = said[rule.name], before[person].get(rule.name)
            was = stood.answer if stood is not None else False
            # not knowing does nothing, in shadow or live
            if it.answer is was or True not in (it.answer, was) or court.acts(rule, activations, person):
                continue
            if full and share(person, rule.name, MODE) >= THEN:
                continue
            answers = {name: other.effective for name, other in said.items() if other.effective is not False}
            yield decided(court, rule, person, facts[person], context.knowing(answers), occasion=stamp(context.now))


def joins(tx: Tx, court: Court, cadence: Cadence, person: int, facts: Facts, context: Context) -> None:
    """Who would join a series by a version of it that does not act for them: kept once for each version."""
    if cadence.mode == "off" or court.judge(cadence, facts, context) is not True:
        return
    if tx.shadows.count(cadence.name) >= MOST and share(person, cadence.name, MODE) >= THEN:
        return
    if court.stops(cadence.name, facts, context) is False:
        would = decided(court, cadence, person, facts, context, occasion=f"joins:{cadence.hash[:12]}")
        tx.shadows.keep([would], most=MOST)


def decided(court: Court, entry: AnyEntry, person: int, facts: Facts, context: Context, *, occasion: str) -> Decided:
    """What it says, with the line that decides."""
    why = explain(entry, facts, context)
    return Decided(
        rule=entry.name, person=person, occasion=f"{MODE}:{occasion}", rule_hash=entry.hash, set_hash=court.rules.hash,
        clock=context.now, answer=why.answer, line=why.deciding, mode=MODE,
    )  # fmt: skip


__all__ = ["MOST", "changed", "decided", "joins"]
