from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from labelwheel.training import encoders
from labelwheel.training.batches import forward
from labelwheel.training.kinds import kind_of
from labelwheel.training.questions import Kind, Option, Question
from labelwheel.training.strategies import label_names
from labelwheel.training.strategies.label_names import names_head
from tests.training.models import WORDS, choice, example


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
    assert label_names.words(label) == said


def test_hints_and_paths_are_part_of_what_is_said() -> None:
    assert label_names.describe(Option(value="GetWeather", hint="rain or sun?")) == "get weather, rain or sun?"
    assert label_names.describe(Option(value="Animals › BigCats")) == "animals big cats"
    assert label_names.describe(Option(value="❤")) == "❤"


def test_texts_are_answered_from_names_alone() -> None:
    asked = choice()
    kind = kind_of(asked)
    model, tokenizer = encoders.load(None, kind.config(asked))
    said = label_names.directions(asked, model, tokenizer, 128)
    assert said is not None
    head = names_head(said[0], kind)
    encoders.write_head(model, head.weight / said[1], head.bias)
    examples = [example(text) for texts in WORDS.values() for text in texts]
    rows = kind.encode(asked, examples, tokenizer, 128)
    found = kind.decode(asked, examples, rows, forward(model, rows, 0), kind.config(asked)["id2label"], {})
    right = np.mean([one.answer == gold for one, gold in zip(found, np.repeat(list(WORDS), 4), strict=True)])
    sure = np.mean([one.score for one in found])
    assert right >= 0.9
    assert 0.5 < sure < 0.95  # neither guessing nor certain


def test_names_say_nothing_where_options_have_no_meaning() -> None:
    rating = Question(name="q", kind=Kind.RATING, inputs=("text",), minimum=1, maximum=5)
    assert label_names.directions(rating, None, None, 128) is None


def by_names(asked: Question, texts: list[str]) -> list[Any]:
    """What is answered to texts before the first label."""
    kind = kind_of(asked)
    fields = kind.config(asked)
    model, tokenizer = encoders.load(None, fields)
    said = label_names.directions(asked, model, tokenizer, 128)
    assert said is not None
    head = names_head(said[0], kind)
    encoders.write_head(model, head.weight / said[1], head.bias)
    examples = [example(text) for text in texts]
    rows = kind.encode(asked, examples, tokenizer, 128)
    logits = forward(model, rows, 0)
    found = kind.decode(asked, examples, rows, logits, fields["id2label"], label_names.settled(kind))
    return [one.answer for one in found]


def test_several_labels_are_suggested_where_a_name_stands_out() -> None:
    asked = Question(name="q", kind=Kind.CHOICES, inputs=("text",), options=tuple(Option(value=v) for v in WORDS))
    texts = [text for found in WORDS.values() for text in found]
    gold = [[label] for label, found in WORDS.items() for _ in found]
    answers = by_names(asked, texts)
    given = [(answer, wanted) for answer, wanted in zip(answers, gold, strict=True) if answer]
    assert len(given) >= 9  # of 12; a threshold of the cosine alone answers 5
    assert np.mean([answer == wanted for answer, wanted in given]) >= 0.9
    assert [] not in answers  # an empty list would claim that no option fits


def test_a_taxonomy_is_suggested_by_its_last_steps_and_those_above() -> None:
    paths = {
        "Customer › Travel › Flight": "when does my plane to Rome take off",
        "Customer › Travel › Hotel": "is breakfast part of the room price",
        "Customer › Banking › Lost card": "somebody stole my debit card",
        "Customer › Banking › Loan": "what interest would I pay on borrowed money",
        "Staff › Other": "the printer in our office is out of toner",
    }
    asked = Question(name="q", kind=Kind.TAXONOMY, inputs=("text",), options=tuple(Option(value=v) for v in paths))
    answers = by_names(asked, list(paths.values()))
    wanted = [[option.path] for option in asked.options]
    assert sum(answer == right for answer, right in zip(answers, wanted, strict=True)) >= 4
    # the same last step below two others is told apart by what stands above it
    twice = tuple(Option(value=value) for value in ("Flight › Problem", "Hotel › Problem"))
    asked = Question(name="q", kind=Kind.TAXONOMY, inputs=("text",), options=twice)
    found = by_names(asked, ["my plane was late and the airline lost my bag", "our room had no towels and no light"])
    assert found == [[["Flight", "Problem"]], [["Hotel", "Problem"]]]
