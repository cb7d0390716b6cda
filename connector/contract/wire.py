"""The wire: a transport that answers an adapter's requests from recordings, and says when they differ from those."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import msgspec

from connector.adapter import Adapter, Connection, Declaration
from connector.client import BasicKey, Client, ClientCredentials, Limits, Pace, SecretUrl, TokenAuth
from connector.contract.fixtures import Answer, Asked, Exchange, Fixture
from connector.contract.folder import ACCOUNT, Folder, Given

#: What the wire signs an adapter in with; it must never be seen anywhere.
TOKEN = "token-that-must-stay-secret"

Handler = Callable[[httpx.Request], httpx.Response]


class Wire(httpx.BaseTransport):
    """Signs in by itself, so recordings hold no tokens; passes every other request to `answer`."""

    def __init__(self, answer: Handler, token_path: str = "") -> None:
        self._answer = answer
        self._token_path = token_path
        self.requests: list[httpx.Request] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if self._token_path and request.url.path == self._token_path:
            return httpx.Response(200, json={"access_token": TOKEN, "expires_in": 3600, "token_type": "Bearer"})
        self.requests.append(request)
        return self._answer(request)


def connect(folder: Folder, answer: Handler, given: Given | None = None) -> tuple[Adapter, Wire]:
    """The adapter as settings would build it, on a wire of ours and without waiting."""
    given = given or folder.given()
    declared = folder.declaration
    auth: httpx.Auth | None = None
    token_path = ""
    match declared.auth:
        case ClientCredentials(token_url=url):
            secrets = given.secrets
            auth = TokenAuth(url, str(secrets["client_id"]), str(secrets["client_secret"]))
            token_path = urlsplit(url).path
        case BasicKey(user=None):
            auth = httpx.BasicAuth(str(given.secrets["api_key"]), "")
        case BasicKey(user=user):
            auth = httpx.BasicAuth(str(user), str(given.secrets["api_key"]))
        case SecretUrl():
            pass
    wire = Wire(answer, token_path)
    clock = _Clock()
    no_rate = Limits(calls=0, per=timedelta(seconds=1), in_flight=declared.limits.in_flight)
    pace = Pace(no_rate, clock=clock.read, sleep=clock.sleep)
    http = httpx.Client(transport=wire, auth=auth, trust_env=False)
    client = Client(http, base_url=_base(declared, given), pace=pace, sleep=clock.sleep)
    return folder.adapter(Connection(account=ACCOUNT, client=client, options=given.options)), wire


class _Clock:
    """Time passes only by waiting, and then at once."""

    def __init__(self) -> None:
        self._now = 0.0

    def read(self) -> float:
        return self._now

    def sleep(self, seconds: float) -> None:
        self._now += seconds


def silent(request: httpx.Request) -> httpx.Response:
    """For what must not call the platform at all."""
    raise AssertionError(f"a request where none is wanted: {_line(request)}")


class Recorded:
    """Answers exactly the recorded requests, in order."""

    def __init__(self, recorded: Iterable[Exchange], base_path: str = "") -> None:
        self._coming: Iterator[Exchange] = iter(list(recorded))
        self._base_path = base_path

    def __call__(self, request: httpx.Request) -> httpx.Response:
        exchange = next(self._coming, None)
        assert exchange, f"one request more than recorded: {_line(request)}"
        differs = difference(exchange.request, request, self._base_path)
        assert not differs, f"{_line(request)}: {differs}"
        return answered(exchange.response)

    def rest(self) -> list[Exchange]:
        """What was recorded and not asked for."""
        return list(self._coming)


def replay(fixture: Fixture, recorded: Iterable[Exchange]) -> tuple[Adapter, Recorded]:
    """An adapter on a wire that plays `recorded`, and the player."""
    given = fixture.given
    player = Recorded(recorded, path_of_base(fixture))
    return connect(fixture.folder, player, given)[0], player


def path_of_base(fixture: Fixture) -> str:
    return urlsplit(_base(fixture.folder.declaration, fixture.given)).path.rstrip("/")


def _base(declared: Declaration, given: Given) -> str:
    if isinstance(declared.auth, SecretUrl):
        return str(given.secrets["url"])
    return given.base_url or declared.base_url


def answered(answer: Answer) -> httpx.Response:
    headers = {name: value for name, value in answer.headers.items() if name.lower() != "content-length"}
    return httpx.Response(answer.status, headers=headers, content=answer.content)


def difference(want: Asked, request: httpx.Request, base_path: str = "") -> str:
    """How a request differs from the recorded one, or "". A path may be written with or without the base's own."""
    sent = request.url.path
    if want.method.upper() != request.method:
        return f"wanted {want.method}"
    if sent not in (want.path, base_path + want.path) and not (want.path in ("", "/") and sent == base_path):
        return f"wanted the path {want.path}, came {sent}"
    query = parse_qsl(request.url.query.decode(), keep_blank_values=True)
    if sorted(map(tuple, want.query)) != sorted(query):
        return f"wanted the query {sorted(want.query)}, came {sorted(query)}"
    for name, value in want.headers.items():
        if request.headers.get(name) != value:
            return f"wanted the header {name}: {value}, came {request.headers.get(name)}"
    return _body_difference(want, request.content)


def _body_difference(want: Asked, body: bytes) -> str:
    if want.json is not msgspec.UNSET:
        came: Any = msgspec.json.decode(body) if body else None
        return "" if came == want.json else f"wanted the body {want.json}, came {came}"
    if want.form is not msgspec.UNSET:
        form = dict(parse_qsl(body.decode(), keep_blank_values=True))
        return "" if form == want.form else f"wanted the form {want.form}, came {form}"
    if want.text is not msgspec.UNSET:
        return "" if body == want.text.encode() else "the body is not the recorded text"
    return ""


def _line(request: httpx.Request) -> str:
    return f"{request.method} {request.url.path}"
