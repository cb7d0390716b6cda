"""The parts that rules, cadences and suppressions have in common, read from their lines."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal, cast

from connector.clock import Span
from connector.document import Node, came, shown
from connector.errors import Problem
from connector.rules.conditions import Reader
from connector.rules.entries import Again, Approve, Do, Event, Goal, Keep, Limits, Mode, Notify, Piece, Send, When
from connector.rules.leaf import place
from connector.rules.tree import Tree
from connector.written import as_number, as_span

#: Event → what it brings, and so what `when` may ask about.
EVENTS: Mapping[str, tuple[str, ...]] = {
    "role_approved": ("role",),
    "role_published": ("role",),
    "application_created": ("application",),
    "application_decided": ("application",),
    "interview_completed": ("interview",),
    "hired": ("application",),
    "unsubscribed": (),
    "consent_answered": (),
}
#: Events that nothing tells us of yet.
LATER_EVENTS = ("unsubscribed", "consent_answered")
COMMON = (
    "why",
    "owner",
    "justification",
    "was",
    "unless",
    "mode",
    "canary",
    "limits",
    "approve",
    "hold_out",
    "max_changes",
)
#: Read and checked, and without effect in this release: part → what there is instead.
IDLE: Mapping[str, str] = {
    "goal": "nothing is measured by it yet",
    "template": "every notice has one form",
    "before": "a notice goes out as soon as it is due, and nothing tells when it came late",
    "role event": "a rule on an event of a role acts once for the role, not once for each person",
}
_LATER = ("email", "survey", "remind")
_TIMES = re.compile(r"([0-9]{1,4}) every (.+)")


def common(lines: Mapping[str, Node], reader: Reader) -> dict[str, Any]:
    """Keyword arguments for `Entry` from the lines that every entry may have."""
    made: dict[str, Any] = {}
    for name in ("why", "owner", "justification"):
        if name in lines:
            made[name] = lines[name].text() or ""
    if "was" in lines:
        made["was"] = lines["was"].name()
    if "mode" in lines:
        made["mode"] = cast(Mode, lines["mode"].one_of(("off", "shadow", "live")) or "off")
    for name in ("canary", "hold_out", "max_changes"):
        if name in lines:
            made[name] = lines[name].percent()
    if "unless" in lines:
        made["unless"] = reader.one_line(lines["unless"])
    if "limits" in lines:
        made["limits"] = _limits(lines["limits"])
    if "approve" in lines:
        made["approve"] = _approve(lines["approve"])
    return made


def _limits(node: Node) -> Limits:
    lines = node.fields((), ("per_person", "people_per_event", "new_people_per_day"))
    per_person: tuple[int, Span] | None = None
    if "per_person" in lines:
        text = lines["per_person"].text() or ""
        match = _TIMES.fullmatch(text)
        span = as_span(match.group(2)) if match else None
        if match and span:
            per_person = (int(match.group(1)), span)
        elif text:
            lines["per_person"].wrong(f"`{shown(text)}` cannot be read here; write for example `1 every 90 days`")
    each = {key: value.whole(1) for key, value in lines.items() if key != "per_person"}
    return Limits(per_person=per_person, **each)


def _approve(node: Node) -> Approve | None:
    lines = node.fields(("by",), ("above",))
    by = lines["by"].text() if "by" in lines else None
    above: int | None = 0
    if "above" in lines:
        text = (lines["above"].text() or "").removesuffix("people").strip()
        number = as_number(text)
        above = int(number) if number is not None and number >= 0 and number == int(number) else None
        if above is None:
            lines["above"].wrong(f"`{shown(text)}` cannot be read here; write for example `50 people`")
    return None if by is None or above is None else Approve(by=by, above=above)


def again(node: Node) -> Again:
    """`never`, `always` or `after 12 months`."""
    text = (node.text() or "").lower()
    if text in ("never", "always"):
        return Again(how=cast(Literal["never", "always"], text))
    span = as_span(text.removeprefix("after ")) if text.startswith("after ") else None
    if span is None:
        node.wrong(f"`{shown(text)}` cannot be read here; write `never`, `always` or for example `after 12 months`")
        return Again()
    return Again(how="after", after=span)


def size(node: Node) -> tuple[int, int] | None:
    """`200 to 2000`."""
    text = node.text() or ""
    low, _, high = (as_number(part.strip().replace(",", "")) for part in text.partition(" to "))
    if low is None or high is None or not 0 <= low <= high or low != int(low) or high != int(high):
        node.wrong(f"`{shown(text)}` cannot be read here; write for example `200 to 2000`")
        return None
    return int(low), int(high)


def when(node: Node, reader: Reader) -> When | None:
    """The event, and tests on what it brings."""
    lines = node.fields(("event",), ("role", "application", "interview"))
    event = lines["event"].one_of(EVENTS) if "event" in lines else None
    trees: dict[str, Tree | None] = {}
    for scope in ("role", "application", "interview"):
        if scope in lines:
            trees[scope] = reader.about(lines[scope], scope)
            if event is not None and scope not in EVENTS[event]:
                lines[scope].wrong_key(f"`{event}` brings no {scope} to ask about")
    return None if event is None else When(event=event, **trees)


def keep(node: Node) -> Keep:
    lines = node.fields((), ("tags", "pools", "subscription"))
    if node.is_map and not node.value:
        node.wrong("`keep` needs `tags`, `pools` or `subscription`")
    texts = {name: lines[name].texts() for name in ("tags", "pools") if name in lines}
    subscription: bool | None = None
    if "subscription" in lines:
        word = lines["subscription"].one_of(("on", "off", "yes", "no", "true", "false"))
        subscription = None if word is None else word in ("on", "yes", "true")
        if subscription:
            lines["subscription"].wrong("nobody is ever re-subscribed by a rule; only `subscription: off` can be kept")
    return Keep(subscription=subscription, **texts)


def do(node: Node, reader: Reader, later: list[tuple[Node, str]]) -> Do:
    """What this release can do; `later` gets what it cannot yet."""
    lines = node.fields((), ("notify", "note_on_role", "event", *_LATER))
    later += [(lines[verb], verb) for verb in _LATER if verb in lines]
    if node.is_map and not node.value:
        node.wrong("`do` needs `notify`, `note_on_role` or `event`")
    notice = _notify(lines["notify"], reader) if "notify" in lines else None
    note = lines["note_on_role"].yes() if "note_on_role" in lines else False
    return Do(notify=notice, note_on_role=bool(note), event=_event(lines["event"]) if "event" in lines else None)


def _notify(node: Node, reader: Reader) -> Notify | None:
    lines = node.fields(("to",), ("template", "before"))
    to = lines["to"].text() if "to" in lines else None
    template = lines["template"].text() if "template" in lines else None
    before = lines["before"].one_of(EVENTS) if "before" in lines else None
    for name in ("template", "before"):
        if name in lines:
            idle(lines[name], f"`{name}`", IDLE[name], reader)
    if to is not None and to.startswith("role.") and to != "role.recruiter":
        lines["to"].wrong(f"`{shown(to)}` is nobody; write an address or `role.recruiter`")
    return None if to is None else Notify(to=to, template=template, before=before)


def _event(node: Node) -> Event | None:
    if not node.is_map:
        name = node.text()
        return None if name is None else Event(name=name)
    lines = node.fields(("name",), ("properties",))
    name = lines["name"].text() if "name" in lines else None
    given = lines["properties"].entries() if "properties" in lines else {}
    properties = tuple(sorted((key, value.text() or "") for key, value in given.items()))
    return None if name is None else Event(name=name, properties=properties)


def send(node: Node, reader: Reader) -> Send | None:
    lines = node.fields(("every", "rotate"), ("first", "days", "between", "when_all_seen"))
    every = lines["every"].span() if "every" in lines else None
    if every is not None and every.count == 0:
        lines["every"].wrong("`every` must be longer than nothing")
    first: Span | None = Span(0, "day")
    if "first" in lines:
        text = lines["first"].text() or ""
        first = as_span(text.removesuffix("after joining").strip())
        if first is None:
            lines["first"].wrong(f"`{shown(text)}` cannot be read here; write for example `14 days after joining`")
    days = [day.weekday() for day in lines["days"].items()] if "days" in lines else []
    pieces = [_piece(item, reader) for item in lines["rotate"].items()] if "rotate" in lines else []
    seen = lines["when_all_seen"].one_of(("stop", "start_again")) if "when_all_seen" in lines else "stop"
    between = lines["between"].hours() if "between" in lines else None
    if every is None or first is None:
        return None
    return Send(
        every=every,
        first=first,
        days=tuple(sorted({day for day in days if day is not None})),
        between=between,
        rotate=tuple(piece for piece in pieces if piece is not None),
        when_all_seen=cast(Literal["stop", "start_again"], seen or "stop"),
    )


def _piece(node: Node, reader: Reader) -> Piece | None:
    if not node.is_map:
        node.wrong(f"wanted `template: name`, came {came(node)}")
        return None
    lines = node.fields(("template",), ("only_if",))
    only_if = reader.who(lines["only_if"]) if "only_if" in lines else None
    template = lines["template"].text() if "template" in lines else None
    return None if template is None else Piece(template=template, only_if=only_if, at=place(lines["template"]))


def idle(node: Node, what: str, instead: str, reader: Reader) -> None:
    """Say that a part is read and does nothing."""
    message = f"{what} is read and has no effect in this release: {instead}"
    reader.idle.append(Problem(node.file, node.key_line, node.key_column, message, level="meaning"))


def goal(node: Node, reader: Reader) -> Goal | None:
    idle(node, "`goal`", IDLE["goal"], reader)
    lines = node.fields(("event", "within"))
    event = lines["event"].one_of(EVENTS) if "event" in lines else None
    within = lines["within"].span() if "within" in lines else None
    return None if event is None or within is None else Goal(event=event, within=within)


__all__ = ["COMMON", "EVENTS", "again", "common", "do", "goal", "idle", "keep", "send", "size", "when"]
