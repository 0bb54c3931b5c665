"""The process of a foreign model: started, asked one thing at a time, and ended with all that it started.

It is `COMMAND FILE CLASS DESCRIPTOR`. Requests are lines of JSON on its standard input, {"do", …}; answers are lines of
JSON on the descriptor, {"error": null, …}. What it prints goes neither here nor there: the log has the last of it.

| do | with | answer |
| --- | --- | --- |
| open | question | |
| learn | rows: [{"example", "answer"}] | |
| predict | examples | answers: [{"answer", "score", "item_scores"}], a score is null where there is none |
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import select
import subprocess
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil
from pydantic import TypeAdapter, ValidationError

from labelwheel.training.errors import ForeignFailed
from labelwheel.training.foreign.model import ForeignModel
from labelwheel.training.launchers import child
from labelwheel.training.questions import Answer, Example, Frozen, Question

logger = logging.getLogger(__name__)

OPEN_SECONDS = 120.0
"""It may have to import torch, and to load a model."""
LONGEST = 64 * 2**20
"""Bytes of an answer."""
_STEP = 0.1
_WEIGHED = 0.3  # seconds between two looks at its memory
_KEPT = 40  # lines of what it printed
_ENVIRONMENT = (
    "PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "PYTHONPATH", "VIRTUAL_ENV", "LD_LIBRARY_PATH", "SSL_CERT_FILE",
    "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OMP_WAIT_POLICY", "TOKENIZERS_PARALLELISM",
    "CUDA_VISIBLE_DEVICES", "HF_HOME", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE",
)  # fmt: skip
"""All that it gets of our variables, beside those that the operator names: no token, no database, no store's key."""


class Said(Frozen):
    """What it answered about one example, before anybody has looked whether that fits."""

    answer: Answer = None
    score: float | None = None
    item_scores: tuple[float | None, ...] = ()


_SAID = TypeAdapter(list[Said])


