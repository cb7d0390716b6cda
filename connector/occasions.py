"""`do:` rules: one act per person and occasion. History is never replayed: only what happened after activation counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from connector import acts, shadow
from connector.clock import stamp, unstamp
from connector.court import Bench, Facts, Heard, hear, share
from connector.decide import member_of
from connector.flow import Verb
from connector.model import Ref
from connector.rules import Context, Rule, compile_when, explain
from connector.store import Tx
from connector.store.ledger import Activation, Decided, Standing
from connector.store.outbox import Queued

#: Event → (list in a person's facts, the fact that dates it).
DATED = {
    "application_created": ("applications", "applied"),
    "application_decided": ("applications", "decided"),
    "hired": ("applications", "decided"),
    "interview_completed": ("interviews", "completed"),
}


DAY = timedelta(days=1)
#: Who waits for somebody's word is looked at again after this.
SOON = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Occasion:
    """Something that happened to a person. `id` is the same whenever and however often it is seen."""

    id: str
    at: datetime
    application: Facts | None = None
    interview: Facts | None = None


def act(
    tx: Tx, bench: Bench, facts: Mapping[int, Facts], heard: Mapping[int, Mapping[str, Heard]], *, now: datetime
) -> Counter[str]:
    """Look at every `do:` rule for these people; queue what is due for the first time."""
    counts: Counter[str] = Counter()
    rules = [rule for rule in bench.rules if rule.kind == "do" and rule.mode != "off"]
    activations = tx.ledger.activations()
    done = tx.ledger.occasions(list(facts))
    for rule in rules:
        active = activations.get(rule.name)
        if active is None or active.hash != rule.hash or (rule.when and rule.when.event.startswith("role_")):
            continue
        for person, known in facts.items():
            live = bench.court.acts(rule, activations, person)
            before = done.get((rule.name, person), {})
            context = bench.court.context(now, answers=_answers(heard[person]))
            for occasion in _occasions(tx, bench, rule, person, known, context, active, now=now):
                if not live:
                    would = shadow.decided(bench.court, rule, person, known, context, occasion=occasion.id)
                    tx.shadows.keep([would], most=shadow.MOST)
                elif _may(rule, before, occasion, bench, now) and _allowed(tx, bench, rule, person, now=now):
                    before[occasion.id] = now
                    counts["done"] += _do(tx, bench, rule, person, known, context, occasion, now=now)
    return +counts


def _answers(heard: Mapping[str, Heard]) -> dict[str, bool | None]:
    return {name: said.effective for name, said in heard.items() if said.effective is not False}


def _occasions(
    tx: Tx, bench: Bench, rule: Rule, person: int, facts: Facts, context: Context, active: Activation, *, now: datetime
) -> Iterable[Occasion]:
    if rule.when is None:
        yield from _became_true(tx, bench, rule, person, facts, context, active, now=now)
        return
    matches = compile_when(rule.when)
    listed, dated = DATED.get(rule.when.event, ("", ""))
    for item in facts.get(listed, ()):
        at = unstamp(item[dated]) if item.get(dated) else None
        if at is None or at < active.at or (rule.when.event == "hired" and item.get("status") != "hired"):
            continue
        about, met = (item, None) if listed == "applications" else (None, item)
        if matches(context, about, met) is not True:
            continue
        due = rule.wait.after(at, bench.court.zone) if rule.wait else at
        if due > now:
            tx.schedule.wake(person, due)
        elif bench.court.judge(rule, facts, context) is True:
            yield Occasion(f"{rule.when.event}:{item['id']}:{stamp(at)}", at, about, met)


def _became_true(
    tx: Tx, bench: Bench, rule: Rule, person: int, facts: Facts, context: Context, active: Activation, *, now: datetime
) -> Iterable[Occasion]:
    """For rules without `when`: from no to yes. What was so at activation is no occasion."""
    before = {name: it for (name, _), it in tx.ledger.standing([person]).items()}.get(rule.name)
    said = hear(rule, bench.court.judge(rule, facts, context), before, now=now, zone=bench.court.zone)
    if said.answer is None and before is not None:
        return  # not knowing for a while does not make it true anew
    if said.stand is None:
        tx.ledger.unstand([(rule.name, person)])
    elif said.stand != before:
        tx.ledger.stand([(rule.name, person, said.stand)])
    if said.answer and said.stand is not None and said.stand.since > active.at:
        yield Occasion(f"true:{stamp(said.stand.since)}", said.stand.since)


def baseline(tx: Tx, rule: Rule, people: Iterable[int], *, now: datetime) -> None:
    """At activation: these match already, so nothing became true."""
    tx.ledger.stand((rule.name, person, Standing(True, now)) for person in people)


def _may(rule: Rule, before: Mapping[str, datetime], occasion: Occasion, bench: Bench, now: datetime) -> bool:
    """Once an occasion; and a person again only as the rule's `again` and `limits` say."""
    if occasion.id in before:
        return False
    if rule.limits.per_person is not None:
        count, span = rule.limits.per_person
        since = span.since(now, bench.court.zone)
        if sum(1 for at in before.values() if at >= since) >= count:
            return False
    if not before or rule.when is not None:
        return True
    if rule.again.how == "after" and rule.again.after is not None:
        return rule.again.after.after(max(before.values()), bench.court.zone) <= now
    return rule.again.how == "always"


