"""Texts that are alike as candidates for weak slices, and the words that tell them from the others."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

SIZES = (4, 8, 16, 32)
"""Into how many clusters texts are divided: a weak part of a tenth and one of a thirtieth are both met by one."""

WORDS = 6
_LEAST_LIFT = 1.5
_WIDTH = 64


def places(features: np.ndarray, most: int, seed: int) -> list[np.ndarray]:
    """The places of each cluster's texts, by k-means of several sizes, at most `most` clusters at once.

    `features` (texts, width) are compared by their direction. Clusters are found from texts alone, so that what is
    measured on them afterwards was not what they were chosen by.
    """
    from sklearn.cluster import KMeans  # slow to load, and only an inspection needs it

    if not len(features):
        return []
    rows = features - features.mean(0)
    rows = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    found: list[np.ndarray] = []
    for size in SIZES:
        if size > min(most, len(np.unique(rows, axis=0)) - 1):
            break
        labels = KMeans(size, n_init=2, random_state=seed).fit_predict(rows)
        found += [np.flatnonzero(labels == number) for number in range(size)]
    return found


class Vocabulary:
    """The words of some texts: how they are written, and which are typical of a part of them against the others."""

    def __init__(self, texts: Sequence[str]) -> None:
        from sklearn.feature_extraction.text import TfidfVectorizer

        self._names: np.ndarray = np.array([])
        try:
            vectorizer = TfidfVectorizer(min_df=2, sublinear_tf=True)
            self._rows = vectorizer.fit_transform(texts)
            self._names = vectorizer.get_feature_names_out()
        except ValueError:  # no word stands in two texts
            return

    def features(self, seed: int) -> np.ndarray:
        """What tells how texts are written, (texts, width): the main directions of their tf-idf."""
        from sklearn.decomposition import TruncatedSVD

        if len(self._names) < 2:
            return np.zeros((0, 1))
        width = min(_WIDTH, len(self._names) - 1)
        return np.asarray(TruncatedSVD(width, random_state=seed).fit_transform(self._rows))

    def typical(self, members: np.ndarray) -> list[str]:
        """The words whose mean tf-idf in the members, (texts,) of bool, is most above that in the others."""
        if not len(self._names) or members.all() or not members.any():
            return []
        inside = np.asarray(self._rows[members].mean(0)).ravel()
        outside = np.asarray(self._rows[~members].mean(0)).ravel()
        order = np.argsort(outside - inside, kind="stable")[:WORDS]
        return [str(self._names[place]) for place in order if inside[place] > _LEAST_LIFT * outside[place]]
