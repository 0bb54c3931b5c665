"""A served project on one device without a labelling tool: two checkpoints that never answer alike, and a job beside.

The first checkpoint answers from the label names, the second has the same head with its sign changed: whatever the one
finds best is what the other finds worst. So an answer that is not of the version that it names is seen at once.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.engines.checkpoint import topics
from benchmarks.engines.raw import examples
from demo import messages
from labelwheel.backend.serving.cache import AnswerCache
from labelwheel.backend.serving.connector_host import ServingHost
from labelwheel.backend.serving.engines.pytorch import TorchEngine
from labelwheel.backend.serving.hint_writer import HintWriter
from labelwheel.backend.serving.models import ServedModels
from labelwheel.backend.serving.predictor import Predictor
from labelwheel.backend.serving.queue import InferenceQueue
from labelwheel.backend.serving.served import Wanted
from labelwheel.training import encoders, job
from labelwheel.training.checkpoints import checkpoint
from labelwheel.training.model import Model
from labelwheel.training.spec import JobSpec, Recipe

TOOL, PROJECT = "none", "1"
QUESTIONS = ("topic", "again")
"""Both are answered by the same checkpoint, so that an answer that mixes two versions is seen."""
VERSIONS = ("names", "turned")


class Stage:
    """What is served, without HTTP; `folder` takes the checkpoints."""

    def __init__(self, folder: Path, device: str) -> None:
        self.folder, self.device = folder, device
        self.rows = messages.rows()
        self.question, self.labelled = topics()
        self._make()
        self.engine = TorchEngine(device)
        self.queue = InferenceQueue(self.engine)
        self._wanted: dict[int, Wanted] = {}
        self.served = ServedModels(self.engine, self.queue, lambda: dict(self._wanted))
        self.host = ServingHost(
            self.served, Predictor(self.queue, AnswerCache()), HintWriter(lambda keys: None), lambda tool, reference: []
        )
        self.promotions = self._jobs = 0

    def promote(self) -> str:
        """The other checkpoint, as a new generation; its name, once it is what is served."""
        version = VERSIONS[self.promotions % 2]
        self.promotions += 1
        name = f"g{self.promotions}-{version}"
        asked = {each: self.question.model_copy(update={"name": each}) for each in QUESTIONS}
        members = {each: (version, str(self.folder / version)) for each in QUESTIONS}
        self._wanted[1] = Wanted(1, TOOL, PROJECT, name, asked, members)
        self.served.follow()
        if problems := self.served.problems:
            raise RuntimeError(f"{name} cannot be served: {problems}")
        return name

    def announced(self) -> str:
        """The generation that the service names."""
        return str(self.host.version(TOOL, PROJECT))

    def ask(self, text: str) -> tuple[str, dict[str, Any]]:
        """The generation that answered, and its answers by question."""
        [suggestion] = self.host.suggest(TOOL, PROJECT, examples([text]))
        return suggestion.version, {name: one.answer for name, one in suggestion.predictions.items()}

    def ask_all(self, texts: list[str]) -> tuple[str, list[Any]]:
        """The same for many at once, of the first question."""
        found = self.host.suggest(TOOL, PROJECT, examples(texts))
        return found[0].version, [each.predictions[QUESTIONS[0]].answer for each in found]

    def module(self) -> Any:
        """The encoder that answers, as torch has it."""
        model: Any = self.served.served(TOOL, PROJECT).members[QUESTIONS[0]].model
        return model.encoder._module

    def truth(self, texts: list[str]) -> Mapping[str, list[Any]]:
        """What each version answers to some texts, in float32 on the CPU."""
        found = {}
        for version in VERSIONS:
            predictions = Model.load(self.folder / version, device="cpu").predict(self.question, examples(texts))
            found[version] = [one.answer for one in predictions]
        return found

    @contextmanager
    def training(self, shares_card: bool = True) -> Iterator[list[int]]:
        """Training jobs on the same device, one after the other, as processes; yields the codes of those that ended.

        They hold back as they do beside serving, if not told otherwise.
        """
        stop, codes = threading.Event(), list[int]()
        running: list[subprocess.Popen[bytes]] = []

        def work() -> None:
            while not stop.is_set():
                self._jobs += 1
                running[:] = [self._job(self._jobs, shares_card)]
                code = running[0].wait()
                if not stop.is_set():
                    codes.append(code)

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        time.sleep(5)  # until it has imported torch, and computes
        try:
            yield codes
        finally:
            stop.set()
            for child in running:
                os.killpg(child.pid, signal.SIGKILL)
            thread.join(30)

    def close(self) -> None:
        self.queue.close()

    def _job(self, number: int, shares_card: bool) -> subprocess.Popen[bytes]:
        data, spec = self.folder / "data.jsonl", self.folder / f"job-{number}.json"
        data.write_text("".join(row.model_dump_json() + "\n" for row in self.labelled), "utf-8")
        wanted = JobSpec(
            version=f"job-{number}", question=self.question, data=str(data), output=str(self.folder / f"job-{number}"),
            device=self.device, max_minutes=5.0, artefact=False, shares_card=shares_card,
        )  # fmt: skip
        spec.write_text(wanted.model_dump_json())
        command = [sys.executable, "-m", "labelwheel.training.job", str(spec)]
        with (self.folder / "job.log").open("ab") as log:
            return subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)

    def _make(self) -> None:
        first = JobSpec(
            version=VERSIONS[0], question=self.question, data="", output=str(self.folder / VERSIONS[0]),
            recipe=Recipe.NAMES, device="cpu", artefact=False,
        )  # fmt: skip
        job.execute(first, [])
        model = Model.load(first.output, device="cpu")
        weight, bias = encoders.read_head(model.module)
        encoders.write_head(model.module, -weight, -bias)
        # with an encoder of its own, as after fine-tuning: one that is shared would not be loaded again
        other = {"version": VERSIONS[1], "files": {}, "encoder_digest": VERSIONS[1]}
        manifest = model.manifest.model_copy(update=other)
        checkpoint.write(self.folder / VERSIONS[1], model.module, model.tokenizer, manifest, {})
