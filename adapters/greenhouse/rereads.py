"""Reading again what a webhook spoke of: ids in, pages out that together hold the present truth."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence

from adapters.greenhouse.choices import Choices
from adapters.greenhouse.declared import LIST_OF, fields_of
from adapters.greenhouse.lists import value_of, walk_by
from connector.client import Client
from connector.errors import Unsupported
from connector.flow import Page, gone_page
from connector.raw import Raw

#: Pages on the way, and at the end the rows that they held.
Walk = Generator[tuple[str, Page], None, list[Raw]]

_OF_APPLICATION = ("application_stages", "rejection_details", "scorecards", "offers")
_OF_JOB = ("job_interview_stages", "job_posts", "openings")
_ALONE = ("job_post", "offer", "scorecard", "interview", "touch")
#: Lists whose rows come only with something else: its kind, and where they name it.
PARTS = {
    "application_stages": ("application", "application_id"),
    "rejection_details": ("application", "application_id"),
    "applied_candidate_tags": ("candidate", "candidate_id"),
    "job_interview_stages": ("job", "job_id"),
    "openings": ("job", "job_id"),
}


def fetch(client: Client, choices: Choices, kind: str, ids: Sequence[str]) -> Iterator[tuple[str, Page]]:
    def rows(name: str, key: str, wanted: Sequence[str]) -> Walk:
        held: list[Raw] = []
        for page, items in walk_by(client, name, fields_of(name, choices), key, wanted):
            held.extend(items)
            yield name, page
        return held

    def some(of: str, wanted: Sequence[str]) -> Walk:
        """The things themselves, and which of them are gone."""
        held = yield from rows(LIST_OF[of], "id", wanted)
        here = {value_of(row, "id") for row in held}
        if lost := [one for one in wanted if one not in here]:
            yield gone_page(of, lost)
        return held

    def evidence(applications: Sequence[str], candidates: Sequence[str]) -> Iterator[tuple[str, Page]]:
        for name in _OF_APPLICATION:
            yield from rows(name, "application_id", applications)
        yield from rows("applied_candidate_tags", "candidate_id", candidates)

    wanted = tuple(dict.fromkeys(ids))
    if kind == "candidate":
        people = _ids((yield from some("candidate", wanted)), "id")
        runs = _ids((yield from rows("applications", "candidate_id", people)), "id")
        yield from evidence(runs, people)
    elif kind == "application":
        found = yield from some("application", wanted)
        people = _ids((yield from some("candidate", _ids(found, "candidate_id"))), "id")
        yield from evidence(_ids(found, "id"), people)
    elif kind == "job":
        jobs = _ids((yield from some("job", wanted)), "id")
        for name in _OF_JOB:
            yield from rows(name, "job_id", jobs)
    elif kind in _ALONE:
        yield from some(kind, wanted)
    else:
        raise Unsupported(f"greenhouse: `{kind}` cannot be read by id")


def _ids(rows: Sequence[Raw], key: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(found for row in rows if (found := value_of(row, key))))
