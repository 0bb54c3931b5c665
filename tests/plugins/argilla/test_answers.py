"""Answers in both directions: what fits passes, the rest is named or left out."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelwheel.plugins.argilla import responses
from labelwheel.plugins.argilla.answers import decode, encode, probability
from labelwheel.plugins.argilla.layout import Control
from labelwheel.plugins.argilla.responses import moment, work_of
from labelwheel.training.questions import Example, Prediction
from tests.plugins.argilla.test_layout import asked, layout

EMOJI = Example(key="1", fields={"text": "😀 Jane 😀"})


def control(*arguments: Any, **more: Any) -> Control:
    return layout(asked(*arguments, **more)).controls[0]


WHO = control("who", "span", ["PER", "ORG"], field="text")
MANY = control("many", "multi_label_selection", ["a", "b", "c"])
MOOD = control("mood", "label_selection", ["good", "bad"])


def test_labels_that_are_not_offered_any_more_are_named_and_the_rest_is_taken() -> None:
    assert decode(MANY, {"many": {"value": ["c", "gone", "a"]}}, EMOJI)[0] == {"many": ["a", "c"]}
    assert "gone" in decode(MANY, {"many": {"value": ["c", "gone", "a"]}}, EMOJI)[1][0]
    assert decode(MANY, {"many": {"value": ["gone"]}}, EMOJI)[0] == {}, "this is not to say that none fits"
    answers, (reason,) = decode(MOOD, {"mood": {"value": "gone"}}, EMOJI)
    assert answers == {}
    assert "gone" in reason


def test_what_is_left_open_is_none_of_them_for_lists_and_nothing_for_others() -> None:
    assert decode(MANY, {}, EMOJI) == ({"many": []}, [])
    assert decode(WHO, {"who": {"value": []}}, EMOJI) == ({"who": []}, [])
    assert decode(MOOD, {"mood": None}, EMOJI) == ({}, [])


def test_spans_between_the_halves_of_an_emoji_or_outside_are_refused() -> None:
    spans = [
        {"start": 3, "end": 7, "label": "PER"},
        {"start": 1, "end": 7, "label": "PER"},
        {"start": 3, "end": 99, "label": "PER"},
        {"start": 3, "end": 7, "label": "gone"},
        "nonsense",
    ]
    answers, rejected = decode(WHO, {"who": {"value": spans}}, EMOJI)
    assert answers == {"who": [{"start": 2, "end": 6, "label": "PER"}]}
    assert len(rejected) == 4


def test_a_span_that_the_server_would_refuse_is_left_out_and_crossing_ones_go_by_score() -> None:
    said = [(2, 6, 0.5), (2, 4, 0.9), (7, 8, 0.9)]  # the last one ends behind the text, in UTF-16
    answer = [{"start": start, "end": end, "label": "PER"} for start, end, _ in said]
    prediction = Prediction(answer=answer, score=0.5, item_scores=tuple(score for *_, score in said))
    assert encode(WHO, {"who": prediction}, EMOJI) == ([{"start": 3, "end": 5, "label": "PER"}], [0.9])
    wide = control("who", "span", ["PER"], field="text", allow_overlapping=True)
    found = encode(wide, {"who": prediction}, EMOJI)
    assert found
    assert [(one["start"], one["end"]) for one in found.value] == [(3, 5), (3, 7)]
    none = encode(WHO, {"who": Prediction(answer=[], score=0.9)}, EMOJI)
    assert none == ([], None), "no score for an empty list, which Argilla would refuse"


def test_what_does_not_fit_is_not_suggested() -> None:
    assert encode(MOOD, {"mood": Prediction(answer="gone", score=1.0)}, EMOJI) is None
    assert encode(MOOD, {"mood": Prediction(answer="good", score=1.0)}, Example(key="1", fields={})) is None
    assert encode(MANY, {"many": Prediction(answer=[], score=1.0)}, EMOJI) is None
    assert encode(MANY, {"many": Prediction(answer=["a", "b"], score=0.5, item_scores=(0.9,))}, EMOJI) == (
        ["a", "b"],
        [0.9, 0.5],
    )


@pytest.mark.parametrize("markdown", [True, False])
def test_a_text_is_suggested_and_read_as_it_was_written(markdown: bool) -> None:
    note = control("note", "text", use_markdown=markdown)
    said = "**Jane** 😀\n\n- `one`"
    assert encode(note, {"note": Prediction(answer=said, score=0.5)}, EMOJI) == (said, 0.5)
    assert decode(note, {"note": {"value": said}}, EMOJI) == ({"note": said}, [])
    assert encode(note, {"note": Prediction(answer="a\x00", score=0.5)}, EMOJI) == ("a", 0.5)
    for wrong in ("", " ", "a" * 10_001, ["a"], 3):
        assert encode(note, {"note": Prediction(answer=wrong, score=0.5)}, EMOJI) is None
    assert decode(note, {"note": {"value": ""}}, EMOJI) == ({}, []), "an empty text leaves the question open"
    answers, (reason,) = decode(note, {"note": {"value": 3}}, EMOJI)
    assert answers == {}
    assert "with a text, not 3" in reason


@given(st.floats())
def test_a_score_is_always_one_that_argilla_takes(score: float) -> None:
    assert 0.0 <= probability(score) <= 1.0
    assert not math.isnan(probability(score))


def test_work_is_what_was_submitted_or_discarded() -> None:
    base = {"user_id": "u", "inserted_at": "2026-11-21T19:42:40", "updated_at": "2026-11-21T19:42:41.5"}
    responses = [
        {"id": "1", "status": "submitted", "values": {"mood": {"value": "good"}}, **base},
        {"id": "2", "status": "draft", "values": {"mood": {"value": "good"}}, **base},
        {"id": "3", "status": "discarded", "values": {"mood": {"value": "good"}}, **base},
        {"id": "4", "status": "discarded", "values": None, **base},
        {"id": "5", "status": "submitted", "values": None, **base, "user_id": None},
    ]
    found = list(work_of(layout(asked("mood", "label_selection", ["good"])), {"responses": responses}, EMOJI))
    assert [(one.key, one.skipped, one.answers) for one in found] == [
        ("1", False, {"mood": "good"}),
        ("3", True, {}),
        ("4", True, {}),
        ("5", False, {}),
    ]
    assert found[0].updated_at.isoformat() == "2026-11-21T19:42:41.500000+00:00"
    assert (found[0].annotator, found[-1].annotator) == ("argilla:u", "argilla:nobody")
    assert moment("nonsense").year == 1970


def test_one_answer_that_cannot_be_read_is_rejected_and_costs_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(asked: Control, *arguments: Any) -> Any:
        if asked.name == "mood":
            raise KeyError("anything at all")
        return decode(asked, *arguments)

    monkeypatch.setattr(responses, "decode", broken)
    found = layout(asked("mood", "label_selection", ["good"]), asked("many", "multi_label_selection", ["a", "b"]))
    said = {"id": "1", "status": "submitted", "values": {"mood": {"value": "good"}, "many": {"value": ["a"]}}}
    odd = [None, 3, {"status": "submitted"}, {"id": "2", "status": "submitted", "values": 3, "updated_at": 10**400}]
    work, last = work_of(found, {"responses": [said, *odd]}, EMOJI)
    assert work.answers == {"many": ["a"]}
    assert "anything at all" in work.rejected[0]
    assert last.key == "2"
    assert list(work_of(found, {"responses": 3}, EMOJI)) == []


@pytest.mark.parametrize(
    ("question", "said"),
    [
        (asked("x", "rating", [1, 2, 3]), 10**400),
        (asked("x", "rating", [1, 2, 3]), [2]),
        (asked("x", "rating", [1, 5]), {"a": 10**5000}),
        (asked("x", "label_selection", ["a", "b"]), [10**5000]),
        (asked("x", "multi_label_selection", ["a"]), "a" * 1_000_000),
        (asked("x", "multi_label_selection", ["a"]), [[10**5000]]),
        (asked("x", "span", ["a"], field="text"), [{"start": 10**400, "end": -(10**5000), "label": "a"}]),
        (asked("x", "span", ["a"], field="text"), [{"start": 2, "end": 6, "label": ["a"]}]),
        (asked("x", "span", ["a"], field="text"), "nonsense"),
        (asked("x", "ranking", ["a", "b"]), [{"value": "a", "rank": "1"}, {"value": "b", "rank": 2}]),
        (asked("x", "ranking", ["a", "b"]), [{"value": ["a"], "rank": 1}, {"value": "b", "rank": 2}]),
        (asked("x", "ranking", ["a", "b"]), 3),
    ],
)
def test_what_no_answer_can_be_read_from_is_rejected_in_a_line(question: dict[str, Any], said: Any) -> None:
    (found,) = layout(question).controls
    answers, rejected = decode(found, {"x": {"value": said}}, EMOJI)
    assert answers == {}
    assert rejected
    assert all("x" in one and len(one) < 1000 for one in rejected)


def test_saying_nothing_is_told_from_saying_none_of_them() -> None:
    found = layout(asked("many", "multi_label_selection", ["a"]), asked("who", "span", ["PER"], field="text"))
    values = [{}, {"who": {"value": []}}, {"many": {"value": ["a"]}}]
    given = [{"id": str(number), "status": "submitted", "values": one} for number, one in enumerate(values)]
    none, spans, many = work_of(found, {"responses": given}, EMOJI)
    assert none.answers == spans.answers == {"many": [], "who": []}
    assert (none.silent, spans.silent, many.silent) == (("many", "who"), ("many",), ("who",))
