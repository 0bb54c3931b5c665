"""A language model before the first label: told what the question is, what its options are called, and no example.

The label names alone lie beside it and answer where it does not; as soon as there are labels, it is shown some
(`in_context`).
"""

from __future__ import annotations

from typing import Any

from labelwheel.training.elsewhere import Written
from labelwheel.training.language import endpoint
from labelwheel.training.language.entry import LanguageEntry
from labelwheel.training.language.prompt import packed
from labelwheel.training.strategies.base import Cost, Finished
from labelwheel.training.strategies.label_names import LabelNames

UNMEASURED = 0.5
"""How sure an answer is where the endpoint does not say it: nobody has measured any."""


class NamesInContext(LabelNames):
    """Its probabilities are taken as they come, since no label could tell how true they are."""

    name = "language model, told the label names"
    cost = Cost.MONEY
    asked = True

    def applies(self) -> bool:
        """Where an endpoint is named, the options mean something, and nobody has labelled anything."""
        return endpoint.named() is not None and not len(self.given.problem) and super().applies()

    def finish(self) -> Finished:
        """No labelled text, and the label names beside it."""
        found, model = super().finish(), endpoint.named()
        assert model is not None
        self.given.notes.append(
            f"Answers come from the language model {model.model} at {model.place}, which is told the question, its "
            "instructions and its options, and is sent each text; where it does not answer, the label names do."
        )
        settings: dict[str, Any] = {**found.settings, "language_model": model.model, "language_place": model.place}
        entry = LanguageEntry(
            model=model.model, project=model.project, unscored=UNMEASURED, samples=model.samples, slope=1.0
        )
        return found._replace(settings=settings, foreign=Written(packed([]), entry))
