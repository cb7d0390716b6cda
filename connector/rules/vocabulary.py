"""The operator's own words: the stage ladder, reasons, and which spellings mean the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from zoneinfo import ZoneInfo

from connector.facts import fold
from connector.places import Places


@dataclass(frozen=True, kw_only=True)
class Vocabulary:
    """From settings. Rules are compiled against it and the mirror is written through it."""

    #: Stage keys, first step first.
    stages: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    #: The word we use → other spellings of it.
    skills: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    functions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    #: These are looked at before the gazetteer's.
    regions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    #: A word for several skills → those skills, or further families.
    skill_families: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    places: Places = field(default_factory=Places)
    #: The organisation's clock: calendar months and date-only facts are counted on it.
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))

    def canonical(self, kind: str | None, text: str) -> str:
        """The folded word that stands for `text`. This, and nothing else, is what the mirror keeps and rules compare."""
        word = fold(text)
        same = self._same.get(kind, {}) if kind else {}
        if word in same or kind not in ("regions", "towns", "countries"):
            return same.get(word, word)
        if kind == "regions":
            found = self.places.region(text)
            word = fold(found[0]) if len(found) == 1 else word
            return same.get(word, word)
        place = self.places.country(text) if kind == "countries" else self.places.find(text).town
        return fold(place) if place else word

    def members(self, kind: str | None, word: str) -> tuple[str, ...]:
        """A canonical word and, where it stands for several, those: a family of skills, "Midlands"."""
        if kind == "skills":
            return self._families.get(word, (word,))
        if kind == "regions" and word not in self._same["regions"]:
            several = self.places.region(word)
            if len(several) > 1:
                return tuple(sorted({self.canonical("regions", each) for each in several}))
        return (word,)

    def known(self, kind: str) -> tuple[str, ...]:
        """The words of a kind as the settings spell them."""
        if kind == "stages":
            return self.stages
        if kind == "reasons":
            return self.reasons
        if kind == "skills":
            every = (
                *self.skills,
                *self.skill_families,
                *(one for many in self.skill_families.values() for one in many),
            )
            return tuple(dict.fromkeys(every)) if self.skills else ()
        built_in = self.places.all_regions if kind == "regions" else ()
        return tuple(dict.fromkeys((*self._tables.get(kind, {}), *built_in)))

    def knows(self, kind: str, text: str) -> bool:
        word = self.canonical(kind, text)
        return any(fold(known) == word for known in self.known(kind)) or len(self.members(kind, word)) > 1

    def synonyms(self, kind: str | None, word: str) -> tuple[str, ...]:
        """Every folded spelling of a canonical word but itself."""
        if kind is None:
            return ()
        return tuple(sorted(other for other, same in self._same.get(kind, {}).items() if same == word != other))

    def families(self, kind: str | None) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """Every word that stands for several, with those."""
        return tuple(sorted(self._families.items())) if kind == "skills" else ()

    @cached_property
    def _families(self) -> dict[str, tuple[str, ...]]:
        """Family → itself and every member, to the last generation. A circle ends where it closes."""
        direct = {
            self.canonical("skills", family): {self.canonical("skills", it) for it in members}
            for family, members in self.skill_families.items()
        }
        made = {}
        for family in direct:
            found, ahead = {family}, [family]
            while ahead:
                more = direct.get(ahead.pop(), set()) - found
                found |= more
                ahead += more
            made[family] = tuple(sorted(found))
        return made

    @property
    def _tables(self) -> dict[str, Mapping[str, tuple[str, ...]]]:
        return {"skills": self.skills, "functions": self.functions, "regions": self.regions}

    @cached_property
    def _same(self) -> dict[str, dict[str, str]]:
        made: dict[str, dict[str, str]] = {}
        for kind, table in self._tables.items():
            words = made.setdefault(kind, {})
            for word, others in table.items():
                for other in others:
                    words.setdefault(fold(other), fold(word))
            # A word of its own is never another's synonym.
            words.update({fold(word): fold(word) for word in table})
        return made


__all__ = ["Vocabulary"]
