"""Which slices an example is in, and how people name those that must not be left behind."""

import pytest

from labelwheel.training.evaluation import named_slices
from labelwheel.training.questions import Example, Kind, Option, Question
from labelwheel.training.spec import LabelledExample, NamedSlice, Part

QUESTION = Question(name="q", kind=Kind.SPANS, inputs=("text",), options=(Option(value="a"),))


@pytest.mark.parametrize(
    ("text", "length", "characters"),
    [
        ("short", "under 40 characters", "ASCII"),
        ("é" * 40, "40 to 159", "other scripts and accents"),
        ("🙂" + "x" * 700, "640 and more", "with emoji or symbols"),
    ],
)
def test_every_text_has_slices(text, length, characters):
    assert named_slices.features(text) == {"length": length, "characters": characters}
    assert length in named_slices.KNOWN["length"]
    assert characters in named_slices.KNOWN["characters"]


def test_an_example_has_slices_of_its_own_beside_those_of_its_text():
    row = LabelledExample(
        example=Example(key="1", fields={"text": "hi"}), answer=[], part=Part.TRAIN, group="g", slices={"source": "web"}
    )
    found = named_slices.of(QUESTION, row)
    assert found == {"source": "web", "length": "under 40 characters", "characters": "ASCII"}


def test_slices_are_named_with_commas_each_once():
    found = named_slices.read(" source = mobile, length=under 40 characters,source=mobile,")
    assert found == (
        NamedSlice(name="source", value="mobile"),
        NamedSlice(name="length", value="under 40 characters"),
    )
    assert str(found[0]) == "source=mobile"
    assert named_slices.read("") == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("mobile", "'mobile' is no slice: write NAME=VALUE"),
        ("=mobile", "is no slice"),
        ("source=", "is no slice"),
        ("length=short", "there is no length 'short'; there are 'under 40 characters'"),
    ],
)
def test_what_is_no_slice_is_said(text, said):
    with pytest.raises(ValueError, match=said):
        named_slices.read(text)
