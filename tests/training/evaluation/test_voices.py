"""Probabilities out of fold, for whoever weighs people against the model."""

from __future__ import annotations

import pytest

from labelwheel.training.evaluation import voices
from labelwheel.training.evaluation.voices import VOICES
from labelwheel.training.inspection.registry import SECTIONS
from labelwheel.training.questions import Kind, Question
from tests.training.evaluation.test_label_errors import planted, subject
from tests.training.models import choice, rows


def test_a_wrong_label_is_not_what_the_model_says(monkeypatch: pytest.MonkeyPatch) -> None:
    labelled, right = planted()
    found = VOICES.look(subject(choice(), labelled))
    assert found["values"] == list(choice().values)
    assert found["probabilities"].keys() == {row.example.key for row in labelled}
    for chances in found["probabilities"].values():
        assert sum(chances) == pytest.approx(1, abs=1e-3)
    for key, answer in right.items():
        chances = found["probabilities"][key]
        assert found["values"][chances.index(max(chances))] == answer
    monkeypatch.setattr(voices, "MOST", 30)
    assert len(VOICES.look(subject(choice(), labelled))["probabilities"]) == 10
    assert VOICES.render(found) == ""


def test_few_labels_and_other_kinds_have_no_voice() -> None:
    assert VOICES.look(subject(choice(), rows(2))) == {}
    number = Question(name="price", kind=Kind.NUMBER, inputs=("text",))
    labelled = [row.model_copy(update={"answer": float(place)}) for place, row in enumerate(rows(5))]
    assert VOICES.look(subject(number, labelled)) == {}


def test_it_is_among_the_sections() -> None:
    assert VOICES in SECTIONS
