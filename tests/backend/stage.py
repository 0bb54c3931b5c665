"""A database with one connected project, two questions and their checkpoints, without labelling tool or worker."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import select

from labelwheel.backend.database import keyring
from labelwheel.backend.database.engine import Database
from labelwheel.backend.database.tables import CheckpointRow, HeadRow, Project, ProjectState, QuestionRow
from labelwheel.backend.ledger import intake
from labelwheel.backend.projects import generations, turns, version_names
from labelwheel.backend.revisions.light_gate import Verdict
from labelwheel.backend.settings import Settings
from labelwheel.plugins.connector import Page, Work
from labelwheel.training.questions import Answer, Example
from tests.backend.serving.fakes import question, write_checkpoint

TOOL = "label-studio"


class Stage:
    """`promote` does what a round does at its end."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.database = Database(settings.database_url)
        self.keys = keyring.make(settings)
        self.database.migrate(self.keys)
        self.project = 0

    def connect(self, *names: str, title: str = "Messages", reference: str = "1.99") -> int:
        with self.database.transaction() as tx:
            project = Project(
                tool=TOOL, url=f"http://tool.test/{reference}", external_id=reference.split(".")[0],
                api_key=self.keys.seal("api-secret"), service_url="http://here.test", reference=reference, title=title,
                state=ProjectState.CONNECTED,
            )  # fmt: skip
            tx.add(project)
            tx.flush()
            for name in names:
                tx.add(QuestionRow(project_id=project.id, name=name, spec=question(name).model_dump(mode="json")))
            self.project = self.project or project.id
            return project.id

    def label(self, name: str, answers: Mapping[str, Answer]) -> None:
        """What people answered, by the text of an example."""
        examples = tuple(Example(key=f"e{number}", fields={"text": text}) for number, text in enumerate(answers))
        work = tuple(
            Work(key=f"w{each.key}", example=each.key, annotator="ann", updated_at=datetime.now(UTC),
                 answers={name: answers[each.fields["text"]]})
            for each in examples
        )  # fmt: skip
        page = Page(examples=examples, work=work, refreshed=tuple(each.key for each in examples), cursor="1")
        with self.database.session() as session:
            prepared = intake.prepare(session, self.project, page)
        with self.database.transaction() as tx:
            intake.take(tx, self.project, prepared)

    def promote(self, versions: dict[str, str], project: int | None = None, ready: bool = True) -> str:
        """Makes checkpoints champions, writing those that are not there; returns the generation's name.

        It answers at once, as where all web processes are `ready` for it.
        """
        number = project or self.project
        with self.database.transaction() as tx:
            for name, version in versions.items():
                row = tx.scalars(select(QuestionRow).filter_by(project_id=number, name=name)).one()
                found = tx.scalars(select(CheckpointRow).filter_by(version=version)).one_or_none()
                if found is None:
                    folder = Path(self.settings.checkpoints.folder / version)
                    if not folder.exists():
                        write_checkpoint(folder, version, question(name))
                    found = CheckpointRow(
                        question_id=row.id, version=version, folder=version, recipe="names", label_count=7,
                        metric="accuracy", score=0.91, low=0.88, high=0.94, kind="choice", digest=question(name).digest,
                    )  # fmt: skip
                    tx.add(found)
                    tx.flush()
                row.champion_id = found.id
            tx.flush()
            found_project = tx.get(Project, number)
            assert found_project is not None
            generation = generations.create(tx, found_project, "a test")
            if ready:
                turns.take(found_project)
            return generation.name

    def revise(self, name: str, content: bytes = b"weights", labels: int = 45) -> str:
        """Has a newer head answer in a champion's place, as the fast lane does; returns the head's version."""
        verdict = Verdict(True, "it keeps its place", 0.21, 0.06, labels)
        with self.database.transaction() as tx:
            project = tx.get_one(Project, self.project)
            row = tx.scalars(select(QuestionRow).filter_by(project_id=self.project, name=name)).one()
            assert row.champion_id is not None
            head = HeadRow(
                question_id=row.id, version=version_names.head(row.id, labels), champion_id=row.champion_id,
                content=content, label_count=labels, details=verdict._asdict(),
            )  # fmt: skip
            tx.add(head)
            tx.flush()
            before = generations.revision(tx, project)
            generations.revise(tx, project, {**(before.members if before else {}), name: head.id})
            return head.version
