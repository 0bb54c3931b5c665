"""Adapters beside a base model that nobody changes, and the plain model that they end in."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from labelwheel.training import batches, encoders
from labelwheel.training.kinds import kind_of
from labelwheel.training.kinds.base import Row
from labelwheel.training.questions import Kind, Option, Question
from labelwheel.training.spec import LabelledExample
from labelwheel.training.strategies import adapters, finetuning_loop
from labelwheel.training.strategies.problem import Problem
from tests.training.models import choice, example, rows, tiny_bert

FAST = finetuning_loop.Settings(epochs=10, head_rate=0.1, adapter_rate=5e-3, batch_size=8)
TOKENS = Question(name="words", kind=Kind.SPANS, inputs=("text",), options=(Option(value="first"),))
PAIR = Question(name="better", kind=Kind.PAIRWISE, inputs=("one", "other"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bert(tmp_path_factory.mktemp("base"))


def labelled(question: Question) -> list[LabelledExample]:
    """The tests' choice; its first words as spans; or whether the text about weather stands on the left."""
    if question.kind == Kind.SPANS:
        found = []
        for row in rows(2):
            span = {"start": 0, "end": len(row.example.fields["text"].split()[0]), "label": "first"}
            found.append(row.model_copy(update={"answer": [span]}))
        return found
    if question.kind == Kind.PAIRWISE:
        given = rows(2)
        weather = [row.example.fields["text"] for row in given if row.answer == "weather"]
        others = [row.example.fields["text"] for row in given if row.answer != "weather"]
        return [
            row.model_copy(update={
                "example": example("", str(place)).model_copy(update={"fields": (
                    {"one": weather[place % 8], "other": others[place % 16]} if place % 2
                    else {"one": others[place % 16], "other": weather[place % 8]}
                )}),
                "answer": "left" if place % 2 else "right",
            })
            for place, row in enumerate(given)
        ]  # fmt: skip
    return rows(2)


def prepared(folder: Path, question: Question) -> tuple[Any, Any, Problem]:
    kind = kind_of(question)
    base, tokenizer = encoders.load(str(folder), kind.config(question), kind.auto_class)
    return base, tokenizer, Problem.build(question, kind, labelled(question), tokenizer, 32)


def answers(model: Any, problem: Problem) -> list[np.ndarray]:
    return batches.forward(model, problem.encodings, 0)


def losses(model: Any, problem: Problem) -> float:
    values, targets, _ = problem.stack(range(len(problem)), dict(enumerate(answers(model, problem))))
    return float(problem.objective.losses(values, targets).mean())


def weights(model: Any) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


def same(model: Any, before: dict[str, torch.Tensor]) -> bool:
    now = model.state_dict()
    return list(now) == list(before) and all(torch.equal(now[name], before[name]) for name in before)


def test_a_start_answers_as_the_base_does_and_shares_its_weights(folder: Path) -> None:
    base, _, problem = prepared(folder, choice())
    model = adapters.fresh(base, 1)
    assert type(model) is type(base)
    assert np.allclose(answers(model, problem), answers(base, problem), atol=1e-6)
    trained = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    behind = {f"{layer}.{part}" for layer in ("bert.pooler.dense", "classifier") for part in ("weight", "bias")}
    assert {name for name in trained if "lora_" not in name} == behind
    assert all(parameter.requires_grad for parameter in base.parameters()), "the base can be trained whole afterwards"
    held = {parameter.data_ptr() for parameter in base.parameters()}
    added = {name for name, parameter in model.named_parameters() if parameter.data_ptr() not in held}
    assert added == trained


def test_every_layer_of_the_encoder_has_one_but_those_that_stay(folder: Path) -> None:
    base, _, _ = prepared(folder, choice())
    linear = {name for name, module in base.named_modules() if isinstance(module, torch.nn.Linear)}
    mean = {name for name in linear if name.startswith("bert.encoder.layer.2.")}
    assert mean, "the layer that means"
    assert set(adapters.targets(base)) == linear - mean - {"bert.pooler.dense", "classifier"}


