"""Whether it helps that the encoder first reads a project's texts without labels.

    make bench-adaptation ARGS="--data FOLDER"

Masked language modelling (Devlin et al. 2019) on the texts that can be labelled, without a label, before anything is
learnt; sentence encoders come without the head for it, so a small one is learnt along, on the word embeddings. Then, on
the encoder as it comes and on each that has read: accuracy on the test texts of the label names, and of the fast lane's
head on random labels; and of the head of that encoder which is best on these labels out of fold, which is all that a
project knows.
"""

from __future__ import annotations

import argparse
import copy
import json
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import nn

from benchmarks.common import machine, save
from benchmarks.labels.field import Field
from benchmarks.labels.lanes import bench
from benchmarks.rounds import Stage, stage_of
from labelwheel.training import encoders
from labelwheel.training.heads.fitting import Fitted, measure
from labelwheel.training.strategies import label_names

SETS = ("trec6", "snips", "sst2", "banking77")
TEXTS, BATCH, LENGTH = 4_000, 16, 64
MASKED, KEPT, RANDOM = 0.15, 0.1, 0.1
"""Of the tokens so many are to be guessed, of which so many stay as they are or are others (Devlin et al. 2019)."""

HEAD_RATE, WARM = 1e-3, 0.1


class Way(NamedTuple):
    """How the texts are read: how often all of them, and with which rate."""

    epochs: int
    rate: float


WAYS = {"as it comes": Way(0, 0.0), "read mildly": Way(2, 3e-5), "read hard": Way(4, 1e-4)}


class Guessing(nn.Module):
    """The head of masked language modelling on an encoder's word embeddings; it begins as the identity."""

    def __init__(self, embeddings: nn.Embedding) -> None:
        super().__init__()
        width = embeddings.weight.shape[1]
        self.turn, self.norm = nn.Linear(width, width), nn.LayerNorm(width)
        nn.init.eye_(self.turn.weight)
        nn.init.zeros_(self.turn.bias)
        self.bias = nn.Parameter(torch.zeros(len(embeddings.weight)))

    def forward(self, states: torch.Tensor, embeddings: nn.Embedding) -> torch.Tensor:
        return self.norm(nn.functional.gelu(self.turn(states))) @ embeddings.weight.T + self.bias


def batches(rows: Sequence[Sequence[int]], pad: int, chance: np.random.Generator) -> Iterator[torch.Tensor]:
    """All rows once, texts of like length together, (texts, tokens)."""
    order = sorted(range(len(rows)), key=lambda place: len(rows[place]) + chance.random() * 4)
    starts = chance.permutation(range(0, len(order), BATCH))
    for start in starts:
        some = [torch.tensor(rows[place]) for place in order[start : start + BATCH]]
        yield nn.utils.rnn.pad_sequence(some, batch_first=True, padding_value=pad)


