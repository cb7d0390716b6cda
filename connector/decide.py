"""People whose facts changed → decisions, and the actions they ask for, in one transaction."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec

from connector import acts
from connector.accounts import Accounts
from connector.clock import stamp, unstamp
from connector.court import Court, Facts, Heard
from connector.diff import Change, Place, Situation, by_rule, diff
from connector.facts import fold
from connector.flow import Verb
from connector.model import Candidate, Member, MemberStatus, Ref
from connector.rules import Rule, edges, explain, touched
from connector.settings import Settings
from connector.store import Sqlite, Tx
from connector.store.ledger import Decided, Owned, Standing
from connector.store.outbox import Queued

BATCH = 50
#: A rule's limit counts what it asked for in so long a time.
DAY = timedelta(days=1)
#: A deleted rule's tags are kept so long, in case it was only moved.
GRACE = timedelta(days=7)


class ClockWentBack(Exception):
    """The clock went backwards: nothing that depends on time is decided until it is right again."""


@dataclass(frozen=True, slots=True)
class Bench:
    """What a decision needs beside the store. One per run; a reload makes a new one."""

    court: Court
    accounts: Accounts
    settings: Settings

    @property
    def rules(self) -> Sequence[Rule]:
        return self.court.rules.rules


def tick(store: Sqlite, bench: Bench, *, now: datetime) -> int:
    """Mark everyone whom the clock alone may concern since the last tick; how many. A late tick looks further back."""

    def work(tx: Tx) -> int:
        mark = tx.schedule.mark("", "clock")
        tx.schedule.arrive("", "clock", until=now, complete=False, now=now)
        ended = tx.mirror.end_consents(now)
        if mark.until is None:
            return ended
        if now < mark.until - timedelta(minutes=5):
            raise ClockWentBack
        before = min(mark.until, now)
        found: set[int] = set()
        for query in touched(edges(bench.court.rules), before, now, bench.court.zone):
            found |= {next(iter(row.values())) for row in tx.rows(query.text, query.params)}
        found |= _waited(tx, bench, before, now)
        found |= set(tx.schedule.woken(now))
        tx.mirror.judge(found)
        return len(found) + ended

    return store.write(work)


def _waited(tx: Tx, bench: Bench, before: datetime, now: datetime) -> set[int]:
    """People for whom a `settle` or `linger` ended meanwhile."""
    found: set[int] = set()
    for rule in bench.court.rules.standing:
        for span, answer in ((rule.settle, True), (rule.linger, False)):
            if span is not None:
                since, until = span.before(before, bench.court.zone), span.before(now, bench.court.zone)
                found |= set(tx.ledger.stood(rule.name, answer, since - DAY, until))
    return found


def judge_waiting(store: Sqlite, bench: Bench, *, now: datetime, limit: int = BATCH) -> Counter[str]:
    """Judge the next people whose facts changed. Empty: nobody waits."""

    def work(tx: Tx) -> Counter[str]:
        people = tx.mirror.to_judge(limit)
        if not people:
            return Counter()
        counts = settle(tx, bench, people, now=now)
        tx.mirror.judged(people)
        return counts + Counter(judged=len(people))

    return store.write(work)


def settle(tx: Tx, bench: Bench, people: Sequence[int], *, now: datetime, plan: str | None = None) -> Counter[str]:
    """Bring these people's tags and pools in line with the rules that act. A plan that was applied has no limits."""
    facts = tx.mirror.facts_of(people)
    standing = _by_person(tx.ledger.standing(people))
    heard = {p: bench.court.hear_all(facts[p], standing.get(p, {}), now=now) for p in facts}
    _remember(tx, heard, standing)
    changes = [it for situation in situations(tx, bench, facts, heard) for it in _diff(tx, bench, situation, now=now)]
    stopped = set() if plan else over_limit(tx, bench, changes, now=now)
    counts = Counter(f"stopped:{rule}" for rule in stopped)
    counts += write(tx, bench, [it for it in changes if it.rule not in stopped], facts, heard, now=now, plan=plan)
    counts["opt_outs"] += opt_outs(tx, bench, facts, heard, now=now)
    return +counts


