"""Whatever order things are told in: nobody who objected is written to, subscribed, or acted upon as if they agreed.

What must not be is kept here by a model of its own, which only knows what it told and what was read before each claim.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from connector.errors import Retry, Suppressed
from connector.flow import Action, Verb
from connector.model import (
    AnyRecord,
    Candidate,
    Engagement,
    EngagementKind,
    Gone,
    Member,
    MemberStatus,
    Merged,
    Ref,
    Status,
)

if TYPE_CHECKING:
    from tests.conftest import Cast, Home

Build = Callable[..., "Home"]
#: A message a day to everyone who may have one, so that there is always one on its way.
DAILY = """
version: 1
rules:
  - rule: silver
    who: {has_application: {status: rejected}}
    keep: {tags: [silver], pools: [bench]}
cadences:
  - cadence: daily
    who: {tags: {any_of: [silver]}}
    send: {every: 1 day, first: 0 days, rotate: [{template: news}, {template: ward}], when_all_seen: start_again}
    come_back: always
"""
OPEN = """
version: 1
time_zone: Europe/London
database: keepwarm.db
quiet_hours: {from: "23:00", to: "23:01", days_off: [sunday]}
vocabulary: {stages: [applied]}
accounts:
  ats: {platform: invented}
  other: {platform: invented}
  mailer: {platform: invented}
messages:
  news: {by: event, account: mailer, event: news}
  ward: {by: journey, account: mailer, journey: "1", step: "2"}
