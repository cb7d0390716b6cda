"""A day of deliveries from three platforms, in any order and more than once, ends in the same state and writes nothing new."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from connector import accounts, applying, house, plan, scheduler, sync
from connector.accounts import Accounts
from connector.adapter import Fetches, Pulls
from connector.flow import Delivery
from connector.house import House
from connector.settings import Settings
from connector.store import Sqlite, keyed
from connector.web.app import application
from connector.web.serving import listen, server

if TYPE_CHECKING:
    from connector.cli.sandboxes import Stage

EVENING = datetime.fromisoformat("2026-11-23T18:00:00+00:00")
SEEDS = range(6)


@contextmanager
def housed(folder: Path, settings: Settings, made: Accounts) -> Iterator[House]:
    # the same key everywhere, so that what two houses know of the same people can be compared
    keyed.file_of(folder / "keepwarm.db").write_text("k" * 64, encoding="ascii")
    with Sqlite(folder / "keepwarm.db") as store:
        yield house.assemble(settings, house.load_rules(settings), made, store, lambda: EVENING)


@pytest.fixture(scope="module")
def day(
    tmp_path_factory: pytest.TempPathFactory, stages_of: Callable[[Path, int], Any]
) -> Iterator[tuple[Settings, Accounts, list[Delivery]]]:
    """Settings, accounts, and everything that came in on one day, unread."""
    folder = tmp_path_factory.mktemp("day")
    with stages_of(folder, 40) as (settings, environment, stages):
        made = accounts.connect(settings, environment)
        try:
            with housed(folder, settings, made) as it:
                yield settings, made, recorded(it, stages)
        finally:
            made.close()


def recorded(it: House, stages: dict[str, Stage]) -> list[Delivery]:
    """Pulled in the morning, told by webhooks over the day, pulled again at night."""
    morning, night = EVENING - timedelta(hours=6), EVENING
    move(stages, morning - timedelta(hours=2))
    begun = early(stages)
    move(stages, morning)
    pull(it, now=morning)
    with door(it, now=lambda: morning + timedelta(hours=1)) as url:
        for name, stage in stages.items():
            secret = stage.sandbox.secrets["webhook"]
            stage.tell("hook", url=f"{url}/webhooks/{name}", secret=secret if isinstance(secret, str) else secret[0])
        for stage in stages.values():
            stage.tell("clock", now=(morning + timedelta(hours=1)).isoformat())
        busy(stages, begun)
        delivered(stages)
    move(stages, night)
    pull(it, now=night)
    with it.store.reading() as tx:
        return [kept.delivery for kept in tx.inbox.waiting(100_000)]


def move(stages: dict[str, Stage], to: datetime) -> None:
    for stage in stages.values():
        stage.tell("clock", now=to.isoformat())


def pull(it: House, *, now: datetime) -> None:
    """Every stream, and what Lever keeps below its opportunities."""
    for account in it.accounts.values():
        assert isinstance(account.adapter, Pulls)
        for stream in account.declaration.streams:
            run = it.store.write(lambda tx, name=account.name: tx.schedule.start("sync", name, now=now))  # type: ignore[misc]
            while not sync.step(it.store, account, stream, now=now, run=run, full=True)["done"]:
                pass
            # as if it had been read, so that the next pull is a walk of its own
            place = (account.name, stream.name)
            it.store.write(lambda tx, at=place: tx.schedule.arrive(*at, until=now, complete=True, now=now))  # type: ignore[misc]
    lever = it.accounts["software"].adapter
    assert isinstance(lever, Fetches)
    with it.store.reading() as tx:
        pages = [kept.delivery for kept in tx.inbox.waiting(100_000) if kept.delivery.stream == "opportunities"]
    ids = {record.ref.id for page in pages for record in lever.read(page).records if record.ref.kind == "application"}
    for number, id_ in enumerate(sorted(ids)):
        for stream_name, page in lever.fetch("scorecard", [id_]):
            key = f"fetch:{now:%H}:{number}"
            one = Delivery(account="software", stream=stream_name, id=key, body=page.body, received_at=now)
            it.store.write(lambda tx, it=one: tx.inbox.keep([it]))  # type: ignore[misc]


@contextmanager
def door(it: House, *, now: Callable[[], datetime]) -> Iterator[str]:
    with listen("127.0.0.1", 0) as bound:
        serving = server(application(it.store, it.accounts, now=now))
        thread = threading.Thread(target=serving.run, args=([bound],), daemon=True)
        thread.start()
        try:
            yield "http://{}:{}".format(*bound.getsockname()[:2])
        finally:
            serving.should_exit = True
            thread.join(timeout=10)


def early(stages: dict[str, Stage]) -> str:
    """What the morning finds, and the day then changes. Returns an opportunity."""
    hospital, software, newsletter = (stages[name] for name in ("hospital", "software", "newsletter"))
    for name in ("early", "twin"):
        hospital.tell("act", do="apply", email=f"{name}@example.org")
        newsletter.tell("act", do="subscribe", email=f"{name}@example.org")
    return str(software.tell("act", do="apply", email="early@example.org", name="Early")["opportunity"])


def busy(stages: dict[str, Stage], begun: str) -> None:
    """What people did that day."""
    hospital, software, newsletter = (stages[name] for name in ("hospital", "software", "newsletter"))
    first = hospital.tell("act", do="apply", email="new.one@example.org")["candidate"]
    second = hospital.tell("act", do="apply", email="new.two@example.org")["candidate"]
    for stage in ("Phone Screen", "Onsite Interview"):
        hospital.tell("act", do="move", candidate=first, stage=stage)
    hospital.tell("act", do="score", candidate=first, rating="strong_yes")
    hospital.tell("act", do="reject", candidate=first, reason="Stronger candidate chosen")
    hospital.tell("act", do="merge", candidate=second, into=first)
    run = software.tell("act", do="apply", email="new.one@example.org", name="New One")["opportunity"]
    software.tell("act", do="move", opportunity=run, stage="Onsite Interview")
    software.tell("act", do="archive", opportunity=run, reason="Stronger candidate chosen")
    for email in ("new.one@example.org", "new.two@example.org", "mover@example.org"):
        newsletter.tell("act", do="subscribe", email=email)
    newsletter.tell("act", do="unsubscribe", email="new.two@example.org")
    newsletter.tell("act", do="upemail", email="mover@example.org", new="moved@example.org")
    hospital.tell("act", do="move", email="early@example.org", stage="Onsite Interview")
    hospital.tell("act", do="reject", email="early@example.org", reason="Misconduct")
    hospital.tell("act", do="update_candidate", who="twin@example.org", set={"first_name": "Other"})
    software.tell("act", do="move", opportunity=begun, stage="Final Panel")
    software.tell("act", do="archive", opportunity=begun, reason="Stronger candidate chosen")
    newsletter.tell("act", do="unsubscribe", email="early@example.org")


def delivered(stages: dict[str, Stage]) -> None:
    """Wait until the sandboxes told all of it."""
    calm, before = 0, -1
    while calm < 10:
        told = sum(len(stage.ask("deliveries")) for stage in stages.values())
        calm = calm + 1 if told == before else 0
        before = told
        time.sleep(0.03)
    assert before > 8


def take_in(it: House, deliveries: Sequence[Delivery], *, every: int = 7) -> None:
    """Some at a time, so that people come together and part on the way."""
    for start in range(0, len(deliveries), every):
        chunk = deliveries[start : start + every]
        it.store.write(lambda tx, some=chunk: [tx.inbox.keep([one]) for one in some])  # type: ignore[misc]
        scheduler.settle(it, now=EVENING)


def mirrored(it: House) -> Any:
    """All that rules can see of everyone, under the names of their records, and every objection."""
    with it.store.reading() as tx:
        refs: dict[int, list[str]] = {}
        for row in tx.rows("select account, id, person from candidates order by account, id"):
            refs.setdefault(row["person"], []).append(f"{row['account']}/{row['id']}")
        facts = tx.mirror.facts_of(list(refs))
        people = {
            tuple(refs[person]): {
                name: sorted(map(str, value)) if isinstance(value, list | frozenset) else value
                for name, value in sorted(known.items())
                if name != "id"
            }
            for person, known in facts.items()
        }
        objections = {
            row["identity"] for row in tx.rows("select identity from suppressions where source <> 'inherited'")
        }
        profiles = {
            tuple(refs[row["person"]]): (row["name"], row["email"]) for row in tx.rows("select * from profiles")
        }
        return people, objections, profiles


def queued(it: House) -> set[str]:
    return {row["key"] for row in outbox(it)}


def outbox(it: House) -> list[dict[str, Any]]:
    with it.store.reading() as tx:
        return tx.rows("select key, verb from outbox")


def switched_on(it: House) -> None:
    applying.apply(it.store, it.desk, plan.make(it.store, it.desk, now=EVENING), now=EVENING)
    scheduler.settle(it, now=EVENING)


@pytest.fixture(scope="module")
def in_order(
    day: tuple[Settings, Accounts, list[Delivery]], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Any, set[str]]:
    settings, made, deliveries = day
    with housed(tmp_path_factory.mktemp("ordered"), settings, made) as it:
        take_in(it, deliveries)
        state = mirrored(it)
        switched_on(it)
        return state, queued(it)


def test_the_day_has_something_of_everything(
    day: tuple[Settings, Accounts, list[Delivery]], in_order: tuple[Any, set[str]]
) -> None:
    _, _, deliveries = day
    assert {(it.account, it.stream is None) for it in deliveries} == {
        (account, hook) for account in ("hospital", "software", "newsletter") for hook in (True, False)
    }
    (people, objections, _), keys = in_order
    assert len(people) > 30
    assert objections
    assert len(keys) > 10


@pytest.mark.parametrize("seed", SEEDS)
def test_shuffled_and_repeated_deliveries_end_in_the_same_state(
    day: tuple[Settings, Accounts, list[Delivery]], in_order: tuple[Any, set[str]], tmp_path: Path, seed: int
) -> None:
    settings, made, deliveries = day
    twice = [*deliveries, *(replace(it, id=f"{it.key}:again" if it.stream else it.key) for it in deliveries)]
    random.Random(seed).shuffle(twice)
    with housed(tmp_path, settings, made) as it:
        take_in(it, twice, every=13)
        assert mirrored(it) == in_order[0]
        switched_on(it)
        assert queued(it) == in_order[1]


def test_the_same_day_again_writes_nothing_new(
    day: tuple[Settings, Accounts, list[Delivery]], in_order: tuple[Any, set[str]], tmp_path: Path
) -> None:
    settings, made, deliveries = day
    with housed(tmp_path, settings, made) as it:
        take_in(it, deliveries)
        switched_on(it)
        before = queued(it)
        again = [replace(it, id=f"{it.key}:again") for it in deliveries]
        random.Random(1).shuffle(again)
        take_in(it, again)
        assert queued(it) == before == in_order[1]
        assert mirrored(it) == in_order[0]
