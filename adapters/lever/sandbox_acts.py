"""What people do in Lever: acts change the store, move its times as documented, and tell the webhooks."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from adapters.lever.sandbox_rows import (
    HIRED,
    SERVICE_USER,
    VERDICTS,
    application,
    interview,
    ms,
    offer,
    opportunity,
    scorecard,
)
from adapters.lever.sandbox_store import Row, Store, fresh_id
from connector.sandbox import Harness, Hook

Asked = Mapping[str, Any]
Told = Mapping[str, Any]
#: Events that a webhook may want of opportunities of some origins only.
BY_ORIGIN = ("applicationCreated", "candidateArchiveChange", "candidateHired", "candidateStageChange")


@dataclass(slots=True)
class Acts:
    store: Store
    harness: Harness
    #: Doubts: which events a hire sends, what becomes of tags derived from the posting, whether a repeat keeps its token.
    hire_events: str = "both"
    archived_tags: str = "dropped"
    retry_token: str = "same"

    async def act(self, name: str, asked: Asked) -> Told:
        acts: dict[str, Callable[[Asked], Awaitable[Told]]] = {
            "apply": self.apply,
            "move": self.move,
            "archive": self.archive,
            "unarchive": self.unarchive,
            "hire": self.hire,
            "delete": self.delete,
            "anonymise": self.anonymise,
            "merge_contacts": self.merge_contacts,
            "score": self.score,
            "interview": self.interview,
            "offer": self.offer,
            "change_consent": self.change_consent,
            "tag_by_human": self.tag_by_human,
            "untag_by_human": self.untag_by_human,
            "test_delivery": self.test_delivery,
        }
        if name not in acts:
            raise LookupError(f"{name}; known: {', '.join(acts)}")
        return await acts[name](asked)

    @property
    def now(self) -> int:
        return ms(self.harness.clock.now())

    def row(self, asked: Asked) -> Row:
        for name in ("opportunity", "application", "candidate", "id"):
            if name in asked:
                if asked[name] not in self.store.rows:
                    raise LookupError(f"opportunity {asked[name]}")
                return self.store.rows[asked[name]]
        raise LookupError("an opportunity must be named")

    def touch(self, row: Row, *, interaction: bool = False, advanced: bool = False) -> None:
        """updatedAt follows an interaction by a millisecond (seen in recorded calls)."""
        if interaction:
            row["lastInteractionAt"] = self.now
        if advanced:
            row["lastAdvancedAt"] = self.now
        row["updatedAt"] = self.now + 1
        self.store.put(row)

    async def apply(self, asked: Asked) -> Told:
        id = str(asked.get("id") or fresh_id())
        known = [row for row in self.store.rows.values() if asked.get("email") and asked["email"] in row["emails"]]
        contact = str(asked.get("contact") or (known[0]["contact"] if known else fresh_id()))
        posting = asked.get("posting") or next(iter(self.store.postings), "")
        stage = str(asked.get("stage", "applicant-new"))
        self.store.applications[id] = application(id, posting, self.now, None)
        self.store.deriving.add(id)
        row = opportunity(
            id,
            contact=contact,
            name=str(asked.get("name", "Robin Example")),
            emails=[asked["email"]] if asked.get("email") else [],
            stage=stage,
            changes=[(stage, 3, self.now)],
            origin=str(asked.get("origin", "applied")),
            made=self.now,
            seen=self.now,
            touched=self.now,
        )
        self.store.put(row)
        self.tell("applicationCreated", self.ids(row) | {"applicationId": fresh_id("application", id)})
        if not known:
            self.tell("contactCreated", {"contactId": contact, "accountId": fresh_id("account"), "createdAt": self.now})
        return {"opportunity": id, "contact": contact}

    async def move(self, asked: Asked) -> Told:
        row = self.row(asked)
        wanted = [one["id"] for one in self.store.stages if asked["stage"] in (one["id"], one["text"])]
        if not wanted:
            raise LookupError(f"stage {asked['stage']}")
        before, row["stage"] = row["stage"], wanted[0]
        index = [one["id"] for one in self.store.stages].index(wanted[0])
        row["stageChanges"].append({"toStageId": wanted[0], "toStageIndex": index, "updatedAt": self.now})
        self.touch(row, interaction=True, advanced=True)
        self.tell("candidateStageChange", self.ids(row) | {"fromStageId": before, "toStageId": wanted[0]})
        return {"opportunity": row["id"], "stage": wanted[0]}

    async def archive(self, asked: Asked) -> Told:
        row = self.row(asked)
        named = asked.get("reason")
        found = [one["id"] for one in self.store.reasons if named in (one["id"], one["text"])]
        if named is not None and not found:
            raise LookupError(f"archive reason {named}")
        before = row["archived"]
        if self.archived_tags == "kept":
            row["tags"] = self.store.tags(row)
        row["archived"] = {"reason": found[0] if found else None, "archivedAt": self.now}
        if run := self.store.applications.get(row["id"]):
            run["archived"] = dict(row["archived"])
        self.touch(row, interaction=True)
        hired = bool(found) and any(one["id"] == found[0] and one["type"] == "hired" for one in self.store.reasons)
        if hired and self.hire_events in ("both", "hired"):
            self.tell("candidateHired", self.ids(row))
        if not hired or self.hire_events in ("both", "archived"):
            change = {"fromArchived": before, "toArchived": row["archived"]}
            self.tell("candidateArchiveChange", self.ids(row) | change)
        return {"opportunity": row["id"], "archived": row["archived"]}

    async def unarchive(self, asked: Asked) -> Told:
        row = self.row(asked)
        before, row["archived"] = row["archived"], None
        if run := self.store.applications.get(row["id"]):
            run["archived"] = None
        self.touch(row, interaction=True)
        self.tell("candidateArchiveChange", self.ids(row) | {"fromArchived": before, "toArchived": None})
        return {"opportunity": row["id"]}

    async def hire(self, asked: Asked) -> Told:
        hired = next((one["id"] for one in self.store.reasons if one["type"] == "hired"), HIRED)
        return await self.archive({**asked, "reason": hired})

    async def delete(self, asked: Asked) -> Told:
        row = self.row(asked)
        self.store.remove(row["id"])
        self.store.deleted.append({"id": row["id"], "deletedAt": self.now, "deletedBy": SERVICE_USER})
        self.tell("candidateDeleted", self.ids(row) | {"deletedBy": SERVICE_USER})
        return {"opportunity": row["id"]}

    async def anonymise(self, asked: Asked) -> Told:
        row = self.row(asked)
        if not row["archived"]:
            raise LookupError("only archived opportunities can be anonymised")
        row |= {
            "name": "",
            "headline": "",
            "location": "",
            "emails": [],
            "phones": [],
            "links": [],
            "isAnonymized": True,
        }
        self.touch(row)
        self.changed(row["contact"])
        return {"opportunity": row["id"]}

    async def merge_contacts(self, asked: Asked) -> Told:
        gone, into = str(asked["from"]), str(asked["into"])
        moving = sorted(self.store.contacts.get(gone, ()))
        if not moving or not self.store.contacts.get(into):
            raise LookupError(f"contacts {gone}, {into}")
        kept = self.store.rows[min(self.store.contacts[into])]
        emails = list(dict.fromkeys([*kept["emails"], *self.store.rows[moving[0]]["emails"]]))
        for id in moving:
            self.store.rows[id]["contact"] = into
            self.touch(self.store.rows[id])
        for id in sorted(self.store.contacts[into]):
            self.store.rows[id]["emails"] = emails
        self.changed(into)
        return {"contact": into, "opportunities": moving}

    async def score(self, asked: Asked) -> Told:
        row = self.row(asked)
        rating = asked.get("rating")
        verdict = VERDICTS.get(rating, rating) if rating is not None else None
        made = scorecard(fresh_id(), verdict, self.now, bool(asked.get("complete", True)))
        self.store.below(row["id"], "feedback").append(made)
        self.touch(row, interaction=True)
        return {"opportunity": row["id"], "feedback": made["id"]}

    async def interview(self, asked: Asked) -> Told:
        """A new one; or, named by `interview`, cancelled or deleted as `change` says."""
        row = self.row(asked)
        held = self.store.below(row["id"], "interviews")
        if "interview" not in asked:
            made = interview(
                fresh_id(), row["id"], row["stage"], int(asked.get("date") or self.now + 86_400_000), self.now
            )
            held.append(made)
            event, stamp = "interviewCreated", {"createdAt": self.now}
        else:
            named = [one for one in held if one["id"] == asked["interview"]]
            if not named:
                raise LookupError(f"interview {asked['interview']}")
            made = named[0]
            event, stamp = "interviewUpdated", {"updatedAt": self.now}
            if asked.get("change", "cancel") == "delete":
                held.remove(made)
                event, stamp = "interviewDeleted", {"deletedAt": self.now}
            else:
                made["canceledAt"] = self.now
        self.touch(row, interaction=True)
        ids = {"interviewId": made["id"], "panelId": made["panel"], "opportunityId": row["id"]}
        self.tell(event, ids | stamp)
        return {"opportunity": row["id"], "interview": made["id"]}

    async def offer(self, asked: Asked) -> Told:
        row = self.row(asked)
        posting = (self.store.applications.get(row["id"]) or {}).get("posting")
        made = offer(fresh_id(), posting, str(asked.get("status", "sent")), self.now)
        offers = self.store.below(row["id"], "offers")
        if offers:
            made["id"] = offers[-1]["id"]
            offers.pop()
        offers.append(made)
        return {"opportunity": row["id"], "offer": made["id"]}

    async def change_consent(self, asked: Asked) -> Told:
        row = self.row(asked)
        allowed = asked.get("allowed")
        one = {"allowed": allowed, "expiresAt": asked.get("expires_at")}
        store = {"allowed": asked.get("store", True), "expiresAt": asked.get("expires_at")}
        row["dataProtection"] = None if allowed is None else {"store": store, "contact": one}
        self.touch(row)
        return {"opportunity": row["id"]}

    async def tag_by_human(self, asked: Asked) -> Told:
        row = self.row(asked)
        if asked["tag"] not in row["tags"]:
            row["tags"] = [*row["tags"], asked["tag"]]
            self.touch(row)
        return {"opportunity": row["id"], "tags": row["tags"]}

    async def untag_by_human(self, asked: Asked) -> Told:
        row = self.row(asked)
        if asked["tag"] in row["tags"]:
            row["tags"] = [tag for tag in row["tags"] if tag != asked["tag"]]
            self.touch(row)
        return {"opportunity": row["id"], "tags": row["tags"]}

    async def test_delivery(self, asked: Asked) -> Told:
        event = str(asked.get("event", "candidateHired"))
        self.tell(event, {})
        return {"event": event}

    def ids(self, row: Row) -> Row:
        return {"opportunityId": row["id"], "contactId": row["contact"], "candidateId": row["id"]}

    def changed(self, contact: str) -> None:
        self.tell("contactUpdated", {"contactId": contact, "accountId": fresh_id("account"), "updatedAt": self.now})

    def tell(self, event: str, data: Row, *, only: Hook | None = None) -> None:
        """The signature stands in the body and covers token and time only. A hook without a token is unsigned."""
        origin = (self.store.rows.get(data.get("opportunityId", "")) or {}).get("origin")

        def wanted(hook: Hook) -> bool:
            origins = hook.more.get("origins") if event in BY_ORIGIN else None
            return hook is only if only else origins is None or origin is None or origin in origins

        id, token, at = fresh_id(), secrets.token_hex(24), self.now
        # what happened is told as it was then, however late a repeat comes
        told = json.loads(json.dumps(data))

        def sign(secret: str, attempt: int) -> tuple[Mapping[str, str], bytes]:
            body: Row = {"id": id, "event": event, "triggeredAt": at, "data": told}
            if secret:
                once = token if attempt == 1 or self.retry_token == "same" else secrets.token_hex(24)
                seal = hmac.new(secret.encode(), f"{once}{at}".encode(), hashlib.sha256).hexdigest()
                body |= {"token": once, "signature": seal}
            headers = {"Content-Type": "application/json", "User-Agent": "Lever-Webhooks"}
            return headers, json.dumps(body).encode()

        self.harness.send(event, sign, to=wanted)
