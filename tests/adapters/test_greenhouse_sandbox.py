"""The Greenhouse sandbox by itself: what the documents say an integration meets."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from adapters.greenhouse.sandbox import GreenhouseSandbox
from adapters.greenhouse.zones import available, zone
from connector.sandbox import Sandbox, running
from connector.world import world

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)


@dataclass(frozen=True)
class Caller:
    box: GreenhouseSandbox
    http: httpx.Client
    token: str

    def get(self, path: str, **params: Any) -> httpx.Response:
        return self.http.get(f"/v3/{path}", params=params, headers=self._signed())

    def write(self, method: str, path: str, body: Any = None) -> httpx.Response:
        return self.http.request(method, f"/v3/{path}", json=body, headers=self._signed())

    def _signed(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


def sign_in(box: GreenhouseSandbox, http: httpx.Client, **form: str) -> httpx.Response:
    auth = (box.secrets["client_id"], box.secrets["client_secret"])
    return http.post("/token", data={"grant_type": "client_credentials", **form}, auth=auth)


@contextmanager
def calling(people: int = 80, *, limited: bool = False) -> Iterator[Caller]:
    box = GreenhouseSandbox(limited=limited)
    box.seed(world(people, now=NOW))
    with running(box) as served, httpx.Client(base_url=served.base_url) as http:
        yield Caller(box, http, sign_in(box, http).json()["access_token"])


def errors(answer: httpx.Response) -> Any:
    assert answer.status_code == 422, answer.text
    assert answer.json()["message"] == "Unprocessable Content"
    return answer.json()["errors"]


def test_it_is_a_sandbox_like_the_others() -> None:
    box: Sandbox = GreenhouseSandbox()
    assert box.limited
    assert {"client_id", "client_secret", "webhook"} == set(box.secrets)


def test_the_token_is_given_for_basic_credentials_only_and_lasts_an_hour() -> None:
    with calling() as at:
        answer = sign_in(at.box, at.http, sub="17").json()
        ends = datetime.fromisoformat(answer["expires_at"]).timestamp()
        assert 3590 <= ends - time.time() <= 3601
        auth = (at.box.secrets["client_id"], at.box.secrets["client_secret"])
        told = at.http.post("/introspect", data={"token": answer["access_token"]}, auth=auth).json()
        assert (told["active"], told["sub"]) == (True, "17")
        assert at.http.post("/introspect", data={"token": "x"}, auth=auth).json() == {"active": False}
        assert at.http.post("/token", params={"grant_type": "client_credentials"}, auth=auth).status_code == 200
        assert at.http.post("/token", data={"grant_type": "password"}, auth=auth).status_code == 400
        refused = at.http.post("/token", data={"grant_type": "client_credentials"}, auth=("a", "b"))
        assert (refused.status_code, refused.json()) == (401, {"error": "invalid_client"})


def test_routing_comes_before_signing_in_and_there_is_no_reading_by_path() -> None:
    with calling() as at:
        assert at.http.get("/v3/nothing").json() == {"message": "Resource not found"}
        assert at.http.get("/v3/nothing").status_code == 404
        assert at.http.get("/v3/jobs").status_code == 401
        assert at.get(f"candidates/{at.box.tables['candidates'].ids[0]}").status_code == 404


def test_scopes_and_the_site_admin_rule_answer_403() -> None:
    with calling() as at:
        at.box.tokens.scopes = frozenset({"harvest:jobs:list"})
        assert at.get("jobs").status_code == 200
        assert at.get("notes").status_code == 403
        assert at.write("POST", "candidate_tags", {"name": "x"}).status_code == 403
        at.box.tokens.site_admin = False
        assert at.get("jobs").status_code == 403


def test_pages_go_by_id_descending_through_a_cursor_that_travels_alone() -> None:
    with calling() as at:
        first = at.get("applications", per_page=7, status="rejected")
        seen = [row["id"] for row in first.json()]
        answer, page = first, 1
        while link := answer.links.get("next"):
            assert "%3D" in link["url"] or "=" not in link["url"].split("cursor=")[1]
            answer = at.http.get(link["url"], headers={"Authorization": f"Bearer {at.token}"})
            seen += [row["id"] for row in answer.json()]
            page += 1
        rows = at.box.tables["applications"].rows
        assert seen == sorted((key for key, row in rows.items() if row["status"] == "rejected"), reverse=True)
        assert page > 3
        cursor = first.links["next"]["url"].split("cursor=")[1].replace("%3D", "=")
        assert json.loads(base64.urlsafe_b64decode(cursor))["last_id"] == first.json()[-1]["id"]
        assert errors(at.get("applications", cursor=cursor, per_page=7)) == (
            "When passing a cursor, do not include other query params."
        )
        assert errors(at.get("applications", cursor="nonsense"))
        at.http.post("/_sandbox/act", json={"do": "expire_cursors"})
        assert errors(at.get("applications", cursor=cursor)) == ["Cursor has expired"]


@pytest.mark.parametrize(
    ("path", "params"),
    [
        ("jobs", {"per_page": "0"}),
        ("jobs", {"per_page": "600"}),
        ("jobs", {"updated_after": "2026-01-01T00:00:00Z"}),
        ("applications", {"candidate_id": "1"}),
        ("applications", {"status": "in_process"}),
        ("candidates", {"candidate_ids": "1"}),
        ("scorecards", {"job_ids": "1"}),
        ("rejection_details", {"job_ids": "1"}),
        ("candidates", {"ids": ",".join(map(str, range(51)))}),
        ("candidates", {"ids": "abc"}),
        ("candidates", {"fields": ",".join(f"f{n}" for n in range(51))}),
        ("jobs", {"updated_at": "2026-01-01"}),
        ("jobs", {"updated_at": "since|2026-01-01"}),
        ("jobs", {"updated_at": "gte|yesterday"}),
        ("jobs", {"updated_at": "gte|2026-01-01T00:00:00Z", "created_at": "gte|2026-01-01T00:00:00Z"}),
    ],
)
def test_what_harvest_refuses_is_refused(path: str, params: dict[str, str]) -> None:
    with calling(20) as at:
        assert errors(at.get(path, **params))


def test_windows_filters_and_sparse_fields_do_what_they_say() -> None:
    with calling() as at:
        rows = list(at.box.tables["applications"].rows.values())
        middle = sorted(row["updated_at"] for row in rows)[len(rows) // 2]
        piped = at.get("applications", updated_at=f"gte|{middle}|lt|2027-01-01T00:00:00Z", per_page=500).json()
        bracketed = at.get("applications", **{"updated_at[gte]": middle}, per_page=500).json()
        assert piped == bracketed
        assert {row["id"] for row in piped} == {row["id"] for row in rows if row["updated_at"] >= middle}
        person = rows[0]["candidate_id"]
        assert {row["candidate_id"] for row in at.get("applications", candidate_ids=str(person)).json()} == {person}
        assert at.get("candidates", ids=str(person), fields="id,can_email").json()[0].keys() == {"id", "can_email"}
        defaults = len(at.get("rejection_reasons", include_defaults="true").json())
        assert defaults > len(at.get("rejection_reasons").json()) > 0
        active = at.get("applications", status="active", per_page=500).json()
        assert {row["status"] for row in active} <= {"in_process"}
        at.box.strict_fields = True
        assert errors(at.get("jobs", fields="id,shoe_size"))


def test_a_thirty_second_window_closes_and_says_when_it_opens() -> None:
    with calling(20, limited=True) as at:
        at.box.windows.calls = 5
        answers = [at.get("jobs") for _ in range(12)]
        refused = [answer for answer in answers if answer.status_code == 429]
        assert refused, "five are allowed in any window, and twelve take no minute"
        assert 1 <= int(refused[0].headers["Retry-After"]) <= 30
        assert int(refused[0].headers["X-RateLimit-Reset"]) % 30 == 0
        assert refused[0].headers["X-RateLimit-Remaining"] == "0"
        assert answers[0].headers["X-RateLimit-Limit"] == "5"


def test_writes_refuse_unknown_keys_unknown_records_and_wrong_words() -> None:
    with calling() as at:
        person = at.box.tables["candidates"].ids[0]
        tag = at.write("POST", "candidate_tags", {"name": "warm"}).json()["id"]
        assert errors(at.write("POST", "candidate_tags", {"name": "warm"}))
        assert errors(at.write("POST", "applied_candidate_tags", {"candidate_id": person, "tag_id": tag}))
        unknown = at.write("POST", "applied_candidate_tags", {"candidate_id": 1, "candidate_tag_id": tag})
        assert (unknown.status_code, unknown.json()["errors"]) == (404, "Candidate not found")
        note = {"candidate_id": person, "body": "x", "note_type": "NOTE", "visibility": "private"}
        assert errors(at.write("POST", "notes", note | {"visibility": "privately_visible"}))
        assert errors(at.write("POST", "notes", note | {"note_type": "note"}))
        assert errors(at.write("POST", "notes", note | {"note_type": "EMAIL"}))
        assert errors(at.write("POST", "notes", note | {"subject": "x"}))
        assert at.write("DELETE", "applied_candidate_tags/1").status_code == 404


def test_a_note_for_nobody_is_taken_and_hangs_there() -> None:
    with calling() as at:
        made = at.write("POST", "notes", {"candidate_id": 1, "body": "x", "note_type": "NOTE"})
        assert made.status_code == 201
        assert made.json()["visibility"] == "admin_only_visible"


@pytest.mark.parametrize(("reading", "status", "rows"), [("same_row", 201, 1), ("422", 422, 1), ("second_row", 201, 2)])
def test_each_reading_of_applying_a_tag_again(reading: str, status: int, rows: int) -> None:
    with calling() as at:
        at.box.duplicate_tag = reading
        person = at.box.tables["candidates"].ids[0]
        tag = at.write("POST", "candidate_tags", {"name": "warm"}).json()["id"]
        pair = {"candidate_id": person, "candidate_tag_id": tag}
        assert at.write("POST", "applied_candidate_tags", pair).status_code == 201
        assert at.write("POST", "applied_candidate_tags", pair).status_code == status
        assert len(at.get("applied_candidate_tags", candidate_ids=str(person)).json()) == rows
        assert at.get("candidates", ids=str(person)).json()[0]["tags"] == ["warm"]


def test_a_patch_replaces_all_tags_which_is_why_nobody_should() -> None:
    with calling() as at:
        person = at.box.tables["candidates"].ids[0]
        at.http.post("/_sandbox/act", json={"do": "tag_by_human", "candidate": person, "tag": "precious"})
        assert at.write("PATCH", f"candidates/{person}", {"tags": ["new"]}).status_code == 200
        assert at.get("candidates", ids=str(person)).json()[0]["tags"] == ["new"]
        assert [effect.verb for effect in at.box.harness.log] == ["patch_candidate"]


@pytest.mark.parametrize("moves", [True, False])
def test_whether_a_tag_moves_the_candidate_is_a_doubt_with_two_readings(moves: bool) -> None:
    with calling() as at:
        at.box.tag_moves_candidate = moves
        person = at.box.tables["candidates"].ids[0]
        before = at.box.tables["candidates"].rows[person]["updated_at"]
        at.http.post("/_sandbox/act", json={"do": "tag_by_human", "candidate": person, "tag": "warm"})
        assert (at.box.tables["candidates"].rows[person]["updated_at"] != before) == moves


@pytest.mark.parametrize("keeps", [True, False])
def test_whether_rejection_details_outlive_an_unreject_is_a_doubt_with_two_readings(keeps: bool) -> None:
    with calling() as at:
        at.box.unreject_keeps_details = keeps
        run = next(row["id"] for row in at.box.tables["applications"].rows.values() if row["status"] == "rejected")
        assert at.http.post("/_sandbox/act", json={"do": "unreject", "application": run}).status_code == 200
        assert bool(at.get("rejection_details", application_ids=str(run)).json()) == keeps
        assert at.get("applications", ids=str(run)).json()[0]["status"] == "in_process"


def test_ids_are_never_used_again() -> None:
    with calling() as at:
        rows = [
            at.http.post("/_sandbox/act", json={"do": act, "candidate": at.box.tables["candidates"].ids[0], "tag": "x"})
            for act in ("tag_by_human", "untag_by_human", "tag_by_human")
        ]
        assert rows[0].json()["row"] != rows[2].json()["row"]


def test_native_rows_can_be_loaded() -> None:
    box = GreenhouseSandbox()
    line = {"stream": "candidate_tags", "data": {"id": 7, "name": "old", "updated_at": "2026-01-01T00:00:00.000Z"}}
    assert box.load([json.dumps(line).encode(), b"\n"]) == 1
    assert box.tables["candidate_tags"].rows[7]["name"] == "old"


def test_rails_names_of_zones_become_iana_names_and_others_nothing() -> None:
    known = {
        "London": "Europe/London",
        "Eastern Time (US & Canada)": "America/New_York",
        "Kyiv": "Europe/Kyiv",
        "Port Moresby": "Pacific/Port_Moresby",
        "Europe/Berlin": "Europe/Berlin",
    }
    assert {name: zone(name) for name in known} == known
    assert zone("Nowhere in particular") is None
    assert zone("") is None


def test_every_zone_that_is_named_exists() -> None:
    from adapters.greenhouse.zones import _NAMED

    assert set(_NAMED.values()) <= available()
