"""Enrolments: who is in a timed series, what they get next and when, and why they are out of it again.

Every date is counted on the calendar from the day of joining, on the person's own clock, and nothing is kept in memory: a
restart, a change of clocks or a year's pause changes no date.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from connector import acts, shadow
from connector.court import Bench, Facts, Heard, share
from connector.decide import member_of
from connector.guard import LETTING_GO, PATIENCE, Guard, zone_of
from connector.rules import Cadence, Context, next_slot, occurrence
from connector.settings import MessageSettings
from connector.store import Sqlite, Tx
from connector.store.ledger import Standing
from connector.store.outbox import Queued
from connector.store.schedule import Enrolment, Message

#: Mailings are prepared so long before they go: tags need some time until a platform's segment shows them
#: (fifteen minutes at least, apis/mailchimp pitfall 8, read 2026-11-23).
LEAD = timedelta(hours=1)
#: A campaign is handed over so long before its time.
HAND_OVER = timedelta(minutes=30)
QUARTER = timedelta(minutes=15)
#: Who finds a cadence full for today is looked at again after this.
FULL = timedelta(hours=6)
BATCH = 100
SPENT = ("sent", "queued", "held_out")


@dataclass(frozen=True, slots=True)
class Desk:
    """What a cadence works with."""

    bench: Bench
    guard: Guard

    def slot(self, cadence: Cadence, moment: datetime, facts: Facts) -> datetime | None:
        """The first quarter of an hour from `moment` on in which this person may be written to."""
        send = cadence.send
        zone = zone_of(facts, self.bench.court.zone)
        for _ in range(8):
            found = next_slot(moment, zone, days=send.days, between=send.between, quiet=self.guard.quiet())
            if found is None:
                return None
            rounded = _quarter(found)
            if rounded == found:
                return found
            moment = rounded
        return None

    def nth(self, cadence: Cadence, joined: datetime, n: int, facts: Facts) -> datetime | None:
        zone = zone_of(facts, self.bench.court.zone)
        return self.slot(cadence, occurrence(joined, cadence.send.first, cadence.send.every, n, zone), facts)


def _quarter(moment: datetime) -> datetime:
    past = (moment - datetime(2000, 1, 1, tzinfo=UTC)) % QUARTER
    return moment if not past else moment - past + QUARTER


# joining and leaving


def review(
    tx: Tx, desk: Desk, facts: Mapping[int, Facts], heard: Mapping[int, Mapping[str, Heard]], *, now: datetime
) -> Counter[str]:
    """People whose facts changed: enrol who matches, stop who no longer does. Unknown changes nothing."""
    counts: Counter[str] = Counter()
    bench = desk.bench
    activations = tx.ledger.activations()
    held = {(it.cadence, it.person): it for it in tx.schedule.enrolments(people=list(facts))}
    for cadence in bench.court.rules.cadences:
        room = _room(tx, cadence, now)
        for person, known in facts.items():
            context = _context(desk, heard[person], now)
            before = held.get((cadence.name, person))
            if not bench.court.acts(cadence, activations, person):
                if before is None:
                    shadow.joins(tx, bench.court, cadence, person, known, context)
                continue
            after = reviewed(desk, cadence, person, known, context, before, now=now, messages=tx.schedule.messages)
            if after is None:
                _look_again(tx, desk, cadence, before, known, context, now=now)
                continue
            if before is None and room <= 0:
                tx.schedule.wake(person, now + FULL)
                continue
            room -= before is None
            counts[after.state if before is None else f"to {after.state}"] += 1
            tx.schedule.enrol([after])
            if after.state == "stopped":
                cancel(tx, cadence.name, person, after.why, now=now)
    return counts


def _context(desk: Desk, heard: Mapping[str, Heard], now: datetime) -> Context:
    answers = {name: said.effective for name, said in heard.items() if said.effective is not False}
    return desk.bench.court.context(now, answers=answers)


def _room(tx: Tx, cadence: Cadence, now: datetime) -> int:
    limit = cadence.limits.new_people_per_day
    return 10**9 if limit is None else limit - tx.schedule.joined_since(cadence.name, now - timedelta(days=1))


def reviewed(
    desk: Desk, cadence: Cadence, person: int, facts: Facts, context: Context, before: Enrolment | None,
    *, now: datetime, messages: Callable[[int], Sequence[Message]],
) -> Enrolment | None:  # fmt: skip
    """Where they stand in it from now on; None: as before. `messages`: of a person, asked only where it matters."""
    court = desk.bench.court
    matches = court.judge(cadence, facts, context)
    stops = court.stops(cadence.name, facts, context)
    if before is None:
        return _joining(desk, cadence, person, facts, now=now) if matches is True and stops is False else None
    if before.state in ("active", "held_out"):
        if matches is False or stops is True:
            why = "stop_when holds" if stops is True else "no longer matches"
            return replace(before, state="stopped", due_at=None, why=why, changed_at=now)
        return None
    if (
        before.state == "stopped"
        and matches is True
        and stops is False
        and (back := _back_at(desk, cadence, before, messages)) is not None
        and back <= now
    ):
        return _joining(desk, cadence, person, facts, now=now)
    return None


def _look_again(
    tx: Tx, desk: Desk, cadence: Cadence, before: Enrolment | None, facts: Facts, context: Context, *, now: datetime
) -> None:
    """Who matches and may come back later is looked at then: nothing else will tell of it."""
    if before is None or before.state != "stopped" or cadence.come_back.how != "after":
        return
    if desk.bench.court.judge(cadence, facts, context) is True:
        back = _back_at(desk, cadence, before, tx.schedule.messages)
        if back is not None and back > now:
            tx.schedule.wake(before.person, back)


def _back_at(
    desk: Desk, cadence: Cadence, before: Enrolment, messages: Callable[[int], Sequence[Message]]
) -> datetime | None:
    """When they may join again, counted from the last message that was sent, not from joining; None: never."""
    again = cadence.come_back
    if again.how == "never":
        return None
    if again.how == "always" or again.after is None:
        return before.changed_at
    sent = [it.sent_at for it in messages(before.person) if it.cadence == cadence.name and it.sent_at]
    return again.after.after(max(sent, default=before.changed_at), desk.bench.court.zone)


def _joining(desk: Desk, cadence: Cadence, person: int, facts: Facts, *, now: datetime) -> Enrolment:
    out = cadence.hold_out is not None and share(person, cadence.name, "hold_out") < cadence.hold_out
    return Enrolment(
        cadence=cadence.name,
        person=person,
        joined_at=now,
        state="held_out" if out else "active",
        n=0,
        due_at=desk.nth(cadence, now, 0, facts),
        why="hold-out group" if out else "",
        changed_at=now,
    )


def cancel(tx: Tx, cadence: str, person: int, why: str, *, now: datetime) -> None:
    found = [it for it in tx.outbox.of_person(person) if it.rule == cadence and it.state != "sending"]
    waiting = [it.row for it in found if it.action.verb not in LETTING_GO]
    tx.outbox.cancel(waiting, why=why, now=now)
    stopped = [it for it in tx.schedule.messages(person) if it.cadence == cadence and it.state == "queued"]
    tx.schedule.message(replace(it, state="failed", why=why) for it in stopped)


# sending


def prepare(store: Sqlite, desk: Desk, *, now: datetime) -> Counter[str]:
    """Queue the messages whose time is near. Empty: none is."""
    with store.reading() as tx:
        if not tx.schedule.enrolments_due(now=now + LEAD, limit=1):
            return Counter()

    def work(tx: Tx) -> Counter[str]:
        due = tx.schedule.enrolments_due(now=now + LEAD, limit=BATCH)
        if not due:
            return Counter()
        cadences = {it.name: it for it in desk.bench.court.rules.cadences}
        facts = tx.mirror.facts_of([it.person for it in due])
        counts: Counter[str] = Counter()
        mailings: dict[str, Queued] = {}
        for enrolment in due:
            cadence, known = cadences.get(enrolment.cadence), facts.get(enrolment.person)
            if cadence is None or known is None:
                why = "the cadence was deleted" if cadence is None else "the person is gone"
                after = replace(enrolment, state="stopped", due_at=None, why=why, changed_at=now)
                tx.schedule.enrol([after])
                counts["stopped"] += 1
                continue
            counts[_one(tx, desk, cadence, enrolment, known, mailings, now=now)] += 1
        tx.outbox.put(mailings.values(), now=now)
        return counts

    return store.write(work)


def _one(
    tx: Tx,
    desk: Desk,
    cadence: Cadence,
    enrolment: Enrolment,
    facts: Facts,
    mailings: dict[str, Queued],
    *,
    now: datetime,
) -> str:
    """Queue one person's next message, or say why not."""
    person = enrolment.person
    if not desk.bench.court.acts(cadence, tx.ledger.activations(), person):
        tx.schedule.enrol([replace(enrolment, due_at=now + timedelta(days=1), changed_at=now)])
        return "in shadow"
    due = enrolment.due_at or now
    slot = desk.slot(cadence, due if due >= now else now + QUARTER, facts)
    # patience counts from when it was first meant to go, however often it was put off since
    planned = desk.nth(cadence, enrolment.joined_at, enrolment.n, facts) or due
    if slot is None or slot - planned > PATIENCE:
        return _miss(tx, desk, cadence, enrolment, facts, "its time passed while nothing could be sent", now=now)
    seen = [it for it in tx.schedule.messages(person) if it.cadence == cadence.name and it.state in SPENT]
    heard = desk.bench.court.hear_all(facts, _standing(tx, person), now=now)
    template = next_piece(desk, cadence, facts, seen, _context(desk, heard, now))
    if template is None:
        tx.schedule.enrol(
            [replace(enrolment, state="finished", due_at=None, why="everything was sent", changed_at=now)]
        )
        return "finished"
    way = desk.bench.settings.messages.get(template)
    profile = tx.mirror.profile(person)
    if way is None or profile is None or profile.email is None:
        why = f"template {template} is not under `messages` in settings" if way is None else "no address"
        return _miss(tx, desk, cadence, enrolment, facts, why, now=now)
    message = _message(cadence, template, enrolment, slot, way, set_hash=desk.bench.court.rules.hash)
    queued = _actions(tx, desk, cadence, message, way, profile.email, mailings, now=now)
    held = desk.guard.judge(tx, queued[-1], now=now)
    if held is not None and held.until is not None and held.until - planned <= PATIENCE:
        later = desk.slot(cadence, held.until, facts)
        tx.schedule.enrol([replace(enrolment, due_at=later, why=held.why, changed_at=now)])
        return "postponed"
    if held is not None:
        return _miss(tx, desk, cadence, enrolment, facts, held.why, now=now, message=message)
    tx.outbox.put(queued, now=now)
    tx.schedule.message([message])
    _advance(tx, desk, cadence, enrolment, facts, now=now)
    return "queued"


