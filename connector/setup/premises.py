"""What a team answers → every file of its new folder, as text; and their writing, which overwrites nothing unasked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from connector import settings as settings_
from connector.accounts import every_platform
from connector.adapter import Declaration
from connector.flow import Verb
from connector.rules.schema import schema as rules_schema
from connector.setup.packs import SETTINGS, packs

#: What accounts are called in a new folder. The names of a pack's messages and notices lean on them.
HIRING, NEWSLETTER, CHAT = "hiring", "newsletter", "chat"
NONE = "none"
ENV, IGNORE = ".env.example", ".gitignore"
RULES_SCHEMA, SETTINGS_SCHEMA = "rules.schema.json", "settings.schema.json"
_UTC = ("UTC", "Etc/UTC", "Universal", "Etc/Universal", "Zulu")
#: A webhook's secret exists only once the webhook does, and that needs the address of a running door.
_LATER = "webhook"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    pack: str
    ats: str
    #: A mailing platform, or `none`.
    mail: str
    zone: str
    #: Whether colleagues are told things in a chat channel.
    chat: bool = True
    #: (account, option) → value, for options that a platform cannot do without.
    options: Mapping[tuple[str, str], str] = field(default_factory=dict)

    @property
    def accounts(self) -> dict[str, Declaration]:
        known = {it.platform: it for it in every_platform()}
        pack = packs()[self.pack]
        found = {HIRING: known[self.ats]}
        if self.mail != NONE:
            found[NEWSLETTER] = known[self.mail]
        if self.chat and pack.tells_colleagues:
            found[CHAT] = known["chat"]
        return found

    @property
    def open_options(self) -> list[tuple[str, str, str]]:
        """(account, option, meaning) of what a platform cannot do without and nobody has said."""
        return [
            (name, option.name, option.meaning)
            for name, declared in self.accounts.items()
            for option in declared.options
            if option.required and (name, option.name) not in self.options
        ]

    @property
    def variables(self) -> list[str]:
        """The environment variables that the settings name at first."""
        return [_variable(name, it) for name, declared in self.accounts.items() for it in _at_first(declared)]


def choices() -> tuple[list[str], list[str]]:
    """(applicant tracking systems, mailing platforms, `none` among them)"""
    every = every_platform()
    hiring = [it.platform for it in every if any("candidate" in stream.kinds for stream in it.streams)]
    mailing = [it.platform for it in every if Verb.UPSERT_MEMBER in it.verbs]
    return hiring, [*mailing, NONE]


def by_default(machine_zone: str) -> Answers:
    hiring, mailing = choices()
    zone = machine_zone if machine_zone and machine_zone not in _UTC else "Europe/London"
    return Answers(pack="one-person-hr", ats=hiring[0], mail=mailing[0], zone=zone)


def zone_of_machine(localtime: Path = Path("/etc/localtime")) -> str:
    """As the link says, `Europe/Paris`; "" where it is none."""
    return str(localtime.resolve()).partition("zoneinfo/")[2] if localtime.is_symlink() else ""


def files(answers: Answers) -> dict[str, str]:
    """Name → text, in the order in which a reader wants them. Raises ConfigError should they not go together."""
    pack = packs()[answers.pack]
    leave_out = ["messages"] * (answers.mail == NONE) + ["notices"] * (CHAT not in answers.accounts)
    text = pack.settings_with(_accounts(answers), zone=answers.zone, leave_out=tuple(leave_out))
    read = settings_.read(text, SETTINGS, folder=Path())
    rules = pack.rules if answers.mail != NONE else pack.without_mail()
    return {
        SETTINGS: text,
        **{f"rules/{name}": text for name, text in rules.items()},
        ENV: _env(answers),
        IGNORE: "# what Keepwarm keeps, and your secrets\nstate/\n.env\n",
        SETTINGS_SCHEMA: settings_.schema(),
        f"rules/{RULES_SCHEMA}": rules_schema(read.words.vocabulary),
    }


def _accounts(answers: Answers) -> str:
    lines = [
        "# The name of an account is part of its webhook's address and of every record: choose it once. Behind each secret",
        f"# stands the name of an environment variable; `{ENV}` lists them.",
        "accounts:",
    ]
    for name, declared in answers.accounts.items():
        lines += [f"  {name}:", f"    platform: {declared.platform}", "    secrets:"]
        lines += [f"      {it}: {_variable(name, it)}" for it in _at_first(declared)]
        if _LATER in declared.secrets:
            lines.append(
                f"      # {_LATER}: [{_variable(name, _LATER)}]     # once a webhook was made there; pulls do without"
            )
        lines += _options(answers, name, declared)
    return "\n".join(lines) + "\n"


def _options(answers: Answers, name: str, declared: Declaration) -> Iterator[str]:
    required = [it for it in declared.options if it.required]
    others = [
        it for it in declared.options if not it.required and it.name not in ("subject", "token_url", "payload_only")
    ]
    if declared.options:
        yield "    options:" if required else "    # options:"
    for option in required:
        said = answers.options.get((name, option.name))
        yield f"      {option.name}: {_quoted(said or f'YOUR-{option.name.upper()}')}    # {option.meaning}"
    for option in others:
        yield f"      # {option.name} ({option.meaning})"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _at_first(declared: Declaration) -> list[str]:
    return [it for it in declared.secrets if it != _LATER]


def _variable(account: str, secret: str) -> str:
    return f"{account}_{secret}".upper()


def _env(answers: Answers) -> str:
    lines = [
        "# The secrets that settings.yaml names. Copy this file to `.env`, paste each between the quotes behind its `=`, and",
        "# load them into the shell in which Keepwarm runs:   set -a; . ./.env; set +a",
        "# `.env` is in .gitignore. Keepwarm itself reads the environment only.",
    ]
    for name, declared in answers.accounts.items():
        lines += ["", f"# {name}: {declared.platform.capitalize()}"]
        for secret, meaning in declared.secrets.items():
            lines.append(f"# {meaning}")
            if secret != _LATER:
                lines.append(f"{_variable(name, secret)}=''")
                continue
            where = f" ({declared.door.where})" if declared.door and declared.door.where else ""
            lines += [
                f"# Later: make the webhook{where} on https://YOUR-HOST/webhooks/{name},",
                f"# take the # away here and before `{_LATER}:` in settings.yaml.",
                f"# {_variable(name, secret)}=''",
            ]
    return "\n".join(lines) + "\n"


def held(folder: Path, made: Mapping[str, str]) -> list[str]:
    """Which of them are there already and say something else. A .gitignore is anybody's and stays."""
    return [name for name, text in made.items() if name != IGNORE and _differs(folder / name, text)]


def _differs(path: Path, text: str) -> bool:
    return path.exists() and (not path.is_file() or path.read_bytes() != text.encode())


def write(folder: Path, made: Mapping[str, str]) -> Sequence[tuple[str, str]]:
    """(name, what became of it): written, overwritten, left as it is."""
    said = []
    for name, text in made.items():
        path = folder / name
        there = path.exists()
        if there and (name == IGNORE or not _differs(path, text)):
            said.append((name, "left as it is"))
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        said.append((name, "overwritten" if there else "written"))
    return said
