"""The report names the classes that a challenger has forgotten, and no others; numbers have no classes to forget."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from labelwheel.training.evaluation import forgetting, report
from labelwheel.training.evaluation.findings import Findings
from labelwheel.training.kinds import kind_of
from labelwheel.training.questions import Answer, Example, Kind, Option, Prediction, Question
from labelwheel.training.spec import JobSpec, LabelledExample, NamedSlice, Part
from tests.training.evaluation.sentences import SENTENCES

OPTIONS = tuple(Option(value=value) for value in ("old", "new", "rare", "steady"))
CHOICE = Question(name="q", kind=Kind.CHOICE, inputs=("text",), options=OPTIONS)


def findings(question: Question, answers: Sequence[tuple[Answer, Answer, Answer]], unseen: int = 0) -> Findings:
    """From (what people say, the champion, the challenger); the champion has learnt from the last `unseen`."""
    kind = kind_of(question)
    rows = [
        LabelledExample(
            example=Example(key=str(number), fields={"text": f"text {number}"}),
            answer=gold, part=Part.HELD_OUT, group=str(number),
        )
        for number, (gold, _, _) in enumerate(answers)
    ]  # fmt: skip
    champion, challenger = (
        [
            kind.score(question, row.example, row.answer, Prediction(answer=each[side], score=1.0))
            for row, each in zip(rows, answers, strict=True)
        ]
        for side in (1, 2)
    )
    known: list[Any] = [*champion[: len(champion) - unseen], *[None] * unseen]
    return Findings(
        spec=JobSpec(version="q-2", question=question, data="d", output="o"), kind=kind, rows=rows, measured=rows,
        predictions=[Prediction(answer=each[2], score=1.0) for each in answers], scores=challenger,
        champion_scores=known, parent="q-1",
    )  # fmt: skip


ANSWERS = [
    *[("old", "old", "new")] * 9, *[("old", "old", "old")] * 3, *[("new", "steady", "new")] * 12,
    *[("rare", "rare", "old")] * 2, *[("steady", "steady", "steady")] * 10,
]  # fmt: skip


def test_what_is_lost_comes_first_and_is_told_from_chance() -> None:
    found = forgetting.told(findings(CHOICE, ANSWERS))
    assert found is not None
    assert [row["label"] for row in found["classes"]] == ["rare", "old", "steady", "new"]
    assert found["lost"] == ["old"], "of two examples nobody can tell, whatever became of them"
    assert found["won"] == ["new", "steady"]
    rows = {row["label"]: row for row in found["classes"]}
    old = rows["old"]
    assert (old["support"], old["champion_f1"]) == (12, 1.0)
    assert old["challenger_f1"] == pytest.approx(2 * 3 / (2 * 3 + 9 + 2))
    assert old["change"] == pytest.approx(old["challenger_f1"] - 1.0)
    assert old["low"] <= old["change"] <= old["high"] < 0
    assert (rows["rare"]["support"], rows["rare"]["change"], rows["rare"]["beyond_chance"]) == (2, -1.0, False)
    assert (found["version"], found["examples"], found["beyond_chance"]) == ("q-1", 36, False)
    assert found["difference"] == pytest.approx((12 - 9 - 2) / 36)


def test_only_what_both_were_measured_on_counts() -> None:
    found = forgetting.told(findings(CHOICE, [*ANSWERS, *[("old", "new", "old")] * 30], unseen=30))
    assert found is not None
    assert (found["examples"], found["lost"]) == (36, ["old"])


def test_without_a_champion_there_is_nothing_to_forget() -> None:
    assert forgetting.told(findings(CHOICE, ANSWERS, unseen=len(ANSWERS))) is None
    assert report.build(findings(CHOICE, ANSWERS, unseen=len(ANSWERS)))["champion"] is None


def test_several_labels_are_lost_one_by_one() -> None:
    question = CHOICE.model_copy(update={"kind": Kind.CHOICES})
    found = forgetting.told(findings(question, [(["old", "new"], ["old", "new"], ["new"])] * 8))
    assert found is not None
    assert (found["lost"], found["won"]) == (["old"], [])
    assert [row["change"] for row in found["classes"]] == [-1.0, 0.0]


def test_numbers_have_the_overall_change_only() -> None:
    question = Question(name="q", kind=Kind.NUMBER, inputs=("text",), minimum=0, maximum=10)
    made = findings(question, [(5.0, 5.0, 8.0)] * 12)
    found = forgetting.told(made)
    assert found is not None
    assert (found["classes"], found["lost"]) == ([], [])
    assert found["difference"] == pytest.approx(-0.3)
    assert found["beyond_chance"]
    assert "Lost and won" not in report.render(report.build(made))


def test_people_read_what_was_lost_first() -> None:
    text = report.render(report.build(findings(CHOICE, ANSWERS)))
    section = text.partition("## Lost and won against the champion\n\n")[2].partition("\n## ")[0]
    assert section.startswith("**Lost beyond chance**: old. **Won beyond chance**: new, steady.")
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    assert [line.split(" | ")[0].strip("| ") for line in lines] == ["class", "---", "rare", "old", "steady", "new"]
    assert [line.endswith("| beyond chance |") for line in lines[2:]] == [False, True, True, True]


def test_of_many_classes_both_ends_are_shown_and_those_that_stayed_are_counted() -> None:
    values = [f"c{number:02}" for number in range(60)]
    question = CHOICE.model_copy(update={"options": tuple(Option(value=value) for value in values)})
    answers = [
        (value, "c59" if place < 25 else value, "c59" if 25 <= place < 50 else value)
        for place, value in enumerate(values)
    ]
    text = report.render(report.build(findings(question, answers)))
    section = text.partition("## Lost and won against the champion\n\n")[2].partition("\n## ")[0]
    assert section.startswith("No class was lost or won beyond chance.")
    assert "\n| c25 | 1.000 | 0.000 | -1.000 " in section
    assert "\n| c24 | 0.000 | 1.000 | +1.000 " in section
    assert sum(line.startswith("| c") for line in section.splitlines()) == 41  # the header's first cell is `class`
    assert "… and 10 more in `report.json`." in section
    assert "10 classes have the same F1 as before." in section


def test_a_language_is_that_among_all_that_was_measured() -> None:
    """The champion has learnt from most texts: what is left is too little for a language to be told."""
    given = findings(CHOICE, [("old", "old", "new")] * 24, unseen=18)
    texts = [text for pair in zip(SENTENCES["en"], SENTENCES["de"], strict=True) for text in pair]
    measured = [
        row.model_copy(update={"example": Example(key=row.example.key, fields={"text": text})})
        for row, text in zip(given.measured, texts, strict=True)
    ]
    spec = given.spec.model_copy(update={"slices": (NamedSlice(name="language", value="de"),)})
    found = forgetting.told(replace(given, measured=measured, spec=spec))
    assert found is not None
    assert [(row["value"], row["examples"], row["change"]) for row in found["slices"]] == [("de", 3, -1.0)]
