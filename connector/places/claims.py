"""What a piece of a text says about where it is: a country, a part of one, a postcode."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType

from connector.places.britain import COUNTIES, GROUPS, ISLANDS, POSTCODES, REGIONS
from connector.places.table import Town, keyed

FILE = Path(__file__).with_name("countries.tsv")
#: What people write beside GeoNames's name and the code.
_ALSO: MappingProxyType[str, str] = MappingProxyType(
    {
        "GB": "UK; Great Britain; Britain; United Kingdom of Great Britain and Northern Ireland; U K; G B; GBR; Y DU",
        "IE": "Eire; Republic of Ireland; Southern Ireland; ROI; IRL", "US": "USA; United States of America; America; U S A; U S",
        "AE": "UAE; Emirates", "AT": "Österreich", "BE": "Belgique; België", "CD": "DRC", "CH": "Schweiz; Suisse; Svizzera",
        "CI": "Côte d'Ivoire", "CZ": "Czech Republic; Česko", "DE": "Deutschland; DEU", "DK": "Danmark", "ES": "España; ESP",
        "FI": "Suomi", "FR": "FRA", "GR": "Hellas", "HK": "Hong Kong SAR", "IT": "Italia; ITA", "KR": "Korea", "MM": "Burma",
        "NL": "Holland; Nederland; Netherlands; NLD", "NO": "Norge", "PL": "Polska", "PT": "PRT", "RU": "Russian Federation",
        "SE": "Sverige", "SZ": "Swaziland", "TR": "Türkiye", "VN": "Viet Nam", "BR": "Brasil", "IN": "Bharat; IND",
    }
)  # fmt: skip
#: First divisions by which towns of one name are told apart: country → GeoNames's code → what people write.
_STATES: MappingProxyType[str, str] = MappingProxyType(
    {
        "US": "AL Alabama; AK Alaska; AZ Arizona; AR Arkansas; CA California; CO Colorado; CT Connecticut; DE Delaware;"
        " DC District of Columbia; FL Florida; GA Georgia; HI Hawaii; ID Idaho; IL Illinois; IN Indiana; IA Iowa; KS Kansas;"
        " KY Kentucky; LA Louisiana; ME Maine; MD Maryland; MA Massachusetts; MI Michigan; MN Minnesota; MS Mississippi;"
        " MO Missouri; MT Montana; NE Nebraska; NV Nevada; NH New Hampshire; NJ New Jersey; NM New Mexico; NY New York;"
        " NC North Carolina; ND North Dakota; OH Ohio; OK Oklahoma; OR Oregon; PA Pennsylvania; RI Rhode Island;"
        " SC South Carolina; SD South Dakota; TN Tennessee; TX Texas; UT Utah; VT Vermont; VA Virginia; WA Washington;"
        " WV West Virginia; WI Wisconsin; WY Wyoming",
        "CA": "01 AB Alberta; 02 BC British Columbia; 03 MB Manitoba; 04 NB New Brunswick; 05 NL Newfoundland and Labrador;"
        " 07 NS Nova Scotia; 08 ON Ontario; 09 PE Prince Edward Island; 10 QC Quebec; 11 SK Saskatchewan; 12 YT Yukon",
        "AU": "01 ACT Australian Capital Territory; 02 NSW New South Wales; 03 NT Northern Territory; 04 QLD Queensland;"
        " 05 SA South Australia; 06 TAS Tasmania; 07 VIC Victoria; 08 WA Western Australia",
    }
)
#: An outward code by itself, and a whole postcode at the end of a text.
_OUTWARD = re.compile(r"([A-Z]{1,2})[0-9][0-9A-Z]?", re.IGNORECASE)
_POSTCODE = re.compile(r"\b([A-Z]{1,2})[0-9][0-9A-Z]? ?[0-9][A-Z]{2}$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Claim:
    """It is in this country and, if `admins` has any, in one of these parts of it."""

    country: str
    admins: tuple[str, ...] = ()
    #: The British region that follows from it, if one does.
    region: str = ""
    #: The key of a British county: preferred among those that fit, because counties were redrawn and addresses were not.
    county: str = ""

    def fits(self, town: Town) -> bool:
        return town.country == self.country and (not self.admins or town.admin in self.admins)


#: What a text may mean: any of these (`CA` is Canada or California).
Claims = tuple[Claim, ...]


@cache
def countries() -> MappingProxyType[str, str]:
    """Code → name."""
    lines = FILE.read_text(encoding="utf-8").splitlines()
    made = dict(line.split("\t") for line in lines) | {"GB": "United Kingdom", "NL": "Netherlands"}
    return MappingProxyType(made)


def country(text: str) -> str | None:
    """Its two-letter code, from a code or a name."""
    found = {it.country for it in _known().get(keyed(text), ()) if not it.admins}
    if len(text.strip()) == 2 and text.strip().upper() in countries():
        return text.strip().upper()
    return next(iter(found)) if len(found) == 1 else None


def british(letters: str, also: str = "", county: str = "") -> Claim:
    return Claim("GB", tuple(also or letters), letters if len(letters) == 1 else "", county)


@cache
def _known() -> dict[str, Claims]:
    """Everything but towns that a text may name, by its key."""
    made: dict[str, Claims] = {}

    def add(name: str, claim: Claim) -> None:
        key = keyed(name)
        if claim not in made.get(key, ()):
            made[key] = (*made.get(key, ()), claim)

    for code, name in countries().items():
        for each in (code, name, *_ALSO.get(code, "").split(";")):
            if each.strip():
                add(each, Claim(code))
    for code, states in _STATES.items():
        for state in states.split("; "):
            admin, *names = state.split(" ", 1)
            short, _, long = names[0].partition(" ")
            for name in (short, long) if admin.isdecimal() else (admin, names[0]):
                add(name, Claim(code, (admin,)))
    for letter, names_of in REGIONS.items():
        made[keyed(names_of[0])] = (british(letter),)
    for name, letters in GROUPS.items():
        made[keyed(name)] = (british(letters),)
    for name, (own, also) in COUNTIES.items():
        made[keyed(name)] = (*made.get(keyed(name), ()), british(own, also, keyed(name)))
    return made


def state(country_code: str, admin: str) -> str | None:
    """The name of a first division, where towns of that country are told apart by it."""
    for each in _STATES.get(country_code, "").split("; "):
        code, _, names = each.partition(" ")
        if code == admin:
            return names.partition(" ")[2] if code.isdecimal() else names
    return None


def named(key: str) -> Claims:
    """What a part of a text says, if it names a country, a region, a county or a state."""
    return _known().get(key, ())


def postcode(text: str, *, last: bool) -> tuple[Claim, str] | None:
    """What a British postcode at the end of this says, and the text without it. `last`: an outward code alone will do."""
    whole = _POSTCODE.search(text)
    match = whole or (_OUTWARD.fullmatch(text.rsplit(" ", 1)[-1]) if last else None)
    if match is None:
        return None
    area = match.group(1).upper()
    rest = text[: whole.start()] if whole else text[: len(text) - len(match.group())]
    if area in ISLANDS:
        return Claim(ISLANDS[area]), rest
    return (british(POSTCODES[area]), rest) if area in POSTCODES else None


__all__ = ["Claim", "Claims", "countries", "country", "named", "postcode", "state"]
