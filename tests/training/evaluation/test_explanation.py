"""Words are marked that models of known habits go by; texts stay within bounds, and spans keep their place."""

import numpy as np
import pytest

from labelwheel.training.errors import MissingExtra
from labelwheel.training.evaluation import faithfulness, shapley
from labelwheel.training.evaluation.explanation import CLOSE, MOST, Occluded, explain, most
from labelwheel.training.evaluation.occlusion import phrases, without, words
from labelwheel.training.kinds.span_scores import likeness
from labelwheel.training.questions import Example, Kind, Option, Prediction, Question


def asked(kind: str = Kind.CHOICE, **changes) -> Question:
    options = () if kind in (Kind.RATING, Kind.NUMBER, Kind.PAIRWISE) else (Option(value="good"), Option(value="bad"))
    return Question(**{"name": "q", "kind": kind, "inputs": ("text",), "options": options, **changes})


def example(text: str) -> Example:
    return Example(key="1", fields={"text": text})


class Model:
    """Sums up what each word says for "good", and counts what it is asked."""

    def __init__(self, **weights: float) -> None:
        self.weights, self.asked = weights, 0

    def logit(self, one: Example) -> float:
        return sum(self.weights.get(word, 0.0) for text in one.fields.values() for word in text.split())

    def __call__(self, examples):
        self.asked += len(examples)
        return [self.prediction(1 / (1 + np.exp(-self.logit(one)))) for one in examples]

    def prediction(self, good: float) -> Prediction:
        return Prediction(answer="good", score=good) if good >= 0.5 else Prediction(answer="bad", score=1 - good)


def said(explanation, number: int = 0) -> list[str]:
    return [explanation.words[place].text for place in explanation.carried[number].marked]


def test_words_are_what_stands_between_spaces_and_punctuation_by_itself():
    found = words(asked(), example("It's e-mail, 3.5 stars!! 好吃 …"))
    assert [word.text for word in found] == ["It's", "e-mail", ",", "3.5", "stars", "!!", "好", "吃", "…"]
    text = "It's e-mail, 3.5 stars!! 好吃 …"
    assert all(text[word.start : word.end] == word.text for word in found)


def test_words_of_several_fields_are_in_the_order_of_the_question():
    question = asked(inputs=("title", "text"))
    found = words(question, Example(key="1", fields={"text": "b c", "title": "a", "other": "d"}))
    assert [(word.field, word.text) for word in found] == [("title", "a"), ("text", "b"), ("text", "c")]


def test_what_is_left_out_takes_its_space_along_and_the_rest_moves():
    one = example("the old man and the sea")
    found = words(asked(), one)
    changed = without(one, [found[1], found[3]])
    assert changed.example.fields["text"] == "the man the sea"
    assert [changed.fields["text"].moved(*place) for place in ((0, 3), (8, 11), (20, 23))] == [(0, 3), (4, 7), (12, 15)]


def test_words_of_a_span_leave_a_placeholder():
    one = example("in New York today")
    found = words(asked(), one)
    changed = without(one, [found[0], found[1]], kept=[(3, 11)])
    assert changed.example.fields["text"] == "x York today"
    assert changed.fields["text"].moved(3, 11) == (0, 6)


def test_a_span_that_begins_within_a_word_keeps_its_placeholder():
    one = example("the co-pilot slept")
    [_, word, _] = words(asked(), one)
    changed = without(one, [word], kept=[(7, 12)])
    assert changed.example.fields["text"] == "the x slept"
    assert changed.fields["text"].moved(7, 12) == (4, 5)


def test_the_word_that_a_choice_rests_on_is_marked_and_nothing_else():
    model = Model(lovely=3.0, dull=-1.0)
    found = explain(asked(), example("a lovely film of dull people in towns"), model)
    assert found.prediction.answer == "good"
    assert said(found) == ["lovely"]
    weights = dict(zip([word.text for word in found.words], found.carried[0].weights, strict=True))
    assert weights["lovely"] > 1, "another answer counts for less than none"
    assert weights["dull"] < 0 == weights["film"]


