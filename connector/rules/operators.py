"""The one table of test operators: (type of fact, word) → everything that must be known about it."""

from __future__ import annotations

from functools import cache
from types import MappingProxyType

from connector.rules.leaf import Operator
from connector.rules.quantities import NUMBERS, TIMES, YES_NO
from connector.rules.texts import STAGES, TEXTS
from connector.rules.towns import TOWNS
from connector.rules.tree import Leaf
from connector.rules.words import SETS

_ALL = (*TEXTS, *TOWNS, *STAGES, *NUMBERS, *YES_NO, *TIMES, *SETS)
OPERATORS: MappingProxyType[tuple[str, str], Operator] = MappingProxyType(
    {(operator.type, operator.name): operator for operator in _ALL}
)


def of(test: Leaf) -> Operator:
    return OPERATORS[test.fact.type, test.op]


@cache
def words_for(type_: str) -> tuple[str, ...]:
    """The operators of a type of fact, by name."""
    return tuple(name for of_type, name in OPERATORS if of_type == type_)


__all__ = ["OPERATORS", "of", "words_for"]
