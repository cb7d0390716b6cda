"""Acme as its documents have it, without anything of the adapter's."""

from __future__ import annotations

from connector.sandbox import CASES

#: The nasty cases this sandbox can be switched to.
KNOWN = tuple(CASES)
