"""Acme, an invented applicant tracking system, as an outside author would connect it."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar
from urllib.parse import quote

from connector.adapter import Connection, Declaration, Door, Health, Option
from connector.client import BasicKey, Limits
from connector.errors import BadSignature, KeepwarmError, Refused, Unsupported
from connector.flow import Action, Delivery, Failure, Page, Reading, Receipt, Stream, Verb, Window, gone_page
from connector.model import Application, Ref, Status
from connector.raw import Raw, each

#: acme's state → ours. "closed" means rejected.
STATUS = {"open": Status.ACTIVE, "hired": Status.HIRED, "closed": Status.REJECTED}
PAGES = ("applications", "application")


@dataclass(frozen=True, slots=True)
class Acme:
    connection: Connection

    declaration: ClassVar[Declaration] = Declaration(
        platform="acme",
        base_url="https://api.acme.example/v1",
        auth=BasicKey(),
        limits=Limits(calls=10, per=timedelta(seconds=1), burst=10),
        secrets={"api_key": "API key", "webhook": "webhook secrets"},
        options=(Option(name="fields", meaning="our field name → theirs"),),
        streams=(Stream(name="applications", kinds=("application",)),),
        fetches={"application": 50},
        verbs={Verb.ADD_TAG: 10, Verb.NOTIFY: 1},
        door=Door(events=("application.changed",)),
        facts=frozenset({"application.status"}),
        blind=("Interviews are not told to anyone.",),
    )

    def verify(self, delivery: Delivery, secrets: Sequence[str]) -> None:
        sent = delivery.headers.get("x-acme-signature", "").encode()
        for secret in filter(None, secrets):
            want = hmac.new(secret.encode(), delivery.body, hashlib.sha256).hexdigest()
            if hmac.compare_digest(sent, want.encode()):
                return
        raise BadSignature("acme: no secret of ours made this signature")

    def identify(self, delivery: Delivery) -> str:
        return delivery.headers.get("x-acme-delivery", "")

    def read(self, delivery: Delivery) -> Reading:
        raw = Raw.parse(delivery.body)
        if delivery.stream in PAGES:
            rows = raw["data"] if raw["data"].stated else raw.wrong("a page with data")
            good, spoiled = each(rows.items(), lambda row: [self.application(row)])
            return Reading(records=tuple(good), spoiled=tuple(spoiled))
        event = raw["event"].text()
        if event != "application.changed":
            return Reading(note=f"event {event[:40]} is not used")
        return Reading(records=(self.application(raw["application"]),))

    def pull(self, stream: str, window: Window, cursor: str | None) -> Page:
        if stream != "applications":
            raise Unsupported(f"acme: no stream {stream}")
        ask = {"before": window.until.isoformat()} | ({"after": window.since.isoformat()} if window.since else {})
        answer = self.connection.client.get("/applications", {"cursor": cursor} if cursor else ask)
        raw = answer.raw()
        rows = raw["data"] if type(raw["data"].value) is list else raw["data"].wrong("a list")
        return Page(body=answer.body, count=len(rows.items()), cursor=raw["next"].maybe(Raw.text))

    def fetch(self, kind: str, ids: Sequence[str]) -> Iterator[tuple[str, Page]]:
        if kind != "application":
            raise Unsupported(f"acme: nothing to fetch of kind {kind}")
        answer = self.connection.client.get("/applications", {"ids": ",".join(ids)})
        found = {row["id"].id() for row in answer.raw()["data"].items()}
        yield kind, Page(body=answer.body, count=len(found))
        if lost := [one for one in ids if one not in found]:
            yield gone_page(kind, lost)

    def push(self, actions: Sequence[Action]) -> Iterator[Receipt | Failure]:
        for action in actions:
            try:
                yield self._tag(action) if action.verb is Verb.ADD_TAG else self._notify(action)
            except KeepwarmError as error:
                yield Failure(key=action.key, error=error)

    def _tag(self, action: Action) -> Receipt:
        if action.subject is None:
            raise Unsupported("acme: a tag is put on a candidate")
        place = f"/people/{quote(action.subject.id, safe='')}/tags"
        tags = {row.text() for row in self.connection.client.get(place).raw()["tags"].items()}
        already = action.args["tag"] in tags
        if not already:
            self.connection.client.send("POST", place, json={"tag": action.args["tag"]})
        return Receipt(key=action.key, already=already)

    def _notify(self, action: Action) -> Receipt:
        if action.verb is not Verb.NOTIFY:
            raise Unsupported(f"acme: cannot {action.verb}")
        self.connection.client.send("POST", "/notices", json=dict(action.args))
        return Receipt(key=action.key)

    def check(self) -> Health:
        try:
            return Health(name=self.connection.client.get("/me").raw()["name"].text())
        except Refused as refusal:
            return Health(name="", faults=(f"Acme answers {refusal.status}: is the account still there?",))

    def application(self, raw: Raw) -> Application:
        return Application(
            ref=self._ref("application", raw["id"]),
            candidate=self._ref("candidate", raw["person"]["id"]),
            status=raw["state"].one_of(STATUS),
            job=raw["job_id"].maybe(lambda it: self._ref("job", it)),
            decided_at=raw["closed_at"].maybe(Raw.instant),
            updated_at=raw["updated_at"].instant(),
        )

    def _ref(self, kind: str, raw: Raw) -> Ref:
        return Ref(self.connection.account, kind, raw.id())


ADAPTER = Acme
