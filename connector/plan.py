"""What the rules would change, for the whole pool, before anything is written; and applying just that.

A plan is a file without names or addresses. It names people by their number here, and it expires.
"""

from __future__ import annotations

import secrets
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from connector import judging, occasions
from connector.cadence import Desk, upcoming
from connector.court import share
from connector.decide import Bench, still_mailable
from connector.diff import Change, Kind
from connector.errors import KeepwarmError
from connector.limits import over_limit
from connector.pool import Pool
from connector.rules import Cadence, Rule, explain
from connector.store import ReadOnly, Sqlite, Tx

LIVES = timedelta(days=7)
SAMPLES = 10
#: Counts may have moved by this share since the plan was made.
DRIFT = 0.01
CHUNK = 50


class Sample(msgspec.Struct, frozen=True):
    person: int
    kind: str
    line: str


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
    #: Set: over its limit of change, so that applying needs `--approve RULE`.
    limit: str = ""
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
    due_in_a_week: int = 0
    #: Set: more people join than may without somebody's word, so that applying needs `--approve CADENCE`.
    limit: str = ""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    made_at: datetime
    expires_at: datetime
    set_hash: str
    people: int
    rules: tuple[RulePlan, ...]
    cadences: tuple[CadencePlan, ...]
    #: Members who objected elsewhere and are still mailable in an audience: they will be unsubscribed there.
    opt_outs: int = 0
    #: Rules with `do:` that applying switches on: name → hash.
    doing: dict[str, str] = {}


class PlanRefused(KeepwarmError):
    """The plan cannot be applied as it stands."""


def make(store: Sqlite | ReadOnly, desk: Desk, *, now: datetime) -> Plan:
    """Read-only."""
    with store.reading() as tx:
        pool = Pool(tx, desk.bench, now=now)
        changes = pool.changes()
        return Plan(
            id=f"p{now:%m%d}-{secrets.token_hex(3)}",
            made_at=now,
            expires_at=now + LIVES,
            set_hash=desk.bench.court.rules.hash,
            people=tx.mirror.count(),
            rules=tuple(_rule_plans(tx, desk.bench, pool, changes, now=now)),
            cadences=tuple(_cadence_plan(tx, desk.bench, pool, it, now=now) for it in desk.bench.court.rules.cadences),
            opt_outs=sum(len(still_mailable(tx, desk.bench, it)) for it in tx.mirror.unsubscribed()),
            doing={rule.name: rule.hash for rule in desk.bench.rules if rule.kind == "do" and rule.mode == "live"},
        )


def _rule_plans(tx: Tx, bench: Bench, pool: Pool, changes: Sequence[Change], *, now: datetime) -> Iterator[RulePlan]:
    stopped = over_limit(tx, bench.rules, bench.settings, changes, now=now)
    activations = tx.ledger.activations()
    by_rule: dict[str, list[Change]] = defaultdict(list)
    for change in changes:
        by_rule[change.rule].append(change)
    known = {rule.name: rule for rule in bench.court.rules.standing}
    for name in [*known, *sorted(by_rule.keys() - known.keys())]:
        rule, mine = known.get(name), by_rule[name]
        heard = pool.heard.get(name, {})
        counts = Counter(change.kind for change in mine)
        active = activations.get(name)
        new = rule is not None and (active is None or active.hash != rule.hash)
        yes = [person for person, said in heard.items() if said.answer]
        yield RulePlan(
            rule=name,
            hash=rule.hash if rule else "",
            why=rule.why if rule else "no longer in any file; what it kept goes a week after it left",
            new=new,
            mode=rule.mode if rule else "deleted",
            yes=len(yes),
            unknown=sum(1 for said in heard.values() if said.answer is None),
            add=counts["add"],
            remove=counts["remove"],
            keep=counts["keep"] + counts["share"],
            adopt=counts["adopt"],
            veto=counts["veto"],
            held=_held(tx, bench, rule, yes, mine) if rule else {},
            limit=_limit(bench, rule, counts) if name in stopped and not new else _unexpected(rule, len(yes)),
            samples=tuple(_samples(tx, bench, rule, mine, now=now)) if rule else (),
        )


def _held(tx: Tx, bench: Bench, rule: Rule, yes: Sequence[int], changes: Sequence[Change]) -> dict[str, int]:
    """Why some who match get nothing."""
    reached = {change.person for change in changes}
    missed = [person for person in yes if person not in reached]
    if not missed or rule.mode != "live" or rule.keep is None:
        return {}
    mailable = tx.mirror.mailable(missed) if rule.keep.pools else dict.fromkeys(missed, "")
    no_consent = len(missed) - len(mailable)
    vetoed = {person for person, _, _ in tx.ledger.vetoes(missed)}
    counts = {
        "no consent to be written to": no_consent,
        "taken off by a person": len(vetoed),
        "elsewhere: settle, canary, or no account that takes it": len(missed)
        - no_consent
        - len(vetoed - mailable.keys()),
    }
    return {why: count for why, count in counts.items() if count > 0}


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


