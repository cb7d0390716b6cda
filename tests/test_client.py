"""The one way out: every answer becomes a family, reads are tried again, writes are not, and nothing secret is told."""

from __future__ import annotations

import logging
import threading
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest
import respx

from connector.client import Client, Limits, Pace, Response, retry_after
from connector.errors import Malformed, RateLimited, Refused, Retry, Suppressed, Unauthorized

BASE = "https://api.example.com/v3"
FREE = Limits(calls=0, per=timedelta(seconds=1))


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def read(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def client(clock: Clock | None = None, base_url: str = BASE, **http: Any) -> Client:
    clock = clock or Clock()
    pace = Pace(FREE, clock=clock.read, sleep=clock.sleep)
    return Client(httpx.Client(**http), base_url=base_url, pace=pace, sleep=clock.sleep)


TABLE: list[tuple[int, dict[str, str], type[Exception]]] = [
    (301, {"location": "https://elsewhere.example.net/"}, Retry),
    (400, {}, Refused),
    (401, {}, Unauthorized),
    (403, {}, Unauthorized),
    (404, {}, Refused),
    (405, {}, Refused),
    (408, {}, Retry),
    (409, {}, Retry),
    (410, {}, Refused),
    (422, {}, Refused),
    (425, {}, Retry),
    (429, {}, RateLimited),
    (500, {}, Retry),
    (502, {}, Retry),
    (503, {}, Retry),
    (503, {"retry-after": "9"}, RateLimited),
    (504, {}, Retry),
]


@pytest.mark.parametrize(("status", "headers", "family"), TABLE)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_each_status_has_its_family(
    respx_mock: respx.MockRouter, status: int, headers: dict[str, str], family: type[Exception], method: str
) -> None:
    body = {"detail": "jane@example.org is not wanted"}
    respx_mock.route(url=f"{BASE}/people").mock(httpx.Response(status, headers=headers, json=body))
    api = client()
    with pytest.raises(family) as caught:
        api.get("/people") if method == "GET" else api.send(method, "/people", json={})
    assert "jane" not in f"{caught.value} {caught.value!r}"
    if isinstance(caught.value, Retry):
        assert caught.value.in_doubt is (method == "POST" and status >= 500)


def test_only_the_permission_is_missing_on_403_and_the_whole_account_on_401(respx_mock: respx.MockRouter) -> None:
    respx_mock.get(f"{BASE}/offers").mock(httpx.Response(403))
    respx_mock.get(f"{BASE}/people").mock(httpx.Response(401))
    with pytest.raises(Unauthorized) as offers:
        client().get("/offers")
    with pytest.raises(Unauthorized) as people:
        client().get("/people")
    assert offers.value.scope
    assert people.value.scope is None


@pytest.mark.parametrize(
    ("error", "in_doubt"),
    [
        (httpx.ConnectError, False),
        (httpx.ConnectTimeout, False),
        (httpx.PoolTimeout, False),
        (httpx.ReadTimeout, True),
        (httpx.WriteTimeout, True),
        (httpx.ReadError, True),
        (httpx.RemoteProtocolError, True),
        (httpx.DecodingError, True),
    ],
)
def test_a_broken_wire_is_retry_and_a_write_that_left_is_in_doubt(
    respx_mock: respx.MockRouter, error: type[httpx.HTTPError], in_doubt: bool
) -> None:
    route = respx_mock.route(url=f"{BASE}/notes").mock(side_effect=error)
    with pytest.raises(Retry) as written:
        client().send("POST", "/notes", json={"text": "hello"})
    assert written.value.in_doubt is in_doubt
    assert route.call_count == 1
    with pytest.raises(Retry) as read:
        client().get("/notes")
    assert not read.value.in_doubt
    assert route.call_count == 4


def test_a_read_is_tried_three_times_and_then_given_up(respx_mock: respx.MockRouter) -> None:
    route = respx_mock.get(f"{BASE}/people").mock(httpx.Response(502))
    clock = Clock()
    with pytest.raises(Retry):
        client(clock).get("/people")
    assert route.call_count == 3
    assert 0 <= clock.now < 10


def test_a_read_that_recovers_is_an_answer(respx_mock: respx.MockRouter) -> None:
    answers: list[httpx.Response | Exception] = [
        httpx.Response(502),
        httpx.ReadTimeout("late"),
        httpx.Response(200, json={"id": 7}),
    ]
    respx_mock.get(f"{BASE}/people/7").mock(side_effect=answers)
    assert client().get("/people/7").raw()["id"].id() == "7"


def test_a_refused_read_is_not_tried_again(respx_mock: respx.MockRouter) -> None:
    route = respx_mock.get(f"{BASE}/people").mock(httpx.Response(422))
    with pytest.raises(Refused):
        client().get("/people")
    assert route.call_count == 1


@pytest.mark.parametrize("status", [409, 429, 500, 503])
def test_a_write_is_tried_once(respx_mock: respx.MockRouter, status: int) -> None:
    route = respx_mock.post(f"{BASE}/notes").mock(httpx.Response(status))
    with pytest.raises((Retry, RateLimited)):
        client().send("POST", "/notes", json={})
    assert route.call_count == 1


def test_a_throttled_read_waits_as_told_and_goes_on(respx_mock: respx.MockRouter) -> None:
    answers = [httpx.Response(429, headers={"retry-after": "17"}), httpx.Response(200, json=[])]
    respx_mock.get(f"{BASE}/people").mock(side_effect=answers)
    clock = Clock()
    client(clock).get("/people")
    assert 17 <= clock.now <= 18


def test_a_throttled_write_closes_the_lane_for_everyone(respx_mock: respx.MockRouter) -> None:
    respx_mock.post(f"{BASE}/notes").mock(httpx.Response(429, headers={"retry-after": "17"}))
    respx_mock.get(f"{BASE}/people").mock(httpx.Response(200, json=[]))
    clock = Clock()
    api = client(clock)
    with pytest.raises(RateLimited) as caught:
        api.send("POST", "/notes", json={})
    assert caught.value.wait == timedelta(seconds=17)
    assert clock.now == 0
    api.get("/people")
    assert clock.now == 17


@pytest.mark.parametrize(
    "page", [b"<!DOCTYPE html><title>Sign in</title>", b"\n  <html><body>Bad gateway</body></html>", b"<!doctype HTML>"]
)
def test_a_web_page_with_200_is_no_answer(respx_mock: respx.MockRouter, page: bytes) -> None:
    route = respx_mock.route(url=f"{BASE}/people").mock(httpx.Response(200, content=page))
    with pytest.raises(Retry) as written:
        client().send("PUT", "/people", json={})
    assert written.value.in_doubt
    with pytest.raises(Retry):
        client().get("/people")
    assert route.call_count == 4


def test_an_answer_that_is_not_json_is_retry_and_for_a_write_in_doubt() -> None:
    for write in (False, True):
        answer = Response(200, {}, b"ok then", "api.example.com/people", write=write)
        with pytest.raises(Retry) as caught:
            answer.raw()
        assert caught.value.in_doubt is write
        assert answer.decoded() is None
    assert Response(200, {}, b'{"a":1}', "x").decoded() == {"a": 1}


def test_an_empty_answer_is_fine_until_something_is_read_from_it(respx_mock: respx.MockRouter) -> None:
    respx_mock.delete(f"{BASE}/people/7").mock(httpx.Response(204))
    assert client().send("DELETE", "/people/7").body == b""


@pytest.mark.parametrize(
    ("said", "wait"),
    [
        ({"retry-after": "7"}, timedelta(seconds=7)),
        ({"retry-after": " 7 "}, timedelta(seconds=7)),
        ({"retry-after": "0"}, timedelta(0)),
        ({"retry-after": "Mon, 01 Jan 2024 00:00:00 GMT"}, timedelta(seconds=1)),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "9" * 5000}, None),
        ({"retry-after": "Mon, 01 Jan 2024 00:00:00 +9999999999"}, None),
        ({}, None),
    ],
)
def test_retry_after_is_seconds_or_a_date_or_nothing(said: dict[str, str], wait: timedelta | None) -> None:
    assert retry_after(said) == wait


