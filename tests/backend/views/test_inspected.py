"""What `status` says of what an inspection has found."""

from __future__ import annotations

import json
from typing import Any
from unittest import mock

from labelwheel.backend.database.tables import CheckpointRow, InspectionPart, InspectionRow, now
from labelwheel.backend.views import findings, inspected
from labelwheel.backend.views.status import body, status
from tests.backend import inspection_rows, reported
from tests.backend.stage import Stage


def figures(stage: Stage) -> dict[str, Any]:
    with stage.database.session() as session:
        found = status(session, stage.settings)
    body().model_validate(found)
    return dict(found["projects"][0]["questions"][0]["inspection"]["figures"])


def test_the_figures_of_each_section(stage: Stage) -> None:
    reported.promote(stage)
    found = figures(stage)
    assert found["baselines"] == {
        "name": "the same answer to all",
        "score": 0.333,
        "difference": 0.25,
        "low": 0.1,
        "high": 0.4,
    }
    assert found["robustness"] == ["typing errors"]
    assert found["fairness"] == [], "annotators are told to nobody here"
    assert found["slices"] == [{"slice": None, "value": "", "examples": 9, "score": 0.4, "rest": 0.8}]
    assert found["leakage"] == ["texts on both sides of the split"]
    assert found["label_errors"] is None
    told = json.dumps(found)
    for secret in ("ann", "refund", "late", "secret text", "e1"):
        assert f'"{secret}"' not in told, secret


def test_what_has_nothing_to_say_is_null() -> None:
    assert set(findings.figures({}).values()) == {None}
    assert set(findings.figures({"slices": {}, "leakage": {}, "explanations": {}}).values()) == {None}
    assert findings.figures({"leakage": {"leaks": []}})["leakage"] == []


def test_counts_of_label_errors_and_explanations(stage: Stage) -> None:
    reported.promote(stage)
    add(stage, "label_errors", {"looked_at": 90, "suspected": 4, "labels": [{"key": "e1", "text": "secret text"}]})
    add(stage, "explanations", {"texts": 60, "items": 60, "marked": 0.4, "random": 0.1, "words": []})
    found = figures(stage)
    assert found["label_errors"] == {"looked_at": 90, "suspected": 4}
    assert found["explanations"] == {"items": 60, "marked": 0.4, "random": 0.1}


def test_a_later_inspection_is_told_instead(stage: Stage) -> None:
    reported.promote(stage)
    assert figures(stage)["robustness"] == ["typing errors"]
    with stage.database.transaction() as tx:
        checkpoint = tx.query(CheckpointRow).filter_by(version="v1").one()
        tx.query(InspectionPart).delete()
        tx.query(InspectionRow).delete()
        inspection_rows.add(tx, checkpoint, {"robustness": {"weak": [], "changes": []}}, started_at=now())
    assert figures(stage)["robustness"] == []
    assert figures(stage)["slices"] is None


def test_of_simpler_ways_the_best_is_told() -> None:
    rows = [{"name": "majority", "score": 0.4}, {"name": "words", "score": 0.7}, {"name": "names", "score": 0.6}]
    assert findings.figures({"baselines": {"baselines": rows, "score": 0.8}})["baselines"]["name"] == "words"


def test_they_are_read_once(stage: Stage) -> None:
    reported.promote(stage)
    with (
        mock.patch.object(findings, "figures", wraps=findings.figures) as made,
        mock.patch.object(inspected._kept, "_seconds", return_value=0.0),
    ):
        first = figures(stage)
        assert figures(stage) == first
        assert made.call_count == 1
        add(stage, "one that a newer version has", {"more": 1})
        assert figures(stage) == first
        assert made.call_count == 2
        assert "voices" not in made.call_args.args[0]


def add(stage: Stage, name: str, found: dict[str, Any]) -> None:
    with stage.database.transaction() as tx:
        row = tx.query(InspectionRow).one()
        tx.add(InspectionPart(inspection_id=row.id, name=name, place=90, found=found, text="", seconds=1.0))
