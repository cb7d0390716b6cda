"""The sandbox's webhooks: made with a one-time signing secret, probed by GET, form bodies, signed, retried, disabled."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from datetime import timedelta
from http.client import HTTPConnection, HTTPSConnection
from typing import Any
from urllib.parse import urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from adapters.mailchimp.sandbox_audience import Audience
from adapters.mailchimp.sandbox_order import Subscriber
from adapters.mailchimp.sandbox_shapes import HaltError, answer, invalid, missing, told
from connector.sandbox import Harness, Hook

#: "Increasing intervals" for 75 minutes in all; the intervals themselves are not documented.
RETRIES = tuple(timedelta(minutes=minutes) for minutes in (1, 3, 6, 10, 15, 18, 22))
EVENTS = ("subscribe", "unsubscribe", "profile", "cleaned", "upemail", "campaign")
SOURCES = ("user", "admin", "api")


class Hooks:
    def __init__(self) -> None:
        self.harness: Harness
        self.rows: dict[str, dict[str, Any]] = {}
        #: False: hooks made through the API are of the old, unsigned kind.
        self.signing = True
        #: True: each retry is signed with its own time. False: with the first attempt's. The document is silent.
        self.resign = True
        #: True: what the API changed is also told to hooks that the sandbox's control registered.
        self.echo = False

    def taken(self, status: int) -> bool:
        """Any 2xx. A 410 disables the webhook for good, without a retry."""
        if status != 410:
            return 200 <= status < 300
        gone = self.harness.attempts[-1].url
        self.harness.hooks[:] = [hook for hook in self.harness.hooks if hook.url != gone]
        self.rows = {key: row for key, row in self.rows.items() if row["url"] != gone}
        return True

    def send(self, kind: str, data: Mapping[str, Any], *, source: str = "user") -> None:
        """Tell of one thing. What the API did goes only to hooks that asked for the source `api`."""
        name = kind if source == "user" else f"{source}:{kind}"
        if source == "api" and not self.echo and not any(name in hook.events for hook in self.harness.hooks):
            return
        now = self.harness.clock.now()
        form: list[tuple[str, str]] = [("type", kind), ("fired_at", f"{now:%Y-%m-%d %H:%M:%S}")]
        body = urlencode(form + list(_flat("data", data))).encode()

        def sign(secret: str, attempt: int) -> tuple[Mapping[str, str], bytes]:
            headers = {"content-type": "application/x-www-form-urlencoded", "user-agent": "MailChimp.com"}
            if secret:
                when = self.harness.clock.now() if self.resign else now
                headers["x-mailchimp-signature"] = signature(secret, int(when.timestamp()), body)
            return headers, body

        self.harness.send(name, sign)

    # -- the API

    async def list(self, request: Request, audience: Audience) -> Response:
        rows = [_shown(row) for row in self.rows.values() if row["list_id"] == audience.id]
        return answer(request, {"webhooks": rows, "list_id": audience.id, "total_items": len(rows)})

    async def create(self, request: Request, audience: Audience) -> Response:
        body = await told(request)
        url = str(body.get("url", ""))
        if not url.startswith(("http://", "https://")):
            raise invalid("The resource submitted could not be validated.", field="url", message="not a URL")
        if any(row["url"] == url and row["list_id"] == audience.id for row in self.rows.values()):
            raise HaltError(400, "Sorry, you can't set up multiple WebHooks for one URL", title="Bad Request")
        await _probe(url)
        row: dict[str, Any] = {
            "id": secrets.token_hex(5),
            "url": url,
            "events": _flags(body.get("events"), EVENTS),
            "sources": _flags(body.get("sources"), SOURCES),
            "list_id": audience.id,
            "signing_enabled": self.signing,
            "signing_secret": secrets.token_hex(16) if self.signing else "",
        }
        self.rows[row["id"]] = row
        self._hang(row)
        return JSONResponse(row)

    async def one(self, request: Request, audience: Audience) -> Response:
        row = self.rows.get(request.path_params["webhook_id"])
        if row is None or row["list_id"] != audience.id:
            raise missing()
        if request.method == "GET":
            return answer(request, _shown(row))
        self.harness.hooks[:] = [hook for hook in self.harness.hooks if hook.url != row["url"]]
        if request.method == "DELETE":
            del self.rows[row["id"]]
            return Response(status_code=204)
        body = await told(request)
        row["url"] = str(body.get("url", row["url"]))
        row["events"] |= _flags(body.get("events"), tuple(body.get("events") or ()))
        row["sources"] |= _flags(body.get("sources"), tuple(body.get("sources") or ()))
        self._hang(row)
        return JSONResponse(_shown(row))

    def _hang(self, row: dict[str, Any]) -> None:
        sources = [source for source, wanted in row["sources"].items() if wanted]
        events = tuple(
            kind if source == "user" else f"{source}:{kind}"
            for kind, wanted in row["events"].items()
            if wanted
            for source in sources
        )
        # a hook that wants nothing must not become one that wants all
        self.harness.hooks.append(Hook(row["url"], row["signing_secret"], events or ("nothing",)))


async def _probe(url: str) -> None:
    """The address must answer a GET with 200 before the webhook is made."""
    if await asyncio.to_thread(_visit, url) != 200:
        raise invalid("We couldn't validate the webhook's URL.", field="url", message="The URL did not answer 200")


def _visit(url: str) -> int:
    parts = urlsplit(url)
    way = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    line = way(parts.hostname or "", parts.port, timeout=10)
    try:
        line.request("GET", parts.path or "/", headers={"User-Agent": "MailChimp.com WebHook Validator"})
        return line.getresponse().status
    except OSError:
        return 0
    finally:
        line.close()


def _shown(row: Mapping[str, Any]) -> dict[str, Any]:
    """The secret is shown once, when the webhook is made."""
    return {**row, "signing_secret": ""}


def _flags(told_: object, names: tuple[str, ...]) -> dict[str, bool]:
    given = told_ if isinstance(told_, dict) else {}
    return {name: given.get(name) is True for name in names}


def signature(secret: str, when: int, body: bytes) -> str:
    message = str(when).encode() + b"." + body
    return f"t={when},v1={hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()}"


def _flat(prefix: str, value: object) -> list[tuple[str, str]]:
    if isinstance(value, Mapping):
        return [pair for name, item in value.items() for pair in _flat(f"{prefix}[{name}]", item)]
    return [(prefix, str(value))]


def profile(audience: Audience, member: Subscriber) -> dict[str, Any]:
    """What subscribe, unsubscribe and profile have in common. `id` is the old ten-digit one, not the hash."""
    return {
        "id": member.id[:10],
        "web_id": 100000 + member.number,
        "email": member.email,
        "email_type": "html",
        "ip_opt": member.ip_opt,
        "list_id": audience.id,
        "merges": {"EMAIL": member.email, **member.merge_fields},
    }
