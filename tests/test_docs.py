"""The documentation cannot rot: what the code has is named, what is named exists, and every example runs."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import pytest

import connector
from connector import cli, rules, settings
from connector.cli.words import WRONG
from connector.errors import ConfigError
from connector.facts import FACTS, PROTECTED
from connector.rules import entries, parts
from connector.rules.meaning import examined
from connector.rules.operators import OPERATORS

ROOT = Path(__file__).parent.parent
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md")), *sorted(ROOT.glob("adapters/*/README.md"))]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def code(name: str) -> set[str]:
    """Everything that a page sets in code: whole spans, and the words in them."""
    spans = re.findall(r"`([^`\n]+)`", text(name))
    return {word for span in spans for word in (span, *re.findall(r"[\w.]+", span))}


def verbs(group: click.Group = cli.keepwarm, before: str = "") -> Iterator[str]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from verbs(command, f"{before}{name} ")
        else:
            yield f"{before}{name}"


# what the code has is named


def test_generated_parts_are_fresh() -> None:
    ran = subprocess.run(
        [sys.executable, "docs/generate.py", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.parametrize("verb", sorted(verbs()))
def test_every_command_is_explained(verb: str) -> None:
    assert f"`keepwarm {verb}" in text("README.md")
    assert verb in code("docs/operating.md")


def test_every_option_of_a_command_that_the_docs_name_exists() -> None:
    known = {"--help", "--version", "--check"}  # of all; of docs/generate.py
    for command in walk(cli.keepwarm):
        known |= {
            name
            for option in command.params
            for name in (*option.opts, *option.secondary_opts)
            if name.startswith("--")
        }
    named = {
        option
        for page in PAGES
        if "adapters" not in page.parts
        for option in re.findall(r"(?<=[\s`\"])--[a-z][a-z-]+", page.read_text(encoding="utf-8"))
    }
    assert not named - known


def walk(command: click.Command) -> Iterator[click.Command]:
    yield command
    for part in command.commands.values() if isinstance(command, click.Group) else ():
        yield from walk(part)


def test_exit_codes_are_the_same_everywhere() -> None:
    tables = [
        re.findall(r"^\| (\d) \| ([^|]+?) \|$", text(page), re.MULTILINE) for page in ("README.md", "docs/operating.md")
    ]
    readme, operating = ({int(code): meaning for code, meaning in table} for table in tables)
    assert set(readme) == set(operating) == {0, WRONG, 2, cli.REFUSED, cli.LOCKED}
    for number in readme:
        assert operating[number].startswith(readme[number]), number
    assert "plan was refused" in readme[cli.REFUSED]
    assert "writing to the database" in readme[cli.LOCKED]
    assert f"{cli.REFUSED} a plan was refused" in " ".join((cli.keepwarm.help or "").split())


def known_to(function: str) -> set[str]:
    """The keys that a method of settings' reader passes to `fields` or `_fields`, its own name among them."""
    tree = ast.parse(Path(settings.__file__).read_bytes())
    found = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}[function]
    words = (node.value for node in ast.walk(found) if isinstance(node, ast.Constant))
    return {word for word in words if isinstance(word, str) and re.fullmatch(r"[a-z]+(_[a-z]+)*", word)}


READERS = ("_quiet", "_caps", "_changes", "_words", "_account", "_message")


@pytest.mark.parametrize("reader", READERS)
def test_every_setting_of_a_block_is_explained(reader: str) -> None:
    words = known_to(reader)
    assert len(words) > 1
    assert not words - code("docs/settings.md")


def test_every_setting_at_the_top_is_explained() -> None:
    with pytest.raises(ConfigError) as refusal:
        settings.read("version: 1\nretention: {x: 1}\nserve: {x: 1}\nzzz: 1", "x.yaml", folder=Path())
    told = set(re.findall(r"`([a-z]+)`", str(refusal.value))) - {"x", "zzz"}
    assert {"bodies", "parked", "host", "port"} <= told
    named = {f"serve.{word}" if word in ("host", "port") else f"retention.{word}" for word in told}
    assert not {"version", *settings._TOP, *named} - code("docs/settings.md")


@pytest.mark.parametrize("way", settings.WAYS)
def test_every_way_of_sending_is_explained(way: str) -> None:
    assert not {way, *settings._MESSAGE_NEEDS[way]} - code("docs/settings.md")


def test_every_fact_and_forbidden_name_is_listed() -> None:
    assert not {fact.name for fact in FACTS} - code("docs/facts.md")
    assert not PROTECTED - code("docs/rules.md")


def test_every_word_of_the_rule_language_is_explained() -> None:
    words = {name for _, name in OPERATORS} - {"equals"}
    words |= {*parts.EVENTS, *parts.COMMON, *parts._LATER, *rules.language._RULE}
    for part in (entries.Limits, entries.When, entries.Keep, entries.Do, entries.Notify, entries.Event, entries.Send):
        words |= set(part.__dataclass_fields__)
    for entry in (entries.Cadence, entries.Suppress):
        words |= set(vars(entry)["__annotations__"])
    words |= {
        "if_unknown",
        "count",
        "any",
        "all",
        "none",
        "role_matches",
        "template",
        "only_if",
        "off",
        "shadow",
        "live",
    }
    words |= {"never", "always", "start_again", "stop", "marketing", "everything"}
    assert not words - code("docs/rules.md") - set(re.findall(r"\w+", " ".join(examples("docs/rules.md"))))