def _samples(tx: Tx, bench: Bench, rule: Rule, changes: Sequence[Change], *, now: datetime) -> Iterator[Sample]:
    chosen = [change for change in changes if change.kind in ("add", "remove")][:SAMPLES]
    facts = tx.mirror.facts_of([change.person for change in chosen])
    standing = occasions.standing_of(tx, list(facts))
    for change in chosen:
        known = facts[change.person]
        answers = bench.court.answers(known, standing[change.person], now=now)
        why = explain(rule, known, bench.court.context(now, answers=answers))
        yield Sample(change.person, change.kind, why.deciding)


def _cadence_plan(tx: Tx, bench: Bench, pool: Pool, cadence: Cadence, *, now: datetime) -> CadencePlan:
    active = tx.ledger.activations().get(cadence.name)
    answers = pool.answers(cadence)
    enrolled = tx.schedule.enrolments(cadence=cadence.name)
    inside = {it.person for it in enrolled}
    joining = [person for person, answer in answers.items() if answer and person not in inside]
    out = [p for p in joining if cadence.hold_out is not None and share(p, cadence.name, "hold_out") < cadence.hold_out]
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
        due_in_a_week=upcoming(enrolled, now=now, within=timedelta(days=7)).get(cadence.name, 0),
        limit=_above(cadence, len(joining)),
    )


def _above(cadence: Cadence, joining: int) -> str:
    if cadence.approve is None or joining <= cadence.approve.above:
        return ""
    return f"{joining} people join, and more than {cadence.approve.above} need somebody's approval"


# files


def save(plan: Plan, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{plan.id}.json"
    path.write_bytes(msgspec.json.format(msgspec.json.encode(plan), indent=1))
    return path


def load(name: str, folder: Path, *, now: datetime) -> Plan:
    """By id or file; expired plans are thrown away."""
    path = folder / f"{name.removesuffix('.json').rpartition('/')[2]}.json"
    for old in folder.glob("p*.json"):
        if msgspec.json.decode(old.read_bytes(), type=Plan).expires_at < now:
            old.unlink()
    if not path.exists():
        raise PlanRefused(f"there is no plan `{name}` (or it expired); make one with `keepwarm plan`")
    return msgspec.json.decode(path.read_bytes(), type=Plan)


# applying


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


def apply(
    store: Sqlite, desk: Desk, plan: Plan, *, now: datetime, approve: Collection[str] = (), resumed: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Counter[str]:  # fmt: skip
    """Switch the plan's rules on and make its changes, some people at a time; killed anywhere, applying it again goes on."""
    again = make(store, desk, now=now)
    check_fresh(plan, again, counts=not resumed)
    limits = {it.rule: it.limit for it in again.rules} | {it.cadence: it.limit for it in again.cadences}
    # who applied it agreed to all that was new in it, and a kill half-way does not undo that
    agreed = {it.rule for it in plan.rules if it.new} if resumed else set()
    tripped = [name for name, limit in limits.items() if limit and name not in agreed.union(approve)]
    if tripped:
        listed = "; ".join(f"{name}: {limits[name]}" for name in tripped)
        raise PlanRefused(
            f"over the limit of change, so nothing was written. {listed}. If that is right: --approve {tripped[0]}"
        )
    people = store.write(lambda tx: _activate(tx, desk, plan, now=now))
    counts: Counter[str] = Counter()
    for start in range(0, len(people), CHUNK):
        chunk = people[start : start + CHUNK]
        counts += store.write(lambda tx, c=chunk: _apply_some(tx, desk, c, plan, now=now))  # type: ignore[misc]
        progress(min(start + CHUNK, len(people)), len(people))
    return counts


def _activate(tx: Tx, desk: Desk, plan: Plan, *, now: datetime) -> list[int]:
    """Returns everyone whom the newly active set concerns."""
    bench = desk.bench
    known = {entry.name for entry in bench.court.rules.entries}
    for entry in bench.court.rules.entries:
        if entry.was and entry.was not in known and entry.was in tx.ledger.activations():
            tx.ledger.rename(entry.was, entry.name)
    hashes = {it.rule: it.hash for it in plan.rules if it.mode == "live"}
    hashes |= {it.cadence: it.hash for it in plan.cadences if it.mode == "live"} | plan.doing
    fresh = {
        name
        for name, hash_ in hashes.items()
        if (held := tx.ledger.activations().get(name)) is None or held.hash != hash_
    }
    pool = Pool(tx, bench, now=now)
    for rule in bench.rules:
        if rule.name in fresh and rule.kind == "do" and rule.when is None:
            occasions.baseline(tx, rule, [p for p, yes in pool.answers(rule).items() if yes], now=now)
    tx.ledger.activate(hashes, set_hash=plan.set_hash, now=now, plan=plan.id)
    concerned = set(tx.mirror.unsubscribed())
    concerned |= {change.person for change in pool.changes() if change.kind != "keep"}
    for cadence in bench.court.rules.cadences:
        concerned |= {person for person, yes in pool.answers(cadence).items() if yes}
    return sorted(concerned)


def _apply_some(tx: Tx, desk: Desk, people: Sequence[int], plan: Plan, *, now: datetime) -> Counter[str]:
    counts = judging.judge(tx, desk, people, now=now, plan=plan.id)
    # what a plan brought may let others in (a pool, then its cadence): look once more
    tx.mirror.judge(people)
    return counts
