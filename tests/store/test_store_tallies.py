"""Counts that `check` compares rules with."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from connector.facts import BY_NAME
from connector.store.ledger import Owned
from connector.store.mirror import Image
from connector.store.protocol import Store


def test_values_are_counted_wherever_the_mirror_keeps_them(store: Store) -> None:
    def image(person: int, region: str | None, skills: list[str], stages: list[str | None]) -> Image:
        rows: list[dict[str, Any]] = [{"id": f"{person}-{n}", "furthest_stage": it} for n, it in enumerate(stages)]
        facts = {"region": region} if region else {}
        return Image(person=person, facts=facts, words={"skills": skills}, children={"applications": rows})

    images = [
        image(1, "wales", ["icu", "go"], ["onsite", None]),
        image(2, "wales", ["go"], ["onsite"]),
        image(3, None, [], []),
    ]
    store.write(lambda tx: tx.mirror.put(images))
    with store.reading() as tx:
        assert tx.mirror.tally(BY_NAME["person", "region"]) == {"wales": 2}
        assert tx.mirror.tally(BY_NAME["person", "skills"]) == {"go": 2, "icu": 1}
        assert tx.mirror.tally(BY_NAME["application", "furthest_stage"]) == {"onsite": 2}
        assert tx.mirror.tally(BY_NAME["event", "name"]) == {}


def test_what_rules_keep_is_counted_by_person(store: Store) -> None:
    def owned(account: str, person: int, state: str, *rules: str) -> Owned:
        now = datetime(2026, 11, 23, tzinfo=UTC)
        return Owned(account=account, subject=str(person), kind="tag", key="silver", person=person, rules=rules,
                     state=state, rule_hash="h", added_at=now)  # fmt: skip

    rows = [owned("a", 1, "ours", "one"), owned("b", 1, "ours", "one"), owned("a", 2, "adding", "one", "two"),
            owned("a", 3, "theirs", "one")]  # fmt: skip
    store.write(lambda tx: tx.ledger.own(rows))
    with store.reading() as tx:
        assert tx.ledger.kept_by_rule() == [("one", "tag", "silver", 2), ("two", "tag", "silver", 1)]
