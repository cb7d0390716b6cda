"""Tags and notes. Harvest has no idempotency key, so everything is looked for before it is written.

Candidates are never PATCHed: there a list of tags replaces all tags, and people have lost theirs that way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from adapters.greenhouse.choices import Choices
from adapters.greenhouse.declared import scope_of
from adapters.greenhouse.lists import forbidden, value_of, walk, walk_by
from connector.client import Client, Response
from connector.errors import KeepwarmError, RateLimited, Refused, Unauthorized, Unsupported
from connector.flow import Action, Failure, Receipt, Verb
from connector.raw import Raw

Outcome = Receipt | Failure
Act = Callable[[Action], Outcome]
#: (candidate id, tag id) → ids of the rows that put the one on the other.
Rows = dict[tuple[str, str], list[str]]


def push(client: Client, choices: Choices, actions: Sequence[Action]) -> Iterator[Outcome]:
    """One look for all, then one by one. What stops one call for all (no permission, wait) fails the rest unasked."""
    waiting: list[Action] = []
    for action in actions:
        try:
            _person(action)
            waiting.append(action)
        except Unsupported as error:
            yield Failure(key=action.key, error=error)
    if not waiting:
        return
    try:
        act = _maker(waiting[0].verb)(client, choices, waiting)
    except KeepwarmError as error:
        yield from (Failure(key=action.key, error=error) for action in waiting)
        return
    while waiting:
        action = waiting.pop(0)
        try:
            outcome: Outcome = act(action)
        except (RateLimited, Unauthorized) as error:
            yield from (Failure(key=one.key, error=error) for one in (action, *waiting))
            return
        except KeepwarmError as error:
            outcome = Failure(key=action.key, error=error)
        yield outcome


def _maker(verb: Verb) -> Callable[[Client, Choices, Sequence[Action]], Act]:
    makers = {Verb.ADD_TAG: _tagging, Verb.REMOVE_TAG: _untagging, Verb.ADD_NOTE: _noting}
    if verb not in makers:
        raise Unsupported(f"greenhouse: `{verb}` is not offered")
    return makers[verb]


def _tagging(client: Client, choices: Choices, actions: Sequence[Action]) -> Act:
    names = _dictionary(client)
    rows = _rows(client, actions)

    def act(action: Action) -> Outcome:
        name, person = _text(action, "tag"), _person(action)
        if name not in names:
            if not choices.create_tags:
                raise Refused(f"/candidate_tags: no tag `{name}`, and options.create_tags is no", status=404)
            names.update(_create(client, name))
        place = (person, names[name])
        if place in rows:
            return Receipt(key=action.key, ref=rows[place][0], already=True)
        try:
            row = _made(_write(client, "applied_candidate_tags", _pair(*place)))
        except Refused as error:
            # someone was quicker, if re-applying is refused; which of the two it is, is not documented
            rows.update(_rows(client, [action]))
            if error.status != 422 or place not in rows:
                raise
            return Receipt(key=action.key, ref=rows[place][0], already=True)
        rows[place] = [row] if row else []
        return Receipt(key=action.key, ref=row)

    return act


def _untagging(client: Client, choices: Choices, actions: Sequence[Action]) -> Act:
    names = _dictionary(client)
    rows = _rows(client, actions)

    def act(action: Action) -> Outcome:
        place = (_person(action), names.get(_text(action, "tag"), ""))
        own = action.args.get("row")
        # with the id of our own row, one that a colleague put there stays
        present = [row for row in rows.get(place, []) if own is None or row == str(own)]
        if not present:
            return Receipt(key=action.key, already=True)
        gone = [_delete(client, row) for row in present]
        rows[place] = [row for row in rows[place] if row not in present]
        return Receipt(key=action.key, ref=present[0], already=not any(gone))

    return act


def _noting(client: Client, choices: Choices, actions: Sequence[Action]) -> Act:
    """A note to an unknown candidate is taken and hangs on nobody, so each is looked for first."""
    if choices.note_user and not choices.note_user.isdecimal():
        raise Unsupported("options.note_user: wanted a Greenhouse user id, came something else")
    people = tuple(dict.fromkeys(_person(action) for action in actions))
    pages = walk_by(client, "candidates", "id", "id", people)
    here = {value_of(row, "id") for _, found in pages for row in found}
    written = _marked(client, [action for action in actions if _person(action) in here])

    def act(action: Action) -> Outcome:
        person, marker = _person(action), _text(action, "marker")
        if person not in here:
            raise Refused("/candidates: the candidate to note on is not there", status=404)
        place = (person, marker)
        if place in written:
            return Receipt(key=action.key, ref=written[place] or None, already=True)
        note = {
            "candidate_id": int(person),
            "body": _text(action, "text"),
            "note_type": "NOTE",
            # left out, it would be admin_only
            "visibility": choices.note_visibility,
        } | ({"user_id": int(choices.note_user)} if choices.note_user else {})
        written[place] = _made(_write(client, "notes", note)) or ""
        return Receipt(key=action.key, ref=written[place] or None)

    return act


def _marked(client: Client, actions: Sequence[Action]) -> dict[tuple[str, str], str]:
    """(candidate id, marker) → the note that has it. The one look for which bodies leave the platform; none is kept."""
    markers: dict[str, list[str]] = {}
    for action in actions:
        markers.setdefault(_person(action), []).append(_text(action, "marker"))
    found: dict[tuple[str, str], str] = {}
    pages = walk_by(client, "notes", "id,candidate_id,body", "candidate_id", tuple(markers), [("type", "NOTE")])
    for row in (row for _, rows in pages for row in rows):
        person, body = value_of(row, "candidate_id"), row["body"].maybe(Raw.text) or ""
        found |= {(person, marker): value_of(row, "id") for marker in markers.get(person, []) if marker in body}
    return found


def _dictionary(client: Client) -> dict[str, str]:
    """Tag names, case and all, to their ids."""
    return {
        row["name"].text(): row["id"].id()
        for page in walk(client, "candidate_tags", "id,name")
        for row in Raw.parse(page.body).items()
    }


def _create(client: Client, name: str) -> dict[str, str]:
    try:
        made = _made(_write(client, "candidate_tags", {"name": name}))
    except Refused as error:
        if error.status != 422:
            raise
        made = None
        known = _dictionary(client)
        if name not in known:
            raise
        return known
    return {name: made} if made else _dictionary(client)


def _rows(client: Client, actions: Sequence[Action]) -> Rows:
    people = tuple(dict.fromkeys(_person(action) for action in actions))
    rows: Rows = {}
    fields = "id,candidate_id,candidate_tag_id"
    for _, page in walk_by(client, "applied_candidate_tags", fields, "candidate_id", people):
        for row in page:
            rows.setdefault((row["candidate_id"].id(), row["candidate_tag_id"].id()), []).append(row["id"].id())
    return rows


def _write(client: Client, name: str, body: dict[str, object]) -> Response:
    return client.send("POST", f"/{name}", json=body, explain=forbidden(scope_of(name, "create")))


def _delete(client: Client, row: str) -> bool:
    """False: it was gone already."""
    lacking = forbidden(scope_of("applied_candidate_tags", "destroy"))
    try:
        client.send("DELETE", f"/applied_candidate_tags/{row}", explain=lacking)
    except Refused as error:
        if error.status not in (404, 410):
            raise
        return False
    return True


def _made(answer: Response) -> str | None:
    """The id of what was made. The answer may be empty, and that is no failure: it is written."""
    made = Raw(answer.decoded())
    return value_of(made, "id") or None


def _pair(person: str, tag: str) -> dict[str, object]:
    """Exactly these two keys: any other is refused."""
    return {"candidate_id": int(person), "candidate_tag_id": int(tag)}


def _person(action: Action) -> str:
    subject = action.subject
    if subject is None or subject.kind != "candidate" or not subject.id.isdecimal():
        raise Unsupported("greenhouse: wanted a candidate by number as subject, came something else")
    return subject.id


def _text(action: Action, name: str) -> str:
    value = action.args.get(name)
    if not isinstance(value, str) or not value.strip():
        raise Unsupported(f"greenhouse: wanted text as `{name}`, came nothing")
    return value.strip()