def _standing(tx: Tx, person: int) -> dict[str, Standing]:
    return {rule: it for (rule, _), it in tx.ledger.standing([person]).items()}


def next_piece(desk: Desk, cadence: Cadence, facts: Facts, seen: Sequence[Message], context: Context) -> str | None:
    """The next piece of the rotation: one not seen yet; when all are, none or the one seen longest ago."""
    last = {it.template: it.due_at for it in sorted(seen, key=lambda it: it.due_at)}
    fitting = [
        piece.template
        for number, piece in enumerate(cadence.send.rotate)
        if desk.bench.court.fits(cadence.name, number, facts, context)
    ]
    fresh = [template for template in fitting if template not in last]
    if fresh:
        return fresh[0]
    if cadence.send.when_all_seen == "stop" or not fitting:
        return None
    return min(fitting, key=lambda template: last[template])


def _message(
    cadence: Cadence, template: str, enrolment: Enrolment, slot: datetime, way: MessageSettings, *, set_hash: str
) -> Message:
    prefix = f"{marker(cadence.name, template, slot)}:" if way.by == "campaign" else f"{cadence.name}:{enrolment.n}:"
    joined = "" if way.by == "campaign" else f":{enrolment.joined_at:%Y%m%dT%H%M%S}"
    return Message(
        id=f"{prefix}{enrolment.person}{joined}", person=enrolment.person, cadence=cadence.name, template=template,
        purpose="marketing", state="queued", due_at=slot, rule_hash=cadence.hash, set_hash=set_hash,
    )  # fmt: skip


