"""How sure an answer in people's own words is: that nothing has to be changed, and how much has to be."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from labelwheel.training.errors import InvalidAnswer
from labelwheel.training.kinds.free_text import UNAIDED, joined
from labelwheel.training.kinds.texts import sigmoid
from labelwheel.training.questions import Example, Prediction, Question


@dataclass(frozen=True, eq=False)
class Sureness:
    """`exact` (features,) gives the log-odds that nothing has to be changed, `edits` the share that has to be.

    What they are read from says how an answer came about, and has a constant at its end.
    """

    exact: np.ndarray
    edits: np.ndarray

    @classmethod
    def unknown(cls, features: int) -> Sureness:
        """Before anything was measured: as likely as not, and all of it to be changed."""
        return cls(np.zeros(features), np.eye(features)[-1])

    def prediction(self, question: Question, example: Example, row: np.ndarray, texts: Sequence[str]) -> Prediction:
        """Nothing where more would have to be changed than it helps, or where the question does not take it."""
        if float(row @ self.edits) >= UNAIDED:
            return Prediction()
        try:
            answer = question.check(joined(question, texts), example)
        except InvalidAnswer:
            return Prediction()
        score = float(sigmoid(row @ self.exact))
        return Prediction(
            answer=answer, score=score, item_scores=(score,) * len(answer) if isinstance(answer, list) else ()
        )


def fit(rows: np.ndarray, changed: np.ndarray) -> Sureness:
    """From (examples, features) and the share of each answer that had to be changed."""
    from sklearn.linear_model import LogisticRegression, Ridge

    exact = changed == 0
    edits = Ridge(alpha=1.0).fit(rows[:, :-1], changed)
    share = (exact.sum() + 1) / (len(exact) + 2)
    odds = [0.0] * (rows.shape[1] - 1) + [float(np.log(share / (1 - share)))]
    if exact.any() and not exact.all():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a few texts need not converge
            regression = LogisticRegression().fit(rows[:, :-1], exact)
        odds = [*regression.coef_[0], regression.intercept_[0]]
    return Sureness(np.array(odds), np.append(edits.coef_, edits.intercept_))
