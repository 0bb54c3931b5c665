"""A fast head as bytes: safetensors, with what is no tensor as JSON in its metadata. Never pickle."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from labelwheel.training.errors import InvalidCheckpoint
from labelwheel.training.heads.base import FastHead

_ABOUT = "labelwheel"


def pack(name: str, tensors: Mapping[str, np.ndarray], about: Mapping[str, Any]) -> bytes:
    """The bytes; `name` says what reads them again."""
    from safetensors.numpy import save

    kept = {key: np.ascontiguousarray(value) for key, value in tensors.items()}
    return save(kept, {_ABOUT: json.dumps({"head": name, **about})})


def unpack(content: bytes) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Tensors by name, and what was said about them. Raises InvalidCheckpoint."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
        about = json.loads(header["__metadata__"][_ABOUT])
        return load(content), dict(about)
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise InvalidCheckpoint(f"a fast head cannot be read ({error}); the next label makes a new one") from error


def load(content: bytes) -> FastHead:
    """The head. Raises InvalidCheckpoint where it is none, or of a name that is not known here."""
    from labelwheel.training.heads.linear import LinearHead
    from labelwheel.training.heads.span_head import SpanHead

    readers: dict[str, Callable[[dict[str, np.ndarray], dict[str, Any]], FastHead]] = {
        LinearHead.name: LinearHead.read,
        SpanHead.name: SpanHead.read,
    }
    tensors, about = unpack(content)
    reader = readers.get(str(about.get("head")))
    if reader is None:
        raise InvalidCheckpoint(f"there is no fast head {about.get('head')!r}; the next label makes a new one")
    try:
        return reader(tensors, about)
    except (LookupError, ValueError, TypeError, AttributeError) as error:
        raise InvalidCheckpoint(f"a fast head lacks something ({error}); the next label makes a new one") from error
