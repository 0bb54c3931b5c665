"""What a kind of question says about itself: its answers, how they agree, and how they are learnt and measured.

The rounds around it are the same for all. Serving uses `encode` and `decode` as training does, so that what was
measured is what is served; any engine that turns encodings into logits (torch, ONNX Runtime) fits between the two.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, ClassVar, NamedTuple

import numpy as np

from labelwheel.training.kinds.coding import Coding
from labelwheel.training.kinds.objectives import Objective
from labelwheel.training.kinds.prompting import Prompting
from labelwheel.training.kinds.schedules import Schedule
from labelwheel.training.questions import Answer, Example, Option, Prediction, Question
from labelwheel.training.spec import Unit


@dataclass(frozen=True, slots=True)
class Encoding:
    """One row for the model: the tokens of one text, or of one window of a long text.

    `example` is the index of the example in the list that was encoded; `side` is 0, or 1 for the right text of a
    comparison; `offsets` are the tokens' code-point ranges in the text, (0, 0) for special ones (of tokens only).
    """

    example: int
    input_ids: Sequence[int]
    side: int = 0
    offsets: Sequence[tuple[int, int]] | None = None


@dataclass(frozen=True, slots=True)
class Score:
    """How good one prediction is: `loss` in [0, 1] and the hits and misses by class (see `training.spec.Pair`)."""

    loss: float
    units: Mapping[str, Unit] = field(default_factory=dict)


class Costs(NamedTuple):
    """What people have to do, in clicks and drags, where a suggestion is wrong, missing, or right."""

    wrong: float
    missing: float
    accepted: float = 0.0


class Row(Enum):
    """What a head answers for: a text, each of its tokens, or a pair of texts as the difference of both."""

    TEXT = "text"
    TOKEN = "token"  # noqa: S105
    PAIR = "pair"


def label_config(labels: Sequence[str]) -> dict[str, Any]:
    """The part of a transformers config that names a model's outputs."""
    return {
        "num_labels": len(labels),
        "id2label": dict(enumerate(labels)),
        "label2id": {label: index for index, label in enumerate(labels)},
    }


