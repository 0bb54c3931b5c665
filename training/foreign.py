"""A plain transformers folder, such as `labelwheel export` writes: what its question is can be read off its config."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from training.checkpoint import MANIFEST, Manifest
from training.errors import InvalidCheckpoint
from training.questions import Kind, Option, Question

_KINDS = {
    "single_label_classification": Kind.CHOICE,
    "multi_label_classification": Kind.CHOICES,
    "regression": Kind.NUMBER,
    None: Kind.CHOICE,
}


def is_plain(folder: Path) -> bool:
    """Whether a folder holds a model and no manifest of ours."""
    return (folder / "config.json").is_file() and not (folder / MANIFEST).exists()


def manifest(folder: Path, field: str = "text") -> Manifest:
    """What can be known of a model without its manifest; its scores are not calibrated. Raises InvalidCheckpoint."""
    try:
        config = json.loads((folder / "config.json").read_bytes())
        words = json.loads((folder / "tokenizer_config.json").read_bytes())
        question = _question(config, field)
        longest = min(config.get("max_position_embeddings") or 512, int(words.get("model_max_length") or 512), 8192)
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise InvalidCheckpoint(
            f"{folder} is no classifier that transformers saved ({error}); export it anew"
        ) from error
    return Manifest(
        version=folder.resolve().name, question=question, base_model=str(folder), encoder_digest="", recipe="foreign",
        max_length=longest, label_set="", label_count=0, seed=0,
    )  # fmt: skip


def _question(config: dict[str, Any], field: str) -> Question:
    [architecture] = config["architectures"]
    labels = [config["id2label"][str(place)] for place in range(len(config["id2label"]))]
    if architecture.endswith("ForTokenClassification"):
        kind, labels = Kind.SPANS, list(dict.fromkeys(label[2:] for label in labels if label[:2] in ("B-", "I-")))
    elif architecture.endswith("ForSequenceClassification"):
        kind = _KINDS[config.get("problem_type")]
    else:
        raise ValueError(f"{architecture} does not classify")
    options = () if kind is Kind.NUMBER else tuple(Option(value=label) for label in labels)
    return Question(name=labels[0] if kind is Kind.NUMBER else "label", kind=kind, inputs=(field,), options=options)
