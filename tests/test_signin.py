"""Client credentials: one token for everyone, renewed in time, and never told to anybody."""

from __future__ import annotations

import base64
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
import respx

from connector.client import Client, Limits, Pace, TokenAuth
from connector.errors import RateLimited, Refused, Retry, Unauthorized

TOKENS = "https://auth.example.com/token"
BASE = "https://api.example.com/v3"
NOW = datetime(2026, 11, 23, 9, tzinfo=UTC).timestamp()


class Platform:
    """Gives out token-1, token-2, … and takes only the last one."""

    def __init__(self, router: respx.MockRouter, **lifetime: Any) -> None:
        self.now = NOW
        self.given = 0
        self.valid = ""
        self.lifetime = lifetime or {"expires_in": 3600}
        self.tokens = router.post(TOKENS).mock(side_effect=self.token)
        self.people = router.get(f"{BASE}/people").mock(side_effect=self.answer)

    def token(self, request: httpx.Request) -> httpx.Response:
        self.given += 1
        self.valid = f"token-{self.given}"
        return httpx.Response(200, json={"access_token": self.valid, "token_type": "Bearer", **self.lifetime})

    def answer(self, request: httpx.Request) -> httpx.Response:
        return httpx.Response(200 if request.headers["authorization"] == f"Bearer {self.valid}" else 401, json=[])

    def auth(self, **more: Any) -> TokenAuth:
        return TokenAuth(TOKENS, "our-id", "our-secret-word", clock=lambda: self.now, **more)

    def client(self, **more: Any) -> Client:
        pace = Pace(Limits(calls=0, per=timedelta(seconds=1), in_flight=8), sleep=self.sleep, clock=lambda: self.now)
        return Client(httpx.Client(auth=self.auth(**more)), base_url=BASE, pace=pace, sleep=self.sleep)

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def platform(respx_mock: respx.MockRouter) -> Platform:
    return Platform(respx_mock)


def test_one_token_serves_many_calls(platform: Platform) -> None:
    api = platform.client()
    for _ in range(5):
        api.get("/people")
    assert (platform.given, platform.people.call_count) == (1, 5)


def test_the_token_is_asked_for_with_basic_and_a_form(platform: Platform) -> None:
    platform.client(subject="4711").get("/people")
    asked = platform.tokens.calls.last.request
    assert asked.headers["authorization"] == "Basic " + base64.b64encode(b"our-id:our-secret-word").decode()
    assert asked.headers["content-type"] == "application/x-www-form-urlencoded"
    assert parse_qs(asked.content.decode()) == {"grant_type": ["client_credentials"], "sub": ["4711"]}


def test_without_a_subject_none_is_sent(platform: Platform) -> None:
    platform.client().get("/people")
    assert parse_qs(platform.tokens.calls.last.request.content.decode()) == {"grant_type": ["client_credentials"]}


@pytest.mark.parametrize(
    "lifetime",
    [
        {"expires_in": 3600},
        {"expires_in": 3600.0},
        {"expires_at": datetime.fromtimestamp(NOW + 3600, UTC).isoformat()},
    ],
)
def test_a_token_is_renewed_a_little_before_it_ends(respx_mock: respx.MockRouter, lifetime: dict[str, Any]) -> None:
    platform = Platform(respx_mock, **lifetime)
    api = platform.client()
    api.get("/people")
    platform.now = NOW + 3600 - 130
    api.get("/people")
    assert platform.given == 1
    platform.now = NOW + 3600 - 110
    api.get("/people")
    assert platform.given == 2


@pytest.mark.parametrize("lifetime", [{"expires_in": None}, {"expires_in": 40}])
def test_a_token_of_unknown_or_short_life_is_kept_a_while(
    respx_mock: respx.MockRouter, lifetime: dict[str, Any]
) -> None:
    platform = Platform(respx_mock, **lifetime)
    api = platform.client()
    api.get("/people")
    platform.now += 25
    api.get("/people")
    assert platform.given == 1
    platform.now += 600
    api.get("/people")
    assert platform.given == 2


def test_a_token_that_ended_early_is_renewed_on_401_and_the_call_goes_through(platform: Platform) -> None:
    api = platform.client()
    api.get("/people")
    platform.valid = "withdrawn"
    api.get("/people")
    assert platform.given == 2