def marker(cadence: str, template: str, slot: datetime) -> str:
    """One mailing: everyone of a cadence who gets this piece at this instant. Stands in the campaign's title and its tag."""
    return f"kw-{cadence}-{template}-{slot:%Y%m%dT%H%M}"


def _actions(
    tx: Tx, desk: Desk, cadence: Cadence, message: Message, way: MessageSettings, address: str,
    mailings: dict[str, Queued], *, now: datetime,
) -> list[Queued]:  # fmt: skip
    """The member, then the act that reaches them. For a campaign that is a tag, and one campaign for all."""
    member = member_of(tx, way.account, address, message.person, rule=cadence.name, now=now)
    after, slot = member.action.key, message.due_at
    if way.by == "event":
        properties = {"template": message.template, "cadence": cadence.name}
        return [member, acts.send_event(
            way.account, address, way.options["event"], properties, occasion=message.id, rule=cadence.name,
            purpose=acts.MARKETING, person=message.person, due_at=slot, after=after, reaches_at=slot,
        )]  # fmt: skip
    if way.by == "journey":
        return [member, acts.start_journey(
            way.account, address, way.options["journey"], way.options["step"], occasion=message.id, rule=cadence.name,
            purpose=acts.MARKETING, person=message.person, due_at=slot, after=after, reaches_at=slot,
        )]  # fmt: skip
    tag = marker(cadence.name, message.template, slot)
    mailings.setdefault(tag, acts.schedule_campaign(
        way.account, tag, tag, send_at=slot, options=way.options, rule=cadence.name, due_at=max(now, slot - HAND_OVER),
    ))  # fmt: skip
    subject = acts.member(way.account, address)
    return [member, acts.add_tag(
        way.account, subject, tag, occasion=message.id, rule=cadence.name, purpose=acts.MARKETING,
        person=message.person, due_at=now, after=after, slot_at=slot, message=message.id,
    )]  # fmt: skip


