"""Opt-outs are kept as keyed hashes, and without the key nothing starts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connector.store import ReadOnly, Sqlite
from connector.store.keyed import VARIABLE, NoHashKey, file_of
from connector.store.ledger import Suppression

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
SAM = Suppression(identity="e:sam@example.org", scope="everything", source="news", reason="asked", learnt_at=NOW)


def begun(path: Path) -> None:
    with Sqlite(path) as store:
        store.write(lambda tx: tx.ledger.suppress([SAM]))


def known(path: Path, identity: str = SAM.identity) -> int:
    with Sqlite(path) as store, store.reading() as tx:
        return len(tx.ledger.suppressions([identity]))


def test_the_address_itself_is_not_stored_and_is_known_however_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "keepwarm.db"
    begun(path)
    with Sqlite(path) as store, store.reading() as tx:
        (row,) = tx.rows("select identity from suppressions")
        assert "sam" not in row["identity"]
        assert [it.identity for it in tx.ledger.suppressions(["e:Sam@Example.org "])] == ["e:Sam@Example.org "]
        assert tx.ledger.suppressions(["c:sam@example.org"]) == []


def test_the_key_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "keepwarm.db"
    begun(path)
    made = file_of(path).read_bytes()
    assert file_of(path).stat().st_mode & 0o777 == 0o600
    assert known(path) == 1
    assert file_of(path).read_bytes() == made


@pytest.mark.parametrize("open_", [Sqlite, ReadOnly])
@pytest.mark.parametrize("lost", ["gone", "another", "cut off"])
def test_nothing_starts_with_opt_outs_and_without_their_key(
    tmp_path: Path, open_: Callable[[Path], object], lost: str
) -> None:
    path = tmp_path / "keepwarm.db"
    begun(path)
    if lost == "gone":
        file_of(path).unlink()
    else:
        file_of(path).write_text("0" * (64 if lost == "another" else 5), encoding="ascii")
    with pytest.raises(NoHashKey):
        open_(path)
    assert not (lost == "gone" and file_of(path).exists())


def test_a_lost_key_is_made_anew_where_nobody_said_no(tmp_path: Path) -> None:
    path = tmp_path / "keepwarm.db"
    Sqlite(path).close()
    file_of(path).unlink()
    ReadOnly(path).close()
    assert known(path) == 0
    begun(path)
    assert known(path) == 1


def test_the_environment_may_hold_the_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "keepwarm.db"
    monkeypatch.setenv(VARIABLE, "k" * 32)
    begun(path)
    assert not file_of(path).exists()
    assert known(path) == 1
    monkeypatch.setenv(VARIABLE, "short")
    with pytest.raises(NoHashKey, match="at least 32"):
        Sqlite(path)
    monkeypatch.delenv(VARIABLE)
    with pytest.raises(NoHashKey, match="not here"):
        Sqlite(path)
    file_of(path).write_text("k" * 32, encoding="ascii")
    assert known(path) == 1
