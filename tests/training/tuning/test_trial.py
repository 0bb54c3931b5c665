"""A trial leaves figures out of fold, of as much as it was told to look at, and never sees what is held out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from labelwheel.training import job
from labelwheel.training.base_model import Base
from labelwheel.training.checkpoints.store import whole
from labelwheel.training.encoders import Shape
from labelwheel.training.errors import InvalidJob
from labelwheel.training.latency import Latency
from labelwheel.training.progress import Listener
from labelwheel.training.questions import Kind, Question
from labelwheel.training.spec import Fidelity, JobSpec, LabelledExample, Part, Serving, Tuned
from labelwheel.training.strategies import contrastive, registry
from labelwheel.training.strategies.base import Cost, Strategy
from labelwheel.training.strategies.chain import Chain
from labelwheel.training.strategies.contrastive import Contrastive
from labelwheel.training.strategies.finetuning_loop import Settings
from labelwheel.training.strategies.from_base import FromBase
from labelwheel.training.strategies.frozen_regression import FrozenRegression
from labelwheel.training.strategies.knobs import USUAL
from labelwheel.training.tuning.figures import RESULT, TrialFigures
from labelwheel.training.tuning.trial import LEAST_ROWS, Trial, drawn
from tests.training.models import choice, example, rows, tiny_bert


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny_bert(tmp_path_factory.mktemp("base"), num_hidden_layers=4))


def spec(folder: Path, base: str, **more: object) -> JobSpec:
    given = {
        "version": "t1", "question": choice(), "data": "", "output": str(folder / "t1"), "base_model": base,
        "device": "cpu", "threads": 1, "max_length": 32, "trial": Fidelity(), "fine_tuning": False,
    }  # fmt: skip
    return JobSpec.model_validate(given | more)


def figures(asked: JobSpec, labelled: list[LabelledExample]) -> TrialFigures:
    assert job.execute(asked, labelled, Listener()) == asked.version
    assert whole(asked.output), "launchers and stores know it as they know a checkpoint"
    return TrialFigures.model_validate_json((Path(asked.output) / RESULT).read_bytes())


def test_the_defaults_are_every_strategy_that_applies_and_the_one_that_a_round_would_choose(
    tmp_path: Path, base: str
) -> None:
    labelled = rows(3)
    found = figures(spec(tmp_path, base), labelled)
    assert [each.strategy for each in found.measured] == [FrozenRegression.name]
    assert (found.chosen, found.labels, found.problem) == (FrozenRegression.name, 36, None)
    (measured,) = found.measured
    assert set(measured.losses) == {row.example.key for row in labelled}
    assert measured.score is not None
    assert all(0 <= answer <= 1 and fine >= 0 for answer, fine in measured.losses.values())
    assert 0 < measured.value < 3
    assert found.groups == {row.example.key: row.group for row in labelled}
    assert not list(Path(tmp_path / "t1").glob("*.safetensors")), "no model is left"


def test_the_encoder_is_trained_where_that_is_allowed(
    tmp_path: Path, base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contrastive, "STEPS", 2)
    found = figures(spec(tmp_path, base, fine_tuning=True), rows(3))
    assert {each.strategy for each in found.measured} >= {FrozenRegression.name, Contrastive.name, FromBase.name}


@pytest.mark.parametrize("part", [Part.HELD_OUT, Part.APART])
def test_a_trial_that_is_given_what_is_held_out_refuses_it(tmp_path: Path, base: str, part: Part) -> None:
    with pytest.raises(InvalidJob, match="may not see what is held out"):
        job.execute(spec(tmp_path, base), [*rows(2), *rows(1, part)], Listener())
    assert not (tmp_path / "t1").exists()


def test_settings_are_measured_alone_and_change_what_is_measured(tmp_path: Path, base: str) -> None:
    labelled = rows(3)
    usual = figures(spec(tmp_path / "a", base, tuned=Tuned(strategy=FrozenRegression.name)), labelled).measured
    tuned = Tuned(strategy=FrozenRegression.name, knobs={"penalty": 10.0, "say of the names": 0.0})
    held = figures(spec(tmp_path / "b", base, tuned=tuned), labelled).measured
    assert [each.strategy for each in (*usual, *held)] == [FrozenRegression.name] * 2
    assert usual[0].losses != held[0].losses
    again = figures(spec(tmp_path / "c", base, tuned=Tuned(strategy=FrozenRegression.name), seed=99), labelled).measured
    assert again[0].losses != usual[0].losses, "another seed has other folds"


def test_a_share_of_the_labels_is_the_same_each_time_and_inside_of_a_larger_one() -> None:
    labelled = [row.model_copy(update={"group": f"pair {place // 2}"}) for place, row in enumerate(rows(10))]
    third, half = (drawn(labelled, Fidelity(labels=share, draw=7)) for share in (1 / 3, 1 / 2))
    assert (len(third), len(half)) == (40, 60)
    keys = [{row.example.key for row in part} for part in (third, half)]
    assert keys[0] < keys[1]
    assert drawn(labelled, Fidelity(labels=1 / 3, draw=7)) == third
    assert drawn(labelled, Fidelity(labels=1 / 3, draw=8)) != third
    assert len({row.group for row in third}) == 20, "near-duplicates come together"
    assert len(drawn(rows(3), Fidelity(labels=0.1))) == LEAST_ROWS
    assert drawn(labelled, Fidelity()) == labelled


def test_a_strategy_that_does_not_apply_says_so(tmp_path: Path, base: str) -> None:
    found = figures(spec(tmp_path, base, tuned=Tuned(strategy=Chain.name)), rows(2))
    assert (found.measured, found.chosen) == ((), None)
    assert found.problem == f"{Chain.name} does not apply to these labels"


def test_a_base_model_that_is_too_slow_to_be_served_is_none(tmp_path: Path, base: str) -> None:
    slow, quick = Latency(1.0, 200.0, (5, 30), "a stopwatch"), Latency(1.0, 2.0, (5, 30), "a stopwatch")

    def measured(tuned: Tuned | None, version: str) -> TrialFigures:
        times, place = iter((slow, quick)), str(tmp_path / version)
        asked = spec(tmp_path, base, tuned=tuned, serving=Serving(max_ms=5.0), version=version, output=place)
        found: TrialFigures = Trial(asked, rows(2), _silent(), probe=lambda *_: next(times)).execute()
        return found

    other = measured(Tuned(strategy=FrozenRegression.name, base_model=base), "other")
    assert other.measured == ()
    assert "LABELWHEEL_SERVE_MAX_MS" in (other.problem or "")
    as_set = measured(None, "set")
    assert as_set.measured, "a small one is tuned in the place of the one that is set, as in a round"


def test_trials_of_one_job_are_measured_in_turn(tmp_path: Path, base: str) -> None:
    paths = []
    for name, penalty in (("a", 1.0), ("b", 10.0)):
        place = tmp_path / name
        place.mkdir()
        (place / "data.jsonl").write_text("\n".join(row.model_dump_json() for row in rows(2)))
        asked = spec(
            place, base, version=name, output=str(place / "out"), data=str(place / "data.jsonl"),
            tuned=Tuned(strategy=FrozenRegression.name, knobs={"penalty": penalty}),
        )  # fmt: skip
        (place / "spec.json").write_text(asked.model_dump_json())
        paths.append(str(place / "spec.json"))
    assert job.main(paths) == 0
    both = [json.loads((tmp_path / name / "out" / RESULT).read_text())["measured"][0] for name in ("a", "b")]
    assert both[0]["losses"] != both[1]["losses"]


@pytest.mark.parametrize("strategy", [each for each in registry.strategies() if each.knobs])
def test_each_knob_has_the_usual_within_its_reach_and_a_name_of_its_own(strategy: type[Strategy]) -> None:
    assert all(knob.low < USUAL < knob.high for knob in strategy.knobs)
    assert all(knob.low > 0 for knob in strategy.knobs if knob.log)
    assert len({knob.name for knob in strategy.knobs}) == len(strategy.knobs)
    assert strategy.cost in Cost


class _Given:
    """All of the materials that a knob asks for."""

    def __init__(self, tuned: Tuned | None) -> None:
        self.tuned = tuned


def test_a_knob_is_turned_for_its_strategy_alone_and_no_further_than_it_goes() -> None:
    rate = FromBase.knobs[0]

    def turned(strategy: type[Strategy], tuned: Tuned | None) -> float:
        return Strategy.turned(_made(strategy, tuned), rate)

    tuned = Tuned(strategy=FromBase.name, knobs={rate.name: 2.0})
    assert turned(FromBase, tuned) == 2.0
    assert turned(Contrastive, tuned) == USUAL
    assert turned(FromBase, None) == USUAL
    assert turned(FromBase, Tuned(strategy=FromBase.name)) == USUAL
    assert turned(FromBase, Tuned(strategy=FromBase.name, knobs={rate.name: 1e9})) == rate.high


def _made(strategy: type[Strategy], tuned: Tuned | None) -> Strategy:
    made = object.__new__(strategy)
    made.given = _Given(tuned)  # type: ignore[assignment]
    return made


def test_the_schedule_and_the_steps_follow_knobs_and_effort(base: str, tmp_path: Path) -> None:
    tuned = Tuned(strategy=FromBase.name, knobs={"learning rate": 2.0, "epochs": 2.0, "batch size": 0.5})
    usual, turned, brief = (
        _schedule(base, FromBase, chosen, effort) for chosen, effort in ((None, 1.0), (tuned, 1.0), (None, 0.5))
    )
    assert turned.rate == pytest.approx(2 * usual.rate)
    assert (turned.epochs, brief.epochs) == (2 * usual.epochs, max(1, round(usual.epochs / 2)))
    assert turned.batch_size == usual.batch_size // 2
    steps = Tuned(strategy=Contrastive.name, knobs={"steps": 3.0, "temperature": 2.0, "learning rate": 0.5})
    plain, more, less = (_steps(base, chosen, effort) for chosen, effort in ((None, 1.0), (steps, 1.0), (None, 0.5)))
    assert (more.steps, less.steps) == (3 * plain.steps, plain.steps // 2)
    assert more.temperature == pytest.approx(2 * plain.temperature)
    assert more.rate == pytest.approx(plain.rate / 2)


def _trial(base: str, tuned: Tuned | None, effort: float) -> Trial:
    found = Trial(spec(Path("/nowhere"), base, tuned=tuned, trial=Fidelity(effort=effort)), rows(3), _silent())
    found._use(found._load(base))
    return found


def _silent() -> object:
    from labelwheel.training.progress import Progress

    return Progress(Listener())


def _schedule(base: str, strategy: type[FromBase], tuned: Tuned | None, effort: float) -> Settings:
    found = _trial(base, tuned, effort)
    return strategy(found._materials(found._problem(found.rows))).schedule()


def _steps(base: str, tuned: Tuned | None, effort: float) -> contrastive.Settings:
    found = _trial(base, tuned, effort)
    strategy = Contrastive(found._materials(found._problem(found.rows)))
    strategy.time_steps()
    return strategy._settings


def test_a_base_model_can_be_used_in_part_and_read_by_its_first_token(base: str) -> None:
    question = choice()
    whole_, half, first = (
        Base.load(base, question, 32, "cpu", shape) for shape in (Shape(), Shape(0.5), Shape(1.0, "first"))
    )
    layers = [each.module.config.num_hidden_layers for each in (whole_, half, first)]
    assert layers == [5, 3, 4], "one more computes the mean"
    assert (half.name, half.source) == (f"{base}, 50% of its layers", base)
    assert first.name == f"{base}, read by its first token"
    assert whole_.name == base
    read = [each.read([example("play some jazz")]) for each in (whole_, half, first)]
    from labelwheel.training import encoders

    said = [
        encoders.features(each.module, texts, 0)[0] for each, texts in zip((whole_, half, first), read, strict=True)
    ]
    assert len({each.round(4).tobytes() for each in said}) == 3
    spans = Question(name="s", kind=Kind.SPANS, inputs=("text",), options=choice().options)
    assert Base.load(base, spans, 32, "cpu", Shape(0.5, "first")).module.config.num_hidden_layers == 2


def test_a_tuned_round_is_made_as_it_was_tuned_and_says_so(tmp_path: Path, base: str) -> None:
    tuned = Tuned(strategy=FrozenRegression.name, knobs={"penalty": 3.0}, depth=0.5, pooling="first")
    asked = spec(tmp_path, base, tuned=tuned, trial=None, artefact=False)
    job.execute(asked, [*rows(3), *rows(1, Part.HELD_OUT)], Listener())
    manifest = json.loads((tmp_path / "t1" / "labelwheel.json").read_text())
    usual = {"strategy": FrozenRegression.name, "knobs": {"penalty": 3.0}, "depth": 0.5, "pooling": "first"}
    assert manifest["settings"]["tuned"] == usual
    assert manifest["base_model"] == f"{base}, 50% of its layers, read by its first token"
    assert json.loads((tmp_path / "t1" / "config.json").read_text())["num_hidden_layers"] == 2
    assert str(tuned) == f"{FrozenRegression.name}, 50% of the layers, read by the first token, penalty × 3"
