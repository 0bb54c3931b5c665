"""What people see next, by the newest heads: pushed where a tool does not ask for suggestions when a task is opened."""

from __future__ import annotations

from labelwheel.backend.database.lease import Hold
from labelwheel.backend.projects import generations, projects
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

    def step(self, connector: Connector) -> bool:
        """Shows a revision that is new; True where that was due. Raises ToolError."""
        if not isinstance(connector, Foresees):
            return False
        with self._hold.database.session() as session:
            project = projects.get(session, self._id)
            generation, revision = generations.of(session, project), generations.revision(session, project)
        if generation is None or project.announced != generation.name:
            return False
        wanted = generation.name, revision.name if revision else generation.name
        # a generation's own suggestions come by its backfill, unless a revision's are to be taken back
        if wanted == self._shown or (revision is None and (self._shown or ("", ""))[0] != generation.name):
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
