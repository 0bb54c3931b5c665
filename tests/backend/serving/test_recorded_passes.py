"""Recorded passes: a stand-in records on a CPU, where a replay is the pass once more; CUDA's own on a GPU."""

from __future__ import annotations

import gc
import logging
import threading
import weakref
from concurrent.futures import Future

import numpy as np
import pytest
import torch

from labelwheel.backend.errors import Overloaded
from labelwheel.backend.serving import loading
from labelwheel.backend.serving.engines import recorded_passes
from labelwheel.backend.serving.engines.pytorch import TorchEngine
from labelwheel.backend.serving.engines.recorded_passes import LENGTHS, ROWS, RecordedPasses, Recording
from labelwheel.backend.serving.queue import InferenceQueue
from labelwheel.training import batches, encoders
from labelwheel.training.checkpoints import checkpoint
from labelwheel.training.kinds.base import Encoding
from tests.backend import real
from tests.backend.serving.fakes import FakeEngine, FakeModel, question
from tests.training.models import tiny_bert

LONGEST = 512


def recorded_again(run, pool):
    """Records nothing: a replay computes what is in the static memory anew, as a graph does."""
    output = run()
    return Recording(lambda: output.copy_(run()), output, pool or "pool")


def replays_win(call):
    return {"_replay": 1.0, "_plain": 2.0}[call.func.__name__]


def rows(*lengths):
    return [
        Encoding(place, [5 + (place * 7 + step) % 90 for step in range(length)]) for place, length in enumerate(lengths)
    ]


def rehearsed(passes):
    for step in passes.rehearsals():
        step()
    return passes


