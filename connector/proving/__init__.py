"""Rules held to what their own tests expect of them: `*.test.yaml` → a report.

`run(rule set, {file: text}, settings)` never raises for what is wrong with a file: look at `report.ok`. Test files are read
strictly (`problems`, and then nothing runs); each test is one invented person in a house of their own, in which the real
court, diff, cadences, guard and outbox work through simulated time (`stage`). What did not come true is in `failures`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from connector.errors import Problem
from connector.proving.cases import Case
from connector.proving.reading import named, read
from connector.proving.stage import staged
from connector.proving.verdicts import Failure, look
from connector.rules import AnyEntry, RuleSet
from connector.settings import Settings

#: How the name of a test file ends; it stands beside the rules.
ENDING = ".test.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    files: int
    #: (file, test) in the order in which they ran.
    tests: tuple[tuple[str, str], ...] = ()
    expectations: int = 0
    #: What is wrong with the test files themselves; where there is any, nothing ran.
    problems: tuple[Problem, ...] = ()
    failures: tuple[Failure, ...] = ()
    #: Rule, cadence or suppression → what was expected of it: yes, no, unknown, kept, enrolled, sent, done.
    asked: Mapping[str, tuple[str, ...]]
    #: Those that no test names.
    untested: tuple[AnyEntry, ...] = ()

    @property
    def ok(self) -> bool:
        return not self.problems and not self.failures


def files(folder: Path) -> dict[str, str]:
    """Every test file beside the rules."""
    return {str(path): path.read_text(encoding="utf-8") for path in sorted(folder.glob(f"*{ENDING}"))}


def run(found: RuleSet, files: Mapping[str, str], settings: Settings) -> Report:
    """`files`: name → text. `found` has to be without problems."""
    cases: list[Case] = []
    problems: list[Problem] = []
    for file, text in files.items():
        read_here, document = read(found, text, file)
        cases += read_here
        problems += document.problems
    seen = named(found, [ask for case in cases for ask in case.asks])
    failures = [] if problems else [failure for case in cases for failure in _play(found, settings, case)]
    return Report(
        files=len(files),
        tests=tuple((case.place.file, case.name) for case in cases),
        expectations=sum(len(case.asks) for case in cases),
        problems=tuple(sorted(problems)),
        failures=tuple(failures),
        asked={entry.name: tuple(sorted(seen.get(entry.name, ()))) for entry in found.entries},
        untested=tuple(entry for entry in found.entries if entry.name not in seen and entry.mode != "off"),
    )


def _play(found: RuleSet, settings: Settings, case: Case) -> Iterator[Failure]:
    """One test, through time; what happens at a moment comes before what is expected at it."""
    with staged(found, settings, case.told, now=case.clock) as stage:
        happenings = list(case.happenings)
        for ask in case.asks:
            while happenings and happenings[0].at <= ask.at:
                happening = happenings.pop(0)
                stage.go(happening.at)
                stage.tell(happening.news)
            stage.go(ask.at)
            if (failure := look(stage, found, case, ask)) is not None:
                yield failure


__all__ = ["ENDING", "Failure", "Report", "files", "run"]
