"""Simpler ways answer the same held-out examples, and the section says by how much the checkpoint beats them."""

import json

import pytest

from labelwheel.training.base_model import Base
from labelwheel.training.evaluation.baselines import BASELINES
from labelwheel.training.evaluation.report import plain
from labelwheel.training.questions import Example, Kind, Option, Question
from labelwheel.training.spec import LabelledExample, Part
from tests.training.inspection import subjects


def look(question, given, say, load=None):
    """Every third row is held out; `given` has (text, answer)."""
    rows = [
        subjects.row(number, text, answer, Part.HELD_OUT if number % 3 == 0 else Part.TRAIN)
        for number, (text, answer) in enumerate(given)
    ]
    load = load or (lambda: Base.load(None, question, 32, "cpu"))
    found = BASELINES.look(subjects.subject(question, rows, say, load))
    assert json.loads(json.dumps(plain(found))) == plain(found)
    return found, {row["name"]: row for row in found["baselines"]}


def test_a_choice_has_all_three():
    question = subjects.choice("table", "music")
    texts = [(f"reserve table {n}", "table") if n % 4 else (f"play song {n}", "music") for n in range(60)]
    found, by_name = look(question, texts, lambda text: ("table" if "table" in text else "music", 0.9))
    assert found["score"] == 1
    assert by_name["the same answer to all"]["score"] == pytest.approx(0.75)
    assert by_name["the same answer to all"]["difference"] == pytest.approx(0.25)
    assert by_name["the same answer to all"]["low"] > 0
    assert by_name["regression on words"]["score"] == 1
    assert by_name["regression on words"]["difference"] == 0
    assert by_name["label names alone"]["score"] > 0.75
    text = BASELINES.render(found)
    assert "The checkpoint has 1.000 on 20 held-out examples." in text
    assert "| the same answer to all | 0.750 | +0.250 (" in text


def test_several_labels_are_answered_one_by_one():
    options = tuple(Option(value=value) for value in ("table", "music"))
    question = Question(name="q", kind=Kind.CHOICES, inputs=("text",), options=options)
    said = [("reserve table", ["table"]), ("play song", ["music"]), ("table song", ["table", "music"]), ("well", [])]
    texts = said * 15
    found, by_name = look(question, texts, lambda text: ([], 0.9))
    assert by_name["regression on words"]["score"] > 0.9
    assert by_name["regression on words"]["high"] < 0
    assert "beyond chance" in BASELINES.render(found)


def test_numbers_are_answered_with_a_ridge_regression_within_their_range():
    question = Question(name="q", kind=Kind.NUMBER, inputs=("text",), minimum=0, maximum=10)
    texts = [("very bad", 0.0) if n % 2 else ("very good", 10.0) for n in range(60)]
    found, by_name = look(question, texts, lambda text: (5.0, 0.9))
    assert by_name["regression on words"]["score"] > 0.8
    assert by_name["the same answer to all"]["score"] == pytest.approx(0.5)
    assert "No label names alone: the names" in BASELINES.render(found)


def test_marked_words_are_marked_again_as_whole_words():
    question = subjects.spans("city")
    texts = [(f"from {city} to nowhere {n}", [{"start": 5, "end": 9, "label": "city"}])
             for n, city in enumerate(("Oslo", "Rome", "Lima", "Oslo") * 15)]  # fmt: skip
    found, by_name = look(question, texts, lambda text: ([], 0.9))
    assert by_name["a list of the marked words"]["score"] == 1
    assert "the same answer to all" in found["missing"]
    texts = [("Romeo and Rome", [{"start": 10, "end": 14, "label": "city"}])] * 60
    assert look(question, texts, lambda text: ([], 0.9))[1]["a list of the marked words"]["score"] == 1


def test_comparisons_say_what_they_lack_and_few_examples_say_nothing():
    question = Question(name="q", kind=Kind.PAIRWISE, inputs=("left", "right"))
    rows = [
        LabelledExample(
            example=Example(key=str(n), fields={"left": f"good {n}", "right": f"bad {n}"}), answer="left",
            part=Part.HELD_OUT if n % 2 else Part.TRAIN, group=str(n),
        )
        for n in range(40)
    ]  # fmt: skip
    load = lambda: Base.load(None, question, 32, "cpu")  # noqa: E731
    found = BASELINES.look(subjects.subject(question, rows, lambda text: ("left", 0.9), load))
    assert [row["name"] for row in found["baselines"]] == ["the same answer to all"]
    assert set(found["missing"]) == {"label names alone", "regression on words"}
    assert BASELINES.look(subjects.subject(question, rows[:12], lambda text: ("left", 0.9), load)) == {}