"""
ADDRESSES = ("a@example.org", "b@example.org", "c@example.org")
RECORDS = (("ats", "1"), ("ats", "2"), ("other", "3"))
OUT = frozenset({MemberStatus.UNSUBSCRIBED, MemberStatus.CLEANED, MemberStatus.COMPLAINED})
REACHING = frozenset({Verb.UPSERT_MEMBER, Verb.SEND_EVENT, Verb.START_JOURNEY})


def reaches(action: Action) -> bool:
    on_member = action.subject is not None and action.subject.kind == "member"
    return action.verb in REACHING or (action.verb is Verb.ADD_TAG and on_member)


@dataclass(slots=True)
class Model:
    """What was told and read: who holds which address now, who ever did, and which addresses and records objected."""

    told: list[AnyRecord] = field(default_factory=list)
    held: dict[Ref, Candidate] = field(default_factory=dict)
    gone: set[Ref] = field(default_factory=set)
    merged: set[Ref] = field(default_factory=set)
    #: Of what the platform dates, the newest word stands, whatever comes later; only a merge is never outdated.
    latest: dict[Ref, datetime] = field(default_factory=dict)
    ever: dict[Ref, set[str]] = field(default_factory=dict)
    addresses: set[str] = field(default_factory=set)
    records: set[Ref] = field(default_factory=set)

    def read(self) -> None:
        """All that was told is known now."""
        for record in self.told:
            if isinstance(record, Candidate):
                self.ever.setdefault(record.ref, set()).update(record.emails)
            if isinstance(record, Candidate | Merged | Gone) and (self._newest(record) or isinstance(record, Merged)):
                self._stands(record)
            elif isinstance(record, Engagement) or (isinstance(record, Member) and record.status in OUT):
                self.addresses.add(record.email)
        self.told.clear()

    def _newest(self, record: Candidate | Merged | Gone) -> bool:
        at = record.updated_at if isinstance(record, Candidate) else record.at
        assert at is not None
        if at < self.latest.get(record.ref, at):
            return False
        self.latest[record.ref] = at
        return True

    def _stands(self, record: Candidate | Merged | Gone) -> None:
        if isinstance(record, Candidate):
            self.held[record.ref] = record
            if record.ref not in self.merged:
                self.gone.discard(record.ref)
            return
        self.gone.add(record.ref)
        if isinstance(record, Merged):
            self.merged.add(record.ref)
            self.ever.setdefault(record.into, set()).update(self.ever.get(record.ref, ()))
            if record.ref in self.records:
                self.records.add(record.into)

    def settled(self) -> None:
        """People are put together: an objection of one record is one of all that are the same person."""
        self.read()
        living = [record for ref, record in self.held.items() if ref not in self.gone]
        while True:
            objecting = {
                record.ref for record in living if record.ref in self.records or self.ever[record.ref] & self.addresses
            }
            theirs = {address for record in living if record.ref in objecting for address in record.emails}
            grown = objecting | {record.ref for record in living if theirs & set(record.emails)}
            if grown <= self.records:
                return
            self.records |= grown

    def objected(self, address: str) -> bool:
        said_no = any(
            record.contact_allowed is False and address in record.emails
            for ref, record in self.held.items()
            if ref not in self.gone
        )
        holders = {ref for ref, record in self.held.items() if address in record.emails and ref not in self.gone}
        return address in self.addresses or bool(holders & self.records) or said_no

    def agreed(self, address: str) -> bool:
        """Somebody who is, as far as anyone knows, the same person as who has this address said yes."""
        return any(record.contact_allowed for ref, record in self.held.items() if ref not in self.gone)


moments = st.integers(0, 12).map(lambda days: timedelta(days=days))
held_sets = st.sets(st.sampled_from(ADDRESSES), max_size=2)
said = st.sampled_from([True, True, True, None, False])
statuses = st.sampled_from([Status.REJECTED, Status.REJECTED, Status.ACTIVE, Status.HIRED])
leaving = st.sampled_from([EngagementKind.UNSUBSCRIBED, EngagementKind.COMPLAINED])
step = st.one_of(
    st.tuples(st.just("candidate"), st.sampled_from(RECORDS), held_sets, said, moments),
    st.tuples(st.just("run"), st.sampled_from(RECORDS), statuses, moments),
    st.tuples(st.just("member"), st.sampled_from(ADDRESSES), st.sampled_from(list(MemberStatus)), moments),
    st.tuples(st.just("left"), st.sampled_from(ADDRESSES), leaving, moments),
    st.tuples(st.just("merge"), moments),
    st.tuples(st.just("gone"), st.sampled_from(RECORDS), moments),
    st.tuples(st.just("read")),
    st.tuples(st.just("settle")),
    st.tuples(st.just("push")),
    st.tuples(st.just("day"), st.booleans()),
    st.tuples(st.just("day"), st.booleans()),
    st.tuples(st.just("refuse"), st.sampled_from(["retry", "suppressed", ""])),
)


def record_of(cast: Cast, one: tuple[Any, ...], home: Home) -> AnyRecord | None:
    start = home.now - timedelta(days=12)
    match one:
        case ("candidate", (account, id_), emails, allowed, ago):
            return cast.candidate(id_, *sorted(emails), account=account, at=start + ago, contact_allowed=allowed)
        case ("run", (account, id_), status, ago):
            then = start + ago - timedelta(days=60)
            dates = {"at": start + ago, "decided_at": then, "applied_at": then}
            return cast.application(f"{id_}-run", id_, status, account=account, **dates)
        case ("member", address, status, ago):
            return cast.member(address, status, at=start + ago)
        case ("left", address, kind, ago):
            at = start + ago
            return Engagement(ref=Ref("mailer", "engagement", f"{address}{kind}{at}"), email=address, kind=kind, at=at)
        case ("merge", ago):
            return Merged(ref=Ref("ats", "candidate", "2"), into=Ref("ats", "candidate", "1"), at=start + ago)
        case ("gone", (account, id_), ago):
            return Gone(ref=Ref(account, "candidate", id_), at=start + ago)
    return None


@contextmanager
def lived_in(build: type[Home]) -> Iterator[Home]:
    with tempfile.TemporaryDirectory() as folder:
        home = build(Path(folder), rules=DAILY, settings=OPEN)
        try:
            yield home
        finally:
            home.close()


def play(home: Home, cast: Cast, steps: list[tuple[Any, ...]], model: Model) -> None:
    for one in steps:
        if record := record_of(cast, one, home):
            model.told.append(record)
            home.keep(record.ref.account, record)
        match one:
            case ("read",):
                home.read()
                model.read()
            case ("settle",):
                home.settle()
                model.settled()
            case ("push",):
                home.push()
            case ("day", pushed):
                home.now += timedelta(days=1)
                home.settle()  # tomorrow's messages are queued, and wait for a push that may come at once or later
                model.settled()
                if pushed:
                    home.push()
            case ("refuse", how):
                refusing(home, how)


def refusing(home: Home, how: str) -> None:
    errors = {"retry": Retry("no answer", in_doubt=True), "suppressed": Suppressed("no", reason="unsubscribed")}
    error = errors.get(how)
    home.platforms["mailer"].refuse = lambda action: error if reaches(action) else None


A, B, C = ADDRESSES
ONE, TWO, THREE = RECORDS
LEFT = EngagementKind.UNSUBSCRIBED
day, later, last = timedelta(0), timedelta(days=5), timedelta(days=10)
#: A second record of the first person that would be mailed if it stood alone.
SECOND = [("run", TWO, Status.REJECTED, day), ("candidate", TWO, {A, C}, True, day), ("settle",)]


# the orders that once mattered
@example(steps=[("day", False), ("left", A, LEFT, day), ("read",), ("push",)])
@example(steps=[("day", False), ("candidate", ONE, {A}, False, later), ("read",), ("push",)])
@example(steps=[("candidate", ONE, {C}, True, later), ("settle",), ("left", A, LEFT, last), ("day", True)])
@example(steps=[*SECOND, ("left", A, LEFT, day), ("settle",), ("candidate", TWO, {C}, True, later), ("day", True)])
@example(
    steps=[
        *SECOND,
        ("left", A, LEFT, day),
        ("settle",),
        ("gone", ONE, last),
        ("candidate", TWO, {C}, True, later),
        ("day", True),
    ]
)
@example(
    steps=[
        ("run", TWO, Status.REJECTED, day),
        ("candidate", TWO, {C}, True, last),
        ("settle",),
        ("candidate", TWO, {A}, True, later),
        ("left", A, LEFT, day),
        ("day", True),
    ]
)
@example(
    steps=[("candidate", TWO, {C}, True, day), ("settle",), ("left", C, LEFT, day), ("merge", last), ("day", True)]
)
@example(
    steps=[
        ("candidate", TWO, {C}, True, day),
        ("settle",),
        ("merge", last),
        ("settle",),
        ("left", C, LEFT, day),
        ("day", True),
    ]
)
@example(
    steps=[
        ("candidate", TWO, {B, C}, None, day),
        ("settle",),
        ("left", B, LEFT, day),
        ("settle",),
        ("candidate", TWO, {C, A}, None, later),
        ("day", True),
    ]
)
@example(
    steps=[
        ("candidate", TWO, {A, B}, None, day),
        ("left", A, LEFT, day),
        ("settle",),
        ("gone", TWO, last),
        ("settle",),
        ("day", True),
    ]
)
@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
@given(steps=st.lists(step, min_size=4, max_size=30))
def test_no_order_of_events_reaches_anyone_who_objected_before_the_claim(
    home_class: type[Home], cast: Cast, steps: list[tuple[Any, ...]]
) -> None:
    model = Model()

    def look(action: Action) -> None:
        if reaches(action):
            assert action.subject is not None
            assert not model.objected(action.subject.id), (action.verb, action.subject.id)
            assert model.agreed(action.subject.id), (action.verb, action.subject.id)

    with lived_in(home_class) as home:
        home.platforms["mailer"].watch = look
        people = [*cast.runner_up("1", ADDRESSES[0]), *cast.runner_up("3", ADDRESSES[1], account="other")]
        model.told += people
        for record in people:
            home.keep(record.ref.account, record)
        home.settle()
        model.settled()
        home.apply()
        home.settle()
        play(home, cast, steps, model)
        home.settle()
        model.settled()
        home.push()


def test_the_model_sees_people_who_did_not_object_being_written_to(home: Home, cast: Cast) -> None:
    """Else the property above would hold of a house that does nothing."""
    home.tell("ats", *cast.runner_up("1", "a@example.org"))
    home.live()
    assert {Verb.UPSERT_MEMBER, Verb.SEND_EVENT, Verb.ADD_TAG} <= {it.verb for it in home.platforms["mailer"].took}
