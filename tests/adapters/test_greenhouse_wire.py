"""What a Harvest v3 that is not our sandbox may answer: other spellings of Link, an older specification, odd errors."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import respx

from adapters.greenhouse.adapter import Greenhouse
from connector.adapter import Connection
from connector.client import Client, Limits, Pace
from connector.errors import Refused
from connector.flow import Delivery, Window

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
V3 = "https://harvest.greenhouse.io/v3"
EVERYTHING = Window(until=NOW)
NEWER = {"job_interview_stage_id", "rejection_reason_id"}


def adapter(http: httpx.Client) -> Greenhouse:
    free = Pace(Limits(calls=0, per=timedelta(seconds=1), in_flight=1))
    client = Client(http, base_url=V3, pace=free, sleep=lambda _: None)
    return Greenhouse(Connection(account="acme", client=client))


@pytest.mark.parametrize(
    ("link", "cursor"),
    [
        (f'<{V3}/jobs?cursor=abc>; rel="next"', "abc"),
        (f"<{V3}/jobs?cursor=abc>;rel=next", "abc"),
        (f'<{V3}/jobs?cursor=old>; rel="prev", <{V3}/jobs?cursor=abc>; rel="next"', "abc"),
        (f'<{V3}/jobs?cursor=abc>; rel="next", <{V3}/jobs?cursor=old>; rel="prev"', "abc"),
        (f'<{V3}/jobs?cursor=a%3D%3D>; rel="next"', "a=="),
        (f'<{V3}/jobs?cursor=a==>; rel="next"', "a=="),
        ('</v3/jobs?cursor=abc>; rel="next"', "abc"),
        (f'<{V3}/jobs?cursor=old>; rel="prev"', None),
        ("", None),
    ],
)
@respx.mock(base_url=V3)
def test_the_next_page_is_found_however_the_links_are_written(
    link: str, cursor: str | None, respx_mock: respx.MockRouter
) -> None:
    respx_mock.get("/jobs").respond(json=[], headers={"Link": link})
    with httpx.Client() as http:
        assert adapter(http).pull("jobs", EVERYTHING, None).cursor == cursor


@respx.mock(base_url=V3)
def test_where_newer_columns_are_refused_the_list_is_read_without_them(respx_mock: respx.MockRouter) -> None:
    asked: list[set[str]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(set(request.url.params["fields"].split(",")))
        if NEWER & asked[-1]:
            problem = {"message": "Unprocessable Content", "errors": [{"fields": "is invalid"}]}
            return httpx.Response(422, json=problem)
        return httpx.Response(200, json=[{"id": 1, "candidate_id": 2, "status": "in_process"}])

    respx_mock.get("/applications").mock(side_effect=answer)
    with httpx.Client() as http:
        assert adapter(http).pull("applications", EVERYTHING, None).count == 1
    assert [sorted(NEWER & names) for names in asked] == [sorted(NEWER), []]
    assert asked[0] - NEWER == asked[1]


@pytest.mark.parametrize(
    "errors",
    [
        ["Invalid query params: updated_after"],
        [{"per_page": "must be between 1 and 500"}],
        [{"message": "is invalid", "field": "fields"}],
        "created_at and updated_at cannot be combined",
        None,
    ],
)
@respx.mock(base_url=V3)
def test_a_refusal_is_told_as_one_whatever_its_shape(errors: Any, respx_mock: respx.MockRouter) -> None:
    problem = {"message": "Unprocessable Content"} | ({} if errors is None else {"errors": errors})
    respx_mock.get("/candidates").respond(422, json=problem)
    with httpx.Client() as http, pytest.raises(Refused) as refused:
        adapter(http).pull("candidates", EVERYTHING, None)
    assert refused.value.status == 422


@pytest.mark.parametrize("id_", [4_001_693_002, 2**62])
def test_ids_beyond_32_bits_and_fields_nobody_told_of_are_read(id_: int) -> None:
    body = httpx.Response(200, json=[{"id": id_, "name": "News", "new": {"deep": [None, 1.5]}}]).content
    with httpx.Client() as http:
        reading = adapter(http).read(Delivery(account="acme", stream="sources", body=body, received_at=NOW))
    assert reading.spoiled == ()
    assert [record.ref.id for record in reading.records] == [str(id_)]
