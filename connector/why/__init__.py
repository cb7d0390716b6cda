"""Everything there is to say about one person: what every rule says and why, what holds messages back, what is ours on
their records, what they got and what they will get. Words for a terminal or a page; nothing is stored."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime

import msgspec

from connector import occasions
from connector.cadence import SPENT, Desk, next_piece
from connector.quality.wording import Book
from connector.rules import Cadence
from connector.store import Tx
from connector.store.ledger import Veto
from connector.why.answers import Asked, Node, Said
from connector.why.origin import Origin, Origins
from connector.why.stops import Check, OptOut, checks, opt_outs


class Ours(msgspec.Struct, frozen=True, kw_only=True):
    """A tag or pool that we put on a record. `state`: ours, theirs (was there first), adding, removing."""

    account: str
    kind: str
    key: str
    state: str
    rules: tuple[str, ...]
    since: datetime


class TakenOff(msgspec.Struct, frozen=True, kw_only=True):
    kind: str
    key: str
    by: str
    at: datetime


class Series(msgspec.Struct, frozen=True, kw_only=True):
    """Where they stand in a cadence, and what comes next."""

    cadence: str
    state: str
    joined_at: datetime
    next_at: datetime | None = None
    #: What would go then, as things stand.
    template: str = ""
    #: Why then, or why no more.
    why: str = ""
    checks: tuple[Check, ...] = ()


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    cadence: str
    template: str
    state: str
    due_at: datetime
    sent_at: datetime | None = None
    why: str = ""


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    rule: str
    at: datetime
    answer: bool | None
    line: str
    mode: str
    rule_hash: str
    set_hash: str
    plan: str | None = None


class Told(msgspec.Struct, frozen=True, kw_only=True):
    person: int
    name: str
    #: account/id of every record that is theirs.
    known_to: tuple[str, ...]
    #: Records that were merged into those.
    merged: tuple[str, ...] = ()
    at: datetime
    set_hash: str
    rules: tuple[Said, ...]
    #: What the guard would ask before a marketing message now.
    checks: tuple[Check, ...]
    opt_outs: tuple[OptOut, ...] = ()
    ours: tuple[Ours, ...] = ()
    taken_off: tuple[TakenOff, ...] = ()
    series: tuple[Series, ...] = ()
    messages: tuple[Letter, ...] = ()
    decisions: tuple[Decision, ...] = ()
    #: Rules that say yes and wait for somebody's word, with what for.
    waiting: tuple[str, ...] = ()


def tell(
    tx: Tx, desk: Desk, person: int, *, now: datetime, book: Book | None = None, only: Collection[str] | None = None
) -> Told:
    """`only`: these rules; None: all. `book`: the settings file, to point at lines of it."""
    bench = desk.bench
    facts = tx.mirror.facts_of([person])[person]
    standing = occasions.standing_of(tx, [person])[person]
    heard = bench.court.hear_all(facts, standing, now=now)
    answers = {name: said.effective for name, said in heard.items() if said.effective is not False}
    asked = Asked(
        bench=bench, person=person, facts=facts, standing=standing, heard=heard, activations=tx.ledger.activations(),
        context=bench.court.context(now, answers=answers), words=bench.settings.words, book=book, now=now,
        origins=Origins(tx, person, bench.settings.words),
    )  # fmt: skip
    said = tuple(asked.answer(it) for it in bench.court.rules.entries if only is None or it.name in only)
    profile = tx.mirror.profile(person)
    candidates = tx.mirror.candidates(person)
    return Told(
        person=person,
        name=profile.name if profile else "",
        known_to=tuple(f"{account}/{id_}" for account, id_ in candidates),
        merged=tuple(f"{a}/{lost}" for a, id_ in candidates for lost in tx.records.loser_ids(a, "candidate", id_)),
        at=now,
        set_hash=bench.court.rules.hash,
        rules=said,
        checks=tuple(checks(tx, desk, person, facts, cadence="", now=now)),
        opt_outs=opt_outs(tx, person),
        ours=tuple(_ours(tx, person)),
        taken_off=tuple(_taken_off(tx, person)),
        series=tuple(_series(tx, desk, asked)),
        messages=tuple(_letters(tx, person)),
        decisions=tuple(_decisions(tx, person)),
        waiting=tuple(_waiting(tx, said)),
    )


def _ours(tx: Tx, person: int) -> Iterator[Ours]:
    for it in tx.ledger.owned([person]):
        yield Ours(account=it.account, kind=it.kind, key=it.key, state=it.state, rules=it.rules, since=it.added_at)


def _taken_off(tx: Tx, person: int) -> Iterator[TakenOff]:
    vetoes: list[Veto] = [it for it in tx.ledger.all_vetoes() if it.person == person]
    for it in vetoes:
        yield TakenOff(kind=it.kind, key=it.key, by=it.by, at=it.at)


def _series(tx: Tx, desk: Desk, asked: Asked) -> Iterator[Series]:
    cadences = {it.name: it for it in desk.bench.court.rules.cadences}
    for it in tx.schedule.enrolments(people=[asked.person]):
        cadence = cadences.get(it.cadence)
        template, why = "", it.why
        open_ = it.state in ("active", "held_out") and cadence is not None
        if cadence is not None and open_ and it.due_at is not None:
            seen = [m for m in tx.schedule.messages(asked.person) if m.cadence == it.cadence and m.state in SPENT]
            template = next_piece(desk, cadence, asked.facts, seen, asked.context) or ""
            why = _why_then(cadence, it.n, put_off=it.why)
        yield Series(
            cadence=it.cadence, state=it.state, joined_at=it.joined_at, next_at=it.due_at if open_ else None,
            template=template, why=why,
            checks=tuple(checks(tx, desk, asked.person, asked.facts, cadence=it.cadence, now=asked.now)) if open_ else (),
        )  # fmt: skip


def _why_then(cadence: Cadence, n: int, *, put_off: str) -> str:
    first = f"{cadence.send.first} after joining" if cadence.send.first.count else "with joining"
    due = f"the first, {first}" if n == 0 else f"number {n + 1}: the first {first}, then every {cadence.send.every}"
    return f"{due}, in the next hour that suits" + (f"; put off before: {put_off}" if put_off else "")


def _letters(tx: Tx, person: int) -> Iterator[Letter]:
    for it in tx.schedule.messages(person):
        yield Letter(cadence=it.cadence, template=it.template, state=it.state, due_at=it.due_at, sent_at=it.sent_at,
                     why=it.why)  # fmt: skip


def _decisions(tx: Tx, person: int) -> Iterator[Decision]:
    for it in tx.ledger.decisions(person):
        yield Decision(rule=it.rule, at=it.clock, answer=it.answer, line=it.line, mode=it.mode, rule_hash=it.rule_hash,
                       set_hash=it.set_hash, plan=it.plan)  # fmt: skip


def _waiting(tx: Tx, said: tuple[Said, ...]) -> Iterator[str]:
    yes = {it.name for it in said if it.answer is True}
    for it in tx.assent.all():
        if it.by is None and it.rule in yes:
            yield f"{it.rule} waits for an approval ({it.occasion}, {it.people} people)"


__all__ = [
    "Asked", "Check", "Decision", "Letter", "Node", "OptOut", "Origin", "Ours", "Said", "Series", "TakenOff", "Told",
    "tell",
]  # fmt: skip
