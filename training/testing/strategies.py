"""What every strategy has to keep, as tests that any strategy runs in a job of its own.

    class TestMine(StrategyConformance):
        @pytest.fixture
        def strategy(self): return Mine

`question` and `labelled` may be overridden where a strategy is for other questions than a choice, `named` where it
stands on something that an operator has to name.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from labelwheel.training import job
from labelwheel.training.checkpoints import checkpoint
from labelwheel.training.model import Model
from labelwheel.training.questions import Question
from labelwheel.training.spec import JobSpec, LabelledExample, Part
from labelwheel.training.strategies import registry
from labelwheel.training.strategies.base import Cost, Finished, Strategy
from labelwheel.training.strategies.knobs import USUAL
from labelwheel.training.strategies.outcome import Outcome
from labelwheel.training.testing.labelled_texts import TOPIC, labelled_texts
from labelwheel.training.testing.small_model import small_model


class StrategyConformance:
    """The suite. A subclass named Test… has a fixture `strategy`, its class."""

    question: Question = TOPIC

    def labelled(self) -> Sequence[LabelledExample]:
        """What is learnt from, and what is held out."""
        return [*labelled_texts(48, Part.TRAIN), *labelled_texts(30, Part.HELD_OUT)]

    def named(self, folder: Path) -> dict[str, Any]:
        """What of a job's specification the strategy asks for; `folder` may be written into."""
        return {}

    def test_it_says_what_it_is(self, strategy: type[Strategy]) -> None:
        assert issubclass(strategy, Strategy)
        assert not inspect.isabstract(strategy), sorted(strategy.__abstractmethods__)
        assert strategy.name
        assert strategy.name == strategy.name.strip()
        assert strategy.recipe.isidentifier(), "it stands in manifests"
        assert isinstance(strategy.cost, Cost)
        others = [each for each in registry.strategies() if each is not strategy]
        assert strategy.name not in {each.name for each in others}

    def test_what_a_search_may_turn_has_a_name_and_the_usual_within_its_reach(self, strategy: type[Strategy]) -> None:
        assert len({knob.name for knob in strategy.knobs}) == len(strategy.knobs)
        assert all(knob.name == knob.name.strip() and ": " not in knob.name for knob in strategy.knobs)
        assert all(knob.low < USUAL < knob.high and (knob.low > 0 or not knob.log) for knob in strategy.knobs)

    def test_a_round_tries_it_and_what_it_makes_is_a_plain_checkpoint(
        self, strategy: type[Strategy], tmp_path: Path, monkeypatch: Any
    ) -> None:
        seen: list[Outcome] = []
        watched = _watched(strategy, seen)
        monkeypatch.setattr(registry, "_registered", lambda: [watched])
        base = small_model(tmp_path / "base")
        spec = JobSpec(
            version="v1", question=self.question, output=str(tmp_path / "v1"), data="", base_model=str(base),
            device="cpu", threads=1, artefact=False, **self.named(tmp_path),
        )  # fmt: skip
        rows = list(self.labelled())
        assert job.execute(spec, rows) == "v1"
        self._check_outcome(seen[0], rows, strategy)

        found = checkpoint.read(spec.output)  # whole, and nothing in it that could execute code
        assert (found.manifest.recipe, found.manifest.label_count) == (
            strategy.recipe,
            sum(row.part is Part.TRAIN for row in rows),
        )
        json.dumps(found.manifest.settings, allow_nan=False)
        report = json.loads((tmp_path / "v1" / checkpoint.REPORT).read_bytes())
        assert report["chosen"] == strategy.name
        examples = [row.example for row in rows if row.part is Part.HELD_OUT]
        model = Model.load(spec.output, device="cpu")
        first = model.predict(self.question, examples)
        assert first == Model.load(spec.output, device="cpu").predict(self.question, examples)
        for example, prediction in zip(examples, first, strict=True):
            assert prediction.answer is None or self.question.fitting(prediction.answer, example)[1] == []
            assert 0 <= prediction.score <= 1

    def _check_outcome(self, outcome: Outcome, rows: Sequence[LabelledExample], strategy: type[Strategy]) -> None:
        assert outcome.name == strategy.name
        assert len(set(outcome.indices)) == len(outcome.indices)
        keys = {outcome.problem.rows[index].example.key for index in outcome.indices}
        assert keys <= {row.example.key for row in rows if row.part is Part.TRAIN}, (
            "the held-out part is never looked at"
        )
        assert len(outcome.predictions) == len(outcome.indices)
        assert all(0 <= score.loss <= 1 for score in outcome.scores.values())
        assert all(math.isfinite(value) for value in outcome.surprise.values())


def _watched(strategy: type[Strategy], seen: list[Outcome]) -> type[Strategy]:
    """The same, which notes what it measured and fails where it changes what it was given."""

    class Watched(strategy):  # type: ignore[misc, valid-type]
        def measure(self) -> Outcome:
            before = _weights(self.given.base)
            seen.append(super().measure())
            assert _weights(self.given.base) == before, "the base model is everybody's, and stays as it is"
            return seen[-1]

        def finish(self) -> Finished:
            before = _weights(self.given.base)
            finished: Finished = super().finish()
            assert _weights(self.given.base) == before, "the base model is everybody's, and stays as it is"
            return finished

    return Watched


def _weights(module: Any) -> str:
    digest = hashlib.sha256()
    for name, each in sorted(module.state_dict().items()):
        digest.update(name.encode() + each.detach().cpu().numpy().tobytes())
    return digest.hexdigest()