class ForeignProcess:
    """One process; `folder` is all that it should write to. A context manager that ends it.

    Every method raises ForeignFailed where it ends, hangs, takes too much memory, or says that something went wrong.
    """

    def __init__(self, model: ForeignModel, question: Question, folder: Path, seconds: float = OPEN_SECONDS) -> None:
        self.model, self._question, self._folder = model, question, folder
        self._printed: deque[str] = deque(maxlen=_KEPT)
        reading, writing = os.pipe()
        self._answers = reading
        try:
            self._process = subprocess.Popen(
                [*model.command, model.path, model.attribute, str(writing)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, pass_fds=(writing,),
                cwd=folder, env=self._environment(),
            )  # fmt: skip
        except OSError as error:
            os.close(reading)
            raise ForeignFailed(f"{model.name} cannot be started: {error}") from error
        finally:
            os.close(writing)
        assert self._process.stdin is not None
        self._requests = self._process.stdin.fileno()
        for descriptor in (self._answers, self._requests):
            os.set_blocking(descriptor, False)
        child.first_to_go(self._process.pid)
        threading.Thread(target=self._listen, name=f"{model.attribute} prints", daemon=True).start()
        try:
            self._ask("open", seconds, question=question.model_dump(mode="json"))
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> ForeignProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def alive(self) -> bool:
        """Whether it can be asked."""
        return self._process.poll() is None

    def learn(self, rows: Sequence[tuple[Example, Answer]], seconds: float) -> None:
        """From these examples with their answers, and no others."""
        given = [{"example": example.model_dump(mode="json"), "answer": answer} for example, answer in rows]
        self._ask("learn", seconds, rows=given)

    def predict(self, examples: Sequence[Example], seconds: float | None = None) -> list[Said]:
        """One for each example, in order."""
        given = [example.model_dump(mode="json") for example in examples]
        found = self._ask("predict", seconds or self.model.seconds, examples=given)
        try:
            said = _SAID.validate_python(found.get("answers"))
        except ValidationError as error:
            raise ForeignFailed(f"{self.model.name} answers what cannot be read: {error.errors()[0]['msg']}") from error
        if len(said) != len(examples):
            raise ForeignFailed(f"{self.model.name} gave {len(said)} answers about {len(examples)} examples")
        return said

    def close(self) -> None:
        """Ends it, with all that it started."""
        family: list[psutil.Process] = []
        with contextlib.suppress(psutil.Error):
            leader = psutil.Process(self._process.pid)
            family = [*leader.children(recursive=True), leader]
        for each in family:
            with contextlib.suppress(psutil.Error):
                each.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(5)
        if self._answers >= 0:
            os.close(self._answers)
            self._answers = -1
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()

    def _ask(self, do: str, seconds: float, **more: Any) -> Mapping[str, Any]:
        try:
            found = self._exchange(do, json.dumps({"do": do, **more}).encode() + b"\n", seconds)
            answer = json.loads(found)
            if not isinstance(answer, dict):
                raise ValueError("no object")
        except ValueError as error:
            self.close()
            raise ForeignFailed(f"{self.model.name} answers what is no JSON ({error})") from error
        except ForeignFailed:
            self.close()
            if self._printed:
                logger.warning("%s printed last: %s", self.model.name, " | ".join(self._printed)[-2000:])
            raise
        if answer.get("error"):
            raise ForeignFailed(f"{self.model.name} failed to {do}: {str(answer['error'])[:500]}")
        return answer

    def _exchange(self, do: str, request: bytes, seconds: float) -> bytes:
        if self._answers < 0:
            raise ForeignFailed(f"{self.model.name} has ended")
        deadline, weighed = time.monotonic() + seconds, 0.0
        left, found = memoryview(request), bytearray()
        poll = select.poll()
        poll.register(self._answers, select.POLLIN)
        poll.register(self._requests, select.POLLOUT)
        while True:
            for descriptor, event in poll.poll(_STEP * 1000):
                if descriptor == self._answers and event & (select.POLLIN | select.POLLHUP):
                    part = _read(self._answers)
                    if part == b"":
                        raise self._ended(do)
                    found += part or b""
                    if found.endswith(b"\n"):
                        return bytes(found)
                    if len(found) > LONGEST:
                        raise ForeignFailed(f"{self.model.name} answers with more than {LONGEST // 2**20} MB")
                elif descriptor == self._requests:
                    left = left[_write(self._requests, left) :]
                    if not left:
                        poll.unregister(self._requests)
            now = time.monotonic()
            if self._process.poll() is not None and not select.select([self._answers], [], [], 0)[0]:
                raise self._ended(do)
            if now > deadline:
                raise ForeignFailed(f"{self.model.name} did not {do} within {seconds:.0f} s, and was ended")
            if now > weighed + _WEIGHED:
                weighed = now
                self._weigh(do)

    def _weigh(self, do: str) -> None:
        size = 0
        with contextlib.suppress(psutil.Error):
            leader = psutil.Process(self._process.pid)
            size = sum(each.memory_info().rss for each in (leader, *leader.children(recursive=True)))
        if size > self.model.memory_mb * 1e6:
            raise ForeignFailed(
                f"{self.model.name} took more than {self.model.memory_mb:.0f} MB to {do}, and was ended; "
                "LABELWHEEL_ML_BACKEND_MB allows more"
            )

    def _ended(self, do: str) -> ForeignFailed:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(2)
        code = self._process.returncode
        how = f"was killed by signal {-code}" if code is not None and code < 0 else f"ended with {code}"
        return ForeignFailed(f"{self.model.name} {how} as it was to {do}")

    def _environment(self) -> dict[str, str]:
        names = (*_ENVIRONMENT, *self.model.variables)
        found = {name: os.environ[name] for name in names if name in os.environ}
        return {**found, "MODEL_DIR": str(self._folder), "PYTHONUNBUFFERED": "1"}

    def _listen(self) -> None:
        """Reads whatever it prints, so that it never waits for anybody to do so."""
        assert self._process.stdout is not None
        rest = b""
        with contextlib.suppress(OSError, ValueError):
            while part := os.read(self._process.stdout.fileno(), 65536):
                *lines, rest = (rest + part)[-65536:].split(b"\n")
                self._printed.extend(line.decode("utf-8", "replace")[:300] for line in lines[-_KEPT:])


def _read(descriptor: int) -> bytes | None:
    try:
        return os.read(descriptor, 1 << 20)
    except BlockingIOError:
        return None


def _write(descriptor: int, content: memoryview) -> int:
    try:
        return os.write(descriptor, content[: 1 << 16])
    except (BlockingIOError, BrokenPipeError):  # that it has ended, its answer says
        return 0
