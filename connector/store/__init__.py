"""Tables and transactions. One store class per engine, held to one contract suite (tests/store)."""

from connector.store.sqlite import Closed, Locked, NoDatabase, ReadOnly, Sqlite, Tx, Undone

__all__ = ["Closed", "Locked", "NoDatabase", "ReadOnly", "Sqlite", "Tx", "Undone"]
