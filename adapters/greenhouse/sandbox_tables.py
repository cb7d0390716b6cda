"""The sandbox's rows: one table a Harvest v3 resource, with the filters that resource documents."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Row = dict[str, Any]
Test = Callable[[Row], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """`parents`: fields with a plural filter. `equal`: filters compared with a field of the same name."""

    fields: tuple[str, ...]
    parents: tuple[str, ...] = ()
    equal: tuple[str, ...] = ()
    dates: tuple[str, ...] = ()


def _resource(fields: str, parents: str = "", equal: str = "", dates: str = "") -> Resource:
    return Resource(
        fields=("id", "created_at", "updated_at", *fields.split()),
        parents=tuple(parents.split()),
        equal=tuple(equal.split()),
        dates=("created_at", "updated_at", *dates.split()),
    )


RESOURCES: dict[str, Resource] = {
    "sources": _resource("name type"),
    "departments": _resource("name parent_id external_id", "", "parent_id external_id"),
    "offices": _resource(
        "name parent_id external_id location primary_in_house_contact_user_id", "", "parent_id external_id"
    ),
    "users": _resource(
        "first_name last_name name primary_email emails job_title agency_id deactivated site_admin employee_id "
        "linked_candidate_ids office_ids department_ids interviewer_tags custom_fields",
        "",
        "deactivated primary_email show_service_accounts",
    ),
    "rejection_reasons": _resource("name type", "", "include_defaults"),
    "candidate_tags": _resource("name"),
    "jobs": _resource(
        "name requisition_id status opened_at closed_at department_id office_ids confidential is_template "
        "copied_from_id notes custom_fields",
        "",
        "status department_id office_id requisition_id confidential",
        "opened_at closed_at",
    ),
    "job_interview_stages": _resource("job_id name sort_order active", "job_id", "active"),
    "job_posts": _resource(
        "job_id job_board_id title active live internal featured public_url first_published_at language content "
        "internal_content questions",
        "job_id job_board_id",
        "active live featured internal",
    ),
    "openings": _resource(
        "job_id opening_id open opened_at closed_at target_start_on application_id close_reason_id sort_order "
        "custom_fields",
        "job_id application_id close_reason_id",
        "open opening_id",
        "opened_at closed_at",
    ),
    "candidates": _resource(
        "first_name last_name preferred_name company title last_activity_at private can_email time_zone tags "
        "linked_user_ids phone_numbers addresses email_addresses website_addresses social_media_addresses custom_fields",
        "",
        "private email tag",
        "last_activity_at",
    ),
    "applications": _resource(
        "candidate_id job_id job_post_id stage_id stage_name job_interview_stage_id status prospect needs_decision "
        "rejected_at rejection_reason_id last_activity_at source_id referrer_id recruiter_id coordinator_id "
        "agency_note_id location_address answers prospective_job_ids custom_fields",
        "candidate_id job_id prospective_job_id job_post_id source_id referrer_id stage_id job_interview_stage_id",
        "status stage_name prospect",
        "last_activity_at",
    ),
    "application_stages": _resource(
        "application_id job_interview_stage_id entered_at exited_at days_in_stage current",
        "application_id job_interview_stage_id",
        "current",
    ),
    "rejection_details": _resource(
        "application_id rejection_reason_id rejected_at rejected_by_id rejection_note_id question_custom_fields",
        "application_id rejection_reason_id",
    ),
    "scorecards": _resource(
        "application_id interview_kit_id interviewer_id submitter_id status candidate_rating interviewed_at "
        "submitted_at notes public_notes private_notes",
        "application_id interview_kit_id interviewer_id submitter_id",
        "status",
        "interviewed_at submitted_at",
    ),
    "offers": _resource(
        "application_id job_id candidate_id opening_id version status starts_on sent_on resolved_at custom_fields",
        "application_id job_id candidate_id opening_id",
        "status current_only",
        "resolved_at sent_on starts_on",
    ),
    "interviews": _resource(
        "application_id job_id job_interview_id status starts_at ends_at all_day_start_on all_day_end_on scheduled_at "
        "availability_received_at organizer_id location external_event_id video_conferencing_url",
        "application_id job_id job_interview_id organizer_id",
        "status external_event_id",
        "starts_at ends_at all_day_start_on all_day_end_on",
    ),
    "notes": _resource(
        "candidate_id application_id user_id type visibility subject body body_with_tags email_from email_to email_cc "
        "email_attachment_file_names import_hash",
        "candidate_id application_id user_id",
        "type visibility",
    ),
    "applied_candidate_tags": _resource("candidate_id candidate_tag_id", "candidate_id candidate_tag_id"),
}

#: Parents whose children are found without looking at every row; filters by others walk the table.
INDEXED = frozenset({"candidate_id", "application_id", "job_id", "candidate_tag_id"})
#: Ids there are larger than 32 bits.
FIRST_ID = 4_000_000_000


#: Columns that are never null and that nothing here depends on; every other column that a row lacks is null.
FILLED: dict[str, dict[str, Any]] = {
    "interviews": {"job_interview_id": 4_030_000_001},
    "job_posts": {"job_board_id": 4_031_000_001, "language": "en"},
    "scorecards": {"interview_kit_id": 4_032_000_001},
    "users": {"office_ids": [], "department_ids": [], "interviewer_tags": []},
}


@dataclass(slots=True)
class Table:
    """Rows by id, ids in order, and for each indexed parent the ids of its children."""

    resource: Resource
    offset: int = 0
    highest: int = 0
    rows: dict[int, Row] = field(default_factory=dict)
    ids: list[int] = field(default_factory=list)
    children: dict[str, dict[int, list[int]]] = field(default_factory=dict)
    indexed: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self.indexed = tuple(parent for parent in self.resource.parents if parent in INDEXED)

    def next_id(self) -> int:
        """Never one that was used before, even if its row is gone."""
        return max(self.highest, FIRST_ID + self.offset) + 1

    def put(self, row: Row) -> Row:
        """Add or replace by id; parents are indexed anew when they changed."""
        key = row["id"]
        old = self.rows.get(key)
        if old is None:
            if self.ids and key < self.ids[-1]:
                insort(self.ids, key)
            else:
                self.ids.append(key)
        for parent in self.indexed:
            new = row.get(parent)
            if new is not None or old is not None:
                self._index(parent, key, None if old is None else old.get(parent), new)
        self.rows[key] = row
        self.highest = max(self.highest, key)
        return row

    def drop(self, key: int) -> Row:
        row = self.rows.pop(key)
        self.ids.pop(bisect_left(self.ids, key))
        for parent in self.indexed:
            self._index(parent, key, row.get(parent), None)
        return row

    def of(self, parent: str, value: int) -> list[Row]:
        """Children in the order of their ids."""
        return [self.rows[key] for key in self.children.get(parent, {}).get(value, ())]

    def _index(self, parent: str, key: int, old: int | None, new: int | None) -> None:
        if old == new:
            return
        index = self.children.setdefault(parent, {})
        if old is not None:
            index[old].remove(key)
        if new is not None:
            held = index.setdefault(new, [])
            if held and key < held[-1]:
                insort(held, key)
            else:
                held.append(key)

    def newest_first(self, last: int | None, narrow: Iterable[int] | None) -> Iterator[Row]:
        """Rows by id descending, below `last`; `narrow`: only these ids."""
        ids = self.ids if narrow is None else sorted(set(narrow))
        stop = len(ids) if last is None else bisect_left(ids, last)
        for place in range(stop - 1, -1, -1):
            if row := self.rows.get(ids[place]):
                yield row

    def narrowed(self, by: Mapping[str, list[int]]) -> list[int] | None:
        """The fewest ids that an id filter or one parent filter leaves; None when there is no such filter."""
        if "ids" in by:
            return by["ids"]
        for name, values in by.items():
            if name[:-1] in self.indexed:
                index = self.children.get(name[:-1], {})
                return [key for value in values for key in index.get(value, ())]
        return None


def tables() -> dict[str, Table]:
    return {name: Table(resource, offset=place * 1_000_000) for place, (name, resource) in enumerate(RESOURCES.items())}
