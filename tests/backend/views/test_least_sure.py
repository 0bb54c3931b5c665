"""What is proposed next is listed in its order, without what is blind or labelled since, by whatever the database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from labelwheel.backend.database.tables import Event, ExampleRow, Label, Project, QuestionRow, ShownOrder, now
from labelwheel.backend.ledger import shown_order
from labelwheel.backend.ledger.shown_order import ANSWERS, LONGEST, Proposed
from labelwheel.backend.settings import Settings
from labelwheel.backend.views import least_sure
from labelwheel.backend.views.examples import SHOWN
from labelwheel.backend.views.least_sure_body import LeastSure
from labelwheel.training.questions import Kind, Question
from tests.backend.counting import counted
from tests.backend.stage import Stage


@pytest.fixture
def stage(tmp_path: Path, database_url: str) -> Iterator[Stage]:
    made = Stage(Settings(home=tmp_path, database=database_url))
    made.connect("mood", "mood of all")
    yield made
    made.database.dispose()


def fill(stage: Stage, *keys: str, **more: Any) -> None:
    with stage.database.transaction() as tx:
        for key in keys:
            facts = {"part": "train", "fields": {"text": f"text {key}"}, "digest": key, "group": key} | more
            tx.add(ExampleRow(project_id=stage.project, key=key, **facts))


def keep(stage: Stage, *proposed: Proposed) -> None:
    with stage.database.transaction() as tx:
        shown_order.keep(tx, stage.project, "mixed", proposed)


def label(stage: Stage, key: str) -> None:
    with stage.database.transaction() as tx:
        facts = {
            "project_id": stage.project, "question": "mood", "example_key": key, "work_key": key, "annotator": "ann",
            "answer": "good", "made_at": now(),
        }  # fmt: skip
        event = Event(action="created", **facts)
        tx.add(event)
        tx.flush()
        tx.add(Label(event_id=event.id, **facts))


def read(stage: Stage, told: bool = True, after: int = 0, share: float = 0.1) -> dict[str, Any]:
    with stage.database.session() as session:
        project, question = session.get_one(Project, stage.project), session.get_one(QuestionRow, 1)
        found = least_sure.read(session, project, question, share, told, after)
    LeastSure.model_validate(found)
    return found


def places(found: dict[str, Any]) -> list[tuple[int, str, float]]:
    return [(one["place"], one["key"], one["score"]) for one in found["examples"]]


def some(*keys: str) -> list[Proposed]:
    return [Proposed(key, number / 100, ("mood good",)) for number, key in enumerate(keys, 1)]


def test_what_is_left_keeps_its_place(stage: Stage) -> None:
    fill(stage, "a", "b", "c", "d")
    fill(stage, "gone", gone=True)
    keep(stage, *some("d", "b", "unknown", "gone", "a", "c"))
    label(stage, "b")
    found = read(stage)
    assert places(found) == [(1, "d", 0.01), (5, "a", 0.05), (6, "c", 0.06)]
    assert (found["order"], found["left"], found["next"], found["reason"]) == ("mixed", 3, None, None)
    assert [one["text"] for one in found["examples"]] == ["text d", "text a", "text c"]
    assert [one["text"] for one in read(stage, told=False)["examples"]] == [None] * 3


def test_what_is_blind_is_not_listed_by_whatever_share(stage: Stage) -> None:
    fill(stage, "a")
    fill(stage, "b", part="held_out", blind_lot=0.05)
    fill(stage, "c", part="held_out", blind_lot=0.3)
    keep(stage, *some("a", "b", "c"))
    assert [one["key"] for one in read(stage)["examples"]] == ["a", "c"]
    assert [one["key"] for one in read(stage, share=0.5)["examples"]] == ["a"]
    assert [one["key"] for one in read(stage, share=0.0)["examples"]] == ["a", "b", "c"]


def test_an_order_replaces_the_one_before(stage: Stage) -> None:
    fill(stage, "a", "b")
    keep(stage, *some("a", "b"))
    keep(stage, *some("b"))
    assert places(read(stage)) == [(1, "b", 0.01)]
    with stage.database.session() as session:
        assert len(list(session.scalars(select(ShownOrder)))) == 1


def test_a_reader_is_told_the_values_of_questions_and_no_text(stage: Stage) -> None:
    with stage.database.transaction() as tx:
        free = Question(name="note", kind=Kind.NUMBER, inputs=("text",))
        tx.add(QuestionRow(project_id=stage.project, name="note", spec=free.model_dump(mode="json")))
    fill(stage, "a")
    said = ("mood good", "mood of all bad", "mood no value", "note a private text", "former x", "mood")
    keep(stage, Proposed("a", 0.5, said))
    everything = [("mood", "good"), ("mood of all", "bad"), ("mood", "no value"), ("note", "a private text")]
    for told, expected in ((True, everything), (False, everything[:2])):
        [one] = read(stage, told)["examples"]
        assert [(each["question"], each["says"]) for each in one["suggested"]] == expected


@pytest.mark.parametrize("score", [float("nan"), float("inf"), -0.5, 1.5])
def test_what_a_tool_says_is_kept_within_bounds(stage: Stage, score: float) -> None:
    fill(stage, "a")
    keep(stage, Proposed("a", score, [f"mood {'x' * 5000}"] * 50))
    [one] = read(stage)["examples"]
    assert one["score"] == 0.0
    assert len(one["suggested"]) == ANSWERS
    assert len(one["suggested"][0]["says"]) < LONGEST


def test_without_an_order_it_says_what_to_do(stage: Stage, request: pytest.FixtureRequest) -> None:
    found = read(stage)
    assert (found["examples"], found["order"], found["reason"]) == ([], None, least_sure.NOT_YET)
    fill(stage, "a")
    keep(stage, *some("a"))
    label(stage, "a")
    assert read(stage)["reason"] == least_sure.NOTHING_LEFT
    request.getfixturevalue("plain_tools")
    other = stage.connect("mood", reference="2.99")
    with stage.database.transaction() as tx:
        tx.get_one(Project, other).tool = "fake"
    stage.project = other
    assert read(stage)["reason"] == least_sure.NO_ORDER


def test_pages_and_statements_are_bounded(stage: Stage) -> None:
    few, many = 10, 2 * SHOWN + 10
    keys = [f"k{number}" for number in range(many)]
    fill(stage, *keys)
    keep(stage, *some(*keys[:few]))
    with counted() as before:
        assert read(stage)["next"] is None
    keep(stage, *some(*keys))
    seen, after, pages = [], 0, 0
    while after is not None:
        with counted() as later:
            found = read(stage, after=after)
        assert len(later.statements) == len(before.statements)
        seen += [one["key"] for one in found["examples"]]
        after, pages = found["next"], pages + 1
    assert (seen, pages) == (keys, 3)
    assert read(stage, after=many)["examples"] == []
