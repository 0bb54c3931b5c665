"""The usual measures of texts against texts that people wrote, each by the library that its field knows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import regex  # type: ignore[import-untyped]
from rapidfuzz.distance import Levenshtein

_WORD = regex.compile(r"\w+")


def summary(golds: Sequence[str], said: Sequence[str]) -> dict[str, float]:
    """All in [0, 1]; `said` is empty where nothing was answered, which the edit distance leaves out."""
    from rouge_score.rouge_scorer import RougeScorer  # type: ignore[import-untyped]  # slow, and only reports need it
    from sacrebleu.metrics.chrf import CHRF

    pairs = list(zip(golds, said, strict=True))
    rouge = RougeScorer(["rougeL"], tokenizer=_Words())
    found = {
        "exact_match": float(np.mean([gold == one for gold, one in pairs])),
        "chrf": CHRF().corpus_score(list(said), [list(golds)]).score / 100.0,
        "rouge_l": float(np.mean([rouge.score(gold, one)["rougeL"].fmeasure for gold, one in pairs])),
    }
    changed = [Levenshtein.normalized_distance(gold, one) for gold, one in pairs if one]
    return found | ({"edit_distance": float(np.mean(changed))} if changed else {})


class _Words:
    """The library's own rule drops every letter that English has not."""

    def tokenize(self, text: str) -> list[str]:
        return [word.casefold() for word in _WORD.findall(text)]
