"""The doctor and the platforms, over loopback HTTP: each thing that can be wrong is found, with what to do about it."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connector import inbox
from connector.accounts import Accounts, account_of
from connector.doctor import State
from connector.flow import Delivery
from connector.settings import AccountSettings
from connector.store import Sqlite

_NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
HOSPITAL = "  hospital: {platform: greenhouse, secrets: {client_id: A, client_secret: B, webhook: [C]}}\n"
SOFTWARE = "  software: {platform: lever, secrets: {api_key: D, webhook: [E]}}\n"
Build = Callable[..., Any]


def test_a_sound_account_has_nothing_wrong(newsletter: Any) -> None:
    newsletter.look()
    assert [it for it in newsletter.found if it.state is not State.FINE] == []
    assert newsletter.of("newsletter", "credentials")[0].sentence == "accepted (Sandbox)"
    assert "10 connections" in newsletter.of("newsletter", "rate budget")[0].sentence


def test_a_wrong_key_is_named_by_the_variable_that_holds_it(newsletter: Any) -> None:
    newsletter.environment["SANDBOX_NEWSLETTER_API_KEY_0"] = "not-the-key-us1"
    newsletter.look()
    (fault,) = newsletter.faults("newsletter")
    assert fault.what == "credentials"
    assert "SANDBOX_NEWSLETTER_API_KEY_0" in fault.remedy
    assert "not-the-key" not in fault.sentence + fault.remedy


def test_a_variable_that_is_not_set_is_given_to_paste(newsletter: Any) -> None:
    del newsletter.environment["SANDBOX_NEWSLETTER_API_KEY_0"]
    newsletter.look()
    (fault,) = newsletter.faults("newsletter")
    assert fault.remedy.startswith("export SANDBOX_NEWSLETTER_API_KEY_0='…'")
    assert "manager" in fault.remedy


def test_an_account_without_any_named_secret_is_told_what_to_write(surgery_of: Build) -> None:
    surgery = surgery_of("  spare: {platform: mailchimp, options: {audience: a1}}\n")
    surgery.look()
    told = surgery.of("spare", state=State.WARNING)
    assert any("{api_key: SPARE_API_KEY}" in it.remedy for it in told)
    assert any("webhook: [SPARE_WEBHOOK_SECRET]" in it.remedy for it in told)


def test_options_that_are_wrong_point_to_their_line(newsletter: Any) -> None:
    newsletter.options("newsletter", audiense="x")
    newsletter.look()
    (fault,) = newsletter.faults("newsletter")
    assert "`audiense` is not known" in fault.sentence
    assert fault.remedy == "put it right in settings.yaml:5"


def test_a_user_who_may_too_little_is_found_with_what_it_costs(newsletter: Any) -> None:
    newsletter.sandbox("newsletter").role = "viewer"
    newsletter.look()
    (fault,) = newsletter.faults("newsletter")
    assert fault.what == "scopes"
    assert "so no" in fault.sentence
    assert "upsert_member" in fault.sentence
    assert "give them the role manager" in fault.remedy


def test_a_missing_scope_is_named_once_with_what_it_costs(surgery_of: Build) -> None:
    surgery = surgery_of(HOSPITAL)
    tokens = surgery.sandbox("hospital").tokens
    surgery.look()
    assert surgery.faults("hospital") == []
    granted = {f"harvest:{name}:list" for name in ("candidates", "applications", "jobs", "sources", "users")}
    tokens.scopes = frozenset(granted)
    surgery.look()
    missing = [it for it in surgery.faults("hospital") if "harvest:scorecards:list" in it.sentence]
    assert len(missing) == 1
    assert "Grant" in missing[0].remedy or "grant" in missing[0].remedy


def test_a_missing_permission_of_a_lever_key_is_named(surgery_of: Build) -> None:
    surgery = surgery_of(SOFTWARE)
    surgery.sandbox("software").denied = {"postings"}
    surgery.look()
    (fault,) = surgery.faults("software")
    assert "postings:read:admin is missing" in fault.sentence
    assert "pull of postings" in fault.sentence
    assert "new key" in fault.remedy


@pytest.mark.parametrize(
    ("seconds", "state"), [(0, State.FINE), (-20, State.FINE), (100, State.WARNING), (-600, State.FAULT)]
)
def test_a_clock_that_is_off_is_told_in_seconds(newsletter: Any, seconds: int, state: State) -> None:
    newsletter.stages["newsletter"].tell("skew", seconds=seconds)
    newsletter.look()
    (said,) = newsletter.of("newsletter", "clock")
    assert said.state is state
    if state is not State.FINE:
        assert ("behind" if seconds < 0 else "ahead") in said.sentence
        assert "timedatectl set-ntp true" in said.remedy


def test_a_dead_platform_holds_nobody_up(surgery_of: Build) -> None:
    surgery = surgery_of(SOFTWARE + "  dead: {platform: lever, secrets: {api_key: D}}\n")
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes the connection and never answers
        wanted = replace(_account(surgery, "dead"), base_url=f"http://127.0.0.1:{silent.getsockname()[1]}/v1")
        surgery.settings = replace(surgery.settings, accounts={**surgery.settings.accounts, "dead": wanted})
        surgery.environment["D"] = "key"
        begun = time.monotonic()
        surgery.look(within=2.0)
        assert time.monotonic() - begun < 10
    (fault,) = surgery.faults("dead")
    assert fault.sentence == "no answer within 2 s"
    assert surgery.faults("software") == []


def test_one_where_nobody_listens_is_told_at_once(surgery_of: Build) -> None:
    surgery = surgery_of("  dead: {platform: mailchimp, secrets: {api_key: D}, options: {audience: a}}\n")
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    wanted = replace(_account(surgery, "dead"), base_url=f"http://127.0.0.1:{port}")
    surgery.settings = replace(surgery.settings, accounts={"dead": wanted})
    surgery.environment["D"] = "key"
    surgery.look()
    (fault,) = surgery.faults("dead")
    assert fault.sentence == "Mailchimp does not answer now"
    assert "cannot be reached" in fault.remedy


def _account(surgery: Any, name: str) -> AccountSettings:
    found: AccountSettings = surgery.settings.accounts[name]
    return found


def test_only_one_account_is_looked_at_when_one_is_named(surgery_of: Build) -> None:
    surgery = surgery_of(HOSPITAL + SOFTWARE)
    surgery.look(only="software")
    assert {it.account for it in surgery.found} == {"software"}


# what the store remembers


def test_webhooks_that_were_never_heard_come_with_the_address_to_paste(surgery_of: Build) -> None:
    surgery = surgery_of(SOFTWARE)
    surgery.look()
    (said,) = surgery.of("software", "webhooks", State.WARNING)
    assert "https://YOUR-HOST/webhooks/software" in said.remedy
    assert "Integrations and API › Webhooks" in said.remedy


def test_a_door_that_fell_silent_is_told_by_kind_and_time(newsletter: Any) -> None:
    newsletter.remember(lambda tx: tx.inbox.heard("newsletter", "unsubscribe", at=_NOW - timedelta(days=1)))
    newsletter.look()
    (said,) = newsletter.of("newsletter", "webhooks", State.FINE)[-1:]
    assert said.sentence == "heard: profile 2 hours ago, unsubscribe 1 day ago"
    assert newsletter.of("newsletter", "not heard yet")[0].sentence == "subscribe, cleaned, upemail, campaign"
    newsletter.look(now=_NOW + timedelta(days=5))
    (silent,) = newsletter.of("newsletter", "webhooks", State.WARNING)
    assert "silent since 5 days ago" in silent.sentence
    assert "/webhooks/newsletter/" in silent.remedy


def test_an_account_that_lives_by_webhooks_alone_must_be_heard(newsletter: Any) -> None:
    wanted = newsletter.settings.accounts["newsletter"]
    alone = replace(wanted, secrets={"webhook": wanted.secrets["webhook"]})
    newsletter.settings = replace(newsletter.settings, accounts={"newsletter": alone})
    newsletter.look(now=_NOW + timedelta(days=5))
    assert newsletter.of("newsletter", "webhooks", State.FAULT)


def test_pauses_and_late_pulls_are_told(newsletter: Any) -> None:
    until = _NOW + timedelta(minutes=15)
    newsletter.remember(lambda tx: tx.schedule.pause("newsletter", scope="members", why="403", now=_NOW, until=until))
    newsletter.look(now=_NOW + timedelta(days=1))
    (pause,) = newsletter.of("newsletter", "pauses")
    assert pause.sentence.startswith("members has stood still")
    (pulls,) = newsletter.of("newsletter", "pulls")
    assert pulls.state is State.WARNING
    assert "keepwarm serve" in pulls.remedy


def test_what_comes_in_at_the_door_is_remembered_by_kind_and_pages_are_not(newsletter: Any) -> None:
    body = b"type=unsubscribe&fired_at=2026-11-23+11%3A59%3A00&data%5Baction%5D=unsub&data%5Bemail%5D=ann%40example.org"
    page = Delivery(account="newsletter", body=b'{"members": []}', stream="members", received_at=_NOW, id="page")
    knock = Delivery(account="newsletter", body=body, received_at=_NOW, id="knock")
    odd = Delivery(account="newsletter", body=b"type=unheard-of", received_at=_NOW, id="odd")
    made = account_of(_account(newsletter, "newsletter"), newsletter.environment, print)
    assert made is not None
    with Sqlite(newsletter.settings.database) as store:
        store.write(lambda tx: tx.inbox.keep([page, knock, odd]))
        inbox.read_waiting(store, Accounts({"newsletter": made}), now=_NOW)
    made.hang_up()
    newsletter.look()
    (said,) = newsletter.of("newsletter", "webhooks")[-1:]
    assert said.sentence == "heard: unsubscribe just now, profile 2 hours ago"
