"""On which classes people agree, counted by hand."""

from __future__ import annotations

from typing import Any

import pytest

from labelwheel.training.evaluation.class_agreement import by_class, together
from labelwheel.training.questions import Option, Question

TOPIC = Question(name="q", kind="choice", inputs=("text",), options=tuple(Option(value=each) for each in "abc"))
TOPICS = TOPIC.model_copy(update={"kind": "choices"})
PLACES = TOPIC.model_copy(update={"kind": "spans"})


def groups(answers: list[Any]) -> list[str]:
    return [str(number) for number in range(len(answers))]


def span(start: int, end: int, label: str = "a") -> dict[str, Any]:
    return {"start": start, "end": end, "label": label}


def test_of_those_who_say_a_class_so_many_others_do_too() -> None:
    """aa, ab, ac, bb, and aab of three people.

    a is said by 2 + 1 + 1 + 2 = 6. In aa each has the other (2); in ab and ac none; in aab each a has one of two (1).
    b by 1 + 2 + 1 = 4: of bb 2, of aab none. c by 1, agreed on by none. So 3/6, 2/4, 0.
    """
    answers = [["a", "a"], ["a", "b"], ["a", "c"], ["b", "b"], ["a", "a", "b"]]
    found = {each.label: each for each in by_class(TOPIC, answers, groups(answers))}
    assert {label: (each.named, each.agreed.value) for label, each in found.items()} == {
        "a": (6, 0.5),
        "b": (4, 0.5),
        "c": (1, 0.0),
    }
    assert (found["a"].instead, found["a"].times) == ("b", 3)  # once in ab, twice in aab
    assert found["a"].overlapping is None
    assert all(each.agreed.low <= each.agreed.value <= each.agreed.high for each in found.values())
    assert list(found) == ["c", "a", "b"]  # those first on which people agree least


def test_of_several_labels_each_counts_by_itself() -> None:
    """{a, b} against {a}: of a both have it; b is alone."""
    found = {each.label: each for each in by_class(TOPICS, [[["a", "b"], ["a"]], [[], []]], ["1", "2"])}
    assert found["a"].agreed.value == 1
    assert (found["b"].agreed.value, found["b"].instead) == (0, "(nothing)")


def test_spans_agree_exactly_or_overlap() -> None:
    """0-4 is in both; 6-9 and 6-8 overlap; 12-15 is one's alone; 20-22 is a for the one and b for the other.

    a: seven spans in all; 2 the same, 4 meet one. b: one, alone.
    """
    one = [span(0, 4), span(6, 9), span(12, 15), span(20, 22)]
    other = [span(0, 4), span(6, 8), span(20, 22, "b"), span(30, 31)]
    found = {each.label: each for each in by_class(PLACES, [[one, other]], ["1"])}
    assert (found["a"].named, found["b"].named) == (7, 1)
    assert found["a"].agreed.value == pytest.approx(2 / 7)
    assert found["a"].overlapping == pytest.approx(4 / 7)
    assert found["b"].agreed.value == found["b"].overlapping == 0
    assert found["b"].instead == "a"
    # all eight: 2 the same, 4 meet one of their label; that is F1, as 2 x 1 / (4 + 4)
    assert together(PLACES, [(one, other)]) == pytest.approx((0.25, 0.5))


def test_there_may_be_nothing_to_say() -> None:
    assert by_class(TOPIC, [], []) == []
    assert by_class(PLACES, [[[], []]], ["1"]) == []
    assert by_class(Question(name="q", kind="number", inputs=("text",)), [[1.0, 2.0]], ["1"]) == []
    assert together(PLACES, [([], [])]) is None
