"""Passes in batches: every row has its own output, however they are batched, fetched, and whatever does not fit."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from labelwheel.training import batches, fetching
from labelwheel.training.kinds.base import Encoding


class Summing(torch.nn.Module):
    """Answers with the sum of each row's tokens, or with each token; takes so many rows at once."""

    def __init__(self, fits: int = 100, by_token: bool = False) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(2))
        self.fits, self.by_token, self.sizes = fits, by_token, []

    def forward(self, input_ids, attention_mask):
        self.sizes.append(len(input_ids))
        if len(input_ids) > self.fits:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")
        masked = (input_ids * attention_mask).to(self.weight.dtype)
        return SimpleNamespace(logits=(masked if self.by_token else masked.sum(1))[..., None] * self.weight)


ROWS = [Encoding(place, [1 + (place + step) % 9 for step in range(1 + place * 5 % 7)]) for place in range(23)]


def wanted(by_token=False):
    return [np.asarray(row.input_ids if by_token else sum(row.input_ids), dtype=np.float32) for row in ROWS]


def check(found, by_token=False):
    for one, other in zip(found, wanted(by_token), strict=True):
        np.testing.assert_array_equal(one[..., 0], other)
        assert one.dtype == np.float32


@pytest.mark.parametrize("by_token", [False, True])
@pytest.mark.parametrize("size", [1, 4, 22, 23, 64])
def test_each_row_has_its_own_output(size, by_token):
    check(batches.forward(Summing(by_token=by_token), ROWS, 0, size), by_token)


def test_the_next_batch_is_launched_before_the_last_one_is_waited_for(monkeypatch):
    happened, model = [], Summing()
    model.register_forward_hook(lambda *_: happened.append("launched"))

    def noted(tensor, ahead):
        values = tensor.clone()
        tensor.zero_()  # as memory that is used again

        def wait():
            happened.append("waited")
            return values.numpy()

        assert ahead
        return wait

    monkeypatch.setattr(batches, "fetch", noted)
    check(batches.forward(model, ROWS, 0, 8))
    assert happened == ["launched", "launched", "waited", "launched", "waited", "waited"]


def test_a_single_batch_is_fetched_as_it_is(monkeypatch):
    asked = []
    monkeypatch.setattr(batches, "fetch", lambda tensor, ahead: asked.append(ahead) or (lambda: tensor.numpy()))
    check(batches.forward(Summing(), ROWS, 0, 23))
    assert asked == [False]


def test_what_does_not_fit_is_halved_with_a_batch_still_under_way():
    model = Summing(fits=5)
    model.sizes.clear()
    check(batches.forward(model, ROWS, 0, 16))
    assert model.sizes[:3] == [16, 8, 4]
    grows = Summing(fits=8)
    grows.register_forward_hook(lambda module, *_: setattr(module, "fits", 3))  # full once the first is done
    check(batches.forward(grows, ROWS, 0, 8))


def test_a_device_without_pinned_memory_is_fetched_from_batch_by_batch(monkeypatch, caplog):
    def refuse(tensor):
        raise RuntimeError("CUDA error: out of memory")

    monkeypatch.setattr(fetching, "_begin", refuse)
    monkeypatch.setattr(fetching, "_refused", [])
    card = SimpleNamespace(device=torch.device("cuda"), cpu=lambda: torch.ones(2))
    for _ in range(2):
        np.testing.assert_array_equal(fetching.fetch(card)(), [1, 1])
    assert caplog.text.count("one after the other") == 1


@pytest.mark.gpu
@pytest.mark.parametrize("by_token", [False, True])
def test_a_card_gives_what_a_cpu_gives(by_token):
    model = Summing(by_token=by_token).to("cuda", torch.bfloat16)
    for size in (1, 4, 64):
        check(batches.forward(model, ROWS, 0, size), by_token)
    assert fetching._refused == []
