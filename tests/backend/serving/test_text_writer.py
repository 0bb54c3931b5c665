"""A checkpoint that writes its answers, on the engine that is chosen for it: as it was measured, through the queue."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from labelwheel.backend.errors import Overloaded
from labelwheel.backend.serving.batching import Priority
from labelwheel.backend.serving.cache import AnswerCache
from labelwheel.backend.serving.engines.choice import ChosenEngine
from labelwheel.backend.serving.loading import load
from labelwheel.backend.serving.predictor import Predictor, ServedQuestion
from labelwheel.backend.serving.queue import InferenceQueue
from labelwheel.training import job
from labelwheel.training.checkpoints import checkpoint
from labelwheel.training.errors import InvalidCheckpoint
from labelwheel.training.model import Model
from labelwheel.training.questions import Example
from labelwheel.training.spec import JobSpec, Part
from labelwheel.training.strategies import text_model
from labelwheel.training.testing.small_model import small_model
from labelwheel.training.text_models.entry import TextModelEntry
from tests.training.text_models.language import SAID, taught, turned


@pytest.fixture(scope="module", params=[False, True], ids=["t5", "llama"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint that a job has written, `v1`, with a graph of its encoder as all have; beside it what it stands
    on."""
    place = tmp_path_factory.mktemp("written")
    spec = JobSpec(
        version="v1", question=SAID, output=str(place / "v1"), data="", base_model=str(small_model(place / "base")),
        device="cpu", threads=1, text_model=str(taught(place / "text-model", causal=request.param)),
    )  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text_model, "RATES", {True: 4e-3, False: 6e-3})
        job.execute(spec, [*turned(Part.TRAIN), *turned(Part.HELD_OUT)])
    found = checkpoint.read(place / "v1").manifest
    assert isinstance(found.foreign, TextModelEntry)
    assert found.artefact is not None
    return place / "v1"


def asked() -> list[Example]:
    """Known texts, unknown ones, and some that are no texts at all."""
    odd = [Example(key=f"odd{place}", fields={"text": text}) for place, text in enumerate(("?", "a " * 300, "😀"))]
    return [row.example for part in (Part.HELD_OUT, Part.TRAIN) for row in turned(part)] + odd


def test_what_is_served_is_what_was_measured_whoever_asks_beside_it(
    folder: Path, engine: ChosenEngine, queue: InferenceQueue
) -> None:
    loaded = load(engine, queue, checkpoint.read(folder), "v1")
    predictor, member = Predictor(queue, AnswerCache(size=0)), ServedQuestion(SAID, loaded)
    examples = asked()
    expected = Model.load(folder, device="cpu").predict(SAID, examples)
    assert sum(one.answer is not None for one in expected) > 30

    def suggest(some: list[Example]) -> list[tuple[object, float]]:
        found = predictor.suggest({"reply": member}, some)
        return [(each["reply"].answer, each["reply"].score) for each in found]

    for found in (suggest(examples), [each for one in examples for each in suggest([one])]):
        assert [answer for answer, _ in found] == [one.answer for one in expected]
        assert [score for _, score in found] == pytest.approx([one.score for one in expected], abs=1e-3)
    with ThreadPoolExecutor(6) as pool:  # several lanes write at once, in batches of whoever comes
        pieces = list(pool.map(suggest, [examples[place::6] for place in range(6)]))
    for place, found in enumerate(pieces):
        assert [answer for answer, _ in found] == [one.answer for one in expected[place::6]]


def test_writing_stops_where_the_deadline_passes_and_where_the_request_is_gone(
    folder: Path, engine: ChosenEngine, queue: InferenceQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = engine.load(folder)
    texts, begun = loaded.encoder._texts, threading.Event()  # type: ignore[attr-defined]
    monkeypatch.setattr(texts, "most_new", 400)
    rows = loaded.encode(SAID, asked()[:1])
    steps: list[float] = []
    forward = texts.model.module.forward

    def slow(*args: object, **kwargs: object) -> object:
        begun.set()
        steps.append(time.monotonic())
        time.sleep(0.1)
        return forward(*args, **kwargs)

    monkeypatch.setattr(texts.model.module, "forward", slow)
    monkeypatch.setattr(type(texts.model), "end", -1)  # an answer that never ends
    with pytest.raises(Overloaded, match="did not come to an end in time"):
        queue.submit(loaded.encoder, rows, Priority.INTERACTIVE, time.monotonic() + 0.5).result(30)
    assert 2 <= len(steps) < 40
    assert queue.late == 1

    begun.clear()
    gone = queue.submit(loaded.encoder, rows, Priority.INTERACTIVE, time.monotonic() + 60)
    assert begun.wait(10)
    assert gone.cancel()
    deadline = time.monotonic() + 10
    while queue.late < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert queue.late == 2, "nobody waits, and it writes on"


def test_a_row_counts_with_what_may_be_written(folder: Path, engine: ChosenEngine) -> None:
    loaded = engine.load(folder)
    entry = loaded.manifest.foreign
    assert isinstance(entry, TextModelEntry)
    longest = loaded.encode(SAID, asked()[-2:-1])[0]
    whole = entry.input_tokens + entry.most_new
    assert whole - 1 <= len(longest.input_ids) <= whole, "a text is cut, what may be written is not"


def test_it_is_not_served_where_what_it_stands_on_is_another(folder: Path, engine: ChosenEngine) -> None:
    weights = folder.parent / "text-model" / "model.safetensors"
    content = weights.read_bytes()
    weights.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    try:
        with pytest.raises(
            InvalidCheckpoint, match=r"v1 stands on a text model that this machine has not: .*is not what it was"
        ):
            engine.load(folder)
    finally:
        weights.write_bytes(content)
    assert engine.load(folder).version == "v1"


def test_who_serves_no_text_model_imports_neither_torch_nor_transformers() -> None:
    code = (
        "import sys; import labelwheel.backend.serving.engines.choice, labelwheel.backend.serving.predictor; "
        "sys.exit(bool({'torch', 'transformers', 'peft'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
