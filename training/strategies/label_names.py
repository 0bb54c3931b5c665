"""Label names as text: what a question can be answered from before anybody has labelled anything."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from labelwheel.training import encoders
from labelwheel.training.kinds import kind_of
from labelwheel.training.kinds.base import Encoding, QuestionKind
from labelwheel.training.kinds.choices import LEAD
from labelwheel.training.model import pad_token
from labelwheel.training.questions import Option, Question
from labelwheel.training.strategies.base import Cost, Finished, Strategy
from labelwheel.training.strategies.outcome import Outcome
from labelwheel.training.strategies.regression import Head

SHARPNESS = 16.0
"""Logits are this times the cosine. Measured with MiniLM on four sets of texts: the log loss is least at 12 to 20."""

OUTSTANDING = 0.02
"""By how much of the cosine a name has to be ahead of the next one to be suggested where any number of options may fit.

Measured with MiniLM by `benchmarks.names`: a threshold of the cosine alone suits one set of names and no other (.4
answers 3 % of GoEmotions, and 96 % of banking77 with eight options each); a lead suits all of them.
"""

DISTANT = 0.4
"""The cosine at which a name is as likely as not to fit, where options are decided one by one."""

_PARENTS = 0.5
"""What the steps above weigh beside a taxonomy's last step. On CLINC's 150 intents below its ten domains the best path
is right in .696 of texts, in .666 where all steps are read as one name, in .688 without the steps above."""

_BORDERS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[\s_\-./:›]+")


class LabelNames(Strategy):
    """The head is what the names mean; the regression starts from it, so with labels it is no more than a yardstick."""

    name = "label names alone"
    recipe = "names"
    cost = Cost.SECONDS
    learns = False

    def applies(self) -> bool:
        """Where the options of a question mean something."""
        return self.given.frozen.names is not None

    def measure(self) -> Outcome:
        """On what the others are measured on, though there is nothing that it could have learnt from."""
        frozen, problem = self.given.frozen, self.given.problem
        measured = self.given.layout.measured()
        logits = frozen.logits(frozen.prior(1.0), measured)
        return Outcome(self.name, problem, measured, logits, settled=settled(problem.kind) or None)

    def finish(self) -> Finished:
        """Written into the base model's head; the names themselves go into the manifest."""
        module = copy.deepcopy(self.given.base)
        head = self.given.frozen.prior(1.0)
        encoders.write_head(module, head.weight / self.given.frozen.names_norm, head.bias)
        return Finished(module, {"names": [describe(option) for option in self.given.problem.question.options]})


def words(name: str) -> str:
    """A label as people would say it: `SearchScreeningEvent`, `search_screening-event` → `search screening event`."""
    parts = [part for part in _BORDERS.split(name) if part]
    return " ".join(part if len(part) > 1 and part.isupper() else part.lower() for part in parts)


def describe(option: Option) -> str:
    """What is embedded for an option: its words, and what people are told about it."""
    said = " ".join(filter(None, map(words, option.path)))
    return ", ".join(filter(None, (said or option.value, option.hint.strip())))


def directions(question: Question, model: Any, tokenizer: Any, max_length: int) -> tuple[np.ndarray, float] | None:
    """The same as `placed`, by a model's own features."""
    return placed(question, lambda said: _embedded(said, model, tokenizer, max_length))


def placed(question: Question, embed: Callable[[list[str]], np.ndarray]) -> tuple[np.ndarray, float] | None:
    """Where texts about each option lie: (options, features) of length 1, and how long features are.

    `embed` gives the features of texts, (texts, features). None where the options of a question mean nothing by
    themselves.
    """
    kind = kind_of(question)
    if not kind.named:
        return None
    steps = [kind.steps(option) for option in question.options]
    own = [describe(Option(value=path[-1], hint=each.hint)) for path, each in zip(steps, question.options, strict=True)]
    said = [embed(own)]
    above = [" ".join(map(words, path[:-1])) for path in steps]
    if any(above):
        there = np.array([bool(each) for each in above])
        found = embed([each or "-" for each in above])
        said.append(_PARENTS * there[:, None] * _unit(found))
    norms = np.linalg.norm(said[0], axis=1)
    return _unit(_unit(said[0]) + sum(said[1:])), float(norms.mean())


def settled(kind: QuestionKind) -> dict[str, float]:
    """What a manifest says about the scores of the names alone."""
    return {} if kind.exclusive else {LEAD: SHARPNESS * OUTSTANDING}


def names_head(names: np.ndarray, kind: QuestionKind, share: float = 1.0) -> Head:
    """The head that answers from the names alone, for features of length 1."""
    bias = -SHARPNESS * share * DISTANT if not kind.exclusive else 0.0
    return Head(SHARPNESS * share * names, np.full(len(names), bias))


def _embedded(said: list[str], model: Any, tokenizer: Any, max_length: int) -> np.ndarray:
    rows = tokenizer(said, truncation=True, max_length=max_length, padding=False)["input_ids"]
    encodings = [Encoding(example=index, input_ids=ids) for index, ids in enumerate(rows)]
    return np.stack(encoders.features(model, encodings, pad_token(tokenizer))).astype(np.float64)


def _unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.maximum(np.linalg.norm(rows, axis=1), 1e-12)[:, None]