def families() -> Iterator[str]:
    """Every public class below KeepwarmError, wherever it stands."""
    bases = {"KeepwarmError"}
    classes = [
        node
        for file in sorted((ROOT / "connector").rglob("*.py"))
        for node in ast.walk(ast.parse(file.read_bytes()))
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    ]
    for _ in range(3):
        bases |= {node.name for node in classes if bases & {ast.unparse(base) for base in node.bases}}
    yield from sorted(bases - {"KeepwarmError"})


@pytest.mark.parametrize("family", sorted(families()))
def test_every_family_of_errors_is_explained(family: str) -> None:
    assert family in code("docs/operating.md")


@pytest.mark.parametrize("folder", sorted((ROOT / "adapters").glob("*/adapter.py")), ids=lambda file: file.parent.name)
def test_a_platform_is_in_the_tables(folder: Path) -> None:
    name = folder.parent.name
    assert f"](adapters/{name}/README.md)" in text("README.md")
    assert name in text("docs/quickstart.md")


# what is named exists


@every_page
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        there = (page.parent / name).resolve() if name else page
        assert there.exists(), f"{page.name} → {target}"
        if anchor:
            assert anchor in anchors(there), f"{page.name} → {target}"


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@every_page
def test_make_targets_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", text("Makefile"), re.MULTILINE))
    page_text = page.read_text(encoding="utf-8")
    named = set(re.findall(r"(?:`|^)make (?:[A-Z]+=\S+ )?([a-z]+)", page_text, re.MULTILINE))
    assert not named - targets


@every_page
def test_commands_exist(page: Path) -> None:
    known = {verb.split()[0] for verb in verbs()}
    named = re.findall(r"(?:`|^)keepwarm ([a-z-]+)", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert not set(named) - known


def test_the_two_commands_of_the_readme_are_phony_targets() -> None:
    phony = next(line for line in text("Makefile").splitlines() if line.startswith(".PHONY:")).split()
    assert {"demo", "test", "check", "bench", "clean", "help"} <= set(phony)
    assert all(f"\nmake {target}" in text("README.md") for target in ("demo", "test"))
    assert "make check" in text(".ci/run")
    assert "make demo" in text(".ci/run")


# every example runs


def examples(page: str) -> list[str]:
    return re.findall(r"^```yaml\n(version: 1\n.*?)^```", text(page), re.DOTALL | re.MULTILINE)


EXAMPLES = [
    pytest.param(block, id=f"{page}-{number}")
    for page in ("README.md", "docs/rules.md", "docs/settings.md")
    for number, block in enumerate(examples(page))
]


@pytest.mark.parametrize("block", EXAMPLES)
def test_examples_load(block: str) -> None:
    if re.search(r"^(rules|cadences|suppress):", block, re.MULTILINE):
        read = rules.load({"example.yaml": block}, settings.load(ROOT / "settings.yaml").words.vocabulary)
        found = examined(read, now=datetime(2026, 11, 23, tzinfo=UTC))
        assert found.entries
        assert not found.problems + found.warnings + found.refusals
    else:
        assert settings.read(block, "example.yaml", folder=ROOT)


def test_there_are_examples_on_every_page_that_teaches() -> None:
    assert len(EXAMPLES) >= 10


# the package


def test_versions_agree() -> None:
    version = PROJECT["project"]["version"]
    assert connector.__version__ == version
    assert re.search(rf"^## {re.escape(version)}\b", text("CHANGELOG.md"), re.MULTILINE)


#: Never imported by name. uvicorn takes the first two when told so; zoneinfo takes the third where a system has none.
UNSEEN = {"httptools", "uvloop", "tzdata"}
MODULES = {"prometheus-client": "prometheus_client", "pyyaml": "yaml", "sqlite-utils": "sqlite_utils"}


def test_every_dependency_is_pinned_and_used() -> None:
    sources = "\n".join(file.read_text(encoding="utf-8") for file in (ROOT / "connector").rglob("*.py"))
    imported = set(re.findall(r"^\s*(?:import|from) (\w+)", sources, re.MULTILINE))
    wanted: list[str] = PROJECT["project"]["dependencies"]
    for line in wanted:
        name, _, version = line.partition(";")[0].partition("==")
        assert version, f"{line}: no pinned version"
        assert name in UNSEEN or MODULES.get(name, name) in imported, f"{name} is not used"


def test_a_platform_travels_with_its_readme_and_fixtures() -> None:
    patterns: list[str] = PROJECT["tool"]["setuptools"]["package-data"]["*"]
    data: list[Any] = [
        file for file in (ROOT / "adapters").rglob("*") if file.is_file() and file.suffix not in (".py", ".pyc")
    ]
    left = [file for file in data if not any(file.match(pattern.rpartition("/")[2]) for pattern in patterns)]
    assert data
    assert not left