@pytest.mark.parametrize("question", [choice(), TOKENS, PAIR], ids=lambda question: question.kind)
def test_it_learns_and_what_is_merged_answers_as_it_did(folder: Path, question: Question) -> None:
    base, _, problem = prepared(folder, question)
    before, start = losses(base, problem), weights(base)
    model = adapters.fresh(base, 1)
    finetuning_loop.train(model, problem, range(len(problem)), 0, FAST, feature_norm=0.1)
    assert losses(model, problem) < before * 0.8
    learnt, kept = answers(model, problem), {n: p.clone() for n, p in model.named_parameters() if "base_layer" in n}
    assert kept
    plain = adapters.merged(model)
    for one, other in zip(answers(plain, problem), learnt, strict=True):
        assert np.allclose(one, other, atol=1e-4)
    assert same(base, start), "neither training nor merging has touched the base"
    assert list(plain.state_dict()) == list(base.state_dict())
    assert not any("lora" in type(module).__module__ for module in plain.modules())
    if problem.kind.row is Row.TEXT:
        said = np.argmax(np.stack(answers(plain, problem)), axis=1)
        right = sum(int(target) == answer for target, answer in zip(problem.targets, said, strict=True))
        assert right > Counter(int(target) for target in problem.targets).most_common(1)[0][1]


def test_it_ends_as_it_was_after_its_best_epoch(folder: Path) -> None:
    base, _, problem = prepared(folder, choice())
    given = iter([0.9, 0.3, 0.5, 0.4])
    seen: list[list[np.ndarray]] = []

    def measure(model: Any) -> tuple[float, float, float]:
        seen.append(answers(model, problem))
        return 1.0, 0.5, next(given)

    model = adapters.fresh(base, 1)
    finetuning_loop.train(model, problem, range(len(problem)), 0, FAST, feature_norm=0.1, measure=measure)
    assert np.allclose(answers(model, problem), seen[1], atol=1e-6)
    assert not np.allclose(seen[3], seen[1], atol=1e-3)


def test_two_starts_know_nothing_of_each_other(folder: Path) -> None:
    base, _, problem = prepared(folder, choice())
    one, other = adapters.fresh(base, 1), adapters.fresh(base, 1)
    finetuning_loop.train(one, problem, range(len(problem)), 0, FAST, feature_norm=0.1, stop_after=1)
    assert np.allclose(answers(other, problem), answers(base, problem), atol=1e-6)
    assert not np.allclose(answers(one, problem), answers(base, problem), atol=1e-3)


SMALL = {"vocab_size": 50, "num_labels": 3}


def of_architecture(name: str) -> Any:
    import transformers

    fields: dict[str, dict[str, Any]] = {
        "Roberta": {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 24},
        "DistilBert": {"dim": 16, "n_layers": 1, "n_heads": 2, "hidden_dim": 24},
        "DebertaV2": {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 24},
        "ModernBert": {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 24,
                       "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "cls_token_id": 1, "sep_token_id": 2},
        "GPT2": {"n_embd": 16, "n_layer": 1, "n_head": 2, "pad_token_id": 0},
    }  # fmt: skip
    config = getattr(transformers, f"{name}Config")(**SMALL, **fields[name])
    return getattr(transformers, f"{name}ForSequenceClassification")(config).eval()


@pytest.mark.parametrize("name", ["Roberta", "DistilBert", "DebertaV2", "ModernBert", "GPT2"])
def test_other_encoders_have_them_too_and_what_is_behind_them_is_trained_itself(name: str) -> None:
    torch.manual_seed(0)
    base = of_architecture(name)
    rows = {"input_ids": torch.randint(5, 50, (2, 6)), "attention_mask": torch.ones(2, 6, dtype=torch.long)}
    before, start = base(**rows).logits, weights(base)
    model = adapters.fresh(base, 1)
    assert torch.allclose(model(**rows).logits, before, atol=1e-6)
    body = f"{base.base_model_prefix}."
    for each, parameter in model.named_parameters():
        assert parameter.requires_grad is ("lora_" in each or not each.startswith(body)), each
    assert any("lora_" in each for each, _ in model.named_parameters())
    model(**rows).logits.square().sum().backward()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.grad is not None:
                parameter -= 0.1 * parameter.grad
    learnt = model(**rows).logits
    assert not torch.allclose(learnt, before, atol=1e-3)
    plain = adapters.merged(model)
    assert torch.allclose(plain(**rows).logits, learnt, atol=1e-4)
    assert same(base, start)


@pytest.mark.gpu
def test_on_a_card_it_learns_and_what_is_merged_answers_as_it_did(folder: Path) -> None:
    base, _, problem = prepared(folder, choice())
    base.to("cuda")
    before, start = losses(base, problem), weights(base)
    model = adapters.fresh(base, 1)
    assert {parameter.device.type for parameter in model.parameters()} == {"cuda"}
    finetuning_loop.train(model, problem, range(len(problem)), 0, FAST, feature_norm=0.1)
    learnt = answers(model, problem)
    assert losses(model, problem) < before * 0.8
    for one, other in zip(answers(adapters.merged(model), problem), learnt, strict=True):
        assert np.allclose(one, other, atol=0.05)  # the sum of the products, rounded to bfloat16, or that of the sums
    assert same(base, start)
