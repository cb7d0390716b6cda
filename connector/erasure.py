"""One person, taken out on request: all that is held of them now, and whatever platforms tell of them again (`barred`).

What remains are keyed hashes of who objected and who is not to be taken in again, and a row that says who did it, when, why and
how much it was, and not of whom.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import msgspec

from connector import barred
from connector import people as people_
from connector.accounts import Accounts
from connector.acts import keys
from connector.decide import may_be_mailed
from connector.errors import KeepwarmError
from connector.model import Candidate, Ref
from connector.plan import Plan
from connector.store import Sqlite, Tx
from connector.store.ledger import Suppression


class NotErased(KeepwarmError):
    """This person is not erased; nothing of theirs was touched."""


class ByHand(msgspec.Struct, frozen=True, kw_only=True):
    """What stands on a platform, where only a person can take it out."""

    account: str
    what: str
    id: str
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prospect:
    """What an erasure would do, before it is done."""

    person: int
    name: str
    #: What is held, by kind.
    held: Counter[str]
    #: Audiences that hold them as mailable and will be told to stop.
    told: tuple[str, ...]
    by_hand: tuple[ByHand, ...]


def foresee(tx: Tx, accounts: Accounts, person: int, *, shared_address: int) -> Prospect:
    """Raises NotErased where somebody has to say something first."""
    profile = tx.mirror.profile(person)
    if profile is None:
        raise NotErased(f"there is no person {person}; `keepwarm people find` looks for one")
    if held := tx.freezes.of(person):
        raise NotErased(
            f"person {person} is frozen since {held.since:%Y-%m-%d} ({held.reason}), and what is frozen is kept;"
            f" `keepwarm people unfreeze {person}` first, if that is over"
        )
    addresses = _addresses(tx, person, shared_address)
    family = tx.erasure.family(tx.mirror.candidates(person))
    kinds = Counter(it.kind for it in family) + Counter(it.ref.kind for it in tx.records.by_address(addresses))
    others = Counter(
        messages=len(tx.schedule.messages(person)),
        decisions=len(tx.ledger.decisions(person, limit=100_000)),
        acts=len(tx.outbox.of_person(person)),
    )
    return Prospect(
        person=person,
        name=profile.name,
        held=kinds + others,
        told=tuple(sorted({it.ref.account for it in may_be_mailed(tx, accounts, addresses)})),
        by_hand=tuple(_by_hand(tx, person, addresses)),
    )


def _by_hand(tx: Tx, person: int, addresses: Sequence[str]) -> list[ByHand]:
    found = []
    for account, id_ in tx.mirror.candidates(person):
        record = tx.records.get(Ref(account, "candidate", id_))
        url = record.url or "" if isinstance(record, Candidate) else ""
        found.append(ByHand(account=account, what="delete or anonymise the candidate", id=id_, url=url))
    for it in tx.records.by_address(addresses):
        if it.ref.kind == "member":
            found.append(ByHand(account=it.ref.account, what="delete the contact for good", id=it.ref.id))
    return found


def erase(
    store: Sqlite, accounts: Accounts, person: int, *, shared_address: int, plans: Path, by: str, reason: str, now: datetime
) -> tuple[int, Counter[str]]:  # fmt: skip
    """All of it in one transaction; the number of the row that tells of it, and what went. Opt-outs are left to be sent."""

    def work(tx: Tx) -> tuple[int, Counter[str]]:
        name = foresee(tx, accounts, person, shared_address=shared_address).name
        _check_reason(reason, name)
        addresses = _addresses(tx, person, shared_address)
        candidates = people_.records_of(tx, person)
        erasure = tx.erasure.note(by=by, reason=reason, now=now)
        identities = people_.identities_of(addresses, candidates)
        tx.ledger.suppress(
            Suppression(
                identity=it, scope="everything", source="erasure", reason="was erased on request", learnt_at=now
            )
            for it in identities
        )
        mailed = [barred.opt_out(it, now=now) for it in may_be_mailed(tx, accounts, addresses)]
        counts = Counter({"opt-outs": tx.outbox.put(mailed, now=now)})
        tx.erasure.shred_when_over(keys(mailed), erasure)
        tx.erasure.bar(identities, erasure)
        refs = [Ref(account, "candidate", id_) for account, id_ in candidates]
        counts += barred.forget(tx, refs, addresses, erasure=erasure, now=now)
        tx.erasure.tell(erasure, counts)
        return erasure, +counts

    erasure, counts = store.write(work)
    counts["plan samples"] = strike(plans, person)
    return erasure, +counts


def _addresses(tx: Tx, person: int, shared_address: int) -> list[str]:
    """Theirs, also former ones; not an agency's, which is many people's."""
    known = tx.mirror.known_addresses(person)
    return [it for it in known if it not in tx.mirror.shared(known, by_more_than=shared_address)]


def _check_reason(reason: str, name: str) -> None:
    """It stays for good, so it may not say who."""
    words = {word.casefold() for word in name.split() if len(word) > 2}
    if "@" in reason or words & {word.strip(".,:;()'\"").casefold() for word in reason.split()}:
        raise NotErased(
            "--reason stays after the erasure, so it may hold no name and no address; say it without, or give a ticket"
        )


def strike(folder: Path, person: int) -> int:
    """Take their samples out of plans that wait; how many."""
    struck = 0
    for path in sorted(folder.glob("*")):
        if not path.is_file() or not path.name.startswith("p") or path.suffix not in (".json", ".started"):
            continue
        try:
            plan = msgspec.json.decode(path.read_bytes(), type=Plan)
        except msgspec.DecodeError:  # a mark that somebody began to apply it holds something else
            continue
        rules = tuple(
            msgspec.structs.replace(rule, samples=tuple(it for it in rule.samples if it.person != person))
            for rule in plan.rules
        )
        lost = sum(len(rule.samples) for rule in plan.rules) - sum(len(rule.samples) for rule in rules)
        if lost:
            half = path.with_suffix(".part")
            half.write_bytes(
                msgspec.json.format(msgspec.json.encode(msgspec.structs.replace(plan, rules=rules)), indent=1)
            )
            half.replace(path)
        struck += lost
    return struck


__all__ = ["ByHand", "NotErased", "Prospect", "erase", "foresee", "strike"]
