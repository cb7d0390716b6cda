"""Free text as platforms give it → country, region, town. What a text leaves open stays open: nothing is guessed.

`Places(home=, regions=)` is how one organisation sees the world. `.find(text)` says what a text means, `.near(text, km)`
which towns are around one, `.region(text)` and `.country(text)` what rules mean by a word. Towns are from GeoNames
(geonames.org, CC BY 4.0) through two libraries, see docs/gazetteer.py; British regions are our own table.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.resources import files
from typing import Literal

from connector.facts import fold
from connector.places import claims as claims_
from connector.places import table
from connector.places.britain import ENGLAND, GROUPS, REGIONS
from connector.places.claims import Claim, Claims
from connector.places.table import Town, keyed

Scheme = Literal["itl", "nhs", "none"]
Standing = Literal["known", "ambiguous", "unknown"]
#: A town is meant if it is so many times as large as the next of its name.
_LARGER = 10
#: So many people at least, where a text does not say in which part of the country: GeoNames leaves out the other
#: hamlets of the same name, so that a small one looks unique when it is not. Abroad, where it does not say even the country.
_OF_SIZE, _OF_SIZE_ABROAD = 5_000, 100_000
#: Two towns in one text: the first is meant if it is so near to the other, as in "Salford, Manchester".
_BESIDE_KM = 40.0
_PARTS = re.compile(r"[,()\[\]\t]|\s[-–—]+\s|:\s")
_OR = re.compile(r"[;|/\n•·]|\s(?:or|OR)\s")
_BEFORE = "remote|hybrid|onsite|on site|home based|based|living|located|near|in|at|from|around|the city of|city of"
_AFTER = (
    "metropolitan area|metro area|and surrounding areas|area|[0-9]+|city centre|city center|town centre|city"
    "|remote|hybrid|onsite"
)
_ASIDE = re.compile(rf"^(?:[0-9]{{4,6}}|{_BEFORE})\s+|\s+(?:{_AFTER})$")
#: Not a place, and no doubt on one either.
_NOTHING = frozenset(
    [
        "remote",
        "hybrid",
        "onsite",
        "on",
        "site",
        "home",
        "home",
        "based",
        "anywhere",
        "flexible",
        "various",
        "multiple",
        "locations",
        "worldwide",
        "nationwide",
        "any",
    ]
) | {
    "on site",
    "home based",
    "multiple locations",
    "home working",
    "work from home",
    "city centre",
    "city of",
    "uk wide",
}
_LONGEST = 300
_KEPT = 2048


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What a text says. `unknown` may still have a country: of the town nothing is known."""

    standing: Standing
    country: str | None = None
    region: str | None = None
    #: The one name of this town under which the mirror keeps it: "Stockport", "Newport, Wales".
    town: str | None = None
    #: Of an ambiguous one: how each could be written.
    choices: tuple[str, ...] = ()
    at: Town | None = None


@dataclass(frozen=True, slots=True)
class Near:
    """A town that may be asked about, and how far it is."""

    town: str
    km: float


@dataclass(frozen=True, slots=True)
class Places:
    """`home`: the country that is meant where a text names none. `regions`: how British regions are called."""

    home: str | None = None
    regions: Scheme = "none"
    #: What a text that could be several towns means here: its key → the town, as `find` understands it.
    own: tuple[tuple[str, str], ...] = ()

    def find(self, text: str) -> Place:
        return _find(self, text[:_LONGEST])

    def region(self, text: str) -> tuple[str, ...]:
        """The regions that a word means, as they are called here: one, several ("Midlands"), or none that we know."""
        letters = _letters(keyed(text)) if self.regions != "none" else ""
        return tuple(dict.fromkeys(self.called(it) for it in letters))

    def called(self, letter: str) -> str:
        return REGIONS[letter][1 if self.regions == "nhs" else 0]

    @property
    def all_regions(self) -> tuple[str, ...]:
        return () if self.regions == "none" else tuple(dict.fromkeys(map(self.called, REGIONS)))

    @staticmethod
    def home_of(zone: str) -> str | None:
        """The country that a time zone is of, where it is of one."""
        lines = files("tzdata").joinpath("zoneinfo", "zone.tab").read_text(encoding="utf-8").splitlines()
        return next((line[:2] for line in lines if line[:1] != "#" and line.split("\t")[2] == zone), None)

    @staticmethod
    def country(text: str) -> str | None:
        return claims_.country(text)

    def near(self, town: Town, km: float) -> tuple[Near, ...]:
        """Every town up to so far away whose name says which one it is."""
        return _near(self, town, km)

    def label(self, town: Town) -> str | None:
        """The shortest name that means this town and no other; None: no text could."""
        return _label(self, town)

    @staticmethod
    def similar(text: str) -> tuple[str, ...]:
        """Names to suggest from where one is not known."""
        return table.similar(keyed(text.split(",")[0]))


