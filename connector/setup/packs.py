"""Starter packs: folders of rules, their tests and settings, to be copied and then changed. They travel with the package."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

#: A link to `rules/packs` in a checkout; a real folder in a wheel, because building one follows links.
FOLDER = Path(__file__).parent / "packs"
SETTINGS, ABOUT = "settings.yaml", "README.md"
#: Where editors find the schema: in a checkout some folders up, in a new folder beside the file.
_MODELINE = re.compile(r"\A(# yaml-language-server: \$schema=)(?:\.\./)+")
#: At the top of a file of rules that says nothing to somebody who has no mailing platform.
_ABOUT_MAIL = re.compile(r"^(cadences|suppress):", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pack:
    name: str
    #: The first line of its README.
    title: str
    settings: str
    #: Files of rules and of their tests: name → text.
    rules: Mapping[str, str]

    @property
    def tells_colleagues(self) -> bool:
        return _block("notices", self.settings) is not None

    @property
    def writes_to_people(self) -> bool:
        return _block("messages", self.settings) is not None

    def without_mail(self) -> Mapping[str, str]:
        """What is left for somebody without a mailing platform: no cadence, and nothing that would hold one back."""
        about_mail = {name.partition(".")[0] for name, text in self.rules.items() if _ABOUT_MAIL.search(text)}
        return {name: text for name, text in self.rules.items() if name.partition(".")[0] not in about_mail}

    def settings_with(self, accounts: str, *, zone: str, leave_out: tuple[str, ...]) -> str:
        """Its settings with accounts in them. Blocks are what stands between blank lines, comment and all."""
        text = re.sub(r"^time_zone: .*$", f"time_zone: {zone}", self.settings, count=1, flags=re.MULTILINE)
        for name in leave_out:
            block = _block(name, text)
            text = text.replace(block, "").rstrip() + "\n" if block else text
        return re.sub(r"^accounts: .*\n", lambda _: accounts, text, count=1, flags=re.MULTILINE)


def packs() -> dict[str, Pack]:
    return {folder.name: _read(folder) for folder in sorted(FOLDER.iterdir()) if (folder / SETTINGS).is_file()}


def _read(folder: Path) -> Pack:
    files = {
        path.name: _MODELINE.sub(r"\1./", path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.yaml"))
    }
    title = (folder / ABOUT).read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")
    return Pack(name=folder.name, title=title, settings=files.pop(SETTINGS), rules=files)


def _block(key: str, text: str) -> str | None:
    return next((it for it in re.split(r"\n(?=\n)", text) if re.search(rf"^{key}:", it, re.MULTILINE)), None)
