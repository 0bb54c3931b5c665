from __future__ import annotations

import functools
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelwheel.plugins.label_studio.layout import read
from labelwheel.plugins.label_studio.regions import decode, encode, probability, region_id, score_of, version_of
from labelwheel.training.questions import Example, Prediction

LAYOUT = read(
    """<View><Text name="text" value="$text"/><HyperText name="page" value="$page"/>
<Choices name="one" toName="text"><Choice value="a"/><Choice value="b"/></Choices>
<Choices name="many" toName="text" choice="multiple"><Choice value="a"/><Choice value="b"/></Choices>
<Choices name="hidden" toName="text" choice="multiple" visibleWhen="choice-selected" whenTagName="one">
<Choice value="x"/></Choices>
<Choices name="nest" toName="text" choice="multiple" allowNested="true">
<Choice value="A"><Choice value="B"/></Choice></Choices>
<Labels name="who" toName="text"><Label value="PER"/><Label value="ORG"/></Labels>
<HyperTextLabels name="mark" toName="page"><Label value="X"/></HyperTextLabels>
<Taxonomy name="tree" toName="text" maxUsages="1"><Choice value="A"><Choice value="B"/></Choice></Taxonomy>
<TextArea name="reply" toName="text" maxSubmissions="1" editable="true"/><TextArea name="notes" toName="text"/>
<Rating name="stars" toName="text"/><Number name="count" toName="text" max="10"/></View>"""
)
DATA = {"text": "😀 Jane works at Google", "page": "<p>a</p><p>b 😀</p>"}
EXAMPLE = LAYOUT.example("7", DATA)


def said(**answers: Any) -> dict[str, Prediction]:
    return {name: Prediction(answer=answer, score=0.5) for name, answer in answers.items()}


def regions(**answers: Any) -> list[dict[str, Any]]:
    return encode(LAYOUT, EXAMPLE, DATA, said(**answers), "g1")


def value(**answers: Any) -> dict[str, Any]:
    (region,) = regions(**answers)
    assert decode(LAYOUT, [region], EXAMPLE, DATA)[0].items() >= answers.items()
    return dict(region["value"])


def test_values_are_what_label_studio_stores() -> None:
    assert value(one="b") == {"choices": ["b"]}
    assert value(many=["a", "b"]) == {"choices": ["a", "b"]}
    assert value(nest=["A", "A › B"]) == {"choices": [["A"], ["A", "B"]]}
    assert value(who=[{"start": 2, "end": 6, "label": "PER"}]) == {
        "start": 2,
        "end": 6,
        "text": "Jane",
        "labels": ["PER"],
    }
    assert value(tree=[["A", "B"]]) == {"taxonomy": [["A", "B"]]}
    assert value(stars=3) == {"rating": 3}
    assert value(reply="Hello\nJane 😀") == {"text": ["Hello\nJane 😀"]}
    assert value(notes=["one", "two"]) == {"text": ["one", "two"]}
    assert value(count=4.0) == {"number": 4}
    assert value(mark=[{"start": 4, "end": 5, "label": "X"}]) == {
        "start": "/p[2]/text()[1]",
        "startOffset": 2,
        "end": "/p[2]/text()[1]",
        "endOffset": 4,
        "globalOffsets": {"start": 3, "end": 4},
        "text": "😀",
        "hypertextlabels": ["X"],
    }


def test_every_region_has_its_own_score_and_lasting_id() -> None:
    spans = [{"start": 0, "end": 1, "label": "ORG"}, {"start": 2, "end": 6, "label": "PER"}]
    predictions = {"who": Prediction(answer=spans[::-1], score=0.2, item_scores=(0.9, math.nan))}
    first, second = encode(LAYOUT, EXAMPLE, DATA, predictions, "g1")
    assert (first["score"], second["score"]) == (0.0, 0.9)
    assert first["id"] != second["id"]
    assert first["id"] == encode(LAYOUT, EXAMPLE, DATA, predictions, "g1")[0]["id"]
    assert first["to_name"] == "text"
    assert first["type"] == "labels"


def test_nothing_wrong_gets_out() -> None:
    assert regions(one="c") == regions(stars=6) == regions(count=11) == regions(gone="x") == regions(one=None) == []
    spans = [{"start": 2, "end": 60, "label": "PER"}, {"start": 2, "end": 6, "label": "X"}]
    assert regions(who=spans) == []
    assert [one["value"]["labels"] for one in regions(who=[*spans, {"start": 2, "end": 6, "label": "PER"}])] == [
        ["PER"]
    ]
    assert regions(tree=[["A"], ["A", "B"]])[0]["value"] == {"taxonomy": [["A"]]}
    empty = LAYOUT.example("8", {})
    assert encode(LAYOUT, empty, {}, said(one="a", stars=2, who=[]), "g1") == []


