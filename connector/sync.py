"""Window → Deliveries: pull, backfill, reconcile, and re-read what was hinted at. One page a step, so that it resumes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from connector.accounts import Account
from connector.adapter import Fetches, Pulls
from connector.errors import CursorExpired, Refused, Unsupported
from connector.flow import Delivery, Hint, Page, Stream, Window
from connector.model import Gone
from connector.store import Sqlite, Tx
from connector.store.inbox import Wanted
from connector.store.schedule import Mark, Walk

#: A complete walk that lost more than this share of what we hold is a fault at the source, not a fact.
MOST_GONE = 0.10
#: So few may always vanish.
GONE_ANYWAY = 25
#: A hint that the platform refuses is tried again after this, then after four times as long, and at least once a day.
LATER = timedelta(minutes=5)
LATEST = timedelta(days=1)
#: Stream name and page, as `fetch` yields them.
Told = tuple[str, Page]


def due(mark: Mark, stream: Stream, account: Account, *, now: datetime) -> bool:
    """Is it time to pull this stream."""
    if mark.walk is not None or mark.pulled_at is None:
        return True
    return now - mark.pulled_at >= stream.every


def step(
    store: Sqlite, account: Account, stream: Stream, *, now: datetime, run: int, full: bool = False
) -> Counter[str]:
    """Pull one page and keep it. Counts `pages` and `items`; `done` is 1 when the window is exhausted.

    Raises the client's error families; nothing is kept then, and the next call asks for the same page again."""
    adapter = account.adapter
    if not isinstance(adapter, Pulls):
        raise Unsupported(f"{account.name}: this platform cannot be pulled from")
    with store.reading() as tx:
        mark = tx.schedule.mark(account.name, stream.name)
    # one that was interrupted goes on, unless everything is asked for and it was to see only what changed
    going_on = mark.walk if mark.walk and (mark.walk.full or not full) else None
    walk = going_on or _new_walk(mark, stream, account, now=now, run=run, full=full)
    window = Window(since=walk.since, until=walk.until)
    try:
        page = adapter.pull(stream.name, window, walk.cursor)
    except CursorExpired:
        if walk.cursor is None:
            raise
        # pages go on being counted: one with a number that was used already would be taken for a repeat
        walk = replace(walk, cursor=None, run=run)
        page = adapter.pull(stream.name, window, None)
    return store.write(lambda tx: _keep(tx, account, stream, walk, page, now=now))


def _new_walk(mark: Mark, stream: Stream, account: Account, *, now: datetime, run: int, full: bool) -> Walk:
    least = stream.reconcile or account.declaration.reconcile
    stale = stream.complete and (mark.complete_at is None or now - mark.complete_at >= least)
    everything = full or stale or mark.until is None or not stream.windowed
    since = None if everything or mark.until is None else mark.until - stream.overlap
    return Walk(since=since, until=now, full=since is None, page=0, cursor=None, run=run)


def _keep(tx: Tx, account: Account, stream: Stream, walk: Walk, page: Page, *, now: datetime) -> Counter[str]:
    """The page and how far the walk has come, in one transaction."""
    counting = "walk" if walk.full and stream.complete else "pull"
    delivery = Delivery(
        account=account.name,
        stream=stream.name,
        id=f"{counting}:{walk.run}:{stream.name}:{walk.page}",
        body=page.body,
        received_at=now,
    )
    tx.inbox.keep([delivery])
    done = page.cursor is None
    tx.schedule.walk(account.name, stream.name, replace(walk, page=walk.page + 1, cursor=page.cursor))
    if done and counting == "pull":
        tx.schedule.arrive(account.name, stream.name, until=walk.until, complete=walk.full, now=now)
    return Counter(pages=1, items=page.count, done=int(done))


