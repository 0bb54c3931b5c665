"""What the API gives: the models that its answers are made with, and that its description names."""

# no annotations from __future__ here: pydantic would have to evaluate them, at the start of each process

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any, TypeVar

from flask import Response, jsonify
from pydantic import BaseModel, ConfigDict, PlainSerializer, WithJsonSchema

from labelwheel.backend.database.tables import ProjectState
from labelwheel.training.questions import Prediction, Question

_Body = TypeVar("_Body", bound="Body")
Time = Annotated[
    datetime,
    PlainSerializer(datetime.isoformat, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}, mode="serialization"),
]


def one_of(values: Iterable[str]) -> WithJsonSchema:
    """Described as one of these; a row of another release is answered all the same."""
    return WithJsonSchema({"type": "string", "enum": [str(each) for each in values]})


class Body(BaseModel):
    """An answer."""

    model_config = ConfigDict(extra="forbid")

    @classmethod
    def of(cls: type[_Body], row: Any, **more: Any) -> _Body:
        """Made from a row of the database, and from what it does not know."""
        return cls(**{name: getattr(row, name) for name in cls.model_fields if name not in more}, **more)

    def answer(self) -> Response:
        return jsonify(self.model_dump(mode="json"))


class ProjectBody(Body):
    """A connected project; never its key."""

    id: int
    tool: str
    url: str
    external_id: str
    title: str
    reference: str | None
    state: Annotated[str, one_of(ProjectState)]
    step: str
    problem: str | None
    service_url: str
    rewiring: dict[str, Any] | None


class ProjectWithQuestions(ProjectBody):
    """A connected project, and the questions that it asks now."""

    questions: list[str]


class Withdrawn(Body):
    """Whether nothing is left of a connect that failed."""

    withdrawn: bool


class Noted(Body):
    """A job's report was taken."""

    ok: bool


class CheckpointBody(Body):
    """What a round trained."""

    version: str
    recipe: str
    label_count: int
    metric: str
    score: float | None
    low: float | None
    high: float | None
    broken: str | None
    champion: bool
    created_at: Time


class Checkpoints(Body):
    """A question's checkpoints, the newest first."""

    checkpoints: list[CheckpointBody]


class SuggestionBody(Body):
    """What the model says about one example, by question."""

    key: str
    predictions: dict[str, Prediction]


class Suggestions(Body):
    """One suggestion for each example, in their order, all of one generation."""

    version: str
    suggestions: list[SuggestionBody]


class WordBody(Body):
    """A word of a field, as code points."""

    field: str
    start: int
    end: int
    text: str


class CarriedBody(Body):
    """One item of the answer (a label of several, a span; else the answer), and what carried it.

    `weights` has for each word what the item's score loses without it; `marked` are the places of few words, the most
    important first, without which together it is gone, or as little of it left as without any others. `rest` is its
    score without all of these; 0 where it is gone.
    """

    item: Any
    weights: list[float]
    marked: list[int]
    rest: float


class NeighbourBody(Body):
    """A labelled example that is near, with its label, and the cosine of both examples' features."""

    key: str
    fields: dict[str, str]
    label: Any
    likeness: float


class InfluenceBody(Body):
    """A label that moved an item of the answer, with its part of all that moved it; below 0 it speaks against it."""

    item: str
    key: str
    fields: dict[str, str]
    label: Any
    share: float


class ExplanationBody(Body):
    """An answer, what carried it, and what is labelled near it. `compared` is how many labels were looked through.

    `moved` are the labels that moved it most, by a regression on the model's features; `unmoved` is why there are none.
    """

    version: str
    question: Question
    fields: dict[str, str]
    prediction: Prediction
    words: list[WordBody]
    carried: list[CarriedBody]
    nearest: list[NeighbourBody]
    compared: int
    moved: list[InfluenceBody]
    unmoved: str | None


class AuditLineBody(Body):
    """Who did what, or tried to."""

    id: int
    role: str
    peer: str
    project_id: int | None
    action: str
    status: int | None
    at: Time


class AuditLines(Body):
    """The newest lines of the audit log first."""

    lines: list[AuditLineBody]


class ReportBody(Body):
    """What a round measured, and what an inspection found since then; null where there was none yet.

    `tuning` has the searches for better settings of the question, and the trials of the latest.
    """

    version: str
    report: dict[str, Any]
    inspection: dict[str, Any] | None
    tuning: dict[str, Any]


class GivenLabel(Body):
    """What somebody answered."""

    annotator: str
    label: Any


class NearLabel(Body):
    """A labelled example that is like another one; `cosine` says how much."""

    key: str
    text: str
    label: Any
    cosine: float


class LabelError(Body):
    """A label that is probably wrong.

    `suggestion` is what models that have not learnt from it would say, with `probability`; `score` in [0, 1] is how
    doubtful the label is. `labelled` and `would_say` are both on a line, with the words of spans.
    """

    key: str
    text: str
    label: Any
    suggestion: Any
    labelled: str
    would_say: str
    probability: float
    score: float
    annotators: list[GivenLabel]
    nearest: list[NearLabel]


class LabelErrors(Body):
    """What the latest inspection found, of `version`, without the labels that were `changed` since.

    `suspected` of the labels it `looked_at` are estimated to be wrong. Where there are none, `reason` may say why.
    `sent_back` says whether the labelling tool is to show them.
    """

    version: str | None
    reason: str | None
    looked_at: int
    suspected: int
    changed: int
    sent_back: bool
    labels: list[LabelError]


class SentBackBody(Body):
    """Whose label errors the labelling tool is to show."""

    questions: list[str]


class OpenAPI(Body):
    """This description."""

    model_config = ConfigDict(extra="allow")

    openapi: str
    info: dict[str, Any]
    paths: dict[str, Any]
    components: dict[str, Any]
