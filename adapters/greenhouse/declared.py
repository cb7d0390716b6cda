"""What this adapter reads, writes and cannot see, as data: one row a Harvest v3 list."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from adapters.greenhouse.choices import OPTIONS, Choices
from adapters.greenhouse.sight import BLIND, FACTS
from connector.adapter import Declaration, Door
from connector.client import ClientCredentials, Limits
from connector.flow import Stream, Verb

HOST = "harvest.greenhouse.io"
HOUR = timedelta(hours=1)
#: Harvest takes at most this many ids, and parent ids, in one call.
IDS = 50
#: The most rows a page may have; 600 is refused with 422.
PER_PAGE = "500"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """One list endpoint. `fields` is all that ever leaves the platform: no text, no answers, no attachments."""

    kind: str
    fields: tuple[str, ...]
    #: Parameters of the first request, beside page size, fields and window.
    params: tuple[tuple[str, str], ...] = ()
    #: Reference data changes rarely.
    every: timedelta = timedelta(minutes=10)
    #: Rows may vanish, and a full walk shows which. Notes and stage history are too long to walk for that.
    complete: bool = True
    #: Walked more often than the others for that, because nothing else tells.
    reconcile: timedelta | None = None


_ROW = ("id", "updated_at")

LISTS: dict[str, Listing] = {
    "sources": Listing(kind="source", fields=(*_ROW, "name", "type"), every=HOUR),
    "departments": Listing(kind="department", fields=(*_ROW, "name"), every=HOUR),
    "offices": Listing(kind="office", fields=(*_ROW, "name", "location"), every=HOUR),
    "users": Listing(
        kind="user",
        fields=(*_ROW, "first_name", "last_name", "name", "primary_email", "deactivated", "linked_candidate_ids"),
        every=HOUR,
    ),
    # without include_defaults Greenhouse's own reasons are left out, and most archives use those
    "rejection_reasons": Listing(
        kind="reason", fields=(*_ROW, "name", "type"), params=(("include_defaults", "true"),), every=HOUR
    ),
    "candidate_tags": Listing(kind="tag", fields=(*_ROW, "name"), every=HOUR),
    "jobs": Listing(
        kind="job",
        fields=(
            *_ROW,
            "name",
            "status",
            "opened_at",
            "closed_at",
            "department_id",
            "office_ids",
            "confidential",
            "is_template",
        ),
    ),
    "job_interview_stages": Listing(kind="stage", fields=(*_ROW, "job_id", "name", "sort_order")),
    "job_posts": Listing(kind="job_post", fields=(*_ROW, "job_id", "title", "active", "live", "first_published_at")),
    "openings": Listing(kind="opening", fields=(*_ROW, "job_id", "open", "opened_at", "closed_at", "application_id")),
    "candidates": Listing(
        kind="candidate",
        fields=(
            *_ROW,
            "created_at",
            "first_name",
            "last_name",
            "title",
            "last_activity_at",
            "private",
            "can_email",
            "time_zone",
            "tags",
            "linked_user_ids",
            "email_addresses",
        ),
    ),
    "applications": Listing(
        kind="application",
        fields=(
            *_ROW,
            "created_at",
            "candidate_id",
            "job_id",
            "status",
            "prospect",
            "rejected_at",
            "rejection_reason_id",
            "job_interview_stage_id",
            "source_id",
            "recruiter_id",
            "last_activity_at",
        ),
    ),
    "application_stages": Listing(
        kind="stage_visit",
        fields=(*_ROW, "application_id", "job_interview_stage_id", "entered_at", "exited_at"),
        complete=False,
    ),
    "rejection_details": Listing(
        kind="rejection", fields=(*_ROW, "application_id", "rejection_reason_id", "rejected_at")
    ),
    "scorecards": Listing(
        kind="scorecard", fields=(*_ROW, "application_id", "status", "candidate_rating", "submitted_at")
    ),
    "offers": Listing(
        kind="offer", fields=(*_ROW, "application_id", "job_id", "version", "status", "sent_on", "resolved_at")
    ),
    "interviews": Listing(kind="interview", fields=(*_ROW, "application_id", "status", "starts_at", "ends_at")),
    "notes": Listing(
        kind="touch",
        fields=(*_ROW, "created_at", "candidate_id", "application_id", "user_id", "type"),
        complete=False,
    ),
    # a row that a person took away is told by no webhook and moves nothing that is documented; 500 rows cost one call
    "applied_candidate_tags": Listing(
        kind="tagging", fields=(*_ROW, "candidate_id", "candidate_tag_id"), reconcile=timedelta(days=1)
    ),
}

#: Columns that the specification of July 2026 did not have yet; where one is refused the list is asked for without.
NEWER = {"applications": ("job_interview_stage_id", "rejection_reason_id")}

#: Which list holds a kind: the way back from a `Ref` to an address.
LIST_OF = {listing.kind: name for name, listing in LISTS.items()}


#: Kinds that can be asked for by id.
FETCHES = ("candidate", "application", "job", "job_post", "offer", "scorecard", "interview", "touch")


def fields_of(name: str, choices: Choices) -> str:
    """The sparse `fields=` of a list; what only some settings need is asked for only then."""
    more: list[str] = []
    if name in ("candidates", "jobs") and choices.fields:
        more.append("custom_fields")
    if name == "candidates" and choices.address:
        more.append("addresses")
    if name == "notes" and choices.mail_domains:
        more.append("email_from")
    return ",".join((*LISTS[name].fields, *more))


def scope_of(name: str, verb: str = "list") -> str:
    return f"harvest:{name}:{verb}"


#: Signed webhook actions, all 29, and the ping.
ACTIONS = (
    "new_candidate_application",
    "new_prospect_application",
    "application_updated",
    "delete_application",
    "candidate_stage_change",
    "reject_candidate",
    "unreject_candidate",
    "hire_candidate",
    "unhire_candidate",
    "update_candidate",
    "delete_candidate",
    "merge_candidate",
    "candidate_anonymized",
    "offer_created",
    "offer_updated",
    "offer_approved",
    "offer_deleted",
    "job_created",
    "job_updated",
    "job_approved",
    "job_deleted",
    "job_post_created",
    "job_post_updated",
    "job_post_deleted",
    "job_interview_stage_deleted",
    "interview_deleted",
    "scorecard_deleted",
    "department_deleted",
    "office_deleted",
)

DECLARATION = Declaration(
    platform="greenhouse",
    base_url=f"https://{HOST}/v3",
    auth=ClientCredentials(token_url="https://auth.greenhouse.io/token", introspects=True),  # noqa: S106 - an address
    limits=Limits(
        # No ceiling is published. 50 is the lowest in use; the real one is read from the headers of each answer.
        calls=50,
        per=timedelta(seconds=30),
        in_flight=2,
        fixed_window=True,
        limit_header="x-ratelimit-limit",
        remaining_header="x-ratelimit-remaining",
        reset_header="x-ratelimit-reset",
    ),
    secrets={
        "client_id": "client id of a credential of type Harvest V3 (OAuth)",
        "client_secret": "its secret, shown once",
        "webhook": "secret keys as typed under Configure › Dev Center › Web Hooks",
    },
    options=OPTIONS,
    streams=tuple(
        Stream(
            name=name,
            kinds=(listing.kind,),
            # the index lags: one connector leaves five minutes unread, another looks back an hour
            overlap=HOUR,
            every=listing.every,
            complete=listing.complete,
            reconcile=listing.reconcile,
            scope=scope_of(name),
        )
        for name, listing in LISTS.items()
    ),
    fetches=dict.fromkeys(FETCHES, IDS),
    verbs={Verb.ADD_TAG: IDS, Verb.REMOVE_TAG: IDS, Verb.ADD_NOTE: 10},
    scopes={
        Verb.ADD_TAG: scope_of("applied_candidate_tags", "create"),
        Verb.REMOVE_TAG: scope_of("applied_candidate_tags", "destroy"),
        Verb.ADD_NOTE: scope_of("notes", "create"),
    },
    door=Door(
        status=200,
        events=(*ACTIONS, "ping"),
        where="Configure › Dev Center › Web Hooks, one for each event, all with one secret key",
    ),
    facts=FACTS,
    blind=BLIND,
)
