"""Asking the platforms what they received, and holding it against what we believe we sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from connector.cli.sandboxes import Stage
from connector.facts import fold
from connector.house import House
from connector.store import Tx

#: Verbs whose every act is one effect on the platform.
COUNTED = ("add_tag", "remove_tag", "add_note", "upsert_member", "suppress_member", "send_event", "start_journey",
           "schedule_campaign", "notify")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Check:
    account: str
    what: str
    ours: int
    theirs: int

    @property
    def agrees(self) -> bool:
        return self.ours == self.theirs


def compare(house: House, stages: Mapping[str, Stage]) -> list[Check]:
    """Counts of effects, then the state they add up to: tags that stand, people who were written to."""
    found: list[Check] = []
    with house.store.reading() as tx:
        for name, stage in stages.items():
            found += _effects(tx, name, stage)
            found += _state(tx, name, stage.ask("state"))
    return found


def _effects(tx: Tx, account: str, stage: Stage) -> Iterator[Check]:
    theirs = Counter(it["verb"] for it in stage.ask("log"))
    ours = {
        row["verb"]: row["n"]
        for row in tx.rows(
            "select verb, count(*) n from outbox where account = ? and state = 'sent'"
            " and coalesce(json_extract(receipt, '$.already'), 0) = 0 group by 1",
            (account,),
        )
    }
    for verb in COUNTED:
        if ours.get(verb, 0) or theirs[verb]:
            yield Check(account, f"{verb} done", ours.get(verb, 0), theirs[verb])


def _state(tx: Tx, account: str, state: Mapping[str, Any]) -> Iterator[Check]:
    mine = {(it.subject, fold(it.key)) for it in tx.ledger.all_owned() if it.account == account and it.state == "ours"}
    tags = state.get("tags") or {key: it["tags"] for key, it in state.get("members", {}).items()}
    there = {(subject, fold(tag)) for subject, names in tags.items() for tag in names}
    if mine or there:
        yield Check(account, "tags of ours that stand", len(mine), len(mine & there))
    if "members" in state:
        yield _mailed(tx, account, state)
        members = state["members"]
        told = {it["address"] for it in state["mailed"]}
        asked = tx.ledger.suppressions(f"e:{address}" for address in {*members, *told})
        learnt = {it.identity.removeprefix("e:") for it in asked}
        out = {address for address, it in members.items() if it["status"] in ("unsubscribed", "cleaned")}
        yield Check(account, "opt-outs the platform holds", len(out & learnt), len(out))
        yield Check(account, "people written to against their word", 0, len(told & learnt))


def _mailed(tx: Tx, account: str, state: Mapping[str, Any]) -> Check:
    sent = tx.rows("select count(*) n from messages where state = 'sent'")[0]["n"]
    return Check(account, "messages that reached people", sent, len(state["mailed"]))
