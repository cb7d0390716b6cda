"""Records → people: who is one person across accounts, and their image in the mirror, built anew when something changed."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import datetime

from connector.acts import OPT_OUT
from connector.applications import Holdings, furthest_stage, named
from connector.clock import stamp
from connector.errors import KeepwarmError
from connector.facts import fold
from connector.flow import Hint
from connector.image import image
from connector.model import AnyRecord, Application, Candidate, Member, Ref, Status, Touch, User
from connector.rules import Evidence
from connector.settings import Words
from connector.store import Sqlite, Tx
from connector.store.ledger import Suppression
from connector.store.mirror import Found, Image

#: One batch of dirty candidates: large enough to share look-ups, small enough not to hold the writer long.
BATCH = 200
_DETAILS = frozenset({"stage_visit", "rejection", "scorecard", "interview", "offer"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Lens:
    """Through what records are looked at: our words, which evidence rules need, and where it must be asked for."""

    words: Words
    shared_address: int = 12
    evidence: Evidence | None = None
    #: Account → kinds of evidence that are fetched per application.
    costly: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def rebuild(store: Sqlite, lens: Lens, *, now: datetime, limit: int = BATCH) -> Counter[str]:
    """Build the people of the next dirty candidates. Empty: nothing is dirty."""
    with store.reading() as tx:
        reworded = lens.words.mark != (words := tx.uses.words())
        if not reworded and not tx.records.dirty(1):
            return Counter()

    def work(tx: Tx) -> Counter[str]:
        if reworded:  # the settings call things by other names than when people were built
            tx.records.soil_everyone()
            tx.uses.put_words(lens.words.mark)
        dirty = tx.records.dirty(limit)
        if not dirty:
            return Counter()
        people = _regroup(tx, dirty, lens)
        built = _build(tx, people, lens, now=now)
        tx.records.clean(dirty)
        return Counter(candidates=len(dirty), people=built, reworded=int(reworded and words != ""))

    return store.write(work)


# who is who


def _regroup(tx: Tx, dirty: Sequence[tuple[str, str]], lens: Lens) -> list[int]:
    """Link the dirty candidates anew; the people that came of it, and those that lost someone."""
    touched: set[int] = set()
    living: dict[tuple[str, str], None] = {}
    lost: list[tuple[int, tuple[str, str]]] = []
    for account, id_ in dirty:
        winner = tx.records.winner(account, "candidate", id_)
        if winner != id_:
            if (before := tx.mirror.person_of(account, id_)) is not None:
                touched.add(before)
                lost.append((before, (account, winner)))
            if isinstance(merged := tx.records.get(Ref(account, "candidate", id_)), Candidate):
                # told of it only after the merge: its addresses are the other's as well
                tx.mirror.link(account, id_, _keys(merged))
            tx.mirror.succeed(account, id_, winner)
            tx.outbox.succeed(account, id_, winner)
            tx.freezes.succeed(account, id_, winner)
            tx.mirror.unassign([(account, id_)])
        record = tx.records.get(Ref(account, "candidate", winner))
        if isinstance(record, Candidate) and not record.anonymised:
            tx.mirror.link(account, winner, _keys(record))
            living[account, winner] = None
        elif (before := tx.mirror.person_of(account, winner)) is not None:
            touched.add(before)
            tx.mirror.unassign([(account, winner)])
            tx.history.forget([(account, winner)])
    done: set[tuple[str, str]] = set()
    # one who left may have been all that joined the others
    waiting = [*living, *(it for other in touched for it in tx.mirror.candidates(other))]
    while waiting:
        if (candidate := waiting.pop()) not in done:
            group = _component(tx, candidate, lens)
            done |= group
            changed = _assign(tx, group)
            touched |= changed
            # whoever shares an id with them, or did until now, may not be linked to the others any more
            waiting.extend(it for other in changed for it in tx.mirror.candidates(other) if it not in done)
    for before, heir in lost:
        touched |= _inherit(tx, before, heir)
    return sorted(touched)


def _inherit(tx: Tx, before: int, heir: tuple[str, str]) -> set[int]:
    """A merge left a person without any record: all that was theirs goes to whoever has the other record."""
    person = tx.mirror.person_of(*heir)
    if person is None or person == before:
        return set()
    tx.mirror.assign([heir], person)
    if not tx.mirror.candidates(before):
        tx.mirror.absorb(person, before)
    return {person}


def _keys(candidate: Candidate) -> list[str]:
    keys = [f"e:{address}" for address in candidate.emails]
    return [*keys, f"g:{candidate.ref.account}:{candidate.group}"] if candidate.group else keys


def _component(tx: Tx, start: tuple[str, str], lens: Lens) -> set[tuple[str, str]]:
    """Everyone reachable through shared keys: the same set from whichever member one starts."""
    found, waiting = {start}, [start]
    while waiting:
        for other in tx.mirror.linked(*waiting.pop(), at_most=lens.shared_address):
            if other not in found:
                found.add(other)
                waiting.append(other)
    return found


def _assign(tx: Tx, group: set[tuple[str, str]]) -> set[int]:
    """Give a group its person: the lowest id any of them had and may keep; and every person this changed."""
    before = {candidate: tx.mirror.person_of(*candidate) for candidate in group}
    held = sorted({person for person in before.values() if person is not None})
    kept = next((person for person in held if _may_keep(tx, person, group)), None)
    person = tx.mirror.new_person() if kept is None else kept
    tx.mirror.assign([candidate for candidate, old in before.items() if old != person], person)
    changed = {person}
    for other in [it for it in held if it != person]:
        if tx.mirror.candidates(other):
            changed.add(other)
        else:
            tx.mirror.absorb(person, other)
    return changed


def _may_keep(tx: Tx, person: int, group: set[tuple[str, str]]) -> bool:
    """When people part, the id stays with the first of their records."""
    return min(tx.mirror.candidates(person)) in group


# what the mirror says of them


def _build(tx: Tx, people: Sequence[int], lens: Lens, *, now: datetime) -> int:
    images: list[Image] = []
    uses: dict[int, frozenset[Ref]] = {}
    for person, held in holdings(tx, people).items():
        if held is None:
            _part(tx, person, now=now)
            continue
        images.append(image(person, held, lens.words))
        uses[person] = named([*held.applications, *(it for found in held.details.values() for it in found)])
        _ask_for_evidence(tx, held, lens, now=now)
        if held.suppressed:
            _spread(tx, person, lens)
    tx.mirror.put(images)
    tx.uses.put(uses)
    tx.mirror.end_consents(now)
    return len(images)


def _spread(tx: Tx, person: int, lens: Lens) -> None:
    """An objection stays with every record and address of whoever made it, should they part later. The stricter stands."""
    addresses = tx.mirror.known_addresses(person)
    identities = identities_of(addresses, records_of(tx, person))
    held = tx.ledger.suppressions(identities)
    said = {it.identity for it in held} | {
        f"e:{it}" for it in tx.mirror.shared(addresses, by_more_than=lens.shared_address)
    }
    tx.ledger.suppress(
        replace(held[0], identity=identity, source="inherited") for identity in identities if identity not in said
    )


def objections(tx: Tx, person: int) -> list[Suppression]:
    """Opt-outs that hold for this person: also those made from an address they had, or on a record that was merged away."""
    return tx.ledger.suppressions(identities_of(tx.mirror.known_addresses(person), records_of(tx, person)))


def records_of(tx: Tx, person: int) -> list[tuple[str, str]]:
    """The candidate records of a person, and those that were merged into them."""
    return [
        (account, known)
        for account, id_ in tx.mirror.candidates(person)
        for known in (id_, *tx.records.loser_ids(account, "candidate", id_))
    ]


def _part(tx: Tx, person: int, *, now: datetime) -> None:
    """No platform knows them any more: nothing more is done to them, and nothing is kept that rules could read."""
    waiting = [queued.row for queued in tx.outbox.of_person(person) if queued.purpose != OPT_OUT]
    tx.outbox.cancel(waiting, why="the person is gone", now=now)
    tx.ledger.part(person)
    tx.erasure.strip(person)
    tx.mirror.remove(person)


def holdings(tx: Tx, people: Sequence[int]) -> dict[int, Holdings | None]:
    refs = {person: tx.mirror.candidates(person) for person in people}
    candidates = _candidates(tx, refs)
    by_parent = _children(tx, refs)
    applications = {
        person: [it for ref in refs[person] for it in by_parent.get(ref, ()) if isinstance(it, Application)]
        for person in people
    }
    details = _details(tx, [it.ref for found in applications.values() for it in found])
    touches = {
        person: [it for ref in refs[person] for it in by_parent.get(ref, ()) if isinstance(it, Touch)]
        for person in people
    }
    reference = _reference(
        tx,
        [*(it for found in applications.values() for it in found), *(it for found in details.values() for it in found)],
    )
    owned = tx.ledger.owned(people)
    our_tags = frozenset((it.account, it.subject, it.key) for it in owned if it.state in ("ours", "adding", "removing"))
    writes = tx.outbox.written(people)
    employees = frozenset(ref for it in tx.records.users() if isinstance(it, User) for ref in it.candidates)
    members = _members(tx, [address for them in candidates.values() for it in them for address in it.emails])
    found: dict[int, Holdings | None] = {}
    for person in people:
        if not candidates[person]:
            found[person] = None
            continue
        addresses = sorted({address for it in candidates[person] for address in it.emails})
        found[person] = Holdings(
            candidates=candidates[person],
            applications=applications[person],
            details={it.ref: details.get(it.ref, ()) for it in applications[person]},
            touches=touches[person],
            members=[member for address in addresses for member in members.get(address, ())],
            reference=reference,
            employees=employees,
            suppressed=bool(objections(tx, person)),
            messaged_at=tx.schedule.last_sent(person),
            our_tags=our_tags,
            our_writes=writes.get(person, ()),
        )
    return found


def _members(tx: Tx, addresses: Iterable[str]) -> dict[str, list[Member]]:
    found: dict[str, list[Member]] = defaultdict(list)
    for it in tx.records.by_address(sorted(set(addresses))):
        if isinstance(it, Member):
            found[it.email].append(it)
    return found


def identities_of(addresses: Iterable[str], candidates: Iterable[tuple[str, str]]) -> list[str]:
    """Everything an opt-out of this person may be held against."""
    return [f"e:{address}" for address in addresses] + [f"c:{account}:{id_}" for account, id_ in candidates]


def _candidates(tx: Tx, refs: Mapping[int, Sequence[tuple[str, str]]]) -> dict[int, list[Candidate]]:
    by_account: dict[str, list[str]] = defaultdict(list)
    for found in refs.values():
        for account, id_ in found:
            by_account[account].append(id_)
    records = {
        (account, id_): it
        for account, ids in by_account.items()
        for id_, it in tx.records.get_many(account, "candidate", ids).items()
    }
    return {
        person: [it for ref in found if isinstance(it := records.get(ref), Candidate) and not it.anonymised]
        for person, found in refs.items()
    }


def _children(tx: Tx, refs: Mapping[int, Sequence[tuple[str, str]]]) -> dict[tuple[str, str], list[AnyRecord]]:
    """What belongs to these candidates, and to those that were merged into them."""
    by_account: dict[str, dict[str, str]] = defaultdict(dict)
    for found in refs.values():
        for account, id_ in found:
            for known in (id_, *tx.records.loser_ids(account, "candidate", id_)):
                by_account[account][known] = id_
    children: dict[tuple[str, str], list[AnyRecord]] = defaultdict(list)
    for account, owners in by_account.items():
        for it in tx.records.children(account, [f"candidate:{id_}" for id_ in owners]):
            candidate = getattr(it, "candidate", None)
            if isinstance(candidate, Ref):
                children[account, owners[candidate.id]].append(it)
    return children


def _details(tx: Tx, applications: Sequence[Ref]) -> dict[Ref, list[AnyRecord]]:
    by_account: dict[str, list[str]] = defaultdict(list)
    for ref in applications:
        by_account[ref.account].append(f"application:{ref.id}")
    found: dict[Ref, list[AnyRecord]] = defaultdict(list)
    for account, parents in by_account.items():
        for it in tx.records.children(account, parents):
            application = getattr(it, "application", None)
            if it.ref.kind in _DETAILS and isinstance(application, Ref):
                found[application].append(it)
    return found


def _reference(tx: Tx, records: Iterable[AnyRecord]) -> dict[Ref, AnyRecord]:
    """The reference data that these records name, and what that names in turn."""
    found: dict[Ref, AnyRecord] = {}
    asked: Set[Ref] = named(records)
    while asked:
        by_kind: dict[tuple[str, str], list[str]] = defaultdict(list)
        for ref in asked:
            by_kind[ref.account, ref.kind].append(ref.id)
        new = {
            it.ref: it
            for (account, kind), ids in by_kind.items()
            for it in tx.records.get_many(account, kind, ids).values()
        }
        found |= new
        places = {
            ref
            for it in new.values()
            for ref in (getattr(it, "department", None), *getattr(it, "offices", ()))
            if isinstance(ref, Ref)
        }
        asked = places - found.keys()
    return found


def _ask_for_evidence(tx: Tx, held: Holdings, lens: Lens, *, now: datetime) -> None:
    """Hint at the costly children of an application, once a version, where a rule could need them."""
    need = lens.evidence
    if need is None or not need.needed:
        return
    ladder = [fold(stage) for stage in lens.words.vocabulary.stages]
    for it in held.applications:
        kinds = lens.costly.get(it.ref.account, ())
        if not kinds or it.status is Status.ACTIVE or it.prospect:
            continue
        stage, _ = furthest_stage(it, held.details.get(it.ref, ()), held.reference, lens.words)
        if need.stage is not None and (stage is None or ladder.index(stage) < ladder.index(need.stage)):
            continue
        version = stamp(it.updated_at) if it.updated_at else ""
        if tx.inbox.want(it.ref.account, it.ref.id, version):
            tx.inbox.hint([Hint(Ref(it.ref.account, kind, it.ref.id), "evidence") for kind in kinds], due_at=now)


# asking for one of them


class Nobody(KeepwarmError):
    """Nobody matches that. Try `keepwarm people find` with a name, a skill or a place."""


def find(tx: Tx, words: str, *, limit: int = 20) -> list[Found]:
    """By number, address, platform id (account/candidate/id) or words."""
    asked = words.strip()
    people: list[int] = []
    if asked.isdecimal() and len(asked) < 19:
        people = [int(asked)]
    elif "@" in asked:
        people = tx.mirror.by_address(asked.lower())
    elif asked.count("/") == 2:
        account, _, id_ = asked.split("/")
        person = tx.mirror.person_of(account, id_)
        people = [person] if person is not None else []
    found = [profile for person in people if (profile := tx.mirror.profile(person))]
    return found or tx.mirror.find(asked, limit=limit)


def one(tx: Tx, words: str) -> Found:
    """The person meant, or Nobody with what to do."""
    found = find(tx, words, limit=6)
    if not found:
        raise Nobody
    exact = [it for it in found if it.name.casefold() == words.strip().casefold()]
    if len(found) > 1 and len(exact) != 1:
        listed = "\n".join(f"  {it.person}  {it.name}  {it.region or ''}" for it in found)
        raise Nobody(f"`{words}` could be several people; say which by number:\n{listed}")
    return exact[0] if len(exact) == 1 else found[0]
