"""Regression on the frozen encoder: takes seconds, and starts from what the label names say."""

from __future__ import annotations

import copy
import time
from collections.abc import Sequence
from functools import partial

import numpy as np

from labelwheel.training import encoders
from labelwheel.training.kinds.base import Encoding
from labelwheel.training.model import pad_token
from labelwheel.training.strategies.base import Cost, Finished, Strategy
from labelwheel.training.strategies.lessons import Lesson
from labelwheel.training.strategies.outcome import Outcome
from labelwheel.training.strategies.regression import Head
from labelwheel.training.strategies.shrinkage import is_few


class FrozenRegression(Strategy):
    """The head is a regression on the base model's features; the encoder stays as it is."""

    name = "regression on the frozen encoder"
    recipe = "frozen"
    cost = Cost.SECONDS

    def applies(self) -> bool:
        """Always: one label is enough."""
        return True

    def measure(self) -> Outcome:
        """On each part of the layout; the strength is searched for anew inside of each where labels are few."""
        begin = time.monotonic()
        given, frozen, layout = self.given, self.given.frozen, self.given.layout
        seconds, setting, parts = given.search_seconds, given.setting, layout.parts()
        logits: dict[int, np.ndarray] = {}
        asked = encoders.features(given.base, given.asked, pad_token(given.tokenizer)) if given.asked else []
        lessons: list[Lesson] = []
        for number, (learn, measure) in enumerate(parts):
            # the setting is found anew without what is measured, or the regression would look better than it is
            inner = frozen.search(learn, layout.inner(learn), seconds) if layout.nests else setting
            head = frozen.fit(learn, inner)
            logits |= frozen.logits(head, measure)
            lessons += given.lessons(learn, measure, partial(_said, head, [row / frozen.unit for row in asked]))
            given.progress.update((number + 1) / len(parts))
        detail = f"penalty {setting.penalty:.2g}, names' share {setting.share:.2g}, {len(parts)} validation part(s)"
        if is_few(given.problem, range(len(given.problem))):
            detail += ", by a fixed rule: labels are too few to search for better"
        if not setting.named:
            given.notes.append("the label names are left out: they answer worse than the commonest label alone would")
        seconds = time.monotonic() - begin
        return Outcome(self.name, given.problem, layout.measured(), logits, seconds, detail, lessons=lessons)

    def finish(self) -> Finished:
        """Written into the base model's head."""
        given, setting = self.given, self.given.setting
        module = copy.deepcopy(given.base)
        head = given.frozen.written(given.frozen.fit(range(len(given.problem)), setting))
        encoders.write_head(module, head.weight, head.bias)
        settings = {"names_share": setting.share, "penalty": setting.penalty, "balance": setting.balance}
        return Finished(module, settings)


def _said(head: Head, features: Sequence[np.ndarray], _: Sequence[Encoding]) -> list[np.ndarray]:
    """Of texts whose features are there: the encoder is the same in all parts."""
    return [head(row) for row in features]