def test_retry_after_as_a_date_ends_at_that_moment() -> None:
    until = datetime.now(UTC) + timedelta(minutes=10)
    wait = retry_after({"retry-after": format_datetime(until, usegmt=True)})
    assert wait is not None
    assert timedelta(minutes=9, seconds=58) <= wait <= timedelta(minutes=10)


def test_429_without_a_time_waits_a_little(respx_mock: respx.MockRouter) -> None:
    respx_mock.post(f"{BASE}/notes").mock(httpx.Response(429, headers={"retry-after": "0"}))
    with pytest.raises(RateLimited) as caught:
        client().send("POST", "/notes")
    assert timedelta(0) < caught.value.wait <= timedelta(minutes=1)


def test_an_adapter_may_explain_a_refusal_first(respx_mock: respx.MockRouter) -> None:
    def explain(response: Response) -> Exception | None:
        forgotten = response.decoded() == {"title": "Forgotten Email Not Subscribed"}
        return Suppressed("they asked to be forgotten", reason="forgotten") if forgotten else None

    respx_mock.put(f"{BASE}/members/1").mock(httpx.Response(400, json={"title": "Forgotten Email Not Subscribed"}))
    respx_mock.put(f"{BASE}/members/2").mock(httpx.Response(400, json={"title": "Invalid Resource"}))
    with pytest.raises(Suppressed):
        client().send("PUT", "/members/1", json={}, explain=explain)
    with pytest.raises(Refused) as refused:
        client().send("PUT", "/members/2", json={}, explain=explain)
    assert refused.value.body == {"title": "Invalid Resource"}


