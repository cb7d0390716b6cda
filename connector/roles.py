"""A role opens → `do:` rules that wait for it, over the whole pool, once a role. Candidates hear nothing from here but
the events a rule names; colleagues get one notice with everyone who matches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from connector import acts, occasions
from connector.applications import function_of, region
from connector.cadence import Desk
from connector.court import Bench, Facts
from connector.facts import fold
from connector.model import AnyRecord, Job, JobPost, Label, Ref, User
from connector.pool import Pool, stale
from connector.rules import Rule, compile_when
from connector.store import Sqlite, Tx
from connector.store.ledger import Decided
from connector.store.outbox import Queued

#: Nobody: the decision that a role was dealt with.
NOBODY = 0
#: Without `people_per_event` a rule concerns so many at most.
MOST = 150
NAMED = 10


@dataclass(frozen=True, slots=True)
class Opening:
    """A role and what happened to it."""

    job: Ref
    event: str
    at: datetime
    role: Facts


def watch(store: Sqlite, desk: Desk, *, now: datetime) -> Counter[str]:
    """Act on roles that were opened or published since their rules were switched on. Looked at every minute."""
    rules = [it for it in desk.bench.rules if it.kind == "do" and it.when and it.when.event.startswith("role_")]
    if not rules:
        return Counter()
    return store.write(lambda tx: _watch(tx, desk.bench, rules, now=now))


def _watch(tx: Tx, bench: Bench, rules: Sequence[Rule], *, now: datetime) -> Counter[str]:
    counts: Counter[str] = Counter()
    activations = tx.ledger.activations()
    done = tx.ledger.occasions([NOBODY])
    openings = list(_openings(tx, bench, since=min((it.at for it in activations.values()), default=now)))
    for rule in rules:
        active = activations.get(rule.name)
        if rule.when is None or rule.mode != "live" or active is None or active.hash != rule.hash:
            continue
        matches = compile_when(rule.when)
        for it in openings:
            due = rule.wait.after(it.at, bench.court.zone) if rule.wait else it.at
            occasion = f"{it.event}:{it.job}"
            if it.event != rule.when.event or it.at < active.at or due > now:
                continue
            if occasion in done.get((rule.name, NOBODY), {}):
                continue
            if matches(bench.court.context(now, role=it.role), None, None) is True:
                counts["roles"] += 1
                counts["actions"] += _act(tx, bench, rule, it, occasion, now=now)
    return counts


def _openings(tx: Tx, bench: Bench, *, since: datetime) -> Iterator[Opening]:
    """A platform's approval event is only a hint; what can be read again is when a job opened and when its post went live."""
    for account in bench.accounts:
        posts = [it for it in tx.records.of_kind(account, "job_post") if isinstance(it, JobPost) and it.live]
        live = {it.job: it.published_at for it in posts if it.job is not None and it.published_at}
        for job in tx.records.of_kind(account, "job"):
            if not isinstance(job, Job) or job.status != "open":
                continue
            published = live.get(job.ref) or (job.opened_at if job.published else None)
            happened = {"role_approved": job.opened_at, "role_published": published}
            news = {event: at for event, at in happened.items() if at and at >= since}
            role = _role(tx, bench, job) if news else {}
            for event, at in news.items():
                yield Opening(job.ref, event, at, role)


def _role(tx: Tx, bench: Bench, job: Job) -> Facts:
    words = bench.settings.words
    named = (job.department, *job.offices, job.recruiter)
    reference: dict[Ref, AnyRecord] = {ref: it for ref in named if ref is not None and (it := tx.records.get(ref))}
    offices = [it for ref in job.offices if isinstance(it := reference.get(ref), Label)]
    said = [
        *job.fields.get("region", ()),
        job.location or "",
        *(text for it in offices for text in (it.name, it.type or "")),
    ]
    recruiter = reference.get(job.recruiter) if job.recruiter else None
    skills = [part for value in job.fields.get("skills", ()) for part in value.split(",") if part.strip()]
    return {
        "job": fold(str(job.ref)),
        "title": fold(job.title),
        "function": function_of(job, reference, words),
        "region": region(said, words),
        "pool": next((fold(pool) for pool in job.fields.get("pool", ())), None),
        "status": job.status,
        "skills": frozenset(words.vocabulary.canonical("skills", it) for it in skills) or None,
        "confidential": job.confidential,
        "recruiter": recruiter.email if isinstance(recruiter, User) else None,
    }


def _act(tx: Tx, bench: Bench, rule: Rule, opening: Opening, occasion: str, *, now: datetime) -> int:
    answers = Pool(tx, bench, now=now, role=opening.role, stale=stale(tx, bench, now=now)).answers(rule)
    activations = tx.ledger.activations()
    people = [p for p, yes in answers.items() if yes and bench.court.acts(rule, activations, p)]
    people = people[: rule.limits.people_per_event or MOST]
    if rule.approve is not None and len(people) > rule.approve.above and not tx.assent.given(rule.name, occasion):
        return _ask(tx, bench, rule, opening, len(people), occasion, now=now)
    line = f"{opening.event} {opening.role['title']}"
    tx.ledger.decide(
        Decided(
            rule=rule.name, person=person, occasion=occasion, rule_hash=rule.hash, set_hash=bench.court.rules.hash,
            clock=now, answer=True, line=line, mode="live",
        )
        for person in (NOBODY, *people)
    )  # fmt: skip
    queued = _notice(tx, bench, rule, opening, people, occasion, now=now)
    for person in people:
        if rule.do and rule.do.note_on_role:
            text = f"{rule.why or rule.name}: the role {opening.role['title']} opened"
            queued += occasions.note(tx, bench, rule, person, text, occasion, now=now)
        if rule.do and rule.do.event:
            queued += occasions.event(tx, bench, rule, person, occasion, now=now)
    return tx.outbox.put(queued, now=now)


def _ask(tx: Tx, bench: Bench, rule: Rule, opening: Opening, people: int, occasion: str, *, now: datetime) -> int:
    """More people than the rule may concern by itself: nothing is done, and whoever may give their word is told once."""
    news = tx.assent.ask(rule.name, occasion, people, now=now)
    if not news or bench.settings.notices is None or rule.approve is None:
        return 0
    text = (
        f"{rule.name} waits for your word: {opening.role['title']} ({opening.job}) would concern {people} people."
        f" keepwarm approve {rule.name} '{occasion}' --by YOUR-NAME"
    )
    told = acts.notify(bench.settings.notices, _named(rule.approve.by, opening), text, occasion=f"approve:{occasion}",
                       rule=rule.name, person=None, due_at=now)  # fmt: skip
    return tx.outbox.put([told], now=now)


def _named(to: str, opening: Opening) -> str:
    return str(opening.role.get("recruiter") or "the recruiter") if to == "role.recruiter" else to


def _notice(
    tx: Tx, bench: Bench, rule: Rule, opening: Opening, people: Sequence[int], occasion: str, *, now: datetime
) -> list[Queued]:
    notify = rule.do.notify if rule.do else None
    if notify is None or bench.settings.notices is None:
        return []
    to = _named(notify.to, opening)
    names = [found.name for person in people[:NAMED] if (found := tx.mirror.profile(person))]
    more = f" and {len(people) - len(names)} more" if len(people) > len(names) else ""
    who = f"{', '.join(names)}{more}" if people else "nobody we know"
    text = f"{opening.role['title']} ({opening.job}): {who}. {rule.why}"
    return [acts.notify(bench.settings.notices, to, text, occasion=occasion, rule=rule.name, person=None, due_at=now)]
