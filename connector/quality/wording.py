"""A platform's word and what it is to mean: in the words the mirror is made with, and as lines of the settings file."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType

import msgspec

from connector.document import parse
from connector.facts import fold
from connector.places import keyed
from connector.settings import Words


class Kind(StrEnum):
    STAGE = "stage name"
    REASON = "reason"
    VERDICT = "scorecard word"
    SKILL = "skill"
    FUNCTION = "department"
    PLACE = "place"
    TOWN = "town"


#: Where under `vocabulary` a kind is written down.
SECTIONS: Mapping[Kind, str] = MappingProxyType(
    {
        Kind.STAGE: "stage_names",
        Kind.REASON: "reasons",
        Kind.VERDICT: "scorecards",
        Kind.SKILL: "skills",
        Kind.FUNCTION: "functions",
        Kind.PLACE: "regions",
        Kind.TOWN: "places.towns",
    }
)
_PLAIN = re.compile(r"[^\W_][\w /+.()&'–-]*")


@dataclass(frozen=True, slots=True)
class Mapped:
    """`text` is to mean `target`; of a scorecard word the target is its worth."""

    kind: Kind
    text: str
    target: str


def targets(kind: Kind, words: Words) -> dict[str, tuple[str, ...]]:
    """What a word of this kind can be made to mean → how that is spelt so far."""
    if kind in (Kind.STAGE, Kind.REASON):
        keys = words.vocabulary.stages if kind is Kind.STAGE else words.vocabulary.reasons
        spelt: dict[str, list[str]] = {key: [] for key in keys}
        for name, key in (words.stage_names if kind is Kind.STAGE else words.reason_names).items():
            spelt[key].append(name)
        return {key: tuple(names) for key, names in spelt.items()}
    vocabulary = words.vocabulary
    tables = {Kind.SKILL: vocabulary.skills, Kind.FUNCTION: vocabulary.functions, Kind.PLACE: vocabulary.regions}
    return {key: tuple(names) for key, names in tables.get(kind, {}).items()}


def changed(words: Words, mapped: Iterable[Mapped]) -> Words:
    """The words as they would be with these in the settings."""
    names, reasons, scale = dict(words.stage_names), dict(words.reason_names), dict(words.scale)
    tables = {kind: dict(targets(kind, words)) for kind in (Kind.SKILL, Kind.FUNCTION, Kind.PLACE)}
    towns = dict(words.vocabulary.places.own)
    for it in mapped:
        if it.kind is Kind.TOWN:
            towns[keyed(it.text)] = it.target
        elif it.kind is Kind.STAGE:
            names[fold(it.text)] = it.target
        elif it.kind is Kind.REASON:
            reasons[fold(it.text)] = it.target
        elif it.kind is Kind.VERDICT:
            scale[it.text] = float(it.target)
        else:
            table = tables[it.kind]
            table[it.target] = (*table.get(it.target, ()), it.text)
    vocabulary = replace(
        words.vocabulary,
        skills=tables[Kind.SKILL],
        functions=tables[Kind.FUNCTION],
        regions=tables[Kind.PLACE],
        places=replace(words.vocabulary.places, own=tuple(sorted(towns.items()))),
    )
    return replace(words, vocabulary=vocabulary, stage_names=names, reason_names=reasons, scale=scale)


@dataclass(frozen=True, slots=True)
class Book:
    """The settings file as it is written: section → key → (line, names as they are spelt there)."""

    file: str
    entries: Mapping[str, Mapping[str, tuple[int, tuple[str, ...]]]]

    def line(self, it: Mapped) -> str:
        """What to add, and where. What stands there already is `...`, so that one line never undoes another."""
        section = SECTIONS[it.kind]
        if it.kind is Kind.VERDICT:
            return f"{self.file}, under vocabulary.{section}: {quoted(it.text)}: {it.target}"
        found = self.entries.get(section, {}).get(it.target)
        if found is None:
            return f"{self.file}, under vocabulary.{section}: {quoted(it.target)}: [{quoted(it.text)}]"
        number, names = found
        return f"{self.file}:{number}: {quoted(it.target)}: [{'..., ' if names else ''}{quoted(it.text)}]"

    def snippet(self, proposals: Sequence[tuple[Mapped, str]]) -> str:
        """Every touched entry, whole, each new name with its comment. To be pasted over what stands there."""
        if not proposals:
            return "# Nothing to propose.\n"
        by_section: dict[str, dict[str, list[tuple[Mapped, str]]]] = defaultdict(lambda: defaultdict(list))
        for it, comment in proposals:
            key = it.text if it.kind is Kind.VERDICT else it.target
            by_section[SECTIONS[it.kind]][key].append((it, comment))
        lines = ["vocabulary:"]
        for section in (it for it in SECTIONS.values() if it in by_section):
            *outer, inner = section.split(".")
            lines += [f"  {name}:" for name in outer]
            deeper = "  " * len(outer)
            lines.append(f"  {deeper}{inner}:")
            for key, found in by_section[section].items():
                lines += [deeper + line for line in self._block(section, key, found)]
        return "\n".join(lines) + "\n"

    def _block(self, section: str, key: str, found: Sequence[tuple[Mapped, str]]) -> list[str]:
        if section == SECTIONS[Kind.VERDICT]:
            return [f"    {quoted(key)}: {found[0][0].target}  # proposed: {found[0][1]}"]
        _, names = self.entries.get(section, {}).get(key, (0, ()))
        kept = [f"      - {quoted(name)}" for name in names]
        return [f"    {quoted(key)}:", *kept, *(f"      - {quoted(it.text)}  # proposed: {why}" for it, why in found)]


def book(text: bytes, file: str) -> Book:
    root = parse(text, file).root
    found: dict[str, dict[str, tuple[int, tuple[str, ...]]]] = {}
    for section in SECTIONS.values():
        node = root
        for name in ("vocabulary", *section.split(".")):
            node = node.entries().get(name) if node is not None and node.is_map else None
        for key, it in (node.entries() if node is not None and node.is_map else {}).items():
            names = it.texts() if it.is_list and it.value else ()
            found.setdefault(section, {})[key] = (it.key_line, names)
    return Book(file, found)


def quoted(text: str) -> str:
    """As YAML has to have it, in lists between brackets too."""
    return text if _PLAIN.fullmatch(text) and not text.endswith(" ") else msgspec.json.encode(text).decode()


__all__ = ["SECTIONS", "Book", "Kind", "Mapped", "book", "changed", "quoted", "targets"]
