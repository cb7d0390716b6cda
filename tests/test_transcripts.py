"""The documentation's commands are run, in order, in a clean folder, and say what the pages show.

A page is a session of one shell. What is run and compared: ```` ```console ```` blocks, where `$ ` begins a command and what
follows is all that it says. What makes the session, unseen by a reader: `<!-- before: COMMAND -->`, whose output is not looked at
(it has to succeed). A YAML block whose first line is a comment with a path is that file, from there on.

Placeholders: `…` is anything in a line, and a line of nothing but `…` any lines. Ids of plans, dates, times, spans and ports may
differ always; other numbers only in ```` ```console counts-vary ```` blocks, because invented histories hang on the day. Blanks
count as one, and log lines are left out. A command ends with 0, but for the last one of a ```` ```console fails ```` block.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = ("README.md", "docs/quickstart.md", "docs/rules.md", "docs/operating.md")
_BLOCK = re.compile(
    r"^<!-- before: (?P<before>.+?) -->$|^```yaml\n# (?P<path>[\w./-]+\.yaml)\n(?P<text>.*?)^```$"
    r"|^```console(?P<how>[^\n]*)\n(?P<session>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_PLAN = r"p\d{4}-[0-9a-f]{6}"
_DAY = (
    r"\d{1,2} (?:Jan|Feb|March|Mar|April|Apr|May|June|Jun|July|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*(?: \d{4})?(?: \d\d:\d\d)?"
)
#: What may differ everywhere: how it looks on the page → what is taken instead.
_VARY = (
    (_PLAN, _PLAN),
    (r"\d{4}-\d\d-\d\d(?: \d\d:\d\d)?", r"\d{4}-\d\d-\d\d(?: \d\d:\d\d)?"),
    (rf"(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) )?{_DAY}", rf"(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) )?{_DAY}"),
    (r"\d+(?:\.\d+)? s\b", r"\d+(?:\.\d+)? s"),
    (r"127\.0\.0\.1:\d+", r"127\.0\.0\.1:\d+"),
    (r"Rule set [0-9a-f]{8}", r"Rule set [0-9a-f]{8}"),
)
_COUNTS = ((r"\d[\d,.]*", r"\d[\d,.]*"),)
_LOG = re.compile(r"^\d{4}-\d\d-\d\dT\S+ \[")


@dataclass(frozen=True, slots=True)
class Step:
    line: int
    command: str
    #: None: nobody looks at it.
    said: tuple[str, ...] | None = None
    counts_vary: bool = False
    fails: bool = False
    file: tuple[Path, str] | None = None


def steps(page: str) -> Iterator[Step]:
    for found in _BLOCK.finditer(page):
        line = page.count("\n", 0, found.start()) + 1
        if found["before"]:
            yield Step(line, found["before"])
        elif found["path"]:
            yield Step(line, "", file=(Path(found["path"]), f"# {found['path']}\n{found['text']}"))
        else:
            how = set(found["how"].split())
            assert how <= {"counts-vary", "fails"}, f"line {line}: console{found['how']}"
            yield from _commands(found["session"].splitlines(), line, how)


def _commands(lines: list[str], first: int, how: set[str]) -> Iterator[Step]:
    begins = [n for n, line in enumerate(lines) if line.startswith("$ ")]
    assert begins[:1] == [0], f"line {first}: a transcript begins with a command"
    for n, begin in enumerate(begins):
        last = n + 1 == len(begins)
        said = tuple(lines[begin + 1 : None if last else begins[n + 1]])
        yield Step(first + begin + 1, lines[begin][2:], said, "counts-vary" in how, last and "fails" in how)


def taken(line: str, *, counts_vary: bool) -> str:
    """One line of the page → the pattern for what may be said in its place."""
    line = " ".join(line.split())
    vary = (("…", ".*"), *_VARY, *(_COUNTS if counts_vary else ()))
    pieces, at = [], 0
    whole = re.compile("|".join(f"(?P<v{n}>{shown})" for n, (shown, _) in enumerate(vary)))
    for found in whole.finditer(line):
        pieces += [re.escape(line[at : found.start()]), vary[int(found.lastgroup[1:])][1]]  # type: ignore[index]
        at = found.end()
    return "".join([*pieces, re.escape(line[at:])])


def differ(shown: tuple[str, ...], said: list[str], *, counts_vary: bool) -> str:
    """Where what was said leaves what is shown; "" where it never does."""
    shown = tuple(line for line in shown if line.strip())
    n, skipping = 0, False
    for line in shown:
        if line.strip() == "…":
            skipping = True
            continue
        pattern = taken(line, counts_vary=counts_vary)
        ahead = range(n, len(said)) if skipping else range(n, min(n + 1, len(said)))
        here = next((k for k in ahead if re.fullmatch(pattern, said[k])), None)
        if here is None:
            return f"shown: {line}\nsaid:  {said[n] if n < len(said) else '(nothing more)'}"
        n, skipping = here + 1, False
    return "" if skipping or n == len(said) else f"shown: (nothing more)\nsaid:  {said[n]}"


@dataclass(slots=True)
class Shell:
    folder: Path
    #: Where compiled modules go, once for all commands: most of their time would be compiling.
    bytecode: Path
    _known: dict[str, str] = field(default_factory=dict)
    _process: subprocess.Popen[str] = field(init=False)

    def __post_init__(self) -> None:
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("KEEPWARM", "PYTEST"))}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        environment |= {
            "PYTHONPYCACHEPREFIX": str(self.bytecode),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}",
            "REPOSITORY": str(ROOT), "TERM": "dumb", "COLUMNS": "120", "LC_ALL": "C.UTF-8",
        }  # fmt: skip
        self._process = subprocess.Popen(
            ["bash", "--norc"], cwd=self.folder, env=environment, text=True, encoding="utf-8",
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def run(self, command: str) -> tuple[list[str], int]:
        """Everything it said, blank and log lines out, and how it ended. Ids of plans are those of this session."""
        for shown, real in self._known.items():
            command = command.replace(shown, real)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f'{{ {command}\n}} </dev/null\necho "transcript-ended $?"\n')
        self._process.stdin.flush()
        said: list[str] = []
        for line in self._process.stdout:
            if "transcript-ended " in line:
                last, _, code = line.rpartition("transcript-ended ")
                return [*said, *([" ".join(last.split())] if last.strip() else [])], int(code)
            if line.strip() and not _LOG.match(line):
                said.append(" ".join(line.split()))
        raise AssertionError(f"the shell ended at: {command}")

    def learn(self, shown: tuple[str, ...], said: list[str]) -> None:
        """Which id of this session stands for the one on the page."""
        mine, ours = (re.findall(_PLAN, "\n".join(lines)) for lines in (said, shown))
        self._known |= dict(zip(dict.fromkeys(ours), dict.fromkeys(mine), strict=False))

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


@pytest.mark.parametrize("page", PAGES)
def test_a_page_says_what_its_commands_say(page: str, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    found = list(steps((ROOT / page).read_text(encoding="utf-8")))
    assert any(step.said is not None for step in found), f"{page} shows no transcript"
    shell = Shell(tmp_path, tmp_path_factory.getbasetemp() / "bytecode")
    try:
        for step in found:
            if step.file is not None:
                path = tmp_path / step.file[0]
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(step.file[1], encoding="utf-8")
                continue
            said, code = shell.run(step.command)
            wrong = "" if step.said is None else differ(step.said, said, counts_vary=step.counts_vary)
            told = f"{page}:{step.line}: $ {step.command}\n{wrong}\n\nall of it:\n" + "\n".join(said)
            assert not wrong, told
            assert (code != 0) == step.fails, f"ended with {code}: {told}"
            if step.said is None:
                continue
            shell.learn(step.said, said)
    finally:
        shell.close()


def test_the_comparison_can_fail() -> None:
    shown = ("Plan p1123-4f09aa over 12 people", "…", "that is all")
    assert differ(shown, ["Plan p0101-aaaaaa over 12 people", "that is all"], counts_vary=False) == ""
    assert differ(shown, ["Plan p0101-aaaaaa over 12 people", "more", "that is all"], counts_vary=False) == ""
    assert "over 13" in differ(shown, ["Plan p0101-aaaaaa over 13 people", "that is all"], counts_vary=False)
    assert differ(shown, ["Plan p0101-aaaaaa over 13 people", "that is all"], counts_vary=True) == ""
    assert "said:  more" in differ(shown, ["Plan p0101-aaaaaa over 12 people", "more"], counts_vary=False)
    assert "(nothing more)" in differ(shown, ["Plan p0101-aaaaaa over 12 people"], counts_vary=False)
    assert "and more" in differ(
        shown, ["Plan p0101-aaaaaa over 12 people", "that is all", "and more"], counts_vary=False
    )


def test_every_console_block_is_run() -> None:
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]
    having = {str(it.relative_to(ROOT)) for it in pages if "```console" in it.read_text(encoding="utf-8")}
    assert having <= set(PAGES)
