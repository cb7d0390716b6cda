"""A small house that tests can hold in one hand: real rules, a real SQLite file, and two invented platforms in memory.

Records come in as deliveries, the way they always do; what goes out is kept by the invented platforms, in order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import pytest

from connector import applying, decide, inbox, plan, scheduler
from connector import house as house_
from connector import settings as settings_
from connector.accounts import Account, Accounts
from connector.adapter import Connection, Declaration
from connector.client import BasicKey, Limits
from connector.errors import KeepwarmError
from connector.flow import Action, Delivery, Failure, Reading, Receipt, Verb
from connector.house import House
from connector.model import AnyRecord, Application, Candidate, Member, MemberStatus, Ref, Status
from connector.plan import Plan
from connector.store import Sqlite

#: A Monday morning, long before and after any change of clocks.
MONDAY = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)

SETTINGS = """
version: 1
time_zone: Europe/London
database: keepwarm.db
quiet_hours: {from: "19:00", to: "08:30", days_off: [saturday, sunday]}
caps: {marketing: 1 every 30 days, everything: 2 every 7 days}
vocabulary:
  stages: [applied, phone_screen, onsite, final, offer]
  stage_names: {applied: [New], onsite: [Onsite Interview]}
  reasons: {other_candidate: [Stronger candidate chosen], misconduct: [Misconduct]}
  skills: {nursing: [rn]}
accounts:
  ats: {platform: invented}
  other: {platform: invented}
  mailer: {platform: invented}
messages:
  news: {by: event, account: mailer, event: news}
  ward: {by: journey, account: mailer, journey: "1", step: "2"}
  evening: {by: event, account: mailer, event: evening}
  letter: {by: campaign, account: mailer, subject_line: News, from_name: Us, reply_to: us@example.org}
"""

RULES = """
version: 1
suppress:
  - suppress: unsubscribed
    who: {unsubscribed: yes}
    stops: everything
  - suppress: leave-alone
    who: {tags: {any_of: [do-not-contact]}}
    stops: everything
  - suppress: in-process
    who: {has_application: {status: active}}
    stops: marketing
rules:
  - rule: silver
    why: Nearly hired.
    who: {has_application: {status: rejected}}
    unless: {employment: hired}
    keep: {tags: [silver]}
  - rule: bench
    who: {tags: {any_of: [silver]}}
    keep: {pools: [bench]}
cadences:
  - cadence: quarterly
    who: {pools: {any_of: [bench]}, consent.email: yes}
    send:
      every: 3 months
      first: 0 days after joining
      rotate: [{template: news}, {template: ward}, {template: evening}]
    stop_when: {has_application: {status: active}}
    come_back: after 12 months
