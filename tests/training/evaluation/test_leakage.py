"""What is on both sides of the split is found, however it got there."""

from labelwheel.training.evaluation.leakage import check
from labelwheel.training.questions import Example, Kind, Option, Question
from labelwheel.training.spec import LabelledExample, Part

QUESTION = Question(name="q", kind=Kind.CHOICE, inputs=("text",), options=(Option(value="a"),))


def row(key, text, part, group=None):
    return LabelledExample(example=Example(key=key, fields={"text": text}), answer="a", part=part, group=group or key)


def test_a_clean_split():
    rows = [row("1", "where is my parcel", Part.TRAIN), row("2", "cancel my card now", Part.HELD_OUT)]
    rows.append(row("3", "where is my parcel", Part.APART))
    found = check(QUESTION, rows)
    assert found["clean"]
    assert (found["train"], found["held_out"], found["apart"]) == (1, 1, 1)


def test_groups_texts_and_near_texts_in_both_parts_are_found():
    text = "the delivery came late and the box was damaged, I want my money back"
    rows = [
        row("1", text, Part.TRAIN, group="g"),
        row("2", "something else altogether", Part.HELD_OUT, group="g"),
        row("3", text.upper() + "!", Part.HELD_OUT),
        row("4", text + " please", Part.HELD_OUT),
    ]
    found = check(QUESTION, rows)
    assert not found["clean"]
    assert (found["groups_in_both"], found["texts_in_both"], found["near_texts_in_both"]) == (1, 1, 1)
    assert found["examples"] == ["1", "3"]
