"""How usable an archive is: what is known of it, what settings could mend and what that is worth, and what they cannot.

Reads only. One call, `report`; everything in it is a count of what the store holds now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import reduce
from operator import add

from connector.errors import KeepwarmError
from connector.facts import fold
from connector.quality import beyond as beyond_
from connector.quality import values as values_
from connector.quality.beyond import Beyond
from connector.quality.gains import Gain, Gains, Outlook, Unknown
from connector.quality.values import HIDDEN, Value
from connector.quality.wording import SECTIONS, Book, Kind, Mapped, book
from connector.rules import Rule, RuleSet
from connector.settings import Settings
from connector.store import Tx
from connector.store.survey import Fresh, Pool, Rejections


class NotAsked(KeepwarmError):
    """There is no such account or rule to report on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fix:
    """One word and the line that would map it. Without a proposal the meaning that would help most is given."""

    value: Value
    mapped: Mapped
    #: Found from the word itself; else nobody could guess, and a person has to.
    proposed: bool
    gain: Gain
    line: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One rule: whom it matches, of whom it cannot tell and why, and whom it would match with all that is proposed."""

    rule: str
    matching: int
    unknown: int
    missing: tuple[Unknown, ...]
    would_match: int
    #: Of whom only a score would be missing then. Where there are scorecards, they are fetched once it is known how far
    #: someone came.
    would_wait: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    at: datetime
    fresh: tuple[Fresh, ...]
    #: Candidate records that have changed and are not in these figures yet.
    behind: int
    #: The settings' words have changed since people were built with them.
    reworded: bool
    rejected_people: int
    #: Everyone first, then by account.
    people: tuple[Pool, ...]
    rejections: tuple[Rejections, ...]
    years: tuple[Rejections, ...]
    rules: tuple[Outcome, ...]
    #: People who would come to match any rule with all that is proposed; and others of whom only a score would be missing.
    gained: int
    waiting: int
    #: Best first.
    fixes: tuple[Fix, ...]
    #: Words that no proposal and no gain is known for.
    rest: tuple[Value, ...]
    beyond: tuple[Beyond, ...]
    #: Lines for the settings file with everything that is proposed.
    snippet: str


def report(
    tx: Tx,
    settings: Settings,
    rules: RuleSet,
    written: bytes,
    *,
    file: str,
    now: datetime,
    account: str | None = None,
    rule: str | None = None,
) -> Report:
    """`written`: the settings file's own text. `account`, `rule`: only these."""
    pools = _pools(tx, account)
    accounts = [it.account for it in pools if it.account]
    said = [it for it in tx.survey.rejections() if it.account in map(fold, accounts)]
    found = values_.find(tx, settings.words, accounts, only=account)
    asked = _rules(rules, rule)
    outlook = Gains(tx, rules, settings.words, asked, now=now).outlook(found.values)
    lines = book(written, file)
    fixes = [_fix(it, lines, outlook.gains) for it in found.values if it.text != HIDDEN]
    useful = sorted((it for it in fixes if it is not None), key=_worth)
    done = {it.value for it in useful}
    return Report(
        at=now,
        fresh=tuple(it for it in tx.survey.fresh() if account in (None, it.account)),
        behind=tx.records.dirty_count(),
        reworded=tx.uses.words() != settings.words.mark,
        rejected_people=tx.survey.rejected_people(account),
        people=tuple(pools),
        rejections=tuple(_by(said, "account")),
        years=tuple(_by(said, "year")),
        rules=tuple(_outcome(it.name, outlook) for it in asked),
        gained=outlook.anyone,
        waiting=outlook.anyone_waiting,
        fixes=tuple(useful),
        rest=tuple(it for it in found.values if it not in done),
        beyond=tuple(
            beyond_.find(tx, settings, rules, _by(said, "account"), [it for it in pools if it.account], found)
        ),
        snippet=lines.snippet([(it.mapped, _comment(it)) for it in useful if it.proposed]),
    )


def _pools(tx: Tx, account: str | None) -> list[Pool]:
    pools = tx.survey.pools()
    known = [it.account for it in pools if it.account]
    if account is not None and account not in known:
        raise NotAsked(
            f"no candidates are known from `{account}`; there are some from {', '.join(known) or 'nowhere yet'}"
        )
    return [it for it in pools if account in (None, it.account)]


def _rules(rules: RuleSet, name: str | None) -> list[Rule]:
    standing = [it for it in rules.standing if name in (None, it.name)]
    if name is not None and not standing:
        raise NotAsked(
            f"no `keep` rule `{name}` is switched on; there are {', '.join(it.name for it in rules.standing)}"
        )
    return standing


def _outcome(name: str, outlook: Outlook) -> Outcome:
    missing = tuple(outlook.unknown[name])
    return Outcome(
        rule=name,
        matching=outlook.matching[name],
        unknown=sum(part.people for part in missing),
        missing=missing,
        would_match=outlook.together[name],
        would_wait=outlook.waiting[name],
    )


def _by(said: Sequence[Rejections], name: str) -> list[Rejections]:
    """Added up by account or year. Years: newest first, and those without a date last."""
    keys = sorted(
        {getattr(it, name) for it in said}, key=lambda key: (key is None, -key if isinstance(key, int) else 0, str(key))
    )
    found = [reduce(add, (it for it in said if getattr(it, name) == key)) for key in keys]
    return [replace(it, year=None) if name == "account" else replace(it, account="") for it in found]


def _worth(it: Fix) -> tuple[int, int, bool, int, int]:
    """Sorts what helps most people first."""
    return -it.gain.people, -it.gain.waiting, not it.proposed, -(it.value.usable or 0), -it.value.people


def _fix(value: Value, lines: Book, gains: Mapping[Mapped, Gain]) -> Fix | None:
    mapped = value.proposal
    if mapped is None:
        mapped = next((it for it in gains if it.kind is value.kind and fold(it.text) == fold(value.text)), None)
    if mapped is None:
        return None
    gain = gains.get(mapped, Gain())
    return Fix(value=value, mapped=mapped, proposed=value.guess is not None, gain=gain, line=lines.line(mapped))


def _comment(it: Fix) -> str:
    then = f"{it.gain.people:,} more match a rule" if it.gain.people else "nobody more matches a rule"
    return f"{it.value.people:,} people, {then}; {it.value.guess.why if it.value.guess else ''}"


__all__ = [
    "HIDDEN",
    "SECTIONS",
    "Beyond",
    "Fix",
    "Gain",
    "Kind",
    "NotAsked",
    "Outcome",
    "Report",
    "Unknown",
    "Value",
    "report",
]
