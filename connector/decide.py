"""People whose facts changed → decisions, and the actions they ask for, in one transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from connector import acts, doubts
from connector.accounts import Accounts
from connector.clock import stamp
from connector.court import Bench, Facts, Heard
from connector.diff import Change, Wishes, by_rule, diff
from connector.errors import KeepwarmError
from connector.facts import fold
from connector.flow import Verb
from connector.limits import OVER, over_limit
from connector.model import Member, MemberStatus
from connector.rules import Rule, edges, explain, touched
from connector.situations import acting, deleted_for_good, facts_hash, situations
from connector.store import Sqlite, Tx
from connector.store.ledger import Decided, Owned
from connector.store.outbox import Queued

BATCH = 50
#: A rule's limit counts what it asked for in so long a time.
DAY = timedelta(days=1)
#: A clock that is put right by less goes on being trusted.
BACK = timedelta(minutes=5)


class ClockWentBack(KeepwarmError):
    """The clock went backwards: nothing that depends on time is decided until it is right again."""


def tick(store: Sqlite, bench: Bench, *, now: datetime) -> int:
    """Mark everyone whom the clock alone may concern since the last tick; how many. A late tick looks further back."""

    def work(tx: Tx) -> int:
        mark = tx.schedule.mark("", "clock")
        tx.schedule.arrive("", "clock", until=now, complete=False, now=now)
        ended = tx.mirror.end_consents(now)
        doubts.answer(tx, now=now)
        if mark.until is None:
            return ended
        if now < mark.until - BACK:
            raise ClockWentBack
        tx.ledger.missing([rule.name for rule in bench.rules], now=now)
        _uncover(tx, bench)
        before = min(mark.until, now)
        found: set[int] = set()
        for query in touched(edges(bench.court.rules), before, now, bench.court.zone):
            found |= {next(iter(row.values())) for row in tx.rows(query.text, query.params)}
        found |= _waited(tx, bench, before, now)
        found |= set(tx.schedule.woken(now))
        tx.mirror.judge(found)
        return len(found) + ended

    return store.write(work)


def _uncover(tx: Tx, bench: Bench) -> None:
    """A rule that is not in force in the version by which everybody was judged is not known of everybody any more."""
    covered, hashes = tx.assent.covered(), {rule.name: rule.hash for rule in bench.court.rules.standing}
    still = {name: it for name, it in covered.items() if it.startswith(hashes.get(name) or " ")}
    if len(still) < len(covered):
        tx.assent.cover(still)


def _waited(tx: Tx, bench: Bench, before: datetime, now: datetime) -> set[int]:
    """People for whom a `settle` or `linger` ended meanwhile."""
    found: set[int] = set()
    for rule in bench.court.rules.standing:
        for span, answer in ((rule.settle, True), (rule.linger, False)):
            if span is not None:
                since, until = span.before(before, bench.court.zone), span.before(now, bench.court.zone)
                found |= set(tx.ledger.stood(rule.name, answer, since - DAY, until))
    return found


def settle(
    tx: Tx,
    bench: Bench,
    facts: Mapping[int, Facts],
    heard: Mapping[int, Mapping[str, Heard]],
    *,
    now: datetime,
    plan: str | None = None,
) -> Counter[str]:
    """Bring these people's tags and pools in line with the rules that act. A plan that a person applied has no limits."""
    found = situations(tx, bench, heard, acting(tx, bench))
    removable = deleted_for_good(tx, bench, now=now)
    wishes = Wishes(bench.rules)
    changes = [change for it in found for change in diff(it, wishes, removable=removable)]
    changes = doubts.sift(tx, bench.settings, changes, facts, now=now)
    asked = by_rule(changes)
    stopped = set() if plan else over_limit(tx, bench.rules, bench.settings, asked, now=now)
    counts = Counter({f"stopped:{rule}": 1 for rule in stopped})
    for rule in stopped:
        tx.assent.ask(rule, OVER, asked[rule]["add"] + asked[rule]["remove"], now=now)
    counts += write(tx, bench, [it for it in changes if it.rule not in stopped], facts, heard, now=now, plan=plan)
    counts["opt_outs"] += opt_outs(tx, bench, facts, heard, now=now)
    return +counts


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
    wishes = Wishes(bench.rules)
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
            # whoever else keeps the same: their wish is vetoed too
            keepers = wishes.keepers.get((change.what, fold(change.key)), []) or list(change.rules)
            read = {rule: facts_hash(tx, bench, rule, change.person) for rule in keepers}
            tx.ledger.veto(change.person, change.what, fold(change.key), by=change.subject.account, now=now, facts=read)
            tx.ledger.disown(*where)
        if change.kind in ("add", "remove"):
            queued += _actions(tx, bench, change, facts[change.person], heard[change.person], now=now, plan=plan)
    tx.outbox.put(queued, now=now, plan=plan)
    return counts


def _owned(bench: Bench, change: Change, *, now: datetime) -> Owned:
    before = None if change.owned is None or change.owned.state == "removing" else change.owned
    adopts = change.kind == "adopt" and any(rule.adopt for rule in bench.rules if rule.name in change.rules)
    fresh = "ours" if adopts else "theirs" if change.kind == "adopt" else "adding"
    state = before.state if before and not adopts else fresh
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
        added_at=before.added_at if before else now,
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
        note = acts.add_note(
            account, subject, text, occasion=occasion, rule=rule.name, person=change.person, due_at=now,
            after=tag.action.key,
        )  # fmt: skip
        made.append(note)
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
    """An objection from anywhere is written to every audience that still holds the person as mailable.

    Not before a person applied a first plan: what settings make of a platform's flags is to be seen once beforehand."""
    activations = tx.ledger.activations()
    if not activations:
        return 0
    off = [rule for rule in bench.rules if rule.keep and rule.keep.subscription is False]
    queued: list[Queued] = []
    for person, known in facts.items():
        why = "opt-out" if known.get("unsubscribed") else None
        for rule in off:
            said = heard[person].get(rule.name)
            if said and said.effective and said.answer and bench.court.acts(rule, activations, person):
                why = why or rule.name
        for it in still_mailable(tx, bench, person) if why else ():
            queued.append(opt_out(it, rule=why or "", person=person, due_at=now))
    return tx.outbox.put(queued, now=now)


def opt_out(held: Member, *, rule: str, person: int | None, due_at: datetime) -> Queued:
    """Write an objection to the audience that holds this member: once for each state it is found in."""
    occasion = stamp(held.updated_at) if held.updated_at else ""
    return acts.suppress_member(
        held.ref.account, held.email, occasion=occasion, rule=rule, person=person, due_at=due_at
    )


def still_mailable(tx: Tx, bench: Bench, person: int) -> list[Member]:
    """Where audiences hold an address of theirs, also a former one, as one that may be mailed."""
    return may_be_mailed(tx, bench.accounts, tx.mirror.known_addresses(person))


def may_be_mailed(tx: Tx, accounts: Accounts, addresses: Sequence[str]) -> list[Member]:
    """What audiences that can be told of an objection hold of these addresses as somebody to mail."""
    return [
        it
        for it in tx.records.by_address(addresses)
        if isinstance(it, Member)
        and it.status in (MemberStatus.SUBSCRIBED, MemberStatus.PENDING)
        and (account := accounts.get(it.ref.account)) is not None
        and account.can(Verb.SUPPRESS_MEMBER)
    ]
