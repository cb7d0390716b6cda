"""More writes of the imitated Data API: opportunities that a colleague's tool makes, contacts, and panels of interviews."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from adapters.lever.sandbox_acts import Acts
from adapters.lever.sandbox_rows import application, interview, opportunity
from adapters.lever.sandbox_store import Row, Store, fresh_id
from adapters.lever.sandbox_writes import ORIGINS, Refusal, answer, problem
from connector.sandbox import Harness

_TEXTS = ("name", "headline", "location")


@dataclass(slots=True)
class People:
    """JSON only: the multipart form, which carries files, is not imitated."""

    store: Store
    harness: Harness
    acts: Acts
    #: Doubt: does a change of the contact move the updatedAt of its opportunities.
    contact_moves: bool = True

    def routes(self) -> list[tuple[str, str, Callable[[Request], Awaitable[Response]]]]:
        return [
            ("POST", "/opportunities", self.add_opportunity),
            ("PUT", "/contacts/{id}", self.change_contact),
            ("GET", "/opportunities/{id}/panels", self.panels),
            ("POST", "/opportunities/{id}/panels", self.add_panel),
        ]

    async def add_opportunity(self, request: Request) -> Response:
        """`deduped` tells that the person was known by an address already; the opportunity is new all the same (recorded)."""
        performer, asked = self._performer(request), await _object(request)
        known = self._known(asked)
        postings = asked.get("postings") or []
        stage, made = asked.get("stage", "lead-new"), asked.get("createdAt", self.acts.now)
        _want(len(postings) <= 1 and all(one in self.store.postings for one in postings), "postings")
        _want(any(one["id"] == stage for one in self.store.stages), "stage")
        _want(asked.get("origin", "sourced") in ORIGINS, "origin")
        _want(isinstance(made, int) and made <= self.acts.now, "createdAt")
        id = fresh_id()
        archived = asked.get("archived")
        row = opportunity(
            id,
            contact=known or fresh_id(),
            name=str(asked.get("name", "")),
            emails=[str(one).strip().lower() for one in asked.get("emails") or []],
            location=str(asked.get("location", "")),
            stage=stage,
            changes=[(stage, [one["id"] for one in self.store.stages].index(stage), made)],
            origin=asked.get("origin", "sourced"),
            owner=asked.get("owner") or performer,
            tags=list(dict.fromkeys(asked.get("tags") or [])),
            archived=archived and {"reason": archived.get("reason"), "archivedAt": archived.get("archivedAt", made)},
            made=made,
            seen=self.acts.now,
            touched=self.acts.now + 1,
        )
        row |= {name: asked[name] for name in ("headline", "phones", "links", "followers") if asked.get(name)}
        row |= {"sources": asked.get("sources") or [], "sourcedBy": performer if row["origin"] == "sourced" else None}
        row["stageChanges"][0]["userId"] = performer
        if postings:
            self.store.applications[id] = application(id, postings[0], made, row["archived"])
            self.store.deriving.add(id)
        else:  # a "general" one has neither an application nor a place of work
            row["applications"] = []
            del row["opportunityLocation"]
        self.store.put(row)
        self.harness.effect("add_opportunity", id, by=performer)
        if postings:
            told = {"applicationId": row["applications"][0]}
            self.acts.tell("applicationCreated", self.acts.ids(row) | told)
        return answer({"deduped": known is not None, "data": self.store.shown(row)}, 201)

    def _known(self, asked: Row) -> str | None:
        """The contact that is named, or known by one of the addresses."""
        named = asked.get("contact")
        wanted = {str(one).strip().lower() for one in asked.get("emails") or []}
        found = [row for row in self.store.rows.values() if wanted.intersection(row["emails"])]
        contact = named or (found[0]["contact"] if found else None)
        if named:
            _want(bool(self.store.contacts.get(named)), "contact")
        if contact and (held := self.store.contact(contact)) and held["isAnonymized"]:
            raise Refusal(problem(400, "BadRequestError", "An anonymized contact cannot be linked."))
        return contact

    async def change_contact(self, request: Request) -> Response:
        """The answer leaves out isAnonymized (recorded). `location` is plain text here and an object when it is read."""
        contact, asked = request.path_params["id"], await _object(request)
        held = self.store.contact(contact)
        if held is None:
            raise Refusal(problem(404, "ResourceNotFound", "Contact was not found."))
        if held["isAnonymized"]:
            raise Refusal(problem(400, "BadRequestError", "An anonymized contact cannot be updated."))
        new: Row = {name: asked[name] for name in (*_TEXTS, "emails", "phones") if name in asked}
        _want(all(isinstance(new[name], str) for name in _TEXTS if name in new), "name, headline and location as text")
        for id in sorted(self.store.contacts[contact]):
            row = self.store.rows[id]
            row |= new
            if self.contact_moves:
                self.acts.touch(row)
        self.harness.effect("change_contact", contact, changed=sorted(new))
        self.acts.changed(contact)
        now = self.store.contact(contact) or {}
        return answer({"data": {name: value for name, value in now.items() if name != "isAnonymized"}})

    async def panels(self, request: Request) -> Response:
        """Interviews in the panels that hold them. Those that people arranged in Lever itself are not managed externally."""
        row = self._row(request)
        held: dict[str, list[Row]] = {}
        for one in self.store.below(row["id"], "interviews"):
            held.setdefault(one["panel"], []).append(one)
        return answer({"data": [self._panel(row, id, rows) for id, rows in held.items()], "hasNext": False})

    async def add_panel(self, request: Request) -> Response:
        row, performer, asked = self._row(request), self._performer(request), await _object(request)
        wanted = asked.get("interviews") or []
        _want(isinstance(asked.get("timezone"), str), "timezone")
        _want(bool(wanted), "interviews")
        panel, people = fresh_id(), {user["id"]: user for user in self.store.users}
        made = []
        for one in wanted:
            named = [people.get(it.get("id")) for it in one.get("interviewers") or []]
            _want(bool(named) and all(named), "interviewers")
            _want(isinstance(one.get("date"), int) and isinstance(one.get("duration"), int), "date and duration")
            new = interview(fresh_id(), row["id"], row["stage"], one["date"], self.acts.now)
            interviewers = [{"id": it["id"], "name": it["name"], "email": it["email"]} for it in named if it]
            new |= {"panel": panel, "interviewers": interviewers, "timezone": asked["timezone"], "user": performer}
            new |= {name: one[name] for name in ("subject", "note", "duration", "location") if name in one}
            made.append(new)
        self.store.below(row["id"], "interviews").extend(made)
        self.store.external.add(panel)
        self.acts.touch(row, interaction=True)
        self.harness.effect("add_panel", row["id"], panel=panel, interviews=len(made))
        for one in made:
            ids = {"interviewId": one["id"], "panelId": panel, "opportunityId": row["id"]}
            self.acts.tell("interviewCreated", ids | {"createdAt": self.acts.now})
        return answer({"data": self._panel(row, panel, made)}, 201)

    def _panel(self, row: Row, id: str, held: list[Row]) -> Row:
        first = held[0]
        shown = ("id", "date", "duration", "feedbackReminder", "feedbackTemplate", "interviewers", "location", "note")
        ended = {one["canceledAt"] for one in held}
        return {
            "id": id,
            "applications": row["applications"],
            "canceledAt": max(ended) if None not in ended else None,
            "createdAt": min(one["createdAt"] for one in held),
            "start": min(one["date"] for one in held),
            "end": max(one["date"] + one["duration"] * 60_000 for one in held),
            "timezone": first["timezone"],
            "feedbackReminder": first["feedbackReminder"],
            "user": first["user"],
            "stage": first["stage"],
            "note": None,
            "externallyManaged": id in self.store.external,
            "externalUrl": None,
            "interviews": [{name: one[name] for name in (*shown, "subject")} for one in held],
        }

    def _row(self, request: Request) -> Row:
        if request.path_params["id"] not in self.store.rows:
            raise Refusal(problem(404, "ResourceNotFound", "Opportunity was not found."))
        return self.store.rows[request.path_params["id"]]

    def _performer(self, request: Request) -> str:
        named = request.query_params.get("perform_as")
        _want(named is not None and any(user["id"] == named for user in self.store.users), "perform_as")
        return str(named)


async def _object(request: Request) -> dict[str, Any]:
    asked = await request.json()
    if not isinstance(asked, dict):
        raise Refusal(problem(400, "BadRequestError", "The body is no object."))
    return asked


def _want(there: bool, what: str) -> None:
    if not there:
        raise Refusal(problem(400, "BadRequestError", f"{what} is missing or not valid."))