class QuestionKind(Coding, Prompting, ABC):
    """One kind of question, stateless. A subclass sets what differs from the usual and is registered by its name."""

    name: ClassVar[str]
    """As `Question.kind` has it, in every database and checkpoint: it is never changed."""

    # What is asked

    row: ClassVar[Row] = Row.TEXT

    fields: ClassVar[int | None] = None
    """How many of an example's fields it reads; None is any number, joined to one text."""

    needs_options: ClassVar[bool] = True

    named: ClassVar[bool] = False
    """Whether the names of its options mean something, so that they can answer it before the first label."""

    exclusive: ClassVar[bool] = False
    """Whether exactly one option is right, so that options are weighed against each other and one is always named."""

    needs_text: ClassVar[bool] = False
    """Whether two answers can only be compared beside the text that they are about; see `comparable`."""

    hides: ClassVar[bool] = False
    """Whether parts of an answer are hidden that the model is not sure of; see `shown`."""

    costs: ClassVar[Costs] = Costs(wrong=1, missing=1)
    """As labelling tools have it: another option takes the one click that none takes, too."""

    # How it is learnt

    auto_class: ClassVar[str]
    """The transformers class that its checkpoints load with, such as `AutoModelForSequenceClassification`."""

    metric: ClassVar[str]
    """The name of the metric that `headline` computes, such as `accuracy` or `span_f1`."""

    least_labels: ClassVar[int] = 1
    """From how many labels on there is something to learn."""

    light: ClassVar[int] = 400
    """Up to so many training examples each strategy can learn several times; with more, one part is measured."""

    nests: ClassVar[bool] = True
    """Whether the regression's strength is found anew inside each part that is measured."""

    penalties: ClassVar[tuple[float, ...] | None] = None
    """How strongly a regression may be held back; None is the usual range."""

    searched_by_loss: ClassVar[bool] = False
    """Whether settings are compared by the objective alone; usually the losses of the answers decide."""

    held_to_names: ClassVar[bool] = False
    """Whether few labels are held to the names by a fixed rule; see `strategies.shrinkage`."""

    told_by_labels: ClassVar[bool] = False
    """Whether a logistic regression says of an answer which labels moved it: whole texts, options by their names."""

    standardised: ClassVar[bool] = False
    """Whether targets are brought to mean 0 and deviation 1 before they are learnt."""

    tolerance: ClassVar[float] = 0.0
    """Up to which loss against each other two answers count as the same."""

    @property
    def sides(self) -> int:
        """How many texts of an example the model reads, one by one."""
        return 2 if self.row is Row.PAIR else 1

    def check_question(self, question: Question) -> None:
        """Raises ValueError where a question cannot be asked so."""
        if not question.inputs or (self.fields and len(question.inputs) != self.fields):
            raise ValueError(f"question {question.name!r}: {self.name} reads {self.fields or 'at least one'} field(s)")
        if self.needs_options and not question.options:
            raise ValueError(f"question {question.name!r}: {self.name} needs options")

    def values(self, question: Question) -> tuple[str, ...]:
        """What a classifier tells apart: the options' values."""
        return tuple(option.value for option in question.options)

    def steps(self, option: Option) -> list[str]:
        """What an option is called below what, the top first: its value alone unless options are a tree."""
        return [option.value]

    @abstractmethod
    def check(self, question: Question, answer: Answer, example: Example) -> Answer:
        """The answer in its canonical form; raises InvalidAnswer where it does not fit question or text."""

    def comparable(self, question: Question, answer: Answer, example: Example) -> Answer:
        """An answer that fits, as it is learnt from and compared with others."""
        return answer

    def moved(self, answer: Answer, move: Callable[[int, int], tuple[int, int]]) -> Answer:
        """An answer after its text was edited; `move` says where a range of the old text is in the new one."""
        return answer

    def marked(self, answer: Answer) -> list[tuple[int, int, str]]:
        """The ranges of the text that an answer names, with their labels."""
        return []

    @abstractmethod
    def agree(self, answers: Sequence[Answer]) -> Answer:
        """What several people agree on who did not all say the same; the latest answer of each, oldest first."""

    def alternatives(self, question: Question, example: Example, answer: Answer) -> Iterator[Answer]:
        """Other answers that somebody could have given instead, the nearest first; canonical, none of them twice."""
        return iter(value for value in self.values(question) if value != answer)

    def labels(self, question: Question, answer: Answer) -> list[str]:
        """The classes that an answer names, one entry for each item."""
        return [str(answer)]

    def strata(self, answers: Sequence[Answer]) -> list[str]:
        """A word for each answer, the same for answers that should be spread evenly over folds."""
        return [str(answer) for answer in answers]

    def is_filled(self, answer: Answer) -> bool:
        """Whether there is something to learn from in an answer by itself."""
        return True

    def is_varied(self, different: int, filled: bool) -> bool:
        """Whether there is anything to tell apart among so many different answers, of which some are filled or none."""
        return different > 1

    @abstractmethod
    def feature(self, question: Question) -> Any:
        """The type of its answers in a dataset of the `datasets` library."""

    def from_config(self, config: Mapping[str, Any], field: str) -> Question | None:
        """The question that a plain transformers model answers, if it is of this kind; `config` is its config.json."""
        return None

    @abstractmethod
    def objective(self) -> Objective:
        """What is minimised."""

    @abstractmethod
    def schedule(self, examples: int) -> Schedule:
        """How an encoder is fine-tuned on so many examples, where there is time enough."""

    @abstractmethod
    def config(self, question: Question) -> dict[str, Any]:
        """What goes into the model's config: num_labels, id2label, label2id, problem_type."""

    @abstractmethod
    def encode(
        self, question: Question, examples: Sequence[Example], tokenizer: Any, max_length: int
    ) -> list[Encoding]:
        """Rows for the model, in the order of the examples; an example without text gives none."""

    @abstractmethod
    def targets(
        self,
        question: Question,
        examples: Sequence[Example],
        answers: Sequence[Answer],
        encodings: Sequence[Encoding],
        id2label: Mapping[int, str],
    ) -> list[np.ndarray]:
        """What to train on, for each encoding: what the objective takes for a row, or (tokens,) of them."""

    def habits(self, question: Question, examples: Sequence[Example], answers: Sequence[Answer]) -> dict[str, float]:
        """How people answer here, for the checkpoint's calibration; empty where there is nothing to know."""
        return {}

    def unlearnable(
        self, question: Question, examples: Sequence[Example], answers: Sequence[Answer], tokenizer: Any,
        max_length: int,
    ) -> str | None:  # fmt: skip
        """A sentence for the report about what the model cannot express of these answers; None where it can all."""
        return None

    @abstractmethod
    def calibrate(self, values: np.ndarray, targets: np.ndarray, scale: float) -> dict[str, float]:
        """What makes scores true, from logits (rows, …) of examples that the model has not learnt from.

        They and their targets are standardised; `scale` is what one unit of them is.
        """

    @abstractmethod
    def decode(
        self,
        question: Question,
        examples: Sequence[Example],
        encodings: Sequence[Encoding],
        logits: Sequence[np.ndarray],
        id2label: Mapping[int, str],
        calibration: Mapping[str, float],
    ) -> list[Prediction]:
        """One prediction per example, in order. Labels that the question no longer has are never predicted.

        `logits[i]` belongs to `encodings[i]`: (labels,) for a text, (tokens, labels) for tokens, float32.
        `calibration` comes from the checkpoint's manifest (such as a temperature); empty means none.
        """

    def shown(self, prediction: Prediction, least: float) -> Prediction:
        """What is shown of a prediction: nothing below a score of `least`; see `hides`."""
        return prediction if prediction.answer is None or prediction.score >= least else Prediction()

    def shown_from(self, costs: Costs | None = None) -> float:
        """The least score with which a suggestion costs people no more than none does.

        Somebody has to answer in any case, so that none costs `missing` whatever is right.
        """
        wrong, missing, accepted = costs or self.costs
        return min(max((wrong - missing) / (wrong - accepted), 0.0), 1.0) if wrong > accepted else 0.0

    # How it is measured

    def held(self, question: Question, item: Answer, prediction: Prediction) -> float:
        """Its score where a prediction still says an item of another one; else from -1 to 0, the surer the less."""
        return prediction.score if prediction.answer == item else -prediction.score

    @abstractmethod
    def score(self, question: Question, example: Example, gold: Answer, prediction: Prediction) -> Score:
        """How good a prediction is against what people answered."""

    @abstractmethod
    def headline(self, scores: Sequence[Score]) -> float:
        """The metric in [0, 1], higher is better, over examples."""

    @abstractmethod
    def summary(self, question: Question, golds: Sequence[Answer], answers: Sequence[Answer]) -> dict[str, float]:
        """The usual metrics, by name, over at least one example; None is an answer that was not given."""

    @abstractmethod
    def confused(self, question: Question, gold: Answer, answer: Answer) -> list[tuple[str, str]]:
        """What was taken for what in one answer: (gold, predicted) classes, `NOTHING` where one side has none."""
