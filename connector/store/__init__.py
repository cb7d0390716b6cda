"""Tables and transactions. One store class per engine, held to one contract suite (tests/store)."""

from connector.store.sqlite import Locked, Sqlite, Tx

__all__ = ["Locked", "Sqlite", "Tx"]
