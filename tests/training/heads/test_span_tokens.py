"""What is said of words, said of tokens: where words are right, what the kind has tokens learn is likeliest."""

from __future__ import annotations

import numpy as np

from labelwheel.training.heads.span_tokens import token_logs
from labelwheel.training.kinds import kind_of
from labelwheel.training.kinds.base import Encoding
from labelwheel.training.kinds.objectives import IGNORED
from tests.training.chains import PLACES
from tests.training.models import example

KIND = kind_of(PLACES)
NAMES = KIND.config(PLACES)["id2label"]
TEXT = "in San Marino £250"
WORDS = [(0, 2), (3, 6), (7, 13), (14, 15), (15, 18)]
TOKENS = [(0, 0), (0, 2), (3, 6), (7, 10), (10, 13), (14, 15), (15, 17), (17, 18), (0, 0)]
ANSWER = [{"start": 3, "end": 13, "label": "city"}, {"start": 14, "end": 18, "label": "sum"}]
TAGS = ("O", "B-city", "I-city", "B-sum", "I-sum")


def said(*tags: str) -> np.ndarray:
    return np.log(np.array([[0.96 if tag == each else 0.01 for each in TAGS] for tag in tags]))


def test_right_words_give_the_tokens_that_are_learnt() -> None:
    row = Encoding(0, tuple(range(len(TOKENS))), 0, TOKENS)
    [found] = token_logs([row], [WORDS], [said("O", "B-city", "I-city", "B-sum", "I-sum")], TAGS, NAMES)
    [wanted] = KIND.targets(PLACES, [example(TEXT)], [ANSWER], [row], NAMES)
    real = wanted != IGNORED
    assert found.shape == (len(TOKENS), len(NAMES))
    assert found.argmax(axis=1)[real].tolist() == wanted[real].tolist()
    # a word of two tokens is as surely in the span at both
    assert abs(np.exp(found[3].max()) - 0.96) < 1e-6
    assert abs(np.exp(found[4].max()) - 0.97) < 1e-6


def test_a_label_without_an_example_and_a_token_without_a_word_are_outside() -> None:
    tokens = [(2, 3), (0, 2)]
    [found] = token_logs([Encoding(0, (7, 8), 0, tokens)], [WORDS], [said(*["O"] * 5)[:, :1]], ("O",), NAMES)
    assert {NAMES[place] for place in found.argmax(axis=1).tolist()} == {"O"}
    assert found[0].max() == 0.0
