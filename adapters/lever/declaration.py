"""What Lever can and cannot do through this adapter, and the permissions each part needs."""

from __future__ import annotations

from datetime import timedelta

from connector.adapter import Declaration, Door, Option
from connector.client import BasicKey, Limits
from connector.flow import Stream, Verb

EVENTS = (
    "applicationCreated",
    "candidateHired",
    "candidateStageChange",
    "candidateArchiveChange",
    "candidateDeleted",
    "interviewCreated",
    "interviewUpdated",
    "interviewDeleted",
    "contactCreated",
    "contactUpdated",
)

#: The index behind `updated_at_*` was seen 91 seconds behind (recorded 2026-07); public connectors use 5 to 10 minutes.
OVERLAP = timedelta(minutes=10)

_DAILY = timedelta(hours=6)

STREAMS = (
    Stream(name="stages", kinds=("stage",), windowed=False, every=_DAILY, scope="stages:read:admin"),
    Stream(name="archive_reasons", kinds=("reason",), windowed=False, every=_DAILY, scope="archive_reasons:read:admin"),
    Stream(name="sources", kinds=("source",), windowed=False, every=_DAILY, scope="sources:read:admin"),
    Stream(name="users", kinds=("user",), windowed=False, every=_DAILY, scope="users:read:admin"),
    Stream(name="postings", kinds=("job",), windowed=False, every=timedelta(minutes=15), scope="postings:read:admin"),
    Stream(
        name="opportunities",
        kinds=("candidate", "application", "stage_visit"),
        overlap=OVERLAP,
        complete=True,
        scope="opportunities:read:admin",
    ),
    Stream(
        name="opportunities_deleted",
        kinds=("candidate", "application"),
        overlap=OVERLAP,
        scope="opportunities:read:admin",
    ),
)

_WRITES = "opportunities:write:admin"

DECLARATION = Declaration(
    platform="lever",
    base_url="https://api.lever.co/v1",
    auth=BasicKey(),
    # a bucket of 10 a second for each key; bursts to 20 are "not guaranteed", so a full bucket of ours is smaller: never more
    # than 19 in a second. Three at a time use the ten a second while an answer takes up to 0.3 s.
    limits=Limits(calls=10, per=timedelta(seconds=1), in_flight=3, burst=9),
    secrets={
        "api_key": "The API key (Settings > Integrations and API > API Credentials). Give Keepwarm a key of its own.",
        "webhook": "A list of signing tokens, one for each webhook; any of them may have signed a delivery.",
    },
    options=(
        Option(name="perform_as", meaning="Id of the user in whose name tags, sources and notes are written."),
        Option(
            name="confidential",
            meaning="`yes`: also read confidential records; the key must have been granted that when made.",
        ),
        Option(name="secret_notes", meaning="`yes`: notes are written as secret ones."),
        Option(
            name="unsigned",
            meaning="`yes`: take webhooks that carry no signature, when no signing token was made in Lever.",
        ),
        Option(
            name="withdrawn_reasons",
            meaning="Texts; an archive reason that contains one of them was the candidate's choice.",
        ),
        Option(
            name="fields",
            meaning="Our name → `location`, `headline`, `tag:PREFIX` or `posting.categories.team`, see README.",
        ),
        Option(name="max_age_days", meaning="Webhooks signed longer ago than this are refused. 15 unless said."),
    ),
    streams=STREAMS,
    fetches={
        "application": 50,
        "candidate": 50,
        "contact": 20,
        "scorecard": 50,
        "interview": 50,
        "offer": 50,
        "note": 50,
    },
    evidence=("scorecard", "interview", "offer"),
    verbs={
        Verb.ADD_TAG: 20,
        Verb.REMOVE_TAG: 20,
        Verb.ADD_NOTE: 20,
        Verb.ADD_SOURCE: 20,
        Verb.REMOVE_SOURCE: 20,
    },
    scopes={
        Verb.ADD_TAG: _WRITES,
        Verb.REMOVE_TAG: _WRITES,
        Verb.ADD_NOTE: "notes:write:admin",
        Verb.ADD_SOURCE: _WRITES,
        Verb.REMOVE_SOURCE: _WRITES,
    },
    door=Door(status=200, events=EVENTS, where="Settings › Integrations and API › Webhooks, one for each event"),
    facts=frozenset(
        {
            "region",
            "country",
            "city",
            "open_to_remote",
            "years_experience",
            "skills",
            "functions",
            "employment",
            "consent.email",
            "consent.expires",
            "private",
            "last_contacted",
            "last_activity",
            "first_seen",
            "tags",
            "sources",
            "accounts",
            "application.status",
            "application.furthest_stage",
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
            "application.stage_inferred",
            "application.offer",
            "interview.stage",
            "interview.starts",
        }
    ),
    blind=(
        "Webhooks carry ids only: without an API key nothing can be learnt from them (there is no payload_only here).",
        "Lever sends no webhook for tags, notes, scorecards, offers, owners, sources, postings or consent: they wait "
        "for the next pull.",
        "Whether an interview took place cannot be known, only that it was not cancelled.",
        "Lever has no custom fields on candidates: skills, region and the like come from tags with a prefix, if at all.",
        "Time zones of candidates and e-mail opt-outs are not kept in Lever.",
        "Only the first source of an opportunity is kept as its source.",
        "A consent that merely expires moves nothing in Lever: what ended is known only from the date read with it.",
        "Answers of an application form travel with each opportunity; they are dropped before anything is stored.",
        "Lever cannot leave text out of scorecards; it is dropped before anything is stored.",
        "Confidential records are not seen unless the option `confidential` is set and the key was granted them.",
        "Tags derived from the posting stand among the hand-made ones and may vanish when a record is archived.",
    ),
)
