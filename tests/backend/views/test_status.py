"""What `status` tells."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sqlalchemy import select

from labelwheel.backend.database.tables import Backfill, ExampleRow, Project, WorkRow, now
from labelwheel.backend.ledger import intake
from labelwheel.backend.ledger.impressions import Trace
from labelwheel.backend.ledger.labelling import Labelling
from labelwheel.backend.views import counts, overview
from labelwheel.backend.views.status import body, status
from labelwheel.plugins.connector import Unlearnt
from labelwheel.plugins.testing.fake_tool import TOPIC
from labelwheel.training.questions import Option
from tests.backend.counting import counted
from tests.backend.world import World


def read(world: World) -> dict[str, Any]:
    with world.database.session() as session:
        found = status(session, world.settings)
    assert json.loads(json.dumps(found)) == found
    body().model_validate(found)  # as it is described
    return found


def test_before_anything_is_connected(world: World) -> None:
    assert read(world)["projects"] == []


@pytest.fixture
def told(world: World) -> dict[str, Any]:
    world.tool.unlearnt = (Unlearnt(name="summary", reason="free text is not learnt"),)
    world.tool.add(*(f"text {number}" for number in range(9)))
    world.connect(key="very-secret")
    world.settle()
    version = world.generation
    world.label(4)
    world.tool.submit("5", {"topic": "sport"}, origins={"topic": "accepted"}, version=version)
    world.tool.submit("6", {"topic": "sport"}, origins={"topic": "changed"}, version=version)
    world.tool.submit("6", {"topic": "politics"}, annotator="bob", origins={"topic": "accepted"}, version=version)
    world.tool.submit("7", {"topic": "weather"})
    world.tool.submit("8", {}, skipped=True)
    world.tool.work["7/ann"] = world.tool.work["7/ann"].model_copy(update={"answers": {}, "rejected": ("no weather",)})
    world.settle()
    return read(world)


def test_a_project_is_told_whole(told: dict[str, Any], world: World) -> None:
    [project] = told["projects"]
    assert (project["tool"], project["title"], project["state"]) == ("fake", "A project", "connected")
    assert project["version"] == {
        "current": world.generation, "served": [world.generation], "announced": world.generation,
        "revision": None,
    }  # fmt: skip
    assert project["unlearnt"] == [{"name": "summary", "reason": "free text is not learnt"}]
    assert project["work"] == {"total": 9, "skipped": 1, "rejected": 1, "reasons": ["no weather"]}
    assert (project["examples"]["total"], project["examples"]["labelled"]) == (9, 6)
    assert project["poll"]["lag_seconds"] < 60
    assert (project["backfill"]["state"], project["backfill"]["version"]) == ("done", world.generation)
    accepted = {line["version"]: line for line in project["acceptance"]}
    first = next(line for version, line in accepted.items() if version is not None)
    assert (first["accepted"], first["changed"], first["rate"]) == (2, 1, 0.6667)
    assert accepted[None]["made"] == 4
    assert told["worker"]["owner"]
    assert "very-secret" not in json.dumps(told)


def test_a_question_is_told_whole(told: dict[str, Any], world: World) -> None:
    topic, places = told["projects"][0]["questions"]
    assert topic["champion"]["label_count"] == 6
    assert topic["labels"]["total"] == 6
    assert topic["labels"]["disagreement"] == 1
    assert topic["next_round"] == {"labels_left": 2, "reason": "0 of 2 new labels"}
    assert [point["labels"] for point in topic["curve"]] == [0, 6]
    assert places["champion"] is None
    assert places["next_round"] == {"labels_left": 4, "reason": "0 of 4 new labels"}
    kinds = [decision["kind"] for decision in told["projects"][0]["decisions"] if decision["question"] == "topic"]
    assert kinds == ["promoted", "started", "ordered"] * 2


def test_no_more_examples_have_suggestions_than_there_are(world: World) -> None:
    """What comes later has the open ones looked at again: a project of 176 examples had suggestions for 246."""
    world.tool.add("one", "two", "three")
    world.connect()
    world.settle()
    for state in ("done", "running"):
        with world.database.transaction() as tx:
            row = tx.scalars(select(Backfill)).one()
            row.done, row.state = 5, state
        found = read(world)["projects"][0]["backfill"]
        assert (found["done"], found["total"]) == (3, 3), state


def test_a_running_round_is_told(world: World) -> None:
    world.launcher.automatic = None
    world.connect()
    world.until(lambda: world.rounds and world.rounds[0].handle)
    found = read(world)["projects"][0]
    assert found["step"] == "preparing the first suggestions"
    assert (found["questions"][0]["round"]["state"], found["questions"][0]["round"]["progress"]) == ("running", 0.0)


def test_a_named_column_that_no_example_has_is_told(world: World) -> None:
    world.settings = world.settings.model_copy(update={"slices": "source=web, length=under 40 characters"})
    world.settings = world.settings.model_copy(update={"groups": "annotator, sorce"})
    world.start()
    world.connect()
    world.settle()
    assert read(world)["projects"][0]["absent_columns"] == [], "there is no example yet"
    (key,) = world.tool.add("one")
    world.settle()
    assert read(world)["projects"][0]["absent_columns"] == ["source", "sorce"]
    world.tool.describe(key, {"source": "mail"})
    world.settle()
    assert read(world)["projects"][0]["absent_columns"] == ["sorce"]


def test_rejected_work_is_counted_without_reading_it(world: World) -> None:
    world.tool.add("one")
    world.connect()
    world.settle()
    with world.database.transaction() as tx:
        project = tx.scalars(select(Project)).one()
        for number in range(3000):
            reasons = [f"reason {number % 7}"] if number % 3 == 0 else []
            tx.add(
                WorkRow(
                    project_id=project.id, key=f"w{number}", example_key="1", annotator="ann", updated_at=now(),
                    rejected=reasons,
                )
            )  # fmt: skip
    with counted() as found, world.database.session() as session:
        told = counts.work(session, session.scalars(select(Project)).one())
    assert (told["total"], told["rejected"]) == (3000, 1000)
    assert sorted(told["reasons"]) == [f"reason {number}" for number in range(7)]
    assert found.rows < 150


def test_a_page_of_any_length_is_taken_and_forgotten(world: World) -> None:
    """SQLite takes 32,766 values in a statement, and a sweep may find that more are gone."""
    keys = [f"w{number}" for number in range(33_000)]
    with world.database.transaction() as tx:
        Labelling(tx, 1, {}, now()).load(keys)
        Trace(tx, 1, keys)
        intake.forget(tx, 1, [ExampleRow(key=key) for key in keys], Labelling(tx, 1, {}, now()))


def test_labels_of_an_option_that_is_gone_are_said_to_be_of_no_use(world: World) -> None:
    """Somebody renames an option: 15 of 54 labels teach nothing any more, and `status` went on counting 54."""
    world.tool.add(*(f"text {number}" for number in range(8)))
    world.connect()
    for number in range(1, 7):
        world.tool.submit(str(number), {"topic": "sport" if number < 3 else "politics"})
    world.settle()
    topic = read(world)["projects"][0]["questions"][0]
    assert (topic["labels"]["total"], topic["labels"]["unusable"]) == (6, 0)
    renamed = (Option(value="sports"), Option(value="politics"))
    world.tool.questions = (TOPIC.model_copy(update={"options": renamed}),)
    world.settle()
    topic = read(world)["projects"][0]["questions"][0]
    assert (topic["labels"]["total"], topic["labels"]["unusable"]) == (6, 2)


def test_what_was_not_taken_is_told_on_the_first_page(world: World) -> None:
    world.tool.add("one")
    world.connect()
    world.settle()
    world.tool.submit("1", {"topic": "sport"})
    world.tool.work["1/ann"] = world.tool.work["1/ann"].model_copy(update={"rejected": ("'topic' has no label 'x'",)})
    world.settle()
    with world.database.session() as session:
        (card,) = overview.overview(session, world.settings)["projects"]
    assert "1 of 1 submission not learnt, or not as a whole: 'topic' has no label 'x'" in card["problems"]
