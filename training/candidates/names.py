"""Label names as text: what a question can be answered from before anybody has labelled anything."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from training import encoders
from training.learners.base import Encoding
from training.model import pad_token
from training.questions import Kind, Option, Question

KINDS = frozenset({Kind.CHOICE, Kind.CHOICES, Kind.TAXONOMY})
"""The kinds whose options mean something by themselves."""

SHARPNESS = 16.0
"""Logits are this times the cosine. Measured with MiniLM on four sets of texts: the log loss is least at 12 to 20."""

_BORDERS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[\s_\-./:›]+")


def words(name: str) -> str:
    """A label as people would say it: `SearchScreeningEvent`, `search_screening-event` → `search screening event`."""
    parts = [part for part in _BORDERS.split(name) if part]
    return " ".join(part if len(part) > 1 and part.isupper() else part.lower() for part in parts)


def describe(option: Option) -> str:
    """What is embedded for an option: its words, and what people are told about it."""
    said = " ".join(filter(None, map(words, option.path)))
    return ", ".join(filter(None, (said or option.value, option.hint.strip())))


def directions(question: Question, model: Any, tokenizer: Any, max_length: int) -> tuple[np.ndarray, float] | None:
    """Where texts about each option lie: (options, features) of length 1, and how long features are.

    None where the options of a question mean nothing by themselves.
    """
    if question.kind not in KINDS:
        return None
    said = [describe(option) for option in question.options]
    rows = tokenizer(said, truncation=True, max_length=max_length, padding=False)["input_ids"]
    encodings = [Encoding(example=index, input_ids=ids) for index, ids in enumerate(rows)]
    found = np.stack(encoders.features(model, encodings, pad_token(tokenizer))).astype(np.float64)
    norms = np.maximum(np.linalg.norm(found, axis=1), 1e-12)
    return found / norms[:, None], float(norms.mean())
