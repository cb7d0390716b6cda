"""A beginning: a folder of settings and rules from a starter pack, and single new rules with their tests.

`packs()` lists what there is to begin with; `found(answers)` makes every file of a new folder as text, `write` puts them there.
`fresh(...)` makes one rule that is valid and passes its test under the settings at hand."""

from connector.setup.fresh import KINDS, Fresh, fresh
from connector.setup.packs import Pack, packs
from connector.setup.premises import Answers, by_default, choices, files, held, write

__all__ = ["KINDS", "Answers", "Fresh", "Pack", "by_default", "choices", "files", "fresh", "held", "packs", "write"]
