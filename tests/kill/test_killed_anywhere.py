"""The house is killed, and killed again; in the end the platforms have seen every effect once, and none is missing."""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from itertools import chain, repeat
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.kill.conftest import Story

Begin = Callable[[], AbstractContextManager["Story"]]
Effects = dict[str, Counter[str]]
#: Set it to kill at every single commit of a story, each time in a story of its own (minutes).
SWEEP = "KEEPWARM_KILL_SWEEP"
LIVES = 400


@pytest.fixture(scope="session")
def undisturbed(story_of: Begin) -> Effects:
    with story_of() as story:
        return story.unkilled()


def told(story: Story, commits: Iterable[int]) -> Effects:
    """Every part of the story, each life killed after the next number of commits; 0: not killed."""
    coming = iter(commits)
    for part in range(4):
        story.begin(part)
        while not story.live(commits=next(coming)):
            assert story.lives < LIVES, "no life gets anywhere"
    return story.effects()


def test_an_undisturbed_story_has_all_that_could_go_wrong_in_it(undisturbed: Effects) -> None:
    verbs = {name: Counter(line.split()[0] for line in found.elements()) for name, found in undisturbed.items()}
    assert all(verbs[name]["add_tag"] >= 8 and verbs[name]["add_note"] >= 8 for name in ("hospital", "software"))
    assert verbs["newsletter"]["upsert_member"] >= 5
    assert verbs["newsletter"]["schedule_campaign"] == 1
    people = verbs["newsletter"]["upsert_member"]
    assert verbs["mail"] == {"campaign": people, "event": people, "journey": people}
    assert {count for name in ("hospital", "software", "mail") for count in undisturbed[name].values()} == {1}


@pytest.mark.parametrize("commits", [19])
def test_a_house_that_never_lives_longer_than_a_few_commits_does_everything_once(
    story_of: Begin, undisturbed: Effects, commits: int
) -> None:
    with story_of() as story:
        assert told(story, repeat(commits)) == undisturbed
        assert story.ended.count(-9) > 8
        assert set(story.outbox()) == {"sent"}


def test_a_kill_at_some_commit_of_a_story_of_its_own_loses_and_repeats_nothing(
    story_of: Begin, undisturbed: Effects
) -> None:
    sweep = range(1, 500) if os.environ.get(SWEEP) else random.Random(5).sample(range(1, 400), 2)
    for commit in sweep:
        with story_of() as story:
            assert told(story, chain([commit], repeat(0))) == undisturbed, f"killed after commit {commit}"


def test_kills_at_any_moment_under_load_lose_and_repeat_nothing(story_of: Begin, undisturbed: Effects) -> None:
    """Also in the middle of a call, so that its answer is lost: a journey that may have been started is not started again."""
    dice = random.Random(11)
    with story_of() as story:
        for part in range(4):
            story.begin(part)
            for _ in range(3):
                story.live(threads=True, kill_after=dice.uniform(0.02, 0.5))
            assert story.live(threads=True)
        found, states = story.effects(), story.outbox()
    doubtful = sum(undisturbed["mail"].values()) - sum(found["mail"].values())
    assert states.get("dead", 0) + states.get("pending", 0) == doubtful
    missing = undisturbed["mail"] - found["mail"]
    assert all(line.startswith("journey ") for line in missing)
    assert found["mail"] - undisturbed["mail"] == Counter()
    for name in ("hospital", "software"):
        assert found[name] == undisturbed[name]
    kept_apart = {line for line in found["newsletter"] | undisturbed["newsletter"] if "note_event" in line}
    for effects in (found["newsletter"], undisturbed["newsletter"]):
        for line in [*kept_apart, *(it for it in effects if "journey" in it)]:
            effects.pop(line, None)
    assert found["newsletter"] == undisturbed["newsletter"]
