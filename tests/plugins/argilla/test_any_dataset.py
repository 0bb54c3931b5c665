"""Any settings, any record, any response: what comes out is a layout, and answers that fit it."""

from __future__ import annotations

import json
from typing import Any
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st

from labelwheel.plugins.argilla import layout as layouts
from labelwheel.plugins.argilla import responses
from labelwheel.plugins.argilla.layout import read
from labelwheel.training.questions import Question

TYPES = ["label_selection", "multi_label_selection", "rating", "ranking", "span", "text", "drawing"]
WORDS = ["a", "b", "c", "A", "", "text", "chat", "\ud800", "\x00", "x" * 300, "x" * 2000]
words = st.sampled_from(WORDS)
numbers = st.integers(-3, 12) | st.floats() | st.sampled_from([10**400, -(10**4000), True])
anything = st.recursive(
    st.none() | numbers | st.text(max_size=5) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5) | words, inner, max_size=3),
    max_leaves=10,
)
options = st.lists(st.fixed_dictionaries({"value": words | numbers}, optional={"text": words}) | anything, max_size=5)
settings = st.fixed_dictionaries(
    {"type": st.sampled_from(TYPES), "options": options},
    optional={"field": words | anything, "allow_overlapping": st.booleans()},
)
questions = st.fixed_dictionaries(
    {"id": st.just("1"), "name": words, "settings": settings | anything},
    optional={"title": words, "description": words},
)
good = st.sampled_from(
    [
        {"id": kind, "name": kind, "settings": {"type": kind, "field": "text", "options": given}}
        for kind, given in (
            ("label_selection", [{"value": "a", "text": "A"}, {"value": "b"}]),
            ("multi_label_selection", [{"value": "a", "text": "A"}, {"value": "b"}]),
            ("span", [{"value": "a", "text": "A"}, {"value": "b"}]),
            ("ranking", [{"value": "a", "text": "A"}, {"value": "b"}, {"value": "c"}]),
            ("rating", [{"value": 1}, {"value": 2}, {"value": 3}]),
        )
    ]
)
fields = st.fixed_dictionaries(
    {"name": words, "settings": st.fixed_dictionaries({"type": st.sampled_from(["text", "chat", "image", "new"])})}
)
TEXT = {"name": "text", "settings": {"type": "text"}}
ranks = st.lists(st.fixed_dictionaries({"value": words | anything, "rank": st.integers(0, 4) | anything}), max_size=4)
spans = st.lists(
    st.fixed_dictionaries({"start": st.integers(-1, 9), "end": st.integers(-1, 9), "label": words | anything})
    | anything,
    max_size=4,
)
values = st.dictionaries(
    words, st.fixed_dictionaries({"value": words | ranks | spans | anything}) | anything, max_size=5
)


@given(st.lists(fields | anything, max_size=3), st.lists(good | questions | anything, max_size=5), st.data())
def test_any_response_to_any_dataset_is_read_or_rejected(
    shown: list[Any], asked: list[Any], draw: st.DataObject
) -> None:
    with patch.object(layouts.log, "error") as unexpected:
        found = read([*shown, TEXT], asked)
    assert not unexpected.called, unexpected.call_args
    for question in found.questions:
        assert Question.model_validate_json(question.model_dump_json()).digest == question.digest
        assert len(question.name) <= 255
    for unlearnt in found.unlearnt:
        json.dumps([unlearnt.name, unlearnt.reason], ensure_ascii=False).encode()
    assert len({one.name for one in found.questions}) == len(found.questions)
    record = {"id": "7", "fields": {"text": draw.draw(st.text(max_size=9) | anything), "chat": draw.draw(anything)}}
    response = {"id": "1", "status": "submitted", "values": draw.draw(values | anything)}
    example = found.example(record)
    with patch.object(responses.log, "exception") as unexpected:
        works = list(responses.work_of(found, {**record, "responses": [response, draw.draw(anything)]}, example))
    assert not unexpected.called, unexpected.call_args
    assert len(works) == 1
    asked_for = {question.name: question for question in found.questions}
    for name, answer in works[0].answers.items():
        assert asked_for[name].check(answer, example) == answer
        json.dumps(answer, ensure_ascii=False).encode()
    assert all(len(reason) < 2000 for reason in works[0].rejected)
