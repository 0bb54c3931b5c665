"""What the gate says of a job's result, and by which settings it judges."""

from __future__ import annotations

from pathlib import Path

import pytest

from labelwheel.backend.errors import InvalidSettings
from labelwheel.backend.rounds import gate
from labelwheel.backend.settings import Settings, load
from labelwheel.training import named_models
from labelwheel.training.evaluation.looks import allowed
from labelwheel.training.questions import Kind, Option, Question
from labelwheel.training.spec import JobSpec, Recipe
from tests.backend.fake_jobs import pair, write


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
    assert found.reason == f"{said}, until labels do better"


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ("zero_shot", "the zero-shot model x/y answers, told what the options are called, until labels"),
        ("language_model", "the language model x/y answers, told the question and its options; where it does not, it"),
    ],
)
def test_who_answers_before_the_first_label_is_named(tmp_path: Path, named: str, said: str) -> None:
    """Of a zero-shot model it was said that the label names alone answer."""
    write(job(tmp_path, Kind.CHOICE, Recipe.NAMES), 0.1, 0.4, settings={named: "x/y"})
    assert gate.judge(tmp_path / "v", "v", Recipe.NAMES, Settings()).reason.startswith(said)


@pytest.mark.parametrize("recipe", [Recipe.NAMES, Recipe.AUTO])
def test_a_model_that_is_named_and_cannot_be_loaded_is_told_where_people_look(tmp_path: Path, recipe: Recipe) -> None:
    """It stood in the notes of the report alone, while `status` said that the label names answer."""
    notes = ["12 are too few", named_models.unused("zero-shot model", "x/y cannot be loaded")]
    write(job(tmp_path, Kind.CHOICE, recipe), 0.1, 0.4, notes=notes)
    found = gate.judge(tmp_path / "v", "v", recipe, Settings())
    assert "zero-shot model: named, but not used: x/y cannot be loaded" in found.reason
    assert "too few" not in found.reason


def test_what_is_served_keeps_its_place_on_a_tie_unless_a_margin_is_set(tmp_path: Path) -> None:
    write(job(tmp_path, Kind.CHOICE, Recipe.AUTO, champion="u"), 0.3, 0.3)
    found = gate.judge(tmp_path / "v", "v", Recipe.AUTO, Settings())
    assert not found.promote, found.reason
    assert gate.judge(tmp_path / "v", "v", Recipe.AUTO, Settings(gate_margin=1)).promote
    told = {"below": 0.5, "suggestions": 100, "hidden": 7}
    assert found.details["report"]["hidden"] == told, "from where `status` has it"


@pytest.mark.parametrize(
    ("level", "look", "promotes"), [(0.1, 1, True), (0.1, 9, False), (1.0, 9, True), (1e-6, 1, False)]
)
def test_a_level_is_shared_by_all_looks(tmp_path: Path, level: float, look: int, promotes: bool) -> None:
    write(job(tmp_path, Kind.CHOICE, Recipe.AUTO, champion="u"), 0.22, 0.3)
    found = gate.judge(tmp_path / "v", "v", Recipe.AUTO, Settings(gate_level=level), look)
    assert found.promote is promotes, found.reason
    assert (found.details["look"], found.details["allowed"]) == (look, allowed(level, look))


@pytest.mark.parametrize(
    ("recipe", "followed", "early", "spent"),
    [("frozen", True, False, 0), ("frozen", False, True, 2), ("finetuned", True, True, 2)],
)
def test_where_heads_follow_an_encoder_that_has_learnt_nothing_spends_no_look_and_has_none_on_few_examples(
    tmp_path: Path, recipe: str, followed: bool, early: bool, spent: int
) -> None:
    write(job(tmp_path, Kind.CHOICE, Recipe.AUTO, champion="u"), 0.2, 0.3, recipe, followed, count=40)
    found = gate.judge(tmp_path / "v", "v", Recipe.AUTO, Settings(), look=2, grown=True)
    assert (found.look, found.promote) == (0, early), found.reason
    more = tmp_path / "more"
    write(job(more, Kind.CHOICE, Recipe.AUTO, champion="u"), 0.1, 0.4, recipe, followed, count=200)
    found = gate.judge(more / "v", "v", Recipe.AUTO, Settings(), look=2, grown=True)
    assert (found.look, found.promote) == (spent, True), found.reason


