"""What goes into a training job and what comes out of it: the only things that a launcher has to carry."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import Field

from labelwheel.training.foreign.model import ForeignModel
from labelwheel.training.language.endpoint import LanguageModel
from labelwheel.training.questions import Answer, Example, Frozen, Question


class Part(StrEnum):
    """Which side of the split an example is on, for life."""

    TRAIN = "train"
    HELD_OUT = "held_out"
    APART = "apart"  # near to examples of both sides: it can neither train nor be measured on


class Recipe(StrEnum):
    """How far a job goes."""

    NAMES = "names"  # from the label names alone: no labels needed, nothing trained
    AUTO = "auto"  # every strategy that the labels allow; the best on held-apart folds is proposed


class LabelledExample(Frozen):
    """A row of a job's data file (JSON lines): an example with the answer that people agreed on.

    `fresh` tells that the label is newer than the champion, so that the champion cannot have learnt from it, `blind`
    that nobody who gave it could see a suggestion.
    """

    example: Example
    answer: Answer
    part: Part
    group: str
    fresh: bool = True
    blind: bool = False
    slices: dict[str, str] = Field(default_factory=dict)

    @property
    def unlearnt(self) -> bool:
        """Whether a champion cannot have learnt the label: it is newer, or held out for life."""
        return self.fresh or self.part is Part.HELD_OUT


class NamedSlice(Frozen):
    """A part of the examples that people name: those with this value of a column, or of what every text has."""

    name: str
    value: str

    def __str__(self) -> str:
        return f"{self.name}={self.value}"


class Serving(Frozen):
    """How long a single text may take where checkpoints are served, in milliseconds, and what computes it there.

    `card` tells that a GPU does, `graph` that a CPU reads the ONNX graph of a checkpoint that has one.
    """

    max_ms: float = Field(gt=0)
    card: bool = False
    graph: bool = True


class Tuned(Frozen):
    """How a question is learnt in place of the defaults: what a search has found, and the gate let pass.

    `knobs` are of the strategy, by name, each times what is usual (`strategies.knobs`). `base_model` is a hub name or a
    folder, None the one that is set; `depth` is the share of its layers that are used, from the first on. By `pooling`
    a text is read from its `first` token in place of what is usual for the model.
    """

    strategy: str
    knobs: dict[str, float] = Field(default_factory=dict)
    base_model: str | None = None
    depth: float = Field(default=1.0, gt=0, le=1)
    pooling: Literal["usual", "first"] = "usual"

    def __str__(self) -> str:
        base = [f"from {self.base_model}"] if self.base_model else []
        depth = [f"{self.depth:.0%} of the layers"] if self.depth < 1 else []
        pooling = [f"read by the {self.pooling} token"] if self.pooling != "usual" else []
        knobs = [f"{name} × {value:.2g}" for name, value in self.knobs.items()]
        return ", ".join([self.strategy, *base, *depth, *pooling, *knobs])


class Fidelity(Frozen):
    """How closely a job measures settings in place of leaving a checkpoint: with so much of all that there is.

    `labels` is a share of the training side, always the same ones first for one `draw`; `effort` is a share of the
    epochs or steps, `depth` of the layers, of strategies that train the encoder.
    """

    labels: float = Field(default=1.0, gt=0, le=1)
    effort: float = Field(default=1.0, gt=0, le=1)
    depth: float = Field(default=1.0, gt=0, le=1)
    draw: int = 0


class JobSpec(Frozen):
    """One training run. `data`, `unlabelled`, `output`, `champion` and `failure` are absolute paths, or fsspec URLs.

    `unlabelled` has examples of the project that nobody has labelled, none of them held out or set apart (JSON lines).
    `output` must not exist yet and appears whole or not at all. `failure` is where a job of several says why this one
    failed; beside the specification if None.
    """

    version: str
    question: Question
    data: str
    unlabelled: str | None = None
    output: str
    failure: str | None = None
    recipe: Recipe = Recipe.AUTO
    champion: str | None = None
    base_model: str | None = None  # a hub name or a folder; None is the embedded default
    seed: int = 13
    max_length: int = 256
    max_minutes: float = 30.0
    device: str | None = None  # "cpu", "cuda", "cuda:1"; None takes a GPU where there is one
    threads: int | None = None
    hide_below: float = 0.0  # what has a lower score is not shown, so it is not measured either
    shares_card: bool = False  # serving computes on the same GPU: the job leaves it memory, and turns
    fine_tuning: bool = True  # encoders are trained, too; if not, only where nothing else can learn the question
    followed: bool = False  # fast heads follow the labels on the champion: the challenger has to beat those too
    artefact: bool = True  # whether the checkpoint gets an ONNX graph for serving on a CPU
    compared: bool = True  # whether it is said which other engines answer alike, of those that are installed
    slices: tuple[NamedSlice, ...] = ()  # those that no challenger may leave behind: the report says how they did
    serving: Serving | None = None  # the limit that what is served has to keep; None is none
    tuned: Tuned | None = None  # what a search has found, or is to be measured; None: the defaults
    trial: Fidelity | None = None  # how closely to measure, where no checkpoint is wanted but figures out of fold
    foreign: tuple[ForeignModel, ...] = ()  # models of the operator's that are tried as strategies
    zero_shot: str = ""  # one that says which option fits, unlearnt: a hub name or a folder
    text_model: str = ""  # one that writes answers in people's own words: a hub name or a folder
    language: LanguageModel | None = None  # one that is asked over HTTP, and who pays


class Unit(Frozen):
    """What one model got right and wrong on one example, added up over a class: enough for every metric we gate on."""

    true_positives: float = 0
    false_positives: float = 0
    false_negatives: float = 0


class Pair(Frozen):
    """One example that neither model has learnt from, with what each of them made of it, by class.

    `loss` is in [0, 1]: 1 - the example's own score (wrong or not; 1 - F1 of its spans; a rating's or number's
    distance over the range), so that a paired bootstrap works for every kind of question. `constant_loss` is that of
    the one answer that suits most of what was learnt, where there is no champion and one answer can suit all. `slices`
    has the value of each slice that the example is in (`evaluation.slices`).
    """

    key: str
    group: str
    held_out: bool
    champion_loss: float | None
    challenger_loss: float
    constant_loss: float | None = None
    champion: dict[str, Unit] = Field(default_factory=dict)
    challenger: dict[str, Unit] = Field(default_factory=dict)
    slices: dict[str, str] = Field(default_factory=dict)


class JobResult(Frozen):
    """What a job hands over, as `result.json` in its output folder beside checkpoint, manifest and report.

    `pairs` are of the held-out part, and of all training examples that the champion has not learnt from, the
    challenger's side of those by cross-validation (`cross_validated` tells that there are some). `followed` tells that
    a fast head on the champion was measured too, `by_head` that it was better and the champion's side is its,
    `unrivalled` that there is no champion and its side is what no suggestion costs. `saves` says what the champion
    costs for each suggestion where the challenger costs nothing.
    """

    version: str
    metric: str
    pairs: list[Pair]
    cross_validated: bool
    followed: bool = False
    by_head: bool = False
    unrivalled: bool = False
    saves: str | None = None
    report: dict[str, object]
