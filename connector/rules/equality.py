"""What stands in for a protected characteristic. The characteristics themselves are refused by name (`facts.PROTECTED`);
a rule that leans on one of these has to say why, in its `justification` line, and a person can read it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

from connector.errors import Problem
from connector.facts import fold
from connector.rules.entries import Entry
from connector.rules.towns import Around
from connector.rules.tree import Default, Items, Leaf, Not, Tree, children

#: Names that are no facts and will not be: the name → what it stands in for.
NAMES: Mapping[str, str] = MappingProxyType(
    {
        "graduat": "age", "class_of": "age", "retire": "age", "school_leaving": "age", "gap": "sex and maternity",
        "name": "sex and ethnic origin", "surname": "ethnic origin", "school": "social origin",
        "university": "social origin", "college": "social origin", "postcode": "ethnic and social origin",
        "postal_code": "ethnic and social origin", "zip": "ethnic and social origin",
        "street": "ethnic and social origin", "native": "national origin", "mother_tongue": "national origin",
        "place_of_birth": "national origin", "salary_history": "sex",
    }
)  # fmt: skip
#: What a tag, a reason or a title may say: words at whose start it stands → what for.
WORDS: Mapping[str, str] = MappingProxyType(
    {
        "maternity": "maternity", "paternity": "sex", "parental leave": "sex and maternity", "pregnan": "pregnancy",
        "childcare": "sex", "career break": "sex and maternity", "career gap": "sex and maternity",
        "married": "marriage", "native speaker": "national origin", "mother tongue": "national origin",
        "visa": "nationality", "overqualified": "age", "over qualified": "age", "digital native": "age",
        "recent graduate": "age", "young": "age", "retire": "age", "oxbridge": "social origin",
        "private school": "social origin", "grammar school": "social origin",
    }
)  # fmt: skip
_WORD = re.compile(rf"\b(?:{'|'.join(WORDS)})")
_YEAR = re.compile(r"\b(class of|born|graduat\w*|leaver)\b.*\b(19|20)\d\d\b")
_POSTCODE = re.compile(r"[a-z]{1,2}[0-9][a-z0-9]? ?[0-9][a-z]{2}")
_DISTRICT = re.compile(r"[a-z]{1,2}[0-9][a-z0-9]?")
_PLACES = ("region", "city")
#: Operators that keep people out from some value up, and those that do when they stand behind a *not*.
_UPPER, _LOWER = ("at_most", "less_than", "equals"), ("at_least", "more_than", "equals")


def stands_for(name: str) -> str | None:
    """What a fact of this name would stand in for, were there one."""
    plain = fold(name).replace("-", "_").replace(" ", "_")
    pieces = set(re.split(r"[_.]", plain))
    return next(
        (what for word, what in NAMES.items() if word in pieces or (len(word) > 4 and plain.startswith(word))), None
    )


def telling(text: str, *, place: bool = False) -> str | None:
    """What a word may stand in for: a telling word, a year of birth or of leaving school, a postcode."""
    plain = " ".join(re.split(r"[-_\s]+", fold(text)))
    if found := _WORD.search(plain):
        return WORDS[found.group()]
    if _YEAR.search(plain):
        return "age"
    if _POSTCODE.fullmatch(plain) or (place and _DISTRICT.fullmatch(plain)):
        return "ethnic and social origin"
    return None


def proxies(entry: Entry) -> tuple[list[Problem], list[Problem]]:
    """(must be justified, better be): none of either once the entry says why it is needed."""
    problems: list[Problem] = []
    doubts: list[Problem] = []
    for test, turned in _turned(entry.trees):
        found = _of(test, turned)
        if found is None or entry.justification:
            continue
        named, what, must = found
        problem = Problem(
            test.at.file,
            test.at.line,
            test.at.column,
            f"`{named}` may stand in for {what}; if it is needed, say why in a `justification:` line",
            level="meaning",
            rule=entry.name,
        )
        (problems if must else doubts).append(problem)
    return problems, doubts


def _turned(trees: Iterable[Tree]) -> Iterator[tuple[Leaf, bool]]:
    """Every test, and whether a *not* stands before it."""
    waiting = [(tree, False) for tree in trees]
    while waiting:
        tree, turned = waiting.pop()
        match tree:
            case Leaf():
                yield tree, turned
            case Not(part=part):
                waiting.append((part, not turned))
            case Default() | Items() | _:
                waiting += [(child, turned) for child in children(tree)]


def _of(test: Leaf, turned: bool) -> tuple[str, str, bool] | None:
    """What in it tells, of what, and whether it has to be justified."""
    proxy = test.fact.proxy
    if isinstance(test.value, Around) and test.value.wide:
        return None
    if proxy is not None and (not proxy.upper or test.op in (_LOWER if turned else _UPPER)):
        return test.fact.name, proxy.of, proxy.must
    if (
        test.fact.type in ("text", "town", "words")
        and test.op != "within"
        and test.op not in ("same_as", "shares_with")
    ):
        words = test.value if isinstance(test.value, tuple) else (test.value,)
        for word in words:
            if what := telling(word, place=test.fact.name in _PLACES):
                return word, what, True
    return None


__all__ = ["NAMES", "WORDS", "proxies", "stands_for", "telling"]
