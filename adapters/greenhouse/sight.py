"""Which facts Greenhouse can supply, and what cannot be seen or said through it."""

from __future__ import annotations

#: Those about place, skill and consent come from the custom fields that `options.fields` names.
FACTS = frozenset(
    {
        "region",
        "country",
        "city",
        "time_zone",
        "open_to_remote",
        "consent.email",
        "consent.expires",
        "private",
        "years_experience",
        "employment",
        "last_contacted",
        "last_activity",
        "first_seen",
        "skills",
        "functions",
        "tags",
        "sources",
        "accounts",
        "application.status",
        "application.furthest_stage",
        "application.stage_inferred",
        "application.scorecard_average",
        "application.scorecards",
        "application.rejection_reason",
        "application.decided",
        "application.applied",
        "application.job",
        "application.title",
        "application.function",
        "application.source",
        "application.region",
        "application.prospect",
        "application.offer",
        "interview.completed",
        "interview.starts",
    }
)

BLIND = (
    "Deleted records leave no trace in Harvest: they are learnt from webhooks or from a full walk.",
    "Tags, notes, scorecards and interviews have no webhooks: they are polled.",
    "A tag that a person takes off is learnt within a day, from a full walk of the applied tags, unless taking it off moves "
    "the candidate's updated_at, which is not documented.",
    "A private candidate or note looks like one that is not there, unless the credential's user may see it.",
    "Harvest holds no consent wording, date or expiry; only `can_email`, and what custom fields keep.",
    "When an application was hired is not on the application; the accepted offer's date stands in.",
    "A job's recruiter is not on the job; an application's is.",
    "An interview does not say which stage it belongs to.",
    "Who moved a candidate is not in Harvest.",
    "Greenhouse cannot send a mail to a candidate for us, and a candidate's answer is seen only with `mail_domains`.",
)
