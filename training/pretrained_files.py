"""The files of a pretrained model that checkpoints stand on and do not hold: where they are, and what they are."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from labelwheel.training.errors import InvalidJob

_WEIGHTS, _INDEX = "model.safetensors", "model.safetensors.index.json"
_OTHERS = (
    "config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
    "tokenizer.model", "spiece.model", "spm.model", "vocab.json", "vocab.txt", "merges.txt",
)  # fmt: skip


def located(name: str) -> Path:
    """The folder with a model's files, of a hub name in the hub's cache; raises OSError where it has no weights."""
    if Path(name).is_dir():
        return Path(name)
    from transformers.utils import cached_file

    for each in (_INDEX, _WEIGHTS):
        found = cached_file(name, each, _raise_exceptions_for_missing_entries=False)
        if found is not None:
            for other in _OTHERS:  # so that all of them are there, whatever was fetched before
                cached_file(name, other, _raise_exceptions_for_missing_entries=False)
            return Path(found).parent
    raise OSError(f"{name} has no {_WEIGHTS}")


def size(name: str) -> int:
    """How many bytes its weights have on disk; raises InvalidJob where it is not there."""
    try:
        folder = located(name)
        return sum((folder / each).stat().st_size for each in _weights(folder))
    except (OSError, ValueError, KeyError) as error:
        raise InvalidJob(f"{name} cannot be loaded: {error}") from error


def hashed(folder: Path) -> str:
    """Names what is in a folder: a hash of all files that say how the model answers. Raises OSError."""
    found = hashlib.sha256()
    for name in (*_weights(folder), *(name for name in _OTHERS if (folder / name).exists())):
        found.update(f"{name}\n".encode())
        with (folder / name).open("rb") as file:
            found.update(hashlib.file_digest(file, "sha256").digest())
    return found.hexdigest()


def same(name: str, found: str, digest: str | None) -> None:
    """Raises InvalidJob where a model is not the one that it was."""
    if digest is not None and found != digest:
        raise InvalidJob(f"{name} is not what it was: the hash of its files is {found}, and was {digest}")


def _weights(folder: Path) -> list[str]:
    if not (folder / _INDEX).exists():
        return [_WEIGHTS]
    return [_INDEX, *sorted(set(json.loads((folder / _INDEX).read_text("utf-8"))["weight_map"].values()))]
