"""What can be asked of one member: every verb looks before it acts, and none ever sends `status` to subscribe."""

from __future__ import annotations

from dataclasses import dataclass, field

from adapters.mailchimp.answers import done, explain, invalid, made
from adapters.mailchimp.settings import Settings, key
from connector.client import Client
from connector.errors import Refused, Retry, Suppressed, Unsupported
from connector.flow import Action, Receipt
from connector.raw import Raw

COUNT = 1000
#: Mailchimp cuts longer texts.
TEXT_BYTES = 255


@dataclass(slots=True)
class Turn:
    """One call of `push`: what it has looked up is shared by its actions and forgotten with it."""

    client: Client
    settings: Settings
    _double: bool | None = None
    _merge_tags: set[str] = field(default_factory=set)

    def get(self, path: str, **params: str) -> Raw:
        return self.client.get(path, params, explain=explain).raw()

    def member(self, hashed: str) -> Raw | None:
        """The member as they stand now, or None."""
        try:
            return self.get(self.settings.member(hashed), fields="id,email_address,status,merge_fields")
        except Refused as error:
            if error.status == 404:
                return None
            raise

    def double_optin(self) -> bool:
        if self._double is None:
            self._double = self.get(self.settings.place, fields="double_optin")["double_optin"].flag()
        return self._double

    def merge_tags(self) -> set[str]:
        if not self._merge_tags:
            raw = self.get(self.settings.place + "/merge-fields", fields="merge_fields.tag", count=str(COUNT))
            self._merge_tags = {item["tag"].text() for item in raw["merge_fields"].items()}
        return self._merge_tags


def subject(action: Action) -> tuple[str, str]:
    """Address and Mailchimp's id of the member an action is about."""
    email = action.subject.id.strip().lower() if action.subject else ""
    if "@" not in email:
        raise Unsupported(f"{action.verb}: the subject must be an address in the audience")
    return email, key(email)


# -- members


def upsert_member(turn: Turn, action: Action) -> Receipt:
    """PUT with `status_if_new` only, so that nobody who said no is ever subscribed by us."""
    email, hashed = subject(action)
    wanted = _merge_fields(turn, action)
    now = turn.member(hashed)
    if now is not None:
        reachable(now, {"subscribed", "pending", "transactional"}, "upsert")
        if all(_same(now["merge_fields"][tag], text) for tag, text in wanted.items()):
            return Receipt(key=action.key, ref=hashed, already=True)
    status = "transactional"
    if action.args.get("consented") is True:
        status = "pending" if turn.double_optin() else "subscribed"
    _have_tags(turn, wanted)
    answer = turn.client.send(
        "PUT",
        turn.settings.member(hashed),
        json={"email_address": email, "status_if_new": status, "merge_fields": wanted},
        # other people's required fields are theirs to fill; ours must not wait for them
        params={"skip_merge_validation": "true"},
        explain=explain,
    )
    return Receipt(key=action.key, ref=made(answer)["id"].id())


def _merge_fields(turn: Turn, action: Action) -> dict[str, str]:
    names = turn.settings.merge_fields
    given: dict[str, str] = dict(action.args.get("fields") or {})
    if unknown := sorted(set(given) - set(names)):
        raise Unsupported("options.merge_fields has no merge tag for " + ", ".join(unknown))
    return {names[name]: _cut(str(text)) for name, text in given.items()}


def _cut(text: str) -> str:
    return text.strip().encode()[:TEXT_BYTES].decode(errors="ignore")


def _same(raw: Raw, wanted: str) -> bool:
    return not raw if wanted == "" else str(raw.value) == wanted


def _have_tags(turn: Turn, wanted: dict[str, str]) -> None:
    """Mailchimp drops values for merge tags it does not know, without a word."""
    if not wanted:
        return
    missing = [tag for tag in wanted if tag not in turn.merge_tags()]
    if missing and not turn.settings.create_merge_fields:
        tags = ", ".join(missing)
        raise Refused(f"the audience has no merge field {tags}: make it, or set create_merge_fields", status=0)
    names = {tag: name for name, tag in turn.settings.merge_fields.items()}
    for tag in missing:
        row = {"name": names[tag], "tag": tag, "type": "text", "public": False, "required": False}
        made(turn.client.send("POST", turn.settings.place + "/merge-fields", json=row, explain=explain))
        turn.merge_tags().add(tag)


def reachable(now: Raw, statuses: set[str], verb: str) -> None:
    """An objection becomes Suppressed; other states that the verb cannot serve are Refused."""
    status = now["status"].text()
    if status in ("unsubscribed", "cleaned"):
        raise Suppressed(f"{verb}: the member is {status}", reason=status)
    if status not in statuses:
        raise Refused(f"{verb}: the member is {status}, which only a person may change", status=0)


def suppress_member(turn: Turn, action: Action) -> Receipt:
    """An address the audience lacks is added as unsubscribed, so that no later import can mail it."""
    email, hashed = subject(action)
    now = turn.member(hashed)
    if now is not None and now["status"].text() in ("unsubscribed", "cleaned"):
        return Receipt(key=action.key, ref=hashed, already=True)
    if now is None:
        if not turn.settings.suppress_absent or _closed(turn, email, hashed):
            return Receipt(key=action.key, already=True)
        now = turn.member(hashed)
    if now is None or now["status"].text() not in ("unsubscribed", "cleaned"):
        body = {"status": "unsubscribed"}
        made(turn.client.send("PATCH", turn.settings.member(hashed), json=body, explain=explain))
    return Receipt(key=action.key, ref=hashed)


def _closed(turn: Turn, email: str, hashed: str) -> bool:
    """Add the address as unsubscribed; True when Mailchimp will not take it from anyone, which is as good."""
    body = {"email_address": email, "status_if_new": "unsubscribed"}
    params = {"skip_merge_validation": "true"}
    try:
        made(turn.client.send("PUT", turn.settings.member(hashed), json=body, params=params, explain=explain))
    except Suppressed:
        return True
    except Refused as error:
        if not invalid(error):
            raise
        return True
    return False


# -- tags


def _tags(turn: Turn, hashed: str) -> set[str] | None:
    """Folded: Mailchimp keeps the first spelling of a tag. None: no such member."""
    try:
        raw = turn.get(turn.settings.member(hashed) + "/tags", fields="tags.name", count=str(COUNT))
    except Refused as error:
        if error.status == 404:
            return None
        raise
    return {tag["name"].text().casefold() for tag in raw["tags"].items()}


def add_tag(turn: Turn, action: Action) -> Receipt:
    return _set_tag(turn, action, "active")


def remove_tag(turn: Turn, action: Action) -> Receipt:
    return _set_tag(turn, action, "inactive")


def _set_tag(turn: Turn, action: Action, status: str) -> Receipt:
    _, hashed = subject(action)
    name, wanted = str(action.args["tag"]).strip(), status == "active"
    now = _tags(turn, hashed)
    if now is None and wanted:
        raise Refused("add_tag: the address is not in the audience", status=404)
    if now is None or (name.casefold() in now) is wanted:
        return Receipt(key=action.key, already=True)
    path = turn.settings.member(hashed) + "/tags"
    body = {"tags": [{"name": name, "status": status}], "is_syncing": turn.settings.quiet_tags}
    done(turn.client.send("POST", path, json=body, explain=explain))
    # 204 comes also when nothing was done
    if (name.casefold() in (_tags(turn, hashed) or set())) is not wanted:
        raise Retry(f"{action.verb}: taken, but the member's tags do not show it")
    return Receipt(key=action.key)
