"""The numbers that people read, checked against cases worked out by hand."""

import pytest

from labelwheel.training.evaluation import metrics
from labelwheel.training.kinds.base import Score
from labelwheel.training.kinds.scores import NOTHING
from labelwheel.training.questions import Kind, Option, Prediction, Question
from labelwheel.training.spec import Unit


def question(kind, values="abc", **more):
    options = () if kind in (Kind.RATING, Kind.NUMBER) else tuple(Option(value=value) for value in values)
    return Question(name="q", kind=kind, inputs=("text",), options=options, **more)


def predictions(*answers):
    return [Prediction(answer=answer) for answer in answers]


def span(start, end, label="a"):
    return {"start": start, "end": end, "label": label}


def test_a_choice_without_an_answer_is_wrong():
    found = metrics.summary(question(Kind.CHOICE), ["a", "a", "b", "b"], predictions("a", "a", "b", None))
    assert found["accuracy"] == 0.75
    assert found["macro_f1"] == pytest.approx((1 + 2 / 3) / 2)
    assert found["answered"] == 0.75


def test_choices_count_what_is_all_right_and_what_is_partly_so():
    found = metrics.summary(question(Kind.CHOICES), [["a", "b"], ["c"], []], predictions(["a"], ["c"], []))
    assert found["all_right"] == pytest.approx(2 / 3)
    assert found["micro_f1"] == pytest.approx(4 / 5)
    assert found["example_f1"] == pytest.approx((2 / 3 + 1 + 1) / 3)
    assert metrics.summary(question(Kind.CHOICES), [[]], predictions([]))["macro_f1"] == 1.0


def test_paths_of_a_taxonomy_are_labels():
    taxonomy = question(Kind.TAXONOMY, ["Animal › Dog", "Animal › Cat"])
    found = metrics.summary(taxonomy, [[["Animal", "Dog"]]], predictions([["Animal", "Cat"]]))
    assert found["micro_f1"] == 0.0
    assert metrics.confusions(taxonomy, [[["Animal", "Dog"]]], predictions([["Animal", "Cat"]])) == [
        {"gold": "Animal › Dog", "predicted": "Animal › Cat", "count": 1}
    ]


def test_a_rating_is_measured_by_distance_and_order_too():
    rating = question(Kind.RATING, minimum=1, maximum=5)
    found = metrics.summary(rating, [1, 2, 3, 5], predictions(2, 3, 4, 5))
    assert found["mean_absolute_error"] == 0.75
    assert found["spearman"] == pytest.approx(1.0)
    assert found["accuracy"] == 0.25
    number = metrics.summary(question(Kind.NUMBER), [1.5, 2.5], predictions(1.0, None))
    assert (number["mean_absolute_error"], number["answered"]) == (0.5, 0.5)
    assert metrics.summary(question(Kind.NUMBER), [1.0], predictions(None)) == {"answered": 0.0}


def test_spans_are_measured_strictly_by_overlap_and_by_edges():
    golds = [[span(0, 5), span(6, 9)], []]
    found = metrics.summary(question(Kind.SPANS), golds, predictions([span(0, 4), span(6, 9, "b")], [span(1, 2)]))
    assert found["span_f1"] == 0.0
    assert found["overlap_f1"] == pytest.approx(2 * (1 / 3) * (1 / 2) / (1 / 3 + 1 / 2))
    assert found["edges_f1"] == pytest.approx(2 / 5)
    exact = metrics.summary(question(Kind.SPANS), golds, predictions(golds[0], []))
    assert (exact["span_f1"], exact["overlap_f1"], exact["edges_f1"]) == (1.0, 1.0, 1.0)


def test_span_confusions_tell_missed_from_mislabelled_from_misplaced():
    gold = [span(0, 5), span(6, 9), span(10, 12)]
    answer = [span(0, 4), span(6, 9, "b"), span(20, 22, "c")]
    found = metrics.confusions(question(Kind.SPANS), [gold, gold], predictions(answer, answer))
    assert {(row["gold"], row["predicted"]): row["count"] for row in found} == {
        ("a", "a (other edges)"): 2,
        ("a", "b"): 2,
        ("a", NOTHING): 2,
        (NOTHING, "c"): 2,
    }


def test_confusions_come_most_frequent_first():
    found = metrics.confusions(question(Kind.CHOICE), ["a", "a", "b"], predictions("b", "b", "c"), most=1)
    assert found == [{"gold": "a", "predicted": "b", "count": 2}]
    assert metrics.confusions(question(Kind.NUMBER), [1.0], predictions(2.0)) == []


def test_the_class_table_adds_up_the_units():
    scores = [
        Score(0.0, {"a": Unit(true_positives=2)}),
        Score(1.0, {"a": Unit(false_negatives=2), "b": Unit(false_positives=1)}),
    ]
    assert metrics.per_class(scores) == [
        {"label": "a", "precision": 1.0, "recall": 0.5, "f1": pytest.approx(2 / 3), "support": 4, "predicted": 2},
        {"label": "b", "precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 0, "predicted": 1},
    ]