"""


@dataclass(slots=True)
class Platform:
    """What reached an invented platform, in order, and what it will answer."""

    took: list[Action] = field(default_factory=list)
    #: Looked at before each action; an error is the answer.
    refuse: Callable[[Action], KeepwarmError | None] = lambda action: None
    #: Called with each action as it arrives.
    watch: Callable[[Action], None] = lambda action: None

    def verbs(self) -> list[str]:
        return [action.verb.value for action in self.took]

    def of(self, *verbs: Verb) -> list[Action]:
        return [action for action in self.took if action.verb in verbs]


def _declared(*verbs: Verb) -> Declaration:
    limits = Limits(calls=1000, per=timedelta(seconds=1), burst=1000)
    return Declaration(platform="invented", base_url="http://invented.example.org", auth=BasicKey(), limits=limits,
                       secrets={}, verbs=dict.fromkeys(verbs, 1))  # fmt: skip


class Ats:
    """Bodies are lists of our own records as JSON; what is pushed is kept."""

    declaration: ClassVar[Declaration] = _declared(Verb.ADD_TAG, Verb.REMOVE_TAG, Verb.ADD_NOTE)

    def __init__(self, connection: Connection) -> None:
        assert isinstance(connection.options["platform"], Platform)
        self.platform = connection.options["platform"]

    def read(self, delivery: Delivery) -> Reading:
        return Reading(records=tuple(msgspec.json.decode(delivery.body, type=list[AnyRecord])))

    def push(self, actions: Sequence[Action]) -> Iterator[Receipt | Failure]:
        for action in actions:
            self.platform.watch(action)
            if error := self.platform.refuse(action):
                yield Failure(key=action.key, error=error)
                continue
            already = any(before.key == action.key for before in self.platform.took)
            if not already:
                self.platform.took.append(action)
            yield Receipt(key=action.key, ref=f"row-{len(self.platform.took)}", already=already)


class Mailer(Ats):
    declaration: ClassVar[Declaration] = _declared(
        Verb.UPSERT_MEMBER, Verb.ADD_TAG, Verb.REMOVE_TAG, Verb.SUPPRESS_MEMBER, Verb.SEND_EVENT, Verb.START_JOURNEY,
        Verb.SCHEDULE_CAMPAIGN,
    )  # fmt: skip


class Home:
    """The house, and what a test does with it."""

    def __init__(self, folder: Path, *, rules: str = RULES, settings: str = SETTINGS, now: datetime = MONDAY) -> None:
        self.now = now
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "rules").mkdir(exist_ok=True)
        (folder / "rules" / "rules.yaml").write_text(rules, encoding="utf-8")
        self.settings = settings_.read(settings, "settings.yaml", folder=folder)
        self.platforms = {name: Platform() for name in self.settings.accounts}
        self.store = Sqlite(self.settings.database)
        self.house = self._assembled()
        self._told = 0

    def _assembled(self) -> House:
        made = {
            name: Account(name=name, adapter=self._adapter(name), settings=it, reachable=True)
            for name, it in self.settings.accounts.items()
        }
        found = house_.load_rules(self.settings)
        return house_.assemble(self.settings, found, Accounts(made), self.store, lambda: self.now)

    def _adapter(self, name: str) -> Ats:
        build = Mailer if name.startswith("mailer") else Ats
        platform: Any = self.platforms[name]
        return build(Connection(account=name, client=None, options={"platform": platform}))  # type: ignore[arg-type]

    def rules(self, text: str) -> None:
        """Other rules from now on."""
        (self.folder / "rules" / "rules.yaml").write_text(text, encoding="utf-8")
        self.house = self._assembled()

    def restart(self) -> None:
        """All that is in memory is lost."""
        self.store.close()
        self.store = Sqlite(self.settings.database)
        self.house = self._assembled()

    def keep(self, account: str, *records: AnyRecord, at: datetime | None = None) -> None:
        """A delivery comes in and is only stored."""
        self._told += 1
        body = msgspec.json.encode(list(records))
        delivery = Delivery(account=account, body=body, received_at=at or self.now, id=f"told:{self._told}")
        self.store.write(lambda tx: tx.inbox.keep([delivery]))

    def read(self) -> None:
        """Read the inbox, and go no further."""
        while inbox.read_waiting(self.store, self.house.accounts, now=self.now):
            pass

    def tell(self, account: str, *records: AnyRecord) -> None:
        self.keep(account, *records)
        self.settle()

    def settle(self) -> None:
        scheduler.settle(self.house, now=self.now)

    def push(self) -> None:
        """Until nothing is due, without settling in between."""
        for account in self.house.accounts.values():
            lane = scheduler.Lane(self.house, account)
            while lane.step(pull=False):
                pass
            lane.release()

    def turn(self) -> None:
        """Settle and push until both are quiet."""
        for _ in range(6):
            self.settle()
            self.push()

    def pass_time(self, span: timedelta) -> None:
        self.now += span
        decide.tick(self.store, self.house.desk.bench, now=self.now)
        self.turn()

    def plan(self) -> Plan:
        return plan.make(self.store, self.house.desk, now=self.now)

    def apply(self, made: Plan | None = None) -> None:
        applying.apply(self.store, self.house.desk, made or self.plan(), now=self.now)

    def live(self) -> None:
        """Plan, apply, and carry it out."""
        self.settle()
        self.apply()
        self.turn()

    def rows(self, sql: str, *parameters: object) -> list[dict[str, Any]]:
        with self.store.reading() as tx:
            return tx.rows(sql, parameters)

    def person(self, account: str, id_: str) -> int:
        with self.store.reading() as tx:
            person = tx.mirror.person_of(account, id_)
        assert person is not None
        return person

    def facts(self, person: int) -> dict[str, Any]:
        with self.store.reading() as tx:
            return tx.mirror.facts_of([person])[person]

    def close(self) -> None:
        self.store.close()


@pytest.fixture
def home_of(tmp_path: Path) -> Iterator[Callable[..., Home]]:
    made: list[Home] = []

    def build(**changes: Any) -> Home:
        made.append(Home(tmp_path / f"home{len(made)}", **changes))
        return made[-1]

    yield build
    for home in made:
        home.close()


@pytest.fixture
def home(home_of: Callable[..., Home]) -> Home:
    return home_of()


class Cast:
    """Records of people, as short as a test wants them."""

    hired = Status.HIRED
    now = MONDAY

    @staticmethod
    def candidate(id_: str, *emails: str, account: str = "ats", at: datetime = MONDAY, **more: Any) -> Candidate:
        return Candidate(ref=Ref(account, "candidate", id_), emails=emails, updated_at=at, **more)

    @staticmethod
    def application(
        id_: str, candidate: str, status: Status = Status.REJECTED, *, account: str = "ats", at: datetime = MONDAY,
        **more: Any,
    ) -> Application:  # fmt: skip
        ref = Ref(account, "candidate", candidate)
        return Application(ref=Ref(account, "application", id_), candidate=ref, status=status, updated_at=at, **more)

    @staticmethod
    def member(
        email: str, status: MemberStatus = MemberStatus.SUBSCRIBED, *, at: datetime = MONDAY, **more: Any
    ) -> Member:
        return Member(ref=Ref("mailer", "member", email), email=email, status=status, updated_at=at, **more)

    def runner_up(self, id_: str, email: str, *, account: str = "ats", **more: Any) -> list[AnyRecord]:
        """Rejected some months ago, and agreed to be written to."""
        consent = {"contact_allowed": True} | more
        then = MONDAY - timedelta(days=90)
        return [
            self.candidate(id_, email, account=account, at=then, **consent),
            self.application(f"{id_}-run", id_, account=account, at=then, decided_at=then, applied_at=then),
        ]


@pytest.fixture(scope="session")
def cast() -> Cast:
    return Cast()


@pytest.fixture(scope="session")
def home_class() -> type[Home]:
    """For tests that build and close their own, many times."""
    return Home
