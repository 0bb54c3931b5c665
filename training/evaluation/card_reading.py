"""What a written model card says in plain words, for whoever does not read Markdown."""

from __future__ import annotations

import re
from typing import NamedTuple

from labelwheel.training.evaluation import base_card

USE, LIMITS = "What it is for", "Limits"


class Card(NamedTuple):
    """The base model by its public name, its licence, and the sentences of two sections; empty where it has none."""

    base_model: str = ""
    licence: str = ""
    use: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()


def read(text: str) -> Card:
    """A card as `model_card.write` makes it."""
    fields = base_card.fields(text)
    return Card(
        str(fields.get("base_model") or ""), str(fields.get("license") or ""), _of(text, USE), _of(text, LIMITS)
    )


def _of(text: str, title: str) -> tuple[str, ...]:
    """Paragraphs of a section, or the lines of its list."""
    found = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    lines = found[1].splitlines() if found else []
    return tuple(_plain(line.removeprefix("- ")) for line in lines if line.strip())


def _plain(line: str) -> str:
    """Without code marks, and with what `markdown.cell` escapes as it was."""
    return re.sub(r"\\([\\|])", r"\1", line.replace("`", "")).replace("&lt;", "<").strip()
