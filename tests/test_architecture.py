"""The house keeps small files, small functions, honest names, one place for time. Floors: `tool.importlinter`."""

from __future__ import annotations

import ast
import functools
import io
import tokenize
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = {
    file.relative_to(ROOT).as_posix(): file.read_text(encoding="utf-8")
    for place in ("connector", "adapters")
    for file in sorted((ROOT / place).rglob("*.py"))
}
MOST_LINES = 300
MOST_FUNCTION_LINES = 45
NOT_CODE = frozenset(
    {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
)
#: Names that say nothing, so that anything may end up in them.
EMPTY_NAMES = frozenset({"utils", "util", "helpers", "helper", "common", "base", "manager", "service", "misc", "lib"})
#: Floors 4 and 5, and what is put together for them.
FACES = ("cli", "web", "scheduler.py", "house.py", "contract")
#: Below the faces the machine is asked for the time only here: for limits, tokens, Retry-After, and by sandboxes.
KNOW_THE_TIME = frozenset(f"connector/{name}.py" for name in ("answer", "pace", "signin", "client", "sandbox"))
CLOCKS = frozenset({"now", "utcnow", "today", "time", "localtime", "gmtime"})
#: Only here is a module loaded by a name from settings or a command line.
LOADERS = frozenset({"connector/accounts.py", "connector/contract/folder.py"})
CATCH_ALL = frozenset({"Exception", "BaseException"})

Check = Callable[[str], list[str]]


def keeps(check: Check, *, but: Callable[[str], bool] = lambda place: False) -> None:
    """Assert that no source file fails the check; the complaint lists all that do."""
    wrong = [f"{place}: {line}" for place, source in SOURCES.items() if not but(place) for line in check(source)]
    assert not wrong, "\n".join(wrong)


@functools.cache
def parsed(source: str) -> ast.Module:
    return ast.parse(source)


@functools.cache
def lines_of_code(source: str) -> set[int]:
    """The lines that do something: no blank ones, no comments, no docstrings. Explaining is never punished."""
    code: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in NOT_CODE:
            code |= set(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(parsed(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            code -= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return code


def too_long(source: str) -> list[str]:
    lines = len(lines_of_code(source))
    return [f"{lines} lines of code, at most {MOST_LINES}"] if lines > MOST_LINES else []


def long_functions(source: str) -> list[str]:
    code, found = lines_of_code(source), []
    for node in ast.walk(parsed(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = len(code & set(range(node.lineno, (node.end_lineno or node.lineno) + 1)))
            if lines > MOST_FUNCTION_LINES:
                found.append(f"{node.name}: {lines} lines, at most {MOST_FUNCTION_LINES}")
    return found


def silent_modules(source: str) -> list[str]:
    said = ast.get_docstring(parsed(source)) or ""
    return [] if len(said.split()) >= 4 else ["no docstring worth the name"]


def clock_calls(source: str) -> list[str]:
    """Everything that asks the machine for the time: `datetime.now()`, `date.today()`, a `time.time` handed on."""
    found = []
    for node in ast.walk(parsed(source)):
        if isinstance(node, ast.Attribute) and node.attr in CLOCKS and isinstance(node.value, ast.Name):
            if node.value.id in ("datetime", "date", "time"):
                found.append(f"{node.lineno}: {node.value.id}.{node.attr}")
        elif isinstance(node, ast.ImportFrom) and node.module == "time":
            found += [f"{node.lineno}: from time import {alias.name}" for alias in node.names if alias.name in CLOCKS]
    return found


def loaded_by_name(source: str) -> list[str]:
    names = {"importlib.import_module", "import_module", "__import__", "exec", "eval"}
    calls = [node for node in ast.walk(parsed(source)) if isinstance(node, ast.Call)]
    return [f"{call.lineno}: {ast.unparse(call.func)}" for call in calls if ast.unparse(call.func) in names]


def swallowed(source: str) -> list[str]:
    """`except Exception` that neither raises again nor hands the error on."""
    return [f"{line}: catches everything" for line, logs in _broad(source) if not logs]


def swallowed_though_logged(source: str) -> list[str]:
    """The worker loop and the door may log a bug whole and go on; nobody else may."""
    return [f"{line}: outlives every bug" for line, _ in _broad(source)]


def _broad(source: str) -> list[tuple[int, bool]]:
    """(line, is it logged whole) of each handler that catches everything and keeps it to itself."""
    found = []
    for node in ast.walk(parsed(source)):
        if isinstance(node, ast.ExceptHandler) and (node.type is None or ast.unparse(node.type) in CATCH_ALL):
            inner = [each for statement in node.body for each in ast.walk(statement)]
            again = any(isinstance(each, ast.Raise) for each in inner)
            handed = any(isinstance(each, ast.Name) and each.id == node.name for each in inner)
            if not again and not handed:
                logged = any(isinstance(each, ast.Attribute) and each.attr == "exception" for each in inner)
                found.append((node.lineno, logged))
    return found


def face(place: str) -> bool:
    return place.partition("/")[2].startswith(FACES)


def may_ask_for_the_time(place: str) -> bool:
    return face(place) or place in KNOW_THE_TIME or place.rpartition("/")[2].startswith("sandbox")


def test_a_file_is_small() -> None:
    keeps(too_long)


def test_a_function_fits_on_one_screen() -> None:
    keeps(long_functions)


def test_a_name_says_what_is_inside() -> None:
    assert not [place for place in SOURCES if EMPTY_NAMES & set(place.removesuffix(".py").split("/"))]


def test_a_module_says_what_it_is_for() -> None:
    keeps(silent_modules)


def test_below_the_faces_time_is_an_argument() -> None:
    keeps(clock_calls, but=may_ask_for_the_time)


def test_modules_are_loaded_by_name_in_one_place_only() -> None:
    keeps(loaded_by_name, but=LOADERS.__contains__)


def test_nothing_is_swallowed() -> None:
    keeps(swallowed)
    keeps(swallowed_though_logged, but=face)


@pytest.mark.parametrize(
    ("check", "bad", "good"),
    [
        (too_long, "x = 1\n" * 301, "# why\n\nx = 1\n" * 300),
        (long_functions, "def f():\n" + "    x = 1\n" * 45, "def f():\n" + "    x = 1\n" * 39),
        (silent_modules, "import os", '"""What this one is for."""'),
        (clock_calls, "moment = datetime.now(UTC)", "moment = clock.now()"),
        (clock_calls, "def f(clock=time.time): ...", "def f(clock): ..."),
        (clock_calls, "from time import time", "from time import sleep"),
        (clock_calls, "date.today()", "moment.date()"),
        (loaded_by_name, "importlib.import_module(name)", "import name"),
        (swallowed, "try:\n    f()\nexcept Exception:\n    g()", "try:\n    f()\nexcept ValueError:\n    g()"),
        (swallowed, "try:\n    f()\nexcept:\n    g()", "try:\n    f()\nexcept Exception as error:\n    g(error)"),
        (swallowed_though_logged, "try:\n    f()\nexcept Exception:\n    log.exception('x')", "f()"),
    ],
)
def test_these_checks_can_fail(check: Check, bad: str, good: str) -> None:
    assert check(bad)
    assert not check(good)


def test_only_faces_and_sandboxes_may_ask_for_the_time() -> None:
    for place in ("connector/cli/run.py", "connector/scheduler.py", "adapters/lever/sandbox_rows.py"):
        assert may_ask_for_the_time(place)
    for place in ("connector/decide.py", "adapters/lever/adapter.py", "connector/store/sqlite.py"):
        assert not may_ask_for_the_time(place)
