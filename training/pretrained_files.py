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
_TOKENIZERS = ("tokenizer.json", "tokenizer.model", "spiece.model", "spm.model", "vocab.json", "vocab.txt")
_UNHASHED = ("generation_config.json",)  # nothing of it is used but the token that an answer begins with


def located(name: str) -> Path:
    """The folder with a model's files: of a hub name in the hub's cache, where what is missing is fetched first.

    Raises OSError where it has no weights, or cannot be fetched.
    """
    if Path(name).is_dir():
        return Path(name)
    # what is whole here is taken as it is: without a network, each question to the hub takes half a minute to fail
    return _snapshot(name, here=True) or _fetched(name)


def _fetched(name: str) -> Path:
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError, OfflineModeIsEnabled

    try:
        found = _snapshot(name, here=False)
    except (LocalEntryNotFoundError, OfflineModeIsEnabled) as error:
        raise OSError("it is no folder, not whole in the hub's cache here, and no hub can be asked for it") from error
    except HFValidationError as error:
        raise OSError("it is neither a folder nor the name of a model on a hub") from error
    if found is None:
        raise OSError(f"{name} has no {_WEIGHTS}, or no config.json or tokenizer")
    return found


def _snapshot(name: str, here: bool) -> Path | None:
    """Where all of its files are, fetched unless they have to be `here`; None where some that it needs are missing."""
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, HFValidationError, LocalEntryNotFoundError

    def found(file: str) -> Path | None:
        try:
            return Path(hf_hub_download(name, file, local_files_only=here))
        except (EntryNotFoundError, HFValidationError) as error:
            if here or not isinstance(error, (LocalEntryNotFoundError, HFValidationError)):
                return None
            raise

    first = found(_INDEX) or found(_WEIGHTS)
    if first is None:
        return None
    there = {file for file in (*_weights(first.parent), *_OTHERS, *_UNHASHED) if found(file) is not None}
    whole = {*_weights(first.parent), "config.json"} <= there and any(file in there for file in _TOKENIZERS)
    return first.parent if whole else None


def size(name: str) -> int:
    """How many bytes its weights have on disk; raises InvalidJob where it is not there."""
    try:
        folder = located(name)
        return sum((folder / each).stat().st_size for each in _weights(folder))
    except (OSError, ValueError, KeyError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise InvalidJob(f"{name} cannot be loaded: {reason}") from error


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
    parts = sorted(set(json.loads((folder / _INDEX).read_text("utf-8"))["weight_map"].values()))
    if any(Path(part).name != part for part in parts):
        raise ValueError(f"{_INDEX} names files outside of the model's folder")
    return [_INDEX, *parts]
