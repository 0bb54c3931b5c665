"""Memory that runs out in the very first step, which is taken to see how long one takes."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from labelwheel.training.errors import OutOfMemory
from labelwheel.training.strategies import finetuning
from tests.training.strategies.test_selection import candidate, problem


class Model(torch.nn.Module):
    """Takes batches of so many rows and no more, as a small GPU would."""

    def __init__(self, fits: int) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(3))
        self.fits = fits

    def forward(self, input_ids: torch.Tensor, **rest: Any) -> Any:
        if len(input_ids) > self.fits:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")
        return SimpleNamespace(logits=self.weight.expand(len(input_ids), 3))


def tuned(fits: int) -> finetuning.FineTuned:
    made = candidate(problem())
    made.start = lambda: Model(fits)
    return made


def test_a_step_that_does_not_fit_is_measured_with_half_the_batch() -> None:
    made = tuned(fits=5)
    assert made.step_seconds() > 0
    assert (made.settings.batch_size, made.settings.accumulation) == (4, 4)


def test_where_not_even_one_example_fits_the_candidate_is_given_up() -> None:
    with pytest.raises(OutOfMemory, match="batch of one"):
        tuned(fits=0).step_seconds()


def test_another_fault_is_no_lack_of_memory() -> None:
    made = tuned(fits=16)
    made.start = lambda: SimpleNamespace()
    with pytest.raises(AttributeError):
        made.step_seconds()


class Hungry(Model):
    """Takes 64 MiB of its card for each row, for a moment."""

    def forward(self, input_ids: torch.Tensor, **rest: Any) -> Any:
        torch.empty(len(input_ids) * 64 * 2**20, dtype=torch.uint8, device=self.weight.device)
        return super().forward(input_ids, **rest)


@pytest.mark.gpu
def test_a_step_that_does_not_fit_on_a_card_is_taken_with_half_the_batch() -> None:
    made = tuned(16)
    made.start = lambda: Hungry(16).to("cuda")
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved() + 400 * 2**20) / total)
    try:
        assert made.step_seconds() > 0
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert (made.settings.batch_size, made.settings.accumulation) == (4, 4)