def test_a_second_401_with_a_new_token_is_the_accounts_affair(platform: Platform) -> None:
    platform.people.mock(side_effect=None, return_value=httpx.Response(401))
    with pytest.raises(Unauthorized):
        platform.client().get("/people")
    assert (platform.given, platform.people.call_count) == (2, 2)


def test_many_threads_share_one_token(platform: Platform) -> None:
    api = platform.client()
    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(api.get, "/people") for _ in range(24)]:
            done.result(timeout=10)
    assert platform.given == 1


@pytest.mark.parametrize("status", [400, 401, 403])
def test_refused_credentials_pause_the_account(platform: Platform, status: int) -> None:
    platform.tokens.mock(side_effect=None, return_value=httpx.Response(status, json={"error": "invalid_client"}))
    with pytest.raises(Unauthorized) as caught:
        platform.client().get("/people")
    assert caught.value.scope is None
    assert platform.tokens.call_count == 1


ANSWERS: list[tuple[str, Callable[[], Any], type[Exception]]] = [
    ("503", lambda: httpx.Response(503), Retry),
    ("404", lambda: httpx.Response(404), Refused),
    ("a reset", lambda: httpx.ReadError("reset"), Retry),
    ("a web page", lambda: httpx.Response(200, content=b"<html>"), Retry),
    ("no token", lambda: httpx.Response(200, json={"token_type": "Bearer"}), Retry),
    ("a null token", lambda: httpx.Response(200, json={"access_token": None}), Retry),
    ("a list", lambda: httpx.Response(200, json=[]), Retry),
    ("a lifetime in words", lambda: httpx.Response(200, json={"access_token": "t", "expires_in": "an hour"}), Retry),
    ("429", lambda: httpx.Response(429, headers={"retry-after": "60"}), RateLimited),
]


@pytest.mark.parametrize(("answer", "family"), [row[1:] for row in ANSWERS], ids=[row[0] for row in ANSWERS])
def test_a_sign_in_that_fails_has_a_family_and_leaves_no_lock(
    platform: Platform, answer: Callable[[], Any], family: type[Exception]
) -> None:
    api = platform.client()
    platform.tokens.mock(side_effect=lambda request: _given(answer()))
    with pytest.raises(family):
        api.get("/people")
    platform.tokens.mock(side_effect=platform.token)
    api.get("/people")


def _given(answer: Any) -> httpx.Response:
    if isinstance(answer, Exception):
        raise answer
    assert isinstance(answer, httpx.Response)
    return answer


def test_a_throttled_sign_in_closes_the_lane(platform: Platform) -> None:
    platform.tokens.mock(side_effect=None, return_value=httpx.Response(429, headers={"retry-after": "60"}))
    with pytest.raises(RateLimited):
        platform.client().get("/people")
    assert platform.now >= NOW + 120


def test_nothing_tells_the_secret_or_the_token(platform: Platform, caplog: pytest.LogCaptureFixture) -> None:
    auth = platform.auth()
    with caplog.at_level(logging.DEBUG):
        httpx.Client(auth=auth).get(f"{BASE}/people")
        platform.tokens.mock(side_effect=None, return_value=httpx.Response(401))
        with pytest.raises(Unauthorized) as caught:
            platform.client().get("/people")
    told = f"{auth!r} {caught.value!r} {caplog.text}"
    for private in ("our-secret-word", "our-id", "token-1"):
        assert private not in told


def test_the_token_in_use_can_be_asked_about_beside_its_address(
    platform: Platform, respx_mock: respx.MockRouter
) -> None:
    asked = respx_mock.post("https://auth.example.com/introspect").mock(
        httpx.Response(200, json={"active": True, "scope": "a b"})
    )
    client = platform.client(introspects=True)
    assert client.introspect() is None, "there is no token yet"
    client.get("/people")
    told = client.introspect()
    assert told is not None
    assert told["scope"].text() == "a b"
    request = asked.calls[0].request
    assert parse_qs(request.content.decode())["token"] == ["token-1"]
    assert base64.b64decode(request.headers["authorization"].removeprefix("Basic ")) == b"our-id:our-secret-word"
    asked.mock(httpx.Response(403))
    with pytest.raises(Unauthorized) as caught:
        client.introspect()
    assert "token-1" not in str(caught.value)
    platform.client().get("/people")
    assert platform.client().introspect() is None, "nobody said that it answers"
