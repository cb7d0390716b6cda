"""Everything we hold of one person, with where it comes from and what rules make of it: for a machine, and to be read."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from connector import facts as facts_
from connector import occasions
from connector import people as people_
from connector.cadence import Desk
from connector.errors import KeepwarmError
from connector.model import Ref
from connector.rules import explain
from connector.store import Tx

#: Table → the column that says whose a row is, and what is told of it.
_ROWS: Mapping[str, str] = {
    "messages": "select cadence, template, channel, purpose, state, due_at, sent, why from messages where person = ?"
    " order by due_at",
    "series": "select cadence, state, joined_at, n as messages, due_at, why, changed_at from enrolments where person = ?",
    "decisions": "select rule, occasion, clock as at, answer, line as because, mode from decisions where person = ? order by id",
    "acts": "select account, verb, subject, args, rule, state, made_at, settled_at, outcome from outbox where person = ?"
    " order by id",
    "tags_and_pools": "select account, subject, kind, key, rules, state, added_at from owned where person = ?",
    "taken_off_by_people": "select kind, key, by, at from vetoes where person = ?",
}
_ANSWERS = {True: "yes", False: "no", None: "unknown"}


class Nothing(KeepwarmError):
    """Nothing is held of this person."""


def disclose(tx: Tx, desk: Desk, person: int, *, now: datetime) -> dict[str, Any]:
    profile = tx.mirror.profile(person)
    if profile is None:
        raise Nothing(f"there is no person {person}; `keepwarm people find` looks for one")
    addresses = tx.mirror.known_addresses(person)
    accounts = desk.bench.settings.accounts
    family = tx.erasure.family(tx.mirror.candidates(person))
    members = [it.ref for it in tx.records.by_address(addresses)]
    held = tx.freezes.of(person)
    return {
        "made_at": now,
        "person": person,
        "name": profile.name,
        "addresses": addresses,
        "comes_from": {
            name: accounts[name].platform
            for name in sorted({it.account for it in (*family, *members)})
            if name in accounts
        },
        "records": list(_records(tx, [*family, *members])),
        "former_records": list(_former(tx, [*family, *members])),
        "facts": {
            name: value
            for name, value in tx.mirror.facts_of([person])[person].items()
            if value not in (None, [], frozenset())
        },
        "rules": list(_rules(tx, desk, person, now=now)),
        "opt_outs": [
            {"source": it.source, "reason": it.reason, "scope": it.scope, "learnt_at": it.learnt_at}
            for it in people_.objections(tx, person)
        ],
        **{name: tx.rows(sql, (person,)) for name, sql in _ROWS.items()},
        "frozen": {"since": held.since, "reason": held.reason} if held else None,
    }


def _records(tx: Tx, refs: Sequence[Ref]) -> Iterator[dict[str, Any]]:
    for ref in refs:
        for row in tx.rows(
            "select account, kind, id, received_at, recorded_at, body from records where account = ? and kind = ? and id = ?",
            (ref.account, ref.kind, ref.id),
        ):
            yield row | {"body": msgspec.json.decode(row["body"])}


def _former(tx: Tx, refs: Sequence[Ref]) -> Iterator[dict[str, Any]]:
    for ref in refs:
        for row in tx.rows(
            "select account, kind, id, recorded_at, replaced_at, body from history where account = ? and kind = ? and id = ?"
            " order by recorded_at",
            (ref.account, ref.kind, ref.id),
        ):
            yield row | {"body": msgspec.json.decode(row["body"])}


def _rules(tx: Tx, desk: Desk, person: int, *, now: datetime) -> Iterator[dict[str, str]]:
    court = desk.bench.court
    known = tx.mirror.facts_of([person])[person]
    answers = court.answers(known, occasions.standing_of(tx, [person])[person], now=now)
    for rule in court.rules.standing:
        context = court.context(now, answers=answers)
        why = explain(rule, known, context)
        answer = court.judge(rule, known, context)
        yield {"rule": rule.name, "why": rule.why, "answer": _ANSWERS[answer], "because": why.deciding}


def to_json(told: Mapping[str, Any]) -> bytes:
    def plain(value: Any) -> Any:
        return sorted(value) if isinstance(value, frozenset) else str(value)

    return msgspec.json.format(msgspec.json.encode(told, enc_hook=plain), indent=2)


# to be read

_STYLE = (
    "body{font:1rem/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a;background:#fff}"
    "h1{font-size:1.6rem}h2{font-size:1.2rem;margin-top:2rem;border-top:1px solid #ccc;padding-top:1rem}"
    "table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;padding:.3rem .8rem .3rem 0}"
    "th{font-weight:600}.wide{overflow-x:auto}"
)
_SECTIONS: Sequence[tuple[str, str, str, Sequence[tuple[str, str]]]] = (
    ("opt_outs", "What you said no to", "You have not told us to stop writing to you.",
     (("source", "where you said it"), ("reason", "what"), ("scope", "what it covers"), ("learnt_at", "when we learnt of it"))),
    ("rules", "What our rules say of you", "There are no rules.",
     (("rule", "rule"), ("why", "what it is for"), ("answer", "applies to you"), ("because", "what decided it"))),
    ("messages", "Messages to you", "We have sent you none and plan none.",
     (("cadence", "series"), ("template", "message"), ("state", "state"), ("due_at", "planned for"), ("sent", "sent"))),
    ("series", "Series of messages you are in", "You are in none.",
     (("cadence", "series"), ("state", "state"), ("joined_at", "since"), ("why", "why it ended"))),
    ("tags_and_pools", "Labels we put on you", "We put none on you.",
     (("account", "where"), ("key", "label"), ("rules", "rule"), ("added_at", "since"))),
    ("taken_off_by_people", "Labels of ours that a person took off", "There are none.",
     (("key", "label"), ("by", "where"), ("at", "when"))),
    ("decisions", "What was decided by rules", "Nothing was decided.",
     (("at", "when"), ("rule", "rule"), ("answer", "answer"), ("because", "what decided it"), ("mode", "kind"))),
    ("acts", "What we told other systems about you", "Nothing.",
     (("made_at", "when"), ("account", "which system"), ("verb", "what"), ("state", "state"))),
    ("records", "Records about you, and where they come from", "There are none.",
     (("account", "system"), ("kind", "what"), ("received_at", "last received"), ("body", "content"))),
    ("former_records", "What records said before", "Nothing of that is kept.",
     (("account", "system"), ("kind", "what"), ("replaced_at", "until"), ("body", "content"))),
)  # fmt: skip


def to_html(told: Mapping[str, Any]) -> str:
    """One page that needs nothing else: no script, no picture, no request to anywhere."""
    systems = ", ".join(f"{name} ({platform})" for name, platform in told["comes_from"].items()) or "no system"
    parts = [
        f"<h1>What we hold about {_text(told['name'])}</h1>",
        f"<p>As of {_text(told['made_at'])}, number {told['person']} here. All of it comes from {_text(systems)},"
        " or was worked out from that by rules that people wrote.</p>",
        f"<p>Addresses: {_text(', '.join(told['addresses']) or 'none')}</p>",
    ]
    if told["frozen"]:
        parts.append(
            "<p><strong>Nothing is done with this data at the moment, because somebody asked for that.</strong></p>"
        )
    parts.append(_facts(told["facts"]))
    for key, title, none, columns in _SECTIONS:
        parts.append(f"<h2>{_text(title)}</h2>")
        parts.append(_table(told[key], columns) if told[key] else f"<p>{_text(none)}</p>")
    title = f"What we hold about {_text(told['name'])}"
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{title}</title><style>{_STYLE}</style></head><body><main>{''.join(parts)}</main></body></html>\n"
    )


def _facts(known: Mapping[str, Any]) -> str:
    meanings = {fact.name: fact.meaning for fact in facts_.of("person").values()}
    rows = [{"what": meanings[name], "value": value} for name, value in known.items() if name in meanings]
    return "<h2>What we know about you</h2>" + _table(rows, (("what", "what"), ("value", "what we hold")))


def _table(rows: Sequence[Mapping[str, Any]], columns: Sequence[tuple[str, str]]) -> str:
    head = "".join(f'<th scope="col">{_text(name)}</th>' for _, name in columns)
    lines = "".join("<tr>" + "".join(f"<td>{_text(row.get(key))}</td>" for key, _ in columns) + "</tr>" for row in rows)
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table></div>'


def _text(value: Any) -> str:
    if isinstance(value, bool | int) and value in (0, 1):
        value = "yes" if value else "no"
    if isinstance(value, frozenset | set):
        value = ", ".join(sorted(value))
    if isinstance(value, dict | list):
        value = msgspec.json.encode(value, enc_hook=str).decode()
    if isinstance(value, datetime):
        value = f"{value:%Y-%m-%d %H:%M} UTC"
    return html.escape("" if value is None else str(value))
