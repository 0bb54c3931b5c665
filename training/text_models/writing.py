"""What a text model writes to rows of tokens: the likeliest next token, again and again, with a KV cache.

Rows are computed together, and none of them knows of the others: what is filled up is masked, positions count from
each row's own first token, and each has as many tokens to write in.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from labelwheel.training.text_models.pretrained import TextModel

ROWS, TOKENS = 32, 16_384
"""Of one batch at most, with all that may be written."""


class Unwanted(Exception):
    """Nobody waits any more for what was being written."""


class Said(NamedTuple):
    """What was written, without the token that ends it, and the logarithm of how likely all of it was.

    `ended` tells that it ended by itself.
    """

    tokens: list[int]
    likelihood: float
    ended: bool

    @property
    def row(self) -> np.ndarray:
        """What tells how sure it is: the likelihood of a token, of the whole, and a constant."""
        return np.array([self.likelihood / (len(self.tokens) + 1), max(self.likelihood, -50.0) / 10.0, 1.0])


def always() -> bool:
    """Somebody waits."""
    return True


def write(
    model: TextModel, rows: Sequence[Sequence[int]], most_new: int, wanted: Callable[[], bool] = always
) -> list[Said]:
    """What is written to each row, in order; raises Unwanted as soon as nobody waits for it, asked token by token."""
    order = sorted(range(len(rows)), key=lambda place: -len(rows[place]))
    found: dict[int, Said] = {}
    while order:
        fitting = max(1, min(ROWS, TOKENS // (len(rows[order[0]]) + most_new)))
        chosen, order = order[:fitting], order[fitting:]
        found |= zip(chosen, _together(model, [rows[place] for place in chosen], most_new, wanted), strict=True)
    return [found[place] for place in range(len(rows))]


def _together(model: TextModel, rows: Sequence[Sequence[int]], most_new: int, wanted: Callable[[], bool]) -> list[Said]:
    import torch
    from transformers import GenerationConfig, LogitsProcessorList, StoppingCriteriaList

    ids, mask = _padded(rows, model.pad, left=not model.reads_apart)
    device = model.module.device
    steps: list[Any] = []

    def likelihood(_: Any, scores: Any) -> Any:
        scores = scores.float()
        steps.append(scores.max(-1).values - scores.logsumexp(-1))
        return scores

    def stops(given: Any, scores: Any, **_: Any) -> Any:
        if not wanted():
            raise Unwanted
        return torch.zeros(given.shape[0], dtype=torch.bool, device=given.device)

    config = GenerationConfig(
        do_sample=False, num_beams=1, max_new_tokens=most_new, eos_token_id=model.end, pad_token_id=model.pad,
        use_cache=True, decoder_start_token_id=model.module.generation_config.decoder_start_token_id,
    )  # fmt: skip
    with torch.inference_mode():
        written = model.module.generate(
            input_ids=torch.from_numpy(ids).to(device), attention_mask=torch.from_numpy(mask).to(device),
            generation_config=config, logits_processor=LogitsProcessorList([likelihood]),
            stopping_criteria=StoppingCriteriaList([stops]),
        )  # fmt: skip
        logs = torch.stack(steps, dim=1).cpu().numpy().astype(np.float64)
    given = 1 if model.reads_apart else ids.shape[1]
    pairs = zip(written[:, given:].tolist(), logs, strict=True)
    return [_said(tokens, np.asarray(log), model.end) for tokens, log in pairs]


def _said(tokens: Sequence[int], logs: np.ndarray, end: int) -> Said:
    ended = end in tokens
    count = tokens.index(end) if ended else len(tokens)
    return Said(list(tokens[:count]), float(logs[: count + ended].sum()), ended)


def _padded(rows: Sequence[Sequence[int]], pad: int, left: bool) -> tuple[np.ndarray, np.ndarray]:
    """`input_ids` and `attention_mask`; what writes behind a row in the same stack is filled up before it."""
    width = max(len(row) for row in rows)
    ids, mask = np.full((len(rows), width), pad, dtype=np.int64), np.zeros((len(rows), width), dtype=np.int64)
    for place, row in enumerate(rows):
        where = slice(width - len(row), None) if left else slice(None, len(row))
        ids[place, where], mask[place, where] = row, 1
    return ids, mask
