"""Promise 7: whatever the platform answers, the family says what to do next, and nothing unexpected is raised."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import msgspec

from connector.adapter import Adapter, Checks, Fetches, Pulls
from connector.contract.discretion import tells_nothing
from connector.contract.fixtures import Exchange, Fetched, Fixture, Pulled, Pushed
from connector.contract.folder import Folder
from connector.contract.pushing import outcomes
from connector.contract.wanted import Wanted
from connector.contract.wire import Recorded, connect, path_of_base
from connector.errors import (
    CursorExpired,
    KeepwarmError,
    Malformed,
    RateLimited,
    Refused,
    Retry,
    Suppressed,
    Unauthorized,
)
from connector.flow import Receipt
from connector.model import Ref

#: What a platform may say in an error body: people and more. None of it may show up in the error's words.
TELLTALE = {"message": "jane.doe@example.org is not wanted here", "detail": "private-words-of-theirs"}
WEB_PAGE = b"<!DOCTYPE html><html><title>Back soon</title></html>"
HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    name: str
    answer: Callable[[httpx.Request], httpx.Response]
    families: tuple[type[Exception], ...]
    #: A write may have taken effect.
    doubt: bool = False
    #: For a write: it may mean that things are as they should be.
    settled: bool = False
    #: How long the platform asks us to wait: at least and at most.
    wait: tuple[timedelta, timedelta] | None = None

    def __str__(self) -> str:
        return self.name


def _status(status: int, headers: dict[str, str] | None = None) -> Callable[[httpx.Request], httpx.Response]:
    return lambda request: httpx.Response(status, json=TELLTALE, headers=headers)


def _dated(request: httpx.Request) -> httpx.Response:
    return httpx.Response(429, headers={"Retry-After": format_datetime(datetime.now(UTC) + HOUR)})


def _page(request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, headers={"Content-Type": "text/html"}, content=WEB_PAGE)


def _always(body: bytes) -> Callable[[httpx.Request], httpx.Response]:
    return lambda request: httpx.Response(200, content=body)


def _broken(error: type[httpx.TransportError]) -> Callable[[httpx.Request], httpx.Response]:
    def answer(request: httpx.Request) -> httpx.Response:
        raise error("the wire is down", request=request)

    return answer


_SECONDS = timedelta(seconds=7)
FAULTS = (
    Fault(name="400", answer=_status(400), families=(Refused, Suppressed)),
    Fault(name="401", answer=_status(401), families=(Unauthorized,)),
    Fault(name="403", answer=_status(403), families=(Unauthorized,)),
    Fault(name="404", answer=_status(404), families=(Refused,), settled=True),
    Fault(name="409", answer=_status(409), families=(Retry,), settled=True),
    Fault(name="410", answer=_status(410), families=(Refused, CursorExpired), settled=True),
    Fault(name="422", answer=_status(422), families=(Refused, CursorExpired, Suppressed)),
    Fault(
        name="429 after seconds",
        answer=_status(429, {"Retry-After": "7"}),
        families=(RateLimited,),
        wait=(_SECONDS, _SECONDS),
    ),
    Fault(name="429 after a date", answer=_dated, families=(RateLimited,), wait=(HOUR * 0.9, HOUR)),
    Fault(name="429", answer=_status(429), families=(RateLimited,), wait=(timedelta(milliseconds=1), HOUR)),
    Fault(name="500", answer=_status(500), families=(Retry,), doubt=True),
    Fault(name="502", answer=_status(502), families=(Retry,), doubt=True),
    Fault(name="503", answer=_status(503), families=(Retry,), doubt=True),
    Fault(name="504", answer=_status(504), families=(Retry,), doubt=True),
    Fault(name="a time-out", answer=_broken(httpx.ReadTimeout), families=(Retry,), doubt=True),
    Fault(name="a reset", answer=_broken(httpx.ReadError), families=(Retry,), doubt=True),
    Fault(name="no connection", answer=_broken(httpx.ConnectError), families=(Retry,)),
    Fault(name="a web page with 200", answer=_page, families=(Retry,), doubt=True),
)


def a_failing_pull_says_what_to_do(pulled: Pulled) -> None:
    for fault in FAULTS:
        adapter, _ = connect(pulled.folder, fault.answer, pulled.given)
        assert isinstance(adapter, Pulls), "a pull fixture, and the adapter does not pull"
        with Wanted(*fault.families, during=f"pulling while the platform answers {fault}") as came:
            adapter.pull(pulled.name, pulled.window, None)
        _told(fault, came.error, pulled)


def a_failing_fetch_says_what_to_do(fetched: Fetched) -> None:
    """404 and 410 may also mean that the thing is gone, which is an answer."""
    for fault in FAULTS:
        adapter, _ = connect(fetched.folder, fault.answer, fetched.given)
        assert isinstance(adapter, Fetches), "a fetch fixture, and the adapter does not fetch"
        calm = fault.name in ("404", "410")
        with Wanted(*fault.families, during=f"fetching while the platform answers {fault}", calm=calm) as came:
            list(adapter.fetch(fetched.name, fetched.ids))
        if came.error:
            _told(fault, came.error, fetched)


def an_answer_of_another_shape_is_not_an_empty_page(pulled: Pulled) -> None:
    """Good JSON, not the documented one: believed, it would end the walk and make everything look deleted."""
    usual = msgspec.json.decode(pulled.pages[0][0].response.content)
    shapes: tuple[object, ...] = (None, "x", 0, True, [] if isinstance(usual, dict) else {}, {"message": "try later"})
    for body in shapes:
        adapter, _ = connect(pulled.folder, _always(msgspec.json.encode(body)), pulled.given)
        assert isinstance(adapter, Pulls), "a pull fixture, and the adapter does not pull"
        with Wanted(Malformed, Retry, Refused, during=f"pulling while the platform answers {body!r}"):
            adapter.pull(pulled.name, pulled.window, None)


def a_failing_push_says_what_to_do(pushed: Pushed) -> None:
    """At its first request."""
    for fault in FAULTS:
        adapter, _ = connect(pushed.folder, fault.answer, pushed.given)
        _all_failed(fault, adapter, pushed, writing=pushed.first[0].request.writes)


def a_failing_write_says_what_to_do(pushed: Pushed) -> None:
    """At its first write, after reads that went well."""
    recorded = pushed.first
    reads = next((n for n, exchange in enumerate(recorded) if exchange.request.writes), len(recorded))
    if reads == len(recorded):
        return
    for fault in FAULTS:
        adapter, _ = connect(pushed.folder, _After(recorded[:reads], fault, pushed), pushed.given)
        _all_failed(fault, adapter, pushed, writing=True)


class _After:
    """Recorded answers first, then the fault for ever."""

    def __init__(self, recorded: list[Exchange], fault: Fault, pushed: Pushed) -> None:
        self._left = len(recorded)
        self._player = Recorded(recorded, path_of_base(pushed))
        self._fault = fault

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self._left -= 1
        return self._player(request) if self._left >= 0 else self._fault.answer(request)


def _all_failed(fault: Fault, adapter: Adapter, pushed: Pushed, *, writing: bool) -> None:
    done = {each.key for each in pushed.outcomes if each.already}
    doubts: list[bool] = []
    for outcome in outcomes(adapter, pushed.actions):
        if isinstance(outcome, Receipt):
            fine = outcome.already and (outcome.key in done or fault.settled)
            assert fine, f"a receipt for {outcome.key} while the platform answers {fault}"
            continue
        with Wanted(*fault.families, during=f"pushing while the platform answers {fault}"):
            raise outcome.error
        _told(fault, outcome.error, pushed)
        doubts.append(isinstance(outcome.error, Retry) and outcome.error.in_doubt)
    if writing and fault.doubt:
        assert any(doubts), f"a write that met {fault} may have taken effect: Retry(in_doubt=True)"
    if fault.name == "no connection":
        assert not any(doubts), "nothing left this machine, and yet it is in doubt"


def _told(fault: Fault, error: Exception | None, fixture: Fixture) -> None:
    assert error is not None, f"nothing was raised while the platform answers {fault}"
    tells_nothing(error, fixture.given)
    assert TELLTALE["detail"] not in f"{error} {error!r}", "the platform's body is in the error"
    if fault.wait and isinstance(error, RateLimited):
        least, most = fault.wait
        assert least <= error.wait <= most, f"asked to wait {least}, the error says {error.wait}"


#: An id that would lead elsewhere, were it put into an address as it is.
ODD_ID = "7/../../x?y=1#z"


def an_odd_id_leads_nowhere_else(fixture: Fetched | Pushed) -> None:
    """Ids are someone else's text: in an address they are quoted, or refused by a family of ours."""
    adapter, wire = connect(fixture.folder, _status(404), fixture.given)
    if isinstance(fixture, Pushed):
        subjects = [(action, action.subject) for action in fixture.actions]
        odd = [replace(action, subject=Ref(ref.account, ref.kind, ODD_ID)) for action, ref in subjects if ref]
        outcomes(adapter, odd)
    else:
        assert isinstance(adapter, Fetches), "a fetch fixture, and the adapter does not fetch"
        with Wanted(KeepwarmError, during=f"fetching the id {ODD_ID!r}", calm=True):
            list(adapter.fetch(fixture.name, [ODD_ID]))
    for request in wire.requests:
        path = request.url.raw_path.partition(b"?")[0]
        assert b"/../" not in path, f"the id {ODD_ID!r} leads to another address"
        assert "y" not in request.url.params, f"the id {ODD_ID!r} brings parameters of its own"


def a_failing_check_raises_our_families_only(folder: Folder) -> None:
    """Some platforms offer nothing to ask (a chat hook can only be posted to); then `check` may be content."""
    for fault in FAULTS:
        adapter, wire = connect(folder, fault.answer)
        assert isinstance(adapter, Checks), "the adapter has no `check`"
        with Wanted(KeepwarmError, during=f"checking while the platform answers {fault}", calm=True) as came:
            health = adapter.check()
            worried = health.faults or health.missing or not wire.requests
            assert worried, f"{fault}, and the account is said to be in good health"
        if came.error:
            tells_nothing(came.error, folder.given())
