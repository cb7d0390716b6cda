"""Greenhouse names time zones as Rails does ("Eastern Time (US & Canada)"); quiet hours need IANA names."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from functools import cache
from zoneinfo import available_timezones

#: Names that do not end an IANA name, or end more than one.
_NAMED = {
    "International Date Line West": "Etc/GMT+12",
    "American Samoa": "Pacific/Pago_Pago",
    "Midway Island": "Pacific/Midway",
    "Hawaii": "Pacific/Honolulu",
    "Alaska": "America/Juneau",
    "Pacific Time (US & Canada)": "America/Los_Angeles",
    "Mountain Time (US & Canada)": "America/Denver",
    "Central Time (US & Canada)": "America/Chicago",
    "Eastern Time (US & Canada)": "America/New_York",
    "Atlantic Time (Canada)": "America/Halifax",
    "Indiana (East)": "America/Indiana/Indianapolis",
    "Arizona": "America/Phoenix",
    "Saskatchewan": "America/Regina",
    "Central America": "America/Guatemala",
    "Guadalajara": "America/Mexico_City",
    "Quito": "America/Lima",
    "Georgetown": "America/Guyana",
    "Buenos Aires": "America/Argentina/Buenos_Aires",
    "Brasilia": "America/Sao_Paulo",
    "Newfoundland": "America/St_Johns",
    "Greenland": "America/Nuuk",
    "Mid-Atlantic": "Atlantic/South_Georgia",
    "Cape Verde Is.": "Atlantic/Cape_Verde",
    "Edinburgh": "Europe/London",
    "Bern": "Europe/Zurich",
    "West Central Africa": "Africa/Algiers",
    "Kyiv": "Europe/Kyiv",
    "Istanbul": "Europe/Istanbul",
    "St. Petersburg": "Europe/Moscow",
    "Pretoria": "Africa/Johannesburg",
    "Kuwait": "Asia/Riyadh",
    "Abu Dhabi": "Asia/Muscat",
    "Ekaterinburg": "Asia/Yekaterinburg",
    "Islamabad": "Asia/Karachi",
    "Chennai": "Asia/Kolkata",
    "Mumbai": "Asia/Kolkata",
    "New Delhi": "Asia/Kolkata",
    "Sri Jayawardenepura": "Asia/Colombo",
    "Astana": "Asia/Almaty",
    "Hanoi": "Asia/Bangkok",
    "Beijing": "Asia/Shanghai",
    "Ulaan Bataar": "Asia/Ulaanbaatar",
    "Ulaanbaatar": "Asia/Ulaanbaatar",
    "Osaka": "Asia/Tokyo",
    "Sapporo": "Asia/Tokyo",
    "Canberra": "Australia/Canberra",
    "Solomon Is.": "Pacific/Guadalcanal",
    "New Caledonia": "Pacific/Noumea",
    "Marshall Is.": "Pacific/Majuro",
    "Wellington": "Pacific/Auckland",
    "Nuku'alofa": "Pacific/Tongatapu",
    "Tokelau Is.": "Pacific/Fakaofo",
    "Chatham Is.": "Pacific/Chatham",
    "Samoa": "Pacific/Apia",
    "UTC": "Etc/UTC",
}


def zone(name: str) -> str | None:
    """The IANA name, or None: an hour on the wrong clock is worse than not knowing."""
    if name in _NAMED:
        return _NAMED[name]
    places = _places()
    return name if "/" in name and name in available() else places.get(name)


@cache
def available() -> frozenset[str]:
    return frozenset(available_timezones())


@cache
def _places() -> Mapping[str, str]:
    """ "Port Moresby" → "Pacific/Port_Moresby", where only one zone ends so."""
    ending: dict[str, set[str]] = defaultdict(set)
    for full in available():
        region, _, place = full.rpartition("/")
        if region and not region.startswith(("Etc", "US", "posix", "right", "SystemV")):
            ending[place.replace("_", " ")].add(full)
    return {place: fulls.pop() for place, fulls in ending.items() if len(fulls) == 1}
