"""A causal model of our own making that answers prompts: two small layers, trained for a minute until they have it."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from labelwheel.training.language.prompt import Prompts
from labelwheel.training.questions import Question
from labelwheel.training.spec import LabelledExample

ROLES = ("<system>", "<user>", "<assistant>")
TEMPLATE = (
    "{% for each in messages %}<{{ each['role'] }}>{{ each['content'] }}<end>{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)
ENOUGH, SECONDS, BATCH = 0.01, 400.0, 16
"""The loss at which it stops, and how long that may take."""


def write(folder: Path, question: Question, rows: Sequence[LabelledExample]) -> Path:
    """Learns to answer the question before its first label, as the prompts have it; written to `folder`."""
    torch.manual_seed(1)
    prompts = Prompts(question, [], 100_000)
    said = [
        "".join(f"<{each['role']}>{each['content']}<end>" for each in prompts.messages(row.example)) + ROLES[2]
        for row in rows
    ]
    answers = [json.dumps({"answer": row.answer}) + "<end>" for row in rows]
    tokenizer = _tokenizer([f"{prompt}{answer}" for prompt, answer in zip(said, answers, strict=True)])
    prompt_ids, answer_ids = (tokenizer(texts)["input_ids"] for texts in (said, answers))
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer), hidden_size=48, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4,
            num_key_value_heads=4, max_position_embeddings=2048, pad_token_id=0, eos_token_id=1, bos_token_id=None,
            tie_word_embeddings=True,
        )
    )  # fmt: skip
    optimizer, chance = torch.optim.AdamW(model.parameters(), lr=3e-3), random.Random(1)
    begin, loss = time.monotonic(), 1.0
    while loss > ENOUGH:
        assert time.monotonic() - begin < SECONDS, f"it has not learnt to answer in {SECONDS:.0f} s, the loss is {loss}"
        loss = _step(model, optimizer, [(prompt_ids[i], answer_ids[i]) for i in chance.sample(range(len(rows)), BATCH)])
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _tokenizer(texts: Sequence[str]) -> PreTrainedTokenizerFast:
    found = Tokenizer(models.BPE())
    found.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    found.decoder = decoders.ByteLevel()
    special, alphabet = ["<pad>", "<end>", *ROLES], pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=600, special_tokens=special, initial_alphabet=alphabet)
    found.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=found, pad_token="<pad>", eos_token="<end>", chat_template=TEMPLATE)


def _step(
    model: LlamaForCausalLM, optimizer: torch.optim.Optimizer, pairs: Sequence[tuple[list[int], list[int]]]
) -> float:
    width = max(len(prompt) + len(answer) for prompt, answer in pairs)
    rows, labels = torch.zeros((len(pairs), width), dtype=torch.long), torch.full((len(pairs), width), -100)
    for row, label, (prompt, answer) in zip(rows, labels, pairs, strict=True):
        row[: len(prompt) + len(answer)] = torch.tensor(prompt + answer)
        label[len(prompt) : len(prompt) + len(answer)] = torch.tensor(answer)
    loss = model(input_ids=rows, attention_mask=(rows != 0).long(), labels=labels).loss
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return float(loss.item())