def test_texts_are_read_as_they_were_written_and_as_many_as_the_control_takes() -> None:
    def read(name: str, text: Any) -> Any:
        region = {"from_name": name, "to_name": "text", "type": "textarea", "value": {"text": text}}
        return decode(LAYOUT, [region], EXAMPLE, DATA)

    assert read("reply", [" Hello \x00"])[0]["reply"] == "Hello"
    assert read("reply", "Hello")[0]["reply"] == "Hello"
    for nothing in ([], [""], None, " "):
        assert "reply" not in read("reply", nothing)[0], "an empty text is no answer"
    answers, (reason,) = read("reply", ["one", "two"])
    assert "reply" not in answers
    assert "takes one text, not 2" in reason
    assert read("notes", ["one", "", "two"])[0]["notes"] == ["one", "two"]
    answers, (reason,) = read("notes", ["one", 7])
    assert answers["notes"] == ["one"], "each text stands by itself"
    assert "7" in reason


def test_no_text_gets_out_that_nobody_would_want() -> None:
    assert regions(reply="a" * 10_001) == regions(reply=" ") == regions(reply=["a"]) == []
    (region,) = regions(reply="a\x00\x1bb")
    assert region["value"] == {"text": ["ab"]}, "nothing that is not seen"
    assert region["score"] == 0.5


def test_what_was_left_open_is_no_answer() -> None:
    answers, rejected = decode(LAYOUT, [], EXAMPLE, DATA)
    assert answers == {"many": [], "nest": [], "who": [], "mark": []}
    assert rejected == []


def test_parts_that_cannot_be_taken_never_stop_the_rest() -> None:
    def region(name: str, **value: Any) -> dict[str, Any]:
        return {"from_name": name, "to_name": "text", "type": "any", "value": value}

    found = [
        region("one", choices=["gone"]),
        region("many", choices=["a", "gone"]),
        region("who", start=2, end=6, labels=["PER", "GONE"]),
        region("who", start="2", end=6.0, labels="ORG"),
        region("who", start=5000, end=5001, labels=["PER"]),
        region("who", labels=["PER"]),
        region(
            "mark", start="/p[2]/text()[1]", startOffset=0, end="/p[2]/text()[1]", endOffset=1, hypertextlabels=["X"]
        ),
        region("mark", start="/nowhere", end="/nowhere", hypertextlabels=["X"]),
        region("stars", rating=9),
        region("count", number="3"),
        region("tree", taxonomy="A"),
        region("other", choices=["a"]),
        {"from_name": "one", "value": 3},
        7,
        None,
    ]
    answers, rejected = decode(LAYOUT, found, EXAMPLE, DATA)
    assert answers == {
        "many": ["a"],
        "nest": [],
        "who": [{"start": 2, "end": 6, "label": "ORG"}, {"start": 2, "end": 6, "label": "PER"}],
        "mark": [{"start": 2, "end": 3, "label": "X"}],
    }
    assert len(rejected) == 9


def test_one_choice_is_one() -> None:
    found = [{"from_name": "one", "value": {"choices": ["a", "b"]}}]
    answers, rejected = decode(LAYOUT, found, EXAMPLE, DATA)
    assert "one" not in answers
    assert "one choice" in rejected[0]


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40))
def test_an_id_names_its_version(version: str) -> None:
    assert version_of({"id": region_id("1", "q", version, 0)}) == version
    assert version_of({"id": version}) in (None, version)


def test_scores_are_storable() -> None:
    assert [probability(score) for score in (math.nan, math.inf, -1, 2, 0.123456)] == [0, 0, 0, 1, 0.1235]
    assert score_of({}) == 0.0
    predictions = {"a": Prediction(answer="x", score=0.4), "b": Prediction(answer=None, score=0.1)}
    assert score_of(predictions) == 0.4


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["value", "from_name", "choices", "labels", "start", "end", "rating", "taxonomy", "number"]
                ),
                inner | st.sampled_from([*LAYOUT.controls]),
                max_size=5,
            )
        ),
        max_leaves=20,
    )
)
def test_garbage_is_survived(garbage: Any) -> None:
    decode(LAYOUT, garbage if isinstance(garbage, list) else [garbage], EXAMPLE, DATA)
    for name in LAYOUT.controls:
        decode(LAYOUT, [{"from_name": name, "value": garbage}], EXAMPLE, DATA)