def _allowed(tx: Tx, bench: Bench, rule: Rule, person: int, *, now: datetime) -> bool:
    """Within a day a rule with `approve` acts on no more people than it says, until somebody gives their word for that day;
    who comes too many is looked at again."""
    if rule.approve is None:
        return True
    done = tx.ledger.decided_since(rule.name, True, now - DAY)
    day = f"{now.astimezone(bench.court.zone):%Y-%m-%d}"
    if done < rule.approve.above or tx.assent.given(rule.name, day):
        return True
    tx.assent.ask(rule.name, day, done + 1, now=now)
    tx.schedule.wake(person, now + SOON)
    return False


def _do(
    tx: Tx, bench: Bench, rule: Rule, person: int, facts: Facts, context: Context, occasion: Occasion, *, now: datetime
) -> int:
    out = rule.hold_out is not None and share(person, rule.name, "hold_out") < rule.hold_out
    line = explain(rule, facts, context).deciding
    tx.ledger.decide([
        Decided(
            rule=rule.name, person=person, occasion=occasion.id, rule_hash=rule.hash, set_hash=bench.court.rules.hash,
            clock=now, answer=True, line=line, mode="held_out" if out else "live",
        )
    ])  # fmt: skip
    if out:
        return 0
    return tx.outbox.put(_actions(tx, bench, rule, person, line, occasion, now=now), now=now)


def _actions(
    tx: Tx, bench: Bench, rule: Rule, person: int, line: str, occasion: Occasion, *, now: datetime
) -> list[Queued]:
    made: list[Queued] = []
    if rule.do is None:
        return made
    name = (profile.name if (profile := tx.mirror.profile(person)) else "") or f"person {person}"
    if rule.do.notify is not None and bench.settings.notices:
        text = f"{name}: {rule.why or rule.name} ({line}) — keepwarm explain {person}"
        made.append(acts.notify(bench.settings.notices, rule.do.notify.to, text, occasion=f"{occasion.id}:{person}",
                                rule=rule.name, person=person, due_at=now))  # fmt: skip
    if rule.do.note_on_role:
        made += note(tx, bench, rule, person, f"{rule.why or rule.name} ({line})", occasion.id, now=now)
    if rule.do.event is not None:
        made += event(tx, bench, rule, person, occasion.id, now=now)
    return made


def note(tx: Tx, bench: Bench, rule: Rule, person: int, text: str, occasion: str, *, now: datetime) -> list[Queued]:
    """On the person's freshest record in each ATS: no platform here lets a program write on the role itself."""
    made: list[Queued] = []
    seen: set[str] = set()
    for account, id_ in reversed(tx.mirror.candidates(person)):
        if account not in seen and account in bench.accounts and bench.accounts[account].takes("notes"):
            seen.add(account)
            subject = Ref(account, "candidate", id_)
            made.append(acts.add_note(account, subject, f"Keepwarm (rule {rule.name}): {text}", occasion=occasion,
                                      rule=rule.name, person=person, due_at=now))  # fmt: skip
    return made


def event(tx: Tx, bench: Bench, rule: Rule, person: int, occasion: str, *, now: datetime) -> list[Queued]:
    """The event, and the member it needs, in every audience that takes events."""
    profile = tx.mirror.profile(person)
    named = rule.do.event if rule.do else None
    if named is None or profile is None or profile.email is None:
        return []
    made: list[Queued] = []
    for account in bench.accounts.that_can(Verb.SEND_EVENT):
        member = member_of(tx, account.name, profile.email, person, rule=rule.name, now=now)
        sent = acts.send_event(
            account.name, profile.email, named.name, dict(named.properties), occasion=f"{rule.name}:{occasion}:{person}",
            rule=rule.name, purpose=acts.SERVICE, person=person, due_at=now, after=member.action.key, reaches_at=now,
        )  # fmt: skip
        made += [member, sent]
    return made


def standing_of(tx: Tx, people: Sequence[int]) -> dict[int, dict[str, Standing]]:
    """person → rule → what stands."""
    found: dict[int, dict[str, Standing]] = {person: {} for person in people}
    for (rule, person), it in tx.ledger.standing(people).items():
        found[person][rule] = it
    return found
