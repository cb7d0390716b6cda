"""Writes the parts of the documentation that the code knows best; with `--check` only names what is stale.

    python docs/generate.py [--check]

A part stands between `<!-- begin: name -->` and `<!-- end: name -->`; what is between is replaced.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import click

from connector import errors
from connector.accounts import adapter_class
from connector.adapter import Declaration, Fetches, Pulls, Pushes, Receives
from connector.cli import keepwarm
from connector.errors import KeepwarmError
from connector.facts import FACTS, LISTS, PROTECTED, Fact
from connector.flow import Verb
from connector.rules import equality, load
from connector.rules.operators import words_for
from connector.settings import SCALE
from connector.settings import load as read

ROOT = Path(__file__).parent.parent

#: What a verb does, in a reader's words.
WORDS: Mapping[Verb, str] = {
    Verb.ADD_TAG: "tags",
    Verb.REMOVE_TAG: "tags",
    Verb.ADD_NOTE: "notes",
    Verb.ADD_SOURCE: "sources",
    Verb.REMOVE_SOURCE: "sources",
    Verb.UPSERT_MEMBER: "members",
    Verb.SUPPRESS_MEMBER: "opt-outs",
    Verb.SEND_EVENT: "events",
    Verb.START_JOURNEY: "journeys",
    Verb.SCHEDULE_CAMPAIGN: "campaigns",
    Verb.NOTIFY: "notices to colleagues",
}
TYPES = {
    "text": "text",
    "town": "town",
    "words": "set of words",
    "number": "number",
    "whole": "whole number",
    "yesno": "yes or no",
    "time": "time",
    "stage": "stage",
}
#: Kinds of words that are not, or not only, in the settings.
_SOURCES = {
    "regions": "`vocabulary.regions`, built-in regions",
    "towns": "built-in towns",
    "countries": "two-letter codes",
}
SCOPES = {
    "person": "The person: written directly under `who:`.",
    "application": "One application: inside `has_application:`, `has_no_application:` or `latest_application:`.",
    "interview": "One interview: inside `has_interview:`, `has_no_interview:` or `latest_interview:`.",
    "message": "One message that went through Keepwarm: inside `has_message:` and its sisters.",
    "event": "One event in person: inside `has_event:` and its sisters. Known from applications whose source is one.",
    "role": "The role of the event, inside `when:`, and behind `same_as: role.x` and `shares_with: role.x`.",
}
#: What Keepwarm does about each family.
FATES = {
    "Retry": "Reads: three tries within seconds, then the stream waits 30 seconds. Writes: after 4, 16, 64, 256 and 1,024"
    " seconds, then a dead letter. A write in doubt that the platform cannot look up is a dead letter at once.",
    "RateLimited": "Due again after exactly the wait that was asked for.",
    "Unauthorized": "The account, or only the stream or verb, is paused for 15 minutes and asked again; `status` shows it.",
    "Refused": "A dead letter, with the platform's answer code.",
    "Suppressed": "The opt-out is learnt for every system; the act is cancelled.",
    "Unsupported": "A dead letter; the wiring is wrong.",
    "CursorExpired": "The window is walked again from its first page.",
    "BadSignature": "The door answers 401. Nothing is kept.",
    "Malformed": "The item is parked; the others of its page go on.",
    "ConfigError": "Nothing starts. Every problem is printed as `file:line:column`.",
}


def row(cells: Iterable[object]) -> str:
    return f"| {' | '.join(str(cell).replace('|', chr(92) + '|') for cell in cells)} |"


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    return "\n".join([row(head), "|" + "---|" * len(head), *map(row, rows)])


def folders() -> list[Path]:
    return sorted(path.parent for path in (ROOT / "adapters").glob("*/adapter.py"))


def declared(folder: Path) -> tuple[type, Declaration]:
    adapter = adapter_class(folder.name)
    assert isinstance(adapter, type), folder.name
    declaration: Declaration = adapter.declaration  # type: ignore[attr-defined]
    return adapter, declaration


def level(folder: Path) -> str:
    """*mapped* until the folder's ORIGIN.md states another: `Honesty level: verified`."""
    text = (folder / "fixtures" / "ORIGIN.md").read_text(encoding="utf-8")
    said = re.search(r"^Honesty level: (mapped|verified|live)\b", text, re.MULTILINE)
    return said.group(1) if said else "mapped"


def platforms() -> str:
    return table(("platform", "receives", "pulls", "pushes", "honesty level"), map(platform, folders()))


def platform(folder: Path) -> tuple[str, ...]:
    adapter, it = declared(folder)
    events = len(it.door.events) if it.door and issubclass(adapter, Receives) else 0
    pulls = f"{len(it.streams)} lists" if issubclass(adapter, Pulls) else "—"
    if issubclass(adapter, Fetches) and it.fetches:
        pulls += ", re-reads by id"
    verbs = dict.fromkeys(WORDS[verb] for verb in it.verbs) if issubclass(adapter, Pushes) else {}
    name = f"[{folder.name.capitalize()}](adapters/{folder.name}/README.md)"
    return name, f"{events} webhook events" if events else "—", pulls, ", ".join(verbs) or "—", level(folder)


def commands() -> str:
    return table(("command", "does"), listed(keepwarm, "keepwarm"))


def listed(command: click.Command, name: str) -> Iterator[tuple[str, str]]:
    if isinstance(command, click.Group):
        for part in command.commands:
            yield from listed(command.commands[part], f"{name} {part}")
        return
    pieces = command.collect_usage_pieces(click.Context(command))
    usage = " ".join([name, *(piece for piece in pieces if piece != "[OPTIONS]")])
    yield f"`{usage}`", (command.help or "").strip().split("\n\n")[0].replace("\n", " ")


