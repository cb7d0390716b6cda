"""The doctor on what an audience is like: merge fields, opt-in, permissions, its webhooks, and messages that point at it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from connector.doctor import State

NEWSLETTER = "  newsletter: {platform: mailchimp, secrets: {api_key: F, webhook: [G]}}\n"
Build = Callable[..., Any]


def sentences(surgery: Any, state: State) -> str:
    return "\n".join(f"{it.sentence} → {it.remedy}" for it in surgery.of("newsletter", state=state))


def test_merge_fields_that_the_settings_name_and_the_audience_lacks_are_listed(newsletter: Any) -> None:
    newsletter.options("newsletter", create_merge_fields="no")
    newsletter.look()
    (fault,) = newsletter.faults("newsletter")
    assert fault.sentence == "the audience has no merge field ROLE, SKILL, REGION, RECRUITER, SEGMENT, CONTENT, LINK"
    assert "create_merge_fields: yes" in fault.remedy


def test_merge_fields_that_we_may_make_are_no_fault(newsletter: Any) -> None:
    newsletter.look()
    assert newsletter.faults("newsletter") == []
    assert "SKILL" in newsletter.of("newsletter", "merge fields to be made")[0].sentence


def test_a_tag_that_can_be_none_is_told(newsletter: Any) -> None:
    newsletter.options("newsletter", merge_fields={"skill": "main_skill_of_person"})
    newsletter.look()
    assert "upper case, at most 10 letters" in sentences(newsletter, State.FAULT)


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ({"tag": "CITY", "type": "text", "required": True}, "CITY must be filled"),
        ({"tag": "SKILL", "type": "dropdown", "public": False}, "SKILL is of the type dropdown"),
        ({"tag": "SKILL", "type": "text"}, "SKILL is shown on forms"),
    ],
)
def test_fields_that_do_not_fit_are_warned_about(newsletter: Any, field: dict[str, Any], said: str) -> None:
    newsletter.sandbox("newsletter").audience.add_merge_field({"name": "A field", **field})
    newsletter.look()
    assert said in sentences(newsletter, State.WARNING)
    assert newsletter.faults("newsletter") == []


def test_double_opt_in_permissions_and_archived_members_are_told(newsletter: Any) -> None:
    audience = newsletter.sandbox("newsletter").audience
    audience.double_optin, audience.permissions = True, ("Email",)
    audience.change(audience.add("gone@example.org", "subscribed", source="Import"), "archived")
    newsletter.look()
    warned = sentences(newsletter, State.WARNING)
    assert "double opt-in is on" in warned
    assert "marketing permissions" in warned
    assert newsletter.of("newsletter", "archived")[0].sentence.startswith("1, never brought back")


def test_a_wrong_audience_comes_with_the_right_ones(newsletter: Any) -> None:
    newsletter.options("newsletter", audience="talent")
    newsletter.look()
    (fault,) = newsletter.faults("newsletter")
    assert fault.remedy == f"write audience: {newsletter.sandbox('newsletter').audience.id} (Talent pool)"


@pytest.mark.parametrize(
    ("changes", "state", "said"),
    [
        ({"url": "https://elsewhere.example.org/hook"}, State.FAULT, "no webhook leads to /webhooks/newsletter"),
        ({"signing_enabled": False}, State.WARNING, "a webhook is not signed"),
        ({"events": {"subscribe": True, "unsubscribe": True}}, State.FAULT, "tells of profile, cleaned, upemail, campaign"),
        ({"sources": {"user": True, "admin": False, "api": False}}, State.FAULT, "what is done by admin"),
        ({"sources": {"user": True, "admin": True, "api": True}}, State.WARNING, "tells us what we wrote ourselves"),
    ],
)  # fmt: skip
def test_a_webhook_that_is_set_up_wrongly_is_told(
    newsletter: Any, changes: dict[str, Any], state: State, said: str
) -> None:
    newsletter.hang_a_hook(**changes)
    newsletter.look()
    assert said in sentences(newsletter, state)
    assert "a-long-text" not in "".join(it.sentence + it.remedy for it in newsletter.found)


# messages

MESSAGES = """
messages:
  letter: {{by: campaign, account: newsletter, subject_line: News, from_name: We, reply_to: {reply}, {content}}}
  ward: {{by: journey, account: newsletter, journey: "{journey}", step: "1102"}}
  evening: {{by: event, account: newsletter, event: {event}}}
"""
SOUND = {"reply": "us@example.org", "content": 'html: "*|UNSUB|*"', "journey": "816", "event": "open_evening"}


def messaging(surgery_of: Build, **changes: str) -> Any:
    surgery = surgery_of(NEWSLETTER, more=MESSAGES.format(**{**SOUND, **changes}))
    surgery.hang_a_hook()
    return surgery


def test_messages_that_can_go_out_are_no_fault(surgery_of: Build) -> None:
    surgery = messaging(surgery_of)
    surgery.look()
    assert surgery.faults("newsletter") == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"content": 'template: "99"'},
            "letter: there is no template 99 in this account → write one of 77 (Template 77)",
        ),
        ({"content": "html: <p>no way out</p>"}, "letter: the html has no unsubscribe link"),
        ({"reply": "nobody"}, "letter: reply_to is no address"),
        ({"journey": "spring"}, "ward: journey must be a number"),
        ({"event": "x"}, "evening: an event's name has 2 to 30 letters"),
    ],
)
def test_a_message_that_points_to_nothing_is_told(surgery_of: Build, changes: dict[str, str], said: str) -> None:
    surgery = messaging(surgery_of, **changes)
    surgery.look()
    assert said in sentences(surgery, State.FAULT)
    assert len(surgery.faults("newsletter")) == 1


def test_a_plan_that_cannot_schedule_is_a_fault_only_for_campaigns(surgery_of: Build) -> None:
    surgery = messaging(surgery_of)
    surgery.sandbox("newsletter").plan = "forever_free"
    surgery.look()
    (fault,) = surgery.faults("newsletter")
    assert fault.sentence == "letter: the plan cannot schedule campaigns"
    assert "free plan" in sentences(surgery, State.WARNING)
