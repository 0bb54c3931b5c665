"""What the API takes: the models that check bodies and queries, and that its description names."""

# no annotations from __future__ here: pydantic would have to evaluate them, at the start of each process

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, FailFast, Field, StringConstraints, ValidationInfo
from pydantic.json_schema import SkipJsonSchema

from labelwheel.backend.errors import TooLarge
from labelwheel.backend.web.body import ADDRESS, MAX_KEY, NAME, NO_NUL, SECRET
from labelwheel.training.questions import Example

_Text = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=NAME, pattern=NO_NUL)]
_Address = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=ADDRESS, pattern=NO_NUL)]
_Secret = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=SECRET, pattern=NO_NUL)]
_Run = Annotated[str, StringConstraints(strict=True, pattern="^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$")]
_Number = Annotated[int, Field(ge=1 - 2**63, le=2**63 - 1)]


def _as_text(value: object) -> object:
    """Labelling tools call their projects by numbers and by texts; to JSON 5.0 is 5."""
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) >= 2**63:
        return value
    return str(int(value)) if value == int(value) else value


def _digits(value: object) -> int:
    # of bounded length: reading digits takes the longer the more there are
    if not isinstance(value, str) or not re.fullmatch(r"[0-9]{1,10}", value):
        raise ValueError("must be a number, in digits")
    return int(value)


def _decimal(value: object) -> float:
    try:
        if isinstance(value, str) and re.fullmatch(r"[0-9.eE+-]{1,40}", value):
            return float(value)
    except ValueError:
        pass
    raise ValueError("must be a number from 0 to 1, such as 0.25")


def _few(value: object, asked: ValidationInfo) -> object:
    """Counted before any of them is looked at."""
    most = (asked.context or {})["most"]
    if isinstance(value, list) and len(value) > most:
        raise TooLarge(f"{len(value)} examples in one request; ask for at most {most} at a time")
    return value


_Name = Annotated[_Text, BeforeValidator(_as_text, json_schema_input_type=_Number | _Text)]
_Count = Annotated[int, Field(ge=1, le=1000), BeforeValidator(_digits)]
_Wanted = Annotated[str, StringConstraints(max_length=NAME, pattern=NO_NUL)]
_Key = Annotated[int, Field(ge=1, le=MAX_KEY), BeforeValidator(_digits)]
_Sought = Annotated[str, StringConstraints(max_length=NAME, pattern=NO_NUL)]
_Share = Annotated[float, Field(ge=0.0, le=1.0), BeforeValidator(_decimal)]
_After = Annotated[int, Field(ge=0, le=MAX_KEY), BeforeValidator(_digits)]


class Registration(BaseModel):
    """A project to connect. Once more for a known one renews its key and its wiring."""

    tool: _Text = Field(description="the connector's name, as `labelwheel connect` calls it")
    url: _Address = Field(description="where the labelling tool answers: http or https, no user, no query")
    project: _Name = Field(description="the project's number, or its name, in the labelling tool")
    api_key: _Secret = Field(description="for the labelling tool; kept encrypted, and told to nobody")
    service_url: _Address | None = Field(None, description="where the tool reaches labelwheel; left out: as set")
    options: dict[str, Any] | None = Field(None, description="the connector's own")
    share_with: _Name | None = Field(None, description="a project, by number or title, whose champions it shares")


class SendBack(BaseModel):
    """Label errors that the labelling tool is to show."""

    questions: list[_Text] = Field(max_length=100, description="those of these questions, by name; none: no more")


class FlagGiven(BaseModel):
    """The right answer to a question about some texts, as somebody said elsewhere."""

    id: Annotated[str, StringConstraints(strict=True, pattern="^[A-Za-z0-9-]{1,64}$")] = Field(
        description="of this answer alone: it is added once"
    )
    texts: list[Annotated[str, StringConstraints(strict=True, pattern=NO_NUL)]] = Field(
        description="in the order of the fields that the question reads"
    )
    answer: Any = Field(description="as the kind of question has it")