def _by_person(standing: Mapping[tuple[str, int], Standing]) -> dict[int, dict[str, Standing]]:
    found: dict[int, dict[str, Standing]] = defaultdict(dict)
    for (rule, person), it in standing.items():
        found[person][rule] = it
    return found


def _remember(tx: Tx, heard: Mapping[int, Mapping[str, Heard]], before: Mapping[int, Mapping[str, Standing]]) -> None:
    stands, ends = [], []
    for person, said in heard.items():
        for rule, it in said.items():
            old = before.get(person, {}).get(rule)
            if it.stand is not None and it.stand != old:
                stands.append((rule, person, it.stand.answer, it.stand.since))
            elif it.stand is None and old is not None:
                ends.append((rule, person))
    tx.ledger.stand(stands)
    tx.ledger.unstand(ends)


def situations(
    tx: Tx, bench: Bench, facts: Mapping[int, Facts], heard: Mapping[int, Mapping[str, Heard]]
) -> Iterable[Situation]:
    """Each person with where they stand on the platforms and what of it is ours."""
    people = list(facts)
    owned: dict[int, list[Owned]] = defaultdict(list)
    for row in tx.ledger.owned(people):
        owned[row.person].append(row)
    vetoes: dict[int, dict[tuple[str, str], str]] = defaultdict(dict)
    for (person, what, key), hash_ in tx.ledger.vetoes(people).items():
        vetoes[person][what, key] = hash_
    activations = tx.ledger.activations()
    for person in people:
        yield Situation(
            person=person,
            places=_places(tx, bench, person, facts[person], owned[person]),
            owned=owned[person],
            heard=heard[person],
            acting={rule.name for rule in bench.rules if bench.court.acts(rule, activations, person)},
            vetoes=vetoes[person],
            facts_hash=_hasher(bench, facts[person]),
        )


def _hasher(bench: Bench, facts: Facts) -> Callable[[str], str]:
    reads = {rule.name: rule.reads for rule in bench.rules}

    def hash_of(rule: str) -> str:
        roots = sorted({name if name in facts else f"{name.partition('.')[0]}s" for name in reads.get(rule, ())})
        said = [
            (name, sorted(facts[name]) if isinstance(facts.get(name), frozenset) else facts.get(name)) for name in roots
        ]
        return hashlib.sha256(msgspec.json.encode(said, order="deterministic")).hexdigest()[:16]

    return hash_of


def _places(tx: Tx, bench: Bench, person: int, facts: Facts, owned: Sequence[Owned]) -> list[Place]:
    places: list[Place] = []
    mine = {(it.account, it.subject) for it in owned if it.kind == "tag"}
    by_account: dict[str, list[str]] = defaultdict(list)
    for name, id_ in tx.mirror.candidates(person):
        by_account[name].append(id_)
    for account in bench.accounts.that_take("tags"):
        records = tx.records.with_receipt(account.name, "candidate", by_account.get(account.name, []))
        found = [(it, at) for it, at in records if isinstance(it, Candidate)]
        # the record that already has our tags; else the one that last did something
        chosen = max(found, key=lambda it: ((account.name, it[0].ref.id) in mine, _recent(it[0])), default=None)
        if chosen is not None:
            tags = frozenset(fold(tag) for tag in chosen[0].tags)
            places.append(Place(chosen[0].ref, "tag", tags, chosen[1]))
    if facts.get("unsubscribed") is False and facts.get("consent.email") is True:
        found_person = tx.mirror.profile(person)
        address = found_person.email if found_person else None
        if address:
            places += [
                Place(Ref(it.name, "member", address), "pool", None, None) for it in bench.accounts.that_take("pools")
            ]
    return places


def _recent(candidate: Candidate) -> str:
    moment = candidate.created_at or candidate.last_activity_at or candidate.updated_at
    return (stamp(moment) if moment else "") + candidate.ref.id


