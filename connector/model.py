"""What recruiters and marketers talk about, as a platform told it to us.

Every record is frozen. Times are aware UTC. Text is stripped; absent is None, never "". `updated_at` is the platform's
own time of change: a newer one wins. None means that the platform gives none, and then the time of receipt decides.
Names follow `Ref.kind`: candidate, application, stage_visit, … One record class a kind.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

import msgspec


class Ref(msgspec.Struct, frozen=True, order=True, array_like=True):
    """Where a thing lives. Two accounts never share ids, even on one platform."""

    account: str
    kind: str
    id: str

    def __str__(self) -> str:
        return f"{self.account}/{self.kind}/{self.id}"


class Status(StrEnum):
    """How an application stands. `rejected` is our decision, `withdrawn` the candidate's."""

    ACTIVE = "active"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    HIRED = "hired"
    CONVERTED = "converted"


class Party(StrEnum):
    """Who ended it, as the platform types its reasons."""

    US = "us"
    THEM = "them"
    NONE = "none"
    HIRED = "hired"
    SECURITY = "security"


class Record(msgspec.Struct, frozen=True, kw_only=True, tag_field="record", omit_defaults=True):
    """What every record has."""

    ref: Ref
    updated_at: datetime | None = None


class Candidate(Record, frozen=True, kw_only=True, tag="candidate"):
    """A person as one ATS knows them. On platforms where a candidacy carries the person (Lever), one per candidacy."""

    #: Records of one account with the same group are one person (Lever: the contact).
    group: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    #: Normalised by `raw.email`; the first is the one to write to.
    emails: tuple[str, ...] = ()
    headline: str | None = None
    location: str | None = None
    time_zone: str | None = None
    #: Tag names on this record.
    tags: tuple[str, ...] = ()
    #: May they be mailed, as the ATS holds it. None: not asked.
    can_email: bool | None = None
    #: Consent to be contacted, where the platform keeps one, and when it ends.
    contact_allowed: bool | None = None
    contact_expires_at: datetime | None = None
    #: May their data be kept at all.
    store_allowed: bool | None = None
    #: Is (or was) on our payroll, as the platform links them.
    employee: bool = False
    private: bool = False
    anonymised: bool = False
    created_at: datetime | None = None
    last_activity_at: datetime | None = None
    url: str | None = None
    #: Only the custom fields that settings name: our name → the values as text.
    fields: dict[str, tuple[str, ...]] = {}


class Application(Record, frozen=True, kw_only=True, tag="application"):
    """One candidate's run at one job; without a job, a prospect."""

    candidate: Ref
    status: Status
    prospect: bool = False
    job: Ref | None = None
    #: Where they stand now; None once it is over, on platforms that say so.
    stage: Ref | None = None
    applied_at: datetime | None = None
    #: When it was decided: rejected, withdrawn or hired.
    decided_at: datetime | None = None
    reason: Ref | None = None
    source: Ref | None = None
    recruiter: Ref | None = None
    last_activity_at: datetime | None = None
    url: str | None = None


class StageVisit(Record, frozen=True, kw_only=True, tag="stage_visit"):
    """One stay of an application in one stage. `entered_at` None: history imported without dates."""

    application: Ref
    stage: Ref
    entered_at: datetime | None = None
    exited_at: datetime | None = None


class Rejection(Record, frozen=True, kw_only=True, tag="rejection"):
    """Why and when an application was turned down, on platforms that keep it apart."""

    application: Ref
    reason: Ref | None = None
    rejected_at: datetime | None = None


class Scorecard(Record, frozen=True, kw_only=True, tag="scorecard"):
    """One interviewer's overall verdict, in the platform's word; settings turn it into 1–5. Never any text."""

    application: Ref
    #: None: no overall verdict was given.
    rating: str | None = None
    complete: bool = True
    submitted_at: datetime | None = None


class Interview(Record, frozen=True, kw_only=True, tag="interview"):
    """A meeting. `completed_at` None: not held, or not known to be."""

    application: Ref
    stage: Ref | None = None
    starts_at: datetime | None = None
    completed_at: datetime | None = None
    cancelled: bool = False


class OfferStatus(StrEnum):
    OPEN = "open"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    #: An older version of an offer that another replaced.
    REPLACED = "replaced"


class Offer(Record, frozen=True, kw_only=True, tag="offer"):
    application: Ref
    status: OfferStatus
    job: Ref | None = None
    version: int = 1
    sent_at: datetime | None = None
    resolved_at: datetime | None = None


class TouchKind(StrEnum):
    NOTE = "note"
    EMAIL = "email"
    #: The platform logged that somebody got in touch another way (phone, LinkedIn, in person).
    TOUCHPOINT = "touchpoint"
    OTHER = "other"


