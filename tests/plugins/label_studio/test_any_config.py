"""Any config, any task, any annotation: what comes out is a layout, answers that fit it, or the package's own error."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from unittest.mock import patch
from xml.sax.saxutils import quoteattr

from hypothesis import given
from hypothesis import strategies as st

from labelwheel.plugins.errors import InvalidConfig
from labelwheel.plugins.label_studio import annotations, layout, regions
from labelwheel.plugins.label_studio.layout import Layout, read
from labelwheel.plugins.label_studio.regions import encode
from labelwheel.training.questions import Kind, Prediction, Question

NAMES = ["t", "h", "p", "c", " c ", "x", "$t", "", "t,h", "h, t", "gone"]
VALUES = st.sampled_from(
    [*NAMES, "true", "1", "5", "-1", "nan", "1e999", "9" * 5000, "$", "a › b", "😀", "multiple", "url"]
)
ATTRIBUTES = (
    "name toName value alias hint choice allowNested perRegion perItem visibleWhen maxRating min max maxUsages "
    "leafsOnly apiUrl valueType encoding inline nameKey textKey labeling toname Value"
)
TAGS = (
    "View Text HyperText Paragraphs Image Header Choices Choice Labels Label HyperTextLabels Rating Taxonomy Number "
    "Pairwise TextArea Relations Relation Repeater choices text Filter Style Unknown"
)
attributes = st.dictionaries(st.sampled_from(ATTRIBUTES.split()), VALUES, max_size=5) | st.fixed_dictionaries(
    {"name": st.sampled_from(NAMES), "toName": st.sampled_from(NAMES)}, optional={"value": VALUES, "alias": VALUES}
)
fixed = st.sampled_from(
    [
        '<Choices name="one" toName="t"><Choice value="a" alias="x"/><Choice value="b"/><Choice value=""/></Choices>',
        '<Choices name="some" toName="t,h" choice="multiple"><Choice value="a"/><Choice value="$b"/></Choices>',
        '<Choices name="deep" toName="t" choice="multiple" allowNested="true"><Choice value="a" alias="b">'
        '<Choice value="c"/></Choice><Choice value="d"/></Choices>',
        '<Taxonomy name="tree" toName="t" leafsOnly="true"><Choice value="a" alias="b"><Choice value="c"/></Choice>'
        '<Choice value="d"/></Taxonomy>',
        '<Labels name="who" toName="t"><Label value="a" alias="b"/><Label value="c"/></Labels>',
        '<HyperTextLabels name="mark" toName="h"><Label value="a"/></HyperTextLabels>',
        '<Rating name="stars" toName="t"/><Number name="count" toName="t" min="0"/>',
        '<Pairwise name="pair" toName="t,h"/>',
        '<Paragraphs name="p" value="$p"/>',
        "<!-- <x> -->",
        "<?x y?>",
        "words",
    ]
)


def element(children: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.builds(
        lambda tag, given, inside: (
            f"<{tag} {' '.join(f'{k}={quoteattr(v)}' for k, v in given.items())}>{inside}</{tag}>"
        ),
        st.sampled_from(TAGS.split()),
        attributes,
        st.lists(children, max_size=4).map("".join),
    )


configs = st.recursive(fixed, element, max_leaves=25).map(
    lambda inside: f'<View><Text name="t" value="$t"/><HyperText name="h" value="$h"/>{inside}</View>'
)
numbers = st.integers() | st.floats() | st.sampled_from([10**400, -(10**4000), True])
anything = st.recursive(
    st.none() | numbers | st.text(max_size=5) | VALUES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5) | VALUES, inner, max_size=3),
    max_leaves=10,
)
KEYS = [
    "choices",
    "labels",
    "hypertextlabels",
    "taxonomy",
    "rating",
    "number",
    "selected",
    "start",
    "end",
    "startOffset",
]
region_values = st.dictionaries(st.sampled_from([*KEYS, "globalOffsets"]), anything, max_size=5)


def checked(source: str) -> Layout | None:
    """A layout with which all can be done that is done with one; None where the config is refused."""
    with patch.object(layout.log, "exception") as unexpected:
        try:
            found = read(source)
        except InvalidConfig:
            return None
    assert not unexpected.called, unexpected.call_args
    for question in found.questions:
        assert Question.model_validate_json(question.model_dump_json()).digest == question.digest
        assert len(question.name) <= 255
    for unlearnt in found.unlearnt:
        assert unlearnt.name
        assert 0 < len(unlearnt.reason) <= 500
    return found


@given(configs)
def test_any_config_is_read_or_refused(source: str) -> None:
    assert checked(source) is not None


@given(configs, st.lists(st.tuples(st.integers(0, 300), st.integers(0, 5), st.text(max_size=3)), max_size=4))
def test_any_damaged_config_is_read_or_refused(source: str, cuts: list[tuple[int, int, str]]) -> None:
    for start, length, text in cuts:
        source = source[:start] + text + source[start + length :]
    checked(source)


@given(configs, st.dictionaries(st.sampled_from(["t", "h", "p"]), anything) | anything, st.data())
def test_any_annotation_is_read_or_rejected(source: str, data: Any, draw: st.DataObject) -> None:
    found = read(source)
    names = st.sampled_from([*found.controls, "gone"])
    region = st.fixed_dictionaries({"from_name": names, "value": region_values | anything}) | anything
    result = draw.draw(st.lists(region, max_size=6) | anything)
    annotation = draw.draw(
        st.fixed_dictionaries({"id": st.just(1), "result": st.just(result)})
        | st.dictionaries(st.sampled_from(["id", "lead_time", "updated_at", "completed_by", "was_cancelled"]), anything)
    )
    example = found.example("7", data)
    task = {"id": 7, "data": data, "annotations": [annotation, anything], "predictions": [{"id": 1, "result": result}]}
    with (
        patch.object(annotations.log, "exception") as unexpected,
        patch.object(regions.log, "warning") as odd,
    ):
        works = list(annotations.work_of(found, task, example))
    assert not unexpected.called, unexpected.call_args
    assert not odd.called, odd.call_args
    assert len(works) == (annotation.get("id") is not None)
    for work in works:
        json.dumps(dict(work.answers)).encode()
        for name, answer in work.answers.items():
            assert found.controls[name].question.check(answer, example) == answer
        assert all(len(reason) < 2000 for reason in work.rejected)


@given(configs, st.dictionaries(st.sampled_from(["t", "h", "p"]), st.text(max_size=30)), st.data())
def test_any_prediction_that_fits_comes_back_as_it_was(
    source: str, data: Mapping[str, str], draw: st.DataObject
) -> None:
    found = read(source)
    example = found.example("7", data)
    for name, control in found.controls.items():
        question = control.question
        if question.kind not in (Kind.CHOICE, Kind.CHOICES, Kind.TAXONOMY) or not question.text(example):
            continue
        chosen = draw.draw(
            st.lists(st.sampled_from(question.values), min_size=1, max_size=control.limit or 3, unique=True)
        )
        said = {
            Kind.CHOICE: chosen[0],
            Kind.CHOICES: chosen,
            Kind.TAXONOMY: [value.split(" › ") for value in chosen],
        }[question.kind]
        answer = question.check(said, example)
        written = encode(found, example, data, {name: Prediction(answer=answer, score=0.5)}, "g1")
        assert regions.decode(found, written, example, data)[0][name] == answer
