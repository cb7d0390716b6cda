"""The gazetteer as one sorted file, searched where it lies: a name costs a dozen comparisons, and nothing is parsed first."""

from __future__ import annotations

import mmap
import re
import unicodedata
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from math import asin, cos, radians, sin, sqrt
from pathlib import Path

COLUMNS = ("key", "name", "country", "admin", "county", "latitude", "longitude", "people")
FILE = Path(__file__).with_name("towns.tsv")
_APART = re.compile(r"[^\w]+|_")
#: Letters that Unicode does not take apart.
_PLAIN = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "æ": "ae", "œ": "oe", "ð": "d", "þ": "th", "ı": "i"})
_EARTH = 6371.0088  # km, mean radius


@lru_cache(maxsize=2048)
def keyed(text: str) -> str:
    """The form under which a place is looked up: no case, accents, apostrophes, hyphens or full stops."""
    plain = unicodedata.normalize("NFKD", text.casefold()).casefold().translate(_PLAIN)
    plain = "".join(it for it in plain if not unicodedata.combining(it) and it not in "'’ʼ`´")
    words = _APART.sub(" ", plain.replace("&", " and ")).split()
    if len(words) > 1 and words[0] == "st":
        words[0] = "saint"
    return " ".join(words)


@dataclass(frozen=True, slots=True)
class Town:
    name: str
    country: str
    #: In Great Britain the letter of its region; elsewhere GeoNames's code of the first division.
    admin: str
    #: In Great Britain only.
    county: str
    latitude: float
    longitude: float
    people: int

    def km_to(self, other: Town) -> float:
        return _km(self.latitude, self.longitude, other.latitude, other.longitude)


def _km(north: float, east: float, north_2: float, east_2: float) -> float:
    a, b = radians(north), radians(north_2)
    half = sin((b - a) / 2) ** 2 + cos(a) * cos(b) * sin(radians(east_2 - east) / 2) ** 2
    return 2 * _EARTH * asin(min(1.0, sqrt(half)))


@cache
def _bytes() -> mmap.mmap:
    """Mapped, not read: what is looked at is in memory, once for all processes."""
    with FILE.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def _line(data: mmap.mmap, at: int) -> list[str]:
    end = data.find(b"\n", at)
    return data[at:end].decode().split("\t")


def _town(cells: list[str]) -> Town:
    _, name, country, admin, county, latitude, longitude, people = cells
    return Town(name, country, admin, county, float(latitude), float(longitude), int(people))


@lru_cache(maxsize=2048)
def named(key: str) -> tuple[Town, ...]:
    """Every town of that name (see `keyed`), the largest first."""
    if not key:
        return ()
    data, wanted = _bytes(), key.encode() + b"\t"
    low, high = 0, len(data)
    while low < high:
        middle = data.rfind(b"\n", low, (low + high) // 2) + 1 or low
        if data[middle : data.find(b"\t", middle) + 1] < wanted:
            low = data.find(b"\n", middle) + 1
        else:
            high = middle
    found = []
    while data[low : low + len(wanted)] == wanted:
        found.append(_town(_line(data, low)))
        low = data.find(b"\n", low) + 1
    return tuple(sorted(found, key=lambda it: (-it.people, it.name, it.country, it.admin, it.latitude)))


@cache
def _by_latitude() -> tuple[array[float], array[float], array[int]]:
    """Latitudes in order, and with each the longitude and where its line starts. Made when a distance is first asked for."""
    data, at = _bytes(), 0
    north, east, start = array("f"), array("f"), array("l")
    while at < len(data):
        end = data.find(b"\n", at)
        *_, latitude, longitude, _people = data[at:end].rsplit(b"\t", 3)
        north.append(float(latitude))
        east.append(float(longitude))
        start.append(at)
        at = end + 1
    order = sorted(range(len(north)), key=north.__getitem__)
    return tuple(array(it.typecode, (it[index] for index in order)) for it in (north, east, start))  # type: ignore[return-value]


def around(centre: Town, km: float) -> Iterator[Town]:
    """Every town at most so far from there, itself among them."""
    north, east, start = _by_latitude()
    band = km / 111.0 + 0.01
    for index in range(bisect_left(north, centre.latitude - band), bisect_right(north, centre.latitude + band)):
        if _km(centre.latitude, centre.longitude, north[index], east[index]) <= km + 0.1:
            town = _town(_line(_bytes(), start[index]))
            if centre.km_to(town) <= km:
                yield town


def similar(key: str) -> tuple[str, ...]:
    """Names of towns that start with the same two letters, to suggest from."""
    data, wanted = _bytes(), key[:2].encode()
    at = data.find(b"\n" + wanted) + 1
    found: dict[str, None] = {}
    while at and data[at : at + len(wanted)] == wanted:
        cells = _line(data, at)
        if cells[2] in ("GB", "IE") or int(cells[7]) > 100_000:
            found[cells[1]] = None
        at = data.find(b"\n", at) + 1
    return tuple(found)


__all__ = ["COLUMNS", "Town", "around", "keyed", "named", "similar"]
