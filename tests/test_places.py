"""What free texts about places mean: exactly that, or nothing."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.places import Places, keyed
from connector.places.britain import COUNTIES, ISLANDS, POSTCODES, REGIONS
from connector.places.table import FILE, named

HERE = Places(home="GB", regions="itl")


@pytest.mark.parametrize(
    ("text", "country", "region", "town"),
    [
        ("Manchester, UK", "GB", "North West", "Manchester"),
        ("manchester united kingdom", "GB", "North West", "Manchester"),
        ("Greater Manchester, England, United Kingdom", "GB", "North West", None),
        ("Greater Manchester Area", "GB", "North West", None),
        ("Salford, M5", "GB", "North West", "Salford"),
        ("London", "GB", "London", "London"),
        ("London Area, United Kingdom", "GB", "London", "London"),
        ("Remote - Leeds", "GB", "Yorkshire and The Humber", "Leeds"),
        ("Remote / Leeds", "GB", "Yorkshire and The Humber", "Leeds"),
        ("Nottingham (hybrid)", "GB", "East Midlands", "Nottingham"),
        ("12 High St, Stockport SK1 3XE", "GB", "North West", "Stockport"),
        ("Ashford, Kent", "GB", "South East", "Ashford, Kent"),
        ("Newport, Wales", "GB", "Wales", "Newport, Wales"),
        ("Newport, NP20", "GB", "Wales", "Newport, Wales"),
        ("Newport, Isle of Wight", "GB", "South East", "Newport, Isle of Wight"),
        ("Richmond, Surrey", "GB", "London", "Richmond, London"),
        ("Richmond, London", "GB", "London", "Richmond, London"),
        ("Richmond, North Yorkshire", "GB", "Yorkshire and The Humber", "Richmond, North Yorkshire"),
        ("Richmond TW9 1AA", "GB", "London", "Richmond, London"),
        ("Watford, London", "GB", "East of England", "Watford"),
        ("Cambridge", "GB", "East of England", "Cambridge"),
        ("Cambridge, MA", "US", None, "Cambridge, Massachusetts"),
        ("Boston, Lincolnshire", "GB", "East Midlands", "Boston, Lincolnshire"),
        ("London, Ontario", "CA", None, "London, Ontario"),
        ("St. Helens, Merseyside", "GB", "North West", "St Helens"),
        ("Stoke on Trent", "GB", "West Midlands", "Stoke-on-Trent"),
        ("Hull", "GB", "Yorkshire and The Humber", "Kingston upon Hull"),
        ("Caerdydd", "GB", "Wales", "Cardiff"),
        ("Perth, Scotland", "GB", "Scotland", "Perth, Scotland"),
        ("Londonderry", "GB", "Northern Ireland", "Derry"),
        ("Belfast BT1 1AA", "GB", "Northern Ireland", "Belfast"),
        ("St Helier, Jersey", "JE", None, "Saint Helier, Jersey"),
        ("Paris, France", "FR", None, "Paris, France"),
        ("75008 Paris, France", "FR", None, "Paris, France"),
        ("München", "DE", None, "Munich"),
        ("Dublin 4, Ireland", "IE", None, "Dublin, Ireland"),
        ("Luxembourg", "LU", None, "Luxembourg"),
        ("Mumbai, Maharashtra, India", "IN", None, "Mumbai"),
        ("Yorkshire", "GB", "Yorkshire and The Humber", None),
        ("M5 4WT", "GB", "North West", None),
        ("Midlands", "GB", None, None),
        ("UK", "GB", None, None),
    ],
)
def test_a_text_says_where_it_is(text: str, country: str, region: str | None, town: str | None) -> None:
    place = HERE.find(text)
    assert (place.standing, place.country, place.region, place.town) == ("known", country, region, town)


@pytest.mark.parametrize(
    ("text", "choices"),
    [
        ("Newport", ("Newport, Wales", "Newport, Isle of Wight")),
        ("Richmond", ("Richmond, London", "Richmond, North Yorkshire")),
        ("Ashford", ("Ashford, Kent", "Ashford, Surrey")),
        ("Boston", ("Boston, Lincolnshire", "Boston, Massachusetts")),
        ("Perth", ("Perth, Scotland", "Perth, Western Australia")),
        ("Paris", ("Paris, France", "Paris, Texas")),
        ("Leeds / Manchester", ("Leeds", "Manchester")),
        ("Leeds, Manchester", ("Leeds", "Manchester")),
        ("London, Hogshire", ("London", "London, Ontario")),
    ],
)
def test_a_text_that_could_be_several_towns_is_none_of_them_and_says_how_to_tell_them_apart(
    text: str, choices: tuple[str, ...]
) -> None:
    place = HERE.find(text)
    assert (place.standing, place.town, place.choices[: len(choices)]) == ("ambiguous", None, choices)
    for choice in place.choices:
        assert HERE.find(choice).town == choice


@pytest.mark.parametrize(
    "text", ["", "Remote", "Hogwarts", "n/a", "12345", "Home based", "NHS", "Flexible / Remote", ","]
)
def test_what_names_no_place_is_unknown(text: str) -> None:
    place = HERE.find(text)
    assert (place.standing, place.country, place.region, place.town) == ("unknown", None, None, None)


def test_the_country_of_an_unknown_town_is_still_known_and_so_is_its_region() -> None:
    assert (HERE.find("Hogwarts, UK").standing, HERE.find("Hogwarts, UK").country) == ("unknown", "GB")
    assert (HERE.find("Hogwarts, Cumbria").standing, HERE.find("Hogwarts, Cumbria").region) == ("unknown", "North West")


def test_a_small_place_that_may_have_namesakes_in_no_list_needs_its_county() -> None:
    assert HERE.find("Prestbury").town is None
    assert HERE.find("Prestbury, Cheshire").town == "Prestbury, Cheshire East"
    assert HERE.find("Ashton").town is None, "the only one listed is in South Africa"


def test_a_postcode_area_over_a_border_says_no_region() -> None:
    assert (HERE.find("CH1 2AB").country, HERE.find("CH1 2AB").region) == ("GB", None)


def test_home_decides_between_countries_and_without_one_nothing_does() -> None:
    assert [Places(home=home).find("Manchester").town for home in ("GB", "US", None)] == ["Manchester", None, None]
    assert Places(home="FR").find("Paris").town == "Paris"
    assert Places(home="US").find("Springfield, Illinois").town == "Springfield, Illinois"
    assert Places(home="US").find("Seattle, Washington").town == "Seattle"
    assert Places().find("Ashford, Kent").town == "Ashford, Kent"


def test_elsewhere_there_are_countries_and_towns_but_no_british_regions() -> None:
    place = Places(home="DE").find("Manchester, UK")
    assert (place.country, place.region, place.town) == ("GB", None, "Manchester, North West")
    assert Places(home="DE").all_regions == ()


def test_regions_can_be_called_as_nhs_england_does() -> None:
    nhs = Places(home="GB", regions="nhs")
    assert [nhs.find(text).region for text in ("Leeds", "Derby", "Cardiff")] == [
        "North East and Yorkshire",
        "Midlands",
        "Wales",
    ]
    assert nhs.region("West Midlands") == ("Midlands",)
    assert HERE.region("north east and yorkshire") == ("North East", "Yorkshire and The Humber")
    assert HERE.region("England")[:2] == ("North East", "North West")
    assert HERE.region("Cheshire") == ()


def test_an_organisation_says_what_a_name_means_to_it() -> None:
    ours = Places(home="GB", regions="itl", own=(("newcastle", "Newcastle upon Tyne"), ("paris", "Paris, France")))
    assert [ours.find(text).town for text in ("Newcastle", "Newcastle, UK", "PARIS")] == [
        "Newcastle upon Tyne",
        "Newcastle upon Tyne",
        "Paris, France",
    ]


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("UK", "GB"),
        ("united kingdom", "GB"),
        ("GB", "GB"),
        ("usa", "US"),
        ("Deutschland", "DE"),
        ("NO", "NO"),
        ("Narnia", None),
    ],
)
def test_countries_go_by_code_and_by_name(said: str, code: str | None) -> None:
    assert HERE.country(said) == code


@pytest.mark.parametrize(("zone", "home"), [("Europe/London", "GB"), ("Europe/Berlin", "DE"), ("UTC", None)])
def test_a_time_zone_is_of_a_country(zone: str, home: str | None) -> None:
    assert Places.home_of(zone) == home


def test_what_is_near_is_near_and_what_is_not_is_missing() -> None:
    manchester = HERE.find("Manchester").at
    assert manchester is not None
    near = {it.town: it.km for it in HERE.near(manchester, 48.28)}
    assert {"manchester", "stockport", "bolton", "macclesfield", "huddersfield"} <= near.keys()
    assert near.keys().isdisjoint({"leeds", "liverpool", "sheffield"}), "34, 31 and 33 miles"
    assert near["manchester"] == 0
    assert near["stockport"] == pytest.approx(9.5, abs=0.2)
    assert all(far <= 48.28 for far in near.values())


@settings(deadline=None)
@given(st.sampled_from(FILE.read_text(encoding="utf-8").splitlines()))
def test_the_name_under_which_a_town_is_kept_means_that_town(line: str) -> None:
    for town in named(line.split("\t")[0]):
        label = HERE.label(town)
        if label is not None:
            place = HERE.find(label)
            assert (place.town, place.at) == (label, town)


@settings(deadline=None)
@given(st.one_of(st.text(max_size=400), st.lists(st.sampled_from(
    ["Leeds", "Kent", "SK1 3XE", "M5", "Remote", "CA", ",", "/", " - ", "(", "or", "12", "Newport", "England", "ß", "\0"]
), max_size=9).map(" ".join)))  # fmt: skip
def test_no_text_is_too_much_and_the_answer_is_whole(text: str) -> None:
    for places in (HERE, Places(), Places(home="US", regions="nhs")):
        place = places.find(text)
        assert (place.town is None) or (place.standing == "known" and place.at is not None and place.country)
        assert place == places.find(text)


def test_the_gazetteer_is_sorted_and_every_british_place_has_a_region() -> None:
    lines = FILE.read_bytes().splitlines()
    keys = [line.split(b"\t")[0] for line in lines]
    assert keys == sorted(keys)
    rows = [line.decode().split("\t") for line in lines]
    assert {row[3] for row in rows if row[2] == "GB"} == set(REGIONS)
    assert all(keyed(row[0]) == row[0] for row in rows)
    assert len(rows) > 38_000


def test_there_are_124_postcode_areas_and_their_letters_are_regions() -> None:
    assert len(POSTCODES) + len(ISLANDS) == 124
    assert set("".join(POSTCODES.values())) == set(REGIONS)
    assert all(own in also for own, also in COUNTIES.values())
