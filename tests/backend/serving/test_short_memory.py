"""A device whose memory runs out while it serves: in a load, in a batch, in a single text."""

from __future__ import annotations

import gc
import weakref
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from labelwheel.backend.serving import loaded_models
from labelwheel.backend.serving.engines import pytorch
from labelwheel.backend.serving.engines.pytorch import TorchEngine
from labelwheel.training.errors import OutOfMemory
from labelwheel.training.kinds.base import Encoding
from tests.backend import real
from tests.backend.serving.fakes import FakeEngine
from tests.backend.serving.test_models import World


class Small(FakeEngine):
    """Holds one model at a time."""

    def load(self, folder, manifest=None):
        if self.alive:
            raise OutOfMemory(f"{folder} does not fit into the memory of cuda:0")
        return super().load(folder, manifest)


@pytest.fixture
def world(tmp_path, monkeypatch):
    monkeypatch.setattr(loaded_models, "FIRST_RETRY", 0.0)
    world = World(tmp_path, Small())
    world.want("g1", mood="v1")
    world.served_models.follow()
    yield world
    world.queue.close()


def test_a_checkpoint_that_does_not_fit_beside_its_champion_waits_for_memory(world):
    world.want("g2", mood="v2")
    assert not world.served_models.follow()
    assert world.served_models.serving == {"1": "g1"}
    problem = world.served_models.problems["1"]
    assert "does not fit" in problem["message"]
    assert "checkpoint" not in problem  # it would be given up
    assert world.engine.forgotten == 1
    world.engine.alive -= 1  # such as a job that has ended
    assert world.served_models.follow()
    assert world.served_models.serving == {"1": "g2"}
    assert world.served_models.problems == {}
    world.engine.alive += 1


def test_it_is_given_up_when_that_takes_too_long(world, monkeypatch):
    monkeypatch.setattr(loaded_models, "PATIENCE", 0.0)
    world.want("g2", mood="v2")
    world.served_models.follow()
    assert world.served_models.problems["1"]["checkpoint"] == "v2"
    assert world.served_models.serving == {"1": "g1"}


def test_where_nothing_is_served_yet_it_is_given_up_at_once(world):
    world.want("h1", project=2, reference="p2", mood="v2")
    world.served_models.follow()
    assert world.served_models.problems["2"]["checkpoint"] == "v2"


def test_what_was_half_loaded_is_gone(monkeypatch):
    seen = []

    def full(module, pad):
        seen.append(weakref.ref(module))
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")

    monkeypatch.setattr(pytorch, "_ends_with_head", full)
    engine = TorchEngine("cpu", cores=1)
    with pytest.raises(OutOfMemory, match=r"does not fit into the memory of cpu"):
        engine.load(real.store() / "n1")
    gc.collect()
    assert seen[0]() is None


class Module(torch.nn.Module):
    """Takes so many rows at once and no more, as a full card would."""

    device, dtype = torch.device("cpu"), torch.float32

    def __init__(self, fits: int) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(3))
        self.fits = fits

    def forward(self, input_ids, attention_mask):
        if len(input_ids) > self.fits:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")
        return SimpleNamespace(logits=input_ids.sum(1, keepdim=True) * self.weight)


def encoder(fits):
    return pytorch.TorchEncoder(Module(fits), 0, 512, lambda device: None)


def test_a_batch_that_does_not_fit_is_answered_in_halves():
    found = encoder(3).features([Encoding(place, [place + 1] * (1 + place % 5)) for place in range(40)])
    np.testing.assert_array_equal(np.stack(found)[:, 0], [(place + 1) * (1 + place % 5) for place in range(40)])


def test_a_text_that_does_not_fit_by_itself_is_refused_until_there_is_memory():
    with pytest.raises(OutOfMemory, match="for a single text") as caught:
        encoder(0).features([Encoding(0, [1, 2])])
    assert caught.value.status == 503


@pytest.mark.gpu
def test_a_card_is_as_it_was_after_a_load_that_did_not_fit():
    engine = TorchEngine("cuda")
    model = engine.load(real.store() / "n1")
    rows = [Encoding(0, [5, 6, 7])]
    wanted = model.encoder.features(rows)[0]
    engine.forget()
    before, total = torch.cuda.memory_reserved(), torch.cuda.mem_get_info()[1]
    torch.cuda.set_per_process_memory_fraction((before + 8 * 2**20) / total)
    try:
        with pytest.raises(OutOfMemory, match="does not fit"):
            engine.load(real.store() / "n2")
        engine.forget()
        assert torch.cuda.memory_reserved() <= before + 2**21
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    np.testing.assert_array_equal(model.encoder.features(rows)[0], wanted)


@pytest.mark.gpu
def test_passes_that_cannot_be_recorded_for_want_of_memory_go_the_plain_way():
    engine = TorchEngine("cuda")
    model = engine.load(real.store() / "n1")
    rows = [Encoding(0, [5, 6, 7])]
    wanted = model.encoder.features(rows)[0]
    engine.forget()
    total = torch.cuda.mem_get_info()[1]
    torch.cuda.set_per_process_memory_fraction(torch.cuda.memory_reserved() / total)
    try:
        for step in model.encoder.rehearsals():
            step()
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    engine.forget()
    found = model.encoder.features(rows)[0]
    assert np.linalg.norm(found - wanted) <= 0.05 * np.linalg.norm(wanted)
