"""Mailchimp Marketing API 3.0: members of one audience, their opt-outs, and the mailings that Mailchimp sends."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import ClassVar

from adapters.mailchimp import webhooks
from adapters.mailchimp.answers import SignupsThrottled, crowded
from adapters.mailchimp.campaigns import schedule_campaign
from adapters.mailchimp.checking import check, check_message
from adapters.mailchimp.mapping import page
from adapters.mailchimp.messages import send_event, start_journey
from adapters.mailchimp.pulling import Puller
from adapters.mailchimp.settings import OPTIONS, Settings
from adapters.mailchimp.writes import Turn, add_tag, remove_tag, suppress_member, upsert_member
from connector.adapter import Connection, Declaration, Door, Health
from connector.client import BasicKey, Limits
from connector.errors import KeepwarmError, RateLimited, Refused, Unauthorized, Unsupported
from connector.flow import Action, Delivery, Failure, Page, Reading, Receipt, Stream, Verb, Window
from connector.raw import Raw

VERBS: Mapping[Verb, Callable[[Turn, Action], Receipt]] = {
    Verb.UPSERT_MEMBER: upsert_member,
    Verb.ADD_TAG: add_tag,
    Verb.REMOVE_TAG: remove_tag,
    Verb.SUPPRESS_MEMBER: suppress_member,
    Verb.SEND_EVENT: send_event,
    Verb.START_JOURNEY: start_journey,
    Verb.SCHEDULE_CAMPAIGN: schedule_campaign,
}
#: What the key's user must be for every write.
ROLE = "manager"

DECLARATION = Declaration(
    platform="mailchimp",
    base_url="https://api.mailchimp.com",
    auth=BasicKey(user="keepwarm"),
    # ten connections a user, all of this user's programs together; there is no rate
    limits=Limits(calls=0, per=timedelta(seconds=1), in_flight=5),
    secrets={
        "api_key": "API key of a user with the role manager or above, or an OAuth token",
        "webhook": "`sign:` and the signing secret shown once when the webhook is made; `path:` and a secret that "
        "stands at the end of the webhook's address; with both kinds, both must be right",
    },
    options=OPTIONS,
    streams=(
        Stream(name="members", kinds=("member",), overlap=timedelta(minutes=10), complete=True),
        Stream(name="unsubscribed", kinds=("member",), overlap=timedelta(days=1)),
        Stream(name="cleaned", kinds=("member",), overlap=timedelta(days=1), every=timedelta(hours=1)),
        Stream(name="complaints", kinds=("engagement", "member"), windowed=False, every=timedelta(hours=1)),
        Stream(name="campaigns", kinds=("campaign",), windowed=False, complete=True, every=timedelta(hours=1)),
        Stream(
            name="engagement",
            kinds=("engagement", "member"),
            overlap=timedelta(days=1),
            every=timedelta(hours=1),
        ),
    ),
    fetches={"member": 20, "campaign": 20},
    verbs=dict.fromkeys(VERBS, 20) | {Verb.SCHEDULE_CAMPAIGN: 1},
    scopes=dict.fromkeys(VERBS, ROLE),
    door=Door(
        status=200,
        events=tuple(webhooks.TYPES),
        where="Audience › Manage audience › Settings › Webhooks › Create New Webhook, with every event ticked, and the "
        "sources user and admin",
        tail="/<what follows path: in the webhook secret>",
    ),
    facts=frozenset({"unsubscribed", "consent.email", "time_zone", "tags", "accounts"}),
    blind=(
        "Whether a journey's message was sent is not told; a start whose answer was lost is never repeated.",
        "A member added as transactional who agrees later is not subscribed by us: they sign up themselves.",
        "An archived member is not brought back.",
        "Opens are inflated by mail programs that load pictures by themselves; clicks are the better sign.",
        "Mail of journeys is not in the reports that are pulled; only sent campaigns are.",
        "A second opt-in that a person confirms after an entry through the API looks like that entry.",
    ),
)


class Mailchimp:
    declaration: ClassVar[Declaration] = DECLARATION

    def __init__(self, connection: Connection) -> None:
        self._account = connection.account
        self._client = connection.client
        self._settings = Settings.of(connection.options)

    def verify(self, delivery: Delivery, secrets: Sequence[str]) -> None:
        webhooks.verify(delivery, secrets)

    def identify(self, delivery: Delivery) -> str:
        return webhooks.identify(delivery)

    def read(self, delivery: Delivery) -> Reading:
        if delivery.stream is None:
            return webhooks.read(delivery, self._settings)
        return page(delivery.stream, self._account, Raw.parse(delivery.body))

    def pull(self, stream: str, window: Window, cursor: str | None) -> Page:
        if stream not in {one.name for one in self.declaration.streams}:
            raise Unsupported(f"mailchimp has no stream {stream}")
        return Puller(self._client, self._settings).pull(stream, window, cursor)

    def fetch(self, kind: str, ids: Sequence[str]) -> Iterator[tuple[str, Page]]:
        if kind not in self.declaration.fetches:
            raise Unsupported(f"mailchimp fetches no {kind}")
        return Puller(self._client, self._settings).fetch(kind, ids)

    def push(self, actions: Sequence[Action]) -> Iterator[Receipt | Failure]:
        turn = Turn(self._client, self._settings)
        halt: KeepwarmError | None = None
        for action in actions:
            if halt is not None:
                yield Failure(key=action.key, error=halt)
                continue
            try:
                yield _do(turn, action)
            except KeepwarmError as error:
                yield Failure(key=action.key, error=error)
                if isinstance(error, (RateLimited, Unauthorized)) and not isinstance(error, SignupsThrottled):
                    halt = error

    def check(self) -> Health:
        return check(self._client, self._settings, self._account)

    def check_message(self, by: str, options: Mapping[str, str]) -> tuple[str, ...]:
        return check_message(self._client, self._settings, by, dict(options))


def _do(turn: Turn, action: Action) -> Receipt:
    verb = VERBS.get(action.verb)
    if verb is None:
        raise Unsupported(f"mailchimp cannot {action.verb}")
    try:
        return verb(turn, action)
    except Refused as error:
        if special := crowded(error):
            raise special from error
        raise


ADAPTER = Mailchimp
