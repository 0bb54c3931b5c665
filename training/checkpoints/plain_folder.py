"""A plain transformers folder, such as `labelwheel export` writes: what its question is can be read off its config."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from labelwheel.training.checkpoints import layered_head
from labelwheel.training.checkpoints.checkpoint import MANIFEST, REPORT, Manifest
from labelwheel.training.errors import InvalidCheckpoint
from labelwheel.training.kinds import kinds
from labelwheel.training.questions import Question


def is_plain(folder: Path) -> bool:
    """Whether a folder holds a model and no manifest of ours."""
    return (folder / "config.json").is_file() and not (folder / MANIFEST).exists()


def manifest(folder: Path, field: str = "text", question: Question | None = None) -> Manifest:
    """What can be known of a model without its manifest; what it was asked is read off it unless that is known.

    Raises InvalidCheckpoint.

    Its scores are calibrated, and its spans drawn as people draw them, where a report of ours lies beside it.
    """
    try:
        config = json.loads((folder / "config.json").read_bytes())
        words = json.loads((folder / "tokenizer_config.json").read_bytes())
        question = question or _question(config, field)
        longest = min(config.get("max_position_embeddings") or 512, int(words.get("model_max_length") or 512), 8192)
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise InvalidCheckpoint(
            f"{folder} is no classifier that transformers saved ({error}); export it anew"
        ) from error
    return Manifest(
        version=folder.resolve().name, question=question, base_model=str(folder), encoder_digest="", recipe="foreign",
        max_length=longest, label_set="", label_count=0, seed=0, calibration=_calibration(folder),
        head=layered_head.FILE if (folder / layered_head.FILE).is_file() else None,
    )  # fmt: skip


def _calibration(folder: Path) -> dict[str, float]:
    try:
        known = json.loads((folder / REPORT).read_bytes())["calibration"]["parameters"]
        return {str(name): float(value) for name, value in known.items() if math.isfinite(value)}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}  # another program's model, which is served as it is


def _question(config: dict[str, Any], field: str) -> Question:
    found = next(filter(None, (kind.from_config(config, field) for kind in kinds())), None)
    if found is None:
        raise ValueError(f"{config['architectures']} with the problem {config.get('problem_type')} does not classify")
    return found
