"""What a test file says, checked: people of invented facts, what happens to them, and what is expected when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal

from connector.rules import Answer, Place

Kind = Literal["rule", "tags", "pools", "enrolled", "messages", "next_message", "done"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Facts of one person as a judge reads them, and lists of applications, interviews, messages, events. A fact that is
    there and None is known to be unknown; one that is not there was not spoken of."""

    facts: Mapping[str, Any] = field(default_factory=dict)
    rows: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)

    def over(self, other: Told) -> Told:
        """This said on top of what was inherited: a list replaces the whole list."""
        return Told(facts={**other.facts, **self.facts}, rows={**other.rows, **self.rows})

    def then(self, news: Told) -> Told:
        """What is so after something happened: an item with an id that is there changes it, any other is new."""
        rows = {name: list(items) for name, items in self.rows.items()}
        for name, items in news.rows.items():
            mine = {str(row["id"]): dict(row) for row in rows.get(name, ())}
            for item in items:
                mine[str(item["id"])] = {**mine.get(str(item["id"]), {}), **item}
            rows[name] = list(mine.values())
        return Told(facts={**self.facts, **news.facts}, rows=rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """News of the person at a moment."""

    at: datetime
    news: Told


@dataclass(frozen=True, slots=True)
class Letter:
    """A message of a cadence. `on` None: any day."""

    template: str
    on: date | None = None

    def __str__(self) -> str:
        return self.template if self.on is None else f"{self.template} on {self.on}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """One occasion of a `do:` rule and what was done on it. None: not asked."""

    rule: str
    notify: str | None = None
    event: str | None = None
    note: bool | None = None

    def __str__(self) -> str:
        acts = [f"notify {self.notify}"] if self.notify else []
        acts += [f"event {self.event}"] if self.event else []
        acts += ["a note"] if self.note else []
        return f"{self.rule} ({', '.join(acts)})" if acts else self.rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One thing expected at one moment."""

    kind: Kind
    at: datetime
    place: Place
    #: rule: the answer. tags, pools, enrolled: names. messages: letters. next_message: a letter or None. done: deeds.
    wanted: Any
    rule: str = ""
    because: str = ""
    role: Mapping[str, Any] | None = None

    @property
    def answer(self) -> Answer:
        found: Answer = self.wanted
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One test: a person, what happens, what is expected; both in the order of time."""

    name: str
    place: Place
    person: str
    clock: datetime
    told: Told
    happenings: tuple[Happening, ...] = ()
    asks: tuple[Ask, ...] = ()


__all__ = ["Ask", "Case", "Deed", "Happening", "Kind", "Letter", "Told"]
