"""Whether the account is fit for what is asked of it, in sentences that say what to do."""

from __future__ import annotations

from adapters.mailchimp.answers import explain
from adapters.mailchimp.settings import Settings
from connector.adapter import Health
from connector.client import Client
from connector.errors import RateLimited, Refused, Retry
from connector.raw import Raw

#: Roles that may change members and campaigns; `author` and `viewer` may not.
ROLES = ("owner", "admin", "manager")
EVENTS = ("subscribe", "unsubscribe", "profile", "cleaned", "upemail", "campaign")
FREE = "forever_free"


def check(client: Client, settings: Settings) -> Health:
    try:
        return _checked(client, settings)
    except (RateLimited, Retry) as error:
        return Health(name="Mailchimp", faults=(f"Mailchimp does not answer now; try again ({error})",))


def _checked(client: Client, settings: Settings) -> Health:
    def get(path: str, **params: str) -> Raw:
        return client.get(path, params, explain=explain).raw()

    get("/3.0/ping")
    root = get("/3.0/", fields="account_name,role,pricing_plan_type")
    role = root["role"].maybe(Raw.text) or "unknown"
    plan = root["pricing_plan_type"].maybe(Raw.text) or "unknown"
    facts = {"role": role, "plan": plan}
    faults: list[str] = []
    if plan == FREE:
        faults.append("the free plan cannot schedule campaigns: reach people by events or journeys, or change the plan")
    missing = () if role in ROLES else ("manager",)
    if missing:
        faults.append(f"the key's user is {role}: give them the role manager or above")
    try:
        audience = get(settings.place, fields="name,double_optin")
        merge_fields = get(settings.place + "/merge-fields", count="1000")
    except Refused as error:
        if error.status != 404:
            raise
        faults.append("options.audience names no audience of this account: copy its id from the audience's settings")
    else:
        facts |= _audience(audience, merge_fields, settings)
        if lacking := facts.pop("lacking", ""):
            faults.append(f"the audience has no merge field {lacking}: make it, or set create_merge_fields")
        faults += _webhooks(get(settings.place + "/webhooks"), facts)
    return Health(
        name=root["account_name"].maybe(Raw.text) or "Mailchimp",
        granted=(role,),
        missing=missing,
        faults=tuple(faults),
        facts=facts,
    )


def _audience(audience: Raw, fields: Raw, settings: Settings) -> dict[str, str]:
    tags = {item["tag"].text() for item in fields["merge_fields"].items()}
    lacking = "" if settings.create_merge_fields else ", ".join(sorted(set(settings.merge_fields.values()) - tags))
    double = "yes" if audience["double_optin"].maybe(Raw.flag) else "no"
    return {"audience": audience["name"].maybe(Raw.text) or "", "double_optin": double, "lacking": lacking}


def _webhooks(raw: Raw, facts: dict[str, str]) -> list[str]:
    hooks = raw["webhooks"].items()
    signed = sum(hook["signing_enabled"].value is True for hook in hooks)
    facts["webhooks"], facts["signed_webhooks"] = str(len(hooks)), str(signed)
    if not hooks:
        return ["no webhook is set up: opt-outs are learnt only when members are pulled"]
    faults: list[str] = []
    if signed < len(hooks):
        faults.append("a webhook is not signed: delete it and make it anew, or keep a secret in its path")
    wanted = [event for event in EVENTS if not any(hook["events"][event].value is True for hook in hooks)]
    if wanted:
        faults.append("no webhook tells of " + ", ".join(wanted) + ": tick it in the webhook's settings")
    return faults
