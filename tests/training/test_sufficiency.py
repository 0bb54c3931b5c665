"""What can train and what can decide: counted once, for the policy, for orders and for jobs."""

from __future__ import annotations

import pytest

from labelwheel.training.questions import Example, Kind, Option, Question
from labelwheel.training.spec import LabelledExample, Part
from labelwheel.training.sufficiency import Counted, count, independent, lacking, readable, weigh

OPTIONS = (Option(value="a"), Option(value="b"))
CHOICE = Question(name="q", kind=Kind.CHOICE, inputs=("text", "more"), options=OPTIONS)
SPANS = Question(name="s", kind=Kind.SPANS, inputs=("text",), options=OPTIONS)
PAIRWISE = Question(name="p", kind=Kind.PAIRWISE, inputs=("left", "right"))


def examples(number: int, part: Part = Part.TRAIN, fresh: bool = True, group: str | None = None) -> list[Counted]:
    return [Counted(part, group or f"{part}{n}", fresh, True, True) for n in range(number)]


HELD, OLD = Part.HELD_OUT, False


@pytest.mark.parametrize(
    ("question", "fields", "expected"),
    [
        (CHOICE, {"text": "words"}, True),
        (CHOICE, {"more": "words"}, True),
        (CHOICE, {"text": " \n", "more": ""}, False),
        (CHOICE, {}, False),
        (SPANS, {"more": "words"}, False),
        (PAIRWISE, {"left": "one"}, False),
        (PAIRWISE, {"left": "one", "right": "two"}, True),
    ],
)
def test_what_has_no_text_is_not_readable(question: Question, fields: dict[str, str], expected: bool) -> None:
    assert readable(question, Example(key="1", fields=fields)) is expected


def test_what_is_held_out_or_without_text_does_not_train() -> None:
    counted = [
        *examples(5, HELD),
        count(CHOICE, Example(key="1", fields={}), "a", Part.TRAIN, "g", True),
        count(CHOICE, Example(key="2", fields={"text": "x"}), "a", Part.APART, "h", True),
    ]
    problem = lacking(CHOICE, counted)
    assert problem is not None
    assert "0 labels with text" in problem
    assert "(beside 5 held out to measure by, 1 set apart, 1 without the text it reads)" in problem
    assert lacking(CHOICE, [*counted, *examples(1)]) is None


def test_spans_need_a_span_among_what_trains() -> None:
    def given(part: Part, answer: list[object]) -> Counted:
        return count(SPANS, Example(key="1", fields={"text": "x"}), answer, part, "g", True)

    span = [{"start": 0, "end": 1, "label": "a"}]
    assert "no example has a span" in str(lacking(SPANS, [*[given(Part.TRAIN, [])] * 8, given(HELD, span)]))
    assert lacking(SPANS, [*[given(Part.TRAIN, [])] * 7, given(Part.TRAIN, span)]) is None


@pytest.mark.parametrize(
    ("counted", "learnt", "different", "deciding", "can"),
    [
        (examples(16), False, None, 16, True),  # a champion from the names has learnt from none of them
        (examples(9), False, None, 9, False),
        (examples(16, fresh=OLD), True, None, 0, False),  # nothing that it has not learnt from
        (examples(16, fresh=OLD) + examples(10, HELD, OLD), True, None, 10, True),
        (examples(12, fresh=OLD) + examples(4) + examples(4, HELD, OLD), True, None, 8, False),
        (examples(60, HELD) + examples(30), True, None, 90, True),
        (examples(60, HELD) + examples(30, fresh=OLD), True, None, 60, True),
        (examples(50, group="one"), False, None, 50, True),  # one text: each copy measures the others
        (examples(50, group="one") + examples(50, HELD, group="two"), False, 2, 51, True),
        # a project of few different texts decides by half of them
        (examples(3), False, 5, 3, True),
        (examples(2), False, 5, 2, False),
        (examples(2), False, 3, 2, True),
    ],
)
def test_what_can_decide(counted: list[Counted], learnt: bool, different: int | None, deciding: int, can: bool) -> None:
    found = weigh(CHOICE, counted, learnt, different)
    assert (found.deciding, found.problem is None) == (deciding, can)


def test_many_examples_are_measured_on_a_fifth() -> None:
    assert weigh(CHOICE, examples(500), False).deciding == 100
    assert weigh(SPANS, examples(100), False).deciding == 20


def test_copies_of_one_text_count_for_themselves_where_there_is_no_other() -> None:
    def row(key: str, group: str, part: Part = Part.TRAIN, text: str = "x") -> LabelledExample:
        example = Example(key=key, fields={"text": text})
        return LabelledExample(example=example, answer="a", part=part, group=group)

    alone = [row("1", "g"), row("2", "g"), row("3", "other", text=" "), row("4", "h", HELD)]
    assert [each.group for each in independent(CHOICE, alone)] == ["g/1", "g/2", "other/3", "h"]
    several = [*alone, row("5", "i")]
    assert independent(CHOICE, several) == several
