"""The application that is attacked: one project that is served, one of each tool, and a round whose job may report."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from flask import Flask
from sqlalchemy import select

from labelwheel.backend.app import EXTENSION, create_app
from labelwheel.backend.database.tables import Project, ProjectState, Round, RoundState
from labelwheel.backend.rounds.progress import digest
from labelwheel.backend.settings import Settings
from tests.backend.serving.fakes import FakeEngine
from tests.backend.stage import Stage
from tests.backend.web.attacks import DATASET, JOB, SECRET


@contextmanager
def attacked(settings: Settings) -> Iterator[Flask]:
    """The application over a database that is migrated already."""
    stage = Stage(settings)
    stage.connect("mood", "tone/voice", reference="1.99")
    stage.promote({"mood": "v1", "tone/voice": "v1001"})
    stage.label("mood", {"a text": "good"})
    with stage.database.transaction() as tx:
        tx.add(Round(project_id=1, question_id=1, trigger="command", recipe="auto", version="r1", state="cancelled"))
        tx.add(
            Project(
                tool="argilla", url="http://argilla.test", external_id=DATASET, api_key="k", service_url="http://h",
                reference=DATASET, state=ProjectState.CONNECTED, options={"secret": SECRET},
            )
        )  # fmt: skip
    app = create_app(settings, FakeEngine(), start=False)
    app.extensions[EXTENSION].served_models.follow()
    yield app
    app.extensions[EXTENSION].queue.close()
    app.extensions[EXTENSION].database.dispose()
    stage.database.dispose()


def restore(app: Flask) -> None:
    """A round whose job may report, and projects that are connected, whatever the requests before did to them."""
    with app.extensions[EXTENSION].database.transaction() as tx:
        found = tx.get(Round, 1)
        if found is None:
            found = Round(project_id=1, question_id=1, trigger="command", recipe="auto", version="r1")
            tx.add(found)
        found.state, found.progress_token = RoundState.RUNNING, digest(JOB)
        for project in tx.scalars(select(Project).where(Project.id <= 2)):
            project.state = ProjectState.CONNECTED