def test_words_that_say_the_same_are_marked_together():
    """None of them by itself changes the answer, and one beside them hardly counts."""
    model = Model(lovely=3.0, great=3.0, fine=0.5, never=-2.0)
    found = explain(asked(), example("lovely and great but never ever only fine so to say"), model)
    assert set(said(found)) == {"lovely", "great"}
    left = Occluded(asked(), example("lovely and great but never ever only fine so to say"), model)
    assert left.held([found.carried[0].marked])[0, 0] == pytest.approx(found.carried[0].rest)
    assert found.carried[0].rest <= 0


def test_words_that_take_nothing_are_not_marked_beside_one_that_does():
    found = explain(
        asked(), example("a dull and rather long tale of some old town far away"), Model(dull=-2.0, tale=0.0)
    )
    assert said(found) == ["dull"]


def test_nothing_carries_an_answer_that_rests_on_no_word():
    found = explain(asked(), example("some words without any weight"), Model())
    assert found.carried[0].marked == ()
    assert not found.carried[0].weights.any()
    assert found.carried[0].rest == found.prediction.score


@pytest.mark.parametrize("text", ["", "   "])
def test_a_text_without_words_has_no_explanation(text):
    assert explain(asked(), example(text), Model()).carried == []


def test_an_answer_of_nothing_has_no_explanation():
    assert explain(asked(), example("some words"), Model(), Prediction()).carried == []


def test_long_texts_are_asked_about_within_bounds_and_the_word_is_found():
    model = Model(lovely=3.0)
    text = " ".join(["word"] * 700 + ["lovely"] + ["word"] * 300)
    found = explain(asked(), example(text), model)
    assert said(found)[0] == "lovely"
    assert model.asked <= 1 + MOST // 2 + MOST + MOST
    assert [word.text for word in found.words].index("lovely") == int(found.carried[0].weights.argmax())


def test_phrases_are_of_nearly_the_same_size_and_leave_out_no_word():
    found = phrases([None] * 50, 24)
    assert [place for one in found for place in one] == list(range(50))
    assert {len(one) for one in found} == {2, 3}
    assert phrases([], 24) == []


def test_at_most_a_fifth_of_the_words_is_marked():
    assert [most(count) for count in (0, 1, 5, 6, 10, 11)] == [0, 1, 1, 2, 2, 3]
    model = Model(**{f"w{number}": 0.1 for number in range(60)})
    found = explain(asked(), example(" ".join(f"w{number}" for number in range(60))), model)
    assert len(said(found)) == MOST // CLOSE


class Labels(Model):
    """Each label has a word of its own."""

    def __call__(self, examples):
        return [self.labels(one.fields["text"].split()) for one in examples]

    def labels(self, there) -> Prediction:
        sure = {"good": 0.9 if "sun" in there else 0.2, "bad": 0.8 if "rain" in there else 0.1}
        chosen = [name for name, score in sure.items() if score >= 0.5]
        right = float(np.prod([max(score, 1 - score) for score in sure.values()]))
        return Prediction(answer=chosen, score=right, item_scores=tuple(sure[name] for name in chosen))


def test_each_of_several_labels_has_words_of_its_own():
    found = explain(asked(Kind.CHOICES), example("first the sun then some rain"), Labels())
    assert [one.item for one in found.carried] == ["good", "bad"]
    assert (said(found, 0), said(found, 1)) == (["sun"], ["rain"])


class Marked(Model):
    """Marks a word in capitals that stands behind "in"."""

    def __call__(self, examples):
        return [self.spans(one.fields["text"]) for one in examples]

    def spans(self, text: str) -> Prediction:
        found, place = [], 0
        for word in text.split(" "):
            if text[:place].endswith("in ") and word[:1].isupper():
                found.append({"start": place, "end": place + len(word), "label": "good"})
            place += len(word) + 1
        return Prediction(answer=found, score=0.9, item_scores=(0.9,) * len(found))


