"""One training run from rows to a checkpoint: load, learn, measure against the champion, write."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Sequence
from pathlib import Path

from labelwheel.training import batches, card_share, encoders, labelset, latency, memory, serving_limit, sufficiency
from labelwheel.training.answering import answerer
from labelwheel.training.base_model import WHOLE, Base
from labelwheel.training.checkpoints import checkpoint, layered_head
from labelwheel.training.checkpoints.checkpoint import Manifest
from labelwheel.training.elsewhere import saves
from labelwheel.training.encoders import Shape
from labelwheel.training.errors import InvalidCheckpoint, TooFewLabels
from labelwheel.training.evaluation import base_card, model_card
from labelwheel.training.evaluation import report as reports
from labelwheel.training.evaluation.findings import CurveOf, CurvePoint, Findings
from labelwheel.training.heads import followed
from labelwheel.training.kinds import kind_of
from labelwheel.training.latency import Probe
from labelwheel.training.measurement import Measurement, learning_curve, measure
from labelwheel.training.model import Model, default_device
from labelwheel.training.onnx_export import make
from labelwheel.training.progress import Progress
from labelwheel.training.questions import Example
from labelwheel.training.serving_limit import Served
from labelwheel.training.shared_features import Embed
from labelwheel.training.spec import JobResult, JobSpec, LabelledExample, Part, Recipe, Serving
from labelwheel.training.strategies import teacher
from labelwheel.training.strategies.base import Cost
from labelwheel.training.strategies.frozen_head import Frozen
from labelwheel.training.strategies.lessons import Taught
from labelwheel.training.strategies.materials import Budget, Materials
from labelwheel.training.strategies.problem import Problem
from labelwheel.training.strategies.selection import Proposal, Selection
from labelwheel.training.unlabelled import UnlabelledTexts

logger = logging.getLogger(__name__)

_BY_HEAD = "The champion is measured with a head on it that follows the labels: that is what people see, or soon would."


class Run:
    """One question of a job. Raises TooFewLabels where nothing can be learnt yet, InvalidJob, OutOfMemory.

    `embed` computes the features of the base model before it is trained, `probe` times it where there is a limit.
    """

    def __init__(
        self,
        spec: JobSpec,
        rows: Sequence[LabelledExample],
        progress: Progress,
        embed: Embed = encoders.features,
        unlabelled: Sequence[Example] = (),
        probe: Probe = latency.measure,
    ) -> None:
        self.spec, self.progress = spec, progress
        self.embed, self.probe = embed, probe
        self.unlabelled, self.rows = unlabelled, rows
        self.kind = kind_of(spec.question)
        self.begin = time.monotonic()
        self.deadline = self.begin + spec.max_minutes * 60.0
        self.device = spec.device or default_device()
        self.notes: list[str] = []
        self.heads, self.served = followed.NOBODY, Served()
        self.curve: Sequence[CurvePoint] = []
        self.taught: Taught | None = None
        self.texts: UnlabelledTexts | None = None
        self.champion: Model | None = None

    def execute(self) -> JobResult:
        """Everything, up to the checkpoint at `spec.output`."""
        spec = self.spec
        self._check_enough()
        self._separate()
        train = [] if spec.recipe is Recipe.NAMES else [row for row in self.rows if row.part is Part.TRAIN]
        with self.progress.phase("Loading the base model", 5):
            self._use(self._load(spec.base_model, Shape.of(spec.tuned)))
            self.champion = self._champion()
        if spec.serving is not None:
            with self.progress.phase("Timing the base model", 7):
                self._keep(spec.serving, train)
        if self.served.instead is not None:
            self._teach(train)
            self._use(self.served.instead)
        with self.progress.phase("Reading the labels", 8):
            problem = self._problem(train)
            self._note_unlearnable(problem)
        proposal = self._propose(problem)
        with self.progress.phase("Measuring", 95):
            answer = answerer(proposal, self.base)
            measured = measure(spec, self.kind, self.rows, proposal, answer, self.champion, self.heads.answers)
            if measured.by_head:
                self.notes.append(_BY_HEAD)
        with self.progress.phase("Making the artefact", 97):
            made = self._artefact(proposal)
        with self.progress.phase("Writing the checkpoint", 99):
            result = self._write(proposal, measured, problem, made)
        self.progress.update(1.0, force=True)
        return result

    def _load(self, base_model: str | None, shape: Shape = WHOLE) -> Base:
        return Base.load(base_model, self.spec.question, self.spec.max_length, self.device, shape)

    def _use(self, base: Base) -> None:
        """What is tuned from now on, and read with."""
        self.base, self.texts = base, None
        if self.unlabelled:
            question, words = self.spec.question, (base.tokenizer, base.max_length)
            self.texts = UnlabelledTexts(question, self.unlabelled, self.rows, *words)

    def _problem(self, rows: Sequence[LabelledExample]) -> Problem:
        base = self.base
        return Problem.build(self.spec.question, self.kind, rows, base.tokenizer, base.max_length, self.spec.hide_below)

    def _keep(self, limit: Serving, train: Sequence[LabelledExample]) -> None:
        """Whether the base model is fast enough to be served, by texts that are not held out."""
        load, examples = (lambda: self._load(None)), [*(row.example for row in train), *self.unlabelled]
        self.served = serving_limit.keep(limit, self.base, load, examples, self.spec.artefact, self.probe)
        self.notes += filter(None, [self.served.told])

    def _teach(self, train: Sequence[LabelledExample]) -> None:
        """What the base model that is too slow to be served has to say to the one that is."""
        if self.spec.recipe is Recipe.NAMES or not self.spec.fine_tuning or self.kind.free:
            return
        with self.progress.phase("Training what is distilled", 45):
            self.taught = teacher.teach(self._materials(self._problem(train)))

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
            problem.question, problem.examples, problem.answers, self.base.tokenizer, self.base.max_length
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

    def _followed(self) -> followed.Followed:
        """What heads on the champion say that have learnt from the same labels."""
        # no head follows labels on what is not ours
        if not self.spec.followed or self.kind.free or self.champion is None or self.champion.foreign is not None:
            return followed.NOBODY
        loose = self.texts.examples if self.texts else ()
        return followed.follow(self.champion, self.spec.question, self.rows, loose, self.spec.hide_below)

    def _propose(self, problem: Problem) -> Proposal:
        if self.spec.recipe is Recipe.NAMES:
            return Selection(self._materials(problem)).before_labels()
        with self.progress.phase("Embedding the texts", 15):
            given = self._materials(problem)
        proposal = Selection(given).propose(Cost.MINUTES if self.spec.fine_tuning else Cost.SECONDS)
        logger.info("Proposed: %s, because %s", proposal.strategy.name, proposal.reason)
        with self.progress.phase("Drawing the learning curve", 85):
            self.heads = self._followed()
            self.curve = self.heads.curve or learning_curve(self.spec, self.rows, given, proposal, self.embed)
        return proposal

    def _materials(self, problem: Problem) -> Materials:
        base = self.base
        frozen = Frozen.build(problem, base.module, base.tokenizer, base.max_length, self.embed)
        return Materials(
            problem, base.module, base.tokenizer, frozen, self.champion, base.max_length, self.spec.seed,
            Budget(self.deadline), self.progress, base.name, self.notes, self.texts, taught=self.taught,
            tuned=self.spec.tuned, effort=self.spec.trial.effort if self.spec.trial else 1.0,
            text_model=self.spec.text_model, zero_shot=self.spec.zero_shot,
        )  # fmt: skip

    def _artefact(self, proposal: Proposal) -> make.Made:
        if not self.spec.artefact:
            return make.Made(None)
        outcome = proposal.outcome
        source = make.Source(
            self.spec.question, self.kind, proposal.module.to("cpu"), self.base.tokenizer, self.base.max_length,
            outcome.problem.id2label, proposal.calibration, self.spec.threads, proposal.head,
            self.spec.compared,
        )  # fmt: skip
        with batches.quiet():
            made = make.make(source, self.rows, self.spec.seed)
        self.notes += serving_limit.unkept(self.served, made.entry)
        return made

    def _write(
        self,
        proposal: Proposal, measured: Measurement, problem: Problem, made: make.Made,
    ) -> JobResult:  # fmt: skip
        spec, strategy = self.spec, proposal.strategy
        length, trials = self.base.max_length, self.taught.trials if self.taught else ()
        settings = {"recipe": strategy.recipe, "max_length": length, **self.served.settings, **proposal.settings}
        if spec.tuned is not None:
            settings["tuned"] = spec.tuned.model_dump(mode="json", exclude_defaults=True)
        if self.kind.hides:
            settings["hide_below"] = spec.hide_below
        label_set = labelset.name(problem.rows if strategy.learns else [])
        findings = Findings(
            spec=spec,
            kind=self.kind,
            rows=self.rows,
            measured=measured.rows,
            predictions=measured.predictions,
            suggested=measured.suggested,
            scores=measured.scores,
            champion_scores=measured.champion_scores if self.champion else None,
            cross_validated=measured.cross_validated,
            parent=self.champion.manifest.version if self.champion else None,
            started_from="champion" if strategy.continues else "base",
            base_model=self.base.name,
            label_set=label_set,
            trials=[*trials, *proposal.trials],
            chosen=strategy.name,
            reason=proposal.reason,
            training_curve=proposal.curve,
            learning_curve=self.curve,
            curve_of=CurveOf.HEADS if self.heads.curve else CurveOf.REGRESSION,
            calibration=proposal.calibration,
            settings=settings,
            libraries=checkpoint.libraries(),
            seconds=time.monotonic() - self.begin,
            peak_memory=memory.peak(),
            artefact=made.told,
            notes=[*self.notes, *card_share.told()],
        )
        report = reports.build(findings)
        result = JobResult(
            version=spec.version,
            metric=self.kind.metric,
            pairs=measured.pairs,
            cross_validated=any(not pair.held_out for pair in measured.pairs),
            followed=measured.followed, by_head=measured.by_head, unrivalled=self.champion is None and self.kind.free,
            saves=saves(self.champion.manifest if self.champion else None, proposal.foreign),
            report=report,
        )  # fmt: skip
        manifest = Manifest(
            version=spec.version,
            question=spec.question,
            base_model=self.base.name,
            encoder_digest=encoders.digest(proposal.module),
            parent=findings.parent,
            recipe=strategy.recipe,
            max_length=length,
            calibration=proposal.calibration,
            label_set=label_set,
            label_count=len(problem) if strategy.learns else 0,
            seed=spec.seed,
            settings=settings,
            libraries=checkpoint.libraries(),
            artefact=made.entry,
            head=layered_head.FILE if proposal.head else None,
            foreign=proposal.foreign.entry if proposal.foreign else None,
        )
        files: dict[str, str | bytes] = {
            **made.files,
            **proposal.files,
            checkpoint.REPORT: json.dumps(report, indent=1, ensure_ascii=False),
            checkpoint.CARD: reports.render(report),
            checkpoint.MODEL_CARD: model_card.write(manifest, report, base_card.read(self.base.source)),
            "result.json": result.model_dump_json(),
        }
        with batches.quiet():
            checkpoint.write(Path(spec.output), proposal.module.to("cpu"), self.base.tokenizer, manifest, files)
        return result
