"""Recruiting webhooks: what to read again, and what is true at once because it cannot be read again.

Bodies are in the vocabulary of the retired v1, uneven between actions and without a time of their own, so ids are all
that is believed of them, except where somebody is gone (developers.greenhouse.io/webhooks.html, read 2026-11-23).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from adapters.greenhouse import payload
from adapters.greenhouse.eye import Eye
from connector.errors import Malformed
from connector.flow import Hint, Reading, Spoiled
from connector.model import AnyRecord, Gone, Merged
from connector.raw import Raw, came

Told = Iterable[AnyRecord | Hint]
Reader = Callable[[Raw, Eye], Told]

#: Any of these taken away means that the person is to be forgotten, not merely tidied.
FORGETS = frozenset({"full_name", "email_addresses", "emails", "tags"})


def again(kind: str, raw: Raw, eye: Eye, why: str) -> Iterable[Hint]:
    ref = eye.link(kind, raw)
    if ref:
        yield Hint(ref, why)


def application_changed(raw: Raw, eye: Eye) -> Told:
    """Reading an application again brings its candidate, stages, scorecards and offers along."""
    yield Hint(eye.ref("application", raw["application"]["id"]), "application changed")


def candidate_changed(raw: Raw, eye: Eye) -> Told:
    yield Hint(eye.ref("candidate", raw["candidate"]["id"]), "candidate changed")


def candidate_deleted(raw: Raw, eye: Eye) -> Told:
    """The document's table says `application_ids`, its sample `deleted_application_ids`."""
    person = raw["person"]
    yield Gone(ref=eye.ref("candidate", person["id"]))
    for ids in (person["deleted_application_ids"], person["application_ids"]):
        for ref in eye.links("application", ids):
            yield Gone(ref=ref)


def candidate_merged(raw: Raw, eye: Eye) -> Told:
    person = raw["person"]
    into = eye.ref("candidate", person["new_candidate_id"])
    yield Merged(ref=eye.ref("candidate", person["id"]), into=into)
    yield Hint(into, "took over a merged candidate's applications")


def candidate_anonymised(raw: Raw, eye: Eye) -> Told:
    ref = eye.ref("candidate", raw["candidate_id"])
    if FORGETS & {name.text() for name in raw["anonymized_fields"].items()}:
        yield Gone(ref=ref, anonymised=True)
    else:
        yield Hint(ref, "partly anonymised")


def application_deleted(raw: Raw, eye: Eye) -> Told:
    yield Gone(ref=eye.ref("application", raw["application"]["id"]))
    yield from again("candidate", raw["application"]["candidate_id"], eye, "an application was deleted")


def offer_changed(raw: Raw, eye: Eye) -> Told:
    """A new version deprecates the one before, and acceptance hires: all of the application is read again."""
    offer = eye.ref("offer", raw["id"])
    yield Hint(eye.link("application", raw["application_id"]) or offer, "offer changed")


def offer_deleted(raw: Raw, eye: Eye) -> Told:
    yield Gone(ref=eye.ref("offer", raw["offer"]["id"]))
    yield from again("application", raw["offer"]["application_id"], eye, "an offer was deleted")


def scorecard_deleted(raw: Raw, eye: Eye) -> Told:
    yield Gone(ref=eye.ref("scorecard", raw["scorecard"]["id"]))
    yield from again("candidate", raw["scorecard"]["candidate_id"], eye, "a scorecard was deleted")


def job_changed(raw: Raw, eye: Eye) -> Told:
    yield Hint(eye.ref("job", raw["job"]["id"]), "job changed")


def post_changed(raw: Raw, eye: Eye) -> Told:
    """Flat: the post is the payload. Without a job it is a post for prospects."""
    yield Hint(eye.ref("job_post", raw["id"]), "job post changed")


def deleted(key: str, kind: str) -> Reader:
    def read(raw: Raw, eye: Eye) -> Told:
        yield Gone(ref=eye.ref(kind, raw[key]["id"]))

    return read


HINTS: dict[str, Reader] = {
    "new_candidate_application": application_changed,
    "new_prospect_application": application_changed,
    "application_updated": application_changed,
    "delete_application": application_deleted,
    "candidate_stage_change": application_changed,
    "reject_candidate": application_changed,
    "unreject_candidate": application_changed,
    "hire_candidate": application_changed,
    "unhire_candidate": application_changed,
    "update_candidate": candidate_changed,
    "delete_candidate": candidate_deleted,
    "merge_candidate": candidate_merged,
    "candidate_anonymized": candidate_anonymised,
    "offer_created": offer_changed,
    "offer_updated": offer_changed,
    "offer_approved": offer_changed,
    "offer_deleted": offer_deleted,
    "job_created": job_changed,
    "job_updated": job_changed,
    "job_approved": job_changed,
    "job_deleted": deleted("job", "job"),
    "job_post_created": post_changed,
    "job_post_updated": post_changed,
    "job_post_deleted": deleted("job_post", "job_post"),
    "job_interview_stage_deleted": deleted("job_interview_stage", "stage"),
    "interview_deleted": deleted("interview", "interview"),
    "scorecard_deleted": scorecard_deleted,
    "department_deleted": deleted("department", "department"),
    "office_deleted": deleted("office", "office"),
}

#: Without API credentials nothing can be read again, so these bodies are taken at their word.
TAKEN: dict[str, Reader] = HINTS | {
    "new_candidate_application": payload.application,
    "new_prospect_application": payload.application,
    "application_updated": payload.application,
    "candidate_stage_change": payload.application,
    "reject_candidate": payload.application,
    "unreject_candidate": payload.application,
    "hire_candidate": payload.hire,
    "unhire_candidate": payload.application,
    "update_candidate": payload.update,
    "offer_created": payload.offer,
    "offer_updated": payload.offer,
    "offer_approved": payload.offer,
    "job_created": payload.job,
    "job_updated": payload.job,
    "job_approved": payload.job,
    "job_post_created": payload.job_post,
    "job_post_updated": payload.job_post,
}


def webhook(body: bytes, eye: Eye) -> Reading:
    envelope = Raw.parse(body)
    if type(envelope.value) is not dict:
        raise Malformed("$", "an object", came(envelope.value))
    action = envelope["action"].text()
    if action == "ping":
        return Reading(event=action, note="ping")
    reader = (TAKEN if eye.choices.payload_only else HINTS).get(action)
    if reader is None:
        return Reading(note=f"action `{action[:60]}` is not used")
    try:
        told = list(reader(envelope["payload"], eye))
    except Malformed as error:
        return Reading(spoiled=(Spoiled(error.path, error.wanted, error.came),))
    hints = tuple(item for item in told if isinstance(item, Hint))
    records = tuple(item for item in told if not isinstance(item, Hint))
    if not eye.choices.payload_only:
        return Reading(records=records, hints=hints, event=action)
    note = "" if records else f"`{action}` can only be understood by reading again"
    return Reading(records=records, event=action, note=note)
