"""A report has all that is promised, survives JSON, and reads well whatever the labels are called."""

import dataclasses
import hashlib
import json
import math

import numpy as np
import pytest

from labelwheel.training.evaluation import report
from labelwheel.training.evaluation.findings import CurveOf, CurvePoint, Epoch, Findings, Trial
from labelwheel.training.kinds.base import Score
from labelwheel.training.kinds.spans import Spans
from labelwheel.training.questions import Example, Kind, Option, Prediction, Question
from labelwheel.training.spec import JobSpec, LabelledExample, Part

QUESTION = Question(
    name="mentions",
    kind=Kind.SPANS,
    inputs=("text",),
    options=(Option(value="ORG"), Option(value="a|b <x>"), Option(value="never")),
)


def findings(count=40, **more):
    kind = Spans()
    golds = [[{"start": 0, "end": 4, "label": "ORG" if number % 2 else "a|b <x>"}] for number in range(count)]
    texts = [f"some {hashlib.sha256(str(number).encode()).hexdigest()}" for number in range(count)]
    rows = [
        LabelledExample(
            example=Example(key=str(number), fields={"text": text}),
            answer=gold,
            part=Part.HELD_OUT if number >= count // 2 else Part.TRAIN,
            group=str(number),
        )
        for number, (text, gold) in enumerate(zip(texts, golds, strict=True))
    ]
    measured = [row for row in rows if row.part is Part.HELD_OUT]
    predictions = [
        Prediction(answer=row.answer if number % 4 else [], score=0.9, item_scores=(0.9,) if number % 4 else ())
        for number, row in enumerate(measured)
    ]
    scores = [
        kind.score(QUESTION, row.example, row.answer, one) for row, one in zip(measured, predictions, strict=True)
    ]
    nothing = [kind.score(QUESTION, row.example, row.answer, Prediction(answer=[])) for row in measured]
    spec = JobSpec(version="mentions-7", question=QUESTION, data="d", output="o")
    filled = {
        "parent": "mentions-6",
        "champion_scores": [None, *nothing[1:]],
        "base_model": "tiny",
        "label_set": "abc123",
        "trials": [
            Trial(name="frozen", score=0.61, seconds=3.0),
            Trial(name="tuned", score=0.75, seconds=31.0, detail="4 epochs"),
        ],
        "chosen": "tuned",
        "reason": "tuned beats frozen by 0.14.",
        "training_curve": [
            Epoch(epoch=1, train_loss=1.0, validation_loss=0.9),
            Epoch(epoch=2, train_loss=0.5, validation_loss=0.6),
        ],
        "learning_curve": [
            CurvePoint(labels=50, score=0.5, low=0.45, high=0.55),
            CurvePoint(labels=100, score=0.6, low=0.56, high=0.64),
            CurvePoint(labels=200, score=0.7, low=0.67, high=0.73),
        ],
        "settings": {"learning_rate": np.float32(0.5), "layers": (1, 2)},
        "libraries": {"torch": "2.13"},
        "seconds": 34.0,
        "peak_memory": 700 << 20,
        "notes": ["2 overlapping spans could not be learnt"],
    } | more
    return Findings(
        spec=spec, kind=kind, rows=rows, measured=measured, predictions=predictions, scores=scores, **filled
    )


def test_the_report_has_its_numbers_and_survives_json():
    found = report.build(findings())
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["headline"]["value"] == pytest.approx(2 * 15 / (2 * 15 + 5))
    assert found["headline"]["low"] < found["headline"]["value"] < found["headline"]["high"]
    classes = {row["label"]: row for row in found["classes"]}
    assert classes["ORG"]["train"] == 10
    assert classes["never"]["f1"] is None
    assert found["labels"]["examples"] == {"train": 20, "held_out": 20}
    assert found["labels"]["by_class"]["held_out"] == {"ORG": 10, "a|b <x>": 10}
    assert found["training_verdict"]["verdict"] == "underfitting"
    assert found["learning_outlook"]["gain"] > 0
    assert found["learning_curve_of"] == "regression"
    assert found["leakage"]["clean"]
    assert found["calibration"]["expected_error"] == pytest.approx(0.15)
    assert found["settings"] == {"learning_rate": 0.5, "layers": [1, 2]}
    assert "Only 20 independent examples were measured: the numbers are rough." in found["notes"]


def test_where_nothing_was_measured_no_figure_is_called_rough():
    found = report.build(findings(0, champion_scores=[]))
    assert found["headline"] is None
    assert not any("independent examples were measured" in note for note in found["notes"])
    assert "(examples)" not in report.render(found), "a table of nothing"


