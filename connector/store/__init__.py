"""Tables and transactions. One store class per engine, held to one contract suite (tests/store)."""

from connector.store.sqlite import Closed, Locked, Sqlite, Tx, Undone

__all__ = ["Closed", "Locked", "Sqlite", "Tx", "Undone"]
