"""Answers that come from elsewhere than a checkpoint's encoder: a process of its own, an endpoint, a pretrained model.

What lies in the checkpoint beside them answers where they do not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from labelwheel.training.entries import Entry
from labelwheel.training.errors import InvalidCheckpoint
from labelwheel.training.foreign import model as foreign_models
from labelwheel.training.foreign.answers import ForeignAnswers
from labelwheel.training.foreign.entry import ForeignEntry
from labelwheel.training.language.answers import LanguageAnswers
from labelwheel.training.language.entry import LanguageEntry
from labelwheel.training.language.prompt import unpacked
from labelwheel.training.questions import Example, Prediction, Question
from labelwheel.training.text_models import answers as text_answers
from labelwheel.training.text_models.entry import TextModelEntry
from labelwheel.training.zero_shot import answers as zero_shot_answers
from labelwheel.training.zero_shot.entry import ZeroShotEntry


class Written(NamedTuple):
    """What has learnt elsewhere, until it lies in a checkpoint: its file, and what the manifest says of it."""

    content: bytes
    entry: Entry


class Elsewhere(Protocol):
    """What answers. Any thread may ask."""

    problem: str | None
    """Why it does not answer at the moment; None while it does."""

    def check(self, examples: Sequence[Example]) -> None:
        """Raises InvalidCheckpoint where it cannot be served."""

    def predict(self, question: Question, examples: Sequence[Example]) -> list[Prediction | None]:
        """For each example, in order, its answer as far as it fits the question; None where none was to be had."""

    def close(self) -> None:
        """Ends what it has started."""


class Served(Protocol):
    """The manifest of what is served."""

    @property
    def foreign(self) -> Entry | None: ...
    @property
    def settings(self) -> Mapping[str, Any]: ...


def saves(champion: Served | None, challenger: Written | None) -> str | None:
    """What a champion costs for each suggestion where its challenger costs nothing, in words."""
    there = champion.foreign if champion else None
    if champion is None or not isinstance(there, LanguageEntry):
        return None
    if challenger is not None and isinstance(challenger.entry, LanguageEntry):
        return None
    each, times = champion.settings.get("money_per_request"), champion.settings.get("requests_per_suggestion", 1)
    price = "" if each is None else f", {1000 * each * times:.3g} for a thousand"
    asked = "one request" if times == 1 else f"{times} requests"
    return f"{asked} to {there.model} for each suggestion{price}"


def answers(
    entry: Entry, version: str, question: Question, folder: Path, tries: int = 0, device: str = "cpu"
) -> Elsewhere:
    """What a checkpoint in `folder` names, on a `device` if it computes here; `tries` is as `ForeignAnswers` has it.

    Raises InvalidCheckpoint, OutOfMemory.
    """
    content = folder / entry.content
    if isinstance(entry, ForeignEntry):
        model = foreign_models.of(entry, version)
        return ForeignAnswers(model, question, content, entry.unscored, tries=tries)
    if isinstance(entry, TextModelEntry):
        return text_answers.load(entry, version, folder, device)
    if isinstance(entry, ZeroShotEntry):
        return zero_shot_answers.load(entry, version, question, folder, device)
    try:
        shown = unpacked(content.read_bytes())
    except (OSError, ValueError) as error:
        raise InvalidCheckpoint(f"{content} cannot be read ({error}); roll back or train anew") from error
    return LanguageAnswers(entry, question, shown)
