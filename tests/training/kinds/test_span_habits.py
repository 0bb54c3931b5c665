"""Words and numbers are suggested whole, with the signs that people take along, as each label's own spans show it."""

from __future__ import annotations

import numpy as np
import pytest

from labelwheel.training.checkpoints.checkpoint import Manifest
from labelwheel.training.kinds import kind_of
from labelwheel.training.kinds.spans import Spans
from labelwheel.training.questions import Example, Kind, Option, Prediction, Question
from tests.training.kinds.test_spans import tokenizer

LEARNER = Spans()
LABELS = ("Amount", "Date")
QUESTION = Question(
    name="mentions", kind=Kind.SPANS, inputs=("text",), options=tuple(Option(value=label) for label in LABELS)
)
ID2LABEL = LEARNER.config(QUESTION)["id2label"]


def example(text):
    return Example(key="1", fields={"text": text})


def marked(text, *pieces):
    """Spans of pieces of a text, each looked for behind the one before."""
    found, place = [], 0
    for piece, label in pieces:
        start = text.index(piece, place)
        place = start + len(piece)
        found.append({"start": start, "end": place, "label": label})
    return found


def suggested(text, pieces, calibration=None, kind="wordpiece"):
    """What is suggested where a model says clearly that these pieces are spans, and hardly that the rest is not."""
    encodings = LEARNER.encode(QUESTION, [example(text)], tokenizer(kind), 64)
    tags = LEARNER.targets(QUESTION, [example(text)], [marked(text, *pieces)], encodings, ID2LABEL)
    says = [np.maximum(row, 0) for row in tags]
    logits = [np.eye(len(ID2LABEL))[row] * np.where(row > 0, 9, 1)[:, None] for row in says]
    (found,) = LEARNER.decode(QUESTION, [example(text)], encodings, logits, ID2LABEL, calibration or {})
    assert len(found.answer) == len(found.item_scores)
    return [(text[span["start"] : span["end"]], span["label"]) for span in found.answer]


def habits(*labelled):
    """What is learnt from texts with their labelled pieces, as it comes back from a checkpoint's manifest."""
    examples = [example(text) for text, _ in labelled]
    found = LEARNER.habits(QUESTION, examples, [marked(text, *pieces) for text, pieces in labelled])
    manifest = Manifest(
        version="v1", question=QUESTION, base_model="b", encoder_digest="e", recipe="auto", max_length=64,
        calibration=found, label_set="l", label_count=len(labelled), seed=1,
    )  # fmt: skip
    return Manifest.model_validate_json(manifest.model_dump_json()).calibration


@pytest.mark.parametrize("kind", ["wordpiece", "bytes"])
@pytest.mark.parametrize(
    ("text", "said", "whole"),
    [
        ("move £2,300 to it", [("£2", "Amount")], [("£2,300", "Amount")]),
        ("paid 04/2024 in full", [("04", "Date"), ("/", "Date"), ("2024", "Date")], [("04/2024", "Date")]),
        ("paid 04/2024 in full", [("202", "Date"), ("4", "Date")], [("04/2024", "Date")]),
        ("paid 04/2024 in full", [("04", "Date"), ("2024", "Date")], [("04/2024", "Date")]),
        ("it was $34.00 then", [("$", "Amount")], [("$34.00", "Amount")]),
        ("it was $34.00 then", [("34.00", "Amount")], [("$34.00", "Amount")]),
        ("at 10:30, then", [("10", "Date")], [("10:30", "Date")]),
        ("of 5kg each", [("5", "Amount")], [("5kg", "Amount")]),
        ("a share of 5% each", [("5", "Amount")], [("5%", "Amount")]),
        ("unbelievableness then", [("unbelievable", "Date")], [("unbelievableness", "Date")]),
        ("5 or 6, not 7", [("5", "Amount"), ("6", "Amount")], [("5", "Amount"), ("6", "Amount")]),
        ("between 1 and 2", [("1", "Amount"), ("2", "Date")], [("1", "Amount"), ("2", "Date")]),
    ],
)
def test_words_and_numbers_are_whole_before_anything_is_learnt(text, said, whole, kind):
    assert suggested(text, said, kind=kind) == whole


def test_each_label_is_cut_as_people_cut_it():
    """Amounts go without their unit, dates are never cut: `5` of `5kg`, but all of `5pm`."""
    learnt = habits(*[(f"of {n}kg at {n}pm", [(f"{n}", "Amount"), (f"{n}pm", "Date")]) for n in range(1, 9)])
    said = [("9", "Amount"), ("9", "Date")]
    assert suggested("of 9kg at 9pm", said, learnt) == [("9", "Amount"), ("9pm", "Date")]
    assert suggested("at 12,50 each", [("12", "Amount")], learnt) == [("12,50", "Amount")]