@pytest.fixture(scope="module", autouse=True)
def one_core():
    """torch's threads only wait for each other here."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def module(tmp_path_factory):
    """An encoder whose features are the mean over what the mask lets through."""
    base, _ = encoders.load(str(tiny_bert(tmp_path_factory.mktemp("base"))), {"num_labels": 3})
    return encoders.without_head(base)


def test_rows_of_all_lengths_are_answered_as_the_plain_way_does(module):
    passes = rehearsed(RecordedPasses(module, 0, LONGEST, recorded_again, replays_win))
    assert passes.shapes == sorted((count, length) for count in ROWS for length in LENGTHS)
    for lengths in [(1,), (16,), (17,), (256,), (3, 30), (12, 12, 200), (64, 1, 5, 9)]:
        asked = rows(*lengths)
        found, wanted = passes.features(asked), batches.forward(module, asked, 0, len(asked))
        for one, other in zip(found, wanted, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-5)
    assert passes.features(rows(12)) is not None


def test_an_answer_is_not_overwritten_by_the_next(module):
    passes = rehearsed(RecordedPasses(module, 0, LONGEST, recorded_again, replays_win))
    [first] = passes.features(rows(9))
    kept = first.copy()
    passes.features([Encoding(0, [99] * 9)])
    np.testing.assert_array_equal(first, kept)


@pytest.mark.parametrize("lengths", [(), (257,), (300, 2), (2, 2, 2, 2, 2)])
def test_what_is_longer_or_more_goes_the_plain_way(module, lengths):
    passes = rehearsed(RecordedPasses(module, 0, LONGEST, recorded_again, replays_win))
    assert passes.features(rows(*lengths)) is None


def test_no_shape_is_longer_than_the_model_reads(module):
    passes = rehearsed(RecordedPasses(module, 0, 100, recorded_again, replays_win))
    assert sorted({length for _, length in passes.shapes}) == [16, 32, 64, 100]
    assert passes.features(rows(101)) is None


def test_before_the_rehearsal_and_where_replays_are_slower_all_goes_the_plain_way(module, caplog):
    passes = RecordedPasses(module, 0, LONGEST, recorded_again, lambda call: -replays_win(call))
    assert passes.features(rows(9)) is None
    with caplog.at_level(logging.INFO):
        rehearsed(passes)
    assert passes.features(rows(9)) is None
    assert "15 slower" in caplog.text
    assert passes.rehearsals() == []


def test_a_pass_that_has_its_first_mask_baked_in_is_not_kept(module, caplog):
    def baked(run, pool):
        module_of, given = run.args
        mask = given[1].clone()
        output = module_of(input_ids=given[0], attention_mask=mask).logits.float()
        return Recording(
            lambda: output.copy_(module_of(input_ids=given[0], attention_mask=mask).logits.float()), output
        )

    with caplog.at_level(logging.INFO):
        passes = rehearsed(RecordedPasses(module, 0, LONGEST, baked, replays_win))
    assert passes.shapes == []
    assert "15 unlike" in caplog.text


@pytest.mark.parametrize(
    "error",
    [RuntimeError("operation not permitted when stream is capturing"), torch.OutOfMemoryError("CUDA out of memory")],
)
def test_where_recording_fails_once_what_was_recorded_stays_and_the_rest_goes_the_plain_way(module, error, caplog):
    tries = []

    def fails(run, pool):
        tries.append(pool)
        if len(tries) > 2:
            raise error
        return recorded_again(run, pool)

    passes = rehearsed(RecordedPasses(module, 0, LONGEST, fails, replays_win))
    assert tries == [None, "pool", "pool"]
    assert passes.shapes == [(1, 16), (2, 16)]
    assert caplog.text.count("cannot be recorded") == 1
    assert passes.features(rows(5, 6, 7)) is None


def test_a_replay_that_fails_is_answered_the_plain_way_and_is_the_last_one(module, caplog):
    broken = []

    def breaks(run, pool):
        made = recorded_again(run, pool)

        def replay():
            if broken:
                raise RuntimeError("CUDA error: an illegal memory access was encountered")
            made.replay()

        return Recording(replay, made.output)

    passes = rehearsed(RecordedPasses(module, 0, LONGEST, breaks, replays_win))
    broken.append(True)
    assert passes.features(rows(9)) is None
    assert passes.shapes == []
    assert passes.features(rows(9)) is None
    assert caplog.text.count("a recorded pass failed") == 1


def test_several_threads_get_their_own_answers(module):
    passes = rehearsed(RecordedPasses(module, 0, LONGEST, recorded_again, replays_win))
    asked = [rows(length) for length in (3, 5, 7, 9)]
    wanted = [batches.forward(module, each, 0)[0] for each in asked]
    wrong = []

    def ask(number):
        for _ in range(30):
            found = passes.features(asked[number])[0]
            wrong.extend(np.flatnonzero(np.abs(found - wanted[number]) > 1e-4))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not wrong


def test_a_lane_rehearses_before_the_probe_and_once_for_each_encoder(monkeypatch):
    monkeypatch.setattr(recorded_passes, "LENGTHS", (16,))
    threads = []

    def noted(run, pool):
        threads.append(threading.current_thread().name)
        return recorded_again(run, pool)

    engine = TorchEngine("cpu", cores=1, recorder=lambda device: noted)
    queue = InferenceQueue(engine)
    models = [
        loading.load(engine, queue, checkpoint.read(real.store() / version), version) for version in real.VERSIONS
    ]
    queue.close()
    assert models[0].encoder is models[1].encoder
    assert threads == ["inference-0"] * len(ROWS)
    gone = weakref.ref(models[0].encoder.recorded)
    models.clear()
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize("error", [Overloaded("the model did not get to it in time"), TimeoutError()])
def test_a_rehearsal_without_time_for_it_does_not_cost_the_checkpoint(error, caplog):
    called = []

    class Rehearsed(FakeModel):
        def rehearsals(self):
            return [lambda: called.append(1)] * 3

    class Busy:
        def submit(self, encoder, encodings, priority, deadline):
            future = Future()
            if called:
                future.set_exception(error)
            else:
                future.set_result(encoder.features(encodings))
            return future

    loading.rehearse(Rehearsed("v1", question(), FakeEngine()), Busy())
    assert called == [1]
    assert "v1 is not rehearsed to its end" in caplog.text


def on_card(folder=None):
    engine = TorchEngine("cuda")
    model = engine.load(folder or real.store() / "n1")
    for step in model.encoder.rehearsals():
        step()
    return engine, model


@pytest.mark.gpu
def test_graphs_of_a_card_answer_as_its_plain_way_does():
    _, model = on_card()
    passes = model.encoder.recorded
    assert passes.shapes, "no graph was kept: each was slower, or unlike, or could not be recorded"
    for length in (1, 5, 16, 17, 40, 64, 100, 250):
        for count in (1, 2, 3, 4):
            asked = rows(*[max(1, length - place) for place in range(count)])
            found, wanted = passes.features(asked), batches.forward(model.encoder._module, asked, 0, count)
            for one, other in zip(found or wanted, wanted, strict=True):
                assert np.linalg.norm(one - other) <= 0.05 * np.linalg.norm(other)


@pytest.mark.gpu
def test_graphs_are_recorded_while_another_model_answers():
    _, busy = on_card()
    stop, errors = threading.Event(), []

    def ask():
        wanted = busy.encoder.features(rows(40) * 8)[0]
        while not stop.is_set():
            found = busy.encoder.features(rows(40) * 8)[0]
            if np.linalg.norm(found - wanted) > 0.05 * np.linalg.norm(wanted):
                errors.append(found)

    thread = threading.Thread(target=ask)
    thread.start()
    _, model = on_card()
    stop.set()
    thread.join(30)
    assert not errors
    assert model.encoder.recorded.shapes


@pytest.mark.gpu
def test_the_memory_of_graphs_comes_back():
    engine, model = on_card()
    del model
    engine.forget()
    before = torch.cuda.memory_reserved()
    for _ in range(8):
        engine, model = on_card()
        del model
        engine.forget()
    assert torch.cuda.memory_reserved() <= before + 2**20


@pytest.mark.gpu
def test_a_recording_that_fails_leaves_a_card_that_computes_and_gives_memory_back(monkeypatch):
    from labelwheel.backend.serving.engines import cuda_graphs

    monkeypatch.setattr(cuda_graphs, "_failed", [])
    _, model = on_card()
    module = model.encoder._module
    record = cuda_graphs.recorder(module.device)
    ids = torch.ones((1, 16), dtype=torch.int64, device=module.device)

    def waits():
        return module(input_ids=ids).logits.sum().item()  # no graph can wait for the card

    with torch.inference_mode():
        stream = torch.cuda.current_stream()
        with pytest.raises(RuntimeError):
            record(waits, None)
        assert torch.cuda.current_stream() == stream
    assert cuda_graphs._failed
    torch.cuda.empty_cache()
    assert np.isfinite(model.encoder.features(rows(300))[0]).all()


@pytest.mark.gpu
def test_a_roberta_reads_its_positions_in_a_graph_too(tmp_path):
    from transformers import RobertaConfig, RobertaForSequenceClassification

    from labelwheel.backend.serving.engines import cuda_graphs

    torch.manual_seed(1)
    config = RobertaConfig(
        vocab_size=300, hidden_size=64, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
        max_position_embeddings=102, pad_token_id=1,
    )  # fmt: skip
    module = RobertaForSequenceClassification(config).eval().to("cuda", torch.bfloat16)
    passes = rehearsed(RecordedPasses(module, 1, 100, cuda_graphs.recorder(module.device), replays_win))
    for length in (4, 20, 100):
        asked = [Encoding(0, [5 + step for step in range(length)])]
        [found], [wanted] = passes.features(asked), batches.forward(module, asked, 1)
        assert np.linalg.norm(found - wanted) <= 0.05 * np.linalg.norm(wanted)
