"""Characters that PostgreSQL cannot keep in a text, and numbers that JSON has no word for, cost no label."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from labelwheel.backend.database.engine import Database
from labelwheel.backend.database.tables import ExampleRow, Label, Project, QuestionRow, WorkRow
from labelwheel.backend.ledger import intake
from labelwheel.backend.projects import configuration
from labelwheel.plugins.connector import Config, Page, Unlearnt, Work
from labelwheel.training.questions import Example, Kind, Option, Question

OPTIONS = (Option(value="a\0b"), Option(value="\ud800c"))
CHOICE = Question(name="mood", kind=Kind.CHOICE, inputs=("text",), options=OPTIONS)
SPANS = Question(name="parts", kind=Kind.SPANS, inputs=("text",), options=(Option(value="x"),))


@pytest.fixture
def project(database: Database) -> int:
    with database.transaction() as tx:
        row = Project(tool="fake", url="http://h", external_id="1\0", api_key="k\0", service_url="http://h\0")
        tx.add(row)
        tx.flush()
        return row.id


def test_labels_and_texts_with_nul_are_taken(database: Database, project: int) -> None:
    config = Config(
        reference="1.2\0", title="a title\0 with \ud800", source="<View>\0</View>", questions=(CHOICE, SPANS),
        unlearnt=(Unlearnt(name="n\0", reason="r\0"),),
    )  # fmt: skip
    with database.transaction() as tx:
        configuration.apply(tx, tx.get_one(Project, project), config)
    moment = datetime.now(UTC)
    answers = ({"mood": "a\0b"}, {"mood": "\ud800c"}, {"parts": [{"start": 0, "end": 2, "label": "x"}]}, {"mood": "\0"})
    work = tuple(
        Work(key=f"w{number}\0", example="e\0", annotator="ann\0", updated_at=moment, answers=each, version="v\0",
             lead_time=float("inf"), rejected=("why\0",))
        for number, each in enumerate(answers)
    )  # fmt: skip
    page = Page(examples=(Example(key="e\0", fields={"text": "a\0b\ud800", "n\0": "x"}),), work=work, cursor="c\0")
    with database.transaction() as tx:
        intake.take(tx, project, intake.prepare(tx, project, page))
    with database.session() as session:
        labels = [(row.question, row.answer) for row in session.scalars(select(Label).order_by(Label.id))]
        assert [each for each in labels if each[0] == "parts"] == [("parts", answers[2]["parts"])]
        assert [each for each in labels if each[0] == "mood"] == [("mood", "a\0b"), ("mood", "\ud800c")]
        assert session.scalars(select(ExampleRow)).one().fields == {"text": "a\0b\ud800", "n\0": "x"}
        assert len(session.scalars(select(WorkRow)).all()) == 4
        assert session.get_one(Project, project).title == "a title\ufffd with \ufffd"


@pytest.mark.parametrize("name", ["mood\0", "m\ud800", "m" * 256])
def test_a_question_whose_name_cannot_be_kept_is_not_learnt_and_the_others_are(
    database: Database, project: int, name: str
) -> None:
    config = Config(reference="1", title="t", source="s", questions=(CHOICE.model_copy(update={"name": name}), SPANS))
    for _ in range(2):
        with database.transaction() as tx:
            configuration.apply(tx, tx.get_one(Project, project), config)
    with database.session() as session:
        assert [row.name for row in session.scalars(select(QuestionRow))] == ["parts"]
        [told] = session.get_one(Project, project).unlearnt
        assert "name" in told["reason"]
