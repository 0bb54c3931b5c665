"""A plain transformers folder, such as `labelwheel export` writes: what its question is can be read off its config."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from labelwheel.training.checkpoints.checkpoint import MANIFEST, REPORT, Manifest
from labelwheel.training.errors import InvalidCheckpoint
from labelwheel.training.questions import Kind, Option, Question

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
    """What can be known of a model without its manifest. Raises InvalidCheckpoint.

    Its scores are calibrated, and its spans drawn as people draw them, where a report of ours lies beside it.
    """
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
        max_length=longest, label_set="", label_count=0, seed=0, calibration=_calibration(folder),
    )  # fmt: skip


def _calibration(folder: Path) -> dict[str, float]:
    try:
        known = json.loads((folder / REPORT).read_bytes())["calibration"]["parameters"]
        return {str(name): float(value) for name, value in known.items() if math.isfinite(value)}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}  # another program's model, which is served as it is


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
