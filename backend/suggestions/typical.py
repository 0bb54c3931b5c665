"""What resembles the most of the others first, each next one what is least like those before: for a cold start.

A model that has seen nothing is unsure of everything and does not know of what most. A few texts that stand for many
teach it what there is. Texts are alike that have words in common, the rarer the words the more; texts that are labelled
already stand for their like.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from labelwheel.backend.ledger.lots import lot
from labelwheel.backend.suggestions.so_far import NOTHING, SoFar
from labelwheel.backend.suggestions.uncertainty import WORD, Best, Considered, considered
from labelwheel.plugins.capabilities import Candidate

COMPARED = 1500
"""So many texts by chance stand for all, whatever their number."""

TIE = 0.001
"""Of two that are as typical, the one comes first that the model is less sure of."""


def sample() -> Best:
    """The candidates that are compared with each other."""
    return Best(COMPARED, lambda candidate: -lot(candidate.key))


def spread(left: Sequence[Considered], most: int, texts: Sequence[str] = ()) -> list[Considered]:
    """At most so many of these, the first first; `texts` are labelled already."""
    if not left:
        return []
    likeness = _likeness([each.words for each in left], [frozenset(WORD.findall(text.lower())) for text in texts])
    own, known = likeness[:, : len(left)], likeness[:, len(left) :]
    covered = known.max(axis=1) if texts else np.zeros(len(left), dtype=np.float32)
    unsure = TIE * np.array([each.unsure for each in left], dtype=np.float32)
    taken = np.zeros(len(left), dtype=bool)
    chosen: list[Considered] = []
    for _ in range(min(most, len(left))):
        # how much nearer all texts come to one of the chosen
        gain = np.where(taken, -1.0, np.maximum(own - covered[:, None], 0.0).sum(axis=0) + unsure)
        best = int(gain.argmax())
        taken[best] = True
        chosen.append(left[best])
        covered = np.maximum(covered, own[:, best])
    return chosen


def _likeness(words: Sequence[frozenset[str]], others: Sequence[frozenset[str]]) -> np.ndarray:
    """The cosine of each text with all of them, these and the others, each word the weightier the rarer it is."""
    import scipy.sparse as sparse  # only who starts cold needs it

    every = [*words, *others]
    common = Counter(word for each in every for word in each)
    columns = {word: number for number, word in enumerate(common)}
    rows = np.repeat(np.arange(len(every)), [len(each) for each in every])
    places = np.array([columns[word] for each in every for word in each], dtype=np.int64)
    weights = np.log1p(len(every) / np.array([*common.values(), 1]))[places].astype(np.float32)
    vectors = sparse.csr_matrix((weights, (rows, places)), shape=(len(every), len(columns) or 1))
    lengths = np.sqrt(np.asarray(vectors.multiply(vectors).sum(axis=1)).ravel())
    vectors = sparse.diags(1.0 / np.maximum(lengths, 1e-9)) @ vectors
    return np.asarray((vectors[: len(words)] @ vectors.T).todense(), dtype=np.float32)


def order(candidates: Iterable[Candidate], most: int, so_far: SoFar = NOTHING) -> list[Considered]:
    """At most so many."""
    found = sample()
    for candidate in candidates:
        found.see(considered(candidate))
    return spread(found.ordered(), most, so_far.texts)