def reconcile(store: Sqlite, account: Account, stream: Stream, *, now: datetime) -> Counter[str]:
    """After a complete walk has been read: what it did not list is gone. Refused when far too much would go."""

    def work(tx: Tx) -> Counter[str]:
        walk = tx.schedule.mark(account.name, stream.name).walk
        if walk is None or walk.cursor is not None or not walk.page:
            return Counter()
        lost = tx.records.unseen(account.name, stream.kinds, walk.run)
        held = tx.records.count(account.name, stream.kinds)
        tx.schedule.arrive(account.name, stream.name, until=walk.until, complete=True, now=now)
        tx.inbox.unpark_older(account.name, stream.name, f"walk:{walk.run}:{stream.name}:")
        if lost and tx.inbox.any_parked(account.name, stream.name):
            # what could not be read was listed all the same: whether these are gone is asked for one by one
            known = [Hint(ref, "missed by a walk") for ref in lost if ref.kind in account.declaration.fetches]
            tx.inbox.hint(known, due_at=now)
            return Counter(doubted=len(lost))
        if len(lost) > max(GONE_ANYWAY, held * MOST_GONE):
            return Counter(withheld=len(lost))
        applied = tx.records.apply([Gone(ref=ref, at=walk.until) for ref in lost], received_at=now)
        # a tag's row that vanished: the walk over the candidates themselves may have been before that
        tx.inbox.hint([Hint(ref, "a tag was taken off") for ref in applied.tagged], due_at=now)
        return Counter(gone=len(lost))

    return store.write(work)


def reread(store: Sqlite, account: Account, *, now: datetime) -> Counter[str]:
    """Follow the hints that are due: one kind, as many ids as one call takes. Empty: none is due."""
    if not isinstance(account.adapter, Fetches) or not account.reachable:
        return Counter()
    with store.reading() as tx:
        wanted = tx.inbox.hints(account.name, now=now, limit=1)
        if not wanted:
            return Counter()
        kind = wanted[0].ref.kind
        wanted = tx.inbox.hints(account.name, now=now, limit=account.declaration.fetches.get(kind, 1))
    if kind not in account.declaration.fetches:
        store.write(lambda tx: tx.inbox.unhint(wanted))
        return Counter(unfollowed=len(wanted))
    counts: Counter[str] = Counter()
    for some, told in _fetched(account.adapter, wanted):
        if isinstance(told, Refused):
            store.write(lambda tx, s=some, e=told: _refuse(tx, s, e, now=now))  # type: ignore[misc]
            counts["refused"] += len(some)
        else:
            counts += store.write(lambda tx, s=some, p=told: _keep_reread(tx, account, s, p, now=now))  # type: ignore[misc]
    return counts


def _fetched(adapter: Fetches, wanted: Sequence[Wanted]) -> Iterator[tuple[Sequence[Wanted], list[Told] | Refused]]:
    """Ask for all at once, and where that is refused for each half, so that one bad id keeps no other waiting.

    Where much is refused it is not worth finding out which: the rest waits together."""
    waiting: list[Sequence[Wanted]] = [wanted]
    calls = 2 * len(wanted).bit_length() + 2
    refusal: Refused | None = None
    while waiting:
        some = waiting.pop()
        if refusal is not None and not calls:
            yield some, refusal
            continue
        calls -= 1
        try:
            yield some, list(adapter.fetch(some[0].ref.kind, [it.ref.id for it in some]))
        except Refused as error:
            refusal = error
            if len(some) == 1:
                yield some, error
            else:
                waiting += [some[len(some) // 2 :], some[: len(some) // 2]]


def _refuse(tx: Tx, wanted: Sequence[Wanted], error: Refused, *, now: datetime) -> None:
    for it in wanted:
        wait = min(LATER * 4 ** min(it.refusals, 5), LATEST)
        tx.inbox.refuse([it], why=str(error), due_at=now + wait)


def _keep_reread(
    tx: Tx, account: Account, wanted: Sequence[Wanted], pages: Sequence[tuple[str, Page]], *, now: datetime
) -> Counter[str]:
    asked = f"{wanted[0].ref.kind}:{','.join(it.ref.id for it in wanted)}"
    deliveries = [
        Delivery(
            account=account.name,
            stream=stream,
            id=f"fetch:{now.isoformat()}:{number}:{asked}"[:400],
            body=page.body,
            received_at=now,
        )
        for number, (stream, page) in enumerate(pages)
    ]
    tx.inbox.keep(deliveries)
    tx.inbox.unhint(wanted)
    return Counter(reread=len(wanted), pages=len(pages))