@pytest.mark.parametrize(
    "path",
    [
        "https://elsewhere.example.net/v3/people",
        "http://api.example.com/v3/people",
        "https://api.example.com.elsewhere.example.net/",
        "https://api.example.com@elsewhere.example.net/",
        "HTTPS://elsewhere.example.net/",
        "@elsewhere.example.net/people",
        ".elsewhere.example.net/people",
        "people",
    ],
)
def test_an_address_on_another_host_is_refused_before_anything_leaves(respx_mock: respx.MockRouter, path: str) -> None:
    with pytest.raises(Refused) as caught:
        client(auth=("key", "")).get(path)
    assert caught.value.status == 0
    assert not respx_mock.calls


def test_the_platforms_own_next_link_is_followed_with_its_query(respx_mock: respx.MockRouter) -> None:
    route = respx_mock.get(f"{BASE}/people", params={"cursor": "abc"}).mock(httpx.Response(200, json=[]))
    client().get(f"{BASE}/people?cursor=abc")
    assert route.called


def test_a_redirect_is_not_followed_and_credentials_stay_here(respx_mock: respx.MockRouter) -> None:
    elsewhere = {"location": "https://elsewhere.example.net/"}
    respx_mock.get(f"{BASE}/people").mock(httpx.Response(302, headers=elsewhere))
    with pytest.raises(Retry):
        client(auth=("key", ""), follow_redirects=True).get("/people")
    assert {call.request.url.host for call in respx_mock.calls} == {"api.example.com"}


def test_an_address_that_cannot_be_sent_is_refused() -> None:
    with pytest.raises(Refused) as caught:
        client().get("/people/\x01")
    assert caught.value.status == 0


def test_errors_logs_and_repr_tell_no_secret_query_or_body(
    respx_mock: respx.MockRouter, caplog: pytest.LogCaptureFixture
) -> None:
    respx_mock.route(host="api.example.com").mock(httpx.Response(400, json={"email": "jane@example.org"}))
    api = client(auth=("key-secret-1", ""))
    with caplog.at_level(logging.DEBUG), pytest.raises(Refused) as caught:
        api.get("/people", {"email": "jane@example.org"})
    told = f"{caught.value} {caught.value!r} {api!r} {caplog.text}"
    assert "api.example.com/people: 400" in told
    for private in ("jane", "key-secret-1", "?"):
        assert private not in told


def test_where_the_address_is_the_secret_only_its_host_is_told(respx_mock: respx.MockRouter) -> None:
    hook = "https://hooks.example.com/services/T0/B0/secret-word"
    respx_mock.post(hook).mock(httpx.Response(404))
    api = client(base_url=hook)
    with pytest.raises(Refused) as caught:
        api.send("POST", "", json={"text": "hello"})
    assert str(caught.value) == "hooks.example.com: 404"
    assert repr(api) == "Client(hooks.example.com)"


def test_parameters_and_bodies_are_sent_as_given(respx_mock: respx.MockRouter) -> None:
    route = respx_mock.route(host="api.example.com").mock(httpx.Response(200, json={}))
    api = client()
    api.get("/people", [("expand", "a"), ("expand", "b")])
    api.send("POST", "/notes", json={"text": "ä"})
    api.send("POST", "/form", form={"a": "1"}, params={"q": "x"})
    sent = [call.request for call in route.calls]
    assert str(sent[0].url) == f"{BASE}/people?expand=a&expand=b"
    assert sent[1].content == '{"text":"ä"}'.encode()
    assert (str(sent[2].url), sent[2].content) == (f"{BASE}/form?q=x", b"a=1")


def test_headers_are_known_by_lower_case_names(respx_mock: respx.MockRouter) -> None:
    respx_mock.get(f"{BASE}/people").mock(httpx.Response(200, headers={"Link": "<x>", "X-Total": "7"}, json=[]))
    assert client().get("/people").headers["x-total"] == "7"


def test_a_good_answer_of_another_shape_is_malformed_with_its_path() -> None:
    with pytest.raises(Malformed) as caught:
        Response(200, {}, b'{"data": 7}', "api.example.com/people").raw()["data"].items()
    assert caught.value.path == "$.data"


def test_reads_go_side_by_side_as_far_as_the_platform_allows_and_come_in_order() -> None:
    pace = Pace(Limits(calls=0, per=timedelta(seconds=1), in_flight=3))
    api = Client(httpx.Client(), base_url=BASE, pace=pace)
    meeting = threading.Barrier(3)

    def read(n: int) -> int:
        meeting.wait(5)  # none of three goes on before all are there
        return n * n

    assert list(api.together(read, range(6))) == [0, 1, 4, 9, 16, 25]
    assert list(api.together(read, [])) == []


def test_an_answer_tells_how_far_the_platforms_clock_is_ahead(respx_mock: respx.MockRouter) -> None:
    ahead = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    respx_mock.get(f"{BASE}/people").mock(
        side_effect=[httpx.Response(200, headers={"date": ahead}, json=[]), httpx.Response(200, json=[])]
    )
    api = client()
    api.get("/people")
    assert api.skew == pytest.approx(90, abs=3)
    api.get("/people")
    assert api.skew is None
