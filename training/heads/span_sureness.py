"""How sure a span is: among spans of a score, the share that is exactly as people draw and name it.

The mean of its words' probabilities says something else: words of a wrong edge are likely ones, and a head that leans
towards spans shows some that are likelier right than their words. So scores are moved and stretched (`kinds.sureness`).

Beside it on spans of btc, wnut17 and ncbi_disease, 50 to 400 texts: isotonic regression, the probability of the whole
path, of the least sure word, and the length as another feature; none is nearer to the truth on other texts. Fine-tuned
checkpoints do not gain (btc and ncbi_disease, four draws: an error of .152 before, .156 after), and have none of it.
"""

from __future__ import annotations

from collections.abc import Sequence

from labelwheel.training.kinds.sureness import Held, Sureness, fit
from labelwheel.training.questions import Answer, Example, Prediction, Question

HELD = Held(slope=20.0, shift=0.5)


def learn(
    question: Question, examples: Sequence[Example], golds: Sequence[Answer], predictions: Sequence[Prediction]
) -> Sureness:
    """From what was answered, not calibrated, to examples that were not learnt from; right is what people marked."""
    scores, right = list[float](), list[bool]()
    for example, gold, one in zip(examples, golds, predictions, strict=True):
        if one.answer:
            wanted = question.comparable(gold, example) or []
            scores += one.item_scores
            right += [span in wanted for span in question.comparable(one.answer, example)]
    return fit(scores, right, HELD)