def blinded(count, right):
    """Held-out labels of which the first 60 are blind; the model is right about so many of those, and all others."""
    found = findings(2 * count)
    rows = [row.model_copy(update={"blind": number < 60}) for number, row in enumerate(found.measured)]
    kind, said = Spans(), [Prediction(answer=row.answer, score=0.9, item_scores=(0.9,)) for row in rows]
    said = [one if number < right or number >= 60 else Prediction(answer=[]) for number, one in enumerate(said)]
    scores = [kind.score(QUESTION, row.example, row.answer, one) for row, one in zip(rows, said, strict=True)]
    return dataclasses.replace(found, measured=rows, predictions=said, scores=scores, champion_scores=None)


def test_the_score_is_that_of_blind_labels_once_they_are_enough():
    found = report.build(blinded(100, right=30))
    assert found["headline"]["value"] == pytest.approx(2 * 30 / (2 * 30 + 30))
    assert found["scored_on"] == {"blind": True, "examples": 60, "groups": 60, "blind_groups": 60, "enough": 50}
    assert found["examples"] == 100
    assert "on 60 examples held out, 60 of them independent. Nobody was shown" in report.render(found)


def test_until_then_it_is_that_of_all_and_says_so(monkeypatch):
    monkeypatch.setattr(report, "ENOUGH_BLIND", 61)
    found = report.build(blinded(100, right=30))
    assert found["headline"]["value"] == pytest.approx(2 * 70 / (2 * 70 + 30))
    assert found["scored_on"] == {"blind": False, "examples": 100, "groups": 100, "blind_groups": 60, "enough": 61}
    assert "60 of the 61 blind ones that a score takes are there" in report.render(found)


@pytest.mark.parametrize(
    "said",
    [
        "# mentions: mentions-7",
        "**Span F1 0.857** (95% interval",
        "on 20 examples held out, 20 of them independent",
        "The champion `mentions-6` scores 0.000 on the 19 examples that both were measured on, this one 0.882 (+0.882)",
        "The mean score changes by +0.789 (90% interval +0.6",
        "which is beyond chance.",
        "**Won beyond chance**: ORG, a\\|b &lt;x>.",
        "| ORG | 0.000 | 1.000 | +1.000 | +1.000 to +1.000 | 10 | beyond chance |",
        "- 2 overlapping spans could not be learnt",
        "| a\\|b &lt;x> |",
        "| never | – |",
        "## What is taken for what",
        "| length | 40 to 159 |",
        "| **tuned** | 0.750 | 31 s | 4 epochs |",
        "tuned beats frozen by 0.14.",
        "## Training curve: underfitting",
        "The next 100 labels bring about +0.0",
        "No text, group or near-duplicate is on both sides of the split.",
        "| label set | `abc123` |",
        "| peak memory | 700 MiB |",
        "| torch | 2.13 |",
    ],
)
def test_people_can_read_it(said):
    assert said in report.render(report.build(findings()))


def test_every_table_is_well_formed():
    lines = report.render(report.build(findings())).splitlines()
    tables = [line.replace("\\|", "") for line in lines if line.startswith("|")]
    assert len(tables) > 30
    blocks = "\n".join(line if line.startswith("|") else "" for line in lines).split("\n\n")
    for block in filter(None, (block.strip() for block in blocks)):
        assert len({line.replace("\\|", "").count("|") for line in block.splitlines()}) == 1


def test_without_anything_measured_it_says_so():
    bare = findings(champion_scores=None, trials=(), training_curve=(), learning_curve=(), notes=())
    empty = Findings(spec=bare.spec, kind=bare.kind, rows=(), measured=(), predictions=(), scores=())
    found = report.build(empty)
    assert found["headline"] is None
    assert json.dumps(found, allow_nan=False)
    assert "Nothing was measured." in report.render(found)


def test_cross_validation_and_leaks_are_confessed():
    one = findings(cross_validated=True)
    leaking = [*one.rows, one.rows[0].model_copy(update={"part": Part.HELD_OUT})]
    found = report.build(Findings(**(vars(one) | {"rows": leaking})))
    assert any("cross-validation" in note for note in found["notes"])
    assert any("both parts" in note for note in found["notes"])
    assert "1 groups, 1 texts" in report.render(found)


def test_what_json_cannot_say_becomes_nothing():
    assert report.plain({"a": (math.nan, math.inf, np.int64(3)), "b": Part.TRAIN, "c": Score}) == {
        "a": [None, None, 3],
        "b": "train",
        "c": str(Score),
    }


@pytest.mark.parametrize(
    ("whose", "said"), [(CurveOf.HEADS, "Heads that follow"), (CurveOf.REGRESSION, "The regression")]
)
def test_it_says_what_the_learning_curve_is_of(whose: CurveOf, said: str) -> None:
    found = report.build(findings(curve_of=whose))
    assert f"## Learning curve\n\n{said}" in report.render(found)
    del found["learning_curve_of"]  # as earlier versions wrote it
    assert "## Learning curve\n\nThe regression" in report.render(found)
