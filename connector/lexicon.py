"""Two parts of the settings' vocabulary that hang together inside: families of skills, and places."""

from __future__ import annotations

from dataclasses import replace
from typing import cast
from zoneinfo import ZoneInfo

from connector.document import Node, listed, meant
from connector.facts import fold
from connector.places import Places, Scheme, keyed


def families(node: Node | None) -> dict[str, tuple[str, ...]]:
    """Family → members. Families may hold families, but not themselves."""
    nodes = node.entries() if node is not None else {}
    found = {name: it.texts() for name, it in nodes.items()}
    inside = {fold(name): {fold(word) for word in words} for name, words in found.items()}
    for name, it in nodes.items():
        ahead, seen = list(inside[fold(name)]), set[str]()
        while ahead:
            if (word := ahead.pop()) not in seen:
                seen.add(word)
                ahead += inside.get(word, ())
        if fold(name) in seen:
            it.wrong_key(f"the family `{name}` is in itself, by way of its members")
    return found


def places(node: Node | None, zone: ZoneInfo) -> Places:
    """Unless said, home is the country of the time zone, and British regions are spoken of at home only."""
    lines = node.fields((), ("home", "regions", "towns")) if node is not None else {}
    said = lines["home"].text() if "home" in lines else None
    home = Places.country(said) if said else Places.home_of(zone.key)
    if said and home is None:
        lines["home"].wrong(f"`{said}` is no country; write its two letters, for example `GB`")
    scheme = lines["regions"].one_of(("itl", "nhs", "none")) if "regions" in lines else None
    made = Places(home=home, regions=cast(Scheme, scheme or ("itl" if home == "GB" else "none")))
    return replace(made, own=_own(lines.get("towns"), made))


def _own(node: Node | None, made: Places) -> tuple[tuple[str, str], ...]:
    """Text → the town it means here."""
    own: dict[str, str] = {}
    for town, names in (node.entries() if node is not None else {}).items():
        place = made.find(town)
        if place.town is None:
            near = f"; write {listed(place.choices[:4])}" if place.choices else meant(town, made.similar(town))
            names.wrong_key(f"`{town}` is not the name of one town{near}")
        own |= {keyed(name): town for name in names.texts()}
    return tuple(sorted(own.items()))


__all__ = ["families", "places"]
