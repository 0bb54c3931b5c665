"""What the base model's own card says of it: its licence, and the languages that it was made for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from labelwheel.training import encoders
from labelwheel.training.questions import Frozen

UNKNOWN = "unknown"
"""A licence that nobody has named; also the word of the Hugging Face hub for it."""

EMBEDDED = "sentence-transformers/all-MiniLM-L6-v2"
"""Where the embedded model is from."""

_CARD = "README.md"


class BaseCard(Frozen):
    """`name` as a hub knows it: of a folder its last part, as its path says something about a machine."""

    name: str
    license: str = UNKNOWN
    languages: tuple[str, ...] = ()


def read(base_model: str | None) -> BaseCard:
    """By a hub name or a folder, the embedded model's where it is None; what is not there is unknown."""
    name = EMBEDDED if base_model is None else base_model
    if base_model is not None and Path(base_model).is_dir():
        name = Path(base_model).resolve().name
    text = _text(encoders.locate(base_model))
    found = fields(text) if text else {}
    named, languages = found.get("license"), found.get("language")
    return BaseCard(
        name=name,
        license=named if isinstance(named, str) and named else UNKNOWN,
        languages=tuple(map(str, languages if isinstance(languages, list) else [languages] if languages else [])),
    )


def _text(place: str) -> str | None:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        path = Path(place) / _CARD if Path(place).is_dir() else Path(hf_hub_download(place, _CARD))
        return path.read_text("utf-8", errors="replace")
    except (OSError, HfHubHTTPError, HFValidationError, LocalEntryNotFoundError):
        return None


def fields(text: str) -> dict[str, Any]:
    """What stands in front of a card, in YAML; empty where it cannot be read."""
    from huggingface_hub import ModelCard

    try:
        return dict(ModelCard(text, ignore_metadata_errors=True).data.to_dict())
    except Exception:  # what others wrote there may be anything, and costs us the licence alone
        return {}
