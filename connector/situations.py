"""Each person before the diff: where they stand on the platforms, what of it is ours, and what a person took off again."""

from __future__ import annotations

import functools
import hashlib
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from connector import acts
from connector.clock import stamp
from connector.court import Bench, Heard
from connector.diff import Place, Situation
from connector.facts import fold
from connector.model import AnyRecord, Candidate
from connector.store import Tx
from connector.store.ledger import Owned

#: A deleted rule's tags are kept so long, in case it was only moved.
GRACE = timedelta(days=7)


def deleted_for_good(tx: Tx, bench: Bench, *, now: datetime) -> set[str]:
    """Rules that are in no file any more, and were not for long enough to let go of what they kept. `tick` notes them."""
    names = {rule.name for rule in bench.rules}
    return {rule for rule, since in tx.ledger.departed().items() if rule not in names and now - since >= GRACE}


def situations(
    tx: Tx, bench: Bench, heard: Mapping[int, Mapping[str, Heard]], acting: Callable[[int], Collection[str]]
) -> Iterator[Situation]:
    """Each person with where they stand on the platforms and what of it is ours. `acting`: the rules that act for them.

    What is ours where nothing can be put now (credentials taken out, another `takes`) is held: it is still ours later."""
    people = list(heard)
    taking = {(it.name, what) for what in ("tag", "pool") for it in bench.accounts.that_take(f"{what}s")}
    owned: dict[int, list[Owned]] = defaultdict(list)
    for row in tx.ledger.owned(people):
        if (row.account, row.kind) in taking:
            owned[row.person].append(row)
    vetoes: dict[int, dict[tuple[str, str], Mapping[str, str]]] = defaultdict(dict)
    for (person, what, key), hashes in tx.ledger.vetoes(people).items():
        vetoes[person][what, key] = hashes
    places = _places(tx, bench, people, owned)
    for person in people:
        yield Situation(
            person=person,
            places=places[person],
            owned=owned[person],
            heard=heard[person],
            acting=acting(person),
            vetoes=vetoes[person],
            facts_hash=functools.partial(facts_hash, tx, bench, person=person),
        )


def acting(tx: Tx, bench: Bench) -> Callable[[int], Collection[str]]:
    """person → the rules that act for them: live, and in the version that was approved."""
    activations = tx.ledger.activations()
    return lambda person: {rule.name for rule in bench.rules if bench.court.acts(rule, activations, person)}


def facts_hash(tx: Tx, bench: Bench, rule: str, person: int) -> str:
    """One value for everything the rule reads about a person: while it is the same, a veto stands."""
    facts = tx.mirror.facts_of([person]).get(person, {})
    names = next((it.reads for it in bench.rules if it.name == rule), frozenset())
    roots = sorted({name if name in facts else f"{name.partition('.')[0]}s" for name in names})
    said = [(name, sorted(value) if isinstance(value := facts.get(name), frozenset) else value) for name in roots]
    return hashlib.sha256(msgspec.json.encode(said, order="deterministic")).hexdigest()[:16]


def _places(
    tx: Tx, bench: Bench, people: Sequence[int], owned: Mapping[int, Sequence[Owned]]
) -> dict[int, list[Place]]:
    """For each person one record in each ATS, and their address in each audience where they may be written to."""
    places: dict[int, list[Place]] = {person: [] for person in people}
    candidates = tx.mirror.candidates_of(people)
    for account in bench.accounts.that_take("tags"):
        ids = [id_ for found in candidates.values() for name, id_ in found if name == account.name]
        records = {it.ref.id: (it, at) for it, at in tx.records.with_receipt(account.name, "candidate", ids)}
        for person, found in candidates.items():
            mine = {it.subject for it in owned[person] if it.kind == "tag" and it.account == account.name}
            held = [records[id_] for name, id_ in found if name == account.name and id_ in records]
            # the record that already has our tags; else the one that came last
            chosen = max(held, key=lambda it: (it[0].ref.id in mine, _recent(it[0])), default=None)
            if chosen is not None and isinstance(chosen[0], Candidate):
                tags = frozenset(fold(tag) for tag in chosen[0].tags)
                places[person].append(Place(chosen[0].ref, "tag", tags, chosen[1]))
    audiences = bench.accounts.that_take("pools")
    for person, address in tx.mirror.mailable(people).items() if audiences else ():
        places[person] += [Place(acts.member(it.name, address), "pool", None, None) for it in audiences]
    return places


def _recent(record: AnyRecord) -> str:
    moment = (
        (record.created_at or record.last_activity_at or record.updated_at) if isinstance(record, Candidate) else None
    )
    return (stamp(moment) if moment else "") + record.ref.id
