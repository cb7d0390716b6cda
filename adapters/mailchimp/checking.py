"""Whether the account is fit for what is asked of it, in sentences that say what to do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from adapters.mailchimp.answers import explain
from adapters.mailchimp.settings import Settings
from connector.adapter import Health
from connector.client import Client
from connector.errors import RateLimited, Refused, Retry
from connector.raw import Raw

#: Roles that may change members and campaigns; `author` and `viewer` may not.
ROLES = ("owner", "admin", "manager")
EVENTS = ("subscribe", "unsubscribe", "profile", "cleaned", "upemail", "campaign")
SOURCES = ("user", "admin")
FREE = "forever_free"
FIELDS = "Audience › Manage audience › Settings › Audience fields and *|MERGE|* tags"
HOOKS = "Audience › Manage audience › Settings › Webhooks"
#: Tags that every audience shows to its people anyway.
THEIR_OWN = ("FNAME", "LNAME")
#: Longest merge tag.
TAG = 10


@dataclass(slots=True)
class Look:
    """One look around; what is found gathers here."""

    client: Client
    settings: Settings
    account: str
    faults: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    facts: dict[str, str] = field(default_factory=dict)

    def get(self, path: str, **params: str) -> Raw:
        return self.client.get(path, params, explain=explain).raw()

    def found(self, path: str, **params: str) -> Raw | None:
        """None: there is no such thing."""
        try:
            return self.get(path, **params)
        except Refused as error:
            if error.status == 404:
                return None
            raise


def check(client: Client, settings: Settings, account: str) -> Health:
    look = Look(client, settings, account)
    try:
        return _checked(look)
    except (RateLimited, Retry) as error:
        return Health(name="Mailchimp", faults=(f"Mailchimp does not answer now: try again ({error})",))


def _checked(look: Look) -> Health:
    root = look.get("/3.0/", fields="account_name,role,pricing_plan_type")
    role = root["role"].maybe(Raw.text) or "unknown"
    plan = root["pricing_plan_type"].maybe(Raw.text) or "unknown"
    look.facts |= {
        "role": f"{role}; manager would do" if role in ROLES[:2] else role,
        "plan": plan,
        "rate budget": "10 connections at once for this user, of which we use 5; no rate",
    }
    if plan == FREE:
        look.warnings.append("the free plan cannot schedule campaigns: use events or journeys, or change the plan")
    missing = () if role in ROLES else ("manager",)
    if missing:
        look.faults.append(
            f"the key's user is {role}: under Account › Settings › Users give them the role manager or above, or make the "
            "key as a user who has it"
        )
    audience = look.found(look.settings.place, fields="name,double_optin,marketing_permissions,stats.member_count")
    if audience is None:
        look.faults.append(_no_audience(look))
    else:
        _audience(look, audience)
        _merge_fields(look)
        _webhooks(look)
    return Health(
        name=root["account_name"].maybe(Raw.text) or "Mailchimp",
        granted=(role,) if not missing else (),
        missing=missing,
        faults=tuple(look.faults),
        warnings=tuple(look.warnings),
        clock_skew=look.client.skew,
        facts=look.facts,
    )


def _no_audience(look: Look) -> str:
    rows = look.get("/3.0/lists", fields="lists.id,lists.name", count="20")["lists"].items()
    there = " or ".join(f"audience: {row['id'].text()} ({row['name'].text()})" for row in rows)
    say = f"write {there}" if there else "make an audience first, then copy its id from its settings"
    return f"options.audience names no audience of this account: {say}"


def _audience(look: Look, audience: Raw) -> None:
    double, permissions = (bool(audience[name].maybe(Raw.flag)) for name in ("double_optin", "marketing_permissions"))
    look.facts["audience"] = audience["name"].maybe(Raw.text) or look.settings.audience
    look.facts["subscribed"] = str(audience["stats"]["member_count"].maybe(Raw.whole) or 0)
    look.facts["double_optin"] = "yes" if double else "no"
    if double:
        look.warnings.append(
            "double opt-in is on, so whoever we add gets a mail to confirm and nothing else before they do: leave it, or "
            "switch it off under Settings › Audience name and defaults where the consent is on file elsewhere"
        )
    if permissions:
        look.warnings.append(
            "marketing permissions (GDPR fields) are on and we tick none, so whoever we add is left out of segments that "
            "ask for one: send to tags without that condition, or let people tick it themselves"
        )
    archived = look.get(look.settings.place + "/members", status="archived", count="1", fields="total_items")
    if count := archived["total_items"].maybe(Raw.whole):
        look.facts["archived"] = f"{count}, never brought back by us"


# -- merge fields


def _merge_fields(look: Look) -> None:
    rows = look.get(look.settings.place + "/merge-fields", count="1000")["merge_fields"].items()
    there = {row["tag"].text(): row for row in rows}
    ours = look.settings.merge_fields
    _lacking(look, [tag for tag in dict.fromkeys(ours.values()) if tag not in there])
    required = [tag for tag, row in there.items() if row["required"].value is True and tag not in ours.values()]
    if required:
        look.warnings.append(
            f"{', '.join(required)} must be filled and we do not know it: our members come in without, and people are "
            f"asked for it when they change their profile. Untick required under {FIELDS}, or name it in options.merge_fields"
        )
    for tag in dict.fromkeys(ours.values()):
        if tag in there:
            look.warnings.extend(_odd(tag, there[tag]))


def _lacking(look: Look, tags: list[str]) -> None:
    wrong = [tag for tag in tags if not tag.isascii() or tag != tag.upper() or len(tag) > TAG]
    if wrong:
        look.faults.append(
            f"{', '.join(wrong)} can be no merge tag: in options.merge_fields write upper case, at most {TAG} letters"
        )
    if absent := [tag for tag in tags if tag not in wrong]:
        if look.settings.create_merge_fields:
            look.facts["merge fields to be made"] = ", ".join(absent)
        else:
            look.faults.append(
                f"the audience has no merge field {', '.join(absent)}: add it under {FIELDS} (type text, not visible), or "
                "write create_merge_fields: yes under options"
            )


def _odd(tag: str, row: Raw) -> Iterator[str]:
    kind = row["type"].maybe(Raw.text) or "text"
    if kind != "text":
        yield f"{tag} is of the type {kind}, so a value that does not fit is refused: make a text field and name that instead"
    if row["public"].value is True and tag not in THEIR_OWN:
        yield f"{tag} is shown on forms and to the person: untick visible under {FIELDS}"


# -- webhooks


def _webhooks(look: Look) -> None:
    """Only those that lead to our door count. Their addresses hold a secret, so none is shown."""
    hooks = look.get(look.settings.place + "/webhooks")["webhooks"].items()
    ours = [hook for hook in hooks if f"/webhooks/{look.account}" in (hook["url"].maybe(Raw.text) or "")]
    signed = sum(hook["signing_enabled"].value is True for hook in ours)
    look.facts["webhooks"] = f"{len(ours)} lead here, {signed} of them signed, {len(hooks) - len(ours)} elsewhere"
    if not ours:
        look.faults.append(
            f"no webhook leads to /webhooks/{look.account}, so opt-outs are learnt only when members are pulled: make one "
            f"under {HOOKS}"
        )
        return
    if signed < len(ours):
        look.warnings.append(
            "a webhook is not signed: delete it and make it anew, and put sign: and the secret it shows once into the "
            "webhook secret; or keep a path: secret at the end of its address"
        )
    if silent := _off(ours, "events", EVENTS):
        look.faults.append(f"no webhook tells of {', '.join(silent)}: tick it under {HOOKS}")
    if silent := _off(ours, "sources", SOURCES):
        look.faults.append(f"no webhook tells what is done by {', '.join(silent)}: tick it under {HOOKS}")
    if not _off(ours, "sources", ("api",)):
        look.warnings.append(f"a webhook tells us what we wrote ourselves: untick by api under {HOOKS}")


def _off(hooks: Iterable[Raw], what: str, names: Iterable[str]) -> list[str]:
    return [name for name in names if not any(hook[what][name].value is True for hook in hooks)]


# -- messages


def check_message(client: Client, settings: Settings, by: str, options: dict[str, str]) -> tuple[str, ...]:
    look = Look(client, settings, "")
    if by == "campaign":
        _campaign(look, options)
    elif by == "journey":
        numbers = [name for name in ("journey", "step") if not options.get(name, "").isdecimal()]
        if numbers:
            look.faults.append(
                f'{" and ".join(numbers)} must be a number: copy both from the address that the step "API trigger" shows, '
                "…/journeys/JOURNEY/steps/STEP/…"
            )
    elif not 2 <= len(options.get("event", "")) <= 30:
        look.faults.append("an event's name has 2 to 30 letters: change `event:`")
    return tuple(look.faults)


def _campaign(look: Look, options: dict[str, str]) -> None:
    if look.get("/3.0/", fields="pricing_plan_type")["pricing_plan_type"].value == FREE:
        look.faults.append("the plan cannot schedule campaigns: send it by event or journey, or change the plan")
    template = options.get("template", "")
    if template:
        found = look.found(f"/3.0/templates/{template}", fields="id") if template.isdecimal() else None
        if found is None:
            rows = look.get("/3.0/templates", type="user", count="20", fields="templates.id,templates.name")[
                "templates"
            ]
            there = ", ".join(f"{row['id'].whole()} ({row['name'].maybe(Raw.text)})" for row in rows.items())
            look.faults.append(f"there is no template {template} in this account: write one of {there or 'none yet'}")
    elif "*|UNSUB|*" not in options.get("html", ""):
        look.faults.append("the html has no unsubscribe link: put *|UNSUB|* into it")
    if "@" not in options.get("reply_to", ""):
        look.faults.append("reply_to is no address: write one that is read")
