"""One invented person in a house of their own: the real court, diff, cadences, guard and outbox over simulated time.

Only the platforms are of paper: they take everything at once. Nothing here knows what a rule means."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from connector import cadence, decide, judging, occasions, outbox
from connector.accounts import Account, Accounts, adapter_class
from connector.adapter import Declaration
from connector.cadence import Desk
from connector.clock import stamp, unstamp
from connector.court import Bench, Court, Effect, Heard
from connector.diff import Place, Situation, Wishes, diff
from connector.facts import TABLES, of
from connector.flow import Action, Delivery, Reading, Receipt, Verb
from connector.guard import Guard, zone_of
from connector.model import Ref
from connector.proving.cases import Deed, Letter, Told
from connector.rules import AnyEntry, RuleSet, Why, explain, moments
from connector.settings import AccountSettings, Settings
from connector.store import Sqlite, Tx
from connector.store.ledger import Owned
from connector.store.mirror import Image
from connector.store.schedule import Message

PERSON = 1
ADDRESS = "somebody@example.org"
#: Where the person's record is in the ATS, and where they would be in an audience.
_RECORD, _MEMBER = Ref("paper", "candidate", "1"), Ref("paper", "member", ADDRESS)
#: A database that lives for a second need not reach a disk: Linux has a folder in memory.
_MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108  a folder of our own is made in it
#: A house that never comes to rest is a bug of ours, not of the test.
_TURNS = 1000


class Paper:
    """A platform that takes whatever it is given."""

    def __init__(self, declaration: Declaration) -> None:
        self.declaration = replace(declaration, limits=replace(declaration.limits, in_flight=1))
        self.took: list[Action] = []

    def read(self, delivery: Delivery) -> Reading:
        return Reading()

    def push(self, actions: Sequence[Action]) -> Iterator[Receipt]:
        for action in actions:
            self.took.append(action)
            yield Receipt(key=action.key)


@contextmanager
def staged(found: RuleSet, settings: Settings, told: Told, *, now: datetime) -> Iterator[Stage]:
    """The rules are applied at `now`, to this one person."""
    with TemporaryDirectory(prefix="keepwarm-test-", dir=_MEMORY) as folder, Sqlite(Path(folder) / "test.db") as store:
        yield Stage(store, found, settings, told, now=now)


def desk_of(found: RuleSet, settings: Settings) -> Desk:
    """Whoever is tested is in every canary and in no hold-out: chance is not what a test is about."""

    def everybody(entry: Any) -> Any:
        return replace(entry, canary=None, hold_out=None, approve=None, **more(entry))

    def more(entry: Any) -> dict[str, Any]:
        return {"expected_size": None} if hasattr(entry, "expected_size") else {}

    plain = replace(found, rules=tuple(map(everybody, found.rules)), cadences=tuple(map(everybody, found.cadences)))
    ours = replace(settings, control_group=0.0)
    accounts = {name: made for name, it in settings.accounts.items() if (made := _on_paper(it)) is not None}
    court = Court(plain)
    return Desk(Bench(court, Accounts(accounts), ours), Guard(court, ours))


def _on_paper(settings: AccountSettings) -> Account | None:
    build = adapter_class(settings.platform)
    if build is None:
        return None
    adapter: Any = Paper(build.declaration)  # type: ignore[attr-defined]
    return Account(name=settings.name, adapter=adapter, settings=settings, reachable=True)


class Stage:
    def __init__(self, store: Sqlite, found: RuleSet, settings: Settings, told: Told, *, now: datetime) -> None:
        self.now = now
        self.desk = desk_of(found, settings)
        self._store, self._told = store, told
        self._owned: list[Owned] = []
        self._wishes = Wishes(self.desk.bench.rules)
        self._ahead: list[datetime] = []
        store.write(self._enter)
        decide.tick(store, self.desk.bench, now=now)
        store.write(self._switch_on)
        self._turn(now)

    def _switch_on(self, tx: Tx) -> None:
        """As applying a plan does: what is so already is no occasion for a `do:` rule."""
        heard, bench = self._heard(tx), self.desk.bench
        answers = {name: said.effective for name, said in heard.items() if said.effective is not False}
        facts, context = tx.mirror.facts_of([PERSON])[PERSON], bench.court.context(self.now, answers=answers)
        for rule in bench.rules:
            if rule.kind == "do" and rule.when is None and bench.court.judge(rule, facts, context):
                occasions.baseline(tx, rule, [PERSON], now=self.now)
        rules = bench.court.rules
        hashes = {it.name: it.hash for it in rules.entries if it.mode == "live"}
        tx.ledger.activate(hashes, set_hash=rules.hash, now=self.now, plan="test")

    # time

    def go(self, until: datetime) -> None:
        """On to that moment, by way of every moment at which something may change."""
        while (moment := self._next()) is not None and moment < until:
            self._turn(moment)
        if until > self.now:
            self._turn(until)

    def tell(self, news: Told) -> None:
        """From now on this is so."""
        self._told = self._told.then(news)
        self._store.write(self._paint)
        self._turn(self.now)

    def _next(self) -> datetime | None:
        with self._store.reading() as tx:
            found = [moment for moment in (*self._ahead, *self._due(tx)) if moment > self.now]
        return min(found, default=None)

    def _due(self, tx: Tx) -> Iterator[datetime]:
        """What waits: settle and linger, messages, wake-ups, acts."""
        bench = self.desk.bench
        for rule, stands in occasions.standing_of(tx, [PERSON])[PERSON].items():
            for it in (it for it in bench.court.rules.standing if it.name == rule):
                span = it.settle if stands.answer else it.linger if stands.answer is False else None
                if span is not None:
                    yield span.after(stands.since, bench.court.zone)
        for wake in tx.rows("select min(at) as at from wakeups"):
            if wake["at"]:
                yield unstamp(wake["at"])
        if (due := tx.schedule.next_enrolment_due()) is not None:
            yield from (due - cadence.LEAD, due)
        for account in bench.accounts:
            if (due := tx.outbox.next_due(account)) is not None:
                yield due

    def _turn(self, now: datetime) -> None:
        """All that a running house would do at this moment."""
        self.now = now
        decide.tick(self._store, self.desk.bench, now=now)
        for _ in range(_TURNS):
            counts = judging.judge_waiting(self._store, self.desk, now=now)
            counts += cadence.prepare(self._store, self.desk, now=now)
            for account in self.desk.bench.accounts.values():
                counts += outbox.send(self._store, account, self.desk.guard, token=1, now=lambda: now)
            if not counts and not self._built_anew():
                self._keep()
                return
        raise RuntimeError(f"still busy after {_TURNS} turns at {now}")

    # facts

    def _enter(self, tx: Tx) -> None:
        mine = [(name, "1") for name in self.desk.bench.accounts]
        for account, id_ in mine:
            tx.mirror.link(account, id_, [f"e:{ADDRESS}"])
        tx.mirror.assign(mine, PERSON)
        self._paint(tx)

    def _paint(self, tx: Tx) -> None:
        """Into the mirror as `image` would put it. What it never leaves open is not open here either."""
        told = self._told
        hired = any(row.get("status") == "hired" for row in told.rows.get("applications", ()))
        known = {"unsubscribed": False, "private": False, "employment": "hired" if hired else "none", **told.facts}
        if (sent := tx.schedule.last_sent(PERSON)) is not None:
            known["last_contacted"] = max(stamp(sent), known.get("last_contacted") or "")
        words = {fact.name: known.pop(fact.name, None) or () for fact in of("person").values() if fact.type == "words"}
        children = {TABLES[scope]: told.rows.get(name, ()) for scope, name in _BUILT.items()}
        made = Image(person=PERSON, facts=known, words=words, children=children, name="Somebody", email=ADDRESS)
        tx.mirror.put([made])
        tx.mirror.end_consents(self.now)
        tx.schedule.message(_letters(told))
        tx.records.clean(tx.records.dirty(_TURNS))
        facts = tx.mirror.facts_of([PERSON])[PERSON]
        context = self.desk.bench.court.context(self.now)
        trees = [tree for entry in self.desk.bench.court.rules.entries for tree in entry.trees]
        self._ahead = sorted({moment for tree in trees for moment in moments(tree, facts, context)})
        if (ends := facts.get("consent.expires")) is not None:
            self._ahead.append(unstamp(ends))

    def _built_anew(self) -> bool:
        """Was there anything that the facts did not know of: a message that went out, or did not after all."""
        with self._store.reading() as tx:
            touched = tx.records.dirty(1)
        if touched:
            self._store.write(self._paint)
        return bool(touched)

    # what our rules keep

    def _keep(self) -> None:
        """By the house's own diff, as if every tag and pool had a place: consent and platforms are the guard's affair."""
        with self._store.reading() as tx:
            heard, activations = self._heard(tx), tx.ledger.activations()
        court = self.desk.bench.court
        acting = {it.name for it in self.desk.bench.rules if court.acts(it, activations, PERSON)}
        places = (Place(_RECORD, "tag", None, None), Place(_MEMBER, "pool", None, None))
        situation = Situation(person=PERSON, places=places, owned=self._owned, heard=heard, acting=acting)
        held = {(it.kind, it.key): it for it in self._owned}
        for it in diff(situation, self._wishes, removable=()):
            if it.kind in ("remove", "disown"):
                del held[it.what, it.key]
            elif it.kind in ("add", "share"):
                held[it.what, it.key] = Owned(
                    account=it.subject.account, subject=it.subject.id, kind=it.what, key=it.key, person=PERSON,
                    rules=it.rules, state="ours", rule_hash="", added_at=self.now,
                )  # fmt: skip
        self._owned = list(held.values())

    def _heard(self, tx: Tx) -> Mapping[str, Heard]:
        facts = tx.mirror.facts_of([PERSON])[PERSON]
        return self.desk.bench.court.hear_all(facts, occasions.standing_of(tx, [PERSON])[PERSON], now=self.now)

    # what there is to see

    def kept(self, kind: str) -> tuple[str, ...]:
        """`tags` or `pools`."""
        return tuple(sorted(it.key for it in self._owned if it.kind == kind[:-1]))

    def why(self, entry: AnyEntry, role: Mapping[str, Any] | None = None) -> Why:
        with self._store.reading() as tx:
            facts, heard = tx.mirror.facts_of([PERSON])[PERSON], self._heard(tx)
        answers = {name: said.effective for name, said in heard.items() if said.effective is not False}
        return explain(entry, facts, self.desk.bench.court.context(self.now, role=role, answers=answers))

    def waiting(self, rule: str) -> str:
        """Why what a rule says and what it keeps differ, if they do."""
        with self._store.reading() as tx:
            said = self._heard(tx).get(rule)
        if said is None or said.effect is not Effect.HOLD:
            return ""
        since = f" since {said.stand.since.astimezone(self.desk.bench.court.zone):%Y-%m-%d %H:%M}" if said.stand else ""
        words = {
            True: "yes, but not for long enough yet",
            False: "no, but lingers",
            None: "unknown, so it stays as it was",
        }
        return f"{words[said.answer]}{since}"

    def enrolled(self) -> dict[str, str]:
        """Cadence → how the person stands in it, and why."""
        with self._store.reading() as tx:
            found = tx.schedule.enrolments(people=[PERSON])
        return {it.cadence: it.state + (f", {it.why}" if it.why else "") for it in found}

    def letters(self) -> list[Message]:
        """What cadences sent, tried to or let go by, in order; without what the fixture tells of."""
        told = {it.id for it in _letters(self._told)}
        with self._store.reading() as tx:
            found = [it for it in tx.schedule.messages(PERSON) if it.id not in told]
        return sorted(found, key=lambda it: it.sent_at or it.due_at)

    def sent(self) -> list[Letter]:
        return [self._letter(it.template, it.sent_at) for it in self.letters() if it.sent_at and it.sent_at <= self.now]

    def next_letter(self) -> Letter | None:
        """What is on its way, or what is due next by all that is known now."""
        queued = [it for it in self.letters() if it.state == "queued"]
        with self._store.reading() as tx:
            facts, heard = tx.mirror.facts_of([PERSON])[PERSON], self._heard(tx)
            enrolled = {it.cadence: it for it in tx.schedule.enrolments(people=[PERSON]) if it.state == "active"}
        answers = {name: said.effective for name, said in heard.items() if said.effective is not False}
        context = self.desk.bench.court.context(self.now, answers=answers)
        found = [(it.due_at, it.template) for it in queued]
        for it in self.desk.bench.court.rules.cadences:
            due = enrolled[it.name].due_at if it.name in enrolled else None
            seen = [m for m in self.letters() if m.cadence == it.name and m.state in cadence.SPENT]
            piece = cadence.next_piece(self.desk, it, facts, seen, context) if due else None
            if due and piece:
                found.append((due, piece))
        first = min(found, default=None)
        return None if first is None else self._letter(first[1], first[0])

    def _letter(self, template: str, at: datetime) -> Letter:
        with self._store.reading() as tx:
            facts = tx.mirror.facts_of([PERSON])[PERSON]
        return Letter(template, at.astimezone(zone_of(facts, self.desk.bench.court.zone)).date())

    def deeds(self) -> list[Deed]:
        """Every occasion of a `do:` rule, and what the platforms took of it."""
        names = {it.name for it in self.desk.bench.rules if it.kind == "do"}
        keys = [it.key for account in self.desk.bench.accounts.values() for it in account.adapter.took]  # type: ignore[attr-defined]
        with self._store.reading() as tx:
            decided = [it for it in tx.ledger.decisions(PERSON, limit=10_000) if it.rule in names]
            taken = list(tx.outbox.by_key(keys).values())
        made = []
        for it in sorted(decided, key=lambda it: (it.clock, it.rule)):
            mine = {q.action.verb: q.action.args for q in taken if (q.rule, q.made_at) == (it.rule, it.clock)}
            made.append(
                Deed(
                    rule=it.rule,
                    notify=mine.get(Verb.NOTIFY, {}).get("to"),
                    event=mine.get(Verb.SEND_EVENT, {}).get("event"),
                    note=Verb.ADD_NOTE in mine,
                )
            )
        return made


_BUILT = {"application": "applications", "interview": "interviews", "event": "events"}


def _letters(told: Told) -> list[Message]:
    """Messages of before: they count for caps, for rotations and for rules, as sent."""
    return [
        Message(
            id=f"told:{row['id']}",
            person=PERSON,
            cadence=str(row.get("cadence") or ""),
            template=str(row.get("template") or ""),
            purpose=str(row.get("purpose") or "marketing"),
            state="sent",
            due_at=unstamp(row["sent"]),
            sent_at=unstamp(row["sent"]),
        )
        for row in told.rows.get("messages", ())
        if row.get("sent")
    ]


__all__ = ["Stage", "staged"]
