"""What no line of vocabulary can mend: facts that were never recorded, may not be seen, or have not come in yet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from connector.accounts import adapter_class
from connector.adapter import Declaration
from connector.facts import fold
from connector.quality.values import Found
from connector.rules import RuleSet, evidence_floor
from connector.settings import AccountSettings, Settings
from connector.store import Tx
from connector.store.survey import Pool, Rejections

#: What the settings may name a custom field for, of what `Pool` counts.
FIELDS = ("skills", "consent", "region")


@dataclass(frozen=True, slots=True, kw_only=True)
class Beyond:
    account: str
    what: str
    do: str
    count: int = 0


def find(
    tx: Tx, settings: Settings, rules: RuleSet, said: Sequence[Rejections], pools: Sequence[Pool], found: Found
) -> list[Beyond]:
    """`said`: rejections by account."""
    by_account = {it.account: it for it in said}
    counts = tx.records.counts()
    bare = _scoreless(tx, rules)
    told: list[Beyond] = [*_waiting(tx, settings, {it.account for it in pools})]
    for pool in pools:
        wanted = settings.accounts.get(pool.account)
        if wanted is None:
            continue
        declared = declaration(wanted)
        it = by_account.get(fold(pool.account))
        if it is not None:
            told += _reasons(it, pool.account, found.reasonless[pool.account], declared)
            told += _steps(it, pool.account, found.stepless[pool.account])
            told += _scores(pool.account, bare.get(it.account, 0), counts.get(pool.account, {}), declared)
        if nameless := found.nameless[pool.account]:
            told.append(Beyond(
                account=pool.account, count=nameless,
                what=f"{nameless:,} rejections have a reason or a step that the platform gives an id of and no name",
                do="deleted over there, most likely, or the list that names it may not be read (`keepwarm doctor`)",
            ))  # fmt: skip
        told += _fields(pool, wanted, declared)
    return told


def declaration(wanted: AccountSettings) -> Declaration | None:
    build = adapter_class(wanted.platform)
    declared: Declaration | None = getattr(build, "declaration", None)
    return declared


def _waiting(tx: Tx, settings: Settings, accounts: set[str]) -> Iterator[Beyond]:
    for pause in tx.schedule.pauses():
        if pause.account in accounts:
            since = f"{pause.at.astimezone(settings.zone):%-d %b %Y %H:%M}"
            yield Beyond(
                account=pause.account,
                what=f"{pause.scope or 'everything'} is paused since {since}: {pause.why}",
                do="give the credentials what is named there (`keepwarm doctor`), then `keepwarm sync --full`",
            )
    for account, count in tx.inbox.hints_waiting().items():
        if account in accounts and count:
            yield Beyond(account=account, what=f"{count:,} things are still to be read again", count=count,
                         do="let `keepwarm sync` or `serve` run on; these figures will move")  # fmt: skip
    parked: dict[str, set[int]] = {}
    for it in tx.inbox.parked():
        parked.setdefault(it.account, set()).add(it.delivery)
    for account, deliveries in parked.items():
        if account in accounts:
            yield Beyond(account=account, what=f"{len(deliveries):,} deliveries could not be read", count=len(deliveries),
                         do="`keepwarm parked` says why; `keepwarm replay` after a fix")  # fmt: skip


def _reasons(it: Rejections, account: str, missing: int, declared: Declaration | None) -> Iterator[Beyond]:
    if not missing:
        return
    if not _supplies(declared, "application.rejection_reason"):
        yield Beyond(account=account, what="this platform tells no rejection reasons", count=missing,
                     do="rules that ask for one must say `if_unknown`")  # fmt: skip
        return
    yield Beyond(
        account=account,
        count=missing,
        what=f"no reason was recorded for {_of(missing, it.count)} rejections",
        do="make the reason a required field when somebody is rejected; for those of the past a rule has to decide what a"
        " missing reason counts as (`if_unknown`), or they stay out",
    )


def _steps(it: Rejections, account: str, missing: int) -> Iterator[Beyond]:
    if missing:
        yield Beyond(
            account=account,
            count=missing,
            what=f"no step at all is known of {_of(missing, it.count)} rejections",
            do="they were imported without their history, or the list of stages may not be read (`keepwarm doctor`)",
        )


def _scoreless(tx: Tx, rules: RuleSet) -> Mapping[str, int]:
    ladder = [fold(stage) for stage in rules.vocabulary.stages]
    floor = evidence_floor(rules).stage
    return tx.survey.scoreless(ladder[ladder.index(floor) :] if floor in ladder else ladder)


def _scores(account: str, missing: int, kinds: Mapping[str, int], declared: Declaration | None) -> Iterator[Beyond]:
    if not missing:
        return
    what = f"{missing:,} rejections for which a rule could want a scorecard have none"
    if not _supplies(declared, "application.scorecard_average"):
        yield Beyond(account=account, what=f"{what}: this platform tells none", count=missing,
                     do="a rule for this account cannot ask for a score")  # fmt: skip
    elif not kinds.get("scorecard"):
        yield Beyond(account=account, what=f"{what}; this account has not one", count=missing,
                     do="see whether scorecards may be read (`keepwarm doctor`); if nobody fills them in, a rule can do"
                     " without: `scorecard_average: {at_least: 3.5, if_unknown: yes}`")  # fmt: skip
    else:
        yield Beyond(account=account, what=what, count=missing,
                     do="ask interviewers for a verdict; the past stays unknown unless the rule says `if_unknown`")  # fmt: skip


def _fields(pool: Pool, wanted: AccountSettings, declared: Declaration | None) -> Iterator[Beyond]:
    """What lives in custom fields is seen only once their names are in the settings."""
    if declared is None or not any(option.name == "fields" for option in declared.options):
        return
    fields = wanted.options.get("fields")
    named = set(fields) if isinstance(fields, Mapping) else set()
    dark = [name for name in FIELDS if name not in named and pool.count and getattr(pool, name) == 0]
    if dark:
        lines = ", ".join(f"{name}: <the field's key>" for name in dark)
        yield Beyond(
            account=pool.account,
            count=pool.count,
            what=f"{' and '.join(', '.join(dark).rsplit(', ', 1))} {'is' if len(dark) == 1 else 'are'} known of nobody",
            do=f"where custom fields or tags hold them, name those: accounts.{pool.account}.options.fields: {{{lines}}}",
        )


def _supplies(declared: Declaration | None, fact: str) -> bool:
    return declared is None or not declared.facts or fact in declared.facts


def _of(part: int, whole: int) -> str:
    return f"all {whole:,}" if part >= whole else f"{part:,} of {whole:,}"


__all__ = ["Beyond", "declaration", "find"]
