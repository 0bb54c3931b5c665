"""What seeing suggestions does to labels: said with an interval, and only once it can be told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from labelwheel.backend.commands.overview import _anchoring
from labelwheel.backend.database.tables import Label, Project, now
from labelwheel.backend.settings import Settings
from labelwheel.backend.views import anchoring, remembered
from labelwheel.backend.views.shares_body import Anchoring
from tests.backend.stage import Stage

NONE: dict[str, Any] = {"questions": [], "seconds": None}


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    monkeypatch.setattr(remembered, "SECONDS", 0.0)
    stage = Stage(Settings(home=tmp_path))
    stage.connect("mood")
    yield stage
    stage.database.dispose()


def label(stage: Stage, count: int, agrees: int, *, blind: bool, seconds: float = 10.0, version: str = "v") -> None:
    """So many labels, of which `agrees` are what was suggested, or would have been."""
    with stage.database.transaction() as tx:
        for number in range(count):
            key = f"{version}-{blind}-{number}"
            right = number < agrees
            facts: dict[str, Any] = {"version": version, "origin": "accepted" if right else "changed"}
            if blind:
                facts = {"origin": "made", "blind": True, "unseen_version": version, "unseen_agrees": right}
            label = Label(
                project_id=stage.project, question="mood", example_key=key, work_key=key, annotator="a", answer="good",
                made_at=now(), event_id=number, lead_time=seconds + number % 5, **facts,
            )  # fmt: skip
            tx.add(label)


def read(stage: Stage, comparable: set[str] | None = None) -> dict[str, Any]:
    with stage.database.session() as session:
        found = anchoring.read(session, session.get_one(Project, stage.project), lambda: comparable)
    Anchoring.model_validate(found)
    return found


def test_nothing_is_said_before_there_are_thirty_of_each(stage: Stage) -> None:
    assert read(stage) == NONE
    label(stage, 100, 90, blind=False)
    label(stage, 29, 20, blind=True)
    (row,) = read(stage)["questions"]
    assert (row["shown"]["answered"], row["blind"]["answered"], row["pull"]) == (100, 29, None)
    assert read(stage)["seconds"] is None
    assert list(_anchoring(read(stage))) == []


def test_the_pull_is_the_difference_and_its_interval(stage: Stage) -> None:
    label(stage, 400, 360, blind=False, seconds=6)
    label(stage, 100, 80, blind=True, seconds=11)
    found = read(stage)
    row, version = found["questions"]
    assert (row["version"], version["version"]) == (None, "v")
    assert row["pull"] == version["pull"] == {"more": 10.0, "low": 2.6, "high": 19.2}  # Newcombe's, by hand
    assert found["seconds"]["saved"] == 5.0
    assert found["seconds"]["low"] <= 5.0 <= found["seconds"]["high"]
    assert list(_anchoring(found)) == [
        f"suggestions save 5.0 s a label ({found['seconds']['low']:.1f} to {found['seconds']['high']:.1f})",
        "suggestions pull labels of mood by +10 points (+3 to +19)",
    ]


def test_of_what_was_shown_only_what_came_by_lot_counts(stage: Stage) -> None:
    label(stage, 40, 40, blind=False)
    label(stage, 40, 10, blind=False, version="w")
    label(stage, 40, 30, blind=True)
    by_lot = {f"v-False-{number}" for number in range(40)}
    assert read(stage, by_lot)["questions"][0]["pull"]["more"] == 25.0
    assert read(stage)["questions"][0]["shown"]["answered"] == 80


def test_what_would_not_have_been_suggested_and_long_absences_do_not_count(stage: Stage) -> None:
    label(stage, 60, 50, blind=False)
    label(stage, 60, 50, blind=True, seconds=5000)
    with stage.database.transaction() as tx:
        for one in tx.query(Label).filter(Label.blind).limit(31):
            one.unseen_agrees = None
    found = read(stage)
    assert found["questions"][0]["blind"]["answered"] == 29
    assert found["seconds"] is None


@pytest.mark.parametrize("anchored", [0.0, 0.15])
def test_the_interval_has_the_truth_in_it(stage: Stage, anchored: float) -> None:
    """A model that is right for seven in ten, and people who take a wrong suggestion with that probability."""
    from labelwheel.backend.views.shares import difference, rated

    chance, hits = np.random.default_rng(1), 0
    for _ in range(400):
        shown, blind = chance.random(540) < 0.7 + 0.3 * anchored, chance.random(60) < 0.7
        found = difference(rated(540, int(shown.sum())), rated(60, int(blind.sum())), 100)
        hits += found["low"] <= 30 * anchored <= found["high"]
    assert hits >= 0.93 * 400
