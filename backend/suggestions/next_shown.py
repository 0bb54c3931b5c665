"""What people see next, by the newest heads: pushed where a tool does not ask for suggestions when a task is opened."""

from __future__ import annotations

from labelwheel.backend.database.lease import Hold
from labelwheel.backend.projects.standing import Standing
from labelwheel.backend.suggestions import showing
from labelwheel.backend.suggestions.showing import Suggester
from labelwheel.plugins.capabilities import Foresees
from labelwheel.plugins.connector import Connector

COUNT = 50
"""More than are answered before the next label brings the next heads."""


class NextShown:
    """Keeps the next examples of one project up to date between two backfills."""

    def __init__(self, hold: Hold, project_id: int, suggester: Suggester, blind: float = 0.0) -> None:
        self._hold, self._id, self._suggester, self._blind = hold, project_id, suggester, blind
        self._shown: tuple[str, str] | None = None

    def step(self, connector: Connector, standing: Standing) -> bool:
        """Shows a revision that is new; True where that was due. Raises ToolError."""
        if not isinstance(connector, Foresees):
            return False
        generation, revision = standing.generation, standing.revision
        if generation is None or standing.announced != generation:
            return False
        wanted = generation, revision or generation
        # a generation's own suggestions come by its backfill, unless a revision's are to be taken back
        if wanted == self._shown or (revision is None and (self._shown or ("", ""))[0] != generation):
            return False
        examples = {example.key: example for example in connector.upcoming(COUNT)}
        nothing = showing.withheld(self._hold, self._id, examples.values(), wanted[1], self._blind)
        for one in nothing:
            del examples[one.example.key]
        found = showing.newest(self._suggester, self._id, examples, wanted[1]) if examples else []
        if found is None:
            return False
        showing.show(self._hold, self._id, connector, [*found, *nothing])
        self._shown = wanted
        return True