def _diff(tx: Tx, bench: Bench, situation: Situation, *, now: datetime) -> list[Change]:
    gone = tx.ledger.missing([rule.name for rule in bench.rules], now=now)
    removable = {rule for rule, since in gone.items() if now - since >= GRACE}
    return diff(situation, bench.rules, released=(), removable=removable)


def over_limit(tx: Tx, bench: Bench, changes: Sequence[Change], *, now: datetime) -> set[str]:
    """Rules that would change too much at once: nothing of them is written until a person looked at a plan."""
    owned = Counter[str]()
    for (rule, _), count in tx.ledger.owned_counts().items():
        owned[rule] += count
    stopped = set()
    kinds = (("add", Verb.ADD_TAG, bench.settings.add), ("remove", Verb.REMOVE_TAG, bench.settings.remove))
    for kind, verb, limit in kinds:
        for rule, count in by_rule(changes, kind).items():  # type: ignore[arg-type]
            done = tx.outbox.changed_since(rule, [verb], now - DAY)
            if done + count > max(limit.always, owned[rule] * limit.share):
                stopped.add(rule)
    return stopped


def write(
    tx: Tx,
    bench: Bench,
    changes: Sequence[Change],
    facts: Mapping[int, Facts],
    heard: Mapping[int, Mapping[str, Heard]],
    *,
    now: datetime,
    plan: str | None,
) -> Counter[str]:
    """Ledger, decisions and actions of these changes, together."""
    counts: Counter[str] = Counter()
    queued: list[Queued] = []
    for change in changes:
        counts[change.kind] += change.kind != "keep"
        it = change.owned
        where = (change.subject.account, change.subject.id, change.what, change.key)
        if change.kind in ("add", "adopt", "share"):
            tx.ledger.own([_owned(bench, change, now=now)])
        elif change.kind == "remove" and it is not None:
            tx.ledger.own([_row(it, state="removing")])
        elif change.kind == "disown":
            tx.ledger.disown(*where)
        elif change.kind == "veto":
            hash_ = _hasher(bench, facts[change.person])(change.rule)
            tx.ledger.veto(
                change.person, change.what, fold(change.key), by=change.subject.account, now=now, facts=hash_
            )
            tx.ledger.disown(*where)
        if change.kind in ("add", "remove"):
            queued += _actions(tx, bench, change, facts[change.person], heard[change.person], now=now, plan=plan)
    tx.outbox.put(queued, now=now)
    return counts


def _owned(bench: Bench, change: Change, *, now: datetime) -> Owned:
    before = change.owned
    fresh = before is None or before.state == "removing"
    state = ("theirs" if change.kind == "adopt" else "adding") if fresh else before.state  # type: ignore[union-attr]
    hash_ = next((rule.hash for rule in bench.rules if rule.name == change.rule), "")
    return Owned(
        account=change.subject.account,
        subject=change.subject.id,
        kind=change.what,
        key=change.key,
        person=change.person,
        rules=change.rules,
        state=state,
        rule_hash=hash_,
        added_at=now if fresh or before is None else before.added_at,
    )


def _row(row: Owned, *, state: str) -> Owned:
    return Owned(
        account=row.account, subject=row.subject, kind=row.kind, key=row.key, person=row.person, rules=row.rules,
        state=state, rule_hash=row.rule_hash, added_at=row.added_at, receipt=row.receipt,
    )  # fmt: skip


