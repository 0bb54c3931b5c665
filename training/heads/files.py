"""A head as bytes: safetensors, with what is no tensor as JSON in its metadata. Never pickle."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from labelwheel.training.errors import InvalidCheckpoint
from labelwheel.training.heads.base import FastHead

_ABOUT = "labelwheel"
_ANEW, _BACK = "the next label makes a new one", "roll back or train anew"


def pack(name: str, tensors: Mapping[str, np.ndarray], about: Mapping[str, Any]) -> bytes:
    """The bytes; `name` says what reads them again."""
    from safetensors.numpy import save

    kept = {key: np.ascontiguousarray(value) for key, value in tensors.items()}
    return save(kept, {_ABOUT: json.dumps({"head": name, **about})})


def unpack(content: bytes, then: str = _ANEW) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Tensors by name, and what was said about them. Raises InvalidCheckpoint; `then` is what to do about it."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
        about = json.loads(header["__metadata__"][_ABOUT])
        return load(content), dict(about)
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise InvalidCheckpoint(f"a fast head cannot be read ({error}); {then}") from error


def read(path: str | Path) -> FastHead:
    """The head that lies in a checkpoint. Raises InvalidCheckpoint."""
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise InvalidCheckpoint(f"{path} cannot be read ({error.strerror}); {_BACK}") from error
    try:
        return load(content, _BACK)
    except InvalidCheckpoint as error:
        raise InvalidCheckpoint(f"{path}: {error}") from error


def readers() -> dict[str, Callable[[dict[str, np.ndarray], dict[str, Any]], FastHead]]:
    """What reads a head again, by its name."""
    from labelwheel.training.heads.linear import LinearHead
    from labelwheel.training.heads.nearest import NearestHead
    from labelwheel.training.heads.span_head import SpanHead

    return {head.name: head.read for head in (LinearHead, SpanHead, NearestHead)}


def load(content: bytes, then: str = _ANEW) -> FastHead:
    """The head. Raises InvalidCheckpoint where it is none, or of a name that is not known here."""
    tensors, about = unpack(content, then)
    reader = readers().get(str(about.get("head")))
    if reader is None:
        raise InvalidCheckpoint(f"there is no fast head {about.get('head')!r}; {then}")
    try:
        return reader(tensors, about)
    except (LookupError, ValueError, TypeError, AttributeError) as error:
        raise InvalidCheckpoint(f"a fast head lacks something ({error}); {then}") from error