def _miss(
    tx: Tx, desk: Desk, cadence: Cadence, enrolment: Enrolment, facts: Facts, why: str, *, now: datetime,
    message: Message | None = None,
) -> str:  # fmt: skip
    """Write down what was not sent and why, and go on to the next time."""
    missed = message or Message(
        id=f"{cadence.name}:{enrolment.n}:{enrolment.person}:{enrolment.joined_at:%Y%m%dT%H%M%S}", person=enrolment.person,
        cadence=cadence.name, template="", purpose="marketing", state="missed", due_at=enrolment.due_at or now,
        rule_hash=cadence.hash, set_hash=desk.bench.court.rules.hash,
    )  # fmt: skip
    tx.schedule.message([replace(missed, state="missed", why=why)])
    _advance(tx, desk, cadence, enrolment, facts, now=now, why=why)
    return "missed"


def _advance(
    tx: Tx, desk: Desk, cadence: Cadence, enrolment: Enrolment, facts: Facts, *, now: datetime, why: str = ""
) -> None:
    """On to the next time that is still to come; those that passed meanwhile are written down as missed."""
    n = enrolment.n + 1
    due = desk.nth(cadence, enrolment.joined_at, n, facts)
    skipped: list[Message] = []
    while due is not None and due < now - PATIENCE:
        skipped.append(Message(
            id=f"{cadence.name}:{n}:{enrolment.person}:{enrolment.joined_at:%Y%m%dT%H%M%S}", person=enrolment.person,
            cadence=cadence.name, template="", purpose="marketing", state="missed", due_at=due,
            why="its time passed while nothing could be sent", rule_hash=cadence.hash,
            set_hash=desk.bench.court.rules.hash,
        ))  # fmt: skip
        n += 1
        due = desk.nth(cadence, enrolment.joined_at, n, facts)
    tx.schedule.message(skipped)
    tx.schedule.enrol([replace(enrolment, n=n, due_at=due, why=why, changed_at=now)])


def upcoming(enrolments: Iterable[Enrolment], *, now: datetime, within: timedelta) -> dict[str, int]:
    """cadence → messages due in that time."""
    counts: dict[str, int] = defaultdict(int)
    for it in enrolments:
        if it.state == "active" and it.due_at is not None and it.due_at <= now + within:
            counts[it.cadence] += 1
    return dict(counts)
