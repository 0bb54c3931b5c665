"""One trial of a search: how well settings do out of fold, on so much of the training side and on nothing else."""

from __future__ import annotations

import hashlib
import logging
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from labelwheel.training.checkpoints import checkpoint
from labelwheel.training.checkpoints.checkpoint import Manifest
from labelwheel.training.encoders import Shape
from labelwheel.training.errors import InvalidJob
from labelwheel.training.run import Run
from labelwheel.training.spec import Fidelity, JobSpec, LabelledExample, Part
from labelwheel.training.strategies import registry
from labelwheel.training.strategies.base import Cost, Strategy
from labelwheel.training.strategies.outcome import Outcome, choose
from labelwheel.training.strategies.selection import Selection
from labelwheel.training.tuning.figures import RESULT, Measured, TrialFigures

logger = logging.getLogger(__name__)

RECIPE = "trial"
LEAST_ROWS = 24
"""So many examples are measured on in any case: fewer have no parts to speak of."""


class Trial(Run):
    """Leaves figures at `spec.output`, in the way of a checkpoint and without a model.

    Raises InvalidJob where any example is not of the training side, and what `Run` does.
    """

    def __init__(self, spec: JobSpec, rows: Sequence[LabelledExample], *given: Any, **more: Any) -> None:
        if any(row.part is not Part.TRAIN for row in rows):
            raise InvalidJob("a trial may not see what is held out; give it examples of the training side alone")
        self.fidelity = spec.trial or Fidelity()
        super().__init__(spec, drawn(rows, self.fidelity), *given, **more)

    def execute(self) -> Any:
        """Everything, up to the figures."""
        self._check_enough()
        self._separate()
        with self.progress.phase("Loading the base model", 5):
            self._use(self._load(self.spec.base_model, self._shape()))
        figures = self._too_slow() or self._measured()
        self._leave(figures)
        self.progress.update(1.0, force=True)
        return figures

    def _shape(self) -> Shape:
        tuned = self.spec.tuned
        shape = Shape.of(tuned)
        found = next((each for each in registry.strategies() if tuned and each.name == tuned.strategy), None)
        dear = found is not None and found.cost is Cost.MINUTES  # else it costs nothing to read all layers
        return shape._replace(depth=shape.depth * self.fidelity.depth) if dear else shape

    def _too_slow(self) -> TrialFigures | None:
        """Where what serves could not keep its limit; in place of the base model that is set there is a small one."""
        if self.spec.serving is None:
            return None
        self._keep(self.spec.serving, self.rows)
        if self.served.instead is None:
            return None
        if self.spec.tuned is not None and self.spec.tuned.base_model is not None:
            return TrialFigures(version=self.spec.version, labels=len(self.rows), problem=self.served.told)
        self._use(self.served.instead)
        return None

    def _measured(self) -> TrialFigures:
        with self.progress.phase("Embedding the texts", 15):
            given = self._materials(self._problem(self.rows))
        selection, tuned = Selection(given), self.spec.tuned
        dearest = Cost.MINUTES if self.spec.fine_tuning else Cost.SECONDS
        known = [each for each in registry.strategies() if each.learns and not each.continues]
        allowed = (each for each in known if each.cost <= dearest or each.asked)
        wanted = list(allowed) if tuned is None else [each for each in known if each.name == tuned.strategy]
        found: list[tuple[Strategy, Outcome]] = []
        for number, each in enumerate(wanted, start=1):
            with self.progress.phase(f"Trying: {each.name}", 15 + 80 * number / len(wanted)):
                pair = selection.measure(each.name)
            if pair is not None and pair[1].indices:
                found.append(pair)
        version, labels = self.spec.version, len(given.problem)
        common: dict[str, Any] = {"version": version, "labels": labels, "notes": tuple(self.notes)}
        if not found:
            name = tuned.strategy if tuned else "no strategy"
            why = "; ".join(self.notes) or f"{name} does not apply to these labels"
            return TrialFigures(**common, problem=why)
        return TrialFigures(
            **common,
            measured=tuple(map(_figures, (outcome for _, outcome in found))),
            chosen=choose([outcome for _, outcome in found]).outcome.name,
            groups={row.example.key: row.group for row in given.problem.rows},
        )

    def _leave(self, figures: TrialFigures) -> None:
        """A folder whose manifest is written last, as launchers and stores know them."""
        spec = self.spec
        manifest = Manifest(
            version=spec.version, question=spec.question, base_model=self.base.name, encoder_digest="", recipe=RECIPE,
            max_length=self.base.max_length, label_set="", label_count=figures.labels, seed=spec.seed,
        )  # fmt: skip
        checkpoint.write(Path(spec.output), None, None, manifest, {RESULT: figures.model_dump_json()})


def drawn(rows: Sequence[LabelledExample], fidelity: Fidelity) -> list[LabelledExample]:
    """A share of the rows, in their order, near-duplicates together; what is in a smaller share is in a larger one."""
    count = max(min(LEAST_ROWS, len(rows)), math.ceil(fidelity.labels * len(rows)))
    if count >= len(rows):
        return list(rows)

    def lot(row: LabelledExample) -> tuple[bytes, str]:
        return hashlib.sha256(f"{fidelity.draw} {row.group}".encode()).digest(), row.example.key

    kept = {row.example.key for row in sorted(rows, key=lot)[:count]}
    return [row for row in rows if row.example.key in kept]


def _figures(outcome: Outcome) -> Measured:
    rows, scores, surprise, trial = outcome.problem.rows, outcome.scores, outcome.surprise, outcome.trial
    losses = {
        rows[index].example.key: (round(scores[index].loss, 6), round(float(surprise[index]), 6))
        for index in outcome.indices
    }
    return Measured(strategy=outcome.name, score=trial.score, seconds=trial.seconds, detail=trial.detail, losses=losses)