def masked(tokens: torch.Tensor, tokenizer: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """What the encoder reads, and where it has to guess."""
    free = ~torch.isin(tokens, torch.tensor(tokenizer.all_special_ids))
    sought, dice = (torch.rand(tokens.shape) < MASKED) & free, torch.rand(tokens.shape)
    read = tokens.clone()
    read[sought & (dice < 1 - KEPT - RANDOM)] = tokenizer.mask_token_id
    others = sought & (dice > 1 - RANDOM)
    read[others] = torch.randint(len(tokenizer), (int(others.sum()),))
    return read, sought


def read(model: Any, texts: Sequence[Sequence[int]], tokenizer: Any, way: Way, seed: int) -> Any:
    """A copy of the model whose encoder has read the texts, as numbers of tokens."""
    torch.manual_seed(seed)
    chance, model = np.random.default_rng(seed), copy.deepcopy(model)
    encoder = model.base_model
    words = encoder.get_input_embeddings()
    head = Guessing(words)
    groups = [{"params": encoder.parameters(), "lr": way.rate}, {"params": head.parameters(), "lr": HEAD_RATE}]
    steps = max(1, way.epochs * -(-len(texts) // BATCH))
    optimizer = torch.optim.AdamW(groups, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min(1.0, step / (WARM * steps + 1)) * (1 - step / steps)
    )
    encoder.train()
    for _ in range(way.epochs):
        for tokens in batches(texts, tokenizer.pad_token_id, chance):
            shown, sought = masked(tokens, tokenizer)
            if not sought.any():
                continue
            there = (tokens != tokenizer.pad_token_id).long()
            states = encoder(input_ids=shown, attention_mask=there).last_hidden_state[sought]
            loss = nn.functional.cross_entropy(head(states, words), tokens[sought])
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(encoder.parameters(), 1.0)
            optimizer.step()
            schedule.step()
    encoder.eval()
    return model.eval()


def standing_on(stage: Stage, model: Any) -> Stage:
    """The same texts as another model sees them."""
    other = copy.copy(stage)
    other.base = model
    other.features = encoders.features(model, stage.encodings, stage.tokenizer.pad_token_id)
    other.said = label_names.directions(stage.question, model, stage.tokenizer, LENGTH)
    return other


def runs(data: str | None, name: str, counts: Sequence[int], seeds: int) -> Iterator[dict[str, Any]]:
    """Of one set: what each encoder is worth, by number of labels and draw."""
    stage, pool, test = stage_of(data, name, TEXTS)
    texts = [list(stage.encodings[place].input_ids)[:LENGTH] for place in pool]
    fields, spent = dict[str, Field](), dict[str, float]()
    for told, way in WAYS.items():
        began = time.process_time()
        model = read(stage.base, texts, stage.tokenizer, way, 0) if way.epochs else stage.base
        spent[told] = round(time.process_time() - began)
        fields[told] = Field(standing_on(stage, model), pool)
    for count in counts:
        for seed in range(seeds):
            labelled = stage.draw(pool, count, seed, skewed=False)
            fitted = {told: measure(bench(field, labelled, seed), 60.0) for told, field in fields.items()}
            right = {told: _right(fields[told], one, test) for told, one in fitted.items()}
            honest = {told: _out_of_fold(fields[told], one, labelled) for told, one in fitted.items()}
            best = max(honest, key=lambda told: honest[told])
            names = {told: _names(field, test) for told, field in fields.items()}
            yield {
                "set": name, "labels": count, "seed": seed, "names": names, "right": right, "out of fold": honest,
                "chosen": best, "right as chosen": right[best], "cpu_seconds": spent,
            }  # fmt: skip


def _right(field: Field, fitted: Fitted, test: Sequence[int]) -> float:
    values = np.stack(fitted.head.values(list(field.whole[list(test)]), list(field.named[list(test)])))
    return float((values.argmax(axis=1) == field.gold[list(test)]).mean())


def _names(field: Field, test: Sequence[int]) -> float:
    return float((field.named[list(test)].argmax(axis=1) == field.gold[list(test)]).mean())


def _out_of_fold(field: Field, fitted: Fitted, labelled: Sequence[int]) -> float:
    """How probable the right answers are to heads that have not seen them, as far as one score tells."""
    rows = [field.stage.rows[place] for place in labelled]
    losses = [
        field.stage.kind.score(field.stage.question, row.example, row.answer, one).loss
        for row, one in zip(rows, fitted.out_of_fold, strict=True)
    ]
    return -float(np.mean(losses))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="the folder with the sets; or set LABELWHEEL_DATA")
    parser.add_argument("--sets", nargs="+", default=SETS)
    parser.add_argument("--labels", type=int, nargs="+", default=[16, 64, 256])
    parser.add_argument("--seeds", type=int, default=5)
    arguments = parser.parse_args()
    found: list[dict[str, Any]] = []
    for name in arguments.sets:
        for run in runs(arguments.data, name, arguments.labels, arguments.seeds):
            found.append(run)
            print(json.dumps(run), file=sys.stderr)
        save("adaptation", {"machine": machine(), "runs": found})
    show(found)


def show(found: Sequence[dict[str, Any]]) -> None:
    """Means over draws."""
    table = Table("set", "labels", *(f"{told}: names, head" for told in WAYS), "chosen out of fold")
    for name, count in dict.fromkeys((run["set"], run["labels"]) for run in found):
        own = [run for run in found if (run["set"], run["labels"]) == (name, count)]
        cells = [
            f"{np.mean([run['names'][told] for run in own]):.3f}, {np.mean([run['right'][told] for run in own]):.3f}"
            for told in WAYS
        ]
        table.add_row(name, str(count), *cells, f"{np.mean([run['right as chosen'] for run in own]):.3f}")
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
