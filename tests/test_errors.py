"""Errors are named for what the caller does next, and say so even without a message."""

from __future__ import annotations

from datetime import timedelta

import pytest

from connector import errors
from connector.errors import (
    ConfigError,
    KeepwarmError,
    Malformed,
    Problem,
    RateLimited,
    Refused,
    Retry,
    Suppressed,
    Unauthorized,
)

FAMILIES = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, KeepwarmError)]


@pytest.mark.parametrize("kind", FAMILIES)
def test_every_family_says_in_its_docstring_what_it_means(kind: type[KeepwarmError]) -> None:
    first = (kind.__doc__ or "").splitlines()[0]
    assert len(first) > 20
    assert kind.__doc__ != KeepwarmError.__doc__ or kind is KeepwarmError


def test_the_docstring_is_the_default_message() -> None:
    assert str(Retry()) == "The platform did not answer properly; the same call may succeed later."
    assert str(Retry("acme: 500")) == "acme: 500"


def test_what_to_do_next_travels_with_the_error() -> None:
    assert Retry(in_doubt=True).in_doubt
    assert not Retry().in_doubt
    assert RateLimited(wait=timedelta(seconds=7)).wait == timedelta(seconds=7)
    assert Unauthorized().scope is None
    assert Unauthorized(scope="candidates:read").scope == "candidates:read"
    assert Suppressed(reason="forgotten").reason == "forgotten"


def test_a_refusal_keeps_their_body_and_never_says_it() -> None:
    refusal = Refused("acme/people: 400", status=400, body={"detail": "jane@example.org"})
    assert refusal.body == {"detail": "jane@example.org"}
    assert "jane" not in f"{refusal} {refusal!r}"


def test_malformed_says_where_what_was_wanted_and_what_came() -> None:
    assert str(Malformed("$.data[3].id", "an id", "null")) == "$.data[3].id: wanted an id, came null"


def test_a_bad_file_names_every_problem_in_file_order() -> None:
    late, early = Problem("rules/a.yaml", 9, 1, "no such fact"), Problem("rules/a.yaml", 2, 5, "a list is wanted")
    whole = Problem("settings.yaml", 0, 0, "the file is empty")
    error = ConfigError([whole, late, early])
    assert error.problems == (early, late, whole)
    assert str(error).splitlines() == [
        "rules/a.yaml:2:5  a list is wanted",
        "rules/a.yaml:9:1  no such fact",
        "settings.yaml  the file is empty",
    ]