def test_a_challenger_that_is_better_overall_and_leaves_a_named_slice_behind_is_refused(tmp_path: Path) -> None:
    web = [pair(number / 100, 0.1, 0.5) for number in range(100)]
    mobile = [pair(number / 20, 0.7, 0.1).model_copy(update={"slices": {"source": "mobile"}}) for number in range(20)]
    together = [each.model_copy(update={"key": str(n), "group": str(n)}) for n, each in enumerate([*web, *mobile])]
    write(job(tmp_path, Kind.CHOICE, Recipe.AUTO, champion="u"), 0, 0, pairs=together)
    assert gate.judge(tmp_path / "v", "v", Recipe.AUTO, Settings()).promote
    found = gate.judge(tmp_path / "v", "v", Recipe.AUTO, Settings(slices="source=mobile"))
    assert not found.promote
    assert "it leaves behind 'source=mobile', which LABELWHEEL_SLICES names" in found.reason
    (change,) = found.details["slices"]
    assert (change["slice"], change["examples"]) == ({"name": "source", "value": "mobile"}, 20)
    assert gate.judge(tmp_path / "v", "v", Recipe.AUTO, Settings(slices="source=mobile", gate_floor=0.7)).promote


def test_a_slice_that_is_none_is_said_at_start() -> None:
    with pytest.raises(InvalidSettings, match=r"LABELWHEEL_SLICES: .*'mobile' is no slice: write NAME=VALUE"):
        load(slices="mobile")
    with pytest.raises(InvalidSettings, match=r"LABELWHEEL_SLICES: .*there is no length 'short'"):
        load(slices="length=short")


CURVE = [{"labels": labels, "score": 0.5 + labels / 1000, "low": 0.4, "high": 0.9} for labels in (16, 32, 64)]


@pytest.mark.parametrize(
    ("recipe", "loss", "whose", "kept"),
    [
        ("frozen", 0.1, "heads", True),
        ("frozen", 0.5, "heads", True),
        ("finetuned", 0.5, "heads", True),
        ("finetuned", 0.1, "heads", False),  # heads stand on another encoder from now on
        ("frozen", 0.1, "regression", False),
        ("frozen", 0.1, None, False),
    ],
)
def test_a_learning_curve_is_kept_that_is_of_heads_on_what_is_served(
    tmp_path: Path, recipe: str, loss: float, whose: str | None, kept: bool
) -> None:
    report = {"learning_curve": CURVE} | ({"learning_curve_of": whose} if whose else {})
    write(job(tmp_path, Kind.CHOICE, Recipe.AUTO, champion="u"), loss, 0.4, recipe, report=report)
    found = gate.judge(tmp_path / "v", "v", Recipe.AUTO, Settings())
    assert found.promote is (loss < 0.4)
    assert found.learning_curve == (CURVE if kept else None)


@pytest.mark.parametrize("curve", [None, "none", [{"labels": 16}], [*CURVE, 3]])
def test_a_learning_curve_that_cannot_be_read_keeps_no_challenger_away(tmp_path: Path, curve: object) -> None:
    report = {"learning_curve": curve, "learning_curve_of": "heads"}
    write(job(tmp_path, Kind.CHOICE, Recipe.AUTO, champion="u"), 0.1, 0.4, "frozen", report=report)
    found = gate.judge(tmp_path / "v", "v", Recipe.AUTO, Settings())
    assert found.promote
    assert found.learning_curve is None
