"""Memory: what is left of it, and what is given up where it runs out."""

from __future__ import annotations

import logging
from collections import namedtuple
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from labelwheel.training import memory
from labelwheel.training.errors import OutOfMemory
from labelwheel.training.questions import Question
from labelwheel.training.strategies import adapters, finetuning, finetuning_loop, memory_ladder
from tests.training.models import choice, tiny_bert
from tests.training.strategies.test_adapters import PAIR, TOKENS, prepared
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
    total = torch.cuda.mem_get_info()[1]
    torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved() + 400 * 2**20) / total)
    try:
        assert made.step_seconds() > 0
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert (made.settings.batch_size, made.settings.accumulation) == (4, 4)


def test_the_ladder_halves_batches_and_computes_again_once_they_are_few() -> None:
    steps, settings = list[tuple[int, int, bool]](), finetuning_loop.Settings(batch_size=16)
    while settings:
        steps.append((settings.batch_size, settings.accumulation, settings.checkpointing))
        settings = memory_ladder.below(settings, can_checkpoint=True)  # type: ignore[assignment]
    assert steps == [
        (16, 1, False), (8, 2, False), (4, 4, False), (4, 4, True), (2, 8, True), (1, 16, True),
    ]  # fmt: skip


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bert(tmp_path_factory.mktemp("base"))


def short_of(model: Any) -> Any:
    """The model on a device where layers may not keep what they compute."""

    def refuse(module: Any, *given: Any) -> None:
        if module.training and not any(getattr(each, "gradient_checkpointing", False) for each in module.modules()):
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")

    model.register_forward_pre_hook(refuse)
    return model


@pytest.mark.parametrize("adapted", [False, True])
@pytest.mark.parametrize("question", [choice(), TOKENS, PAIR], ids=lambda question: question.kind)
def test_a_model_that_does_not_fit_is_trained_with_gradient_checkpointing(
    base: Path, caplog: pytest.LogCaptureFixture, question: Question, adapted: bool
) -> None:
    model, _, there = prepared(base, question)
    copied = (lambda: adapters.fresh(model, 1)) if adapted else finetuning.copier(model, "cpu")
    made = finetuning.FineTuned(
        "tuned", there, lambda: short_of(copied()), None, 0, 1.0, finetuning_loop.Settings(epochs=1), float("inf")
    )
    with caplog.at_level(logging.WARNING):
        assert made.step_seconds() > 0
    assert (made.settings.batch_size, made.settings.accumulation) == (4, 4)
    outcome, trained, _ = made.run([(list(range(16)), list(range(16, 24)))], keep=True)
    assert "batches of 4×4, gradient checkpointing, 1 validation part" in outcome.detail
    assert any("again with batches of 4×4, gradient checkpointing" in each.getMessage() for each in caplog.records)
    assert "checkpointing" not in trained.config.to_json_string(), "the checkpoint knows nothing of it"


@pytest.mark.parametrize("adapted", [False, True])
@pytest.mark.parametrize("question", [choice(), TOKENS], ids=lambda question: question.kind)
def test_what_is_computed_again_has_the_same_gradients(base: Path, question: Question, adapted: bool) -> None:
    found = []
    for checkpointing in (False, True):
        model, _, there = prepared(base, question)
        model = adapters.fresh(model, 1) if adapted else model
        if adapted:  # at first nothing reaches the first of the two matrices
            for name, parameter in model.named_parameters():
                if "lora_B" in name:
                    torch.nn.init.constant_(parameter, 0.01)
        if checkpointing:
            memory_ladder.checkpoint(model)
        batch = finetuning_loop.collate(there, range(4), 0)
        labels = batch.pop("labels")
        torch.manual_seed(3)  # dropout falls as it fell
        there.objective.torch_loss(model.train()(**batch).logits, labels, None).backward()
        found.append({name: p.grad for name, p in model.named_parameters() if p.grad is not None})
    assert found[0].keys() == found[1].keys()
    assert any(gradient.abs().max() > 0 for name, gradient in found[0].items() if "layer.0" in name)
    for name, gradient in found[0].items():
        assert torch.allclose(gradient, found[1][name], atol=1e-6), name


Memory = namedtuple("Memory", "available")


@pytest.mark.parametrize(
    ("controllers", "limit", "used", "stat"),
    [
        ("", "memory.max", "memory.current", "inactive_file"),
        ("memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    ],
)
def test_what_is_left_is_the_least_of_the_host_s_and_every_group_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, controllers: str, limit: str, used: str, stat: str
) -> None:
    own, groups = tmp_path / "own", tmp_path / "groups"
    own.write_text(f"1:cpu:/a/b\n4:{controllers}:/a/b\n")
    monkeypatch.setattr(memory, "_OWN", own)
    monkeypatch.setattr(memory, "_GROUPS", groups)
    monkeypatch.setattr(memory.psutil, "virtual_memory", lambda: Memory(5000))
    assert memory.free("cpu") == 5000
    for place, bound, taken in ((groups / controllers / "a" / "b", "max", 10), (groups / controllers / "a", 3000, 900)):
        place.mkdir(parents=True, exist_ok=True)
        (place / limit).write_text(f"{bound}\n")
        (place / used).write_text(f"{taken}\n")
        (place / "memory.stat").write_text(f"cache 700\n{stat} 400\n")
    assert memory.free("cpu") == 3000 - 900 + 400
    monkeypatch.setattr(memory.psutil, "virtual_memory", lambda: Memory(200))
    assert memory.free("cpu") == 200


def large_bert() -> Any:
    """A BERT of 400 million parameters, random, on the card."""
    from transformers import BertConfig, BertForSequenceClassification

    config = BertConfig(
        hidden_size=1024, num_hidden_layers=29, num_attention_heads=16, intermediate_size=4096, num_labels=4
    )
    return BertForSequenceClassification(config).to("cuda")


def peak(model: Any, rows: int) -> int:
    """Bytes that one step takes at most, beside what there was before it."""
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    ids = torch.randint(5, 30000, (rows, 256), device="cuda")
    with torch.autocast("cuda", dtype=torch.bfloat16):
        loss = model.train()(input_ids=ids).logits.float().square().mean()
    loss.backward()
    model.zero_grad(set_to_none=True)
    return torch.cuda.max_memory_allocated() - before


@pytest.mark.gpu
def test_on_a_card_a_start_with_adapters_takes_a_tenth_of_a_copy_and_no_gradients_of_the_whole() -> None:
    base = large_bert()
    size = sum(parameter.numel() for parameter in base.parameters()) * 4
    before = torch.cuda.memory_allocated()
    model = adapters.fresh(base, 1)
    assert torch.cuda.memory_allocated() - before < size / 10
    assert peak(model, 1) < peak(base, 1) - size / 2


@pytest.mark.gpu
@pytest.mark.parametrize("adapted", [False, True])
def test_on_a_card_gradient_checkpointing_takes_less(adapted: bool) -> None:
    model = adapters.fresh(large_bert(), 1) if adapted else large_bert()
    plain = peak(model, 32)
    memory_ladder.checkpoint(model)
    assert peak(model, 32) < 0.7 * plain


@pytest.mark.gpu
def test_on_a_card_what_is_left_falls_by_what_is_taken() -> None:
    before = memory.free("cuda")
    taken = torch.zeros(2**28, dtype=torch.uint8, device="cuda")
    assert before - memory.free("cuda") == pytest.approx(len(taken), rel=0.25)
    del taken
    assert memory.free("cuda") == pytest.approx(before, rel=0.1), "what the allocator keeps at hand counts as free"
