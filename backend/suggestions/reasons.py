"""Which words carried what people see next, found out while nothing else is to be done, and shown beside it.

The web process explains, which holds the model: one example at a time, behind everybody who waits for suggestions. It
remembers what it found for tools that ask when a task is opened; all others are told here.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from datetime import timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from labelwheel.backend.database.lease import Hold
from labelwheel.backend.database.tables import ExampleRow, Project, now
from labelwheel.backend.ledger.open_examples import are_open
from labelwheel.backend.projects import generations, projects
from labelwheel.backend.rounds import inspections
from labelwheel.backend.suggestions import showing
from labelwheel.backend.suggestions.showing import Suggester
from labelwheel.plugins.capabilities import Explains
from labelwheel.plugins.connector import Connector, Suggestion
from labelwheel.plugins.reasons import Reason, Word, given
from labelwheel.training.errors import LabelwheelError
from labelwheel.training.questions import Answer, Example, Prediction

log = logging.getLogger(__name__)

AHEAD = 10
"""So many of the examples that come next are explained, in each of the orders that people may take."""

EVERY_SECONDS, QUIET, PAUSE_SECONDS = 1.0, timedelta(seconds=2), 2.0
"""The pause comes after an explanation that was given up or refused, for somebody asks: a shorter one than the gaps
between two tasks of a person, so that it does not miss them."""

Answers = Mapping[str, Answer]


class Reasons:
    """Explains what comes next in one project. `order` has the keys of the examples that are first in our order."""

    def __init__(
        self,
        hold: Hold,
        project_id: int,
        suggester: Suggester,
        order: Callable[[], Sequence[str]],
        blind: float = 0.0,
    ) -> None:
        self._hold, self._id, self._suggester, self._order, self._blind = hold, project_id, suggester, order, blind
        self._asked: Future[Suggestion | None] | None = None
        self._known: dict[str, Answers] = {}
        self._settled: tuple[str | None, tuple[Example, ...]] | None = None
        self._again = 0.0

    def step(self, connector: Connector) -> bool:
        """Asks about the next example, or shows what came of the last; True where that was due. Raises ToolError."""
        if not isinstance(connector, Explains):
            return False
        if self._asked is not None:
            if not self._asked.done():
                return False
            asked, self._asked = self._asked, None
            if (found := asked.result()) is not None:
                connector.explain(found)
            return True
        if time.monotonic() < self._again:
            return False
        self._again = time.monotonic() + EVERY_SECONDS
        with self._hold.database.session() as session:
            version = self._idle(session)
            examples = self._next(session) if version else {}
        if (looked := (version, tuple(examples.values()))) == self._settled or not examples:
            return False
        for one in showing.withheld(self._hold, self._id, examples.values(), "", self._blind):
            del examples[one.example.key]
        shown = showing.answers(self._suggester, self._id, examples) or [] if examples else []
        for one in shown:
            said = {name: each.answer for name, each in one.predictions.items() if each.answer not in (None, [])}
            if said and self._known.get(one.example.key) != said:
                self._asked = Future()
                # a daemon: a worker that is to end does not wait for the answer
                asking = threading.Thread(target=self._ask, args=(self._asked, one.example, said), daemon=True)
                asking.start()
                return True
        if all(one.version == version for one in shown) and len(shown) == len(examples):
            self._settled = looked  # until something else comes next, or newer heads answer
        return False

    def _idle(self, session: Session) -> str | None:
        """The version that is served, where nothing else is to be done; else None."""
        project = projects.get(session, self._id)
        generation, revision = generations.of(session, project), generations.revision(session, project)
        if generation is None or project.announced != generation.name or _labelling(project):
            return None
        return None if inspections.round_active(session) else (revision or generation).name

    def _next(self, session: Session) -> dict[str, Example]:
        """The first of our order and the first that were added, as far as nobody has labelled them."""
        ours = select(ExampleRow).where(*are_open(self._id), ExampleRow.key.in_(self._order()[:AHEAD]))
        added = select(ExampleRow).where(*are_open(self._id)).order_by(ExampleRow.id).limit(AHEAD)
        rows = [*session.scalars(ours), *session.scalars(added)]
        self._known = {key: said for key, said in self._known.items() if key in {row.key for row in rows}}
        return {row.key: Example(key=row.key, fields=row.fields) for row in rows}

    def _ask(self, asked: Future[Suggestion | None], example: Example, said: Answers) -> None:
        try:
            asked.set_result(self._explain(example, said))
        except Exception as error:  # raised where the result is looked at
            asked.set_exception(error)

    def _explain(self, example: Example, said: Answers) -> Suggestion | None:
        """What carried each answer; None where that cannot be had now, or something else is answered by now."""
        try:
            found = {name: self._suggester.explain(self._id, name, example.key, idle=True) for name in said}
        except LabelwheelError as error:
            log.debug("project %s: nobody explains what comes next: %s", self._id, error)
            self._again = time.monotonic() + PAUSE_SECONDS
            return None
        self._known[example.key] = said
        versions = {body["version"] for body in found.values()}
        if len(versions) > 1:
            return None
        return Suggestion(
            example=example,
            version=versions.pop(),
            predictions={name: Prediction.model_validate(body["prediction"]) for name, body in found.items()},
            reasons={name: reasons for name, body in found.items() if (reasons := _reasons(body))},
        )


def _labelling(project: Project) -> bool:
    """Whether somebody labels at this moment: what they see next comes before why."""
    return project.hinted_at is not None and now() - QUIET < project.hinted_at


def _reasons(body: Mapping[str, Any]) -> tuple[Reason, ...]:
    words = [Word(**word) for word in body["words"]]
    return tuple(
        reason for one in body["carried"] for reason in given(one["item"], [words[place] for place in one["marked"]])
    )
