"""May this act happen, now, to this person. Asked when planning, and again in the transaction that claims it for sending.

Every verb has a purpose, and every purpose stands in `_CHECKS`: a verb that skips the guard is a failing test.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from connector.acts import KEEP, MARKETING, MEMBER, NOTICE, OPT_OUT, SERVICE
from connector.clock import stamp, unstamp
from connector.court import Court, Facts, share
from connector.facts import fold
from connector.flow import Verb
from connector.rules import Context, Quiet, next_slot
from connector.settings import Settings
from connector.store import Tx
from connector.store.outbox import Queued

#: A message that a cap holds back waits this long at most, then it is dropped with its reason.
PATIENCE = timedelta(days=7)
#: What is held back for somebody who is frozen is looked at again so often.
DAY = timedelta(days=1)
FROZEN = "frozen"
_INSTANT = timedelta(seconds=1)
#: Verbs that can only take something away are never held back.
LETTING_GO = frozenset({Verb.REMOVE_TAG, Verb.SUPPRESS_MEMBER, Verb.REMOVE_SOURCE})


@dataclass(frozen=True, slots=True)
class Held:
    """No, and why. `until` None: never for this act, so it is cancelled."""

    why: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """One act before the guard: everything it may look at."""

    queued: Queued
    facts: Facts
    context: Context
    #: When it reaches the person: now, or the slot of the mailing it prepares.
    reaches_at: datetime
    tx: Tx


@dataclass(frozen=True, slots=True)
class Guard:
    court: Court
    settings: Settings
    _cadences: Mapping[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_cadences", {it.name: it for it in self.court.rules.cadences})

    def judge(self, tx: Tx, queued: Queued, *, now: datetime) -> Held | None:
        """None: it may happen. Unknown is no."""
        checks = _CHECKS[queued.purpose]
        if held := frozen(tx, queued, now=now):
            return held
        if checks is None or queued.action.verb in LETTING_GO:
            return None
        if queued.person is None:
            return self._for_all(tx, queued)
        case = self._case(tx, queued, queued.person, now=now)
        if case is None:
            return Held("the person is gone")
        for check in checks:
            if held := check(self, case):
                return held
        return None

    def every(self, tx: Tx, queued: Queued, *, now: datetime) -> list[tuple[str, Held | None]]:
        """Each question that `judge` asks of such an act, with its own answer: for explaining. Nothing where there is none."""
        case = self._case(tx, queued, queued.person, now=now) if queued.person is not None else None
        checks = _CHECKS[queued.purpose] or ()
        asked = [(_QUESTIONS[check], check(self, case)) for check in checks] if case is not None else []
        return [("is not frozen", frozen(tx, queued, now=now)), *asked] if asked else []

    def _case(self, tx: Tx, queued: Queued, person: int, *, now: datetime) -> Case | None:
        facts = tx.mirror.facts_of([person]).get(person)
        if facts is None:
            return None
        standing = {rule: it for (rule, _), it in tx.ledger.standing([person]).items()}
        slot = queued.action.args.get("slot_at")
        reaches_at = max(unstamp(slot), now) if slot else now
        context = self.court.context(now, answers=self.court.answers(facts, standing, now=now))
        return Case(queued, facts, context, reaches_at, tx)

    @staticmethod
    def _for_all(tx: Tx, queued: Queued) -> Held | None:
        """A mailing to everyone who has a tag: each was judged with their tag, but all may have left since."""
        if queued.action.verb is not Verb.SCHEDULE_CAMPAIGN:
            return Held("it is for nobody")
        everyone_left = tx.schedule.abandoned(f"{queued.action.args['marker']}:")
        return Held("nobody is left to send it to") if everyone_left else None

    def suppressed(self, facts: Facts, context: Context, *, marketing: bool) -> Held | None:
        """The `suppress` section, always on: yes stops, and so does unknown."""
        for entry in self.court.rules.suppress:
            if entry.stops == "marketing" and not marketing:
                continue
            answer = self.court.judge(entry, facts, context)
            if answer is not False:
                known = "" if answer else " cannot be ruled out"
                return Held(f"suppress {entry.name}{known}")
        return None

    # the checks, one question each

    def _opted_out(self, case: Case) -> Held | None:
        """Also when the address alone objected: a person may have parted from it since."""
        subject = case.queued.action.subject
        if subject is not None and case.tx.ledger.suppressions([f"e:{subject.id}"]):
            return Held("opted out")
        return Held("opted out") if case.facts.get("unsubscribed") is not False else None

    def _at_their_address(self, case: Case) -> Held | None:
        subject, person = case.queued.action.subject, case.queued.person or 0
        if subject is not None and subject.kind == "member" and subject.id not in case.tx.mirror.addresses(person):
            return Held("the address is not theirs any more")
        return None

    def _consents(self, case: Case) -> Held | None:
        expires = case.facts.get("consent.expires")
        if expires is not None and expires <= stamp(case.reaches_at):
            return Held("consent has ended")
        consent = case.facts.get("consent.email")
        if consent is not True:
            return Held("no consent to be written to" if consent is False else "consent is not known")
        return None

    def _everything(self, case: Case) -> Held | None:
        return self.suppressed(case.facts, case.context, marketing=False)

    def _marketing(self, case: Case) -> Held | None:
        return self.suppressed(case.facts, case.context, marketing=True)

    def _still_enrolled(self, case: Case) -> Held | None:
        """For messages of a cadence: does who still hold, and stop_when not, right before sending."""
        cadence = self._cadences.get(case.queued.rule)
        if cadence is None or cadence.mode != "live":
            return Held("its cadence is in no file any more" if cadence is None else "its cadence is switched off")
        if self.court.judge(cadence, case.facts, case.context) is not True:
            return Held("no longer matches the cadence")
        if self.court.stops(cadence.name, case.facts, case.context) is not False:
            return Held("stop_when holds")
        return None

    def _in_time(self, case: Case) -> Held | None:
        """What was queued before a long outage is news no more."""
        slot = case.queued.action.args.get("slot_at")
        late = slot is not None and case.context.now - unstamp(slot) > PATIENCE
        return Held("its time passed while nothing could be sent") if late else None

    def _in_control_group(self, case: Case) -> Held | None:
        person = case.queued.person or 0
        return Held("control group") if share(person, "everyone", "control") < self.settings.control_group else None

    def _capped(self, case: Case) -> Held | None:
        """Rolling windows over everything sent to this person, by whichever rule or cadence."""
        person = case.queued.person or 0
        own = case.queued.action.args.get("message")
        for name, cap in self.settings.caps.items():
            since = cap.span.since(case.reaches_at, self.court.zone)
            sent = case.tx.schedule.sent_since(person, since, marketing=name == "marketing", but=own)
            if len(sent) >= cap.count:
                # the last instant of a window is inside it; and wherever clocks change, later is always later
                free_at = cap.span.after(sorted(sent)[-cap.count], self.court.zone) + _INSTANT
                free_at = max(free_at, case.reaches_at + _INSTANT)
                if free_at - case.queued.due_at > PATIENCE:
                    return Held(f"cap on {name}: not free within {PATIENCE.days} days")
                return Held(f"cap on {name}", free_at)
        return None

    def _quiet(self, case: Case) -> Held | None:
        opens = next_slot(case.reaches_at, zone_of(case.facts, self.court.zone), quiet=self.quiet())
        if opens is None:
            return Held("quiet hours never end")
        return None if opens <= case.reaches_at else Held("quiet hours", opens)

    def quiet(self) -> Quiet:
        quiet = self.settings.quiet
        return Quiet(starts=quiet.start, ends=quiet.end, days_off=quiet.days_off)


Check = Callable[[Guard, Case], Held | None]
_MAIL: tuple[Check, ...] = (Guard._opted_out, Guard._at_their_address, Guard._consents, Guard._everything)
#: Purpose → what is asked. None: it reaches no candidate, or only takes something away. Empty: only that they exist.
_CHECKS: Mapping[str, tuple[Check, ...] | None] = {
    KEEP: (),
    MEMBER: _MAIL,
    SERVICE: (*_MAIL, Guard._quiet),
    MARKETING: (
        *_MAIL, Guard._marketing, Guard._still_enrolled, Guard._in_time, Guard._in_control_group, Guard._capped,
        Guard._quiet,
    ),
    NOTICE: None,
    OPT_OUT: None,
}  # fmt: skip


def frozen(tx: Tx, queued: Queued, *, now: datetime) -> Held | None:
    """For somebody who is frozen nothing outward happens, except what keeps a message from them. What was to reach them in
    that time is let go of, all else waits."""
    if queued.person is None or queued.purpose == OPT_OUT or queued.priority == 0:
        return None
    if tx.freezes.of(queued.person) is None:
        return None
    return Held(FROZEN, None if queued.purpose in (SERVICE, MARKETING) else now + DAY)


#: What each check asks, as the one to whom a message would go could be told.
_QUESTIONS: Mapping[Check, str] = {
    Guard._opted_out: "has not opted out",
    Guard._at_their_address: "the address is theirs",
    Guard._consents: "has agreed to be written to",
    Guard._everything: "no rule keeps all mail from them",
    Guard._marketing: "no rule keeps marketing from them",
    Guard._still_enrolled: "belongs in the series",
    Guard._in_time: "it is not too late for it",
    Guard._in_control_group: "is not in the control group",
    Guard._capped: "has not been written to too often",
    Guard._quiet: "it is no quiet hour for them",
}

#: Purposes through which a candidate is reached, or put where they can be.
REACHING = frozenset({MEMBER, SERVICE, MARKETING})


@functools.cache
def _zones() -> Mapping[str, str]:
    """Folded name → zone, also by city alone, because some platforms name zones by their city ("London")."""
    names = sorted(available_timezones())
    return {fold(name.rpartition("/")[2].replace("_", " ")): name for name in names} | {
        fold(name): name for name in names
    }


def zone_of(facts: Facts, default: ZoneInfo) -> ZoneInfo:
    """The person's own clock; the organisation's where theirs is not known."""
    name = _zones().get(fold(str(facts.get("time_zone") or "")))
    return ZoneInfo(name) if name else default
