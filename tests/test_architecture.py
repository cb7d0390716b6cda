"""The house keeps its floors: small files, small functions, honest names, one place for time, no way round the port."""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MOST_LINES = 300
MOST_FUNCTION_LINES = 40
NOT_CODE = frozenset(
    {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
)
#: Names that say nothing, so that anything may end up in them.
EMPTY_NAMES = frozenset(
    {
        "utils",
        "util",
        "helpers",
        "helper",
        "common",
        "base",
        "manager",
        "managers",
        "service",
        "services",
        "misc",
        "lib",
    }
)
#: Floors 4 and 5: the faces and the hand. Only there, and in the files named, may the machine be asked for the time.
FACES = ("cli", "web", "scheduler.py", "house.py", "contract")
KNOW_THE_TIME = frozenset(
    {"connector/answer.py", "connector/pace.py", "connector/signin.py", "connector/client.py", "connector/sandbox.py"}
)
CLOCKS = frozenset({"now", "utcnow", "today", "time", "localtime", "gmtime"})
#: Only here is a module loaded by a name from settings.
LOADERS = frozenset({"connector/accounts.py", "connector/contract/folder.py"})


def sources() -> list[Path]:
    return sorted(file for place in ("connector", "adapters") for file in (ROOT / place).rglob("*.py"))


def inside(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


SOURCES = sources()
every_source = pytest.mark.parametrize("file", SOURCES, ids=map(inside, SOURCES))


def nodes(file: Path) -> Iterator[ast.AST]:
    return ast.walk(ast.parse(file.read_bytes()))


def lines_of_code(source: str) -> set[int]:
    """The lines that do something: no blank ones, no comments, no docstrings. Explaining is never punished."""
    code: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in NOT_CODE:
            code |= set(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            code -= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return code


@every_source
def test_a_file_is_small(file: Path) -> None:
    assert not too_long(file.read_text(encoding="utf-8"))


def too_long(source: str) -> list[str]:
    lines = len(lines_of_code(source))
    return [f"{lines} lines of code, at most {MOST_LINES}"] if lines > MOST_LINES else []


@every_source
def test_a_function_fits_on_one_screen(file: Path) -> None:
    assert not long_functions(file.read_text(encoding="utf-8"))


def long_functions(source: str) -> list[str]:
    """`name: lines` of the functions that are too long."""
    code = lines_of_code(source)
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = len(code & set(range(node.lineno, (node.end_lineno or node.lineno) + 1)))
            if lines > MOST_FUNCTION_LINES:
                found.append(f"{node.name}: {lines} lines")
    return found


@every_source
def test_a_name_says_what_is_inside(file: Path) -> None:
    assert not EMPTY_NAMES & set(file.relative_to(ROOT).with_suffix("").parts)


@every_source
def test_a_module_says_what_it_is_for(file: Path) -> None:
    said = ast.get_docstring(ast.parse(file.read_bytes())) or ""
    assert len(said.split()) >= 4, f"{inside(file)} has no docstring worth the name"


@every_source
def test_below_the_faces_time_is_an_argument(file: Path) -> None:
    if may_ask_for_the_time(inside(file)):
        return
    assert not clock_calls(file.read_text(encoding="utf-8"))


def may_ask_for_the_time(place: str) -> bool:
    floor = place.partition("/")[2]
    return place in KNOW_THE_TIME or floor.startswith(FACES) or place.rpartition("/")[2].startswith("sandbox")


def clock_calls(source: str) -> list[str]:
    """`line: call` of everything that asks the machine: `datetime.now()`, `date.today()`, `time.time()`, a bare `time.time`."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and node.attr in CLOCKS and isinstance(node.value, ast.Name):
            if node.value.id in ("datetime", "date", "time"):
                found.append(f"{node.lineno}: {node.value.id}.{node.attr}")
        elif isinstance(node, ast.ImportFrom) and node.module == "time":
            found += [f"{node.lineno}: from time import {alias.name}" for alias in node.names if alias.name in CLOCKS]
    return found


@every_source
def test_modules_are_loaded_by_name_in_one_place_only(file: Path) -> None:
    if inside(file) in LOADERS:
        return
    called = [node.func for node in nodes(file) if isinstance(node, ast.Call)]
    names = {ast.unparse(function) for function in called}
    assert not names & {"importlib.import_module", "import_module", "__import__", "exec", "eval"}


@every_source
def test_nothing_is_swallowed(file: Path) -> None:
    assert not swallowed(
        file.read_text(encoding="utf-8"), may_outlive_bugs=inside(file).partition("/")[2].startswith(FACES)
    )


def swallowed(source: str, *, may_outlive_bugs: bool = False) -> list[str]:
    """`except Exception` that does not raise again. The worker loop and the door may log it whole and go on."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ExceptHandler) and (
            not node.type or ast.unparse(node.type) in ("Exception", "BaseException")
        ):
            inner = list(ast.walk(node))
            again = any(isinstance(each, ast.Raise) for each in inner)
            logged = any(isinstance(each, ast.Attribute) and each.attr == "exception" for each in inner)
            if not again and not (may_outlive_bugs and logged):
                found.append(f"{node.lineno}: catches everything")
    return found


@every_source
def test_nobody_imports_an_adapter(file: Path) -> None:
    place = inside(file)
    own = "/".join(place.split("/")[:2]).replace("/", ".")
    for node in nodes(file):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        for name in names:
            foreign = name.split(".")[0] == "adapters" and not (place.startswith("adapters/") and name.startswith(own))
            assert not foreign, f"{place} imports {name}"


@pytest.mark.parametrize(
    ("check", "bad", "good"),
    [
        (long_functions, "def f():\n" + "    x = 1\n" * 40, "def f():\n" + "    x = 1\n" * 39),
        (too_long, "x = 1\n" * 301, "# why\n\nx = 1\n" * 300),
        (
            swallowed,
            "try:\n    f()\nexcept Exception:\n    log.exception('x')",
            "try:\n    f()\nexcept ValueError:\n    pass",
        ),
        (clock_calls, "moment = datetime.now(UTC)", "moment = clock.now()"),
        (clock_calls, "def f(clock=time.time): ...", "def f(clock): ..."),
        (clock_calls, "from time import time", "from time import sleep"),
        (clock_calls, "date.today()", "moment.date()"),
    ],
)
def test_these_checks_can_fail(check: Callable[[str], list[str]], bad: str, good: str) -> None:
    assert check(bad)
    assert not check(good)


def test_only_faces_and_sandboxes_may_ask_for_the_time() -> None:
    for place in (
        "connector/cli/run.py",
        "connector/scheduler.py",
        "adapters/lever/sandbox_rows.py",
        "connector/sandbox.py",
    ):
        assert may_ask_for_the_time(place)
    for place in ("connector/decide.py", "adapters/lever/adapter.py", "connector/store/sqlite.py"):
        assert not may_ask_for_the_time(place)
