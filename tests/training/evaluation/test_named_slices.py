"""Which slices an example is in, and how people name those that must not be left behind."""

import pytest

from labelwheel.training.evaluation import named_slices
from labelwheel.training.questions import Example, Kind, Option, Question
from labelwheel.training.spec import LabelledExample, NamedSlice, Part
from tests.training.evaluation.sentences import SENTENCES

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
    (found,) = named_slices.of(QUESTION, [row])
    assert found == {"source": "web", "length": "under 40 characters", "characters": "ASCII"}


def test_a_language_is_told_beside_others_and_never_alone():
    texts = [*SENTENCES["en"], *SENTENCES["de"]]
    rows = [
        LabelledExample(example=Example(key=text, fields={"text": text}), answer=[], part=Part.TRAIN, group=text)
        for text in texts
    ]
    assert [each["language"] for each in named_slices.of(QUESTION, rows)] == ["en"] * 12 + ["de"] * 12
    assert not any("language" in each for each in named_slices.of(QUESTION, rows[:12] * 2))


def test_languages_are_named_by_their_codes():
    read = named_slices.read("language=de, language=unknown, language=other, metadata.language=German")
    assert [str(each) for each in read] == [
        "language=de", "language=unknown", "language=other", "metadata.language=German",
    ]  # fmt: skip
    assert named_slices.columns(["language", "metadata.language"]) == {"metadata.language": "language"}


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
        ("language=German", "there is no language 'German': write its code of ISO 639, such as 'de'"),
        ("length=short", "there is no length 'short'; there are 'under 40 characters'"),
    ],
)
def test_what_is_no_slice_is_said(text, said):
    with pytest.raises(ValueError, match=said):
        named_slices.read(text)


def test_a_name_that_is_none_of_ours_is_that_of_a_column():
    found = named_slices.columns(["length", "source", "metadata.project", "annotator", "label age"])
    assert found == {"source": "source", "metadata.project": "project"}
    assert named_slices.names(" annotator ,source,, source") == ("annotator", "source")


def test_more_columns_than_are_kept_are_refused():
    many = [f"column{number}" for number in range(25)]
    assert len(named_slices.names(", ".join(many[1:]))) == 24
    with pytest.raises(ValueError, match="25 columns of the labelling tool are named; 24 are the most"):
        named_slices.names(", ".join(many))
    with pytest.raises(ValueError, match="24 are the most"):
        named_slices.read(", ".join(f"{name}=1" for name in many))


@pytest.mark.parametrize(
    ("value", "has", "holds"),
    [
        ("mobile", "mobile", True),
        ("mobile", "web", False),
        ("mobile", None, False),
        ("10 to under 20", "10", True),
        ("10 to under 20", "19.9", True),
        ("10 to under 20", "20", False),
        ("under -1.5", "-2", True),
        ("under -1.5", "-1.5", False),
        ("20 and more", "1e3", True),
        ("20 and more", "mobile", False),
        ("20 and more", "20 and more", True),
    ],
)
def test_a_slice_is_a_value_or_a_range_of_numbers(value, has, holds):
    given = {} if has is None else {"source": has}
    assert named_slices.holds(NamedSlice(name="source", value=value), given) is holds
