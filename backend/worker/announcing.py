"""Tells the labelling tool which version is served, once that is true."""

from __future__ import annotations

from backend.ledger import generations, projects, servers
from backend.ledger.lease import Hold
from plugins.connector import Connector


def announce(hold: Hold, project_id: int, connector: Connector) -> bool:
    """Announces the project's generation where every web process serves it; True where that was due."""
    with hold.database.session() as session:
        project = projects.get(session, project_id)
        generation = generations.of(session, project)
        if generation is None or project.announced == generation.name:
            return False
        if not servers.served(session, project_id, generation.name):
            return False
    connector.announce(generation.name)
    with hold.transaction() as tx:
        projects.lock(tx, project_id).announced = generation.name
    return True