@lru_cache(maxsize=_KEPT)
def _label(places: Places, town: Town) -> str | None:
    plain = replace(places, own=())
    for word in ("", *_within(town)):
        text = f"{town.name}, {word}" if word else town.name
        parts = _parts(plain, text)
        if _named(plain, parts, [it.claims for it in parts if it.claims and not it.town]) == [town]:
            return text
    return None


def _within(town: Town) -> tuple[str, ...]:
    """What a town is in, the most telling first."""
    country = claims_.countries().get(town.country, town.country)
    if town.country == "GB":
        region = REGIONS[town.admin][0]
        near = (town.county, region) if town.admin in ENGLAND and town.county != town.name else (region, town.county)
        return (*near, country)
    state = claims_.state(town.country, town.admin)
    return (state, f"{state}, {country}") if state else (country,)


def _letters(key: str) -> str:
    for name, letters in GROUPS.items():
        if keyed(name) == key:
            return letters
    return "".join(letter for letter, names in REGIONS.items() if key in map(keyed, names))


# one text


@dataclass(frozen=True, slots=True)
class _Part:
    """What stands between two commas. It may name a town, or what a town is in, or both ("Durham"), or nothing we know."""

    key: str
    claims: Claims = ()
    town: bool = False
    #: Something that nobody knows comes behind it, so home is no evidence of which town is meant.
    doubtful: bool = False


@lru_cache(maxsize=_KEPT)
def _find(places: Places, text: str) -> Place:
    options = [it for it in _OR.split(text) if it.strip()]
    if len(options) > 1:
        each = [_find(places, it) for it in options]
        named = [it for it in each if it.town or it.choices]
        if len({it.town for it in named}) > 1 or any(it.choices for it in named):
            return _several(each, named)
    return _settled(places, _parts(places, ", ".join(options)))


def _several(each: Sequence[Place], named: Sequence[Place]) -> Place:
    """Alternatives: what they have in common."""
    countries, regions = {it.country for it in each if it.country}, {it.region for it in named}
    choices = (choice for it in named for choice in (it.choices or (it.town or "",)))
    return Place(
        standing="ambiguous",
        country=countries.pop() if len(countries) == 1 else None,
        region=regions.pop() if len(regions) == 1 else None,
        choices=tuple(dict.fromkeys(choices)),
    )


def _settled(places: Places, parts: Sequence[_Part]) -> Place:
    said = [it.claims for it in parts if it.claims and not it.town]
    found = _named(places, parts, said)
    if found and not _apart(found):
        return _known(places, found[0])
    country, region = _area(places, said)
    town = next((it.key for it in parts if it.town), None)
    if town is not None:
        possible = found or _candidates(town, said) or table.named(town)
        labels = map(places.label, sorted(possible, key=lambda it: it.country != places.home))
        choices = tuple(dict.fromkeys(it for it in labels if it))
        return Place(standing="ambiguous", country=country, region=region, choices=choices)
    strange = any(not it.claims for it in parts)
    return Place(standing="known" if (country or region) and not strange else "unknown", country=country, region=region)


def _named(places: Places, parts: Sequence[_Part], said: Sequence[Claims]) -> list[Town]:
    """The town that is meant, or several that may be."""
    towns = [it for it in parts if it.town]
    if not towns:
        # "Norfolk, VA"
        only = _meant(places, parts[0], said[1:]) if len(parts) > 1 and len(said) > 1 else None
        return [only] if only else []
    # "Richmond, London": what comes behind the town says which one is meant, even if it is a town itself
    behind = [it.claims for it in towns[1:] if it.claims]
    # "Luxembourg" is in Luxembourg
    behind += [whole for it in towns[:1] if (whole := tuple(one for one in it.claims if not one.admins))]
    first = _meant(places, towns[0], [*said, *behind])
    return [first] if first else [it for part in towns if (it := _meant(places, part, said))]


def _apart(found: Sequence[Town]) -> bool:
    return any(found[0].km_to(it) > _BESIDE_KM for it in found[1:])


def _known(places: Places, town: Town) -> Place:
    region = places.called(town.admin) if town.country == "GB" and places.regions != "none" else None
    label = places.label(town)
    standing: Standing = "known" if label else "ambiguous"
    return Place(standing=standing, country=town.country, region=region, town=label, at=town if label else None)