def facts() -> str:
    parts = []
    for scope, meaning in SCOPES.items():
        rows = [fact_row(fact) for fact in FACTS if fact.scope == scope]
        head = ("fact", "type", "meaning", "example", "values", "supplied by")
        parts.append(f"## {scope.capitalize()}\n\n{meaning}\n\n{table(head, rows)}")
    return "\n\n".join(parts)


def fact_row(fact: Fact) -> tuple[str, ...]:
    name = fact.name if fact.scope == "person" else f"{fact.scope}.{fact.name}"
    values = ", ".join(fact.values) or (_SOURCES.get(fact.kind, f"`vocabulary.{fact.kind}`") if fact.kind else "")
    suppliers = [folder.name for folder in folders() if name in declared(folder)[1].facts]
    return f"`{fact.name}`", TYPES[fact.type], fact.meaning, f"`{fact.example}`", values, ", ".join(suppliers)


#: Test → how its value is written for a fact whose example is `{}`; equality is written as the value alone.
OPERANDS: Mapping[str, str] = {
    "equals": "{}",
    "any_of": "{{any_of: [{}]}}",
    "all_of": "{{all_of: [{}]}}",
    "none_of": "{{none_of: [{}]}}",
    "contains_any": "{{contains_any: [{}]}}",
    "same_as": "{{same_as: role.%s}}",
    "shares_with": "{{shares_with: role.skills, at_least: 2}}",
    "within": "{{within: 30 miles of {}}}",
    "at_least": "{{at_least: {}}}",
    "more_than": "{{more_than: {}}}",
    "at_most": "{{at_most: {}}}",
    "less_than": "{{less_than: {}}}",
    "within_last": "{{within_last: 18 months}}",
    "more_than_ago": "{{more_than_ago: 90 days}}",
    "within_next": "{{within_next: 2 weeks}}",
    "before": "{{before: {}}}",
    "after": "{{after: {}}}",
}


def operators() -> str:
    """Each test with a line that was read before it was printed."""
    rows = [
        (name, f"`{test}`", f"`{worked(type_, test)}`") for type_, name in TYPES.items() for test in words_for(type_)
    ]
    return table(("type of fact", "test", "for example"), rows)


def worked(type_: str, test: str) -> str:
    fact = next(it for it in FACTS if it.type == type_ and (test != "contains_any" or it.name in ("title", "city")))
    if (type_, test) == ("words", "same_as"):
        fact = next(it for it in FACTS if it.name == "pools")
    operand = OPERANDS[test].replace("%s", fact.name.removesuffix("s")).format(fact.example)
    line = f"{fact.name}: {operand}"
    asked = f"{{{line}}}" if fact.scope == "person" else f"{{has_{fact.scope}: {{{line}}}}}"
    rule = f"{{rule: one, when: {{event: role_published}}, who: {asked}, do: {{event: x}}}}"
    found = load({"docs": f"version: 1\nrules:\n  - {rule}\n"}, read(ROOT / "settings.yaml").words.vocabulary)
    assert not found.problems, (line, found.problems)
    return line


def items() -> str:
    return ", ".join(f"`{how}_{scope}`" for scope in LISTS for how in ("has", "has_no", "latest"))


def forbidden() -> str:
    return ", ".join(f"`{name}`" for name in sorted(PROTECTED))


def proxies() -> str:
    asked = [
        (f"`{fact.name}`", fact.proxy.of, "needed" if fact.proxy.must else "a warning without it")
        for fact in FACTS
        if fact.proxy
    ]
    words = [(f"a word that begins like `{word}`", what, "needed") for word, what in equality.WORDS.items()]
    more = [
        ("a postcode; a year beside *class of*, *born*, *graduated*", "ethnic and social origin; age", "needed"),
        *((f"`{name}` as a fact", what, "refused: it is not one") for name, what in equality.NAMES.items()),
    ]
    return table(("what", "may stand in for", "a justification is"), [*asked, *words, *more])


def families() -> str:
    found = [it for it in vars(errors).values() if isinstance(it, type) and issubclass(it, KeepwarmError)]
    return table(
        ("family", "means", "what happens"),
        ((f"`{it.__name__}`", said(it), FATES[it.__name__]) for it in found if it is not KeepwarmError),
    )


def said(it: type) -> str:
    return " ".join((it.__doc__ or "").split("\n\n")[0].split())


def scale() -> str:
    return ", ".join(f"`{word}` {worth:g}" for word, worth in SCALE.items())


PARTS: Mapping[str, Callable[[], str]] = {
    "platforms": platforms,
    "commands": commands,
    "facts": facts,
    "operators": operators,
    "items": items,
    "forbidden": forbidden,
    "proxies": proxies,
    "families": families,
    "scale": scale,
}


def renewed(text: str) -> str:
    """The same page, its generated parts made anew."""

    def made(match: re.Match[str]) -> str:
        return f"{match.group(1)}\n\n{PARTS[match.group(2)]()}\n\n<!-- end: {match.group(2)} -->"

    return re.sub(r"(<!-- begin: (\w+) -->).*?<!-- end: \2 -->", made, text, flags=re.DOTALL)


def main(arguments: Sequence[str]) -> int:
    stale = 0
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        before = page.read_text(encoding="utf-8")
        after = renewed(before)
        if after != before:
            stale += 1
            sys.stdout.write(
                f"{page.relative_to(ROOT)}: {'stale; run `make docs`' if '--check' in arguments else 'written'}\n"
            )
            if "--check" not in arguments:
                page.write_text(after, encoding="utf-8")
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
