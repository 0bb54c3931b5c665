"""A span's score is how often such spans are exactly right."""

from __future__ import annotations

from labelwheel.training.heads.span_sureness import HELD, learn
from labelwheel.training.kinds.sureness import Sureness, fit
from labelwheel.training.questions import Example, Prediction, Question

QUESTION = Question.model_validate(
    {"name": "q", "kind": "spans", "inputs": ["text"], "options": [{"value": "A"}, {"value": "B"}]}
)


def test_right_is_what_people_marked_with_its_edges_and_its_label() -> None:
    """Of twelve texts: white space that people took along does not count, another label or edge does."""
    text = "take Ann home"
    given = Prediction(answer=[{"start": 5, "end": 8, "label": "A"}], score=0.5, item_scores=(0.5,))

    def learnt(start: int, end: int, label: str) -> Sureness:
        examples = [Example(key=str(number), fields={"text": text}) for number in range(12)]
        gold = [{"start": start, "end": end, "label": label}]
        return learn(QUESTION, examples, [gold] * 12, [given] * 12)

    right = fit([0.5] * 12, [True] * 12, HELD)
    assert learnt(5, 8, "A") == learnt(5, 9, "A") == right
    assert learnt(5, 8, "B") == learnt(5, 13, "A") == fit([0.5] * 12, [False] * 12, HELD) != right