def _parts(places: Places, text: str) -> list[_Part]:
    """From the last to the first, because what comes behind explains what comes before."""
    own = dict(places.own)
    texts = [
        part for it in _PARTS.split(text) for piece in _PARTS.split(own.get(keyed(it), it)) if (part := piece.strip())
    ]
    parts: list[_Part] = []
    doubtful = False
    for index in range(len(texts) - 1, -1, -1):
        part = texts[index]
        last = places.home == "GB" and all(claims_.country(it) for it in texts[index + 1 :])
        if code := claims_.postcode(part, last=last):
            parts.append(_Part("", (code[0],)))
            part = code[1].strip()
        key = _bare(keyed(part))
        if not any(it.isalpha() for it in key) or key in _NOTHING:
            continue
        made = _read(places, key, doubtful)
        doubtful = doubtful or not (made[0].claims or made[0].town)
        parts.extend(made)
    return parts[::-1]


def _read(places: Places, key: str, doubtful: bool) -> list[_Part]:
    """One part; two for "manchester united kingdom", in the order last to first."""
    towns, claims = table.named(key), claims_.named(key)
    if not claims:
        cut = None if towns else _cut(key)
        return [_Part(key, town=bool(towns), doubtful=doubtful)] if cut is None else [
            _Part("", cut[1]), _Part(cut[0], town=True, doubtful=doubtful)
        ]  # fmt: skip
    whole = {it.country for it in claims if not it.admins}
    if any(it.country == places.home if not whole else it.country in whole for it in towns):
        return [_Part(key, claims, town=True, doubtful=doubtful)]
    if whole or any(it.country == places.home for it in claims):
        return [_Part(key, claims)]
    # neither is nearer: "Kent" may be the county or what has the town of Kent in it
    return [_Part(key, claims + tuple(Claim(it.country, (it.admin,)) for it in towns))]


def _cut(key: str) -> tuple[str, Claims] | None:
    """A town and what it is in, without a comma."""
    words = key.split()
    for at in range(1, len(words)):
        head, claims = _bare(" ".join(words[:at])), claims_.named(" ".join(words[at:]))
        if claims and table.named(head):
            return head, claims
    return None


def _bare(key: str) -> str:
    """Without words around a place that are none."""
    while not (table.named(key) or claims_.named(key)):
        less = _ASIDE.sub("", key)
        if less == key:
            return key.removeprefix("greater ") if table.named(key.removeprefix("greater ")) else key
        key = less
    return key


def _candidates(key: str, said: Iterable[Claims]) -> list[Town]:
    found = [it for it in table.named(key) if all(any(one.fits(it) for one in claims) for claims in said)]
    counties = {one.county for claims in said for one in claims} - {""}
    return [it for it in found if keyed(it.county) in counties] or found


def _meant(places: Places, part: _Part, said: Sequence[Claims]) -> Town | None:
    """The one town that a name can mean here."""
    if said:
        found = _candidates(part.key, said)
        closer = any(one.admins for claims in said for one in claims)
        return _outstanding(found if closer else [it for it in found if _of_size(it)])
    everywhere = table.named(part.key)
    at_home = [it for it in everywhere if it.country == places.home]
    if not at_home:
        return everywhere[0] if len(everywhere) == 1 and everywhere[0].people >= _OF_SIZE_ABROAD else None
    if part.doubtful and len(everywhere) > 1:
        return None
    town = _outstanding([it for it in at_home if _of_size(it)])
    abroad = max((it.people for it in everywhere if it.country != places.home), default=0)
    return town if town and abroad <= _LARGER * town.people else None


def _of_size(town: Town) -> bool:
    return town.people >= _OF_SIZE


def _outstanding(towns: Sequence[Town]) -> Town | None:
    """The only one, or the only one of size. Towns come largest first."""
    if not towns or (len(towns) > 1 and towns[0].people < _LARGER * max(towns[1].people, 1)):
        return None
    return towns[0]


def _area(places: Places, said: Iterable[Claims]) -> tuple[str | None, str | None]:
    """The country and region that a text says without a town."""
    sure = [claims[0] for claims in said if len(claims) == 1]
    found = {it.country for it in sure}
    letters = {it.region for it in sure if it.region}
    country = next(iter(found)) if len(found) == 1 else None
    agreed = country == "GB" and len(letters) == 1 and all(not it.admins or letters & set(it.admins) for it in sure)
    return country, places.called(letters.pop()) if agreed and places.regions != "none" else None


@lru_cache(maxsize=64)
def _near(places: Places, centre: Town, km: float) -> tuple[Near, ...]:
    found: dict[str, float] = {}
    for town in table.around(centre, km):
        if label := places.label(town):
            found[fold(label)] = round(centre.km_to(town), 1)
    return tuple(Near(town, far) for town, far in sorted(found.items()))


__all__ = ["Near", "Place", "Places", "Scheme", "Standing", "Town", "keyed"]
