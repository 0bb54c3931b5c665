"""Puts secrets into a project's labelling tool, and ends those that it had before.

New ones are good before the tool gets them, for it calls us while it takes them; the old ones end in the transaction
that notes that it did. A kill in between leaves both good, until the next wiring.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import Any

from pydantic import SecretStr
from sqlalchemy.orm import Session

from labelwheel.backend.database import keyring
from labelwheel.backend.database.lease import Hold
from labelwheel.backend.database.tables import Project, ProjectState
from labelwheel.backend.projects import audit_log, decisions, generations, projects, tool_secrets
from labelwheel.backend.settings import Settings
from labelwheel.plugins.connector import Connector, Purpose, Service
from labelwheel.plugins.errors import ToolError, ToolUnreachable

log = logging.getLogger(__name__)

FIRST_PAUSE, LAST_PAUSE = 15.0, 3600.0


class Wiring:
    """The wiring of one project."""

    def __init__(self, hold: Hold, settings: Settings, project_id: int) -> None:
        self._hold, self._settings, self._id = hold, settings, project_id
        self._made: dict[Purpose, str] = {}
        self._pause, self._again = FIRST_PAUSE, 0.0

    def wire(self, connector: Connector, project: Project, version: str, renew: bool = False) -> Mapping[str, Any]:
        """Wires with secrets of this project's own; the caller then calls `settle`. Raises what the connector does."""
        # the same ones at the next try: a tool that did not answer may have taken them
        self._made = self._made or tool_secrets.make()
        with self._hold.transaction() as tx:
            tool_secrets.keep(tx, self._id, self._made)
        predict, webhook = (SecretStr(self._made[each]) for each in (Purpose.PREDICT, Purpose.WEBHOOK))
        service = Service(url=project.service_url, predict_secret=predict, webhook_secret=webhook, renew=renew)
        return connector.wire(service, version)

    def settle(self, tx: Session, locked: Project, options: Mapping[str, Any]) -> None:
        """Notes in `tx` that the tool is wired: what it had before is good for nothing any more."""
        sealed = keyring.load(self._settings).seal_options(options)
        locked.options, locked.rewiring = {**locked.options, **sealed}, None
        tool_secrets.settle(tx, self._id, self._made.values())
        audit_log.note(tx, "worker", f"put new secrets into {locked.tool}; the old ones ended", project_id=self._id)
        self._made, self._pause, self._again = {}, FIRST_PAUSE, 0.0

    def step(self, connector: Connector, project: Project) -> bool:
        """Carries out the wish for new secrets, where there is one; True where it did.

        Raises ToolUnreachable. A tool that refuses is asked again later, and stops nothing else meanwhile.
        """
        if project.rewiring is None or time.monotonic() < self._again:
            return False
        with self._hold.database.session() as session:
            generation = generations.of(session, project)
        version = project.announced or (generation.name if generation else None)
        if version is None:
            return False
        try:
            options = self.wire(connector, project, version, bool(project.rewiring.get("renew")))
        except ToolUnreachable:
            raise
        except ToolError as error:
            self._refused(error)
            return False
        with self._hold.transaction() as tx:
            locked = projects.lock(tx, self._id)
            if locked.state != ProjectState.CONNECTED or locked.rewiring is None:
                return True
            by, reason = locked.rewiring.get("by"), locked.rewiring.get("reason")
            self.settle(tx, locked, options)
            said = f"{reason} ({by}); what {locked.tool} has now opens this project's hooks alone"
            if not project.rewiring.get("renew"):
                said += "; change LABELWHEEL_TOKEN if you set one: people may have seen it there"
            decisions.decide(tx, locked, None, "secrets renewed", said)
        return True

    def _refused(self, error: ToolError) -> None:
        self._again = time.monotonic() + self._pause
        self._pause = min(LAST_PAUSE, self._pause * 2)
        with self._hold.transaction() as tx:
            locked = projects.lock(tx, self._id)
            if locked.rewiring is None or locked.rewiring.get("trouble") == str(error)[:2000]:
                return
            locked.rewiring = {**locked.rewiring, "trouble": str(error)[:2000]}
            reason = f"the tool did not take them, it keeps the old ones until it does: {error}"
            decisions.decide(tx, locked, None, "secrets not renewed", reason)
