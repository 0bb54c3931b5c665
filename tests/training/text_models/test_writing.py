"""What is written to a row depends on that row alone, ends within its bounds, and stops where nobody waits."""

from __future__ import annotations

from pathlib import Path

import pytest

from labelwheel.training.errors import InvalidCheckpoint
from labelwheel.training.questions import Example
from labelwheel.training.strategies import adapters
from labelwheel.training.testing.small_text_model import small_text_model
from labelwheel.training.text_models import adapted, phrasing, pretrained, writing
from labelwheel.training.text_models.phrasing import Phrasing
from labelwheel.training.text_models.pretrained import TextModel
from labelwheel.training.text_models.writing import Unwanted, write
from tests.training.text_models.language import SAID, told

MOST = 16


@pytest.fixture(params=["t5", "llama"])
def model(request: pytest.FixtureRequest) -> TextModel:
    return pretrained.load(str(request.getfixturevalue(request.param)), "cpu")


def rows(model: TextModel) -> list[list[int]]:
    """Of many lengths: what the model knows by heart, and what nobody would say."""
    texts = [text for text, _ in told(3)]
    texts += [" ".join([text] * (1 + place % 5)) for place, text in enumerate(texts)] + ["a", "?? 😀", "so " * 40]
    asked = Phrasing(model, "reply:", "\n", 200)
    return [asked.read(SAID, Example(key=text, fields={"text": text})) for text in texts]


def test_an_answer_does_not_depend_on_its_batch(model: TextModel, monkeypatch: pytest.MonkeyPatch) -> None:
    given = rows(model)
    alone = [write(model, [row], MOST)[0] for row in given]
    assert len({tuple(one.tokens) for one in alone}) > 20, "they are answers to something"
    for size in (2, 7, 32):
        monkeypatch.setattr(writing, "ROWS", size)
        for order in (given, given[::-1]):
            together = write(model, order, MOST)
            together = together if order is given else together[::-1]
            assert [one.tokens for one in together] == [one.tokens for one in alone]
            assert [one.likelihood for one in together] == pytest.approx([one.likelihood for one in alone], abs=1e-3)


def test_how_likely_an_answer_is_says_the_model_itself(model: TextModel) -> None:
    """Read again in one pass, without a cache."""
    import torch

    [row] = rows(model)[:1]
    [said] = write(model, [row], MOST)
    assert said.ended
    whole = [*said.tokens, model.end]
    with torch.inference_mode():
        if model.reads_apart:
            start = model.module.config.decoder_start_token_id
            logits = model.module(
                input_ids=torch.tensor([row]), decoder_input_ids=torch.tensor([[start, *said.tokens]])
            ).logits[0]
        else:
            logits = model.module(input_ids=torch.tensor([[*row, *said.tokens]])).logits[0, len(row) - 1 :]
    logs = torch.log_softmax(logits, -1)[range(len(whole)), whole]
    assert said.likelihood == pytest.approx(float(logs.sum()), abs=1e-3)


def test_it_writes_no_more_than_it_may(model: TextModel) -> None:
    for one in write(model, rows(model), 2):
        assert len(one.tokens) <= 2
        assert not one.ended or len(one.tokens) < 2
    assert not write(model, rows(model)[:1], 2)[0].ended, "its answer is longer"


def test_it_stops_at_the_token_at_which_nobody_waits_any_more(model: TextModel) -> None:
    asked = 0

    def wanted() -> bool:
        nonlocal asked
        asked += 1
        return asked < 3

    with pytest.raises(Unwanted):
        write(model, rows(model), MOST, wanted)
    assert asked == 3


def test_what_is_read_has_its_bound_and_what_is_asked_stays(model: TextModel) -> None:
    asked = Phrasing(model, "reply:", "\n", 24)
    long = asked.read(SAID, Example(key="k", fields={"text": "please translate " * 100}))
    assert len(long) <= 24
    assert "reply:" in model.tokenizer.decode(long)


def test_what_stands_between_texts_is_what_the_tokenizer_keeps_and_nobody_writes(model: TextModel) -> None:
    assert phrasing.separator(model, ["one", ["two", "three"]]) == "\n"
    assert phrasing.separator(model, ["one\nmore", ["two", "three"]]) == " | "
    assert phrasing.separator(model, ["one\nmore", ["two | b", "three"]]) == " ;; "


def test_what_it_was_published_to_be_generated_with_changes_nothing(tmp_path: Path) -> None:
    small = small_text_model(tmp_path / "model", ["some words"], causal=True)
    first = write(pretrained.load(str(small), "cpu"), [[5, 6, 7]], MOST)
    (small / "generation_config.json").write_text('{"do_sample": true, "temperature": 9.0, "repetition_penalty": 3.0}')
    assert write(pretrained.load(str(small), "cpu"), [[5, 6, 7]], MOST) == first


@pytest.mark.parametrize("causal", [False, True])
def test_adapters_for_another_model_are_refused(causal: bool, tmp_path: Path) -> None:
    small = pretrained.load(str(small_text_model(tmp_path / "small", ["some words"], causal)), "cpu")
    content = adapted.packed(adapters.layers(adapters.fresh_writer(small.module, 1)), 2.0)
    adapted.add(small.module, content)
    size = {"hidden_size": 32} if causal else {"d_model": 32}
    other = pretrained.load(str(small_text_model(tmp_path / "other", ["some words"], causal, **size)), "cpu")
    with pytest.raises(InvalidCheckpoint, match="the adapters do not fit"):
        adapted.add(other.module, content)
    with pytest.raises(InvalidCheckpoint, match="the adapters do not fit"):
        adapted.add(small.module, b"no tensors")


def test_gpt2_has_its_weights_the_other_way_round(tmp_path: Path) -> None:
    """What was trained beside the weights and what is added to them answer alike."""
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(1)
    base = GPT2LMHeadModel(GPT2Config(vocab_size=50, n_embd=16, n_layer=1, n_head=2, n_positions=32)).eval()
    tuned = adapters.fresh_writer(base, 1).eval()
    with torch.no_grad():
        for _, wide in adapters.layers(tuned).values():
            wide.normal_()
        asked = torch.tensor([[1, 2, 3, 4]])
        expected, before = tuned(asked).logits, base(asked).logits
        assert not torch.allclose(expected, before, atol=1e-2)
        adapted.add(base, adapted.packed(adapters.layers(tuned), adapters.ALPHA / adapters.RANK))
        assert torch.allclose(base(asked).logits, expected, atol=1e-4)
