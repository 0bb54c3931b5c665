"""What is served, as its model card has it, and where it comes from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from sqlalchemy import select

from labelwheel.backend.database.tables import CheckpointRow, QuestionRow
from labelwheel.backend.errors import NotFound
from labelwheel.backend.views import lineage, model
from labelwheel.backend.views.model_body import ServedModel
from tests.backend import reported
from tests.backend.counting import counted
from tests.backend.stage import Stage


def read(stage: Stage, version: str | None = None, whole: bool = True) -> dict[str, Any]:
    with stage.database.session() as session:
        question = session.scalars(select(QuestionRow)).one()
        found = model.read(session, stage.settings, question, version, whole)
    ServedModel.model_validate(found)
    return found


def tried(stage: Stage, parents: Mapping[str, str | None]) -> None:
    """Checkpoints that were not promoted, each with the version of its parent."""
    with stage.database.transaction() as tx:
        question = tx.scalars(select(QuestionRow)).one()
        for version, parent in parents.items():
            known = tx.scalars(select(CheckpointRow).filter_by(version=parent)).one_or_none()
            tx.add(
                CheckpointRow(
                    question_id=question.id, version=version, folder=version, recipe="auto", label_count=50,
                    parent_id=known.id if known else None,
                )
            )  # fmt: skip
            tx.flush()


def test_the_card_is_that_of_the_champion(stage: Stage) -> None:
    reported.promote(stage)
    found = read(stage)
    assert (found["version"], found["champion"], found["reason"]) == ("v1", True, None)
    card = found["card"]
    assert card["score"] == {"metric": "macro_f1", "score": 0.765, "low": 0.6, "high": 0.9}
    assert (card["seed"], card["max_length"], card["base_model"], card["licence"]) == (1, 64, "none", "mit")
    assert card["parts"] == {"train": 80, "held_out": 20}
    assert card["use"] == ["It answers one question, mood (kind: choice).", "Base model: none, licence: mit."]
    assert card["limits"] == ["It reads 64 tokens of a text at once.", "Weakest: a|b <c> (F1 0.10)."]
    assert found["inputs"] == [{"name": "text", "title": "text"}]


def test_settings_are_the_admins(stage: Stage) -> None:
    reported.promote(stage)
    assert read(stage)["card"]["settings"] == {"base_model": "/home/somebody/base"}
    assert read(stage)["card"]["label_set"] == "0"
    assert "somebody" not in json.dumps(read(stage, whole=False))
    assert read(stage, whole=False)["card"]["label_set"] is None


def test_what_is_missing_is_said(stage: Stage) -> None:
    found = read(stage)
    assert (found["reason"], found["card"], found["lineage"]["nodes"]) == (model.NO_CHAMPION, None, [])
    with pytest.raises(NotFound):
        read(stage, "v9")


def test_a_checkpoint_that_cannot_be_read_says_so_and_keeps_its_lineage(stage: Stage) -> None:
    reported.promote(stage)
    folder = stage.settings.checkpoints.folder
    assert folder is not None
    (folder / "v1" / "README.md").unlink()
    found = read(stage)
    assert "README.md is missing" in str(found["reason"])
    assert found["card"] is None
    assert [each["version"] for each in found["lineage"]["nodes"]] == ["v1"]


def test_the_line_of_the_champion_is_the_trunk_and_others_branch_off(stage: Stage) -> None:
    stage.promote({"mood": "v1"})
    tried(stage, {"v2": "v1", "v3": "v2", "v4": "v1", "v5": "v3"})
    stage.promote({"mood": "v5"})
    with stage.database.transaction() as tx:
        tx.scalars(select(CheckpointRow).filter_by(version="v3")).one().removed = True
    nodes = {each["version"]: each for each in read(stage)["lineage"]["nodes"]}
    assert {version: each["lane"] for version, each in nodes.items()} == {"v1": 0, "v2": 0, "v3": 0, "v4": 1, "v5": 0}
    assert {version: each["parent"] for version, each in nodes.items()} == {
        "v1": None, "v2": "v1", "v3": "v2", "v4": "v1", "v5": "v3",
    }  # fmt: skip
    assert {version: each["state"] for version, each in nodes.items()} == {
        "v1": "served", "v2": "kept", "v3": "removed", "v4": "kept", "v5": "champion",
    }  # fmt: skip
    assert (nodes["v5"]["place"], nodes["v5"]["parent_place"], nodes["v4"]["parent_lane"]) == (4, 2, 0)


def test_no_two_branches_lie_on_each_other(stage: Stage) -> None:
    stage.promote({"mood": "v1"})
    tried(stage, {"v2": "v1", "v3": "v1", "v4": "v2", "v5": "v3", "v6": "v1"})
    lanes = {each["version"]: each["lane"] for each in read(stage)["lineage"]["nodes"]}
    assert lanes == {"v1": 0, "v2": 1, "v3": 2, "v4": 1, "v5": 2, "v6": 3}


def test_of_many_checkpoints_the_newest_stand_there(stage: Stage) -> None:
    reported.promote(stage)
    with counted() as few:
        read(stage)
    tried(stage, {f"w{number}": f"w{number - 1}" if number else "v1" for number in range(lineage.MOST + 4)})
    with counted() as many:
        found = read(stage)["lineage"]
    assert found["left_out"] == 5
    assert len(found["nodes"]) == lineage.MOST
    assert found["nodes"][0]["parent"] == "w3"
    assert found["nodes"][0]["parent_place"] is None, "its parent is not drawn"
    assert len(many.statements) == len(few.statements)
