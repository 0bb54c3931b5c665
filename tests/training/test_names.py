from __future__ import annotations

import numpy as np
import pytest

from tests.training.models import WORDS, choice, example
from training import encoders
from training.batches import forward
from training.candidates import names
from training.candidates.frozen import names_head
from training.learners import learner_for
from training.questions import Kind, Option, Question


@pytest.mark.parametrize(
    ("label", "said"),
    [
        ("SearchScreeningEvent", "search screening event"),
        ("card_payment-fee.charged", "card payment fee charged"),
        ("HTMLParser", "HTML parser"),
        ("FAQ", "FAQ"),
        ("very positive", "very positive"),
        ("Größe ändern", "größe ändern"),
    ],
)
def test_a_label_is_said_as_people_would(label: str, said: str) -> None:
    assert names.words(label) == said


def test_hints_and_paths_are_part_of_what_is_said() -> None:
    assert names.describe(Option(value="GetWeather", hint="rain or sun?")) == "get weather, rain or sun?"
    assert names.describe(Option(value="Animals › BigCats")) == "animals big cats"
    assert names.describe(Option(value="❤")) == "❤"


def test_texts_are_answered_from_names_alone() -> None:
    asked = choice()
    learner = learner_for(asked)
    model, tokenizer = encoders.load(None, learner.config(asked))
    said = names.directions(asked, model, tokenizer, 128)
    assert said is not None
    head = names_head(said[0], asked.kind)
    encoders.write_head(model, head.weight / said[1], head.bias)
    examples = [example(text) for texts in WORDS.values() for text in texts]
    rows = learner.encode(asked, examples, tokenizer, 128)
    found = learner.decode(asked, examples, rows, forward(model, rows, 0), learner.config(asked)["id2label"], {})
    right = np.mean([one.answer == gold for one, gold in zip(found, np.repeat(list(WORDS), 4), strict=True)])
    sure = np.mean([one.score for one in found])
    assert right >= 0.9
    assert 0.5 < sure < 0.95  # neither guessing nor certain


def test_names_say_nothing_where_options_have_no_meaning() -> None:
    rating = Question(name="q", kind=Kind.RATING, inputs=("text",), minimum=1, maximum=5)
    assert names.directions(rating, None, None, 128) is None
