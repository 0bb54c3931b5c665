"""Rounds that learn by settings that were found: each job has one base model, and none that is not listed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from labelwheel.backend.database.tables import QuestionRow
from labelwheel.backend.projects import projects
from labelwheel.backend.rounds import launchers, round_commands
from labelwheel.backend.rounds.inspections import Due
from labelwheel.backend.settings import Settings
from labelwheel.backend.worker.inspection_loop import SPEC, InspectionLoop
from labelwheel.training.inspection.spec import InspectionSpec
from labelwheel.training.questions import Kind, Option, Question
from labelwheel.training.spec import Recipe
from tests.backend.world import World

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

NAMES = ("one", "two", "three")
OTHER = {"strategy": "a", "base_model": "small/model", "depth": 0.5}


@pytest.fixture
def three(world: World) -> World:
    """Three questions that are answered by their names."""
    options = (Option(value="yes"), Option(value="no"))
    world.tool.questions = tuple(
        Question(name=name, kind=Kind.CHOICE, inputs=("text",), options=options) for name in NAMES
    )
    world.tool.add("one text", "another text")
    world.connect()
    world.settle()
    world.settings = world.settings.model_copy(update={"tune_base_models": "small/model"})
    world.start()
    return world


def tune(world: World, name: str, tuned: dict[str, Any] | None) -> None:
    with world.database.transaction() as tx:
        projects.question(tx, 1, name).tuned = tuned


@on_sqlite
def test_rounds_of_two_base_models_do_not_share_a_job(three: World) -> None:
    tune(three, "two", OTHER)
    three.launcher.automatic = None
    for name in NAMES:
        three.order(name, "labels")
    three.until(lambda: all(each.handle for each in three.rounds[-3:]))
    jobs = list(three.launcher.jobs.values())[-2:]
    together = [[part.spec.base_model for part in (job, *job.others)] for job in jobs]
    assert sorted(together, key=len) == [["small/model"], [None, None]]
    tuned = next(job.spec for job in jobs if job.spec.base_model)
    assert tuned.tuned is not None
    assert tuned.tuned.model_dump(mode="json", exclude_defaults=True) == OTHER


@on_sqlite
def test_a_base_model_that_is_not_listed_any_more_is_not_used(three: World) -> None:
    tune(three, "two", OTHER)
    three.settings = three.settings.model_copy(update={"tune_base_models": "another/model"})
    three.start()
    three.launcher.automatic = None
    three.order("two", "labels")
    three.until(lambda: three.rounds[-1].handle)
    assert (three.launcher.last.spec.base_model, three.launcher.last.spec.tuned) == (None, None)


@on_sqlite
def test_names_are_answered_by_the_base_model_that_is_set(three: World) -> None:
    tune(three, "two", OTHER)
    with three.database.transaction() as tx:
        ordered = round_commands.order(tx, projects.question(tx, 1, "two").id, "connect", Recipe.NAMES)
        assert ordered.tuned is None
    three.settle()
    assert three.question("two").tuned == OTHER, "and they stay for the next round on labels"


@on_sqlite
def test_an_inspection_fits_again_as_it_was_tuned(three: World, tmp_path: Path) -> None:
    tune(three, "two", OTHER)
    three.order("two", "labels")
    three.settle()
    three.label(0)
    with three.database.session() as session:
        number = session.query(QuestionRow).filter_by(name="two").one().id
    loop = InspectionLoop(three.hold, three.settings, ("false",))
    with three.database.session() as session:
        question = session.get_one(QuestionRow, number)
        champion = next(row for row in three.checkpoints if row.id == question.champion_id)
    loop._prepare(Due(question, champion, None), tmp_path / "place")
    spec = InspectionSpec.model_validate_json((tmp_path / "place" / SPEC).read_bytes())
    assert (spec.base_model, spec.tuned and spec.tuned.depth) == ("small/model", 0.5)


def test_listed_base_models_are_named_once_and_may_be_on_a_hub(tmp_path: Path) -> None:
    def listed(names: str, base: str | None = None) -> tuple[tuple[str, ...], bool]:
        settings = Settings(home=tmp_path, tune_base_models=names, base_model=base)
        return launchers.listed(settings), launchers.needs_hub(settings)

    assert listed("") == ((), False)
    assert listed(f" {tmp_path} ,{tmp_path},") == ((str(tmp_path),), False)
    assert listed("some/model") == (("some/model",), True)
    assert listed(f"{tmp_path}, some/model", "some/model") == ((str(tmp_path),), True)


@pytest.mark.parametrize("name", ["base_model", "zero_shot", "text_model"])
def test_a_hub_is_there_for_each_model_that_is_named(name: str, tmp_path: Path) -> None:
    assert launchers.needs_hub(Settings(home=tmp_path, **{name: "some/model"}))
    assert not launchers.needs_hub(Settings(home=tmp_path, **{name: str(tmp_path)}))
