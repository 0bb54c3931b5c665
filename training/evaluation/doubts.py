"""How doubtful each label is: what models that have not learnt from it say against it.

Confident learning (Northcutt et al. 2021, arXiv 1911.00068) counts how many labels are wrong, and the loss out of fold
puts them in order: by cleanlab for one option, for any number of them, and for the words of spans. Where options lie at
a distance from each other, as ratings do, the loss is what the kind says that one costs where another is right,
expected over what the model says; of plain options that is one minus the probability of the label.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from labelwheel.training.evaluation import out_of_fold
from labelwheel.training.inspection.subject import Subject
from labelwheel.training.kinds import texts
from labelwheel.training.kinds.base import Encoding, Row
from labelwheel.training.kinds.objectives import Sigmoid, Softmax
from labelwheel.training.kinds.scaling import TEMPERATURE
from labelwheel.training.questions import Example, Prediction
from labelwheel.training.strategies import calibration
from labelwheel.training.strategies.problem import Problem

_SURE = 50.0  # a logit that leaves nothing to the others


@dataclass(frozen=True)
class Doubts:
    """`values` in [0, 1] for each of the problem's examples, the higher the likelier is its label wrong.

    `said` is what the model would answer, and `suspected` how many labels are estimated to be wrong. They rest on what
    was `given` and on its `chances` out of fold: option numbers (texts,) or whether options are chosen (texts, options)
    with (texts, options); for spans a sequence of each text's tags (words,) with (words, tags).
    """

    values: np.ndarray
    said: Sequence[Prediction]
    suspected: int
    given: Sequence[np.ndarray] | np.ndarray
    chances: Sequence[np.ndarray] | np.ndarray


def can_doubt(problem: Problem) -> bool:
    """Whether a question's labels can be weighed against others: options and spans can, numbers and orders cannot."""
    objective = problem.objective
    return problem.kind.row is not Row.PAIR and isinstance(objective, Softmax | Sigmoid)


@lru_cache(maxsize=1)
def doubts(subject: Subject) -> Doubts | None:
    """Of all labels; None where they are all alike, or near-duplicates of each other.

    Remembered for the subject: several sections ask.
    """
    problem = replace(subject.problem, hide_below=0.0)
    if not can_doubt(problem) or len({str(answer) for answer in problem.answers}) < 2:
        return None
    if problem.kind.row is Row.TOKEN:
        from labelwheel.training.evaluation import token_doubts

        return token_doubts.doubts(problem, subject.frozen.features)
    logits = out_of_fold.logits(subject.frozen, subject.seed)
    if not logits:
        return None
    places = range(len(problem))
    settings = calibration.fit(problem, places, logits)
    values, targets, _ = problem.stack(places, logits)
    values = values.astype(np.float64) / settings.get(TEMPERATURE, 1.0)
    said = problem.predict(places, logits, settings)
    if isinstance(problem.objective, Softmax):
        chances = np.stack([texts.softmax(row, np.ones(len(row), dtype=bool), 1.0) for row in values])
        numbers = targets.astype(int)
        losses = expected_losses(chances, numbers, costs(problem))
        return Doubts(losses, said, suspected(chances, numbers), numbers, chances)
    chances, chosen = texts.sigmoid(values), targets > 0
    worst = doubts_of_several(chances, chosen)
    return Doubts(worst, said, suspected_of_several(chances, chosen), chosen, chances)


def costs(problem: Problem) -> np.ndarray:
    """The loss of answering each option where each is right, (right, answered)."""
    kind, question, count = problem.kind, problem.question, len(problem.id2label)
    if kind.exclusive:
        return 1.0 - np.eye(count)
    examples = [Example(key=str(number), fields={}) for number in range(count)]
    encodings = [Encoding(number, ()) for number in range(count)]
    said = kind.decode(question, examples, encodings, list(_SURE * np.eye(count)), problem.id2label, {})
    rows = [[kind.score(question, examples[0], right.answer, other).loss for other in said] for right in said]
    return np.asarray(rows)


def expected_losses(chances: np.ndarray, numbers: np.ndarray, losses: np.ndarray) -> np.ndarray:
    """What labels cost by what the model says is right, (rows,); `chances` (rows, classes), `numbers` (rows,).

    `losses` (right, answered) is symmetric for all kinds that there are.
    """
    return np.asarray((chances * losses[:, numbers].T).sum(axis=1))


def suspected(chances: np.ndarray, numbers: np.ndarray) -> int:
    """How many of some labels are wrong by confident learning."""
    from cleanlab.count import num_label_issues

    return int(num_label_issues(numbers, chances))


def doubts_of_several(chances: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """How doubtful the worst decisions about each text are, (rows,); both arguments are (rows, options)."""
    from cleanlab.multilabel_classification.rank import get_label_quality_scores

    return np.asarray(1.0 - get_label_quality_scores(_listed(chosen), chances))


def suspected_of_several(chances: np.ndarray, chosen: np.ndarray) -> int:
    """How many texts have an option that is wrong, or lack one, by confident learning for each option."""
    from cleanlab.multilabel_classification.filter import find_label_issues

    used = chosen.any(axis=0)  # of what nobody ever chose there is nothing to learn
    return int(
        find_label_issues(_listed(chosen[:, used]), chances[:, used], filter_by="confident_learning", n_jobs=1).sum()
    )


def _listed(chosen: np.ndarray) -> list[list[int]]:
    return [np.flatnonzero(row).tolist() for row in chosen]
