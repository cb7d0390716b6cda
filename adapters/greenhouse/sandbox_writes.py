"""What the sandbox lets an integration write. Each success is an effect in the log."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from adapters.greenhouse.sandbox_door import Refusal
from adapters.greenhouse.sandbox_query import Unprocessable
from adapters.greenhouse.sandbox_tables import Row

if TYPE_CHECKING:
    from adapters.greenhouse.sandbox import GreenhouseSandbox

Done = tuple[int, Any]
#: What is written is not what is read: public → publicly_visible.
VISIBILITY = {"public": "publicly_visible", "private": "privately_visible", "admin_only": "admin_only_visible"}
NOTE_KEYS = ("candidate_id", "application_id", "user_id", "body", "note_type", "visibility")
EMAIL_KEYS = ("subject", "email_from", "email_to", "email_cc")
CANDIDATE_KEYS = (
    "first_name",
    "last_name",
    "preferred_name",
    "company",
    "title",
    "is_private",
    "can_email",
    "email_addresses",
    "phone_numbers",
    "addresses",
    "website_addresses",
    "social_media_addresses",
    "tags",
    "custom_fields",
)


@dataclass(frozen=True, slots=True)
class Write:
    verb: str
    act: Callable[[GreenhouseSandbox, int, dict[str, Any]], Done]


def only(body: dict[str, Any], allowed: tuple[str, ...] | list[str], needed: tuple[str, ...] = ()) -> None:
    """Unknown keys are refused, not passed over."""
    if extra := [key for key in body if key not in allowed]:
        raise Unprocessable([f"Additional properties are not allowed: {', '.join(extra)}"])
    if lacking := [key for key in needed if body.get(key) in (None, "")]:
        raise Unprocessable([{key: "is missing"} for key in lacking])


def create_tag(box: GreenhouseSandbox, _: int, body: dict[str, Any]) -> Done:
    only(body, ("name",), ("name",))
    if any(row["name"] == body["name"] for row in box.tables["candidate_tags"].rows.values()):
        raise Unprocessable([{"message": "has already been taken", "field": "name"}])
    row = box.put("candidate_tags", {"name": body["name"]})
    box.harness.effect("create_tag", body["name"], id=row["id"])
    return 201, row


def delete_tag(box: GreenhouseSandbox, key: int, _: dict[str, Any]) -> Done:
    row = _there(box, "candidate_tags", key, "Candidate tag")
    for applied in box.tables["applied_candidate_tags"].of("candidate_tag_id", key):
        untag(box, applied)
    box.tables["candidate_tags"].drop(key)
    box.harness.effect("delete_tag", row["name"])
    return 200, _deleted(row)


def apply_tag(box: GreenhouseSandbox, _: int, body: dict[str, Any]) -> Done:
    only(body, ("candidate_id", "candidate_tag_id"), ("candidate_id", "candidate_tag_id"))
    candidate = _there(box, "candidates", body["candidate_id"], "Candidate")
    label = _there(box, "candidate_tags", body["candidate_tag_id"], "Candidate tag")
    held = _applied(box, candidate["id"], label["id"])
    if held and box.duplicate_tag == "422":
        raise Unprocessable("Candidate tag has already been taken")
    if held and box.duplicate_tag == "same_row":
        return 201, held[0]
    row = tag(box, candidate["id"], label["id"])
    box.harness.effect("add_tag", str(candidate["id"]), tag=label["name"], row=row["id"])
    return 201, row


def remove_tag(box: GreenhouseSandbox, key: int, _: dict[str, Any]) -> Done:
    row = _there(box, "applied_candidate_tags", key, "Applied candidate tag")
    name = box.tables["candidate_tags"].rows[row["candidate_tag_id"]]["name"]
    untag(box, row)
    box.harness.effect("remove_tag", str(row["candidate_id"]), tag=name, row=key)
    return 200, _deleted(row)


def create_note(box: GreenhouseSandbox, _: int, body: dict[str, Any]) -> Done:
    """A candidate nobody knows is no reason to refuse: the note then hangs on nobody."""
    email = body.get("note_type") == "EMAIL"
    only(body, NOTE_KEYS + (EMAIL_KEYS if email else ()), ("candidate_id", "body", "note_type"))
    if body["note_type"] not in ("NOTE", "ACTIVITY", "EMAIL"):
        raise Unprocessable([{"note_type": "must be one of note, activity, email"}])
    if email and any(key not in body for key in EMAIL_KEYS):
        raise Unprocessable([{"email_to": "is missing"}])
    shown = body.get("visibility", "admin_only")
    if shown not in VISIBILITY:
        raise Unprocessable([{"visibility": "is not included in the list"}])
    row = box.put(
        "notes",
        {
            "candidate_id": body["candidate_id"],
            "application_id": body.get("application_id"),
            "user_id": body.get("user_id"),
            "type": body["note_type"],
            "visibility": VISIBILITY[shown],
            "body": body["body"],
        },
    )
    box.harness.effect("add_note", str(body["candidate_id"]), note=row["id"], text=body["body"], visibility=shown)
    return 201, row


def patch_candidate(box: GreenhouseSandbox, key: int, body: dict[str, Any]) -> Done:
    """Collections replace the whole set: here is where tags are lost."""
    only(body, CANDIDATE_KEYS)
    row = _there(box, "candidates", key, "Candidate")
    if "tags" in body:
        for applied in box.tables["applied_candidate_tags"].of("candidate_id", key):
            untag(box, applied)
        for name in body["tags"]:
            tag(box, key, tag_id(box, name))
    plain = {("private" if name == "is_private" else name): value for name, value in body.items() if name != "tags"}
    row = box.change("candidates", key, **plain)
    box.harness.effect("patch_candidate", str(key), keys=sorted(body))
    box.sender.candidate("update_candidate", row)
    return 200, row


def tag_id(box: GreenhouseSandbox, name: str) -> int:
    """The id of a name in the dictionary, which people extend as they type."""
    known = {row["name"]: key for key, row in box.tables["candidate_tags"].rows.items()}
    return known[name] if name in known else int(box.put("candidate_tags", {"name": name})["id"])


def tag(box: GreenhouseSandbox, candidate: int, label: int) -> Row:
    name = box.tables["candidate_tags"].rows[label]["name"]
    row = box.put("applied_candidate_tags", {"candidate_id": candidate, "candidate_tag_id": label})
    person = box.tables["candidates"].rows[candidate]
    if name not in person["tags"]:
        _retagged(box, person, [*person["tags"], name])
    return row


def untag(box: GreenhouseSandbox, row: Row) -> None:
    box.tables["applied_candidate_tags"].drop(row["id"])
    person = box.tables["candidates"].rows.get(row["candidate_id"])
    if person and not _applied(box, row["candidate_id"], row["candidate_tag_id"]):
        name = box.tables["candidate_tags"].rows[row["candidate_tag_id"]]["name"]
        _retagged(box, person, [tag for tag in person["tags"] if tag != name])


def _retagged(box: GreenhouseSandbox, person: Row, names: list[str]) -> None:
    moved = {} if box.tag_moves_candidate else {"updated_at": person["updated_at"]}
    row = box.change("candidates", person["id"], tags=names, **moved)
    if box.tag_fires_update:
        box.sender.candidate("update_candidate", row)


def _applied(box: GreenhouseSandbox, candidate: int, label: int) -> list[Row]:
    rows = box.tables["applied_candidate_tags"].of("candidate_id", candidate)
    return [row for row in rows if row["candidate_tag_id"] == label]


def _there(box: GreenhouseSandbox, name: str, key: Any, called: str) -> Row:
    row = box.tables[name].rows.get(key) if isinstance(key, int) else None
    if row is None:
        raise Refusal(404, "Resource not found", f"{called} not found")
    return row


def _deleted(row: Row) -> Row:
    return {"id": row["id"], "message": "Deleted", "created_at": row["created_at"], "updated_at": row["updated_at"]}


#: (method, resource, with an id in the path)
WRITES: dict[tuple[str, str, bool], Write] = {
    ("POST", "candidate_tags", False): Write("create", create_tag),
    ("DELETE", "candidate_tags", True): Write("destroy", delete_tag),
    ("POST", "applied_candidate_tags", False): Write("create", apply_tag),
    ("DELETE", "applied_candidate_tags", True): Write("destroy", remove_tag),
    ("POST", "notes", False): Write("create", create_note),
    ("PATCH", "candidates", True): Write("update", patch_candidate),
}
