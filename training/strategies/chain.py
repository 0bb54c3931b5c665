"""A chain on several layers of the frozen encoder: for spans, in seconds where fine-tuning takes minutes."""

from __future__ import annotations

import copy
import time
from typing import Any

import numpy as np

from labelwheel.training import batches, encoders, layers
from labelwheel.training.heads import files, span_fit
from labelwheel.training.heads.span_fit import Fitted
from labelwheel.training.heads.span_tokens import token_logs
from labelwheel.training.heads.words import words
from labelwheel.training.kinds.base import Row
from labelwheel.training.model import pad_token
from labelwheel.training.strategies.base import Cost, Finished, Strategy
from labelwheel.training.strategies.from_base import FromBase
from labelwheel.training.strategies.knobs import PULL
from labelwheel.training.strategies.low_rank import LowRank
from labelwheel.training.strategies.materials import Materials
from labelwheel.training.strategies.outcome import Outcome

FIRST = 150
"""Texts, up to which a question that nothing answers yet is not kept waiting for fine-tuning."""


class Chain(Strategy):
    """The head is a CRF on words: their states in three layers, what they look like, and what was marked before.

    It is the head that the fast lane fits between two rounds (`heads.span_head`), which lies beside the model in the
    checkpoint and answers in the place of its last layer. That one has a regression, for whoever reads the model alone.
    """

    name = "chain on the frozen encoder"
    recipe = "chain"
    cost = Cost.SECONDS
    knobs = (PULL,)

    def __init__(self, given: Materials) -> None:
        super().__init__(given)
        self._layered: Any = None
        self._fitted: Fitted | None = None

    def applies(self) -> bool:
        """Where each token is labelled, and the model lets its layers be read."""
        if self.given.problem.kind.row is not Row.TOKEN or not len(self.given.problem):
            return False
        self._layered = layers.behind(encoders.without_head(copy.deepcopy(self.given.base)))
        if self._layered is None:
            self.given.notes.append(f"{self.name}: not tried, the base model keeps its layers to itself")
        return self._layered is not None

    def replaces(self) -> tuple[type[Strategy], ...]:
        """Fine-tuning, while nothing is served and texts are few: the next round has time for it."""
        first = self.given.champion is None and len(self.given.problem) <= FIRST
        return (FromBase, LowRank) if first else ()

    def measure(self) -> Outcome:
        """Out of its own folds, as a head that follows the labels is; on the texts that it can afford to learn from."""
        begin = time.monotonic()
        problem = self.given.problem
        places = span_fit.affordable(problem.question, problem.examples)
        kept, rows = problem.encoded(places), problem.numbered(places)
        read = batches.forward(self._layered, rows, pad_token(self.given.tokenizer))
        self._layered = None
        examples = [problem.rows[place].example for place in places]
        self._fitted = span_fit.fit(
            problem.question,
            examples,
            [problem.rows[place].answer for place in places],
            [row.astype(np.float16) for row in read],  # as they come out of serving
            rows,
            groups=[problem.rows[place].group for place in places],
            pull=self.turned(PULL),
        )
        head, ranges = self._fitted.head, [words(problem.question.text(one)) for one in examples]
        logits = token_logs(rows, ranges, self._fitted.logs, head.tags, problem.id2label)
        detail = f"learnt from {len(places)} texts, {len(head.tags) // 2} labels"
        return Outcome(
            self.name, problem, places, dict(zip(kept, logits, strict=True)), time.monotonic() - begin, detail,
            settled=problem.habits, answers=self._fitted.out_of_fold,
        )  # fmt: skip

    def finish(self) -> Finished:
        """The base model with a regression as its last layer, and the head that answers, as it is read again."""
        given, fitted = self.given, self._fitted
        assert fitted is not None
        module = copy.deepcopy(given.base)
        last = given.frozen.written(given.frozen.fit(range(len(given.problem)), given.setting))
        encoders.write_head(module, last.weight, last.bias)
        manner = fitted.head.manner
        settings = {
            "layers": list(layers.chosen(module.config)), "learnt_from": len(fitted.places),
            "temperature": manner.temperature, "lean": manner.lean, **manner.sureness._asdict(),
        }  # fmt: skip
        return Finished(module, settings, files.load(fitted.head.dump()))