def _actions(
    tx: Tx, bench: Bench, change: Change, facts: Facts, heard: Mapping[str, Heard], *, now: datetime, plan: str | None
) -> list[Queued]:
    """The act itself; before it the member it needs, after it the note that says why."""
    rule = next((it for it in bench.rules if it.name == change.rule), None)
    occasion = f"{change.kind}:{stamp(now)}"
    account, subject = change.subject.account, change.subject
    line = _because(bench, rule, facts, heard, now=now) if rule else "the rule was deleted"
    tx.ledger.decide([_decided(bench, change, rule, occasion, line, now=now, plan=plan)])
    if change.kind == "remove":
        row = change.owned.receipt if change.owned else None
        return [
            acts.remove_tag(
                account,
                subject,
                change.key,
                occasion=occasion,
                rule=change.rule,
                person=change.person,
                due_at=now,
                row=row,
            )
        ]
    made: list[Queued] = []
    if change.what == "pool":
        member = member_of(tx, account, subject.id, change.person, rule=change.rule, now=now)
        made.append(member)
    tag = acts.add_tag(
        account, subject, change.key, occasion=occasion, rule=change.rule, person=change.person, due_at=now,
        purpose=acts.MEMBER if change.what == "pool" else acts.KEEP, after=made[0].action.key if made else None,
    )  # fmt: skip
    made.append(tag)
    if change.what == "tag" and bench.settings.notes and bench.accounts[account].takes("notes") and rule:
        text = f"Keepwarm added the tag {change.key} (rule {rule.name}). {rule.why} Seen: {line}"
        made.append(
            acts.add_note(account, subject, text, occasion=occasion, rule=rule.name, person=change.person, due_at=now)
        )
    return made


def member_of(
    tx: Tx, account: str, address: str, person: int, *, rule: str, now: datetime, purpose: str = acts.MEMBER
) -> Queued:
    """The member that a pool or a message needs. Only their first name goes along: nothing private leaves."""
    first_name = tx.mirror.first_name(person)
    fields = {"first_name": first_name} if first_name else {}
    return acts.upsert_member(account, address, fields, rule=rule, person=person, due_at=now, purpose=purpose)


def _because(bench: Bench, rule: Rule, facts: Facts, heard: Mapping[str, Heard], *, now: datetime) -> str:
    """The deciding line and what was seen, in plain words."""
    answers = {name: said.effective for name, said in heard.items() if said.effective is not False}
    why = explain(rule, facts, bench.court.context(now, answers=answers))
    return why.deciding


def _decided(
    bench: Bench, change: Change, rule: Rule | None, occasion: str, line: str, *, now: datetime, plan: str | None
) -> Decided:
    return Decided(
        rule=change.rule,
        person=change.person,
        occasion=f"{occasion}:{change.subject.account}:{change.what}:{change.key}",
        rule_hash=rule.hash if rule else "",
        set_hash=bench.court.rules.hash,
        clock=now,
        answer=change.kind == "add",
        line=line,
        mode="live",
        plan=plan,
    )


def opt_outs(
    tx: Tx, bench: Bench, facts: Mapping[int, Facts], heard: Mapping[int, Mapping[str, Heard]], *, now: datetime
) -> int:
    """An objection from anywhere is written to every audience that still holds the person as mailable."""
    activations = tx.ledger.activations()
    off = [rule for rule in bench.rules if rule.keep and rule.keep.subscription is False]
    queued: list[Queued] = []
    for person, known in facts.items():
        why = "opt-out" if known.get("unsubscribed") else None
        for rule in off:
            said = heard[person].get(rule.name)
            if said and said.effective and said.answer and bench.court.acts(rule, activations, person):
                why = why or rule.name
        if why is None:
            continue
        for it in tx.records.by_address(tx.mirror.addresses(person)):
            account = bench.accounts.get(it.ref.account)
            if not isinstance(it, Member) or account is None or not account.can(Verb.SUPPRESS_MEMBER):
                continue
            if it.status in (MemberStatus.SUBSCRIBED, MemberStatus.PENDING):
                occasion = stamp(it.updated_at) if it.updated_at else ""
                queued.append(
                    acts.suppress_member(account.name, it.email, occasion=occasion, rule=why, person=person, due_at=now)
                )
    return tx.outbox.put(queued, now=now)


def at(text: str | None) -> datetime | None:
    return unstamp(text) if text else None


def counts_of(changes: Sequence[Change]) -> dict[str, Any]:
    return {kind: by_rule(changes, kind) for kind in ("add", "remove", "adopt", "veto")}
