"""What every sandbox has works over real HTTP: nasty cases, the log of effects, signed webhooks with repeats, a clock."""

from __future__ import annotations

import http.server
import json
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from connector.sandbox import CASES, Harness, running
from connector.world import World


class Tiny:
    """A platform with one list, one write and one webhook."""

    secrets: Mapping[str, str] = {}
    options: Mapping[str, Any] = {}
    employers: tuple[str, ...] = ()
    limited = True

    def __init__(self) -> None:
        self.harness = Harness(
            retries=(timedelta(hours=1), timedelta(hours=2)),
            taken=lambda status: status == 200,
            act=self.act,
            state=lambda: {"notes": len(self.harness.log)},
            throttled=lambda: JSONResponse({"error": "slow down"}, 429, {"Retry-After": "3"}),
            compress=3600 * 40,
        )
        routes = [Route("/people", self.people), Route("/notes", self.note, methods=["POST"])]
        self.app = self.harness.application(routes)

    async def people(self, _: Request) -> Response:
        return JSONResponse({"data": list(range(100))})

    async def note(self, request: Request) -> Response:
        self.harness.effect("add_note", "p1", text=(await request.json())["text"])
        return JSONResponse({"id": 1})

    async def act(self, do: str, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        if do != "reject":
            raise LookupError(do)
        self.harness.send("rejected", lambda secret, attempt: ({"x-signed": f"{secret}-{attempt}"}, b'{"who": "p1"}'))
        return {"who": asked["who"]}

    def seed(self, world: World) -> None:
        raise NotImplementedError

    def load(self, lines: Iterable[bytes]) -> int:
        return len(list(lines))


@pytest.fixture
def site() -> Iterator[httpx.Client]:
    with running(Tiny()) as served, httpx.Client(base_url=served.base_url, timeout=10) as http:
        yield http


@dataclass
class Ear:
    """A door that remembers every webhook; it refuses the first `refusals`."""

    refusals: int = 0
    url: str = ""
    heard: list[tuple[str, bytes]] = field(default_factory=list)


@contextmanager
def listening(ear: Ear) -> Iterator[Ear]:
    class Door(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            ear.heard.append((self.headers["x-signed"], body))
            self.send_response(503 if len(ear.heard) <= ear.refusals else 200)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Quiet."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Door) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        ear.url = f"http://127.0.0.1:{server.server_port}/hook"
        yield ear
        server.shutdown()
        thread.join()


def switch(site: httpx.Client, case: str, **more: Any) -> None:
    assert site.post("/_sandbox/switch", json={"case": case, **more}).status_code == 204


def eventually(site: httpx.Client, attempts: int) -> list[dict[str, Any]]:
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        found: list[dict[str, Any]] = site.get("/_sandbox/deliveries").json()
        if len(found) >= attempts:
            return found
        time.sleep(0.02)
    raise AssertionError(f"fewer than {attempts} attempts")


def log(site: httpx.Client) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = site.get("/_sandbox/log").json()
    return found


def test_without_a_switch_everything_is_ordinary(site: httpx.Client) -> None:
    assert site.get("/people").json() == {"data": list(range(100))}
    assert site.post("/notes", json={"text": "hello"}).json() == {"id": 1}
    (effect,) = log(site)
    assert (effect["n"], effect["verb"], effect["subject"], effect["detail"]) == (
        1,
        "add_note",
        "p1",
        {"text": "hello"},
    )
    assert datetime.fromisoformat(effect["at"]).utcoffset() == timedelta(0)
    assert site.get("/_sandbox/state").json() == {"notes": 1}


@pytest.mark.parametrize(
    ("case", "status"),
    [("throttle", 429), ("error", 500), ("unavailable", 503), ("html", 200), ("forbid", 403), ("unauthorise", 401)],
)
def test_a_case_that_comes_before_the_handler_has_no_effect(site: httpx.Client, case: str, status: int) -> None:
    switch(site, case)
    answer = site.post("/notes", json={"text": "hello"})
    assert answer.status_code == status
    assert log(site) == []
    assert site.post("/notes", json={"text": "hello"}).json() == {"id": 1}
    assert (case == "html") == answer.text.startswith("<html>")
    assert (case in ("throttle", "unavailable")) == ("retry-after" in answer.headers)


def test_a_lost_answer_cuts_the_connection_after_the_effect(site: httpx.Client) -> None:
    switch(site, "lost")
    with pytest.raises(httpx.RemoteProtocolError):
        site.post("/notes", json={"text": "hello"})
    assert len(log(site)) == 1


def test_a_cut_answer_is_good_until_it_is_read(site: httpx.Client) -> None:
    switch(site, "cut")
    answer = site.get("/people")
    assert answer.status_code == 200
    with pytest.raises(json.JSONDecodeError):
        answer.json()
    assert len(site.get("/people").json()["data"]) == 100


def test_a_slow_answer_comes_all_the_same(site: httpx.Client) -> None:
    switch(site, "slow")
    start = time.monotonic()
    assert site.post("/notes", json={"text": "hello"}).status_code == 200
    assert time.monotonic() - start >= 0.99


def test_a_switch_holds_for_some_requests_to_some_paths(site: httpx.Client) -> None:
    switch(site, "error", times=2, where="/peo")
    assert site.post("/notes", json={"text": "hello"}).status_code == 200
    assert [site.get("/people").status_code for _ in range(3)] == [500, 500, 200]


def test_the_control_paths_are_never_hit_by_a_case(site: httpx.Client) -> None:
    switch(site, "error", times=3)
    assert site.get("/_sandbox/log").status_code == 200


def test_an_unknown_case_is_refused_with_those_that_exist(site: httpx.Client) -> None:
    answer = site.post("/_sandbox/switch", json={"case": "explode"})
    assert answer.status_code == 422
    assert set(answer.json()["known"]) == set(CASES)


def test_an_unknown_act_is_refused_and_a_known_one_answers(site: httpx.Client) -> None:
    assert site.post("/_sandbox/act", json={"do": "promote"}).status_code == 422
    assert site.post("/_sandbox/act", json={}).status_code == 422
    assert site.post("/_sandbox/act", json={"do": "reject", "who": "p1"}).json() == {"who": "p1"}


def test_a_webhook_is_signed_anew_for_each_attempt_until_it_is_taken(site: httpx.Client) -> None:
    with listening(Ear(refusals=2)) as ear:
        site.post("/_sandbox/hook", json={"url": ear.url, "secret": "s3"})
        site.post("/_sandbox/act", json={"do": "reject", "who": "p1"})
        attempts = eventually(site, 3)
    assert [(each["attempt"], each["status"]) for each in attempts] == [(1, 503), (2, 503), (3, 200)]
    assert {each["event"] for each in attempts} == {"rejected"}
    assert ear.heard == [(f"s3-{attempt}", b'{"who": "p1"}') for attempt in (1, 2, 3)]


def test_a_webhook_is_given_up_after_the_documented_repeats(site: httpx.Client) -> None:
    with listening(Ear(refusals=99)) as ear:
        site.post("/_sandbox/hook", json={"url": ear.url, "secret": "s3"})
        site.post("/_sandbox/act", json={"do": "reject", "who": "p1"})
        eventually(site, 3)
        time.sleep(0.1)
        assert len(site.get("/_sandbox/deliveries").json()) == 3


def test_a_door_that_is_shut_counts_as_not_taken(site: httpx.Client) -> None:
    site.post("/_sandbox/hook", json={"url": "http://127.0.0.1:9/hook", "secret": "s3"})
    site.post("/_sandbox/act", json={"do": "reject", "who": "p1"})
    assert [each["status"] for each in eventually(site, 3)] == [0, 0, 0]


def test_a_hook_hears_only_the_events_it_asked_for(site: httpx.Client) -> None:
    with listening(Ear()) as ear, listening(Ear()) as other:
        site.post("/_sandbox/hook", json={"url": other.url, "secret": "s", "events": ["hired"]})
        site.post("/_sandbox/hook", json={"url": ear.url, "secret": "s", "events": ["rejected"]})
        site.post("/_sandbox/act", json={"do": "reject", "who": "p1"})
        eventually(site, 1)
    assert (len(ear.heard), len(other.heard)) == (1, 0)


def test_the_platforms_clock_can_be_moved(site: httpx.Client) -> None:
    then = datetime(2029, 2, 28, 12, tzinfo=UTC)
    assert site.post("/_sandbox/clock", json={"now": then.isoformat()}).status_code == 204
    site.post("/notes", json={"text": "hello"})
    written = datetime.fromisoformat(log(site)[0]["at"])
    assert timedelta(0) <= written - then < timedelta(seconds=30)


def test_a_taken_port_is_said_and_not_waited_for() -> None:
    with running(Tiny()) as served:
        taken = int(served.base_url.rsplit(":", 1)[1])
        with pytest.raises(OSError, match="in use"), running(Tiny(), port=taken):
            pass
