"""The report says how each slice did, how sure that is, and which is worse than the rest."""

import pytest

from labelwheel.training.evaluation import slice_tables, slices
from labelwheel.training.kinds.base import Score
from labelwheel.training.kinds.spans import Spans
from labelwheel.training.questions import Example, Kind, Option, Question
from labelwheel.training.spec import LabelledExample, Part, Unit

QUESTION = Question(name="q", kind=Kind.SPANS, inputs=("text",), options=(Option(value="a"),))


def rows(count, source):
    return [
        LabelledExample(
            example=Example(key=str(number), fields={"text": "x" * (20 + 50 * (number % 2))}),
            answer=[],
            part=Part.HELD_OUT,
            group=str(number),
            slices={"source": source(number), "key": str(number)},
        )
        for number in range(count)
    ]


def scores(count, is_wrong):
    right, wrong = {"a": Unit(true_positives=1)}, {"a": Unit(false_negatives=1)}
    return [Score(1.0, wrong) if is_wrong(number) else Score(0.0, right) for number in range(count)]


def found(count, source, is_wrong):
    table = slices.by_slice(Spans(), QUESTION, rows(count, source), scores(count, is_wrong), seed=3)
    return {(row["slice"], row["value"]): row for row in table}


def test_each_slice_has_its_own_headline_and_interval():
    table = found(40, lambda number: "web", lambda number: number % 4 == 1)
    assert set(table) == {
        ("source", "web"), ("characters", "ASCII"), ("length", "under 40 characters"), ("length", "40 to 159"),
    }  # fmt: skip
    long = table[("length", "40 to 159")]
    assert (long["examples"], long["groups"], long["score"]) == (20, 20, pytest.approx(2 / 3))
    assert long["low"] < 2 / 3 < long["high"]
    assert table[("length", "under 40 characters")]["score"] == 1


def test_a_slice_that_is_worse_is_marked_and_shown_first():
    table = found(100, lambda number: "mobile" if number < 20 else "web", lambda number: number < 12)
    assert table[("source", "mobile")]["worse"]
    assert not any(row["worse"] for key, row in table.items() if key != ("source", "mobile"))
    report = {"slices": list(table.values()), "named_slices": [], "metric": "span_f1", "champion": None}
    lines = slice_tables.render(report).splitlines()
    assert lines[4].startswith("| source | mobile | 20 | 0.571 |")
    assert lines[4].endswith("| worse than the rest |")


def test_a_value_with_few_examples_is_no_slice():
    table = found(30, lambda number: "rare" if number < 4 else "web", lambda number: False)
    assert ("source", "rare") not in table
    assert not any(name == "key" for name, _ in table)


def test_slices_that_people_named_are_told_first():
    table = list(found(40, lambda number: "web", lambda number: False).values())
    named = [{"name": "source", "value": "web"}, {"name": "source", "value": "fax"}]
    report = {"slices": table, "named_slices": named, "metric": "span_f1", "champion": None}
    text = slice_tables.render(report)
    assert "- **source=web**: 1.000 on 40 examples\n- **source=fax**: too few examples were measured" in text
    change = {
        "slice": "source", "value": "web", "examples": 40, "champion_score": 0.5, "challenger_score": 1.0,
        "change": 0.5, "low": 0.4, "high": 0.6,
    }  # fmt: skip
    text = slice_tables.render({**report, "champion": {"slices": [change], "level": 0.9}})
    assert "champion's 0.500 to 1.000 (+0.500, 90% interval +0.400 to +0.600) on 40 examples" in text
