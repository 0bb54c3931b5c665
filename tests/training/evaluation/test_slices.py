"""The report says how each slice did, how sure that is, and which is worse than the rest."""

import pytest

from labelwheel.training.evaluation import slice_tables, slices
from labelwheel.training.kinds.base import Score
from labelwheel.training.kinds.spans import Spans
from labelwheel.training.questions import Example, Kind, Option, Question
from labelwheel.training.spec import LabelledExample, NamedSlice, Part, Unit
from tests.training.evaluation.sentences import SENTENCES

QUESTION = Question(name="q", kind=Kind.SPANS, inputs=("text",), options=(Option(value="a"),))


def rows(count, source):
    return [
        LabelledExample(
            example=Example(key=str(number), fields={"text": "x" * (20 + 50 * (number % 2))}),
            answer=[],
            part=Part.HELD_OUT,
            group=str(number),
            slices={"source": source(number), "key": f"k{number}"},
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


def columns(told):
    given = [row.model_copy(update={"slices": one}) for row, one in zip(rows(len(told), str), told, strict=True)]
    return [
        {name: each[name] for name in one if name in each}
        for one, each in zip(told, slices.values(QUESTION, given), strict=True)
    ]


def test_a_column_of_many_numbers_is_cut_into_four():
    found = columns([{"price": str(number)} for number in range(40)])
    assert [row["price"] for row in found[::10]] == ["under 10", "10 to under 20", "20 to under 30", "30 and more"]
    few = columns([{"stars": str(number % 5)} for number in range(40)])
    assert {row["stars"] for row in few} == set("01234")


def test_where_most_numbers_are_the_same_they_are_one_part():
    found = columns([{"price": "0"}] * 90 + [{"price": str(number)} for number in range(3, 13)])
    assert found[0] == {"price": "under 3"}
    assert {row["price"] for row in found[90:]} == {"3 and more"}


def test_numbers_are_cut_beside_examples_that_have_none_or_several():
    found = columns([{}, {"price": "several"}, *({"price": str(number)} for number in range(40))])
    assert found[:3] == [{}, {}, {"price": "under 10"}]


def test_of_a_column_with_many_names_the_most_common_are_slices():
    told = [{"user": f"u{number}", "annotator": f"person {number}"} for number in range(50)]
    found = columns(told + [{"user": f"u{number}"} for number in range(30, 50)] + [{"user": "12"}])
    assert {row["user"] for row in found if "user" in row} == {f"u{number}" for number in range(30, 50)}
    assert len({row["annotator"] for row in found[:50]}) == 50, "who labels is no column of the tool's"


def test_a_range_that_people_named_is_a_slice_beside_those_that_were_cut():
    given = [row.model_copy(update={"slices": {"price": row.example.key}}) for row in rows(40, str)]
    asked = [NamedSlice(name="price", value="7 to under 17"), NamedSlice(name="price", value="100 and more")]
    table = slices.by_slice(Spans(), QUESTION, given, scores(40, lambda number: number == 8), seed=3, asked=asked)
    (mine,) = [row for row in table if row["value"] == "7 to under 17"]
    assert mine["examples"] == 10
    assert mine["score"] < 1
    assert not any(row["value"] == "100 and more" for row in table)


def test_the_language_that_is_answered_worse_is_marked_and_of_one_language_nothing_is_said():
    texts = [f"{text} {number}" for number in range(2) for code in ("en", "de") for text in SENTENCES[code]]
    given = [
        row.model_copy(update={"example": Example(key=row.example.key, fields={"text": text})})
        for row, text in zip(rows(48, str), texts, strict=True)
    ]
    german = {number for number, text in enumerate(texts) if text[:-2] in SENTENCES["de"]}
    told = scores(48, lambda number: number in german and number % 4 != 0)
    asked = [NamedSlice(name="language", value="de")]
    table = slices.by_slice(Spans(), QUESTION, given, told, seed=3, asked=asked)
    found = [(row["value"], row["examples"], row["worse"]) for row in table if row["slice"] == "language"]
    assert found == [("de", 24, True), ("en", 24, False)]
    english = [row for number, row in enumerate(given) if number not in german]
    assert not any(name.name == "language" for name in slices.members(QUESTION, english))
