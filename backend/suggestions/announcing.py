"""Tells the labelling tool which version is served, once that is true."""

from __future__ import annotations

import time

from labelwheel.backend.database.lease import Hold
from labelwheel.backend.projects import projects, servers
from labelwheel.backend.projects.standing import Standing
from labelwheel.plugins.connector import Connector

AGAIN_SECONDS = 15.0
"""How often a tool is told anew what it has been told.

A tool may lose it: one that reads its row about us, asks us something and writes the whole row back brings the version
of before with it. Telling what a tool knows already changes nothing.
"""


class Announcer:
    """The announcements of one project."""

    def __init__(self, hold: Hold, project_id: int) -> None:
        self._hold, self._id = hold, project_id
        self._again = time.monotonic() + AGAIN_SECONDS

    def step(self, connector: Connector, standing: Standing) -> bool:
        """Announces the project's generation where every web process serves it; True where that was due."""
        generation, due = standing.generation, standing.announced != standing.generation
        if generation is None or (not due and time.monotonic() < self._again):
            return False
        with self._hold.database.session() as session:
            if not servers.served(session, self._id, generation):
                return False
        connector.announce(generation)
        self._again = time.monotonic() + AGAIN_SECONDS
        if due:
            with self._hold.transaction() as tx:
                projects.lock(tx, self._id).announced = generation
        return due
