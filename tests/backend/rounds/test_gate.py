"""What the gate says of a job's result, and by which settings it judges."""

from __future__ import annotations

from pathlib import Path

import pytest

from labelwheel.backend.rounds import gate
from labelwheel.backend.settings import Settings
from labelwheel.training.questions import Kind, Option, Question
from labelwheel.training.spec import JobSpec, Recipe
from tests.backend.fake_jobs import write


def job(folder: Path, kind: Kind, recipe: Recipe, champion: str | None = None) -> JobSpec:
    question = Question(name="q", kind=kind, inputs=("text",), options=(Option(value="a"), Option(value="b")))
    return JobSpec(
        version="v", question=question, data="", output=str(folder / "v"), recipe=recipe, champion=champion
    )  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (Kind.CHOICE, "it answers from the label names alone"),
        (Kind.CHOICES, "it suggests an option where its name alone stands out, and nothing elsewhere"),
        (Kind.TAXONOMY, "it suggests an option where its name alone stands out, and nothing elsewhere"),
    ],
)
def test_what_names_answer_is_said_as_it_is(tmp_path: Path, kind: Kind, said: str) -> None:
    write(job(tmp_path, kind, Recipe.NAMES), 0.1, 0.4)
    found = gate.judge(tmp_path / "v", "v", Recipe.NAMES, Settings())
    assert found.promote
    assert found.reason == f"{said}, until there are labels to learn from"


@pytest.mark.parametrize(("few", "promotes"), [(50, True), (200, False)])
def test_on_few_examples_what_is_served_keeps_its_place_on_a_tie(tmp_path: Path, few: int, promotes: bool) -> None:
    write(job(tmp_path, Kind.CHOICE, Recipe.AUTO, champion="u"), 0.3, 0.3)
    found = gate.judge(tmp_path / "v", "v", Recipe.AUTO, Settings(gate_few=few))
    assert found.promote is promotes, found.reason


@pytest.mark.parametrize(("recipe", "promotes"), [("frozen", False), ("finetuned", True)])
@pytest.mark.parametrize(("loss", "beyond"), [(0.29, False), (0.1, True)])
def test_where_heads_follow_a_frozen_encoder_has_to_be_better_beyond_chance(
    tmp_path: Path, recipe: str, promotes: bool, loss: float, beyond: bool
) -> None:
    write(job(tmp_path, Kind.CHOICE, Recipe.AUTO, champion="u"), loss, 0.3, recipe, followed=True)
    found = gate.judge(tmp_path / "v", "v", Recipe.AUTO, Settings())
    assert found.promote is (promotes or beyond), found.reason
    if not found.promote:
        assert "no better" in found.reason
