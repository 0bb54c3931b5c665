"""A head for spans: a CRF on words, beside the encoder's states of them what they look like and what was marked before.

It reads no token tags of the champion, so that it also answers where there is none: without features it goes by the
words alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from labelwheel.training.heads.chain import log_marginals
from labelwheel.training.heads.chain_fit import Weights
from labelwheel.training.heads.files import pack
from labelwheel.training.heads.gazetteer import Gazetteer
from labelwheel.training.heads.projection import Projection, width_with_neighbours, with_neighbours
from labelwheel.training.heads.span_answers import OUTSIDE, Manner, answered
from labelwheel.training.heads.word_texts import WordTexts, matrix
from labelwheel.training.kinds.base import Encoding
from labelwheel.training.kinds.sureness import Sureness
from labelwheel.training.questions import Example, Prediction, Question

_TENSORS = ("attributes", "numbers", "moves", "centre", "components")


@dataclass(frozen=True, slots=True)
class SpanHead:
    """See `FastHead`. `rows` says which attribute is which row of the weights."""

    name = "spans"

    tags: tuple[str, ...]
    rows: Mapping[str, int]
    weights: Weights
    projection: Projection
    gazetteer: Gazetteer
    manner: Manner

    def values(self, features: Sequence[np.ndarray], champion: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The layers of each token in few numbers; what the champion's head reads and says is left out."""
        width = len(self.projection.centre)
        return [self.projection(rows[:, rows.shape[1] - width :]) for rows in features]

    def decode(
        self,
        question: Question,
        examples: Sequence[Example],
        encodings: Sequence[Encoding],
        values: Sequence[np.ndarray],
    ) -> list[Prediction]:
        """One prediction per example, in order; labels that the question no longer has are never predicted."""
        texts = WordTexts.of(question, examples)
        return answered(question, examples, texts, self.logs(texts, encodings, values), self.tags, self.manner)

    def logs(self, texts: WordTexts, encodings: Sequence[Encoding], values: Sequence[np.ndarray]) -> np.ndarray:
        """The log probability of each tag for each word, (words of all texts, tags), as sure as the chain is."""
        said = texts.pooled(encodings, values, self.projection.components.shape[1])
        before = (self.gazetteer.attributes(words) for words in texts.folded)
        known = [
            [*word, *more] for text, add in zip(texts.attributes(), before, strict=True)
            for word, more in zip(text, add, strict=True)
        ]  # fmt: skip
        scores = self.weights.scores(matrix(self.rows, known), with_neighbours(said, texts.lengths))
        return log_marginals(texts.lengths, scores, self.weights.moves)

    def dump(self) -> bytes:
        """As safetensors; names, what was marked before and habits are JSON in its metadata."""
        tensors = [*self.weights, self.projection.centre, self.projection.components]
        words = {
            "tags": self.tags,
            "rows": list(self.rows),
            "before": [[*words, label] for words, label in self.gazetteer.known.items()],
            "manner": self.manner._asdict(),
        }
        kept = {name: np.asarray(each, dtype=np.float32) for name, each in zip(_TENSORS, tensors, strict=True)}
        return pack(self.name, kept, words)

    @classmethod
    def read(cls, tensors: Mapping[str, np.ndarray], about: Mapping[str, Any]) -> SpanHead:
        """What `dump` wrote; strange things raise what they lead to."""
        head = cls(
            tags=tuple(map(str, about["tags"])),
            rows={str(name): row for row, name in enumerate(about["rows"])},
            weights=Weights(*(tensors[name].astype(np.float64) for name in _TENSORS[:3])),
            projection=Projection(tensors["centre"], tensors["components"]),
            gazetteer=Gazetteer({tuple(entry[:-1]): entry[-1] for entry in about["before"]}),
            manner=_manner(about["manner"]),
        )
        _check(head)
        return head


def _manner(about: Mapping[str, Any]) -> Manner:
    """Heads of earlier releases know no sureness."""
    return Manner(**{**about, "sureness": Sureness(*map(float, about.get("sureness") or Sureness()))})


def _check(head: SpanHead) -> None:
    tags, (width, kept) = len(head.tags), head.projection.components.shape
    shapes = [each.shape for each in (*head.weights, head.projection.centre)]
    wanted = [(len(head.rows), tags), (width_with_neighbours(kept), tags), (tags, tags), (width,)]
    if shapes != wanted or head.tags[0] != OUTSIDE or not all(tag[1:2] == "-" for tag in head.tags[1:]):
        raise ValueError(f"its parts do not fit each other: {shapes} instead of {wanted}")
