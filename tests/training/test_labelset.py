"""Labels come back from disk as they were, in the types that other training code expects."""

from pathlib import Path

import datasets
import pytest

from labelwheel.training import labelset
from labelwheel.training.questions import Example, Kind, Option, Question
from labelwheel.training.spec import LabelledExample, Part

OPTIONS = (Option(value="a"), Option(value="b"))
CASES = {
    Kind.CHOICE: ("b", 1),
    Kind.CHOICES: (["a", "b"], [0, 1]),
    Kind.SPANS: ([{"start": 0, "end": 2, "label": "b"}], [{"start": 0, "end": 2, "label": 1}]),
    Kind.RATING: (3, 3),
    Kind.TAXONOMY: ([["a"]], [["a"]]),
    Kind.NUMBER: (1.5, 1.5),
    Kind.PAIRWISE: ("right", 1),
    Kind.TEXT: (["a text", "another"], ["a text", "another"]),
}


def asked(kind: Kind) -> Question:
    inputs = ("key", "other") if kind is Kind.PAIRWISE else ("key",)
    return Question(name="q", kind=kind, inputs=inputs, options=OPTIONS, minimum=1, maximum=5)


def row(question: Question, number: int, answer: object, part: Part) -> LabelledExample:
    fields = {name: f"{name} {number} 👍" for name in question.inputs}
    return LabelledExample(
        example=Example(key=str(number), fields=fields), answer=answer, part=part, group=f"group {number}"
    )


@pytest.mark.parametrize("kind", list(Kind))
def test_what_is_written_is_what_was_labelled(kind: Kind, tmp_path: Path) -> None:
    question, (answer, stored) = asked(kind), CASES[kind]
    rows = [row(question, 1, answer, Part.TRAIN), row(question, 2, answer, Part.HELD_OUT)]
    labelset.write(question, rows, tmp_path / "labels")
    found = datasets.load_from_disk(str(tmp_path / "labels"))
    assert {name: len(split) for name, split in found.items()} == {"train": 1, "test": 1}
    assert found["test"][0]["label"] == stored
    assert found["test"][0]["key"] == "2", "a field of the same name does not take its place"
    assert found["test"][0]["field_key"] == "key 2 👍"
    assert found["train"][0]["group"] == "group 1"


def test_nothing_held_out_is_an_empty_split_of_the_same_columns(tmp_path: Path) -> None:
    question = asked(Kind.CHOICE)
    labelset.write(question, [row(question, 1, "a", Part.TRAIN)], tmp_path / "labels")
    found = datasets.load_from_disk(str(tmp_path / "labels"))
    assert len(found["test"]) == 0
    assert found["test"].features == found["train"].features
    assert found["train"].features["label"].names == ["a", "b"]
