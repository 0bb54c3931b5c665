"""How good a checkpoint is, as its report and its inspection say it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sqlalchemy import select

from labelwheel.backend.database.tables import QuestionRow
from labelwheel.backend.errors import NotFound
from labelwheel.backend.views import quality
from labelwheel.backend.views.quality_body import CheckpointQuality
from labelwheel.training.evaluation import report as training_report
from tests.backend import reported
from tests.backend.counting import counted
from tests.backend.stage import Stage
from tests.training.evaluation.test_report import findings


def read(stage: Stage, version: str | None = None, names: bool = True) -> dict[str, Any]:
    with stage.database.session() as session:
        question = session.scalars(select(QuestionRow)).one()
        found = quality.read(session, stage.settings, question, version, names)
    CheckpointQuality.model_validate(found)
    return found


def test_figures_are_those_of_the_report(stage: Stage) -> None:
    reported.promote(stage)
    found = read(stage)
    assert (found["version"], found["champion"], found["reason"]) == ("v1", True, None)
    assert found["score"] == {"value": 0.765, "low": 0.6, "high": 0.9, "level": 0.95}
    assert [row["label"] for row in found["classes"]] == ["bad", "good", "so-so"], "the worst first, unmeasured last"
    assert found["classes"][1]["f1_low"] == 0.55
    assert found["classes"][0]["f1_low"] is None, "an older report has no intervals of classes"
    assert found["before"]["difference"] == 0.05
    assert [row["accuracy"] for row in found["reliability"]] == [0.5, 1.0]
    assert found["inspection"]["label_count"] == 100


def test_the_matrix_has_what_was_right_and_what_was_mixed_up(stage: Stage) -> None:
    reported.promote(stage)
    assert read(stage)["matrix"] == {
        "columns": ["good", "bad"],
        "rows": [{"label": "good", "counts": [8, 2]}, {"label": "bad", "counts": [3, 7]}],
        "values": ["good", "bad"],
        "left_out": 0,
    }


def test_of_many_classes_the_matrix_has_those_that_are_mixed_up_most() -> None:
    labels = [f"l{number:02}" for number in range(40)]
    report = {
        "classes": [{"label": each, "recall": 0.5, "support": 10.0, "predicted": 10.0} for each in labels],
        "confusions": [{"gold": labels[place], "predicted": labels[place + 1], "count": 40 - place}
                       for place in range(0, 39, 2)] + [{"gold": "l39", "predicted": "(nothing)", "count": 90}],
    }  # fmt: skip
    found = quality.matrix(report, labels)
    assert found is not None
    assert found["left_out"] == 41 - quality.MATRIX
    assert found["columns"][-1] == "(nothing)"
    assert "(nothing)" not in found["values"]
    assert found["rows"][0] == {"label": "l00", "counts": [5, 40] + [0] * (len(found["columns"]) - 2)}
    assert quality.matrix({}, labels) is None


def test_names_and_words_are_the_admins(stage: Stage) -> None:
    reported.promote(stage)
    whole, hidden = read(stage), read(stage, names=False)
    assert [row["slice"] for row in whole["slices"]] == ["length", "annotator", "source"]
    assert whole["weak"]["rows"][0]["words"] == ["refund"]
    assert whole["fairness"]["gaps"] == ["annotator ann"]
    assert [row["slice"] for row in hidden["slices"]] == ["length", "source"]
    assert hidden["fairness"]["gaps"] == []
    for secret in ("ann", "refund", "late", "secret text", "e1"):
        assert f'"{secret}"' not in json.dumps(hidden), secret
    assert "secret text" not in json.dumps(whole)


def test_what_is_told_of_texts_comes_before_what_is_told_of_labels() -> None:
    rows = [{"slice": name} for name in ("source", "label age", "language", "characters", "length")]
    found = [row["slice"] for row in quality._slices(rows, names=True)]
    assert found == ["length", "characters", "language", "label age", "source"]


def test_sections_are_told_in_short(stage: Stage) -> None:
    reported.promote(stage)
    found = read(stage)
    assert found["baselines"]["rows"][0]["difference"] == 0.25
    assert found["robustness"]["search"]["flipped"] == 6
    assert found["sensitivity"]["seed"]["seeds"]["deviation"] == 0.031
    assert found["sensitivity"]["seed"]["drawn"] is None
    assert found["sensitivity"]["thresholds"] == [{"threshold": 0.5, "shown": 0.9, "score": 0.8}]
    assert found["leaks"]["repeated"]["score_without"] == 0.74
    assert found["leaks"]["named"] is None


def test_what_is_missing_is_said(stage: Stage) -> None:
    assert read(stage)["reason"] == quality.NO_CHAMPION
    reported.promote(stage, report={}, inspect=False)
    found = read(stage)
    assert found["reason"] == quality.NOT_MEASURED
    assert (found["classes"], found["matrix"], found["score"], found["inspection"]) == ([], None, None, None)
    with pytest.raises(NotFound, match="no checkpoint 'v9'"):
        read(stage, "v9")


def test_a_checkpoint_whose_files_are_gone_says_so(stage: Stage) -> None:
    reported.promote(stage)
    folder = stage.settings.checkpoints.folder
    assert folder is not None
    (folder / "v1" / "report.json").unlink()
    found = read(stage)
    assert "report.json is missing" in str(found["reason"])
    assert found["baselines"] is not None, "what was found since is still there"


def test_as_many_statements_whatever_there_is(stage: Stage) -> None:
    reported.promote(stage)
    with counted() as few:
        read(stage)
    stage.label("mood", {f"text {number}": "good" for number in range(300)})
    with counted() as many:
        read(stage)
    assert len(many.statements) == len(few.statements)
    assert many.rows == few.rows


def test_what_training_writes_is_read_whole(stage: Stage) -> None:
    found = training_report.build(findings())
    reported.promote(stage, report=found, inspect=False)
    told = read(stage)
    assert told["reason"] is None
    assert told["score"]["value"] == found["headline"]["value"]
    measured = [row for row in told["classes"] if row["support"]]
    assert measured
    assert all(row["f1_low"] <= row["f1"] <= row["f1_high"] for row in measured)
    assert len(told["slices"]) == len(found["slices"]) > 0
    assert told["before"]["version"] == found["champion"]["version"]


def test_a_report_of_nothing_measured_says_so(stage: Stage) -> None:
    found = training_report.build(findings(count=0, champion_scores=None, learning_curve=[]))
    reported.promote(stage, report=found, inspect=False)
    told = read(stage)
    assert (told["reason"], told["score"]) == (quality.NOT_MEASURED, None)
    assert [row["f1"] for row in told["classes"]] == [None] * len(told["classes"])