class Touch(Record, frozen=True, kw_only=True, tag="touch"):
    """That something was written or said, and when. Never what."""

    kind: TouchKind
    at: datetime
    candidate: Ref | None = None
    application: Ref | None = None
    #: Did a person of ours write to the candidate. None: cannot be told.
    outbound: bool | None = None


class Tagging(Record, frozen=True, kw_only=True, tag="tagging"):
    """A row that puts a tag on a candidate, on platforms where such rows have ids of their own (Greenhouse)."""

    candidate: Ref
    tag: Ref


class Job(Record, frozen=True, kw_only=True, tag="job"):
    title: str
    #: open, draft or closed.
    status: str
    #: Named department refs or, where the platform has only names, those.
    department: Ref | None = None
    department_name: str | None = None
    location: str | None = None
    offices: tuple[Ref, ...] = ()
    opened_at: datetime | None = None
    closed_at: datetime | None = None
    confidential: bool = False
    recruiter: Ref | None = None
    #: Published where candidates can see it. None: kept apart (JobPost), or not known.
    published: bool | None = None
    fields: dict[str, tuple[str, ...]] = {}


class JobPost(Record, frozen=True, kw_only=True, tag="job_post"):
    title: str
    job: Ref | None = None
    live: bool = False
    published_at: datetime | None = None


class Opening(Record, frozen=True, kw_only=True, tag="opening"):
    """One seat in a job."""

    job: Ref
    open: bool
    opened_at: datetime | None = None
    closed_at: datetime | None = None
    application: Ref | None = None


class Stage(Record, frozen=True, kw_only=True, tag="stage"):
    """A named step. `order` counts up within its job (or account); `bucket` is the platform's own coarse kind."""

    name: str
    job: Ref | None = None
    order: float | None = None
    bucket: str | None = None


class Reason(Record, frozen=True, kw_only=True, tag="reason"):
    name: str
    party: Party = Party.NONE


class Label(Record, frozen=True, kw_only=True, tag="label"):
    """Reference data that is a name behind an id: kind department, office, source or tag."""

    name: str
    #: Source: the strategy ("In person event"). Office: its location.
    type: str | None = None


class User(Record, frozen=True, kw_only=True, tag="user"):
    """A colleague, to address a notice to and to know employees by."""

    name: str | None = None
    email: str | None = None
    active: bool = True
    #: Candidate records (or groups) that are this colleague.
    candidates: tuple[Ref, ...] = ()


class MemberStatus(StrEnum):
    SUBSCRIBED = "subscribed"
    PENDING = "pending"
    UNSUBSCRIBED = "unsubscribed"
    #: Bounced for good.
    CLEANED = "cleaned"
    COMPLAINED = "complained"
    #: May get service mail only.
    TRANSACTIONAL = "transactional"
    ARCHIVED = "archived"


class Member(Record, frozen=True, kw_only=True, tag="member"):
    """An address in an audience. `ref.id` is the normalised address's key on the platform; never a person's only id."""

    email: str
    status: MemberStatus
    #: When they confirmed through the platform's own form or confirmation, not through us. None: no sign of it.
    opted_in_at: datetime | None = None
    reason: str | None = None
    #: Tag names, where the body lists all of them. None: not told.
    tags: tuple[str, ...] | None = None
    time_zone: str | None = None
    #: The address before this one, when the platform tells of a change.
    former_email: str | None = None


class EngagementKind(StrEnum):
    DELIVERED = "delivered"
    OPENED = "opened"
    CLICKED = "clicked"
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    UNSUBSCRIBED = "unsubscribed"
    REPLIED = "replied"


class Engagement(Record, frozen=True, kw_only=True, tag="engagement"):
    """What one address did with one mailing."""

    email: str
    kind: EngagementKind
    at: datetime
    campaign: str | None = None


class Campaign(Record, frozen=True, kw_only=True, tag="campaign"):
    """One mailing to many, as the platform reports it. `marker` is ours, when we made it."""

    status: str
    marker: str | None = None
    send_at: datetime | None = None
    sent: int | None = None


class Merged(Record, frozen=True, kw_only=True, tag="merged"):
    """`ref` is gone; everything it had is now `into`'s."""

    into: Ref
    at: datetime | None = None


class Gone(Record, frozen=True, kw_only=True, tag="gone"):
    """`ref` is no longer there. `anonymised`: its person is to be forgotten, not merely unlinked."""

    at: datetime | None = None
    anonymised: bool = False


AnyRecord: TypeAlias = (
    Candidate
    | Application
    | StageVisit
    | Rejection
    | Scorecard
    | Interview
    | Offer
    | Touch
    | Tagging
    | Job
    | JobPost
    | Opening
    | Stage
    | Reason
    | Label
    | User
    | Member
    | Engagement
    | Campaign
    | Merged
    | Gone
)
