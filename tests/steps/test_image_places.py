"""Where the mirror says that people live and jobs are: what their records say, read by the gazetteer, and never a guess."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from connector import people
from connector import settings as settings_
from connector.errors import ConfigError
from connector.model import Job, Label, Ref

if TYPE_CHECKING:
    from tests.conftest import Cast, Home


def lives(home: Home, cast: Cast, *said: Mapping[str, Any]) -> tuple[str | None, str | None, str | None]:
    """Records of one person, the first the freshest: → region, city, country."""
    records = [
        cast.candidate(str(number), "a@example.org", at=home.now.replace(minute=30 - number), **one)
        for number, one in enumerate(said)
    ]
    home.tell("ats", *records)
    facts = home.facts(home.person("ats", "0"))
    return facts["region"], facts["city"], facts["country"]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ([{"location": "Stockport, UK"}], ("north west", "stockport", "gb")),
        ([{"location": "Remote - Leeds"}], ("yorkshire and the humber", "leeds", "gb")),
        ([{"location": "Newport"}], (None, None, None)),
        ([{"location": "Newport", "fields": {"region": ("Wales",)}}], ("wales", "newport, wales", "gb")),
        ([{"location": "Newport", "fields": {"country": ("United Kingdom",)}}], (None, None, "gb")),
        ([{"fields": {"city": ("Leeds",), "region": ("Scotland",)}}], ("scotland", None, "gb")),
        ([{"fields": {"region": ("North West",)}}], ("north west", None, "gb")),
        ([{"fields": {"country": ("Deutschland",), "city": ("München",)}}], (None, "munich", "de")),
        ([{"location": "Remote"}, {"location": "Bath"}], ("south west", "bath", "gb")),
        ([{"location": "Bath"}, {"location": "Leeds"}], ("south west", "bath", "gb")),
        ([{"location": "Hogwarts, Scotland"}], ("scotland", None, "gb")),
        ([{"location": "Hogwarts"}], (None, None, None)),
        ([{}], (None, None, None)),
    ],
)
def test_people_live_where_their_freshest_record_that_says_so_has_it(
    home: Home, cast: Cast, said: list[dict[str, Any]], expected: tuple[str | None, str | None, str | None]
) -> None:
    assert lives(home, cast, *said) == expected


def test_a_job_is_in_the_region_of_its_place_or_else_of_its_office(home: Home, cast: Cast) -> None:
    office = Label(ref=Ref("ats", "office", "o"), name="The Infirmary", type="Salford, M6 8HD")
    for number, job in enumerate((
        Job(ref=Ref("ats", "job", "0"), title="Nurse", status="open", location="Preston, UK"),
        Job(ref=Ref("ats", "job", "1"), title="Nurse", status="open", offices=(office.ref,)),
        Job(ref=Ref("ats", "job", "2"), title="Nurse", status="open", location="Newport"),
    )):  # fmt: skip
        run = cast.application(f"{number}-run", str(number), job=job.ref)
        home.tell("ats", office, job, cast.candidate(str(number), f"{number}@example.org"), run)
    regions = [home.facts(home.person("ats", number))["applications"][0]["region"] for number in "012"]
    assert regions == ["north west", "north west", None]


def test_people_are_found_by_the_place_they_wrote_even_if_nobody_knows_it(home: Home, cast: Cast) -> None:
    home.tell("ats", cast.candidate("1", "a@example.org", first_name="Amina", location="Little Hogwarts"))
    home.tell("ats", cast.candidate("2", "b@example.org", first_name="Ben", location="Stockport SK1 3XE"))
    with home.house.store.reading() as tx:
        assert [it.name for it in people.find(tx, "hogwarts")] == ["Amina"]
        assert [it.name for it in people.find(tx, "north west stockport")] == ["Ben"]


def read(vocabulary: str) -> settings_.Settings:
    text = f"version: 1\ntime_zone: Europe/London\nvocabulary:\n  {vocabulary}\n"
    return settings_.read(text, "settings.yaml", folder=Path())


@pytest.mark.parametrize(
    ("vocabulary", "message"),
    [
        ("places: {home: Narnia}", "4:18  `Narnia` is no country; write its two letters, for example `GB`"),
        ("places: {regions: shires}", "`shires` is not known here"),
        ("places: {towns: {Newport: [N]}}", "`Newport` is not the name of one town; write `Newport, Wales`"),
        ("places: {towns: {Leedz: [N]}}", "`Leedz` is not the name of one town; did you mean `Leeds`?"),
        ("skill_families: {a: [b], b: [c], c: [a]}", "the family `a` is in itself, by way of its members"),
    ],
)
def test_what_is_wrong_with_places_and_families_is_told_with_its_place(vocabulary: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(vocabulary)
    assert message in str(caught.value)


def test_home_is_the_country_of_the_time_zone_unless_said() -> None:
    assert (read("places: {}").words.vocabulary.places.home, read("places: {}").words.vocabulary.places.regions) == (
        "GB",
        "itl",
    )
    german = read("places: {home: Germany}").words.vocabulary.places
    assert (german.home, german.regions) == ("DE", "none")
    assert read("places: {towns: {Newcastle upon Tyne: [Newcastle, The Toon]}}").words.vocabulary.canonical(
        "towns", "newcastle"
    ) == "newcastle upon tyne"  # fmt: skip
