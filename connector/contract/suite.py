"""All promises in one table: which check runs over which fixtures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from connector.contract import declaring, discretion, failing, house, pulling, pushing, reading, receiving
from connector.contract.fixtures import Fetched, Fixture, Pulled, Pushed, Webhook
from connector.contract.folder import Folder

if TYPE_CHECKING:
    from _pytest.mark.structures import ParameterSet

#: Part of `fixtures/` → how its scenarios are read, and what must be true of each of them.
PROMISES: dict[str, tuple[type[Fixture], tuple[Callable[[Any], None], ...]]] = {
    "webhook": (
        Webhook,
        (
            receiving.a_good_delivery_verifies,
            receiving.a_forged_delivery_is_refused,
            receiving.a_garbled_delivery_raises_nothing_else,
            reading.a_delivery_reads_as_expected,
            reading.a_spoiled_delivery_is_read_or_refused,
        ),
    ),
    "pull": (
        Pulled,
        (
            pulling.a_pull_walks_to_the_last_page,
            pulling.an_empty_page_is_no_end_and_no_loop,
            reading.a_spoiled_page_is_read_or_refused,
            reading.a_poison_item_never_blocks_its_page,
            failing.a_failing_pull_says_what_to_do,
            failing.an_answer_of_another_shape_is_not_an_empty_page,
        ),
    ),
    "fetch": (
        Fetched,
        (
            pulling.a_fetch_gives_the_current_truth,
            reading.a_spoiled_fetched_page_is_read_or_refused,
            failing.a_failing_fetch_says_what_to_do,
            failing.an_odd_id_leads_nowhere_else,
        ),
    ),
    "push": (
        Pushed,
        (
            pushing.a_push_sends_what_was_recorded,
            pushing.a_second_push_writes_nothing,
            failing.a_failing_push_says_what_to_do,
            failing.a_failing_write_says_what_to_do,
            failing.an_odd_id_leads_nowhere_else,
        ),
    ),
}
#: What must be true of the folder as a whole.
FOLDER: tuple[Callable[[Folder], None], ...] = (
    declaring.declared_is_implemented,
    declaring.the_declaration_is_honest,
    declaring.everything_declared_has_a_fixture,
    declaring.what_is_not_declared_is_refused,
    failing.a_failing_check_raises_our_families_only,
    reading.the_same_thing_maps_to_the_same_record,
    discretion.nothing_secret_is_shown,
    discretion.fixtures_hold_only_example_people,
    house.imports_only_its_port,
    house.asks_no_clock,
    house.files_are_small,
    house.the_readme_says_what_bites,
    house.fixtures_state_their_origin,
)


def promises(folder: Folder) -> Iterator[tuple[str, Callable[[Any], None], Folder | Fixture]]:
    """(name, check, what it is called with) for everything that one folder must keep."""
    for check in FOLDER:
        yield f"{folder.name}-{check.__name__}", check, folder
    for part, (kind, checks) in PROMISES.items():
        for path in folder.scenarios(part):
            fixture = kind(folder, path)
            for check in checks:
                yield f"{fixture}-{check.__name__}", check, fixture


def cases(folders: Iterable[Folder]) -> list[ParameterSet]:
    """The same as parameters for pytest: `check` and `subject`."""
    return [pytest.param(check, on, id=name) for folder in folders for name, check, on in promises(folder)]
