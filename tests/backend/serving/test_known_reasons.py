"""What was explained a moment ago is told with suggestions that say the same."""

from __future__ import annotations

import numpy as np

from labelwheel.backend.serving.known_reasons import KnownReasons
from labelwheel.training.evaluation.explanation import Carried, Explanation
from labelwheel.training.evaluation.occlusion import Word
from labelwheel.training.questions import Answer, Example, Prediction
from tests.backend.serving.fakes import question

MOOD = question("mood")
WORDS = [Word("text", 0, 3, "sun"), Word("text", 4, 6, "at"), Word("text", 7, 11, "last")]


def example(text: str = "sun at last", key: str = "1") -> Example:
    return Example(key=key, fields={"text": text})


def explanation(answer: Answer = "good", marked: tuple[int, ...] = (2, 0)) -> Explanation:
    prediction = Prediction(answer=answer, score=0.9)
    return Explanation(prediction, WORDS, [Carried(answer, np.zeros(3), marked, 0.0)])


def told(known: KnownReasons, answer: Answer, project: int = 1, text: str = "sun at last") -> list[list[str]]:
    found = known.of(project, {"mood": MOOD}, example(text, key="9"), {"mood": Prediction(answer=answer, score=0.1)})
    return [[word.text for word in reason.words] for reason in found.get("mood", ())]


def test_the_words_are_told_for_the_same_text_and_answer_alone() -> None:
    known = KnownReasons()
    assert told(known, "good") == []
    known.add(1, MOOD, example(), explanation())
    assert told(known, "good") == [["last", "sun"]], "the most important first, however sure it is by now"
    assert told(known, "bad") == told(known, None) == told(known, "good", project=2) == []
    assert told(known, "good", text="sun at first") == []


def test_the_newest_explanation_counts_and_the_oldest_go() -> None:
    known = KnownReasons(2)
    for text in ("a", "b", "c"):
        known.add(1, MOOD, example(text), explanation())
    assert [len(told(known, "good", text=text)) for text in ("a", "b", "c")] == [0, 1, 1]
    known.add(1, MOOD, example("c"), explanation("bad", (0,)))
    assert (told(known, "good", text="c"), told(known, "bad", text="c")) == ([], [["sun"]])


def test_an_answer_that_no_word_carried_has_no_reason() -> None:
    known = KnownReasons()
    known.add(1, MOOD, example(), explanation(marked=()))
    assert told(known, "good") == []
