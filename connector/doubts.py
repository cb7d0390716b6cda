"""Many of our tags gone at once: somebody's clean-up, or a permission taken away, or a platform's bug. Beyond the limit that
removals have, nobody's veto is read into it: the account's tags are left as they are until they are seen again, or until
somebody gives their word (`keepwarm approve`)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

import structlog

from connector.diff import Change
from connector.settings import Settings
from connector.store import Tx
from connector.store.doubts import Doubt

log = structlog.get_logger()

DAY = timedelta(days=1)
#: What was believed so shortly before it became too much belongs to it.
BEFORE = timedelta(hours=1)


def stay_off(since: datetime) -> str:
    """The occasion for a word. With its time, so that a word holds for this once."""
    return f"tags gone since {since:%Y-%m-%d %H:%M} stay off"


def put_back(since: datetime) -> str:
    return f"tags gone since {since:%Y-%m-%d %H:%M} come back"


def sift(
    tx: Tx, settings: Settings, changes: Sequence[Change], people: Collection[int], *, now: datetime
) -> list[Change]:
    """These people's changes without what is not believed, and without any other to the tags of an account in doubt."""
    held = tx.doubts.held()
    gone: dict[str, set[Doubt]] = defaultdict(set)
    for it in changes:
        if it.kind == "veto" and it.what == "tag":
            gone[it.subject.account].add(Doubt(it.subject.account, it.subject.id, it.key, it.person))
    for account in gone.keys() - held.keys():
        if _too_many(tx, settings, account, len(gone[account]), now=now):
            tx.doubts.hold(account, now=now)
            held[account] = now
            log.warning(
                "far too many of our tags are gone; none is touched there until somebody says so", account=account
            )
    if not held:
        return list(changes)
    believed = {account for account, since in held.items() if tx.assent.given(account, stay_off(since))}
    doubted = held.keys() - believed
    still = {it for account in doubted for it in gone[account]}
    tx.doubts.add(still)
    tx.doubts.clear(tx.doubts.of(people) - still)
    for account, since in held.items():
        _tell(tx, account, since, now=now)
    return [it for it in changes if it.what != "tag" or it.subject.account not in doubted]


def _too_many(tx: Tx, settings: Settings, account: str, count: int, *, now: datetime) -> bool:
    limit, ended = settings.remove, tx.doubts.ended(account)
    since = now - DAY if ended is None else max(now - DAY, ended)
    gone = count + tx.doubts.vetoed(account, since)
    return gone > limit.always and gone > limit.share * (gone + tx.doubts.ours(account) - count)


def _tell(tx: Tx, account: str, since: datetime, *, now: datetime) -> None:
    """Ask for a word, with how many it is about; where nothing is in doubt any more, go on."""
    if left := tx.doubts.count(account):
        for occasion in (stay_off(since), put_back(since)):
            tx.assent.ask(account, occasion, left, now=now)
    else:
        _end(tx, account, since, now=now)


def _end(tx: Tx, account: str, since: datetime, *, now: datetime) -> None:
    for occasion in (stay_off(since), put_back(since)):
        tx.assent.drop(account, occasion)
    tx.doubts.end(account, now=now)
    log.info("our tags are looked after again", account=account)


def answer(tx: Tx, *, now: datetime) -> None:
    """Act on what was said meanwhile. Believed: whoever lost a tag is judged anew. Not: the tags are not ours any more, so
    that rules may put them there again, within their limits."""
    for account, since in tx.doubts.held().items():
        if tx.assent.given(account, stay_off(since)):
            tx.mirror.judge(it.person for it in tx.doubts.all_of(account))
        elif tx.assent.given(account, put_back(since)):
            for it in tx.doubts.all_of(account):
                tx.ledger.disown(it.account, it.subject, "tag", it.key)
            tx.doubts.unveto(account, since - BEFORE)
            _end(tx, account, since, now=now)