ALIASES = read(
    """<View><Text name="t" value="$t"/>
    <Choices name="one" toName="t"><Choice value="Good" alias="g"/><Choice value="g" alias="gg"/></Choices>
    <Choices name="many" toName="t" choice="multiple"><Choice value="Red" alias="r"/><Choice value="Blue"/></Choices>
    <Choices name="nest" toName="t" choice="multiple" allowNested="true">
      <Choice value="Top" alias="t"><Choice value="Sub" alias="s"/></Choice></Choices>
    <Taxonomy name="tree" toName="t" leafsOnly="true"><Choice value="Animals" alias="a"><Choice value="Dog" alias="d"/>
      <Choice value="Cat"/></Choice></Taxonomy>
    <Labels name="who" toName="t"><Label value="Person" alias="PER"/></Labels></View>"""
)


@pytest.mark.parametrize(
    ("name", "value", "answer"),
    [
        ("one", {"choices": ["Good"]}, "g"),
        ("one", {"choices": ["g"]}, "g"),  # a name of now comes before an old one of another option
        ("one", {"choices": ["gg"]}, "gg"),
        ("many", {"choices": ["Red", "Blue", "r"]}, ["r", "Blue"]),
        ("nest", {"choices": [["Top", "s"], ["t", "Sub"], ["Top"]]}, ["t", "t › s"]),
        ("tree", {"taxonomy": [["Animals", "Dog"], ["a", "Cat"]]}, [["a", "d"], ["a", "Cat"]]),
        ("who", {"start": 0, "end": 4, "labels": ["Person"]}, [{"start": 0, "end": 4, "label": "PER"}]),
        ("who", {"start": 0, "end": 4, "hypertextlabels": ["PER"]}, [{"start": 0, "end": 4, "label": "PER"}]),
    ],
)
def test_an_option_is_known_by_its_alias_and_by_what_people_see(name: str, value: Any, answer: Any) -> None:
    example = Example(key="1", fields={"t": "Jane was here"})
    answers, rejected = decode(ALIASES, [{"from_name": name, "value": value}], example, {"t": "Jane was here"})
    assert (answers[name], rejected) == (answer, [])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("count", {"number": 10**400}),
        ("count", {"number": float("inf")}),
        ("stars", {"rating": 10**400}),
        ("stars", {"rating": -(10**5000)}),
        ("who", {"start": 10**400, "end": 3, "labels": ["PER"]}),
        ("mark", {"globalOffsets": {"start": 0, "end": 10**400}, "hypertextlabels": ["X"]}),
        ("one", {"choices": [[10**5000]]}),
        ("many", {"choices": ["a" * 1_000_000]}),
        ("tree", {"taxonomy": [functools.reduce(lambda inner, _: [inner], range(5000), [])]}),
        ("nest", {"choices": [functools.reduce(lambda inner, _: [inner], range(5000), [])]}),
    ],
)
def test_one_answer_that_cannot_be_read_is_rejected_in_a_line_and_costs_no_other(name: str, value: Any) -> None:
    other = "stars" if name != "stars" else "one"
    fine = {"from_name": other, "value": {"rating": 3} if other == "stars" else {"choices": ["a"]}}
    answers, rejected = decode(LAYOUT, [{"from_name": name, "value": value}, fine], EXAMPLE, DATA)
    assert name not in answers
    assert answers[other] == (3 if other == "stars" else "a")
    (reason,) = rejected
    assert name in reason
    assert len(reason) < 1000


def test_a_mark_of_html_that_ends_on_a_line_break_is_taken() -> None:
    data = {"text": "x", "page": "<p>Jane <br>and Bob</p>"}
    example = LAYOUT.example("8", data)
    value = {"globalOffsets": {"start": 0, "end": 6}, "hypertextlabels": ["X"]}
    answers, rejected = decode(LAYOUT, [{"from_name": "mark", "value": value}], example, data)
    assert (answers["mark"], rejected) == ([{"start": 0, "end": 5, "label": "X"}], [])
    nowhere = {"globalOffsets": {"start": 5, "end": 6}, "hypertextlabels": ["X"]}
    answers, rejected = decode(LAYOUT, [{"from_name": "mark", "value": nowhere}], example, data)
    assert "mark" not in answers
    assert len(rejected) == 1
