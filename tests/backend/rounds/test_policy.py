"""When a round starts, and why not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from labelwheel.backend.rounds.policy import Evidence, backoff, judge
from labelwheel.backend.settings import Settings
from labelwheel.training.spec import Recipe

SETTINGS = Settings(home=Path("unused"), first_round=16, growth=0.25, max_new=200, quiet_seconds=3.0)
READY = Evidence(named=False, new=16, total=16, varied=True, newest=5.0, reached=5.0)


def code(evidence: Evidence) -> tuple[str, Recipe | None]:
    verdict = judge(evidence, SETTINGS)
    return verdict.code, verdict.recipe


@pytest.mark.parametrize(
    ("failures", "said"), [(1, "a round failed; the next try comes 30 s"), (3, "3 rounds in a row failed; the next")]
)
def test_failures_are_counted_in_plain_words(failures: int, said: str) -> None:
    assert said in judge(replace(READY, failures=failures, failed=1.0), SETTINGS).reason


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ("labels", Recipe.AUTO)),
        ({"new": 15}, ("waiting", None)),
        ({"active": True}, ("active", None)),
        ({"varied": False}, ("alike", None)),
        ({"newest": 1.0, "reached": 1.0}, ("quiet", None)),
        ({"newest": 1.0, "reached": 6.5}, ("labels", Recipe.AUTO)),  # a steady stream is not waited for
        ({"failures": 1, "failed": 10.0}, ("failing", None)),
        ({"failures": 1, "failed": 31.0}, ("labels", Recipe.AUTO)),
        ({"failures": 3, "failed": 100.0}, ("failing", None)),
        # later rounds: a quarter more, 200 at most
        ({"trained": 100, "new": 24}, ("waiting", None)),
        ({"trained": 100, "new": 25}, ("labels", Recipe.AUTO)),
        ({"trained": 5000, "new": 200}, ("labels", Recipe.AUTO)),
        ({"trained": 8, "new": 2}, ("labels", Recipe.AUTO)),
        # a rollback takes at least as many as a first round
        ({"trained": 8, "new": 2, "pinned": True}, ("pinned", None)),
        ({"trained": 8, "new": 16, "pinned": True}, ("labels", Recipe.AUTO)),
        # questions that can be answered from the names
        ({"named": True}, ("names", Recipe.NAMES)),
        ({"named": True, "names_failures": 1, "names_failed": 1.0, "new": 0}, ("waiting", None)),
        ({"named": True, "names_failures": 1, "names_failed": 31.0, "new": 0}, ("names", Recipe.NAMES)),
        ({"named": True, "champion": "names", "new": 0}, ("waiting", None)),
        ({"named": True, "champion": "names", "outdated": True, "new": 0}, ("options", Recipe.NAMES)),
        # what somebody went back to stays, until the options change once more
        (
            {"named": True, "champion": "names", "outdated": True, "new": 0, "pinned": True, "tried": True},
            ("pinned", None),
        ),
        ({"named": True, "champion": "names", "outdated": True, "new": 0, "pinned": True}, ("options", Recipe.NAMES)),
        # other options than the champion's
        ({"champion": "auto", "outdated": True, "trained": 16, "new": 0, "total": 16}, ("options", Recipe.AUTO)),
        ({"champion": "auto", "outdated": True, "tried": True, "trained": 16, "new": 0}, ("waiting", None)),
    ],
)
def test_verdicts(changes: dict[str, object], expected: tuple[str, Recipe | None]) -> None:
    assert code(replace(READY, **changes)) == expected  # type: ignore[arg-type]


def test_what_is_missing_is_told() -> None:
    verdict = judge(replace(READY, new=5), SETTINGS)
    assert (verdict.labels_left, verdict.reason) == (11, "5 of 16 new labels")


def test_the_wait_after_failures_doubles_to_an_hour() -> None:
    assert [backoff(count) for count in (0, 1, 2, 3, 50)] == [0, 30, 60, 120, 3600]
