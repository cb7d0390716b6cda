"""What the rules would change, for the whole pool, before anything is written.

A plan is a file without names or addresses. It names people by their number here, and it expires.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path

import msgspec

from connector import objections, occasions
from connector.cadence import Desk
from connector.court import Bench, share
from connector.diff import Kind
from connector.errors import KeepwarmError
from connector.flow import Verb
from connector.limits import over_limit
from connector.pool import Effects, Pool, stale
from connector.rules import Cadence, Rule, RuleSet, explain, near
from connector.store import ReadOnly, Sqlite, Tx
from connector.store.schedule import Enrolment

LIVES = timedelta(days=7)
SAMPLES = 10
#: Counts may have moved by this share since the plan was made.
DRIFT = 0.01
WEEK = timedelta(days=7)
#: Near misses are counted among about so many people, at most twice as many.
SURVEYED = 100_000


class Sample(msgspec.Struct, frozen=True):
    person: int
    kind: str
    line: str


class Near(msgspec.Struct, frozen=True):
    """People for whom this test, and no other, says no or unknown. In a large pool reckoned from a part of it."""

    test: str
    people: int


class RulePlan(msgspec.Struct, frozen=True, kw_only=True):
    """What applying means for one rule."""

    rule: str
    hash: str
    why: str = ""
    #: Not active in this version until the plan is applied.
    new: bool = False
    mode: str = "live"
    yes: int = 0
    unknown: int = 0
    add: int = 0
    remove: int = 0
    keep: int = 0
    adopt: int = 0
    veto: int = 0
    #: Matching, but nowhere to put it: the guard holds them back, by reason.
    held: dict[str, int] = {}
    #: Set: more than may be changed without somebody's word, so that applying needs an approval.
    limit: str = ""
    near: tuple[Near, ...] = ()
    samples: tuple[Sample, ...] = ()


class CadencePlan(msgspec.Struct, frozen=True, kw_only=True):
    cadence: str
    hash: str
    new: bool = False
    mode: str = "live"
    matching: int = 0
    unknown: int = 0
    enrolled: int = 0
    joining: int = 0
    held_out: int = 0
    #: Of those who join, whom a suppression would stop today, by its name.
    held: dict[str, int] = {}
    due_in_a_week: int = 0
    #: Day → messages due then, on the organisation's calendar.
    due: dict[date, int] = {}
    limit: str = ""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    made_at: datetime
    expires_at: datetime
    set_hash: str
    people: int
    rules: tuple[RulePlan, ...]
    cadences: tuple[CadencePlan, ...]
    #: People who objected elsewhere and are still mailable in an audience: they will be unsubscribed there.
    opt_outs: int = 0
    #: Rules with `do:` that applying switches on, in shadow or live: name → hash.
    doing: dict[str, str] = {}
    #: Rule or cadence over its limit → who let it.
    approved: dict[str, str] = {}

    @property
    def limits(self) -> dict[str, str]:
        """Rule or cadence → why it waits for a word."""
        rules = {it.rule: it.limit for it in self.rules if it.limit}
        return rules | {it.cadence: it.limit for it in self.cadences if it.limit}


class PlanRefused(KeepwarmError):
    """The plan cannot be applied as it stands."""


def make(store: Sqlite | ReadOnly, desk: Desk, *, now: datetime) -> Plan:
    """Read-only."""
    bench = desk.bench
    with store.reading() as tx:
        pool = Pool(tx, bench, now=now, stale=stale(tx, bench, now=now))
        audiences = [it.name for it in bench.accounts.that_can(Verb.SUPPRESS_MEMBER)]
        return Plan(
            id=f"p{now:%m%d}-{secrets.token_hex(3)}",
            made_at=now,
            expires_at=now + LIVES,
            set_hash=bench.court.rules.hash,
            people=tx.mirror.count(),
            rules=tuple(_rule_plans(tx, bench, pool, now=now)),
            cadences=tuple(_cadence_plan(tx, bench, pool, it, now=now) for it in bench.court.rules.cadences),
            opt_outs=len(tx.objections.people(audiences)) + objections.strangers(tx, bench.accounts),
            doing={rule.name: rule.hash for rule in bench.rules if rule.kind == "do" and rule.mode != "off"},
        )


# rules


def _rule_plans(tx: Tx, bench: Bench, pool: Pool, *, now: datetime) -> Iterator[RulePlan]:
    effects = pool.effects(samples=SAMPLES)
    asked = {name: it.counts for name, it in effects.items()}
    stopped = over_limit(tx, bench.rules, bench.settings, asked, now=now)
    activations = tx.ledger.activations()
    known = {rule.name: rule for rule in bench.court.rules.standing}
    kept: Counter[str] = Counter()
    for (name, _), count in tx.ledger.owned_counts().items():
        kept[name] += count
    for name in [*known, *sorted(effects.keys() - known.keys())]:
        rule, mine = known.get(name), effects.get(name) or _steady(kept[name])
        active = activations.get(name)
        new = rule is not None and (active is None or active.hash != rule.hash)
        yes, unknown = pool.counts.get(name, (0, 0))
        limit = _limit(bench, rule, mine.counts) if name in stopped and not new else ""
        yield RulePlan(
            rule=name,
            hash=rule.hash if rule else "",
            why=rule.why if rule else "no longer in any file; what it kept goes a week after it left",
            new=new,
            mode=rule.mode if rule else "deleted",
            yes=yes,
            unknown=unknown,
            add=mine.counts["add"],
            remove=mine.counts["remove"],
            keep=mine.counts["keep"] + mine.counts["share"],
            adopt=mine.counts["adopt"],
            veto=mine.counts["veto"],
            held=pool.held(rule) if rule and new else {},
            limit=limit or _above(rule, mine.counts["add"]) or _unexpected(rule, yes),
            near=_near(tx, bench, rule, now=now) if rule and new else (),
            samples=tuple(_samples(tx, bench, rule, mine, now=now)) if rule else (),
        )


def _steady(kept: int) -> Effects:
    """A rule by which everybody was judged: what it keeps, it keeps."""
    counts: Counter[Kind] = Counter()
    counts["keep"] = kept
    return Effects(counts)


def _unexpected(rule: Rule | None, matching: int) -> str:
    if rule is None or rule.expected_size is None or rule.expected_size[0] <= matching <= rule.expected_size[1]:
        return ""
    return f"{matching} match, expected {rule.expected_size[0]} to {rule.expected_size[1]}"


def _limit(bench: Bench, rule: Rule | None, counts: Mapping[Kind, int]) -> str:
    add, remove = bench.settings.add, bench.settings.remove
    own = rule.max_changes if rule else None
    return (
        f"{counts.get('add', 0)} adds, {counts.get('remove', 0)} removals; at once it may make {own or add.share:.0%} or"
        f" {add.always} adds and {own or remove.share:.0%} or {remove.always} removals"
    )


def _above(entry: Rule | Cadence | None, people: int) -> str:
    if entry is None or entry.approve is None or people <= entry.approve.above:
        return ""
    return f"{people} people, and more than {entry.approve.above} need somebody's approval (`approve` says whose)"


def _near(tx: Tx, bench: Bench, rule: Rule, *, now: datetime) -> tuple[Near, ...]:
    every = 1 + tx.mirror.count() // SURVEYED
    hurdles, query = near(rule, bench.court.context(now), every=every)
    if len(hurdles) < 2:  # everybody else is one test away from a single test
        return ()
    rows = tx.rows(query.text, query.params)
    return tuple(Near(hurdles[row["failing"]].text, row["people"] * every) for row in rows)


def _samples(tx: Tx, bench: Bench, rule: Rule, effects: Effects, *, now: datetime) -> Iterator[Sample]:
    facts = tx.mirror.facts_of([person for person, _ in effects.samples])
    standing = occasions.standing_of(tx, list(facts))
    for person, kind in effects.samples:
        known = facts[person]
        answers = bench.court.answers(known, standing[person], now=now)
        why = explain(rule, known, bench.court.context(now, answers=answers))
        yield Sample(person, kind, why.deciding)


# cadences


def _cadence_plan(tx: Tx, bench: Bench, pool: Pool, cadence: Cadence, *, now: datetime) -> CadencePlan:
    active = tx.ledger.activations().get(cadence.name)
    enrolled = tx.schedule.enrolments(cadence=cadence.name)
    inside = {it.person for it in enrolled}
    answers = pool.answers(cadence)
    joining = [person for person, answer in answers.items() if answer and person not in inside]
    out = [p for p in joining if cadence.hold_out is not None and share(p, cadence.name, "hold_out") < cadence.hold_out]
    due = _due(bench, enrolled, now=now)
    return CadencePlan(
        cadence=cadence.name,
        hash=cadence.hash,
        new=active is None or active.hash != cadence.hash,
        mode=cadence.mode,
        matching=sum(1 for answer in answers.values() if answer),
        unknown=sum(1 for answer in answers.values() if answer is None),
        enrolled=sum(1 for it in enrolled if it.state == "active"),
        joining=len(joining),
        held_out=len(out),
        held=_stopped(bench, pool, joining),
        due_in_a_week=sum(due.values()),
        due=due,
        limit=_above(cadence, len(joining)),
    )


def _stopped(bench: Bench, pool: Pool, joining: Sequence[int]) -> dict[str, int]:
    """Unknown stops a message too."""
    stopped = (
        {it.name: len(pool.answers(it).keys() & set(joining)) for it in bench.court.rules.suppress} if joining else {}
    )
    return {name: count for name, count in stopped.items() if count}


def _due(bench: Bench, enrolled: Sequence[Enrolment], *, now: datetime) -> dict[date, int]:
    zone = bench.settings.zone
    days = Counter(
        max(it.due_at, now).astimezone(zone).date()
        for it in enrolled
        if it.state == "active" and it.due_at is not None and it.due_at <= now + WEEK
    )
    return dict(sorted(days.items()))


# files


def save(plan: Plan, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{plan.id}.json"
    path.write_bytes(msgspec.json.format(msgspec.json.encode(plan), indent=1))
    return path


def load(name: str, folder: Path, *, now: datetime) -> Plan:
    """By id or file; expired plans are thrown away."""
    path = folder / f"{name.removesuffix('.json').rpartition('/')[2]}.json"
    saved(folder, now=now)
    if not path.exists():
        raise PlanRefused(f"there is no plan `{name}` (or it expired); make one with `keepwarm plan`")
    return msgspec.json.decode(path.read_bytes(), type=Plan)


def saved(folder: Path, *, now: datetime) -> list[Plan]:
    """Every plan that is still good, the latest first."""
    found = []
    for path in folder.glob("p*.json"):
        plan = msgspec.json.decode(path.read_bytes(), type=Plan)
        if plan.expires_at < now:
            path.unlink()
        else:
            found.append(plan)
    return sorted(found, key=lambda it: it.made_at, reverse=True)


def approve(plan: Plan, name: str, *, by: str, rules: RuleSet) -> Plan:
    """Somebody let one rule of the plan go over its limit. Raises PlanRefused where it is not theirs to say."""
    if name not in plan.limits:
        waiting = ", ".join(plan.limits) or "nothing of it"
        raise PlanRefused(f"`{name}` needs no approval in plan {plan.id}; waiting: {waiting}")
    check_approver(name, by, rules)
    return msgspec.structs.replace(plan, approved={**plan.approved, name: by})


def check_approver(name: str, by: str, rules: RuleSet) -> None:
    """`role.recruiter` may be anybody with a name: who that is, is known only once a role opens."""
    approver = next((it.approve.by for it in rules.entries if it.name == name and it.approve), "")
    if not by.strip():
        raise PlanRefused(f"say who approves `{name}`: --by NAME")
    if "@" in approver and by.strip().casefold() != approver.casefold():
        raise PlanRefused(f"`{name}` wants the approval of {approver}; {by} may not give it")


def check_fresh(plan: Plan, again: Plan, *, counts: bool = True) -> None:
    """Refuse when the rules changed, or the facts moved so far that the counts differ by more than 1 %.

    `counts`: not for a plan that was begun, for what it did already has moved them."""
    if plan.set_hash != again.set_hash:
        raise PlanRefused(f"the rules changed since plan {plan.id} was made; make a new one with `keepwarm plan`")
    before = {it.rule: it for it in plan.rules}
    for now_ in again.rules if counts else ():
        then = before.get(now_.rule)
        for kind in ("add", "remove"):
            was, is_ = getattr(then, kind, 0), getattr(now_, kind)
            if abs(was - is_) > max(1, DRIFT * max(was, is_)):
                raise PlanRefused(
                    f"plan {plan.id} is stale: {now_.rule} would {kind} {is_} now, not {was}; make a new one"
                )
