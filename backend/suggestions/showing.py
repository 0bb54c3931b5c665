"""Where suggestions come from, and how they get into a labelling tool: noted first, where the tool forgets them."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from labelwheel.backend.database.lease import Hold
from labelwheel.backend.database.tables import now
from labelwheel.backend.ledger import blind_share, impressions
from labelwheel.backend.projects import projects
from labelwheel.plugins.connector import Connector, Suggestion
from labelwheel.plugins.errors import ToolError
from labelwheel.training.errors import LabelwheelError
from labelwheel.training.questions import Answer, Example, Prediction, Question

log = logging.getLogger(__name__)


class Suggester(Protocol):
    """Where suggestions come from: the web process's API."""

    def suggest(self, number: int, examples: list[dict[str, Any]], version: str | None = None) -> dict[str, Any]:
        """`{"version", "suggestions": [{"key", "predictions": {question: prediction}}]}`; raises LabelwheelError.

        With the name of a generation by its champions, else by the newest heads that there are.
        """

    def explain(self, number: int, question: str, key: str | None = None, *, idle: bool = False) -> dict[str, Any]:
        """Why a question is answered as it is for an example, as the API has it; raises LabelwheelError."""


def newest(
    suggester: Suggester, project_id: int, examples: Mapping[str, Example], version: str
) -> list[Suggestion] | None:
    """What the newest heads say; None where nobody answers, or other heads than `version`: not yet, or no longer."""
    found = answers(suggester, project_id, examples)
    return found if found is not None and all(one.version == version for one in found) else None


def answers(suggester: Suggester, project_id: int, examples: Mapping[str, Example]) -> list[Suggestion] | None:
    """What is suggested at this moment, by the newest heads; None where nobody answers."""
    try:
        answer = suggester.suggest(project_id, [example.model_dump(mode="json") for example in examples.values()])
    except LabelwheelError as error:
        log.debug("project %s: nobody answers what is suggested: %s", project_id, error)
        return None
    return suggestions(answer, examples)


def suggestions(answer: Mapping[str, Any], examples: Mapping[str, Example]) -> list[Suggestion]:
    """What a suggester has answered about examples, by key."""
    return [
        Suggestion(
            example=examples[item["key"]],
            version=answer["version"],
            predictions={name: Prediction.model_validate(value) for name, value in item["predictions"].items()},
        )
        for item in answer["suggestions"]
    ]


def withheld(hold: Hold, project_id: int, examples: Iterable[Example], version: str, share: float) -> list[Suggestion]:
    """The blind ones of some examples, with nothing to show: no model is asked about them."""
    there = {example.key: example for example in examples}
    with hold.database.session() as session:
        blind = blind_share.among(session.connection(), project_id, there.values(), share)
        nothing = {row.name: Prediction() for row in projects.questions(session, project_id)} if blind else {}
    return [Suggestion(example=there[key], version=version, predictions=nothing, blind=True) for key in sorted(blind)]


def show(hold: Hold, project_id: int, connector: Connector, found: Sequence[Suggestion]) -> int:
    """Shows suggestions of one version, and nothing of blind examples; returns how many the tool took.

    Raises ToolError.
    """
    if not found:
        return 0
    # before it is shown: what people answer to it may come in the next moment
    answers = {one.example.key: connector.shows(one) for one in found if not one.blind}
    nothing: dict[str, dict[str, Answer]] = {one.example.key: {} for one in found if one.blind}
    scores = {one.example.key: _scores(one, answers[one.example.key]) for one in found if not one.blind}
    moment = now()
    with hold.transaction() as tx:
        impressions.note(tx, project_id, found[0].version, answers, moment, scores)
        impressions.note(tx, project_id, impressions.NONE, nothing, moment)
    with hold.database.session() as session:
        asked = [Question.model_validate(row.spec) for row in projects.questions(session, project_id)]
    try:
        return connector.push(found, asked)
    except ToolError:
        # whoever labels until it is shown after all has not seen it
        with hold.transaction() as tx:
            impressions.withdraw(tx, project_id, found[0].version, answers, moment)
        raise


def _scores(suggestion: Suggestion, shown: Iterable[str]) -> dict[str, float]:
    """How sure the model was, of the questions that something is shown for."""
    said = suggestion.predictions
    return {name: round(said[name].score, 6) for name in shown if name in said}