class FlagsGiven(BaseModel):
    """Answers that were given elsewhere."""

    flags: list[FlagGiven] = Field(max_length=100)


class Rollback(BaseModel):
    """Which checkpoint to go back to."""

    version: _Text | None = Field(None, description="the checkpoint's; left out: the champion before this one")


class RoundWanted(BaseModel):
    """What becomes of a round that passes the gate, and for whom it is."""

    hold_minutes: float | None = Field(
        None, gt=0, le=7 * 1440, description="so long it waits for somebody to promote it; left out: promoted at once"
    )
    run: _Run | None = Field(
        None, description="the run of a pipeline that orders it: asked again, it is the same one, unless that failed"
    )

    @property
    def hold(self) -> float | None:
        """In seconds."""
        return None if self.hold_minutes is None else self.hold_minutes * 60


class SearchWanted(RoundWanted):
    """How long a search for better settings may take; what else there is, is for the round that it may order."""

    budget: float = Field(1200.0, ge=30, le=7 * 86400, description="seconds of jobs, rounds in between not counted")
    trials: int | None = Field(
        None, ge=1, le=500, description="at most so many; left out: as many as there is time for"
    )


class ExamplesGiven(BaseModel):
    """Examples to be told something about."""

    examples: Annotated[list[Example], FailFast(), BeforeValidator(_few)] = Field(
        description="at most LABELWHEEL_MAX_EXAMPLES of them"
    )


class SuggestionsWanted(ExamplesGiven):
    """Examples to be given suggestions, by what is served at this moment."""

    version: _Text | None = Field(
        None, description="the generation that is served: by its champions then, without newer heads"
    )


class ExplanationWanted(BaseModel):
    """What is to be explained: an example that is known, fields, or a text. Later ones are left out."""

    key: _Text | None = Field(None, description="of an example of the project, by its key in the labelling tool")
    fields: dict[str, str] | None = Field(None, description="the texts of an example that need not be in any tool")
    text: str | None = Field(None, description="for the first field that the question reads")
    idle: bool = Field(False, description="nobody waits for it: given up (503) once somebody asks for a suggestion")


class AuditQuery(BaseModel):
    """Which lines of the audit log."""

    count: _Count = Field(100, description="of the newest")
    project: _Key | SkipJsonSchema[None] = Field(None, description="of this one alone")


class VersionQuery(BaseModel):
    """Which checkpoint."""

    version: str | SkipJsonSchema[None] = Field(None, description="left out: the champion")


class ExamplesQuery(BaseModel):
    """Which examples; what is empty lets every one through."""

    question: _Sought = Field("", description="left out: the project's first")
    text: _Sought = Field("", description="in its text, in upper case or lower")
    label: _Sought = Field("", description="what somebody said")
    says: _Sought = Field("", description="what was suggested")
    annotator: _Sought = Field("")
    version: _Sought = Field("", description="that suggested something")
    side: Literal["", "train", "held_out", "apart", "blind"] = Field("", description="of the split")
    slice: _Sought = Field("", description="name=value, of a column that a setting names")
    score_from: _Share | SkipJsonSchema[None] = Field(None, description="of what is suggested now, where that is kept")
    score_to: _Share | SkipJsonSchema[None] = Field(None, description="the same, no surer than so")
    after: _After = Field(0, description="`next` of the page before")


class LeastSureQuery(BaseModel):
    """Which part of the order, and whose texts."""

    question: _Sought = Field("", description="left out: the project's first")
    after: _After = Field(0, description="`next` of the page before")


class DecisionsQuery(BaseModel):
    """Which lines of the decision log."""

    question: _Wanted | SkipJsonSchema[None] = Field(None, description="about this one alone")
    kind: _Wanted | SkipJsonSchema[None] = Field(None, description="such as `promoted`")
    before: _Key | SkipJsonSchema[None] = Field(None, description="older than this one, by its number")
