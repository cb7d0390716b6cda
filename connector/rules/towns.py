"""Operators on towns. What a text of a rule means is settled when the rule is read, so the closures and the SQL compare
with the same names; a distance becomes the set of towns within it."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

from connector.document import Node, listed, meant, shown
from connector.errors import Problem
from connector.facts import fold
from connector.places import Place, Places
from connector.rules.leaf import Check, Context, Facts, Operator, Reading, Sides, Sql, nullable, timeless
from connector.rules.texts import TEXTS
from connector.rules.tree import Answer, Leaf

_KM = {"mile": 1.609344, "km": 1.0}
#: Further than this it is a country or a region that is meant, and the set of towns gets long.
_MOST_KM = 320.0
_WIDE_KM = 15.0
_WITHIN = re.compile(r"([0-9]+(?:\.[0-9]+)?) *(miles?|mi|km|kilomet(?:re|er)s?) (?:of|from|around) (.+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """`30 miles of Manchester`."""

    centre: str
    unit: str
    #: Every town so near, as the mirror names it.
    towns: tuple[str, ...]
    home: str | None
    #: As large as a region, and so no small area that tells something of who lives there.
    wide: bool

    def far(self, town: str) -> str:
        """ "6 miles", for people."""
        places = Places(home=self.home)
        one, other = places.find(self.centre).at, places.find(town).at
        if one is None or other is None:
            return ""
        length = round(one.km_to(other) / _KM[self.unit])
        return f"{length} {self.unit}{'s' if self.unit == 'mile' and length != 1 else ''}"


def find_town(node: Node, text: str, reading: Reading) -> Place | None:
    """The town meant. One that could be several is a problem; one that nobody knows comes back without a town."""
    place = reading.vocabulary.places.find(text)
    if place.standing == "ambiguous":
        ways = listed(place.choices[:4]) if place.choices else "its county or country behind it"
        node.wrong(f"`{shown(text)}` could be several towns; write {ways}")
        return None
    return place


def _unknown(text: str, reading: Reading) -> str:
    near = meant(text, reading.vocabulary.places.similar(text))
    return f"no town called `{shown(text)}` is known here{near}"


def read_town(node: Node, reading: Reading) -> str | None:
    text = node.text()
    place = None if text is None else find_town(node, text, reading)
    if text is None or place is None:
        return None
    if place.town is None:
        message = f"{_unknown(text, reading)}; nobody is ever said to live there"
        reading.warnings.append(Problem(node.file, node.line, node.column, message))
    return reading.vocabulary.canonical("towns", text)


def read_towns(node: Node, reading: Reading) -> tuple[str, ...] | None:
    items = node.items()
    towns = [read_town(item, reading) for item in items]
    return tuple(sorted({town for town in towns if town is not None})) if items and None not in towns else None


def _read_within(node: Node, reading: Reading) -> Around | None:
    text = node.text()
    if text is None:
        return None
    match = _WITHIN.fullmatch(" ".join(text.split()))
    if match is None:
        node.wrong(
            f"`{shown(text)}` cannot be read here; write for example `30 miles of Manchester` or `50 km of Leeds`"
        )
        return None
    unit = "mile" if match.group(2).lower().startswith("mi") else "km"
    km = float(match.group(1)) * _KM[unit]
    if km > _MOST_KM:
        node.wrong(
            f"`{match.group(1)} {match.group(2)}` is too far; up to 200 miles or 320 km, else ask for `region` or `country`"
        )
        return None
    place = find_town(node, match.group(3), reading)
    if place is not None and place.at is None:
        asked = "; ask for `region` or `country`, or name a town" if place.country else ""
        node.wrong(f"a distance is measured from a town, and {_unknown(match.group(3), reading)}{asked}")
    if place is None or place.at is None or place.town is None:
        return None
    towns = tuple(it.town for it in reading.vocabulary.places.near(place.at, km))
    return Around(
        centre=fold(place.town), unit=unit, towns=towns, home=reading.vocabulary.places.home, wide=km >= _WIDE_KM
    )


def _within(test: Leaf) -> Check:
    name, towns = test.fact.name, frozenset(test.value.towns)

    def check(facts: Facts, context: Context) -> Answer:
        found = facts.get(name)
        return None if found is None else found in towns

    return check


def _within_sql(test: Leaf, column: str, sql: Sql) -> Sides:
    return nullable(f"{column} IN {sql.bind_all(test.value.towns)}")


def away(test: Leaf, town: Any) -> str:
    """How far the town of a person is from the one that the test names, as an addition to what was seen."""
    far = test.value.far(town) if isinstance(test.value, Around) and town is not None else ""
    return f", {far}" if far else ""


_READS = {"equals": read_town, "any_of": read_towns, "none_of": read_towns}
TOWNS = (
    *(
        replace(operator, type="town", read=_READS.get(operator.name, operator.read))
        for operator in TEXTS
        if operator.name != "same_as"
    ),
    Operator(
        type="town",
        name="within",
        read=_read_within,
        check=_within,
        sql=_within_sql,
        says=lambda test: f"within {test.shown}",
        wish=lambda test: f"becomes a town within {test.shown}",
        reaches=timeless,
    ),
)

__all__ = ["TOWNS", "Around", "away", "find_town"]
