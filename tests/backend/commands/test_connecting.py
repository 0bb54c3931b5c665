"""What `labelwheel connect` says while people wait for it."""

from __future__ import annotations

from typing import Any

import pytest

from labelwheel.backend.commands.connecting import under_way


def project(number: int, state: str | None = None, step: str = "") -> dict[str, Any]:
    current = None if state is None else {"state": state, "progress": 0.25 if state == "running" else None}
    questions = [{"name": "places", "round": None}, {"name": "mood", "round": current}]
    return {"id": number, "title": f"Project {number}", "step": step, "questions": questions}


@pytest.mark.parametrize(
    ("mine", "others", "said"),
    [
        (project(1, step="reading the configuration"), [project(2, "running")], ("reading the configuration", None)),
        (project(1), [], ("connecting", None)),
        (project(1, "running"), [project(2, "queued")], ("preparing the first suggestions for mood", 0.25)),
        (project(1, "queued"), [project(2, "queued")], ("preparing the first suggestions for mood", None)),
        # it said that the first suggestions were prepared for as long as other projects trained: five minutes
        (
            project(1, "queued"),
            [project(2), project(3, "running")],
            ("waiting for a round of Project 3 to end before the first suggestions for mood", None),
        ),
    ],
)
def test_what_a_connect_waits_for_is_said(
    mine: dict[str, Any], others: list[dict[str, Any]], said: tuple[str, float | None]
) -> None:
    assert under_way(mine, [mine, *others]) == said
