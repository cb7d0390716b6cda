"""What happens to candidates inside the sandbox: merged, anonymised, deleted, changed, tagged by hand, written to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from adapters.greenhouse.sandbox_find import drop_application, person_of
from adapters.greenhouse.sandbox_seed import PRIVATE_TEXT
from adapters.greenhouse.sandbox_writes import tag, tag_id, untag

if TYPE_CHECKING:
    from adapters.greenhouse.sandbox import GreenhouseSandbox

Asked = Mapping[str, Any]
Told = Mapping[str, Any]
#: anonymised field → column, and what is left in it.
WIPED: dict[str, tuple[str, Any]] = {
    "current_title": ("title", None),
    "current_company": ("company", None),
    "emails": ("email_addresses", []),
    "email_addresses": ("email_addresses", []),
    "phone_numbers": ("phone_numbers", []),
    "addresses": ("addresses", []),
    "custom_candidate_fields": ("custom_fields", {}),
}


def merge(box: GreenhouseSandbox, asked: Asked) -> Told:
    """`candidate` disappears into `into`, with all that hangs on it."""
    loser = person_of(box, asked)
    winner = box.tables["candidates"].rows[int(asked["into"])]
    for name in ("applications", "offers", "notes"):
        for row in box.tables[name].of("candidate_id", loser["id"]):
            box.change(name, row["id"], candidate_id=winner["id"])
    held = {row["candidate_tag_id"] for row in box.tables["applied_candidate_tags"].of("candidate_id", winner["id"])}
    for row in box.tables["applied_candidate_tags"].of("candidate_id", loser["id"]):
        untag(box, row)
        if row["candidate_tag_id"] not in held:
            tag(box, winner["id"], row["candidate_tag_id"])
    mails = [*winner["email_addresses"], *loser["email_addresses"]]
    box.change("candidates", winner["id"], email_addresses=mails)
    box.tables["candidates"].drop(loser["id"])
    box.sender.person("merge_candidate", loser, new_candidate_id=winner["id"], deleted_application_ids=[])
    return {"candidate": str(loser["id"]), "into": str(winner["id"])}


def anonymise(box: GreenhouseSandbox, asked: Asked) -> Told:
    person = person_of(box, asked)
    names = list(asked.get("fields") or ("full_name", "email_addresses", "phone_numbers"))
    new = {column: left for name in names if name in WIPED for column, left in (WIPED[name],)}
    if "full_name" in names:
        new |= {"first_name": "Anonymized", "last_name": str(person["id"])}
    if "tags" in names:
        for row in box.tables["applied_candidate_tags"].of("candidate_id", person["id"]):
            untag(box, row)
    box.change("candidates", person["id"], **new)
    box.sender.send("candidate_anonymized", {"candidate_id": person["id"], "anonymized_fields": names})
    return {"candidate": str(person["id"])}


def delete_candidate(box: GreenhouseSandbox, asked: Asked) -> Told:
    """No delete_application is sent for what goes along."""
    person = person_of(box, asked)
    runs = box.tables["applications"].of("candidate_id", person["id"])
    for row in box.tables["applied_candidate_tags"].of("candidate_id", person["id"]):
        untag(box, row)
    for run in runs:
        drop_application(box, run)
    box.tables["candidates"].drop(person["id"])
    box.sender.person("delete_candidate", person, deleted_application_ids=[run["id"] for run in runs])
    return {"candidate": str(person["id"])}


def update_candidate(box: GreenhouseSandbox, asked: Asked) -> Told:
    """`set`: columns as v3 has them. `email` of the person to change goes into `who`."""
    person = person_of(box, {"candidate": asked.get("candidate"), "email": asked.get("who")})
    row = box.change("candidates", person["id"], **dict(asked["set"]))
    box.sender.candidate("update_candidate", row)
    return {"candidate": str(row["id"])}


def tag_by_human(box: GreenhouseSandbox, asked: Asked) -> Told:
    person, label = person_of(box, asked), tag_id(box, asked["tag"])
    row = tag(box, person["id"], label)
    return {"candidate": str(person["id"]), "row": str(row["id"])}


def untag_by_human(box: GreenhouseSandbox, asked: Asked) -> Told:
    person, label = person_of(box, asked), tag_id(box, asked["tag"])
    for row in box.tables["applied_candidate_tags"].of("candidate_id", person["id"]):
        if row["candidate_tag_id"] == label:
            untag(box, row)
    return {"candidate": str(person["id"])}


def contact(box: GreenhouseSandbox, asked: Asked) -> Told:
    """A mail is logged; `type` may name another kind of note."""
    person = person_of(box, asked)
    made = box.put(
        "notes",
        {
            "candidate_id": person["id"],
            "type": asked.get("type", "EMAIL"),
            "visibility": "publicly_visible",
            "user_id": None if asked.get("from") else next(iter(box.tables["users"].rows), None),
            "email_from": asked.get("from", "recruiting@hospital.example.com"),
            "body": PRIVATE_TEXT,
        },
    )
    return {"candidate": str(person["id"]), "note": str(made["id"])}
