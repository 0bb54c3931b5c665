"""What a folder of a model must not hold: a file that could execute code, or that names some, or a link."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from labelwheel.training.errors import InvalidCheckpoint

_UNSAFE = {".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib", ".npy", ".npz", ".h5", ".msgpack", ".py"}
_CODE_KEYS = ("auto_map", "custom_pipelines")


def check(folder: Path, names: Iterable[str]) -> None:
    """`names` are those of all files, relative to the folder. Raises InvalidCheckpoint at the first that is not."""
    for name in sorted(names):
        path = folder / name
        if path.is_symlink():
            raise InvalidCheckpoint(f"{path} is a link; a checkpoint holds its own files only, copy it there")
        if path.suffix.lower() in _UNSAFE:
            raise InvalidCheckpoint(f"{path} could execute code when it is loaded; only safetensors and JSON are read")
        if path.suffix == ".json" and "config" in path.name:
            try:
                config = json.loads(path.read_bytes())
            except ValueError as error:
                raise InvalidCheckpoint(f"{path} is no JSON ({error}); roll back or train anew") from error
            for key in _CODE_KEYS:
                if isinstance(config, dict) and config.get(key):
                    raise InvalidCheckpoint(f"{path} names code of its own ({key}); use a model of transformers itself")