def test_a_slip_of_the_hand_is_no_habit():
    right = [(f"at {n}pm", [(f"{n}pm", "Date")]) for n in range(1, 31)]
    slipped = habits(*right, ("at 9pm", [("9", "Date")]))
    assert suggested("at 9pm", [("9", "Date")], slipped) == [("9pm", "Date")]


def test_pieces_of_one_word_are_one_span_even_where_people_cut_words():
    cut = [(f"at {n}pm", [(f"{n}", "Date")]) for n in range(1, 31)]
    assert suggested("at 9pm", [("9", "Date")], habits(*cut)) == [("9", "Date")]
    assert suggested("at 9pm", [("9", "Date"), ("pm", "Date")], habits(*cut)) == [("9pm", "Date")]
    both = [(f"at {n}pm", [(f"{n}", "Date"), ("pm", "Date")]) for n in range(1, 31)]
    assert suggested("at 9pm", [("9", "Date"), ("pm", "Date")], habits(*both)) == [("9", "Date"), ("pm", "Date")]


@pytest.mark.parametrize("sign", ["£", "$"])  # a dollar, which nobody has marked, goes like the pound
@pytest.mark.parametrize("takes", [True, False])
def test_a_sign_goes_along_where_people_take_it_along(takes, sign):
    learnt = habits(*[(f"paid £{n}, no", [("£" * takes + str(n), "Amount")]) for n in range(40, 52)])
    whole = [(sign * takes + "57", "Amount")]
    assert suggested(f"paid {sign}57, no", [("57", "Amount")], learnt) == whole
    assert suggested(f"paid {sign}57, no", [(f"{sign}57", "Amount")], learnt) == whole


def test_a_sign_behind_a_space_and_quotation_marks_follow_the_labels():
    labelled = [(f'so "{n} €" was', [(f"{n} €", "Amount")]) for n in range(10, 22)]
    assert suggested('so "55 €" was', [("55", "Amount")], habits(*labelled)) == [("55 €", "Amount")]
    assert suggested('so "55 €" was', [('"55 €"', "Amount")], habits(*labelled)) == [("55 €", "Amount")]
    without = [(f"so {n} € was", [(f"{n}", "Amount")]) for n in range(10, 22)]
    assert suggested("so 55 € was", [("55", "Amount")], habits(*without)) == [("55", "Amount")]
    quoted = [(f'so "day {n}" was', [(f'"day {n}"', "Date")]) for n in range(10, 22)]
    assert suggested('so "day 5" was', [("day 5", "Date")], habits(*quoted)) == [('"day 5"', "Date")]


def test_punctuation_that_people_leave_out_goes_but_a_bracket_of_one_inside_stays():
    labelled = [(f"so day {n}, then", [(f"day {n}", "Date")]) for n in range(10, 22)]
    assert suggested("so day 5, then", [("day 5,", "Date")], habits(*labelled)) == [("day 5", "Date")]
    assert suggested("so day 5) then", [("day 5)", "Date")], habits(*labelled)) == [("day 5", "Date")]
    assert suggested("so day (5) then", [("day (5)", "Date")], habits(*labelled)) == [("day (5)", "Date")]


def test_a_span_inside_of_which_white_space_is_a_token_stays_one():
    piece = "on  the\r\n9th"
    assert suggested(f"{piece} day", [(piece, "Date")], kind="bytes") == [(piece, "Date")]
    assert suggested("on   the day", [("   ", "Date")], kind="bytes") == []


def test_spans_of_low_score_are_hidden_each_for_itself_and_choices_as_a_whole():
    spans = marked("one two", ("one", "Date"), ("two", "Date"))
    unsure = Prediction(answer=spans, score=0.1, item_scores=(0.18, 0.84))
    assert kind_of(QUESTION).shown(unsure, 0.25) == Prediction(answer=spans[1:], score=0.1, item_scores=(0.84,))
    assert kind_of(QUESTION).shown(unsure, 0.9) == Prediction(answer=[], score=0.1)
    assert kind_of(QUESTION).shown(unsure, 0.0) is unsure
    assert kind_of(QUESTION).shown(Prediction(), 0.25) == Prediction()
    several = Question(name="c", kind=Kind.CHOICES, inputs=("text",), options=(Option(value="a"), Option(value="b")))
    weak = Prediction(answer=["a"], score=0.1, item_scores=(0.1,))
    assert kind_of(several).shown(weak, 0.1) is weak
    assert kind_of(several).shown(weak, 0.25) == Prediction()
