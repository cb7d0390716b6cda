"""What a member of the sandbox ticked: interests of its groups, and marketing permissions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from adapters.mailchimp.sandbox_audience import Audience
from adapters.mailchimp.sandbox_order import Subscriber
from adapters.mailchimp.sandbox_shapes import invalid


def choose(audience: Audience, member: Subscriber, body: Mapping[str, Any]) -> bool:
    """Take over what a body says; what it leaves out stays. Did it change anything."""
    before = dict(member.interests), set(member.permitted)
    interests = body.get("interests") or {}
    known = set(audience.interest_ids())
    if not isinstance(interests, dict) or set(interests) - known:
        raise invalid("The resource submitted could not be validated.", field="interests", message="Unknown interest")
    member.interests |= {key: value is True for key, value in interests.items()}
    permissions = body.get("marketing_permissions") or []
    ids = {row["marketing_permission_id"] for row in audience.permitted(member)}
    for row in permissions:
        key = row.get("marketing_permission_id") if isinstance(row, dict) else None
        if key not in ids:
            raise invalid("The resource submitted could not be validated.", field="marketing_permissions")
        (member.permitted.add if row.get("enabled") is True else member.permitted.discard)(str(key))
    return before != (member.interests, member.permitted)


def interested(audience: Audience, asked: Mapping[str, str], member: Subscriber) -> bool:
    """The filter interest_category_id, interest_ids and interest_match of the members' list."""
    ids = [key for key in asked.get("interest_ids", "").split(",") if key]
    category = audience.interests.get(asked.get("interest_category_id", ""))
    match = asked.get("interest_match", "any")
    if match not in ("any", "all", "none"):
        raise invalid("The resource submitted could not be validated.", field="interest_match")
    if category is None or not ids:  # what becomes of half a filter is not documented
        return False
    ticked = [member.interests.get(key, False) for key in ids]
    return all(ticked) if match == "all" else any(ticked) is (match == "any")
