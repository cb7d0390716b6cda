"""An address that objected waits until its audiences were looked at."""

from __future__ import annotations

from datetime import UTC, datetime

from connector.store.ledger import Suppression
from connector.store.protocol import Store

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)


def opted_out(identity: str, source: str = "mailer") -> Suppression:
    return Suppression(identity=identity, scope="everything", source=source, reason="unsubscribed", learnt_at=NOW)


def waiting(store: Store) -> list[str]:
    with store.reading() as tx:
        return tx.objections.waiting(10)


def test_an_opt_out_that_is_news_has_its_address_wait(store: Store) -> None:
    news = [opted_out("e:b@example.org"), opted_out("e:a@example.org"), opted_out("c:ats:1")]
    assert store.write(lambda tx: tx.ledger.suppress(news)) == 3
    assert waiting(store) == ["a@example.org", "b@example.org"]
    store.write(lambda tx: tx.objections.done(["a@example.org", "b@example.org"]))
    assert store.write(lambda tx: tx.ledger.suppress(news)) == 0
    assert waiting(store) == []
    store.write(lambda tx: tx.ledger.suppress([opted_out("e:a@example.org", "other")]))
    assert waiting(store) == ["a@example.org"]


def test_an_address_may_be_noted_again_and_waits_once(store: Store) -> None:
    store.write(lambda tx: tx.objections.note(["a@example.org"]))
    store.write(lambda tx: tx.objections.note(["a@example.org", "b@example.org"]))
    assert waiting(store) == ["a@example.org", "b@example.org"]
    with store.reading() as tx:
        assert tx.objections.waiting(1) == ["a@example.org"]
