"""Shows label errors in the labelling tool, where somebody asked for that, and takes away what was put right."""

from __future__ import annotations

import itertools
import time

from sqlalchemy.orm import Session

from labelwheel.backend.database.lease import Hold
from labelwheel.backend.database.tables import Project
from labelwheel.backend.errors import NotShown
from labelwheel.backend.ledger import blind_share
from labelwheel.backend.projects import projects
from labelwheel.backend.views import label_errors
from labelwheel.plugins.capabilities import Doubts
from labelwheel.plugins.connector import Connector
from labelwheel.plugins.errors import ToolError, ToolUnreachable

EVERY_SECONDS = 10.0
MOST = 200
"""So many are shown, of all questions together: what is put right makes room for others."""


class SentBack:
    """Keeps what the tool of one project shows up to date."""

    def __init__(self, hold: Hold, project_id: int, blind: float = 0.0) -> None:
        self._hold, self._id, self._blind = hold, project_id, blind
        self._again = 0.0

    def step(self, connector: Connector, project: Project) -> bool:
        """Tells the tool where the list is another one than it shows; True where that was due.

        Raises ToolUnreachable, and NotShown where the tool is there and refuses.
        """
        wish = project.sent_back
        if wish is None or not isinstance(connector, Doubts):
            return False
        if wish["keys"] is not None and time.monotonic() < self._again:
            return False
        with self._hold.database.session() as session:
            keys = self._listed(session, wish["questions"])
        self._again = time.monotonic() + EVERY_SECONDS
        if keys == wish["keys"]:
            return False
        try:
            connector.doubt(keys)
        except ToolUnreachable:
            raise
        except ToolError as error:  # one thing that it does not take is no reason to leave it alone
            raise NotShown(f"label errors cannot be shown in the labelling tool: {error}") from error
        with self._hold.transaction() as tx:
            locked = projects.lock(tx, self._id)
            if locked.sent_back == wish:  # else somebody asked for something else meanwhile
                locked.sent_back = {**wish, "keys": keys} if wish["questions"] else None
        return True

    def _listed(self, session: Session, names: list[str]) -> list[str]:
        """The examples with a label error in one of these questions, the most doubtful of each first.

        Blind ones are left out: that one of them is among the rest tells that the model would say something else.
        """
        asked = [row for row in projects.questions(session, self._id) if row.name in names]
        found = [[one["key"] for one in label_errors.read(session, row)["labels"]] for row in asked]
        keys = dict.fromkeys(key for together in itertools.zip_longest(*found) for key in together if key is not None)
        blind = blind_share.known(session, self._id, keys, self._blind)
        return [key for key in keys if key not in blind][:MOST]
