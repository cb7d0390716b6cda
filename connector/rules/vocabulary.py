"""The operator's own words: the stage ladder, reasons, and which spellings mean the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from zoneinfo import ZoneInfo

from connector.facts import fold


@dataclass(frozen=True, kw_only=True)
class Vocabulary:
    """From settings. Rules are compiled against it and the mirror is written through it."""

    #: Stage keys, first step first.
    stages: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    #: The word we use → other spellings of it.
    skills: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    functions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    regions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    #: The organisation's clock: calendar months and date-only facts are counted on it.
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))

    def canonical(self, kind: str | None, text: str) -> str:
        """The folded word that stands for `text`. This, and nothing else, is what the mirror keeps and rules compare."""
        word = fold(text)
        return self._same.get(kind, {}).get(word, word) if kind else word

    def known(self, kind: str) -> tuple[str, ...]:
        """The words of a kind as the settings spell them."""
        if kind == "stages":
            return self.stages
        if kind == "reasons":
            return self.reasons
        return tuple(self._tables.get(kind, {}))

    def knows(self, kind: str, text: str) -> bool:
        word = self.canonical(kind, text)
        return any(fold(known) == word for known in self.known(kind))

    def synonyms(self, kind: str | None, word: str) -> tuple[str, ...]:
        """Every folded spelling of a canonical word but itself."""
        if kind is None:
            return ()
        return tuple(sorted(other for other, same in self._same.get(kind, {}).items() if same == word != other))

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
