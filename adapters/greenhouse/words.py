"""Greenhouse's words → ours. A word that is not here is news and is refused, never guessed."""

from __future__ import annotations

from connector.model import OfferStatus, Party, Status, TouchKind

STATUS = {
    "in_process": Status.ACTIVE,
    # the word of webhooks and of the filter
    "active": Status.ACTIVE,
    "rejected": Status.REJECTED,
    "hired": Status.HIRED,
    "converted": Status.CONVERTED,
}
OFFER = {
    "Created": OfferStatus.OPEN,
    "Accepted": OfferStatus.ACCEPTED,
    # declined and withdrawn alike
    "Rejected": OfferStatus.DECLINED,
    "Deprecated": OfferStatus.REPLACED,
}
JOB = {word: word for word in ("open", "draft", "closed")}
PARTY = {
    "WE_REJECTED_THEM": Party.US,
    "THEY_REJECTED_US": Party.THEM,
    "NONE_SPECIFIED": Party.NONE,
    "SECURITY_CONCERN": Party.SECURITY,
}
#: The types' names in webhooks, where the key is missing; English only.
PARTY_NAME = {"we rejected them": Party.US, "they rejected us": Party.THEM}
#: `no_decision` is an answer without a verdict.
RATING: dict[str, str | None] = {
    "strong_no": "strong_no",
    "no": "no",
    "yes": "yes",
    "strong_yes": "strong_yes",
    "no_decision": None,
}
SCORECARD = {"draft": False, "complete": True}
#: Status → (held, cancelled).
INTERVIEW = {
    "to_be_scheduled": (False, False),
    "scheduled": (False, False),
    "awaiting_feedback": (False, False),
    "complete": (True, False),
    "skipped": (False, True),
    "collect_feedback": (False, False),
    "to_be_sent": (False, False),
    "sent": (False, False),
    "received": (False, False),
}
#: Note type → what it shows of getting in touch; None: nothing, and no record is made of it.
TOUCH: dict[str, TouchKind | None] = {
    "NOTE": TouchKind.NOTE,
    "EMAIL": TouchKind.EMAIL,
    "TOUCHPOINT": TouchKind.TOUCHPOINT,
    "LINKEDIN_NOTE": TouchKind.TOUCHPOINT,
    "LINKEDIN_INMAIL": TouchKind.TOUCHPOINT,
    "ACTIVITY": None,
    "INTERVIEW": None,
    "FEEDBACK": None,
    "FOLLOW_UP": None,
    "TAKE_HOME_TEST": None,
    "AVAILABILITY_REQUEST": None,
    "FORM": None,
    "MIGRATION_ERROR": None,
}
#: With a colleague's name on them these went to the candidate; LINKEDIN_NOTE is a remark and tells nothing.
OUTBOUND = frozenset({"EMAIL", "TOUCHPOINT", "LINKEDIN_INMAIL"})
#: A letter to someone's desk at their present employer is the last resort.
EMAIL_ORDER = {"personal": 0, "other": 1, "work": 2}
