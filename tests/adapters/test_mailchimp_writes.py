"""What Keepwarm asks of Mailchimp, over HTTP, and what the platform then says happened."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from adapters.mailchimp.adapter import Mailchimp
from adapters.mailchimp.answers import SignupsThrottled, explain
from adapters.mailchimp.sandbox import KEY, LIST, MailchimpSandbox
from adapters.mailchimp.settings import key
from connector.adapter import Connection
from connector.client import Client, Pace, Response
from connector.errors import RateLimited, Refused, Retry, Suppressed, Unauthorized, Unsupported
from connector.flow import Action, Failure, Receipt, Verb
from connector.model import Ref
from connector.sandbox import Running, running

ANN = "ann@example.org"
OPEN: list[httpx.Client] = []
HTML = "<p>News</p><p>*|UNSUB|*</p>"


@pytest.fixture
def platform() -> Iterator[Running]:
    with running(MailchimpSandbox()) as served:
        yield served
    while OPEN:
        OPEN.pop().close()


def sandbox(platform: Running) -> MailchimpSandbox:
    assert isinstance(platform.sandbox, MailchimpSandbox)
    return platform.sandbox


def adapter(platform: Running, *, key: str = KEY, **options: Any) -> Mailchimp:
    http = httpx.Client(auth=httpx.BasicAuth("keepwarm", key), timeout=5)
    OPEN.append(http)
    waited: list[float] = [0.0]
    pace = Pace(Mailchimp.declaration.limits, clock=lambda: sum(waited), sleep=waited.append)
    client = Client(http, base_url=platform.base_url, pace=pace, sleep=lambda _: None)
    return Mailchimp(Connection(account="mc", client=client, options={**platform.sandbox.options, **options}))


def action(verb: Verb, email: str = ANN, key: str = "k1", **args: Any) -> Action:
    subject = None if verb is Verb.SCHEDULE_CAMPAIGN else Ref("mc", "member", email)
    return Action(key=key, account="mc", verb=verb, subject=subject, args=args)


def upsert(email: str = ANN, *, consented: bool = True, **fields: str) -> Action:
    return action(Verb.UPSERT_MEMBER, email, fields=fields, consented=consented)


def do(mailchimp: Mailchimp, asked: Action) -> Receipt | Failure:
    (outcome,) = mailchimp.push([asked])
    return outcome


def receipt(outcome: Receipt | Failure) -> Receipt:
    assert isinstance(outcome, Receipt), outcome
    return outcome


def failed(outcome: Receipt | Failure, kind: type[Exception]) -> Exception:
    assert isinstance(outcome, Failure), outcome
    assert isinstance(outcome.error, kind), repr(outcome.error)
    return outcome.error


def effects(platform: Running, verb: str = "") -> list[dict[str, Any]]:
    log: list[dict[str, Any]] = httpx.get(platform.base_url + "/_sandbox/log").json()
    return [row for row in log if not verb or row["verb"] == verb]


def switch(platform: Running, case: str, where: str = "", times: int = 1) -> None:
    asked = {"case": case, "where": where, "times": times}
    assert httpx.post(platform.base_url + "/_sandbox/switch", json=asked).status_code == 204


def act(platform: Running, name: str, **more: Any) -> None:
    assert httpx.post(platform.base_url + "/_sandbox/act", json={"do": name, **more}).status_code == 200


def state(platform: Running) -> dict[str, Any]:
    shown: dict[str, Any] = httpx.get(platform.base_url + "/_sandbox/state").json()
    return shown


def member(platform: Running, email: str = ANN) -> dict[str, Any]:
    found: dict[str, Any] = state(platform)["members"][email]
    return found


# -- members


def test_a_consenting_person_is_subscribed_once_and_then_left_alone(platform: Running) -> None:
    mailchimp = adapter(platform)
    assert not receipt(do(mailchimp, upsert(first_name="Ann", skill="icu"))).already
    assert receipt(do(mailchimp, upsert(first_name="Ann", skill="icu"))).already
    assert member(platform)["status"] == "subscribed"
    assert member(platform)["merge_fields"]["SKILL"] == "icu"
    assert len(effects(platform, "upsert_member")) == 1


def test_an_audience_with_double_opt_in_gets_a_pending_member(platform: Running) -> None:
    sandbox(platform).audience.double_optin = True
    receipt(do(adapter(platform), upsert()))
    assert member(platform)["status"] == "pending"


def test_without_consent_the_member_gets_service_mail_only(platform: Running) -> None:
    receipt(do(adapter(platform), upsert(consented=False)))
    assert member(platform)["status"] == "transactional"


def test_changed_fields_are_written_and_the_status_is_not(platform: Running) -> None:
    receipt(do(adapter(platform), upsert(consented=False)))
    assert not receipt(do(adapter(platform), upsert(first_name="Ann"))).already
    assert member(platform)["status"] == "transactional"
    assert member(platform)["merge_fields"]["FNAME"] == "Ann"


def test_missing_merge_fields_are_made_hidden(platform: Running) -> None:
    receipt(do(adapter(platform), upsert(skill="icu", region="Wales")))
    made = effects(platform, "create_merge_field")
    assert [(row["subject"], row["detail"]["public"]) for row in made] == [("SKILL", False), ("REGION", False)]


def test_missing_merge_fields_are_named_when_they_may_not_be_made(platform: Running) -> None:
    error = failed(do(adapter(platform, create_merge_fields="no"), upsert(skill="icu")), Refused)
    assert "SKILL" in str(error)
    assert effects(platform) == []


def test_a_field_without_a_merge_tag_is_refused_and_not_dropped(platform: Running) -> None:
    failed(do(adapter(platform), upsert(shoe_size="9")), Unsupported)
    assert effects(platform) == []


def test_text_longer_than_mailchimp_keeps_is_cut_the_same_way_and_written_once(platform: Running) -> None:
    long = "é" * 200
    receipt(do(adapter(platform), upsert(first_name=long)))
    assert receipt(do(adapter(platform), upsert(first_name=long))).already


def test_someone_elses_required_merge_field_does_not_stop_us(platform: Running) -> None:
    row = {"name": "Shoes", "tag": "SHOES", "type": "text", "required": True}
    sandbox(platform).audience.add_merge_field(row)
    receipt(do(adapter(platform), upsert(first_name="Ann")))


@pytest.mark.parametrize(("what", "reason"), [("unsubscribe", "unsubscribed"), ("bounce", "cleaned")])
def test_nobody_who_left_is_written_to_again(platform: Running, what: str, reason: str) -> None:
    act(platform, "subscribe", email=ANN)
    act(platform, what, email=ANN)
    error = failed(do(adapter(platform), upsert(first_name="Ann")), Suppressed)
    assert isinstance(error, Suppressed)
    assert error.reason == reason
    assert effects(platform) == []


def test_the_compliance_state_is_learnt_as_an_objection(platform: Running) -> None:
    """Archived after they unsubscribed: the state shows only when they are added again."""
    act(platform, "subscribe", email=ANN)
    act(platform, "unsubscribe", email=ANN)
    url, signed_in = platform.base_url + "/3.0/lists/57afe96172/members/" + key(ANN), ("any", KEY)
    assert httpx.delete(url, auth=signed_in).status_code == 204
    answer = httpx.put(url, auth=signed_in, json={"email_address": ANN, "status_if_new": "subscribed"})
    assert answer.json()["title"] == "Member In Compliance State"
    failed(do(adapter(platform), upsert()), Refused)
    assert member(platform)["status"] == "archived"


def test_a_permanently_deleted_address_is_learnt_as_an_objection(platform: Running) -> None:
    act(platform, "subscribe", email=ANN)
    act(platform, "forget", email=ANN)
    error = failed(do(adapter(platform), upsert()), Suppressed)
    assert isinstance(error, Suppressed)
    assert error.reason == "forgotten"


def test_a_fake_looking_address_is_refused_and_the_next_one_goes_on(platform: Running) -> None:
    first, second = adapter(platform).push([upsert("fake-ann@example.org"), upsert()])
    failed(first, Refused)
    receipt(second)


def test_an_address_that_joined_too_many_lists_waits_hours_and_alone(platform: Running) -> None:
    first, second = adapter(platform).push([upsert("crowded-ann@example.org"), upsert()])
    error = failed(first, SignupsThrottled)
    assert isinstance(error, RateLimited)
    assert error.wait >= timedelta(hours=1)
    receipt(second)


def test_an_address_with_capitals_and_blanks_is_the_same_member(platform: Running) -> None:
    receipt(do(adapter(platform), upsert()))
    assert receipt(do(adapter(platform), upsert(" Ann@Example.org "))).already


@pytest.mark.parametrize("case", ["throttle", "unauthorise"])
def test_after_a_stop_sign_the_rest_of_the_batch_is_not_tried(platform: Running, case: str) -> None:
    switch(platform, case, where="/members/", times=3)
    first, second = adapter(platform).push([upsert(), upsert("bea@example.org")])
    wanted = {"throttle": RateLimited, "unauthorise": Unauthorized}[case]
    failed(first, wanted)
    failed(second, wanted)
    assert effects(platform) == []


def test_a_403_without_json_means_too_many_calls() -> None:
    busy = explain(Response(403, {}, b"<html>Forbidden</html>", "place"))
    assert isinstance(busy, RateLimited)
    assert explain(Response(403, {}, b'{"title":"Forbidden"}', "place")) is None


def test_a_wrong_key_is_unauthorized(platform: Running) -> None:
    failed(do(adapter(platform, key="wrong"), upsert()), Unauthorized)


# -- opt-outs


def test_an_opt_out_is_written_once(platform: Running) -> None:
    act(platform, "subscribe", email=ANN)
    asked = action(Verb.SUPPRESS_MEMBER)
    assert not receipt(do(adapter(platform), asked)).already
    assert receipt(do(adapter(platform), asked)).already
    assert member(platform)["status"] == "unsubscribed"
    assert len(effects(platform, "suppress_member")) == 1


def test_the_opt_out_of_someone_absent_is_kept_so_that_no_import_mails_them(platform: Running) -> None:
    receipt(do(adapter(platform), action(Verb.SUPPRESS_MEMBER)))
    assert member(platform)["status"] == "unsubscribed"
    failed(do(adapter(platform), upsert()), Suppressed)


def test_the_opt_out_of_someone_absent_may_be_left_out(platform: Running) -> None:
    assert receipt(do(adapter(platform, suppress_absent="no"), action(Verb.SUPPRESS_MEMBER))).already
    assert effects(platform) == []


@pytest.mark.parametrize("email", ["fake-ann@example.org", ANN])
def test_an_address_that_mailchimp_never_takes_counts_as_suppressed(platform: Running, email: str) -> None:
    if email == ANN:
        act(platform, "subscribe", email=ANN)
        act(platform, "forget", email=ANN)
    assert receipt(do(adapter(platform), action(Verb.SUPPRESS_MEMBER, email))).already


# -- tags


def test_a_tag_goes_on_and_off_once_each(platform: Running) -> None:
    act(platform, "subscribe", email=ANN)
    mailchimp, on, off = adapter(platform), action(Verb.ADD_TAG, tag="Silver"), action(Verb.REMOVE_TAG, tag="Silver")
    assert not receipt(do(mailchimp, on)).already
    assert receipt(do(mailchimp, on)).already
    assert member(platform)["tags"] == ["Silver"]
    assert not receipt(do(mailchimp, off)).already
    assert receipt(do(mailchimp, off)).already
    assert [row["verb"] for row in effects(platform)] == ["add_tag", "remove_tag"]


@pytest.mark.parametrize(("tag_case", "tags"), [("same", ["Silver"]), ("distinct", ["Silver"])])
def test_a_tag_spelt_otherwise_is_the_same_tag(platform: Running, tag_case: str, tags: list[str]) -> None:
    act(platform, "subscribe", email=ANN)
    sandbox(platform).audience.tag_case = tag_case
    receipt(do(adapter(platform), action(Verb.ADD_TAG, tag="Silver")))
    assert receipt(do(adapter(platform), action(Verb.ADD_TAG, tag="silver"))).already
    assert member(platform)["tags"] == tags


def test_a_tag_beyond_the_first_ten_is_seen(platform: Running) -> None:
    act(platform, "subscribe", email=ANN)
    mailchimp = adapter(platform)
    for number in range(12):
        receipt(do(mailchimp, action(Verb.ADD_TAG, tag=f"tag {number}")))
    assert receipt(do(mailchimp, action(Verb.ADD_TAG, tag="tag 11"))).already


def test_a_tag_for_nobody_is_refused_and_its_removal_is_done(platform: Running) -> None:
    failed(do(adapter(platform), action(Verb.ADD_TAG, tag="Silver")), Refused)
    assert receipt(do(adapter(platform), action(Verb.REMOVE_TAG, tag="Silver"))).already


@pytest.mark.parametrize("case", ["lost", "html", "error"])
def test_a_tag_whose_answer_was_lost_is_there_once(platform: Running, case: str) -> None:
    act(platform, "subscribe", email=ANN)
    mailchimp, on = adapter(platform), action(Verb.ADD_TAG, tag="Silver")
    assert receipt(do(mailchimp, action(Verb.ADD_TAG, tag="other")))
    with httpx.Client(base_url=platform.base_url) as control:
        control.post("/_sandbox/switch", json={"case": "slow", "times": 1, "where": "/tags"})
        control.post("/_sandbox/switch", json={"case": case, "times": 1, "where": "/tags"})
    error = failed(do(mailchimp, on), Retry)
    assert isinstance(error, Retry)
    assert error.in_doubt
    receipt(do(mailchimp, on))
    assert len([row for row in effects(platform, "add_tag") if row["detail"]["tag"] == "Silver"]) == 1


# -- events and journeys


def test_an_event_is_sent_once_for_one_key(platform: Running) -> None:
    act(platform, "subscribe", email=ANN)
    mailchimp, asked = adapter(platform), action(Verb.SEND_EVENT, event="silver_news", properties={"skill": "icu"})
    assert not receipt(do(mailchimp, asked)).already
    assert receipt(do(mailchimp, asked)).already
    assert not receipt(do(mailchimp, action(Verb.SEND_EVENT, key="k2", event="silver_news"))).already
    assert len(effects(platform, "send_event")) == 2
    assert [row["of"] for row in state(platform)["mailed"]] == ["silver_news", "silver_news"]


def test_an_event_whose_answer_was_lost_is_found_again(platform: Running) -> None:
    act(platform, "subscribe", email=ANN)
    mailchimp, asked = adapter(platform), action(Verb.SEND_EVENT, event="silver_news")
    switch(platform, "slow", where="/events")
    switch(platform, "lost", where="/events")
    error = failed(do(mailchimp, asked), Retry)
    assert isinstance(error, Retry)
    assert error.in_doubt
    assert receipt(do(mailchimp, asked)).already
    assert len(effects(platform, "send_event")) == 1


@pytest.mark.parametrize("verb", [Verb.SEND_EVENT, Verb.START_JOURNEY])
def test_no_message_is_started_for_someone_who_left(platform: Running, verb: Verb) -> None:
    act(platform, "subscribe", email=ANN)
    act(platform, "unsubscribe", email=ANN)
    failed(do(adapter(platform), action(verb, event="news", journey=816, step=1102)), Suppressed)
    assert effects(platform) == []


@pytest.mark.parametrize("name", ["x", "x" * 31])
def test_an_event_name_out_of_bounds_is_refused_by_us(platform: Running, name: str) -> None:
    failed(do(adapter(platform), action(Verb.SEND_EVENT, event=name)), Refused)


def journey(key: str = "k1") -> Action:
    return action(Verb.START_JOURNEY, key=key, journey="816", step="1102")


def test_a_journey_starts_once_for_one_key(platform: Running) -> None:
    act(platform, "subscribe", email=ANN)
    mailchimp = adapter(platform)
    assert not receipt(do(mailchimp, journey())).already
    assert receipt(do(mailchimp, journey())).already
    assert not receipt(do(mailchimp, journey("k2"))).already
    assert [row["by"] for row in state(platform)["mailed"]] == ["journey", "journey"]


def test_a_journey_whose_answer_was_lost_is_never_started_twice(platform: Running) -> None:
    act(platform, "subscribe", email=ANN)
    switch(platform, "lost", where="/trigger")
    for _ in range(3):
        error = failed(do(adapter(platform), journey()), Retry)
        assert isinstance(error, Retry)
        assert error.in_doubt
    assert len(effects(platform, "start_journey")) == 1


@pytest.mark.parametrize("case", ["throttle", "forbid"])
def test_a_journey_that_was_certainly_refused_is_started_later(platform: Running, case: str) -> None:
    act(platform, "subscribe", email=ANN)
    switch(platform, case, where="/trigger")
    assert isinstance(do(adapter(platform), journey()), Failure)
    assert effects(platform, "start_journey") == []
    assert not receipt(do(adapter(platform), journey())).already
    assert len(effects(platform, "start_journey")) == 1


def test_a_journey_whose_note_was_lost_is_started_later_and_once(platform: Running) -> None:
    act(platform, "subscribe", email=ANN)
    mailchimp = adapter(platform)
    switch(platform, "slow", where="/events")
    switch(platform, "lost", where="/events")
    failed(do(mailchimp, journey()), Retry)
    assert not receipt(do(mailchimp, journey())).already
    assert len(effects(platform, "start_journey")) == 1


def test_a_journey_that_takes_each_person_once_sends_nothing_the_second_time(platform: Running) -> None:
    act(platform, "subscribe", email=ANN)
    sandbox(platform).journeys[(816, 1102)].once = True
    receipt(do(adapter(platform), journey("k1")))
    receipt(do(adapter(platform), journey("k2")))
    assert len(state(platform)["mailed"]) == 1


def test_a_journey_that_is_not_on_refuses_and_says_so(platform: Running) -> None:
    act(platform, "subscribe", email=ANN)
    sandbox(platform).journeys[(816, 1102)].on = False
    failed(do(adapter(platform), journey()), Refused)


# -- campaigns

NOW = datetime.now(UTC)
AT = (NOW + timedelta(days=2)).replace(hour=9, minute=20, second=0, microsecond=0)


def campaign(**more: Any) -> Action:
    told = {
        "marker": "wave-7",
        "tag": "Silver",
        "send_at": AT.isoformat(),
        "subject_line": "News",
        "from_name": "Talent",
        "reply_to": "talent@example.org",
        "html": HTML,
    }
    return action(Verb.SCHEDULE_CAMPAIGN, **{**told, **more})


@pytest.fixture
def tagged(platform: Running) -> Running:
    sandbox(platform).audience.tag_lag = timedelta(0)
    for email in (ANN, "bea@example.org"):
        act(platform, "subscribe", email=email)
    receipt(do(adapter(platform), action(Verb.ADD_TAG, tag="Silver")))
    return platform


def test_a_campaign_reaches_those_with_the_tag_on_the_next_quarter_hour(tagged: Running) -> None:
    mailchimp = adapter(tagged)
    first = receipt(do(mailchimp, campaign()))
    again = receipt(do(mailchimp, campaign()))
    assert again.already
    assert again.ref == first.ref
    (scheduled,) = effects(tagged, "schedule_campaign")
    assert scheduled["detail"]["send_at"] == AT.replace(minute=30).isoformat()
    sent_at = AT + timedelta(hours=1)
    httpx.post(tagged.base_url + "/_sandbox/clock", json={"now": sent_at.isoformat()})
    shown = state(tagged)
    assert [row["status"] for row in shown["campaigns"]] == ["sent"]
    assert [row["address"] for row in shown["mailed"]] == [ANN]
    assert receipt(do(mailchimp, campaign())).already


def test_who_loses_the_tag_after_a_campaign_was_scheduled_does_not_get_it(tagged: Running) -> None:
    mailchimp = adapter(tagged)
    receipt(do(mailchimp, action(Verb.ADD_TAG, "bea@example.org", tag="Silver")))
    receipt(do(mailchimp, campaign()))
    receipt(do(mailchimp, action(Verb.REMOVE_TAG, tag="Silver")))
    sent_at = AT + timedelta(hours=1)
    httpx.post(tagged.base_url + "/_sandbox/clock", json={"now": sent_at.isoformat()})
    assert [row["address"] for row in state(tagged)["mailed"]] == ["bea@example.org"]


@pytest.mark.parametrize("where", ["/content", "/send-checklist", "/actions/schedule"])
@pytest.mark.parametrize("case", ["lost", "error", "html"])
def test_a_campaign_broken_off_anywhere_is_resumed_and_sent_once(tagged: Running, where: str, case: str) -> None:
    mailchimp = adapter(tagged)
    switch(tagged, case, where=where, times=3 if where == "/send-checklist" else 1)
    failed(do(mailchimp, campaign()), Retry)
    receipt(do(mailchimp, campaign()))
    assert len(effects(tagged, "create_campaign")) == 1
    assert len(effects(tagged, "schedule_campaign")) == 1


def test_a_campaign_without_a_way_out_is_refused_by_us(tagged: Running) -> None:
    error = failed(do(adapter(tagged), campaign(html="<p>News</p>")), Refused)
    assert "*|UNSUB|*" in str(error)
    assert effects(tagged, "create_campaign") == []


def test_a_template_of_the_account_may_be_used(tagged: Running) -> None:
    receipt(do(adapter(tagged), campaign(html="", template="77")))


def test_a_free_plan_is_told_apart_from_a_missing_right(tagged: Running) -> None:
    sandbox(tagged).plan = "forever_free"
    error = failed(do(adapter(tagged), campaign()), Refused)
    assert "plan" in str(error)


def test_a_tag_that_mailchimp_has_not_counted_yet_is_waited_for(tagged: Running) -> None:
    lag = timedelta(minutes=15)
    sandbox(tagged).audience.tag_lag = lag
    receipt(do(adapter(tagged), action(Verb.ADD_TAG, tag="Gold")))
    error = failed(do(adapter(tagged), campaign(tag="Gold")), Retry)
    assert isinstance(error, Retry)
    assert not error.in_doubt
    httpx.post(tagged.base_url + "/_sandbox/clock", json={"now": (datetime.now(UTC) + lag * 1.1).isoformat()})
    receipt(do(adapter(tagged), campaign(tag="Gold")))
    assert len(effects(tagged, "create_campaign")) == 1


def test_a_tag_that_nobody_has_is_refused(tagged: Running) -> None:
    failed(do(adapter(tagged), campaign(tag="Nobody")), Refused)


def test_a_time_that_has_passed_is_refused_by_mailchimp(tagged: Running) -> None:
    failed(do(adapter(tagged), campaign(send_at="2020-01-01T09:00:00+00:00")), Refused)


# -- check


def test_a_fresh_account_is_told_what_to_do(platform: Running) -> None:
    health = adapter(platform, create_merge_fields="no").check()
    assert health.name == "Sandbox"
    assert health.granted == ("owner",)
    assert any("SKILL" in fault for fault in health.faults)
    assert any("no webhook" in fault for fault in health.faults)
    assert health.facts["double_optin"] == "no"


def test_a_viewer_a_free_plan_and_a_wrong_audience_are_found(platform: Running) -> None:
    sandbox(platform).role, sandbox(platform).plan = "viewer", "forever_free"
    health = adapter(platform, audience="nope").check()
    assert health.missing == ("manager",)
    assert len(health.faults) == 2
    assert any("free plan" in warning for warning in health.warnings)
    assert any(f"write audience: {LIST}" in fault for fault in health.faults)
