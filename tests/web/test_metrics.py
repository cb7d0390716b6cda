"""What a monitor is told: numbers and names of accounts and rules, nothing of a person."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.applications import Starlette

from connector.accounts import Account
from connector.model import MemberStatus
from connector.store import Sqlite
from connector.web.app import application

if TYPE_CHECKING:
    from tests.conftest import Cast, Home

Signed = Callable[..., dict[str, str]]
BODY = b"{}"


async def _ask(app: Starlette, *paths: tuple[str, str, dict[str, str]]) -> list[httpx.Response]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://keepwarm.example") as http:
        return [await http.request(method, path, headers=headers, content=BODY) for method, path, headers in paths]


def told(app: Starlette) -> dict[tuple[str, tuple[str, ...]], float]:
    """(name, values of its labels) → figure."""
    (answer,) = asyncio.run(_ask(app, ("GET", "/metrics", {})))
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    return {
        (sample.name.removeprefix("keepwarm_"), tuple(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_deliveries_are_counted_by_account_and_answer(
    store: Sqlite, accounts: Mapping[str, Account], now: Callable[[], datetime], signed: Signed
) -> None:
    app = application(store, accounts, now=now)
    rung = [("POST", "/webhooks/tower", signed(BODY, f"d-{n}")) for n in range(2)]
    asyncio.run(_ask(app, *rung, ("POST", "/webhooks/tower", {}), ("POST", "/webhooks/nobody", {})))
    figures = told(app)
    assert figures["deliveries_total", ("tower", "202")] == 2
    assert figures["deliveries_total", ("tower", "401")] == 1
    assert figures["deliveries_total", ("", "404")] == 1
    assert figures["inbox", ("new",)] == 2


def test_the_store_is_told_in_figures(home: Home, cast: Cast) -> None:
    home.tell("ats", *cast.runner_up("1", "a@example.org", first_name="Amina"), *cast.runner_up("2", "b@example.org"))
    home.tell("mailer", cast.member("b@example.org", MemberStatus.UNSUBSCRIBED))
    home.live()
    home.pass_time(timedelta(minutes=1))
    home.store.write(lambda tx: tx.schedule.pause("ats", scope="", why="no", now=home.now, until=home.now))
    home.store.write(lambda tx: tx.assent.ask("silver", "2026-11-23", 77, now=home.now))
    home.store.write(lambda tx: tx.sets.take_up("abc123", waits=["accounts"], now=home.now))
    home.store.write(lambda tx: tx.sets.refuse(["rules/a.yaml:1:1  no"], now=home.now))
    home.now += timedelta(seconds=30)
    figures = told(application(home.store, home.house.accounts, now=lambda: home.now))
    assert figures["people", ()] == 2
    assert figures["records", ("ats", "candidate")] == 2
    assert figures["opt_outs", ()] == 2  # the address, and the record that it is on
    assert figures["outbox", ("sent",)] > 0
    assert figures["opt_outs_unwritten", ()] == 0
    assert figures["rules_in_force", ()] == 3
    assert figures["paused", ("ats", "everything")] == 1
    assert figures["rule_waits", ("silver",)] == 77
    assert figures["rule_set_info", ("abc123",)] == 1
    assert figures["reload_rejected", ()] == 1
    assert figures["restart_needed", ()] == 1
    assert figures["clock_tick_age_seconds", ()] == 30
    assert ("people_waiting", ()) in figures


def test_nothing_of_a_person_is_told(home: Home, cast: Cast) -> None:
    home.tell("ats", *cast.runner_up("1", "amina@example.org", first_name="Amina", last_name="Odum", headline="Nurse"))
    home.live()
    (answer,) = asyncio.run(
        _ask(application(home.store, home.house.accounts, now=lambda: home.now), ("GET", "/metrics", {}))
    )
    assert not any(word in answer.text for word in ("amina", "Amina", "Odum", "@", "Nurse", "Nearly hired"))


def test_figures_are_kept_for_a_while_and_counts_at_the_door_are_not(
    store: Sqlite, accounts: Mapping[str, Account], now: Callable[[], datetime], signed: Signed
) -> None:
    app = application(store, accounts, now=now)
    before = told(app)
    asyncio.run(_ask(app, ("POST", "/webhooks/tower", signed(BODY, "d-1"))))
    after = told(app)
    assert after["deliveries_total", ("tower", "202")] == 1
    assert ("inbox", ("new",)) not in before
    assert ("inbox", ("new",)) not in after


@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_figures_are_only_read(
    method: str, store: Sqlite, accounts: Mapping[str, Account], now: Callable[[], datetime]
) -> None:
    (answer,) = asyncio.run(_ask(application(store, accounts, now=now), (method, "/metrics", {})))
    assert answer.status_code == 405