def test_a_span_has_the_words_beside_it_and_its_own_weigh_too():
    found = explain(asked(Kind.SPANS), example("we two sit in Rome and in Oslo now"), Marked())
    assert [one.item["start"] for one in found.carried] == [14, 26]
    assert said(found, 0) == ["in"]
    assert found.carried[0].marked == (3,)
    assert found.carried[1].marked == (6,)
    own = [word.text for word in found.words].index("Rome")
    assert found.carried[0].weights[own] > 0, "without its word in capitals there is no span"
    assert found.carried[1].weights[own] == 0


def test_likeness_of_spans_is_their_shared_share():
    one, other = {"start": 0, "end": 4}, {"start": 2, "end": 6}
    assert (likeness(one, one), likeness(one, other), likeness(one, {"start": 4, "end": 5})) == (1, 2 / 6, 0)


class Counts(Model):
    def __init__(self, **weights):
        super().__init__(**weights)
        self.step = 1

    def __call__(self, examples):
        return [Prediction(answer=1 + int(self.logit(one)), score=0.6) for one in examples]


@pytest.mark.parametrize("kind", [Kind.RATING, Kind.NUMBER])
def test_numbers_are_carried_by_what_they_move_with(kind):
    question = asked(kind, minimum=1, maximum=5)
    found = explain(question, example("a lovely but long film of two hours"), Counts(lovely=3.0, long=-1.0))
    assert found.prediction.answer == 3
    weights = dict(zip([word.text for word in found.words], found.carried[0].weights, strict=True))
    assert weights["lovely"] > weights["film"] == 0
    assert weights["lovely"] >= weights["long"] > 0


class Pairs(Model):
    def __call__(self, examples):
        return [Prediction(answer="left" if "clear" in one.fields["a"] else "right", score=0.8) for one in examples]


def test_a_comparison_is_carried_by_words_of_either_side():
    question = asked(Kind.PAIRWISE, inputs=("a", "b"))
    one = Example(key="1", fields={"a": "a clear answer", "b": "some other answer"})
    found = explain(question, one, Pairs())
    assert [found.words[place] for place in found.carried[0].marked] == [("a", 2, 7, "clear")]


def test_deletion_tells_words_that_matter_from_others():
    model = Model(lovely=3.0)
    texts = [example(f"word{number} a lovely film of some people and towns") for number in range(20)]
    question = asked()
    # without "lovely" both answers are as likely, and it is "good" that is said then
    model.weights["film"] = -0.5
    explanations = [explain(question, one, model) for one in texts]
    found = faithfulness.deletion(question, texts, model, 1, explanations)
    assert len(found) == 20
    assert all(one.marked for one in found)
    assert np.mean([one.random for one in found]) < 0.5


def test_texts_of_few_words_are_not_measured():
    model, one = Model(lovely=3.0), example("a lovely film")
    assert faithfulness.deletion(asked(), [one], model, 1, [explain(asked(), one, model)]) == []


class Additive(Model):
    """Its score is a sum, so that Shapley values are known: the words' own shares."""

    def prediction(self, good: float) -> Prediction:
        return Prediction(answer="good", score=good)

    def __call__(self, examples):
        return [self.prediction(0.1 + self.logit(one)) for one in examples]


def test_shapley_values_of_a_sum_are_its_parts():
    pytest.importorskip("shap", reason="the extra shapley is not installed")
    model = Additive(lovely=0.4, fine=0.2)
    found = shapley.values(Occluded(asked(), example("a lovely and fine film"), model))
    assert found[:, 0] == pytest.approx([0, 0.4, 0, 0.2, 0], abs=1e-9)


def test_shapley_values_without_the_package_name_the_extra(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "shap", None)
    with pytest.raises(MissingExtra, match=r"labelwheel\[shapley\]"):
        shapley.values(Occluded(asked(), example("a film"), Model()))
